"""Arrays of pyarrow made of Python values: what the compiled columns are held against.

Values are those of `cql_driver.columnar.pages.PLAIN`. Each type has the same form in Arrow as in
`cql_speedups.column_shapes`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cql_protocol import types
from cql_protocol.errors import DecodeError
from cql_protocol.types.texts import BytesType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cql_protocol.types import CqlType, ReadOptions

__all__ = ["make_array", "readable"]

_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = _EPOCH.replace(tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class _Opaque(types.CustomType):
    """Stands for a type whose values are no bytes in Python, but are in Arrow."""

    __slots__ = ()

    def _make_reader(self, options: ReadOptions) -> Callable[[bytes], Any]:
        return lambda cell: cell or None


def readable(cql_type: CqlType) -> CqlType:
    """Return the type without wrappers, and with bytes for what is known here by no form of Arrow.

    A vector's elements keep the size that the server holds them to have: no such type has one.
    """
    while isinstance(cql_type, (types.FrozenType, types.ReversedType)):
        cql_type = cql_type.inner
    if isinstance(cql_type, types.VectorType):
        return types.VectorType(readable(cql_type.element), cql_type.dimension)
    if isinstance(cql_type, types.ListType):
        return types.ListType(readable(cql_type.element))
    if isinstance(cql_type, types.SetType):
        return types.SetType(readable(cql_type.element))
    if isinstance(cql_type, types.MapType):
        return types.MapType(readable(cql_type.key), readable(cql_type.value))
    if isinstance(cql_type, types.TupleType):
        return types.TupleType(*map(readable, cql_type.elements))
    if isinstance(cql_type, types.UserType):
        fields = [(name, readable(field)) for name, field in cql_type.fields]
        return types.UserType(cql_type.keyspace, cql_type.type_name, fields)
    if cql_type in _LEAVES or isinstance(cql_type, BytesType):
        return cql_type
    return _Opaque(cql_type.class_name)


def make_array(pyarrow: Any, cql_type: CqlType, values: Sequence[Any], form: str) -> Any:
    """Return the `pyarrow.Array` of values of a type that is `readable`."""
    if isinstance(cql_type, types.VectorType):
        return _vector(pyarrow, cql_type, values, form)
    if isinstance(cql_type, (types.ListType, types.SetType)):
        offsets, flat = _flattened(pyarrow, values)
        elements = make_array(pyarrow, cql_type.element, flat, form)
        return pyarrow.ListArray.from_arrays(offsets, elements)
    if isinstance(cql_type, types.MapType):
        return _map(pyarrow, cql_type, values, form)
    if isinstance(cql_type, types.TupleType):
        fields = [(f"f{at}", each) for at, each in enumerate(cql_type.elements)]
        return _struct(pyarrow, fields, values, form)
    if isinstance(cql_type, types.UserType):
        return _struct(pyarrow, cql_type.fields, values, form)
    if cql_type is types.DURATION and form == "parts":
        parts = [None if v is None else (v.months, v.days, v.nanoseconds) for v in values]
        return _struct(pyarrow, _PARTS, parts, form)
    return _LEAVES.get(cql_type, _bytes)(pyarrow, values, form)


# --- nested ----------------------------------------------------------------------------------


def _flattened(pyarrow: Any, values: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Return where each list begins, or null for one that is null; and all elements."""
    offsets: list[int | None] = []
    flat: list[Any] = []
    for value in values:
        offsets.append(None if value is None else len(flat))
        flat += value or ()
    offsets.append(len(flat))
    return pyarrow.array(offsets, pyarrow.int32()), flat


def _map(pyarrow: Any, cql_type: types.MapType, values: Sequence[Any], form: str) -> Any:
    offsets, pairs = _flattened(pyarrow, values)
    keys = [key for key, _ in pairs]
    if None in keys:
        raise DecodeError(f"{cql_type.name}: Arrow has no place for a key that is null")
    return pyarrow.MapArray.from_arrays(
        offsets,
        make_array(pyarrow, cql_type.key, keys, form),
        make_array(pyarrow, cql_type.value, [value for _, value in pairs], form),
    )


