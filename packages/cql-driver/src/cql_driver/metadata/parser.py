"""`read_contents`: rows of the server's schema tables as entities.

The tables are those of ``system_schema`` since Cassandra 3.0, of ScyllaDB, and of
``system_virtual_schema``. What a server does not have is taken as not there; what cannot be read
is told in the log and in the export, and takes nothing else with it.
"""

from __future__ import annotations

import re

from cql_driver.logs import get_logger
from cql_driver.metadata.schema import (
    Aggregate,
    ColumnMetadata,
    Function,
    IndexMetadata,
    KeyspaceContents,
    MaterializedViewMetadata,
    TableMetadata,
    TriggerMetadata,
    UserType,
)
from cql_protocol.identifiers import protect_name, quote_text
from cql_protocol.types.parse_cql import parse_cql_type
from cql_protocol.types.tables import TYPES_BY_NAME

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Row = Mapping[str, Any]

__all__ = ["read_contents"]

log = get_logger("cql_driver.metadata")

_NO_OPTIONS = {
    *("keyspace_name", "table_name", "view_name", "id", "flags", "extensions"),
    *("base_table_id", "base_table_name", "include_all_columns", "where_clause"),
}
"""Columns of the tables of tables and views that are no options."""
_OPTIONS_OF_SCYLLA = ("cdc", "in_memory")


def read_contents(
    keyspace: str, rows: Mapping[str, Sequence[Row]], *, virtual: bool = False
) -> KeyspaceContents:
    """Return what the rows tell of a keyspace, or of the part of it that was asked for.

    `rows` are by the name of their table: ``tables``, ``columns``, ``types``, ``functions``,
    ``aggregates``, ``indexes``, ``triggers``, ``views``, ``column_masks``, ``scylla_tables``.
    """
    reader = _Reader(keyspace, rows, virtual)
    read = reader.read
    return KeyspaceContents(
        {found.name: found for found in read("tables", "table_name", reader.table)},
        {found.name: found for found in read("views", "view_name", reader.view)},
        {found.name: found for found in read("types", "type_name", reader.user_type)},
        {found.signature: found for found in read("functions", "function_name", reader.function)},
        {
            found.signature: found
            for found in read("aggregates", "aggregate_name", reader.aggregate)
        },
        reader.problems,
    )


