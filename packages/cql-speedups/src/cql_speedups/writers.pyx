# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Writers of the simple types: a value to the bytes of one cell.

Each writes only what is beyond doubt, such as an exact int that fits, or an exact str. Anything
else is left to the encoder that the type has in `cql_protocol`, which also knows what is wrong
with it. No writer runs code of the application.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsDouble, PyLong_CheckExact
from cpython.unicode cimport PyUnicode_AsUTF8String, PyUnicode_CheckExact
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t

from cql_speedups.buffer cimport Buffer, need, put_bytes
from cql_speedups.wire cimport put16, put32, put64, put_double

from cql_protocol.types.base import INSTANCES

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object number, int *overflow) except? -1
    int PyFloat_Pack4(double value, char *place, int little) except -1
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    void *PyUnicode_DATA(object text)

# Not what Cython has for datetime: it would import that module with this one.
cdef extern from "numbers.h":
    int load_datetime() except -1
    bint PyDate_CheckExact(object value) noexcept
    bint PyDateTime_CheckExact(object value) noexcept
    bint PyTime_CheckExact(object value) noexcept
    bint is_naive(object moment) noexcept
    bint is_utc(object moment) noexcept
    bint is_aware(object clock) noexcept
    int64_t days_of(object day) noexcept
    int64_t microseconds_of(object moment) noexcept
    int64_t microseconds_of_clock(object clock) noexcept
    Py_ssize_t put_shortest(char *place, int64_t number) noexcept
    int vint_size(uint64_t number) noexcept
    void put_vint(char *place, uint64_t number, int size) noexcept
    uint64_t folded(int64_t number) noexcept
    int put_128_bits(object number, char *place) noexcept
    int parse_address(const char *text, Py_ssize_t size, char *place) noexcept
    int parse_decimal(
        const char *text, Py_ssize_t size, int64_t *digits, int64_t *scale
    ) noexcept

__all__ = []

cdef int64_t EPOCH_DAY = 1 << 31
cdef int64_t MS_PER_DAY = 86_400_000
cdef int64_t NS_PER_DAY = 86_400_000_000_000


cdef class Writer:
    """The writer of one type."""

    cdef int put(self, Buffer *buffer, object value) except -1:
        """Write the bytes of a value; 0, whatever was written, when Python is to do it."""
        raise NotImplementedError


cdef inline bint fits(object value, int64_t *number) except -1:
    """Give the number of an exact int of 64 bits."""
    cdef int overflow = 0
    if not PyLong_CheckExact(value):
        return False
    number[0] = PyLong_AsLongLongAndOverflow(value, &overflow)
    return not overflow


cdef inline int put_number(Buffer *buffer, int64_t number) except -1:
    put64(need(buffer, 8), <uint64_t>number)
    return 1


@cython.final
cdef class Whole(Writer):
    """Integers of a fixed size."""

    cdef int size

    def __init__(self, size):
        self.size = size
        self.order = SIGNED

    cdef int put(self, Buffer *buffer, object value) except -1:
        cdef int64_t number = 0
        if not fits(value, &number):
            return 0
        if self.size == 8:
            return put_number(buffer, number)
        if self.size == 4:
            if number != <int32_t>number:
                return 0
            put32(need(buffer, 4), <uint32_t>number)
        elif self.size == 2:
            if number != <int16_t>number:
                return 0
            put16(need(buffer, 2), <uint16_t>number)
        else:
            if number != <int8_t>number:
                return 0
            need(buffer, 1)[0] = <char>number
        return 1


@cython.final
cdef class Varint(Writer):
    cdef int put(self, Buffer *buffer, object value) except -1:
        cdef int64_t number = 0
        cdef char[8] place
        if not fits(value, &number):
            return 0
        put_bytes(buffer, place, put_shortest(place, number))
        return 1


