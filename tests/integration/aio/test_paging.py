"""Paging through 100,000 rows of a real node, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.aio import AsyncSession
from cql_driver.errors import InvalidArgument
from cql_driver.query import SimpleStatement
from tests.integration.aio.conftest import on_loop
from tests.integration.aio.support import connected, in_flight, keyspace_of, until

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

pytestmark = pytest.mark.once

ROWS = 100_000
PARTITIONS = 100
PER_PARTITION = ROWS // PARTITIONS
TOTAL = sum(range(ROWS))


async def numbers() -> AsyncIterator[tuple[int, int, int]]:
    for v in range(ROWS):
        yield v // PER_PARTITION, v % PER_PARTITION, v


@asynccontextmanager
async def _with_rows(cassandra: Nodes) -> AsyncIterator[AsyncSession]:
    async with connected(cassandra) as session, keyspace_of(session, 1):
        await session.execute("CREATE TABLE numbers (p int, c int, v int, PRIMARY KEY (p, c))")
        insert = await session.prepare("INSERT INTO numbers (p, c, v) VALUES (?, ?, ?)")
        written = 0
        results = session.execute_concurrent_with_args(insert, numbers(), concurrency=300)
        async for success, _ in results:
            assert success
            written += 1
        assert written == ROWS
        yield session


@pytest.fixture(scope="module")
def module_session(runner: asyncio.Runner, cassandra: Nodes) -> Iterator[AsyncSession]:
    yield from on_loop(runner, _with_rows(cassandra))


def select(fetch_size: Any, where: str = "") -> SimpleStatement:
    return SimpleStatement(f"SELECT v FROM numbers {where}", fetch_size=fetch_size)


@pytest.mark.parametrize("prefetch", [True, False])
@pytest.mark.parametrize("fetch_size", [1_000, 5_000, ROWS])
async def test_all_rows(session: AsyncSession, fetch_size: int, prefetch: bool) -> None:
    assert session.prefetch_pages
    session.prefetch_pages = prefetch
    try:
        result = await session.execute(select(fetch_size))
        rows = [row.v async for row in result]
        assert len(rows) == len(set(rows)) == ROWS
        assert sum(rows) == TOTAL
        result = await session.execute(select(fetch_size))
        assert sum(row.v for row in await result.all()) == TOTAL
    finally:
        session.prefetch_pages = True


async def test_without_paging(session: AsyncSession) -> None:
    result = await session.execute(select(None), timeout=60)
    assert not result.has_more_pages
    assert sum(row.v for row in result) == TOTAL


async def test_page_by_page(session: AsyncSession) -> None:
    result = await session.execute(select(30_000))
    pages = [len(page) async for page in result.pages()]
    assert pages == [30_000, 30_000, 30_000, 10_000]
    result = await session.execute(select(30_000))
    counts = [len(result.current_rows)]
    while result.has_more_pages:
        await result.fetch_next_page()
        counts.append(len(result.current_rows))
    assert counts == pages
    assert result.paging_state is None


async def test_a_plain_loop_over_more_pages_says_what_to_do(session: AsyncSession) -> None:
    result = await session.execute(select(1_000))
    with pytest.raises(InvalidArgument, match="async for"):
        for _ in result:
            pass
    assert len(await result.all()) == ROWS


async def test_who_looks_no_further_loses_nothing(session: AsyncSession) -> None:
    result = await session.execute(select(1_000))
    seen = []
    async for row in result:
        seen.append(row.v)
        if len(seen) == 10:
            break
    await until(lambda: in_flight(session) == 0, "the prefetched page comes")
    async for row in result:
        seen.append(row.v)
    assert len(seen) == len(set(seen)) == ROWS


async def test_a_paging_state_goes_on_in_another_session(
    session: AsyncSession, cassandra: Nodes
) -> None:
    first = await session.execute(select(1_000))
    state, seen = first.paging_state, sum(row.v for row in first.current_rows)
    assert isinstance(state, bytes)
    async with connected(cassandra, session.keyspace) as other:
        while state is not None:
            result = await other.execute(select(20_000), paging_state=state)
            seen += sum(row.v for row in result.current_rows)
            state = result.paging_state
    assert seen == TOTAL


async def test_many_read_pages_at_once(session: AsyncSession) -> None:
    prepared = await session.prepare("SELECT v FROM numbers WHERE p = ?")
    prepared.fetch_size = 100

    async def read(p: int) -> int:
        rows = [row.v async for row in await session.execute(prepared, (p,))]
        assert rows == list(range(p * PER_PARTITION, (p + 1) * PER_PARTITION))
        return sum(rows)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(read(p)) for p in range(PARTITIONS)]
    assert sum(task.result() for task in tasks) == TOTAL


async def test_a_page_that_nobody_waits_for_any_more(session: AsyncSession) -> None:
    """A loop over rows is cancelled in the middle; another one of the same result goes on."""
    result = await session.execute(select(500))
    seen: list[int] = []

    async def read() -> None:
        async for row in result:
            seen.append(row.v)
            if len(seen) % 500 == 0:
                await asyncio.sleep(0)

    task = asyncio.create_task(read())
    await until(lambda: len(seen) >= 5_000, "some pages are read")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(seen) < ROWS
    await read()
    assert len(seen) == len(set(seen)) == ROWS
