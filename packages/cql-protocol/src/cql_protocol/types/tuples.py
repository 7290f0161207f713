"""Tuples and user-defined types."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import lru_cache
from keyword import iskeyword
from struct import error as StructError

from cql_protocol.errors import DecodeError, InvalidValue, ValueOutOfRange
from cql_protocol.identifiers import protect_type_name
from cql_protocol.types.base import (
    MARSHAL,
    NULL_CELL,
    CqlType,
    pack_size,
    prefixed,
    put,
    show,
    unpack_size,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from cql_protocol.types.base import Reader, ReadOptions

__all__ = ["TupleType", "UserType", "tuple_class"]

_NO_FIELD = object()


class TupleType(CqlType):
    """``tuple<element, …>`` (spec section 6.21). Read as a tuple, made of a tuple or list.

    A value may have fewer elements than the type; the others are null. None is a null element.
    """

    __slots__ = ("elements",)

    elements: tuple[CqlType, ...]
    """The types of the elements."""

    def __init__(self, *elements: CqlType) -> None:
        put(self, "elements", elements)
        super().__init__(
            elements,
            f"tuple<{', '.join(element.name for element in elements)}>",
            f"{MARSHAL}TupleType({','.join(element.class_name for element in elements)})",
            code=0x31,
            children=elements,
        )

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a tuple."""
        if isinstance(value, (str, bytes, bytearray)) or not isinstance(value, Sequence):
            return self._encode_other(value, "a tuple or a list")
        if len(value) > len(self.elements):
            raise ValueOutOfRange(
                f"{self.name}: {len(value)} elements are more than {len(self.elements)}"
            )
        parts = []
        for number, (element, item) in enumerate(zip(self.elements, value, strict=False)):
            try:
                parts.append(_cell(element, item))
            except InvalidValue as error:
                where = f"element {number} of {self.name}"
                raise prefixed(error, where, element, told=False) from None
        parts += [NULL_CELL] * (len(self.elements) - len(value))
        return b"".join(parts)

    def _make_reader(self, options: ReadOptions) -> Reader:
        return _fields_reader(self.name, self.elements, options, tuple)


