"""`CqlType`, the base of all CQL types, and what their implementations share.

For editors. A type is immutable, so everything that can be known of it is computed once, in
`__init__`. `encode` tries what is usual first and leaves everything else to `_encode_other`.
`_make_reader` returns a closure that holds all it needs in its cells; a reader gets the bytes of
one cell, raises nothing but `DecodeError`, and never builds more than the cell carries.
"""

from __future__ import annotations

from struct import Struct

from cql_protocol.errors import DecodeError, InvalidValue, InvalidValueType
from cql_protocol.values.sentinels import EMPTY, Empty, Immutable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn

    Reader = Callable[[bytes], Any]

__all__ = [
    "DEFAULT_OPTIONS",
    "INSTANCES",
    "MARSHAL",
    "MAX_DEPTH",
    "CqlType",
    "ReadOptions",
    "SimpleType",
    "pack_signed",
    "pack_unsigned",
    "unpack_signed",
    "unpack_unsigned",
]

# Readers cost about a kilobyte each. An application meets few types; a server that names ever
# new ones must not fill the memory.
_MAX_READERS = 4096

put = object.__setattr__


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
        put(self, "aware_datetimes", aware_datetimes)
        put(self, "empty_values", empty_values)
        put(self, "inet_text", inet_text)
        put(self, "set_factory", set_factory)
        put(self, "map_factory", map_factory)
        # A copy: readers that were made with one class would not notice another.
        put(self, "udt_classes", None if udt_classes is None else dict(udt_classes))
        put(self, "readers", {})

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

MARSHAL = "org.apache.cassandra.db.marshal."
"""The package of the server's type classes."""

MAX_DEPTH = 64
"""How deep types may nest: far above what any schema has, far below Python's recursion limit."""

NULL_CELL = b"\xff\xff\xff\xff"
_SHOWN = 100

pack_size = Struct(">i").pack
unpack_size = Struct(">i").unpack_from


