"""Values that Python has no type for, time-based UUIDs, and times as the database counts them.

Example::

    >>> import datetime
    >>> from cql_driver.util import min_uuid_from_time, datetime_from_uuid1
    >>> bound = min_uuid_from_time(datetime.datetime(2024, 5, 1))
    >>> datetime_from_uuid1(bound)
    datetime.datetime(2024, 5, 1, 0, 0)
"""

from __future__ import annotations

import datetime
import re
from functools import total_ordering
from weakref import WeakSet

from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.values import (
    HIGHEST_TIME_UUID,
    LOWEST_TIME_UUID,
    Date,
    Duration,
    OrderedMap,
    OrderedMapSerializedKey,
    SortedSet,
    Time,
    datetime_from_uuid1,
    max_uuid_from_time,
    min_uuid_from_time,
    sortedset,
    unix_time_from_uuid1,
    uuid_from_time,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_protocol.geo import (
        OPEN_BOUND,
        DateRange,
        DateRangeBound,
        DateRangePrecision,
        Distance,
        LineString,
        Point,
        Polygon,
    )

__all__ = [
    "Date",
    "Time",
    "Duration",
    "SortedSet",
    "sortedset",
    "OrderedMap",
    "OrderedMapSerializedKey",
    "Point",
    "LineString",
    "Polygon",
    "Distance",
    "DateRange",
    "DateRangeBound",
    "DateRangePrecision",
    "OPEN_BOUND",
    "LOWEST_TIME_UUID",
    "HIGHEST_TIME_UUID",
    "uuid_from_time",
    "min_uuid_from_time",
    "max_uuid_from_time",
    "datetime_from_uuid1",
    "unix_time_from_uuid1",
    "DATETIME_EPOC",
    "UTC_DATETIME_EPOC",
    "datetime_from_timestamp",
    "datetime_from_ms_timestamp",
    "utc_datetime_from_ms_timestamp",
    "ms_timestamp_from_datetime",
    "Version",
    "WeakSet",
    "maybe_add_timeout_to_query",
]

# Loaded on first use: few programs have a column of these types.
_GEO = frozenset(
    {
        "DateRange",
        "DateRangeBound",
        "DateRangePrecision",
        "Distance",
        "LineString",
        "OPEN_BOUND",
        "Point",
        "Polygon",
    }
)

DATETIME_EPOC = datetime.datetime(1970, 1, 1)
"""The epoch as a naive datetime, the way timestamps are read."""
UTC_DATETIME_EPOC = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
"""The epoch as an aware datetime."""

_MILLISECOND = datetime.timedelta(milliseconds=1)


def __getattr__(name: str) -> Any:
    if name not in _GEO:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cql_protocol import geo

    found = globals()[name] = getattr(geo, name)
    return found


def __dir__() -> list[str]:
    return sorted(_GEO.union(globals()))


def datetime_from_timestamp(timestamp: float) -> datetime.datetime:
    """Return the naive UTC datetime of `timestamp` seconds from the epoch, to the microsecond.

    Raises `ValueOutOfRange` outside the years 1 to 9999, which Python's own
    ``utcfromtimestamp`` does much earlier on some systems.
    """
    return DATETIME_EPOC + _span("timestamp", timestamp, 1)


def datetime_from_ms_timestamp(timestamp_ms: float) -> datetime.datetime:
    """Return the naive UTC datetime of `timestamp_ms` milliseconds from the epoch.

    Raises `ValueOutOfRange` outside the years 1 to 9999.
    """
    return DATETIME_EPOC + _span("timestamp_ms", timestamp_ms, 1000)


def utc_datetime_from_ms_timestamp(timestamp: float) -> datetime.datetime:
    """Return the aware datetime, in UTC, of `timestamp` milliseconds from the epoch.

    Raises `ValueOutOfRange` outside the years 1 to 9999.
    """
    return UTC_DATETIME_EPOC + _span("timestamp", timestamp, 1000)


def ms_timestamp_from_datetime(dt: datetime.datetime) -> int:
    """Return the milliseconds from the epoch of a datetime; a naive one is UTC.

    What is finer than a millisecond is cut off, towards the past. Raises `InvalidValueType`
    for what is no datetime.
    """
    if not isinstance(dt, datetime.datetime):
        raise InvalidValueType(f"dt must be a datetime, not {type(dt).__name__}")
    if dt.utcoffset() is None:
        return (dt.replace(tzinfo=None) - DATETIME_EPOC) // _MILLISECOND
    return (dt - UTC_DATETIME_EPOC) // _MILLISECOND


def maybe_add_timeout_to_query(
    stmt: str, metadata_request_timeout: datetime.timedelta | float | None
) -> str:
    """Return the statement with ``USING TIMEOUT`` at its end, as only ScyllaDB understands.

    `metadata_request_timeout` is a timedelta or a number of seconds; without one, or with 0,
    the statement stays as it is.
    """
    timeout = metadata_request_timeout
    if timeout is None:
        return stmt
    if not isinstance(timeout, datetime.timedelta):
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
            raise InvalidArgumentType(
                "metadata_request_timeout must be seconds or a timedelta, not "
                f"{type(timeout).__name__}"
            )
        timeout = _span("metadata_request_timeout", timeout, 1)
    if timeout < datetime.timedelta(0):
        raise InvalidArgument(f"metadata_request_timeout must not be negative: {timeout}")
    if not timeout:
        return stmt
    return f"{stmt} USING TIMEOUT {max(1, timeout // _MILLISECOND)}ms"


def _span(name: str, number: float, per_second: int) -> datetime.timedelta:
    """Return `number` parts of a second as a timedelta that can be added to the epoch."""
    if not isinstance(number, (int, float)):
        raise InvalidValueType(f"{name} must be a number, not {type(number).__name__}")
    try:
        if per_second == 1000:
            span = datetime.timedelta(milliseconds=number)
        else:
            span = datetime.timedelta(seconds=number)
        DATETIME_EPOC + span
    except (OverflowError, ValueError):  # ValueError: NaN
        raise ValueOutOfRange(f"{name} {number!r} is outside the years 1 to 9999") from None
    return span


_FORM = re.compile(
    r"(?P<major>\d+)(?:\.(?P<minor>\d+)(?:\.(?P<patch>\d+)(?:\.(?P<build>[0-9A-Za-z_]+))?)?)?"
    r"(?:[-~](?P<prerelease>[0-9A-Za-z.+~_-]+))?"
)
_PART = re.compile(r"\d+|[A-Za-z]+")

_Order = tuple[int, int, int, tuple[int, int, str], tuple[int, tuple[tuple[int, int, str], ...]]]


@total_ordering
class Version:
    """A release of a server: up to four parts, and what it is a pre-release of.

    A pre-release comes before its release, and numbers within its name count as numbers. Parts
    that are left out are 0. Raises `InvalidArgumentType` for what is no text,
    `InvalidArgument` for text that is no version.

    Example::

        >>> Version("4.0-rc2") < Version("4.0-rc10") < Version("4.0") == Version("4.0.0")
        True
    """

    __slots__ = ("_order", "_text", "build", "major", "minor", "patch", "prerelease")

    major: int
    minor: int
    patch: int
    build: int | str
    """The fourth part, a number where it is one."""
    prerelease: str | int
    """What follows the dash, or 0."""

    def __init__(self, version: str) -> None:
        if not isinstance(version, str):
            raise InvalidArgumentType(f"version must be a str, not {type(version).__name__}")
        match = _FORM.fullmatch(version)
        if match is None or not version.isascii():
            raise InvalidArgument(
                f"{version!r} is not a version such as '4.1.3', '3.11.4.1' or '5.0-rc1'"
            )
        build = match["build"] or "0"
        self._text = version
        self.major = int(match["major"])
        self.minor = int(match["minor"] or 0)
        self.patch = int(match["patch"] or 0)
        self.build = int(build) if build.isdigit() else build
        self.prerelease = match["prerelease"] or 0
        self._order: _Order = (
            self.major,
            self.minor,
            self.patch,
            _ordered(build),
            (0, tuple(map(_ordered, _PART.findall(match["prerelease"]))))
            if match["prerelease"]
            else (1, ()),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return self._order == other._order

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Version):
            return NotImplemented
        return self._order < other._order

    def __hash__(self) -> int:
        return hash(self._order)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Version({self._text!r})"


def _ordered(part: str) -> tuple[int, int, str]:
    """Return what a part is ordered by: numbers by their value, before texts."""
    return (0, int(part), "") if part.isdigit() else (1, 0, part.lower())
