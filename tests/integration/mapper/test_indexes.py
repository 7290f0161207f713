"""Indexes of models on a real node: SAI, SASI, the server's own, on parts of collections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cqlengine import columns, management
from cqlengine.models import Model
from cqlengine.query.requests import run
from cqlengine.schema import Index, Kind, compare_models, read_keyspace
from tests.integration.mapper.building import wait_for_indexes

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from cql_driver.metadata.schema import IndexMetadata

pytestmark = pytest.mark.usefixtures("connection")


class Review(Model):
    """An index of each kind; synced twice, none is made anew."""

    __indexes__ = (
        Index("scores", keys=True),
        Index("scores", entries=True, name="review_by_score"),
        Index("labels", using=None, keys=True),
    )

    id = columns.Integer(primary_key=True)
    at = columns.Integer(primary_key=True, index=True)
    author = columns.Text(custom_index=Index(options={"case_sensitive": False, "normalize": True}))
    title = columns.Text(custom_index=Index(using="sasi", options={"mode": "CONTAINS"}))
    place = columns.Text(index=True, db_field="Place")
    words = columns.List(columns.Text, index=True)
    tags = columns.Set(columns.Text, custom_index=Index())
    frozen = columns.Set(columns.Text, frozen=True, index=True)
    scores = columns.Map(columns.Text, columns.Integer)
    labels = columns.Map(columns.Text, columns.Text)
    meaning = columns.Vector(
        columns.Float, 3, custom_index=Index(options={"similarity_function": "cosine"})
    )


def indexes_of(model: Any, keyspace: str) -> dict[str, IndexMetadata]:
    return run(read_keyspace(keyspace)).tables[model._raw_column_family_name()].indexes


def kinds(model: Any, keyspace: str) -> list[Kind]:
    found = compare_models([model], run(read_keyspace(keyspace)), extras=False)
    return [difference.kind for difference in found]


def test_all_kinds_of_indexes(session: Session, keyspace: str) -> None:
    management.sync_table(Review)
    found = indexes_of(Review, keyspace)
    assert kinds(Review, keyspace) == []
    assert "review_by_score" in found
    assert len(found) == 11
    management.sync_table(Review)
    assert indexes_of(Review, keyspace).keys() == found.keys()
    targets = {index.index_options["target"] for index in found.values()}
    assert {"keys(scores)", "entries(scores)", "keys(labels)", "full(frozen)"} <= targets

    wait_for_indexes(session, "review")
    session.execute("INSERT INTO review (id, at, author, scores) VALUES (1, 1, 'Zoë', {'a': 3})")
    for condition in ("author = 'ZOË'", "scores CONTAINS KEY 'a'", "scores['a'] = 3", "at = 1"):
        rows = session.execute(f"SELECT id FROM review WHERE {condition}").all()
        assert [row.id for row in rows] == [1], condition


def test_the_nearest_vectors(session: Session, keyspace: str) -> None:
    class Passage(Model):
        id = columns.Integer(primary_key=True)
        meaning = columns.Vector(
            columns.Float, 3, custom_index=Index(options={"similarity_function": "cosine"})
        )

    management.sync_table(Passage)
    assert kinds(Passage, keyspace) == []
    wait_for_indexes(session, "passage")
    for number, meaning in enumerate([[0.9, 0.1, 0.0], [0.8, 0.3, 0.1], [0.0, 0.2, 0.9]]):
        Passage.create(id=number, meaning=meaning)
    plain = session.execute("SELECT id FROM passage ORDER BY meaning ANN OF [1, 0.2, 0] LIMIT 2")
    nearest = Passage.objects.order_by(Passage.meaning.ann_of([1.0, 0.2, 0.0])).limit(2)
    assert [row.id for row in plain] == [each.id for each in nearest] == [0, 1]


async def test_awaited(session: Session, keyspace: str) -> None:
    class Indexed(Model):
        id = columns.Integer(primary_key=True)
        name = columns.Text(custom_index=Index(name="indexed_by_name"))

    await management.async_table(Indexed)
    await management.async_table(Indexed)
    await asyncio.to_thread(wait_for_indexes, session, "indexed")
    await Indexed.acreate(id=1, name="Zoë")
    assert (await Indexed.objects.aget(name="Zoë")).id == 1


def test_an_index_of_somebody_else_is_left_alone(session: Session, keyspace: str) -> None:
    class Shared(Model):
        id = columns.Integer(primary_key=True)
        name = columns.Text(custom_index=True)

    management.sync_table(Shared)
    assert indexes_of(Shared, keyspace) == {}
    session.execute("CREATE INDEX theirs ON shared (name)")
    management.sync_table(Shared)
    assert kinds(Shared, keyspace) == []
    assert list(indexes_of(Shared, keyspace)) == ["theirs"]
    wait_for_indexes(session, "shared")
    Shared.create(id=1, name="x")
    assert Shared.get(name="x").id == 1


def test_an_index_with_other_options_is_told_of_and_left(
    keyspace: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Before(Model):
        __table_name__ = "changing"

        id = columns.Integer(primary_key=True)
        name = columns.Text(custom_index=Index())

    class After(Model):
        __table_name__ = "changing"

        id = columns.Integer(primary_key=True)
        name = columns.Text(custom_index=Index(options={"case_sensitive": False}))

    management.sync_table(Before)
    before = indexes_of(Before, keyspace)
    assert kinds(After, keyspace) == [Kind.INDEX_CHANGED]
    with caplog.at_level("INFO", "cqlengine.management"):
        management.sync_table(After)
    assert "does it if asked: queries that need it fail until" in caplog.text
    assert indexes_of(After, keyspace).keys() == before.keys()
