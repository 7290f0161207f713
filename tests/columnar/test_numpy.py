"""Columns as numpy arrays, with rows of the same bytes beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given

from cql_driver.columnar import arrays as columnar_arrays
from cql_driver.columnar.arrays import page_arrays
from cql_driver.columnar.pages import Columns
from cql_protocol import types
from cql_protocol.errors import DecodeError
from cql_protocol.messages import RawRows
from cql_protocol.rows import RowDecoder
from cql_protocol.types import FrozenType, ListType, ReversedType, VectorType
from cql_protocol.values import Date, Time, Timestamp
from tests.columnar.pages import page_of
from tests.columnar.test_random import SETTINGS, pages

numpy = pytest.importorskip("numpy")


def arrays(page: RawRows, way: str, raw: bool = False) -> dict[str, Any]:
    """Return the arrays of a page, made one of the ways."""
    columns = page.metadata.columns
    assert columns is not None
    names = [each.name for each in columns]
    decoder = RowDecoder([each.type for each in columns], names=names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columnar_arrays, "Columns", Columns if way == "compiled" else None)
        return page_arrays(page, names, decoder, raw)


def one(cql_type: Any, values: Sequence[Any], way: str, raw: bool = False) -> Any:
    """Return the array of one column."""
    return arrays(page_of([cql_type], [(value,) for value in values]), way, raw)["c0"]


TYPED = [
    (types.TINYINT, "int8", [1, -128, 127]),
    (types.SMALLINT, "int16", [1, -32768, 32767]),
    (types.INT, "int32", [1, -(2**31), 2**31 - 1]),
    (types.BIGINT, "int64", [1, -(2**63), 2**63 - 1]),
    (types.COUNTER, "int64", [0, 5, -5]),
    (types.FLOAT, "float32", [0.5, -0.25, float("inf")]),
    (types.DOUBLE, "float64", [0.1, -1e300, float("-inf")]),
    (types.BOOLEAN, "bool", [True, False, True]),
    (ReversedType(types.INT), "int32", [3, 2, 1]),
    (VectorType(types.FLOAT, 2), "float32", [[1, 2], [3, 4.5], [-0.5, 0]]),
    (VectorType(types.BOOLEAN, 3), "bool", [[True, False, True], [True] * 3, [False] * 3]),
    (VectorType(VectorType(types.INT, 2), 1), "int32", [[[1, 2]], [[3, 4]], [[5, -6]]]),
    (FrozenType(VectorType(types.BIGINT, 1)), "int64", [[1], [2], [3]]),
]


@pytest.mark.parametrize(("cql_type", "dtype", "values"), TYPED, ids=lambda each: str(each)[:20])
def test_what_has_a_type_in_numpy_has_it(way: str, cql_type: Any, dtype: str, values: Any) -> None:
    array = one(cql_type, values, way)
    assert type(array) is numpy.ndarray
    assert array.dtype == numpy.dtype(dtype)
    assert array.dtype.isnative
    assert array.tolist() == values
    array[0] = 0  # the array is the caller's
    masked = one(cql_type, [values[0], None, values[2]], way)
    assert isinstance(masked, numpy.ma.MaskedArray)
    assert masked.dtype == numpy.dtype(dtype)
    assert masked.shape == array.shape
    blank = numpy.ma.masked_all(array.shape[1:], dtype).tolist()
    assert masked.tolist() == [values[0], blank, values[2]]
    assert one(cql_type, [], way).shape == (0, *array.shape[1:])


def test_times_are_numbers_of_their_unit(way: str) -> None:
    moments = one(types.TIMESTAMP, [Timestamp(5), None, Timestamp(-1)], way)
    assert moments.dtype == numpy.dtype("M8[ms]")
    assert moments.mask.tolist() == [False, True, False]
    assert moments.data.astype("i8").tolist() == [5, 0, -1]
    days = one(types.DATE, [Date(0), Date(-(2**31)), Date(2**31 - 1)], way)
    assert days.dtype == numpy.dtype("M8[D]")
    assert days.astype("i8").tolist() == [0, -(2**31), 2**31 - 1]
    assert one(types.DATE, [None, Date(1)], way).data.astype("i8").tolist() == [0, 1]
    times = one(types.TIME, [Time(0), Time(86_399_999_999_999)], way)
    assert times.dtype == numpy.dtype("m8[ns]")
    assert times.astype("i8").tolist() == [0, 86_399_999_999_999]


@pytest.mark.parametrize(
    ("cql_type", "values"),
    [
        (types.TEXT, ["a", None, "é"]),
        (types.VARINT, [2**70, None]),
        (ListType(types.INT), [[1, 2], [], None]),
        (ListType(types.INT), [[1, 2], [3, 4]]),
        (VectorType(types.TEXT, 2), [["a", "b"], None]),
        (VectorType(types.SMALLINT, 2), [[1, 2], [3, 4]]),
    ],
    ids=str,
)
def test_all_else_is_objects(way: str, cql_type: Any, values: Any) -> None:
    array = one(cql_type, values, way)
    assert array.dtype == object
    assert array.shape == (len(values),)
    assert array.tolist() == values


@SETTINGS
@given(pages())
def test_both_ways_give_the_same(page: RawRows) -> None:
    if Columns is None:
        pytest.skip("nothing is compiled, or Python was asked for")
    for raw in (False, True):
        found, expected = arrays(page, "compiled", raw), arrays(page, "values", raw)
        assert list(found) == list(expected)
        for name, array in found.items():
            assert type(array) is type(expected[name])
            assert array.dtype == expected[name].dtype
            assert array.tolist() == expected[name].tolist()


@pytest.mark.parametrize(
    ("cql_type", "cell", "text"),
    [
        (types.INT, b"\0" * 3, "column 'c1': a cell is not of 4 bytes"),
        (types.TIME, b"\xff" * 8, "column 'c1': a number of nanoseconds"),
        (VectorType(types.INT, 2), b"\0" * 4, "column 'c1': a cell is not of 8 bytes"),
        (types.TEXT, b"\xff", "row 1, column 'c1': text"),
    ],
    ids=str,
)
def test_cells_that_do_not_fit_are_told(way: str, cql_type: Any, cell: bytes, text: str) -> None:
    page = page_of([types.INT, cql_type], [(1, None), (2, cell)])
    with pytest.raises(DecodeError, match=text):
        arrays(page, way)
    page = RawRows(page.metadata, 2, page_of([types.INT] * 2, [(1, 2)] * 2).body + b"\0")
    with pytest.raises(DecodeError):
        arrays(page, way)