class _Reader:
    """Reads the rows of one keyspace; `problems` tell of those that could not be."""

    def __init__(self, keyspace: str, rows: Mapping[str, Sequence[Row]], virtual: bool) -> None:
        self.keyspace = keyspace
        self.rows = rows
        self.virtual = virtual
        self.problems: list[str] = []
        self.by_table: dict[tuple[str, Any], list[Row]] = {}
        for kind in ("columns", "indexes", "triggers", "column_masks", "scylla_tables"):
            for row in rows.get(kind, ()):
                self.by_table.setdefault((kind, row.get("table_name")), []).append(row)

    def read(
        self, kind: str, name: str, make: Callable[[Row], Any], table: Any = None
    ) -> list[Any]:
        """Make an entity of each row, of one table if it is given, and note what fails."""
        rows = self.rows.get(kind, ()) if table is None else self.by_table.get((kind, table), ())
        found = []
        for row in rows:
            try:
                found.append(make(row))
            except Exception as exc:  # noqa: BLE001 - what a server tells may be anything
                what = f"{kind}: {row.get(name)}"
                self.problems.append(self.doubt(what, exc))
        return found

    def doubt(self, what: str, exc: Exception) -> str:
        """Log that something could not be read, and say so."""
        text = f"{what} of keyspace {self.keyspace} could not be read: {exc!r}"
        log.warning("Part of the schema is missing: %s", text)
        return text

    def table(self, row: Row) -> TableMetadata:
        """Read a table with its columns, indexes and triggers."""
        name = row["table_name"]
        table = TableMetadata(self.keyspace, name, options=_options(row), virtual=self.virtual)
        for extra in self.by_table.get(("scylla_tables", name), ()):
            for option in _OPTIONS_OF_SCYLLA:
                if extra.get(option):
                    table.options[option] = extra[option]
        self.fill(table, row)
        flags = row.get("flags")
        # Without flags it is a virtual table: sets of flags are frozen, so never null.
        if flags is not None and ("compound" not in flags or "dense" in flags or "super" in flags):
            table.is_compact_storage = True
            table.is_cql_compatible = "super" not in flags
            _hide_thrift(table, "dense" in flags or "super" in flags or "compound" in flags)
        for index in self.read("indexes", "index_name", self.index, name):
            table.indexes[index.name] = index
        for trigger in self.read(
            "triggers",
            "trigger_name",
            lambda row: TriggerMetadata(table, row["trigger_name"], row["options"]),
            name,
        ):
            table.triggers[trigger.name] = trigger
        return table

    def view(self, row: Row) -> MaterializedViewMetadata:
        """Read a materialized view with its columns."""
        view = MaterializedViewMetadata(
            self.keyspace,
            row["view_name"],
            row["base_table_name"],
            row["include_all_columns"],
            row["where_clause"],
            _options(row),
        )
        self.fill(view, row)
        return view

    def fill(self, owner: TableMetadata | MaterializedViewMetadata, row: Row) -> None:
        """Give a table or view its columns, those that are no key by name."""
        owner.extensions = row.get("extensions") or {}
        try:
            self.add_columns(owner)
        except Exception as exc:  # noqa: BLE001 - what a server tells may be anything
            owner.problem = self.doubt(f"columns of {owner.name}", exc)

    def add_columns(self, owner: TableMetadata | MaterializedViewMetadata) -> None:
        """Do the work of `fill`."""
        masks = {
            row["column_name"]: row for row in self.by_table.get(("column_masks", owner.name), ())
        }
        keys: dict[str, list[tuple[int, ColumnMetadata]]] = {"partition_key": [], "clustering": []}
        others = []
        for row in self.by_table.get(("columns", owner.name), ()):
            name, kind = row["column_name"], row["kind"]
            is_reversed = row.get("clustering_order") == "desc"
            column = ColumnMetadata(owner, name, row["type"], kind == "static", is_reversed)
            if name in masks:
                try:
                    column.mask = _mask(masks[name])
                except Exception as exc:  # noqa: BLE001 - what a server tells may be anything
                    owner.problem = self.doubt(f"the mask of {owner.name}.{name}", exc)
            if kind in keys:
                keys[kind].append((row["position"], column))
            else:
                others.append(column)
        by_position = [
            [column for _, column in sorted(found, key=lambda pair: pair[0])]
            for found in keys.values()
        ]
        owner.partition_key, owner.clustering_key = by_position
        if not owner.partition_key:
            raise LookupError("there are none of the partition key")
        others.sort(key=lambda column: column.name.encode())
        owner.columns = {column.name: column for column in [*owner.primary_key, *others]}

    def index(self, row: Row) -> IndexMetadata:
        """Read an index."""
        names = row["table_name"], row["index_name"]
        return IndexMetadata(self.keyspace, *names, row["kind"], row["options"] or {})

    def user_type(self, row: Row) -> UserType:
        """Read a user-defined type."""
        return UserType(self.keyspace, row["type_name"], row["field_names"], row["field_types"])

    def function(self, row: Row) -> Function:
        """Read a user-defined function."""
        return Function(
            self.keyspace,
            row["function_name"],
            row["argument_types"] or (),
            row["argument_names"] or (),
            row["return_type"],
            row["language"],
            row["body"],
            row["called_on_null_input"],
            row.get("deterministic") or False,
            row.get("monotonic") or False,
            row.get("monotonic_on") or (),
        )

    def aggregate(self, row: Row) -> Aggregate:
        """Read a user-defined aggregate."""
        return Aggregate(
            self.keyspace,
            row["aggregate_name"],
            row["argument_types"] or (),
            row["state_func"],
            row["state_type"],
            row["final_func"],
            row["initcond"],
            row["return_type"],
            row.get("deterministic") or False,
        )


def _options(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _NO_OPTIONS}


def _hide_thrift(table: TableMetadata, dynamic: bool) -> None:
    """Leave out the columns that only Thrift knew.

    A table whose column names are fixed has them as static columns, beside one row of a
    clustering column and a value of any name; one whose names are data may have no value.
    """
    if dynamic:
        hidden = {name for name, column in table.columns.items() if column.cql_type == "empty"}
    else:
        key = {column.name for column in table.partition_key}
        hidden = {
            name
            for name, column in table.columns.items()
            if name not in key and not column.is_static
        }
        table.clustering_key = []
    table.columns = {name: column for name, column in table.columns.items() if name not in hidden}
    if not dynamic:
        for column in table.columns.values():
            column.is_static = False


_QUOTED = ("text", "ascii", "inet", "date", "time", "timestamp")


def _mask(row: Row) -> str:
    """Return the call of a function that masks a column."""
    function = f"{protect_name(row['function_keyspace'])}.{protect_name(row['function_name'])}"
    arguments = [
        "null" if null else _literal(kind, value)
        for kind, value, null in zip(
            row["function_argument_types"] or (),
            row["function_argument_values"] or (),
            row["function_argument_nulls"] or (),
            strict=True,
        )
    ]
    return f"{function}({', '.join(arguments)})"


def _literal(kind: str, value: str) -> str:
    """Return the CQL of a value that is given in the server's own form."""
    kind = kind[7:-1] if kind.startswith("frozen<") else kind
    outer = kind.partition("<")[0]
    if kind in _QUOTED:
        return quote_text(value)
    if kind == "blob":
        return f"0x{value}"
    if kind in TYPES_BY_NAME or outer == "vector":
        return value
    found: Any = parse_cql_type(kind)
    if outer != "tuple":
        from cql_protocol.literals import typed_literal

        return typed_literal(found, found.decode(bytes.fromhex(value)))
    parts = [
        "null" if part == "@" else _literal(str(element), re.sub(r"\\([:@])", r"\1", part))
        for element, part in zip(found.elements, re.split(r"(?<!\\):", value), strict=False)
    ]
    return f"({', '.join(parts)})"
