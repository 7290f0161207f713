"""Traps that object mappers of this kind have fallen into: each must not be one here."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import ConsistencyLevel
from cqlengine import columns
from cqlengine.errors import (
    CQLEngineException,
    LWTException,
    PolymorphicModelException,
    ValidationError,
)
from cqlengine.management import sync_table
from cqlengine.models import Model
from cqlengine.query import BatchQuery
from cqlengine.statements import InsertStatement
from tests.integration.mapper.recording import Recorder

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from cqlengine.connection import Connection

pytestmark = pytest.mark.usefixtures("tables")

OLD = datetime(2020, 1, 1)


class Cart(Model):
    id = columns.Integer(primary_key=True)
    owner = columns.Text()
    total = columns.Integer()
    tags = columns.Set(columns.Text)
    stock = columns.Map(columns.Text, columns.Integer)


class Shelf(Model):
    id = columns.Integer(partition_key=True)
    n = columns.Integer(primary_key=True)
    title = columns.Text(static=True)
    prices = columns.Map(columns.Text, columns.Integer, static=True)
    book = columns.Text()
    pages = columns.Map(columns.Text, columns.Integer)


class Vehicle(Model):
    id = columns.Integer(partition_key=True)
    n = columns.Integer(primary_key=True)
    kind = columns.Text(discriminator_column=True, index=True)


class Car(Vehicle):
    __discriminator_value__ = "car"

    doors = columns.Integer()


@pytest.fixture(scope="module")
def tables(connection: Connection) -> None:
    for model in (Cart, Shelf, Car):
        sync_table(model)


@pytest.fixture
def recorder(session: Session) -> Recorder:
    return Recorder.from_session("recorder", session)


@pytest.fixture
def zone() -> Iterator[None]:
    """A time zone of the process that is not UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "America/New_York"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def cart_row(session: Session, id: int, what: str = "*") -> Any:
    return session.execute(f"SELECT {what} FROM cart WHERE id = {id}").one()


# --- options of instances ------------------------------------------------------------------------


def test_options_do_not_stick_to_an_instance(session: Session, recorder: Recorder) -> None:
    cart = Cart.create(id=1, owner="a", total=1)

    def options_of(chained: Cart) -> Any:
        chained._using = (None, recorder)
        chained.update(total=chained.total + 1)
        return recorder.sent.pop()

    plain = options_of(cart)
    assert "USING" not in plain.text
    for chain, part in (
        (lambda: cart.ttl(50), "USING TTL"),
        (lambda: cart.timestamp(timedelta(0)), "USING TIMESTAMP"),
        (lambda: cart.iff(owner="a"), "IF"),
        (lambda: cart.if_exists(), "IF EXISTS"),
    ):
        assert part in options_of(chain()).text
        assert options_of(cart).text == plain.text, part
    request = options_of(cart.consistency(ConsistencyLevel.ALL).timeout(7))
    assert (request.consistency, request.timeout) == (ConsistencyLevel.ALL, 7)
    request = options_of(cart)
    assert (request.consistency, request.timeout) == (plain.consistency, plain.timeout)
    assert cart_row(session, 1).total == cart.total


def test_options_do_not_outlive_a_verb_that_failed(session: Session) -> None:
    cart = Cart.create(id=2, owner="a")
    cart.total = "many"  # type: ignore[assignment]
    with pytest.raises(ValidationError):
        cart.ttl(50).save()
    with pytest.raises(ValidationError):
        cart.ttl(50).update(id=3)
    with pytest.raises(LWTException):
        cart.iff(owner="b").ttl(50).update(total=1)
    cart.total = 2
    cart.save()
    assert tuple(cart_row(session, 2, "total, TTL(total)")) == (2, None)


def test_options_of_a_class_do_not_stick_to_it(session: Session) -> None:
    cart = Cart.ttl(50).create(id=4, owner="a")
    Cart.create(id=5, owner="a")
    cart.update(total=1)
    assert cart_row(session, 5, "TTL(owner)")[0] is None
    assert tuple(cart_row(session, 4, "total, TTL(total)")) == (1, None)
    query = Cart.objects(id=5)
    query.ttl(50)
    query.update(owner="b")
    assert cart_row(session, 5, "TTL(owner)")[0] is None


# --- null ----------------------------------------------------------------------------------------


