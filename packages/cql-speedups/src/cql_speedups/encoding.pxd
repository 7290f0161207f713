cdef struct Buffer:
    # Bytes that grow: in `first` until they are too many, then on the heap.
    char *data
    Py_ssize_t size
    Py_ssize_t room
    char *heap
    char first[1024]

cdef void begin(Buffer *buffer) noexcept
cdef void end(Buffer *buffer) noexcept
cdef char *need(Buffer *buffer, Py_ssize_t count) except NULL
cdef int put_bytes(Buffer *buffer, const char *data, Py_ssize_t size) except -1

cdef class RowEncoder:
    cdef readonly Py_ssize_t count
    cdef int *_kinds
    cdef bint *_keys
    cdef tuple _encoders
    cdef int put(self, object values, Buffer *buffer, bint allow_unset, Py_ssize_t *cells) except -1
