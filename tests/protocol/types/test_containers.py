"""SortedSet, OrderedMap and OrderedMapSerializedKey."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol.types import INT, FrozenType, ListType, SetType
from cql_protocol.values import OrderedMap, OrderedMapSerializedKey, SortedSet, sortedset

UNCOMPARABLE = [1, "a", None, (2,), "b"]


# --- SortedSet


@given(st.lists(st.integers(-20, 20)), st.lists(st.integers(-20, 20)), st.integers(-20, 20))
def test_sorted_sets_do_what_sets_do(left, right, item):
    ours, theirs, plain, other = SortedSet(left), SortedSet(right), set(left), set(right)
    assert list(ours) == sorted(plain)
    assert len(ours) == len(plain)
    assert (item in ours) == (item in plain)
    for second in (theirs, other):
        assert ours | second == plain | other
        assert ours & second == plain & other
        assert ours - second == plain - other
        assert ours ^ second == plain ^ other
        assert (ours == second) == (plain == other)
        assert (ours <= second) == (plain <= other)
        assert (ours < second) == (plain < other)
        assert (ours >= second) == (plain >= other)
        assert (ours > second) == (plain > other)
        assert ours.isdisjoint(second) == plain.isdisjoint(other)
    assert other - ours == other - plain
    assert other | ours == plain | other
    assert ours.union(right, [item]) == plain.union(right, [item])
    assert ours.intersection(right, [item]) == plain.intersection(right, [item])
    assert ours.difference(right, [item]) == plain.difference(right, [item])
    assert ours.symmetric_difference(right) == plain.symmetric_difference(right)
    assert ours.issubset(right) == plain.issubset(right)
    assert ours.issuperset(right) == plain.issuperset(right)


@pytest.mark.parametrize(
    "items", [[3, 1, 2], UNCOMPARABLE, [[2], [1]], [{2}, {1}, {1, 2}]], ids=repr
)
def test_sorted_sets_can_be_changed(items):
    found = SortedSet()
    for item in [*items, *items]:
        found.add(item)
    assert len(found) == len(items)
    assert all(item in found for item in items)
    found.remove(items[0])
    found.discard(items[0])
    assert items[0] not in found
    with pytest.raises(KeyError):
        found.remove(items[0])
    found.update(items, items)
    assert found == items
    last = found[-1]
    assert found.pop() == last
    found.clear()
    assert list(found) == []
    with pytest.raises(KeyError):
        found.pop()


def test_items_without_order_keep_the_order_of_their_arrival():
    found = SortedSet([*UNCOMPARABLE, "a"])
    assert list(found) == UNCOMPARABLE
    assert found & {"b", 1} == {1, "b"}
    assert 7 not in found
    found.add([5])
    assert [5] in found


def test_items_with_an_order_of_their_own_kind_are_all_found():
    # Sets compare with `<` and have no total order.
    items = [{3}, {1, 2}, {1}, {2}, set()]
    found = SortedSet(items)
    assert len(found) == 5
    assert all(item in found for item in items)
    assert {9} not in found
    nested = SortedSet(SortedSet(item) for item in ([1], [1, 2], [2]))
    assert [1, 2] in nested
    assert SortedSet([5]) not in nested


@given(st.lists(st.sets(st.integers(0, 3))))
def test_sets_of_sets_hold_each_once(items):
    found = SortedSet()
    for item in items:
        found.add(item)
    wanted = {frozenset(item) for item in items}
    assert len(found) == len(SortedSet(items)) == len(wanted)
    assert all(set(item) in found for item in wanted)


def test_not_a_number_can_be_held():
    nan = float("nan")
    found = SortedSet([nan, 1.0, 0.5])
    assert nan in found
    assert len(found) == 3


def test_sorted_sets_look_like_sequences_too():
    found = SortedSet("cab")
    assert (found[0], found[-1], found[:2]) == ("a", "c", ["a", "b"])
    assert list(reversed(found)) == ["c", "b", "a"]
    assert found == ["a", "b", "c"]
    assert found != ["a", "b", "b"]
    assert found != "abc"
    assert repr(found) == str(found) == "SortedSet(['a', 'b', 'c'])"
    assert sortedset is SortedSet
    with pytest.raises(TypeError):
        hash(found)


@pytest.mark.parametrize("items", [[3, 1], UNCOMPARABLE, []], ids=repr)
def test_sorted_sets_survive_copying_and_pickling(items):
    found = SortedSet(items)
    for twin in (
        found.copy(),
        copy.copy(found),
        copy.deepcopy(found),
        pickle.loads(pickle.dumps(found)),
    ):
        assert list(twin) == list(found)
        twin.add(1.5)
        assert 1.5 not in found


# --- OrderedMap


@given(st.lists(st.tuples(st.integers(0, 9), st.integers())))
def test_ordered_maps_do_what_dicts_do(pairs):
    ours, plain = OrderedMap(pairs), dict(pairs)
    assert list(ours.items()) == list(plain.items())
    assert list(ours) == list(ours.keys()) == list(plain)
    assert list(ours.values()) == list(plain.values())
    assert ours == plain
    assert plain == ours
    assert ours == OrderedMap(reversed(plain.items()))
    assert (5 in ours, ours.get(5)) == (5 in plain, plain.get(5))
    if plain:
        assert ours.popitem() == plain.popitem()
        assert ours == plain


KEYS = [[1, 2], {"a": 1}, {1, 2}, bytearray(b"x"), ([1], 2), 5, None, SortedSet([[1]])]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_keys_may_be_unhashable(key):
    found = OrderedMap([(each, number) for number, each in enumerate(KEYS)])
    number = KEYS.index(key)
    twin = copy.deepcopy(key)
    assert found[twin] == number
    found[twin] = "new"
    assert (found[key], len(found)) == ("new", len(KEYS))
    del found[twin]
    assert key not in found
    with pytest.raises(KeyError):
        del found[twin]


class Thing:
    def __init__(self, name):
        self.name = name

    def __eq__(self, other):
        return isinstance(other, Thing) and self.name == other.name

    __hash__ = None


def test_keys_of_unknown_classes_are_compared():
    found = OrderedMap([(Thing("a"), 1), (Thing("b"), 2), (Thing("a"), 3)])
    assert (found[Thing("a")], found[Thing("b")], len(found)) == (3, 2, 2)
    assert Thing("c") not in found


def test_ordered_maps_are_made_like_dicts():
    assert OrderedMap({"a": 1}, b=2) == OrderedMap([("a", 1), ("b", 2)]) == {"a": 1, "b": 2}
    assert OrderedMap() == {}
    assert OrderedMap(a=1) != {"a": 2}
    assert OrderedMap(a=1) != [("a", 1)]
    found = OrderedMap([([1], "x")])
    assert repr(found) == "OrderedMap([([1], 'x')])"
    assert str(found) == "{[1]: 'x'}"
    found.update([([2], "y")])
    assert found.setdefault([2], "z") == "y"
    assert found.pop([1]) == "x"
    with pytest.raises(KeyError):
        OrderedMap().popitem()
    with pytest.raises(TypeError):
        hash(found)


def test_ordered_maps_survive_copying_and_pickling():
    found = OrderedMap([([1], [2])])
    for twin in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert twin == found
        twin[[3]] = 1
        assert [3] not in found


def test_serialized_keys_are_found_by_their_bytes():
    found = OrderedMapSerializedKey(FrozenType(ListType(INT)), 4)
    found[[1, 2]] = "a"
    assert found[(1, 2)] == found[range(1, 3)] == "a"
    assert found.get([3]) is None
    assert None not in found
    assert {"no": "list"} not in found
    twin = pickle.loads(pickle.dumps(found))
    assert twin == found
    assert twin[(1, 2)] == "a"


def test_serialized_keys_of_sets_are_equal_in_any_order():
    found = OrderedMapSerializedKey(SetType(INT))
    found[{1 << 20, 8, 16}] = 1
    found[{16, 8, 1 << 20}] = 2
    assert len(found) == 1
