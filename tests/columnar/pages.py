"""Pages as a server sends them, what rows have in them, and what columns have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from cql_driver.columnar.pages import PLAIN, Columns, PageReader
from cql_driver.columnar.values import readable
from cql_protocol.messages import ColumnSpec, RawRows, ResultMetadata
from cql_protocol.rows import RowDecoder
from cql_protocol.types import (
    DATE,
    DECIMAL,
    DURATION,
    TIME,
    TIMESTAMP,
    TIMEUUID,
    UUID,
    VARINT,
    CqlType,
    ListType,
    MapType,
    SetType,
    TupleType,
    UserType,
    VectorType,
)

WAYS = ["values"] if Columns is None else ["values", "compiled"]
"""The ways from bytes to columns that there are: by Python values, or compiled."""

_EPOCH = datetime(1970, 1, 1)


def page_of(types: Sequence[CqlType], rows: Iterable[Sequence[Any]]) -> RawRows:
    """Make a page; values that are bytes already are put in as they are."""
    specs = [ColumnSpec("ks", "t", f"c{at}", each) for at, each in enumerate(types)]
    cells = [
        [
            value if value is None or isinstance(value, bytes) else each.encode(value)
            for each, value in zip(types, row, strict=True)
        ]
        for row in rows
    ]
    return RawRows.from_cells(ResultMetadata(specs), cells)


def read(page: RawRows, way: str, form: str = "arrow") -> pa.RecordBatch:
    """Read a page one of the ways, and check what comes as far as pyarrow can."""
    columns = page.metadata.columns
    assert columns is not None
    types, names = [each.type for each in columns], [each.name for each in columns]
    if way == "compiled":
        made = Columns(types, names, form).read(page.body, page.offset, page.row_count)
        assert made is not None, "the compiled columns refuse the page"
        batch = pa.record_batch(made)
    else:
        reader = PageReader(types, names, form)
        reader.owner = None
        batch = reader.read(page)
    batch.validate(full=True)
    return batch


def in_rows(page: RawRows) -> list[list[Any]]:
    """Return for each column what the readers of rows make of it, in plain values."""
    columns = page.metadata.columns
    assert columns is not None
    types = [readable(each.type) for each in columns]
    rows = page.decode(RowDecoder(types, PLAIN))
    return [[plain(each, row[at]) for row in rows] for at, each in enumerate(types)]


def plain(cql_type: CqlType, value: Any) -> Any:
    """Return what a value is in Arrow, without Arrow's types: numbers, text, bytes, lists."""
    if value is None:
        return None
    if isinstance(cql_type, (ListType, SetType, VectorType)):
        return [plain(cql_type.element, each) for each in value]
    if isinstance(cql_type, MapType):
        return [(plain(cql_type.key, k), plain(cql_type.value, v)) for k, v in value]
    if isinstance(cql_type, TupleType):
        return [plain(each, v) for each, v in zip(cql_type.elements, value, strict=True)]
    if isinstance(cql_type, UserType):
        return [plain(each, v) for each, v in zip(cql_type.field_types, value, strict=True)]
    return _simple(cql_type, value)


def _simple(cql_type: CqlType, value: Any) -> Any:
    if cql_type is TIMESTAMP:
        if isinstance(value, datetime):
            return (value - _EPOCH) // timedelta(milliseconds=1)
        return value.milliseconds
    if cql_type is DATE:
        return value.days_from_epoch
    if cql_type is TIME:
        return value.nanosecond_time
    if cql_type is DURATION:
        return (value.months, value.days, value.nanoseconds)
    if cql_type in (UUID, TIMEUUID):
        return value.bytes
    if cql_type is DECIMAL:
        return str(value)
    if cql_type is VARINT:
        return str(Decimal(value))
    return value


def in_columns(array: Any) -> list[Any]:
    """Return what an array holds, in plain values."""
    of = pa.types
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return in_columns(array.storage)
    if of.is_map(kind):
        entries = list(zip(in_columns(array.keys), in_columns(array.items), strict=True))
        return _cut(array, entries)
    if of.is_list(kind):
        return _cut(array, in_columns(array.values))
    if of.is_fixed_size_list(kind):
        elements, size = in_columns(array.values), kind.list_size
        return [
            elements[at * size : (at + 1) * size] if array[at].is_valid else None
            for at in range(len(array))
        ]
    if of.is_struct(kind):
        fields = [in_columns(array.field(at)) for at in range(kind.num_fields)]
        rows = [list(row) for row in zip(*fields, strict=True)] if fields else [[]] * len(array)
        return [row if array[at].is_valid else None for at, row in enumerate(rows)]
    if of.is_timestamp(kind) or of.is_time64(kind):
        return array.cast(pa.int64()).to_pylist()  # type: ignore[no-any-return]
    if of.is_date32(kind):
        return array.cast(pa.int32()).to_pylist()  # type: ignore[no-any-return]
    if of.is_interval(kind):
        return [None if v is None else tuple(v) for v in array.to_pylist()]
    return array.to_pylist()  # type: ignore[no-any-return]


def _cut(array: Any, elements: list[Any]) -> list[Any]:
    offsets = array.offsets.to_pylist()
    return [
        elements[offsets[at] : offsets[at + 1]] if array[at].is_valid else None
        for at in range(len(array))
    ]