def test_null_and_values_are_one_statement(session: Session, recorder: Recorder) -> None:
    Cart.create(id=10, owner="a", total=1, tags={"x"}, stock={"a": 1, "b": 2})
    read = Cart.objects.using(connection=recorder).get(id=10)
    recorder.sent.clear()
    read.update(owner=None, total=2, tags=None, stock={"b": 3})
    (text,) = recorder.texts
    assert text.count("?") == 6
    row = cart_row(session, 10)
    assert (row.owner, row.total, row.tags or None, dict(row.stock)) == (None, 2, None, {"b": 3})
    Cart.objects.using(connection=recorder).filter(id=10).update(total=None, owner="b")
    assert len(recorder.texts) == 1
    row = cart_row(session, 10)
    assert (row.owner, row.total) == ("b", None)
    Cart.objects.using(connection=recorder).create(id=11, owner=None, total=1, tags=None)
    assert len(recorder.texts) == 1


@pytest.mark.parametrize("how", ["save", "update", "blind", "create", "batch", "batch time"])
def test_null_has_the_timestamp_of_its_write(session: Session, how: str) -> None:
    """What was written later than the time that was given stays."""
    Cart.create(id=20, owner="newer", total=1, tags={"a"}, stock={"a": 1})
    read = Cart.get(id=20)
    read.owner = read.tags = None  # type: ignore[assignment]
    if how == "save":
        read.timestamp(OLD).save()
    elif how == "update":
        read.timestamp(OLD).update(owner=None, stock=None)
    elif how == "blind":
        Cart.objects(id=20).timestamp(OLD).update(owner=None, tags=None, stock__update={"a": None})
    elif how == "create":
        Cart.timestamp(OLD).create(id=20, owner=None, tags=None, stock={"b": 1})
    elif how == "batch":
        with BatchQuery() as batch:
            read.batch(batch).timestamp(OLD).save()
            Cart.objects(id=20).batch(batch).timestamp(OLD).update(stock=None, total=None)
    else:
        with BatchQuery(timestamp=OLD) as batch:
            read.batch(batch).save()
            Cart.objects(id=20).batch(batch).update(stock=None, total=None)
            Cart.batch(batch).create(id=20, owner=None)
    now = Cart.get(id=20)
    assert (now.owner, now.total, now.tags) == ("newer", 1, {"a"}), how
    assert now.stock["a"] == 1


@pytest.mark.parametrize("how", ["update", "blind", "create", "batch"])
def test_null_with_a_time_counts_from_that_time(session: Session, how: str) -> None:
    """A null is not written with the time of sending: a write of between is older than it."""
    later, between = timedelta(seconds=100), timedelta(seconds=50)
    id = {"update": 30, "blind": 31, "create": 32, "batch": 33}[how]
    cart = Cart.create(id=id, owner="a", total=1)
    if how == "update":
        cart.timestamp(later).update(owner=None, total=2)
    elif how == "blind":
        Cart.objects(id=id).timestamp(later).update(owner=None, total=2)
    elif how == "create":
        Cart.timestamp(later).create(id=id, owner=None, total=2)
    else:
        with BatchQuery(timestamp=later) as batch:
            cart.batch(batch).update(owner=None, total=2)
    Cart.objects(id=id).timestamp(between).update(owner="between", total=3)
    row = cart_row(session, id)
    assert (row.owner, row.total) == (None, 2)


def test_null_in_a_batch_is_part_of_the_batch(session: Session) -> None:
    cart = Cart.create(id=40, owner="a", total=1)
    batch = BatchQuery()
    cart.batch(batch).update(owner=None, total=2)
    Cart.objects(id=40).batch(batch).update(tags=None)
    assert len(batch) == 2
    assert cart_row(session, 40).owner == "a", "nothing is sent before the batch"
    batch.execute()
    assert tuple(cart_row(session, 40, "owner, total")) == (None, 2)


def test_a_ttl_leaves_nulls_alone(session: Session) -> None:
    cart = Cart.create(id=41, owner="a", total=1)
    cart.ttl(500).update(owner=None, total=2)
    row = cart_row(session, 41, "owner, total, TTL(total)")
    assert row[:2] == (None, 2)
    assert row[2] > 400


def test_what_is_null_and_stays_null_is_not_written(session: Session, recorder: Recorder) -> None:
    """No tombstone for a column that had no value."""
    cart = Cart.create(id=42, owner="a")
    read = Cart.objects.using(connection=recorder).get(id=42)
    recorder.sent.clear()
    read.total = None
    read.tags = set()
    read.save()
    read.update(stock={})
    assert recorder.texts == []
    assert read == cart


# --- maps ----------------------------------------------------------------------------------------


