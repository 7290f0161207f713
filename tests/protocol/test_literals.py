from __future__ import annotations

import collections
import datetime
import enum
import ipaddress
import math
import uuid
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.literals import LiteralEncoder, ValueSequence, literal, typed_literal
from cql_protocol.types import INT, TEXT, UserType
from cql_protocol.values import EMPTY, UNSET, Date, Duration, OrderedMap, SortedSet, Time, Timestamp

UTC_PLUS_1 = datetime.timezone(datetime.timedelta(hours=1))
SOME_UUID = uuid.UUID("6b1b8a3e-7f37-4d55-8f0d-7e3ad1c0ffee")


class Color(enum.Enum):
    RED = "it's red"
    NUMBER = 5


class Level(enum.IntEnum):
    LOW = 1


class Word(enum.StrEnum):
    QUOTE = "a'b"


class MixedWord(str, enum.Enum):  # noqa: UP042 - the older kind, on purpose
    QUOTE = "a'b"


class Bits(enum.IntFlag):
    A = 1
    B = 2


class Text(str):
    """A subclass that does its best to get its own text into the statement."""

    __slots__ = ()

    def __str__(self):
        return "x'; DROP TABLE t; --"

    __repr__ = __format__ = __str__

    def replace(self, *_):
        return "y' OR 'a' = 'a"


class Number(int):
    def __str__(self):
        return "1; DROP TABLE t"

    __repr__ = __str__


class Real(float):
    def __str__(self):
        return "1; DROP TABLE t"

    __repr__ = __str__


class Money(Decimal):
    def __str__(self):
        return "1; DROP TABLE t"


class Bytes(bytes):
    def hex(self, *_):
        return "00; DROP TABLE t"


class Moment(datetime.datetime):
    def __str__(self):
        return "now()"

    isoformat = __str__


class Day(datetime.date):
    def isoformat(self):
        return "2020' OR 'a"


class OwnUUID(uuid.UUID):
    def __str__(self):
        return "now()"


class Missing(datetime.datetime):
    """As pandas' NaT: a datetime that is none."""

    def __ne__(self, other):
        return True

    __hash__ = datetime.datetime.__hash__


PAIR = collections.namedtuple("PAIR", ["a", "b"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (-(2**70), "-1180591620717411303424"),
        (0.1, "0.1"),
        (-0.0, "-0.0"),
        (1e300, "1e+300"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (Decimal("12345678901234567890.123456789"), "12345678901234567890.123456789"),
        (Decimal("-1E-30"), "-1E-30"),
        (Decimal("1E+309"), "1" + "0" * 309),
        (Decimal("0E+400"), "0E+400"),
        ("", "''"),
        ("it's", "'it''s'"),
        ("'", "''''"),
        ("a\\'b", "'a\\''b'"),
        ("a\x00b\n\r\t%s", "'a\x00b\n\r\t%s'"),
        ("é😀", "'é😀'"),
        (b"", "0x"),
        (b"\x00\xff'", "0x00ff27"),
        (bytearray(b"ab"), "0x6162"),
        (memoryview(b"abcd")[1:3], "0x6263"),
        (SOME_UUID, "6b1b8a3e-7f37-4d55-8f0d-7e3ad1c0ffee"),
        (datetime.datetime(1970, 1, 1, 0, 0, 1, 1999), "1001"),
        (datetime.datetime(1969, 12, 31, 23, 59, 59, 999_999), "-1"),
        (datetime.datetime(1970, 1, 1, 1, tzinfo=UTC_PLUS_1), "0"),
        (datetime.datetime.min, "-62135596800000"),
        (datetime.date(5, 1, 2), "'0005-01-02'"),
        (datetime.time(1, 2, 3, 4), "'01:02:03.000004000'"),
        (datetime.timedelta(days=-1, hours=1), "-23h"),
        (datetime.timedelta(0), "0ns"),
        (Timestamp(-(2**63)), "-9223372036854775808"),
        (Date(0), "'1970-01-01'"),
        (Date(-(2**31)), "0"),
        (Date(2**31 - 1), "4294967295"),
        (Date("9999-12-31"), "'9999-12-31'"),
        (Date(Date("9999-12-31").days_from_epoch + 1), "2150416545"),
        (Time(1), "'00:00:00.000000001'"),
        (Duration(14, 3, 1), "1y2mo3d1ns"),
        (ipaddress.ip_address("10.0.0.1"), "'10.0.0.1'"),
        (ipaddress.ip_address("::1"), "'::1'"),
    ],
)
def test_single_values(value, text):
    assert literal(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "[]"),
        ([1, "a", None], "[1, 'a', NULL]"),
        ((1, ("a",)), "(1, ('a'))"),
        (PAIR(1, "x"), "(1, 'x')"),
        (set(), "{}"),
        (frozenset({"a'"}), "{'a'''}"),
        (SortedSet([2, 1]), "{1, 2}"),
        ({1: 2}.keys(), "{1}"),
        ({1: 2}.values(), "[2]"),
        ({}, "{}"),
        ({"a'": [1.5], 2: {}}, "{'a''': [1.5], 2: {}}"),
        (OrderedMap([([1], "x")]), "{[1]: 'x'}"),
        (collections.OrderedDict(a=1), "{'a': 1}"),
        (collections.ChainMap({"a": 1}), "{'a': 1}"),
        (collections.deque([1, 2]), "[1, 2]"),
        (range(3), "[0, 1, 2]"),
        ((n for n in (1, 2)), "[1, 2]"),
        (map(str, [1]), "['1']"),
        (ValueSequence([1, "a"]), "(1, 'a')"),
        (ValueSequence(), "()"),
    ],
)
def test_collections(value, text):
    assert literal(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Color.RED, "'it''s red'"),
        (Color.NUMBER, "5"),
        (Level.LOW, "1"),
        (Word.QUOTE, "'a''b'"),
        (MixedWord.QUOTE, "'a''b'"),
        (Bits.A | Bits.B, "3"),
        (Text("it's"), "'it''s'"),
        (Number(7), "7"),
        (Real(0.5), "0.5"),
        (Money("1.50"), "1.50"),
        (Bytes(b"\x01"), "0x01"),
        (Moment(1970, 1, 1), "0"),
        (Moment(1970, 1, 1, 1, tzinfo=UTC_PLUS_1), "0"),
        (Day(2020, 2, 3), "'2020-02-03'"),
        (OwnUUID(int=0), "00000000-0000-0000-0000-000000000000"),
        ({Text("a'"): [Text("b'")]}, "{'a''': ['b''']}"),
    ],
)
def test_a_subclass_is_written_as_its_base_whatever_its_own_text(value, text):
    assert literal(value) == text
    assert literal(value) == text, "and so when the class has been met before"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_ends_where_its_quote_ends(text):
    quoted = literal(text)
    assert quoted[0] == quoted[-1] == "'"
    assert "'" not in quoted[1:-1].replace("''", "")
    assert quoted[1:-1].replace("''", "'") == text


