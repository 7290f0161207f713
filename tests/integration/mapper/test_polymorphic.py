"""Hierarchies of models in one table, and how queries of its parts are narrowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cqlengine import columns
from cqlengine.errors import PolymorphicModelException, QueryException, ValidationError
from cqlengine.functions import Token
from cqlengine.management import sync_table
from cqlengine.models import Model
from cqlengine.query import BatchQuery, ContextQuery, Count

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from cqlengine.connection import Connection

pytestmark = pytest.mark.usefixtures("tables")


class Pet(Model):
    """The discriminator is a column like any other."""

    owner = columns.Text(partition_key=True)
    id = columns.Integer(primary_key=True)
    kind = columns.Text(discriminator_column=True, db_field="Kind")
    name = columns.Text()


class Cat(Pet):
    __discriminator_value__ = "cat"

    lives = columns.Integer()


class Lion(Cat):
    __discriminator_value__ = "lion"

    mane = columns.Set(columns.Text)


class Dog(Pet):
    __discriminator_value__ = "dog"

    tricks = columns.List(columns.Text)


class Event(Model):
    """The discriminator has an index."""

    day = columns.Integer(partition_key=True)
    at = columns.Integer(primary_key=True)
    kind = columns.Text(discriminator_column=True, index=True)
    size = columns.Integer(index=True)


class Click(Event):
    __discriminator_value__ = "click"


class View(Event):
    __discriminator_value__ = "view"


class Part(Model):
    """The discriminator is part of the partition key."""

    shop = columns.Integer(partition_key=True)
    kind = columns.Integer(partition_key=True, discriminator_column=True)
    number = columns.Integer(primary_key=True)


class Screw(Part):
    __discriminator_value__ = 1

    length = columns.Integer()


class WoodScrew(Screw):
    __discriminator_value__ = 2


class Nut(Part):
    __discriminator_value__ = 3


class Entry(Model):
    """The discriminator is a clustering column."""

    book = columns.Integer(partition_key=True)
    page = columns.Integer(primary_key=True)
    kind = columns.Text(primary_key=True, discriminator_column=True)
    text = columns.Text()


class Note(Entry):
    __discriminator_value__ = "note"


class Picture(Entry):
    __discriminator_value__ = "picture"


@pytest.fixture(scope="module")
def tables(connection: Connection) -> None:
    for model in (Lion, Dog, Event, WoodScrew, Entry):
        sync_table(model)
    Cat.create(owner="o", id=1, name="Tom", lives=9)
    Dog.create(owner="o", id=2, name="Rex", tricks=["sit"])
    Lion.create(owner="o", id=3, name="Leo", mane={"gold"}, lives=1)
    for at in range(4):
        (Click if at % 2 else View).create(day=1, at=at, size=at // 2)
    for number in range(3):
        Screw.create(shop=1, number=number, length=7)
        WoodScrew.create(shop=1, number=number, length=8)
        Nut.create(shop=1, number=number)
    for page in range(3):
        Note.create(book=1, page=page, text="n")
        Picture.create(book=1, page=page, text="p")


# --- rows and classes ----------------------------------------------------------------------------


def test_rows_of_a_hierarchy_are_in_one_table(session: Session) -> None:
    assert Lion._raw_column_family_name() == Dog._raw_column_family_name() == "pet"
    rows = session.execute("SELECT id, \"Kind\", lives, mane, tricks FROM pet WHERE owner = 'o'")
    assert [(r.id, r.Kind, r.lives, r.mane and set(r.mane), r.tricks) for r in rows] == [
        (1, "cat", 9, None, None),
        (2, "dog", None, None, ["sit"]),
        (3, "lion", 1, {"gold"}, None),
    ]


def test_the_base_reads_instances_of_all() -> None:
    pets = list(Pet.objects.filter(owner="o"))
    assert [type(pet) for pet in pets] == [Cat, Dog, Lion]
    assert (pets[0].lives, pets[1].tricks, pets[2].mane) == (9, ["sit"], {"gold"})
    assert pets[2] == Lion.get(owner="o", id=3)
    assert type(Pet.get(owner="o", id=2)) is Dog
    assert list(Pet.objects(owner="o").values_list("name", flat=True)) == ["Tom", "Rex", "Leo"]


def test_what_was_read_by_the_base_is_saved_as_what_it_is(session: Session) -> None:
    Cat.create(owner="save", id=1, lives=9)
    cat = Pet.get(owner="save", id=1)
    cat.lives -= 1
    cat.save()
    row = session.execute("SELECT * FROM pet WHERE owner = 'save'").one()
    assert (row.Kind, row.lives) == ("cat", 8)


def test_the_base_cannot_be_saved() -> None:
    for pet in (Pet(owner="o", id=9), Pet(owner="o", id=9, kind="cat")):
        with pytest.raises(PolymorphicModelException, match="Pet has no __discriminator_value__"):
            pet.save()
        with pytest.raises(PolymorphicModelException, match="save one of the models below it"):
            pet.update(name="x")
    with pytest.raises(PolymorphicModelException):
        Pet.create(owner="o", id=9)
    assert Pet.objects(owner="o", id=9).first() is None


def test_a_subclass_whose_rows_cannot_be_told_refuses_those_of_others() -> None:
    assert [type(cat) for cat in Cat.objects(owner="o", id__in=[1, 3])] == [Cat, Lion]
    with pytest.raises(PolymorphicModelException, match="a row is a Dog, not a Cat: query Pet"):
        list(Cat.objects.filter(owner="o"))
    with pytest.raises(PolymorphicModelException, match="a row is a Cat, not a Lion"):
        Lion.get(owner="o", id=1)


def test_an_unknown_discriminator_is_refused(session: Session) -> None:
    session.execute("INSERT INTO pet (owner, id, \"Kind\") VALUES ('x', 1, 'bird')")
    session.execute("INSERT INTO pet (owner, id) VALUES ('y', 1)")
    with pytest.raises(PolymorphicModelException, match=r"unknown discriminator 'bird' in pet.*im"):
        list(Pet.objects(owner="x"))
    with pytest.raises(PolymorphicModelException, match="a row of pet has no discriminator"):
        Pet.get(owner="y", id=1)

    class Bird(Pet):
        __discriminator_value__ = "bird"

    assert type(Pet.get(owner="x", id=1)) is Bird


def test_only_and_defer_still_tell_the_class(session: Session) -> None:
    pets = list(Pet.objects(owner="o").only(["name"]))
    assert [(type(pet), pet.id, pet.name) for pet in pets] == [
        (Cat, 1, "Tom"),
        (Dog, 2, "Rex"),
        (Lion, 3, "Leo"),
    ]
    assert [type(pet) for pet in Pet.objects(owner="o").defer(["name", "kind"])] == [Cat, Dog, Lion]
    lion = Lion.objects(owner="o", id=3).only(["mane"]).get()
    assert (lion.mane, lion.lives) == ({"gold"}, None)
    lion.mane.add("long")
    lion.save()
    row = session.execute("SELECT * FROM pet WHERE owner = 'o' AND id = 3").one()
    assert (row.lives, set(row.mane)) == (1, {"gold", "long"})
    lion.update(mane={"gold"})


def test_allow_filtering_has_the_server_pick_rows() -> None:
    assert [dog.name for dog in Dog.objects(owner="o").allow_filtering()] == ["Rex"]
    assert [lion.name for lion in Lion.objects.allow_filtering()] == ["Leo"]
    assert Dog.objects(owner="o", name="Rex").allow_filtering().count() == 1


# --- discriminators with an index ----------------------------------------------------------------


def test_an_index_narrows_queries_of_subclasses() -> None:
    assert sorted(click.at for click in Click.objects) == [1, 3]
    assert [click.at for click in Click.objects(day=1)] == [1, 3]
    assert [click.at for click in Click.objects(day=1, at__gt=1)] == [3]
    assert Click.objects.count() == Click.objects(day=1).count() == 2
    assert len(View.objects.limit(1)) == 1
    assert View.objects.first().at in (0, 2)
    with pytest.raises(Click.DoesNotExist):
        Click.get(day=1, at=2)
    assert View.get(day=1, at=2).size == 1
    assert len(Event.objects) == 4
    assert sorted(Click.objects.values_list("at", flat=True)) == [1, 3]
    assert all('"click"' in text for text in Click.objects.json())


def test_an_index_does_not_get_into_the_way_of_other_conditions() -> None:
    assert [type(event) for event in Event.objects(size=1)] == [View, Click]
    with pytest.raises(PolymorphicModelException, match="a row is a View, not a Click"):
        list(Click.objects(size=1))
    assert [click.at for click in Click.objects(size=1).allow_filtering()] == [3]
    with pytest.raises(PolymorphicModelException, match="a row is a View"):
        list(Click.objects(day=1).order_by("-at"))
    assert [click.at for click in Click.objects(kind="click")] == [1, 3]
    assert list(Click.objects(pk__token__gt=Token(1))) == []
    assert len(Click.objects(pk__token__gte=Token(1))) == 2
    assert Click.objects.distinct()[0].day == 1
    rows = list(Click.objects(day=1).annotate(number=Count()))
    assert rows == [{"number": 2}]


def test_an_index_leaves_writes_alone(session: Session) -> None:
    Click.create(day=2, at=1, size=10)
    Click.objects(day=2, at=1).update(size=11)
    row = session.execute("SELECT kind, size FROM event WHERE day = 2").one()
    assert tuple(row) == ("click", 11)
    Click.objects(day=2, at=1).delete()
    assert session.execute("SELECT * FROM event WHERE day = 2").one() is None


# --- discriminators in the key -------------------------------------------------------------------


def test_a_partition_key_narrows_queries_and_writes(session: Session) -> None:
    assert [nut.number for nut in Nut.objects(shop=1)] == [0, 1, 2]
    screws = list(Screw.objects(shop=1))
    assert [(type(s), s.number) for s in screws] == [
        *((Screw, number) for number in range(3)),
        *((WoodScrew, number) for number in range(3)),
    ]
    assert [(type(s), s.length) for s in Screw.objects(shop=1, number=1)] == [
        (Screw, 7),
        (WoodScrew, 8),
    ]
    assert Nut.objects(shop=1).count() == 3
    assert Nut.get(shop=1, number=2).kind == 3
    assert [n.number for n in Nut.objects(shop=1).order_by("-number")] == [2, 1, 0]
    assert [n.number for n in Nut.objects.allow_filtering()] == [0, 1, 2]
    with pytest.raises(PolymorphicModelException, match=r"a row is a .*Screw, not a Nut"):
        list(Nut.objects)
    WoodScrew.objects(shop=1, number=2).update(length=88)
    rows = session.execute("SELECT length FROM part WHERE shop = 1 AND kind = 2").all()
    assert [row.length for row in rows] == [8, 8, 88]
    WoodScrew(shop=1, number=2).update(length=8)


def test_blind_updates_make_no_rows_of_classes_below(session: Session) -> None:
    Screw.objects(shop=40, number=1).update(length=5)
    rows = session.execute("SELECT kind, length FROM part WHERE shop = 40 ALLOW FILTERING").all()
    assert [tuple(row) for row in rows] == [(1, 5)]
    WoodScrew.objects(shop=40, number=1).update(length=6)
    assert [type(screw) for screw in Screw.objects(shop=40)] == [Screw, WoodScrew]
    Screw.objects(shop=40).delete()
    assert session.execute("SELECT * FROM part WHERE shop = 40 ALLOW FILTERING").all() == []


def test_a_partition_key_is_set_by_the_class(session: Session) -> None:
    Nut.create(shop=5, number=1)
    Nut.create(shop=5, number=2)
    rows = session.execute("SELECT kind FROM part WHERE shop = 5 AND kind = 3").all()
    assert [row.kind for row in rows] == [3, 3]
    Nut(shop=5, number=1).delete()
    Screw.create(shop=5, number=1)
    Nut.objects(shop=5).delete()
    rows = session.execute("SELECT * FROM part WHERE shop = 5 ALLOW FILTERING").all()
    assert [row.kind for row in rows] == [1]


def test_a_clustering_column_narrows_where_those_before_it_are_given() -> None:
    assert [type(e) for e in Note.objects(book=1, page=1)] == [Note]
    assert [e.page for e in Note.objects(book=1, page__in=[0, 2])] == [0, 2]
    with pytest.raises(PolymorphicModelException, match="a row is a Picture, not a Note"):
        list(Note.objects(book=1))
    assert [e.page for e in Note.objects(book=1).allow_filtering()] == [0, 1, 2]
    Note.objects(book=1, page=0).update(text="changed")
    assert [e.text for e in Entry.objects(book=1, page=0)] == ["changed", "p"]
    with pytest.raises(QueryException, match=r"needs all of \(book, page, kind\)"):
        Entry.objects(book=1, page=0).update(text="x")


def test_rows_of_json_are_told_by_their_class(session: Session) -> None:
    Cat.objects.create_json('  {"owner": "json", "id": 1, "lives": 7, "name": "it\'s"}')
    Dog.objects.create_json('{"owner": "json", "id": 2, "\\"Kind\\"": "cat"}')
    Pet.objects.create_json('{"\\"Kind\\"": "dog", "owner": "json", "id": 3}')
    Click.objects.create_json('{"day": 30, "at": 1}')
    Event.objects.create_json('{"day": 30, "at": 2, "Kind": "view"}')
    Nut.objects.create_json('{"shop": 30, "number": 1}')
    rows = session.execute("SELECT id, \"Kind\", lives FROM pet WHERE owner = 'json'")
    assert [tuple(row) for row in rows] == [(1, "cat", 7), (2, "cat", None), (3, "dog", None)]
    assert [type(event) for event in Event.objects(day=30)] == [Click, View]
    assert Nut.get(shop=30, number=1).kind == 3
    with pytest.raises(PolymorphicModelException, match="Pet has no __discriminator_value__"):
        Pet.objects.create_json('{"owner": "json", "id": 4}')
    for wrong in ("[1]", "{", ""):
        with pytest.raises(ValidationError, match=r"create_json\(\)"):
            Cat.objects.create_json(wrong)
    for model, names in ((Event, {"day": 30}), (Nut, {"shop": 30})):
        for each in model.objects(**names):
            each.delete()


# --- elsewhere -----------------------------------------------------------------------------------


def test_subclasses_in_a_context_are_narrowed_too(keyspace: str) -> None:
    with ContextQuery(Click, Screw, keyspace=keyspace) as (clicks, screws):
        assert sorted(click.at for click in clicks.objects) == [1, 3]
        assert len(screws.objects(shop=1)) == 6


def test_subclasses_in_batches(session: Session) -> None:
    with BatchQuery() as batch:
        Cat.batch(batch).create(owner="b", id=1, lives=2)
        Dog.batch(batch).create(owner="b", id=2)
    rows = session.execute("SELECT \"Kind\" FROM pet WHERE owner = 'b'")
    assert [row.Kind for row in rows] == ["cat", "dog"]


async def test_subclasses_on_asyncio() -> None:
    pets = [type(pet) async for pet in Pet.objects(owner="o")]
    assert pets == [Cat, Dog, Lion]
    assert await Click.objects.acount() == 2
    assert (await Click.objects.afirst()).kind == "click"
    with pytest.raises(PolymorphicModelException):
        await Pet(owner="o", id=4).asave()
