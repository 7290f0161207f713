"""Fixtures for tests of the asyncio API on nodes in a thread.

A test that is an ``async def`` runs on a loop of its own, once on asyncio's and once on uvloop's.
Nothing may be left on it: no task, no transport, and no error that only the loop was told of.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

from cql_driver.aio import AsyncCluster
from tests.aio.live import PATIENCE, LiveNodes
from tests.coroutines import run_test

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from cql_driver.aio import AsyncSession

    Connect = Callable[..., AbstractAsyncContextManager[AsyncSession]]

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run coroutine functions on each kind of loop."""
    if "loop_factory" in metafunc.fixturenames:
        metafunc.parametrize("loop_factory", LOOPS.values(), ids=LOOPS)


def pytest_pycollect_makeitem(collector: Any, name: str, obj: Any) -> None:
    """Give coroutine functions a loop."""
    if inspect.iscoroutinefunction(obj) and name.startswith("test"):
        pytest.mark.usefixtures("runner")(obj)


@pytest.fixture
def runner(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> Iterator[asyncio.Runner]:
    """A loop of the kind under test."""
    told: list[Any] = []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        loop = runner.get_loop()
        loop.set_exception_handler(lambda _, context: told.append(context))
        yield runner
        left = asyncio.all_tasks(loop)
        assert not left, f"tasks are left: {left}"
    gc.collect()
    assert told == []


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function."""
    return run_test(pyfuncitem, PATIENCE)


@pytest.fixture(scope="session")
def _shared_nodes() -> Iterator[LiveNodes]:
    with LiveNodes(3) as nodes:
        yield nodes


@pytest.fixture
def nodes(_shared_nodes: LiveNodes) -> Iterator[LiveNodes]:
    """Three nodes, all well; a test may do anything to them but change their schema for good."""
    _shared_nodes.heal()
    yield _shared_nodes
    _shared_nodes.heal()


@pytest.fixture
def connect(nodes: LiveNodes) -> Connect:
    """What connects to the nodes: a session of a cluster of its own, both shut down at the end."""

    @asynccontextmanager
    async def connect(keyspace: str | None = "ks", **options: Any) -> AsyncIterator[AsyncSession]:
        async with AsyncCluster(**nodes.options, **options) as cluster:
            yield await cluster.connect(keyspace, wait_for_all_pools=True)

    return connect
