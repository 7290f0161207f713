# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Rows made straight of the bytes of a page; the twin of the readers of cql_protocol.rows.

Each column has a reader in C, or calls the one that its type has in Python. What does not fit
(a length beyond the end, bytes that are no text) is not explained here: the page is then read in
Python once more, which raises the error that names row, column and reason.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport PyDateTime_IMPORT
from cpython.dict cimport PyDict_SetItem
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t

from cql_speedups.wire cimport get16, get32, get64

from functools import partial
from uuid import UUID, SafeUUID

from cql_protocol import types
from cql_protocol.errors import DecodeError
from cql_protocol.types.wrappers import FrozenType, ReversedType

PyDateTime_IMPORT

cdef extern from "values.h":
    double get_double(const char *p) noexcept
    float get_float(const char *p) noexcept
    object make_datetime(int64_t milliseconds)
    object make_int128(const char *p)
    object make_text(const char *p, Py_ssize_t size)
    int stop_collector() noexcept
    void restart_collector(int was_on) noexcept
    void untrack(object instance) noexcept
    object allocate(object cls, Py_ssize_t size)

cdef extern from *:
    """
    #include <structmember.h>
    static Py_ssize_t member_offset(PyObject *member) {
        if (!PyObject_TypeCheck(member, &PyMemberDescr_Type)) return -1;
        return ((PyMemberDescrObject *)member)->d_member->offset;
    }
    static inline void fill_member(PyObject *object, Py_ssize_t offset, PyObject *value) {
        Py_INCREF(value);
        *(PyObject **)((char *)object + offset) = value;
    }
    """
    Py_ssize_t member_offset(object member)
    void fill_member(object instance, Py_ssize_t offset, object value)

__all__ = ["RowReader", "make_reader"]

cdef object uuid_class = UUID
cdef object unknown = SafeUUID.unknown
cdef Py_ssize_t UUID_INT = member_offset(vars(UUID)["int"]) if "int" in vars(UUID) else -1
cdef Py_ssize_t UUID_SAFE = member_offset(vars(UUID)["is_safe"]) if "is_safe" in vars(UUID) else -1

cdef enum:
    MANY = 16  # rows from which stopping the collector pays


class Odd(Exception):
    """Bytes that do not fit, or that this module leaves to Python."""


cdef object odd(object what=None):
    raise Odd(what)


cdef class Cell:
    """The reader of one type. `plain`: its values refer to nothing that could be in a cycle."""

    cdef readonly bint plain
    cdef readonly bint compiled

    def __cinit__(self):
        self.plain = self.compiled = True

    cdef object read(self, const char *p, Py_ssize_t size):
        raise NotImplementedError


