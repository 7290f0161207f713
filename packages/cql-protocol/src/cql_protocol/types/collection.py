"""Lists, sets and maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import copysign, inf
from struct import Struct
from struct import error as StructError

from cql_protocol.errors import DecodeError, InvalidValue, InvalidValueType, ValueOutOfRange
from cql_protocol.types.base import (
    MARSHAL,
    NULL_CELL,
    CqlType,
    may_be_infinite,
    pack_size,
    prefixed,
    put,
    show,
    unpack_size,
    unpack_unsigned,
)
from cql_protocol.types.packed import PACKED_SIZES, list_reader, map_reader
from cql_protocol.types.wrappers import FrozenType, ReversedType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cql_protocol.types.base import CqlType, Reader, ReadOptions

    Key = Callable[[bytes], Any]

__all__ = ["ListType", "MapType", "SetType", "in_order", "order_key"]

_MAX_COUNT = 0x7FFFFFFF
# Not '?': `struct` takes anything for a bool, a boolean does not.
_NUMBER_CODES = frozenset("bhiqfd")
_KEPT_STRUCTS = 64
# Iterable, but whoever gives one of these as a list or a set has made a mistake.
_NO_SERIES = (str, bytes, bytearray, memoryview, Mapping)


class _SequenceType(CqlType):
    """What lists and sets share: a count, then the elements, each a [bytes]."""

    __slots__ = ("element",)

    element: CqlType
    """The type of the elements."""

    def __init__(self, element: CqlType, keyword: str, class_name: str, code: int) -> None:
        put(self, "element", element)
        super().__init__(
            (element,),
            f"{keyword}<{element.name}>",
            f"{MARSHAL}{class_name}({element.class_name})",
            code=code,
            hashable=False,
            children=(element,),
        )

    def _element_cells(self, value: Any) -> list[bytes | None] | None:
        """Return the bytes of each element, or None when `value` is no series of elements."""
        if isinstance(value, _NO_SERIES) or not isinstance(value, Iterable):
            return None
        encode = self.element.encode
        cells: list[bytes | None] = []
        try:
            for element in value:
                cells.append(None if element is None else encode(element))
        except InvalidValue as error:
            where = f"element {len(cells)} of {self.name}"
            raise prefixed(error, where, self.element) from None
        return cells


class ListType(_SequenceType):
    """``list<element>`` (spec section 6.12). Read as a list; made of any iterable but text or maps.

    None is written as a null element: lists of values for IN may hold them, while a list
    stored in a column may not, which the server tells.
    """

    __slots__ = ("_packers",)

    _packers: dict[int, Callable[..., bytes]]

    def __init__(self, element: CqlType) -> None:
        put(self, "_packers", {})
        super().__init__(element, "list", "ListType", 0x20)

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a list."""
        if (
            type(value) is list
            and 0 < len(value) <= _KEPT_STRUCTS
            and self.element.struct_code in _NUMBER_CODES
        ):
            packed = self._pack(value)
            if packed is not None:
                return packed
        cells = self._element_cells(value)
        if cells is None:
            return self._encode_other(value, "a list or another iterable")
        return _join(cells)

    def _pack(self, value: list[Any]) -> bytes | None:
        """Return the bytes of a short list of numbers by one call, None where that is not safe."""
        count, code = len(value), self.element.struct_code
        pack = self._packers.get(count)
        if pack is None:
            pack = self._packers[count] = Struct(">i" + f"i{code}" * count).pack
        arguments = [PACKED_SIZES[code]] * (2 * count + 1)
        arguments[0] = count
        arguments[2::2] = value
        try:
            packed = pack(*arguments)
        except (StructError, OverflowError, ValueError):
            return None  # one by one, the element at fault is found
        return None if may_be_infinite(code, packed) else packed

    def _make_reader(self, options: ReadOptions) -> Reader:
        empty, read_cells = options.empty, cells_reader(self.name, self.element, options)

        def read(cell: bytes) -> Any:
            return read_cells(cell) if cell else empty

        code = self.element.struct_code
        return list_reader(code, read) if code else read


