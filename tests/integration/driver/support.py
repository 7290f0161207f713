"""What the tests of the driver on real nodes share."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

__all__ = [
    "REACTOR",
    "callbacks_wait",
    "connected",
    "defaults",
    "in_flight",
    "keyspace_of",
    "new_name",
    "until",
]

REACTOR = os.environ.get("CQL_DRIVER_REACTOR") or "selector"
"""The event loop that these tests run on; `make reactors` has them run on each."""

callbacks_wait = pytest.mark.skipif(
    REACTOR in ("asyncio", "twisted"),
    reason=f"a callback runs on the loop of {REACTOR}, where nothing may wait",
)
"""For tests in which a callback waits for the driver."""


def defaults(**choices: Any) -> dict[Any, ExecutionProfile]:
    """Execution profiles of one: what requests use that name none."""
    choices.setdefault("request_timeout", 30.0)
    return {EXEC_PROFILE_DEFAULT: ExecutionProfile(**choices)}


@contextmanager
def connected(
    nodes: Nodes, keyspace: str | None = None, *, profile: Any = None, **options: Any
) -> Iterator[Session]:
    """A session of a cluster of its own, which is shut down at the end."""
    points = options.pop("contact_points", nodes.contact_points)
    if REACTOR in ("asyncio", "twisted"):
        options.pop("background_thread", None)  # they cannot do without
    # The machine that runs the tests is busy with the nodes.
    options.setdefault("connect_timeout", 30)
    options.setdefault("control_connection_timeout", 30)
    options.setdefault("max_schema_agreement_wait", 60)
    options["execution_profiles"] = defaults(**(profile or {}))
    with Cluster(points, port=nodes.port, **options) as cluster:
        yield cluster.connect(keyspace, wait_for_all_pools=True)


def new_name(prefix: str = "t") -> str:
    """A name that nothing else has."""
    return f"{prefix}_{uuid.uuid4().hex[:12]}"


@contextmanager
def keyspace_of(session: Session, replicas: int, name: str | None = None) -> Iterator[str]:
    """A keyspace, dropped at the end; the session uses it meanwhile."""
    name = name or new_name("ks")
    before = session.keyspace
    session.execute(
        f'CREATE KEYSPACE "{name}" WITH replication = '
        f"{{'class': 'NetworkTopologyStrategy', 'dc1': {replicas}}}"
    )
    try:
        session.set_keyspace(name)
        yield name
    finally:
        if before is not None:
            session.set_keyspace(before)
        session.execute(f'DROP KEYSPACE "{name}"', timeout=60)


def in_flight(session: Session) -> int:
    """How many requests the connections of a session carry."""
    return sum(link.in_flight for pool in session.get_pools() for link in list(pool.all_links))


def until(condition: Callable[[], object], what: str, timeout: float = 60.0) -> Any:
    """Wait until a condition holds and return its value.

    There is no event to wait for where a server does something by itself.
    """
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(0.02)
    return found


def prepared_rows(session: Session, text: str) -> list[Any]:
    """What a node knows of a prepared text: its id, and the keyspace in use then."""
    rows = session.execute("SELECT * FROM system.prepared_statements").all()
    return [row for row in rows if row.query_string == text]
