"""libev as what a loop sleeps in: the poller of `cql_reactors.libevreactor`.

It is no twin of a Python module, and it is there only where libev's header was when this package was built.

Of libev it takes the watching of descriptors and the sleep; the order of calls, and timers but for the one that ends
the sleep, are the loop's own. What must hold:

- libev locks nothing. One thread at a time uses a poller, and libev has the GIL released around its system call and
  nowhere else. So whoever forks, closes or collects finds what libev keeps in a consistent state.
- No Python code runs inside `ev_run`: its callbacks note in C what is ready, in an array that has room for all.
- libev aborts the process, by an assertion, for a descriptor that is not open when it tells the kernel of it. So each
  is looked at before.
- A forked child shares the kernel's set with its parent. It may destroy its copy of the loop, which closes the copy of
  the descriptor and frees memory; it must not poll.
"""

from __future__ import annotations

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdlib cimport free, realloc

import errno
import os

cdef extern from "Python.h" nogil:
    ctypedef struct PyThreadState:
        pass
    PyThreadState *PyEval_SaveThread()
    void PyEval_RestoreThread(PyThreadState *)

cdef extern from "fcntl.h" nogil:
    int F_GETFD
    int fcntl(int fd, int command)

cdef extern from "unistd.h" nogil:
    int getpid()

cdef extern from "ev.h" nogil:
    int EV_READ, EV_WRITE, EV_VERSION_MAJOR
    int EVRUN_NOWAIT, EVRUN_ONCE
    unsigned int EVFLAG_AUTO, EVFLAG_NOENV
    struct ev_loop:
        pass
    ctypedef struct ev_io:
        int fd
    ctypedef struct ev_timer:
        pass
    ctypedef void (*io_callback)(ev_loop *, ev_io *, int) noexcept
    ctypedef void (*timer_callback)(ev_loop *, ev_timer *, int) noexcept
    ctypedef void (*loop_callback)(ev_loop *) noexcept
    int ev_version_major()
    int ev_version_minor()
    ev_loop *ev_loop_new(unsigned int flags)
    void ev_loop_destroy(ev_loop *)
    void ev_set_userdata(ev_loop *, void *)
    void *ev_userdata(ev_loop *)
    void ev_set_loop_release_cb(ev_loop *, loop_callback release, loop_callback acquire)
    void ev_ref(ev_loop *)
    void ev_now_update(ev_loop *)
    int ev_run(ev_loop *, int flags)
    void ev_io_init(ev_io *, io_callback, int fd, int events)
    void ev_io_set(ev_io *, int fd, int events)
    void ev_io_start(ev_loop *, ev_io *)
    void ev_io_stop(ev_loop *, ev_io *)
    void ev_timer_init(ev_timer *, timer_callback, double after, double repeat)
    void ev_timer_set(ev_timer *, double after, double repeat)
    void ev_timer_start(ev_loop *, ev_timer *)
    void ev_timer_stop(ev_loop *, ev_timer *)

cdef enum:
    READ = 1  # the bits of cql_driver.runtimes.system
    WRITE = 4

cdef struct Event:
    int fd
    int mask

cdef struct State:
    # What the callbacks of libev reach.
    Event *events
    int count
    int room
    bint sleeps
    bint polling
    PyThreadState *thread

VERSION = f"{ev_version_major()}.{ev_version_minor()}"
if ev_version_major() != EV_VERSION_MAJOR:
    raise ImportError(f"libev {VERSION} is not the one that cql-speedups was built with: build it anew")


cdef void on_release(ev_loop *loop) noexcept nogil:
    cdef State *state = <State *> ev_userdata(loop)
    if state.sleeps:
        state.thread = PyEval_SaveThread()


cdef void on_acquire(ev_loop *loop) noexcept nogil:
    cdef State *state = <State *> ev_userdata(loop)
    if state.sleeps:
        PyEval_RestoreThread(state.thread)


cdef void on_io(ev_loop *loop, ev_io *io, int revents) noexcept nogil:
    cdef State *state = <State *> ev_userdata(loop)
    state.events[state.count].fd = io.fd
    state.events[state.count].mask = (READ if revents & EV_READ else 0) | (WRITE if revents & EV_WRITE else 0)
    state.count += 1


cdef void on_timer(ev_loop *loop, ev_timer *timer, int revents) noexcept nogil:
    pass


@cython.final
cdef class Watcher:
    """A descriptor that is watched. libev keeps pointers to it while it is started."""
    cdef ev_io io