def _struct(
    pyarrow: Any, fields: Sequence[tuple[str, CqlType]], values: Sequence[Any], form: str
) -> Any:
    null = [value is None for value in values]
    if not fields:
        return pyarrow.array([None if each else {} for each in null], pyarrow.struct([]))
    arrays = []
    for at, (_, field) in enumerate(fields):
        column = [None if value is None else value[at] for value in values]
        arrays.append(make_array(pyarrow, field, column, form))
    described = [
        pyarrow.field(name, array.type) for (name, _), array in zip(fields, arrays, strict=True)
    ]
    mask = pyarrow.array(null, pyarrow.bool_())
    return pyarrow.StructArray.from_arrays(arrays, fields=described, mask=mask)


def _vector(pyarrow: Any, cql_type: types.VectorType, values: Sequence[Any], form: str) -> Any:
    # What lies below a null matters to nobody, except that pandas makes floats of numbers in an
    # array where any is null.
    blank = next((v for v in values if v is not None), [None] * cql_type.dimension)
    flat: list[Any] = []
    for value in values:
        flat += blank if value is None else value
    elements = make_array(pyarrow, cql_type.element, flat, form)
    mask = pyarrow.array([value is None for value in values], pyarrow.bool_())
    return pyarrow.FixedSizeListArray.from_arrays(elements, cql_type.dimension, mask=mask)


# --- simple types ------------------------------------------------------------------------------


def _leaf(
    spelled: str, convert: Callable[[Any], Any] | None = None, stored: str | None = None
) -> Callable[[Any, Sequence[Any], str], Any]:
    """Return what makes an array of the type that Arrow's `type_for_alias` knows by that name.

    `convert` makes of a value what the array is made of, which is of the type `stored`.
    """

    def make(pyarrow: Any, values: Sequence[Any], form: str) -> Any:
        if convert is not None:
            values = [None if value is None else convert(value) for value in values]
        array = pyarrow.array(values, pyarrow.type_for_alias(stored or spelled))
        return array if stored is None else array.cast(pyarrow.type_for_alias(spelled))

    return make


def _bytes(pyarrow: Any, values: Sequence[Any], form: str) -> Any:
    return pyarrow.array(values, pyarrow.binary())


def _uuid(pyarrow: Any, values: Sequence[Any], form: str) -> Any:
    cells = [None if value is None else value.bytes for value in values]
    array = pyarrow.array(cells, pyarrow.binary(16))
    if form != "arrow":
        return array
    return pyarrow.ExtensionArray.from_storage(pyarrow.uuid(), array)


def _timestamp(pyarrow: Any, values: Sequence[Any], form: str) -> Any:
    numbers = [None if value is None else _milliseconds(value) for value in values]
    return pyarrow.array(numbers, pyarrow.int64()).cast(pyarrow.timestamp("ms", "UTC"))


def _milliseconds(value: Any) -> int:
    if isinstance(value, datetime):
        return (value - (_EPOCH if value.tzinfo is None else _EPOCH_UTC)) // _MILLISECOND
    number: int = value.milliseconds  # beyond the years of a datetime
    return number


def _nothing(pyarrow: Any, values: Sequence[Any], form: str) -> Any:
    return pyarrow.nulls(len(values))


def _duration(pyarrow: Any, values: Sequence[Any], form: str) -> Any:
    parts = [None if v is None else (v.months, v.days, v.nanoseconds) for v in values]
    return pyarrow.array(parts, pyarrow.month_day_nano_interval())


def _digits(value: int) -> str:
    # Unlike an int's, the text of a Decimal may have any number of digits.
    return str(Decimal(value))


_text = _leaf("string")
_long = _leaf("int64")

_LEAVES: dict[Any, Callable[[Any, Sequence[Any], str], Any]] = {
    types.ASCII: _text,
    types.BIGINT: _long,
    types.BOOLEAN: _leaf("bool"),
    types.COUNTER: _long,
    types.DATE: _leaf("date32", lambda value: value.days_from_epoch, "int32"),
    types.DECIMAL: _leaf("string", str),
    types.DOUBLE: _leaf("float64"),
    types.DURATION: _duration,
    types.EMPTY_TYPE: _nothing,
    types.FLOAT: _leaf("float32"),
    types.INET: _text,
    types.INT: _leaf("int32"),
    types.SMALLINT: _leaf("int16"),
    types.TEXT: _text,
    types.TIME: _leaf("time64[ns]", lambda value: value.nanosecond_time, "int64"),
    types.TIMESTAMP: _timestamp,
    types.TIMEUUID: _uuid,
    types.TINYINT: _leaf("int8"),
    types.UUID: _uuid,
    types.VARINT: _leaf("string", _digits),
}
_PARTS = [("months", types.INT), ("days", types.INT), ("nanoseconds", types.BIGINT)]
