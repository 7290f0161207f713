"""The value classes: Date, Time, Timestamp, Duration, the sentinels, and time-based UUIDs."""

from __future__ import annotations

import copy
import datetime
import pickle
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.values import (
    EMPTY,
    HIGHEST_TIME_UUID,
    LOWEST_TIME_UUID,
    UNSET,
    Date,
    Duration,
    Empty,
    Time,
    Timestamp,
    Unset,
    datetime_from_uuid1,
    max_uuid_from_time,
    min_uuid_from_time,
    unix_time_from_uuid1,
    uuid_from_time,
)
from cql_protocol.values.temporal import civil_from_days, days_from_civil

EAST = datetime.timezone(datetime.timedelta(hours=2))
MOMENT = datetime.datetime(2024, 2, 29, 12, 30, 15, 123456)


# --- Date


@given(st.dates())
def test_days_are_those_of_the_standard_library(day):
    days = (day - datetime.date(1970, 1, 1)).days
    assert Date(day).days_from_epoch == days
    assert Date(days).date() == day
    assert Date(day.isoformat()) == Date(days) == day
    assert str(Date(days)) == day.isoformat()
    assert hash(Date(days)) == hash(day)
    assert days_from_civil(day.year, day.month, day.day) == days


@given(st.integers(-(1 << 31), (1 << 31) - 1))
def test_every_day_has_a_text_form_that_is_read_back(days):
    assert Date(str(Date(days))).days_from_epoch == days
    assert days_from_civil(*civil_from_days(days)) == days


@given(st.integers(-(1 << 31), (1 << 31) - 2))
def test_the_day_after_follows_in_the_calendar(days):
    year, month, day = civil_from_days(days)
    after = civil_from_days(days + 1)
    assert after in ((year, month, day + 1), (year, month + 1, 1), (year + 1, 1, 1))
    assert 1 <= day <= 31


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("1970-01-01", 0),
        ("1970-1-2", 1),
        ("0000-03-01", -719468),
        ("-0001-12-31", -719529),
        ("+10000-01-01", 2932897),
        ("10000-01-01", 2932897),
        ("-5877641-06-23", -(1 << 31)),
        ("5881580-07-11", (1 << 31) - 1),
    ],
)
def test_dates_are_read_from_text(text, days):
    assert Date(text).days_from_epoch == days


@pytest.mark.parametrize(
    "text",
    ["", "2024", "2024-13-01", "2024-00-01", "2023-02-29", "1900-02-29", "2024-1-1-1",
     "２０２４-01-01", "--1-01-01", "5881580-07-12", "-5877641-06-22", "9999999999-01-01",
     "2024-01-01T00:00", " 1-1-1"],
)  # fmt: skip
def test_texts_that_are_no_dates(text):
    with pytest.raises(ValueOutOfRange):
        Date(text)


def test_dates_compare_and_hash_as_datetime_dates_do():
    assert Date(0) == datetime.date(1970, 1, 1)
    assert Date(0) == 0
    assert Date(0) != datetime.datetime(1970, 1, 1)
    assert Date(0) != "1970-01-01"
    assert Date(0) < datetime.date(1970, 1, 2) < Date(2)
    assert sorted([Date(5), Date(-(10**9)), Date(0)]) == [Date(-(10**9)), Date(0), Date(5)]
    assert datetime.date(1970, 1, 1) in {Date(0)}
    assert len({Date(10**9), Date(10**9), Date(Date(10**9))}) == 1
    with pytest.raises(TypeError):
        assert Date(0) < "x"


def test_attributes_of_a_date():
    day = Date(datetime.datetime(1970, 1, 3, 23, tzinfo=EAST))
    assert (day.days_from_epoch, day.seconds, Date.DAY) == (2, 172800, 86400)
    assert (Date.HOUR, Date.MINUTE, Date.date_format) == (3600, 60, "%Y-%m-%d")
    assert repr(day) == "Date(2)"
    with pytest.raises(ValueOutOfRange, match=r"\+10000-01-01 is outside the years 1 to 9999"):
        Date("+10000-01-01").date()


@pytest.mark.parametrize("value", [1.5, None, b"1970-01-01", datetime.time()])
def test_what_no_date_is_made_of(value):
    with pytest.raises(InvalidValueType):
        Date(value)


def test_days_beyond_every_date():
    with pytest.raises(ValueOutOfRange):
        Date(1 << 31)
    with pytest.raises(ValueOutOfRange, match="more days"):
        Date(10**5000)


# --- Time


