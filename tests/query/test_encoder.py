from __future__ import annotations

import datetime
import enum
import ipaddress
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cql_driver.encoder
import cql_driver.query
from cql_driver.encoder import Encoder, ValueSequence
from cql_driver.errors import InvalidArgumentType
from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.geo import LineString, Point, Polygon
from cql_protocol.literals import LiteralEncoder
from cql_protocol.values import UNSET, Date, Duration, OrderedMap, SortedSet, Time, Timestamp

SOME_UUID = uuid.UUID("6b1b8a3e-7f37-4d55-8f0d-7e3ad1c0ffee")
MOMENT = datetime.datetime(2024, 2, 29, 12, 30, 15, 123456)


class Sly(str):
    """Text that would like to get out of its quotes."""

    __slots__ = ()

    def __str__(self) -> str:
        return "x'; DROP TABLE t; --"

    __repr__ = __str__


class Color(enum.Enum):
    RED = "it's red"


class Level(int):
    def __repr__(self) -> str:
        return "1; DROP TABLE t"

    __str__ = __repr__


CASES: list[tuple[Any, str]] = [
    (None, "NULL"),
    (True, "true"),
    (7, "7"),
    (Level(7), "7"),
    (1.1, "1.1"),
    (float("inf"), "Infinity"),
    (float("nan"), "NaN"),
    (Decimal("12345678901234567890.123456789"), "12345678901234567890.123456789"),
    ("it's", "'it''s'"),
    (Sly("it's"), "'it''s'"),
    (Color.RED, "'it''s red'"),
    (b"\0\xff", "0x00ff"),
    (bytearray(b"a"), "0x61"),
    (memoryview(b"a"), "0x61"),
    (SOME_UUID, str(SOME_UUID)),
    (MOMENT, "1709209815123"),
    (MOMENT.date(), "'2024-02-29'"),
    (MOMENT.time(), "'12:30:15.123456000'"),
    (Date("2024-02-29"), "'2024-02-29'"),
    (Date(10_000_000), str(10_000_000 + 2**31)),
    (Time(1), "'00:00:00.000000001'"),
    (Timestamp(5), "5"),
    (Duration(1, 2, 3), "1mo2d3ns"),
    (datetime.timedelta(days=1), "1d"),
    (ipaddress.ip_address("::1"), "'::1'"),
    (ipaddress.ip_address("10.0.0.1"), "'10.0.0.1'"),
    ([1, "a", None], "[1, 'a', NULL]"),
    ((1, "a"), "[1, 'a']"),
    ({1}, "{1}"),
    (frozenset([1]), "{1}"),
    (SortedSet([2, 1]), "{1, 2}"),
    ({"it's": [1, (2,)]}, "{'it''s': [1, [2]]}"),
    (OrderedMap([({"a": 1}, 2)]), "{{'a': 1}: 2}"),
    ({}, "{}"),
    (ValueSequence(["a", 1]), "('a', 1)"),
    ((value for value in "ab"), "['a', 'b']"),
    (range(2), "[0, 1]"),
    (iter([Point(1, 2), 1]), "['POINT (1 2)', 1]"),
    (Point(1, 2), "'POINT (1 2)'"),
    ([Point(1, 2)], "['POINT (1 2)']"),
]


@pytest.mark.parametrize(
    ("value", "text"), CASES, ids=lambda value: repr(value).partition(" at ")[0][:40]
)
def test_values(value: Any, text: str) -> None:
    assert Encoder().cql_encode_all_types(value) == text


def test_the_geometries() -> None:
    encoder = Encoder()
    for shape in (LineString([(1, 2), (3, 4)]), Polygon([(0, 0), (0, 1), (1, 1), (0, 0)])):
        assert encoder.cql_encode_all_types(shape) == f"'{shape}'"


