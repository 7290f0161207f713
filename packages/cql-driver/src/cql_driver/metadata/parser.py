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
    from collections.abc import Mapping, Sequence
    from typing import Any

    Row = Mapping[str, Any]

__all__ = ["read_contents"]

log = get_logger("cql_driver.metadata")

_COLUMNS: dict[str, tuple[Any, str, str]] = {
    "tables": (TableMetadata, "table_name", ""),
    "views": (
        MaterializedViewMetadata,
        "view_name base_table_name include_all_columns where_clause",
        "",
    ),
    "types": (UserType, "type_name field_names field_types", ""),
    "functions": (
        Function,
        """function_name argument_types argument_names return_type language body
        called_on_null_input""",
        "deterministic monotonic monotonic_on",
    ),
    "aggregates": (
        Aggregate,
        "aggregate_name argument_types state_func state_type final_func initcond return_type",
        "deterministic",
    ),
    "indexes": (IndexMetadata, "table_name index_name kind options", ""),
    "triggers": (TriggerMetadata, "trigger_name options", ""),
}
"""What is made of a row, and of which columns: those that are always there, and others."""
_NO_OPTIONS = {
    *("keyspace_name", "table_name", "id", "flags", "extensions", "base_table_id"),
    *_COLUMNS["views"][1].split(),
}


def read_contents(
    keyspace: str, rows: Mapping[str, Sequence[Row]], *, virtual: bool = False
) -> KeyspaceContents:
    """Return what the rows tell of a keyspace, or of the part of it that was asked for.

    `rows` are by the name of their table: ``tables``, ``columns``, ``types``, ``functions``,
    ``aggregates``, ``indexes``, ``triggers``, ``views``, ``column_masks``, ``scylla_tables``.
    """
    reader = _Reader(keyspace, rows, virtual)
    kinds = ("tables", "views", "types", "functions", "aggregates")
    tables, views, types, functions, aggregates = map(reader.read, kinds)
    return KeyspaceContents(tables, views, types, functions, aggregates, reader.problems)