def test_a_text_must_fit_utf_8():
    with pytest.raises(ValueOutOfRange, match="UTF-8"):
        literal("a\ud800")


class Indexed:
    def __index__(self):
        return 42


class Floating:
    def __float__(self):
        return 0.5


class Array:
    """As numpy's arrays: has all of a number's methods, and is none."""

    def __index__(self):
        raise TypeError("only one element can be cast to an index")

    __float__ = __index__

    def __iter__(self):
        return iter(self.tolist())

    def __len__(self):
        return 2

    def tolist(self):
        return [1.5, 2.5]


def test_numbers_of_other_libraries():
    assert literal(Indexed()) == "42"
    assert literal(Floating()) == "0.5"
    assert literal(Array()) == "[1.5, 2.5]"


def test_booleans_of_numpy():
    boolean = type("bool_", (), {"__module__": "numpy", "__bool__": lambda self: True})
    assert literal(boolean()) == "true"


class Unknown:
    def __str__(self):
        return "1; DROP TABLE t"

    __repr__ = __str__


@pytest.mark.parametrize("value", [Unknown(), object(), print, Unknown, 1j, [Unknown()]])
def test_what_is_not_known_is_refused(value):
    with pytest.raises(InvalidValueType, match=r"register .* or use a prepared statement"):
        literal(value)


@pytest.mark.parametrize(
    "value",
    [
        Decimal("NaN"),
        Decimal("-Infinity"),
        Decimal("sNaN"),
        Decimal("1E+5000"),
        Decimal("1." + "1" * 400 + "E+399"),
        Missing(2020, 1, 1),
        datetime.time(1, tzinfo=datetime.UTC),
        ipaddress.ip_address("fe80::1%eth0"),
        Duration(months=-(2**31)),
    ],
)
def test_values_without_a_literal(value):
    with pytest.raises(ValueOutOfRange):
        literal(value)


def test_an_integer_that_python_does_not_write():
    with pytest.raises(ValueOutOfRange, match="too large"):
        literal(10**5000)


def test_markers_of_bound_values_are_refused():
    with pytest.raises(InvalidValueType, match="prepared"):
        literal(UNSET)
    with pytest.raises(InvalidValueType, match="typed_literal"):
        literal([EMPTY])


def test_tuples_can_be_lists():
    encoder = LiteralEncoder(tuple_as_list=True)
    assert encoder.literal((1, (2,))) == "[1, [2]]"
    assert encoder.literal(PAIR(1, 2)) == "[1, 2]"
    assert encoder.literal(ValueSequence([1])) == "(1)"


class Address:
    def __init__(self, street, number):
        self.street = street
        self.number = number


class Home(Address):
    pass


def test_registered_classes():
    address = UserType("ks", "address", [("street", TEXT), ("number", INT)])
    encoder = LiteralEncoder()
    with pytest.raises(InvalidValueType):
        encoder.literal(Home("x", 1))
    encoder.register(Address, lambda value: typed_literal(address, value))
    text = "{street: 'it''s', number: 5}"
    assert encoder.literal(Address("it's", 5)) == text
    assert encoder.literal([Home("it's", 5)]) == f"[{text}]"
    with pytest.raises(InvalidValueType):
        literal(Address("x", 1))


def test_a_registered_class_goes_before_its_base():
    encoder = LiteralEncoder()
    assert encoder.literal(Text("a")) == "'a'"
    encoder.register(Text, lambda value: "now()")
    assert encoder.literal(Text("a")) == "now()"
    assert encoder.literal("a") == "'a'"


def test_classes_made_at_run_time_do_not_pile_up():
    encoder = LiteralEncoder()
    for number in range(2500):
        made = type(f"Made{number}", (tuple,), {})
        assert encoder.literal(made([number])) == f"({number})"
    assert len(encoder._functions) <= 1002


def test_an_encoder_can_be_called():
    assert LiteralEncoder()("a") == "'a'"
