"""Columns of single values: what they accept, what they make of it, and what they refuse."""

from __future__ import annotations

import datetime
import decimal
import ipaddress
import math
import uuid
from typing import Any

import pytest

from cql_protocol.geo import LineString, Point, Polygon
from cql_protocol.values import Date, Duration, Time, Timestamp
from cqlengine import columns
from cqlengine.errors import CQLEngineException, ValidationError
from tests.mapper.columns.wire import back, read

EAST = datetime.timezone(datetime.timedelta(hours=2))
MOMENT = datetime.datetime(2024, 2, 29, 12, 30, 15, 123000)
TIME_UUID = uuid.UUID("5a5b7cd0-d6c4-11ee-8000-000000000000")
RANDOM_UUID = uuid.UUID("7d444840-9dc0-41d1-b245-5ffdce74fad2")

# For each column: what is given, and what the instance has after validation.
ACCEPTED: list[tuple[columns.Column[Any], Any, Any]] = [
    (columns.Text(), "Zoë", "Zoë"),
    (columns.Text(), "", ""),
    (columns.Ascii(), "abc", "abc"),
    (columns.Boolean(), 0, False),
    (columns.Boolean(), True, True),
    (columns.Integer(), "42", 42),
    (columns.Integer(), 42.0, 42),
    (columns.Integer(), True, 1),
    (columns.Integer(), -(1 << 31), -(1 << 31)),
    (columns.TinyInt(), 127, 127),
    (columns.SmallInt(), -(1 << 15), -(1 << 15)),
    (columns.BigInt(), (1 << 63) - 1, (1 << 63) - 1),
    (columns.VarInt(), 1 << 200, 1 << 200),
    (columns.VarInt(), decimal.Decimal("7"), 7),
    (columns.Float(), "1.5", 1.5),
    (columns.Float(), math.inf, math.inf),
    (columns.Double(), 3, 3.0),
    (columns.Decimal(), 0.1, decimal.Decimal("0.1")),
    (columns.Decimal(), "1.10", decimal.Decimal("1.10")),
    (columns.Decimal(), 5, decimal.Decimal(5)),
    (columns.Blob(), bytearray(b"\x00\xff"), b"\x00\xff"),
    (columns.Bytes(), memoryview(b"abc"), b"abc"),
    (columns.Inet(), "0:0:0:0:0:0:0:1", ipaddress.ip_address("::1")),
    (columns.Inet(), ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("10.0.0.1")),
    (columns.UUID(), str(RANDOM_UUID), RANDOM_UUID),
    (columns.UUID(), TIME_UUID, TIME_UUID),
    (columns.TimeUUID(), str(TIME_UUID), TIME_UUID),
    (columns.DateTime(), MOMENT, MOMENT),
    (columns.DateTime(), MOMENT.replace(tzinfo=EAST), MOMENT - datetime.timedelta(hours=2)),
    (columns.DateTime(), datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29)),
    (columns.DateTime(), 86400.5, datetime.datetime(1970, 1, 2, 0, 0, 0, 500000)),
    (columns.DateTime(), Timestamp(1 << 60), Timestamp(1 << 60)),
    (columns.Date(), datetime.date(2024, 2, 29), Date("2024-02-29")),
    (columns.Date(), MOMENT, Date("2024-02-29")),
    (columns.Date(), "-0044-03-15", Date("-0044-03-15")),
    (columns.Date(), 1, Date("1970-01-02")),
    (columns.Time(), datetime.time(8, 30), Time("08:30:00")),
    (columns.Time(), 1, Time(1)),
    (columns.Duration(), datetime.timedelta(days=1, seconds=1), Duration(0, 1, 1_000_000_000)),
    (columns.Duration(), "1mo2d", Duration(1, 2, 0)),
]


@pytest.mark.parametrize(
    ("column", "given", "kept"),
    ACCEPTED,
    ids=lambda each: str(each).replace(" ", "_") if isinstance(each, columns.Column) else "",
)
def test_what_is_accepted_is_kept_in_the_form_in_which_it_is_read(
    column: columns.Column[Any], given: Any, kept: Any
) -> None:
    valid = column.validate(given)
    assert valid == kept
    assert type(valid) is type(kept)
    assert column.to_database(given) == kept
    assert back(column, given) == kept
    assert column.validate(valid) is valid  # nothing is copied that needs no change


