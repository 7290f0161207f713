"""`Column`: options, names, order and copies."""

from __future__ import annotations

import pytest

from cqlengine import columns
from cqlengine.errors import ValidationError


def test_columns_stand_in_the_order_in_which_they_are_made() -> None:
    first, second = columns.Text(), columns.Integer()
    assert first < second
    assert sorted([second, first]) == [first, second]
    assert columns.Column.instance_counter == second.position + 1


def test_a_copy_of_a_column_is_the_same_column() -> None:
    column = columns.Text(max_length=5, db_field="n")
    copy = column.copied()
    assert copy == column
    assert hash(copy) == hash(column)
    assert copy is not column
    assert copy.max_length == 5
    assert column != columns.Text(max_length=5, db_field="n")
    assert column != "n"


def test_names_are_the_attribute_s_unless_another_is_given() -> None:
    column = columns.Text()
    column.set_column_name("name")
    other = columns.Text(db_field='Full "Name"')
    other.set_column_name("name")
    assert (column.column_name, column.db_field_name) == ("name", "name")
    assert column.cql == column.get_cql() == '"name"'
    assert (other.column_name, other.db_field_name) == ("name", 'Full "Name"')
    assert other.cql == '"Full ""Name"""'
    assert column.db_index_name == "index_name"


def test_the_definition_has_name_and_type() -> None:
    column = columns.List(columns.Integer, static=True)
    column.set_column_name("steps")
    assert column.get_column_def() == '"steps" list<int> STATIC'
    assert repr(column) == "<List steps list<int>>"


def test_partition_keys_are_of_the_primary_key() -> None:
    column = columns.Text(partition_key=True)
    assert column.primary_key
    assert column.is_primary_key
    assert not column.can_delete
    assert columns.Text().can_delete


def test_custom_indexes_make_columns_filterable() -> None:
    assert columns.Text(custom_index=True).has_index
    assert columns.Text(index=True).has_index
    assert not columns.Text().has_index


def test_defaults_are_values_or_functions_and_never_shared() -> None:
    shared = [1]
    assert columns.Text(default="a").get_default() == "a"
    assert columns.Text(default=lambda: "b").get_default() == "b"
    made = columns.List(columns.Integer, default=shared).get_default()
    assert made == shared
    assert made is not shared
    assert not columns.Text().has_default
    assert columns.Counter().has_default


def test_a_single_value_is_assigned_and_none_deletes() -> None:
    column = columns.Integer()
    column.set_column_name("n")
    assert column.assignments("5", None) == (('"n" = ?', 5),)
    assert column.assignments(None, 5) == (('"n" = ?', None),)


def test_refusals_name_the_column_or_its_type() -> None:
    column = columns.Integer(required=True)
    with pytest.raises(ValidationError, match=r"^int: a value is required"):
        column.validate(None)
    column.set_column_name("age")
    with pytest.raises(ValidationError, match=r"^age: a value is required"):
        column.validate(None)
