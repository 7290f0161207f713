"""Concurrent execution on asyncio: order, the window, sources, errors and early ends."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.aio.concurrency import execute_concurrent, execute_concurrent_with_args
from cql_driver.errors import (
    InvalidArgument,
    InvalidArgumentType,
    RequestCancelled,
    SessionShutdown,
)
from cql_protocol.errors import InvalidRequest
from cql_protocol.messages import Execute
from tests.simulation import Delay, Drop, Fail, Rule

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from cql_driver.aio import AsyncSession
    from tests.aio.conftest import Connect
    from tests.aio.live import LiveNodes

INSERT = "INSERT INTO t (k, v) VALUES (?, ?)"
SELECT = "SELECT k FROM t WHERE k = ?"


def links(session: AsyncSession) -> list[Any]:
    return session.pools.links()


def owned(session: AsyncSession) -> int:
    """Return how many requests the session's links hold that somebody waits for."""
    return sum(link.in_flight for link in links(session))


async def filled(session: AsyncSession, count: int) -> Any:
    """Write rows 0 to `count` - 1, and return the statement that reads one."""
    insert = await session.prepare(INSERT)
    rows = ((key, str(key)) for key in range(count))
    async for _ in session.execute_concurrent_with_args(insert, rows):
        pass
    select = await session.prepare(SELECT)
    while owned(session):  # noqa: ASYNC110 - other nodes prepare it too, which nobody is told
        await asyncio.sleep(0.001)
    return select


def rule(nodes: LiveNodes, reaction: Any, **named: Any) -> None:
    for node in nodes.cluster.nodes:
        node.rules.append(Rule(reaction, message=Execute, **named))


async def asynchronously(items: Any, pause: float | None = None) -> AsyncIterator[Any]:
    for item in items:
        if pause is not None:
            await asyncio.sleep(pause)
        yield item


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_results_come_in_order(
    connect: Connect, nodes: LiveNodes, asynchronous: bool
) -> None:
    async with connect() as session:
        select = await filled(session, 500)
        rule(nodes, Delay(0.0, 0.01), text="SELECT", chance=0.2)
        keys: Any = [(key,) for key in range(500)]
        source = asynchronously(keys) if asynchronous else keys
        found = [
            result.one().k
            async for success, result in session.execute_concurrent_with_args(select, source, 20)
            if success
        ]
        assert found == list(range(500))
        assert owned(session) == 0


async def test_pairs_of_several_kinds(connect: Connect) -> None:
    async with connect() as session:
        insert = await session.prepare(INSERT)
        pairs = [(insert, (1, "one")), [insert, {"k": 2, "v": "two"}], ("SELECT k FROM t", None)]
        results = [each async for each in session.execute_concurrent(pairs, concurrency=1)]
        assert [each.success for each in results] == [True] * 3
        assert {1, 2} <= {row.k for row in results[2].result_or_exc}
        assert [each async for each in session.execute_concurrent([])] == []
        assert [each async for each in session.execute_concurrent(asynchronously([]))] == []


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_the_window_bounds_what_is_held(
    connect: Connect, nodes: LiveNodes, asynchronous: bool
) -> None:
    read = 0

    def endless() -> Iterator[tuple[int]]:
        nonlocal read
        while True:
            read += 1
            yield (read % 10,)

    async with connect() as session:
        select = await filled(session, 10)
        source: Any = asynchronously(endless()) if asynchronous else endless()
        results = session.execute_concurrent_with_args(select, source, concurrency=7)
        async with aclosing(results):  # type: ignore[type-var]
            taken = 0
            async for _ in results:
                taken += 1
                assert read - taken <= 7
                if taken % 50 == 0:
                    await asyncio.sleep(0.002)  # the reader is slow, so the source waits
                    assert read - taken <= 7
                if taken == 300:
                    break
        assert owned(session) == 0


