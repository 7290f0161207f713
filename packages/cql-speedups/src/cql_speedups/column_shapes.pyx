# cython: boundscheck=False, wraparound=False
"""What a column of each CQL type is in Arrow's layout."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc
from libc.string cimport memcpy

import sys

from cql_protocol import types
from cql_protocol.types.texts import BytesType
from cql_protocol.types.wrappers import FrozenType, ReversedType

# What each simple type is: kind, bytes of a slot, and the format as Arrow spells it.
cdef dict SIMPLE = {
    types.ASCII: (KIND_ASCII, 0, b"u"),
    types.BIGINT: (KIND_8, 8, b"l"),
    types.BLOB: (KIND_BYTES, 0, b"z"),
    types.BOOLEAN: (KIND_BOOLEAN, 0, b"b"),
    types.COUNTER: (KIND_8, 8, b"l"),
    types.DATE: (KIND_DATE, 4, b"tdD"),
    types.DECIMAL: (KIND_DECIMAL, 0, b"u"),
    types.DOUBLE: (KIND_8, 8, b"g"),
    types.DURATION: (KIND_DURATION, 16, b"tin"),
    types.EMPTY_TYPE: (KIND_NOTHING, 0, b"n"),
    types.FLOAT: (KIND_4, 4, b"f"),
    types.INET: (KIND_INET, 0, b"u"),
    types.INT: (KIND_4, 4, b"i"),
    types.SMALLINT: (KIND_2, 2, b"s"),
    types.TEXT: (KIND_TEXT, 0, b"u"),
    types.TIME: (KIND_TIME, 8, b"ttn"),
    types.TIMESTAMP: (KIND_8, 8, b"tsm:UTC"),
    types.TIMEUUID: (KIND_FIXED, 16, b"w:16"),
    types.TINYINT: (KIND_1, 1, b"c"),
    types.UUID: (KIND_FIXED, 16, b"w:16"),
    types.VARINT: (KIND_VARINT, 0, b"u"),
}
cdef list PARTS = [("months", KIND_4, 4, b"i"), ("days", KIND_4, 4, b"i"), ("nanoseconds", KIND_8, 8, b"l")]
cdef tuple UUIDS = (types.UUID, types.TIMEUUID)
cdef tuple WITH_EMPTY = (types.ASCII, types.BLOB, types.TEXT)


cdef bytes uuid_metadata():
    """Return the metadata by which consumers know UUIDs: pairs, each text after its length."""
    pairs = ((b"ARROW:extension:name", b"arrow.uuid"), (b"ARROW:extension:metadata", b""))
    parts = [_native(len(pairs))]
    for pair in pairs:
        for text in pair:
            parts += (_native(len(text)), text)
    return b"".join(parts)


def _native(number):
    return number.to_bytes(4, sys.byteorder)


cdef bytes UUID_METADATA = uuid_metadata()


cdef char *copied(bytes text) except NULL:
    """Return a copy that `free` frees, with a zero behind it."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(text)
    cdef char *copy = <char *>calloc(size + 1, 1)
    if copy == NULL:
        raise MemoryError
    memcpy(copy, PyBytes_AS_STRING(text), size)
    return copy


cdef Shape *new_shape(int kind, str name, bytes form, int64_t children=0) except NULL:
    cdef Shape *shape = shape_new(kind, children)
    if shape == NULL:
        raise MemoryError
    try:
        shape.format = copied(form)
        shape.name = copied(name.encode())
    except BaseException:
        shape_drop(shape)
        raise
    return shape


cdef Shape *shape_of(object cql_type, str name, str form) except NULL:
    """Return the shape of a column of this type; `form` says for whom, see `Columns`."""
    cdef Shape *shape
    if cql_type is None:
        return new_shape(KIND_SKIPPED, name, b"n")
    while isinstance(cql_type, (FrozenType, ReversedType)):
        cql_type = cql_type.inner
    if isinstance(cql_type, types.VectorType):
        return vector_shape(cql_type, name, form)
    if isinstance(cql_type, (types.ListType, types.SetType)):
        return nested_shape(KIND_LIST, name, b"+l", [("item", cql_type.element)], form)
    if isinstance(cql_type, types.MapType):
        return map_shape(cql_type, name, form)
    if isinstance(cql_type, types.TupleType):
        fields = [(f"f{at}", each) for at, each in enumerate(cql_type.elements)]
        return nested_shape(KIND_STRUCT, name, b"+s", fields, form)
    if isinstance(cql_type, types.UserType):
        return nested_shape(KIND_STRUCT, name, b"+s", cql_type.fields, form)
    if cql_type is types.DURATION and form == "parts":
        return parts_shape(name)
    known = SIMPLE.get(cql_type)
    if known is None:
        shape = new_shape(KIND_BYTES, name, b"z")
        shape.takes_empty = isinstance(cql_type, BytesType)
        return shape
    kind = KIND_FIXED if form == "raw" and known[1] else known[0]
    shape = new_shape(kind, name, known[2])
    shape.width = known[1]
    shape.takes_empty = cql_type in WITH_EMPTY
    if cql_type in UUIDS and form == "arrow":
        try:
            shape.metadata = copied(UUID_METADATA)
        except BaseException:
            shape_drop(shape)
            raise
    return shape


cdef Shape *nested_shape(int kind, str name, bytes form, object fields, str whom) except NULL:
    cdef Shape *shape = new_shape(kind, name, form, len(fields))
    cdef int64_t at = 0
    try:
        for field, cql_type in fields:
            shape.children[at] = shape_of(cql_type, field, whom)
            at += 1
    except BaseException:
        shape_drop(shape)
        raise
    return shape


cdef Shape *vector_shape(object cql_type, str name, str form) except NULL:
    cdef Shape *shape
    elements = [("item", cql_type.element)]
    shape = nested_shape(KIND_VECTOR, name, b"+w:%d" % cql_type.dimension, elements, form)
    shape.dimension = cql_type.dimension
    fixed = cql_type.element.fixed_size
    # No cell is as long as what does not fit here.
    shape.element_size = -1 if fixed is None else min(fixed, 0x7FFFFFFF)
    return shape


cdef Shape *map_shape(object cql_type, str name, str form) except NULL:
    cdef Shape *shape = new_shape(KIND_MAP, name, b"+m", 1)
    fields = [("key", cql_type.key), ("value", cql_type.value)]
    try:
        shape.children[0] = nested_shape(KIND_STRUCT, "entries", b"+s", fields, form)
    except BaseException:
        shape_drop(shape)
        raise
    shape.children[0].nullable = shape.children[0].children[0].nullable = False
    return shape


cdef Shape *parts_shape(str name) except NULL:
    cdef Shape *shape = new_shape(KIND_PARTS, name, b"+s", len(PARTS))
    cdef int64_t at = 0
    try:
        for field, kind, width, form in PARTS:
            shape.children[at] = new_shape(kind, field, form)
            shape.children[at].width = width
            at += 1
    except BaseException:
        shape_drop(shape)
        raise
    return shape


cdef Shape *shape_of_columns(tuple columns, tuple names, str form) except NULL:
    """Return the shape of a record batch; `form` says for whom, see `cql_speedups.columns`."""
    cdef Shape *shape = new_shape(KIND_STRUCT, "", b"+s", len(columns))
    cdef int64_t at
    shape.nullable = False
    try:
        for at in range(len(columns)):
            shape.children[at] = shape_of(columns[at], names[at], form)
    except BaseException:
        shape_drop(shape)
        raise
    return shape
