# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The last timestamp of a generator; the twin of cql_driver.timestamps."""

cimport cython
from libc.stdint cimport int64_t

from _thread import allocate_lock

cdef extern from *:
    """
    #include <time.h>
    static inline int64_t microseconds(void) {
        struct timespec now;
        timespec_get(&now, TIME_UTC);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    }
    """
    int64_t microseconds()

__all__ = ["LastTimestamp"]


cdef class LastTimestamp:
    """The last timestamp of a generator, which many threads take and replace."""

    def __init__(self):
        self._lock = allocate_lock()

    def follow(self, int64_t now):
        """Return `now`, or one more than the last timestamp where that is later."""
        return self.after(now)

    cdef int64_t after(self, int64_t now):
        # With a GIL nothing here lets another thread come between.
        cdef int64_t last
        with cython.critical_section(self):
            last = self.last = now if now > self.last else self.last + 1
        return last

    cdef object by_clock(self):
        cdef int64_t now = microseconds(), last = self.after(now)
        if last > now:
            self.check_drift(last - now)
        return last
