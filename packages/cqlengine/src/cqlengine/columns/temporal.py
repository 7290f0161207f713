"""Columns of moments, days, times of day and durations."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from cql_protocol.errors import InvalidValue
from cql_protocol.values import Date as _Date
from cql_protocol.values import Duration as _Duration
from cql_protocol.values import Time as _Time
from cql_protocol.values import Timestamp
from cqlengine.columns.scalars import ScalarColumn, shown

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Date", "DateTime", "Duration", "Time"]

_EPOCH = datetime(1970, 1, 1)


class DateTime(ScalarColumn[datetime]):
    """``timestamp``: a moment, as a datetime without a time zone, which is UTC.

    Datetimes with a time zone are converted to UTC; a date is its midnight, a number is seconds
    since the epoch. The server keeps milliseconds: what is finer is cut off when it is stored.
    With ``DateTime.truncate_microseconds = True`` (for all columns) or on a column of its own,
    the instance's value is cut when the instance is saved, so that it equals what is stored.

    Example::

        created = columns.DateTime(default=lambda: datetime.now(UTC))
    """

    db_type = "timestamp"

    truncate_microseconds: bool = False
    """Whether values of instances are cut to the millisecond."""

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: date | float | None) -> None:
            """Accept dates and seconds, too."""

    def cast(self, value: Any) -> datetime:
        """Return a naive datetime."""
        if not isinstance(value, datetime):
            if isinstance(value, Timestamp):
                return value  # type: ignore[return-value] # what is read outside datetime's years
            value = self._other(value)
        elif value.tzinfo is not None:
            value = _naive(value)
        if self.truncate_microseconds and value.microsecond % 1000:
            value = value.replace(microsecond=value.microsecond // 1000 * 1000)
        return value  # type: ignore[no-any-return] # a datetime by now

    def _other(self, value: Any) -> datetime:
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                return _EPOCH + timedelta(seconds=value)
            except (OverflowError, ValueError):
                raise self.refusal(
                    f"{shown(value)} seconds since the epoch are outside of the years 1 to 9999"
                ) from None
        raise self.refusal(
            f"{shown(value)} is no moment: give a datetime, a date or seconds since the epoch"
        )

    @property
    def stored(self) -> Callable[[Any], Any]:
        """What cuts to the millisecond."""
        return _milliseconds

    def changed(self, value: Any, previous: Any) -> bool:
        """Say whether it is another moment; sessions may read them with or without a zone."""
        return bool(value != previous and _naive(value) != _naive(previous))


def _naive(value: Any) -> Any:
    """Return a datetime in UTC without its time zone; anything else as it is."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        return value
    if value.utcoffset() is None:  # a zone that knows no offset: the same as none
        return value.replace(tzinfo=None)
    return value.astimezone(UTC).replace(tzinfo=None)


def _milliseconds(value: Any) -> Any:
    value = _naive(value)
    if not isinstance(value, datetime):
        return value
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


class Date(ScalarColumn[_Date]):
    """``date``: a day, as a `cql_driver.util.Date`, which equals the `datetime.date` of that day.

    Accepts dates, datetimes (the day in their own time zone), texts ``"YYYY-MM-DD"`` and
    numbers of days since the epoch.

    Example::

        born = columns.Date()
        ...
        person.born = date(1815, 12, 10)
    """

    db_type = "date"

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: _Date | date | str | int | None) -> None:
            """Accept the dates of Python, too."""

    def cast(self, value: Any) -> _Date:
        """Return a `cql_driver.util.Date`."""
        if type(value) is _Date:
            return value
        try:
            return _Date(value)
        except InvalidValue as error:
            raise self.refusal(str(error)) from None


class Time(ScalarColumn[_Time]):
    """``time``: a time of day to the nanosecond, as a `cql_driver.util.Time`.

    It equals the `datetime.time` of the same microsecond. Accepts times without a time zone,
    texts ``"HH:MM:SS.fffffffff"`` and numbers of nanoseconds since midnight.
    """

    db_type = "time"

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: _Time | time | str | int | None) -> None:
            """Accept the times of Python, too."""

    def cast(self, value: Any) -> _Time:
        """Return a `cql_driver.util.Time`."""
        if type(value) is _Time:
            return value
        try:
            return _Time(value)
        except InvalidValue as error:
            raise self.refusal(str(error)) from None


class Duration(ScalarColumn[_Duration]):
    """``duration``: months, days and nanoseconds, as a `cql_driver.util.Duration`.

    Accepts timedeltas, and texts such as ``"1mo2d3h"``. It can be neither a key nor in one.
    """

    db_type = "duration"

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: _Duration | timedelta | str | None) -> None:
            """Accept timedeltas, too."""

    def cast(self, value: Any) -> _Duration:
        """Return a `cql_driver.util.Duration`."""
        if isinstance(value, _Duration):
            return value
        try:
            if isinstance(value, timedelta):
                return _Duration.from_timedelta(value)
            if isinstance(value, str):
                return _Duration.parse(value)
        except InvalidValue as error:
            raise self.refusal(str(error)) from None
        raise self.refusal(
            f"{shown(value)} is no duration: give a Duration, a timedelta or a text like '1mo2d'"
        )
