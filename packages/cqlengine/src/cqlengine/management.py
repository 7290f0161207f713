"""Keyspaces, tables and user types for models: made where they are missing, and kept up.

Each function has an async twin, whose name begins with a: `acreate_keyspace_simple`,
`acreate_keyspace_network_topology`, `adrop_keyspace`, `async_table`, `async_type`, `adrop_table`.

None of them takes anything away, the functions called drop aside, or changes what is there so
that data is lost: `cqlengine.migrations` plans and applies such things. They may be called again
at any time, and by several programs at once.
"""

from __future__ import annotations

from typing import NamedTuple

from cql_driver.logs import get_logger
from cqlengine.query.requests import arun, run
from cqlengine.schema import sync

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from cqlengine.named import NamedTable

    Connections = Sequence[Any] | None
    schema_columnfamilies: NamedTable

__all__ = [
    "CQLENG_ALLOW_SCHEMA_MANAGEMENT",
    "Field",
    "acreate_keyspace_network_topology",
    "acreate_keyspace_simple",
    "adrop_keyspace",
    "adrop_table",
    "async_table",
    "async_type",
    "create_keyspace_network_topology",
    "create_keyspace_simple",
    "drop_keyspace",
    "drop_table",
    "get_create_type",
    "schema_columnfamilies",
    "sync_table",
    "sync_type",
]

CQLENG_ALLOW_SCHEMA_MANAGEMENT = "CQLENG_ALLOW_SCHEMA_MANAGEMENT"
"""The environment variable by which a program says that it means to change the schema.

While it is not set, the first change is told of in the log, as a warning.
"""

log = get_logger("cqlengine.management")

_has_warned = False


class Field(NamedTuple):
    """A field of a user type: its name, and its type in CQL."""

    name: str
    type: str


def __getattr__(name: str) -> Any:
    """Make `schema_columnfamilies`, the server's table of tables, when somebody asks for it."""
    if name == "schema_columnfamilies":
        from cqlengine.named import NamedTable

        return NamedTable("system_schema", "tables")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)


def _warn_once() -> None:
    """Say once that this program changes the schema, if nobody said that it may."""
    global _has_warned
    if _has_warned:
        return
    from os import environ

    _has_warned = True
    if environ.get(CQLENG_ALLOW_SCHEMA_MANAGEMENT) is None:
        log.warning(
            "This program changes the schema. If it is meant to, set %s=1 in its environment",
            CQLENG_ALLOW_SCHEMA_MANAGEMENT,
        )


# --- keyspaces -----------------------------------------------------------------------------------


def create_keyspace_simple(
    name: str,
    replication_factor: int,
    durable_writes: bool = True,
    connections: Connections = None,
) -> None:
    """Create a keyspace with as many replicas in each data centre, if there is none.

    - `replication_factor`: the replicas of each data centre that there is now. The strategy is
      NetworkTopologyStrategy
    - `durable_writes`: whether writes go through the commit log
    - `connections`: names of connections, `Connection` objects or sessions; the default
      connection if None

    A keyspace that exists stays as it is.

    Example::

        create_keyspace_simple("shop", 3)
    """
    _warn_once()
    run(sync.create_keyspace(name, _simple(replication_factor), durable_writes, connections))


async def acreate_keyspace_simple(
    name: str,
    replication_factor: int,
    durable_writes: bool = True,
    connections: Connections = None,
) -> None:
    """Do as `create_keyspace_simple`, on asyncio."""
    _warn_once()
    replication = _simple(replication_factor)
    await arun(sync.create_keyspace(name, replication, durable_writes, connections))


def _simple(factor: int) -> dict[str, Any]:
    return {"class": "NetworkTopologyStrategy", "replication_factor": factor}


def create_keyspace_network_topology(
    name: str,
    dc_replication_map: Mapping[str, int],
    durable_writes: bool = True,
    connections: Connections = None,
) -> None:
    """Create a keyspace with as many replicas as are said for each data centre, if there is none.

    - `dc_replication_map`: the number of replicas by the name of the data centre
    - the rest is as for `create_keyspace_simple`

    Example::

        create_keyspace_network_topology("shop", {"east": 3, "west": 2})
    """
    _warn_once()
    run(sync.create_keyspace(name, _topology(dc_replication_map), durable_writes, connections))


