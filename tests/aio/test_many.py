"""A hundred thousand awaits at once on one session: none lost, fair, in bounded memory."""

from __future__ import annotations

import asyncio
import gc
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import schema
from benchmarks.servers import Server
from cql_driver.aio import AsyncCluster
from cql_driver.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cql_driver.aio import AsyncSession
    from tests.aio.conftest import Connect

pytestmark = pytest.mark.once

MANY = 100_000
MOST_BYTES = 4096
"""Of memory for each that waits, its task included; 2,200 were measured."""
_STATM = Path("/proc/self/statm")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("null") as server:
        yield server


@pytest.fixture(autouse=True)
def _no_collections() -> Iterator[None]:
    # With so many tasks alive the collector takes twice the time of all else together.
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def cluster(server: Server) -> AsyncCluster:
    return AsyncCluster(server.contact_points, port=server.port, protocol_version=4)


def memory() -> int:
    return int(_STATM.read_text().split()[1]) * 4096 if _STATM.exists() else 0


async def settle(session: AsyncSession) -> None:
    """Wait until no stream of the session is taken any more."""
    async with asyncio.timeout(120):
        while any(len(link.streams) for link in session.pools.links()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # nothing tells of orphans that are answered
    assert not session.pools.waiting
    assert not session.pools.engine.parked


async def test_all_at_once(server: Server) -> None:
    async with cluster(server) as made, made.connect() as session:
        select = await session.prepare(schema.SELECT_ITEM)
        order: list[int] = []

        async def read(number: int) -> tuple[int, str]:
            row = (await session.execute(select, (number,))).one()
            order.append(number)
            return row

        before = memory()
        tasks = [asyncio.create_task(read(number)) for number in range(MANY)]
        await asyncio.sleep(0)
        assert len(session.pools.waiting) > MANY // 2
        assert memory() - before < MOST_BYTES * MANY
        assert all(await asyncio.gather(*tasks))
        assert len(order) == MANY
        # Nobody is passed by more than what is on the way on the connections.
        places = Settings.max_requests_per_connection * len(session.pools.links())
        assert max(abs(at - number) for at, number in enumerate(order)) <= 2 * places
        await settle(session)


async def test_half_of_them_cancelled(server: Server) -> None:
    chance = random.Random(0)
    async with cluster(server) as made, made.connect() as session:
        select = await session.prepare(schema.SELECT_ITEM)

        async def read(number: int) -> Any:
            return (await session.execute(select, (number,))).one()

        tasks = [asyncio.create_task(read(number)) for number in range(MANY)]
        await asyncio.sleep(0)
        cancelled = set(chance.sample(range(MANY), MANY // 2))
        for number in cancelled:
            tasks[number].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for number, result in enumerate(results):
            if number in cancelled:
                assert isinstance(result, asyncio.CancelledError)
            else:
                assert result.id == 1  # the one row that this server has
        await settle(session)


async def test_each_gets_its_own_answer_when_half_is_cancelled(connect: Connect) -> None:
    chance = random.Random(0)
    few = 4000
    async with connect(max_requests_per_connection=50) as session:
        insert = await session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        rows = ((key, str(key)) for key in range(few))
        async for _ in session.execute_concurrent_with_args(insert, rows):
            pass
        select = await session.prepare("SELECT k FROM t WHERE k = ?")
        tasks = [asyncio.create_task(session.execute(select, (key,))) for key in range(few)]
        await asyncio.sleep(0)
        cancelled = set(chance.sample(range(few), few // 2))
        for turn, key in enumerate(cancelled):
            tasks[key].cancel()
            if turn % 200 == 0:
                await asyncio.sleep(0)  # answers come in between
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for key, result in enumerate(results):
            if isinstance(result, BaseException):
                assert isinstance(result, asyncio.CancelledError)
                assert key in cancelled
            else:
                assert result.one().k == key
        await settle(session)
