"""INSERTs for servers that know no unset values."""

from __future__ import annotations

from cql_driver.query import UNSET_VALUE

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["has_unset", "without_unset"]

_NAME = r'(?:"(?:[^"]|"")*"|\w+)'


def has_unset(values: Sequence[Any]) -> bool:
    """Say whether one of the values to be bound is unset."""
    return any(value is UNSET_VALUE for value in values)


def without_unset(text: str, values: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """Return an INSERT of the mapper without the columns whose values are unset.

    It does the same, but is another statement for each set of columns. Before version 4 of the
    protocol there are no unset values (native_protocol_v4.spec, section 10).

    Example::

        >>> without_unset('INSERT INTO t ("a", "b") VALUES (?, ?) USING TTL ?', [1, UNSET_VALUE, 9])
        ('INSERT INTO t ("a") VALUES (?) USING TTL ?', [1, 9])
    """
    import re

    start = rf"(INSERT INTO {_NAME}(?:\.{_NAME})? )\(({_NAME}(?:, {_NAME})*)\) VALUES \([?, ]+\)"
    found = re.match(start, text)
    if found is None:
        return text, values
    names = re.findall(_NAME, found[2])
    kept = [at for at, value in enumerate(values) if value is not UNSET_VALUE]
    columns = [names[at] for at in kept if at < len(names)]
    markers = ", ".join("?" * len(columns))
    made = f"{found[1]}({', '.join(columns)}) VALUES ({markers}){text[found.end() :]}"
    return made, [values[at] for at in kept]
