"""`Date`, `Time` and `Timestamp`: also where `datetime` ends, and to the nanosecond."""

from __future__ import annotations

import datetime
from functools import total_ordering
from operator import index

from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.values.sentinels import Immutable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Date", "Time", "Timestamp", "civil_from_days", "date_text", "days_from_civil"]

# The proleptic Gregorian calendar, for any year: `datetime.date` ends at the years 1 and 9999,
# CQL dates reach from -5877641 to 5881580. Years are astronomical, as in ISO 8601: the year
# before 1 is 0, the one before that -1.

MIN_ORDINARY_DAY = -719162
"""0001-01-01, the first day `datetime.date` can hold, counted from 1970-01-01."""
MAX_ORDINARY_DAY = 2932896
"""9999-12-31, the last one."""

_DAYS_BEFORE_EPOCH = 719468  # from 0000-03-01 to 1970-01-01
_DAYS_PER_CYCLE = 146097  # the calendar repeats every 400 years
_MONTH_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def days_from_civil(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date, which must exist."""
    # Years are counted from March, so that the leap day is the last day of its year and the
    # lengths of the months before it follow one straight line (153 days in 5 months).
    if month <= 2:
        year -= 1
        month += 12
    cycle, year_of_cycle = divmod(year, 400)
    day_of_year = (153 * (month - 3) + 2) // 5 + day - 1
    leap_days = year_of_cycle // 4 - year_of_cycle // 100
    return (
        cycle * _DAYS_PER_CYCLE + year_of_cycle * 365 + leap_days + day_of_year - _DAYS_BEFORE_EPOCH
    )


def civil_from_days(days: int) -> tuple[int, int, int]:
    """Return (year, month, day) of a count of days from 1970-01-01."""
    cycle, rest = divmod(days + _DAYS_BEFORE_EPOCH, _DAYS_PER_CYCLE)
    # Take out the leap days passed so far; then every year of the cycle has 365 days.
    year = (rest - rest // 1460 + rest // 36524 - rest // 146096) // 365
    day_of_year = rest - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    year += cycle * 400
    return (year, month + 3, day) if month < 10 else (year + 1, month - 9, day)


def date_text(days: int) -> str:
    """Return 'YYYY-MM-DD', with a sign before years below 0 and above 9999 (ISO 8601)."""
    year, month, day = civil_from_days(days)
    sign = "-" if year < 0 else "+" if year > 9999 else ""
    return f"{sign}{abs(year):04}-{month:02}-{day:02}"


def parse_date(text: str) -> int:
    """Return the days from the epoch of 'YYYY-MM-DD'; the year may be signed and longer."""
    sign, digits = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    parts = digits.split("-")
    # 9 digits are more than any CQL date has, and bound the work that a long text can cause.
    sizes_fit = len(parts) == 3 and len(parts[0]) <= 9 and max(map(len, parts[1:])) <= 2
    if not sizes_fit or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueOutOfRange(f"{text[:100]!r} is not a date: use 'YYYY-MM-DD'")
    year, month, day = map(int, parts)
    if sign == "-":
        year = -year
    if not (1 <= month <= 12 and 1 <= day <= _month_length(year, month)):
        raise ValueOutOfRange(f"{text!r} is not a day of the calendar")
    return days_from_civil(year, month, day)


def _month_length(year: int, month: int) -> int:
    if month == 2 and (year % 4 or (year % 100 == 0 and year % 400)):
        return 28
    return _MONTH_LENGTHS[month - 1]


_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()


@total_ordering
class Date(Immutable):
    """A day, from -5877641-06-23 to 5881580-07-11 (spec section 6.5).

    `value` is a count of days from 1970-01-01, a `datetime.date`, a `datetime.datetime` (its own
    calendar day counts, no time zone is applied), another `Date`, or a text 'YYYY-MM-DD' of the
    proleptic Gregorian calendar, whose year may be signed and have more digits.

    Equal to a `datetime.date` of the same day, and then of the same hash; equal to an int of as
    many days. Raises `InvalidValueType` for other types, `ValueOutOfRange` for days that CQL
    cannot hold.

        >>> str(Date('-0044-03-15')), Date(0) == datetime.date(1970, 1, 1)
        ('-0044-03-15', True)
    """

    __slots__ = ("days_from_epoch",)

    MINUTE = 60
    """Seconds of a minute."""
    HOUR = 3600
    """Seconds of an hour."""
    DAY = 86400
    """Seconds of a day."""
    date_format = "%Y-%m-%d"
    """The format of the text form, for years that `datetime` knows."""

    days_from_epoch: int
    """Days from 1970-01-01, negative before it."""

    def __init__(self, value: int | str | datetime.date | Date) -> None:
        days = _days_of(value)
        if not -0x80000000 <= days <= 0x7FFFFFFF:
            raise ValueOutOfRange(
                f"a date reaches from -5877641-06-23 to 5881580-07-11, not {_shown(value)}"
            )
        object.__setattr__(self, "days_from_epoch", days)

    @property
    def seconds(self) -> int:
        """Seconds from the epoch to midnight (UTC) of this day."""
        return self.days_from_epoch * self.DAY

    def date(self) -> datetime.date:
        """Return the `datetime.date`; raises `ValueOutOfRange` outside the years 1 to 9999."""
        if not MIN_ORDINARY_DAY <= self.days_from_epoch <= MAX_ORDINARY_DAY:
            raise ValueOutOfRange(f"{self} is outside the years 1 to 9999 of datetime.date")
        return datetime.date.fromordinal(self.days_from_epoch + _EPOCH_ORDINAL)

    def __eq__(self, other: object) -> bool:
        days = _comparable_days(other)
        return NotImplemented if days is None else self.days_from_epoch == days

    def __lt__(self, other: object) -> bool:
        days = _comparable_days(other)
        return NotImplemented if days is None else self.days_from_epoch < days

    def __hash__(self) -> int:
        if MIN_ORDINARY_DAY <= self.days_from_epoch <= MAX_ORDINARY_DAY:
            return hash(self.date())
        return hash(self.days_from_epoch)

    def __repr__(self) -> str:
        return f"Date({self.days_from_epoch})"

    def __str__(self) -> str:
        return date_text(self.days_from_epoch)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Date, (self.days_from_epoch,))


def _days_of(value: object) -> int:
    if isinstance(value, datetime.date):  # a datetime too
        return value.toordinal() - _EPOCH_ORDINAL
    if isinstance(value, Date):
        return value.days_from_epoch
    if isinstance(value, str):
        return parse_date(value)
    try:
        return index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InvalidValueType(
            "a date is made of an int (days from 1970-01-01), a datetime.date or a text "
            f"'YYYY-MM-DD', not {type(value).__name__}"
        ) from None


def _comparable_days(other: object) -> int | None:
    """Return the days that `other` stands for, or None when the two cannot be compared."""
    if isinstance(other, Date):
        return other.days_from_epoch
    if isinstance(other, int):
        return other
    if isinstance(other, datetime.date) and not isinstance(other, datetime.datetime):
        return other.toordinal() - _EPOCH_ORDINAL
    return None


def _shown(value: object) -> str:
    # A huge int would be refused by repr() above 4,300 digits.
    return (
        "a number of more days" if isinstance(value, int) and abs(value) > 1 << 64 else f"{value!r}"
    )


_NS_PER_DAY = 86_400_000_000_000


@total_ordering
class Time(Immutable):
    """A time of day with nanoseconds and without a time zone (spec section 6.17).

    `value` is a count of nanoseconds since midnight, a `datetime.time` (without time zone), another
    `Time`, or a text 'HH:MM:SS' with up to nine digits of a fraction: '08:30:00.000000001'.

    Equal to a `datetime.time` of the same microsecond, and then of the same hash; equal to an int
    of as many nanoseconds. Raises `InvalidValueType` for other types, `ValueOutOfRange` for what
    is no time of a day.
    """

    __slots__ = ("nanosecond_time",)

    MICRO = 1000
    """Nanoseconds of a microsecond."""
    MILLI = 1000 * MICRO
    """Nanoseconds of a millisecond."""
    SECOND = 1000 * MILLI
    """Nanoseconds of a second."""
    MINUTE = 60 * SECOND
    """Nanoseconds of a minute."""
    HOUR = 60 * MINUTE
    """Nanoseconds of an hour."""
    DAY = 24 * HOUR
    """Nanoseconds of a day."""

    nanosecond_time: int
    """Nanoseconds since midnight."""

    def __init__(self, value: int | str | datetime.time | Time) -> None:
        nanoseconds = _nanoseconds_of(value)
        if not 0 <= nanoseconds < _NS_PER_DAY:
            raise ValueOutOfRange(f"a time of day has 0 to {_NS_PER_DAY - 1} nanoseconds")
        object.__setattr__(self, "nanosecond_time", nanoseconds)

    @property
    def hour(self) -> int:
        """The hour, 0 to 23."""
        return self.nanosecond_time // self.HOUR

    @property
    def minute(self) -> int:
        """The minute of the hour, 0 to 59."""
        return self.nanosecond_time // self.MINUTE % 60

    @property
    def second(self) -> int:
        """The second of the minute, 0 to 59."""
        return self.nanosecond_time // self.SECOND % 60

    @property
    def nanosecond(self) -> int:
        """The nanosecond of the second, 0 to 999,999,999."""
        return self.nanosecond_time % self.SECOND

    def time(self) -> datetime.time:
        """Return the `datetime.time`; nanoseconds below a microsecond are cut off."""
        return datetime.time(self.hour, self.minute, self.second, self.nanosecond // self.MICRO)

    def __eq__(self, other: object) -> bool:
        nanoseconds = _comparable_nanoseconds(other)
        return NotImplemented if nanoseconds is None else self.nanosecond_time == nanoseconds

    def __lt__(self, other: object) -> bool:
        nanoseconds = _comparable_nanoseconds(other)
        return NotImplemented if nanoseconds is None else self.nanosecond_time < nanoseconds

    def __hash__(self) -> int:
        if self.nanosecond_time % self.MICRO:
            return hash(self.nanosecond_time)
        return hash(self.time())

    def __repr__(self) -> str:
        return f"Time({self.nanosecond_time})"

    def __str__(self) -> str:
        return f"{self.hour:02}:{self.minute:02}:{self.second:02}.{self.nanosecond:09}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Time, (self.nanosecond_time,))


def _nanoseconds_of(value: object) -> int:
    if isinstance(value, datetime.time):
        if value.tzinfo is not None:
            raise ValueOutOfRange(f"a CQL time has no time zone: {value!r}")
        return _ordinary(value)
    if isinstance(value, Time):
        return value.nanosecond_time
    if isinstance(value, str):
        return _parse(value)
    try:
        return index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InvalidValueType(
            "a time is made of an int (nanoseconds since midnight), a datetime.time or a text "
            f"'HH:MM:SS.fffffffff', not {type(value).__name__}"
        ) from None


def _ordinary(value: datetime.time) -> int:
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return (seconds * 1_000_000 + value.microsecond) * 1000


def _comparable_nanoseconds(other: object) -> int | None:
    """Return the nanoseconds that `other` stands for, or None when they cannot be compared."""
    if isinstance(other, Time):
        return other.nanosecond_time
    if isinstance(other, int):
        return other
    if isinstance(other, datetime.time) and other.tzinfo is None:
        return _ordinary(other)
    return None


def _parse(text: str) -> int:
    clock, dot, fraction = text.partition(".")
    parts = clock.split(":")
    fits = len(parts) == 3 and all(len(part) <= 2 for part in parts)
    digits = [*parts, fraction] if dot else parts
    if not fits or not all(part.isascii() and part.isdigit() for part in digits):
        raise ValueOutOfRange(f"{text[:100]!r} is not a time: use 'HH:MM:SS.fffffffff'")
    if len(fraction) > 9:
        raise ValueOutOfRange(f"{text[:100]!r} has more than nine digits after the second")
    hour, minute, second = map(int, parts)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueOutOfRange(f"{text!r} is not a time of day")
    return ((hour * 60 + minute) * 60 + second) * Time.SECOND + int(fraction.ljust(9, "0"))


_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_UTC = _EPOCH.replace(tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


@total_ordering
class Timestamp(Immutable):
    """A moment in milliseconds from the epoch, of any year (spec section 6.18).

    Timestamps are read as `datetime.datetime`; this class stands where that ends (before the year
    1, after 9999). It compares with `datetime` objects, naive ones being UTC.
    Raises `InvalidValueType` or `ValueOutOfRange` when `milliseconds` is no 64-bit integer.
    """

    __slots__ = ("milliseconds",)

    milliseconds: int
    """Milliseconds from 1970-01-01 00:00 UTC, negative before it."""

    def __init__(self, milliseconds: int) -> None:
        try:
            milliseconds = index(milliseconds)
        except TypeError:
            raise InvalidValueType(
                f"milliseconds is an int, not {type(milliseconds).__name__}"
            ) from None
        if not -0x8000000000000000 <= milliseconds <= 0x7FFFFFFFFFFFFFFF:
            raise ValueOutOfRange("milliseconds must fit 64 bits")
        object.__setattr__(self, "milliseconds", milliseconds)

    def datetime(self) -> datetime.datetime:
        """Return the naive UTC datetime; raises `ValueOutOfRange` outside the years 1 to 9999."""
        try:
            return _EPOCH + datetime.timedelta(milliseconds=self.milliseconds)
        except OverflowError:
            raise ValueOutOfRange(f"{self} is outside the years 1 to 9999 of datetime") from None

    def __eq__(self, other: object) -> bool:
        microseconds = _comparable_microseconds(other)
        return NotImplemented if microseconds is None else self.milliseconds * 1000 == microseconds

    def __lt__(self, other: object) -> bool:
        microseconds = _comparable_microseconds(other)
        return NotImplemented if microseconds is None else self.milliseconds * 1000 < microseconds

    def __hash__(self) -> int:
        try:
            return hash(self.datetime())
        except ValueOutOfRange:
            return hash(self.milliseconds)

    def __repr__(self) -> str:
        return f"Timestamp({self.milliseconds})"

    def __str__(self) -> str:
        days, rest = divmod(self.milliseconds, 86_400_000)
        seconds, milliseconds = divmod(rest, 1000)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        return f"{date_text(days)}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Timestamp, (self.milliseconds,))


def _comparable_microseconds(other: object) -> int | None:
    """Return the microseconds that `other` stands for, or None when they cannot be compared."""
    if isinstance(other, Timestamp):
        return other.milliseconds * 1000
    if isinstance(other, datetime.datetime):
        if other.utcoffset() is None:
            return (other.replace(tzinfo=None) - _EPOCH) // _MICROSECOND
        return (other - _EPOCH_UTC) // _MICROSECOND
    return None
