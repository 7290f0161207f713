# Big-endian numbers at any address.
from libc.stdint cimport uint16_t, uint32_t, uint64_t

cdef extern from "wire.h" nogil:
    uint16_t get16(const char *p)
    uint32_t get32(const char *p)
    uint64_t get64(const char *p)
    void put16(char *p, uint16_t v)
    void put32(char *p, uint32_t v)
    void put64(char *p, uint64_t v)
    void put_double(char *p, double v)
