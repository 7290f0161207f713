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

# The bytes of a connection's answers, without a copy; see `receive_results`.
cdef Py_ssize_t give_results(object connection, const char *start, Py_ssize_t size) except -1
