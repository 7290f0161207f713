from libc.stdint cimport int64_t

from cql_speedups.encoding cimport RowEncoder
from cql_speedups.frames cimport Description
from cql_speedups.members cimport Member

# `cql_speedups.rows.read_page`, of a module that is loaded with the first page.
ctypedef object (*ReadPage)(object, object, Py_ssize_t, Py_ssize_t, object)

cdef class Reading:
    # What pages of one description are read by.
    cdef object metadata
    cdef object decoder
    cdef object reader
    cdef object make
    cdef ReadPage page

cdef class Course:
    # What a `pick` leads to: policies of the driver's own, none of which changes later.
    cdef object pick
    cdef object policy
    cdef object metadata
    cdef object nearest
    cdef Member served
    cdef Member shuffles
    cdef Member tiers
    cdef bint is_over(self) except -1

cdef class Plan:
    # What requests of one shape have alike; see `cql_driver.query.messages.Shape`.
    cdef object shape
    cdef object snapshot
    cdef object keyspace
    cdef RowEncoder encoder
    cdef bytes start
    cdef bytes tail
    cdef tuple key
    cdef bint lwt
    cdef int kind
    cdef int version
    # Threads read what others replace: under its critical section alone.
    cdef Description description
    cdef Reading reading
    cdef Course course
    cdef Description known(self)
    cdef int learn(self, Description description) except -1
    cdef Reading read_by(self)
    cdef int keep(self, Reading reading) except -1
    cdef bytes frame(self, object values, object timestamp, bint allow_unset)
    cdef list cells(self, bytes frame)
    cdef bint hash_key(self, bytes frame, int64_t *token) except -1

cdef Plan plan_of(object shape, object snapshot)
