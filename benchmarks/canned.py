"""What the null server answers: every statement's response, by the statement's text.

It knows the tables of `benchmarks.schema` and as much of the system tables as drivers read
when they connect. An unknown system table is empty.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from hashlib import md5
from typing import Any

from benchmarks import schema
from cql_protocol import (
    ColumnSpec,
    PreparedMetadata,
    PreparedResult,
    RawRows,
    ResultMetadata,
    SetKeyspaceResult,
    VoidResult,
)
from cql_protocol.types.parse_cql import parse_cql_type

COUNTERS = "SELECT answered, cpu_us FROM null_server.counters"
"""Tells how many requests were answered, this one and those of system tables not counted,
and the server's CPU time in microseconds."""

RELEASE = "5.0.8"
TEXTS = "frozen<map<text, text>>"

SYSTEM_TABLES = {
    "system.local": "key text; bootstrapped text; broadcast_address inet; broadcast_port int; "
    "cluster_name text; cql_version text; data_center text; gossip_generation int; host_id uuid; "
    "listen_address inet; listen_port int; native_protocol_version text; partitioner text; "
    "rack text; release_version text; rpc_address inet; rpc_port int; schema_version uuid; "
    "tokens set<text>; truncated_at map<uuid, blob>",
    "system.peers": "peer inet; data_center text; host_id uuid; preferred_ip inet; rack text; "
    "release_version text; rpc_address inet; schema_version uuid; tokens set<text>",
    "system.peers_v2": "peer inet; peer_port int; data_center text; host_id uuid; "
    "native_address inet; native_port int; preferred_ip inet; preferred_port int; rack text; "
    "release_version text; schema_version uuid; tokens set<text>",
    "system_schema.keyspaces": f"keyspace_name text; durable_writes boolean; replication {TEXTS}",
    "system_schema.tables": "keyspace_name text; table_name text; bloom_filter_fp_chance double; "
    f"caching {TEXTS}; cdc boolean; comment text; compaction {TEXTS}; compression {TEXTS}; "
    "crc_check_chance double; default_time_to_live int; extensions frozen<map<text, blob>>; "
    "flags frozen<set<text>>; gc_grace_seconds int; id uuid; max_index_interval int; "
    "memtable_flush_period_in_ms int; min_index_interval int; read_repair text; "
    "speculative_retry text",
    "system_schema.columns": "keyspace_name text; table_name text; column_name text; "
    "clustering_order text; column_name_bytes blob; kind text; position int; type text",
    "system_schema.types": "keyspace_name text; type_name text; "
    "field_names frozen<list<text>>; field_types frozen<list<text>>",
    "null_server.counters": "answered bigint; cpu_us bigint",
}

_SELECT = re.compile(r"\s*SELECT\s+(.+?)\s+FROM\s+([\w.\"]+)(.*)", re.I | re.S)
_INSERT = re.compile(r"\s*INSERT\s+INTO\s+([\w.\"]+)\s*\(([^)]*)\)", re.I)
_USE = re.compile(r"\s*USE\s+\"?(\w+)\"?", re.I)
_MARKER = re.compile(r"\"?(\w+)\"?\s*(?:=|>=|<=|<|>|\bIN\b)\s*(?:\?|:\w+)", re.I)
_LITERAL = re.compile(r"\b(\w+)\s*=\s*'([^']*)'", re.I)

Row = dict[str, Any]


def _columns(table: str) -> dict[str, str]:
    """Return names and types of a table's columns; of one column where it is unknown."""
    keyspace, _, name = table.rpartition(".")
    if keyspace in (schema.KEYSPACE, "") and name in schema.TABLES:
        return schema.TABLES[name]
    text = SYSTEM_TABLES.get(table, "keyspace_name text; table_name text")
    return dict(column.strip().split(" ", 1) for column in text.split(";"))  # type: ignore[misc]


