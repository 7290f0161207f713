# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Answers cut out of the bytes of a connection; the twin of cql_protocol.connection.results."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memcmp

from cql_speedups.blocks cimport is_lz4, unpack_body
from cql_speedups.wire cimport get16, get32

from cql_protocol.errors import DriverException
from cql_protocol.messages import RawRows
from cql_protocol.messages.base import Response
from cql_protocol.messages.results import DONE, decode_plain_result
from cql_protocol.streams import ORPHAN

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
    object make_object(object cls)
    void fill_slot(object instance, Py_ssize_t offset, object value)

__all__ = ["receive_results"]

cdef object orphan = ORPHAN
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
    FLAG_COMPRESSED = 1
    RESULT = 8
    VOID = 1


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
    cdef object streams = connection.streams
    cdef list waiting = streams.waiting, free = streams._free
    cdef object dialect = connection.dialect, receiver, response
    cdef Py_ssize_t limit = connection.max_frame_size, at = 0, length, stream
    cdef uint8_t version = 0x80 | <uint8_t>dialect.version
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
            # Protocol 5 has its segments compressed, and nothing in them.
            if head[1] != FLAG_COMPRESSED or version >= 0x85 or not is_lz4(connection.compressor):
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
        try:
            if body is None:
                response = read_result(receiver, head + HEADER, length, dialect)
            else:
                response = read_result(
                    receiver, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), dialect
                )
        except DriverException as exc:
            response = exc
        try:
            if isinstance(receiver, Receiver):
                (<Receiver>receiver).answer(response)
            else:
                receiver(response)
        except BaseException as exc:
            connection._failed(stream, exc)
    return at


cdef object read_result(object receiver, const char *body, Py_ssize_t size, object dialect):
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
                return rows_of(description, body, size, count)
    cdef object result = decode_result(PyBytes_FromStringAndSize(body, size), dialect)
    if isinstance(receiver, Receiver) and type(result) is rows_class:
        learn(<Receiver>receiver, result)
    return result


cdef object rows_of(Description description, const char *body, Py_ssize_t size, int32_t count):
    cdef object rows = make_object(rows_class)
    fill_slot(rows, _METADATA, description.metadata)
    fill_slot(rows, _ROW_COUNT, count)
    fill_slot(rows, _BODY, PyBytes_FromStringAndSize(body, size))
    fill_slot(rows, _OFFSET, description.offset)
    fill_slot(rows, _EXTRAS, None)
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
