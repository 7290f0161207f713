"""Concurrent execution, cancellation and time-outs of the asyncio API under load on a real node."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cql_driver import InvalidRequest, OperationTimedOut
from cql_driver.aio import AsyncSession
from tests.apps.watch import PERIOD, Watchdog
from tests.integration.aio.support import in_flight, until

pytestmark = pytest.mark.once

KEYS = 2_000


@pytest.fixture
def filled(runner: asyncio.Runner, session: AsyncSession, table: str) -> str:
    """The test's table, with `KEYS` rows."""

    async def fill() -> None:
        insert = await session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
        pairs = [(k, f"v{k}") for k in range(KEYS)]
        count = 0
        async for success, _ in session.execute_concurrent_with_args(insert, pairs):
            count += success
        assert count == KEYS

    runner.run(fill())
    return table


async def keys(count: int, taken: list[int]) -> AsyncIterator[tuple[int]]:
    """Keys from an asynchronous source, which notes how far it was read."""
    for number in range(count):
        if number % 100 == 0:
            await asyncio.sleep(0)
        taken.append(number)
        yield (number % KEYS,)


# --- concurrent execution ------------------------------------------------------------------------


async def test_results_come_in_order(session: AsyncSession, filled: str) -> None:
    select = await session.prepare(f"SELECT v FROM {filled} WHERE k = ?")
    for source in ([(k,) for k in range(KEYS)], keys(KEYS, [])):
        results = session.execute_concurrent_with_args(select, source, concurrency=50)
        found = [result.one().v async for success, result in results if success]
        assert found == [f"v{k}" for k in range(KEYS)]

    async def pairs() -> AsyncIterator[tuple[Any, Any]]:
        for k in range(100):
            yield select, (k,)
            yield f"SELECT v FROM {filled} WHERE k = {k}", None

    found = [result.one().v async for _, result in session.execute_concurrent(pairs())]
    assert found == [f"v{k}" for k in range(100) for _ in range(2)]


async def test_the_window_holds_back_the_source(session: AsyncSession, filled: str) -> None:
    select = await session.prepare(f"SELECT v FROM {filled} WHERE k = ?")
    taken: list[int] = []
    results = session.execute_concurrent_with_args(select, keys(10**9, taken), concurrency=20)
    seen = 0
    async for success, result in results:
        assert success
        assert result.one().v == f"v{seen % KEYS}"
        seen += 1
        assert len(taken) <= seen + 21
        assert in_flight(session) <= 21
        if seen % 50 == 0:
            await asyncio.sleep(0.005)
        if seen == 1_000:
            break
    await results.aclose()  # type: ignore[attr-defined]
    await until(lambda: in_flight(session) == 0, "what was started ends")


async def test_errors_among_results(session: AsyncSession, filled: str) -> None:
    texts = [f"SELECT v FROM {filled} WHERE k = {k}" for k in range(100)]
    texts[50] = f"SELECT nowhere FROM {filled}"
    pairs = [(text, None) for text in texts]
    outcomes = [
        (success, outcome)
        async for success, outcome in session.execute_concurrent(pairs, raise_on_first_error=False)
    ]
    assert [success for success, _ in outcomes] == [number != 50 for number in range(100)]
    assert isinstance(outcomes[50][1], InvalidRequest)
    taken: list[Any] = []

    async def take() -> None:
        async for outcome in session.execute_concurrent(pairs, concurrency=10):
            taken.append(outcome)

    with pytest.raises(InvalidRequest, match="nowhere"):
        await take()
    assert len(taken) <= 50


# --- cancellation --------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["tasks", "futures"])
async def test_cancelling_half_leaves_the_other_half_right(
    session: AsyncSession, filled: str, way: str
) -> None:
    select = await session.prepare(f"SELECT k, v FROM {filled} WHERE k = ?")
    chosen = random.Random(7)
    cancelled = 0
    for delay in (0.0, 0.001, 0.005, 0.02):
        if way == "tasks":
            started: list[Any] = [
                asyncio.create_task(session.execute(select, (k,))) for k in range(KEYS)
            ]
        else:
            started = [session.execute_async(select, (k,)) for k in range(KEYS)]
        await asyncio.sleep(delay)
        victims = set(chosen.sample(range(KEYS), KEYS // 2))
        for k in victims:
            started[k].cancel()
        async with asyncio.timeout(60):
            outcomes = await asyncio.gather(*started, return_exceptions=True)
        for k, outcome in enumerate(outcomes):
            if isinstance(outcome, asyncio.CancelledError):
                assert k in victims
                cancelled += 1
            else:
                assert tuple(outcome.one()) == (k, f"v{k}")
    assert cancelled > 0
    await until(lambda: in_flight(session) == 0, "the streams are free")
    await until(lambda: orphans(session) == 0, "late answers have come")
    assert (await session.execute(select, (1,))).one().v == "v1"


def orphans(session: AsyncSession) -> int:
    return sum(link.orphans for pool in session.get_pools() for link in pool.all_links)


async def test_a_task_group_that_fails(session: AsyncSession, filled: str) -> None:
    select = await session.prepare(f"SELECT v FROM {filled} WHERE k = ?")

    async def read_on() -> None:
        while True:
            await session.execute(select, (1,))

    async def fail() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(read_on())
            await asyncio.sleep(0.05)
            group.create_task(session.execute(f"SELECT nowhere FROM {filled}"))

    with pytest.raises(ExceptionGroup) as caught:
        await fail()
    (error,) = caught.value.exceptions
    assert isinstance(error, InvalidRequest)
    assert (await session.execute(select, (2,))).one().v == "v2"


# --- time-outs -----------------------------------------------------------------------------------


async def test_time_outs_of_requests_and_of_asyncio(session: AsyncSession, filled: str) -> None:
    select = await session.prepare(f"SELECT v FROM {filled} WHERE k = ?")
    everything = f"SELECT * FROM {filled}"
    # As few as will do: the node answers them all, with nobody to wait for it.
    calls = [session.execute(everything, timeout=0.001) for _ in range(50)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert any(isinstance(outcome, OperationTimedOut) for outcome in outcomes)

    async def read_within(seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*[session.execute(everything) for _ in range(50)])

    with pytest.raises(TimeoutError):
        await read_within(0.002)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(session.execute(everything, timeout=None), 0)
    found = await asyncio.gather(*[session.execute(select, (k,)) for k in range(200)])
    assert [result.one().v for result in found] == [f"v{k}" for k in range(200)]


async def test_the_loop_is_not_held_up(session: AsyncSession, filled: str) -> None:
    """While thousands of requests are made and answered, others on the loop have their turn."""
    select = await session.prepare(f"SELECT v FROM {filled} WHERE k = ?")
    watchdog = Watchdog()  # which knows what was the machine's doing

    async def watch() -> None:
        while True:
            watchdog.tick()
            await asyncio.sleep(PERIOD)

    watching = asyncio.create_task(watch())
    count = 0
    results = session.execute_concurrent_with_args(select, keys(20_000, []), concurrency=200)
    try:
        async for success, _ in results:
            count += success
    finally:
        watching.cancel()
        watchdog.end()
    assert count == 20_000
    assert watchdog.report()["stall"] < 1, watchdog.report()