@given(st.times())
def test_times_are_those_of_the_standard_library(clock):
    value = Time(clock)
    assert value == clock
    assert hash(value) == hash(clock)
    assert value.time() == clock
    assert (value.hour, value.minute, value.second) == (clock.hour, clock.minute, clock.second)
    assert Time(str(value)) == value == Time(value)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("12:34:56", 45296000000000),
        ("12:34:56.1", 45296100000000),
        ("12:34:56.123456789", 45296123456789),
        ("1:2:3", 3723000000000),
        ("00:00:00.000000001", 1),
        ("23:59:59.999999999", Time.DAY - 1),
    ],
)
def test_times_are_read_from_text(text, nanoseconds):
    assert Time(text).nanosecond_time == nanoseconds


@pytest.mark.parametrize(
    "text",
    ["", "12:34", "12:34:56.", "12:34:56.1234567890", "24:00:00", "23:60:00", "23:59:60",
     "-1:00:00", "12:34:56.1x", "112:00:00", "１2:00:00"],
)  # fmt: skip
def test_texts_that_are_no_times(text):
    with pytest.raises(ValueOutOfRange):
        Time(text)


def test_times_compare_and_show_themselves():
    value = Time("08:30:00.000000001")
    assert value != datetime.time(8, 30)
    assert value > datetime.time(8, 30)
    assert value < Time.DAY
    assert value == 8 * Time.HOUR + 30 * Time.MINUTE + 1
    assert value != datetime.time(8, 30, tzinfo=datetime.UTC)
    assert (value.nanosecond, value.time()) == (1, datetime.time(8, 30))
    assert (str(value), repr(value)) == ("08:30:00.000000001", "Time(30600000000001)")
    with pytest.raises(ValueOutOfRange, match="time zone"):
        Time(datetime.time(8, tzinfo=datetime.UTC))
    with pytest.raises(ValueOutOfRange):
        Time(-1)
    with pytest.raises(InvalidValueType):
        Time(1.5)


# --- Timestamp


@given(st.datetimes())
def test_timestamps_compare_with_datetimes(moment):
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    value = Timestamp((whole - datetime.datetime(1970, 1, 1)) // datetime.timedelta(milliseconds=1))
    assert value == whole == value.datetime()
    assert value == whole.replace(tzinfo=datetime.UTC)
    assert hash(value) == hash(whole)
    assert value <= moment
    assert not value > moment


def test_timestamps_outside_the_years_of_datetime():
    late, early = Timestamp((1 << 63) - 1), Timestamp(-(1 << 63))
    assert str(late) == "+292278994-08-17T07:12:55.807Z"
    assert str(early) == "-292275055-05-16T16:47:04.192Z"
    assert early < datetime.datetime.min < datetime.datetime.max < late
    assert len({late, Timestamp((1 << 63) - 1)}) == 1
    assert late != 5
    with pytest.raises(ValueOutOfRange, match="outside the years"):
        late.datetime()
    with pytest.raises(ValueOutOfRange):
        Timestamp(1 << 63)
    with pytest.raises(InvalidValueType):
        Timestamp("now")


# --- Duration


@pytest.mark.parametrize(
    ("text", "parts", "shown"),
    [
        ("1h30m", (0, 0, 5400 * 10**9), "1h30m"),
        ("1y2mo3w4d5h6m7s8ms9us10ns", (14, 25, 18367008009010), "1y2mo25d5h6m7s8ms9us10ns"),
        ("P1Y2M10DT2H30M", (14, 10, 9000 * 10**9), "1y2mo10d2h30m"),
        ("-P1Y2M", (-14, 0, 0), "-1y2mo"),
        ("P2W", (0, 14, 0), "14d"),
        ("P0001-02-03T04:05:06", (14, 3, 14706 * 10**9), "1y2mo3d4h5m6s"),
        ("-89h4m48s", (0, 0, -320688 * 10**9), "-89h4m48s"),
        ("1MO2D3NS", (1, 2, 3), "1mo2d3ns"),
        ("1µs", (0, 0, 1000), "1us"),
        ("0s", (0, 0, 0), "0ns"),
        ("P", (0, 0, 0), "0ns"),
        ("9223372036854775807ns", (0, 0, (1 << 63) - 1), "2562047h47m16s854ms775us807ns"),
    ],
)
def test_durations_are_read_and_shown_as_the_server_does(text, parts, shown):
    value = Duration.parse(text)
    assert (value.months, value.days, value.nanoseconds) == parts
    assert str(value) == shown
    assert Duration.parse(shown) == value


@pytest.mark.parametrize(
    "text",
    ["", "-", "x", "1", "1x", "1d1h1d", "1h1d", "1d 1h", "P1M1Y", "--1d", "1d-1h", "2147483648mo",
     "9223372036854775808ns", "2562048h", "1" * 10_000 + "d", "P1W1D", "1mo1mo"],
)  # fmt: skip
def test_texts_that_are_no_durations(text):
    with pytest.raises(ValueOutOfRange):
        Duration.parse(text)


@given(st.timedeltas())
def test_durations_of_timedeltas(delta):
    value = Duration.from_timedelta(delta)
    back = datetime.timedelta(days=value.days, microseconds=value.nanoseconds / 1000)
    assert value.months == 0
    assert abs(value.nanoseconds) < 86400 * 10**9
    assert back == delta


def test_durations_have_one_sign_and_bounds():
    with pytest.raises(ValueOutOfRange, match="one sign"):
        Duration(1, -1, 0)
    with pytest.raises(ValueOutOfRange, match="months"):
        Duration(1 << 31)
    with pytest.raises(ValueOutOfRange, match="days"):
        Duration(days=-(1 << 31) - 1)
    with pytest.raises(ValueOutOfRange, match="nanoseconds"):
        Duration(nanoseconds=1 << 63)
    with pytest.raises(InvalidValueType):
        Duration(1.5)


def test_durations_are_equal_when_their_parts_are():
    value = Duration(1, 2, 3)
    assert value == Duration(months=1, days=2, nanoseconds=3)
    assert value != Duration(1, 2, 4)
    assert value != (1, 2, 3)
    assert -value == Duration(-1, -2, -3)
    assert value
    assert not Duration()
    assert len({value, Duration(1, 2, 3)}) == 1
    assert repr(value) == "Duration(months=1, days=2, nanoseconds=3)"
    with pytest.raises(TypeError):
        assert value < Duration()


# --- all of them


@pytest.mark.parametrize(
    "value", [Date(5), Time(5), Timestamp(5), Duration(1, 2, 3), UNSET, EMPTY], ids=repr
)
def test_values_are_immutable_and_survive_copying_and_pickling(value):
    for twin in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert twin == value
        assert repr(twin) == repr(value)
    with pytest.raises(AttributeError):
        value.anything = 5
    for name in getattr(type(value), "__slots__", ()):
        with pytest.raises(AttributeError):
            setattr(value, name, 0)
        with pytest.raises(AttributeError):
            delattr(value, name)


@pytest.mark.parametrize(
    ("marker", "kind", "name"), [(UNSET, Unset, "UNSET"), (EMPTY, Empty, "EMPTY")]
)
def test_markers_are_falsy_and_only_one_of_each(marker, kind, name):
    assert not marker
    assert repr(marker) == name
    assert kind() is marker
    assert copy.copy(marker) is copy.deepcopy(marker) is marker
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(marker, protocol)) is marker


