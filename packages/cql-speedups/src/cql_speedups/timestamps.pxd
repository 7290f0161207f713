from libc.stdint cimport int64_t

cdef class LastTimestamp:
    cdef public int64_t last
    cdef public object _lock
    cdef int64_t after(self, int64_t now)
    cdef object by_clock(self)
