"""Fixtures for tests of the driver on real nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from cql_driver.cluster import Session
from tests.cassandra import ClusterOptions
from tests.integration.driver.faults import some_rows
from tests.integration.driver.support import connected, in_flight, keyspace_of, new_name, until
from tests.proxy import Proxy, ProxyCluster

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes
    from tests.cassandra import ClusterPool

THREE = ClusterOptions(nodes=3)
"""The three nodes that all modules here share."""


@pytest.fixture(scope="module")
def module_session(cassandra: Nodes) -> Iterator[Session]:
    """This module's session with the one node, in a keyspace of its own."""
    with connected(cassandra) as session, keyspace_of(session, 1):
        yield session


@pytest.fixture
def session(module_session: Session) -> Iterator[Session]:
    """The module's session; the test must leave nothing in flight."""
    yield module_session
    until(lambda: in_flight(module_session) == 0, "no request in flight after the test")


@pytest.fixture
def table(session: Session) -> str:
    """A table of the test's own: ``k`` int, ``v`` text; it goes with the module's keyspace.

    A drop has the node write all it has in memory, which takes 0.2 s: once is enough.
    """
    name = new_name()
    session.execute(f"CREATE TABLE {name} (k int PRIMARY KEY, v text)")
    return name


@pytest.fixture
def three(clusters: ClusterPool) -> Nodes:
    """Three nodes, all up; a test that takes one down need not bring it back."""
    return clusters.get(THREE)


@pytest.fixture(scope="module")
def keyspace(cassandra: Nodes) -> Iterator[str]:
    """A keyspace of the one node, with a table ``t`` that has rows."""
    with some_rows(cassandra, 1) as name:
        yield name


@pytest.fixture(scope="module")
def proxies(cassandra: Nodes) -> Iterator[ProxyCluster]:
    """A proxy before the one node."""
    with ProxyCluster(cassandra) as made:
        yield made
        assert made[1].errors == []


@pytest.fixture
def proxy(proxies: ProxyCluster) -> Iterator[Proxy]:
    """The proxy before the first node; its faults end with the test."""
    yield proxies[1]
    proxies.heal()
