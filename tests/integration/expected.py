"""How Cassandra renders values as JSON (``toJson(column)``), written by hand.

One function per type: given the value that was written and the JSON that the server made of
what it stored, it says whether they agree. Nothing here uses the codec under test. What the
server does is in its own sources, ``toJSONString`` of the classes in
``org.apache.cassandra.db.marshal``, and ``java.time`` and ``java.math`` behind them.
"""

from __future__ import annotations

import datetime
import json
import struct
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from math import isfinite
from typing import Any
from uuid import UUID

from cql_protocol.values import Date, Duration, Time, Timestamp

Check = Callable[[Any, Any], bool]
"""(value written, JSON of the server) → whether they agree"""

EPOCH = datetime.datetime(1970, 1, 1)


class Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs: the server repeats a key when two keys look alike."""


def parse(text: str) -> Any:
    """Return the JSON in `text`: numbers with a point or exponent as Decimal, objects as Pairs."""
    return json.loads(text, parse_float=Decimal, object_pairs_hook=Pairs)


# --- simple types --------------------------------------------------------------------------


def integer(value: int, shown: Any) -> bool:
    """Every integer type, and booleans."""
    return type(shown) is type(value) and shown == value


def double(value: float, shown: Any) -> bool:
    """``Double.toString``; JSON has no NaN and no infinity, the server writes null."""
    if not isfinite(value):
        return shown is None
    return _is_number(shown) and struct.pack(">d", shown) == struct.pack(">d", value)


def single(value: float, shown: Any) -> bool:
    """``Float.toString``, null for NaN and infinity."""
    if not isfinite(value):
        return shown is None
    return _is_number(shown) and struct.pack(">f", shown) == struct.pack(">f", value)


def _is_number(shown: Any) -> bool:
    return isinstance(shown, Decimal) or type(shown) is int


def decimal(value: Decimal, shown: Any) -> bool:
    """``BigDecimal.toString``, which shows the scale too."""
    return _is_number(shown) and Decimal(shown).as_tuple() == value.as_tuple()


def text(value: str, shown: Any) -> bool:
    """ascii, text, varchar."""
    return bool(shown == value)


def blob(value: bytes, shown: Any) -> bool:
    """Lower-case hexadecimal digits behind 0x."""
    return bool(shown == "0x" + "".join(f"{byte:02x}" for byte in value))


def uuid(value: UUID, shown: Any) -> bool:
    """The usual form."""
    digits = f"{value.int:032x}"
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return bool(shown == "-".join(parts))


def inet(value: IPv4Address | IPv6Address, shown: Any) -> bool:
    """``InetAddress.getHostAddress``: no zeros left out; a mapped IPv4 address is shown as IPv4."""
    packed = value.packed
    if len(packed) == 16 and packed.startswith(b"\0" * 10 + b"\xff\xff"):
        packed = packed[12:]
    if len(packed) == 4:
        return bool(shown == ".".join(map(str, packed)))
    groups = struct.unpack(">8H", packed)
    return bool(shown == ":".join(f"{group:x}" for group in groups))


def date(value: Date, shown: Any) -> bool:
    """``DateTimeFormatter.ISO_LOCAL_DATE``: years above 9999 have a plus sign."""
    year, month, day = civil(value.days_from_epoch)
    sign = "-" if year < 0 else "+" if year > 9999 else ""
    return bool(shown == f"{sign}{abs(year):04}-{month:02}-{day:02}")


def time(value: Time, shown: Any) -> bool:
    """Always nine digits of a fraction."""
    seconds, nanoseconds = divmod(value.nanosecond_time, 10**9)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return bool(shown == f"{hour:02}:{minute:02}:{second:02}.{nanoseconds:09}")


def timestamp(value: datetime.datetime | Timestamp, shown: Any) -> bool:
    """Pattern ``yyyy-MM-dd HH:mm:ss.SSSX`` of ``java.time``: y is the year of the era."""
    if isinstance(value, Timestamp):
        milliseconds = value.milliseconds
    else:
        milliseconds = (value - EPOCH) // datetime.timedelta(milliseconds=1)
    seconds, fraction = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    year, month, day = civil(days)
    era_year = year if year > 0 else 1 - year
    sign = "+" if era_year > 9999 else ""
    return bool(
        shown == f"{sign}{era_year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
        f".{fraction:03}Z"
    )


_DURATION_UNITS = (
    (31, ((12, "y"), (1, "mo"))),
    (31, ((1, "d"),)),
    (
        63,
        (
            (3600 * 10**9, "h"),
            (60 * 10**9, "m"),
            (10**9, "s"),
            (10**6, "ms"),
            (1000, "us"),
            (1, "ns"),
        ),
    ),
)


def duration(value: Duration, shown: Any) -> bool:
    """``Duration.toString`` of the server, which is empty for none at all."""
    parts = (value.months, value.days, value.nanoseconds)
    out = "-" if min(parts) < 0 else ""
    for number, (bits, units) in zip(parts, _DURATION_UNITS, strict=True):
        left = _java_abs(number, bits)
        for size, unit in units:
            if left >= size:
                out += f"{left // size}{unit}"
                left %= size
    return bool(shown == out)


def _java_abs(number: int, bits: int) -> int:
    """``Math.abs``: the least number has no positive counterpart and stays negative."""
    return number if number == -(1 << bits) else abs(number)


def civil(days: int) -> tuple[int, int, int]:
    """Return (year, month, day) of the proleptic Gregorian calendar, day 0 being 1970-01-01.

    The year before 1 is 0. Counts in eras of 400 years that begin on a first of March.
    """
    era, day_of_era = divmod(days + 719_468, 146_097)
    leap_days = day_of_era // 1460 - day_of_era // 36_524 + day_of_era // 146_096
    year = (day_of_era - leap_days) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return era * 400 + year + (month <= 2), month, day


# --- types made of others ------------------------------------------------------------------


def sequence(check: Check) -> Check:
    """Lists and vectors: the elements in their order."""

    def agrees(value: Sequence[Any], shown: Any) -> bool:
        return type(shown) is list and _all(nullable(check), value, shown)

    return agrees


def unordered(check: Check) -> Check:
    """Sets: the same elements in the server's order."""

    def agrees(value: Iterable[Any], shown: Any) -> bool:
        return type(shown) is list and matched(check, list(value), shown)

    return agrees


