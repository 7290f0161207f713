"""What may be given for a value, beside the Python type that it is read as."""

from __future__ import annotations

import array
import datetime
import enum
import uuid
from collections import OrderedDict, UserDict, UserList, namedtuple
from decimal import Decimal
from types import SimpleNamespace

import pytest

from cql_protocol.types import (
    BIGINT,
    BLOB,
    BOOLEAN,
    DATE,
    DECIMAL,
    DOUBLE,
    DURATION,
    FLOAT,
    INET,
    INT,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMEUUID,
    UUID,
    VARINT,
    CustomType,
    ListType,
    MapType,
    SetType,
    TupleType,
    UserType,
    VectorType,
)
from cql_protocol.types.tuples import tuple_class
from cql_protocol.values import Date, Duration, OrderedMap, SortedSet, Time, Timestamp

EAST = datetime.timezone(datetime.timedelta(hours=2))
NOON = datetime.datetime(2024, 2, 29, 12)
JUST_BEFORE = datetime.datetime(1969, 12, 31, 23, 59, 59, 999000)
SOME_UUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
SOME_TIMEUUID = uuid.UUID("e23f1e02-8fe5-11e4-b4a9-0800200c9a66")
ADDRESS = UserType("ks", "addr", [("zip", INT), ("street", TEXT)])


