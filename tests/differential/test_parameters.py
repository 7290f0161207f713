"""Values of statements: the same bytes, or the same errors, compiled or not."""

from __future__ import annotations

import datetime
import struct
from array import array
from collections.abc import Sequence
from decimal import Decimal
from ipaddress import ip_address
from typing import Any
from uuid import UUID, uuid1

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cql_protocol import types as ct
from cql_protocol.types import CqlType, ListType, MapType, SetType, VectorType
from cql_protocol.values import EMPTY, UNSET, Date, Duration, OrderedMap, SortedSet, Time, Timestamp
from cql_speedups.encoding import RowEncoder
from tests.differential.sameness import outcome
from tests.protocol.types.strategies import SIMPLE, cql_types, values_of

WHOLE: list[Any] = [
    0,
    1,
    -1,
    127,
    128,
    -128,
    -129,
    255,
    1 << 15,
    1 << 31,
    -(1 << 31),
    (1 << 31) - 1,
]
WHOLE += [1 << 63, -(1 << 63), (1 << 63) - 1, 1 << 64, -(1 << 200)]
FLOATS = [1.5, -0.0, 0.1, 1e39, -1e300, 3.4028235677973366e38, float("nan"), float("inf")]
TEXTS = ["", "x", "é", "a\ud800", "☃", "01.2.3.4", "1.2.3.4", "1.2.3", "1.2.3.4.5", "256.1.1.1"]
TEXTS += ["::1", "1.2.3.4 ", "2024-01-01", "10:00:00.5", str(UUID(int=5)), "1..2.3", "1.2.3.４"]
DECIMALS = ["1E+400", "NaN", "-0.00", "0E-7", "1E-2147483647", "1E+2147483648", "1E+2147483649"]
DECIMALS += ["123456789012345678", "1234567890123456789.5", "-12.5", "Infinity", "sNaN", "1E+18"]
HOUR_EAST = datetime.timezone(datetime.timedelta(hours=1))
MOMENTS: list[Any] = [
    datetime.date.min,
    datetime.date.max,
    datetime.datetime.min,
    datetime.datetime.max,
    datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC),
    datetime.datetime(1, 1, 1, tzinfo=HOUR_EAST),
    datetime.time(1, 2, 3, 4),
    datetime.time(1, tzinfo=datetime.UTC),
    datetime.timedelta(1),
    Date(-(1 << 31)),
    Time(5),
    Timestamp(1 << 62),
    Duration(1, 2, 3),
    Duration(-1, -2, -(1 << 63)),
]
SERIES: list[Any] = [
    [],
    [1],
    [None],
    (),
    (3, 1, 2),
    [1, 1],
    {1, 2, -5},
    frozenset(),
    {"a": 1},
    {},
    {2: 1},
]
SERIES += [["b", "a", "b"], {"b": None}, {None: 1}, [1.5, 1], [[1], [0]], SortedSet([2, 1])]
SERIES += [OrderedMap([(1, 2)]), range(3), iter([1]), array("f", [1.0]), numpy.zeros(2, "f4")]
OTHERS: list[Any] = [
    None,
    UNSET,
    EMPTY,
    True,
    False,
    b"",
    b"\xff",
    bytearray(b"x"),
    memoryview(b"y"),
]
OTHERS += [uuid1(), UUID(int=1 << 127), ip_address("1.2.3.4"), ip_address("::1"), object(), 1j]
OTHERS += [ip_address("fe80::1%eth0"), numpy.int32(7), numpy.float64(0.5), numpy.True_]
ODD: list[Any] = [*WHOLE, *FLOATS, *TEXTS, *map(Decimal, DECIMALS), *MOMENTS, *SERIES, *OTHERS]


class Number(int):
    """An int that is more."""


class Words(str):
    """A str that is more."""


ODD += [Number(5), Words("x")]


def in_python(types: Sequence[CqlType], values: Sequence[Any]) -> bytes:
    """Return the cells of values as the types make them."""
    parts = []
    for cql_type, value in zip(types, values, strict=True):
        if value is None or value is UNSET:
            parts.append(struct.pack(">i", -1 if value is None else -2))
        else:
            cell = cql_type.encode(value)
            parts.append(struct.pack(">i", len(cell)) + cell)
    return b"".join(parts)


def assert_alike(types: Sequence[CqlType], values: Sequence[Any]) -> None:
    """Encode values in both ways. The compiled one may leave to Python what is an error."""
    wanted = outcome(in_python, types, values)
    found = outcome(RowEncoder(types).encode, values)
    assert found == wanted or (wanted[0] == "raised" and found == ("returned", None)), values


