"""`Date`: a CQL date, also where `datetime.date` ends."""

from __future__ import annotations

import datetime
from functools import total_ordering
from operator import index

from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.values.calendar import (
    MAX_ORDINARY_DAY,
    MIN_ORDINARY_DAY,
    date_text,
    parse_date,
)
from cql_protocol.values.immutable import Immutable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Date"]

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
