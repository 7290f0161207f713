"""User types that the blocking clusters of connections read as objects of a class.

Models need none of it: they read and write values of user types by themselves. It is for
statements that an application runs past its models.
"""

from __future__ import annotations

from collections import defaultdict

from cql_driver.errors import UserTypeDoesNotExist
from cql_driver.logs import get_logger

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.cluster import Cluster

__all__ = ["register_all", "register_udt", "udt_by_keyspace"]

log = get_logger("cqlengine.connection")

udt_by_keyspace: defaultdict[str, dict[str, type]] = defaultdict(dict)
"""For each keyspace the classes by the names of their user types."""


def register_udt(keyspace: str, type_name: str, klass: type, connection: Any = None) -> None:
    """Have rows that `execute` returns carry objects of `klass` for a user type.

    It is made with the fields as keywords. What is registered holds for clusters that
    connections open from now on, and for that of `connection` (see `find_connection`; None for
    the default) if it is connected. A type that is not there yet is registered when a
    connection is opened after it was created.

    Example::

        register_udt("shop", "address", Address)
    """
    from cqlengine.connection.registry import known_connection

    udt_by_keyspace[keyspace][type_name] = klass
    found = known_connection(connection)
    if found is not None and found.cluster is not None and found.is_blocking:
        _register(found.cluster, keyspace, type_name, klass)


def register_all(cluster: Cluster) -> None:
    """Register what `register_udt` was given with a cluster that was connected."""
    for keyspace, types in list(udt_by_keyspace.items()):
        for type_name, klass in list(types.items()):
            _register(cluster, keyspace, type_name, klass)


def _register(cluster: Cluster, keyspace: str, type_name: str, klass: type) -> None:
    try:
        cluster.register_user_type(keyspace, type_name, klass)
    except UserTypeDoesNotExist as exc:
        log.debug("User type %s.%s is not registered yet: %s", keyspace, type_name, exc)
