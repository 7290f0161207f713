from cql_speedups.attempts cimport FirstAttempt
from cql_speedups.plans cimport Plan

cdef class Usual:
    # What a session's requests have alike, as long as none of its attributes changes.
    cdef object pools
    cdef object profile
    cdef object mark
    cdef object generator
    cdef object next_timestamp
    cdef object page_size
    cdef object decoder
    cdef object handler
    cdef bint timed
    cdef bint clocked
    cdef bint listened

cdef class RequestMaker:
    cdef public object session
    cdef Usual usual
    cdef object replaced
    cdef Py_ssize_t renewed
    cdef FirstAttempt make_usual(self, object query, object parameters, object profile)
    cdef Usual look(self)
    cdef Plan _find_plan(self, object snapshot, object options, object page_size, bint timed)

cdef int look_up() except -1
