"""`CqlType`, the base of all CQL types, and what their implementations share.

For editors. A type is immutable, so everything that can be known of it is computed once, in
`__init__`. `encode` tries what is usual first and leaves everything else to `_encode_other`.
`_make_reader` returns a closure that holds all it needs in its cells; a reader gets the bytes of
one cell, raises nothing but `DecodeError`, and never builds more than the cell carries.
"""

from __future__ import annotations

from struct import Struct

from cql_protocol.errors import DecodeError, InvalidValue, InvalidValueType
from cql_protocol.types.options import DEFAULT_OPTIONS
from cql_protocol.values.immutable import Immutable
from cql_protocol.values.sentinels import EMPTY

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from cql_protocol.types.options import ReadOptions

    Cell = bytes
    Reader = Callable[[bytes], Any]

__all__ = ["INSTANCES", "MARSHAL", "MAX_DEPTH", "CqlType", "SimpleType"]

MARSHAL = "org.apache.cassandra.db.marshal."
"""The package of the server's type classes."""

MAX_DEPTH = 64
"""How deep types may nest: far above what any schema has, far below Python's recursion limit."""

NULL_CELL = b"\xff\xff\xff\xff"
_SHOWN = 100

put = object.__setattr__
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
