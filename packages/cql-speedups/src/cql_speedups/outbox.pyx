# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""What leaves on a connection; the twin of cql_driver.core.outbox."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

from cql_speedups.blocks cimport is_lz4, pack_frame
from cql_speedups.frames cimport Receiver
from cql_speedups.members cimport Member, find_member, read_member
from cql_speedups.plans cimport Plan
from cql_speedups.segments cimport SegmentWriter
from cql_speedups.sockets cimport Sink, SocketStream
from cql_speedups.wire cimport put16

from cql_protocol.connection import ClientConnection, State
from cql_protocol.dialect import Dialect
from cql_protocol.errors import LocalProtocolError

__all__ = ["Outbox"]

cdef object ready = State.READY
cdef object closed = State.CLOSED

cdef enum:
    HEADER = 9
    FLAG_COMPRESSED = 1

cdef Member m_beta_flag, m_compressor, m_dialect, m_max_frame_size, m_segments, m_state, m_kind
find_member(ClientConnection, "_beta_flag", &m_beta_flag)
find_member(ClientConnection, "compressor", &m_compressor)
find_member(ClientConnection, "dialect", &m_dialect)
find_member(ClientConnection, "max_frame_size", &m_max_frame_size)
find_member(ClientConnection, "_segments_out", &m_segments)
find_member(ClientConnection, "state", &m_state)
find_member(Dialect, "kind", &m_kind)


cdef class Encoded(Receiver):
    """A request that may be encoded already."""


cdef class Outbox(Sink):
    """What leaves on a connection."""

    def __init__(self, runtime, connection, endpoint):
        self.runtime = runtime
        self.connection = connection
        self.streams = connection.streams
        self.endpoint = endpoint
        self.out = []
        # The table changes these and never replaces them.
        self._waiting = self.streams.waiting
        self._free = self.streams._free

    cdef int take(self, Encoded request) except -2:
        """Send a request that is encoded already; return its stream, or -1 if that cannot be."""
        cdef object connection = self.connection
        cdef object dialect = read_member(connection, &m_dialect)
        cdef Plan plan = request.plan
        cdef bytes frame = request.frame
        cdef object compressor = None, segments
        cdef Py_ssize_t limit = read_member(connection, &m_max_frame_size)
        cdef char *head
        cdef bint at_once
        cdef int stream
        if plan.version < 5:  # later, segments are compressed
            compressor = read_member(connection, &m_compressor)
        if (
            read_member(connection, &m_state) is not ready
            or <int>read_member(dialect, &m_kind) != plan.kind
            or not self._free
            or PyBytes_GET_SIZE(frame) - HEADER > limit
            or (compressor is not None and not is_lz4(compressor))
        ):
            return -1
        if compressor is not None:
            frame = pack_frame(frame)
            if PyBytes_GET_SIZE(frame) - HEADER > limit:
                return -1
        at_once = not self.out and not self._gathers and len(self._free) == len(self._waiting)
        stream = self._free.pop()
        self._waiting[stream] = request
        head = PyBytes_AS_STRING(frame)  # nobody else has these bytes yet
        head[1] = <int>read_member(connection, &m_beta_flag)
        if compressor is not None:
            head[1] = head[1] | FLAG_COMPRESSED
        put16(head + 2, stream)
        self._sent += 1
        if at_once:
            segments = read_member(connection, &m_segments)
            if segments is None:
                self.write(frame)
            elif type(segments) is SegmentWriter:
                self.write((<SegmentWriter>segments).one(frame))
            else:
                self.write(connection.wrap((frame,)))
        else:
            if not self.out:
                self.runtime.call_soon(self.flush)
            self.out.append(frame)
        return stream

    def send(self, message, receiver, bint tracing=False, custom_payload=None):
        """Send a request and return its stream id; `receiver` gets the answer."""
        cdef object connection = self.connection
        cdef bint at_once = (
            not self.out and not self._gathers and len(self._free) == len(self._waiting)
        )
        try:
            frame = connection.frame(message, receiver, tracing, custom_payload)
        except LocalProtocolError as exc:
            if connection.state is not closed:
                raise
            raise self.broke() from exc
        stream = connection.last_stream
        self._sent += 1
        if at_once:
            self.write(connection.wrap((frame,)))
        else:
            if not self.out:
                self.runtime.call_soon(self.flush)
            self.out.append(frame)
        return stream

    def flush(self):
        """Write what this turn has gathered."""
        cdef list out = self.out
        if out:
            self.out = []
            self._gathers = len(out) > 1
            if not self.closed:
                self.write(self.connection.wrap(out))

    cdef int write(self, data) except -1:
        if self.bytes_sent is not None:
            self.bytes_sent(len(data))
        if isinstance(self.transport, SocketStream):
            (<SocketStream>self.transport).put(data)
        else:
            self.transport.write(data)
        return 0
