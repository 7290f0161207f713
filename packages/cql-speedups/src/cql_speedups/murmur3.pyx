"""The hash of Cassandra's Murmur3Partitioner; the twin of cql_protocol.murmur3."""

from __future__ import annotations

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t

__all__ = ["murmur3"]


cdef inline uint64_t rotate(uint64_t x, int bits) noexcept:
    return (x << bits) | (x >> (64 - bits))


cdef inline uint64_t finish(uint64_t x) noexcept:
    x ^= x >> 33
    x *= 0xff51afd7ed558ccdULL
    x ^= x >> 33
    x *= 0xc4ceb9fe1a85ec53ULL
    x ^= x >> 33
    return x


cdef inline uint64_t load(const unsigned char *p) noexcept:
    """Eight bytes, little-endian on every machine; compilers turn this into one load."""
    return (
        <uint64_t> p[0]
        | <uint64_t> p[1] << 8
        | <uint64_t> p[2] << 16
        | <uint64_t> p[3] << 24
        | <uint64_t> p[4] << 32
        | <uint64_t> p[5] << 40
        | <uint64_t> p[6] << 48
        | <uint64_t> p[7] << 56
    )


cdef inline uint64_t load_tail(const unsigned char *p, Py_ssize_t size) noexcept:
    """Up to eight bytes, each sign-extended before its shift.

    The server widens Java's signed bytes here and not in the body. That is a bug of its own that all its data
    depend on: a byte above 127 flips every bit above its own.
    """
    cdef uint64_t k = 0
    cdef Py_ssize_t i
    for i in range(size):
        k ^= <uint64_t> <int64_t> <signed char> p[i] << (8 * i)
    return k


cdef int64_t hash_bytes(const unsigned char *p, Py_ssize_t size) noexcept:
    """The first half of MurmurHash3_x64_128 with seed 0, with the server's tail."""
    cdef uint64_t h1 = 0, h2 = 0
    cdef uint64_t c1 = 0x87c37b91114253d5ULL, c2 = 0x4cf5ad432745937fULL
    cdef const unsigned char *end = p + (size & ~<Py_ssize_t> 15)
    cdef Py_ssize_t rest = size & 15
    while p != end:
        h1 ^= rotate(load(p) * c1, 31) * c2
        h1 = (rotate(h1, 27) + h2) * 5 + 0x52dce729
        h2 ^= rotate(load(p + 8) * c2, 33) * c1
        h2 = (rotate(h2, 31) + h1) * 5 + 0x38495ab5
        p += 16
    if rest > 8:
        h2 ^= rotate(load_tail(p + 8, rest - 8) * c2, 33) * c1
        rest = 8
    if rest > 0:
        h1 ^= rotate(load_tail(p, rest) * c1, 31) * c2
    h1 ^= <uint64_t> size
    h2 ^= <uint64_t> size
    h1 += h2
    h2 += h1
    return <int64_t> (finish(h1) + finish(h2))


def murmur3(data):
    """Return the hash of `data`, a bytes or any contiguous buffer, as a signed 64-bit integer.

    It is the token but for the one value that Cassandra reserves: -2**63 is returned as it is.
    """
    cdef Py_buffer view
    if PyBytes_CheckExact(data):
        return hash_bytes(<const unsigned char *> PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return hash_bytes(<const unsigned char *> view.buf, view.len)
    finally:
        PyBuffer_Release(&view)
