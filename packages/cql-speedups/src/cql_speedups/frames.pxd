cdef class Description:
    # The first bytes of a result's body, which describe its columns, and what they say.
    cdef bytes known
    cdef object metadata
    cdef Py_ssize_t offset
    cdef Py_ssize_t least

cdef class Receiver:
    # What waits for an answer, and can be called without a call of Python.
    cdef int answer(self, object response) except -1
    cdef Description described(self)
    cdef int describe(self, Description description) except -1

cdef class LargeFrame:
    # A result of which a part is still to come; that is put where it belongs.
    cdef bytes head
    cdef bytes body
    cdef Py_ssize_t stream
    cdef Py_ssize_t left
    cdef char *place(self) noexcept
    cdef Py_ssize_t fill(self, const char *data, Py_ssize_t size) noexcept

# What the bytes begin, if that is such a frame; and give it out, once nothing of it is left.
cdef LargeFrame begin_large(object connection, const char *head, Py_ssize_t size)
cdef int give_large(object connection, LargeFrame frame) except -1

# The bytes of a connection's answers, without a copy; see `receive_results`.
cdef Py_ssize_t give_results(object connection, const char *start, Py_ssize_t size) except -1
