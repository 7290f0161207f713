"""What each CQL type is in Arrow, and the values at its edges."""

from __future__ import annotations

import ipaddress
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from cql_driver.columnar.pages import Columns, PageReader
from cql_protocol import types
from cql_protocol.errors import DecodeError
from cql_protocol.geo.shapes import Point
from cql_protocol.geo.types import POINT
from cql_protocol.messages import RawRows
from cql_protocol.types import (
    CustomType,
    FrozenType,
    ListType,
    MapType,
    ReversedType,
    SetType,
    TupleType,
    UserType,
    VectorType,
)
from cql_protocol.values import Date, Duration, Timestamp
from tests.columnar.pages import in_columns, in_rows, page_of, read

ADDRESS = UserType("ks", "address", [("street", types.TEXT), ("zip", types.INT)])
INTERVAL = pa.month_day_nano_interval()

FORMS: list[tuple[types.CqlType, Any]] = [
    (types.ASCII, pa.string()),
    (types.BIGINT, pa.int64()),
    (types.BLOB, pa.binary()),
    (types.BOOLEAN, pa.bool_()),
    (types.COUNTER, pa.int64()),
    (types.DATE, pa.date32()),
    (types.DECIMAL, pa.string()),
    (types.DOUBLE, pa.float64()),
    (types.DURATION, INTERVAL),
    (types.EMPTY_TYPE, pa.null()),
    (types.FLOAT, pa.float32()),
    (types.INET, pa.string()),
    (types.INT, pa.int32()),
    (types.SMALLINT, pa.int16()),
    (types.TEXT, pa.string()),
    (types.TIME, pa.time64("ns")),
    (types.TIMESTAMP, pa.timestamp("ms", "UTC")),
    (types.TIMEUUID, pa.uuid()),
    (types.TINYINT, pa.int8()),
    (types.UUID, pa.uuid()),
    (types.VARINT, pa.string()),
    (CustomType("com.example.Colour"), pa.binary()),
    (POINT, pa.binary()),
    (FrozenType(ListType(types.INT)), pa.list_(pa.int32())),
    (ReversedType(types.INT), pa.int32()),
    (SetType(types.UUID), pa.list_(pa.uuid())),
    (MapType(types.TEXT, types.DURATION), pa.map_(pa.string(), INTERVAL)),
    (TupleType(types.INT, types.TEXT), pa.struct([("f0", pa.int32()), ("f1", pa.string())])),
    (ADDRESS, pa.struct([("street", pa.string()), ("zip", pa.int32())])),
    (VectorType(types.FLOAT, 3), pa.list_(pa.float32(), 3)),
    (VectorType(types.TEXT, 2), pa.list_(pa.string(), 2)),
    (VectorType(VectorType(types.INT, 2), 3), pa.list_(pa.list_(pa.int32(), 2), 3)),
]


@pytest.mark.parametrize(("cql_type", "arrow_type"), FORMS, ids=lambda each: str(each)[:30])
@pytest.mark.parametrize("rows", [0, 1, 9])
def test_the_form_of_each_type(way: str, cql_type: Any, arrow_type: Any, rows: int) -> None:
    # Nulls alone, and no rows at all, tell the type as well.
    batch = read(page_of([cql_type], [(None,)] * rows), way)
    assert batch.schema.equals(pa.schema([("c0", arrow_type)]))
    assert batch.column(0).null_count == rows
    assert in_columns(batch.column(0)) == [None] * rows


def test_the_durations_of_who_has_no_intervals(way: str) -> None:
    page = page_of([types.DURATION, types.UUID], [(Duration(1, 2, 3), bytes(16)), (None, None)])
    batch = read(page, way, "parts")
    parts = [("months", pa.int32()), ("days", pa.int32()), ("nanoseconds", pa.int64())]
    assert batch.schema.types == [pa.struct(parts), pa.binary(16)]
    assert in_columns(batch.column(0)) == [[1, 2, 3], None]


def one_column(cql_type: Any, values: list[Any], way: str) -> list[Any]:
    """Return what a column holds, which is what the rows hold."""
    page = page_of([cql_type], [(value,) for value in values])
    found = in_columns(read(page, way).column(0))
    assert found == in_rows(page)[0]
    return found