async def test_a_slow_source_holds_up_no_result(connect: Connect) -> None:
    queue: asyncio.Queue[tuple[int] | None] = asyncio.Queue()

    async def source() -> AsyncIterator[tuple[int]]:
        while (item := await queue.get()) is not None:
            yield item

    async with connect() as session:
        select = await filled(session, 10)
        results = session.execute_concurrent_with_args(select, source(), concurrency=5)
        for key in range(10):
            queue.put_nowait((key,))
            assert (await anext(results)).result_or_exc.one().k == key
        queue.put_nowait(None)
        assert [each async for each in results] == []


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_source_that_fails(connect: Connect, asynchronous: bool) -> None:
    def failing() -> Iterator[tuple[int]]:
        yield (1,)
        yield (2,)
        raise ZeroDivisionError("of the source")

    async with connect() as session:
        select = await filled(session, 5)
        source: Any = asynchronously(failing()) if asynchronous else failing()
        found = []
        with pytest.raises(ZeroDivisionError, match="of the source"):  # noqa: PT012
            async for _, result in session.execute_concurrent_with_args(select, source):
                found.append(result.one().k)
        assert found == [1, 2]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_the_first_error_is_raised(
    connect: Connect, nodes: LiveNodes, asynchronous: bool
) -> None:
    async with connect() as session:
        select = await filled(session, 5)
        rule(nodes, Delay(0.2), text="SELECT", times=1)
        rule(nodes, Fail(InvalidRequest("no")), text="INSERT")
        insert = await session.prepare(INSERT)
        pairs: Any = [(select, (1,)), (insert, (1, "x")), *[(select, (2,))] * 50]
        source = asynchronously(pairs) if asynchronous else pairs
        with pytest.raises(InvalidRequest, match="no"):
            async for _ in session.execute_concurrent(source, concurrency=10):
                pass
        assert owned(session) == 0


async def test_errors_among_the_results(connect: Connect, nodes: LiveNodes) -> None:
    async with connect() as session:
        select = await filled(session, 5)
        rule(nodes, Fail(InvalidRequest("no")), text="SELECT", times=1)
        pairs = [(select, (1,)), (select, ("not an int",)), (select, (2,)), ("NO CQL", None)]
        results = [
            each
            async for each in session.execute_concurrent(
                pairs, concurrency=1, raise_on_first_error=False
            )
        ]
        assert [each.success for each in results] == [False, False, True, False]
        assert isinstance(results[1].result_or_exc, TypeError)
        many = [(select, (None,))] * 1000
        count = 0
        async for each in session.execute_concurrent(many, 10, raise_on_first_error=False):
            count += not each.success
        assert count == 1000


async def test_what_is_no_pair(connect: Connect) -> None:
    async with connect() as session:
        select = await filled(session, 5)
        pairs: Any = [(select, (1,)), (select,)]
        results = session.execute_concurrent(pairs)
        assert (await anext(results)).success
        with pytest.raises(InvalidArgumentType, match="no pair"):
            await anext(results)


@pytest.mark.parametrize("end", ["break", "error", "cancel", "timeout"])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_early_end_gives_up_what_is_in_flight(
    connect: Connect, nodes: LiveNodes, end: str, asynchronous: bool
) -> None:
    async with connect() as session:
        select = await filled(session, 5)
        hung = [(1,)] * 500
        rule(
            nodes,
            Drop(),
            text="SELECT",
            where=lambda event: event.message.query_id and _keyed(event),
        )
        source: Any = [(2,), *hung]
        if asynchronous:
            source = asynchronously(source)
        results = session.execute_concurrent_with_args(select, source, 50)

        async def read() -> None:
            async with aclosing(results):  # type: ignore[type-var]
                async for each in results:
                    assert each.success
                    assert owned(session) > 0
                    if end == "break":
                        break
                    if end == "error":
                        raise ZeroDivisionError

        task = asyncio.create_task(read())
        if end == "break":
            await task
        elif end == "error":
            with pytest.raises(ZeroDivisionError):
                await task
        elif end == "timeout":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await task
        else:
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert owned(session) == 0
        assert (await session.execute(select, (2,))).one().k == 2


