"""Pages as numpy arrays: typed ones for what has a type in numpy, objects for all else.

They come from the compiled columns where there are any, else from the cells' bytes, joined and
looked at as an array. What does not fit is left to the latter, which tells what is wrong.
"""

from __future__ import annotations

from cql_driver.columnar.libraries import library
from cql_driver.columnar.pages import Columns, page_reader
from cql_protocol import types
from cql_protocol.errors import DecodeError
from cql_protocol.rows import decode_rows

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cql_protocol.messages import RawRows
    from cql_protocol.rows import RowDecoder
    from cql_protocol.types import CqlType

__all__ = ["page_arrays"]

_NUMBERS: dict[Any, str] = {
    types.TINYINT: "i1",
    types.SMALLINT: "i2",
    types.INT: "i4",
    types.BIGINT: "i8",
    types.COUNTER: "i8",
    types.FLOAT: "f4",
    types.DOUBLE: "f8",
}
# On the wire; in the machine's order; as what it is.
_OTHERS: dict[Any, tuple[str, str, str]] = {
    types.BOOLEAN: ("?", "?", "?"),
    types.DATE: (">u4", "i4", "M8[D]"),
    types.TIME: (">i8", "i8", "m8[ns]"),
    types.TIMESTAMP: (">i8", "i8", "M8[ms]"),
}
_DATE_OFFSET = 1 << 31
_NS_PER_DAY = 86_400_000_000_000


class _Kind:
    """What of numpy a CQL type is: `shape` is that of one value."""

    __slots__ = ("cql_type", "dtype", "native", "shape", "wire")

    def __init__(self, cql_type: Any, spelled: tuple[str, str, str], shape: tuple[int, ...]):
        self.cql_type = cql_type
        self.wire, self.native, self.dtype = spelled
        self.shape = shape


def page_arrays(
    page: RawRows, names: Sequence[str], decoder: RowDecoder, raw: bool = False
) -> dict[str, Any]:
    """Return the columns of a page by their names.

    With `raw` only numbers are typed: masked arrays, in the order of bytes that they come in.
    Otherwise vectors, booleans and times are as well, in the machine's order, and arrays are
    masked where the column holds a null.
    """
    kinds = [_raw_kind(column) if raw else _kind(column) for column in decoder.columns]
    if Columns is not None:
        wanted = [None if kind is None else kind.cql_type for kind in kinds]
        owner: Any = page_reader(wanted, names, "raw" if raw else "arrow").owner
        made = owner.read(page.body, page.offset, page.row_count)
        if made is not None:
            try:
                return _from_columns(page, names, decoder, kinds, made, raw)
            except DecodeError:
                pass  # of a column of objects; below it is met again
    cells = _cells(page, len(names))
    arrays: dict[str, Any] = {}
    for at, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        if kind is None:
            arrays[name] = _read_objects(cells[at], decoder.readers[at], name)
        else:
            arrays[name] = _from_cells(cells[at], kind, name, raw)
    return arrays


def _raw_kind(cql_type: CqlType) -> _Kind | None:
    code = _NUMBERS.get(cql_type)
    return None if code is None else _Kind(cql_type, (f">{code}", f">{code}", f">{code}"), ())


def _kind(cql_type: CqlType) -> _Kind | None:
    whole = cql_type
    shape: tuple[int, ...] = ()
    while True:
        if isinstance(cql_type, (types.FrozenType, types.ReversedType)):
            cql_type = cql_type.inner
        elif isinstance(cql_type, types.VectorType):
            if cql_type.element.fixed_size is None:  # its elements may be null
                return None
            shape = (*shape, cql_type.dimension)
            cql_type = cql_type.element
        else:
            break
    code = _NUMBERS.get(cql_type)
    spelled = _OTHERS.get(cql_type) if code is None else (f">{code}", code, code)
    return None if spelled is None else _Kind(whole, spelled, shape)


# --- from compiled columns -----------------------------------------------------------------------


