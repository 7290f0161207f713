"""A schema of many made-up tables: as CQL for a real node, as rows of system tables for the null
server. Both tell of the same tables.

Each table has twelve columns; every tenth has an index, every fiftieth a view, and each keyspace
two types, a function and an aggregate.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]

PER_KEYSPACE = 50
"""How many tables a keyspace has."""

TEXTS = "frozen<map<text, text>>"
_KEY = "keyspace_name text; "
_OPTION_COLUMNS = (
    "additional_write_policy text; allow_auto_snapshot boolean; bloom_filter_fp_chance double; "
    f"caching {TEXTS}; cdc boolean; comment text; compaction {TEXTS}; compression {TEXTS}; "
    "crc_check_chance double; dclocal_read_repair_chance double; default_time_to_live int; "
    "extensions frozen<map<text, blob>>; gc_grace_seconds int; id uuid; "
    "incremental_backups boolean; max_index_interval int; memtable text; "
    "memtable_flush_period_in_ms int; min_index_interval int; read_repair text; "
    "read_repair_chance double; speculative_retry text"
)
SCHEMA_TABLES = {
    "keyspaces": f"{_KEY}durable_writes boolean; replication {TEXTS}",
    "tables": f"{_KEY}table_name text; flags frozen<set<text>>; {_OPTION_COLUMNS}",
    "columns": f"{_KEY}table_name text; column_name text; clustering_order text; "
    "column_name_bytes blob; kind text; position int; type text",
    "types": f"{_KEY}type_name text; field_names frozen<list<text>>; "
    "field_types frozen<list<text>>",
    "functions": f"{_KEY}function_name text; argument_types frozen<list<text>>; "
    "argument_names frozen<list<text>>; body text; called_on_null_input boolean; language text; "
    "return_type text",
    "aggregates": f"{_KEY}aggregate_name text; argument_types frozen<list<text>>; final_func text; "
    "initcond text; return_type text; state_func text; state_type text",
    "indexes": f"{_KEY}table_name text; index_name text; kind text; options {TEXTS}",
    "triggers": f"{_KEY}table_name text; trigger_name text; options {TEXTS}",
    "views": f"{_KEY}view_name text; base_table_id uuid; base_table_name text; "
    f"include_all_columns boolean; where_clause text; {_OPTION_COLUMNS}",
    "dropped_columns": f"{_KEY}table_name text; column_name text; dropped_time timestamp; "
    "kind text; type text",
    "column_masks": f"{_KEY}table_name text; column_name text; "
    "function_argument_nulls frozen<list<boolean>>; "
    "function_argument_types frozen<list<text>>; "
    "function_argument_values frozen<list<text>>; function_keyspace text; function_name text",
}
"""The tables of ``system_schema`` and their columns, as Cassandra 5.0 has them."""

COLUMNS = {
    "id": "uuid",
    "at": "timestamp",
    "name": "text",
    "kind": "int",
    "amount": "decimal",
    "price": "double",
    "active": "boolean",
    "tags": "set<text>",
    "scores": "list<int>",
    "attributes": "map<text, text>",
    "address": "frozen<address>",
    "contacts": "list<frozen<contact>>",
}
_TYPES = {
    "address": {"street": "text", "city": "text", "zip": "int"},
    "contact": {"name": "text", "address": "frozen<address>"},
}
_BODY = "return state + value;"
_VIEW_KEY = ("kind", "id", "at")
_VIEW_WHERE = " AND ".join(f"{name} IS NOT NULL" for name in _VIEW_KEY)
_CLASS = "org.apache.cassandra"
_REPLICATION = {"class": f"{_CLASS}.locator.SimpleStrategy", "replication_factor": "1"}
OPTIONS: Row = {
    "additional_write_policy": "99p",
    "bloom_filter_fp_chance": 0.01,
    "caching": {"keys": "ALL", "rows_per_partition": "NONE"},
    "comment": "",
    "compaction": {
        "class": f"{_CLASS}.db.compaction.SizeTieredCompactionStrategy",
        "max_threshold": "32",
        "min_threshold": "4",
    },
    "compression": {"chunk_length_in_kb": "16", "class": f"{_CLASS}.io.compress.LZ4Compressor"},
    "crc_check_chance": 1.0,
    "dclocal_read_repair_chance": 0.0,
    "default_time_to_live": 0,
    "extensions": {},
    "gc_grace_seconds": 864000,
    "max_index_interval": 2048,
    "memtable_flush_period_in_ms": 0,
    "min_index_interval": 128,
    "read_repair": "BLOCKING",
    "read_repair_chance": 0.0,
    "speculative_retry": "99p",
}
"""The options of a table that was made without any."""


class MadeUp:
    """So many tables, in keyspaces of `per_keyspace` tables each."""

    def __init__(self, tables: int, per_keyspace: int = PER_KEYSPACE) -> None:
        self._tables: dict[str, list[int]] = {}
        for number in range(tables):
            self._tables.setdefault(f"made_up_{number // per_keyspace}", []).append(number)

    def statements(self) -> Iterator[str]:
        """Yield the statements that make it all."""
        for keyspace, numbers in self._tables.items():
            yield f"CREATE KEYSPACE {keyspace} WITH replication = {_REPLICATION}"
            for name, fields in _TYPES.items():
                listed = ", ".join(" ".join(field) for field in fields.items())
                yield f"CREATE TYPE {keyspace}.{name} ({listed})"
            yield (
                f"CREATE FUNCTION {keyspace}.plus (state int, value int) RETURNS NULL ON NULL "
                f"INPUT RETURNS int LANGUAGE java AS '{_BODY}'"
            )
            yield f"CREATE AGGREGATE {keyspace}.total (int) SFUNC plus STYPE int INITCOND 0"
            for number in numbers:
                table = f"{keyspace}.t{number}"
                columns = ", ".join(" ".join(column) for column in COLUMNS.items())
                yield (
                    f"CREATE TABLE {table} ({columns}, PRIMARY KEY (id, at)) "
                    "WITH CLUSTERING ORDER BY (at DESC)"
                )
                if _has_index(number):
                    yield f"CREATE INDEX i{number} ON {table} (name)"
                if _has_view(number):
                    yield (
                        f"CREATE MATERIALIZED VIEW {keyspace}.v{number} AS SELECT * FROM {table} "
                        f"WHERE {_VIEW_WHERE} PRIMARY KEY ({', '.join(_VIEW_KEY)})"
                    )

    def rows(self) -> dict[str, list[Row]]:
        """Return the rows of each table of ``system_schema``."""
        found: dict[str, list[Row]] = {name: [] for name in SCHEMA_TABLES}
        for keyspace, numbers in self._tables.items():
            of = {"keyspace_name": keyspace}
            found["keyspaces"].append({**of, "durable_writes": True, "replication": _REPLICATION})
            for name, fields in _TYPES.items():
                parts = {"field_names": [*fields], "field_types": [*fields.values()]}
                found["types"].append({**of, "type_name": name, **parts})
            found["functions"].append(of | _function())
            found["aggregates"].append(of | _aggregate())
            for number in numbers:
                self._add_table(found, keyspace, number)
        return found

    def _add_table(self, found: dict[str, list[Row]], keyspace: str, number: int) -> None:
        name = f"t{number}"
        of = {"keyspace_name": keyspace, "table_name": name}
        table_id = uuid.uuid5(uuid.NAMESPACE_DNS, name)
        found["tables"].append({**of, **OPTIONS, "flags": {"compound"}, "id": table_id})
        found["columns"] += described(keyspace, name, COLUMNS, ("id", "at"), {"at": "desc"})
        if _has_index(number):
            options = {"kind": "COMPOSITES", "options": {"target": "name"}}
            found["indexes"].append({**of, "index_name": f"i{number}", **options})
        if _has_view(number):
            view = f"v{number}"
            base = {"base_table_id": table_id, "base_table_name": name}
            told = {"include_all_columns": True, "where_clause": _VIEW_WHERE}
            row = {"keyspace_name": keyspace, "view_name": view, **base, **told, **OPTIONS}
            found["views"].append({**row, "id": uuid.uuid5(uuid.NAMESPACE_DNS, view)})
            found["columns"] += described(keyspace, view, COLUMNS, _VIEW_KEY, {})


def described(
    keyspace: str,
    table: str,
    columns: dict[str, str],
    keys: tuple[str, ...],
    orders: dict[str, str],
) -> Iterator[Row]:
    """Yield the rows of ``system_schema.columns``; the first of `keys` is the partition key."""
    for name, cql_type in columns.items():
        position = keys.index(name) if name in keys else -1
        yield {
            "keyspace_name": keyspace,
            "table_name": table,
            "column_name": name,
            "clustering_order": orders.get(name, "asc") if position > 0 else "none",
            "column_name_bytes": name.encode(),
            "kind": {-1: "regular", 0: "partition_key"}.get(position, "clustering"),
            "position": position - 1 if position > 0 else position,
            "type": cql_type,
        }


def _has_index(number: int) -> bool:
    return number % 10 == 0


def _has_view(number: int) -> bool:
    return number % 50 == 0


def _function() -> Row:
    return {
        "function_name": "plus",
        "argument_types": ["int", "int"],
        "argument_names": ["state", "value"],
        "body": _BODY,
        "called_on_null_input": False,
        "language": "java",
        "return_type": "int",
    }


def _aggregate() -> Row:
    return {
        "aggregate_name": "total",
        "argument_types": ["int"],
        "initcond": "0",
        "return_type": "int",
        "state_func": "plus",
        "state_type": "int",
    }
