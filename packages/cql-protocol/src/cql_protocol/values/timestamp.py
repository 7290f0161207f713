"""`Timestamp`: a moment outside the years that `datetime.datetime` knows."""

from __future__ import annotations

import datetime
from functools import total_ordering
from operator import index

from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.values.date import date_text
from cql_protocol.values.sentinels import Immutable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Timestamp"]

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
        microseconds = _comparable(other)
        return NotImplemented if microseconds is None else self.milliseconds * 1000 == microseconds

    def __lt__(self, other: object) -> bool:
        microseconds = _comparable(other)
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


def _comparable(other: object) -> int | None:
    """Return the microseconds that `other` stands for, or None when they cannot be compared."""
    if isinstance(other, Timestamp):
        return other.milliseconds * 1000
    if isinstance(other, datetime.datetime):
        if other.utcoffset() is None:
            return (other.replace(tzinfo=None) - _EPOCH) // _MICROSECOND
        return (other - _EPOCH_UTC) // _MICROSECOND
    return None