@pytest.mark.parametrize("cql_type", [form for form, _ in FORMS if form is not POINT], ids=str)
def test_cells_of_zero_bytes_are_what_they_are_in_rows(way: str, cql_type: Any) -> None:
    found = one_column(cql_type, [b"", None, b""], way)
    if cql_type in (types.ASCII, types.TEXT):
        assert found == ["", None, ""]
    elif cql_type is types.BLOB or isinstance(cql_type, CustomType):
        assert found == [b"", None, b""]
    else:
        assert found == [None, None, None]


def test_types_of_no_form_are_bytes(way: str) -> None:
    batch = read(page_of([POINT], [(Point(1.0, 2.0),), (b"",), (None,)]), way)
    assert batch.column(0).to_pylist() == [POINT.encode(Point(1.0, 2.0)), None, None]


NUMBERS = [
    *(0, 1, -1, 9, 10, -10, 127, 128, -128, -129, 255, 256, 2**31, -(2**31), 2**63 - 1, 2**63),
    *(-(2**63), -(2**63) - 1, 2**64 - 1, 2**64, 10**18, 10**19, -(10**19), 10**27, 10**36 - 1),
    *(2**127, -(2**127), 2**128, 10**76, -(10**77), 2**2039 - 1, -(2**2039), 2**2047 - 1),
    *(-(2**2047), 2**2047, -(2**2048), 10**900, -(10**5000)),
]


def test_numbers_of_any_size_are_text(way: str) -> None:
    found = one_column(types.VARINT, NUMBERS, way)
    assert found == [str(Decimal(number)) for number in NUMBERS]


@pytest.mark.parametrize("scale", [0, 1, 5, 6, 7, 8, 20, 700, 2**31 - 1, -1, -3, -(2**31)])
def test_decimals_are_text_with_their_scale(way: str, scale: int) -> None:
    cells = [
        scale.to_bytes(4, "big", signed=True) + types.VARINT.encode(number) for number in NUMBERS
    ]
    found = one_column(types.DECIMAL, cells, way)
    assert [Decimal(text).as_tuple().exponent for text in found] == [-scale] * len(cells)


def test_numbers_that_are_longer_than_they_need_be(way: str) -> None:
    cells = [b"\0" * 20, b"\xff" * 20, b"\0\0\0\5", b"\xff\xff\xff\0", b"\0" * 300 + b"\1"]
    assert one_column(types.VARINT, cells, way) == ["0", "-1", "5", "-256", "1"]


