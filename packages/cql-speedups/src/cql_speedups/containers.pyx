# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Readers of types made of others: collections, tuples, user types and vectors."""

cimport cython
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from libc.stdint cimport int32_t

from cql_speedups.cells cimport (
    Cell,
    keep,
    nursery,
    odd,
    other_cell,
    simple_cell,
    take,
    take_count,
    take_size,
)
from cql_speedups.values cimport allocate, take_unsigned, untrack

cdef extern from "floats.h":
    int fill_floats(list made, const char *p, Py_ssize_t count) except -1

__all__ = []

cdef enum:
    LARGEST = 1 << 30  # bytes of a cell


cdef class List(Cell):
    cdef Cell element

    def __init__(self, Cell element):
        self.element = element
        self.foreign = element.foreign
        self.plain = self.hashed = False

    cdef list elements(self, const char *p, Py_ssize_t size):
        cdef const char *end = p + size
        cdef int32_t count = take_count(&p, end, 4), at
        cdef Cell element = self.element
        cdef list made = PyList_New(count)
        cdef object value
        for at in range(count):
            value = take(element, &p, end)
            Py_INCREF(value)
            PyList_SET_ITEM(made, at, value)
        if p != end:
            return odd()
        return made

    cdef object read(self, const char *p, Py_ssize_t size):
        if not size:
            return self.empty
        cdef list made = self.elements(p, size)
        keep(nursery, made)
        return made


@cython.final
cdef class Set_(List):
    # Makes a set of elements that are hashed in Python, or not at all; always when `always`.
    cdef object make
    cdef bint always

    def __init__(self, Cell element, cql_type, options):
        List.__init__(self, element)
        self.always = options.set_factory is not None
        if self.always or not element.hashed or holds_floats(cql_type):
            from cql_protocol.types.collection import _set_of

            self.make = options.set_factory or _set_of
            self.foreign = True

    cdef object read(self, const char *p, Py_ssize_t size):
        if not size:
            return self.empty
        cdef list elements = self.elements(p, size)
        if self.always:
            return self.make(elements)
        cdef set made
        try:
            made = set(elements)
        except TypeError:
            return odd() if self.make is None else self.make(elements)
        if len(made) == len(elements):
            keep(nursery, made)
            return made
        return odd() if self.make is None else self.make(elements)


@cython.final
cdef class Map(Cell):
    cdef Cell key
    cdef Cell value
    # Makes a map of pairs, where a dict will not do.
    cdef object make

    def __init__(self, Cell key, Cell value, cql_type, options):
        self.key, self.value = key, value
        self.plain = self.hashed = False
        made_elsewhere = options.map_factory or options.set_factory or options.udt_classes
        if made_elsewhere or not cql_type.key.hashable or holds_floats(cql_type.key):
            self.make = options.map_factory or cql_type._map_of
        self.foreign = (
            key.foreign or value.foreign or not key.hashed or self.make is not None
        )

    cdef object read(self, const char *p, Py_ssize_t size):
        if not size:
            return self.empty
        cdef const char *end = p + size
        cdef int32_t count = take_count(&p, end, 8), at
        cdef dict made = {}
        cdef list pairs = None if self.make is None else []
        cdef object key, value
        for at in range(count):
            key = take(self.key, &p, end)
            value = take(self.value, &p, end)
            if pairs is None:
                made[key] = value
            else:
                pairs.append((key, value))
        if p != end:
            return odd()
        if pairs is not None:
            return self.make(pairs)
        keep(nursery, made)
        return made


cdef int skip_fields(const char *p, const char *end) except -1:
    """Step over fields that the type was not known to have."""
    cdef int32_t size
    while p < end:
        size = take_size(&p, end)
        p += size if size > 0 else 0
    return 0


@cython.final
cdef class Tuple(Cell):
    """Tuples, and user types as the named tuples of a class."""

    cdef tuple elements
    cdef object cls

    def __init__(self, elements, cls):
        self.elements = tuple(elements)
        self.cls = cls
        self.plain = all([cell.plain for cell in elements])
        self.foreign = any([cell.foreign for cell in elements])
        self.hashed = all([cell.hashed for cell in elements])

    cdef object read(self, const char *p, Py_ssize_t size):
        if not size:
            return self.empty
        cdef const char *end = p + size
        cdef Py_ssize_t count = len(self.elements), at
        cdef object made = PyTuple_New(count) if self.cls is tuple else allocate(self.cls, count)
        cdef object value
        for at in range(count):
            value = None if p == end else take(<Cell>self.elements[at], &p, end)
            Py_INCREF(value)
            PyTuple_SET_ITEM(made, at, value)
        skip_fields(p, end)
        if self.plain:
            untrack(made)
        else:
            keep(nursery, made)
        return made


