"""How clusters are made of what is given for a connection."""

from __future__ import annotations

import sys

from cqlengine.errors import CQLEngineException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.aio import AsyncCluster
    from cql_driver.cluster import Cluster
    from cqlengine.connection.connections import Connection

__all__ = [
    "check_options",
    "is_awaited",
    "is_blocking",
    "new_async_cluster",
    "new_cluster",
    "options_of",
]

_CREDENTIALS = ("username", "password")
_BLOCKING_ONLY = (
    "background_thread",
    "connection_class",
    "reactor",
    "reconnect_after_fork",
    "runtime",
)
"""Options that a cluster on an event loop refuses, as they choose what blocking calls run on."""

PATIENCE = 10.0
"""Seconds for which a connection that retries waits for a first node."""


def options_of(connection: Connection) -> dict[str, Any]:
    """Return the options for a new cluster, a dict of its own."""
    options: Any = connection.cluster_options
    if callable(options):
        options = options()
    try:
        return dict(options)
    except (TypeError, ValueError):
        raise CQLEngineException(
            f"cluster_options={options!r}: give a dict of parameters of Cluster, or a function "
            "that returns one"
        ) from None


def check_options(options: dict[str, Any]) -> None:
    """Refuse what a cluster would not take, before anything is opened."""
    for name in _CREDENTIALS:
        if name in options:
            raise CQLEngineException(
                f"{name} is no parameter of a cluster: give auth_provider="
                "PlainTextAuthProvider(username, password), of cql_driver.auth"
            )
    if "contact_points" in options:
        raise CQLEngineException("contact_points are given as hosts of the connection")


def is_blocking(session: object) -> bool:
    """Whether calls of a session block."""
    from cql_driver.cluster import Session

    return isinstance(session, Session)


def is_awaited(session: object) -> bool:
    """Whether calls of a session are awaited on asyncio; does not load it."""
    aio = sys.modules.get("cql_driver.aio.session")
    return aio is not None and isinstance(session, aio.AsyncSession)


def new_cluster(connection: Connection) -> Cluster:
    """Return a cluster for blocking calls, not yet connected."""
    from cql_driver.cluster import Cluster

    options = _options(connection)
    # What a child of a server process has of its parent connects anew by itself.
    options.setdefault("reconnect_after_fork", True)
    made: Cluster = _make(Cluster, connection, options)
    return made


def new_async_cluster(connection: Connection) -> AsyncCluster:
    """Return a cluster for the running event loop, not yet connected."""
    from cql_driver.aio import AsyncCluster

    options = _options(connection)
    for name in _BLOCKING_ONLY:
        options.pop(name, None)
    made: AsyncCluster = _make(AsyncCluster, connection, options)
    return made


def _options(connection: Connection) -> dict[str, Any]:
    options = options_of(connection)
    check_options(options)
    if connection.retry_connect:
        options.setdefault("wait_for_cluster", PATIENCE)
    further = any(not cluster.is_shutdown for cluster in connection.clusters)
    if further and not callable(connection.cluster_options):
        _take_policies_apart(options)
    profiles = options.get("execution_profiles")
    if connection.consistency is not None and profiles:
        # A profile of the application's is not changed: this cluster has a copy.
        from cql_driver.cluster import EXEC_PROFILE_DEFAULT

        profiles = options["execution_profiles"] = dict(profiles)
        if EXEC_PROFILE_DEFAULT in profiles:
            profiles[EXEC_PROFILE_DEFAULT] = profiles[EXEC_PROFILE_DEFAULT].clone()
    return options


def _take_policies_apart(options: dict[str, Any]) -> None:
    """Have one more cluster share no load-balancing policy with those that are open.

    A policy keeps the hosts of one cluster. Where a profile has the default one, its copy gets
    another; one that the application has made cannot be copied.
    """
    from cql_driver.policies import default_lbp_factory

    given = options.get("load_balancing_policy")
    copies = {}
    for name, profile in (options.get("execution_profiles") or {}).items():
        copies[name] = profile.clone()
        if profile._lbp_explicit:
            given = profile.load_balancing_policy
        else:
            copies[name].load_balancing_policy = default_lbp_factory()
    if given is not None:
        raise CQLEngineException(
            f"cluster_options has a {type(given).__name__}, which is for one cluster alone, and "
            "the connection opens one for blocking calls and one for each event loop: give "
            "register_connection(..., cluster_options=f), a function that makes the options anew"
        )
    if copies:
        options["execution_profiles"] = copies


def _make(kind: Any, connection: Connection, options: dict[str, Any]) -> Any:
    """Make a cluster whose plain requests have the connection's consistency level, too."""
    cluster = kind(**options) if connection.hosts is None else kind(connection.hosts, **options)
    connection.clusters.add(cluster)
    if connection.consistency is not None:
        cluster.profile_manager.default.consistency_level = connection.consistency
    return cluster