async def acreate_keyspace_network_topology(
    name: str,
    dc_replication_map: Mapping[str, int],
    durable_writes: bool = True,
    connections: Connections = None,
) -> None:
    """Do as `create_keyspace_network_topology`, on asyncio."""
    _warn_once()
    replication = _topology(dc_replication_map)
    await arun(sync.create_keyspace(name, replication, durable_writes, connections))


def _topology(factors: Mapping[str, int]) -> dict[str, Any]:
    return {"class": "NetworkTopologyStrategy", **factors}


def drop_keyspace(name: str, connections: Connections = None) -> None:
    """Drop a keyspace with all that is in it, if there is one.

    `connections` are as for `create_keyspace_simple`.

    Example::

        drop_keyspace("shop_test")
    """
    _warn_once()
    run(sync.drop_keyspace(name, connections))


async def adrop_keyspace(name: str, connections: Connections = None) -> None:
    """Do as `drop_keyspace`, on asyncio."""
    _warn_once()
    await arun(sync.drop_keyspace(name, connections))


# --- tables ------------------------------------------------------------------------------------


def sync_table(
    model: type[Any], keyspaces: Sequence[str] | None = None, connections: Connections = None
) -> None:
    """Give a keyspace what it lacks of a model: user types, the table, columns, indexes.

    - `model`: a model of a table, or of a materialized view, whose table is made with it
    - `keyspaces`: names of keyspaces, the model's own if None
    - `connections`: as for `create_keyspace_simple`, the model's own if None

    Options of the table that the model names are changed to what it says. What the servers
    cannot change (a type, the clustering order), and what is there besides, stays; the log tells
    of it. New indexes and views are built in the background: until that is done, queries may
    fail or miss rows.

    Raises `CQLEngineException` where the primary key is another one than the model's, the
    keyspace does not exist, or an option is unknown; and what the server answers.

    Example::

        sync_table(User)
        sync_table(User, keyspaces=["shop_a", "shop_b"], connections=["east", session])
    """
    _warn_once()
    run(sync.sync_table(model, keyspaces, connections))


async def async_table(
    model: type[Any], keyspaces: Sequence[str] | None = None, connections: Connections = None
) -> None:
    """Do as `sync_table`, on asyncio.

    Example::

        await async_table(User)
    """
    _warn_once()
    await arun(sync.sync_table(model, keyspaces, connections))


def drop_table(
    model: type[Any], keyspaces: Sequence[str] | None = None, connections: Connections = None
) -> None:
    """Drop the table or view of a model with its rows, if there is one.

    The parameters are those of `sync_table`. A server refuses to drop a table that has views.

    Example::

        drop_table(User)
    """
    _warn_once()
    run(sync.drop_table(model, keyspaces, connections))


async def adrop_table(
    model: type[Any], keyspaces: Sequence[str] | None = None, connections: Connections = None
) -> None:
    """Do as `drop_table`, on asyncio."""
    _warn_once()
    await arun(sync.drop_table(model, keyspaces, connections))


# --- user types --------------------------------------------------------------------------------


def sync_type(ks_name: str, type_model: type[Any], connection: Any = None) -> None:
    """Give a keyspace what it lacks of a user type: those that it uses, the type, and fields.

    - `ks_name`: the keyspace
    - `type_model`: a class that derives from `UserType`
    - `connection`: a name, a `Connection` or a session; the default connection if None

    `sync_table` does it for the types of its columns.

    Example::

        sync_type("shop", Address)
    """
    _warn_once()
    run(sync.sync_type(ks_name, type_model, connection))


async def async_type(ks_name: str, type_model: type[Any], connection: Any = None) -> None:
    """Do as `sync_type`, on asyncio."""
    _warn_once()
    await arun(sync.sync_type(ks_name, type_model, connection))


def get_create_type(type_model: type[Any], keyspace: str) -> str:
    """Return the CREATE TYPE of a user type.

    Example::

        print(get_create_type(Address, "shop"))
    """
    from cqlengine.schema.wanted import create_type

    return create_type(type_model, keyspace)
