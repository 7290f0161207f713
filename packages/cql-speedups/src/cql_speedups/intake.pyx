# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""What comes on a connection; the twin of cql_driver.core.intake."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from cql_speedups.frames cimport give_results
from cql_speedups.members cimport Member, find_member, read_member

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
        cdef Py_ssize_t at = 0
        if self.closed:
            return 0
        self.heard += 1
        if self.bytes_received is not None:
            self.bytes_received(size)
        if (
            read_member(connection, &m_state) is ready
            and read_member(connection, &m_segments) is None
            and not <list>read_member(read_member(connection, &m_inbox), &m_parts)
        ):
            # Where frames begin, and mostly results: what is left of them goes the usual way.
            at = give_results(connection, data, size)
            if read_member(connection, &m_state) is not ready:
                at = size  # a receiver has closed it
        if at < size:
            try:
                connection.receive_data(PyBytes_FromStringAndSize(data + at, size - at))
            except RemoteProtocolError as exc:
                self._broken_by(exc)
                return 0
        elif read_member(connection, &m_interrupt) is not None:
            connection._raise_interrupt()
        if len(read_member(connection, &m_events)):
            self._handle_events()
        if self.on_data is not None:
            self.on_data()
        return 0