cdef inline bint as_double(object value, double *number) except -1:
    """Give the number of an exact float or int."""
    if PyFloat_CheckExact(value):
        number[0] = PyFloat_AS_DOUBLE(value)
        return True
    if not PyLong_CheckExact(value):
        return False
    try:
        number[0] = PyLong_AsDouble(value)
    except OverflowError:
        return False
    return True


@cython.final
cdef class Float(Writer):
    cdef int put(self, Buffer *buffer, object value) except -1:
        cdef double number = 0
        if not as_double(value, &number):
            return 0
        try:
            PyFloat_Pack4(number, need(buffer, 4), 0)
        except OverflowError:
            return 0
        return 1


@cython.final
cdef class Double(Writer):
    cdef int put(self, Buffer *buffer, object value) except -1:
        cdef double number = 0
        if not as_double(value, &number):
            return 0
        put_double(need(buffer, 8), number)
        return 1


@cython.final
cdef class Boolean(Writer):
    cdef int put(self, Buffer *buffer, object value) except -1:
        if value is not True and value is not False:
            return 0
        need(buffer, 1)[0] = value is True
        return 1


@cython.final
cdef class Text(Writer):
    cdef bint ascii_only

    cdef int put(self, Buffer *buffer, object value) except -1:
        cdef bytes encoded
        if not PyUnicode_CheckExact(value):
            return 0
        if PyUnicode_IS_ASCII(value):
            put_bytes(buffer, <char *>PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value))
            return 1
        if self.ascii_only:
            return 0
        try:
            encoded = PyUnicode_AsUTF8String(value)
        except UnicodeEncodeError:
            return 0
        put_bytes(buffer, PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded))
        return 1


@cython.final
cdef class Blob(Writer):
    cdef int put(self, Buffer *buffer, object value) except -1:
        if not PyBytes_CheckExact(value):
            return 0
        put_bytes(buffer, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
        return 1


@cython.final
cdef class Uuid(Writer):
    cdef object cls
    cdef bint by_time

    cdef int put(self, Buffer *buffer, object value) except -1:
        cdef char *place
        if type(value) is not self.cls:
            return 0
        number = value.int
        if not PyLong_CheckExact(number):
            return 0
        place = need(buffer, 16)
        if not put_128_bits(number, place):
            return 0
        return not self.by_time or place[6] & 0xF0 == 0x10


@cython.final
cdef class Inet(Writer):
    cdef object short
    cdef object long

    cdef int put(self, Buffer *buffer, object value) except -1:
        cdef int64_t number = 0
        if PyUnicode_CheckExact(value) and PyUnicode_IS_ASCII(value):
            return parse_address(
                <char *>PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value), need(buffer, 4)
            )
        if type(value) is self.short:
            if not fits(value._ip, &number):
                return 0
            put32(need(buffer, 4), <uint32_t>number)
            return 1
        if type(value) is not self.long or value.scope_id is not None:
            return 0
        return put_128_bits(value._ip, need(buffer, 16))


@cython.final
cdef class Moment(Writer):
    cdef object cls

    cdef int put(self, Buffer *buffer, object value) except -1:
        cdef int64_t number = 0
        if PyDateTime_CheckExact(value):
            if not is_naive(value) and not is_utc(value):
                return 0
            number = days_of(value) * MS_PER_DAY + microseconds_of(value) // 1000
            return put_number(buffer, number)
        if PyDate_CheckExact(value):
            return put_number(buffer, days_of(value) * MS_PER_DAY)
        if not fits(value.milliseconds if type(value) is self.cls else value, &number):
            return 0
        return put_number(buffer, number)


@cython.final
cdef class Day(Writer):
    cdef object cls

    cdef int put(self, Buffer *buffer, object value) except -1:
        cdef int64_t days = 0
        if PyDate_CheckExact(value) or PyDateTime_CheckExact(value):
            days = days_of(value)
        elif not fits(value.days_from_epoch if type(value) is self.cls else value, &days):
            return 0
        if days != <int32_t>days:
            return 0
        put32(need(buffer, 4), <uint32_t>(days + EPOCH_DAY))
        return 1


