"""Lists, sets and maps: what they accept, how they are read, and how they are called."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from cql_protocol.values import OrderedMap, SortedSet
from cqlengine import columns
from cqlengine.columns.collections import UNREAD
from cqlengine.errors import CQLEngineException, ValidationError
from tests.mapper.columns.wire import back, bound, read, stored


def named(column: columns.Column[Any], name: str = "field") -> Any:
    column.set_column_name(name)
    return column


# --- types ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "cql"),
    [
        (columns.List(columns.Text), "list<text>"),
        (columns.Set(columns.UUID, frozen=True), "frozen<set<uuid>>"),
        (columns.Map(columns.Text, columns.Integer), "map<text, int>"),
        (columns.List(columns.List(columns.Integer)), "list<frozen<list<int>>>"),
        (
            columns.Map(columns.Text, columns.Set(columns.Map(columns.Date, columns.Inet))),
            "map<text, frozen<set<frozen<map<date, inet>>>>>",
        ),
        (columns.Set(columns.List(columns.Text, frozen=True)), "set<frozen<list<text>>>"),
        (columns.Tuple(columns.Integer, columns.Text), "frozen<tuple<int, text>>"),
        (
            columns.List(columns.Tuple(columns.List(columns.Text), columns.Blob)),
            "list<frozen<tuple<frozen<list<text>>, blob>>>",
        ),
        (columns.Vector(columns.Float, 3), "vector<float, 3>"),
        (columns.Vector(3), "vector<float, 3>"),
        (columns.List(columns.Vector(columns.Double, 2)), "list<vector<double, 2>>"),
        (columns.Set(columns.Custom("'a.B'")), "set<'a.B'>"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_types_with_parts_are_frozen_within_others(column: columns.Column[Any], cql: str) -> None:
    assert column.cql_type == cql
    assert column.cql_parameterized_type() == cql


@pytest.mark.parametrize(
    "make",
    [
        lambda: columns.List(int),
        lambda: columns.List("text"),
        lambda: columns.Set(columns.Counter),
        lambda: columns.Set(columns.Column),
        lambda: columns.Map(columns.Text, columns.List),
        lambda: columns.Tuple(),
        lambda: columns.Tuple(columns.Tuple),
        lambda: columns.Vector(columns.Float, 0),
        lambda: columns.Vector(columns.Float, True),
        lambda: columns.Vector(columns.Float, "3"),
    ],
)
def test_what_can_be_no_part_is_refused_when_the_column_is_made(make: Any) -> None:
    with pytest.raises(ValueError, match=r"^(List|Set|Map|Tuple|Vector): .+") as caught:
        make()
    assert isinstance(caught.value, CQLEngineException)


def test_parts_are_copies_called_after_the_column() -> None:
    part = columns.Text(max_length=2)
    first, second = named(columns.List(part), "first"), named(columns.Map(part, part), "second")
    assert part.column_name == ""
    assert first.value_col.column_name == "first, an element"
    assert second.key_col.column_name == "second, a key"
    assert second.value_col.column_name == "second, a value"
    assert first.value_col.max_length == 2
    assert second.sub_types == (second.key_col, second.value_col)


# --- values --------------------------------------------------------------------------------------

LIST = named(columns.List(columns.Integer))
SET = named(columns.Set(columns.Text))
LOOSE = named(columns.Set(columns.Integer, strict=False))
MAP = named(columns.Map(columns.Text, columns.Integer))
NESTED = named(columns.Map(columns.Text, columns.List(columns.Set(columns.Integer))))


@pytest.mark.parametrize(
    ("column", "given", "kept"),
    [
        (LIST, [1, 2], [1, 2]),
        (LIST, (1, "2"), [1, 2]),
        (LIST, {5}, [5]),
        (LIST, [], []),
        (SET, {"a"}, {"a"}),
        (SET, frozenset("ab"), frozenset("ab")),
        (LOOSE, ["1", 1, 2], {1, 2}),
        (LOOSE, (3,), {3}),
        (MAP, {"a": "1"}, {"a": 1}),
        (MAP, OrderedMap([("a", 1)]), {"a": 1}),
        (NESTED, {"a": [{1}, {2}]}, {"a": [{1}, {2}]}),
        (NESTED, {"a": ({"1"},)}, {"a": [{1}]}),
    ],
    ids=lambda each: str(each) if isinstance(each, columns.Column) else "",
)
def test_what_is_accepted_is_kept_in_the_form_in_which_it_is_read(
    column: Any, given: Any, kept: Any
) -> None:
    assert column.validate(given) == kept
    assert column.to_python(given) == kept
    assert column.to_database(given) == kept
    if given:
        assert back(column, given) == kept


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        (LIST, "12", "^field: '12' .* is no list"),
        (LIST, {"a": 1}, "is no list"),
        (LIST, 5, "is no list"),
        (LIST, [1, None], "^field: None cannot be a part of it"),
        (LIST, [1, "x"], "^field, an element: 'x' .* is no whole number"),
        (LIST, [1 << 40], "out of the range"),
        (LIST, [5, -(1 << 31) - 1, 7], "out of the range"),
        (named(columns.List(columns.Float)), [1.5, float("nan"), 3.5e38], "out of the range"),
        (named(columns.List(columns.Float)), [float("nan"), -3.5e38], "out of the range"),
        (SET, ["a"], "is no set: give a set, or make the column with strict=False"),
        (SET, {None}, "None cannot be a part of it"),
        (SET, {"a", 5}, "^field, an element: 5 .* is no str"),
        (LOOSE, "ab", r"is no set$"),
        (MAP, [("a", 1)], "is no dict"),
        (MAP, {"a": None}, "None cannot be a part of it"),
        (MAP, {None: 1}, "None cannot be a part of it"),
        (MAP, {5: 1}, "^field, a key: 5 .* is no str"),
        (MAP, {"a": "x"}, "^field, a value: 'x' .* is no whole number"),
        (NESTED, {"a": [{None}]}, "None cannot be a part of it"),
    ],
    ids=lambda each: str(each) if isinstance(each, columns.Column) else "",
)
def test_what_is_refused_is_a_validation_error_that_names_the_part(
    column: Any, value: Any, reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        column.validate(value)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (LIST, [1, 2]),
        (SET, {"a", "b"}),
        (MAP, {"a": 1}),
        (NESTED, {"a": [{1}]}),
        (LIST, []),
        (named(columns.List(columns.Text)), ["a"]),
        (named(columns.Set(columns.Double)), {1.5}),
        (named(columns.Map(columns.Text, columns.Text)), {"a": "b"}),
    ],
    ids=lambda each: str(each) if isinstance(each, columns.Column) else "",
)
def test_valid_containers_are_not_copied(column: Any, value: Any) -> None:
    assert column.validate(value) is value
    assert column.to_python(value) is value
    assert column.loads(value) is value
    assert column.dumps is None


def test_a_snapshot_does_not_change_with_the_value() -> None:
    for column, value, change in [
        (LIST, [1], lambda v: v.append(2)),
        (LIST, [], lambda v: v.append(2)),
        (SET, {"a"}, lambda v: v.add("b")),
        (SET, set(), lambda v: v.add("b")),
        (MAP, {"a": 1}, lambda v: v.update(b=2)),
        (MAP, {}, lambda v: v.update(b=2)),
        (NESTED, {"a": [{1}]}, lambda v: v["a"][0].add(2)),
        (NESTED, {"a": [{1}]}, lambda v: v["a"].append({3})),
    ]:
        snapshot = column.snapshot(value)
        assert not column.changed(value, snapshot)
        change(value)
        assert column.changed(value, snapshot)
        assert column.is_mutable
    assert LIST.snapshot(None) is SET.snapshot(None) is MAP.snapshot(None) is None


@pytest.mark.parametrize(
    ("column", "empty"), [(LIST, []), (SET, set()), (MAP, {})], ids=["list", "set", "map"]
)
def test_null_is_an_empty_container(column: Any, empty: Any) -> None:
    assert column.validate(None) == empty
    assert column.to_python(None) == empty
    assert read(column, None) == empty
    assert column.loads(None) is not column.loads(None)
    assert column.is_null(empty)
    assert column.is_null(None)
    assert not column.changed(empty, None)
    assert not column.changed(None, empty)
    assert column.to_database(None) is None
    assert column.assignments(empty, None) == (('"field" = ?', None),)

    class Instance:
        pass

    instance = Instance()
    missing = column.missing(instance)
    assert missing == empty
    assert vars(instance)["field"] is missing


def test_a_container_that_was_only_looked_at_is_told_from_one_that_was_set() -> None:
    class Instance:
        _previous: Any = None

    instance = Instance()
    missing = SET.missing(instance)
    assert instance._previous == {UNREAD: {"field": set()}}
    assert instance._previous[UNREAD]["field"] is missing
    read = Instance()
    read._previous = {"field": {"a"}}
    SET.missing(read)
    assert read._previous == {"field": {"a"}}


def test_frozen_containers_of_a_key_can_be_empty_but_not_null() -> None:
    key = named(columns.List(columns.Integer, frozen=True, primary_key=True))
    assert key.validate([]) == []
    assert key.validate(None) is None
    assert not key.is_null([])
    assert key.is_null(None)
    assert key.missing(object()) is None


def test_required_containers_have_an_element() -> None:
    required = named(columns.Set(columns.Text, required=True))
    assert required.validate({"a"}) == {"a"}
    for nothing in (None, set()):
        with pytest.raises(ValidationError, match="a value is required"):
            required.validate(nothing)


def test_new_instances_are_given_no_empty_container_to_save() -> None:
    for column in (LIST, SET, MAP):
        assert column.default is None
        assert not column.has_default
    assert columns.List(columns.Text, default=lambda: ["a"]).get_default() == ["a"]


def test_large_containers_are_accepted() -> None:
    # 65,535 was the limit of protocol 2, which had 16 bits for the count of elements.
    many = list(range(70_000))
    assert columns.List(columns.Integer).validate(many) is many
    column = named(columns.Set(columns.Integer))
    assert back(column, set(many)) == set(many)


# --- elements without a hash ---------------------------------------------------------------------


def test_sets_of_collections_are_sorted_sets_in_whatever_form_they_are_given() -> None:
    column = named(columns.Set(columns.List(columns.Integer)))
    given = {(1, 2), (3,)}
    valid = column.validate(given)
    assert isinstance(valid, SortedSet)
    assert valid == SortedSet([[1, 2], [3]])
    assert back(column, given) == valid
    assert column.validate(valid) is valid


def test_maps_with_collections_as_keys_are_ordered_maps() -> None:
    column = named(columns.Map(columns.List(columns.Integer), columns.Text))
    valid = column.validate({(1, 2): "a"})
    assert isinstance(valid, OrderedMap)
    assert valid[[1, 2]] == "a"
    assert back(column, {(1, 2): "a"}) == valid
    snapshot = column.snapshot(valid)
    valid[[5]] = "b"
    assert column.changed(valid, snapshot)


def test_elements_are_bound_as_their_column_says() -> None:
    class Doubled(columns.Integer):
        def to_database(self, value: Any) -> Any:
            return value * 2

        def to_python(self, value: Any) -> Any:
            return value // 2

    column = named(columns.Map(Doubled, columns.List(Doubled)))
    assert bound(column, {1: [2]}) == {2: [4]}
    assert back(column, {1: [2]}) == {1: [2]}
    assert column.assignments({1: [2], 3: [4]}, {1: [2], 5: [6]}) == [
        ('"field" = "field" + ?', {6: [8]}),
        ('"field" = "field" - ?', [10]),
    ]


def test_containers_of_an_application_convert_as_they_say() -> None:
    class Csv(columns.Set[str]):
        def to_python(self, value: Any) -> Any:
            return set() if value is None else {each.upper() for each in value}

        def to_database(self, value: Any) -> Any:
            return {each.lower() for each in value}

    column = named(Csv(columns.Text))
    assert back(column, {"A"}) == {"A"}
    assert bound(column, {"A"}) == {"a"}
    assert column.loads(None) == set()


# --- tuples and vectors --------------------------------------------------------------------------

TUPLE = named(columns.Tuple(columns.Integer, columns.Text, columns.List(columns.Integer)))
VECTOR = named(columns.Vector(columns.Float, 3))


def test_tuples_have_an_element_of_each_column_or_none() -> None:
    whole = (1, "a", [2])
    assert TUPLE.validate(whole) is whole
    assert back(TUPLE, whole) == whole
    assert TUPLE.validate(["1"]) == (1, None, None)
    assert back(TUPLE, (None, "a")) == (None, "a", None)
    assert back(TUPLE, (1, "a", [])) == (1, "a", [])  # not null: a tuple keeps what is empty
    assert TUPLE.validate(None) is None
    assert TUPLE.to_database((1, "a", (2,))) == whole
    assert not TUPLE.is_null(())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ((1, "a", [2], 5), "4 elements, more than 3"),
        ({1, 2}, "is no tuple"),
        ("abc", "is no tuple"),
        (("x",), "field, an element: 'x' .* is no whole number"),
    ],
)
def test_tuples_refuse_what_does_not_fit(value: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        TUPLE.validate(value)


def test_tuples_of_mutable_elements_are_copied_for_comparison_others_are_not() -> None:
    value = (1, "a", [2])
    snapshot = TUPLE.snapshot(value)
    value[2].append(3)
    assert TUPLE.changed(value, snapshot)
    assert TUPLE.is_mutable
    plain = named(columns.Tuple(columns.Integer, columns.Text))
    assert plain.snapshot((1, "a")) == (1, "a")
    assert not plain.is_mutable
    assert plain.loads is None
    assert plain.dumps is None
    assert plain.assignments((1, "a"), (1, "b")) == (('"field" = ?', (1, "a")),)


def test_vectors_are_lists_made_of_any_sequence() -> None:
    from array import array

    value = [1.0, 2.5, -3.0]
    assert VECTOR.validate(value) is value
    assert back(VECTOR, value) == value
    assert VECTOR.validate([float("inf"), float("nan"), 3.4028235677973362e38])
    for given in ((1, 2.5, -3), array("f", value), array("d", value)):
        valid = VECTOR.validate(given)
        assert type(valid) is list
        assert valid == value
        assert set(map(type, valid)) == {float}
        assert back(VECTOR, given) == value
    snapshot = VECTOR.snapshot(value)
    value[0] = 9.0
    assert VECTOR.changed(value, snapshot)
    assert VECTOR.snapshot(None) is None
    texts = columns.Vector(columns.Text, 2)
    assert back(texts, ["a", "b"]) == ["a", "b"]


def test_vectors_are_made_of_arrays_of_numpy() -> None:
    numpy = pytest.importorskip("numpy", reason="numpy is not installed")
    valid = VECTOR.validate(numpy.array([1.0, 2.5, -3.0], dtype="float32"))
    assert valid == [1.0, 2.5, -3.0]
    assert set(map(type, valid)) == {float}
    with pytest.raises(ValidationError, match="2 elements instead of 3"):
        VECTOR.validate(numpy.zeros(2))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([1.0], "1 elements instead of 3"),
        ("abc", "is no sequence of 3 elements"),
        ({1.0, 2.0, 3.0}, "is no sequence of 3 elements"),
        ([1.0, None, 2.0], "None cannot be a part of it"),
        ([1.0, "x", 2.0], "field, an element: 'x' .* is no number"),
    ],
)
def test_vectors_refuse_what_does_not_fit(value: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        VECTOR.validate(value)


def test_moments_within_containers_lose_their_time_zone() -> None:
    column = named(columns.Set(columns.DateTime))
    aware = datetime.datetime(2024, 1, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    assert column.validate({aware}) == {datetime.datetime(2024, 1, 1)}
    assert stored(column, {aware}) == stored(column, {datetime.datetime(2024, 1, 1)})
