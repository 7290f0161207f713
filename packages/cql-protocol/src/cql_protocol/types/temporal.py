"""Timestamps, dates, times and durations."""

from __future__ import annotations

import datetime
from math import floor, isfinite
from operator import index
from struct import Struct
from struct import error as StructError

from cql_protocol.errors import DecodeError, InvalidValue, InvalidValueType, ValueOutOfRange
from cql_protocol.types.base import SimpleType, bad_size, pack_signed, show, unpack_signed
from cql_protocol.values.duration import Duration
from cql_protocol.values.temporal import Date, Time, Timestamp

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_protocol.types.base import Reader, ReadOptions

__all__ = ["DATE", "DURATION", "TIME", "TIMESTAMP"]

_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_UTC = _EPOCH.replace(tzinfo=datetime.UTC)
_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()
_MILLISECOND = datetime.timedelta(milliseconds=1)
_MS_PER_DAY = 86_400_000
_NS_PER_DAY = 86_400_000_000_000
_DATE_OFFSET = 1 << 31

# Filling the slot saves the search for what the value is made of, and most of the time.
_set_days = vars(Date)["days_from_epoch"].__set__
_set_nanoseconds = vars(Time)["nanosecond_time"].__set__
_set_parts = [vars(Duration)[name].__set__ for name in ("months", "days", "nanoseconds")]
_INT_MAX = (1 << 31) - 1

_long = Struct(">q")
_unsigned = Struct(">I")


def moment_parts(options: ReadOptions) -> tuple[datetime.datetime, datetime.timedelta]:
    """Return what datetimes are made of: ``epoch + millisecond * count``; it may overflow."""
    return (_EPOCH_UTC if options.aware_datetimes else _EPOCH), _MILLISECOND


class _TimestampType(SimpleType):
    __slots__ = ()

    def encode(self, value: Any) -> bytes:
        """Return the milliseconds from the epoch of a moment.

        A naive datetime is UTC, an aware one is converted; what is finer than a millisecond is
        cut off, towards the past. A date is its midnight in UTC, a number is milliseconds.
        """
        milliseconds: Any
        if isinstance(value, datetime.datetime):
            if value.tzinfo is None:
                milliseconds = (value - _EPOCH) // _MILLISECOND
            elif value.utcoffset() is None:
                milliseconds = (value.replace(tzinfo=None) - _EPOCH) // _MILLISECOND
            else:
                milliseconds = (value - _EPOCH_UTC) // _MILLISECOND
        elif isinstance(value, Timestamp):
            milliseconds = value.milliseconds
        elif isinstance(value, datetime.date):
            milliseconds = (value.toordinal() - _EPOCH_ORDINAL) * _MS_PER_DAY
        elif isinstance(value, float) and isfinite(value):
            milliseconds = floor(value)
        else:
            milliseconds = value
        try:
            return _long.pack(milliseconds)
        except StructError:
            return self._encode_other(value, "a datetime, a date or milliseconds")

    def _encode_other(self, value: Any, expected: str) -> bytes:
        try:
            index(value)
        except TypeError:
            if not isinstance(value, float):
                return super()._encode_other(value, expected)
        raise ValueOutOfRange(f"{self.name}: {show(value)} milliseconds are out of range")

    def _make_reader(self, options: ReadOptions) -> Reader:
        empty, name, unpack = options.empty, self.name, _long.unpack
        epoch, millisecond = moment_parts(options)

        def read(cell: bytes) -> Any:
            try:
                return epoch + millisecond * unpack(cell)[0]
            except OverflowError:
                return Timestamp(unpack(cell)[0])
            except StructError:
                return bad_size(name, cell, "8") if cell else empty

        return read


