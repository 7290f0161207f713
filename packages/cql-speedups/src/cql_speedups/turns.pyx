# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Turns of a loop that its callers drive; the twin of `cql_driver.runtimes.turns`.

What must hold, beside what `cql_driver.runtimes.leader` says:

- No code of Python runs, and no signal's exception comes, between the taking of the token and
  the `try` whose end gives it back.
- After signals are looked at, the leader looks whether it is done: a handler could make it so,
  and the leader would sleep in vain.
- Who sleeps says so, then looks at the queue of calls; who leaves a call does it the other way
  round. So the flag is swapped with a barrier, which a build without the GIL needs.
"""

from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EINTR, errno
from libc.math cimport ceil

from cql_speedups.attempts cimport FirstAttempt
from cql_speedups.sockets cimport SocketStream

import os
from _thread import allocate_lock, get_ident
from collections import deque
from time import monotonic

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident()

cdef extern from "turns.h" nogil:
    const int has_epoll
    ctypedef struct Event:
        unsigned int events
    int event_fd(const Event *event)
    int swap_flag(Flag *flag, int value)
    int sleep_in_epoll(int epoll, Event *events, int most, int milliseconds)
    double clock_seconds()

__all__ = ["Shared", "Turns"]

cdef enum:
    READ = 1  # the bits of cql_driver.runtimes.system
    WRITE = 4
    MOST_EVENTS = 256

cdef double LONGEST = 86400.0  # seconds of a sleep

# In a process that gevent or eventlet has patched, green threads have numbers of their own.
cdef bint is_green = type(get_ident) is not type(len)


cdef class Shared:
    """What loop and background thread both hold."""

    def __init__(self, poller, waker):
        self.poller = poller
        self.waker = waker
        self.nap = allocate_lock()
        self.nap.acquire()
        self.epoll = getattr(poller, "epoll_fd", -1) if has_epoll else -1

    @property
    def sleeping(self):
        """The leader is about to sleep and looks at its queue once more, or sleeps."""
        return self.asleep != 0

    @sleeping.setter
    def sleeping(self, bint sleeping):
        swap_flag(&self.asleep, sleeping)

    def wake(self):
        """Wake the leader if it sleeps. Any thread."""
        if swap_flag(&self.asleep, 0):
            try:
                self.waker.ring()
            except OSError:
                pass  # full, so awake; or closed

    def end(self):
        """Have the thread end."""
        self.ended = True
        try:
            self.waker.ring()
        except OSError:
            pass
        try:
            self.nap.release()
        except RuntimeError:
            pass  # it is released already

    def close(self):
        """Close the descriptors."""
        self.ended = True
        self.epoll = -1
        self.waker.close()
        self.poller.close()


cdef class Token:
    """What the thread has that leads; to others a list, which holds one item or none."""

    def __len__(self):
        return self.there

    def __delitem__(self, index):
        if not swap_flag(&self.there, 0):
            raise IndexError(index)

    def append(self, item):
        """Give it back."""
        swap_flag(&self.there, 1)

    def clear(self):
        """Have nobody take it."""
        swap_flag(&self.there, 0)


cdef inline double now():
    return clock_seconds() if has_epoll else monotonic()


cdef class Turns:
    """The part of a led loop that is busy; who leads when is said in `LedRuntime`."""

    def __cinit__(self, *args, **kwargs):
        from cql_driver.runtimes.timers import Timers

        self._free = Token.__new__(Token)
        self._ready, self._users, self._followers = deque(), deque(), deque()
        self._timers = Timers()
        self._heap = self._timers.heap  # which is changed and never replaced
        self._handlers = {}

    # --- leading ------------------------------------------------------------------------------

    def perform(self, function, waitable):
        """Have the loop call the function, and wait until `waitable` is done. Any thread."""
        if isinstance(waitable, FirstAttempt):
            self.drive(function, waitable, <FirstAttempt>waitable)
        else:
            self.drive(function, waitable, None)

    cdef int drive(self, object function, object waitable, FirstAttempt request) except -1:
        """Do as `perform`; a request may be given twice, and is started where `function` is None."""
        cdef unsigned long ident = get_ident() if is_green else PyThread_get_thread_ident()
        if not swap_flag(&self._free.there, 0):
            if function is None:
                function = (<object>request).start
            self._perform_led(function, waitable, ident)
            return 0
        self._owner = ident
        try:
            self.activity += 1
            if function is None:
                request.begin()
            else:
                function()
            if len(self._ready):
                self.run_ready()
            while not (self.ended or (waitable.done if request is None else request.done)):
                PyErr_CheckSignals()
                if self.ended or (waitable.done if request is None else request.done):
                    break
                self._turn(-1.0)
            if len(self._ready) or len(self._users):
                self.settle()
        finally:
            self._owner = 0
            if not self.ended:
                swap_flag(&self._free.there, 1)
            self.hand_on()
        if not waitable.done:
            raise self._refusal()
        return 0

    def _after_leading(self):
        """Have somebody else lead who has a reason to."""
        self.hand_on()

    cdef int hand_on(self) except -1:
        if (
            len(self._followers)
            or len(self._ready)
            or self.unattended
            or len(self._users)
            or (self._shared is not None and self._shared.wanted)
        ):
            self._hand_over()
        return 0

    # --- one turn -----------------------------------------------------------------------------

    def turn(self, deadline=None):
        """Do one turn of the loop, sleeping until `deadline` at most. By the leader."""
        self._turn(-1.0 if deadline is None else max(0.0, <double>deadline))

    def before_poll(self, deadline):
        """Return how long to sleep, having announced it. By the leader."""
        return self._before(-1.0 if deadline is None else max(0.0, <double>deadline))

    def after_poll(self, list events):
        """Handle what the sleep gave. By the leader."""
        for fd, mask in events:
            self._serve(fd, mask)
        self._after(not events)

    cdef double _before(self, double deadline) except -2.0:
        # Nothing of Python is called here: it could make done what the leader waits for.
        cdef double timeout = -1.0, time, left
        self._late = False
        if deadline >= 0.0 or self._heap:
            time = now()
            if self._heap:
                timeout = <double>(<tuple>self._heap[0])[0] - time
                if timeout <= 0.0:
                    timeout = 0.0
                    self._late = True
            if deadline >= 0.0:
                left = deadline - time if deadline > time else 0.0
                timeout = left if timeout < 0.0 or left < timeout else timeout
        if not self._depth and len(self._users):
            timeout = 0.0
        swap_flag(&self._shared.asleep, 1)
        if len(self._ready):
            return 0.0
        return timeout if timeout < LONGEST else LONGEST

    cdef int _turn(self, double deadline) except -1:
        cdef Event events[MOST_EVENTS]
        cdef Shared shared = self._shared
        cdef double timeout = self._before(deadline)
        cdef int count, i, milliseconds
        if shared.epoll < 0:
            found = shared.poller.poll(timeout, MOST_EVENTS)
            swap_flag(&shared.asleep, 0)
            self.after_poll(found)
            return 0
        # Never too short, or the loop would spin for what is left.
        milliseconds = -1 if timeout < 0.0 else <int>ceil(timeout * 1e3)
        with nogil:
            count = sleep_in_epoll(shared.epoll, events, MOST_EVENTS, milliseconds)
        swap_flag(&shared.asleep, 0)
        if count < 0:
            if errno != EINTR:
                raise OSError(errno, os.strerror(errno))
            count = 0  # a signal, which the caller looks at
        for i in range(count):
            self._serve(event_fd(&events[i]), events[i].events)
        return self._after(count == 0)

    cdef int _serve(self, int fd, int mask) except -1:
        cdef object handler = self._handlers.get(fd)
        if handler is None:
            return 0  # closed by what came before in this turn
        try:
            if mask != WRITE:
                if isinstance(handler, SocketStream):
                    (<SocketStream>handler).take()
                else:
                    handler.on_readable()
            if mask != READ:
                handler.on_writable()
        except Exception:
            from cql_driver.runtimes.turns import logger

            logger.exception("The event loop failed on a connection")
        return 0

    cdef int _after(self, bint nothing) except -1:
        if self._late or nothing:
            self._timers.move_due(now(), self._ready)
        if len(self._ready):
            self.run_ready()
        if not self._depth and len(self._users):
            self.run_users()
        return 0
