# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Segments of protocol 5; the twin of cql_protocol.segments.

A reader and a writer belong to a connection, and so to whoever leads its loop.
"""

from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from cql_speedups.blocks cimport MOST_PER_BYTE, is_lz4, pack_block, unpack_block
from cql_speedups.frames cimport give_results

from cql_protocol.connection.states import State
from cql_protocol.errors import RemoteProtocolError

cdef extern from "checksums.h":
    void fill_tables() noexcept
    uint32_t crc24_of(const char *data, Py_ssize_t size) noexcept
    uint32_t crc32_of(uint32_t seed, const char *data, Py_ssize_t size) noexcept

fill_tables()

__all__ = ["SegmentReader", "SegmentWriter", "crc24", "payload_crc", "receive_segments"]

cdef enum:
    MOST = (1 << 17) - 1
    PLAIN_HEADER = 3
    COMPRESSED_HEADER = 5
    CRC24_SIZE = 3
    CRC32_SIZE = 4
    SCRATCH = 4096

cdef uint32_t SEED = crc32_of(0, b"\xfa\x2d\x55\xca", 4)
cdef object ready = State.READY


def crc24(bytes data):
    """Return the CRC24 of a segment's header."""
    return crc24_of(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


def payload_crc(bytes data):
    """Return the CRC32 of a segment's payload as it is on the wire."""
    return crc32_of(SEED, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))


cdef inline void put_little(char *p, uint64_t value, int size) noexcept:
    cdef int at
    for at in range(size):
        p[at] = <char>(value >> 8 * at)


cdef inline uint64_t get_little(const char *p, int size) noexcept:
    cdef uint64_t value = 0
    cdef int at
    for at in range(size):
        value |= <uint64_t><uint8_t>p[at] << 8 * at
    return value


cdef bytes sealed(uint64_t bits, int head, const char *payload, Py_ssize_t size):
    """Return the segment of this header and payload, with their checksums."""
    cdef Py_ssize_t start = head + CRC24_SIZE
    cdef bytes made = PyBytes_FromStringAndSize(NULL, start + size + CRC32_SIZE)
    cdef char *p = PyBytes_AS_STRING(made)
    put_little(p, bits, head)
    put_little(p + head, crc24_of(p, head), CRC24_SIZE)
    memcpy(p + start, payload, size)
    put_little(p + start + size, crc32_of(SEED, p + start, size), CRC32_SIZE)
    return made


