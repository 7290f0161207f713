"""What an UPDATE does to one column: fragments with their values, the same text for each shape."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "Update",
    "add",
    "increment",
    "prepend",
    "put",
    "remove",
]

Update = tuple[str, object]
"""A fragment of a SET clause with one ``?``, and the value that is bound to it."""


def put(column: str, value: Any) -> Update:
    """Replace what the column holds; `column` is its name in double quotes. None deletes it."""
    return (f"{column} = ?", value)


def add(column: str, value: Any) -> Update:
    """Add the elements of a set, append those of a list, or put the entries of a map."""
    return (f"{column} = {column} + ?", value)


def prepend(column: str, value: Any) -> Update:
    """Put the elements of a list before those that are there, in their order."""
    return (f"{column} = ? + {column}", value)


def remove(column: str, value: Any) -> Update:
    """Take the elements of a set out, all elements of a list that equal one, or keys of a map."""
    return (f"{column} = {column} - ?", value)


def increment(column: str, value: int) -> Update:
    """Add to a counter; a negative number subtracts."""
    return (f"{column} = {column} + ?", value)
