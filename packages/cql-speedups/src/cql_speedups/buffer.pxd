# Bytes that grow as they are written.
cdef extern from "buffer.h":
    ctypedef struct Buffer:
        char *data
        Py_ssize_t size
        Py_ssize_t room
        char *heap
    void begin(Buffer *buffer) noexcept
    void end(Buffer *buffer) noexcept
    char *need(Buffer *buffer, Py_ssize_t count) except NULL
    int put_bytes(Buffer *buffer, const char *data, Py_ssize_t size) except -1
