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


class CompositeType(CqlType):
    """A composite of components of known types. Read as a tuple; made of a tuple or list, or bytes.

    A value may have fewer components than the type.
    """

    __slots__ = ("types",)

    types: tuple[CqlType, ...]
    """The types of the components."""

    def __init__(self, types: Iterable[CqlType]) -> None:
        parts = tuple(types)
        put(self, "types", parts)
        names = ",".join(part.class_name for part in parts)
        class_name = f"{MARSHAL}CompositeType({names})"
        hashable = all(part.hashable for part in parts)
        super().__init__((parts,), f"'{class_name}'", class_name, hashable=hashable)

    @property
    def children(self) -> tuple[CqlType, ...]:
        """The types of the components."""
        return self.types

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a composite; bytes are taken as they are."""
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        if isinstance(value, str) or not isinstance(value, Sequence):
            return self._encode_other(value, "a tuple, a list or bytes")
        if len(value) > len(self.types):
            raise ValueOutOfRange(
                f"composite: {len(value)} components are more than {len(self.types)}"
            )
        return b"".join(
            _component(number, part, item)
            for number, (part, item) in enumerate(zip(self.types, value, strict=False))
        )

    def _make_reader(self, options: ReadOptions) -> Reader:
        readers, empty = [part.reader(options) for part in self.types], options.empty

        def read(cell: bytes) -> Any:
            if not cell:
                return empty
            values: list[Any] = []
            at = 2 if cell.startswith(_STATIC_MARK) else 0
            while at < len(cell):
                if len(values) == len(readers):
                    raise DecodeError(f"composite: more than {len(readers)} components")
                component, at = _read_component(cell, at)
                values.append(readers[len(values)](component))
            return tuple(values)

        return read


class DynamicCompositeType(CqlType):
    """A composite whose cells tell the type of each component, by alias or by class name.

    `aliases` maps single letters to types. Read as a tuple of the components' values; a
    component of a class not known here is given as bytes. Made of bytes, or of pairs
    (letter or class name, value).
    """

    __slots__ = ("aliases",)

    aliases: tuple[tuple[str, CqlType], ...]
    """Pairs of letter and type, sorted."""

    def __init__(self, aliases: Mapping[str, CqlType] | Iterable[tuple[str, CqlType]]) -> None:
        pairs = tuple(sorted(dict(aliases).items(), key=_letter))
        if any(len(letter) != 1 or not letter.isascii() for letter, _ in pairs):
            raise ValueOutOfRange("the alias of a dynamic composite is one ASCII letter")
        put(self, "aliases", pairs)
        names = ",".join(f"{letter}=>{part.class_name}" for letter, part in pairs)
        class_name = f"{MARSHAL}DynamicCompositeType({names})"
        super().__init__((pairs,), f"'{class_name}'", class_name, hashable=False)

    @property
    def children(self) -> tuple[CqlType, ...]:
        """The types that have aliases."""
        return tuple(part for _, part in self.aliases)

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a composite; bytes are taken as they are."""
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        if isinstance(value, str) or not isinstance(value, Sequence):
            return self._encode_other(value, "pairs of alias and value, or bytes")
        parts = []
        for number, pair in enumerate(value):
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise InvalidValueType(f"component {number} of a dynamic composite is no pair")
            head, component_type = self._comparator(number, pair[0])
            parts.append(head + _component(number, component_type, pair[1]))
        return b"".join(parts)

    def _comparator(self, number: int, name: object) -> tuple[bytes, CqlType]:
        """Return what stands before a component, and its type."""
        for letter, part in self.aliases:
            if name == letter:
                return (_ALIAS_BIT | ord(letter)).to_bytes(2, "big"), part
        known = _class_named(name) if isinstance(name, str) else None
        if known is None or not isinstance(name, str):
            raise ValueOutOfRange(
                f"component {number} of a dynamic composite: {show(name)} is neither an alias "
                "nor a known class"
            )
        return len(name).to_bytes(2, "big") + name.encode(), known

    def _make_reader(self, options: ReadOptions) -> Reader:
        readers = {letter: part.reader(options) for letter, part in self.aliases}
        empty = options.empty

        def read(cell: bytes) -> Any:
            if not cell:
                return empty
            values: list[Any] = []
            at = 0
            while at < len(cell):
                header, name, at = _read_comparator(cell, at)
                component, at = _read_component(cell, at)
                if header & _ALIAS_BIT:
                    reader = readers.get(chr(header & 0xFF))
                    if reader is None:
                        raise DecodeError(f"dynamic composite: no alias {chr(header & 0xFF)!r}")
                else:
                    known = _class_named(name)
                    reader = None if known is None else known.reader(options)
                values.append(component if reader is None else reader(component))
            return tuple(values)

        return read

    def __repr__(self) -> str:
        return f"DynamicCompositeType({dict(self.aliases)!r})"


def _letter(pair: tuple[str, CqlType]) -> str:
    return pair[0]


def _class_named(name: str) -> CqlType | None:
    """Return the simple type of a class of the server, or None."""
    from cql_protocol.types.tables import TYPES_BY_CLASS  # it lists the types, this one too

    return TYPES_BY_CLASS.get(name.removeprefix(MARSHAL))


def _component(number: int, part: CqlType, item: Any) -> bytes:
    if item is None:
        raise InvalidValueType(f"component {number} of a composite cannot be null")
    try:
        cell = part.encode(item)
    except InvalidValue as error:
        where = f"component {number} of a composite"
        raise prefixed(error, where, part, told=False) from None
    if len(cell) >= _MAX_COMPONENT:
        raise ValueOutOfRange(f"component {number} of a composite has more than 65534 bytes")
    return len(cell).to_bytes(2, "big") + cell + b"\0"


def _read_comparator(cell: bytes, at: int) -> tuple[int, str, int]:
    header = int.from_bytes(cell[at : at + 2], "big")
    at += 2
    end = at if header & _ALIAS_BIT else at + header
    if end > len(cell):
        raise DecodeError("dynamic composite: the value ends within a component")
    try:
        return header, cell[at:end].decode(), end
    except UnicodeDecodeError:
        raise DecodeError("dynamic composite: a class name is no utf-8") from None


def _read_component(cell: bytes, at: int) -> tuple[bytes, int]:
    """Return the bytes of a component and where the next one begins."""
    start = at + 2
    end = start + int.from_bytes(cell[at:start], "big")
    if end + 1 > len(cell):
        raise DecodeError("composite: the value ends within a component")
    if cell[end] and end + 1 != len(cell):
        raise DecodeError("composite: bytes follow the end of the last component")
    return cell[start:end], end + 1
