from cql_speedups.buffer cimport Buffer, begin, end, need, put_bytes

cdef class RowEncoder:
    cdef readonly Py_ssize_t count
    cdef bint *_keys
    cdef tuple _writers
    cdef tuple _encoders
    cdef int put(self, object values, Buffer *buffer, bint allow_unset, Py_ssize_t *cells) except -1
