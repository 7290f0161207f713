# What makes a value of the bytes of one cell, and how cells stand in bytes.
from libc.stdint cimport int32_t

from cql_speedups.wire cimport get32

cdef extern from "nursery.h":
    ctypedef struct Nursery:
        Py_ssize_t size
    void empty_nursery(Nursery *nursery) noexcept
    void keep(Nursery *nursery, object container) noexcept
    void give_back(Nursery *nursery) noexcept

# Where containers are kept until the page at hand is whole. NULL but while the collector is
# stopped, that is, while no other code runs.
cdef Nursery *nursery

cdef class Cell:
    # The reader of one type.
    #
    # plain: its values refer to nothing that could be in a cycle.
    # foreign: to read a value may run code in Python, which is not done while the collector stands.
    # hashed: no value's hash is made by code in Python.
    cdef readonly bint plain
    cdef readonly bint foreign
    cdef readonly bint hashed
    cdef object empty
    cdef object read(self, const char *p, Py_ssize_t size)
    cdef object unusual(self, Py_ssize_t size)

cdef Cell other_cell(object cql_type, object options)
cdef Cell simple_cell(object cql_type, object options)
cdef object odd()

cdef inline int32_t take_size(const char **p, const char *end) except? -2:
    # Read the length of a cell, which does not lead beyond the end; -1 for a null.
    if end - p[0] < 4:
        odd()
    cdef int32_t size = <int32_t>get32(p[0])
    p[0] += 4
    if size > end - p[0]:
        odd()
    return size if size >= 0 else -1

cdef inline object take(Cell cell, const char **p, const char *end):
    # Read the next cell.
    cdef int32_t size = take_size(p, end)
    if size < 0:
        return None
    cdef object value = cell.read(p[0], size)
    p[0] += size
    return value

cdef inline int32_t take_count(const char **p, const char *end, int least) except -1:
    # Read how many elements follow, each of `least` bytes or more.
    if end - p[0] < 4:
        odd()
    cdef int32_t count = <int32_t>get32(p[0])
    p[0] += 4
    if count < 0 or count > (end - p[0]) // least:
        odd()
    return count
