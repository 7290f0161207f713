"""What the null server answers: every statement's response, by the statement's text.

It knows the tables of `benchmarks.schema` and as much of the system tables as drivers read
when they connect. An unknown system table is empty. Rows of system tables come in pages.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from hashlib import md5
from typing import Any

from benchmarks import schema
from benchmarks.made_up import OPTIONS, SCHEMA_TABLES, MadeUp, Row, described
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
    **{f"system_schema.{name}": columns for name, columns in SCHEMA_TABLES.items()},
    "system_schema.scylla_keyspaces": "keyspace_name text; initial_tablets int; "
    "storage_options map<text, text>; storage_type text",
    "null_server.counters": "answered bigint; cpu_us bigint",
}

_SELECT = re.compile(r"\s*SELECT\s+(.+?)\s+FROM\s+([\w.\"]+)(.*)", re.I | re.S)
_INSERT = re.compile(r"\s*INSERT\s+INTO\s+([\w.\"]+)\s*\(([^)]*)\)", re.I)
_USE = re.compile(r"\s*USE\s+\"?(\w+)\"?", re.I)
_MARKER = re.compile(r"\"?(\w+)\"?\s*(?:=|>=|<=|<|>|\bIN\b|(?<=LIMIT))\s*(?:\?|:\w+)", re.I)
_ONE_ROW = re.compile(r"\"?number\"?\s*=", re.I)
"""What a WHERE clause has when it is of one row of `schema.MAPPED`."""
_LITERAL = re.compile(r"\b(\w+)\s*(?:=\s*'([^']*)'|IN\s*\(([^)]*)\))", re.I)


def _columns(table: str) -> dict[str, str]:
    """Return names and types of a table's columns; of one column where it is unknown."""
    keyspace, _, name = _unquoted(table).rpartition(".")
    if keyspace in (schema.KEYSPACE, "") and name in schema.TABLES:
        return schema.TABLES[name]
    text = SYSTEM_TABLES.get(table, "keyspace_name text; table_name text")
    return dict(column.strip().split(" ", 1) for column in text.split(";"))  # type: ignore[misc]


class Answers:
    """The responses of one server, which listens on `address` and `port`.

    `counters` returns (requests answered, CPU time in microseconds). `made_up` are tables that
    it tells of beside its own.
    """

    def __init__(
        self,
        address: str,
        port: int,
        counters: Callable[[], tuple[int, int]] = lambda: (0, 0),
        made_up: MadeUp | None = None,
    ) -> None:
        self._counters = counters
        self._prepared: dict[bytes, str] = {}
        self._known: dict[tuple[Any, ...], RawRows] = {}
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
        for table, rows in (made_up or MadeUp(0)).rows().items():
            self._rows.setdefault(f"system_schema.{table}", []).extend(rows)

    def text_of(self, query_id: bytes) -> str | None:
        """Return the text that was prepared under this id, or None."""
        return self._prepared.get(query_id)

    def counts(self, text: str) -> bool:
        """Say whether a statement is one of those that `COUNTERS` counts."""
        match = _SELECT.match(text)
        return match is None or not match[2].startswith(("system", "null_server."))

    def query(
        self, text: str, page_size: int | None = None, paging_state: bytes | None = None
    ) -> VoidResult | RawRows | SetKeyspaceResult:
        """Return the response to a statement, of system tables the page that is asked for."""
        if match := _USE.match(text):
            return SetKeyspaceResult(match[1])
        match = _SELECT.match(text)
        if match is None:
            return VoidResult()
        if match[2] == "null_server.counters":
            answered, cpu_us = self._counters()
            return self._select(match, [{"answered": answered, "cpu_us": cpu_us}])
        if not match[2].startswith("system"):
            page_size = paging_state = None
        table = _unquoted(match[2]).rpartition(".")[2]
        if table in schema.MAPPED:  # some mappers have a text for each key
            text = f"{match[1]} {table} {_ONE_ROW.search(match[3]) is not None}"
        key = (text, page_size, paging_state)
        if key not in self._known:
            rows = self._find(match[2], match[3])
            begin = int.from_bytes(paging_state or b"", "big")
            end = begin + page_size if page_size and page_size > 0 else len(rows)
            state = end.to_bytes(4, "big") if end < len(rows) else None
            self._known[key] = self._select(match, rows[begin:end], state)
        return self._known[key]

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
        name = _unquoted(table).rpartition(".")[2]
        if table not in self._rows and name in schema.MAPPED:
            rows = schema.mapped_rows(name)
            return [next(rows)] if _ONE_ROW.search(where) else [*rows]
        if table not in self._rows and name in schema.TABLES:
            return _user_rows(name)
        wanted = {
            column: {value} if not listed else {each.strip(" '") for each in listed.split(",")}
            for column, value, listed in _LITERAL.findall(where)
        }
        return [
            row
            for row in self._rows.get(table, [])
            if all(row[column] in values for column, values in wanted.items() if column in row)
        ]

    def _select(
        self, match: re.Match[str], rows: list[Row], paging_state: bytes | None = None
    ) -> RawRows:
        columns = _columns(match[2])
        names = [name.strip().strip('"') for name in match[1].split(",")]
        if names == ["*"]:
            names = list(columns)
        keyspace, _, table = _unquoted(match[2]).rpartition(".")
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
        return RawRows.from_cells(ResultMetadata(specs, paging_state), cells)


def _markers(text: str) -> tuple[str, Sequence[str]]:
    """Return the table of a statement and the columns that its markers stand for."""
    if match := _INSERT.match(text):
        return _unquoted(match[1]), [name.strip(' "') for name in match[2].split(",")]
    match = _SELECT.match(text)
    return _unquoted(match[2]) if match else "", _MARKER.findall(text)


def _unquoted(name: str) -> str:
    return name.replace('"', "")


def _user_rows(table: str) -> list[Row]:
    if table == "items":
        return [dict(zip(schema.TABLES["items"], schema.item(1), strict=True))]
    if table == "vectors":
        return [{"id": number, "embedding": floats} for number, floats in schema.vectors()]
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
    own = {"keyspace_name": schema.KEYSPACE, "table_name": name}
    table_id = uuid.uuid5(uuid.NAMESPACE_DNS, name)
    return {**own, **OPTIONS, "flags": {"compound"}, "id": table_id}


def _described(table: str) -> Iterator[Row]:
    return described(schema.KEYSPACE, table, schema.TABLES[table], schema.KEYS[table], {})
