"""Fixtures for tests of connections on nodes in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cql_driver.cluster import Cluster, Session
from cqlengine.connection import registry
from tests.aio.live import LiveNodes
from tests.simulation import Drop, Rule


@pytest.fixture(scope="package")
def _shared_node() -> Iterator[LiveNodes]:
    with LiveNodes(1) as nodes:
        yield nodes


@pytest.fixture
def nodes(_shared_node: LiveNodes) -> Iterator[LiveNodes]:
    """One node, which is well; its table ``ks.t`` has the row ``k`` 1, ``v`` a."""
    _shared_node.heal()
    _shared_node.call(lambda: _shared_node.cluster.t.add(k=1, v="a"))
    yield _shared_node
    _shared_node.heal()


@pytest.fixture
def options(nodes: LiveNodes) -> dict[str, Any]:
    """Parameters of a cluster that reaches the node, but for the contact points."""
    return {name: value for name, value in nodes.options.items() if name != "contact_points"}


@pytest.fixture
def hosts(nodes: LiveNodes) -> list[str]:
    """The contact points."""
    found: list[str] = nodes.options["contact_points"]
    return found


@pytest.fixture
def plain(nodes: LiveNodes) -> Iterator[Session]:
    """A session of the application's, in the keyspace ``ks``."""
    with Cluster(**nodes.options) as cluster, cluster.connect("ks") as session:
        yield session


@pytest.fixture
def messages(nodes: LiveNodes) -> list[Any]:
    """The requests that the node was sent, statements and PREPARE alike."""
    from cql_protocol import Batch, Execute, Prepare, Query

    seen: list[Any] = []
    watch = Rule(
        Drop(),
        message=(Batch, Execute, Prepare, Query),
        where=lambda event: seen.append(event.message),  # None: it is answered as ever
    )
    nodes[1].rules.append(watch)
    return seen


@pytest.fixture(autouse=True)
def _nothing_registered() -> Iterator[None]:
    """Begin and end without any connection."""
    assert not registry._connections
    assert registry.default_keyspace() is None
    yield
    for name in list(registry._connections):
        registry.unregister_connection(name)
    registry.set_default_keyspace(None)