class _DateType(SimpleType):
    __slots__ = ()

    def encode(self, value: Any) -> bytes:
        """Return the day, 2^31 being the epoch (spec section 6.5).

        An int counts days from the epoch, as `Date` does; a datetime gives its own calendar day.
        """
        if isinstance(value, datetime.date):
            return _unsigned.pack(value.toordinal() - _EPOCH_ORDINAL + _DATE_OFFSET)
        try:
            days = Date(value).days_from_epoch
        except InvalidValueType:
            return self._encode_other(value, "a date, a Date, a text or days from the epoch")
        except InvalidValue as error:
            raise ValueOutOfRange(f"{self.name}: {error}") from None
        return _unsigned.pack(days + _DATE_OFFSET)

    def _make_reader(self, options: ReadOptions) -> Reader:
        empty, name, unpack = options.empty, self.name, _unsigned.unpack
        new, date, set_days = object.__new__, Date, _set_days

        def read(cell: bytes) -> Any:
            try:
                days = unpack(cell)[0] - _DATE_OFFSET
            except StructError:
                return bad_size(name, cell, "4") if cell else empty
            made = new(date)
            set_days(made, days)
            return made

        return read


class _TimeType(SimpleType):
    __slots__ = ()

    def encode(self, value: Any) -> bytes:
        """Return the nanoseconds since midnight of a time, a `Time`, a text or an int."""
        try:
            return _long.pack(Time(value).nanosecond_time)
        except InvalidValueType:
            return self._encode_other(value, "a time, a Time, a text or nanoseconds")
        except InvalidValue as error:
            raise ValueOutOfRange(f"{self.name}: {error}") from None

    def _make_reader(self, options: ReadOptions) -> Reader:
        empty, name, unpack = options.empty, self.name, _long.unpack
        new, time, set_nanoseconds = object.__new__, Time, _set_nanoseconds

        def read(cell: bytes) -> Any:
            try:
                nanoseconds = unpack(cell)[0]
            except StructError:
                return bad_size(name, cell, "8") if cell else empty
            if not 0 <= nanoseconds < _NS_PER_DAY:
                raise DecodeError(f"{name}: {nanoseconds} nanoseconds are no time of a day")
            made = new(time)
            set_nanoseconds(made, nanoseconds)
            return made

        return read


class _DurationType(SimpleType):
    __slots__ = ()

    def encode(self, value: Any) -> bytes:
        """Return months, days and nanoseconds of a `Duration`, or of a timedelta."""
        if isinstance(value, datetime.timedelta):
            value = Duration.from_timedelta(value)
        if not isinstance(value, Duration):
            return self._encode_other(value, "a Duration or a timedelta")
        return pack_signed(value.months) + pack_signed(value.days) + pack_signed(value.nanoseconds)

    def _make_reader(self, options: ReadOptions) -> Reader:
        empty, name = options.empty, self.name
        new, duration, (set_months, set_days, set_nanoseconds) = (
            object.__new__,
            Duration,
            _set_parts,
        )

        def read(cell: bytes) -> Any:
            if not cell:
                return empty
            try:
                months, at = unpack_signed(cell, 0)
                days, at = unpack_signed(cell, at)
                nanoseconds, at = unpack_signed(cell, at)
            except IndexError:
                raise DecodeError(f"{name}: the value ends early") from None
            if at != len(cell):
                raise DecodeError(f"{name}: {len(cell) - at} bytes follow the value")
            if months | days | nanoseconds >= 0 and months <= _INT_MAX and days <= _INT_MAX:
                made = new(duration)
                set_months(made, months)
                set_days(made, days)
                set_nanoseconds(made, nanoseconds)
                return made
            try:
                return Duration(months, days, nanoseconds)
            except InvalidValue as error:
                raise DecodeError(f"{name}: {error}") from None

        return read


TIMESTAMP = _TimestampType(0x0B, "timestamp", "TimestampType", 8)
DATE = _DateType(0x11, "date", "SimpleDateType")
TIME = _TimeType(0x12, "time", "TimeType")
DURATION = _DurationType(0x15, "duration", "DurationType")