async def test_a_source_that_will_not_be_cancelled(connect: Connect) -> None:
    async def stubborn() -> AsyncIterator[Any]:
        while True:
            try:
                await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                pass
            yield (1,)

    async with connect() as session:
        select = await filled(session, 2)
        results = session.execute_concurrent_with_args(select, stubborn())
        async with aclosing(results):  # type: ignore[type-var]
            assert (await anext(results)).success
        async with asyncio.timeout(1):
            while owned(session):  # noqa: ASYNC110 - it is prepared on other nodes, too
                await asyncio.sleep(0.001)


async def test_cancelled_while_the_source_cleans_up(connect: Connect, nodes: LiveNodes) -> None:
    before = asyncio.all_tasks()
    started, cleaning = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[Any]:
        try:
            yield (1,)
            started.set()
            await asyncio.sleep(60)
        finally:
            cleaning.set()
            await asyncio.sleep(0.05)

    async with connect() as session:
        select = await filled(session, 2)
        rule(nodes, Drop(), text="SELECT")
        task = asyncio.ensure_future(anext(session.execute_concurrent_with_args(select, slow())))
        await started.wait()
        task.cancel()
        await cleaning.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(1):
            while owned(session):  # noqa: ASYNC110 - it is prepared on other nodes, too
                await asyncio.sleep(0.001)
        await asyncio.gather(*(asyncio.all_tasks() - before), return_exceptions=True)


def _keyed(event: Any) -> bool:
    return bool(event.message.parameters.values[0] == b"\0\0\0\1")


async def test_a_session_that_is_shut_down(connect: Connect, nodes: LiveNodes) -> None:
    async with connect() as session:
        select = await filled(session, 5)
        rule(nodes, Drop(), text="SELECT")
        results = session.execute_concurrent_with_args(select, [(1,)] * 50)
        task = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0.01)
        await session.shutdown()
        with pytest.raises(SessionShutdown):
            await task


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_listeners_are_told_of_requests(
    connect: Connect, nodes: LiveNodes, asynchronous: bool
) -> None:
    async with connect() as session:
        select = await filled(session, 5)
        told: list[Any] = []
        session.add_request_init_listener(
            lambda future: future.add_callbacks(
                lambda rows: told.append(rows[0].k), lambda error: told.append(type(error))
            )
        )
        keys: Any = [(key,) for key in range(5)]
        source = asynchronously(keys) if asynchronous else keys
        results = session.execute_concurrent_with_args(select, source, 2)
        found = [result.result_or_exc.one().k async for result in results]
        await asyncio.sleep(0)
        assert found == [0, 1, 2, 3, 4]
        assert sorted(told) == found
        rule(nodes, Drop(), text="SELECT", where=lambda event: not _keyed(event))
        del told[:]
        source = asynchronously(keys[1:]) if asynchronous else keys[1:]
        results = session.execute_concurrent_with_args(select, source, 4)
        async with aclosing(results):  # type: ignore[type-var]
            await anext(results)
        await asyncio.sleep(0)
        assert told == [1, *[RequestCancelled] * 3]


async def test_wrong_arguments(connect: Connect) -> None:
    async with connect() as session:
        for call, error in (
            (lambda: execute_concurrent(session, [], 0), InvalidArgument),
            (lambda: execute_concurrent(session, [], True), InvalidArgumentType),
            (lambda: execute_concurrent(session, "SELECT"), InvalidArgumentType),  # type: ignore[arg-type]
            (lambda: execute_concurrent(session, 7), InvalidArgumentType),  # type: ignore[arg-type]
            (lambda: execute_concurrent(None, []), InvalidArgumentType),  # type: ignore[arg-type]
            (lambda: execute_concurrent_with_args(session, "x", "abc"), InvalidArgumentType),
        ):
            with pytest.raises(error):
                call()  # type: ignore[no-untyped-call]