class SetType(_SequenceType):
    """``set<element>`` (spec section 6.14). Made of any iterable but text or maps.

    Read as a set, as a `SortedSet` where the elements cannot be hashed, or as what
    `ReadOptions.set_factory` makes. Written in the server's order, each element once, so that
    equal sets give equal bytes.
    """

    __slots__ = ("_order",)

    _order: Callable[[bytes], Any] | None

    def __init__(self, element: CqlType) -> None:
        put(self, "_order", order_key(element))
        super().__init__(element, "set", "SetType", 0x22)

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a set."""
        cells = self._element_cells(value)
        if cells is None:
            return self._encode_other(value, "a set or another iterable")
        if None in cells:
            raise InvalidValueType(f"{self.name}: a set cannot hold null")
        return _join(in_order(cells, self._order))  # type: ignore[arg-type]

    def _make_reader(self, options: ReadOptions) -> Reader:
        empty, read_cells = options.empty, cells_reader(self.name, self.element, options)
        code = self.element.struct_code
        if code:
            read_cells = list_reader(code, read_cells)
        factory: Callable[[list[Any]], Any] = options.set_factory or _set_of

        def read(cell: bytes) -> Any:
            return factory(read_cells(cell)) if cell else empty

        return read


class MapType(CqlType):
    """``map<key, value>`` (spec section 6.13). Made of a mapping, or of what has `items()`.

    Read as a dict, as an `OrderedMapSerializedKey` where the keys cannot be hashed, or as what
    `ReadOptions.map_factory` makes. Written in the server's order of the keys, so that equal
    maps give equal bytes.
    """

    __slots__ = ("key", "value", "_order")

    key: CqlType
    """The type of the keys."""
    value: CqlType
    """The type of the values."""
    _order: Callable[[bytes], Any] | None

    def __init__(self, key: CqlType, value: CqlType) -> None:
        put(self, "_order", order_key(key))
        put(self, "key", key)
        put(self, "value", value)
        super().__init__(
            (key, value),
            f"map<{key.name}, {value.name}>",
            f"{MARSHAL}MapType({key.class_name},{value.class_name})",
            code=0x21,
            hashable=False,
            children=(key, value),
        )

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a map."""
        items = getattr(value, "items", None)
        if not callable(items):
            return self._encode_other(value, "a dict or another mapping")
        order = self._order
        keys: dict[Any, bytes] = {}
        cells: dict[Any, bytes] = {}
        for key, item in items():
            if key is None or item is None:
                raise InvalidValueType(f"{self.name}: a map cannot hold null")
            try:
                cell = self.key.encode(key)
            except InvalidValue as error:
                raise prefixed(error, f"a key of {self.name}", self.key, told=False) from None
            # Of keys that the server holds to be equal, it keeps the first, and the last value.
            place = order(cell) if order else cell
            keys.setdefault(place, cell)
            try:
                cells[place] = self.value.encode(item)
            except InvalidValue as error:
                where = f"the value at key {show(key)} of {self.name}"
                raise prefixed(error, where, self.value, told=False) from None
        flat: list[bytes | None] = []
        for place in sorted(keys):
            flat += (keys[place], cells[place])
        return _join(flat, len(cells))

    def _make_reader(self, options: ReadOptions) -> Reader:
        empty, name = options.empty, self.name
        read_key, read_value = self.key.reader(options), self.value.reader(options)
        made_elsewhere = options.map_factory or options.set_factory or options.udt_classes
        # Keys known to have a hash go straight into a dict, others into pairs first. So do those
        # that differ to the server and can be equal to Python: -0.0 and 0.0.
        direct = self.key.hashable and not made_elsewhere and not _holds_floats(self.key)
        finish = options.map_factory or self._map_of

        def read(cell: bytes) -> Any:
            if not cell:
                return empty
            size = len(cell)
            pairs: list[tuple[Any, Any]] = []
            made: dict[Any, Any] = {}
            try:
                count = unpack_size(cell, 0)[0]
                if not 0 <= count <= (size - 4) >> 3:
                    raise DecodeError(f"{name}: {count} entries do not fit {size} bytes")
                at = 4
                for _ in range(count):
                    length = unpack_size(cell, at)[0]
                    at += 4
                    key = None
                    if length >= 0:
                        key = read_key(cell[at : at + length])
                        at += length
                    length = unpack_size(cell, at)[0]
                    at += 4
                    value = None
                    if length >= 0:
                        value = read_value(cell[at : at + length])
                        at += length
                    if direct:
                        made[key] = value
                    else:
                        pairs.append((key, value))
            except StructError:
                raise DecodeError(f"{name}: the value ends early") from None
            if at != size:
                raise _wrong_end(name, at, size)
            return made if direct else finish(pairs)

        code = self.value.struct_code
        return map_reader(code, read_key, read) if direct and code else read

    def _map_of(self, pairs: list[tuple[Any, Any]]) -> Any:
        try:
            made = dict(pairs)
        except TypeError:
            made = {}
        if len(made) == len(pairs):
            return made
        from cql_protocol.values.ordered_map import OrderedMapSerializedKey

        ordered: OrderedMapSerializedKey[Any, Any] = OrderedMapSerializedKey(self.key)
        ordered.update(pairs)
        return ordered


def _holds_floats(cql_type: CqlType) -> bool:
    return cql_type.struct_code in ("f", "d") or any(map(_holds_floats, cql_type.children))


def _set_of(elements: list[Any]) -> Any:
    # Tried, not asked of the type: classes of the application may or may not have a hash.
    try:
        made = set(elements)
        if len(made) == len(elements):
            return made
        # What differs to the server can be equal to Python: -0.0 and 0.0.
    except TypeError:
        pass  # a class without a hash
    from cql_protocol.values.sorted_set import SortedSet

    return SortedSet.of_distinct(elements)


