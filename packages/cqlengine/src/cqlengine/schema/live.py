"""What is in a keyspace, as the servers tell it just now.

It is asked for with every call, rather than looked up in the metadata of a session: a session
may be told to keep none, an async one cannot load it where it is looked at, and what another
program has just changed may not be in it yet. The rows become the driver's own entities.
"""

from __future__ import annotations

from cql_driver.metadata.parser import read_contents
from cql_driver.metadata.replication import replication_strategy
from cql_driver.metadata.schema import KeyspaceContents
from cql_protocol.enums import ConsistencyLevel
from cql_protocol.errors import RequestValidationException
from cql_protocol.identifiers import quote_text
from cqlengine.query.requests import Request
from cqlengine.schema.options import known_options

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cql_driver.metadata.replication import ReplicationStrategy
    from cql_driver.metadata.schema import MaterializedViewMetadata, TableMetadata, UserType
    from cqlengine.query.requests import Steps

__all__ = ["LiveKeyspace", "TIMEOUT", "read_keyspace"]

TIMEOUT = 60.0
"""Seconds that a statement about the schema may take: the nodes have to agree on it."""

_NEEDED = ("tables", "columns")
_OTHERS = ("types", "indexes", "views", "scylla_tables")


class LiveKeyspace:
    """What a keyspace has, at the time when it was asked for.

    - `name`: the keyspace's name
    - `exists`: whether there is such a keyspace
    - `replication`: how it is replicated, None if it does not exist
    - `durable_writes`: whether writes go through the commit log
    - `contents`: the driver's entities by name: `tables`, `views`, `user_types`, `indexes`
    - `options`: the options of tables that the server knows; empty if it was not asked
    """

    __slots__ = ("contents", "durable_writes", "exists", "name", "options", "replication")

    def __init__(
        self,
        name: str,
        replication: ReplicationStrategy | None = None,
        durable_writes: bool = True,
        contents: KeyspaceContents | None = None,
        options: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self.exists = replication is not None
        self.replication = replication
        self.durable_writes = durable_writes
        self.contents = KeyspaceContents() if contents is None else contents
        self.options = options

    @property
    def tables(self) -> Mapping[str, TableMetadata]:
        """The tables by name."""
        return self.contents.tables

    @property
    def views(self) -> Mapping[str, MaterializedViewMetadata]:
        """The materialized views by name."""
        return self.contents.views

    @property
    def user_types(self) -> Mapping[str, UserType]:
        """The user types by name."""
        return self.contents.user_types

    def __repr__(self) -> str:
        return f"<LiveKeyspace {self.name}{'' if self.exists else ' (there is none)'}>"


def read_keyspace(name: str, connection: Any = None) -> Steps[LiveKeyspace]:
    """Ask a node what is in a keyspace.

    These are steps for `cqlengine.query.requests.run` or `arun`. A keyspace that does not exist
    is empty.
    """
    answer = yield _asking("keyspaces", name, connection)
    found = _as_rows(answer)
    rows: dict[str, list[dict[str, Any]]] = {}
    options: frozenset[str] = frozenset()
    for table in _NEEDED:
        answer = yield _asking(table, name, connection)
        rows[table] = _as_rows(answer)
        if table == "tables":
            options = known_options(answer.column_names or ())
    for table in _OTHERS:
        try:
            answer = yield _asking(table, name, connection)
        except RequestValidationException:
            continue  # this server has no such table, or does not show it to us
        rows[table] = _as_rows(answer)
    if not found:
        return LiveKeyspace(name, options=options)
    return LiveKeyspace(
        name,
        replication_strategy(dict(found[0].get("replication") or {})),
        bool(found[0].get("durable_writes", True)),
        read_contents(name, rows),
        options,
    )


def _asking(table: str, keyspace: str, connection: Any) -> Request:
    return Request(
        f"SELECT * FROM system_schema.{table} WHERE keyspace_name = {quote_text(keyspace)}",
        connection=connection,
        consistency=ConsistencyLevel.ONE,  # every node has all of it
        timeout=TIMEOUT,
        fetch_size=None,
        is_idempotent=True,
        prepared=False,
    )


def _as_rows(answer: Any) -> list[dict[str, Any]]:
    names = answer.column_names or ()
    return [dict(zip(names, row, strict=True)) for row in answer.current_rows]
