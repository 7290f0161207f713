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
