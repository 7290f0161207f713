"""Time-based (version 1) UUIDs: making them, bounds for queries, and their time."""

from __future__ import annotations

import datetime
import os
from uuid import UUID

from cql_protocol.errors import InvalidValueType, ValueOutOfRange

__all__ = [
    "HIGHEST_TIME_UUID",
    "LOWEST_TIME_UUID",
    "datetime_from_uuid1",
    "max_uuid_from_time",
    "min_uuid_from_time",
    "unix_time_from_uuid1",
    "uuid_from_time",
]

_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_UTC = _EPOCH.replace(tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
# UUIDs count 100-nanosecond steps from 1582-10-15; this many passed until 1970-01-01.
_STEPS_TO_EPOCH = 0x01B21DD213814000

# Among timeuuids of one time the server compares the last eight bytes as signed ones: 0x80 is the
# least byte, 0x7f the greatest. The two top bits of the first are the variant's, 0b10.
_LEAST_NODE, _LEAST_SEQUENCE = 0x808080808080, 0x0080
_GREATEST_NODE, _GREATEST_SEQUENCE = 0x7F7F7F7F7F7F, 0x3F7F

LOWEST_TIME_UUID = UUID("00000000-0000-1000-8080-808080808080")
"""The least timeuuid in the server's order."""
HIGHEST_TIME_UUID = UUID("ffffffff-ffff-1fff-bf7f-7f7f7f7f7f7f")
"""The greatest timeuuid in the server's order."""


def uuid_from_time(
    time_arg: datetime.datetime | float,
    node: int | None = None,
    clock_seq: int | None = None,
) -> UUID:
    """Return a version 1 UUID of a time.

    `time_arg` is a datetime (naive ones are UTC) or seconds from the epoch; microseconds are kept.
    `node` (48 bits) and `clock_seq` (14 bits) are random when not given, so that two UUIDs of one
    time differ. Raises `ValueOutOfRange` when one of the three does not fit, `InvalidValueType`
    when `time_arg` is neither.
    """
    steps = _microseconds(time_arg) * 10 + _STEPS_TO_EPOCH
    if not 0 <= steps < 1 << 60:
        raise ValueOutOfRange(f"{time_arg!r} is outside the years 1582 to 5236 of a timeuuid")
    if node is None:
        # The bit marks a node that is no network card's address (RFC 4122 section 4.5).
        node = int.from_bytes(os.urandom(6), "big") | 1 << 40
    if clock_seq is None:
        clock_seq = int.from_bytes(os.urandom(2), "big") & 0x3FFF
    if not 0 <= node < 1 << 48:
        raise ValueOutOfRange("node must fit 48 bits")
    if not 0 <= clock_seq < 1 << 14:
        raise ValueOutOfRange("clock_seq must fit 14 bits")
    low, middle, high = steps & 0xFFFFFFFF, steps >> 32 & 0xFFFF, steps >> 48
    return UUID(
        int=low << 96 | middle << 80 | (0x1000 | high) << 64 | (0x8000 | clock_seq) << 48 | node
    )


def min_uuid_from_time(timestamp: datetime.datetime | float) -> UUID:
    """Return the least timeuuid of a time in the server's order: a bound for queries.

    Like ``minTimeuuid`` of CQL. Not unique: never store it as an id.
    """
    return uuid_from_time(timestamp, _LEAST_NODE, _LEAST_SEQUENCE)


def max_uuid_from_time(timestamp: datetime.datetime | float) -> UUID:
    """Return the greatest timeuuid of a time in the server's order: a bound for queries.

    Like ``maxTimeuuid`` of CQL, to the microsecond. Not unique: never store it as an id.
    """
    return uuid_from_time(timestamp, _GREATEST_NODE, _GREATEST_SEQUENCE)


def unix_time_from_uuid1(uuid_arg: UUID) -> float:
    """Return the seconds from the epoch of a version 1 UUID."""
    return _steps(uuid_arg) / 1e7


def datetime_from_uuid1(uuid_arg: UUID) -> datetime.datetime:
    """Return the naive UTC datetime of a version 1 UUID, to the microsecond."""
    return _EPOCH + datetime.timedelta(microseconds=_steps(uuid_arg) // 10)


def _steps(uuid_arg: UUID) -> int:
    if uuid_arg.version != 1:
        raise ValueOutOfRange(f"{uuid_arg} holds no time: it is not of version 1")
    return uuid_arg.time - _STEPS_TO_EPOCH


def _microseconds(time_arg: object) -> int:
    if isinstance(time_arg, datetime.datetime):
        if time_arg.utcoffset() is None:
            return (time_arg.replace(tzinfo=None) - _EPOCH) // _MICROSECOND
        return (time_arg - _EPOCH_UTC) // _MICROSECOND
    if not isinstance(time_arg, (int, float)):
        raise InvalidValueType(
            f"a time is a datetime or seconds from the epoch, not {type(time_arg).__name__}"
        )
    try:
        return round(time_arg * 1_000_000)
    except (ValueError, OverflowError):  # NaN and the infinities
        raise ValueOutOfRange(f"{time_arg!r} is not a time") from None