# --- time-based UUIDs


@given(st.datetimes(datetime.datetime(1600, 1, 1), datetime.datetime(5200, 1, 1)))
def test_a_uuid_keeps_its_time_to_the_microsecond(moment):
    made = uuid_from_time(moment)
    assert (made.version, made.variant) == (1, uuid.RFC_4122)
    assert datetime_from_uuid1(made) == moment


def test_times_of_uuids_can_be_seconds_or_aware_datetimes():
    made = uuid_from_time(1_700_000_000.25)
    assert unix_time_from_uuid1(made) == 1_700_000_000.25
    assert datetime_from_uuid1(
        uuid_from_time(MOMENT.replace(tzinfo=EAST))
    ) == MOMENT - datetime.timedelta(hours=2)
    assert uuid_from_time(0, 5, 7) == uuid.UUID("13814000-1dd2-11b2-8007-000000000005")
    assert uuid_from_time(0) != uuid_from_time(0)
    assert unix_time_from_uuid1(uuid.uuid1()) > 1_000_000_000


def server_order(value):
    """The server's order of timeuuids: by time, then by the low bytes, each with its sign."""
    return value.time, [byte - 256 if byte > 127 else byte for byte in value.bytes[8:]]


@given(st.integers(0, (1 << 48) - 1), st.integers(0, (1 << 14) - 1))
def test_bounds_hold_every_uuid_of_their_time(node, sequence):
    made = uuid_from_time(MOMENT, node, sequence)
    least, greatest = min_uuid_from_time(MOMENT), max_uuid_from_time(MOMENT)
    assert least.time == made.time == greatest.time
    assert server_order(least) <= server_order(made) <= server_order(greatest)
    assert server_order(LOWEST_TIME_UUID) < server_order(least)
    assert server_order(greatest) < server_order(HIGHEST_TIME_UUID)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((0, 1 << 48), ValueOutOfRange),
        ((0, -1), ValueOutOfRange),
        ((0, 0, 1 << 14), ValueOutOfRange),
        ((datetime.datetime(1500, 1, 1),), ValueOutOfRange),
        ((1e30,), ValueOutOfRange),
        ((float("nan"),), ValueOutOfRange),
        (("now",), InvalidValueType),
    ],
)
def test_uuids_that_cannot_be_made(arguments, error):
    with pytest.raises(error):
        uuid_from_time(*arguments)


def test_uuids_without_a_time():
    for ask in (datetime_from_uuid1, unix_time_from_uuid1):
        with pytest.raises(ValueOutOfRange, match="holds no time"):
            ask(uuid.uuid4())