@settings(max_examples=100)
@given(st.lists(cql_types(3), min_size=1, max_size=3), st.data())
def test_values_give_the_same_bytes(types: list[CqlType], data: st.DataObject) -> None:
    row = [data.draw(st.none() | values_of(each)) for each in types]
    assert_alike(types, row)
    assert_alike(types, tuple(row))


@pytest.mark.parametrize("cql_type", [*SIMPLE, ct.EMPTY_TYPE, ct.CustomType("com.example.X")])
def test_values_of_other_types_are_judged_alike(cql_type: CqlType) -> None:
    frozen = ct.FrozenType(cql_type)
    for value in ODD:
        if type(value) is not type(iter([])):  # which would be empty the second time
            assert_alike([cql_type], [value])
            assert_alike([ListType(frozen), SetType(cql_type)], [[value], [value]])
            assert_alike([ListType(cql_type)], [value])
            assert_alike([SetType(cql_type)], [value])
            assert_alike([VectorType(cql_type, 2)], [(value, value)])
            assert_alike([VectorType(cql_type, 2)], [value])
            assert_alike([MapType(ct.TEXT, cql_type)], [{"k": value}])
            assert_alike([MapType(cql_type, ct.INT)], [value])


@settings(max_examples=100)
@given(cql_types(2), st.data())
def test_odd_values_among_usual_ones_are_judged_alike(
    cql_type: CqlType, data: st.DataObject
) -> None:
    odd = st.sampled_from([each for each in ODD if type(each) is not type(iter([]))])
    some = data.draw(st.lists(values_of(cql_type) | odd, max_size=4))
    assert_alike([ListType(cql_type)], [some])
    assert_alike([SetType(cql_type)], [some])
    assert_alike([ct.TupleType(cql_type, ct.INT)], [tuple(some)])
    assert_alike([cql_type] * len(some), some)


@settings(max_examples=80)
@given(st.sampled_from([*SIMPLE, ct.CustomType("com.example.X")]), st.data())
def test_sets_and_maps_are_written_in_one_order(cql_type: CqlType, data: st.DataObject) -> None:
    values = (
        values_of(cql_type) if not isinstance(cql_type, ct.CustomType) else st.binary(max_size=3)
    )
    some = data.draw(st.lists(values, max_size=12))
    for given_as in (list, tuple, set, frozenset):
        assert_alike([SetType(cql_type)], [given_as(some)])
    assert_alike([MapType(cql_type, ct.INT)], [dict.fromkeys(some, 5)])


def test_a_value_too_few_or_too_many_is_left_to_python() -> None:
    encoder = RowEncoder([ct.INT, ct.TEXT])
    for values in ((1,), (1, "a", 2), [], [1]):
        assert encoder.encode(values) is None
    assert RowEncoder([]).encode(()) == b""
    assert RowEncoder([ct.INT] * 300).encode([1] * 300) is None


def test_unset_and_null_are_left_to_python_where_they_are_errors() -> None:
    encoder = RowEncoder([ct.INT, ct.TEXT], keys=[0])
    assert encoder.encode((1, None)) == b"\0\0\0\4\0\0\0\1\xff\xff\xff\xff"
    assert encoder.encode((1, UNSET)) == b"\0\0\0\4\0\0\0\1\xff\xff\xff\xfe"
    assert encoder.encode((1, UNSET), False) is None
    assert encoder.encode((None, "a")) is None
    assert encoder.encode((UNSET, "a")) is None


def test_a_list_that_shrinks_while_it_is_read_is_an_error_as_any() -> None:
    values: list[Any] = []

    class Shrinks:
        def __index__(self) -> int:
            values.clear()
            return 1

    values += [Shrinks(), 2]
    assert RowEncoder([ct.INT, ct.INT]).encode(values) is None


def test_large_values_are_written_whole() -> None:
    for value in ("a" * 5000, "é" * 3000):
        assert_alike([ct.TEXT, ct.INT], (value, 5))
    assert_alike([ListType(ct.INT)], (list(range(5000)),))
    assert_alike([VectorType(ct.TEXT, 200)], (["x" * at for at in range(200)],))
    assert_alike([VectorType(ct.FLOAT, 768)], ([at / 7 for at in range(768)],))
    many = {f"key {at}": at for at in range(3000)}
    assert_alike([MapType(ct.TEXT, ct.INT)], (many,))
