"""What a reader of the mapper who trusts nothing has tried: no data is lost, and nothing hangs."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from cqlengine import columns
from cqlengine.connection import Connection
from cqlengine.errors import LWTException, QueryException
from cqlengine.management import sync_table
from cqlengine.models import Model
from cqlengine.query import BatchQuery, BatchType
from tests.integration.mapper.conftest import cluster_options

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from tests.cassandra import Cluster as Nodes

pytestmark = pytest.mark.usefixtures("tables")


class Stamped:
    """No model."""

    note = columns.Text()


class Thing(Stamped, Model):
    id = columns.Integer(primary_key=True)
    name = columns.Text()
    tags = columns.Set(columns.Text)
    steps = columns.List(columns.Text)
    prices = columns.Map(columns.Text, columns.Integer)


class Clicks(Model):
    id = columns.Integer(primary_key=True)
    count = columns.Counter()


class Pet(Model):
    owner = columns.Text(partition_key=True)
    id = columns.Integer(primary_key=True)
    kind = columns.Text(discriminator_column=True)


class Cat(Pet):
    __discriminator_value__ = "cat"

    lives = columns.Integer()


class Dog(Pet):
    __discriminator_value__ = "dog"

    trick = columns.Text()


@pytest.fixture(scope="module")
def tables(connection: Connection) -> None:
    for model in (Thing, Clicks, Cat, Dog):
        sync_table(model)


@pytest.fixture(params=[3, 4, 5])
def by_version(request: pytest.FixtureRequest, cassandra: Nodes) -> Iterator[Connection]:
    """A connection that speaks one version of the protocol."""
    made = Connection(
        f"version {request.param}",
        cassandra.contact_points,
        cluster_options=lambda: {
            **cluster_options(cassandra),
            "protocol_version": request.param,
        },
    )
    yield made
    made.close()


def whole(id: int) -> Thing:
    return Thing.create(id=id, name="n", tags={"a"}, steps=["a"], prices={"a": 1}, note="as it was")


# --- columns that were not read ------------------------------------------------------------------


def test_what_was_not_read_stays_or_is_added_to() -> None:
    whole(1)
    part = Thing.objects.only(["name"]).get(id=1)
    part.name = "new"
    part.tags.add("b")
    part.steps.append("b")
    part.prices["b"] = 2
    part.save()
    assert Thing.get(id=1) == Thing(
        id=1,
        name="new",
        tags={"a", "b"},
        steps=["a", "b"],
        prices={"a": 1, "b": 2},
        note="as it was",
    )


def test_what_was_not_read_is_deleted_if_it_is_set_to_none() -> None:
    whole(2)
    part = Thing.objects.defer(["name", "tags", "note"]).get(id=2)
    part.name = None
    part.tags = set()
    del part.note
    part.save()
    assert Thing.get(id=2) == Thing(id=2, steps=["a"], prices={"a": 1})
    Thing(id=2).update(steps=None)
    assert Thing.get(id=2).steps == []


def test_columns_of_a_class_that_is_no_model_are_in_the_table() -> None:
    assert whole(3).note == Thing.get(id=3).note == "as it was"
    Thing.objects(id=3).update(note="changed")
    assert Thing.objects.values_list("note", flat=True).filter(id=3).first() == "changed"


# --- several at once -----------------------------------------------------------------------------


async def test_what_changes_while_it_is_saved_is_saved_the_next_time() -> None:
    thing = await Thing.acreate(id=10, name="first")
    thing.name = "second"
    saving = asyncio.create_task(thing.asave())
    await asyncio.sleep(0)
    thing.name = "third"
    await saving
    assert thing.get_changed_columns() == ["name"]
    await thing.asave()
    assert (await Thing.aget(id=10)).name == "third"


async def test_what_was_cancelled_is_saved_the_next_time() -> None:
    thing = await Thing.acreate(id=11, name="first")
    thing.name = "second"
    saving = asyncio.create_task(thing.asave())
    await asyncio.sleep(0)
    saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert thing.get_changed_columns() == ["name"]
    await thing.asave()
    assert (await Thing.aget(id=11)).name == "second"


def test_threads_share_a_query_set_and_copies_of_it() -> None:
    for id in range(100, 130):
        Thing.create(id=id)
    query = Thing.objects.filter(id__in=range(100, 130)).fetch_size(4)
    copies = [copy.deepcopy(query), pickle.loads(pickle.dumps(query))]
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda each: sorted(t.id for t in each), [query] * 4 + copies))
    assert found == [list(range(100, 130))] * 6
    assert len([1 for _ in query for _ in query]) == 900


# --- servers -------------------------------------------------------------------------------------


def test_versions_of_the_protocol(by_version: Connection) -> None:
    things = Thing.objects.using(connection=by_version)
    id = 200
    Thing.create(id=id, note="stays")
    thing = things.create(id=id, name="x", tags={"a"})
    assert things.get(id=id).note == "stays"
    thing.name = None
    thing.tags.add("b")
    thing.save()
    with BatchQuery(connection=by_version) as batch:
        Thing.batch(batch).create(id=id, steps=["one"])
        Thing.batch(batch).ttl(600).create(id=id + 1, name="y")
    assert Thing.get(id=id) == Thing(id=id, tags={"a", "b"}, steps=["one"], note="stays")
    assert Thing.get(id=id + 1).name == "y"
    with pytest.raises(LWTException):
        things.if_not_exists().create(id=id)
    for known in (id, id + 1):
        Thing(id=known).delete()


def test_tables_that_get_columns_while_statements_are_prepared(
    by_version: Connection, session: Session
) -> None:
    owner = str(by_version.name)
    Cat.objects.using(connection=by_version).create(owner=owner, id=1, lives=9)
    Dog.objects.using(connection=by_version).create(owner=owner, id=2, trick="sit")
    pets = Pet.objects.using(connection=by_version).filter(owner=owner)
    before = list(pets)
    for number, name in enumerate(("aaa", "zzz")):
        column = f"{name}_{owner[-1]}"
        session.execute(f"ALTER TABLE pet ADD {column} int")
        session.execute(f"UPDATE pet SET {column} = 7 WHERE owner = %s AND id = 1", (owner,))
        assert list(pets.all())[:2] == before
        Cat.objects.using(connection=by_version).create(owner=owner, id=3 + number, lives=1)
    assert [pet.id for pet in pets.all()] == [1, 2, 3, 4]


def test_times_of_conditional_batches_are_refused() -> None:
    batch = BatchQuery(timestamp=5)
    thing = Thing(id=300)
    thing.batch(batch).if_not_exists().save()
    with pytest.raises(QueryException, match="leave out the timestamp"):
        batch.execute()
    assert not thing._is_persisted
    assert not Thing.objects(id=300)


def test_batches_of_counters() -> None:
    with BatchQuery(batch_type=BatchType.Counter) as batch:
        clicks = Clicks.batch(batch).create(id=1, count=2)
        clicks.count += 3
        clicks.batch(batch).save()
    assert Clicks.get(id=1).count == 5
    refused: Any = BatchQuery()
    with pytest.raises(QueryException, match=r"BatchType\.Counter"):
        clicks.batch(refused).update(count=9)
    clicks.save()
    assert Clicks.get(id=1).count == 9, "what was refused is still to be saved"
