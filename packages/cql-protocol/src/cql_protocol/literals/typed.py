"""`typed_literal`: the CQL text of a value by the type of its column.

The value is encoded and decoded again first. So exactly what could be bound to a prepared
statement is accepted, with the same errors, and what is written has one known class per type.
"""

from __future__ import annotations

from struct import Struct

from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.identifiers import protect_name
from cql_protocol.literals.encoder import LiteralEncoder
from cql_protocol.literals.scalars import float_literal, refuse_unset
from cql_protocol.types import (
    FLOAT,
    TYPES_BY_NAME,
    CqlType,
    FrozenType,
    ListType,
    MapType,
    ReadOptions,
    ReversedType,
    SetType,
    TupleType,
    UserType,
    VectorType,
)
from cql_protocol.values import EMPTY, UNSET

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["typed_literal"]

# Sets and maps in the order of their bytes, so that equal values give equal text.
_options = ReadOptions(empty_values=True, set_factory=list, map_factory=list)
_scalar = LiteralEncoder().literal
_float = Struct(">f").pack

_EMPTY = {"text": "''", "ascii": "''", "blob": "0x"}
"""The types that have an empty value of their own."""
_NO_EMPTY = ("counter", "date", "duration", "empty", "smallint", "time", "tinyint")
"""The simple types for which the server takes no zero bytes."""


def typed_literal(cql_type: CqlType, value: Any) -> str:
    """Return the CQL text of `value` for a column of type `cql_type`.

    Everything that can be bound to a marker of this type can be given, None included. `EMPTY`
    becomes a call of the server's ``blobAs…(0x)``.

    Raises `InvalidValueType` and `ValueOutOfRange` as binding would, and also for what only a
    prepared statement can send: `UNSET`, and a null or `EMPTY` within a collection.

    Example::

        >>> from cql_protocol.types import INET, INT, ListType, MapType
        >>> typed_literal(MapType(INT, ListType(INET)), {1: ["10.0.0.1"]})
        "{1: ['10.0.0.1']}"
    """
    if value is None:
        return "NULL"
    if value is UNSET:
        return refuse_unset(value)
    cell = cql_type.encode(value)
    while isinstance(cql_type, FrozenType | ReversedType):
        cql_type = cql_type.inner
    canonical = cql_type.decode(cell, _options)
    return _empty(cql_type) if canonical is EMPTY else _render(cql_type, canonical)


def _empty(cql_type: CqlType) -> str:
    name = cql_type.name
    if name in _EMPTY:
        return _EMPTY[name]
    if TYPES_BY_NAME.get(name) is not cql_type or name in _NO_EMPTY:
        raise ValueOutOfRange(f"no literal of CQL means an empty {name}")
    return f"blobAs{name.capitalize()}(0x)"


def _render(cql_type: CqlType, value: Any) -> str:
    """Return the text of a value as `CqlType.decode` returns it."""
    writer = _WRITERS.get(type(cql_type))
    if writer is not None:
        return writer(cql_type, value)
    own = getattr(cql_type, "literal", None)  # geometries, and types of plugins
    if own is not None:
        return str(own(value))
    return _float_literal(value) if cql_type is FLOAT else _scalar(value)


def _part(cql_type: CqlType, value: Any) -> str:
    """Return the text of an element of a collection, where no null or function can stand."""
    if value is None or value is EMPTY:
        shown = "null" if value is None else "EMPTY"
        raise InvalidValueType(f"the literal of a collection cannot hold {shown}")
    return _render(cql_type, value)


def _field(cql_type: CqlType, value: Any) -> str:
    """Return the text of a field, which can be null."""
    return "NULL" if value is None else _part(cql_type, value)


def _inner(cql_type: FrozenType | ReversedType, value: Any) -> str:
    return _render(cql_type.inner, value)


def _list(cql_type: ListType | VectorType, values: list[Any]) -> str:
    element = cql_type.element
    return f"[{', '.join([_part(element, value) for value in values])}]"


def _set(cql_type: SetType, values: list[Any]) -> str:
    element = cql_type.element
    return f"{{{', '.join([_part(element, value) for value in values])}}}"


def _map(cql_type: MapType, pairs: list[tuple[Any, Any]]) -> str:
    items = [f"{_part(cql_type.key, key)}: {_part(cql_type.value, item)}" for key, item in pairs]
    return f"{{{', '.join(items)}}}"


def _tuple(cql_type: TupleType, values: tuple[Any, ...]) -> str:
    parts = [_field(field, value) for field, value in zip(cql_type.elements, values, strict=True)]
    return f"({', '.join(parts)})"


def _user_type(cql_type: UserType, values: Any) -> str:
    parts = [
        f"{protect_name(name)}: {_field(field, value)}"
        for (name, field), value in zip(cql_type.fields, values, strict=True)
    ]
    return f"{{{', '.join(parts)}}}"


def _float_literal(value: float) -> str:
    """Return the shortest text that gives the same 32-bit float back."""
    wanted = _float(value)
    for digits in range(6, 10):
        text = f"{value:.{digits}g}"
        if text[-1] not in "fn" and _float(float(text)) == wanted:
            return text
    return float_literal(value)


_WRITERS: dict[type[CqlType], Callable[[Any, Any], str]] = {
    FrozenType: _inner,
    ReversedType: _inner,
    ListType: _list,
    VectorType: _list,
    SetType: _set,
    MapType: _map,
    TupleType: _tuple,
    UserType: _user_type,
}
