# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""What comes on a connection; the twin of cql_driver.core.intake."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from cql_speedups.frames cimport LargeFrame, begin_large, give_large, give_results
from cql_speedups.members cimport Member, find_member, read_member
from cql_speedups.segments cimport SegmentReader, take_segments

from cql_protocol.connection import ClientConnection, State
from cql_protocol.connection.base import Inbox
from cql_protocol.errors import RemoteProtocolError

__all__ = ["Intake"]

cdef object ready = State.READY

cdef Member m_events, m_inbox, m_interrupt, m_segments, m_state, m_parts
find_member(ClientConnection, "_events", &m_events)
find_member(ClientConnection, "_inbox", &m_inbox)
find_member(ClientConnection, "_interrupt", &m_interrupt)
find_member(ClientConnection, "_segments_in", &m_segments)
find_member(ClientConnection, "state", &m_state)
find_member(Inbox, "_parts", &m_parts)


cdef class Intake(Outbox):
    """What comes on a connection, given to whom it concerns."""

    def __init__(self, runtime, connection, endpoint):
        Outbox.__init__(self, runtime, connection, endpoint)
        self.heard = 1

    def data_received(self, data):
        """Give each answer to its receiver, then events, then let go what waits."""
        cdef bytes plain = data if type(data) is bytes else bytes(data)
        self.take_in(PyBytes_AS_STRING(plain), PyBytes_GET_SIZE(plain))

    cdef int take_in(self, const char *data, Py_ssize_t size) except -1:
        cdef object connection = self.connection
        cdef object segments = read_member(connection, &m_segments)
        cdef Py_ssize_t at = 0
        if self.closed:
            return 0
        self.heard += 1
        if self.bytes_received is not None:
            self.bytes_received(size)
        if self._large is not None:
            at = self._large.fill(data, size)
            if self._large.left:
                return 0
            if self._give_large():
                return 0
            if at == size or read_member(connection, &m_state) is not ready:
                return self._received(connection)
            data, size, at = data + at, size - at, 0
        if read_member(connection, &m_state) is ready and type(segments) is SegmentReader:
            try:
                take_segments(connection, <SegmentReader>segments, data, size)
            except RemoteProtocolError as exc:
                connection.close(exc)
                self._broken_by(exc)
                return 0
            at = size
        elif (
            read_member(connection, &m_state) is ready
            and segments is None
            and not <list>read_member(read_member(connection, &m_inbox), &m_parts)
        ):
            # Where frames begin, and mostly results: what is left of them goes the usual way.
            at = give_results(connection, data, size)
            if read_member(connection, &m_state) is not ready:
                at = size  # a receiver has closed it
            elif at < size:
                self._large = begin_large(connection, data + at, size - at)
                if self._large is not None:
                    at = size
        if at < size:
            try:
                connection.receive_data(PyBytes_FromStringAndSize(data + at, size - at))
            except RemoteProtocolError as exc:
                self._broken_by(exc)
                return 0
        return self._received(connection)

    cdef char *room(self, Py_ssize_t *size) noexcept:
        if self._large is None or self.closed:
            return NULL
        size[0] = self._large.left
        return self._large.place()

    cdef int took_in(self, Py_ssize_t size) except -1:
        cdef object connection = self.connection
        if self.closed:
            return 0
        self.heard += 1
        if self.bytes_received is not None:
            self.bytes_received(size)
        self._large.left -= size
        if self._large.left:
            return 0
        return 0 if self._give_large() else self._received(connection)

    cdef int _give_large(self) except -1:
        """Give out the large frame, which is all there; return whether it broke the connection."""
        cdef LargeFrame frame = self._large
        self._large = None
        try:
            give_large(self.connection, frame)
        except RemoteProtocolError as exc:
            self._broken_by(exc)
            return 1
        return 0

    cdef int _received(self, object connection) except -1:
        """Have what came with the answers looked at."""
        if read_member(connection, &m_interrupt) is not None:
            connection._raise_interrupt()
        if len(read_member(connection, &m_events)):
            self._handle_events()
        if self.on_data is not None:
            self.on_data()
        return 0
