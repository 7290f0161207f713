# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The values of a statement's markers, written straight into the bytes of a request.

Only what is beyond doubt is written here: an exact int that fits, an exact str. Anything else is
left to the encoder that the type has in `cql_protocol`, which also knows what is wrong with it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.datetime cimport (
    PyDateTime_CheckExact,
    PyDateTime_IMPORT,
    datetime_day,
    datetime_hour,
    datetime_microsecond,
    datetime_minute,
    datetime_month,
    datetime_second,
    datetime_tzinfo,
    datetime_year,
)
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_CheckExact
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.unicode cimport PyUnicode_CheckExact
from libc.stdint cimport INT32_MAX, int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from cql_speedups.wire cimport put16, put32, put64, put_double

from uuid import UUID

from cql_protocol import types
from cql_protocol.values import UNSET

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    long long PyLong_AsLongLongAndOverflow(object number, int *overflow) except? -1

PyDateTime_IMPORT

__all__ = ["RowEncoder"]

cdef enum:
    OTHER
    TEXT
    TINYINT
    SMALLINT
    INT
    BIGINT
    DOUBLE
    BOOLEAN
    UUID_
    TIMESTAMP
    BLOB

cdef dict KINDS = {
    types.TEXT: TEXT,
    types.VARCHAR: TEXT,
    types.TINYINT: TINYINT,
    types.SMALLINT: SMALLINT,
    types.INT: INT,
    types.BIGINT: BIGINT,
    types.COUNTER: BIGINT,
    types.DOUBLE: DOUBLE,
    types.BOOLEAN: BOOLEAN,
    types.UUID: UUID_,
    types.TIMEUUID: UUID_,
    types.TIMESTAMP: TIMESTAMP,
    types.BLOB: BLOB,
}
cdef object unset = UNSET
cdef object uuid_class = UUID

cdef uint32_t NULL_CELL = 0xFFFFFFFF
cdef uint32_t UNSET_CELL = 0xFFFFFFFE


cdef void begin(Buffer *buffer) noexcept:
    buffer.data = buffer.first
    buffer.size = 0
    buffer.room = sizeof(buffer.first)
    buffer.heap = NULL


cdef void end(Buffer *buffer) noexcept:
    PyMem_Free(buffer.heap)
    buffer.heap = NULL


cdef char *need(Buffer *buffer, Py_ssize_t count) except NULL:
    """Return where `count` more bytes go, which count as written from now on."""
    cdef Py_ssize_t room
    cdef char *heap
    if count > buffer.room - buffer.size:
        if count > INT32_MAX - buffer.size:
            raise OverflowError("a request of 2 GiB")
        room = 2 * (buffer.size + count)
        heap = <char *>PyMem_Realloc(buffer.heap, room)
        if heap == NULL:
            raise MemoryError
        if buffer.heap == NULL:
            memcpy(heap, buffer.first, buffer.size)
        buffer.data = buffer.heap = heap
        buffer.room = room
    cdef char *place = buffer.data + buffer.size
    buffer.size += count
    return place


cdef int put_bytes(Buffer *buffer, const char *data, Py_ssize_t size) except -1:
    memcpy(need(buffer, size), data, size)
    return 0


cdef inline int64_t days_from_civil(int64_t year, int month, int day) noexcept:
    """Return the days from 1970-01-01 to a day of the proleptic Gregorian calendar."""
    year -= month <= 2
    cdef int64_t era = (year if year >= 0 else year - 399) // 400
    cdef int64_t of_era = year - era * 400
    cdef int64_t of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


cdef inline int64_t milliseconds(object moment) except? -1:
    """Return those from the epoch to a naive datetime; what is finer is cut off."""
    cdef int64_t days = days_from_civil(
        datetime_year(moment), datetime_month(moment), datetime_day(moment)
    )
    cdef int64_t seconds = (
        datetime_hour(moment) * 3600 + datetime_minute(moment) * 60 + datetime_second(moment)
    )
    return (days * 86400 + seconds) * 1000 + datetime_microsecond(moment) // 1000


cdef inline int put_number(Buffer *buffer, int kind, object value) except -1:
    """Write an int; return 0 when it does not fit."""
    cdef int overflow = 0
    cdef int64_t number = PyLong_AsLongLongAndOverflow(value, &overflow)
    cdef char *place
    if overflow:
        return 0
    if kind == INT:
        if number != <int32_t>number:
            return 0
        place = need(buffer, 8)
        put32(place, 4)
        put32(place + 4, <uint32_t>number)
    elif kind == BIGINT:
        place = need(buffer, 12)
        put32(place, 8)
        put64(place + 4, number)
    elif kind == SMALLINT:
        if number != <int16_t>number:
            return 0
        place = need(buffer, 6)
        put32(place, 2)
        put16(place + 4, <int16_t>number)
    else:
        if number != <int8_t>number:
            return 0
        place = need(buffer, 5)
        put32(place, 1)
        place[4] = <int8_t>number
    return 1


