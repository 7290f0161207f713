"""Fixtures for tests of the mapper on a real node, the one that all suites share.

A module's models are in a keyspace of its own, where the default connection is: blocking calls
open a session of it, and so do awaited ones. A test that is an ``async def`` is run on its
module's event loop, which stands still between tests. Example::

    pytestmark = pytest.mark.usefixtures("connection")

    def test_something(session: Session) -> None:
        sync_table(User)                     # in the module's keyspace
        User.create(id=1, name="Zoë")
        assert session.execute("SELECT name FROM user WHERE id = 1").one().name == "Zoë"
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from cqlengine.connection import (
    Connection,
    aunregister_connection,
    default_keyspace,
    register_connection,
    set_default_keyspace,
)
from tests.coroutines import run_test
from tests.integration.driver.support import connected, defaults, keyspace_of

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from tests.cassandra import Cluster as Nodes


@pytest.fixture(scope="module")
def session(cassandra: Nodes) -> Iterator[Session]:
    """A plain session, to look at rows past the mapper; it uses the module's keyspace."""
    with connected(cassandra) as session, keyspace_of(session, 1):
        yield session


@pytest.fixture(scope="module")
def keyspace(session: Session) -> str:
    """The module's keyspace."""
    assert session.keyspace is not None
    return session.keyspace


@pytest.fixture(scope="module")
def options(cassandra: Nodes) -> dict[str, Any]:
    """Options with which a connection reaches the node: ``hosts`` and ``cluster_options``."""
    return {
        "hosts": cassandra.contact_points,
        "cluster_options": lambda: cluster_options(cassandra),
    }


def cluster_options(cassandra: Nodes) -> dict[str, Any]:
    """Options of a cluster with the node; the machine that runs the tests is busy with it."""
    return {
        "port": cassandra.port,
        "connect_timeout": 30,
        "control_connection_timeout": 30,
        "max_schema_agreement_wait": 60,
        "execution_profiles": defaults(),
    }


@pytest.fixture(scope="module")
def connection(
    options: dict[str, Any], keyspace: str, runner: asyncio.Runner
) -> Iterator[Connection]:
    """The default connection, lazy; models without a keyspace are in the module's."""
    before = default_keyspace()
    made = register_connection("tests", lazy_connect=True, default=True, **options)
    set_default_keyspace(keyspace)
    yield made
    set_default_keyspace(before)
    runner.run(aunregister_connection("tests"))


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """The module's event loop; nothing may be left on it at the end."""
    with asyncio.Runner() as runner:
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