class NumpyLike:
    """An integer that is no int, as numpy's are."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


class NoOffset(datetime.tzinfo):
    def utcoffset(self, moment):
        return None

    def dst(self, moment):
        return None


class Colour(enum.StrEnum):
    RED = "red"


class Shape(enum.Enum):
    ROUND = "round"


class Number(enum.IntEnum):
    FIVE = 5


CASES = [
    (INT, Number.FIVE, 5),
    (INT, NumpyLike(5), 5),
    (INT, True, 1),
    (VARINT, NumpyLike(-300), -300),
    (DOUBLE, 3, 3.0),
    (DOUBLE, Decimal("0.5"), 0.5),
    (DOUBLE, Decimal("inf"), float("inf")),
    (FLOAT, NumpyLike(2), 2.0),
    (DECIMAL, 5, Decimal(5)),
    (DECIMAL, 0.1, Decimal("0.1")),
    (DECIMAL, 1e300, Decimal("1e300")),
    (BOOLEAN, 1, True),
    (BOOLEAN, NumpyLike(0), False),
    (TEXT, Colour.RED, "red"),
    (TEXT, Shape.ROUND, "round"),
    (BLOB, bytearray(b"ab"), b"ab"),
    (BLOB, memoryview(b"xaby")[1:3], b"ab"),
    (CustomType("x.Y"), bytearray(b"ab"), b"ab"),
    (UUID, "{00112233-4455-6677-8899-AABBCCDDEEFF}", SOME_UUID),
    (TIMEUUID, str(SOME_TIMEUUID), SOME_TIMEUUID),
    (TIMESTAMP, NOON.replace(tzinfo=EAST), NOON - datetime.timedelta(hours=2)),
    (TIMESTAMP, NOON.replace(tzinfo=NoOffset()), NOON),
    (TIMESTAMP, NOON.replace(microsecond=1999), NOON.replace(microsecond=1000)),
    (TIMESTAMP, JUST_BEFORE.replace(microsecond=999999), JUST_BEFORE),
    (TIMESTAMP, NOON.date(), datetime.datetime(2024, 2, 29)),
    (TIMESTAMP, 1500, datetime.datetime(1970, 1, 1, 0, 0, 1, 500000)),
    (TIMESTAMP, -0.5, JUST_BEFORE),
    (TIMESTAMP, Timestamp(0), datetime.datetime(1970, 1, 1)),
    (DATE, NOON.date(), Date("2024-02-29")),
    (DATE, NOON, Date("2024-02-29")),
    (DATE, "2024-02-29", Date("2024-02-29")),
    (DATE, -1, Date("1969-12-31")),
    (TIME, datetime.time(1, 2, 3, 4), Time("01:02:03.000004")),
    (TIME, "01:02:03", Time("01:02:03")),
    (TIME, 5, Time(5)),
    (DURATION, datetime.timedelta(days=1, hours=1), Duration(0, 1, 3600 * 10**9)),
    (DURATION, datetime.timedelta(hours=-1), Duration(0, 0, -3600 * 10**9)),
    (ListType(INT), (1, 2), [1, 2]),
    (ListType(INT), (n for n in (1, 2)), [1, 2]),
    (ListType(INT), range(100), list(range(100))),
    (ListType(INT), list(range(100)), list(range(100))),
    (ListType(DOUBLE), [1, float("inf")], [1.0, float("inf")]),
    (SetType(INT), [2, 1, 2], {1, 2}),
    (SetType(INT), SortedSet([2, 1]), {1, 2}),
    (MapType(TEXT, INT), OrderedDict(a=1), {"a": 1}),
    (MapType(TEXT, INT), UserDict(a=1), {"a": 1}),
    (MapType(TEXT, INT), OrderedMap(a=1), {"a": 1}),
    (TupleType(INT, TEXT), [1], (1, None)),
    (TupleType(INT, TEXT), UserList([1, "a"]), (1, "a")),
    (ADDRESS, {"street": "s"}, (None, "s")),
    (ADDRESS, [1], (1, None)),
    (ADDRESS, SimpleNamespace(zip=1, street="s", other=5), (1, "s")),
    (ADDRESS, SimpleNamespace(street="s"), (None, "s")),
    (ADDRESS, namedtuple("A", "street zip")("s", 1), (1, "s")),
    (ADDRESS, namedtuple("A", "one two")(1, "s"), (1, "s")),
    (VectorType(FLOAT, 2), (1, 2), [1.0, 2.0]),
    (VectorType(FLOAT, 2), [float("inf"), 1], [float("inf"), 1.0]),
    (VectorType(FLOAT, 2), array.array("f", [1, 2]), [1.0, 2.0]),
    (VectorType(FLOAT, 2), array.array("d", [1, 2]), [1.0, 2.0]),
    (VectorType(INT, 2), array.array("i", [1, -2]), [1, -2]),
    (VectorType(BIGINT, 1), array.array("q", [-2]), [-2]),
    (VectorType(BOOLEAN, 2), [True, 0], [True, False]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cql_type", "given", "read"), CASES, ids=[f"{n}-{c[0]}" for n, c in enumerate(CASES)]
)
def test_inputs_that_are_accepted(cql_type, given, read):
    assert cql_type.decode(cql_type.encode(given)) == read


def test_addresses_are_accepted_as_text():
    assert INET.encode("10.0.0.1") == bytes([10, 0, 0, 1])
    assert INET.encode("::1") == bytes(15) + b"\1"


def test_arrays_are_not_changed_by_sending_them():
    values = array.array("f", [1, 2])
    VectorType(FLOAT, 2).encode(values)
    assert list(values) == [1.0, 2.0]


class FakeArray:
    """What the encoder uses of a numpy array: `dtype.str`, `shape`, `astype`, `len`, iteration."""

    def __init__(self, values, kind):
        self.values = array.array(kind, values)
        self.shape = (len(values),)
        self.dtype = SimpleNamespace(str={"f": "<f4", "d": "<f8"}[kind])
        self.asked = None

    def astype(self, kind):
        self.asked = kind
        swapped = array.array(self.values.typecode, self.values)
        swapped.byteswap()
        return swapped

    def __len__(self):
        return len(self.values)

    def __iter__(self):
        return iter(self.values)


def test_numpy_arrays_of_the_elements_type_are_copied():
    same, other = FakeArray([1, 2], "f"), FakeArray([1, 2], "d")
    vector = VectorType(FLOAT, 2)
    assert vector.decode(vector.encode(same)) == [1.0, 2.0]
    assert same.asked == ">f4"
    assert vector.decode(vector.encode(other)) == [1.0, 2.0]
    assert other.asked is None


def test_real_numpy_values_where_numpy_is_installed():
    numpy = pytest.importorskip("numpy", reason="numpy is not installed")
    assert INT.encode(numpy.int64(5)) == INT.encode(5)
    assert DOUBLE.encode(numpy.float32(0.5)) == DOUBLE.encode(0.5)
    assert BOOLEAN.encode(numpy.bool_(True)) == b"\1"
    assert VectorType(FLOAT, 2).encode(numpy.array([1, 2], "f4")) == VectorType(FLOAT, 2).encode(
        [1, 2]
    )


def test_decimals_of_any_length_go_both_ways():
    for value in (Decimal("9" * 5000), Decimal("-0." + "123456789" * 1000), Decimal(10**5000)):
        back = DECIMAL.decode(DECIMAL.encode(value))
        assert back == value
        assert back.as_tuple() == value.as_tuple()


def test_varints_of_any_length_go_both_ways():
    for value in (1 << 100_000, -(1 << 100_000), (1 << 64) - 1, -(1 << 63) - 1):
        assert VARINT.decode(VARINT.encode(value)) == value


def test_equal_sets_and_maps_have_equal_bytes():
    numbers = [5, 70_000, -1, 2**31 - 1, 8, 16, 24]
    assert len({SetType(INT).encode(each) for each in (numbers, numbers[::-1], set(numbers))}) == 1
    there, back = dict.fromkeys(numbers, 1), dict.fromkeys(numbers[::-1], 1)
    assert MapType(INT, INT).encode(there) == MapType(INT, INT).encode(back)


def test_user_types_of_one_shape_share_their_class():
    twin = UserType("other", "addr", ADDRESS.fields)
    assert type(ADDRESS.decode(ADDRESS.encode((1, "a")))) is type(
        twin.decode(twin.encode((2, "b")))
    )
    assert tuple_class("class", ("def", "_x", "ok"))._fields == ("_0", "_1", "ok")
    assert tuple_class("class", ("a",)).__name__ == "udt"
