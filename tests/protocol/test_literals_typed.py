from __future__ import annotations

import datetime
import json
from collections import namedtuple
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol.errors import InvalidValue, InvalidValueType, ValueOutOfRange
from cql_protocol.geo import POINT, Point
from cql_protocol.literals import typed_literal
from cql_protocol.types import (
    BIGINT,
    BLOB,
    COUNTER,
    DATE,
    DOUBLE,
    DURATION,
    FLOAT,
    INET,
    INT,
    SMALLINT,
    TEXT,
    TIMESTAMP,
    UUID,
    CustomType,
    FrozenType,
    ListType,
    MapType,
    ReadOptions,
    ReversedType,
    SetType,
    TupleType,
    UserType,
    VectorType,
)
from cql_protocol.types.parse_class import parse_class_name
from cql_protocol.values import EMPTY, UNSET, Duration

DATA = Path(__file__).parent / "data" / "literals.json"
LITERALS = json.loads(DATA.read_text())["literals"]
ADDRESS = UserType("ks", "address", [("street", TEXT), ("Zip", INT), ("select", TEXT)])


@pytest.mark.parametrize(
    ("class_name", "text", "cell"), LITERALS, ids=[str(n) for n in range(len(LITERALS))]
)
def test_the_text_is_one_that_the_server_reads_as_the_same_bytes(class_name, text, cell):
    cql_type = parse_class_name(class_name)
    value = cql_type.decode(bytes.fromhex(cell), ReadOptions(empty_values=True, set_factory=list))
    assert typed_literal(cql_type, value) == text


@pytest.mark.parametrize("cql_type", [INT, TEXT, ListType(INT), ADDRESS, POINT])
def test_none_is_null_for_every_type(cql_type):
    assert typed_literal(cql_type, None) == "NULL"


def test_what_can_be_bound_can_be_written():
    assert typed_literal(INET, "10.0.0.1") == "'10.0.0.1'"
    assert typed_literal(TIMESTAMP, 5) == "5"
    assert typed_literal(DATE, datetime.date(1970, 1, 2)) == "'1970-01-02'"
    assert typed_literal(UUID, "00000000-0000-0000-0000-00000000000A") == (
        "00000000-0000-0000-0000-00000000000a"
    )
    assert typed_literal(DURATION, datetime.timedelta(days=2)) == "2d"
    assert typed_literal(FLOAT, 0.1) == "0.1"
    assert typed_literal(ListType(INT), (n for n in (1, 2))) == "[1, 2]"


@pytest.mark.parametrize(
    ("cql_type", "value"),
    [
        (INT, "5"),
        (INT, 2**31),
        (INT, "5; DROP TABLE t"),
        (TEXT, 5),
        (BLOB, "x"),
        (UUID, "x' OR 'a"),
        (INET, "1.1.1.1' OR '1"),
        (DATE, "2020-01-01' OR '1"),
        (SMALLINT, 40_000),
        (VectorType(FLOAT, 2), [1.0]),
        (ADDRESS, {"nope": 1}),
        (POINT, "POINT (1 2)"),
    ],
)
def test_what_cannot_be_bound_cannot_be_written(cql_type, value):
    with pytest.raises(InvalidValue):
        typed_literal(cql_type, value)


def test_user_types_are_written_by_field():
    text = "{street: 'it''s', \"Zip\": 5, \"select\": NULL}"
    pair = namedtuple("pair", ["street", "Zip", "select"])
    assert typed_literal(ADDRESS, {"street": "it's", "Zip": 5}) == text
    assert typed_literal(ADDRESS, pair("it's", 5, None)) == text
    assert typed_literal(FrozenType(ADDRESS), ("it's", 5)) == text


def test_sets_and_maps_are_written_in_the_order_of_their_bytes():
    assert typed_literal(SetType(INT), {3, 1, 2}) == "{1, 2, 3}"
    assert typed_literal(MapType(TEXT, INT), {"b": 1, "a": 2}) == "{'a': 2, 'b': 1}"
    assert typed_literal(SetType(FrozenType(ListType(INT))), [[2], [1]]) == "{[1], [2]}"


def test_short_tuples_are_filled_with_nulls():
    assert typed_literal(TupleType(INT, TEXT), (1,)) == "(1, NULL)"


def test_types_know_their_own_text():
    assert typed_literal(POINT, Point(1.0, 2.5)) == "'POINT (1.0 2.5)'"
    assert typed_literal(ReversedType(POINT), Point(1.0, 2.5)) == "'POINT (1.0 2.5)'"


def test_unknown_classes_are_written_as_their_bytes():
    assert typed_literal(CustomType("com.example.Own"), b"\x01\xff") == "0x01ff"


def test_empty_values_are_made_by_the_server():
    assert typed_literal(INT, EMPTY) == "blobAsInt(0x)"
    assert typed_literal(ReversedType(FrozenType(UUID)), EMPTY) == "blobAsUuid(0x)"
    assert typed_literal(TEXT, EMPTY) == typed_literal(TEXT, "") == "''"
    assert typed_literal(BLOB, EMPTY) == "0x"


@pytest.mark.parametrize(
    "cql_type", [DATE, SMALLINT, COUNTER, DURATION, ListType(INT), ADDRESS, TupleType(INT)]
)
def test_some_types_have_no_empty_literal(cql_type):
    with pytest.raises(ValueOutOfRange, match="empty"):
        typed_literal(cql_type, EMPTY)


@pytest.mark.parametrize(
    ("cql_type", "value"),
    [
        (ListType(INT), [1, None]),
        (ListType(INT), [EMPTY]),
        (VectorType(TEXT, 1), [None]),
        (MapType(INT, TEXT), {1: None}),
        (SetType(INT), [None]),
        (TupleType(INT), [EMPTY]),
    ],
)
def test_nothing_empty_within_a_collection(cql_type, value):
    with pytest.raises(InvalidValueType):
        typed_literal(cql_type, value)


def test_unset_is_for_prepared_statements():
    with pytest.raises(InvalidValueType, match="prepared"):
        typed_literal(INT, UNSET)


def test_the_lowest_durations_have_no_literal():
    for value in (Duration(-(2**31)), Duration(0, -(2**31)), Duration(0, 0, -(2**63))):
        with pytest.raises(ValueOutOfRange, match="prepared"):
            typed_literal(DURATION, value)


@given(st.floats(width=32))
def test_floats_are_short_and_exact(value):
    text = typed_literal(FLOAT, value)
    assert len(text) <= 15 or text in ("Infinity", "-Infinity")
    assert FLOAT.encode(float(text)) == FLOAT.encode(value) or value != value


@given(st.floats())
def test_doubles_are_exact(value):
    text = typed_literal(DOUBLE, value)
    assert DOUBLE.encode(float(text)) == DOUBLE.encode(value) or value != value


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_are_exact(value):
    assert int(typed_literal(BIGINT, value)) == value
