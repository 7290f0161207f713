"""Fixtures for tests of scans on nodes in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cql_driver.cluster import Cluster, Session
from cql_driver.scans.connecting import close_sessions
from tests.aio.live import LiveNodes
from tests.simulation import Rule
from tests.simulation.faults import Reaction

ROWS = 500


class PagesGiven(Reaction):
    """Answers as a healthy node does, and counts the pages of a scan that have rows."""

    def __init__(self, nodes: LiveNodes) -> None:
        super().__init__()
        self.count = 0
        for node in nodes.cluster.nodes:
            node.rules.append(Rule(self, text="token("))

    def answer(self, node: Any, connection: Any, event: Any, response: Any) -> None:
        self.count += getattr(response, "count", 0) > 0
        connection.answer(event.stream, response)


@pytest.fixture(scope="module")
def _module_nodes() -> Iterator[LiveNodes]:
    with LiveNodes(3, vnodes=4) as nodes:
        for k in range(ROWS):
            nodes.cluster.t.add(k=k, v=f"value {k}")
        nodes.cluster.store.make("ks.Odd", "a int, B text, c int", "B a", "c")
        yield nodes


@pytest.fixture
def nodes(_module_nodes: LiveNodes) -> Iterator[LiveNodes]:
    """Three nodes with `ROWS` rows in ``ks.t``: numbers from 0 on, and texts."""
    _module_nodes.heal()
    yield _module_nodes
    _module_nodes.cluster.t.empty_pages = 0
    _module_nodes.heal()


@pytest.fixture
def session(nodes: LiveNodes) -> Iterator[Session]:
    """A session in the keyspace ``ks``, whose pages have 10 rows."""
    with Cluster(**nodes.options) as cluster:
        session = cluster.connect("ks", wait_for_all_pools=True)
        session.default_fetch_size = 10
        yield session
    close_sessions()
