# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Blocks of lz4; the twin of the functions of cql_protocol.compression.lz4.

A block that cannot be read is not explained here: the package lz4 reads it once more.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport INT32_MAX, int32_t, uint32_t
from libc.string cimport memcpy

from cql_speedups.wire cimport get32, put32

import sys

__all__ = ["pack", "unpack"]

cdef enum:
    HEADER = 9
    LENGTH = 4
    FLAG_COMPRESSED = 1

cdef object lz4_class = None


cdef bint is_lz4(object compressor) except -1:
    """Say whether a compressor is the one of `cql_protocol`, and no plugin of this name."""
    global lz4_class
    if compressor is None:
        return False
    if lz4_class is None:
        module = sys.modules.get("cql_protocol.compression.lz4")
        lz4_class = getattr(module, "Lz4Compressor", None)
    return type(compressor) is lz4_class


cdef inline bytes exact(object data):
    return data if type(data) is bytes else bytes(data)


def pack(data):
    """Return the block of `data`."""
    cdef bytes plain = exact(data)
    return pack_after(NULL, 0, PyBytes_AS_STRING(plain), PyBytes_GET_SIZE(plain))


cdef bytes pack_after(const char *head, Py_ssize_t count, const char *data, Py_ssize_t size):
    """Return `count` bytes as they are, and behind them the block of others."""
    if size > INT32_MAX:
        raise OverflowError(f"a block of {size:,} bytes")
    cdef Py_ssize_t room = count + block_bound(size)
    cdef char *target = <char *>PyMem_Malloc(room)
    if target == NULL:
        raise MemoryError
    try:
        if count:
            memcpy(target, head, count)
        room = count + pack_block(data, size, target + count, room - count)
        return PyBytes_FromStringAndSize(target, room)
    finally:
        PyMem_Free(target)


def unpack(data, Py_ssize_t size):
    """Return the `size` bytes of the block `data`, or None for what is no such block."""
    cdef bytes block = exact(data)
    return unpacked(PyBytes_AS_STRING(block), PyBytes_GET_SIZE(block), size)


cdef bytes unpacked(const char *block, Py_ssize_t size, Py_ssize_t plain):
    if plain < 0 or plain > size * MOST_PER_BYTE:
        return None
    cdef bytes made = PyBytes_FromStringAndSize(NULL, plain)
    return made if unpack_block(block, size, PyBytes_AS_STRING(made), plain) else None


cdef bytes unpack_body(const char *body, Py_ssize_t size, Py_ssize_t limit):
    """Return what the body of a compressed frame holds, None when it is damaged or too large."""
    if size < LENGTH:
        return None
    cdef Py_ssize_t plain = <int32_t>get32(body)
    return None if plain > limit else unpacked(body + LENGTH, size - LENGTH, plain)


cdef bytes pack_frame(bytes frame):
    """Return a frame with its body, which is not empty, compressed; its flags say so."""
    cdef const char *data = PyBytes_AS_STRING(frame)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(frame) - HEADER
    cdef char[HEADER + LENGTH] head
    memcpy(head, data, HEADER)
    put32(head + HEADER, <uint32_t>size)
    cdef bytes packed = pack_after(head, HEADER + LENGTH, data + HEADER, size)
    cdef char *start = PyBytes_AS_STRING(packed)  # nobody else has these bytes yet
    start[1] = start[1] | FLAG_COMPRESSED
    put32(start + 5, <uint32_t>(PyBytes_GET_SIZE(packed) - HEADER))
    return packed
