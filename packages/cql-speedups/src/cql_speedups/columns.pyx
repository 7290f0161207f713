# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Pages of rows as columns in the layout of Arrow, made straight of the bytes of a page.

No Python object is made for a cell, but for texts of very long numbers and of IPv4 addresses in
the form of IPv6. What is made has the methods of Arrow's PyCapsule interface, so that whoever
knows it (pyarrow, polars, duckdb) takes it over without a copy; nothing of that is needed here.

What does not fit (a length beyond the end, bytes that are no text) is not explained: `read`
returns None then, and the page is read in Python once more, which tells row, column and reason.
"""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free

from cql_speedups.column_shapes cimport (
    COLUMN_NO_MEMORY,
    COLUMN_ODD,
    COLUMN_OK,
    COLUMN_TOO_LARGE,
    KIND_BOOLEAN,
    KIND_DECIMAL,
    KIND_INET,
    KIND_VARINT,
    KIND_VECTOR,
    Column,
    Page,
    Shape,
    page_drop,
    page_new,
    shape_drop,
    shape_of_columns,
)

from cql_protocol import types
from cql_protocol.errors import DecodeError
from cql_protocol.types.base import ReadOptions

# Named for the build, which copies headers that it sees.
cdef extern from "wire.h":
    pass

cdef extern from "texts.h":
    pass

cdef extern from "columns.h" nogil:
    int put_rows(Column *root, const char *p, const char *end, int32_t count)
    int put_bytes(Column *column, const char *p, int64_t size)
    const char *skip_cell(const char *p, const char *end)
    int (*column_other_text)(Column *column, const char *p, int32_t size)

cdef extern from "arrow.h" nogil:
    struct ArrowSchema:
        void (*release)(ArrowSchema *)
    struct ArrowArray:
        void (*release)(ArrowArray *)
    struct ArrowArrayStream:
        void (*release)(ArrowArrayStream *)
    int schema_export(Shape *root, const Shape *shape, ArrowSchema *out)
    int array_export(Page *page, const Column *column, ArrowArray *out)
    int stream_export(Shape *shape, int64_t room, ArrowArrayStream *out)
    void stream_add(ArrowArrayStream *stream, Page *page)

__all__ = ["Columns", "PageColumns", "PagesColumns", "row_ends"]

cdef enum:
    LARGE = 65536  # bytes of a page from which letting other threads run pays

@cython.final
cdef class Columns:
    """Reads pages of one shape: `columns` are the types, of which None is left out, with `names`.

    `form` is who they are for: ``"arrow"``; ``"parts"``, where durations are structs of months,
    days and nanoseconds, and UUIDs have no type of their own; ``"raw"``, where numbers keep the
    order of their bytes. What is left out, and what is raw, is for `PageColumns.column` alone.
    """

    cdef Shape *shape
    cdef readonly tuple names

    def __cinit__(self, columns, names, str form="arrow"):
        self.names = tuple(names)
        self.shape = shape_of_columns(tuple(columns), self.names, form)

    def __dealloc__(self):
        shape_drop(self.shape)

    def read(self, bytes body not None, Py_ssize_t offset, object count):
        """Return the `count` rows that begin at `offset` and reach to the end of `body`.

        None where a cell does not fit its type, or the bytes end early, or some are left.
        Raises `DecodeError` where the columns would take more than Arrow can hold.
        """
        cdef const char *p = PyBytes_AS_STRING(body)
        cdef const char *end = p + PyBytes_GET_SIZE(body)
        cdef int32_t rows
        cdef int status
        cdef PageColumns made
        if not 0 <= offset <= end - p or not 0 <= count <= 0x7FFFFFFF:
            return None
        rows = count
        made = PageColumns.__new__(PageColumns)
        made.owner = self
        made.page = page_new(self.shape)
        if made.page == NULL:
            raise MemoryError
        p += offset
        if end - p > LARGE:
            with nogil:
                status = put_rows(&made.page.root, p, end, rows)
        else:
            status = put_rows(&made.page.root, p, end, rows)
        if status == COLUMN_OK:
            return made
        if status == COLUMN_NO_MEMORY:
            raise MemoryError
        if status == COLUMN_TOO_LARGE:
            raise DecodeError("the page has more than 2 GiB in one of Arrow's buffers")
        return None

    def __arrow_c_schema__(self):
        """Return the schema in a capsule."""
        return schema_capsule(self.shape)


# --- texts that are made in Python -------------------------------------------------------------

cdef dict TEXT_READERS = {}
cdef dict TEXT_TYPES = {
    KIND_INET: types.INET, KIND_VARINT: types.VARINT, KIND_DECIMAL: types.DECIMAL
}


cdef int other_text(Column *column, const char *p, int32_t size) noexcept with gil:
    """Append the text of a long number, or of an address that has two forms."""
    cdef bytes text
    try:
        # Threads may meet here at once, and each finds all it needs.
        reader = TEXT_READERS.get(column.shape.kind)
        if reader is None:
            cql_type = TEXT_TYPES[column.shape.kind]
            reader = TEXT_READERS[column.shape.kind] = cql_type.reader(ReadOptions(inet_text=True))
        value = reader(p[:size])
        if column.shape.kind == KIND_VARINT:
            # Unlike int's, the text of a Decimal may have any number of digits.
            from decimal import Decimal

            value = Decimal(value)
        text = str(value).encode()
    except Exception:
        return COLUMN_ODD  # Python reads the page once more, and meets the same
    return put_bytes(column, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))


column_other_text = other_text


# --- capsules ----------------------------------------------------------------------------------

cdef void drop_schema(object capsule) noexcept:
    cdef ArrowSchema *schema = <ArrowSchema *>PyCapsule_GetPointer(capsule, "arrow_schema")
    if schema.release != NULL:  # nobody took it
        schema.release(schema)
    free(schema)


cdef void drop_array(object capsule) noexcept:
    cdef ArrowArray *array = <ArrowArray *>PyCapsule_GetPointer(capsule, "arrow_array")
    if array.release != NULL:
        array.release(array)
    free(array)


cdef void drop_stream(object capsule) noexcept:
    cdef ArrowArrayStream *stream = (
        <ArrowArrayStream *>PyCapsule_GetPointer(capsule, "arrow_array_stream")
    )
    if stream.release != NULL:
        stream.release(stream)
    free(stream)


cdef object schema_capsule(Shape *shape):
    cdef ArrowSchema *schema = <ArrowSchema *>calloc(1, sizeof(ArrowSchema))
    if schema == NULL:
        raise MemoryError
    capsule = PyCapsule_New(schema, "arrow_schema", drop_schema)
    if schema_export(shape, shape, schema):
        raise MemoryError
    return capsule


cdef object array_capsule(Page *page):
    cdef ArrowArray *array = <ArrowArray *>calloc(1, sizeof(ArrowArray))
    if array == NULL:
        raise MemoryError
    capsule = PyCapsule_New(array, "arrow_array", drop_array)
    if array_export(page, &page.root, array):
        raise MemoryError
    return capsule


cdef object stream_capsule(Columns owner, object pages):
    cdef ArrowArrayStream *stream = <ArrowArrayStream *>calloc(1, sizeof(ArrowArrayStream))
    cdef PageColumns page
    if stream == NULL:
        raise MemoryError
    capsule = PyCapsule_New(stream, "arrow_array_stream", drop_stream)
    if stream_export(owner.shape, len(pages), stream):
        raise MemoryError
    for page in pages:
        stream_add(stream, page.page)
    return capsule


# --- pages ---------------------------------------------------------------------------------------

@cython.final
cdef class PageColumns:
    """The columns of one page: a record batch to whoever knows Arrow's PyCapsule interface.

    Its memory is shared by all that it was given to, and freed when the last of them is gone.
    """

    cdef Page *page
    cdef Columns owner

    def __init__(self):
        raise TypeError("made by Columns.read")

    cdef Page *whole(self) except NULL:
        if self.page == NULL:
            raise TypeError("made by Columns.read")
        return self.page

    def __dealloc__(self):
        page_drop(self.page)

    def __len__(self):
        return self.whole().root.length

    def __arrow_c_schema__(self):
        """Return the schema in a capsule."""
        self.whole()
        return schema_capsule(self.owner.shape)

    def __arrow_c_array__(self, requested_schema=None):
        """Return schema and columns in capsules; a schema that is asked for has no effect."""
        cdef Page *page = self.whole()
        return schema_capsule(self.owner.shape), array_capsule(page)

    def __arrow_c_stream__(self, requested_schema=None):
        """Return a stream of this page alone in a capsule."""
        self.whole()
        return stream_capsule(self.owner, (self,))

    def column(self, Py_ssize_t at):
        """Return (values, validity, nulls) of a column of numbers, or of vectors of numbers.

        The first two have the buffer protocol: the slots as bytes, and bits of which those of
        nulls are 0, or None when there is no null. Nothing is copied.
        """
        cdef Column *column
        cdef Column *values
        cdef int64_t size
        cdef Page *page = self.whole()
        if not 0 <= at < page.root.shape.n_children:
            raise IndexError(at)
        column = values = &page.root.children[at]
        while values.shape.kind == KIND_VECTOR:
            values = &values.children[0]
        if values.shape.kind == KIND_BOOLEAN:
            size = (values.length + 7) // 8
        elif values.shape.width:
            size = values.length * values.shape.width
        else:
            raise TypeError(f"column {at} has no slots of one size")
        validity = None
        if column.nulls:
            validity = view_of(self, column.validity, (column.length + 7) // 8)
        return view_of(self, values.data, size), validity, column.nulls


cdef View view_of(PageColumns page, unsigned char *data, int64_t size):
    cdef View view = View.__new__(View)
    view.page = page
    view.data = data
    view.size = size if data != NULL else 0
    return view


@cython.final
cdef class View:
    """Bytes of a page, which stays as long as anybody looks at them. They may be written to."""

    cdef PageColumns page
    cdef unsigned char *data
    cdef Py_ssize_t size

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        cdef char *data = <char *>self.data if self.data != NULL else <char *>b""
        PyBuffer_FillInfo(buffer, self, data, self.size, self.data == NULL, flags)

    def __len__(self):
        return self.size


@cython.final
cdef class PagesColumns:
    """The columns of pages of one shape as a stream: ``pyarrow.table(pages)`` takes it."""

    cdef Columns owner
    cdef list pages

    def __cinit__(self, Columns owner not None, pages):
        cdef PageColumns page
        self.owner = owner
        self.pages = list(pages)
        for page in self.pages:
            if page is None or page.owner is not owner:
                raise TypeError("pages of another shape")

    def __len__(self):
        return sum(map(len, self.pages))

    def __arrow_c_schema__(self):
        """Return the schema in a capsule."""
        return schema_capsule(self.owner.shape)

    def __arrow_c_stream__(self, requested_schema=None):
        """Return a stream of all pages in a capsule."""
        return stream_capsule(self.owner, self.pages)


# --- rows, without what is in them --------------------------------------------------------------

def row_ends(bytes body not None, Py_ssize_t offset, Py_ssize_t count, Py_ssize_t width):
    """Return where each of `count` rows of `width` columns ends, the first beginning at `offset`.

    None where the bytes end early, or some are left.
    """
    cdef const char *start = PyBytes_AS_STRING(body)
    cdef const char *end = start + PyBytes_GET_SIZE(body)
    cdef const char *p
    cdef Py_ssize_t at
    cdef list ends = []
    if offset < 0 or width <= 0 or count < 0 or offset > end - start:
        return None
    p = start + offset
    if count > (end - p) // 4 // width:
        return None
    for _ in range(count):
        for at in range(width):
            p = skip_cell(p, end)
            if p == NULL:
                return None
        ends.append(p - start)
    return ends if p == end else None