cdef class SegmentWriter:
    """Puts frames into segments, packed or split as their sizes want it."""

    def __init__(self, compressor=None):
        self._compressor = compressor
        self._native = is_lz4(compressor)
        self._head = PLAIN_HEADER if compressor is None else COMPRESSED_HEADER

    def wrap(self, frames):
        """Return the segments that carry `frames`, in order."""
        cdef list exact = [
            frame if PyBytes_CheckExact(frame) else bytes(frame) for frame in frames
        ]
        cdef Py_ssize_t total = 0
        for frame in exact:
            total += PyBytes_GET_SIZE(frame)
        if exact and total <= MOST:
            return self.packed(exact, 0, len(exact), total)
        return self.cut_up(exact)

    cdef bytes one(self, bytes frame):
        """Return what carries a single frame."""
        if PyBytes_GET_SIZE(frame) > MOST:
            return self.cut_up([frame])
        return self.around(PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame), True)

    cdef bytes cut_up(self, list frames):
        """Return several segments, or none."""
        cdef list out = []
        cdef Py_ssize_t first = 0, at, size = 0, length, start
        cdef bytes frame
        for at in range(len(frames)):
            frame = frames[at]
            length = PyBytes_GET_SIZE(frame)
            if size + length > MOST:
                if first < at:
                    out.append(self.packed(frames, first, at, size))
                first, size = at, 0
            if length <= MOST:
                size += length
                continue
            for start in range(0, length, MOST):
                out.append(
                    self.around(
                        PyBytes_AS_STRING(frame) + start, min(MOST, length - start), False
                    )
                )
            first = at + 1
        if first < len(frames):
            out.append(self.packed(frames, first, len(frames), size))
        return b"".join(out)

    cdef bytes packed(self, list frames, Py_ssize_t first, Py_ssize_t end, Py_ssize_t size):
        """Return the segment of some of the frames, whose sizes sum to `size`."""
        cdef bytes frame
        cdef char[SCRATCH] scratch
        cdef char *heap = NULL
        cdef char *payload = scratch
        cdef Py_ssize_t at, filled = 0
        if end - first == 1:
            frame = frames[first]
            return self.around(PyBytes_AS_STRING(frame), size, True)
        if size > SCRATCH:
            payload = heap = <char *>PyMem_Malloc(size)
            if heap == NULL:
                raise MemoryError
        try:
            for at in range(first, end):
                frame = frames[at]
                memcpy(payload + filled, PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame))
                filled += PyBytes_GET_SIZE(frame)
            return self.around(payload, size, True)
        finally:
            PyMem_Free(heap)

    cdef bytes around(self, const char *payload, Py_ssize_t size, bint self_contained):
        """Return one segment around a payload, compressed when that makes it smaller."""
        cdef char[SCRATCH] scratch
        cdef char *heap = NULL
        cdef char *block = scratch
        cdef Py_ssize_t count
        if self._compressor is None:
            return sealed(size | <uint64_t>self_contained << 17, self._head, payload, size)
        if not self._native:
            return self.around_foreign(payload, size, self_contained)
        if size > SCRATCH:
            block = heap = <char *>PyMem_Malloc(size)
            if heap == NULL:
                raise MemoryError
        try:
            count = pack_block(payload, size, block, size - 1) if size else 0
            if not count:
                return sealed(size | <uint64_t>self_contained << 34, self._head, payload, size)
            return sealed(
                count | <uint64_t>size << 17 | <uint64_t>self_contained << 34,
                self._head,
                block,
                count,
            )
        finally:
            PyMem_Free(heap)

    cdef bytes around_foreign(self, const char *payload, Py_ssize_t size, bint self_contained):
        cdef bytes plain = PyBytes_FromStringAndSize(payload, size)
        cdef bytes block = given(self._compressor.compress_block(plain))
        cdef Py_ssize_t count = PyBytes_GET_SIZE(block)
        cdef uint64_t last = <uint64_t>self_contained << 34
        if count >= size:
            return sealed(size | last, self._head, payload, size)
        return sealed(
            count | <uint64_t>size << 17 | last, self._head, PyBytes_AS_STRING(block), count
        )

    def segment(self, payload, bint self_contained):
        """Return one segment around `payload`, compressed when that makes it smaller."""
        cdef bytes exact = payload if PyBytes_CheckExact(payload) else bytes(payload)
        if PyBytes_GET_SIZE(exact) > MOST:
            raise OverflowError(f"a segment of {len(exact):,} bytes")
        return self.around(PyBytes_AS_STRING(exact), PyBytes_GET_SIZE(exact), self_contained)


cdef class SegmentReader:
    """Cuts segments out of a stream of bytes and checks them."""

    def __init__(self, compressor=None):
        self._compressor = compressor
        self._native = is_lz4(compressor)
        self._head = PLAIN_HEADER if compressor is None else COMPRESSED_HEADER
        self._parts = []

    def feed(self, bytes data):
        """Yield (payload, self-contained) of every segment that `data` completes."""
        cdef bytes whole = self.take(data), payload
        cdef Py_ssize_t at = 0
        cdef Segment found
        if whole is None:
            return
        while self.read(PyBytes_AS_STRING(whole), PyBytes_GET_SIZE(whole), at, &found):
            payload = whole[found.at : found.at + found.size]
            if found.plain and self._compressor is not None:
                payload = self.decompressed(PyBytes_AS_STRING(payload), &found)
            at = found.end
            yield payload, found.self_contained
        self.keep(PyBytes_AS_STRING(whole) + at, PyBytes_GET_SIZE(whole) - at)

    cdef bytes take(self, bytes data):
        """Return all bytes held once they may make a segment, else None."""
        self._size += PyBytes_GET_SIZE(data)
        if self._parts:
            self._parts.append(data)
            if self._size < self._need:
                return None
            data = b"".join(self._parts)
            self._parts.clear()
        elif self._size < self._need:
            self._parts.append(data)
            return None
        return data

    cdef int keep(self, const char *data, Py_ssize_t size) except -1:
        """Hold back what is left."""
        self._size = size
        if size:
            self._parts.append(PyBytes_FromStringAndSize(data, size))
        return 0

    cdef bint read(
        self, const char *data, Py_ssize_t size, Py_ssize_t at, Segment *found
    ) except -1:
        """Find the segment that begins at `at`; return whether it is complete."""
        cdef Py_ssize_t start = self._head + CRC24_SIZE
        cdef uint64_t bits
        self._need = start
        if size - at < start:
            return False
        bits = check_header(data + at, self._head)
        found.size = bits & MOST
        if self._head == PLAIN_HEADER:
            found.plain = 0
            found.self_contained = bits >> 17 & 1
        else:
            found.plain = bits >> 17 & MOST
            found.self_contained = bits >> 34 & 1
        found.at = at + start
        found.end = found.at + found.size + CRC32_SIZE
        if size < found.end:
            self._need = found.end - at
            return False
        check_payload(data + found.at, found.size)
        return True

    cdef bytes decompressed(self, const char *payload, Segment *found):
        cdef bytes plain
        if self._native and found.plain <= found.size * MOST_PER_BYTE:
            plain = PyBytes_FromStringAndSize(NULL, found.plain)
            if unpack_block(payload, found.size, PyBytes_AS_STRING(plain), found.plain):
                return plain
        return given(
            self._compressor.decompress_block(
                PyBytes_FromStringAndSize(payload, found.size), found.plain
            )
        )


