"""`DateRange`: a span of time, or a date of limited precision, of DataStax Enterprise.

>>> str(DateRange(lower_bound=(0, "DAY"), upper_bound=OPEN_BOUND))
'[1970-01-01 TO *]'
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import total_ordering
from operator import index

from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.values.sentinels import Immutable
from cql_protocol.values.temporal import civil_from_days, date_text, days_from_civil

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, ClassVar

__all__ = ["DateRange", "DateRangeBound", "DateRangePrecision", "OPEN_BOUND"]

_EPOCH = datetime.datetime(1970, 1, 1)
_MILLISECOND = datetime.timedelta(milliseconds=1)
_MS_PER_DAY = 86_400_000
_LEAST, _MOST = -0x8000000000000000, 0x7FFFFFFFFFFFFFFF


class DateRangePrecision:
    """The names of the precisions a `DateRangeBound` can have, the coarsest first."""

    YEAR = "YEAR"
    """A year."""
    MONTH = "MONTH"
    """A month."""
    DAY = "DAY"
    """A day."""
    HOUR = "HOUR"
    """An hour."""
    MINUTE = "MINUTE"
    """A minute."""
    SECOND = "SECOND"
    """A second."""
    MILLISECOND = "MILLISECOND"
    """A millisecond."""

    PRECISIONS = (YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MILLISECOND)
    """All of them; the place of one here is its number on the wire."""

    _LENGTHS: ClassVar[dict[str, int]] = {
        DAY: _MS_PER_DAY,
        HOUR: 3_600_000,
        MINUTE: 60_000,
        SECOND: 1000,
        MILLISECOND: 1,
    }

    @classmethod
    def round_down_to_precision(cls, ms: int, precision: str) -> int:
        """Return the first millisecond of the year, month, day… (UTC) that `ms` lies in."""
        return max(cls._span(ms, precision)[0], _LEAST)

    @classmethod
    def round_up_to_precision(cls, ms: int, precision: str) -> int:
        """Return the last millisecond of the year, month, day… (UTC) that `ms` lies in."""
        return min(cls._span(ms, precision)[1] - 1, _MOST)

    @classmethod
    def _span(cls, ms: int, precision: str) -> tuple[int, int]:
        length = cls._LENGTHS.get(precision)
        if length is not None:
            start = ms - ms % length
            return start, start + length
        year, month, _ = civil_from_days(ms // _MS_PER_DAY)
        if precision == cls.YEAR:
            first, last = days_from_civil(year, 1, 1), days_from_civil(year + 1, 1, 1)
        else:
            after = (year, month + 1) if month < 12 else (year + 1, 1)
            first, last = days_from_civil(year, month, 1), days_from_civil(*after, 1)
        return first * _MS_PER_DAY, last * _MS_PER_DAY


@total_ordering
class DateRangeBound(Immutable):
    """A moment and its precision.

    `value` is a count of milliseconds from the epoch or a `datetime` (naive ones are UTC; parts of
    a millisecond are cut off), `precision` a name of `DateRangePrecision` in upper or lower case.
    Both None make the open bound, `OPEN_BOUND`. The moment may be outside the years of `datetime`.

    Raises `InvalidValueType` and `ValueOutOfRange`. Bounds are ordered by their moment, then
    from the coarse precision to the fine; the open one comes first.
    """

    __slots__ = ("milliseconds", "precision")
    milliseconds: int | None
    """Milliseconds from 1970-01-01 00:00 UTC, negative before it; None in the open bound."""
    precision: str | None
    """A name of `DateRangePrecision`; None in the open bound."""

    def __init__(self, value: int | datetime.datetime | None, precision: str | None) -> None:
        if precision is not None and not isinstance(precision, str):
            raise InvalidValueType(f"precision is a string, not {precision!r}")
        object.__setattr__(self, "milliseconds", None if value is None else _milliseconds(value))
        object.__setattr__(self, "precision", precision and precision.upper())
        self.validate()

    @classmethod
    def from_value(cls, value: Any) -> DateRangeBound:
        """Return `value` if it is a bound, else one made of it.

        It may be a mapping with `milliseconds` and `precision`, or a pair of the two.
        """
        if isinstance(value, cls):
            return value
        try:
            if isinstance(value, Mapping):
                return cls(value["milliseconds"], value["precision"])
            milliseconds, precision = value
        except (KeyError, TypeError, ValueError):
            raise InvalidValueType(
                f"a bound is a DateRangeBound or a pair (milliseconds, precision), not {value!r}"
            ) from None
        return cls(milliseconds, precision)

    def validate(self) -> None:
        """Raise unless both or none of the attributes are set, and the precision is known."""
        if (self.milliseconds is None) != (self.precision is None):
            raise InvalidValueType(f"only one of moment and precision is None: {self!r}")
        if self.precision is not None and self.precision not in DateRangePrecision.PRECISIONS:
            raise ValueOutOfRange(
                f"precision is one of {DateRangePrecision.PRECISIONS}, not {self.precision!r}"
            )

    def datetime(self) -> datetime.datetime:
        """Return the moment as a naive UTC datetime.

        Raises `ValueOutOfRange` for the open bound and outside the years 1 to 9999.
        """
        if self.milliseconds is not None:
            try:
                return _EPOCH + datetime.timedelta(milliseconds=self.milliseconds)
            except OverflowError:
                pass
        raise ValueOutOfRange(f"{self} is no moment that datetime can hold")

    def round_up(self) -> DateRangeBound:
        """Return the bound at the last millisecond that the precision leaves possible."""
        if self.milliseconds is None or self.precision is None:
            return self
        return DateRangeBound(
            DateRangePrecision.round_up_to_precision(self.milliseconds, self.precision),
            self.precision,
        )

    def round_down(self) -> DateRangeBound:
        """Return the bound at the first millisecond that the precision leaves possible."""
        if self.milliseconds is None or self.precision is None:
            return self
        return DateRangeBound(
            DateRangePrecision.round_down_to_precision(self.milliseconds, self.precision),
            self.precision,
        )

    def _order(self) -> tuple[int, int]:
        if self.milliseconds is None or self.precision is None:
            return (_LEAST - 1, 0)
        return (self.milliseconds, DateRangePrecision.PRECISIONS.index(self.precision))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DateRangeBound):
            return NotImplemented
        return self._order() == other._order()

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, DateRangeBound):
            return NotImplemented
        return self._order() < other._order()

    def __hash__(self) -> int:
        return hash(self._order())

    def __str__(self) -> str:
        if self.milliseconds is None or self.precision is None:
            return "*"
        days, rest = divmod(self.milliseconds, _MS_PER_DAY)
        day = date_text(days)
        size = DateRangePrecision.PRECISIONS.index(self.precision)
        if size <= 2:
            return day.rsplit("-", 2 - size)[0] if size < 2 else day
        seconds, milliseconds = divmod(rest, 1000)
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"
        return f"{day}T{clock[: (2, 5, 8, 12)[size - 3]]}Z"

    def __repr__(self) -> str:
        return f"DateRangeBound({self.milliseconds!r}, {self.precision!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (DateRangeBound, (self.milliseconds, self.precision))


OPEN_BOUND = DateRangeBound(None, None)
"""Stands for ``*``: no bound on this side of a `DateRange`."""


@total_ordering
class DateRange(Immutable):
    """A range from `lower_bound` to `upper_bound`, or a single `value`; not both.

    Each is a `DateRangeBound` or what `DateRangeBound.from_value` takes. One bound alone leaves
    the other side open. Lower bounds and values are rounded down to their precision, upper bounds
    up, as the server does. Ranges are ordered by where they begin, then by where they end.

    Raises `ValueOutOfRange` when nothing is given, or both a value and a bound.
    """

    __slots__ = ("lower_bound", "upper_bound", "value")
    lower_bound: DateRangeBound | None
    """Where the range begins; None when it is a single value."""
    upper_bound: DateRangeBound | None
    """Where the range ends; None when it is a single value."""
    value: DateRangeBound | None
    """The single value; None when it is a range."""

    def __init__(self, lower_bound: Any = None, upper_bound: Any = None, value: Any = None) -> None:
        if value is not None:
            value = DateRangeBound.from_value(value).round_down()
        lower, upper = lower_bound, upper_bound
        if lower is not None or upper is not None:
            lower = OPEN_BOUND if lower is None else DateRangeBound.from_value(lower).round_down()
            upper = OPEN_BOUND if upper is None else DateRangeBound.from_value(upper).round_up()
        object.__setattr__(self, "lower_bound", lower)
        object.__setattr__(self, "upper_bound", upper)
        object.__setattr__(self, "value", value)
        self.validate()

    def validate(self) -> None:
        """Raise unless there is either a value or two bounds."""
        if (self.value is None) == (self.lower_bound is None):
            raise ValueOutOfRange(
                f"a DateRange has either a value, or a lower or an upper bound: {self!r}"
            )

    def _order(self) -> tuple[DateRangeBound, DateRangeBound, bool]:
        lower = self.value or self.lower_bound or OPEN_BOUND
        upper = self.value or self.upper_bound or OPEN_BOUND
        return (lower, upper, self.value is None)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DateRange):
            return NotImplemented
        return self._order() == other._order()

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, DateRange):
            return NotImplemented
        return self._order() < other._order()

    def __hash__(self) -> int:
        return hash(self._order())

    def __str__(self) -> str:
        return str(self.value) if self.value else f"[{self.lower_bound} TO {self.upper_bound}]"

    def __repr__(self) -> str:
        return (
            f"DateRange(lower_bound={self.lower_bound!r}, upper_bound={self.upper_bound!r}, "
            f"value={self.value!r})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return (DateRange, (self.lower_bound, self.upper_bound, self.value))


def _in_utc(value: datetime.datetime) -> datetime.datetime:
    try:
        return value.astimezone(datetime.UTC)
    except OverflowError:
        raise ValueOutOfRange(f"{value} is outside the years 1 to 9999 in UTC") from None


def _milliseconds(value: Any) -> int:
    if isinstance(value, datetime.datetime):
        if value.utcoffset() is not None:
            value = _in_utc(value)
        ms: int = (value.replace(tzinfo=None) - _EPOCH) // _MILLISECOND
    else:
        try:
            ms = index(value)
        except TypeError:
            raise InvalidValueType(
                f"a bound is made of milliseconds or a datetime, not {value!r}"
            ) from None
    if not _LEAST <= ms <= _MOST:
        raise ValueOutOfRange("the milliseconds of a bound must fit 64 bits")
    return ms
