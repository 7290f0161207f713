"""Three nodes of which one dies, comes back, hangs, under the load of many tasks."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import ConsistencyLevel, DriverException, OperationTimedOut
from cql_driver.aio import AsyncSession
from cql_driver.policies import ConstantReconnectionPolicy
from tests.integration.aio.support import connected, in_flight, keyspace_of, until

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

pytestmark = [pytest.mark.once, pytest.mark.slow]

OFTEN = ConstantReconnectionPolicy(0.2, None)
KEYS = 200
TIMEOUT = 10.0


class Load:
    """Tasks that read and write while the block runs: each answer must be right and in time."""

    def __init__(self, session: AsyncSession, tasks: int = 40) -> None:
        self.session = session
        self.done: Counter[str] = Counter()
        self.errors: list[BaseException] = []
        self.wrong: list[object] = []
        self.slowest = 0.0
        self._stop = asyncio.Event()
        self._count = tasks
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Load:
        self._read = await self.session.prepare("SELECT k, v FROM t WHERE k = ?")
        self._write = await self.session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        for statement in (self._read, self._write):
            statement.is_idempotent = True
            statement.consistency_level = ConsistencyLevel.QUORUM
        self._tasks = [asyncio.create_task(self._run(n)) for n in range(self._count)]
        return self

    async def _run(self, number: int) -> None:
        chosen = random.Random(number)
        while not self._stop.is_set():
            k = chosen.randrange(KEYS)
            started = time.monotonic()
            try:
                if chosen.random() < 0.2:
                    await self.session.execute(self._write, (k, f"v{k}"), timeout=TIMEOUT)
                    self.done["written"] += 1
                else:
                    result = await self.session.execute(self._read, (k,), timeout=TIMEOUT)
                    self.done["read"] += 1
                    if [tuple(row) for row in result] != [(k, f"v{k}")]:
                        self.wrong.append((k, result.current_rows))
            except DriverException as error:
                self.errors.append(error)
            self.slowest = max(self.slowest, time.monotonic() - started)
            # The pause leaves the processor to the node that starts.
            await asyncio.sleep(0.05)

    async def go_on(self, count: int = 200) -> None:
        """Wait until so many more requests have succeeded."""
        before = self.done.total()
        await until(lambda: self.done.total() >= before + count, f"{count} more requests")

    async def __aexit__(self, *args: object) -> None:
        self._stop.set()
        async with asyncio.timeout(TIMEOUT + 10):
            await asyncio.gather(*self._tasks)
        assert self.wrong == []
        assert self.slowest < TIMEOUT + 2


async def _filled(session: AsyncSession) -> None:
    await session.execute("CREATE TABLE t (k int PRIMARY KEY, v text)")
    insert = await session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
    insert.consistency_level = ConsistencyLevel.ALL
    pairs = [(k, f"v{k}") for k in range(KEYS)]
    async for _ in session.execute_concurrent_with_args(insert, pairs):
        pass


def host_of(session: AsyncSession, address: str) -> Any:
    host = session.cluster.metadata.get_host(address)
    assert host is not None
    return host


async def test_a_node_is_killed_hangs_and_comes_back(three: Nodes) -> None:
    """The one that the control connection is at."""
    victim = three.nodes[1]
    async with (
        connected(
            three,
            contact_points=[victim.address],
            reconnection_policy=OFTEN,
            status_event_refresh_window=0,
        ) as session,
        keyspace_of(session, 3),
    ):
        await _filled(session)
        host = host_of(session, victim.address)
        async with Load(session) as load:
            await load.go_on()
            await asyncio.to_thread(victim.kill)
            await until(lambda: host.is_up is False, "the host is held to be down")
            await load.go_on()
            await asyncio.to_thread(victim.start)
            await until(lambda: host.is_up, "the host is held to be up")
            await until(lambda: _linked(session, host), "it is connected again")
            await load.go_on()
            # Nothing is lost: at QUORUM two nodes answer, and what is idempotent is asked again.
            assert load.errors == []
            victim.hang()
            try:
                await asyncio.sleep(2)
                await load.go_on(50)
            finally:
                victim.resume()
            await load.go_on()
        # What the node had been asked before it was found to hang may have waited to the end.
        assert {type(error) for error in load.errors} <= {OperationTimedOut}
        await until(lambda: in_flight(session) == 0, "nothing is in flight")
        result = await session.execute("SELECT k, v FROM t")
        assert {row.k: row.v async for row in result} == {k: f"v{k}" for k in range(KEYS)}


def _linked(session: AsyncSession, host: Any) -> bool:
    return any(pool.host is host and pool.links for pool in session.get_pools())


async def test_levels_of_three_nodes(three: Nodes) -> None:
    async with connected(three) as session, keyspace_of(session, 3):
        await _filled(session)
        insert = await session.prepare("INSERT INTO t (k, v) VALUES (1, 'v1')")
        names = ("ANY", "ONE", "TWO", "THREE", "QUORUM", "ALL", "EACH_QUORUM", "LOCAL_QUORUM")
        for name in names:
            bound = insert.bind(())
            bound.consistency_level = ConsistencyLevel.name_to_value[name]
            trace = await (await session.execute(bound, trace=True)).get_query_trace(30)
            assert trace is not None
            assert trace.parameters is not None
            assert trace.parameters["consistency_level"] == name
        hosts = {
            (await session.execute("SELECT * FROM system.local", host=host)).one().host_id
            for host in session.hosts
        }
        assert len(hosts) == 3
