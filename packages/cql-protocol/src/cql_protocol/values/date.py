"""`Date`: a CQL date, also where `datetime.date` ends."""

from __future__ import annotations

import datetime
from functools import total_ordering
from operator import index

from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.values.sentinels import Immutable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Date", "date_text", "days_from_civil", "parse_date"]

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
        days = _comparable(other)
        return NotImplemented if days is None else self.days_from_epoch == days

    def __lt__(self, other: object) -> bool:
        days = _comparable(other)
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


def _comparable(other: object) -> int | None:
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