cdef int put_uuid(Buffer *buffer, object value) except -1:
    cdef bytes packed = (<object>value.int).to_bytes(16, "big")
    cdef char *place = need(buffer, 20)
    put32(place, 16)
    memcpy(place + 4, PyBytes_AS_STRING(packed), 16)
    return 1


cdef int put_value(Buffer *buffer, int kind, object value) except -1:
    """Write a cell; return 0, with nothing written, when the type's encoder has to see it."""
    cdef Py_ssize_t size
    cdef const char *text
    cdef char *place
    if kind == TEXT:
        if not PyUnicode_CheckExact(value):
            return 0
        text = PyUnicode_AsUTF8AndSize(value, &size)
        place = need(buffer, 4 + size)
        put32(place, <uint32_t>size)
        memcpy(place + 4, text, size)
        return 1
    if TINYINT <= kind <= BIGINT:
        return put_number(buffer, kind, value) if PyLong_CheckExact(value) else 0
    if kind == UUID_:
        return put_uuid(buffer, value) if type(value) is uuid_class else 0
    if kind == DOUBLE:
        if not PyFloat_CheckExact(value):
            return 0
        place = need(buffer, 12)
        put32(place, 8)
        put_double(place + 4, PyFloat_AS_DOUBLE(value))
        return 1
    if kind == BOOLEAN:
        if value is not True and value is not False:
            return 0
        place = need(buffer, 5)
        put32(place, 1)
        place[4] = value is True
        return 1
    if kind == TIMESTAMP:
        if not PyDateTime_CheckExact(value) or datetime_tzinfo(value) is not None:
            return 0
        place = need(buffer, 12)
        put32(place, 8)
        put64(place + 4, milliseconds(value))
        return 1
    if kind == BLOB and PyBytes_CheckExact(value):
        size = PyBytes_GET_SIZE(value)
        place = need(buffer, 4 + size)
        put32(place, <uint32_t>size)
        memcpy(place + 4, PyBytes_AS_STRING(value), size)
        return 1
    return 0


cdef class RowEncoder:
    """Encodes the values of one statement. `keys` are the markers that may not be null."""

    def __cinit__(self, columns, keys=()):
        self.count = len(columns)
        self._kinds = <int *>PyMem_Malloc(sizeof(int) * max(1, self.count))
        self._keys = <bint *>PyMem_Calloc(max(1, self.count), sizeof(bint))
        if self._kinds == NULL or self._keys == NULL:
            raise MemoryError
        self._encoders = tuple([column.encode for column in columns])
        cdef Py_ssize_t at
        for at, column in enumerate(columns):
            self._kinds[at] = KINDS.get(column, OTHER)
        for at in keys:
            self._keys[at] = True

    def __dealloc__(self):
        PyMem_Free(self._kinds)
        PyMem_Free(self._keys)

    cdef int put(
        self, object values, Buffer *buffer, bint allow_unset, Py_ssize_t *cells
    ) except -1:
        """Write the cells of a tuple or list of values, each with its length.

        `cells` gets where each begins. Return 0 when that is left to Python: the values are too
        many or too few, or one is not what the type wants. An error says no more than that.
        """
        cdef Py_ssize_t at
        cdef object value, encoded
        if len(values) != self.count:
            return 0
        for at in range(self.count):
            # An encoder may run code of the user's, which might shorten a list.
            if type(values) is tuple:
                value = (<tuple>values)[at]
            elif at < len(<list>values):
                value = (<list>values)[at]
            else:
                return 0
            cells[at] = buffer.size
            if value is None or value is unset:
                if self._keys[at] or (value is unset and not allow_unset):
                    return 0
                put32(need(buffer, 4), NULL_CELL if value is None else UNSET_CELL)
            elif not put_value(buffer, self._kinds[at], value):
                encoded = (<object>self._encoders[at])(value)
                if type(encoded) is not bytes:
                    return 0
                put32(need(buffer, 4), <uint32_t>PyBytes_GET_SIZE(encoded))
                put_bytes(buffer, PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded))
        cells[self.count] = buffer.size
        return 1

    def encode(self, values, bint allow_unset=True):
        """Return the cells as one bytes object, or None when that is left to Python."""
        cdef Buffer buffer
        cdef Py_ssize_t[257] cells
        if self.count > 256:
            return None
        begin(&buffer)
        try:
            if not self.put(values, &buffer, allow_unset, cells):
                return None
            return buffer.data[: buffer.size]
        finally:
            end(&buffer)
