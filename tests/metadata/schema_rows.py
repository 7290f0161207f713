"""Rows of the server's schema tables, as `read_contents` takes them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from cql_driver.metadata import KeyspaceMetadata
from cql_driver.metadata.parser import read_contents
from cql_driver.metadata.schema import KeyspaceContents

Row = dict[str, Any]

_COMPACTION = {
    "class": "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy",
    "max_threshold": "32",
    "min_threshold": "4",
}
_COMPRESSION = {
    "chunk_length_in_kb": "16",
    "class": "org.apache.cassandra.io.compress.LZ4Compressor",
}
_COMMON: Row = {
    "bloom_filter_fp_chance": 0.01,
    "caching": {"keys": "ALL", "rows_per_partition": "NONE"},
    "comment": "",
    "compaction": _COMPACTION,
    "compression": _COMPRESSION,
    "crc_check_chance": 1.0,
    "dclocal_read_repair_chance": 0.0,
    "default_time_to_live": 0,
    "extensions": {},
    "gc_grace_seconds": 864000,
    "id": UUID(int=1),
    "max_index_interval": 2048,
    "memtable_flush_period_in_ms": 0,
    "min_index_interval": 128,
    "read_repair_chance": 0.0,
    "speculative_retry": "99p",
}
CASSANDRA_5: Row = _COMMON | {
    "additional_write_policy": "99p",
    "allow_auto_snapshot": None,
    "cdc": None,
    "incremental_backups": None,
    "memtable": None,
    "read_repair": "BLOCKING",
}
CASSANDRA_3: Row = _COMMON | {"dclocal_read_repair_chance": 0.1, "cdc": None}
SCYLLA: Row = _COMMON | {"speculative_retry": "99.0PERCENTILE"}

DESCRIBED_5 = """additional_write_policy = '99p'
    AND allow_auto_snapshot = true
    AND bloom_filter_fp_chance = 0.01
    AND caching = {'keys': 'ALL', 'rows_per_partition': 'NONE'}
    AND cdc = false
    AND comment = ''
    AND compaction = {'class': 'org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy', \
'max_threshold': '32', 'min_threshold': '4'}
    AND compression = {'chunk_length_in_kb': '16', \
'class': 'org.apache.cassandra.io.compress.LZ4Compressor'}
    AND crc_check_chance = 1.0
    AND default_time_to_live = 0
    AND extensions = {}
    AND gc_grace_seconds = 864000
    AND incremental_backups = true
    AND max_index_interval = 2048
    AND memtable = 'default'
    AND memtable_flush_period_in_ms = 0
    AND min_index_interval = 128
    AND read_repair = 'BLOCKING'
    AND speculative_retry = '99p'"""
"""The options of `CASSANDRA_5` in the words of that server's DESCRIBE."""


def table(name: str, options: Row | None = None, **more: Any) -> Row:
    """Return a row of ``tables``: by default of Cassandra 5.0."""
    row = CASSANDRA_5 if options is None else options
    return {"keyspace_name": "ks", "table_name": name, "flags": {"compound"}} | row | more


def columns(owner: str, *described: tuple[Any, ...]) -> list[Row]:
    """Return rows of ``columns`` from tuples of name, type, kind, position, order."""
    found = []
    for description in described:
        defaults = (None, None, "regular", -1, "none")
        name, cql_type, kind, position, order = description + defaults[len(description) :]
        found.append(
            {
                "keyspace_name": "ks",
                "table_name": owner,
                "column_name": name,
                "clustering_order": order,
                "column_name_bytes": name.encode(),
                "kind": kind,
                "position": position,
                "type": cql_type,
            }
        )
    return found


def key(name: str = "k", cql_type: str = "int", position: int = 0) -> tuple[Any, ...]:
    """Return the description of a column of the partition key, for `columns`."""
    return (name, cql_type, "partition_key", position)


def view(name: str, base: str, options: Row | None = None, **more: Any) -> Row:
    """Return a row of ``views``."""
    return (
        {
            "keyspace_name": "ks",
            "view_name": name,
            "base_table_id": UUID(int=2),
            "base_table_name": base,
            "include_all_columns": True,
            "where_clause": "k IS NOT NULL",
        }
        | (CASSANDRA_5 if options is None else options)
        | more
    )


def index(table_name: str, name: str, kind: str = "COMPOSITES", **options: str) -> Row:
    """Return a row of ``indexes``."""
    return {
        "keyspace_name": "ks",
        "table_name": table_name,
        "index_name": name,
        "kind": kind,
        "options": options,
    }


def mask(owner: str, column: str, name: str, *arguments: tuple[str, str | None]) -> Row:
    """Return a row of ``column_masks``; the arguments are pairs of type and value."""
    return {
        "keyspace_name": "ks",
        "table_name": owner,
        "column_name": column,
        "function_keyspace": "system",
        "function_name": name,
        "function_argument_types": [cql_type for cql_type, _ in arguments],
        "function_argument_values": [value or "" for _, value in arguments],
        "function_argument_nulls": [value is None for _, value in arguments],
    }


def function(name: str, *arguments: tuple[str, str], **more: Any) -> Row:
    """Return a row of ``functions``; the arguments are pairs of name and type."""
    return {
        "keyspace_name": "ks",
        "function_name": name,
        "argument_names": [argument for argument, _ in arguments],
        "argument_types": [cql_type for _, cql_type in arguments],
        "body": "return a;",
        "called_on_null_input": True,
        "language": "java",
        "return_type": "int",
    } | more


def aggregate(name: str, *argument_types: str, **more: Any) -> Row:
    """Return a row of ``aggregates``."""
    return {
        "keyspace_name": "ks",
        "aggregate_name": name,
        "argument_types": list(argument_types),
        "final_func": None,
        "initcond": None,
        "return_type": "int",
        "state_func": "plus",
        "state_type": "int",
    } | more


def user_type(name: str, **fields: str) -> Row:
    """Return a row of ``types``."""
    return {
        "keyspace_name": "ks",
        "type_name": name,
        "field_names": list(fields),
        "field_types": list(fields.values()),
    }


def read(virtual: bool = False, **rows: list[Row]) -> KeyspaceContents:
    """Return the contents of the keyspace ``ks``; the rows are by the name of their table."""
    return read_contents("ks", rows, virtual=virtual)


def keyspace(contents: KeyspaceContents | None = None, **more: Any) -> KeyspaceMetadata:
    """Return the keyspace ``ks`` with these contents."""
    made = KeyspaceMetadata("ks", True, "SimpleStrategy", {"replication_factor": "1"}, **more)
    return made.with_contents(contents)


def heads(text: str) -> list[str]:
    """Return the first three words of each statement, the last of them without its keyspace."""
    found = [line.split()[:4] for line in text.splitlines() if line.startswith("CREATE ")]
    return [
        " ".join(words[1 : 4 if words[1] in ("MATERIALIZED", "CUSTOM") else 3]) for words in found
    ]
