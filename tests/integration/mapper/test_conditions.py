"""Lightweight transactions, and blind updates, on a real node."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import ConsistencyLevel
from cqlengine import columns
from cqlengine.errors import LWTException, QueryException, ValidationError
from cqlengine.management import sync_table
from cqlengine.models import Model
from cqlengine.query import BatchQuery, check_applied
from cqlengine.usertype import UserType

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from cqlengine.connection import Connection

pytestmark = pytest.mark.usefixtures("tables")


class Size(UserType):
    width = columns.Integer()
    height = columns.Integer()


class Doc(Model):
    id = columns.UUID(primary_key=True, default=uuid.uuid4)
    version = columns.Integer(db_field="Version")
    text = columns.Text()
    tags = columns.Set(columns.Text)
    steps = columns.List(columns.Integer)
    prices = columns.Map(columns.Text, columns.Integer)
    hues = columns.Set(columns.Text, frozen=True)
    size = columns.UserDefinedType(Size)


class Line(Model):
    doc = columns.Integer(partition_key=True)
    n = columns.Integer(primary_key=True)
    text = columns.Text()


@pytest.fixture(scope="module")
def tables(connection: Connection) -> None:
    for model in (Doc, Line):
        sync_table(model)


def doc_row(session: Session, doc: Doc) -> Any:
    return session.execute(f"SELECT * FROM doc WHERE id = {doc.id}").one()


# --- IF NOT EXISTS -------------------------------------------------------------------------------


def test_if_not_exists(session: Session) -> None:
    doc = Doc.if_not_exists().create(version=1, text="a")
    with pytest.raises(LWTException) as caught:
        Doc.objects.if_not_exists().create(id=doc.id, version=2, text="b")
    existing = caught.value.existing
    assert existing["[applied]"] is False
    assert (existing["id"], existing["Version"], existing["text"]) == (doc.id, 1, "a")
    twin = Doc(id=doc.id, version=3)
    with pytest.raises(LWTException):
        twin.if_not_exists().save()
    assert doc_row(session, doc).Version == 1
    assert not twin._is_persisted
    twin.save()
    assert doc_row(session, doc).Version == 3, "the condition was for one verb alone"
    assert Doc(version=7).if_not_exists().save().version == 7


def test_if_not_exists_with_a_ttl(session: Session) -> None:
    doc = Doc.if_not_exists().ttl(500).create(text="a")
    assert session.execute(f"SELECT TTL(text) FROM doc WHERE id = {doc.id}").one()[0] > 400
    with pytest.raises(QueryException, match=r"if_not_exists\(\) is for one that is new"):
        doc.if_not_exists().save()
    with pytest.raises(QueryException, match=r"if_not_exists\(\) is for create"):
        Doc.objects(id=doc.id).if_not_exists().update(text="b")
    with pytest.raises(QueryException, match="neither a TTL nor IF NOT EXISTS"):
        Doc.objects(id=doc.id).if_not_exists().delete()


# --- IF EXISTS -----------------------------------------------------------------------------------


def test_if_exists(session: Session) -> None:
    doc = Doc.create(version=1)
    doc.if_exists().update(version=2)
    Doc.objects(id=doc.id).if_exists().update(text="a")
    assert doc_row(session, doc).id == doc.id
    assert (doc_row(session, doc).Version, doc_row(session, doc).text) == (2, "a")
    doc.if_exists().delete()
    with pytest.raises(LWTException) as caught:
        doc.if_exists().delete()
    assert caught.value.existing == {"[applied]": False}
    with pytest.raises(LWTException):
        Doc.objects(id=doc.id).if_exists().update(text="b")
    with pytest.raises(LWTException):
        Doc.objects(id=doc.id).if_exists().delete()
    with pytest.raises(LWTException):
        doc.if_exists().update(text="c")
    assert doc_row(session, doc) is None
    with pytest.raises(QueryException, match=r"if_exists\(\) and iff\(\) are for rows that are"):
        Doc.if_exists().create(version=1)


# --- IF conditions -------------------------------------------------------------------------------


def test_iff_on_an_instance(session: Session) -> None:
    doc = Doc.create(version=1, text="a", size=Size(width=1, height=2))
    doc.iff(version=1).update(version=2)
    doc.text = "b"
    doc.iff(version=2, text="a").save()
    with pytest.raises(LWTException) as caught:
        doc.iff(version=7).update(text="c")
    assert caught.value.existing == {"[applied]": False, "Version": 2}
    assert doc_row(session, doc).text == "b"
    doc.iff(size=Size(width=1, height=2)).update(text="d")
    with pytest.raises(LWTException):
        doc.iff(version=1).delete()
    doc.iff(version=2).delete()
    assert doc_row(session, doc) is None


def test_what_was_not_written_is_still_changed(session: Session) -> None:
    """So that the same change can be saved under another condition."""
    doc = Doc.create(version=1, text="a")
    doc.text = "b"
    with pytest.raises(LWTException):
        doc.iff(version=9).save()
    assert doc.get_changed_columns() == ["text"]
    doc.iff(version=1).save()
    assert doc_row(session, doc).text == "b"
    assert doc.get_changed_columns() == []


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"version": 5}, True),
        ({"version__ne": 5}, False),
        ({"version__ne": 6}, True),
        ({"version__gt": 4}, True),
        ({"version__gte": 6}, False),
        ({"version__lt": 5}, False),
        ({"version__lte": 5}, True),
        ({"version__in": [4, 5]}, True),
        ({"version__in": [4]}, False),
        ({"text__in": [None, "a"]}, True),
        ({"version__in": [None, 4]}, False),
        ({"steps": []}, True),
        ({"tags": set()}, False),
        ({"text": None}, True),
        ({"text__ne": None}, False),
        ({"version": None}, False),
        ({"tags": {"a"}}, True),
        ({"steps": [1]}, False),
        ({"version": 5, "text": "x"}, False),
    ],
)
def test_operators_of_conditions(session: Session, condition: dict[str, Any], holds: bool) -> None:
    doc = Doc.create(version=5, tags={"a"})
    query = Doc.objects(id=doc.id).iff(**condition)
    if holds:
        query.update(steps=[9])
        assert doc_row(session, doc).steps == [9]
    else:
        with pytest.raises(LWTException):
            query.update(steps=[9])
        assert doc_row(session, doc).steps is None


def test_conditions_made_of_columns() -> None:
    doc = Doc.create(version=5)
    Doc.objects(id=doc.id).iff(Doc.version > 4, Doc.version != 9).update(text="a")
    Doc.objects(id=doc.id).iff(Doc.version.in_([5])).iff(text="a").update(text="b")
    assert Doc.get(id=doc.id).text == "b"
    for wrong in (
        lambda: Doc.iff(None),
        lambda: Doc.iff(nothing=1),
        lambda: doc.iff(pk=1),
        lambda: doc.iff(tags__contains="a"),
        lambda: doc.iff("version = 5"),
    ):
        with pytest.raises(QueryException):
            wrong()
    doc.update(text="c")


def test_conditions_have_a_consistency_of_their_own() -> None:
    doc = Doc.consistency(ConsistencyLevel.ONE).if_not_exists().create(version=1)
    doc.consistency(ConsistencyLevel.ONE).iff(version=1).update(version=2)
    assert Doc.objects(id=doc.id).consistency(ConsistencyLevel.SERIAL).get().version == 2


# --- in batches ----------------------------------------------------------------------------------


def test_conditions_in_batches(session: Session) -> None:
    Line.create(doc=1, n=1, text="a")
    with BatchQuery() as batch:
        Line.batch(batch).if_not_exists().create(doc=1, n=2, text="b")
        Line.objects(doc=1, n=1).batch(batch).iff(text="a").update(text="c")
    rows = session.execute("SELECT n, text FROM line WHERE doc = 1")
    assert [tuple(row) for row in rows] == [(1, "c"), (2, "b")]
    batch = BatchQuery()
    called: list[int] = []
    batch.add_callback(called.append, 1)
    Line.batch(batch).if_not_exists().create(doc=1, n=2, text="z")
    Line.objects(doc=1, n=1).batch(batch).iff(text="c").update(text="z")
    with pytest.raises(LWTException) as caught:
        batch.execute()
    assert caught.value.existing["[applied]"] is False
    rows = session.execute("SELECT text FROM line WHERE doc = 1")
    assert [row.text for row in rows] == ["c", "b"]
    assert called == []


async def test_conditions_on_asyncio(session: Session) -> None:
    doc = await Doc.if_not_exists().acreate(version=1)
    with pytest.raises(LWTException):
        await Doc.objects.if_not_exists().acreate(id=doc.id)
    with pytest.raises(LWTException):
        await Doc(id=doc.id).if_not_exists().asave()
    await doc.iff(version=1).aupdate(version=2)
    with pytest.raises(LWTException):
        await doc.iff(version=1).aupdate(version=3)
    await Doc.objects(id=doc.id).iff(version=2).aupdate(text="a")
    with pytest.raises(LWTException):
        await Doc.objects(id=doc.id).iff(version=9).adelete()
    assert (doc_row(session, doc).Version, doc_row(session, doc).text) == (2, "a")
    await doc.if_exists().adelete()
    with pytest.raises(LWTException):
        await doc.if_exists().adelete()
    with pytest.raises(LWTException):
        async with BatchQuery() as batch:
            Line.batch(batch).if_exists().filter(doc=99, n=1).update(text="a")
    assert doc_row(session, doc) is None


def test_check_applied_takes_results_of_the_driver(session: Session) -> None:
    text = "INSERT INTO line (doc, n) VALUES (50, 1) IF NOT EXISTS"
    check_applied(session.execute(text))
    with pytest.raises(LWTException) as caught:
        check_applied(session.execute(text))
    assert caught.value.existing["doc"] == 50
    check_applied(session.execute("SELECT * FROM line"))


# --- blind updates -------------------------------------------------------------------------------


def test_blind_updates_of_values(session: Session) -> None:
    doc = Doc.create(version=1, text="a", tags={"x"}, size=Size(width=1))
    Doc.objects(id=doc.id).update(version=2, text=None, size=Size(width=2, height=3))
    row = doc_row(session, doc)
    assert (row.Version, row.text, tuple(row.size)) == (2, None, (2, 3))
    assert set(row.tags) == {"x"}
    new = uuid.uuid4()
    Doc.objects(id=new).update(text="upsert")
    assert session.execute(f"SELECT text FROM doc WHERE id = {new}").one().text == "upsert"
    Doc.objects(id__in=[new, doc.id]).update(text="both")
    assert Doc.get(id=new).text == Doc.get(id=doc.id).text == "both"
    Doc.objects(id=new).update()


def test_blind_updates_of_containers(session: Session) -> None:
    doc = Doc.create(tags={"a", "b"}, steps=[1, 2], prices={"x": 1, "y": 2}, hues={"red"})
    one = Doc.objects(id=doc.id)
    one.update(tags__add={"c"}, steps__append=[3], prices__update={"z": 3, "x": None})
    row = doc_row(session, doc)
    assert (set(row.tags), row.steps, dict(row.prices)) == (
        {"a", "b", "c"},
        [1, 2, 3],
        {"y": 2, "z": 3},
    )
    one.update(tags__remove={"a"}, steps__prepend=[8, 9], prices__remove={"y"})
    row = doc_row(session, doc)
    assert (set(row.tags), row.steps, dict(row.prices)) == ({"b", "c"}, [8, 9, 1, 2, 3], {"z": 3})
    one.update(steps__remove=[1, 9])
    assert doc_row(session, doc).steps == [8, 2, 3]
    one.update(tags={"only"}, steps=[], prices={"p": 1}, hues={"blue", "red"})
    row = doc_row(session, doc)
    assert (set(row.tags), row.steps, dict(row.prices)) == ({"only"}, None, {"p": 1})
    assert set(row.hues) == {"blue", "red"}
    one.update(tags__add=set(), steps__append=[], prices__update={}, prices__remove=[])
    one.update(tags__add=None, steps__prepend=None, prices__update=None)
    assert Doc.get(id=doc.id).tags == {"only"}
    one.update(tags=None, prices=None, hues=None)
    row = doc_row(session, doc)
    assert not row.tags
    assert not row.prices
    assert not row.hues


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"id": uuid.uuid4()}, "part of the primary key"),
        ({"nothing": 1}, "Doc has no column nothing"),
        ({"nothing__add": 1}, "Doc has no column nothing__add"),
        ({"text__add": "a"}, "a text is set as a whole"),
        ({"tags__append": ["a"]}, "tags__add, tags__remove"),
        ({"hues__add": {"a"}}, "is set as a whole"),
        ({"prices__update": ["a"]}, "takes a dict"),
        ({"prices__update": {"a": "b"}}, "prices"),
        ({"version": "many"}, "version"),
        ({"tags__add": {1}}, "tags"),
        ({"steps__append": [None]}, "steps"),
    ],
)
def test_blind_updates_that_cannot_be(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Doc.objects(id=uuid.uuid4()).update(**values)


def test_blind_writes_need_their_keys(session: Session) -> None:
    for n in range(4):
        Line.create(doc=2, n=n, text=str(n))
    for query in (
        Line.objects,
        Line.objects(doc=2),
        Line.objects(n=1),
        Line.objects(doc=2, n__gt=1),
        Line.objects(doc=2, n=1, text="1"),
    ):
        with pytest.raises(QueryException):
            query.update(text="x")
    for query in (Line.objects, Line.objects(n=1), Line.objects(doc=2, text="1")):
        with pytest.raises(QueryException):
            query.delete()
    Line.objects(doc=2, n__in=[0, 1]).update(text="low")
    Line.objects(doc=2, n__gte=3).delete()
    rows = session.execute("SELECT n, text FROM line WHERE doc = 2").all()
    assert [tuple(row) for row in rows] == [(0, "low"), (1, "low"), (2, "2")]
    Line.objects(doc=2, n=0).delete()
    Line.objects(doc__in=[2, 3]).delete()
    assert session.execute("SELECT * FROM line WHERE doc = 2").all() == []
