# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Writers of collections and vectors, which write as those of simple types do.

Of containers, too, only what is beyond doubt is written here: an exact list, set or dict, all
elements of which are. Tuples and user types, which take values of many forms, stay with Python.
"""

cimport cython
from cpython.float cimport PyFloat_CheckExact
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint64_t
from libc.string cimport memmove

from cql_speedups.buffer cimport Buffer, need
from cql_speedups.wire cimport put32
from cql_speedups.writers cimport UNKNOWN, Writer, put_cell, simple_writer

cdef extern from "numbers.h":
    int vint_size(uint64_t number) noexcept
    void put_vint(char *place, uint64_t number, int size) noexcept

cdef extern from "order.h":
    ctypedef struct Entry:
        const char *key
        Py_ssize_t size
        Py_ssize_t at
        Py_ssize_t whole
    int sort_entries(
        Entry *entries, Py_ssize_t count, char *data, Py_ssize_t size, int order
    ) except -1

__all__ = []

cdef enum:
    NULL_SIZE = 0xFFFFFFFF


@cython.final
cdef class ListWriter(Writer):
    cdef Writer element

    def __init__(self, Writer element):
        self.element = element
        self.order = UNKNOWN

    cdef int put(self, Buffer *buffer, object value) except -1:
        if type(value) is not list and type(value) is not tuple:
            return 0
        put32(need(buffer, 4), <int>len(value))
        cdef Py_ssize_t count = 0, promised = len(value)
        for each in value:
            count += 1
            if each is None:
                put32(need(buffer, 4), NULL_SIZE)
            elif not put_cell(self.element, buffer, each):
                return 0
        return count == promised


cdef class Sorted(Writer):
    """What is written in the server's order."""

    cdef Writer key
    cdef Writer value  # None in sets

    def __init__(self, Writer key, Writer value):
        self.key, self.value = key, value
        self.order = UNKNOWN

    cdef int put_sorted(self, Buffer *buffer, object items) except -1:
        """Write a count, then each element, or each key and its value."""
        cdef Py_ssize_t count = len(items), at, start
        cdef Entry *entries
        if count > 1 and self.key.order == UNKNOWN:
            return 0
        put32(need(buffer, 4), <int>count)
        start = buffer.size
        entries = <Entry *>PyMem_Malloc(max(1, count) * sizeof(Entry))
        if entries == NULL:
            raise MemoryError
        try:
            if self.put_all(buffer, items, entries, count) != count:
                return 0
            if count < 2:
                return 1
            for at in range(count):
                entries[at].key = buffer.data + start + entries[at].at + 4
            return sort_entries(
                entries, count, buffer.data + start, buffer.size - start, self.key.order
            )
        finally:
            PyMem_Free(entries)

    cdef Py_ssize_t put_all(
        self, Buffer *buffer, object items, Entry *entries, Py_ssize_t count
    ) except -1:
        """Write what is there, in its own order, and return how many that were."""
        raise NotImplementedError

    cdef bint put_entry(
        self, Buffer *buffer, Py_ssize_t start, Entry *entry, object key, object value
    ) except -1:
        entry.at = buffer.size - start
        if key is None or not put_cell(self.key, buffer, key):
            return False
        entry.size = buffer.size - start - entry.at - 4
        if self.value is not None:
            if value is None or not put_cell(self.value, buffer, value):
                return False
        entry.whole = buffer.size - start - entry.at
        return True


@cython.final
cdef class SetWriter(Sorted):
    cdef int put(self, Buffer *buffer, object value) except -1:
        if type(value) in (set, frozenset, list, tuple):
            return self.put_sorted(buffer, value)
        return 0

    cdef Py_ssize_t put_all(
        self, Buffer *buffer, object items, Entry *entries, Py_ssize_t count
    ) except -1:
        cdef Py_ssize_t at = 0, start = buffer.size
        for key in items:
            if at == count or not self.put_entry(buffer, start, &entries[at], key, None):
                return 0
            at += 1
        return at


@cython.final
cdef class MapWriter(Sorted):
    cdef int put(self, Buffer *buffer, object value) except -1:
        return self.put_sorted(buffer, value) if type(value) is dict else 0

    cdef Py_ssize_t put_all(
        self, Buffer *buffer, object items, Entry *entries, Py_ssize_t count
    ) except -1:
        cdef Py_ssize_t at = 0, start = buffer.size
        for key, value in (<dict>items).items():
            if at == count or not self.put_entry(buffer, start, &entries[at], key, value):
                return 0
            at += 1
        return at


@cython.final
cdef class VectorWriter(Writer):
    """`each` is how many bytes an element has, or -1 where its length stands before it."""

    cdef Writer element
    cdef Py_ssize_t each
    cdef Py_ssize_t dimension

    def __init__(self, Writer element, each, dimension):
        self.element, self.dimension = element, dimension
        self.each = -1 if each is None else each
        self.order = UNKNOWN

    cdef int put(self, Buffer *buffer, object value) except -1:
        if type(value) is not list and type(value) is not tuple:
            return 0
        cdef Py_ssize_t count = 0, start
        if len(value) != self.dimension:
            return 0
        for element in value:
            start = buffer.size
            if element is None or count == self.dimension:
                return 0
            if not self.element.put(buffer, element):
                return 0
            if self.each < 0:
                put_size(buffer, start)
            elif buffer.size - start != self.each:
                return 0
            count += 1
        return count == self.dimension


cdef int put_size(Buffer *buffer, Py_ssize_t start) except -1:
    """Put the length of what was written since `start` before it."""
    cdef Py_ssize_t written = buffer.size - start
    cdef int size = vint_size(written)
    need(buffer, size)
    memmove(buffer.data + start + size, buffer.data + start, written)
    put_vint(buffer.data + start, written, size)
    return 0


cdef Writer writer_of(object cql_type):
    """Return the writer of a type; None where Python writes all values."""
    cdef Writer writer = simple_writer(cql_type), other
    if writer is not None:
        return writer
    from cql_protocol import types

    kind = type(cql_type)
    if kind is types.FrozenType or kind is types.ReversedType:
        return writer_of(cql_type.inner)
    if kind is types.CustomType:
        return simple_writer(types.BLOB)
    if kind is types.MapType:
        writer, other = writer_of(cql_type.key), writer_of(cql_type.value)
        return None if writer is None or other is None else MapWriter(writer, other)
    if kind not in (types.ListType, types.SetType, types.VectorType):
        return None
    writer = writer_of(cql_type.element)
    if writer is None:
        return None
    if kind is types.VectorType:
        return VectorWriter(writer, cql_type.element.fixed_size, cql_type.dimension)
    return ListWriter(writer) if kind is types.ListType else SetWriter(writer, None)
