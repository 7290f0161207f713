"""The names of `cql_driver.util` that are made here: times and versions."""

from __future__ import annotations

import datetime
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cql_driver.util as util
import cql_protocol.geo
import cql_protocol.values
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.util import (
    Version,
    datetime_from_ms_timestamp,
    datetime_from_timestamp,
    maybe_add_timeout_to_query,
    ms_timestamp_from_datetime,
    utc_datetime_from_ms_timestamp,
)
from cql_protocol.errors import InvalidValueType, ValueOutOfRange

UTC = datetime.UTC
MOMENT = datetime.datetime(2024, 2, 29, 12, 30, 15, 123000)
MOMENT_MS = 1709209815123


def test_names_come_from_where_they_are_made() -> None:
    for name in set(util.__all__) & set(cql_protocol.values.__all__):
        assert getattr(util, name) is getattr(cql_protocol.values, name)
    for name in set(util.__all__) & set(cql_protocol.geo.__all__):
        assert getattr(util, name) is getattr(cql_protocol.geo, name)
    assert {"Date", "Time", "Duration", "sortedset", "Point", "OPEN_BOUND"} <= set(util.__all__)
    assert set(util.__all__) <= set(dir(util))


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match=r"'cql_driver\.util' has no attribute 'Circle'"):
        _ = util.Circle


def test_geometries_are_loaded_when_asked_for() -> None:
    program = (
        "import sys, cql_driver.util as util\n"
        "assert 'cql_protocol.geo' not in sys.modules\n"
        "assert util.Point(1, 2).x == 1\n"
        "assert 'cql_protocol.geo' in sys.modules\n"
        "from cql_driver.util import *\n"
        "assert Point is util.Point and DateRange\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


# --- times -------------------------------------------------------------------------------


def test_times_of_the_database() -> None:
    assert datetime_from_timestamp(MOMENT_MS / 1000) == MOMENT
    assert datetime_from_ms_timestamp(MOMENT_MS) == MOMENT
    assert utc_datetime_from_ms_timestamp(MOMENT_MS) == MOMENT.replace(tzinfo=UTC)
    assert ms_timestamp_from_datetime(MOMENT) == MOMENT_MS
    assert ms_timestamp_from_datetime(MOMENT.replace(tzinfo=UTC)) == MOMENT_MS


def test_before_the_epoch() -> None:
    assert datetime_from_timestamp(-1.5) == datetime.datetime(1969, 12, 31, 23, 59, 58, 500000)
    late = datetime.datetime(1969, 12, 31, 23, 59, 59, 999999)
    assert ms_timestamp_from_datetime(late) == -1


def test_an_aware_time_is_converted() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    assert ms_timestamp_from_datetime(datetime.datetime(1970, 1, 1, 2, tzinfo=zone)) == 0


@given(st.datetimes(timezones=st.none() | st.just(UTC)))
def test_milliseconds_go_there_and_back(moment: datetime.datetime) -> None:
    """Far from the epoch too, where a float of seconds has no milliseconds left."""
    back = utc_datetime_from_ms_timestamp(ms_timestamp_from_datetime(moment))
    wanted = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    assert back == wanted
    assert datetime_from_ms_timestamp(ms_timestamp_from_datetime(moment)) == wanted.replace(
        tzinfo=None
    )


@pytest.mark.parametrize(
    "function",
    [datetime_from_timestamp, datetime_from_ms_timestamp, utc_datetime_from_ms_timestamp],
)
def test_times_that_no_datetime_holds(function: Any) -> None:
    for wrong in (1e18, -1e18, math.inf, math.nan, 10**400):
        with pytest.raises(ValueOutOfRange, match="years 1 to 9999"):
            function(wrong)
    with pytest.raises(InvalidValueType, match="must be a number"):
        function("2024")


@pytest.mark.parametrize("wrong", [None, 0, "2024-01-01", datetime.date(2024, 1, 1)])
def test_only_datetimes_have_milliseconds(wrong: Any) -> None:
    with pytest.raises(InvalidValueType, match="must be a datetime"):
        ms_timestamp_from_datetime(wrong)


@pytest.mark.parametrize(
    ("timeout", "wanted"),
    [
        (None, "SELECT 1"),
        (0, "SELECT 1"),
        (datetime.timedelta(0), "SELECT 1"),
        (datetime.timedelta(seconds=2), "SELECT 1 USING TIMEOUT 2000ms"),
        (2.5, "SELECT 1 USING TIMEOUT 2500ms"),
        (0.0001, "SELECT 1 USING TIMEOUT 1ms"),
    ],
)
def test_the_time_that_scylla_may_take(timeout: Any, wanted: str) -> None:
    assert maybe_add_timeout_to_query("SELECT 1", timeout) == wanted


def test_a_time_that_nobody_can_take() -> None:
    with pytest.raises(InvalidArgument, match="negative"):
        maybe_add_timeout_to_query("SELECT 1", -1)
    for wrong in ("2s", True):
        with pytest.raises(InvalidArgumentType, match="metadata_request_timeout"):
            maybe_add_timeout_to_query("SELECT 1", wrong)  # type: ignore[arg-type]


# --- versions ----------------------------------------------------------------------------

IN_ORDER = [
    "2.2.19",
    "3.0.8",
    "3.0.29",
    "3.11",
    "3.11.4-SNAPSHOT",
    "3.11.4",
    "3.11.4.5",
    "3.11.4.12",
    "3.11.4.x",
    "4.0-alpha4",
    "4.0-beta1",
    "4.0-rc2",
    "4.0-rc10",
    "4.0",
    "4.0.1",
    "5.2.0~rc1",
    "5.2.0",
    "2024.1.0-rc1-20240101.abc",
    "2024.1.0",
]


@pytest.mark.parametrize("index", range(len(IN_ORDER)))
def test_versions_are_ordered(index: int) -> None:
    here = Version(IN_ORDER[index])
    assert all(Version(text) < here for text in IN_ORDER[:index])
    assert all(Version(text) > here for text in IN_ORDER[index + 1 :])
    assert here == Version(IN_ORDER[index])
    assert here <= here
    assert str(here) == IN_ORDER[index]
    assert repr(here) == f"Version({IN_ORDER[index]!r})"


def test_parts_of_a_version() -> None:
    version = Version("3.11.4.5-rc1")
    assert (version.major, version.minor, version.patch) == (3, 11, 4)
    assert (version.build, version.prerelease) == (5, "rc1")
    version = Version("4")
    assert (version.major, version.minor, version.patch) == (4, 0, 0)
    assert (version.build, version.prerelease) == (0, 0)
    assert Version("1.2.3.beta").build == "beta"


def test_equal_versions_have_one_hash() -> None:
    assert Version("4.0") == Version("4.0.0.0")
    assert len({Version("4.0"), Version("4.0.0"), Version("4.0-RC1"), Version("4.0-rc1")}) == 2


def test_a_version_is_not_its_text() -> None:
    assert Version("4.0") != "4.0"
    with pytest.raises(TypeError):
        _ = Version("4.0") < "4.1"


@pytest.mark.parametrize("wrong", ["", "4.", "x.1", "1.2.3.4.5", "4 .0", "-rc1", "4.0-", "٤.٠"])
def test_what_is_no_version(wrong: str) -> None:
    with pytest.raises(InvalidArgument, match="is not a version such as"):
        Version(wrong)


@pytest.mark.parametrize("wrong", [None, 4, (4, 0)])
def test_a_version_is_made_of_text(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentType, match="version must be a str"):
        Version(wrong)