@cython.final
cdef class TinyInt(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return <int8_t>p[0] if size == 1 else odd()


@cython.final
cdef class SmallInt(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return <int16_t>get16(p) if size == 2 else odd()


@cython.final
cdef class Int(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return <int32_t>get32(p) if size == 4 else odd()


@cython.final
cdef class BigInt(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return <int64_t>get64(p) if size == 8 else odd()


@cython.final
cdef class Float(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return <double>get_float(p) if size == 4 else odd()


@cython.final
cdef class Double(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return get_double(p) if size == 8 else odd()


@cython.final
cdef class Boolean(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return p[0] != 0 if size == 1 else odd()


@cython.final
cdef class Text(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return make_text(p, size)


@cython.final
cdef class Blob(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        return PyBytes_FromStringAndSize(p, size)


@cython.final
cdef class Uuid(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        if size != 16:
            odd()
        cdef object made = allocate(uuid_class, 0)
        fill_member(made, UUID_INT, make_int128(p))
        fill_member(made, UUID_SAFE, unknown)
        untrack(made)
        return made


@cython.final
cdef class Moment(Cell):
    cdef object read(self, const char *p, Py_ssize_t size):
        if size != 8:
            odd()
        cdef object made = make_datetime(<int64_t>get64(p))
        return odd() if made is None else made


cdef class Other(Cell):
    """A type that Python reads."""

    cdef object reader

    def __init__(self, reader):
        self.reader = reader
        self.plain = self.compiled = False

    cdef object read(self, const char *p, Py_ssize_t size):
        return self.reader(PyBytes_FromStringAndSize(p, size))


cdef inline int32_t take_size(const char **p, const char *end) except? -2:
    """Read the length of a cell; -1 for a null. It leads not beyond the end."""
    if end - p[0] < 4:
        odd()
    cdef int32_t size = <int32_t>get32(p[0])
    p[0] += 4
    if size > end - p[0]:
        odd()
    return size if size >= 0 else -1


cdef inline object take(Cell cell, const char **p, const char *end):
    """Read the next cell."""
    cdef int32_t size = take_size(p, end)
    if size < 0:
        return None
    cdef object value = cell.read(p[0], size)
    p[0] += size
    return value


cdef inline int32_t take_count(const char **p, const char *end, int least) except -1:
    """Read how many elements follow, each of `least` bytes or more."""
    if end - p[0] < 4:
        odd()
    cdef int32_t count = <int32_t>get32(p[0])
    p[0] += 4
    if count < 0 or count > (end - p[0]) // least:
        odd()
    return count


cdef class List(Cell):
    cdef Cell element

    def __init__(self, Cell element):
        self.element = element
        self.plain = False
        self.compiled = element.compiled

    cdef list elements(self, const char *p, Py_ssize_t size):
        cdef const char *end = p + size
        cdef int32_t count = take_count(&p, end, 4), at
        cdef Cell element = self.element
        cdef list made = PyList_New(count)
        cdef object value
        for at in range(count):
            Py_INCREF(None)
            PyList_SET_ITEM(made, at, None)
        for at in range(count):
            value = take(element, &p, end)
            made[at] = value
        if p != end:
            odd()
        return made

    cdef object read(self, const char *p, Py_ssize_t size):
        return self.elements(p, size) if size else odd()


@cython.final
cdef class Set_(List):
    cdef object read(self, const char *p, Py_ssize_t size):
        if not size:
            odd()
        cdef list elements = self.elements(p, size)
        cdef set made
        try:
            made = set(elements)
        except TypeError:
            odd()  # no hash: Python makes a SortedSet
        return made if len(made) == len(elements) else odd()


@cython.final
cdef class Map(Cell):
    cdef Cell key
    cdef Cell value

    def __init__(self, Cell key, Cell value):
        self.key, self.value = key, value
        self.plain = False
        self.compiled = key.compiled and value.compiled

    cdef object read(self, const char *p, Py_ssize_t size):
        if not size:
            odd()
        cdef const char *end = p + size
        cdef int32_t count = take_count(&p, end, 8), at
        cdef dict made = {}
        cdef object key
        for at in range(count):
            key = take(self.key, &p, end)
            made[key] = take(self.value, &p, end)
        if p != end:
            odd()
        return made


@cython.final
cdef class Tuple(Cell):
    cdef tuple elements

    def __init__(self, elements):
        self.elements = tuple(elements)
        self.plain = all([cell.plain for cell in elements])
        self.compiled = all([cell.compiled for cell in elements])

    cdef object read(self, const char *p, Py_ssize_t size):
        if not size:
            odd()
        cdef const char *end = p + size
        cdef list made = []
        cdef Cell cell
        for cell in self.elements:
            made.append(None if p == end else take(cell, &p, end))
        return tuple(made) if p == end else odd()


cdef class FixedVector(Cell):
    """Elements of fixed size, one after the other."""

    cdef Cell element
    cdef Py_ssize_t each
    cdef Py_ssize_t dimension

    def __init__(self, Cell element, each, dimension):
        self.element, self.each, self.dimension = element, each, dimension
        self.plain = False
        self.compiled = element.compiled

    cdef object read(self, const char *p, Py_ssize_t size):
        if size != self.each * self.dimension:
            odd()
        cdef list made = []
        cdef Py_ssize_t at
        for at in range(self.dimension):
            made.append(self.element.read(p + at * self.each, self.each))
        return made


@cython.final
cdef class FloatVector(FixedVector):
    cdef object read(self, const char *p, Py_ssize_t size):
        if size != 4 * self.dimension:
            odd()
        cdef list made = PyList_New(self.dimension)
        cdef Py_ssize_t at
        cdef object value
        for at in range(self.dimension):
            value = <double>get_float(p + 4 * at)
            Py_INCREF(value)
            PyList_SET_ITEM(made, at, value)
        return made


cdef dict SIMPLE = {
    types.TINYINT: TinyInt,
    types.SMALLINT: SmallInt,
    types.INT: Int,
    types.BIGINT: BigInt,
    types.COUNTER: BigInt,
    types.FLOAT: Float,
    types.DOUBLE: Double,
    types.BOOLEAN: Boolean,
    types.TEXT: Text,
    types.VARCHAR: Text,
    types.BLOB: Blob,
}


cdef bint holds_floats(object cql_type):
    return cql_type.struct_code in ("f", "d") or any(map(holds_floats, cql_type.children))


cdef Cell cell_of(object cql_type, object options):
    """Return the reader of a type."""
    cdef object kind = type(cql_type), known = SIMPLE.get(cql_type)
    if known is not None:
        return known()
    if cql_type is types.UUID or cql_type is types.TIMEUUID:
        if UUID_INT > 0 and UUID_SAFE > 0:
            return Uuid()
    elif cql_type is types.TIMESTAMP:
        if not options.aware_datetimes:
            return Moment()
    elif kind is FrozenType or kind is ReversedType:
        return cell_of(cql_type.inner, options)
    elif kind is types.ListType:
        return List(cell_of(cql_type.element, options))
    elif kind is types.SetType:
        if options.set_factory is None:
            return Set_(cell_of(cql_type.element, options))
    elif kind is types.MapType:
        made_elsewhere = options.map_factory or options.set_factory or options.udt_classes
        if cql_type.key.hashable and not made_elsewhere and not holds_floats(cql_type.key):
            return Map(cell_of(cql_type.key, options), cell_of(cql_type.value, options))
    elif kind is types.TupleType:
        return Tuple([cell_of(each, options) for each in cql_type.elements])
    elif kind is types.VectorType and cql_type.element.fixed_size is not None:
        element = cell_of(cql_type.element, options)
        vector = FloatVector if cql_type.element is types.FLOAT else FixedVector
        return vector(element, cql_type.element.fixed_size, cql_type.dimension)
    return Other(cql_type.reader(options))


cdef class RowReader:
    """Reads rows of one shape."""

    cdef tuple cells
    cdef Py_ssize_t width
    cdef bint plain
    cdef bint compiled
    cdef tuple latest

    def __init__(self, columns, options):
        self.cells = tuple([cell_of(column, options) for column in columns])
        self.width = len(self.cells)
        self.plain = all([cell.plain for cell in self.cells])
        self.compiled = all([cell.compiled for cell in self.cells])

    def read(self, bytes body, Py_ssize_t offset, Py_ssize_t count, object make=None):
        """Return the rows, or None when they are to be read in Python."""
        cdef const char *start = PyBytes_AS_STRING(body)
        cdef const char *end = start + PyBytes_GET_SIZE(body)
        cdef object cls = tuple
        cdef int collects = 0
        if offset < 0 or count < 0 or not self.width or offset > PyBytes_GET_SIZE(body):
            return None
        if count > (PyBytes_GET_SIZE(body) - offset) // (4 * self.width):
            return None
        if make is not None:
            cls = self.class_of(make)
            if cls is None:
                return None
        if self.compiled and count >= MANY:
            collects = stop_collector()
        try:
            return self.rows(start + offset, end, count, cls)
        except (Odd, DecodeError, UnicodeDecodeError):
            return None
        finally:
            restart_collector(collects)

    cdef object class_of(self, object make):
        cdef tuple latest = self.latest
        if latest is None or latest[0] is not make:
            latest = self.latest = (make, row_class(make))
        return latest[1]

    cdef list rows(self, const char *p, const char *end, Py_ssize_t count, object cls):
        cdef list made = []
        cdef object row, value
        cdef Py_ssize_t number, at, width = self.width
        cdef bint plain = self.plain
        cdef tuple cells = self.cells
        for number in range(count):
            row = PyTuple_New(width) if cls is tuple else allocate(cls, width)
            for at in range(width):
                value = take(<Cell>cells[at], &p, end)
                Py_INCREF(value)
                PyTuple_SET_ITEM(row, at, value)
            if plain:
                untrack(row)
            made.append(row)
        if p != end:
            odd()
        return made

    def dicts(self, bytes body, Py_ssize_t offset, Py_ssize_t count, tuple names):
        """Return the rows as dicts of names to values, or None when Python is to do it."""
        cdef const char *start = PyBytes_AS_STRING(body)
        cdef const char *p = start + offset
        cdef const char *end = start + PyBytes_GET_SIZE(body)
        cdef int collects = 0
        cdef list made = []
        cdef dict row
        cdef Py_ssize_t number, at, width = self.width
        if offset < 0 or count < 0 or not width or width != len(names) or p > end:
            return None
        if count > (end - p) // (4 * width):
            return None
        if self.compiled and count >= MANY:
            collects = stop_collector()
        try:
            for number in range(count):
                row = {}
                for at in range(width):
                    PyDict_SetItem(row, names[at], take(<Cell>self.cells[at], &p, end))
                made.append(row)
            return made if p == end else None
        except (Odd, DecodeError, UnicodeDecodeError):
            return None
        finally:
            restart_collector(collects)


cdef object row_class(object make):
    """Return the class of tuples that `make` makes, None when it may do anything else."""
    if type(make) is not partial or make.func is not tuple.__new__ or make.keywords:
        return None
    (cls,) = make.args
    if not issubclass(cls, tuple) or cls.__basicsize__ != tuple.__basicsize__:
        return None
    return cls


def make_reader(columns, options):
    """Return the reader of rows of this shape."""
    return RowReader(columns, options)
