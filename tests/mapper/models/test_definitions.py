"""Classes of models: what is found in them, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

import pytest

from cqlengine import columns, models
from cqlengine.errors import (
    DoesNotExist,
    ModelDefinitionException,
    ModelException,
    MultipleObjectsReturned,
)
from cqlengine.models import BaseModel, Model, ModelMetaClass
from cqlengine.models.names import default_table_name


def defined(base: type = Model, /, **attributes: Any) -> Any:
    """A model of these attributes."""
    attributes.setdefault("__module__", __name__)
    return ModelMetaClass("Thing", (base,), attributes)


class Base(Model):
    __abstract__ = True

    id = columns.Integer(primary_key=True)
    kind = columns.Text(discriminator_column=True)


# --- what is found -------------------------------------------------------------------------------


def test_columns_stand_in_the_order_in_which_they_were_made() -> None:
    late = columns.Text(primary_key=True)
    thing = defined(z=columns.Integer(primary_key=True), a=columns.Text(), key=late)
    assert list(thing._columns) == ["key", "z", "a"]
    assert list(thing._partition_keys) == ["key"]
    assert list(thing._clustering_keys) == ["z"]
    assert list(thing._primary_keys) == ["key", "z"]


def test_partition_keys_may_be_marked() -> None:
    thing = defined(
        a=columns.Integer(primary_key=True),
        b=columns.Integer(partition_key=True),
        c=columns.Integer(partition_key=True),
    )
    assert list(thing._partition_keys) == ["b", "c"]
    assert list(thing._clustering_keys) == ["a"]
    assert set(thing._primary_keys) == {"a", "b", "c"}


def test_names_in_the_table() -> None:
    thing = defined(id=columns.Integer(primary_key=True, db_field="The id"), a=columns.Text())
    assert thing._db_map == {"The id": "id", "a": "a"}
    assert thing.id.db_field_name == "The id"
    assert thing.id.quoted == '"The id"'
    assert thing.id.column_name == "id"


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("User", "user"),
        ("UserByEmail", "user_by_email"),
        ("HTTPLog", "http_log"),
        ("Log2Disk", "log2_disk"),
        ("_Private", "private"),
        ("A" * 60, "a" * 48),
        ("Snake_Case", "snake_case"),
    ],
)
def test_default_names_of_tables(name: str, table: str) -> None:
    assert default_table_name(name) == table


def test_names_of_tables() -> None:
    key = columns.Integer(primary_key=True)
    assert defined(id=key)._raw_column_family_name() == "thing"
    lower = defined(id=key, __table_name__="MyThings", __keyspace__="ks")
    assert lower.column_family_name() == "ks.mythings"
    exact = defined(
        id=key, __table_name__="MyThings", __table_name_case_sensitive__=True, __keyspace__="Big"
    )
    assert exact.column_family_name() == '"Big"."MyThings"'
    assert exact.column_family_name(include_keyspace=False) == '"MyThings"'
    assert exact._raw_column_family_name() == "MyThings"
    child = defined(exact, extra=columns.Text())
    assert child._raw_column_family_name() == "thing", "the table of a base is not inherited"


def test_keyspaces_are_inherited() -> None:
    base = defined(id=columns.Integer(primary_key=True), __keyspace__="ks", __connection__="c")
    child = defined(base, a=columns.Text())
    assert (child._get_keyspace(), child._get_connection()) == ("ks", "c")


def test_the_default_keyspace_is_that_of_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    thing = defined(id=columns.Integer(primary_key=True))
    monkeypatch.setitem(vars(models), "DEFAULT_KEYSPACE", "shop")
    assert thing.column_family_name() == "shop.thing"
    assert thing._get_keyspace() == "shop"
    monkeypatch.setitem(vars(models), "DEFAULT_KEYSPACE", None)
    assert thing.column_family_name() == "thing"


def test_options_of_the_table() -> None:
    thing = defined(
        id=columns.Integer(primary_key=True),
        __options__={"default_time_to_live": 60, "comment": "x"},
    )
    assert thing._options == {"default_time_to_live": 60, "comment": "x"}
    assert thing.__default_ttl__ == 60
    assert defined(id=columns.Integer(primary_key=True)).__default_ttl__ is None


def test_inherited_columns_are_copies() -> None:
    class Timed(Model):
        __abstract__ = True

        id = columns.Integer(primary_key=True)
        at = columns.DateTime()

    one = defined(Timed, a=columns.Text())
    other = defined(Timed, at=columns.Integer(db_field="At"))
    assert list(one._columns) == ["id", "at", "a"]
    assert other._columns["at"].db_type == "int"
    assert other.at.db_field_name == "At"
    assert one._columns["id"] == Timed._columns["id"]
    assert one._columns["id"] is not Timed._columns["id"]
    assert Timed._columns["at"].db_type == "timestamp"


def test_columns_of_several_bases() -> None:
    class Named(Model):
        __abstract__ = True

        name = columns.Text()

    class Keyed(Model):
        __abstract__ = True

        id = columns.Integer(primary_key=True)

    class Both(Named, Keyed):
        extra = columns.Text()

    assert set(Both._columns) == {"id", "name", "extra"}
    assert list(Both._primary_keys) == ["id"]


def test_a_column_is_taken_out_by_another_attribute() -> None:
    class Long(Model):
        id = columns.Integer(primary_key=True)
        text = columns.Text()

    short = defined(Long, text=None)
    assert list(short._columns) == ["id"]


def test_exceptions_of_each_model() -> None:
    one = defined(id=columns.Integer(primary_key=True))
    other = defined(one)
    assert issubclass(one.DoesNotExist, DoesNotExist)
    assert issubclass(one.MultipleObjectsReturned, MultipleObjectsReturned)
    assert issubclass(other.DoesNotExist, one.DoesNotExist)
    assert one.DoesNotExist.__qualname__ == "Thing.DoesNotExist"
    assert not issubclass(one.DoesNotExist, defined(id=columns.UUID(primary_key=True)).DoesNotExist)


def test_a_query_set_of_one_s_own() -> None:
    from cqlengine.query import ModelQuerySet

    class Short(ModelQuerySet[Any]):
        def brief(self) -> str:
            return "brief"

    thing = defined(id=columns.Integer(primary_key=True), __queryset__=Short)
    assert thing.objects.filter(id=1).brief() == "brief"


# --- hierarchies ---------------------------------------------------------------------------------


def test_a_hierarchy_has_one_table() -> None:
    class Pet(Model):
        __table_name__ = "pets"

        id = columns.Integer(primary_key=True)
        kind = columns.Text(discriminator_column=True)

    class Cat(Pet):
        __discriminator_value__ = "cat"

    class Persian(Cat):
        __discriminator_value__ = "persian"
        __table_name__ = "elsewhere"

    assert Persian._raw_column_family_name() == Cat._raw_column_family_name() == "pets"
    assert Pet._is_polymorphic_base
    assert not Cat._is_polymorphic_base
    assert Cat._is_polymorphic
    assert Persian._polymorphic_base is Pet
    assert Pet._discriminator_map == {"cat": Cat, "persian": Persian}
    assert Pet._discriminator_column_name == "kind"


def test_hierarchies_of_an_abstract_base_are_apart() -> None:
    class Red(Base):
        __table_name__ = "red"

    class Blue(Base):
        __table_name__ = "blue"

    class RedOne(Red):
        __discriminator_value__ = "one"

    class BlueOne(Blue):
        __discriminator_value__ = "one"

    assert (Red._discriminator_map, Blue._discriminator_map) == ({"one": RedOne}, {"one": BlueOne})
    assert (RedOne._raw_column_family_name(), BlueOne._raw_column_family_name()) == ("red", "blue")


# --- what is refused -----------------------------------------------------------------------------

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "no key": (lambda: defined(a=columns.Text()), "Thing has no primary key: mark one"),
    "one name for two": (
        lambda: defined(
            id=columns.Integer(primary_key=True), a=columns.Text(), b=columns.Text(db_field="a")
        ),
        "two columns are called a in the table",
    ),
    "counters and data": (
        lambda: defined(
            id=columns.Integer(primary_key=True), n=columns.Counter(), a=columns.Text()
        ),
        "counters stand in tables of their own, a is none",
    ),
    "a name that is taken": (
        lambda: defined(id=columns.Integer(primary_key=True), ttl=columns.Integer()),
        r'every model has ttl: give the column another name, and db_field="ttl"',
    ),
    "a name that is a verb": (
        lambda: defined(id=columns.Integer(primary_key=True), asave=columns.Integer()),
        "every model has asave",
    ),
    "an order of what is no clustering column": (
        lambda: defined(
            id=columns.Integer(primary_key=True), a=columns.Text(clustering_order="asc")
        ),
        "clustering_order is for clustering columns",
    ),
    "an order of the partition key": (
        lambda: defined(id=columns.Integer(primary_key=True, clustering_order="desc")),
        "clustering_order is for clustering columns",
    ),
    "an unknown order": (
        lambda: defined(
            id=columns.Integer(primary_key=True),
            n=columns.Integer(primary_key=True, clustering_order="up"),
        ),
        "clustering_order is ASC or DESC",
    ),
    "two discriminators": (
        lambda: defined(
            id=columns.Integer(primary_key=True),
            a=columns.Text(discriminator_column=True),
            b=columns.Text(discriminator_column=True),
        ),
        "a and b are both discriminator columns",
    ),
    "a second discriminator": (
        lambda: defined(
            defined(
                id=columns.Integer(primary_key=True), a=columns.Text(discriminator_column=True)
            ),
            b=columns.Text(discriminator_column=True),
        ),
        "both discriminator columns",
    ),
    "a discriminator of many values": (
        lambda: defined(
            id=columns.Integer(primary_key=True),
            a=columns.Set(columns.Text, discriminator_column=True),
        ),
        "cannot be a discriminator",
    ),
    "static without rows": (
        lambda: defined(id=columns.Integer(primary_key=True), a=columns.Text(static=True)),
        "only tables with clustering columns have static ones",
    ),
    "static in the key": (
        lambda: defined(
            id=columns.Integer(primary_key=True), n=columns.Integer(primary_key=True, static=True)
        ),
        "a column of the key cannot be static",
    ),
    "a collection in the key": (
        lambda: defined(id=columns.Set(columns.Text, primary_key=True)),
        "a collection in the key must be frozen=True",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_definitions_that_contradict_themselves(case: str) -> None:
    define, message = REFUSED[case]
    with pytest.raises(ModelDefinitionException, match=message) as caught:
        define()
    assert "Thing" in str(caught.value)
    assert isinstance(caught.value, ModelException)


def test_every_attribute_of_models_is_taken() -> None:
    """A column cannot take the place of anything that models have."""
    names = {name for name in dir(BaseModel) if not name.startswith("_")}
    assert {"objects", "save", "pk", "keys"} <= names | {"pk"}
    for name in sorted(names | {"pk"}):
        with pytest.raises(ModelDefinitionException, match=f"every model has {name}"):
            defined(**{"key": columns.Integer(primary_key=True), name: columns.Text()})


def test_frozen_collections_may_be_keys() -> None:
    thing = defined(id=columns.Set(columns.Text, primary_key=True, frozen=True))
    assert list(thing._partition_keys) == ["id"]


def test_abstract_models_have_neither_rows_nor_a_table() -> None:
    class Timed(Model):
        __abstract__ = True
        __options__: ClassVar[dict[str, Any]] = {"comment": "x"}

        at = columns.DateTime()

    for ask in (lambda: Timed.objects, lambda: Timed.filter(at=1), lambda: Timed.ttl(5)):
        with pytest.raises(ModelException, match="Timed is abstract"):
            ask()
    with pytest.raises(ModelException, match="Timed is abstract: it has no table"):
        Timed.column_family_name()
    timed = Timed(at=datetime(2026, 1, 1))
    for make in (Timed.create, timed.save, timed.delete, timed.update):
        with pytest.raises(ModelException, match="Timed is abstract"):
            make()
        with pytest.raises(ModelException, match="Timed is abstract"):
            timed.using(keyspace="ks").save()


def test_two_models_with_one_discriminator_are_refused() -> None:
    class Tree(Model):
        id = columns.Integer(primary_key=True)
        kind = columns.Text(discriminator_column=True)

    class Oak(Tree):
        __discriminator_value__ = "oak"

    with pytest.raises(ModelDefinitionException, match="is that of Oak"):

        class Elm(Tree):
            __discriminator_value__ = "oak"

    again = type(Oak)(
        Oak.__name__,
        (Tree,),
        {"__discriminator_value__": "oak", "__qualname__": Oak.__qualname__},
    )
    assert Tree._discriminator_map == {"oak": again}
