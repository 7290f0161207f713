# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The values of a statement's markers, written straight into the bytes of a request."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport uint32_t

from cql_speedups.buffer cimport Buffer, begin, end, need, put_bytes
from cql_speedups.container_writers cimport writer_of
from cql_speedups.wire cimport put32
from cql_speedups.writers cimport Writer, put_cell

from cql_protocol.values.sentinels import UNSET

__all__ = ["RowEncoder"]

cdef enum:
    MOST = 256  # markers of a statement that `encode` takes

cdef object unset = UNSET
cdef uint32_t NULL_CELL = 0xFFFFFFFF
cdef uint32_t UNSET_CELL = 0xFFFFFFFE


cdef class RowEncoder:
    """Encodes the values of one statement. `keys` are the markers that may not be null."""

    def __cinit__(self, columns, keys=()):
        self.count = len(columns)
        self._keys = <bint *>PyMem_Calloc(max(1, self.count), sizeof(bint))
        if self._keys == NULL:
            raise MemoryError
        self._writers = tuple([writer_of(column) for column in columns])
        self._encoders = tuple([column.encode for column in columns])
        cdef Py_ssize_t at
        for at in keys:
            if not 0 <= at < self.count:
                raise IndexError(f"marker {at} of {self.count}")
            self._keys[at] = True

    def __dealloc__(self):
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
        cdef Writer writer
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
                continue
            writer = <Writer>self._writers[at]
            if writer is None or not put_cell(writer, buffer, value):
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
        cdef Py_ssize_t[MOST + 1] cells
        if self.count > MOST or (type(values) is not tuple and type(values) is not list):
            return None
        begin(&buffer)
        try:
            if not self.put(values, &buffer, allow_unset, cells):
                return None
            return PyBytes_FromStringAndSize(buffer.data, buffer.size)
        finally:
            end(&buffer)