cdef inline uint64_t check_header(const char *data, int size) except? 0xFFFFFFFFFFFFFFFF:
    """Return the bits of a header whose checksum is right."""
    cdef uint32_t sent = <uint32_t>get_little(data + size, CRC24_SIZE)
    cdef uint32_t computed = crc24_of(data, size)
    if sent != computed:
        raise RemoteProtocolError(
            f"a damaged segment header: its CRC24 says 0x{sent:06x}, "
            f"its bytes give 0x{computed:06x}"
        )
    return get_little(data, size)


cdef inline int check_payload(const char *payload, Py_ssize_t size) except -1:
    cdef uint32_t sent = <uint32_t>get_little(payload + size, CRC32_SIZE)
    cdef uint32_t computed = crc32_of(SEED, payload, size)
    if sent != computed:
        raise RemoteProtocolError(
            f"a damaged segment of {size} bytes: its CRC32 says 0x{sent:08x}, "
            f"its bytes give 0x{computed:08x}"
        )
    return 0


cdef bytes given(object made):
    """Return the bytes that a compressor of somebody else's has made."""
    return made if type(made) is bytes else bytes(memoryview(made))


cdef inline bytes piece(bytes whole, const char *start, Py_ssize_t size):
    """Return `whole` if it is these bytes, else a copy of them."""
    if whole is not None and PyBytes_AS_STRING(whole) == start:
        return whole
    return PyBytes_FromStringAndSize(start, size)


def receive_segments(connection, segments, bytes data):
    """Take bytes in segments; plain results are given out without a copy of the payload."""
    if type(segments) is not SegmentReader:
        raise TypeError(f"{segments!r} is no compiled reader of segments")
    take_segments(connection, <SegmentReader>segments, PyBytes_AS_STRING(data), len(data))


cdef int take_segments(
    object connection, SegmentReader reader, const char *data, Py_ssize_t size
) except -1:
    cdef object inbox = connection._inbox
    cdef bint is_client = hasattr(connection, "streams")
    cdef bytes whole = None, payload
    cdef Py_ssize_t at = 0, count, done
    cdef const char *start
    cdef Segment found
    if reader._parts or size < reader._need:
        whole = reader.take(PyBytes_FromStringAndSize(data, size))
        if whole is None:
            return 0
        data, size = PyBytes_AS_STRING(whole), PyBytes_GET_SIZE(whole)
    while reader.read(data, size, at, &found):
        at = found.end
        payload = None
        start, count = data + found.at, found.size
        if found.plain and reader._compressor is not None:
            payload = reader.decompressed(start, &found)
            start, count = PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload)
        done = 0
        if found.self_contained:
            if inbox.size:
                raise RemoteProtocolError(
                    f"a self-contained segment, while {inbox.size} bytes of a frame are pending"
                )
            if is_client and connection.state is ready:
                done = give_results(connection, start, count)
        if done < count:
            connection._receive_frames(piece(payload, start + done, count - done))
        if found.self_contained and inbox.size:
            raise RemoteProtocolError("a self-contained segment that ends within a frame")
    reader.keep(data + at, size - at)
    return 0
