from libc.stdint cimport int64_t

cdef int64_t hash_bytes(const unsigned char *p, Py_ssize_t size) noexcept
