# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Turns of a loop that its callers drive; the twin of `cql_driver.runtimes.turns`.

What must hold, beside what `cql_driver.runtimes.leader` says:

- No code of Python runs, and no signal's exception comes, between the taking of the token and
  the `try` whose end gives it back.
- After signals are looked at, the leader looks whether it is done: a handler could make it so,
  and the leader would sleep in vain.
- The time of the next timer is not what a sleep is given: most end long before, and to have the
  system set a timer for each and take it back costs more than all else here. An alarm is set when
  that time changes, and is one more thing to wake for.
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

cdef extern from *:
    """
    /* Of deques, nearly always empty; of anything else the length as well. */
    static inline Py_ssize_t how_many(PyObject *queue, PyObject *deque) {
        return Py_IS_TYPE(queue, (PyTypeObject *)deque) ? Py_SIZE(queue) : PyObject_Size(queue);
    }
    """
    Py_ssize_t how_many(object queue, object deque) except -1

cdef extern from "turns.h" nogil:
    const int has_epoll
    ctypedef struct Event:
        unsigned int events
    int event_fd(const Event *event)
    int swap_flag(Flag *flag, int value)
    int sleep_in_epoll(int epoll, Event *events, int most, int milliseconds)
    double clock_seconds()
    int make_alarm()
    int set_alarm(int alarm, double when)
    void silence_alarm(int alarm)
    void close_alarm(int alarm)

__all__ = ["Shared", "Turns"]

cdef enum:
    READ = 1  # the bits of cql_driver.runtimes.system
    WRITE = 4
    MOST_EVENTS = 256

cdef object queue_class = deque
cdef double LONGEST = 86400.0  # seconds of a sleep

# In a process that gevent or eventlet has patched, green threads have numbers of their own.
cdef bint is_green = type(get_ident) is not type(len)


cdef class Shared:
    """What loop and background thread both hold."""

    def __cinit__(self):
        self.alarm = -1

    def __init__(self, poller, waker):
        self.poller = poller
        self.waker = waker
        self.nap = allocate_lock()
        self.nap.acquire()
        self.epoll = getattr(poller, "epoll_fd", -1) if has_epoll else -1
        if self.epoll >= 0:
            self.alarm = make_alarm()
        if self.alarm >= 0:
            poller.register(self.alarm, READ)

    cdef int ring_at(self, double when) except -1:
        """Have the alarm ring at a time of `now`."""
        if set_alarm(self.alarm, when) < 0:
            raise OSError(errno, os.strerror(errno))
        self.rings = when
        return 0

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
        self.drop_alarm()

    cdef int drop_alarm(self) except -1:
        cdef int alarm = self.alarm
        self.alarm = -1
        if alarm >= 0:
            close_alarm(alarm)
        return 0

    def __dealloc__(self):
        self.drop_alarm()  # of a runtime that nobody closed


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
            if how_many(self._ready, queue_class):
                self.run_ready()
            while not (self.ended or (waitable.done if request is None else request.done)):
                PyErr_CheckSignals()
                if self.ended or (waitable.done if request is None else request.done):
                    break
                self._turn(-1.0)
            if how_many(self._ready, queue_class) or how_many(self._users, queue_class):
                self.settle()
        finally:
            self._owner = 0
            if not self.ended:
                swap_flag(&self._free.there, 1)
            self.hand_on()
        if not (waitable.done if request is None else request.done):
            raise self._refusal()
        return 0

    def _after_leading(self):
        """Have somebody else lead who has a reason to."""
        self.hand_on()

    cdef int hand_on(self) except -1:
        if (
            how_many(self._followers, queue_class)
            or how_many(self._ready, queue_class)
            or self.unattended
            or how_many(self._users, queue_class)
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
        if not self._depth and how_many(self._users, queue_class):
            timeout = 0.0
        swap_flag(&self._shared.asleep, 1)
        if how_many(self._ready, queue_class):
            return 0.0
        return timeout if timeout < LONGEST else LONGEST

    cdef int _milliseconds(self, Shared shared, double deadline) except -2:
        """Do as `_before`, with the alarm for timers."""
        cdef double timeout, due
        if shared.alarm < 0:
            timeout = self._before(deadline)
            # Never too short, or the loop would spin for what is left.
            return -1 if timeout < 0.0 else <int>ceil(timeout * 1e3)
        self._late = False
        if self._heap:
            due = <double>(<tuple>self._heap[0])[0]
            if due != shared.rings:
                shared.ring_at(due)
        timeout = -1.0
        if deadline >= 0.0:
            timeout = deadline - now()
            timeout = 0.0 if timeout < 0.0 else timeout if timeout < LONGEST else LONGEST
        if not self._depth and how_many(self._users, queue_class):
            timeout = 0.0
        swap_flag(&shared.asleep, 1)
        if how_many(self._ready, queue_class):
            return 0
        return -1 if timeout < 0.0 else <int>ceil(timeout * 1e3)

    cdef int _turn(self, double deadline) except -1:
        cdef Event events[MOST_EVENTS]
        cdef Shared shared = self._shared
        cdef int count, i, milliseconds
        if shared.epoll < 0:
            found = shared.poller.poll(self._before(deadline), MOST_EVENTS)
            swap_flag(&shared.asleep, 0)
            self.after_poll(found)
            return 0
        milliseconds = self._milliseconds(shared, deadline)
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
            if self._shared is not None and fd == self._shared.alarm:
                self._late = True
                self._shared.rings = 0.0
                silence_alarm(fd)
            return 0  # else closed by what came before in this turn
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
        if how_many(self._ready, queue_class):
            self.run_ready()
        if not self._depth and how_many(self._users, queue_class):
            self.run_users()
        return 0
