"""Rows are the same, and so are errors, whether a page is read by compiled code or by Python."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cql_driver.query.rows import named_tuple_maker
from cql_protocol.rows import RowDecoder
from cql_protocol.types import (
    EMPTY_TYPE,
    INT,
    TEXT,
    CqlType,
    CustomType,
    ListType,
    MapType,
    ReadOptions,
    SetType,
    VectorType,
)
from cql_speedups.rows import make_reader
from tests.differential.cells import bodies, cells, damaged, flat, options_for
from tests.differential.sameness import assert_same, outcome
from tests.protocol.types.strategies import SIMPLE, cql_types

TYPES = cql_types(3) | st.sampled_from(
    [EMPTY_TYPE, CustomType("com.example.Other"), VectorType(EMPTY_TYPE, 2), *SIMPLE]
)


def both(
    types: Sequence[CqlType], options: ReadOptions, names: Sequence[str] | None = None
) -> tuple[RowDecoder, RowDecoder]:
    """Return a decoder that has compiled readers, and one that has none."""
    compiled, python = (RowDecoder(types, options, names) for _ in range(2))
    compiled._compiled = make_reader(compiled.columns, options)
    python._compiled = None
    return compiled, python


def assert_alike(decoders: Any, body: bytes, count: int, offset: int = 0) -> None:
    """Read a page in both ways, and by the compiled reader alone, as rows of each shape."""
    compiled, python = decoders
    names = [f"c{at}" for at in range(len(compiled.columns))]
    ways = (
        ("decode", compiled._compiled.read, (None,)),
        ("decode", compiled._compiled.read, (named_tuple_maker(tuple(names)),)),
        ("decode", compiled._compiled.read, (list,)),
        ("decode_dicts", compiled._compiled.dicts, (names,)),
    )
    for name, reads, more in ways:
        wanted = outcome(getattr(python, name), body, offset, count, *more)
        found = outcome(getattr(compiled, name), body, offset, count, *more)
        assert_same(found, wanted)
        if wanted[0] == "returned" and compiled.columns and "SortedSet(" not in repr(wanted):
            # It has not left to Python what it can do; sets of equal elements it does.
            assert_same(reads(body, offset, count, *more), wanted[1])


@settings(max_examples=50)
@given(st.lists(TYPES, min_size=1, max_size=3), st.data())
def test_pages_are_read_alike(types: list[CqlType], data: st.DataObject) -> None:
    decoders = both(types, data.draw(options_for(types)))
    before = data.draw(st.binary(max_size=3))
    body, count = data.draw(bodies(types))
    assert_alike(decoders, before + body, count, len(before))


@settings(max_examples=70)
@given(st.lists(TYPES, min_size=1, max_size=3), st.data())
def test_damaged_pages_are_judged_alike(types: list[CqlType], data: st.DataObject) -> None:
    decoders = both(types, data.draw(options_for(types)), [f"column {at}" for at in range(3)])
    body, count = data.draw(bodies(types))
    for _ in range(2):
        wrong = data.draw(damaged(body))
        assert_alike(decoders, wrong, data.draw(st.just(count) | st.integers(-1, 9)))
        assert_alike(decoders, wrong, count, data.draw(st.integers(-1, len(wrong) + 1)))


@settings(max_examples=60)
@given(st.data())
def test_a_cell_of_each_type_is_read_alike(data: st.DataObject) -> None:
    types = [EMPTY_TYPE, CustomType("com.example.Other"), *SIMPLE]
    decoders = both(types, data.draw(options_for(types)))
    rows = data.draw(st.lists(st.tuples(*(st.none() | cells(each) for each in types)), max_size=2))
    assert_alike(decoders, b"".join(map(flat, rows)), len(rows))


@settings(max_examples=60)
@given(st.sampled_from(SIMPLE), st.binary(max_size=20), st.data())
def test_any_bytes_of_simple_types_are_judged_alike(
    cql_type: CqlType, cell: bytes, data: st.DataObject
) -> None:
    one, options = (cql_type,), data.draw(options_for([cql_type]))
    assert_alike(both(one, options), flat([cell]), 1)
    nested = flat([b"\0\0\0\1" + flat([cell])])
    assert_alike(both([ListType(cql_type)], options), nested, 1)
    assert_alike(both([SetType(cql_type)], options), nested, 1)
    pair = flat([b"\0\0\0\1" + flat([cell, cell])])
    assert_alike(both([MapType(cql_type, cql_type)], options), pair, 1)


def test_counts_that_lie_are_refused_before_anything_is_made() -> None:
    counts = (b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\2")
    for cql_type in (ListType(INT), SetType(TEXT), MapType(INT, TEXT), VectorType(TEXT, 1 << 20)):
        decoders = both([cql_type], ReadOptions())
        for count in counts:
            assert_alike(decoders, flat([count + b"\0\0\0\0"]), 1)
            assert_alike(decoders, flat([count[:3]]), 1)
    decoders = both([INT, TEXT], ReadOptions())
    for rows in (1 << 31, (1 << 62) - 1):
        assert_alike(decoders, flat([b"\0\0\0\1", b"a"]), rows)


def test_a_row_without_columns_is_refused_alike() -> None:
    for count in (0, 1):
        assert_alike(both([], ReadOptions()), b"", count)


def test_what_makes_no_tuples_of_a_class_is_called_for_each() -> None:
    decoders = both([INT, INT], ReadOptions())
    body = flat([b"\0\0\0\1", b"\0\0\0\2"])

    class Wrong(tuple[Any, ...]):
        """A tuple that takes more room."""

    class Row(tuple[Any, ...]):
        __slots__ = ()

        def __new__(cls, values: Any) -> Row:
            return tuple.__new__(cls, [7, *values])

    makers: list[Any] = [
        partial(tuple.__new__, Wrong),
        partial(tuple.__new__, Row),
        partial(tuple.__new__, type(__import__("os").stat("."))),
        partial(tuple.__new__, int),
        partial(dict, zip),
        Row,
        sum,
        len,
        int,
    ]
    for make in makers:
        wanted = outcome(decoders[1].decode, body, 0, 1, make)
        assert_same(outcome(decoders[0].decode, body, 0, 1, make), wanted)
