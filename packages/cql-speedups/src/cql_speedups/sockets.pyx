# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Reading from and writing to sockets; the twin of `cql_driver.runtimes.stream`.

The thread that leads the loop calls this. While little is sent or read it keeps the GIL: neither
waits, and to give the GIL back may cost a busy process far more than the system call.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport errno

import os
from collections import deque

cdef extern from "sockets.h" nogil:
    Py_ssize_t send_some(int fd, const char *data, Py_ssize_t size)
    Py_ssize_t receive_some(int fd, char *data, Py_ssize_t size)
    bint would_block()

cdef extern from "sockets.h":
    bytes receive_much(int fd, const char *begin, Py_ssize_t size, Py_ssize_t most)

__all__ = ["Sink", "SocketStream"]

cdef enum:
    READ = 1  # the bits of cql_driver.runtimes.system
    WRITE = 4
    LITTLE = 1 << 14  # bytes that are read or sent with the GIL held
    MUCH = 1 << 18  # bytes of a read

cdef str interrupted = "the thread that drove this connection was interrupted"


cdef class Sink:
    """Who gets what comes on a stream."""

    cdef int take_in(self, const char *data, Py_ssize_t size) except -1:
        self.data_received(PyBytes_FromStringAndSize(data, size))
        return 0

    cdef char *room(self, Py_ssize_t *size) noexcept:
        return NULL

    cdef int took_in(self, Py_ssize_t size) except -1:
        return 0


cdef class SocketStream:
    """A socket that is connected: what is read from it and written to it."""

    def __init__(self, runtime, sock, protocol):
        self._runtime = runtime
        self._sock = sock
        self._fd = sock.fileno()
        self._protocol = protocol
        self._buffer = deque()
        self._reading = True

    def write(self, data):
        """Send `data`, now or when the peer takes it; never blocks."""
        if type(data) is bytes:
            self.put(<bytes>data)
        else:
            self.put(bytes(data))

    cdef int put(self, bytes data) except -1:
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data), sent
        cdef const char *start = PyBytes_AS_STRING(data)
        if self._closing:
            return 0
        if self._buffered:
            self._keep(data)
            return 0
        if size <= LITTLE:
            sent = send_some(self._fd, start, size)
        else:
            with nogil:
                sent = send_some(self._fd, start, size)
        if sent < 0:
            if not would_block():
                self.fail(error_of(errno))
                return 0
            sent = 0
        if sent != size:
            self._keep(memoryview(data)[sent:])
            self._watch()
        return 0

    def on_readable(self):
        """Read once, and hand it on; the other streams have their turn before the next read."""
        self.take()

    cdef int take(self) except -1:
        cdef char data[LITTLE]
        cdef Py_ssize_t size = 0
        cdef bytes much
        cdef char *into
        if not self._events & READ:
            return 0
        if isinstance(self._protocol, Sink):
            into = (<Sink>self._protocol).room(&size)
            if into != NULL:
                return self._take_into(<Sink>self._protocol, into, size)
        size = receive_some(self._fd, data, LITTLE)
        if size < 0:
            if not would_block():
                self.fail(error_of(errno))
            return 0
        if size == 0:
            return self._end_reading()
        if size < LITTLE:
            return 0 if self._closing else self._hand_on(data, size)
        much = receive_much(self._fd, data, size, MUCH)  # what else goes wrong, the next read meets
        return 0 if self._closing else self._hand_on(PyBytes_AS_STRING(much), PyBytes_GET_SIZE(much))

    cdef int _take_into(self, Sink sink, char *into, Py_ssize_t size) except -1:
        """Read to where the sink wants it; it keeps that place until it is told."""
        if size > MUCH:
            size = MUCH
        if size <= LITTLE:
            size = receive_some(self._fd, into, size)
        else:
            with nogil:
                size = receive_some(self._fd, into, size)
        if size < 0:
            if not would_block():
                self.fail(error_of(errno))
            return 0
        if size == 0:
            return self._end_reading()
        if self._closing:
            return 0
        try:
            sink.took_in(size)
        except Exception as exc:  # as in `_hand_on`
            self.fail(exc)
        except BaseException:
            self.fail(ConnectionAbortedError(interrupted))
            raise
        return 0

    cdef int _hand_on(self, const char *data, Py_ssize_t size) except -1:
        try:
            if isinstance(self._protocol, Sink):
                (<Sink>self._protocol).take_in(data, size)
            else:
                self._protocol.data_received(PyBytes_FromStringAndSize(data, size))
        except Exception as exc:  # a stream that is not understood is over
            self.fail(exc)
        except BaseException:
            self.fail(ConnectionAbortedError(interrupted))
            raise
        return 0

    cdef int _end_reading(self) except -1:
        if self._closing:
            self._at_end = True  # it may still take what was written
            self._watch()
        else:
            self.fail(ConnectionResetError("the peer closed the connection"))
        return 0


cdef object error_of(int code):
    return OSError(code, os.strerror(code))