def mapping(key_check: Check, value_check: Check) -> Check:
    """Maps: keys that are no JSON strings are turned into strings as they are."""

    def pair(item: tuple[Any, Any], shown: tuple[str, Any]) -> bool:
        key, value = item
        return value_check(value, shown[1]) and (
            key_check(key, shown[0]) or _inner_json(key_check, key, shown[0])
        )

    def agrees(value: Any, shown: Any) -> bool:
        return type(shown) is Pairs and matched(pair, list(value.items()), shown)

    return agrees


def _inner_json(check: Check, key: Any, shown: str) -> bool:
    try:
        return check(key, parse(shown))
    except ValueError:
        return False


def fields(checks: Sequence[Check]) -> Check:
    """Tuples: a JSON array."""

    def agrees(value: Sequence[Any], shown: Any) -> bool:
        return (
            type(shown) is list
            and len(value) == len(shown) == len(checks)
            and all(
                nullable(check)(one, other)
                for check, one, other in zip(checks, value, shown, strict=True)
            )
        )

    return agrees


def named(names: Sequence[str], checks: Sequence[Check]) -> Check:
    """User types: an object; a name with capitals is quoted within its quotes."""
    shown_names = [f'"{name}"' if name != name.lower() else name for name in names]

    def agrees(value: Sequence[Any], shown: Any) -> bool:
        return (
            type(shown) is Pairs
            and [name for name, _ in shown] == shown_names
            and fields(checks)(value, [item for _, item in shown])
        )

    return agrees


def nullable(check: Check) -> Check:
    """None is null."""

    def agrees(value: Any, shown: Any) -> bool:
        return shown is None if value is None else check(value, shown)

    return agrees


def _all(check: Check, value: Sequence[Any], shown: Sequence[Any]) -> bool:
    return len(value) == len(shown) and all(map(check, value, shown))


def matched(check: Check, value: Sequence[Any], shown: Sequence[Any]) -> bool:
    """Say whether every item of one side has one of its own on the other."""
    left = list(shown)
    for item in value:
        found = next((index for index, other in enumerate(left) if check(item, other)), None)
        if found is None:
            return False
        del left[found]
    return not left
