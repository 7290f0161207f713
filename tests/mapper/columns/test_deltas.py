"""What saving a changed container sends, carried out on what a server would keep."""

from __future__ import annotations

import copy
import datetime
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqlengine import columns
from tests.mapper.columns.wire import read, type_of

EPOCH = datetime.datetime(1970, 1, 1)


def named(column: columns.Column[Any]) -> Any:
    column.set_column_name("c")
    return column


class Cells:
    """A column of a row, element by element, as the server keeps it."""

    def __init__(self, column: Any) -> None:
        self.column = column
        kind = type_of(column)
        self.type = getattr(kind, "inner", kind)
        self.parts: Any = [] if column.db_type == "list" else {}

    def split(self, value: Any) -> Any:
        """Return the cells of the elements, by that of the key for maps and sets."""
        if self.column.db_type == "map":
            key, item = self.type.key.encode, self.type.value.encode
            return {key(k): item(v) for k, v in value.items()}
        encode = self.type.element.encode
        cells = [encode(each) for each in value]
        return cells if self.column.db_type == "list" else dict.fromkeys(cells, b"")

    def update(self, updates: Any) -> None:
        """Do what one UPDATE does: of what it both writes and deletes, the deletion stays."""
        for fragment, value in sorted(updates, key=lambda each: " - " in each[0]):
            if fragment == '"c" = ?':
                self.parts = self.split(value if value is not None else self.column.empty())
            elif fragment == '"c" = ? + "c"':
                self.parts = self.split(value) + self.parts
            elif fragment == '"c" = "c" + ?':
                cells = self.split(value)
                self.parts = self.parts + cells if isinstance(cells, list) else self.parts | cells
            else:
                assert fragment == '"c" = "c" - ?'
                encode = (
                    self.type.key if self.column.db_type == "map" else self.type.element
                ).encode
                for each in value:
                    self.parts.pop(encode(each), None)

    def read(self) -> Any:
        """Return what an instance reads."""
        if not self.parts:
            return read(self.column, None)
        flat = self.parts
        if isinstance(flat, dict):
            ordered = sorted(flat.items())
            pairs = self.column.db_type == "map"
            flat = [cell for pair in ordered for cell in (pair if pairs else pair[:1])]
        cells = b"".join(struct.pack(">i", len(cell)) + cell for cell in flat)
        return read(self.column, struct.pack(">i", len(self.parts)) + cells)


def save(cells: Cells, value: Any, previous: Any) -> Any:
    """Do as an instance that is saved; return what it now counts as saved."""
    column = cells.column
    value = column.validate(value)
    if column.changed(value, previous):
        cells.update(column.assignments(value, previous))
    assert cells.parts == cells.split(value)
    return column.snapshot(value)


# Values that are near to one another: the server takes some for the same that Python does not.
MOMENTS = st.builds(
    lambda ms, us, aware: (EPOCH + datetime.timedelta(milliseconds=ms, microseconds=us)).replace(
        tzinfo=datetime.UTC if aware else None
    ),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
)
FLOATS = st.sampled_from([0.1, 0.10000000149011612, 1.5, float("inf"), float("nan")])
INTS = st.integers(0, 4)
TEXTS = st.sampled_from("abcd")

SETS = st.one_of(
    st.tuples(st.just(named(columns.Set(columns.Integer))), st.lists(st.sets(INTS))),
    st.tuples(st.just(named(columns.Set(columns.DateTime))), st.lists(st.sets(MOMENTS))),
    st.tuples(st.just(named(columns.Set(columns.Float))), st.lists(st.sets(FLOATS))),
    st.tuples(st.just(named(columns.Set(columns.Text, frozen=True))), st.lists(st.sets(TEXTS))),
    st.tuples(
        st.just(named(columns.Set(columns.List(columns.Integer)))),
        st.lists(st.sets(st.tuples(INTS))),
    ),
    st.tuples(
        st.just(named(columns.Set(columns.Tuple(columns.DateTime, columns.Float)))),
        st.lists(st.sets(st.tuples(MOMENTS, FLOATS))),
    ),
)
LISTS = st.one_of(
    st.tuples(st.just(named(columns.List(columns.Integer))), st.lists(st.lists(INTS))),
    st.tuples(st.just(named(columns.List(columns.DateTime))), st.lists(st.lists(MOMENTS))),
    st.tuples(st.just(named(columns.List(columns.Text, frozen=True))), st.lists(st.lists(TEXTS))),
)
MAPS = st.one_of(
    st.tuples(
        st.just(named(columns.Map(columns.Text, columns.Integer))),
        st.lists(st.dictionaries(TEXTS, INTS)),
    ),
    st.tuples(
        st.just(named(columns.Map(columns.DateTime, columns.Float))),
        st.lists(st.dictionaries(MOMENTS, FLOATS)),
    ),
    st.tuples(
        st.just(named(columns.Map(columns.List(columns.Integer), columns.Text))),
        st.lists(st.dictionaries(st.tuples(INTS), TEXTS)),
    ),
)


