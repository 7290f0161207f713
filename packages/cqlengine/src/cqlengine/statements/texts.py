"""The parts of statements that several verbs write."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["insert_text", "using_clause"]


def using_clause(ttl: bool, timestamp: bool) -> str:
    """Return the USING clause of a statement, with a marker for each value; TTL is the first."""
    if ttl:
        return " USING TTL ? AND TIMESTAMP ?" if timestamp else " USING TTL ?"
    return " USING TIMESTAMP ?" if timestamp else ""


def insert_text(
    table: str, columns: Sequence[str], if_not_exists: bool, ttl: bool, timestamp: bool
) -> str:
    """Return the text of an INSERT; `columns` are quoted."""
    names, markers = ", ".join(columns), ", ".join("?" * len(columns))
    condition = " IF NOT EXISTS" if if_not_exists else ""
    using = using_clause(ttl, timestamp)
    return f"INSERT INTO {table} ({names}) VALUES ({markers}){condition}{using}"
