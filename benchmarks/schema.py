"""The tables and statements that the request benchmarks use, and the rows in them.

The null server answers by it, and the worker fills a real node by it. The worker runs in
environments of other drivers too, so here is only the standard library.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

KEYSPACE = "bench"
PAGE_ROWS = 5000
VECTOR_ROWS = 500
DIMENSION = 768
ITEM_COUNT = 1000
"""A real node holds items 0 to ITEM_COUNT - 1; the null server has them all."""

TABLES: dict[str, dict[str, str]] = {
    "items": {"id": "int", "name": "text"},
    "pages": {
        "part": "int",
        "id": "uuid",
        "name": "text",
        "number": "int",
        "large": "bigint",
        "ratio": "double",
        "at": "timestamp",
        "good": "boolean",
        "scores": "list<int>",
        "counts": "map<text, int>",
        "data": "blob",
    },
    "vectors": {"part": "int", "id": "int", "embedding": f"vector<float, {DIMENSION}>"},
    "mapped": {
        "id": "uuid",
        "number": "int",
        "name": "text",
        "large": "bigint",
        "at": "timestamp",
        "good": "boolean",
        "tags": "list<text>",
        "counts": "map<text, int>",
    },
    "mapped_flat": {
        "id": "uuid",
        "number": "int",
        "name": "text",
        "large": "bigint",
        "at": "timestamp",
        "good": "boolean",
        "kind": "text",
        "ratio": "double",
    },
}
"""The columns of each table and their types."""

FILLED = ("items", "pages")
"""The tables that a real node has."""

MAPPED = ("mapped", "mapped_flat")
"""The tables of the object mapper's models, with containers and without."""
MAPPED_ROWS = 1000
MAPPED_PART = uuid.UUID(int=1 << 100)
"""The partition of these tables that is read: it has rows 0 to MAPPED_ROWS - 1."""

KEYS = {
    "items": ("id",),
    "pages": ("part", "id"),
    "vectors": ("part", "id"),
    "mapped": ("id", "number"),
    "mapped_flat": ("id", "number"),
}
"""Partition key and clustering columns of each table: the first one is the partition key."""

PAGE_COLUMNS = [name for name in TABLES["pages"] if name != "part"]

INSERT_ITEM = f"INSERT INTO {KEYSPACE}.items (id, name) VALUES (?, ?)"
SELECT_ITEM = f"SELECT id, name FROM {KEYSPACE}.items WHERE id = ?"
SELECT_PAGE = f"SELECT {', '.join(PAGE_COLUMNS)} FROM {KEYSPACE}.pages WHERE part = ?"
SELECT_VECTORS = f"SELECT id, embedding FROM {KEYSPACE}.vectors WHERE part = ?"
INSERT_PAGE = (
    f"INSERT INTO {KEYSPACE}.pages ({', '.join(TABLES['pages'])}) "
    f"VALUES ({', '.join('?' * len(TABLES['pages']))})"
)


def definitions(replicas: int = 1) -> Iterator[str]:
    """Yield the statements that make the keyspace and its tables."""
    yield (
        f"CREATE KEYSPACE IF NOT EXISTS {KEYSPACE} WITH replication = "
        f"{{'class': 'SimpleStrategy', 'replication_factor': {replicas}}}"
    )
    for table in FILLED:
        parts = ", ".join(f"{name} {cql_type}" for name, cql_type in TABLES[table].items())
        keys = ", ".join(KEYS[table])
        yield f"CREATE TABLE IF NOT EXISTS {KEYSPACE}.{table} ({parts}, PRIMARY KEY ({keys}))"


def item(number: int) -> tuple[int, str]:
    """Return one row of ``items``."""
    return number, f"the name of item {number}"


def page() -> Iterator[tuple[Any, ...]]:
    """Yield the rows of one page of `PAGE_COLUMNS`, the same ones in each run."""
    rng = random.Random(7)
    epoch = datetime(2024, 1, 1)
    for index in range(PAGE_ROWS):
        yield (
            uuid.UUID(int=rng.getrandbits(128)),
            f"name of row {index}",
            index,
            rng.getrandbits(40),
            rng.random(),
            epoch + timedelta(seconds=index),
            index % 2 == 0,
            [rng.getrandbits(20) for _ in range(5)],
            {"a": 1, "b": index, "c": 3},
            rng.randbytes(16),
        )


def vectors() -> Iterator[tuple[int, list[float]]]:
    """Yield the rows of one page of ``vectors``, the same ones in each run."""
    rng = random.Random(8)
    for index in range(VECTOR_ROWS):
        # Of so few bits that a float of 32 bits holds them all.
        yield index, [rng.getrandbits(20) / 1024 for _ in range(DIMENSION)]


def mapped_rows(table: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of the partition `MAPPED_PART` of one of `MAPPED`."""
    epoch = datetime(2024, 1, 1)
    for index in range(MAPPED_ROWS):
        row = {
            "id": MAPPED_PART,
            "number": index,
            "name": f"name of row {index}",
            "large": index << 33,
            "at": epoch + timedelta(seconds=index),
            "good": index % 2 == 0,
            "tags": ["first", "second", f"tag {index}"],
            "counts": {"a": 1, "b": index, "c": 3},
            "kind": f"kind {index % 50}",
            "ratio": index / 1024,
        }
        yield {name: row[name] for name in TABLES[table]}
