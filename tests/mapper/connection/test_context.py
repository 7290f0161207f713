"""Models for a while in another keyspace, or on another connection."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cqlengine import columns
from cqlengine.connection import default_keyspace, register_connection
from cqlengine.errors import CQLEngineException
from cqlengine.models import Model
from cqlengine.query import ContextQuery
from tests.aio.live import LiveNodes


class Thing(Model):
    """The nodes' table."""

    __table_name__ = "t"
    __keyspace__ = "elsewhere"
    k = columns.Integer(primary_key=True)
    v = columns.Text()


class Other(Model):
    """Another one."""

    k = columns.Integer(primary_key=True)


class Animal(Model):
    """A hierarchy."""

    k = columns.Integer(primary_key=True)
    kind = columns.Text(discriminator_column=True, index=True)


class Cat(Animal):
    """One of it."""

    __discriminator_value__ = "cat"
    lives = columns.Integer()


@pytest.fixture
def _connection(nodes: LiveNodes, hosts: list[str], options: dict[str, Any]) -> None:
    register_connection("x", hosts, cluster_options=options)


@pytest.mark.usefixtures("_connection")
def test_a_model_elsewhere() -> None:
    with ContextQuery(Thing, keyspace="ks", connection="x") as there:
        assert there.column_family_name() == "ks.t"
        assert there.objects.get(k=1).v == "a"
        made = there.create(k=2, v="b")
        assert isinstance(made, Thing)
        made.v = "c"
        made.save()
        assert there.objects.get(k=2).v == "c"
        with pytest.raises(Thing.DoesNotExist):
            there.objects.get(k=77)
    assert Thing.column_family_name() == "elsewhere.t"
    assert Thing._get_connection() is None
    assert type(made)._get_connection() == "x", "it is saved where it came from"


@pytest.mark.usefixtures("_connection")
def test_on_asyncio() -> None:
    async def main() -> Any:
        async with ContextQuery(Thing, keyspace="ks", connection="x") as there:
            return (await there.objects.aget(k=1)).v

    assert asyncio.run(main()) == "a"


def test_several_and_nested() -> None:
    with ContextQuery(Thing, Other, keyspace="one") as (thing, other):
        assert (thing.column_family_name(), other.column_family_name()) == ("one.t", "one.other")
        with ContextQuery(thing, keyspace="two") as nested:
            assert nested.column_family_name() == "two.t"
            assert nested.__name__ == "Thing"
        with ContextQuery(thing, connection="y") as nested:
            assert (nested.column_family_name(), nested._get_connection()) == ("one.t", "y")
        assert thing.column_family_name() == "one.t"
    assert default_keyspace() is None


def test_a_hierarchy() -> None:
    with ContextQuery(Animal, Cat, keyspace="one", connection="x") as (animal, cat):
        assert str(animal.objects.all()).startswith("SELECT * FROM one.animal")
        assert cat._discriminator_map is Animal._discriminator_map
        assert Animal._discriminator_map == {"cat": Cat}
        from cqlengine.models.polymorphic import class_of_row

        assert class_of_row(animal, "cat") is Cat
        assert class_of_row(cat, "cat") is Cat
        options = animal.objects.all()._options
        assert (options.keyspace, options.connection) == ("one", "x")


def test_what_was_raised_goes_on() -> None:
    with pytest.raises(ZeroDivisionError), ContextQuery(Thing, keyspace="one"):
        _ = 1 / 0


@pytest.mark.parametrize("wrong", [(), (int,), (Thing, 7), ("Thing",), (Thing(k=1),)])
def test_what_is_no_model_is_refused(wrong: Any) -> None:
    with pytest.raises(CQLEngineException, match="ContextQuery takes"):
        ContextQuery(*wrong, keyspace="one")