REFUSED: list[tuple[columns.Column[Any], Any]] = [
    (columns.Text(), 5),
    (columns.Text(), b"abc"),
    (columns.Text(), bytearray(b"\xff")),
    (columns.Text(max_length=3), "abcd"),
    (columns.Text(min_length=3), "ab"),
    (columns.Text(required=True), ""),
    (columns.Text(required=True), None),
    (columns.Ascii(), "Zoë"),
    (columns.Boolean(), "False"),
    (columns.Integer(), 1 << 31),
    (columns.Integer(), 10**5000),
    (columns.Integer(), "x"),
    (columns.Integer(), 1.5),
    (columns.Integer(), math.nan),
    (columns.Integer(), math.inf),
    (columns.Integer(required=True), None),
    (columns.TinyInt(), 128),
    (columns.SmallInt(), 1 << 15),
    (columns.BigInt(), -(1 << 63) - 1),
    (columns.VarInt(), decimal.Decimal("7.5")),
    (columns.VarInt(), []),
    (columns.Float(), 3.5e38),
    (columns.Float(), "x"),
    (columns.Double(), 10**400),
    (columns.Double(), []),
    (columns.Decimal(), "x"),
    (columns.Decimal(), []),
    (columns.Blob(), "text"),
    (columns.Inet(), "10.0.0.256"),
    (columns.Inet(), "fe80::1%eth0"),
    (columns.Inet(), 1),
    (columns.UUID(), "x"),
    (columns.UUID(), 5),
    (columns.TimeUUID(), RANDOM_UUID),
    (columns.TimeUUID(), str(RANDOM_UUID)),
    (columns.DateTime(), "2024-02-29"),
    (columns.DateTime(), True),
    (columns.DateTime(), math.nan),
    (columns.DateTime(), 1e30),
    (columns.Date(), "29.2.2024"),
    (columns.Date(), 1 << 40),
    (columns.Date(), []),
    (columns.Time(), datetime.time(8, tzinfo=EAST)),
    (columns.Time(), -1),
    (columns.Time(), "25:00:00"),
    (columns.Duration(), 5),
    (columns.Duration(), "soon"),
    (columns.Point(), (1.0, 2.0)),
]


@pytest.mark.parametrize(
    ("column", "value"),
    REFUSED,
    ids=[f"{column!r}-{number}".replace(" ", "_") for number, (column, _) in enumerate(REFUSED)],
)
def test_what_is_refused_is_a_validation_error_that_names_the_column(
    column: columns.Column[Any], value: Any
) -> None:
    column = column.copied()
    column.set_column_name("field")
    with pytest.raises(ValidationError, match=r"^field: .") as caught:
        column.validate(value)
    assert len(str(caught.value)) < 300


def test_required_texts_have_a_character_unless_the_length_says_otherwise() -> None:
    assert columns.Text(required=True).min_length == 1
    assert columns.Text(required=True, min_length=0).validate("") == ""
    assert columns.Text().min_length is None


@pytest.mark.parametrize(
    "lengths", [{"min_length": -1}, {"max_length": -1}, {"min_length": 3, "max_length": 2}]
)
def test_lengths_that_no_text_has_are_refused(lengths: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="length") as caught:
        columns.Text(**lengths)
    assert isinstance(caught.value, CQLEngineException)


def test_texts_may_be_given_as_a_bytearray() -> None:
    assert columns.Text().validate(bytearray("Zoë", "utf-8")) == "Zoë"


def test_required_ascii_still_refuses_none_and_takes_none_otherwise() -> None:
    assert columns.Ascii().validate(None) is None
    with pytest.raises(ValidationError, match="required"):
        columns.Ascii(required=True).validate(None)


def test_none_is_none_everywhere() -> None:
    for column, _, _ in ACCEPTED:
        assert column.validate(None) is None
        assert column.to_python(None) is None
        assert column.to_database(None) is None
        assert read(column, None) is None


def test_models_convert_what_they_are_given() -> None:
    assert columns.Integer().to_python("5") == 5
    assert columns.UUID().to_python(str(RANDOM_UUID)) == RANDOM_UUID
    assert columns.DateTime().to_python(datetime.date(2024, 2, 29)).hour == 0
    # Texts are checked when they are saved.
    assert columns.Text(max_length=1).to_python("abc") == "abc"


def test_moments_are_cut_to_milliseconds_on_request() -> None:
    class Cut(columns.DateTime):
        truncate_microseconds = True

    fine = MOMENT.replace(microsecond=123999)
    assert Cut().validate(fine) == MOMENT
    assert Cut().validate(MOMENT) is MOMENT
    assert columns.DateTime().validate(fine) is fine