ADDRESSES = [
    *("0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "1::", "2001:db8::1"),
    *("fe80::1:0:0:1", "1:0:0:2:0:0:0:3", "1:0:2:0:3:0:4:0", "0:0:1::", "::1.2.3.4"),
    *("::ffff:1.2.3.4", "::ffff:0:0", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:8"),
    "ffff:" * 7 + "ffff",
]


def test_addresses_are_text(way: str) -> None:
    found = one_column(types.INET, ADDRESSES, way)
    assert found == [str(ipaddress.ip_address(each)) for each in ADDRESSES]


def test_times_that_python_has_none_for(way: str) -> None:
    values = [Timestamp(-(2**63)), Timestamp(2**63 - 1), None, Timestamp(0)]
    assert one_column(types.TIMESTAMP, values, way) == [-(2**63), 2**63 - 1, None, 0]
    days = [Date(-(2**31)), Date(2**31 - 1), Date(0)]
    assert one_column(types.DATE, days, way) == [-(2**31), 2**31 - 1, 0]


def test_values_that_are_shorter_or_longer_than_their_type(way: str) -> None:
    pair = TupleType(types.INT, types.TEXT)
    short = b"\0\0\0\4\0\0\0\7"
    longer = short + b"\0\0\0\1x" + b"\0\0\0\2ab" + b"\xff\xff\xff\xff"
    assert one_column(pair, [short, longer], way) == [[7, None], [7, "x"]]


def test_nulls_within_values(way: str) -> None:
    nested = ListType(TupleType(types.INT, VectorType(types.FLOAT, 2), types.BOOLEAN))
    values = [[(1, [0.5, 1.5], True), (None, None, None)], None, [], [(None, [1, 2], False)]]
    found = one_column(nested, values, way)
    assert found[0] == [[1, [0.5, 1.5], True], [None, None, None]]
    within = b"\0\0\0\3" + b"\xff\xff\xff\xff" + b"\0\0\0\0" + b"\0\0\0\4\0\0\0\5"
    assert one_column(ListType(types.INT), [within], way) == [[None, None, 5]]


def test_many_rows(way: str) -> None:
    rows = [(at, None if at % 3 else f"é{at}", at % 2 == 0) for at in range(1000)]
    batch = read(page_of([types.INT, types.TEXT, types.BOOLEAN], rows), way)
    assert [tuple(row.values()) for row in batch.to_pylist()] == rows


BROKEN: list[tuple[types.CqlType, bytes]] = [
    (types.INT, b"\0\0\0"),
    (types.BIGINT, b"\0" * 9),
    (types.BOOLEAN, b"\0\0"),
    (types.TINYINT, b"\0\0"),
    (types.SMALLINT, b"\0"),
    (types.UUID, b"\0" * 15),
    (types.TEXT, b"\xff"),
    (types.TEXT, b"\xc0\x80"),
    (types.TEXT, b"\xed\xa0\x80"),
    (types.TEXT, b"abc\xf4\x90\x80\x80"),
    (types.TEXT, b"\xe2\x82"),
    (types.ASCII, b"caf\xc3\xa9"),
    (types.TIME, (86_400_000_000_000).to_bytes(8, "big")),
    (types.TIME, b"\xff" * 8),
    (types.DATE, b"\0\0\0"),
    (types.INET, b"\0" * 5),
    (types.DECIMAL, b"\0\0\0\1"),
    (types.DURATION, b"\x02\x04"),
    (types.DURATION, b"\x02\x04\x01"),  # months and days above zero, nanoseconds below
    (types.DURATION, b"\x02\x04\x06\x00"),
    (types.DURATION, b"\xf1\0\0\0\0\0\0\0"),
    (types.EMPTY_TYPE, b"\0"),
    (ListType(types.INT), b"\0\0"),
    (ListType(types.INT), b"\xff\xff\xff\xff"),
    (ListType(types.INT), b"\x7f\xff\xff\xff\0\0\0\0"),
    (ListType(types.INT), b"\0\0\0\1\0\0\0\4\0\0"),
    (ListType(types.INT), b"\0\0\0\1\0\0\0\4\0\0\0\1\0"),
    (ListType(types.INT), b"\0\0\0\2\0\0\0\4\0\0\0\1\0\0\0\5\0\0\0"),
    (ListType(types.BLOB), b"\0\0\0\1\x7f\xff\xff\xff"),
    (MapType(types.INT, types.INT), b"\0\0\0\1\0\0\0\4\0\0\0\1"),
    (MapType(types.INT, types.INT), b"\0\0\0\1\xff\xff\xff\xff\xff\xff\xff\xff"),  # key: null
    (TupleType(types.INT, types.INT), b"\0\0\0\4\0\0"),
    (TupleType(types.INT), b"\0\0\0\4\0\0\0\1\0\0\0\5a"),
    (VectorType(types.FLOAT, 2), b"\0" * 7),
    (VectorType(types.TEXT, 2), b"\1a"),
    (VectorType(types.TEXT, 2), b"\1a\1b\0"),
    (VectorType(types.TEXT, 1), b"\xff" + b"\xff" * 8),
]


@pytest.mark.parametrize(("cql_type", "cell"), BROKEN, ids=str)
def test_cells_that_do_not_fit_are_told_with_row_and_column(cql_type: Any, cell: bytes) -> None:
    page = page_of([types.INT, cql_type], [(1, None), (2, cell)])
    reader = PageReader([types.INT, cql_type], ["id", "v"], "arrow")
    if Columns is not None:
        assert reader.owner is not None
        assert reader.owner.read(page.body, page.offset, page.row_count) is None
    with pytest.raises(DecodeError, match=r"column 1 \(v\)"):
        reader.read(page)


@pytest.mark.parametrize("count", [1, 3, 4, 2**31 - 1, -1])
def test_counts_of_rows_that_lie(count: int) -> None:
    page = page_of([types.INT], [(1,), (2,)])
    with pytest.raises(DecodeError):
        PageReader([types.INT], ["id"], "arrow").read(RawRows(page.metadata, count, page.body))


def test_nulls_that_would_fill_the_memory_are_refused() -> None:
    if Columns is None:
        pytest.skip("nothing is compiled, or Python was asked for")
    vectors = ListType(VectorType(types.FLOAT, 1 << 20))
    cell = (4096).to_bytes(4, "big") + b"\xff" * 4 * 4096
    page = page_of([vectors], [(cell,)])
    with pytest.raises(DecodeError, match="2 GiB"):
        PageReader([vectors], ["v"], "arrow").read(page)
