"""Scans of tables of real nodes, against what a plain paged read gives."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from cql_driver import ConsistencyLevel, scan
from cql_driver.aio import AsyncCluster
from cql_driver.aio import scan as aio_scan
from cql_driver.cluster import Session
from cql_driver.errors import InvalidArgument
from cql_driver.policies import RetryPolicy
from cql_driver.query import BatchStatement, BatchType, dict_factory, tuple_factory
from cql_driver.scans import ScanWorkerDied, plan
from tests.integration.driver.support import (
    REACTOR,
    connected,
    in_flight,
    keyspace_of,
    new_name,
    until,
)
from tests.on_reactor import PATCHES

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

ROWS = 60_000
PER_PARTITION = 20

spawns = pytest.mark.skipif(
    REACTOR in PATCHES, reason=f"a process that is patched for {REACTOR} starts no others here"
)


def fill(session: Session, rows: int) -> None:
    """Make the table ``readings`` with so many rows."""
    session.execute(
        "CREATE TABLE readings (p int, q text, c int, v bigint, t text, l list<int>, s text static,"
        " PRIMARY KEY ((p, q), c))"
    )
    insert = session.prepare(
        "INSERT INTO readings (p, q, c, v, t, l, s) VALUES (?, ?, ?, ?, ?, ?, ?)"
    )

    def batches() -> Iterator[Any]:
        for first in range(0, rows, PER_PARTITION):
            # At all replicas, so that whichever is read has every row.
            batch = BatchStatement(BatchType.UNLOGGED, consistency_level=ConsistencyLevel.ALL)
            p = first // PER_PARTITION
            for c in range(PER_PARTITION):
                text = None if c % 3 == 0 else f"row {c} of {p}"
                batch.add(insert, (p, f"q{p % 7}", c, first + c, text, [c, p], f"static {p}"))
            yield batch, None

    for _ in session.execute_concurrent(batches(), concurrency=32, results_generator=True):
        pass


@pytest.fixture(scope="module")
def module_session(cassandra: Any) -> Iterator[Session]:
    with connected(cassandra) as session, keyspace_of(session, 1):
        fill(session, ROWS)
        yield session


def counted(rows: Any) -> Counter[str]:
    return Counter(map(repr, rows))


@pytest.fixture(scope="module")
def plain(module_session: Session) -> Counter[str]:
    """All rows, as a plain paged read gives them."""
    found = counted(module_session.execute("SELECT * FROM readings", timeout=60))
    assert found.total() == ROWS
    return found


@pytest.mark.parametrize(
    ("concurrency", "partitions", "page_size"), [(1, 1, 5000), (8, None, 1000), (32, 200, 77)]
)
def test_rows(
    session: Session, plain: Counter[str], concurrency: int, partitions: Any, page_size: int
) -> None:
    found = scan(
        session,
        "readings",
        concurrency=concurrency,
        partitions=partitions,
        page_size=page_size,
    )
    assert counted(found) == plain
    assert found.done == len(found.partitions)


@spawns
def test_two_processes(session: Session, plain: Counter[str]) -> None:
    assert counted(scan(session, "readings", processes=2, page_size=500)) == plain


def sums(rows: list[Any]) -> tuple[int, int]:
    return len(rows), sum(row["v"] for row in rows)


@spawns
def test_a_function_in_two_processes(session: Session) -> None:
    found = list(scan(session, "readings", processes=2, row_factory=dict_factory, function=sums))
    assert sum(count for count, _ in found) == ROWS
    assert sum(total for _, total in found) == sum(range(ROWS))


@spawns
def test_a_worker_that_is_killed(session: Session) -> None:
    given = []

    def read() -> None:
        for row in scan(session, "readings", processes=2, page_size=50):
            given.append(row.v)
            if len(given) == 1000:
                victim = multiprocessing.active_children()[0]
                assert victim.pid is not None
                os.kill(victim.pid, signal.SIGKILL)

    with pytest.raises(ScanWorkerDied, match="exit code -9"):
        read()
    assert len(given) == len(set(given)) >= 1000
    assert multiprocessing.active_children() == []


def test_columns_and_a_condition(session: Session) -> None:
    rows = scan(
        session,
        "readings",
        columns=["v"],
        where="v >= ? AND v < ?",
        parameters=[100, 2000],
        row_factory=tuple_factory,
    )
    assert sorted(v for (v,) in rows) == list(range(100, 2000))


def test_leaving_early(session: Session) -> None:
    for row in scan(session, "readings", page_size=10):
        assert 0 <= row.v < ROWS
        break
    gc.collect()
    until(lambda: in_flight(session) == 0, "what was given up is answered")


def test_partitions_one_by_one(session: Session, plain: Counter[str]) -> None:
    partitions = plan(session, "readings", partitions=9)
    sizes = [Counter(map(repr, partition.rows(session))) for partition in partitions]
    assert sum(sizes, Counter()) == plain
    counts = [size.total() for size in sizes]
    assert max(counts) < 1.5 * min(counts)


def test_memory_does_not_grow_with_the_table(session: Session) -> None:
    def peak(**choices: Any) -> int:
        for row in scan(session, "readings", row_factory=tuple_factory, **choices):
            assert row
        tracemalloc.reset_peak()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for row in scan(session, "readings", row_factory=tuple_factory, **choices):
            assert row
        return tracemalloc.get_traced_memory()[1] - before

    tracemalloc.start()
    try:
        # 60,000 rows are a hundred times what may be held here.
        small = peak(page_size=100, concurrency=4)
        large = peak(page_size=800, concurrency=8)
    finally:
        tracemalloc.stop()
    assert small < 1_500_000
    assert small < large < 8_000_000


@pytest.mark.skipif(
    REACTOR in PATCHES, reason=f"asyncio is not for a process patched for {REACTOR}"
)
def test_on_asyncio(cassandra: Nodes, session: Session, plain: Counter[str]) -> None:
    async def main() -> Counter[str]:
        cluster = AsyncCluster(cassandra.contact_points, port=cassandra.port, connect_timeout=30)
        async with cluster, cluster.connect(session.keyspace) as own:
            return Counter([repr(row) async for row in aio_scan(own, "readings", page_size=1000)])

    assert asyncio.run(main()) == plain


class Address(NamedTuple):
    street: str
    number: int


@spawns
def test_user_types_and_names_that_need_quotes(session: Session) -> None:
    name = new_name("T")
    session.execute("CREATE TYPE address (street text, number int)")
    session.execute(f'CREATE TABLE "{name}" ("Id" uuid PRIMARY KEY, "Where" frozen<address>)')
    session.cluster.register_user_type(str(session.keyspace), "address", Address)
    for number in range(50):
        session.execute(
            f'INSERT INTO "{name}" ("Id", "Where") VALUES (uuid(), %s)', [Address("Elm", number)]
        )
    for processes in (1, 2):
        rows = list(scan(session, name, processes=processes, columns=["Where"]))
        assert sorted(row.Where for row in rows) == [Address("Elm", n) for n in range(50)]
    found = list(scan(session, name, processes=2, function=numbers))
    assert sorted(n for page in found for n in page) == list(range(50))


def numbers(rows: list[Any]) -> list[int]:
    assert all(type(row.Where) is Address for row in rows)
    return [row.Where.number for row in rows]


def test_views_and_system_tables(session: Session) -> None:
    session.execute("CREATE TABLE base (k int PRIMARY KEY, v int)")
    session.execute(
        "CREATE MATERIALIZED VIEW by_v AS SELECT * FROM base WHERE v IS NOT NULL AND k IS NOT NULL "
        "PRIMARY KEY (v, k)"
    )
    insert = session.prepare("INSERT INTO base (k, v) VALUES (?, ?)")
    session.execute_concurrent_with_args(insert, [(k, k % 10) for k in range(500)])
    until(lambda: len(list(scan(session, "by_v"))) == 500, "the view has all rows")
    assert isinstance(list(scan(session, "system_auth.roles")), list)
    for table in ("system.local", "system_views.clients"):
        with pytest.raises(InvalidArgument, match=r"by session\.execute"):
            scan(session, table)


@pytest.mark.once
@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_three_nodes(three: Nodes, replicas: int) -> None:
    with connected(three) as session, keyspace_of(session, replicas):
        fill(session, 6000)
        plain = counted(session.execute("SELECT * FROM readings", timeout=60))
        found = scan(session, "readings", page_size=100)
        assert counted(found) == plain
        addresses = {str(host.address) for host in session.cluster.metadata.all_hosts()}
        assert {place for part in found.partitions for place in part.replicas} == addresses
        if REACTOR not in PATCHES:
            assert counted(scan(session, "readings", processes=2, page_size=100)) == plain
        if replicas == 3:
            # As all nodes have everything, ranges are cut by size alone.
            assert all(len(part.ranges) == 1 for part in found.partitions)


class PatientReads(RetryPolicy):
    """Asks again for what a node did not get in time from one that it did not know to be gone."""

    def on_read_timeout(self, query: Any, consistency: int, *args: Any) -> Any:
        tried = args[-1]
        return (self.RETRY, consistency, 0.5) if tried < 8 else (self.RETHROW, None)


@pytest.mark.once
def test_a_node_that_goes_meanwhile(three: Nodes) -> None:
    patient = {"retry_policy": PatientReads()}
    with connected(three, profile=patient) as session, keyspace_of(session, 2):
        fill(session, 6000)
        seen = Counter[int]()
        for row in scan(session, "readings", page_size=50, timeout=30):
            seen[row.v] += 1
            if seen.total() == 500:
                three.nodes[2].kill()
        assert seen == Counter(range(6000))
