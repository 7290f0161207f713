"""What logs and traces may say of a statement: its text without the values in it."""

from __future__ import annotations

import re
from functools import lru_cache

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = ["operation_of", "parameters_of", "text_of"]

_OPERATIONS = {
    *("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "CREATE", "ALTER", "DROP"),
    *("USE", "GRANT", "REVOKE", "LIST", "DESCRIBE"),
}

_FIRST_WORD = re.compile(r"\s*(\w+)")

_LITERALS = re.compile(
    r"""
    (?P<name> "(?:[^"]|"")*(?:"|\Z) )                     # a quoted name stays
    | (?P<comment> (?:--|//)[^\n]* | /\*.*?(?:\*/|\Z) )   # a comment goes, whatever it says
    | '(?:[^']|'')*(?:'|\Z)
    | \$\$.*?(?:\$\$|\Z)
    | \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b     # a UUID
    | (?<![\w.])[+-]?\d+(?:\.\d*)?(?:e[+-]?\d+)?\w*       # number, duration or blob
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


def _mask(match: re.Match[str]) -> str:
    if match["name"]:
        return match["name"]
    return " " if match["comment"] else "?"


@lru_cache(maxsize=512)
def _masked(text: str) -> str:
    return " ".join(_LITERALS.sub(_mask, text).split())


def text_of(statement: Any, max_length: int, *, literals: bool = False) -> str:
    """Return the statement's CQL on one line of at most `max_length` characters.

    Literals are replaced by ``?``, comments left out, unless `literals` is True. Of a batch,
    only the number of its statements is told.
    """
    raw = _raw(statement)
    if raw is None:
        return _describe(statement)
    # A text may be megabytes of values: no more of it is looked at than can be shown.
    cut = raw[: 8 * max_length]
    text = " ".join(cut.split()) if literals else _masked(cut)
    if len(text) > max_length or len(cut) < len(raw):
        text = text[: max_length - 1] + "…"
    return text


def operation_of(statement: Any) -> str | None:
    """Return ``"SELECT"``, ``"INSERT"``, ``"BATCH"`` …, or None when it is none we know."""
    if _is_batch(statement):
        return "BATCH"
    match = _FIRST_WORD.match(_raw(statement) or "")
    word = match[1].upper() if match else ""
    if word == "BEGIN":
        return "BATCH"
    return word if word in _OPERATIONS else None


def parameters_of(statement: Any, max_length: int) -> str | None:
    """Return the bound values as text of at most `max_length` characters, if there are any."""
    values = getattr(statement, "values", None)
    if values is None or callable(values):
        return None
    text = repr(values)
    return text if len(text) <= max_length else text[: max_length - 1] + "…"


def _raw(statement: Any) -> str | None:
    if isinstance(statement, str):
        return statement
    prepared = getattr(statement, "prepared_statement", statement)
    text = getattr(prepared, "query_string", None)
    return text if isinstance(text, str) else None


def _is_batch(statement: Any) -> bool:
    return hasattr(statement, "batch_type")


def _describe(statement: Any) -> str:
    if _is_batch(statement) and hasattr(statement, "__len__"):
        return f"BATCH of {len(statement)}"
    return type(statement).__name__