def test_moments_are_the_same_with_and_without_a_time_zone() -> None:
    column = columns.DateTime()
    aware = MOMENT.replace(tzinfo=datetime.UTC)
    assert not column.changed(MOMENT, aware)
    assert not column.changed(aware.astimezone(EAST), aware)
    assert column.changed(MOMENT.replace(tzinfo=EAST), aware)
    assert column.changed(None, aware)

    class Nowhere(datetime.tzinfo):
        def utcoffset(self, when: datetime.datetime | None) -> None:
            return None

        def dst(self, when: datetime.datetime | None) -> None:
            return None

        def tzname(self, when: datetime.datetime | None) -> None:
            return None

    assert column.validate(MOMENT.replace(tzinfo=Nowhere())) == MOMENT


def test_geometries_are_kept_and_read_from_text() -> None:
    for column, shape in [
        (columns.Point(), Point(1.0, 2.0)),
        (columns.LineString(), LineString([(0.0, 0.0), (1.0, 1.0)])),
        (columns.Polygon(), Polygon([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)])),
    ]:
        assert column.validate(shape) is shape
        assert back(column, shape) == shape
        assert column.validate(str(shape)) == shape
        assert column.cql_type.startswith("'org.apache.cassandra.db.marshal.")
        with pytest.raises(ValidationError):
            column.validate("nowhere")


def test_a_custom_type_is_as_the_driver_has_it() -> None:
    column = columns.Custom("'org.example.Thing'", index=True)
    marker = object()
    assert column.cql_type == "'org.example.Thing'"
    assert column.validate(marker) is marker
    assert column.index
    assert column.loads is None
    assert column.dumps is None


# --- what the core of the mapper asks ------------------------------------------------------------


def test_single_values_are_neither_converted_when_read_nor_when_bound() -> None:
    for column, _, _ in ACCEPTED:
        assert column.loads is None
        assert column.dumps is None


def test_columns_of_an_application_convert_as_they_say() -> None:
    import json

    class Json(columns.Text):
        def to_python(self, value: Any) -> Any:
            return json.loads(value) if isinstance(value, str) else value

        def to_database(self, value: Any) -> Any:
            return json.dumps(value)

        def validate(self, value: Any) -> Any:
            return value

    column = Json()
    assert column.loads is not None
    assert column.dumps is not None
    assert column.loads('{"a": 1}') == {"a": 1}
    assert column.loads(None) is None
    assert column.dumps({"a": 1}) == '{"a": 1}'
    inside = columns.List(Json)
    assert back(inside, [{"a": 1}, [2]]) == [{"a": 1}, [2]]
    assert column.plain_type is None


def test_values_that_need_no_check_are_known_by_their_class() -> None:
    class Short(columns.Text):
        def validate(self, value: Any) -> Any:
            return super().validate(value)

    class Even(columns.VarInt):
        def cast(self, value: Any) -> int:
            if value % 2:
                raise self.refusal("it is odd")
            return super().cast(value)

    class Checked(columns.Double):
        def validate(self, value: Any) -> Any:
            return super().validate(value)

    assert columns.Text().plain_type is str
    assert columns.Text(max_length=5).plain_type is None
    assert columns.Ascii().plain_type is None
    assert columns.Double().plain_type is float
    assert columns.Integer().plain_type is int
    assert columns.TinyInt().plain_limits == (-128, 127)
    assert columns.VarInt().plain_type is int
    assert Short().plain_type is None
    assert Even().plain_type is None
    assert Checked().plain_type is None
    with pytest.raises(ValidationError, match="odd"):
        columns.List(Even).validate([2, 3])


# --- counters ------------------------------------------------------------------------------------


def test_counters_send_differences() -> None:
    column = columns.Counter(db_field="N")
    assert column.assignments(7, 5) == (('"N" = "N" + ?', 2),)
    assert column.assignments(3, 5) == (('"N" = "N" + ?', -2),)
    assert column.assignments(0, None) == (('"N" = "N" + ?', 0),)


def test_counters_are_zero_without_a_value() -> None:
    column = columns.Counter()
    assert column.get_default() == 0
    assert column.validate(None) == 0
    assert column.missing(object()) == 0
    assert read(column, None) == 0
    assert not column.changed(None, 0)
    assert not column.changed(0, None)
    assert column.changed(1, None)
    assert column.is_counter
