"""The one Simulacron that the tests of this folder share, and a cluster of each test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cql_driver.cluster import Cluster
from tests.servers import had
from tests.simulacron.fakes import FakeCluster, Shape
from tests.simulacron.server import Simulacron

HUNDRED = Shape({"dc1": 50, "dc2": 50})


@pytest.fixture(scope="session")
def simulacron() -> Iterator[Simulacron]:
    """The process. Skips where it cannot be had, and fails there when ``CI`` is set."""
    with had(Simulacron, "Simulacron") as server:
        yield server


@pytest.fixture(scope="session")
def keyspaces_question(simulacron: Simulacron) -> str:
    """By which statement the driver asks for keyspaces, as a node has it in its log."""
    with simulacron.cluster(Shape({"dc1": 1})) as cluster:
        with Cluster([cluster.nodes[0].address], compression=False) as probing:
            probing.connect()
        (asked,) = {s.text for s in cluster.seen() if "system_schema.keyspaces" in s.text}
    return asked


@pytest.fixture
def fakes(simulacron: Simulacron, keyspaces_question: str) -> Iterator[FakeCluster]:
    """A hundred nodes in two data centres; ``ks`` has three replicas in dc1 and two in dc2."""
    with simulacron.cluster(HUNDRED) as cluster:
        cluster.prime_keyspace(keyspaces_question, "ks", {"dc1": 3, "dc2": 2})
        yield cluster
