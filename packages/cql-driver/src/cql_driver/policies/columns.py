"""How a column is named where its values are to be encrypted."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ColDesc"]


class ColDesc(NamedTuple):
    """A column of a table."""

    ks: str
    """The keyspace."""
    table: str
    col: str
    """The column."""