class CqlType(Immutable):
    """A type of CQL values: turns Python values into the bytes of a cell, and cells into values.

    Types are immutable, equal when they have the same structure, hashable, and can be pickled.
    `encode` takes any value but None (a null has no bytes); `EMPTY` encodes to zero bytes.
    A cell of zero bytes decodes to None, or `EMPTY` with ``ReadOptions(empty_values=True)``,
    where the type has no value of zero bytes.

        >>> ListType(INT).decode(ListType(INT).encode([1, 2]))
        [1, 2]
    """

    __slots__ = (
        "name",
        "class_name",
        "code",
        "fixed_size",
        "hashable",
        "children",
        "depth",
        "struct_code",
        "_args",
        "_hash",
    )

    name: str
    """The type in CQL, such as 'map<text, frozen<list<int>>>'."""
    class_name: str
    """The type as the server names its own classes, with their package."""
    code: int
    """The option id of the type (spec section 4.2.5.2); 0 for those named by their class."""
    fixed_size: int | None
    """The bytes of a value where the server holds them to be fixed, which makes vectors compact.

    The server does so not for every type whose values all have one size: `smallint`, `date` and
    `time` are of variable size to it.
    """
    hashable: bool
    """Whether the decoded values can be hashed (with default options)."""
    children: tuple[CqlType, ...]
    """The types this one is made of, in their order."""
    depth: int
    """How many types are nested: 1 for a simple type."""
    struct_code: str
    """The letter by which the module `struct` reads this type's values, or ''."""

    def __init__(
        self,
        args: tuple[Any, ...],
        name: str,
        class_name: str,
        *,
        code: int = 0,
        fixed_size: int | None = None,
        hashable: bool = True,
        struct_code: str = "",
        children: tuple[CqlType, ...] = (),
    ) -> None:
        put(self, "_args", args)
        put(self, "_hash", hash((type(self), args)))
        put(self, "name", name)
        put(self, "class_name", class_name)
        put(self, "code", code)
        put(self, "fixed_size", fixed_size)
        put(self, "hashable", hashable and all(child.hashable for child in children))
        put(self, "struct_code", struct_code)
        put(self, "children", children)
        depth = 1 + max((child.depth for child in children), default=0)
        if depth > MAX_DEPTH:
            raise InvalidValue(f"types nest at most {MAX_DEPTH} deep")
        put(self, "depth", depth)

    # --- Python to bytes

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a cell that holds `value`, which is not None.

        Raises `InvalidValueType` when values of this Python type cannot be sent as this CQL
        type, `ValueOutOfRange` when only this value cannot.
        """
        raise NotImplementedError

    def _encode_other(self, value: Any, expected: str) -> bytes:
        """End of every `encode`: zero bytes for `EMPTY`, else the error."""
        if value is EMPTY:
            return b""
        raise InvalidValueType(
            f"{self.name}: expected {expected}, got {type(value).__name__} {show(value)}"
        )

    # --- bytes to Python

    def reader(self, options: ReadOptions = DEFAULT_OPTIONS) -> Reader:
        """Return the function that turns the bytes of a cell into its value.

        Made once per type and options, then kept by the options. The function raises
        `DecodeError` when the bytes do not fit the type.
        """
        found = options.readers.get(self)
        if found is None:
            found = self._make_reader(options)
            options.keep_reader(self, found)
        return found

    def decode(self, data: bytes, options: ReadOptions = DEFAULT_OPTIONS) -> Any:
        """Return the value of one cell. For many cells of a type, call its `reader` once."""
        return self.reader(options)(data)

    def _make_reader(self, options: ReadOptions) -> Reader:
        raise NotImplementedError

    # --- identity

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other):
            return NotImplemented
        assert isinstance(other, CqlType)
        return self._hash == other._hash and bool(self._args == other._args)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._args))})"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), self._args)

    _args: tuple[Any, ...]
    _hash: int


INSTANCES: dict[str, SimpleType] = {}
"""The one instance of every simple type, by its name in CQL."""


class SimpleType(CqlType):
    """A type without parameters. Two of them are equal when they are one object."""

    __slots__ = ()

    def __init__(
        self,
        code: int,
        name: str,
        short_class_name: str,
        fixed_size: int | None = None,
        struct_code: str = "",
    ) -> None:
        super().__init__(
            (name,),
            name,
            MARSHAL + short_class_name,
            code=code,
            fixed_size=fixed_size,
            struct_code=struct_code,
        )
        INSTANCES[name] = self

    def __repr__(self) -> str:
        return self.name.upper()

    def __reduce__(self) -> tuple[Any, ...]:
        return (_instance, (self.name,))


def _instance(name: str) -> SimpleType:
    return INSTANCES[name]


# The bytes of the two infinities.
_INFINITIES = {
    "f": (b"\x7f\x80\0\0", b"\xff\x80\0\0"),
    "d": (b"\x7f\xf0" + bytes(6), b"\xff\xf0" + bytes(6)),
}


def may_be_infinite(code: str, packed: bytes) -> bool:
    """Say whether numbers packed at once hold an infinity, or bytes that look like one.

    Big numbers other than floats, such as a Decimal, turn into infinities without an error.
    """
    if code not in _INFINITIES:
        return False
    positive, negative = _INFINITIES[code]
    # What the two have in common first: one search is all that most numbers need.
    return positive[1:] in packed and (positive in packed or negative in packed)


def show(value: object) -> str:
    """Return the repr of a value for an error text, cut to about 100 characters."""
    if isinstance(value, (str, bytes, bytearray)) and len(value) > _SHOWN:
        value = value[:_SHOWN]
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a value's broken repr must not hide the error
        text = f"(its repr raised {type(error).__name__})"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def prefixed(error: InvalidValue, where: str, inner: CqlType, told: bool = True) -> InvalidValue:
    """Return the same error with `where` before its text.

    When `where` has `told` the type already, the type's own name is taken off the text.
    """
    text = str(error)
    if told:
        text = text.removeprefix(f"{inner.name}: ")
    made = type(error)(f"{where}: {text}")
    made.__cause__ = error.__cause__
    return made


def bad_size(name: str, cell: bytes, expected: str) -> NoReturn:
    """Raise the `DecodeError` of a cell that has not as many bytes as its type wants."""
    raise DecodeError(f"{name}: a value has {expected} bytes, not {len(cell)}")


# Variable-length integers, as durations (spec section 3) and vectors hold them. The first byte
# begins with as many one bits as bytes follow it; the bits left in it are the number's highest.
# A signed number is folded first, so that -1, 1, -2, 2 become 1, 2, 3, 4.

# For each first byte: how many bytes follow, and the bits of the number in it.
_EXTRA = [8 - (byte ^ 0xFF).bit_length() for byte in range(256)]
_MASK = [0xFF >> extra + 1 for extra in range(8)] + [0]


def pack_unsigned(number: int) -> bytes:
    """Return the bytes of a number of at most 64 bits, as few as hold it."""
    if number < 0x80:
        return bytes((number,))
    # Each byte that follows takes one bit of the first: n bytes hold 7 * n bits, nine hold 64.
    extra = min((number.bit_length() - 1) // 7, 8)
    lead = 0xFF00 >> extra & 0xFF
    return (lead << 8 * extra | number).to_bytes(extra + 1, "big")


def unpack_unsigned(data: bytes, at: int) -> tuple[int, int]:
    """Return (number, where it ends) of the number that begins at `at`.

    Raises IndexError when `data` ends before it does.
    """
    first = data[at]
    at += 1
    if first < 0x80:
        return first, at
    extra = _EXTRA[first]
    end = at + extra
    if end > len(data):
        raise IndexError(end)
    return (first & _MASK[extra]) << 8 * extra | int.from_bytes(data[at:end], "big"), end


def pack_signed(number: int) -> bytes:
    """Return the bytes of a number of 64 bits with sign."""
    return pack_unsigned(number << 1 if number >= 0 else (-number << 1) - 1)


def unpack_signed(data: bytes, at: int) -> tuple[int, int]:
    """Return (number, where it ends); raises IndexError when `data` ends before it does."""
    folded, end = unpack_unsigned(data, at)
    return (folded >> 1) ^ -(folded & 1), end
