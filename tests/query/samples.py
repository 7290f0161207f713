"""What the tests of statements are made of: columns, prepared statements, dialects."""

from __future__ import annotations

from typing import Any

from cql_driver.query import PreparedStatement
from cql_protocol import Dialect, Features
from cql_protocol.messages import ColumnSpec
from cql_protocol.types import BIGINT, INT, TEXT

DIALECTS = {
    "v3": Dialect(3),
    "v4": Dialect(4),
    "v5": Dialect(5),
    "v4+id": Dialect(4, Features(metadata_id=True)),
}

INSERT = "INSERT INTO t (k, c, v) VALUES (?, ?, ?)"


def columns(*types: Any, names: str = "kcvwxyz") -> list[ColumnSpec]:
    return [ColumnSpec("ks", "t", name, kind) for name, kind in zip(names, types, strict=False)]


COLUMNS = columns(INT, TEXT, BIGINT)


def prepared(
    pk: tuple[int, ...] | None = (0,), version: int = 4, query: str = INSERT, **fields: Any
) -> PreparedStatement:
    """A statement with the markers k int, c text and v bigint."""
    arguments: dict[str, Any] = {
        "column_metadata": COLUMNS,
        "query_id": b"id",
        "routing_key_indexes": pk,
        "query": query,
        "keyspace": None,
        "protocol_version": version,
        "result_metadata": None,
        "result_metadata_id": None,
    }
    return PreparedStatement(**{**arguments, **fields})


class Retries:
    """As much of a retry policy as a statement asks for."""

    def on_read_timeout(self, *_: Any) -> None: ...

    on_write_timeout = on_unavailable = on_read_timeout
