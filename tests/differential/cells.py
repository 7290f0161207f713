"""Hypothesis strategies: the bytes of cells, among them those that few servers would send."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cql_protocol.types import (
    CqlType,
    CustomType,
    FrozenType,
    ListType,
    MapType,
    ReadOptions,
    ReversedType,
    SetType,
    TupleType,
    UserType,
    VectorType,
)
from cql_protocol.types.base import SimpleType, pack_unsigned
from tests.protocol.types.strategies import values_of

__all__ = ["bodies", "cells", "damaged", "flat", "options_for"]

NAN = bytes.fromhex("7fc00000"), bytes.fromhex("ffc00001"), bytes.fromhex("7ff8000000000001")


def sized(cell: bytes | None) -> bytes:
    """Return a cell with its length before it; None is a null."""
    return b"\xff\xff\xff\xff" if cell is None else struct.pack(">i", len(cell)) + cell


def flat(some: Sequence[bytes | None]) -> bytes:
    """Return cells one after the other."""
    return b"".join(map(sized, some))


def cells(cql_type: CqlType) -> SearchStrategy[bytes]:
    """Return cells of a type; those within others may be null, or empty, where none should be."""
    if isinstance(cql_type, (FrozenType, ReversedType)):
        return cells(cql_type.inner)
    if isinstance(cql_type, CustomType):
        return st.binary(max_size=4)
    if isinstance(cql_type, SimpleType):
        return _simple(cql_type)
    return st.one_of(_composed(cql_type), _composed(cql_type), st.just(b""))


def _simple(cql_type: SimpleType) -> SearchStrategy[bytes]:
    if cql_type.name == "empty":
        return st.just(b"")
    usual = values_of(cql_type).map(cql_type.encode)
    if cql_type.struct_code in ("f", "d"):
        size = struct.calcsize(cql_type.struct_code)
        usual |= st.sampled_from([each for each in NAN if len(each) == size])
        usual |= st.binary(min_size=size, max_size=size)
    return st.one_of(usual, usual, usual, st.just(b""))


def _composed(cql_type: CqlType) -> SearchStrategy[bytes]:
    if isinstance(cql_type, VectorType):
        return _vectors(cql_type)
    if isinstance(cql_type, (ListType, SetType)):
        return st.lists(_any_cell(cql_type.element), max_size=4).map(
            lambda some: struct.pack(">i", len(some)) + flat(some)
        )
    if isinstance(cql_type, MapType):
        pairs = st.tuples(_any_cell(cql_type.key), _any_cell(cql_type.value))
        return st.lists(pairs, max_size=4).map(
            lambda some: struct.pack(">i", len(some)) + b"".join(map(flat, some))
        )
    assert isinstance(cql_type, (TupleType, UserType)), cql_type
    fields = st.tuples(*map(_any_cell, cql_type.children))
    # Fewer fields than the type has: it grew since; and more: it grew unseen.
    more = st.lists(st.none() | st.binary(max_size=3), max_size=2)
    return st.builds(
        lambda some, more, left: flat([*some, *more][: len(some) + len(more) - left]),
        fields,
        st.just([]) | more,
        st.integers(0, 2),
    )


def _vectors(cql_type: VectorType) -> SearchStrategy[bytes]:
    size, fixed = cql_type.dimension, cql_type.element.fixed_size
    some = st.lists(cells(cql_type.element), min_size=size, max_size=size)
    if fixed is not None:
        return some.map(lambda found: b"".join(each.ljust(fixed, b"\x01") for each in found))
    return some.map(lambda found: b"".join(pack_unsigned(len(each)) + each for each in found))


def _any_cell(cql_type: CqlType) -> SearchStrategy[bytes | None]:
    return st.one_of(cells(cql_type), cells(cql_type), cells(cql_type), st.none())


@st.composite
def bodies(draw: Any, types: Sequence[CqlType], max_rows: int = 4) -> tuple[bytes, int]:
    """Return the bytes of the rows of a page, and how many rows they are."""
    rows = draw(st.lists(st.tuples(*map(_any_cell, types)), max_size=max_rows))
    return b"".join(map(flat, rows)), len(rows)


@st.composite
def damaged(draw: Any, body: bytes) -> bytes:
    """Return bytes cut off, lengthened, or with some of them changed."""
    found = bytearray(body)
    for _ in range(draw(st.integers(0, 3)) if found else 0):
        at = draw(st.integers(0, len(found) - 1))
        found[at] = draw(st.sampled_from([0, 1, 2, 4, 8, 16, 127, 128, 200, 254, 255]))
    if draw(st.booleans()):
        found = found[: draw(st.integers(0, len(found)))]
    more: bytes = draw(st.just(b"") | st.binary(max_size=5))
    return bytes(found) + more


class Built:
    """What an application makes of a user type."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Built) and self.fields == other.fields

    def __hash__(self) -> int:
        return hash(tuple(self.fields))

    def __repr__(self) -> str:
        return f"Built({self.fields})"


def refuse(**fields: Any) -> Any:
    """Do what no class for a user type should."""
    raise struct.error(f"no {len(fields)} fields")


def _user_types(cql_type: CqlType) -> list[UserType]:
    mine = [cql_type] if isinstance(cql_type, UserType) else []
    return mine + [found for child in cql_type.children for found in _user_types(child)]


@st.composite
def options_for(draw: Any, types: Sequence[CqlType]) -> ReadOptions:
    """Return options, mostly the usual ones."""
    if draw(st.booleans()):
        return ReadOptions()
    classes: dict[tuple[str, str], Any] = {}
    for cql_type in types:
        for found in _user_types(cql_type):
            if draw(st.booleans()):
                makers = st.sampled_from([Built, Built, dict, refuse])
                classes[found.keyspace, found.type_name] = draw(makers)
    return ReadOptions(
        aware_datetimes=draw(st.booleans()),
        empty_values=draw(st.booleans()),
        inet_text=draw(st.booleans()),
        set_factory=draw(st.sampled_from([None, None, list, tuple, frozenset])),
        map_factory=draw(st.sampled_from([None, None, list, tuple, dict])),
        udt_classes=classes or None,
    )
