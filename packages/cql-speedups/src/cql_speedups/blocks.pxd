# Blocks of lz4: frames of protocol 3 and 4, and what segments hold.
cdef extern from "blocks.h" nogil:
    Py_ssize_t block_bound(Py_ssize_t size)
    Py_ssize_t pack_block(const char *source, Py_ssize_t size, char *target, Py_ssize_t room)
    bint unpack_block(const char *source, Py_ssize_t size, char *target, Py_ssize_t plain)

cdef enum:
    MOST_PER_BYTE = 255  # no byte of a block stands for more

cdef bint is_lz4(object compressor) except -1
cdef bytes unpack_body(const char *body, Py_ssize_t size, Py_ssize_t limit)
cdef bytes pack_frame(bytes frame)
