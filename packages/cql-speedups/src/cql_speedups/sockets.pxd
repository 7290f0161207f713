cdef class Sink:
    # Who gets what comes on a stream, without a call of Python and without a copy.
    cdef int take_in(self, const char *data, Py_ssize_t size) except -1
    # Where what comes next is wanted, and how much; NULL for nowhere. `took_in` is told of it.
    cdef char *room(self, Py_ssize_t *size) noexcept
    cdef int took_in(self, Py_ssize_t size) except -1

cdef class SocketStream:
    cdef public object _protocol
    cdef public object _runtime
    cdef public object _sock
    cdef public object _linger
    cdef public object _buffer
    cdef public Py_ssize_t _buffered
    cdef public int _events
    cdef public int _fd
    cdef public bint _at_end
    cdef public bint _closed
    cdef public bint _closing
    cdef public bint _full
    cdef public bint _reading
    cdef int put(self, bytes data) except -1
    cdef int take(self) except -1
    cdef int _take_into(self, Sink sink, char *into, Py_ssize_t size) except -1
    cdef int _hand_on(self, const char *data, Py_ssize_t size) except -1
    cdef int _end_reading(self) except -1
