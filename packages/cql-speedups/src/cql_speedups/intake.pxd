from libc.stdint cimport int64_t

from cql_speedups.outbox cimport Outbox

cdef class Intake(Outbox):
    cdef public object bytes_received
    cdef public object on_data
    cdef public int64_t heard
