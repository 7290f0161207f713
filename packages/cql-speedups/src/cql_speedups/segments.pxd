cdef class SegmentWriter:
    cdef object _compressor
    cdef bint _native
    cdef int _head
    cdef bytes one(self, bytes frame)
    cdef bytes packed(self, list frames, Py_ssize_t first, Py_ssize_t end, Py_ssize_t size)
    cdef bytes cut_up(self, list frames)
    cdef bytes around(self, const char *payload, Py_ssize_t size, bint self_contained)
    cdef bytes around_foreign(self, const char *payload, Py_ssize_t size, bint self_contained)

cdef struct Segment:
    # One that was read: its payload as it is on the wire.
    Py_ssize_t at
    Py_ssize_t size
    Py_ssize_t plain
    Py_ssize_t end
    bint self_contained

cdef class SegmentReader:
    cdef object _compressor
    cdef bint _native
    cdef int _head
    cdef list _parts
    cdef Py_ssize_t _size
    cdef Py_ssize_t _need
    cdef bytes take(self, bytes data)
    cdef int keep(self, const char *data, Py_ssize_t size) except -1
    cdef bint read(self, const char *data, Py_ssize_t size, Py_ssize_t at, Segment *found) except -1
    cdef bytes decompressed(self, const char *payload, Segment *found)

# What `receive_segments` does; `data` may be changed by nobody while it runs.
cdef int take_segments(
    object connection, SegmentReader reader, const char *data, Py_ssize_t size
) except -1