def _from_columns(
    page: RawRows,
    names: Sequence[str],
    decoder: RowDecoder,
    kinds: Sequence[_Kind | None],
    made: Any,
    raw: bool,
) -> dict[str, Any]:
    rows = None
    arrays: dict[str, Any] = {}
    for at, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        if kind is None:
            if rows is None:
                rows = page.decode(decoder)
            arrays[name] = _objects([row[at] for row in rows])
        else:
            arrays[name] = _from_buffers(made.column(at), kind, len(made), raw)
    return arrays


def _from_buffers(column: tuple[Any, Any, int], kind: _Kind, count: int, raw: bool) -> Any:
    numpy = library("numpy", "arrays")
    buffer, validity, nulls = column
    if kind.wire == "?":
        size = count
        for dimension in kind.shape:
            size *= dimension
        values = _bits(numpy, buffer, size)
    else:
        values = numpy.frombuffer(buffer, dtype=kind.native)
    mask = ~_bits(numpy, validity, count) if nulls else None
    return _finished(numpy, values, mask, kind, count, raw)


def _bits(numpy: Any, buffer: Any, count: int) -> Any:
    packed = numpy.frombuffer(buffer, dtype="u1")
    return numpy.unpackbits(packed, count=count, bitorder="little").view(bool)


def _finished(numpy: Any, values: Any, mask: Any, kind: _Kind, count: int, raw: bool) -> Any:
    """Give the values their type and shape, and hide those that are null."""
    if kind.dtype == "M8[D]":
        values = values.astype("i8")
    if kind.dtype != kind.native:
        values = values.view(kind.dtype)
    values = values.reshape((count, *kind.shape))
    if raw:
        return numpy.ma.array(values, mask=numpy.zeros(count, dtype=bool) if mask is None else mask)
    if mask is None:
        return values
    if kind.shape:
        mask = numpy.broadcast_to(mask.reshape(-1, *(1 for _ in kind.shape)), values.shape)
    return numpy.ma.array(values, mask=mask)


# --- from cells --------------------------------------------------------------------------------


def _whole(cell: bytes) -> bytes:
    return cell


def _cells(page: RawRows, width: int) -> list[tuple[Any, ...]]:
    """Return for each column its cells as bytes, or None for null."""
    rows, end = decode_rows((_whole,) * width, page.body, page.offset, page.row_count)
    if end != len(page.body):
        raise DecodeError(f"{len(page.body) - end} bytes follow the last of {len(rows)} rows")
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _from_cells(cells: Sequence[bytes | None], kind: _Kind, name: str, raw: bool) -> Any:
    numpy = library("numpy", "arrays")
    size = numpy.dtype(kind.wire).itemsize
    for dimension in kind.shape:
        size *= dimension
    # A null is taken for zero, which a date has in the middle.
    zero = (b"\x80\0\0\0" if kind.wire == ">u4" else b"\0") * size
    zero = zero[:size]
    content = b"".join([cell or zero for cell in cells])
    if len(content) != len(cells) * size or any(len(cell or zero) != size for cell in cells):
        raise DecodeError(f"column {name!r}: a cell is not of {size} bytes")
    values = numpy.frombuffer(bytearray(content), dtype=kind.wire)
    if kind.wire == "?":
        values = values.view("u1") != 0
    elif kind.dtype == "M8[D]":
        values = values.astype("i8") - _DATE_OFFSET
    elif not raw:
        values = values.astype(kind.native)
    if kind.dtype == "m8[ns]" and ((values < 0) | (values >= _NS_PER_DAY)).any():
        raise DecodeError(f"column {name!r}: a number of nanoseconds is no time of a day")
    # A cell of no bytes is what Cassandra once allowed as "empty".
    mask = None if all(cells) else numpy.array([not cell for cell in cells], dtype=bool)
    return _finished(numpy, values, mask, kind, len(cells), raw)


def _read_objects(cells: Sequence[bytes | None], read: Callable[..., Any], name: str) -> Any:
    values: list[Any] = []
    try:
        for cell in cells:
            values.append(None if cell is None else read(cell))
    except DecodeError as error:
        raise DecodeError(f"row {len(values)}, column {name!r}: {error}") from None
    return _objects(values)


def _objects(values: Sequence[Any]) -> Any:
    array = library("numpy", "arrays").empty(len(values), dtype=object)
    for at, value in enumerate(values):  # at once, values that are sequences would be spread
        array[at] = value
    return array