@cython.final
cdef class Clock(Writer):
    cdef object cls

    cdef int put(self, Buffer *buffer, object value) except -1:
        cdef int64_t number = 0
        if PyTime_CheckExact(value):
            if is_aware(value):
                return 0
            number = microseconds_of_clock(value) * 1000
        elif not fits(value.nanosecond_time if type(value) is self.cls else value, &number):
            return 0
        return put_number(buffer, number) if 0 <= number < NS_PER_DAY else 0


@cython.final
cdef class Span(Writer):
    cdef object cls

    cdef int put(self, Buffer *buffer, object value) except -1:
        cdef int64_t number = 0
        cdef int size
        if type(value) is not self.cls:
            return 0
        for part in (value.months, value.days, value.nanoseconds):
            if not fits(part, &number):
                return 0
            size = vint_size(folded(number))
            put_vint(need(buffer, size), folded(number), size)
        return 1


@cython.final
cdef class Decimal(Writer):
    cdef object cls

    cdef int put(self, Buffer *buffer, object value) except -1:
        cdef int64_t digits = 0, scale = 0
        cdef char[8] place
        if type(value) is not self.cls:
            return 0
        text = str(value)
        if not parse_decimal(
            <char *>PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text), &digits, &scale
        ):
            return 0
        put32(need(buffer, 4), <uint32_t>scale)
        put_bytes(buffer, place, put_shortest(place, digits))
        return 1


cdef dict SIZES = {"bigint": 8, "counter": 8, "int": 4, "smallint": 2, "tinyint": 1}
cdef dict OTHERS = {
    "blob": (Blob, BY_BYTES),
    "boolean": (Boolean, BY_BYTES),
    "double": (Double, UNKNOWN),
    "float": (Float, UNKNOWN),
    "text": (Text, BY_BYTES),
    "varint": (Varint, UNKNOWN),
}


cdef Writer simple_writer(object cql_type):
    """Return the writer of a type without parameters; None where Python writes all values."""
    cdef object name = cql_type.name, kind
    cdef Writer writer
    if INSTANCES.get(name) is not cql_type:
        return None
    if name in SIZES:
        return Whole(SIZES[name])
    if name in OTHERS:
        kind, order = OTHERS[name]
        writer = kind()
        writer.order = order
        return writer
    return writer_of_instances(name)


cdef Writer writer_of_instances(str name):
    """Return the writer of a type whose values are instances of a class written in Python."""
    if name == "ascii":
        return ascii_writer()
    if name == "uuid" or name == "timeuuid":
        return uuid_writer(name == "timeuuid")
    if name == "inet":
        return inet_writer()
    if name == "decimal":
        return decimal_writer()
    from cql_protocol.values import Date, Duration, Time, Timestamp

    load_datetime()
    cdef Moment moment = Moment()
    cdef Day day = Day()
    cdef Clock clock = Clock()
    cdef Span span = Span()
    moment.order = SIGNED
    moment.cls, day.cls, clock.cls, span.cls = Timestamp, Date, Time, Duration
    return {"timestamp": moment, "date": day, "time": clock, "duration": span}.get(name)


cdef Writer ascii_writer():
    cdef Text writer = Text()
    writer.ascii_only = True
    return writer


cdef Writer uuid_writer(bint by_time):
    from uuid import UUID

    cdef Uuid writer = Uuid()
    writer.cls, writer.by_time = UUID, by_time
    writer.order = AS_TIMEUUID if by_time else AS_UUID
    return writer


cdef Writer inet_writer():
    from ipaddress import IPv4Address, IPv6Address

    cdef Inet writer = Inet()
    writer.short, writer.long = IPv4Address, IPv6Address
    return writer


cdef Writer decimal_writer():
    from cql_protocol.types.numbers import _decimal

    cdef Decimal writer = Decimal()
    writer.cls = _decimal()[0]
    writer.order = UNKNOWN
    return writer
