"""Results of many pages on asyncio: iteration, pages, what is fetched before, errors on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.aio import AsyncResultSet, AsyncSession
from cql_driver.errors import InvalidArgument, SessionShutdown
from cql_driver.query import SimpleStatement
from cql_protocol.errors import InvalidRequest, OperationTimedOut, UnsupportedOperation
from cql_protocol.messages import Query
from tests.simulation import Delay, Drop, Fail, Rule

if TYPE_CHECKING:
    from tests.aio.conftest import Connect
    from tests.aio.live import LiveNodes

ROWS = 25
PAGED = SimpleStatement("SELECT c FROM w WHERE p = 7", fetch_size=10)


@asynccontextmanager
async def filled(connect: Connect, **options: Any) -> AsyncIterator[AsyncSession]:
    """A session, and a partition of three pages."""
    async with connect(**options) as session:
        insert = await session.prepare("INSERT INTO w (p, c, v) VALUES (7, ?, 'x')")
        for c in range(ROWS):  # one after the other: nodes give them back in this order
            await session.execute(insert, (c,))
        yield session


def later_pages(reaction: Any, times: int | None = None) -> Rule:
    """What happens to requests for pages behind the first."""

    def is_later(event: Any) -> bool:
        return event.message.parameters.paging_state is not None

    return Rule(reaction, message=Query, text="FROM w", where=is_later, times=times)


async def test_rows_of_all_pages(connect: Connect) -> None:
    async with filled(connect) as session:
        for prefetch in (True, False):
            session.prefetch_pages = prefetch
            result = await session.execute(PAGED)
            assert isinstance(result, AsyncResultSet)
            assert "10 rows, more pages" in repr(result)
            assert result.has_more_pages
            assert result.column_names == ["c"]
            assert [row.c async for row in result] == list(range(ROWS))
            assert not result.has_more_pages
            assert [row async for row in result] == []
            assert [row.c for row in await (await session.execute(PAGED)).all()] == [*range(ROWS)]


async def test_what_was_begun_goes_on(connect: Connect) -> None:
    async with filled(connect) as session:
        result = await session.execute(PAGED)
        seen = []
        async for row in result:
            seen.append(row.c)
            if len(seen) == 3:
                break
        async for row in result:
            seen.append(row.c)
            if len(seen) == 14:
                break
        seen += [row.c for row in await result.all()]
        assert seen == list(range(ROWS))
        assert await result.all() == []


async def test_pages(connect: Connect) -> None:
    async with filled(connect) as session:
        result = await session.execute(PAGED)
        assert [len(page) async for page in result.pages()] == [10, 10, 5]
        result = await session.execute(PAGED)
        sizes = [len(result.current_rows)]
        while result.has_more_pages:
            await result.fetch_next_page()
            sizes.append(len(result.current_rows))
        await result.fetch_next_page()
        assert [*sizes, len(result.current_rows)] == [10, 10, 5, 0]


async def test_from_a_paging_state_on(connect: Connect) -> None:
    async with filled(connect) as session:
        state = (await session.execute(PAGED)).paging_state
        rest = await session.execute(PAGED, paging_state=state)
        assert [row.c async for row in rest] == list(range(10, ROWS))


async def test_the_next_page_is_on_its_way_already(connect: Connect, nodes: LiveNodes) -> None:
    async with filled(connect) as session:
        rule = later_pages(Delay(0))
        for node in nodes.cluster.nodes:
            node.rules.append(rule)
        result = await session.execute(PAGED)
        await asyncio.sleep(0.02)
        assert result
        assert result.one().c == 0
        await asyncio.sleep(0.02)
        assert rule.used == 0  # who wants one row may want no more
        assert len(result.current_rows) == 10
        while not rule.used:  # noqa: ASYNC110 - it is another thread's
            await asyncio.sleep(0.001)
        assert rule.used == 1
        session.prefetch_pages = False
        other = await session.execute(PAGED)
        assert len(other.current_rows) == 10
        await asyncio.sleep(0.02)
        assert rule.used == 1


async def test_plain_iteration_is_for_one_page(connect: Connect) -> None:
    async with filled(connect) as session:
        result = await session.execute(PAGED)
        for use in (lambda: list(result), lambda: result[3]):
            with pytest.raises(InvalidArgument, match="async for"):
                use()
        assert result[0].c == 0
        whole = await session.execute("SELECT c FROM w WHERE p = 7")
        assert [row.c for row in whole] == list(range(ROWS))
        assert [row.c async for row in whole] == list(range(ROWS))
        assert len(await whole.all()) == ROWS
        assert whole[3].c == 3
        assert [row.c for row in whole[1:3]] == [1, 2]
        with pytest.raises(IndexError):
            whole[ROWS]


@pytest.mark.parametrize("way", ["for", "all", "pages"])
@pytest.mark.parametrize("prefetch", [True, False], ids=["prefetch", "no-prefetch"])
async def test_a_page_that_fails_loses_no_row(
    connect: Connect, nodes: LiveNodes, way: str, prefetch: bool
) -> None:
    async with filled(connect) as session:
        session.prefetch_pages = prefetch
        for node in nodes.cluster.nodes:
            node.rules.append(later_pages(Fail(InvalidRequest("not now")), times=1))
        result = await session.execute(PAGED)
        seen: list[int] = []
        pages = result.pages()
        errors = 0
        while True:
            try:
                if way == "for":
                    async for row in result:
                        seen.append(row.c)
                elif way == "all":
                    seen += [row.c for row in await result.all()]
                else:
                    async for page in pages:
                        seen += [row.c for row in page]
            except InvalidRequest:
                errors += 1
            else:
                break
        assert errors == 3
        assert seen == list(range(ROWS))


async def test_a_page_that_is_given_up_can_be_asked_for_again(
    connect: Connect, nodes: LiveNodes
) -> None:
    async with filled(connect) as session:
        result = await session.execute(PAGED)
        for node in nodes.cluster.nodes:
            node.rules.append(later_pages(Drop(), times=1))
        cancelled = 0
        seen = []
        while True:
            try:
                async with asyncio.timeout(0.05):
                    seen.append((await anext(result)).c)
            except TimeoutError:
                cancelled += 1
            except StopAsyncIteration:
                break
        assert cancelled == 3
        assert seen == list(range(ROWS))


async def test_a_page_that_times_out(connect: Connect, nodes: LiveNodes) -> None:
    async with filled(connect) as session:
        result = await session.execute(PAGED, timeout=0.1)
        for node in nodes.cluster.nodes:
            node.rules.append(later_pages(Drop()))
        with pytest.raises(OperationTimedOut):
            await result.all()


async def test_one_task_reads_a_result(connect: Connect, nodes: LiveNodes) -> None:
    async with filled(connect) as session:
        for node in nodes.cluster.nodes:
            node.rules.append(later_pages(Delay(0.05)))
        result = await session.execute(PAGED)
        first = asyncio.create_task(result.fetch_next_page())
        await asyncio.sleep(0.01)
        with pytest.raises(InvalidArgument, match="one task"):
            await result.fetch_next_page()
        await first
        assert result.one().c == 10


async def test_results_outlive_their_session(connect: Connect) -> None:
    async with filled(connect) as session:
        result = await session.execute(PAGED)
    assert [row.c for row in result.current_rows] == list(range(10))
    with pytest.raises(SessionShutdown):
        await result.fetch_next_page()


async def test_rows_are_read_in_a_thread(connect: Connect) -> None:
    async with filled(connect) as session:
        result = await session.execute(PAGED)
        rows = await asyncio.to_thread(lambda: result.current_rows)
        assert len(rows) == 10
        assert [row.c async for row in result] == list(range(ROWS))


def test_pages_on_another_loop(nodes: LiveNodes, connect: Connect) -> None:
    async def begin() -> AsyncResultSet:
        async with filled(connect) as session:
            result = await session.execute(PAGED)

            async def go_on() -> None:
                with pytest.raises(UnsupportedOperation, match="another event loop"):
                    await result.fetch_next_page()

            await asyncio.to_thread(asyncio.run, go_on())
            assert [row.c async for row in result] == list(range(ROWS))
            return result

    asyncio.run(begin())


async def test_traces_of_all_pages(connect: Connect) -> None:
    async with filled(connect) as session:
        result = await session.execute(PAGED, trace=True)
        assert len(await result.all()) == ROWS
        traces = await result.get_all_query_traces()
        assert len({trace.trace_id for trace in traces}) == 3
        last = await result.get_query_trace()
        assert last is not None
        assert last.trace_id == traces[-1].trace_id