def test_keys_of_maps_are_removed_whatever_their_value(session: Session) -> None:
    Cart.create(id=50, stock={"a": 1, "b": 0, "c": 3, "d": 4, "e": 5})
    Cart.objects(id=50).update(stock__remove={"a", "b"})
    assert dict(cart_row(session, 50).stock) == {"c": 3, "d": 4, "e": 5}
    Cart.objects(id=50).update(stock__update={"c": None, "f": 6})
    assert dict(cart_row(session, 50).stock) == {"d": 4, "e": 5, "f": 6}
    cart = Cart.get(id=50)
    del cart.stock["d"]
    cart.stock["e"] = 50
    cart.save()
    assert dict(cart_row(session, 50).stock) == {"e": 50, "f": 6}
    cart.update(stock={"f": 6})
    assert dict(cart_row(session, 50).stock) == {"f": 6}
    with pytest.raises(ValidationError):
        cart.update(stock={"f": None})


def test_what_others_add_to_an_empty_container_stays(session: Session) -> None:
    """Two that read an empty set, or did not read it at all, and add to it, both do."""
    Cart.create(id=51)
    readers = [Cart.get(id=51), Cart.get(id=51), Cart.objects.defer(["tags", "stock"]).get(id=51)]
    for number, cart in enumerate(readers):
        cart.tags.add(str(number))
        cart.stock[str(number)] = number
        cart.save()
    row = cart_row(session, 51)
    assert set(row.tags) == {"0", "1", "2"}
    assert dict(row.stock) == {"0": 0, "1": 1, "2": 2}
    unread = Cart.objects.only(["owner"]).get(id=51)
    unread.tags = {"set"}
    unread.save()
    assert set(cart_row(session, 51).tags) == {"set"}, "what is assigned replaces"


# --- static columns ------------------------------------------------------------------------------


def test_static_columns_alone_are_saved_without_a_clustering_key(session: Session) -> None:
    shelf = Shelf.create(id=1, title="poems")
    shelf.prices["x"] = 1
    shelf.save()
    shelf.title = None  # type: ignore[assignment]
    shelf.save()
    rows = session.execute("SELECT n, title, prices, book FROM shelf WHERE id = 1").all()
    assert [(r.n, r.title, dict(r.prices), r.book) for r in rows] == [(None, None, {"x": 1}, None)]


@pytest.mark.parametrize("blind", [False, True])
def test_a_map_beside_a_static_one_is_written_to_its_row(session: Session, blind: bool) -> None:
    """An update of maps is of static columns alone only if all of its columns are static."""
    id = 2 + blind
    shelf = Shelf.create(id=id, n=1, title="t", prices={"x": 1}, pages={"a": 1})
    if blind:
        Shelf.objects(id=id, n=1).update(prices__update={"y": 2}, pages__update={"b": 2})
        Shelf.objects(id=id, n=1).update(pages__remove={"a"}, title="u")
        Shelf.objects(id=id).update(prices__remove={"x"})
    else:
        shelf.prices["y"] = 2
        shelf.pages["b"] = 2
        shelf.save()
        del shelf.pages["a"]
        shelf.title = "u"
        shelf.save()
        del shelf.prices["x"]
        shelf.save()
    (row,) = session.execute(f"SELECT * FROM shelf WHERE id = {id}")
    assert (row.n, row.title, dict(row.prices), dict(row.pages)) == (1, "u", {"y": 2}, {"b": 2})


# --- times ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("zone")
def test_timestamps_are_utc_whatever_the_zone_of_the_process(session: Session) -> None:
    moment = datetime(2021, 7, 1, 12)
    micros = int(moment.replace(tzinfo=UTC).timestamp() * 1_000_000)
    assert time.timezone != 0
    with BatchQuery(timestamp=moment) as batch:
        Cart.batch(batch).create(id=60, owner="a")
    Cart.timestamp(moment).create(id=61, owner="a")
    cart = Cart.timestamp(1).create(id=62, owner="a")
    cart.timestamp(moment).update(owner="b")
    for id in (60, 61, 62):
        assert cart_row(session, id, "WRITETIME(owner)")[0] == micros
    statement = InsertStatement("t", timestamp=moment)
    assert statement.timestamp_normalized == micros
    with BatchQuery(timestamp=timedelta(seconds=30)) as batch:
        Cart.batch(batch).create(id=60, owner="c")
    left = cart_row(session, 60, "WRITETIME(owner)")[0] / 1e6 - time.time()
    assert -30 < left <= 30.1


# --- sessions ------------------------------------------------------------------------------------


def test_a_session_that_is_given_stays_as_it_is(session: Session, keyspace: str) -> None:
    def state() -> Any:
        profiles = session.cluster.profile_manager.profiles
        return (
            session.keyspace,
            {name: (p.row_factory, p.consistency_level) for name, p in profiles.items()},
        )

    before = state()
    Cart.objects.using(connection=session).consistency(ConsistencyLevel.ALL).create(id=70)
    cart = Cart.objects.using(connection=session).get(id=70)
    cart.update(owner="a")
    assert list(Cart.objects.using(connection=session).values_list("id", flat=True).limit(1))
    assert state() == before
    assert session.keyspace == keyspace
    row = session.execute("SELECT id, owner FROM cart WHERE id = 70").one()
    assert (row.id, row.owner) == (70, "a"), "its rows are still named tuples"
    assert type(row).__name__ != "tuple"


