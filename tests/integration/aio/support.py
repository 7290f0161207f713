"""What the tests of the asyncio API on real nodes share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import uvloop

from cql_driver.aio import AsyncCluster, AsyncSession
from tests.integration.driver.support import defaults, new_name

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

__all__ = ["LOOPS", "connected", "in_flight", "keyspace_of", "until"]

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@asynccontextmanager
async def connected(
    nodes: Nodes, keyspace: str | None = None, *, profile: Any = None, **options: Any
) -> AsyncIterator[AsyncSession]:
    """A session of a cluster of its own, which is shut down at the end."""
    points = options.pop("contact_points", nodes.contact_points)
    # The machine that runs the tests is busy with the nodes.
    options.setdefault("connect_timeout", 30)
    options.setdefault("control_connection_timeout", 30)
    options.setdefault("max_schema_agreement_wait", 60)
    options["execution_profiles"] = defaults(**(profile or {}))
    async with AsyncCluster(points, port=nodes.port, **options) as cluster:
        yield await cluster.connect(keyspace, wait_for_all_pools=True)


@asynccontextmanager
async def keyspace_of(session: AsyncSession, replicas: int) -> AsyncIterator[str]:
    """A keyspace, dropped at the end; the session uses it meanwhile."""
    name = new_name("ks")
    before = session.keyspace
    await session.execute(
        f"CREATE KEYSPACE {name} WITH replication = "
        f"{{'class': 'NetworkTopologyStrategy', 'dc1': {replicas}}}"
    )
    try:
        await session.set_keyspace(name)
        yield name
    finally:
        if before is not None:
            await session.set_keyspace(before)
        await session.execute(f"DROP KEYSPACE {name}", timeout=60)


def in_flight(session: AsyncSession) -> int:
    """How many requests the connections of a session carry."""
    return sum(link.in_flight for pool in session.get_pools() for link in list(pool.all_links))


_PATIENCE = 60.0


async def until(condition: Callable[[], object], what: str) -> Any:
    """Wait until a condition holds and return its value; the loop goes on meanwhile."""
    deadline = time.monotonic() + _PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {_PATIENCE:g} s: {what}")
        await asyncio.sleep(0.02)
    return found