@pytest.mark.parametrize("value", [object(), UNSET, object, lambda: 1, [object()], {1: object()}])
def test_what_no_rule_knows_is_refused(value: Any) -> None:
    for _ in range(2):
        with pytest.raises(InvalidValueType):
            Encoder().cql_encode_all_types(value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


@given(values)
def test_as_the_protocol_library_with_tuples_as_lists(value: Any) -> None:
    literals = LiteralEncoder(tuple_as_list=True)
    try:
        wanted = literals.literal(value)
    except ValueOutOfRange:
        with pytest.raises(ValueOutOfRange):
            Encoder().cql_encode_all_types(value)
        return
    assert Encoder().cql_encode_all_types(value) == wanted
    assert Encoder().cql_encode_all_types(value, as_text_type=True) == wanted


class Celsius:
    def __init__(self, degrees: float) -> None:
        self.degrees = degrees


class Kelvin(Celsius): ...


class TestMapping:
    def test_a_class_of_ones_own(self) -> None:
        encoder = Encoder()
        with pytest.raises(InvalidValueType):
            encoder.cql_encode_all_types(Celsius(1))
        encoder.mapping[Celsius] = lambda value: encoder.cql_encode_float(value.degrees)
        assert encoder.cql_encode_all_types(Celsius(1)) == "1.0"
        assert encoder.cql_encode_all_types(Kelvin(2)) == "2.0"
        nested = {"a": [Celsius(1), (Kelvin(2),)]}
        assert encoder.cql_encode_all_types(nested) == "{'a': [1.0, [2.0]]}"
        assert Encoder().mapping.get(Celsius) is None

    @pytest.mark.parametrize(
        "change",
        [
            lambda encoder: encoder.mapping.update({tuple: encoder.cql_encode_tuple}),
            lambda encoder: encoder.mapping.__ior__({tuple: encoder.cql_encode_tuple}),
            lambda encoder: encoder.mapping.__setitem__(tuple, encoder.cql_encode_tuple),
            lambda encoder: setattr(
                encoder, "mapping", {**encoder.mapping, tuple: encoder.cql_encode_tuple}
            ),
            lambda encoder: (
                encoder.mapping.pop(tuple),
                encoder.mapping.setdefault(tuple, encoder.cql_encode_tuple),
            ),
        ],
    )
    def test_it_can_be_changed_in_any_way(self, change: Any) -> None:
        encoder = Encoder()
        assert encoder.cql_encode_all_types([(1,)]) == "[[1]]"
        change(encoder)
        assert encoder.cql_encode_all_types([(1,)]) == "[(1)]"
        encoder.mapping[Celsius] = lambda value: "5"
        assert encoder.cql_encode_all_types(Celsius(1)) == "5"

    @pytest.mark.parametrize(
        "remove",
        [
            lambda mapping: mapping.__delitem__(Celsius),
            lambda mapping: mapping.pop(Celsius),
            lambda mapping: next(iter(mapping.popitem, None)) and mapping.pop(Celsius, None),
            lambda mapping: mapping.clear(),
        ],
    )
    def test_what_is_taken_out_is_gone_and_text_stays_quoted(self, remove: Any) -> None:
        encoder = Encoder()
        encoder.mapping[Celsius] = lambda value: "5"
        assert encoder.cql_encode_all_types(Celsius(1)) == "5"
        remove(encoder.mapping)
        with pytest.raises(InvalidValueType):
            encoder.cql_encode_all_types(Celsius(1))
        encoder.mapping.pop(str, None)
        assert encoder.cql_encode_all_types("it's") == "'it''s'"

    def test_a_class_may_be_written_otherwise(self) -> None:
        encoder = Encoder()
        encoder.mapping[datetime.date] = lambda value: str(value.year)
        assert encoder.cql_encode_all_types([MOMENT.date()]) == "[2024]"
        encoder.mapping[Celsius] = encoder.cql_encode_object
        with pytest.raises(InvalidValueType):
            encoder.cql_encode_all_types(Celsius(1))

    def test_a_function_returns_text(self) -> None:
        encoder = Encoder()
        encoder.mapping[Celsius] = lambda value: b"5"  # type: ignore[assignment, return-value]
        assert encoder.cql_encode_all_types([Celsius(1)]) == "[5]"
        encoder.mapping[Celsius] = lambda value: 5  # type: ignore[assignment, return-value]
        with pytest.raises(InvalidArgumentType, match=r"mapping\[Celsius\] returned int"):
            encoder.cql_encode_all_types([Celsius(1)])

    @pytest.mark.parametrize(("key", "function"), [("str", str), (str, "text"), (None, None)])
    def test_what_cannot_be_put_in(self, key: Any, function: Any) -> None:
        encoder = Encoder()
        with pytest.raises(InvalidArgumentType, match="functions by class"):
            encoder.mapping[key] = function

    def test_methods_that_are_overridden_are_used(self) -> None:
        class Dated(Encoder):
            def cql_encode_datetime(self, val: datetime.datetime) -> str:
                return f"'{val.isoformat()}'"

        assert Dated().cql_encode_all_types([MOMENT]) == "['2024-02-29T12:30:15.123456']"


METHODS: list[tuple[str, Any, str]] = [
    ("none", None, "NULL"),
    ("str", "it's", "'it''s'"),
    ("unicode", "it's", "'it''s'"),
    ("str_quoted", "it's", "'it''s'"),
    ("str_quoted", Point(1, 2), "'POINT (1 2)'"),
    ("bytes", b"a", "0x61"),
    ("float", 1.5, "1.5"),
    ("float", 1, "1.0"),
    ("decimal", Decimal("1.50"), "1.50"),
    ("datetime", MOMENT, "1709209815123"),
    ("date", MOMENT.date(), "'2024-02-29'"),
    ("date_ext", Date("2024-02-29"), "'2024-02-29'"),
    ("time", MOMENT.time(), "'12:30:15.123456000'"),
    ("time", Time(0), "'00:00:00.000000000'"),
    ("ipaddress", ipaddress.ip_address("::1"), "'::1'"),
    ("list_collection", (1, "a"), "[1, 'a']"),
    ("set_collection", [1, "a"], "{1, 'a'}"),
    ("map_collection", {"a": 1}, "{'a': 1}"),
    ("tuple", [1, "a"], "(1, 'a')"),
    ("sequence", [1, "a"], "(1, 'a')"),
    ("object", SOME_UUID, str(SOME_UUID)),
    ("all_types", [1], "[1]"),
]


@pytest.mark.parametrize(("method", "value", "text"), METHODS)
def test_single_methods(method: str, value: Any, text: str) -> None:
    assert getattr(Encoder(), f"cql_encode_{method}")(value) == text


@pytest.mark.parametrize(
    "method", sorted({method for method, _, _ in METHODS} - {"none", "str_quoted"})
)
def test_what_is_not_for_a_method_is_refused(method: str) -> None:
    with pytest.raises(InvalidValueType):
        getattr(Encoder(), f"cql_encode_{method}")(Celsius(1))


def test_text_is_no_collection() -> None:
    with pytest.raises(InvalidValueType, match="expected a collection, got str"):
        Encoder().cql_encode_list_collection("abc")


def test_quotes_in_a_geometry_cannot_end_the_text() -> None:
    class Shape:
        def __str__(self) -> str:
            return "a'b"

    assert Encoder().cql_encode_str_quoted(Shape()) == "'a''b'"


def test_the_names_are_where_they_are_looked_for() -> None:
    assert cql_driver.query.Encoder is Encoder
    assert cql_driver.query.ValueSequence is cql_driver.encoder.ValueSequence