@given(st.one_of(SETS, LISTS, MAPS), st.booleans())
def test_the_table_holds_what_was_saved_last(case: tuple[Any, list[Any]], read_first: bool) -> None:
    column, values = case
    cells = Cells(column)
    previous = None
    for value in values:
        previous = save(cells, value, previous)
        if read_first:
            previous = column.snapshot(cells.read())


@given(st.lists(st.lists(INTS, max_size=3), min_size=1, max_size=4), INTS)
def test_nested_lists_are_written_after_changes_in_place(
    values: list[list[int]], more: int
) -> None:
    column = named(columns.List(columns.List(columns.Integer)))
    cells = Cells(column)
    previous = save(cells, copy.deepcopy(values), None)
    instance = cells.read()
    instance[0].append(more)
    save(cells, instance, previous)


# --- what is sent --------------------------------------------------------------------------------

LIST = named(columns.List(columns.Integer))
SET = named(columns.Set(columns.Integer))
MAP = named(columns.Map(columns.Text, columns.Integer))


@pytest.mark.parametrize(
    ("column", "before", "after", "sent"),
    [
        (LIST, [1, 2], [1, 2, 3], [('"c" = "c" + ?', [3])]),
        (LIST, [1, 2], [0, 1, 2], [('"c" = ? + "c"', [0])]),
        (LIST, [1, 2], [0, 1, 2, 3], [('"c" = ? + "c"', [0]), ('"c" = "c" + ?', [3])]),
        (LIST, [1], [1, 1], [('"c" = "c" + ?', [1])]),
        (LIST, [1, 2], [2, 1], [('"c" = ?', [2, 1])]),
        (LIST, [1, 2], [1], [('"c" = ?', [1])]),
        (LIST, [], [1], [('"c" = "c" + ?', [1])]),
        (LIST, None, [1], [('"c" = ?', [1])]),
        (LIST, [1], [], [('"c" = ?', None)]),
        (LIST, [1], [1], []),
        (SET, {1, 2}, {2, 3}, [('"c" = "c" + ?', {3}), ('"c" = "c" - ?', {1})]),
        (SET, {1}, {1, 2}, [('"c" = "c" + ?', {2})]),
        (SET, {1, 2}, {1}, [('"c" = "c" - ?', {2})]),
        (SET, None, {1}, [('"c" = ?', {1})]),
        (SET, set(), {1}, [('"c" = "c" + ?', {1})]),
        (SET, {1}, set(), [('"c" = ?', None)]),
        (SET, {1}, {1}, []),
        (MAP, {"a": 1}, {"a": 1, "b": 2}, [('"c" = "c" + ?', {"b": 2})]),
        (MAP, {"a": 1, "b": 2}, {"a": 5}, [('"c" = "c" + ?', {"a": 5}), ('"c" = "c" - ?', {"b"})]),
        (MAP, {"a": 1, "b": 0}, {"a": 1}, [('"c" = "c" - ?', {"b"})]),
        (MAP, {}, {"a": 1}, [('"c" = "c" + ?', {"a": 1})]),
        (MAP, None, {"a": 1}, [('"c" = ?', {"a": 1})]),
        (MAP, {"a": 1}, {}, [('"c" = ?', None)]),
    ],
    ids=lambda each: str(each) if isinstance(each, columns.Column) else "",
)
def test_what_was_added_and_removed_is_sent(
    column: Any, before: Any, after: Any, sent: list[Any]
) -> None:
    assert list(column.assignments(after, before)) == sent


def test_frozen_containers_are_replaced() -> None:
    frozen = named(columns.Set(columns.Integer, frozen=True))
    assert frozen.assignments({1, 2}, {1}) == (('"c" = ?', {1, 2}),)


def test_static_containers_are_changed_in_part_like_others() -> None:
    static = named(columns.Map(columns.Text, columns.Integer, static=True))
    assert list(static.assignments({"b": 2}, {"a": 1})) == [
        ('"c" = "c" + ?', {"b": 2}),
        ('"c" = "c" - ?', {"a"}),
    ]


def test_what_was_written_under_other_rules_is_replaced() -> None:
    short = named(columns.List(columns.Text(max_length=2)))
    assert short.assignments(["ab", "c"], ["long before", "ab"]) == (('"c" = ?', ["ab", "c"]),)
