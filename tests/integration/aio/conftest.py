"""Fixtures for tests of the asyncio API on real nodes.

Every test runs on asyncio's own loop and on uvloop's. A test that is an ``async def`` is run on its
module's loop, which stands still between tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.aio import AsyncSession
from tests.coroutines import run_test
from tests.integration.aio.support import LOOPS, connected, in_flight, keyspace_of, until
from tests.integration.driver.conftest import THREE
from tests.integration.driver.support import new_name

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes
    from tests.cassandra import ClusterPool


@pytest.fixture(scope="module", params=LOOPS)
def loop_factory(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes a loop of the kind under test."""
    make: Callable[[], asyncio.AbstractEventLoop] = LOOPS[request.param]
    return make


@pytest.fixture(scope="module")
def runner(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> Iterator[asyncio.Runner]:
    """The module's loop; nothing may be left on it at the end."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        yield runner
        left = asyncio.all_tasks(runner.get_loop())
        assert not left, f"tasks are left: {left}"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function."""
    return run_test(pyfuncitem)


@pytest.fixture(autouse=True)
def _with_a_loop(runner: asyncio.Runner) -> None:
    """Have the loop there for every test."""


@asynccontextmanager
async def _module_session(cassandra: Nodes) -> AsyncIterator[AsyncSession]:
    async with connected(cassandra) as session, keyspace_of(session, 1):
        yield session


@pytest.fixture(scope="module")
def module_session(runner: asyncio.Runner, cassandra: Nodes) -> Iterator[AsyncSession]:
    """This module's session with the one node, in a keyspace of its own."""
    yield from on_loop(runner, _module_session(cassandra))


def on_loop(runner: asyncio.Runner, manager: Any) -> Iterator[Any]:
    """What an asynchronous context manager gives, for a fixture to ``yield from``."""
    yield runner.run(_enter(manager))
    runner.run(_leave(manager))


async def _enter(manager: Any) -> Any:
    return await manager.__aenter__()


async def _leave(manager: Any) -> None:
    await manager.__aexit__(None, None, None)


@pytest.fixture
def session(runner: asyncio.Runner, module_session: AsyncSession) -> Iterator[AsyncSession]:
    """The module's session; the test must leave nothing in flight."""
    yield module_session
    runner.run(until(lambda: in_flight(module_session) == 0, "nothing is in flight after the test"))


@pytest.fixture
def table(runner: asyncio.Runner, session: AsyncSession) -> str:
    """A table of the test's own: ``k`` int, ``v`` text; it goes with the module's keyspace.

    A drop has the node write all it has in memory, which takes 0.2 s: once is enough.
    """
    name = new_name()

    async def execute(text: str) -> None:
        await session.execute(text)

    runner.run(execute(f"CREATE TABLE {name} (k int PRIMARY KEY, v text)"))
    return name


@pytest.fixture
def three(clusters: ClusterPool) -> Nodes:
    """Three nodes, all up; a test that takes one down need not bring it back."""
    return clusters.get(THREE)