def _join(cells: list[bytes | None], count: int | None = None) -> bytes:
    """Return a count and the cells, each with its length before it."""
    if len(cells) > _MAX_COUNT:
        raise ValueOutOfRange(f"a collection has at most {_MAX_COUNT} elements")
    parts = [pack_size(len(cells) if count is None else count)]
    for cell in cells:
        if cell is None:
            parts.append(NULL_CELL)
        else:
            parts += (pack_size(len(cell)), cell)
    return b"".join(parts)


def _wrong_end(name: str, at: int, size: int) -> DecodeError:
    if at > size:
        return DecodeError(f"{name}: the value ends early")
    return DecodeError(f"{name}: {size - at} bytes follow the last element")


def cells_reader(name: str, element: CqlType, options: ReadOptions) -> Callable[[bytes], list[Any]]:
    """Return the function that reads a counted list of elements, one by one."""
    read_one = element.reader(options)

    def read(cell: bytes) -> list[Any]:
        # A slice beyond the end is just shorter: what is read stays within the cell, and the
        # next length, or the check at the end, finds out.
        size = len(cell)
        elements: list[Any] = []
        add = elements.append
        try:
            count = unpack_size(cell, 0)[0]
            if not 0 <= count <= (size - 4) >> 2:
                raise DecodeError(f"{name}: {count} elements do not fit {size} bytes")
            at = 4
            for _ in range(count):
                length = unpack_size(cell, at)[0]
                at += 4
                if length < 0:
                    add(None)
                else:
                    add(read_one(cell[at : at + length]))
                    at += length
        except StructError:
            raise DecodeError(f"{name}: the value ends early") from None
        if at != size:
            raise _wrong_end(name, at, size)
        return elements

    return read


# The server keeps the elements of sets and the keys of maps in the order of values. Within
# tuples, user types and vectors it leaves them as sent, and another order is another value.
_SIGN_FLIPPED = bytes(byte ^ 0x80 for byte in range(256))


def in_order(cells: list[bytes], key: Key | None) -> list[bytes]:
    """Return the cells in the order of `key`; of those equal by it, only the first."""
    if key is None:
        return sorted(set(cells))
    cells.reverse()  # a dict keeps the last of what is equal
    distinct = dict(zip(map(key, cells), cells, strict=True))
    return [distinct[each] for each in sorted(distinct)]


def order_key(cql_type: CqlType) -> Key | None:
    """Return the function that makes of a cell something hashable that sorts as the server does.

    None where the order is that of the bytes. A cell of zero bytes is the first of all.
    """
    if isinstance(cql_type, (FrozenType, ReversedType)):
        return order_key(cql_type.inner)
    code = cql_type.code
    if code == 0:
        from cql_protocol.types.vectors import VectorType

        if isinstance(cql_type, VectorType):
            fixed = cql_type.element.fixed_size
            sizes = (lambda _, at: (fixed, at)) if fixed else unpack_unsigned
            return _parts_key(cql_type, 0, sizes)
    if code >= 0x20:
        # Only lists, sets and maps have a count.
        return _parts_key(cql_type, 4 if code < 0x30 else 0, _size_at)
    if code in (0x06, 0x07, 0x08):  # decimal, double, float
        return _number_key(cql_type.reader())
    return _KEYS.get(code)


def _signed(cell: bytes) -> float:
    return int.from_bytes(cell, "big", signed=True) if cell else -inf


def _number_key(read: Key) -> Key:
    def key(cell: bytes) -> tuple[Any, ...]:
        if not cell:
            return ()
        number = read(cell)
        if number != number:  # all that is no number is one, and the greatest
            return (inf, 1)
        return (number, 0 if number else copysign(1, number))  # -0.0 comes before 0.0

    return key


def _uuid(cell: bytes) -> bytes:
    # By version, then by time where the version has one, then by bytes.
    version = cell[6:7].hex()[:1]
    return version.encode() + (_time(cell) if version == "1" else b"") + cell


def _timeuuid(cell: bytes) -> bytes:
    return _time(cell) + cell[8:].translate(_SIGN_FLIPPED)


def _time(cell: bytes) -> bytes:
    return cell[6:8] + cell[4:6] + cell[:4]


# bigint, counter, int, timestamp, varint, smallint and tinyint; uuid; timeuuid
_KEYS: dict[int, Key] = dict.fromkeys((0x02, 0x05, 0x09, 0x0B, 0x0E, 0x13, 0x14), _signed)
_KEYS |= {0x0C: _uuid, 0x0F: _timeuuid}


def _size_at(cell: bytes, at: int) -> tuple[int, int]:
    return unpack_size(cell, at)[0], at + 4


def _parts_key(
    cql_type: CqlType, start: int, size_at: Callable[[bytes, int], tuple[int, int]]
) -> Key:
    """Compare part by part, the end before a null before zero bytes; the types recur."""
    keys = [order_key(child) or bytes for child in cql_type.children]

    def key(cell: bytes) -> tuple[Any, ...]:
        parts: list[Any] = []
        at = start
        while at < len(cell):
            part_key = keys[len(parts) % len(keys)]
            size, at = size_at(cell, at)
            parts.append((part_key(cell[at : at + size]),) if size >= 0 else ())
            at += max(size, 0)
        return (tuple(parts),) if cell else ()

    return key
