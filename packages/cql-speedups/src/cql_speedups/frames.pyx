# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Answers cut out of the bytes of a connection; the twin of cql_protocol.connection.results."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memcmp, memcpy

from cql_speedups.blocks cimport is_lz4, unpack_body
from cql_speedups.members cimport Member, find_member, read_member
from cql_speedups.wire cimport get16, get32

from cql_protocol.connection.states import State
from cql_protocol.dialect import Dialect
from cql_protocol.errors import DriverException
from cql_protocol.messages import RawRows
from cql_protocol.messages.base import Response
from cql_protocol.messages.results import DONE, decode_plain_result
from cql_protocol.streams import ORPHAN, StreamTable

cdef extern from *:
    """
    #include <structmember.h>
    /* Where an object keeps what a member of its class's __slots__ names; -1 for no such member. */
    static Py_ssize_t slot_offset(PyObject *member) {
        if (!PyObject_TypeCheck(member, &PyMemberDescr_Type)) return -1;
        return ((PyMemberDescrObject *)member)->d_member->offset;
    }
    static inline PyObject *make_object(PyObject *cls) {
        return ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, 0);
    }
    static inline void fill_slot(PyObject *object, Py_ssize_t offset, PyObject *value) {
        Py_INCREF(value);
        *(PyObject **)((char *)object + offset) = value;
    }
    """
    Py_ssize_t slot_offset(object member)
    void PyObject_GC_UnTrack(PyObject *instance)
    object make_object(object cls)
    void fill_slot(object instance, Py_ssize_t offset, object value)

__all__ = ["receive_results"]

cdef object orphan = ORPHAN
cdef object ready = State.READY
cdef object done = DONE
cdef object decode_result = decode_plain_result
cdef object rows_class = RawRows

cdef Py_ssize_t _METADATA = slot_offset(vars(RawRows)["metadata"])
cdef Py_ssize_t _ROW_COUNT = slot_offset(vars(RawRows)["row_count"])
cdef Py_ssize_t _BODY = slot_offset(vars(RawRows)["body"])
cdef Py_ssize_t _OFFSET = slot_offset(vars(RawRows)["offset"])
cdef Py_ssize_t _EXTRAS = slot_offset(vars(Response)["extras"])

cdef enum:
    HEADER = 9
    LEAST = 13
    LARGE = 1 << 16  # bytes of a body from which it has its place made before it is all there
    HUGE = 1 << 24  # bytes beyond which no place is made on a server's word alone
    FLAG_COMPRESSED = 1
    RESULT = 8
    VOID = 1


# What is read of connections for every answer.
cdef bint looked = False
cdef Member m_dialect, m_free, m_limit, m_streams, m_version, m_waiting


cdef int look_up() except -1:
    # Not before, as it is being imported while this is.
    global looked
    from cql_protocol.connection import ClientConnection

    find_member(ClientConnection, "dialect", &m_dialect)
    find_member(ClientConnection, "max_frame_size", &m_limit)
    find_member(ClientConnection, "streams", &m_streams)
    find_member(Dialect, "version", &m_version)
    find_member(StreamTable, "_free", &m_free)
    find_member(StreamTable, "waiting", &m_waiting)
    looked = True
    return 0


cdef class Description:
    """The first bytes of a result's body, which describe its columns, and what they say."""


cdef class Receiver:
    """What waits for an answer, and can be called without a call of Python."""

    cdef int answer(self, object response) except -1:
        self(response)
        return 0

    cdef Description described(self):
        """Return what the answer begins with, as far as that is known from others."""
        return None

    cdef int describe(self, Description description) except -1:
        """Take over how an answer began."""
        return 0


def receive_results(connection, bytes data, Py_ssize_t at):
    """Give out results as long as they are plain; return where something else begins."""
    cdef const char *start = PyBytes_AS_STRING(data)
    return at + give_results(connection, start + at, PyBytes_GET_SIZE(data) - at)


cdef Py_ssize_t give_results(object connection, const char *start, Py_ssize_t size) except -1:
    if not looked:
        look_up()
    cdef object streams = read_member(connection, &m_streams), receiver
    cdef list waiting = read_member(streams, &m_waiting), free = read_member(streams, &m_free)
    cdef Py_ssize_t limit = read_member(connection, &m_limit), at = 0, length, stream
    cdef uint8_t version = read_member(read_member(connection, &m_dialect), &m_version)
    version |= 0x80
    cdef const char *head
    cdef bytes body
    while size - at >= LEAST:
        head = start + at
        length = <int32_t>get32(head + 5)
        if (
            <uint8_t>head[0] != version
            or head[4] != RESULT
            or length < 4
            or length > limit
            or length > size - at - HEADER
        ):
            break
        body = None
        if head[1]:
            if not is_packed(connection, head):
                break
            body = unpack_body(head + HEADER, length, limit)
            if body is None or PyBytes_GET_SIZE(body) < 4:
                break
        stream = get16(head + 2)
        if stream >= len(waiting):
            break  # also when a receiver has closed the connection
        receiver = waiting[stream]
        if receiver is None or receiver is orphan:
            break
        waiting[stream] = None
        free.append(stream)
        at += HEADER + length
        if body is None:
            give_one(connection, receiver, stream, head + HEADER, length, None)
        else:
            give_one(
                connection, receiver, stream, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), body
            )
    return at


cdef bint is_packed(object connection, const char *head) except -1:
    """Say whether a frame is compressed by lz4, and has no other flag."""
    # Protocol 5 has its segments compressed, and nothing in them.
    return (
        head[1] == FLAG_COMPRESSED and <uint8_t>head[0] < 0x85 and is_lz4(connection.compressor)
    )