@cython.final
@cython.no_gc  # part of no cycle
cdef class LibevPoller:
    """Watches file descriptors, which are level-triggered; any thread, but one at a time.

    An error or a hang-up is reported as what the descriptor is watched for. One that was closed while watched is
    reported as ready, for reading and writing, until it is unregistered.
    """

    cdef ev_loop *_loop
    cdef ev_timer _timer
    cdef State _state
    cdef dict _watchers
    cdef set _changed  # since libev last told the kernel
    cdef int _pid
    cdef bint _closing

    def __cinit__(self):
        self._watchers = {}
        self._changed = set()
        self._pid = getpid()
        # Not as LIBEV_FLAGS says: to read the environment is not safe while other threads change it.
        self._loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV)
        if self._loop == NULL:
            raise OSError(errno.EMFILE, "libev can make no loop: too many open files?")
        ev_set_userdata(self._loop, &self._state)
        ev_set_loop_release_cb(self._loop, on_release, on_acquire)
        ev_timer_init(&self._timer, on_timer, 0., 0.)
        ev_ref(self._loop)  # else it would not sleep without a watcher

    def __dealloc__(self):
        self._destroy()

    cdef void _destroy(self) noexcept:
        if self._loop != NULL:
            ev_loop_destroy(self._loop)
            self._loop = NULL
        free(self._state.events)
        self._state.events = NULL
        self._state.room = 0

    cdef int _check(self) except -1:
        if self._loop == NULL or self._closing:
            raise ValueError("the poller is closed")
        if self._state.polling:
            raise RuntimeError("another thread uses this poller")
        return 0

    cdef Watcher _watcher(self, int fd):
        watcher = self._watchers.get(fd)
        if watcher is None:
            raise _error(errno.ENOENT, fd)
        return <Watcher> watcher

    def register(self, int fd, int events):
        """Watch a descriptor that is not watched."""
        cdef int bits = _bits(events)
        cdef Watcher watcher
        self._check()
        if fd < 0:
            raise ValueError(f"{fd} is no file descriptor")
        if fcntl(fd, F_GETFD) < 0:
            raise _error(errno.EBADF, fd)
        if fd in self._watchers:
            raise _error(errno.EEXIST, fd)
        watcher = Watcher()
        self._watchers[fd] = watcher
        ev_io_init(&watcher.io, on_io, fd, bits)
        ev_io_start(self._loop, &watcher.io)
        self._changed.add(watcher)

    def modify(self, int fd, int events):
        """Watch it for other events."""
        cdef int bits = _bits(events)
        cdef Watcher watcher
        self._check()
        watcher = self._watcher(fd)
        ev_io_stop(self._loop, &watcher.io)
        ev_io_set(&watcher.io, fd, bits)
        ev_io_start(self._loop, &watcher.io)
        self._changed.add(watcher)

    def unregister(self, int fd):
        """Watch it no more; before it is closed."""
        cdef Watcher watcher
        self._check()
        watcher = self._watcher(fd)
        ev_io_stop(self._loop, &watcher.io)
        del self._watchers[fd]

    def poll(self, double timeout, int most):
        """Sleep up to `timeout` seconds (< 0: without end) for pairs of descriptor and bits.

        All that is ready is returned, `most` or not. It may return early and with nothing: after a signal, whose
        handler has run, and after a minute.
        """
        cdef int flags = EVRUN_ONCE
        cdef bint timed = False
        self._check()
        self._make_room()
        bad = self._stop_closed() if self._changed else None
        if timeout == 0. or bad:
            flags = EVRUN_NOWAIT
        elif timeout > 0.:
            ev_now_update(self._loop)
            ev_timer_set(&self._timer, timeout, 0.)
            ev_timer_start(self._loop, &self._timer)
            timed = True
        self._state.sleeps = flags == EVRUN_ONCE
        self._state.count = 0
        self._state.polling = True
        ev_run(self._loop, flags)
        self._state.polling = False
        if timed:
            ev_timer_stop(self._loop, &self._timer)
        if self._closing:
            self._destroy()
        elif self._state.count:
            return self._take() + bad if bad else self._take()
        if not bad:
            PyErr_CheckSignals()
        return bad or []

    cdef int _make_room(self) except -1:
        """Have room for an event of each watcher, so that the callbacks need none."""
        cdef int needed = <int> len(self._watchers)
        cdef Event *more
        if self._state.room < needed:
            needed += needed // 2 + 16
            more = <Event *> realloc(self._state.events, needed * sizeof(Event))
            if more == NULL:
                raise MemoryError
            self._state.events = more
            self._state.room = needed
        return 0

    cdef list _stop_closed(self):
        """Stop those of the changed that are not open, and return events for them."""
        cdef Watcher watcher
        changed, self._changed = self._changed, set()
        found = []
        for watcher in changed:
            if self._watchers.get(watcher.io.fd) is not watcher:
                continue
            if fcntl(watcher.io.fd, F_GETFD) >= 0:
                ev_io_start(self._loop, &watcher.io)  # unless it is
                continue
            ev_io_stop(self._loop, &watcher.io)
            self._changed.add(watcher)
            found.append((watcher.io.fd, READ | WRITE))
        return found

    cdef list _take(self):
        # To make objects may run Python code, by way of the collector, and that may poll.
        cdef Event *events = self._state.events
        cdef int count = self._state.count
        cdef int room = self._state.room
        cdef int i
        self._state.events = NULL
        self._state.room = self._state.count = 0
        try:
            return [(events[i].fd, events[i].mask) for i in range(count)]
        finally:
            if self._state.events == NULL and self._loop != NULL:
                self._state.events = events
                self._state.room = room
            else:
                free(events)

    def close(self):
        """Give back what the kernel holds; other processes that share it keep theirs.

        While another thread polls, that is left to the thread.
        """
        if self._state.polling and self._pid == getpid():
            self._closing = True
        else:
            self._destroy()


cdef int _bits(int events) except -1:
    if not events or events & ~(READ | WRITE):
        raise ValueError(f"{events} is no mask of READ and WRITE")
    return (EV_READ if events & READ else 0) | (EV_WRITE if events & WRITE else 0)


cdef _error(int code, int fd):
    return OSError(code, f"{os.strerror(code)}: file descriptor {fd}")
