"""Rows of each shape: names that come twice, names that are none, classes of the application."""

from __future__ import annotations

from dataclasses import make_dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from cql_driver.query.rows import (
    dataclass_factory,
    dict_factory,
    field_names,
    named_tuple_maker,
    ordered_dict_factory,
    tuple_factory,
)
from cql_protocol.types import CqlType, ReadOptions
from tests.differential.cells import bodies
from tests.differential.sameness import assert_same
from tests.differential.test_pages import both
from tests.protocol.types.strategies import cql_types

NAMES = st.text(max_size=4) | st.sampled_from(["id", "id", "class", "ttl(id)", "_id", "count", ""])


@settings(max_examples=40)
@given(st.lists(st.tuples(NAMES, cql_types(2)), min_size=1, max_size=5), st.data())
def test_rows_of_each_shape_are_the_same(
    columns: list[tuple[str, CqlType]], data: st.DataObject
) -> None:
    names, types = tuple(name for name, _ in columns), [each for _, each in columns]
    compiled, python = both(types, ReadOptions(), names)
    page = data.draw(bodies(types))
    body, count = page
    wanted = python.decode(body, 0, count)
    for factory in (tuple_factory, ordered_dict_factory):
        assert_same(factory(names, compiled.decode(body, 0, count)), factory(names, wanted))
    assert_same(compiled.decode_dicts(body, 0, count, names), dict_factory(names, wanted))
    make = named_tuple_maker(names)
    rows = compiled.decode(body, 0, count, make)
    assert_same(rows, list(map(make, wanted)))
    for row in rows:
        assert row._fields == tuple(field_names(names))
        assert_same(row._asdict(), dict(zip(row._fields, row, strict=True)))


@settings(max_examples=30)
@given(st.lists(st.tuples(NAMES, cql_types(2)), min_size=1, max_size=5), st.data())
def test_rows_of_dataclasses_are_the_same(
    columns: list[tuple[str, CqlType]], data: st.DataObject
) -> None:
    names, types = field_names([name for name, _ in columns]), [each for _, each in columns]
    fields = data.draw(st.permutations(names))
    factory = dataclass_factory(make_dataclass("Row", fields, eq=False))
    compiled, python = both(types, ReadOptions(), names)
    body, count = data.draw(bodies(types))
    found = factory(names, compiled.decode(body, 0, count))
    wanted = python.decode(body, 0, count)
    assert len(found) == len(wanted)
    for made, row in zip(found, wanted, strict=True):
        assert_same([getattr(made, name) for name in names], list(row))


def test_names_too_many_or_too_few_for_a_dict_are_taken_as_python_does() -> None:
    from cql_protocol.types import INT

    decoders = both([INT, INT], ReadOptions())
    body = b"\0\0\0\4\0\0\0\1\0\0\0\4\0\0\0\2"
    for names in ((), ("a",), ("a", "a"), ("a", "b", "c")):
        compiled, python = (each.decode_dicts(body, 0, 1, names) for each in decoders)
        assert_same(compiled, python)
