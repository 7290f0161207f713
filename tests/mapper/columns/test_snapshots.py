"""What changes of mutable values are told by: copies, of empty and nested ones too."""

from __future__ import annotations

from typing import Any

import pytest

from cqlengine import columns

MUTABLE: list[tuple[columns.Column[Any], Any]] = [
    (columns.List(columns.Integer), []),
    (columns.List(columns.List(columns.Text)), [["a"]]),
    (columns.Set(columns.Text), set()),
    (columns.Map(columns.Text, columns.Integer), {}),
    (columns.Map(columns.Integer, columns.List(columns.Text)), {}),
    (columns.Map(columns.Integer, columns.List(columns.Text)), {1: []}),
    (columns.Map(columns.Integer, columns.Tuple(columns.List(columns.Text))), {1: (None,)}),
]


@pytest.mark.parametrize(("column", "value"), MUTABLE, ids=lambda value: repr(value)[:40])
def test_a_snapshot_is_equal_and_another_object(column: columns.Column[Any], value: Any) -> None:
    copy = column.snapshot(value)
    assert copy == value
    assert copy is not value
    assert not column.changed(value, copy)


def test_an_element_of_a_snapshot_is_another_object() -> None:
    column = columns.Map(columns.Integer, columns.List(columns.Text))
    value = {1: ["a"]}
    copy = column.snapshot(value)
    value[1].append("b")
    assert copy == {1: ["a"]}
    assert column.changed(value, copy)
