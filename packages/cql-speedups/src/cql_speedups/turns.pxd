from cql_speedups.attempts cimport FirstAttempt

cdef extern from "turns.h":
    ctypedef int Flag

cdef class Shared:
    cdef public object poller
    cdef public object waker
    cdef public object nap
    cdef public bint wanted
    cdef public bint ended
    cdef Flag asleep
    cdef int epoll
    cdef int alarm
    cdef double rings
    cdef int ring_at(self, double when) except -1
    cdef int drop_alarm(self) except -1

cdef class Token:
    cdef Flag there

cdef class Turns:
    cdef readonly Token _free
    cdef public unsigned long _owner
    cdef public Py_ssize_t _depth
    cdef public object _ready
    cdef public object _users
    cdef public object _followers
    cdef public object _timers
    cdef public dict _handlers
    cdef public Shared _shared
    cdef public bint _has_thread
    cdef public Py_ssize_t activity
    cdef public Py_ssize_t unattended
    cdef public bint ended
    cdef list _heap
    cdef bint _late
    cdef int _milliseconds(self, Shared shared, double deadline) except -2
    cdef int drive(self, object function, object waitable, FirstAttempt request) except -1
    cdef int hand_on(self) except -1
    cdef double _before(self, double deadline) except -2.0
    cdef int _turn(self, double deadline) except -1
    cdef int _serve(self, int fd, int mask) except -1
    cdef int _after(self, bint nothing) except -1
