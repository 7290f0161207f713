"""What cannot be sent: which error, and what it tells."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cql_protocol.errors import InvalidValue, InvalidValueType, ValueOutOfRange
from cql_protocol.types import (
    ASCII,
    BIGINT,
    BLOB,
    BOOLEAN,
    DATE,
    DECIMAL,
    DOUBLE,
    DURATION,
    EMPTY_TYPE,
    FLOAT,
    INET,
    INT,
    MAX_DEPTH,
    SMALLINT,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMEUUID,
    TINYINT,
    UUID,
    VARINT,
    CustomType,
    FrozenType,
    ListType,
    MapType,
    ReadOptions,
    SetType,
    TupleType,
    UserType,
    VectorType,
)
from cql_protocol.values import EMPTY, UNSET, Time
from tests.protocol.types.strategies import cql_types

ADDRESS = UserType("ks", "addr", [("zip", INT), ("street", TEXT)])
WRONG, RANGE = InvalidValueType, ValueOutOfRange


class BrokenRepr:
    def __repr__(self):
        raise RuntimeError("no")


CASES = [
    (INT, "5", WRONG, "int: expected an int, got str '5'"),
    (INT, 1.0, WRONG, "int: expected an int, got float 1.0"),
    (INT, None, WRONG, "int: expected an int, got NoneType None"),
    (INT, UNSET, WRONG, "int: expected an int, got Unset UNSET"),
    (INT, BrokenRepr(), WRONG,
     "int: expected an int, got BrokenRepr (its repr raised RuntimeError)"),
    (INT, 1 << 31, RANGE, "int: 2147483648 is out of range -2147483648..2147483647"),
    (INT, 10**5000, RANGE, "int: a number of 16610 bits is out of range -2147483648..2147483647"),
    (TINYINT, -129, RANGE, "tinyint: -129 is out of range -128..127"),
    (SMALLINT, 40000, RANGE, "smallint: 40000 is out of range -32768..32767"),
    (BIGINT, 1 << 63, RANGE,
     ("bigint: 9223372036854775808 is out of range "
      "-9223372036854775808..9223372036854775807")),
    (VARINT, 1.5, WRONG, "varint: expected an int, got float 1.5"),
    (DOUBLE, "1.5", WRONG, "double: expected a float, got str '1.5'"),
    (DOUBLE, 1 << 2000, RANGE, "double: a number of 2001 bits is out of range"),
    (DOUBLE, Decimal("1e400"), RANGE, "double: Decimal('1E+400') is out of range"),
    (FLOAT, 1e39, RANGE, "float: 1e+39 is out of range"),
    (FLOAT, 1j, WRONG, "float: expected a float, got complex 1j"),
    (DECIMAL, Decimal("NaN"), RANGE, "decimal: Decimal('NaN') is not a finite number"),
    (DECIMAL, float("inf"), RANGE, "decimal: Decimal('Infinity') is not a finite number"),
    (DECIMAL, "1.5", WRONG, "decimal: expected a Decimal, an int or a float, got str '1.5'"),
    (DECIMAL, Decimal("1E-3000000000"), RANGE,
     "decimal: the scale of Decimal('1E-3000000000') is out of range"),
    (BOOLEAN, "true", WRONG, "boolean: expected a bool, got str 'true'"),
    (BOOLEAN, 2, RANGE, "boolean: 2 is neither 0 nor 1"),
    (TEXT, b"x", WRONG, "text: expected a str, got bytes b'x'"),
    (TEXT, "a\ud800", RANGE, "text: 'a\\ud800' has a character that is no utf-8, at 1"),
    (ASCII, "aé", RANGE, "ascii: 'aé' has a character that is no ascii, at 1"),
    (BLOB, "x", WRONG, "blob: expected bytes, got str 'x'"),
    (BLOB, [1], WRONG, "blob: expected bytes, got list [1]"),
    (UUID, b"0" * 16, WRONG, "uuid: expected a UUID, got bytes b'0000000000000000'"),
    (UUID, "nonsense", RANGE, "uuid: 'nonsense' is not a UUID"),
    (TIMEUUID, uuid.UUID(int=4 << 76), RANGE,
     ("timeuuid: 00000000-0000-4000-0000-000000000000 "
      "is a UUID of version 4, not of version 1")),
    (INET, "300.0.0.1", RANGE, "inet: '300.0.0.1' is not an IP address"),
    (INET, 5, WRONG, "inet: expected an IP address, got int 5"),
    (INET, "fe80::1%eth0", RANGE, "inet: fe80::1%eth0 has a zone, which cannot be stored"),
    (TIMESTAMP, "2024-01-01", WRONG,
     ("timestamp: expected a datetime, a date or milliseconds, "
      "got str '2024-01-01'")),
    (TIMESTAMP, 1 << 63, RANGE, "timestamp: 9223372036854775808 milliseconds are out of range"),
    (TIMESTAMP, float("nan"), RANGE, "timestamp: nan milliseconds are out of range"),
    (DATE, 1 << 31, RANGE,
     ("date: a date reaches from -5877641-06-23 to 5881580-07-11, "
      "not 2147483648")),
    (DATE, "2024-02-30", RANGE, "date: '2024-02-30' is not a day of the calendar"),
    (DATE, 1.5, WRONG,
     "date: expected a date, a Date, a text or days from the epoch, got float 1.5"),
    (TIME, Time.DAY, RANGE, "time: a time of day has 0 to 86399999999999 nanoseconds"),
    (TIME, "24:00:00", RANGE, "time: '24:00:00' is not a time of day"),
    (TIME, datetime.time(tzinfo=datetime.UTC), RANGE,
     "time: a CQL time has no time zone: datetime.time(0, 0, tzinfo=datetime.timezone.utc)"),
    (TIME, [], WRONG, "time: expected a time, a Time, a text or nanoseconds, got list []"),
    (DURATION, 5, WRONG, "duration: expected a Duration or a timedelta, got int 5"),
    (EMPTY_TYPE, 5, WRONG, "empty: expected EMPTY, got int 5"),
    (CustomType("x.Y"), 5, WRONG, "'x.Y': expected bytes, got int 5"),
    (ListType(INT), "12", WRONG, "list<int>: expected a list or another iterable, got str '12'"),
    (ListType(INT), {1: 2}, WRONG,
     "list<int>: expected a list or another iterable, got dict {1: 2}"),
    (ListType(INT), 5, WRONG, "list<int>: expected a list or another iterable, got int 5"),
    (ListType(INT), [1, 2, "x"], WRONG, "element 2 of list<int>: expected an int, got str 'x'"),
    (ListType(INT), iter([1 << 40]), RANGE,
     "element 0 of list<int>: 1099511627776 is out of range -2147483648..2147483647"),
    (ListType(DOUBLE), [1.0, Decimal("1e400")], RANGE,
     "element 1 of list<double>: Decimal('1E+400') is out of range"),
    (ListType(BOOLEAN), [True, 5], RANGE, "element 1 of list<boolean>: 5 is neither 0 nor 1"),
    (ListType(FrozenType(ListType(INT))), [[1], ["x"]], WRONG,
     "element 1 of list<frozen<list<int>>>: element 0 of list<int>: expected an int, got str 'x'"),
    (SetType(INT), b"12", WRONG, "set<int>: expected a set or another iterable, got bytes b'12'"),
    (SetType(INT), [1, None], WRONG, "set<int>: a set cannot hold null"),
    (MapType(TEXT, INT), [1], WRONG,
     "map<text, int>: expected a dict or another mapping, got list [1]"),
    (MapType(TEXT, INT), {"a": None}, WRONG, "map<text, int>: a map cannot hold null"),
    (MapType(TEXT, INT), {5: 1}, WRONG, "a key of map<text, int>: text: expected a str, got int 5"),
    (MapType(TEXT, INT), {"a": "b"}, WRONG,
     "the value at key 'a' of map<text, int>: int: expected an int, got str 'b'"),
    (TupleType(INT, INT), 5, WRONG, "tuple<int, int>: expected a tuple or a list, got int 5"),
    (TupleType(INT), (1, 2), RANGE, "tuple<int>: 2 elements are more than 1"),
    (TupleType(INT, TEXT), (1, 2), WRONG,
     "element 1 of tuple<int, text>: text: expected a str, got int 2"),
    (ADDRESS, {"zip": "x"}, WRONG, "field 'zip' of udt ks.addr: int: expected an int, got str 'x'"),
    (ADDRESS, {"zap": 1}, RANGE, "udt ks.addr has no field 'zap'; its fields are zip, street"),
    (ADDRESS, (1, "a", 2), RANGE, "udt ks.addr: 3 values are more than its 2 fields"),
    (ADDRESS, 5, WRONG, "addr: expected fields of udt ks.addr: a dict, tuple or object, got int 5"),
    (VectorType(FLOAT, 2), [1.0], RANGE, "vector<float, 2>: 1 elements instead of 2"),
    (VectorType(FLOAT, 2), [1.0, "x"], WRONG,
     "element 1 of vector<float, 2>: expected a float, got str 'x'"),
    (VectorType(FLOAT, 2), [1.0, None], WRONG,
     "element 1 of vector<float, 2>: a vector cannot hold null"),
    (VectorType(DOUBLE, 1), [Decimal("1e400")], RANGE,
     "element 0 of vector<double, 1>: Decimal('1E+400') is out of range"),
    (VectorType(TEXT, 1), "x", WRONG,
     "vector<text, 1>: expected a sequence of 1 elements, got str 'x'"),
    (VectorType(TEXT, 1), {"x"}, WRONG,
     "vector<text, 1>: expected a sequence of 1 elements, got set {'x'}"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cql_type", "value", "error", "text"), CASES, ids=[f"{n}-{c[0]}" for n, c in enumerate(CASES)]
)
def test_values_that_cannot_be_sent(cql_type, value, error, text):
    with pytest.raises(InvalidValue) as caught:
        cql_type.encode(value)
    assert type(caught.value) is error
    assert str(caught.value) == text


KEEP_EMPTY = ReadOptions(empty_values=True)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=st.just(datetime.UTC))
    | st.timedeltas()
    | st.complex_numbers()
    | st.sampled_from([UNSET, EMPTY, object(), int, range(3), Ellipsis]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=4,
)


@settings(max_examples=500, deadline=None)
@given(cql_types(max_depth=3), ANYTHING)
def test_whatever_is_given_is_sent_or_refused_by_an_error_of_ours(cql_type, value):
    try:
        cell = cql_type.encode(value)
    except InvalidValue:
        return
    assert cql_type.encode(cql_type.decode(cell, KEEP_EMPTY)) == cell


def test_long_values_are_cut_in_the_text():
    with pytest.raises(InvalidValueType) as caught:
        INT.encode("x" * 10_000_000)
    assert len(str(caught.value)) < 200


def test_an_error_of_the_values_own_code_is_not_hidden():
    class Broken:
        def __iter__(self):
            raise TypeError("my own")

    with pytest.raises(TypeError, match="my own"):
        ListType(INT).encode(Broken())


def test_types_do_not_nest_without_end():
    deep = INT
    for _ in range(MAX_DEPTH - 1):
        deep = FrozenType(deep)
    assert deep.decode(deep.encode(5)) == 5
    with pytest.raises(InvalidValue, match="64 deep"):
        FrozenType(deep)


@pytest.mark.parametrize("dimension", [0, -1, 1 << 30])
def test_vectors_have_a_sensible_number_of_elements(dimension):
    with pytest.raises(ValueOutOfRange):
        VectorType(FLOAT, dimension)
