from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cql_protocol.errors import DecodeError
from cql_protocol.types import (
    DOUBLE,
    EMPTY_TYPE,
    INT,
    TEXT,
    CqlType,
    CustomType,
    ReadOptions,
)
from cql_protocol.values import EMPTY
from tests.protocol.types.strategies import SIMPLE, cql_types, types_and_values, values_of

OPTIONS = ReadOptions(
    aware_datetimes=True,
    empty_values=True,
    inet_text=True,
    set_factory=tuple,
    map_factory=tuple,
)


@pytest.mark.parametrize("cql_type", SIMPLE, ids=str)
@given(data=st.data())
def test_values_of_simple_types_come_back_equal_and_of_the_same_python_type(cql_type, data):
    value = data.draw(values_of(cql_type))
    back = cql_type.decode(cql_type.encode(value))
    assert back == value
    assert type(back) is type(value)


@settings(max_examples=300, deadline=None)
@given(types_and_values(max_depth=4))
def test_values_of_nested_types_come_back_equal(pair):
    cql_type, value = pair
    assert cql_type.decode(cql_type.encode(value)) == value


@settings(deadline=None)
@given(types_and_values())
def test_the_bytes_of_what_was_read_are_the_bytes_that_were_read(pair):
    cql_type, value = pair
    cell = cql_type.encode(value)
    assert cql_type.encode(cql_type.decode(cell)) == cell


@settings(deadline=None)
@given(types_and_values())
def test_read_values_can_be_pickled(pair):
    cql_type, value = pair
    back = cql_type.decode(cql_type.encode(value))
    assert pickle.loads(pickle.dumps(back)) == back


@settings(deadline=None)
@given(cql_types(max_depth=4))
def test_types_are_structural_hashable_and_can_be_pickled(cql_type):
    twin = pickle.loads(pickle.dumps(cql_type))
    assert twin == cql_type
    assert hash(twin) == hash(cql_type)
    assert repr(twin) == repr(cql_type)
    assert twin.reader() is cql_type.reader()
    with pytest.raises(AttributeError):
        cql_type.name = "other"


def test_types_of_different_structure_differ():
    from cql_protocol.types import FrozenType, ListType, SetType, TupleType, VectorType

    types = [
        INT, ListType(INT), SetType(INT), ListType(TEXT), FrozenType(ListType(INT)),
        TupleType(INT), TupleType(INT, INT), VectorType(INT, 2), VectorType(INT, 3),
    ]  # fmt: skip
    assert len(set(types)) == len(types)
    assert INT != "int"


def test_not_a_number_and_the_infinities_come_back():
    nan = DOUBLE.decode(DOUBLE.encode(float("nan")))
    assert nan != nan
    assert DOUBLE.decode(DOUBLE.encode(float("-inf"))) == float("-inf")


ODD = (
    EMPTY_TYPE,
    CustomType("com.example.Thing"),
)


def _read(cql_type: CqlType, cell: bytes) -> None:
    """Read a cell: it decodes, or raises DecodeError; anything else fails the test."""
    for options in (ReadOptions(), OPTIONS):
        try:
            cql_type.decode(cell, options)
        except DecodeError:
            continue


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(ODD) | cql_types(max_depth=4), st.binary(max_size=64))
def test_arbitrary_bytes_raise_only_decode_errors(cql_type, cell):
    _read(cql_type, cell)


@settings(max_examples=300, deadline=None)
@given(types_and_values(max_depth=4), st.data())
def test_damaged_cells_raise_only_decode_errors(pair, data):
    cell = bytearray(pair[0].encode(pair[1]))
    for _ in range(data.draw(st.integers(1, 3))):
        if cell:
            at = data.draw(st.integers(0, len(cell) - 1))
            cell[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    _read(pair[0], bytes(cell[: data.draw(st.integers(0, len(cell)))]))


@settings(deadline=None)
@given(cql_types(max_depth=3))
def test_empty_is_zero_bytes_of_any_type(cql_type):
    assert cql_type.encode(EMPTY) == b""
    if cql_type.decode(b"") is not None:
        assert cql_type.decode(b"") in ("", b"")
    else:
        assert cql_type.decode(b"", OPTIONS) is EMPTY
