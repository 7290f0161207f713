from libc.stdint cimport int64_t

from cql_speedups.outbox cimport Encoded

cdef class FirstAttempt

cdef class Completion:
    # What is told of the end of a request, without a call of Python: its `complete`.
    cdef int completed(self, FirstAttempt request) except -1

cdef class FirstAttempt(Encoded):
    cdef public bint done
    cdef public object waiter
    cdef public object complete
    cdef public object future
    cdef public object host
    cdef public object link
    cdef public object more
    cdef public object options
    cdef public object outcome
    cdef public object session
    cdef public object timeout
    cdef public int64_t expires
    cdef public int stream
    # The statement and the message, where they were made; else they are made of what follows.
    cdef object bound
    cdef object sent
    cdef object prepared
    cdef object timestamp
    cdef int begin(self) except -1
    cdef object _pick(self, object pick)
    cdef object make_bound(self)
    cdef int wake(self) except -1
    cdef int told(self) except -1
    cdef bint _send(self, object pool, object link, object host) except -1

cdef int look_up() except -1
