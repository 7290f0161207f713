from libc.stdint cimport int64_t

from cql_speedups.frames cimport LargeFrame
from cql_speedups.outbox cimport Outbox

cdef class Intake(Outbox):
    cdef public object bytes_received
    cdef public object on_data
    cdef public int64_t heard
    cdef LargeFrame _large
    cdef int _give_large(self) except -1
    cdef int _received(self, object connection) except -1
