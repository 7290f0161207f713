"""What becomes of values between instances and the bytes that a server keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cql_protocol.types.parse_cql import parse_cql_type
from cql_protocol.types.tuples import UserType

if TYPE_CHECKING:
    from cql_protocol.types import CqlType
    from cqlengine.columns import Column


def type_of(column: Column[Any]) -> CqlType:
    """Return the type that the driver has for a column, found by its text in CREATE TABLE."""
    user_types: dict[str, Any] = {}
    found: list[Any] = []

    from cqlengine.columns import resolve_udts

    resolve_udts(column, found)
    for each in found:
        fields = [
            (field.db_field_name, parse_cql_type(field.cql_type, user_types=user_types))
            for field in each._fields.values()
        ]
        user_types[each.type_name()] = UserType("ks", each.type_name(), fields)
    return parse_cql_type(column.cql_type, user_types=user_types)


def bound(column: Column[Any], value: Any) -> Any:
    """Return what saving an instance with this value binds."""
    valid = column.validate(value)
    dumps = column.dumps
    return valid if dumps is None else dumps(valid)


def read(column: Column[Any], cell: bytes | None) -> Any:
    """Return what an instance gets for a cell."""
    value = None if cell is None else type_of(column).decode(cell)
    loads = column.loads
    return value if loads is None else loads(value)


def stored(column: Column[Any], value: Any) -> bytes:
    """Return the cell that saving a value makes."""
    return type_of(column).encode(bound(column, value))


def back(column: Column[Any], value: Any) -> Any:
    """Return a value after it was saved and read again."""
    return read(column, stored(column, value))
