"""What plain C makes of a page: the functions of `plain_rows.c`, for the benchmarks' tables."""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import schema
from compile_c import compiled

PAGE_KINDS = "utiqdsblmx"
"""The columns of `schema.PAGE_COLUMNS`: uuid, text, int, bigint, double, timestamp, boolean,
list<int>, map<text, int>, blob."""


def cells_of(body: bytes) -> tuple[bytes, int, int]:
    """Return the body of a page without metadata, where its cells begin, and how many rows."""
    return body, 16, int.from_bytes(body[12:16], "big")


def tuples(body: bytes, offset: int, rows: int) -> Any:
    """Return the rows as tuples."""
    return compiled("plain_rows").tuples(body, offset, rows, PAGE_KINDS)


def named(body: bytes, offset: int, rows: int) -> Any:
    """Return the rows as named tuples."""
    return compiled("plain_rows").tuples(body, offset, rows, PAGE_KINDS, _Row)


def dicts(body: bytes, offset: int, rows: int) -> Any:
    """Return the rows as dicts."""
    return compiled("plain_rows").dicts(body, offset, rows, PAGE_KINDS, _NAMES)


def walk(body: bytes, offset: int, rows: int) -> Any:
    """Go over every cell; return how many bytes they have."""
    return compiled("plain_rows").walk(body, offset, rows, len(PAGE_KINDS))


def copy(body: bytes, offset: int, rows: int) -> Any:
    """Return the floats of the last column of each row, in this machine's order, as bytes."""
    return compiled("plain_rows").floats(body, offset, rows, 2, schema.DIMENSION)


_NAMES = tuple(sys.intern(name) for name in schema.PAGE_COLUMNS)
_Row = namedtuple("_Row", _NAMES)  # type: ignore[misc]
BUILDERS: dict[str, Callable[[bytes, int, int], Any]] = {
    "tuples": tuples,
    "named": named,
    "dicts": dicts,
    "walk": walk,
    "vector-copy": copy,
}
"""What the workloads call."""
