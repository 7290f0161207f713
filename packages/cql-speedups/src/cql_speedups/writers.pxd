# What writes a value as the bytes of one cell.
from cql_speedups.buffer cimport Buffer, need
from cql_speedups.wire cimport put32

cdef class Writer:
    # In which order the server keeps such values in sets, see container_writers.
    cdef readonly int order
    cdef int put(self, Buffer *buffer, object value) except -1

cdef enum:
    BY_BYTES
    SIGNED
    AS_UUID
    AS_TIMEUUID
    UNKNOWN

cdef Writer simple_writer(object cql_type)

cdef inline int put_cell(Writer writer, Buffer *buffer, object value) except -1:
    # Write a value with its length before it; 0, with nothing written, when Python is to do it.
    cdef Py_ssize_t start = buffer.size
    need(buffer, 4)
    if not writer.put(buffer, value):
        buffer.size = start
        return 0
    put32(buffer.data + start, <int>(buffer.size - start - 4))
    return 1
