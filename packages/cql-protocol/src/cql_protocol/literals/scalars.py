"""CQL text of single Python values; one function for each kind.

Every function reads its value through the base class it is for, never through a method that a
subclass could have replaced, so that no object can put text of its own into a statement.
The forms are those that the parsers of Cassandra and ScyllaDB take for every type that such a
value can mean.
"""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from operator import index

from cql_protocol.errors import InvalidValueType, ValueOutOfRange
from cql_protocol.identifiers import quote_text
from cql_protocol.values import Date, Duration, Time, Timestamp

TYPE_CHECKING = False

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address
    from typing import Any

__all__ = [
    "address_literal",
    "blob_literal",
    "bool_literal",
    "date_literal",
    "datetime_literal",
    "decimal_literal",
    "duration_literal",
    "float_literal",
    "int_literal",
    "null_literal",
    "ordinary_date_literal",
    "ordinary_time_literal",
    "text_literal",
    "time_literal",
    "timedelta_literal",
    "timestamp_literal",
    "uuid_literal",
]

_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_UTC = _EPOCH.replace(tzinfo=datetime.UTC)
_since = datetime.datetime.__sub__
_float_text = float.__repr__
_int_text = int.__repr__
_DOUBLE_DIGITS = 308
_MAX_DIGITS = 4000
_DAY_ZERO = 2**31
_LEAST_DAY = datetime.date.min.toordinal() - datetime.date(1970, 1, 1).toordinal()
_LAST_DAY = datetime.date.max.toordinal() - datetime.date(1970, 1, 1).toordinal()


def null_literal(value: None) -> str:
    """Return ``NULL``."""
    return "NULL"


def text_literal(value: str) -> str:
    """Return a quoted string; raises `ValueOutOfRange` for text that UTF-8 cannot carry."""
    text = quote_text(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as exc:
            raise ValueOutOfRange(f"text that UTF-8 cannot carry: {exc}") from None
    return text


def blob_literal(value: bytes | bytearray | memoryview) -> str:
    """Return bytes as ``0x…``."""
    if isinstance(value, bytes):
        return "0x" + bytes.hex(value)
    return "0x" + memoryview(value).hex()


def bool_literal(value: object) -> str:
    """Return ``true`` or ``false``."""
    return "true" if value else "false"


def int_literal(value: Any) -> str:
    """Return an integer, also of a class that only has `__index__`."""
    try:
        return _int_text(index(value))
    except ValueError as exc:  # Python writes no more than 4,300 digits
        raise ValueOutOfRange(f"an integer too large for a literal: {exc}") from None


def float_literal(value: Any) -> str:
    """Return a number with the digits that give the same double back, or NaN or Infinity."""
    text = _float_text(float(value))
    if text[-1] in "fn":
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[text]
    return text


def decimal_literal(value: Decimal) -> str:
    """Return an exact decimal number.

    Raises `ValueOutOfRange` for NaN and infinity, and for numbers above 10**308 that are no
    integers or have more than 4,000 digits: the server's parser takes them for infinite doubles.
    """
    text = Decimal.__str__(value)
    if not Decimal.is_finite(value):
        raise ValueOutOfRange(f"a CQL decimal cannot be {text}")
    if Decimal.adjusted(value) < _DOUBLE_DIGITS or not value:
        return text
    exponent = Decimal.as_tuple(value).exponent
    if Decimal.adjusted(value) > _MAX_DIGITS or not isinstance(exponent, int) or exponent < 0:
        raise ValueOutOfRange(
            f"the decimal {text[:50]} is too large for a literal: use a prepared statement"
        )
    return Decimal.__format__(value, "f")


def datetime_literal(value: datetime.datetime) -> str:
    """Return milliseconds since the epoch; naive datetimes are UTC, smaller parts are cut off."""
    if type(value) is not datetime.datetime and value != value:
        raise ValueOutOfRange(f"{type(value).__name__} is no moment")  # such as pandas' NaT
    if value.tzinfo is None:
        delta = _since(value, _EPOCH)
    elif value.utcoffset() is None:
        delta = _since(value.replace(tzinfo=None), _EPOCH)
    else:
        delta = _since(value, _EPOCH_UTC)
    return str(delta.days * 86_400_000 + delta.seconds * 1000 + delta.microseconds // 1000)


def timestamp_literal(value: Timestamp) -> str:
    """Return milliseconds since the epoch."""
    return _int_text(value.milliseconds)


def ordinary_date_literal(value: datetime.date) -> str:
    """Return ``'YYYY-MM-DD'``."""
    return f"'{datetime.date.isoformat(value)}'"


def date_literal(value: Date) -> str:
    """Return ``'YYYY-MM-DD'``, and for years that it has no form for the server's day number.

    That number counts days too, but 1970-01-01 is 2**31.
    """
    days = value.days_from_epoch
    if _LEAST_DAY <= days <= _LAST_DAY:
        return f"'{Date.__str__(value)}'"
    return _int_text(days + _DAY_ZERO)


def ordinary_time_literal(value: datetime.time) -> str:
    """Return a quoted time of day; raises `ValueOutOfRange` when it has a time zone."""
    return time_literal(Time(value))


def time_literal(value: Time) -> str:
    """Return ``'HH:MM:SS.nnnnnnnnn'``."""
    return f"'{Time.__str__(value)}'"


def duration_literal(value: Duration) -> str:
    """Return a duration such as ``1y2mo3d4h``.

    Raises `ValueOutOfRange` for the lowest number of months, days or nanoseconds: they fit a
    duration, but the server's parser has no form for them.
    """
    if value.months == -(2**31) or value.days == -(2**31) or value.nanoseconds == -(2**63):
        raise ValueOutOfRange(f"no literal of CQL means {value!r}: use a prepared statement")
    return Duration.__str__(value)


def timedelta_literal(value: datetime.timedelta) -> str:
    """Return a duration of days and parts of a day."""
    return duration_literal(Duration.from_timedelta(value))


def uuid_literal(value: uuid.UUID) -> str:
    """Return a UUID without quotes."""
    return uuid.UUID.__str__(value)


def address_literal(value: IPv4Address | IPv6Address) -> str:
    """Return a quoted address; raises `ValueOutOfRange` for one with an IPv6 scope."""
    if getattr(value, "scope_id", None) is not None:
        raise ValueOutOfRange(f"a CQL inet has no scope: {value}")
    from ipaddress import ip_address

    return f"'{ip_address(value.packed)}'"


def refuse_unset(value: object) -> str:
    """Raise `InvalidValueType`: a literal cannot leave a column as it is."""
    raise InvalidValueType(
        "UNSET can only be bound to a prepared statement; in the text of a statement leave the "
        "column out"
    )


def refuse_empty(value: object) -> str:
    """Raise `InvalidValueType`: the text of an empty value depends on the column's type."""
    raise InvalidValueType(
        "EMPTY has no literal without its column's type: use a prepared statement, or typed_literal"
    )