class _Reader:
    """Reads the rows of one keyspace; `problems` tell of those that could not be."""

    def __init__(self, keyspace: str, rows: Mapping[str, Sequence[Row]], virtual: bool) -> None:
        self.keyspace = keyspace
        self.virtual = virtual
        self.problems: list[str] = []
        self.rows: dict[tuple[str, Any], list[Row]] = {}
        for kind, found in rows.items():
            of_tables = kind not in ("tables", "views")
            for row in found:
                owner = row.get("table_name") if of_tables else None
                self.rows.setdefault((kind, owner), []).append(row)

    def read(self, kind: str, table: TableMetadata | None = None) -> dict[str, Any]:
        """Make an entity of each row, of one table if it is given, and note what fails."""
        cls, needed, others = _COLUMNS[kind]
        owner: Any = table if kind == "triggers" else self.keyspace
        found = {}
        for row in self.rows.get((kind, table and table.name), ()):
            try:
                arguments = [row[name] for name in needed.split()]
                made = cls(owner, *arguments, *map(row.get, others.split()))
                if kind in ("tables", "views"):
                    self.fill(made, row)
                found[getattr(made, "signature", made.name)] = made
            except Exception as exc:  # noqa: BLE001 - what a server tells may be anything
                self.problems.append(self.doubt(f"{kind} {dict(row)!r:.200}", exc))
        return found

    def doubt(self, what: str, exc: Exception) -> str:
        """Log that something could not be read, and say so."""
        text = f"{what} of keyspace {self.keyspace} could not be read: {exc!r}"
        log.warning("Part of the schema is missing: %s", text)
        return text

    def fill(self, owner: TableMetadata | MaterializedViewMetadata, row: Row) -> None:
        """Give a table or view what it has besides its name."""
        owner.options = {name: row[name] for name in row if name not in _NO_OPTIONS}
        owner.extensions = row.get("extensions") or {}
        columns: Sequence[Row] = self.rows.get(("columns", owner.name), ())
        if isinstance(owner, TableMetadata):
            owner.virtual = self.virtual
            for extra in self.rows.get(("scylla_tables", owner.name), ()):
                told = {name: extra.get(name) for name in ("cdc", "in_memory")}
                owner.options |= {name: value for name, value in told.items() if value}
            owner.indexes = self.read("indexes", owner)
            owner.triggers = self.read("triggers", owner)
            # Without flags it is a virtual table: sets of flags are frozen, so never null.
            flags = {"compound", "dense", "super"}.intersection(row.get("flags") or ())
            if row.get("flags") is not None and flags != {"compound"}:
                owner.is_compact_storage = True
                owner.is_cql_compatible = "super" not in flags
                columns = _without_thrift(columns, bool(flags))
        try:
            self.add_columns(owner, columns)
        except Exception as exc:  # noqa: BLE001 - what a server tells may be anything
            owner.problem = self.doubt(f"columns of {owner.name}", exc)

    def add_columns(
        self, owner: TableMetadata | MaterializedViewMetadata, rows: Sequence[Row]
    ) -> None:
        """Give a table or view its columns, those that are no key by name."""
        masks = {row["column_name"]: row for row in self.rows.get(("column_masks", owner.name), ())}
        keys = {"partition_key": owner.partition_key, "clustering": owner.clustering_key}
        others: list[ColumnMetadata] = []
        for row in sorted(rows, key=lambda row: (row["position"], row["column_name"].encode())):
            name, kind = row["column_name"], row["kind"]
            is_reversed = row.get("clustering_order") == "desc"
            column = ColumnMetadata(owner, name, row["type"], kind == "static", is_reversed)
            keys.get(kind, others).append(column)
            if name in masks:
                try:
                    column.mask = _mask(masks[name])
                except Exception as exc:  # noqa: BLE001 - what a server tells may be anything
                    owner.problem = self.doubt(f"the mask of {owner.name}.{name}", exc)
        if not owner.partition_key:
            raise LookupError("there are none of the partition key")
        owner.columns = {column.name: column for column in [*owner.primary_key, *others]}


def _without_thrift(rows: Sequence[Row], is_dense: bool) -> Sequence[Row]:
    """Leave out the columns that only Thrift saw.

    A dense table may have no value. Others have what they were made with as static columns,
    beside a clustering column and a value for those of any other name.
    """
    if is_dense:
        return [row for row in rows if row["type"] != "empty"]
    kinds = {"partition_key": "partition_key", "static": "regular"}
    return [{**row, "kind": kinds[row["kind"]]} for row in rows if row["kind"] in kinds]


def _mask(row: Row) -> str:
    """Return the call of a function that masks a column."""
    parts = [row[f"function_argument_{part}"] or () for part in ("types", "values", "nulls")]
    arguments = [
        "null" if null else _literal(kind, value) for kind, value, null in zip(*parts, strict=True)
    ]
    function = f"{protect_name(row['function_keyspace'])}.{protect_name(row['function_name'])}"
    return f"{function}({', '.join(arguments)})"


def _literal(kind: str, value: str) -> str:
    """Return the CQL of a value that is given in the server's own form."""
    kind = kind[7:-1] if kind.startswith("frozen<") else kind
    if kind in ("text", "ascii", "inet", "date", "time", "timestamp"):
        return quote_text(value)
    if kind == "blob":
        return f"0x{value}"
    if kind in TYPES_BY_NAME:
        return value
    found: Any = parse_cql_type(kind)
    if not kind.startswith("tuple<"):
        from cql_protocol.literals import typed_literal

        return typed_literal(found, found.decode(bytes.fromhex(value)))
    parts = [
        "null" if part == "@" else _literal(str(element), re.sub(r"\\([:@])", r"\1", part))
        for element, part in zip(found.elements, re.split(r"(?<!\\):", value), strict=False)
    ]
    return f"({', '.join(parts)})"
