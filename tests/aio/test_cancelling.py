"""What is cancelled is given up, and nothing else is."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest

from cql_protocol.messages import Execute, Prepare
from tests.simulation import Delay, Drop, Rule

if TYPE_CHECKING:
    from tests.aio.conftest import Connect
    from tests.aio.live import LiveNodes

INSERT = "INSERT INTO t (k, v) VALUES (?, ?)"


def owed(session: Any) -> tuple[int, int]:
    """How many requests are in flight, and how many orphans there are."""
    links = [link for pool in session.get_pools() for link in pool.all_links]
    return sum(link.in_flight for link in links), sum(link.orphans for link in links)


async def until(session: Any, wanted: tuple[int, int]) -> None:
    """Wait until so many requests and orphans are owed."""
    while owed(session) != wanted:  # noqa: ASYNC110 - of the nodes
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("way", ["execute", "execute_async"])
async def test_a_request_leaves_an_orphan_alone(
    connect: Connect, nodes: LiveNodes, way: str
) -> None:
    async with connect() as session:
        select = await session.prepare("SELECT v FROM t WHERE k = ?")
        for node in nodes.cluster.nodes:
            node.rules.append(Rule(Delay(0.3), message=Execute, times=1))
        await until(session, (0, 0))  # it is prepared on the other nodes, too
        waiting = asyncio.ensure_future(getattr(session, way)(select, (1,)))
        await until(session, (1, 0))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0)  # a future tells that it was cancelled in the next turn
        assert owed(session) == (0, 1)
        await session.execute(select, (1,))
        await until(session, (0, 0))
        assert all(not pool.retiring for pool in session.get_pools())


async def test_half_of_many_at_random(connect: Connect, nodes: LiveNodes) -> None:
    async with connect() as session:
        insert, chance = await session.prepare(INSERT), random.Random(1)
        select = await session.prepare("SELECT v FROM t WHERE k = ?")
        keys = range(5000, 5500)
        tasks = [asyncio.create_task(session.execute(insert, (k, str(k)))) for k in keys]
        for turn in range(4):
            await asyncio.sleep(0)
            for task in chance.sample(tasks[turn::4], 60):
                task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        left = [k for k, one in zip(keys, done, strict=True) if not isinstance(one, BaseException)]
        assert len(left) >= 250
        for key in left:
            assert (await session.execute(select, (key,))).one().v == str(key)


async def test_a_cancelled_leader_leaves_the_others_their_statement(
    connect: Connect, nodes: LiveNodes
) -> None:
    async with connect(prepare_on_all_hosts=False) as session:
        for node in nodes.cluster.nodes:
            node.rules.append(Rule(Drop(), message=Prepare, times=1))
        text = "SELECT k, v FROM t WHERE k = ?"
        tasks = [asyncio.create_task(session.prepare(text)) for _ in range(5)]
        await asyncio.sleep(0.02)
        tasks[0].cancel()
        tasks[3].cancel()
        nodes.heal()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        kinds = [isinstance(one, asyncio.CancelledError) for one in done]
        assert kinds == [True, False, False, True, False]
        assert len({one.state for one in done if not isinstance(one, BaseException)}) == 1


async def test_other_waits(connect: Connect, nodes: LiveNodes) -> None:
    async with connect() as session:
        for node in nodes.cluster.nodes:
            nodes.call(node.hang)
        for call in (
            lambda: session.wait_for_schema_agreement(30),
            session.cluster.refresh_nodes,
            lambda: session.cluster.refresh_keyspace_metadata("ks"),
            lambda: session.set_keyspace("ks"),
            lambda: session.execute("SELECT v FROM t WHERE k = ? AND v = 'a'", (1,)),
        ):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await call()
        assert not session.pools.engine.runtime._procedures  # type: ignore[attr-defined]
        nodes.heal()
        await session.cluster.refresh_nodes()
        await session.cluster.refresh_keyspace_metadata("ks")
        assert await session.wait_for_schema_agreement(5)
        await session.execute("SELECT v FROM t WHERE k = 1")