class Answers:
    """The responses of one server, which listens on `address` and `port`.

    `counters` returns (requests answered, CPU time in microseconds).
    """

    def __init__(
        self, address: str, port: int, counters: Callable[[], tuple[int, int]] = lambda: (0, 0)
    ) -> None:
        self._counters = counters
        self._prepared: dict[bytes, str] = {}
        self._known: dict[str, RawRows] = {}
        self._rows = {
            "system.local": [_local(address, port)],
            "system_schema.keyspaces": [
                {
                    "keyspace_name": schema.KEYSPACE,
                    "durable_writes": True,
                    "replication": {
                        "class": "org.apache.cassandra.locator.SimpleStrategy",
                        "replication_factor": "1",
                    },
                }
            ],
            "system_schema.tables": [_table(name) for name in schema.TABLES],
            "system_schema.columns": [row for name in schema.TABLES for row in _described(name)],
        }

    def text_of(self, query_id: bytes) -> str | None:
        """Return the text that was prepared under this id, or None."""
        return self._prepared.get(query_id)

    def counts(self, text: str) -> bool:
        """Say whether a statement is one of those that `COUNTERS` counts."""
        match = _SELECT.match(text)
        return match is None or not match[2].startswith(("system", "null_server."))

    def query(self, text: str) -> VoidResult | RawRows | SetKeyspaceResult:
        """Return the response to a statement."""
        if match := _USE.match(text):
            return SetKeyspaceResult(match[1])
        match = _SELECT.match(text)
        if match is None:
            return VoidResult()
        if match[2] == "null_server.counters":
            answered, cpu_us = self._counters()
            return self._select(match, [{"answered": answered, "cpu_us": cpu_us}])
        if text not in self._known:
            self._known[text] = self._select(match, self._find(match[2], match[3]))
        return self._known[text]

    def prepare(self, text: str) -> PreparedResult:
        """Return the description of a statement, and remember it."""
        query_id = md5(text.encode()).digest()
        self._prepared[query_id] = text
        table, names = _markers(text)
        columns = _columns(table)
        keyspace, _, name = table.rpartition(".")
        specs = [
            ColumnSpec(keyspace, name, marker, parse_cql_type(columns.get(marker, "int")))
            for marker in names
        ]
        key = schema.KEYS.get(name, ("",))[0]
        bound = PreparedMetadata(specs, [names.index(key)] if key in names else [])
        response = self.query(text)
        if not isinstance(response, RawRows):
            return PreparedResult(query_id, bound, ResultMetadata(), query_id)
        return PreparedResult(query_id, bound, response.metadata, md5(query_id).digest())

    def _find(self, table: str, where: str) -> list[Row]:
        """Return the rows of a table that have the literals of the WHERE clause."""
        name = table.rpartition(".")[2]
        if table not in self._rows and name in schema.TABLES:
            return _user_rows(name)
        wanted = _LITERAL.findall(where)
        return [
            row
            for row in self._rows.get(table, [])
            if all(row.get(column) == value for column, value in wanted if column in row)
        ]

    def _select(self, match: re.Match[str], rows: list[Row]) -> RawRows:
        columns = _columns(match[2])
        names = [name.strip().strip('"') for name in match[1].split(",")]
        if names == ["*"]:
            names = list(columns)
        keyspace, _, table = match[2].rpartition(".")
        types = [parse_cql_type(columns.get(name, "text")) for name in names]
        specs = [
            ColumnSpec(keyspace, table, name, cql_type)
            for name, cql_type in zip(names, types, strict=True)
        ]
        cells = [
            [
                None if row.get(name) is None else cql_type.encode(row[name])
                for name, cql_type in zip(names, types, strict=True)
            ]
            for row in rows
        ]
        return RawRows.from_cells(ResultMetadata(specs), cells)


def _markers(text: str) -> tuple[str, Sequence[str]]:
    """Return the table of a statement and the columns that its markers stand for."""
    if match := _INSERT.match(text):
        return match[1], [name.strip() for name in match[2].split(",")]
    match = _SELECT.match(text)
    return match[2] if match else "", _MARKER.findall(text)


def _user_rows(table: str) -> list[Row]:
    if table == "items":
        return [dict(zip(schema.TABLES["items"], schema.item(1), strict=True))]
    return [dict(zip(schema.PAGE_COLUMNS, row, strict=True)) for row in schema.page()]


def _local(address: str, port: int) -> Row:
    return {
        "key": "local",
        "bootstrapped": "COMPLETED",
        "broadcast_address": address,
        "broadcast_port": 7000,
        "cluster_name": "null server",
        "cql_version": "3.4.7",
        "data_center": "dc1",
        "gossip_generation": 1,
        "host_id": uuid.UUID(int=9),
        "listen_address": address,
        "listen_port": 7000,
        "native_protocol_version": "5",
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "rack": "rack1",
        "release_version": RELEASE,
        "rpc_address": address,
        "rpc_port": port,
        "schema_version": uuid.UUID(int=5),
        "tokens": {str(token << 60) for token in range(-8, 8)},
    }


def _table(name: str) -> Row:
    return {
        "keyspace_name": schema.KEYSPACE,
        "table_name": name,
        "caching": {"keys": "ALL", "rows_per_partition": "NONE"},
        "comment": "",
        "compaction": {"class": "org.apache.cassandra.db.compaction.LeveledCompactionStrategy"},
        "compression": {"enabled": "false"},
        "flags": {"compound"},
        "gc_grace_seconds": 864000,
        "id": uuid.uuid5(uuid.NAMESPACE_DNS, name),
        "speculative_retry": "99p",
    }


def _described(table: str) -> list[Row]:
    keys = schema.KEYS[table]
    rows = []
    for name, cql_type in schema.TABLES[table].items():
        position = keys.index(name) if name in keys else -1
        rows.append(
            {
                "keyspace_name": schema.KEYSPACE,
                "table_name": table,
                "column_name": name,
                "clustering_order": "asc" if position > 0 else "none",
                "column_name_bytes": name.encode(),
                "kind": {-1: "regular", 0: "partition_key"}.get(position, "clustering"),
                "position": 0 if position > 0 else position,
                "type": cql_type,
            }
        )
    return rows
