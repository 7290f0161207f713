"""Hypothesis strategies: CQL types, and values of them that come back equal from a cell."""

from __future__ import annotations

import datetime
import uuid
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from cql_protocol.types import (
    ASCII,
    BIGINT,
    BLOB,
    BOOLEAN,
    COUNTER,
    DATE,
    DECIMAL,
    DOUBLE,
    DURATION,
    FLOAT,
    INET,
    INT,
    SMALLINT,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMEUUID,
    TINYINT,
    UUID,
    VARINT,
    CqlType,
    FrozenType,
    ListType,
    MapType,
    ReversedType,
    SetType,
    TupleType,
    UserType,
    VectorType,
)
from cql_protocol.types.tuples import tuple_class
from cql_protocol.values import Date, Duration, OrderedMap, SortedSet, Time, Timestamp

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

SIMPLE = (
    ASCII, BIGINT, BLOB, BOOLEAN, COUNTER, DATE, DECIMAL, DOUBLE, DURATION, FLOAT, INET, INT,
    SMALLINT, TEXT, TIME, TIMESTAMP, TIMEUUID, TINYINT, UUID, VARINT,
)  # fmt: skip

_MS_FIRST = -62135596800000  # 0001-01-01
_MS_END = 253402300800000  # after 9999-12-31


def signed(bits: int) -> SearchStrategy[int]:
    """Return ints of so many bits, the ends more often than by chance."""
    top = 1 << bits - 1
    return st.one_of(st.integers(-top, top - 1), st.sampled_from([-top, -1, 0, 1, top - 1]))


def timestamps() -> SearchStrategy[Any]:
    """Return naive datetimes in milliseconds, and Timestamps outside their years."""
    epoch = datetime.datetime(1970, 1, 1)
    return st.one_of(
        st.integers(_MS_FIRST, _MS_END - 1).map(
            lambda ms: epoch + datetime.timedelta(milliseconds=ms)
        ),
        st.integers(-(1 << 63), _MS_FIRST - 1).map(Timestamp),
        st.integers(_MS_END, (1 << 63) - 1).map(Timestamp),
    )


def durations() -> SearchStrategy[Duration]:
    """Return durations of either sign."""
    parts = st.tuples(
        st.integers(0, (1 << 31) - 1), st.integers(0, (1 << 31) - 1), st.integers(0, (1 << 63) - 1)
    )
    return st.builds(
        lambda p, sign: Duration(*(sign * part for part in p)), parts, st.sampled_from([1, -1])
    )


def timeuuids() -> SearchStrategy[uuid.UUID]:
    """Return UUIDs of version 1."""
    return st.uuids().map(
        lambda u: uuid.UUID(int=u.int & ~(0xF << 76) & ~(0xC << 60) | 1 << 76 | 0x8 << 60)
    )


_OF_SIMPLE: dict[CqlType, SearchStrategy[Any]] = {
    ASCII: st.text(st.characters(max_codepoint=127)),
    BIGINT: signed(64),
    BLOB: st.binary(),
    BOOLEAN: st.booleans(),
    COUNTER: signed(64),
    DATE: signed(32).map(Date),
    DECIMAL: st.decimals(allow_nan=False, allow_infinity=False),
    DOUBLE: st.floats(allow_nan=False),
    DURATION: durations(),
    FLOAT: st.floats(width=32, allow_nan=False),
    INET: st.ip_addresses(),
    INT: signed(32),
    SMALLINT: signed(16),
    TEXT: st.text(),
    TIME: st.integers(0, Time.DAY - 1).map(Time),
    TIMESTAMP: timestamps(),
    TIMEUUID: timeuuids(),
    TINYINT: signed(8),
    UUID: st.uuids(),
    VARINT: st.one_of(signed(64), st.integers()),
}


def values_of(cql_type: CqlType, max_size: int = 4) -> SearchStrategy[Any]:
    """Return values of the type, of the Python types they are read as, without NaN or null."""
    if cql_type in _OF_SIMPLE:
        return _OF_SIMPLE[cql_type]
    if isinstance(cql_type, (FrozenType, ReversedType)):
        return values_of(cql_type.inner, max_size)
    if isinstance(cql_type, ListType):
        return st.lists(values_of(cql_type.element, max_size), max_size=max_size)
    if isinstance(cql_type, SetType):
        elements = values_of(cql_type.element, max_size)
        if cql_type.element.hashable:
            return st.sets(elements, max_size=max_size)
        return st.lists(elements, max_size=max_size).map(SortedSet)
    if isinstance(cql_type, MapType):
        keys, values = values_of(cql_type.key, max_size), values_of(cql_type.value, max_size)
        if cql_type.key.hashable:
            return st.dictionaries(keys, values, max_size=max_size)
        return st.lists(st.tuples(keys, values), max_size=max_size).map(OrderedMap)
    if isinstance(cql_type, VectorType):
        size = cql_type.dimension
        return st.lists(values_of(cql_type.element, max_size), min_size=size, max_size=size)
    fields = st.tuples(*(st.none() | values_of(each, max_size) for each in cql_type.children))
    if isinstance(cql_type, UserType):
        return fields.map(tuple_class(cql_type.type_name, cql_type.field_names)._make)
    assert isinstance(cql_type, TupleType), cql_type
    return fields


_NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F), min_size=1, max_size=8)


def _containers(inner: SearchStrategy[CqlType]) -> SearchStrategy[CqlType]:
    return st.one_of(
        st.builds(ListType, inner),
        st.builds(SetType, inner),
        st.builds(MapType, inner, inner),
        st.builds(FrozenType, inner),
        st.lists(inner, min_size=1, max_size=4).map(lambda types: TupleType(*types)),
        st.builds(VectorType, inner, st.integers(1, 4)),
        st.builds(
            UserType,
            _NAMES,
            _NAMES,
            st.lists(st.tuples(_NAMES, inner), min_size=1, max_size=4, unique_by=lambda f: f[0]),
        ),
    )


def simple_types() -> SearchStrategy[CqlType]:
    """Return the types without parameters."""
    return st.sampled_from(SIMPLE)


def cql_types(max_depth: int = 3) -> SearchStrategy[CqlType]:
    """Return types nested up to `max_depth` (1: only simple ones)."""
    types = simple_types()
    for _ in range(max_depth - 1):
        types = st.one_of(simple_types(), _containers(types))
    return types


@st.composite
def types_and_values(draw: Any, max_depth: int = 3) -> tuple[CqlType, Any]:
    """Return pairs of a type and a value of it."""
    cql_type = draw(cql_types(max_depth))
    return cql_type, draw(values_of(cql_type))
