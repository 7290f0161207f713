"""`ReadOptions`: how cells become Python values."""

from __future__ import annotations

from cql_protocol.values.immutable import Immutable
from cql_protocol.values.sentinels import EMPTY, Empty

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cql_protocol.types.base import CqlType, Reader

__all__ = ["DEFAULT_OPTIONS", "ReadOptions"]

# Readers cost about a kilobyte each. An application meets few types; a server that names ever
# new ones must not fill the memory.
_MAX_READERS = 4096

_put = object.__setattr__


class ReadOptions(Immutable):
    """Choices of how cells become Python values; immutable, made once and shared.

    - `aware_datetimes`: timestamps become datetimes with the time zone UTC, not naive ones.
    - `empty_values`: a cell of zero bytes becomes `EMPTY` where zero bytes are no value, not None.
    - `inet_text`: addresses become text, not `ipaddress` objects.
    - `set_factory`: makes every set of a list of its elements, in the server's order.
    - `map_factory`: makes every map of a list of (key, value) tuples, in the server's order.
    - `udt_classes`: makes the values of user types: (keyspace, name) to a callable that is called
      with the fields as keywords; None stands for a field that is null.

    What the three factories raise reaches who decodes.
    """

    __slots__ = (
        "aware_datetimes",
        "empty_values",
        "inet_text",
        "set_factory",
        "map_factory",
        "udt_classes",
        "readers",
    )

    aware_datetimes: bool
    empty_values: bool
    inet_text: bool
    set_factory: Callable[[list[Any]], Any] | None
    map_factory: Callable[[list[tuple[Any, Any]]], Any] | None
    udt_classes: Mapping[tuple[str, str], Callable[..., Any]] | None
    readers: dict[CqlType, Reader]
    """The readers made so far with these options."""

    def __init__(
        self,
        *,
        aware_datetimes: bool = False,
        empty_values: bool = False,
        inet_text: bool = False,
        set_factory: Callable[[list[Any]], Any] | None = None,
        map_factory: Callable[[list[tuple[Any, Any]]], Any] | None = None,
        udt_classes: Mapping[tuple[str, str], Callable[..., Any]] | None = None,
    ) -> None:
        _put(self, "aware_datetimes", aware_datetimes)
        _put(self, "empty_values", empty_values)
        _put(self, "inet_text", inet_text)
        _put(self, "set_factory", set_factory)
        _put(self, "map_factory", map_factory)
        # A copy: readers that were made with one class would not notice another.
        _put(self, "udt_classes", None if udt_classes is None else dict(udt_classes))
        _put(self, "readers", {})

    @property
    def empty(self) -> Empty | None:
        """What a cell of zero bytes becomes where zero bytes are no value."""
        return EMPTY if self.empty_values else None

    def keep_reader(self, cql_type: CqlType, reader: Reader) -> None:
        """Keep a reader for the next one who asks."""
        if len(self.readers) >= _MAX_READERS:
            self.readers.clear()
        self.readers[cql_type] = reader

    def __repr__(self) -> str:
        chosen = (
            f"{name}={getattr(self, name)!r}"
            for name in self.__slots__[:-1]
            if getattr(self, name) not in (False, None)
        )
        return f"ReadOptions({', '.join(chosen)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, ({name: getattr(self, name) for name in self.__slots__[:-1]},))


def _rebuild(choices: dict[str, Any]) -> ReadOptions:
    return ReadOptions(**choices)


DEFAULT_OPTIONS = ReadOptions()
"""The options where none are given."""
