"""The connections that models use: registered by name, or given with a query.

Example::

    from cqlengine import connection

    connection.setup(["10.0.0.1"], "shop")                    # what models use by default
    connection.register_connection("reports", ["10.1.0.1"])   # Sale.using(connection="reports")

Blocking verbs run by one `Session` of each connection, awaited ones by an `AsyncSession` of each
event loop; both are opened as they are needed. `session` and `cluster` are those of the default
connection, None as long as there are none.
"""

from __future__ import annotations

from cql_protocol._lazy import lazily
from cqlengine.connection import registry as _registry

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.cluster.profiles import NOT_SET
    from cqlengine.connection.connections import Connection, log
    from cqlengine.connection.executing import aexecute, execute, format_log_context
    from cqlengine.connection.registry import (
        DEFAULT_CONNECTION,
        aclose_all,
        aget_session,
        aunregister_connection,
        default,
        default_keyspace,
        find_connection,
        get_cluster,
        get_connection,
        get_session,
        register_connection,
        set_default_connection,
        set_default_keyspace,
        set_session,
        setup,
        unregister_connection,
    )
    from cqlengine.connection.types import register_udt, udt_by_keyspace
    from cqlengine.errors import CQLEngineException, UndefinedKeyspaceException

    cluster: Any
    session: Any

__all__ = [
    "DEFAULT_CONNECTION",
    "NOT_SET",
    "CQLEngineException",
    "Connection",
    "UndefinedKeyspaceException",
    "aclose_all",
    "aexecute",
    "aget_session",
    "aunregister_connection",
    "default",
    "default_keyspace",
    "execute",
    "find_connection",
    "format_log_context",
    "get_cluster",
    "get_connection",
    "get_session",
    "log",
    "register_connection",
    "register_udt",
    "set_default_connection",
    "set_default_keyspace",
    "set_session",
    "setup",
    "udt_by_keyspace",
    "unregister_connection",
]

_load, __dir__ = lazily(
    __name__,
    {
        "cql_driver.cluster.profiles": "NOT_SET",
        "cqlengine.connection.connections": "Connection log",
        "cqlengine.connection.executing": "aexecute execute format_log_context",
        "cqlengine.connection.registry": " ".join(_registry.__all__),
        "cqlengine.connection.types": "register_udt udt_by_keyspace",
        "cqlengine.errors": "CQLEngineException UndefinedKeyspaceException",
    },
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in ("cluster", "session"):
            # Never kept: which connection is the default may change at any time.
            found = _registry.known_connection()
            return None if found is None else getattr(found, name)
        return _load(name)
