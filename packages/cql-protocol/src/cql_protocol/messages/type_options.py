"""Column types as the wire describes them: the [option] of spec section 4.2.5.2."""

from __future__ import annotations

from cql_protocol import types
from cql_protocol.errors import InvalidTypeName, InvalidValue, RemoteProtocolError
from cql_protocol.types import (
    CqlType,
    FrozenType,
    ListType,
    MapType,
    ReversedType,
    SetType,
)
from cql_protocol.types.base import MAX_DEPTH
from cql_protocol.wire import pack_short, write_string

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_protocol.wire import Reader

__all__ = ["read_type", "write_type"]

CUSTOM = 0x0000
LIST = 0x0020
MAP = 0x0021
SET = 0x0022
UDT = 0x0030
TUPLE = 0x0031

# What is called so in `cql_protocol.types`: its module is loaded when a column has the type.
_SIMPLE = {
    0x01: "ASCII",
    0x02: "BIGINT",
    0x03: "BLOB",
    0x04: "BOOLEAN",
    0x05: "COUNTER",
    0x06: "DECIMAL",
    0x07: "DOUBLE",
    0x08: "FLOAT",
    0x09: "INT",
    0x0A: "TEXT",
    0x0B: "TIMESTAMP",
    0x0C: "UUID",
    0x0D: "TEXT",
    0x0E: "VARINT",
    0x0F: "TIMEUUID",
    0x10: "INET",
    0x11: "DATE",
    0x12: "TIME",
    0x13: "SMALLINT",
    0x14: "TINYINT",
    0x15: "DURATION",
}


def read_type(reader: Reader) -> CqlType:
    """Read one [option] and return the type it describes.

    Unknown ids, class names that cannot be parsed, and types that nest too deep are
    `RemoteProtocolError`s.
    """
    try:
        return _read(reader, 1)
    except (InvalidTypeName, InvalidValue) as exc:
        raise RemoteProtocolError(f"the type of a column: {exc}") from exc


def _read(reader: Reader, depth: int) -> CqlType:
    code = reader.short()
    simple = _SIMPLE.get(code)
    if simple is not None:
        return getattr(types, simple)  # type: ignore[no-any-return]
    if depth >= MAX_DEPTH:  # before Python's own recursion limit
        raise RemoteProtocolError(f"a type nested deeper than {MAX_DEPTH}")
    depth += 1
    if code == LIST:
        return ListType(_read(reader, depth))
    if code == SET:
        return SetType(_read(reader, depth))
    if code == MAP:
        return MapType(_read(reader, depth), _read(reader, depth))
    if code == TUPLE:
        return types.TupleType(*[_read(reader, depth) for _ in range(reader.count(2, "tuple"))])
    if code == UDT:
        return _read_user_type(reader, depth)
    if code == CUSTOM:
        from cql_protocol.types.parse_class import parse_class_name

        return parse_class_name(reader.string())
    raise RemoteProtocolError(f"unknown type id 0x{code:04x} at offset {reader.at - 2}")


def _read_user_type(reader: Reader, depth: int) -> CqlType:
    keyspace, name = reader.string(), reader.string()
    count = reader.count(4, "fields")
    fields = [(reader.string(), _read(reader, depth)) for _ in range(count)]
    return types.UserType(keyspace, name, fields)


def write_type(cql_type: CqlType) -> bytes:
    """Return the [option] that describes `cql_type`.

    Frozen and reversed types look like what they wrap; what has no id of its own
    (vectors, custom types) is described by its class name.
    """
    while isinstance(cql_type, FrozenType | ReversedType):
        cql_type = cql_type.inner
    head = pack_short(cql_type.code)
    if isinstance(cql_type, ListType | SetType):
        return head + write_type(cql_type.element)
    if isinstance(cql_type, MapType):
        return head + write_type(cql_type.key) + write_type(cql_type.value)
    if isinstance(cql_type, types.TupleType):
        return b"".join(
            (head, pack_short(len(cql_type.elements)), *map(write_type, cql_type.elements))
        )
    if isinstance(cql_type, types.UserType):
        parts = [head, write_string(cql_type.keyspace), write_string(cql_type.type_name)]
        parts.append(pack_short(len(cql_type.fields)))
        for name, field in cql_type.fields:
            parts += (write_string(name), write_type(field))
        return b"".join(parts)
    if cql_type.code == CUSTOM:
        return head + write_string(cql_type.class_name)
    return head