# --- statements ----------------------------------------------------------------------------------


def test_values_are_not_part_of_statements(session: Session, recorder: Recorder) -> None:
    evil = "'; DROP TABLE cart; -- ? %s {0} \""
    carts = Cart.objects.using(connection=recorder)
    for id in range(80, 83):
        cart = carts.create(id=id, owner=evil, tags={evil}, stock={evil: id})
        cart.update(owner=evil + evil, stock={"x'": 1})
        carts.filter(id=id).update(owner=evil, stock__remove={evil}, tags__add={"'"})
        assert carts.get(id=id).owner == evil
        cart.iff(owner=evil).update(total=id)
        assert cart_row(session, id).owner == evil
        cart.delete()
    texts = recorder.texts
    assert not any("DROP" in text or "'" in text for text in texts)
    assert len(set(texts)) == len(texts) // 3, "the same text for each of a shape"


def test_statements_are_prepared_once(session: Session, keyspace: str) -> None:
    for id in range(90, 95):
        Cart.create(id=id, owner=f"owner {id}")
        Cart.get(id=id).update(owner="nobody")
    known = [
        row.query_string
        for row in session.execute("SELECT query_string FROM system.prepared_statements")
        if f" {keyspace}.cart" in row.query_string
    ]
    assert [text for text in known if text.startswith("INSERT")], known
    assert not any("owner " in text or "nobody" in text for text in known)
    assert len([text for text in known if text.startswith("INSERT")]) <= 4


def test_len_asks_once(recorder: Recorder) -> None:
    for id in range(100, 105):
        Cart.create(id=id)
    query = Cart.objects.using(connection=recorder).filter(id__in=list(range(100, 105)))
    assert len(query) == 5
    assert [cart.id for cart in query] == list(range(100, 105))
    assert query[2].id == 102
    (text,) = recorder.texts
    assert "count" not in text.lower()


def test_a_list_of_all_rows_asks_once(recorder: Recorder) -> None:
    """`list()` asks for the length first, which is no reason to ask the server twice."""
    for id in range(110, 115):
        Cart.create(id=id)
    query = Cart.objects.using(connection=recorder).filter(id__in=list(range(110, 115)))
    for made in (query.limit(None), query.limit(0), query, query.limit(3)):
        assert len(list(made)) == min(5, made._selection.limit or 5)
        assert len(recorder.texts) == 1
    assert [*query.limit(None).values_list("id", flat=True)] == list(range(110, 115))
    assert len(sorted(query.limit(None), key=lambda cart: cart.id)) == 5
    assert len(recorder.texts) == 2


# --- hierarchies ---------------------------------------------------------------------------------


def test_an_unknown_discriminator_is_told_of(session: Session) -> None:
    """A row of no model is neither left out nor taken for another one; the rest can be read."""
    session.execute("INSERT INTO vehicle (id, n, kind, doors) VALUES (1, 1, 'car', 4)")
    session.execute("INSERT INTO vehicle (id, n, kind) VALUES (1, 2, 'boat')")
    with pytest.raises(PolymorphicModelException, match="unknown discriminator 'boat' in vehicle"):
        list(Vehicle.objects(id=1))
    with pytest.raises(PolymorphicModelException, match="is its module imported"):
        Vehicle.get(id=1, n=2)
    assert [car.doors for car in Car.objects(id=1)] == [4]
    assert list(Vehicle.objects(id=1).values_list("kind", flat=True)) == ["car", "boat"]

    class Boat(Vehicle):
        __discriminator_value__ = "boat"

    assert [type(each) for each in Vehicle.objects(id=1)] == [Car, Boat]


# --- schema --------------------------------------------------------------------------------------


def test_sync_table_refuses_another_primary_key(session: Session, keyspace: str) -> None:
    class Wider(Model):
        __table_name__ = "cart"

        id = columns.Integer(primary_key=True)
        at = columns.Integer(primary_key=True)
        owner = columns.Text()

    with pytest.raises(CQLEngineException, match="primary key"):
        sync_table(Wider)
    names = session.execute(
        f"SELECT column_name FROM system_schema.columns WHERE keyspace_name = '{keyspace}' "
        "AND table_name = 'cart'"
    )
    assert {row.column_name for row in names} == {"id", "owner", "total", "tags", "stock"}
