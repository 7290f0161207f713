"""Paging through 100,000 rows of a real node, in every way there is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from cql_driver.cluster import Session
from cql_driver.concurrent import execute_concurrent_with_args
from cql_driver.errors import QueryExhausted
from cql_driver.query import BatchStatement, BatchType, SimpleStatement
from tests.integration.driver.support import connected, in_flight, keyspace_of, until

ROWS = 100_000
PARTITIONS = 100
PER_PARTITION = ROWS // PARTITIONS
TOTAL = sum(range(ROWS))


@pytest.fixture(scope="module")
def module_session(cassandra: Any) -> Iterator[Session]:
    with connected(cassandra) as session, keyspace_of(session, 1):
        session.execute("CREATE TABLE numbers (p int, c int, v int, PRIMARY KEY (p, c))")
        insert = session.prepare("INSERT INTO numbers (p, c, v) VALUES (?, ?, ?)")
        batches = []
        for first in range(0, ROWS, 100):
            batch = BatchStatement(BatchType.UNLOGGED)
            for v in range(first, first + 100):
                batch.add(insert, (v // PER_PARTITION, v % PER_PARTITION, v))
            batches.append((batch, ()))
        results = session.execute_concurrent(batches, concurrency=20)
        assert all(ok for ok, _ in results)
        yield session


def select(fetch_size: Any, where: str = "") -> SimpleStatement:
    return SimpleStatement(f"SELECT v FROM numbers {where}", fetch_size=fetch_size)


@pytest.mark.parametrize("fetch_size", [1_000, 4_999, 5_000, ROWS, ROWS + 1])
def test_all(session: Session, fetch_size: int) -> None:
    rows = session.execute(select(fetch_size)).all()
    assert len(rows) == ROWS
    assert sum(row.v for row in rows) == TOTAL


def test_without_paging(session: Session) -> None:
    result = session.execute(select(None), timeout=60)
    assert not result.has_more_pages
    assert len(result.current_rows) == ROWS


def test_one_by_one(session: Session) -> None:
    seen = count = 0
    for row in session.execute("SELECT v FROM numbers"):
        seen += row.v
        count += 1
    assert (count, seen) == (ROWS, TOTAL)
    result = session.execute(session.prepare("SELECT v FROM numbers"))
    iterator = iter(result)
    firsts = [next(iterator).v for _ in range(10)]
    assert len(set(firsts)) == 10
    assert sum(1 for _ in iterator) == ROWS - 10
    assert list(result) == []


def test_page_by_page(session: Session) -> None:
    result = session.execute(select(30_000))
    pages = [len(result.current_rows)]
    while result.has_more_pages:
        result.fetch_next_page()
        pages.append(len(result.current_rows))
    assert pages == [30_000, 30_000, 30_000, 10_000]
    assert result.paging_state is None
    result.fetch_next_page()
    assert result.current_rows == []


def test_a_paging_state_goes_on_in_another_session(session: Session, cassandra: Any) -> None:
    first = session.execute(select(1_000))
    state, seen = first.paging_state, sum(row.v for row in first.current_rows)
    assert isinstance(state, bytes)
    with connected(cassandra, session.keyspace) as other:
        while state is not None:
            result = other.execute(select(20_000), paging_state=state)
            seen += sum(row.v for row in result.current_rows)
            state = result.paging_state
    assert seen == TOTAL


def test_prefetching_the_next_page(session: Session) -> None:
    session.prefetch_pages = True
    try:
        rows = [row.v for row in session.execute(select(1_000))]
        assert len(rows) == len(set(rows)) == ROWS
        # One page is on its way while this one is looked at; who looks no further loses nothing.
        result = session.execute(select(1_000))
        assert len(result.current_rows) == 1_000
        until(lambda: in_flight(session) == 0, "the prefetched page comes")
        result.fetch_next_page()
        assert len(result.current_rows) == 1_000
    finally:
        session.prefetch_pages = False


def test_callbacks_get_each_page(session: Session) -> None:
    done = threading.Event()
    pages: list[int] = []
    failures: list[BaseException] = []
    future = session.execute_async(select(7_000))

    def page(rows: Any) -> None:
        pages.append(len(rows))
        if future.has_more_pages:
            future.start_fetching_next_page()
        else:
            done.set()

    def failed(error: BaseException) -> None:
        failures.append(error)
        done.set()

    future.add_callbacks(page, failed)
    assert done.wait(60)
    assert failures == []
    assert pages == [7_000] * 14 + [2_000]
    with pytest.raises(QueryExhausted):
        future.start_fetching_next_page()


def test_pages_of_a_future(session: Session) -> None:
    future = session.execute_async(select(40_000))
    counts = [len(future.result().current_rows)]
    while future.has_more_pages:
        future.start_fetching_next_page()
        counts.append(len(future.result().current_rows))
    assert counts == [40_000, 40_000, 20_000]
    rows = session.execute_async(select(40_000)).result().all()
    assert len(rows) == ROWS


def test_many_results_are_read_at_once(session: Session) -> None:
    prepared = session.prepare("SELECT v FROM numbers WHERE p = ?")
    prepared.fetch_size = 100
    results = execute_concurrent_with_args(session, prepared, [(p,) for p in range(PARTITIONS)])
    total = 0
    for number, (success, result) in enumerate(results):
        assert success
        rows = [row.v for row in result]
        assert rows == list(range(number * PER_PARTITION, (number + 1) * PER_PARTITION))
        total += sum(rows)
    assert total == TOTAL


def test_threads_read_pages_at_once(session: Session) -> None:
    sums: list[int] = []

    def read() -> None:
        sums.append(sum(row.v for row in session.execute(select(3_000))))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == [TOTAL] * 4


def test_pages_that_are_empty(session: Session) -> None:
    # Nothing fits; the server still gives pages, of which all are empty.
    statement = select(2, "WHERE v = -1 ALLOW FILTERING")
    assert session.execute(statement).all() == []
    statement = select(1, f"WHERE v = {ROWS - 1} ALLOW FILTERING")
    assert [row.v for row in session.execute(statement)] == [ROWS - 1]


def test_a_result_as_a_list(session: Session) -> None:
    result = session.execute(select(500, "WHERE p = 7"))
    assert result[0].v == 7 * PER_PARTITION
    with pytest.warns(UserWarning, match="every page"):
        assert result[999].v == 8 * PER_PARTITION - 1
    assert [row.v for row in result[10:12]] == [7_010, 7_011]
    assert len(result.all()) == PER_PARTITION