class UserType(CqlType):
    """A user-defined type (spec section 7): `fields` are pairs of name and type.

    Made of a mapping by name, of a tuple or list by position, of a named tuple of the same
    names, or of any object by its attributes; fields that are missing are null. Read as a named
    tuple (names that Python forbids become ``_0``, ``_1``…), or as what
    `ReadOptions.udt_classes` makes for it.

        >>> address = UserType('shop', 'address', [('street', TEXT), ('zip', INT)])
        >>> address.decode(address.encode({'street': 'Main St', 'zip': 12345}))
        address(street='Main St', zip=12345)
    """

    __slots__ = ("keyspace", "type_name", "fields", "field_names", "field_types")

    keyspace: str
    """The keyspace of the type."""
    type_name: str
    """Its name, without quotes."""
    fields: tuple[tuple[str, CqlType], ...]
    """Name and type of each field."""
    field_names: tuple[str, ...]
    """The names of the fields."""
    field_types: tuple[CqlType, ...]
    """The types of the fields."""

    def __init__(self, keyspace: str, name: str, fields: Iterable[tuple[str, CqlType]]) -> None:
        pairs = tuple((field, cql_type) for field, cql_type in fields)
        put(self, "keyspace", keyspace)
        put(self, "type_name", name)
        put(self, "fields", pairs)
        put(self, "field_names", tuple(field for field, _ in pairs))
        put(self, "field_types", tuple(cql_type for _, cql_type in pairs))
        described = [keyspace, name.encode().hex()]
        described += [f"{field.encode().hex()}:{each.class_name}" for field, each in pairs]
        super().__init__(
            (keyspace, name, pairs),
            protect_type_name(name),
            f"{MARSHAL}UserType({','.join(described)})",
            code=0x30,
            children=self.field_types,
        )

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a value of this type."""
        parts = []
        for (field, cql_type), item in zip(self.fields, self._items(value), strict=False):
            try:
                parts.append(_cell(cql_type, item))
            except InvalidValue as error:
                where = f"field {field!r} of udt {self._title}"
                raise prefixed(error, where, cql_type, told=False) from None
        return b"".join(parts)

    @property
    def _title(self) -> str:
        return f"{self.keyspace}.{self.type_name}"

    def _items(self, value: Any) -> Sequence[Any]:
        """Return what the fields are to hold, in the order of the type."""
        if isinstance(value, Mapping):
            unknown = [key for key in value if key not in self.field_names]
            if unknown:
                raise ValueOutOfRange(
                    f"udt {self._title} has no field {show(unknown[0])}; "
                    f"its fields are {', '.join(self.field_names)}"
                )
            return [value.get(name) for name in self.field_names]
        if isinstance(value, (tuple, list)):
            # By name where the names are the type's: in another order, positions would be wrong.
            names = getattr(value, "_fields", None)
            if names is not None and set(names) == set(self.field_names):
                return [getattr(value, name) for name in self.field_names]
            if len(value) > len(self.fields):
                raise ValueOutOfRange(
                    f"udt {self._title}: {len(value)} values are more than its "
                    f"{len(self.fields)} fields"
                )
            return [*value, *[None] * (len(self.fields) - len(value))]
        found = [getattr(value, name, _NO_FIELD) for name in self.field_names]
        if found.count(_NO_FIELD) == len(found):
            self._encode_other(value, f"fields of udt {self._title}: a dict, tuple or object")
            return []  # EMPTY, which has none
        return [None if item is _NO_FIELD else item for item in found]

    def _make_reader(self, options: ReadOptions) -> Reader:
        chosen = (options.udt_classes or {}).get((self.keyspace, self.type_name))
        title = f"udt {self._title}"
        if chosen is None:
            make = tuple_class(self.type_name, self.field_names)._make
            return _fields_reader(title, self.field_types, options, make)
        names, call = self.field_names, chosen

        def build(values: list[Any]) -> Any:
            return call(**dict(zip(names, values, strict=True)))

        return _fields_reader(title, self.field_types, options, build)

    def __repr__(self) -> str:
        return f"UserType({self.keyspace!r}, {self.type_name!r}, {list(self.fields)!r})"


# Making a named tuple class takes 0.2 ms; the same shape gives the same class, in every cluster.
@lru_cache(maxsize=1024)
def tuple_class(name: str, field_names: tuple[str, ...]) -> Any:
    """Return the named tuple class of a user type's values; they can be pickled.

    Its ``_cql_names`` are the names of the fields as the type has them.
    """
    usable = name if name.isidentifier() and not iskeyword(name) else "udt"
    made: Any = namedtuple(usable, field_names, rename=True)  # type: ignore[misc] # made at run time

    def reduce(self: Any) -> tuple[Any, ...]:
        return (_rebuild_tuple, (name, field_names, tuple(self)))

    made.__reduce__ = reduce  # type: ignore[method-assign]
    setattr(made, "_cql_names", field_names)  # noqa: B010 # unknown to type checkers
    made.__module__ = __name__
    made.__doc__ = f"A value of the user type {name}."
    return made


def _rebuild_tuple(name: str, field_names: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    return tuple_class(name, field_names)._make(values)


def _cell(cql_type: CqlType, item: Any) -> bytes:
    if item is None:
        return NULL_CELL
    cell = cql_type.encode(item)
    return pack_size(len(cell)) + cell


def _fields_reader(
    name: str,
    types: tuple[CqlType, ...],
    options: ReadOptions,
    make: Callable[[list[Any]], Any],
) -> Reader:
    """Return the reader of successive [bytes], one for each of `types` or fewer.

    More than that many are skipped: a field was added since the type was described to us.
    """
    readers = tuple(cql_type.reader(options) for cql_type in types)
    wanted, empty = len(types), options.empty

    def read(cell: bytes) -> Any:
        size = len(cell)
        if not size:
            return empty
        values: list[Any] = []
        at = 0
        try:
            for read_one in readers:
                if at == size:
                    values += [None] * (wanted - len(values))
                    break
                length = unpack_size(cell, at)[0]
                at += 4
                if length < 0:
                    values.append(None)
                else:
                    values.append(read_one(cell[at : at + length]))
                    at += length
            while at < size:
                length = unpack_size(cell, at)[0]
                at += 4 + max(length, 0)
        except StructError:
            raise DecodeError(f"{name}: the value ends early") from None
        if at > size:
            raise DecodeError(f"{name}: the value ends early")
        return make(values)

    return read
