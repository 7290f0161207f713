"""`Duration`: a CQL duration of months, days and nanoseconds, and its text forms."""

from __future__ import annotations

import datetime

from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.values.sentinels import Immutable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = ["Duration"]

_SECOND = 1_000_000_000
_LIMITS = (0x7FFFFFFF, 0x7FFFFFFF, 0x7FFFFFFFFFFFFFFF)
# Unit -> (rank, field, size). The ranks say in which order the units may follow one another.
_UNITS = {
    "y": (0, 0, 12),
    "mo": (1, 0, 1),
    "w": (2, 1, 7),
    "d": (3, 1, 1),
    "h": (4, 2, 3600 * _SECOND),
    "m": (5, 2, 60 * _SECOND),
    "s": (6, 2, _SECOND),
    "ms": (7, 2, 1_000_000),
    "us": (8, 2, 1000),
    "µs": (8, 2, 1000),
    "ns": (9, 2, 1),
}


class Duration(Immutable):
    """An amount of time in months, days and nanoseconds (spec section 6.8).

    The three are kept apart, as a month has no fixed number of days, nor a day of hours; so
    durations are equal when all three are, and have no order. All must be of one sign; months
    and days fit 32 bits, nanoseconds 64. Raises `ValueOutOfRange` otherwise, `InvalidValueType`
    for what is no int. `str` gives the literal of CQL.

        >>> Duration(months=14, days=3, nanoseconds=5_000_000_000)
        Duration(months=14, days=3, nanoseconds=5000000000)
        >>> str(Duration.parse('P1Y2M3DT5S'))
        '1y2mo3d5s'
    """

    __slots__ = ("months", "days", "nanoseconds")

    months: int
    """Whole months."""
    days: int
    """Whole days."""
    nanoseconds: int
    """Nanoseconds; may be more than a day's."""

    def __init__(self, months: int = 0, days: int = 0, nanoseconds: int = 0) -> None:
        parts = (months, days, nanoseconds)
        if not all(isinstance(part, int) for part in parts):
            raise InvalidValueType("months, days and nanoseconds of a duration must be ints")
        for name, part, limit in zip(self.__slots__, parts, _LIMITS, strict=True):
            if not -limit - 1 <= part <= limit:
                raise ValueOutOfRange(f"{name} of a duration must be {-limit - 1} to {limit}")
            object.__setattr__(self, name, part)
        if min(parts) < 0 < max(parts):
            raise ValueOutOfRange(
                f"months, days and nanoseconds of a duration must have one sign, not {parts}"
            )

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Return the duration that a text form of CQL means.

        The forms are '1y2mo3w4d5h6m7s8ms9us10ns', 'P1Y2M3DT4H5M6S', 'P2W' and
        'P0001-02-03T04:05:06'; '-' before any of them makes it negative. Raises
        `ValueOutOfRange` for anything else.
        """
        negative = text.startswith("-")
        source = text[1:] if negative else text
        try:
            months, days, nanoseconds = _parse_iso(source) if source[:1] == "P" else _parse(source)
        except ValueError:
            raise ValueOutOfRange(
                f"{text[:100]!r} is not a duration: use a form such as '1mo2d3h' or 'P1M2DT3H', "
                "the larger units first"
            ) from None
        sign = -1 if negative else 1
        return cls(sign * months, sign * days, sign * nanoseconds)

    @classmethod
    def from_timedelta(cls, delta: datetime.timedelta) -> Duration:
        """Return the duration of as many days and, below a day, nanoseconds."""
        # A negative timedelta has negative days but positive seconds; a duration has one sign.
        sign = -1 if delta.days < 0 else 1
        delta = abs(delta)
        nanoseconds = delta.seconds * _SECOND + delta.microseconds * 1000
        return cls(0, sign * delta.days, sign * nanoseconds)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Duration):
            return NotImplemented
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __neg__(self) -> Duration:
        return Duration(-self.months, -self.days, -self.nanoseconds)

    def __bool__(self) -> bool:
        return any(self._parts())

    def __repr__(self) -> str:
        return f"Duration(months={self.months}, days={self.days}, nanoseconds={self.nanoseconds})"

    def __str__(self) -> str:
        text = "".join(_units_text(map(abs, self._parts())))
        return ("-" if min(self._parts()) < 0 else "") + (text or "0ns")

    def __reduce__(self) -> tuple[Any, ...]:
        return (Duration, self._parts())

    def _parts(self) -> tuple[int, int, int]:
        return (self.months, self.days, self.nanoseconds)


def _units_text(parts: Iterable[int]) -> Iterable[str]:
    rest = list(parts)
    for unit, (_, field, size) in _UNITS.items():
        if unit == "w" or unit == "µs":  # the server writes days and 'us'
            continue
        count, rest[field] = divmod(rest[field], size)
        if count:
            yield f"{count}{unit}"


def _parse(text: str) -> list[int]:
    """Read '1y2mo…': digits and a unit, again and again, the units in falling order."""
    import re  # only here: a program that parses no durations need not load it

    found = re.findall(r"([0-9]{1,19})([a-zµ]+)", text.lower())
    if not found or "".join(map("".join, found)) != text.lower():
        raise ValueError
    return _sum(((digits, *_UNITS.get(unit, (-1, 0, 0))) for digits, unit in found))


def _parse_iso(text: str) -> list[int]:
    import re

    number = "([0-9]{1,19})"
    if found := re.fullmatch(f"P{number}W", text):
        return _sum([(found[1], *_UNITS["w"])])
    clock = f"(?:T(?:{number}H)?(?:{number}M)?(?:{number}S)?)?"
    two = "([0-9]{2})"
    found = re.fullmatch(f"P(?:{number}Y)?(?:{number}M)?(?:{number}D)?{clock}", text)
    found = found or re.fullmatch(f"P([0-9]{{4}})-{two}-{two}T{two}:{two}:{two}", text)
    if not found:
        raise ValueError
    units = ("y", "mo", "d", "h", "m", "s")
    return _sum(
        (digits or "0", *_UNITS[unit]) for digits, unit in zip(found.groups(), units, strict=False)
    )


def _sum(terms: Iterable[tuple[str, int, int, int]]) -> list[int]:
    parts = [0, 0, 0]
    last = -1
    for digits, rank, field, size in terms:
        if rank <= last:  # unknown, repeated, or after a smaller one
            raise ValueError
        last = rank
        parts[field] += int(digits) * size
    return parts
