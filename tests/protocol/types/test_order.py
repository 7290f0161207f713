"""The order of sets and of the keys of maps: as Cassandra compares their cells."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol.types import (
    DECIMAL,
    DOUBLE,
    DURATION,
    INT,
    TEXT,
    FrozenType,
    ListType,
    MapType,
    SetType,
    TupleType,
)
from cql_protocol.types.collection import in_order, order_key
from cql_protocol.types.parse_class import parse_class_name
from cql_protocol.values import EMPTY, OrderedMap, SortedSet
from tests.protocol.types.strategies import cql_types, values_of

DATA = Path(__file__).parents[1] / "data" / "order.json"
ORDERS = json.loads(DATA.read_text())["orders"]


def _groups(sorted_cells):
    """Lists of the cells that the server holds to be equal, from the least to the greatest."""
    return [[bytes.fromhex(c) for c in equal.split("=")] for equal in sorted_cells.split("<")]


def test_the_data_has_every_type_that_can_be_compared():
    codes = {parse_class_name(name).code for name in ORDERS}
    simple = {*range(1, 0x15)} - {0x05, 0x0A}  # counter; the old id of text
    assert codes == {0, *simple, 0x20, 0x21, 0x22, 0x30, 0x31}


@pytest.mark.parametrize("class_name", ORDERS, ids=[name[:60] for name in ORDERS])
def test_cells_are_sorted_as_the_server_sorts_them(class_name):
    key = order_key(parse_class_name(class_name))
    groups = _groups(ORDERS[class_name])
    number = {cell: n for n, equal in enumerate(groups) for cell in equal}
    cells = [cell for equal in groups for cell in equal]
    assert len(cells) == len(number) > 1
    for seed in range(5):
        random.Random(seed).shuffle(cells)
        wanted = {n: next(cell for cell in cells if number[cell] == n) for n in range(len(groups))}
        assert in_order(list(cells), key) == list(wanted.values())


@given(cql_types(max_depth=3).filter(lambda t: "duration" not in t.name), st.data())
def test_the_order_of_what_is_given_makes_no_difference(cql_type, data):
    """Two scales of one decimal are one element; which one is kept goes by what came first."""
    kind = SetType(cql_type)
    # Only what is distinct to Python too: then each has one encoding.
    items = SortedSet(data.draw(st.lists(values_of(cql_type), max_size=5)))
    cell = kind.encode(items)
    assert kind.encode(data.draw(st.permutations(list(items)))) == cell
    assert kind.decode(cell) == items
    assert kind.encode(kind.decode(cell)) == cell

    mapping = MapType(cql_type, INT)
    pairs = [(item, number) for number, item in enumerate(items)]
    cell = mapping.encode(OrderedMap(pairs))
    assert mapping.encode(OrderedMap(data.draw(st.permutations(pairs)))) == cell
    assert mapping.decode(cell) == OrderedMap(pairs)


def test_numbers_are_written_by_value():
    assert SetType(INT).encode({1, -1, 256}).hex(" ", 4) == (
        "00000003 00000004 ffffffff 00000004 00000001 00000004 00000100"
    )
    assert list(MapType(INT, TEXT).decode(MapType(INT, TEXT).encode({1: "", -1: ""}))) == [-1, 1]
    assert ListType(INT).decode(SetType(INT).encode([2, EMPTY, -2])) == [None, -2, 2]


def test_of_equal_keys_the_first_stays_with_the_last_value():
    """As in the server's sorted sets and maps."""
    first, second = Decimal("1.00"), Decimal(1)
    kept = ListType(DECIMAL).decode(SetType(DECIMAL).encode([first, second]))
    assert list(map(str, kept)) == ["1.00"]

    class Pairs:
        def items(self):
            return [(first, "a"), (second, "b")]

    kind = MapType(DECIMAL, TEXT)
    found = kind.decode(kind.encode(Pairs()))
    assert [(str(key), value) for key, value in found.items()] == [("1.00", "b")]


def test_what_is_no_number_is_one_element():
    quiet = DOUBLE.decode(bytes.fromhex("7ff8000000000001"))
    cell = SetType(DOUBLE).encode([float("nan"), quiet, float("inf")])
    assert cell[:4] == b"\0\0\0\2"


def test_types_that_sort_by_their_bytes_have_no_key():
    assert [order_key(each) for each in (TEXT, DURATION, FrozenType(TEXT))] == [None] * 3
    assert order_key(FrozenType(TupleType(TEXT))) is not None
