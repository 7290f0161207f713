"""`Time`: a CQL time of day, in nanoseconds."""

from __future__ import annotations

import datetime
from functools import total_ordering
from operator import index

from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.values.sentinels import Immutable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Time"]

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
        nanoseconds = _comparable(other)
        return NotImplemented if nanoseconds is None else self.nanosecond_time == nanoseconds

    def __lt__(self, other: object) -> bool:
        nanoseconds = _comparable(other)
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


def _comparable(other: object) -> int | None:
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
