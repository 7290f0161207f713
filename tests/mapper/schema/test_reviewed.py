"""What a review of the schema found: names of indexes, keys of tables that models share."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from cqlengine import columns
from cqlengine.errors import ModelDefinitionException
from cqlengine.models import Model
from cqlengine.schema import Index, Kind, MaterializedView, Safety, compare_models
from tests.mapper.schema.support import live_of, only


def table(of: str, **named: Any) -> Any:
    """A model of the table `of`."""
    attributes = {"__keyspace__": "shop", "__table_name__": of, **named}
    return type(Model)("Thing", (Model,), attributes)


def key(**choices: Any) -> Any:
    return columns.Integer(primary_key=True, **choices)


def test_a_name_that_an_index_of_another_table_has_is_refused() -> None:
    """CREATE INDEX IF NOT EXISTS would make none, and say nothing."""
    cats = table("cats", id=key(), name=columns.Text(custom_index=Index(name="by_name")))
    dogs = table("dogs", id=key(), name=columns.Text(custom_index=Index(name="by_name")))
    bare = table("dogs", id=key(), name=columns.Text())
    found = only(compare_models([cats, dogs], live_of(cats, bare)))
    assert found.safety is Safety.REFUSED
    assert found.statements == ()
    assert "the name by_name is that of an index of cats" in found.why
    assert "DROP INDEX IF EXISTS shop.by_name" in found.way_out


def test_an_index_of_a_class_is_not_taken_by_one_of_any_class() -> None:
    sai = table("dogs", id=key(), name=columns.Text(custom_index=Index()))
    both = table("dogs", id=key(), name=columns.Text(index=True, custom_index=Index()))
    found = only(compare_models([both], live_of(sai)))
    assert found.statements == ("CREATE INDEX IF NOT EXISTS ON shop.dogs (name)",)


def test_an_index_whose_name_moves_is_off_its_column_before_that_is_dropped() -> None:
    before = table("dogs", id=key(), a=columns.Text(custom_index=Index(name="by")))
    after = table("dogs", id=key(), b=columns.Text(custom_index=Index(name="by")))
    found = compare_models([after], live_of(before))
    assert [each.kind for each in found] == [
        Kind.COLUMN_MISSING,
        Kind.INDEX_CHANGED,
        Kind.COLUMN_EXTRA,
    ]


def test_models_that_share_a_table_may_call_its_key_otherwise() -> None:
    one = table("dogs", number=key(db_field="id"), name=columns.Text())
    other = table("dogs", chip=key(db_field="id"), age=columns.Integer())
    assert compare_models([one, other], live_of(one, other)) == []


class _Shared(Model):
    __abstract__ = True
    __keyspace__: ClassVar[str] = "shop"


@pytest.mark.parametrize("partition_key", [True, False])
def test_models_that_divide_the_key_otherwise_contradict_each_other(partition_key: bool) -> None:
    class One(_Shared):
        __table_name__ = "dogs"
        a = columns.Integer(partition_key=True)
        b = columns.Integer(primary_key=True, partition_key=partition_key)

    class Other(_Shared):
        __table_name__ = "dogs"
        a = columns.Integer(partition_key=True)
        b = columns.Integer(primary_key=True, partition_key=not partition_key)

    with pytest.raises(ModelDefinitionException, match="but not the primary key"):
        compare_models([One, Other], live_of(One))


def test_cdc_that_a_server_does_not_tell_says_where_it_is_kept() -> None:
    with_cdc = table("dogs", id=key(), __options__={"cdc": True})
    found = only(compare_models([with_cdc], live_of(table("dogs", id=key()))))
    assert "only where cdc_enabled is true in cassandra.yaml" in found.why


class Dog(Model):
    __keyspace__ = "shop"
    __table_name__ = "dogs"
    id = columns.Integer(primary_key=True)
    name = columns.Text()


class DogByName(MaterializedView):
    __base_model__ = Dog
    name = columns.Text(partition_key=True)
    id = columns.Integer(primary_key=True)


def test_a_table_is_not_made_where_a_view_is_nor_a_view_where_a_table_is() -> None:
    """Cassandra 5.0 would make the table, and mix its columns with those of the view."""
    of_the_name = table("dog_by_name", id=key())
    found = only(compare_models([Dog, of_the_name], live_of(Dog, DogByName), extras=False))
    assert (found.kind, found.safety) == (Kind.TABLE_MISSING, Safety.REFUSED)
    assert found.statements == ()
    assert found.what == "shop.dog_by_name is a materialized view"
    found = only(compare_models([Dog, DogByName], live_of(Dog, of_the_name), extras=False))
    assert (found.kind, found.safety) == (Kind.VIEW_MISSING, Safety.REFUSED)
    assert found.what == "shop.dog_by_name is a table"


def test_an_index_that_is_left_alone_does_not_go_for_another_of_its_column() -> None:
    foreign = table("dogs", id=key(), name=columns.Text(index=True))
    ours = table(
        "dogs", id=key(), name=columns.Text(custom_index=True), __indexes__=[Index("name")]
    )
    found = only(compare_models([ours], live_of(foreign)))
    assert (found.kind, found.safety) == (Kind.INDEX_MISSING, Safety.COSTLY)
