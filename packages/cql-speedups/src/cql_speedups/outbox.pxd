from libc.stdint cimport int64_t

from cql_speedups.frames cimport Receiver
from cql_speedups.plans cimport Plan
from cql_speedups.sockets cimport Sink

cdef class Encoded(Receiver):
    # A request that may be encoded already: a frame but for its stream, made by a plan.
    cdef Plan plan
    cdef bytes frame

cdef class Outbox(Sink):
    cdef public object connection
    cdef public object endpoint
    cdef public object runtime
    cdef public object transport
    cdef public object bytes_sent
    cdef public object streams
    cdef public list out
    cdef public bint closed
    cdef public bint _gathers
    cdef public int64_t _sent
    cdef list _waiting
    cdef list _free
    cdef int take(self, Encoded request) except -2
    cdef int write(self, data) except -1
