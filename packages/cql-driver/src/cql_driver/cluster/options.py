"""`Options`: for type checkers, the parameters of `Cluster` that stand behind ``**options``."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cql_driver.core.observers import Observer
    from cql_driver.core.runtime import Runtime
    from cql_driver.policies import SickNodePolicy

__all__ = ["Options"]


class Options(TypedDict, total=False):
    """Parameters of `Cluster` that other drivers do not have; all by keyword."""

    reactor: str | None
    """The event loop: ``"selector"``, or the name of a plugin."""
    background_thread: bool
    """False: no thread; heartbeats and callbacks come only while a caller waits."""
    reconnect_after_fork: bool
    """Connect anew in a forked child, instead of raising `ForkedError`."""
    observers: Sequence[Observer]
    """Who watches requests and connections, see `cql_driver.metrics`."""
    connections_per_host: int
    """Connections of a session to each node, 1."""
    max_connections_per_host: int
    """How many there may become when they are full, 4."""
    max_requests_per_connection: int
    """Requests in flight on one connection, 2048; beyond, they wait."""
    max_waiting_requests: int
    """Requests of a session that may wait, 131,072; beyond, `ClientOverloaded`."""
    overload: str
    """``"wait"``, or ``"raise"`` to have `ClientOverloaded` at once when all are full."""
    orphan_threshold: int
    """Unanswered timed-out requests above which a connection is replaced, 1024."""
    eager_schema: bool
    """Fetch what is in all keyspaces when connecting, and follow it."""
    schema_keyspaces: Sequence[str] | None
    """The names of those that `eager_schema` and schema listeners are about; None: all."""
    prepared_cache_size: int
    """Prepared statements that are remembered, 5000."""
    sick_node_policy: SickNodePolicy | None
    """When a node counts as sick and others are asked first; None: never."""
    wait_for_cluster: float | None
    """Seconds for which `connect` goes on trying while no node lets it in; None: one try."""
    runtime: Runtime | None
    """An event loop made by the caller, which starts and stops it; for tests."""
