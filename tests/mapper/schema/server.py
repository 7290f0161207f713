"""A server in the process that answers the steps of `cqlengine.schema.sync`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cql_protocol.errors import InvalidRequest
from tests.mapper.schema.support import live_of

if TYPE_CHECKING:
    from cqlengine.query.requests import Request, Steps
    from cqlengine.schema import LiveKeyspace

__all__ = ["Server"]

_NO_ROWS = {
    "tables": (
        "keyspace_name",
        "table_name",
        "flags",
        *("comment", "gc_grace_seconds", "default_time_to_live"),
    ),
}


class _Answer:
    def __init__(self, rows: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
        self.column_names = list(rows[0]) if rows else list(names)
        self.current_rows = [tuple(row.values()) for row in rows]


class Server:
    """Has the schema of `models`, in keyspace ``shop``, until a statement changes it.

    - `changes`: what there is after a statement that begins so, a list of models; or an
      exception that it is answered with. Each is used once
    - `statements`: what was run
    """

    def __init__(self, *models: Any, without: Sequence[str] = ()) -> None:
        self.models: list[Any] | None = list(models)
        self.types: tuple[Any, ...] = ()
        self.changes: list[tuple[str, Any]] = []
        self.statements: list[str] = []
        self.without = without
        self.connections: list[Any] = []

    def on(self, beginning: str, what: Any) -> None:
        """Have a statement change the schema, or fail."""
        self.changes.append((beginning, what))

    def run(self, steps: Steps[Any]) -> Any:
        """Carry out steps; return what they return."""
        result: Any = None
        step: Callable[[Any], Request] = steps.send
        try:
            while True:
                request = step(result)
                try:
                    result, step = self.answer(request), steps.send
                except Exception as exc:  # noqa: BLE001 - as the mapper's own run does
                    result, step = exc, steps.throw
        except StopIteration as stop:
            return stop.value

    def answer(self, request: Request) -> _Answer:
        """Answer one request."""
        self.connections.append(request.connection)
        assert not request.prepared
        text = request.text
        if text.startswith("SELECT * FROM system_schema."):
            table = text.split()[3].partition(".")[2]
            if table in self.without or not hasattr(self, f"_{table}"):
                raise InvalidRequest(f"unconfigured table {table}")
            return _Answer(self._rows(table), _NO_ROWS.get(table, ()))
        self.statements.append(text)
        for number, (beginning, what) in enumerate(self.changes):
            if text.startswith(beginning):
                del self.changes[number]
                if isinstance(what, tuple):
                    what, self.models = what
                if isinstance(what, Exception):
                    raise what
                self.models = what
                break
        return _Answer((), ())

    def _rows(self, table: str) -> list[dict[str, Any]]:
        if self.models is None:
            return []
        live = live_of(*self.models, types=self.types)
        found: list[dict[str, Any]] = getattr(self, f"_{table}")(live)
        return found

    def _keyspaces(self, live: LiveKeyspace) -> list[dict[str, Any]]:
        replication = {"class": "org.apache.cassandra.locator.NetworkTopologyStrategy", "dc1": "3"}
        return [{"keyspace_name": "shop", "durable_writes": True, "replication": replication}]

    def _tables(self, live: LiveKeyspace) -> list[dict[str, Any]]:
        options = {"comment": "", "gc_grace_seconds": 864000, "default_time_to_live": 0}
        return [
            {
                "keyspace_name": "shop",
                "table_name": name,
                "flags": {"compound"},
                **options,
                **table.options,
            }
            for name, table in live.tables.items()
        ]

    def _columns(self, live: LiveKeyspace) -> list[dict[str, Any]]:
        rows = []
        for name, table in live.tables.items():
            for column in table.columns.values():
                kind, place = "static" if column.is_static else "regular", -1
                for key, columns in (
                    ("partition_key", table.partition_key),
                    ("clustering", table.clustering_key),
                ):
                    if column in columns:
                        kind, place = key, columns.index(column)
                rows.append(
                    {
                        "keyspace_name": "shop",
                        "table_name": name,
                        "column_name": column.name,
                        "clustering_order": "desc" if column.is_reversed else "asc",
                        "kind": kind,
                        "position": place,
                        "type": column.cql_type,
                    }
                )
        return rows

    def _types(self, live: LiveKeyspace) -> list[dict[str, Any]]:
        return [
            {
                "keyspace_name": "shop",
                "type_name": name,
                "field_names": found.field_names,
                "field_types": found.field_types,
            }
            for name, found in live.user_types.items()
        ]

    def _indexes(self, live: LiveKeyspace) -> list[dict[str, Any]]:
        return [
            {
                "keyspace_name": "shop",
                "table_name": index.table_name,
                "index_name": index.name,
                "kind": index.kind,
                "options": index.index_options,
            }
            for index in live.contents.indexes.values()
        ]

    def _views(self, live: LiveKeyspace) -> list[dict[str, Any]]:
        return []
