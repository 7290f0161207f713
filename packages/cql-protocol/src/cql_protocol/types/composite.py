"""The composites of tables made without CQL: several values in one cell.

Each component is its length in two bytes, its bytes, and one byte that is 0, or, in bounds of a
query, something else after the last component. A static row begins with the length 0xffff.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cql_protocol.errors import DecodeError, InvalidValue, InvalidValueType, ValueOutOfRange
from cql_protocol.types.base import MARSHAL, CqlType, prefixed, put, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cql_protocol.types.base import Reader
    from cql_protocol.types.options import ReadOptions

__all__ = ["CompositeType", "DynamicCompositeType"]

_STATIC_MARK = b"\xff\xff"
_ALIAS_BIT = 0x8000
_MAX_COMPONENT = 0xFFFF


class _Composite(CqlType):
    __slots__ = ()

    _expected: str

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a composite; bytes are taken as they are."""
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        if isinstance(value, str) or not isinstance(value, Sequence):
            return self._encode_other(value, f"{self._expected} or bytes")
        data = b""
        for number, item in enumerate(value):
            where = f"component {number} of a composite"
            head, part, item = self._typed(number, item, len(value))
            if item is None:
                raise InvalidValueType(f"{where} cannot be null")
            try:
                cell = part.encode(item)
            except InvalidValue as error:
                raise prefixed(error, where, part, told=False) from None
            if len(cell) >= _MAX_COMPONENT:
                raise ValueOutOfRange(f"{where} has more than 65534 bytes")
            data += head + len(cell).to_bytes(2, "big") + cell + b"\0"
        return data

    def _typed(self, number: int, item: Any, count: int) -> tuple[bytes, CqlType, Any]:
        """Return what stands before a component, its type and its value."""
        raise NotImplementedError

    def _make_reader(self, options: ReadOptions) -> Reader:
        empty, static = options.empty, isinstance(self, CompositeType)

        def read(cell: bytes) -> Any:
            if not cell:
                return empty
            values: list[Any] = []
            at = 2 if static and cell.startswith(_STATIC_MARK) else 0
            while at < len(cell):
                part, at = self._type_at(cell, at, len(values))
                component, at = _read_component(cell, at)
                values.append(part.decode(component, options) if part else component)
            return tuple(values)

        return read

    def _type_at(self, cell: bytes, at: int, number: int) -> tuple[CqlType | None, int]:
        """Return the type of a component, None where it is not known, and where it begins."""
        raise NotImplementedError


class CompositeType(_Composite):
    """A composite of components of known types. Read as a tuple; made of a tuple or list, or bytes.

    A value may have fewer components than the type.
    """

    __slots__ = ("types",)

    _expected = "a tuple, a list"
    types: tuple[CqlType, ...]
    """The types of the components."""

    def __init__(self, types: Iterable[CqlType]) -> None:
        parts = tuple(types)
        put(self, "types", parts)
        names = ",".join(part.class_name for part in parts)
        class_name = f"{MARSHAL}CompositeType({names})"
        super().__init__((parts,), f"'{class_name}'", class_name, children=parts)

    def _typed(self, number: int, item: Any, count: int) -> tuple[bytes, CqlType, Any]:
        if count > len(self.types):
            raise ValueOutOfRange(f"composite: {count} components are more than {len(self.types)}")
        return b"", self.types[number], item

    def _type_at(self, cell: bytes, at: int, number: int) -> tuple[CqlType, int]:
        if number == len(self.types):
            raise DecodeError(f"composite: more than {number} components")
        return self.types[number], at


class DynamicCompositeType(_Composite):
    """A composite whose cells tell the type of each component, by alias or by class name.

    `aliases` maps single letters to types. Read as a tuple of the components' values; a
    component of a class not known here is given as bytes. Made of bytes, or of pairs
    (letter or class name, value).
    """

    __slots__ = ("aliases",)

    _expected = "pairs of alias and value,"
    aliases: tuple[tuple[str, CqlType], ...]
    """Pairs of letter and type, sorted."""

    def __init__(self, aliases: Mapping[str, CqlType] | Iterable[tuple[str, CqlType]]) -> None:
        types = dict(aliases)
        pairs = tuple((letter, types[letter]) for letter in sorted(types))
        if any(len(letter) != 1 or not letter.isascii() for letter in types):
            raise ValueOutOfRange("the alias of a dynamic composite is one ASCII letter")
        put(self, "aliases", pairs)
        names = ",".join(f"{letter}=>{part.class_name}" for letter, part in pairs)
        class_name = f"{MARSHAL}DynamicCompositeType({names})"
        parts = tuple(part for _, part in pairs)
        super().__init__((pairs,), f"'{class_name}'", class_name, hashable=False, children=parts)

    def _typed(self, number: int, item: Any, count: int) -> tuple[bytes, CqlType, Any]:
        where = f"component {number} of a dynamic composite"
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise InvalidValueType(f"{where} is no pair")
        name, value = item
        for letter, part in self.aliases:
            if name == letter:
                return (_ALIAS_BIT | ord(letter)).to_bytes(2, "big"), part, value
        known = _class_named(name) if isinstance(name, str) else None
        if known is None:
            raise ValueOutOfRange(f"{where}: {show(name)} is neither an alias nor a known class")
        return len(name).to_bytes(2, "big") + name.encode(), known, value

    def _type_at(self, cell: bytes, at: int, number: int) -> tuple[CqlType | None, int]:
        header = int.from_bytes(cell[at : at + 2], "big")
        at += 2
        if header & _ALIAS_BIT:
            letter = chr(header & 0xFF)
            part = dict(self.aliases).get(letter)
            if part is None:
                raise DecodeError(f"dynamic composite: no alias {letter!r}")
            return part, at
        end = at + header
        if end > len(cell):
            raise DecodeError("dynamic composite: the value ends within a component")
        try:
            return _class_named(cell[at:end].decode()), end
        except UnicodeDecodeError:
            raise DecodeError("dynamic composite: a class name is no utf-8") from None

    def __repr__(self) -> str:
        return f"DynamicCompositeType({dict(self.aliases)!r})"


def _class_named(name: str) -> CqlType | None:
    """Return the simple type of a class of the server, or None."""
    from cql_protocol.types.tables import TYPES_BY_CLASS  # it lists the types, this one too

    return TYPES_BY_CLASS.get(name.removeprefix(MARSHAL))


def _read_component(cell: bytes, at: int) -> tuple[bytes, int]:
    """Return the bytes of a component and where the next one begins."""
    start = at + 2
    end = start + int.from_bytes(cell[at:start], "big")
    if end + 1 > len(cell):
        raise DecodeError("composite: the value ends within a component")
    if cell[end] and end + 1 != len(cell):
        raise DecodeError("composite: bytes follow the end of the last component")
    return cell[start:end], end + 1
