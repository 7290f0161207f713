# cython: boundscheck=False, wraparound=False
"""What the fuzzer needs of C: a compiled receiver of answers, and a reader of Arrow's buffers."""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int32_t, int64_t, uint8_t

from cql_speedups.frames cimport Description, LargeFrame, Receiver, begin_large, give_large

__all__ = ["Probe", "hear", "walk"]


cdef class Probe(Receiver):
    """Waits for answers, and keeps what it was told of their columns."""

    cdef readonly list answers
    cdef Description description

    def __init__(self):
        self.answers = []

    def __call__(self, response):
        """Take an answer as a receiver of Python does."""
        self.answers.append(response)

    cdef int answer(self, object response) except -1:
        self.answers.append(response)
        return 0

    cdef Description described(self):
        return self.description

    cdef int describe(self, Description description) except -1:
        self.description = description
        return 0


def hear(connection, bytes data, Py_ssize_t first, Py_ssize_t step):
    """Take a frame in pieces, as a connection does with a large one; return whether it is one."""
    cdef Py_ssize_t size = len(data), at = min(first, size)
    cdef bytes head = data[:at]  # its own memory, so that a read beyond its end is seen
    cdef bytes piece
    cdef LargeFrame frame = begin_large(connection, PyBytes_AS_STRING(head), at)
    if frame is None:
        return False
    while frame.left and at < size:
        piece = data[at : at + max(1, step)]
        at += frame.fill(PyBytes_AS_STRING(piece), len(piece))
    if not frame.left:
        give_large(connection, frame)
    return True


cdef struct ArrowSchema:
    const char *format
    const char *name
    const char *metadata
    int64_t flags
    int64_t n_children
    ArrowSchema **children
    ArrowSchema *dictionary
    void *release
    void *private_data

cdef struct ArrowArray:
    int64_t length
    int64_t null_count
    int64_t offset
    int64_t n_buffers
    int64_t n_children
    const void **buffers
    ArrowArray **children
    ArrowArray *dictionary
    void *release
    void *private_data


cdef int64_t width_of(bytes form) except -1:
    """Return the bytes of a slot."""
    if form[:2] == b"w:":
        return int(form[2:])
    if form[:2] == b"d:":
        return int(form.split(b",")[2]) // 8 if form.count(b",") == 2 else 16
    if form == b"tin":
        return 16
    if form in (b"c", b"C"):
        return 1
    if form in (b"s", b"S", b"e"):
        return 2
    if form in (b"i", b"I", b"f", b"tdD", b"tts", b"ttm", b"tiM"):
        return 4
    if form in (b"l", b"L", b"g", b"tdm", b"ttu", b"ttn", b"tiD") or form[:2] in (b"ts", b"tD"):
        return 8
    raise AssertionError(f"a column of the form {form!r}")


cdef uint64_sum(const uint8_t *p, int64_t size):
    cdef int64_t at
    cdef unsigned long long total = 0
    for at in range(size):
        total += p[at]
    return total


cdef object walk_array(ArrowSchema *schema, ArrowArray *array):
    """Read every byte that the array says it has; return their sum."""
    cdef bytes form = schema.format
    cdef int64_t length = array.length + array.offset, at, child_length, size
    cdef const int32_t *offsets
    cdef object total = 0
    assert array.n_children == schema.n_children
    assert -1 <= array.null_count <= array.length
    if array.n_buffers and array.buffers[0] != NULL:
        total += uint64_sum(<const uint8_t *>array.buffers[0], (length + 7) // 8)
    else:
        assert array.null_count <= 0 or form == b"n"
    if form in (b"u", b"z", b"+l", b"+m"):
        offsets = <const int32_t *>array.buffers[1]
        size = 0
        if length:
            assert offsets[0] >= 0
            for at in range(length):
                assert offsets[at] <= offsets[at + 1], (form, at)
            size = offsets[length]
        if form[:1] == b"+":
            assert array.children[0].length >= size
        elif size:
            total += uint64_sum(<const uint8_t *>array.buffers[2], size)
    elif form == b"b":
        if length:
            total += uint64_sum(<const uint8_t *>array.buffers[1], (length + 7) // 8)
    elif form[:3] == b"+w:":
        child_length = array.children[0].length
        assert child_length >= length * int(form[3:])
    elif form == b"+s":
        for at in range(array.n_children):
            assert array.children[at].length >= length
    elif form != b"n" and length:
        total += uint64_sum(<const uint8_t *>array.buffers[1], length * width_of(form))
    for at in range(array.n_children):
        total += walk_array(schema.children[at], array.children[at])
    return total


def walk(page):
    """Read every byte of a record batch by Arrow's C data interface."""
    schema, array = page.__arrow_c_array__()
    return walk_array(
        <ArrowSchema *>PyCapsule_GetPointer(schema, "arrow_schema"),
        <ArrowArray *>PyCapsule_GetPointer(array, "arrow_array"),
    )
