from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cql_protocol.errors import DecodeError, InvalidValue, InvalidValueType, ValueOutOfRange
from cql_protocol.rows import RowDecoder, bind_values, decode_rows
from cql_protocol.types import INT, TEXT, ListType, ReadOptions
from cql_protocol.values import EMPTY, UNSET
from tests.protocol.types.strategies import cql_types, values_of

COLUMNS = [("id", INT), ("name", TEXT), ("age", INT)]


def page(types, rows):
    parts = []
    for row in rows:
        for cql_type, value in zip(types, row, strict=True):
            if value is None:
                parts.append(b"\xff\xff\xff\xff")
            else:
                cell = cql_type.encode(value)
                parts += [struct.pack(">i", len(cell)), cell]
    return b"".join(parts)


@st.composite
def pages(draw):
    types = draw(st.lists(cql_types(max_depth=2), min_size=1, max_size=4))
    row = st.tuples(*(st.none() | values_of(each) for each in types))
    return types, draw(st.lists(row, max_size=4))


@settings(deadline=None)
@given(pages(), st.binary(max_size=5))
def test_pages_come_back(made, before):
    types, rows = made
    body = before + page(types, rows)
    assert RowDecoder(types).decode(body, len(before), len(rows)) == rows


@settings(max_examples=200, deadline=None)
@given(st.lists(cql_types(max_depth=2), max_size=3), st.binary(max_size=60), st.integers(-1, 9))
def test_arbitrary_pages_raise_only_decode_errors(types, body, count):
    try:
        rows = RowDecoder(types).decode(body, 0, count)
    except DecodeError:
        return
    assert len(rows) == count


@settings(max_examples=100, deadline=None)
@given(pages(), st.data())
def test_cut_pages_are_errors(made, data):
    types, rows = made
    body = page(types, rows)
    if body:
        cut = data.draw(st.integers(0, len(body) - 1))
        with pytest.raises(DecodeError):
            RowDecoder(types).decode(body[:cut], 0, len(rows))


def test_the_end_of_the_rows_is_given():
    body = page([INT], [(1,), (2,)]) + b"more"
    rows, end = decode_rows([INT.reader()], body, 0, 2)
    assert (rows, end) == ([(1,), (2,)], len(body) - 4)
    with pytest.raises(DecodeError, match="4 bytes follow the last of 2 rows"):
        RowDecoder([INT]).decode(body, 0, 2)


def test_no_rows_and_no_columns():
    assert RowDecoder([INT]).decode(b"", 0, 0) == []
    assert RowDecoder([]).decode(b"", 0, 0) == []
    with pytest.raises(DecodeError, match="1 rows of 0 columns"):
        RowDecoder([]).decode(b"", 0, 1)


@pytest.mark.parametrize(
    ("body", "count", "text"),
    [
        (b"", 1, "1 rows of 2 columns do not fit 0 bytes"),
        (b"", 0x7FFFFFFF, "2147483647 rows of 2 columns do not fit 0 bytes"),
        (b"", -1, "-1 rows cannot begin at 0 of 0 bytes"),
        (
            page([INT, TEXT], [(1, "a")])[:-1],
            1,
            "row 0, column 1 (b): 1 bytes do not fit the 0 left",
        ),
        (
            page([INT, TEXT], [(1, "a"), (2, None)]) + b"\0\0\0\3abc\0\0\0\0",
            3,
            "row 2, column 0 (a): int: a value has 4 bytes, not 3",
        ),
        (
            b"\0\0\0\4\0\0\0\1\0\0\0\2\xff\xff",
            1,
            "row 0, column 1 (b): text: the bytes are no utf-8, at 0",
        ),
        (b"\0\0\0\4\0\0\0\1\0\0", 1, "row 0, column 1 (b): the rows end early"),
    ],
)
def test_errors_tell_where_they_are(body, count, text):
    with pytest.raises(DecodeError) as caught:
        RowDecoder([INT, TEXT], names=["a", "b"]).decode(body, 0, count)
    assert str(caught.value) == text


def test_without_names_errors_tell_the_number_of_the_column():
    with pytest.raises(DecodeError, match=r"row 0, column 0: int: a value has 4 bytes, not 1"):
        RowDecoder([INT]).decode(b"\0\0\0\1x", 0, 1)


def test_options_reach_the_readers():
    decoder = RowDecoder([INT], ReadOptions(empty_values=True))
    assert decoder.decode(b"\0\0\0\0", 0, 1) == [(EMPTY,)]


# --- parameters


NOT_IN = "parameters are given in a list, a tuple or a dict, not in a {}; a single one as (value,)"
NEEDS_4 = "leaving parameters out needs protocol version 4 or newer"
ONE, TWO, JOE = b"\0\0\0\1", b"\0\0\0\2", b"Joe"


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        ((1, "Joe", 2), [ONE, JOE, TWO]),
        ([1, None, UNSET], [ONE, None, UNSET]),
        ([1], [ONE, UNSET, UNSET]),
        ((), [UNSET] * 3),
        (iter([1, "Joe"]), [ONE, JOE, UNSET]),
        ({"age": 2, "id": 1, "unknown": 5}, [ONE, UNSET, TWO]),
        ({"id": 1, "name": None, "age": EMPTY}, [ONE, None, b""]),
    ],
)
def test_parameters_become_cells(values, cells):
    assert bind_values(COLUMNS, values) == cells


def test_a_name_used_twice_gets_its_value_twice():
    assert bind_values([("id", INT), ("id", INT)], {"id": 1}) == [ONE, ONE]


@pytest.mark.parametrize(
    ("values", "allow_unset", "error", "text"),
    [
        ((1, "Joe", 1 << 31), True, ValueOutOfRange,
         "column 'age' (int): 2147483648 is out of range -2147483648..2147483647"),
        ((1, 5), True, InvalidValueType, "column 'name' (text): expected a str, got int 5"),
        ((1, 2, 3, 4), True, ValueOutOfRange, "4 values for 3 parameters"),
        ("abc", True, InvalidValueType, NOT_IN.format("str")),
        ({1, 2}, True, InvalidValueType, NOT_IN.format("set")),
        ((1,), False, InvalidValue, f"no value for 'name', 'age': {NEEDS_4}"),
        ({"id": 1, "age": 1}, False, InvalidValue, f"no value for 'name': {NEEDS_4}"),
        ((1, UNSET, 1), False, InvalidValue,
         "column 'name' (text): UNSET needs protocol version 4 or newer"),
    ],
)  # fmt: skip
def test_parameters_that_cannot_be_bound(values, allow_unset, error, text):
    with pytest.raises(InvalidValue) as caught:
        bind_values(COLUMNS, values, allow_unset=allow_unset)
    assert type(caught.value) is error
    assert str(caught.value) == text


def test_errors_in_nested_values_tell_the_whole_way():
    with pytest.raises(InvalidValueType) as caught:
        bind_values([("tags", ListType(INT))], [[1, "x"]])
    assert str(caught.value) == (
        "column 'tags' (list<int>): element 1 of list<int>: expected an int, got str 'x'"
    )


def test_all_values_without_unset():
    assert bind_values(COLUMNS, {"id": 1, "name": "Joe", "age": 2}, allow_unset=False) == [
        ONE,
        JOE,
        TWO,
    ]