@cython.final
cdef class Built(Cell):
    """User types that a class of the application's makes of its fields."""

    cdef tuple elements
    cdef tuple names
    cdef object make

    def __init__(self, elements, names, make):
        self.elements, self.names, self.make = tuple(elements), tuple(names), make
        self.plain = self.hashed = False
        self.foreign = True

    cdef object read(self, const char *p, Py_ssize_t size):
        if not size:
            return self.empty
        cdef const char *end = p + size
        cdef dict fields = {}
        cdef Py_ssize_t at
        for at in range(len(self.elements)):
            fields[self.names[at]] = (
                None if p == end else take(<Cell>self.elements[at], &p, end)
            )
        skip_fields(p, end)
        return self.make(**fields)


cdef class Vector(Cell):
    """Elements of fixed size, one after the other."""

    cdef Cell element
    cdef Py_ssize_t each
    cdef Py_ssize_t dimension

    def __init__(self, Cell element, each, dimension):
        self.element, self.each, self.dimension = element, each, dimension
        self.foreign = element.foreign
        self.plain = self.hashed = False

    cdef object read(self, const char *p, Py_ssize_t size):
        if size != self.each * self.dimension or not size:
            return self.unusual(size)
        cdef list made = PyList_New(self.dimension)
        cdef Py_ssize_t at
        cdef object value
        for at in range(self.dimension):
            value = self.element.read(p + at * self.each, self.each)
            Py_INCREF(value)
            PyList_SET_ITEM(made, at, value)
        keep(nursery, made)
        return made


@cython.final
cdef class FloatVector(Vector):
    cdef object read(self, const char *p, Py_ssize_t size):
        if size != 4 * self.dimension:
            return self.unusual(size)
        cdef list made = PyList_New(self.dimension)
        fill_floats(made, p, self.dimension)
        keep(nursery, made)
        return made


@cython.final
cdef class LooseVector(Vector):
    """Elements of any size, each with its length before it."""

    cdef object read(self, const char *p, Py_ssize_t size):
        if not size:
            return self.empty
        cdef const char *end = p + size
        cdef list made = []
        cdef Py_ssize_t at, length
        if size < self.dimension:
            return odd()
        for at in range(self.dimension):
            if not take_unsigned(&p, end, &length):
                return odd()
            made.append(self.element.read(p, length))
            p += length
        if p != end:
            return odd()
        keep(nursery, made)
        return made


cdef bint holds_floats(object cql_type):
    return cql_type.struct_code in ("f", "d") or any(map(holds_floats, cql_type.children))


cdef Cell cell_of(object cql_type, object options):
    """Return the reader of a type."""
    cdef Cell cell = simple_cell(cql_type, options)
    if cell is None:
        cell = made_of_others(cql_type, options)
        cell.empty = options.empty
    return cell


cdef list cells_of(object types, object options):
    return [cell_of(each, options) for each in types]


cdef Cell made_of_others(object cql_type, object options):
    """Return the reader of a type that has parameters."""
    from cql_protocol import types

    kind = type(cql_type)
    if kind is types.FrozenType or kind is types.ReversedType:
        return cell_of(cql_type.inner, options)
    if kind is types.ListType:
        return List(cell_of(cql_type.element, options))
    if kind is types.SetType:
        return Set_(cell_of(cql_type.element, options), cql_type, options)
    if kind is types.MapType:
        key, value = cells_of((cql_type.key, cql_type.value), options)
        return Map(key, value, cql_type, options)
    if kind is types.TupleType:
        return Tuple(cells_of(cql_type.elements, options), tuple)
    if kind is types.UserType:
        return user_cell(cql_type, options)
    if kind is types.VectorType:
        return vector_cell(cql_type, options)
    if kind is types.CustomType:
        return simple_cell(types.BLOB, options)
    return other_cell(cql_type, options)


cdef Cell user_cell(object cql_type, object options):
    from cql_protocol.types.tuples import tuple_class

    cells = cells_of(cql_type.field_types, options)
    chosen = (options.udt_classes or {}).get((cql_type.keyspace, cql_type.type_name))
    if chosen is not None:
        return Built(cells, cql_type.field_names, chosen)
    return Tuple(cells, tuple_class(cql_type.type_name, cql_type.field_names))


cdef Cell vector_cell(object cql_type, object options):
    from cql_protocol import types

    element = cell_of(cql_type.element, options)
    each = cql_type.element.fixed_size
    if each is None:
        return LooseVector(element, 0, cql_type.dimension)
    if each * cql_type.dimension > LARGEST:
        return other_cell(cql_type, options)
    kind = FloatVector if cql_type.element is types.FLOAT else Vector
    return kind(element, each, cql_type.dimension)