cdef int give_one(
    object connection,
    object receiver,
    Py_ssize_t stream,
    const char *body,
    Py_ssize_t size,
    bytes whole,
) except -1:
    """Give the result to its receiver; `whole` is its body where that is an object already."""
    cdef object response
    try:
        response = read_result(receiver, body, size, connection, whole)
    except DriverException as exc:
        response = exc
    try:
        if isinstance(receiver, Receiver):
            (<Receiver>receiver).answer(response)
        else:
            receiver(response)
    except BaseException as exc:
        connection._failed(stream, exc, receiver, response)
    return 0


cdef object read_result(
    object receiver, const char *body, Py_ssize_t size, object connection, bytes whole
):
    """Return the result; the rows of one whose columns were met before are not looked at."""
    if size == 4 and get32(body) == VOID:
        return done
    cdef Description description = None
    if isinstance(receiver, Receiver):
        description = (<Receiver>receiver).described()
    cdef Py_ssize_t known
    cdef int32_t count
    if description is not None:
        known = PyBytes_GET_SIZE(description.known)
        if size >= known + 4 and not memcmp(body, PyBytes_AS_STRING(description.known), known):
            count = <int32_t>get32(body + known)
            if count >= 0 and count <= (size - description.offset) // description.least:
                return rows_of(description, body, size, count, whole)
    if whole is None:
        whole = PyBytes_FromStringAndSize(body, size)
    cdef object result = decode_result(whole, connection.dialect)
    if isinstance(receiver, Receiver) and type(result) is rows_class:
        learn(<Receiver>receiver, result)
    return result


cdef object rows_of(
    Description description, const char *body, Py_ssize_t size, int32_t count, bytes whole
):
    cdef object rows = make_object(rows_class)
    fill_slot(rows, _METADATA, description.metadata)
    fill_slot(rows, _ROW_COUNT, count)
    fill_slot(rows, _BODY, PyBytes_FromStringAndSize(body, size) if whole is None else whole)
    fill_slot(rows, _OFFSET, description.offset)
    fill_slot(rows, _EXTRAS, None)
    PyObject_GC_UnTrack(<PyObject *>rows)  # nothing of it leads to anything that has it
    return rows


cdef int learn(Receiver receiver, object rows) except -1:
    """Tell who waits how its results begin, if they all begin so."""
    cdef object metadata = rows.metadata
    cdef Py_ssize_t columns = metadata.column_count
    cdef Description description
    if metadata.paging_state is None and metadata.new_metadata_id is None and columns:
        description = Description.__new__(Description)
        description.known = (<bytes>rows.body)[: rows.offset - 4]
        description.metadata = metadata
        description.offset = rows.offset
        description.least = 4 * columns
        receiver.describe(description)
    return 0


# --- large ones ------------------------------------------------------------------------------

cdef class LargeFrame:
    """A result of which a part is still to come, read to where it is to stay: copied nowhere."""

    cdef char *place(self) noexcept:
        """Return where the next bytes belong, `left` at most."""
        return PyBytes_AS_STRING(self.body) + PyBytes_GET_SIZE(self.body) - self.left

    cdef Py_ssize_t fill(self, const char *data, Py_ssize_t size) noexcept:
        """Take bytes that came elsewhere; return how many."""
        if size > self.left:
            size = self.left
        memcpy(self.place(), data, size)
        self.left -= size
        return size


cdef LargeFrame begin_large(object connection, const char *head, Py_ssize_t size):
    """Return the frame that begins at `head`, if it is a large result of which more is to come.

    None leaves it to the ordinary way, as what nobody waits for.
    """
    if size < HEADER or size >= HUGE:
        return None
    cdef Py_ssize_t length = <int32_t>get32(head + 5), stream = get16(head + 2)
    cdef list waiting = connection.streams.waiting
    if (
        <uint8_t>head[0] != (0x80 | <uint8_t>connection.dialect.version)
        or head[4] != RESULT
        or (head[1] and not is_packed(connection, head))
        or not LARGE <= length <= HUGE
        or length > <Py_ssize_t>connection.max_frame_size
        or length <= size - HEADER
        or stream >= len(waiting)
        or waiting[stream] is None
        or waiting[stream] is orphan
    ):
        return None
    cdef LargeFrame frame = LargeFrame.__new__(LargeFrame)
    frame.head = PyBytes_FromStringAndSize(head, HEADER)
    frame.body = PyBytes_FromStringAndSize(NULL, length)
    frame.stream = stream
    frame.left = length
    frame.fill(head + HEADER, size - HEADER)
    return frame


cdef int give_large(object connection, LargeFrame frame) except -1:
    """Give out a frame that is all there; raises as `receive_data` does."""
    cdef object streams = connection.streams
    cdef list waiting = streams.waiting
    cdef object receiver = None
    cdef bytes body = frame.body
    if frame.stream < len(waiting) and connection.state is ready:
        receiver = waiting[frame.stream]
        if PyBytes_AS_STRING(frame.head)[1]:
            body = unpack_body(
                PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), connection.max_frame_size
            )
    if receiver is None or receiver is orphan or body is None or PyBytes_GET_SIZE(body) < 4:
        # Nobody waits any more, or it is broken: the ordinary way knows what to do.
        connection.receive_data(frame.head + frame.body)
        return 0
    waiting[frame.stream] = None
    (<list>streams._free).append(frame.stream)
    return give_one(
        connection, receiver, frame.stream, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), body
    )
