"""A node that has the schema of ``script.cql``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.query import dict_factory
from tests.cassandra import NO_RESTART, ClusterOptions
from tests.integration.driver.support import connected
from tests.integration.schema.cql import statements
from tests.integration.schema.random_schema import RandomSchema
from tests.integration.schema.trigger import make_trigger

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from tests.cassandra import Cluster as Nodes
    from tests.cassandra import ClusterPool

SCRIPT = [
    *statements(Path(__file__).with_name("script.cql").read_text()),
    *RandomSchema("random", seed=3).statements(tables=24),
]
"""What is applied to the first node."""
_MEMTABLES = {
    "default": {"inherits": "trie"},
    "trie": {"class_name": "TrieMemtable"},
    "Skip List": {"class_name": "SkipListMemtable"},
}


@pytest.fixture(scope="package")
def shape(tmp_path_factory: pytest.TempPathFactory) -> ClusterOptions:
    """A node on which every statement of the script is allowed."""
    triggers = make_trigger(tmp_path_factory.mktemp("trigger"))
    properties = {
        "cassandra.triggers_dir": triggers,
        "cassandra.sai.vector.allow_custom_parameters": "true",
    }
    return ClusterOptions(
        num_tokens=1,  # as transient replication wants it
        settings={
            "cdc_enabled": True,
            "drop_compact_storage_enabled": True,
            "transient_replication_enabled": True,
            "memtable": {"configurations": _MEMTABLES},
        },
        jvm=(*NO_RESTART, *(f"-D{name}={value}" for name, value in properties.items())),
    )


@pytest.fixture(scope="package")
def node(clusters: ClusterPool, shape: ClusterOptions) -> Iterator[Nodes]:
    """The first node."""
    with clusters.private(shape) as found:
        yield found


@pytest.fixture(scope="package")
def watcher(node: Nodes) -> Iterator[Session]:
    """A session that was there before the script, and knows all of the schema at any time."""
    with connected(node, eager_schema=True, schema_event_refresh_window=0.2) as session:
        yield session


@pytest.fixture(scope="package")
def original(node: Nodes, watcher: Session) -> Iterator[Session]:
    """A session with the first node, after the script was applied to it."""
    with connected(node, profile=profile()) as session:
        for statement in SCRIPT:
            session.execute(statement)
        yield session


def profile() -> dict[str, Any]:
    """Options of the sessions' profile: rows are dicts."""
    return {"row_factory": dict_factory, "request_timeout": 60.0}
