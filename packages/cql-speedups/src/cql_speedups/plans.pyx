# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Frames of requests of one shape, encoded from their values alone."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint16_t

from cql_speedups.encoding cimport Buffer, RowEncoder, begin, end, need, put_bytes
from cql_speedups.frames cimport Description
from cql_speedups.members cimport read_member
from cql_speedups.murmur3 cimport hash_bytes
from cql_speedups.wire cimport get32, put16, put32, put64

from cql_protocol.values import UNSET

cdef object unset = UNSET

cdef enum:
    HEADER = 9
    EXECUTE = 10
    MOST_MARKERS = 64
    LONGEST_PART = 65535


cdef class Course:
    """What a `pick` leads to."""

    cdef bint is_over(self) except -1:
        """Say whether the policy serves another cluster by now, as in a forked child."""
        if self.policy is None:
            return False
        return read_member(self.policy, &self.served) is not self.metadata


cdef class Reading:
    """What pages of one description are read by."""


@cython.final
cdef class Plan:
    """What requests of one shape have alike; see `cql_driver.query.messages.Shape`."""

    cdef Description known(self):
        """Return how the results begin, as far as that is known."""
        with cython.critical_section(self):
            return self.description

    cdef int learn(self, Description description) except -1:
        """Take over how a result began."""
        with cython.critical_section(self):
            self.description = description
        return 0

    cdef Reading read_by(self):
        """Return what the page before was read by; None when there was none."""
        with cython.critical_section(self):
            return self.reading

    cdef int keep(self, Reading reading) except -1:
        """Take over what a page was read by."""
        with cython.critical_section(self):
            self.reading = reading
        return 0

    cdef bytes frame(self, object values, object timestamp, bint allow_unset):
        """Return a frame without its stream; None when the values need a closer look."""
        cdef Buffer buffer
        cdef Py_ssize_t[MOST_MARKERS + 1] cells
        cdef char *head
        begin(&buffer)
        try:
            head = need(&buffer, HEADER)
            put_bytes(&buffer, PyBytes_AS_STRING(self.start), PyBytes_GET_SIZE(self.start))
            if not self.encoder.put(values, &buffer, allow_unset, cells):
                return None
            put_bytes(&buffer, PyBytes_AS_STRING(self.tail), PyBytes_GET_SIZE(self.tail))
            if timestamp is not None:
                put64(need(&buffer, 8), <int64_t>timestamp)
            head = buffer.data
            head[0] = self.version
            head[1] = head[2] = head[3] = 0
            head[4] = EXECUTE
            put32(head + 5, <int32_t>(buffer.size - HEADER))
            return PyBytes_FromStringAndSize(buffer.data, buffer.size)
        except Exception:
            return None  # the same values give the same error in Python, with what to do
        finally:
            end(&buffer)

    cdef list cells(self, bytes frame):
        """Return the cells that a frame was made of."""
        cdef const char *data = PyBytes_AS_STRING(frame)
        cdef Py_ssize_t at = HEADER + PyBytes_GET_SIZE(self.start), size, count
        cdef list found = []
        for count in range(self.encoder.count):
            size = <int32_t>get32(data + at)
            at += 4
            if size >= 0:
                found.append(data[at : at + size])
                at += size
            else:
                found.append(None if size == -1 else unset)
        return found

    cdef bint hash_key(self, bytes frame, int64_t *token) except -1:
        """Give the hash of the partition that a frame's values say; 0 where there is none."""
        cdef const char *data = PyBytes_AS_STRING(frame)
        cdef Py_ssize_t at = HEADER + PyBytes_GET_SIZE(self.start), number
        cdef int32_t size
        cdef Py_ssize_t[MOST_MARKERS] places
        cdef Buffer key
        if not self.key:
            return False
        for number in range(self.encoder.count):
            places[number] = at
            size = <int32_t>get32(data + at)
            at += 4 + (size if size > 0 else 0)
        if len(self.key) == 1:
            at = places[<Py_ssize_t>self.key[0]]
            size = <int32_t>get32(data + at)
            if size <= 0:
                return False
            token[0] = hash_bytes(<const unsigned char *>data + at + 4, size)
            return True
        begin(&key)
        try:
            for number in self.key:
                at = places[number]
                size = <int32_t>get32(data + at)
                if not 0 <= size <= LONGEST_PART:
                    return False
                put16(need(&key, 2), <uint16_t>size)
                put_bytes(&key, data + at + 4, size)
                need(&key, 1)[0] = 0
            token[0] = hash_bytes(<const unsigned char *>key.data, key.size)
        finally:
            end(&key)
        return True


cdef Plan plan_of(object shape, object snapshot):
    """Return a plan, or None as long as no request of the shape was encoded."""
    cdef Plan plan
    if snapshot.count > MOST_MARKERS:
        return None
    for kind, start in enumerate(shape.starts):
        if start is not None:
            plan = Plan.__new__(Plan)
            plan.shape, plan.snapshot, plan.keyspace = shape, snapshot, snapshot.keyspace
            plan.encoder = RowEncoder(
                [column.type for column in snapshot.columns], snapshot.pk_indexes
            )
            plan.key = tuple(snapshot.pk_indexes or ())
            plan.start, plan.tail, plan.lwt = start, shape.end, snapshot.lwt
            plan.kind, plan.version = kind, 3 + kind % 3
            return plan
    return None
