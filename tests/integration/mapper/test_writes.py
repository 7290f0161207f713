"""What writes leave in cells: TTLs, timestamps, static columns, counters; what was added alone."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from cqlengine import columns
from cqlengine.errors import (
    IfExistsWithCounterColumn,
    IfNotExistsWithCounterColumn,
    LWTException,
    QueryException,
    ValidationError,
)
from cqlengine.management import sync_table
from cqlengine.models import Model
from cqlengine.query import BatchQuery

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from cqlengine.connection import Connection

pytestmark = pytest.mark.usefixtures("tables")


class Card(Model):
    id = columns.UUID(primary_key=True, default=uuid.uuid4)
    name = columns.Text()
    count = columns.Integer()
    tags = columns.Set(columns.Text)
    steps = columns.List(columns.Integer)
    prices = columns.Map(columns.Text, columns.Integer)


class Visit(Model):
    """Its table has a TTL of its own."""

    __table_name__ = "sessions"
    __options__: ClassVar[dict[str, Any]] = {"default_time_to_live": 1000}

    id = columns.Integer(primary_key=True)
    name = columns.Text()


class Room(Model):
    id = columns.Integer(partition_key=True)
    n = columns.Integer(primary_key=True)
    topic = columns.Text(static=True)
    rules = columns.Map(columns.Text, columns.Text, static=True)
    owners = columns.Set(columns.Text, static=True)
    text = columns.Text()
    state = columns.Text(default="new")


class Strict(Model):
    """Static columns and those of rows must have values."""

    id = columns.Integer(partition_key=True)
    n = columns.Integer(primary_key=True)
    title = columns.Text(static=True, required=True)
    text = columns.Text(required=True)


class Hits(Model):
    page = columns.Text(primary_key=True)
    day = columns.Integer(primary_key=True)
    views = columns.Counter()
    clicks = columns.Counter(db_field="Clicks")


@pytest.fixture(scope="module")
def tables(connection: Connection) -> None:
    for model in (Card, Visit, Room, Strict, Hits):
        sync_table(model)


def card_row(session: Session, card: Card, what: str = "*") -> Any:
    return session.execute(f"SELECT {what} FROM card WHERE id = {card.id}").one()


def room_rows(session: Session, id: int) -> list[Any]:
    rows = session.execute(f"SELECT n, topic, rules, owners, text FROM room WHERE id = {id}")
    return [
        (r.n, r.topic, r.rules and dict(r.rules), r.owners and set(r.owners), r.text) for r in rows
    ]


# --- TTL -----------------------------------------------------------------------------------------


def test_ttl_of_every_way_to_write(session: Session) -> None:
    def left(card: Card, of: str = "name") -> Any:
        return card_row(session, card, f"TTL({of})")[0]

    card = Card.ttl(500).create(name="a")
    assert 480 < left(card) <= 500
    assert 480 < left(Card.objects.ttl(500).create(name="a")) <= 500
    card.ttl(300).save()
    card.name = "b"
    card.ttl(300).save()
    assert 280 < left(card) <= 300
    card.ttl(200).update(name="c", count=1)
    assert 180 < left(card) <= 200
    assert 180 < left(card, "count") <= 200
    Card.objects(id=card.id).ttl(100).update(name="d")
    assert 80 < left(card) <= 100
    assert 180 < left(card, "count") <= 200, "the other column keeps its own"
    other = Card(name="x").ttl(50).save()
    assert 30 < left(other) <= 50
    with BatchQuery() as batch:
        card.batch(batch).ttl(700).update(name="e")
    assert 680 < left(card) <= 700


def test_zero_is_no_ttl_and_none_is_the_table_s(session: Session) -> None:
    def left(id: int) -> Any:
        return session.execute(f"SELECT TTL(name) FROM sessions WHERE id = {id}").one()[0]

    assert Visit.__default_ttl__ == 1000
    Visit.create(id=1, name="a")
    Visit.ttl(0).create(id=2, name="a")
    Visit.ttl(None).create(id=3, name="a")
    Visit.ttl(10).create(id=4, name="a")
    assert 980 < left(1) <= 1000
    assert left(2) is None
    assert 980 < left(3) <= 1000
    assert 0 < left(4) <= 10
    for wrong in (-1, "5", 1.5, True):
        with pytest.raises(QueryException, match="ttl="):
            Visit.ttl(wrong)
        with pytest.raises(QueryException, match="ttl="):
            Visit(id=1).ttl(wrong)


def test_a_ttl_has_no_place_in_a_delete() -> None:
    card = Card.create(name="a")
    with pytest.raises(QueryException, match="a DELETE has neither a TTL"):
        card.ttl(5).delete()
    with pytest.raises(QueryException, match="a DELETE has neither a TTL"):
        Card.objects(id=card.id).ttl(5).delete()


# --- timestamps ----------------------------------------------------------------------------------


def stamps(session: Session, card: Card) -> tuple[Any, Any]:
    row = card_row(session, card, "WRITETIME(name), WRITETIME(count)")
    return row[0], row[1]


def test_timestamps_of_every_way_to_write(session: Session) -> None:
    moment = datetime(2020, 5, 17, 12, 30, 0, 123456)
    micros = 1_589_718_600_123_456
    card = Card.timestamp(moment).create(name="a", count=1)
    assert stamps(session, card) == (micros, micros)
    card.name = "b"
    card.timestamp(micros + 1).save()
    assert stamps(session, card) == (micros + 1, micros)
    card.timestamp(moment.replace(tzinfo=UTC) + timedelta(seconds=1)).update(count=2)
    assert stamps(session, card) == (micros + 1, micros + 1_000_000)
    zone = timezone(timedelta(hours=-5))
    aware = (moment.replace(tzinfo=UTC) + timedelta(seconds=2)).astimezone(zone)
    Card.objects(id=card.id).timestamp(aware).update(name="c", count=3)
    assert stamps(session, card) == (micros + 2_000_000,) * 2
    before = time.time_ns() // 1000
    card.timestamp(timedelta(seconds=-60)).update(name="d")
    stamp = stamps(session, card)[0]
    assert 0 <= stamp - (before - 60_000_000) < 30_000_000
    for wrong in ("now", 1.5, True):
        with pytest.raises(QueryException, match="timestamp="):
            Card.timestamp(wrong).create(name="x")


def test_nothing_newer_is_deleted_by_an_older_delete(session: Session) -> None:
    card = Card.create(name="a", count=1)
    card.timestamp(datetime(2020, 1, 1)).delete()
    assert card_row(session, card).name == "a"
    Card.objects(id=card.id).timestamp(datetime(2020, 1, 1)).delete()
    assert card_row(session, card).name == "a"
    Card.objects(id=card.id).timestamp(timedelta(seconds=60)).delete()
    assert card_row(session, card) is None


# --- containers ----------------------------------------------------------------------------------


def test_saving_sends_what_was_added_and_removed(session: Session) -> None:
    card = Card.create(tags={"a", "b"}, steps=[1, 2], prices={"x": 1, "y": 2})
    session.execute(
        f"UPDATE card SET tags = tags + {{'other'}}, steps = steps + [99], "
        f"prices = prices + {{'other': 9}} WHERE id = {card.id}"
    )
    card.tags.add("c")
    card.tags.discard("a")
    card.steps.append(3)
    card.steps.insert(0, 0)
    card.prices["x"] = 10
    del card.prices["y"]
    card.save()
    row = card_row(session, card)
    assert set(row.tags) == {"b", "c", "other"}
    assert row.steps == [0, 1, 2, 99, 3]
    assert dict(row.prices) == {"x": 10, "other": 9}


def test_a_list_that_is_changed_otherwise_is_replaced(session: Session) -> None:
    card = Card.create(steps=[1, 2, 3])
    session.execute(f"UPDATE card SET steps = steps + [99] WHERE id = {card.id}")
    card.steps[1] = 20
    card.save()
    assert card_row(session, card).steps == [1, 20, 3]


@pytest.mark.parametrize("empty", [False, True])
def test_containers_are_emptied(session: Session, empty: bool) -> None:
    card = Card.create(name="a", tags={"a"}, steps=[1], prices={"x": 1})
    card.tags, card.steps, card.prices = (set(), [], {}) if empty else (None,) * 3
    card.save()
    row = card_row(session, card)
    assert not row.tags
    assert not row.steps
    assert not row.prices
    read = Card.get(id=card.id)
    assert (read.tags, read.steps, read.prices) == (set(), [], {})
    assert read == card
    read.tags.add("b")
    read.steps.append(1)
    read.prices["y"] = 1
    read.save()
    assert Card.get(id=card.id) == read != card


def test_containers_of_a_new_instance_can_be_added_to(session: Session) -> None:
    card = Card()
    card.tags.add("a")
    card.steps += [1]
    card.prices.update(x=1)
    card.save()
    row = card_row(session, card)
    assert (set(row.tags), row.steps, dict(row.prices)) == ({"a"}, [1], {"x": 1})


# --- static columns ------------------------------------------------------------------------------


def test_static_columns_are_of_the_partition(session: Session) -> None:
    Room.create(id=1, n=1, topic="a", text="x")
    Room.create(id=1, n=2, topic="b", text="y")
    assert room_rows(session, 1) == [(1, "b", None, None, "x"), (2, "b", None, None, "y")]
    room = Room.get(id=1, n=1)
    room.topic = "c"
    room.save()
    assert {row[1] for row in room_rows(session, 1)} == {"c"}
    room.text = "z"
    room.rules["door"] = "shut"
    room.save()
    assert room_rows(session, 1)[0] == (1, "c", {"door": "shut"}, None, "z")


def test_static_columns_are_saved_without_a_row(session: Session) -> None:
    room = Room.create(id=2, topic="alone", rules={"a": "b"}, owners={"o"})
    assert room_rows(session, 2) == [(None, "alone", {"a": "b"}, {"o"}, None)]
    room.topic = "changed"
    room.rules["c"] = "d"
    del room.rules["a"]
    room.owners.add("p")
    room.save()
    assert room_rows(session, 2) == [(None, "changed", {"c": "d"}, {"o", "p"}, None)]
    room.update(topic=None)
    assert room_rows(session, 2) == [(None, None, {"c": "d"}, {"o", "p"}, None)]
    read = Room.objects(id=2).first()
    assert (read.n, read.rules) == (None, {"c": "d"})


def test_what_rows_must_have_is_not_asked_of_static_columns_alone(session: Session) -> None:
    Strict.create(id=1, title="a")
    Strict(id=1).iff(title="a").update(title="b")
    with pytest.raises(ValidationError, match="text: a value is needed, it is required"):
        Strict.create(id=1, n=1, title="c")
    with pytest.raises(ValidationError, match="text: a value is needed, it is required"):
        Strict(id=1, n=1).update(title="c")
    with pytest.raises(ValidationError, match="title: a value is needed, it is required"):
        Strict.create(id=1, n=1, text="x")
    Strict.create(id=1, n=1, title="d", text="x")
    (row,) = session.execute("SELECT n, title, text FROM strict WHERE id = 1")
    assert tuple(row) == (1, "d", "x")


def test_a_row_s_value_without_its_key_is_refused(session: Session) -> None:
    with pytest.raises(ValidationError, match="text: it belongs to a row"):
        Room.create(id=3, topic="a", text="lost")
    with pytest.raises(ValidationError, match="n: a value is needed, it is part of the primary"):
        Room(id=3, topic="a").update(text="lost")
    assert room_rows(session, 3) == []


def test_blind_updates_of_static_columns(session: Session) -> None:
    Room.create(id=4, n=1, text="x")
    Room.objects(id=4).update(topic="t", rules__update={"a": "b"}, owners__add={"o"})
    assert room_rows(session, 4) == [(1, "t", {"a": "b"}, {"o"}, "x")]
    Room.objects(id=4, n=1).update(topic="u", text="y")
    assert room_rows(session, 4) == [(1, "u", {"a": "b"}, {"o"}, "y")]
    with pytest.raises(QueryException, match=r"changes static columns alone.*leave n out"):
        Room.objects(id=4, n=1).update(topic="v")
    with pytest.raises(QueryException, match="missing: n"):
        Room.objects(id=4).update(topic="v", text="z")


def test_static_columns_with_conditions(session: Session) -> None:
    Room.create(id=5, n=1, topic="a", text="x")
    Room.objects(id=5).iff(topic="a").update(topic="b")
    Room.objects(id=5, n=1).iff(text="x").update(topic="c")
    room = Room.get(id=5, n=1)
    room.iff(text="x").update(topic="d")
    with pytest.raises(LWTException):
        room.iff(topic="x").update(topic="e")
    assert room_rows(session, 5) == [(1, "d", None, None, "x")]


# --- counters ------------------------------------------------------------------------------------


def counted(session: Session, page: str) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for row in session.execute(f"SELECT day, views, \"Clicks\" FROM hits WHERE page = '{page}'")
    ]


def test_counters_are_added_to(session: Session) -> None:
    hits = Hits.create(page="p", day=1)
    assert (hits.views, hits.clicks) == (0, 0)
    assert counted(session, "p") == [(1, 0, 0)]
    hits.views += 5
    hits.clicks -= 2
    hits.save()
    hits.save()
    session.execute("UPDATE hits SET views = views + 100 WHERE page = 'p' AND day = 1")
    hits.update(views=hits.views + 1)
    assert counted(session, "p") == [(1, 106, -2)]
    read = Hits.get(page="p", day=1)
    assert (read.views, read.clicks) == (106, -2)
    read.views = 10
    read.save()
    assert counted(session, "p") == [(1, 10, -2)]


def test_counters_are_not_copied_to_another_row(session: Session) -> None:
    hits = Hits.create(page="mine", day=1, views=3)
    hits.day = 2
    for write in (hits.save, hits.update):
        with pytest.raises(ValidationError, match="counters are not copied"):
            write()
    assert counted(session, "mine") == [(1, 3, 0)]


def test_a_new_counter_starts_with_its_value(session: Session) -> None:
    Hits.create(page="new", day=1, views=3)
    Hits(page="new", day=2, clicks=4).save()
    assert counted(session, "new") == [(1, 3, 0), (2, 0, 4)]


def test_blind_updates_of_counters(session: Session) -> None:
    Hits.objects(page="blind", day=1).update(views=2, clicks=-1)
    Hits.objects(page="blind", day=1).update(views__add=5, clicks__remove=3)
    Hits.objects(page="blind", day__in=[1, 2]).update(views=1)
    assert counted(session, "blind") == [(1, 8, -4), (2, 1, None)]
    Hits.objects(page="blind").delete()
    assert counted(session, "blind") == []


def test_counters_have_no_conditions() -> None:
    hits = Hits(page="c", day=1)
    with pytest.raises(IfNotExistsWithCounterColumn):
        Hits.if_not_exists().create(page="c", day=1)
    with pytest.raises(IfNotExistsWithCounterColumn):
        hits.if_not_exists().save()
    with pytest.raises(IfExistsWithCounterColumn):
        hits.if_exists().update(views=1)
    with pytest.raises(IfExistsWithCounterColumn):
        hits.if_exists().delete()
    with pytest.raises(IfExistsWithCounterColumn):
        Hits.objects(page="c", day=1).if_exists().update(views=1)
    with pytest.raises(IfExistsWithCounterColumn):
        Hits.objects(page="c", day=1).if_exists().delete()


async def test_the_same_on_asyncio(session: Session) -> None:
    card = await Card.ttl(500).timestamp(5_000).acreate(name="a", count=1, tags={"a"})
    assert stamps(session, card) == (5_000, 5_000)
    await card.timestamp(6_000).aupdate(name=None, count=2)
    assert stamps(session, card) == (None, 6_000)
    card.tags.add("b")
    await card.asave()
    assert set(card_row(session, card).tags) == {"a", "b"}
    room = await Room.acreate(id=10, topic="t")
    await room.aupdate(topic="u")
    assert room_rows(session, 10) == [(None, "u", None, None, None)]
    hits = await Hits.acreate(page="async", day=1)
    hits.views += 2
    await hits.asave()
    await Hits.objects(page="async", day=1).aupdate(views=1)
    assert counted(session, "async") == [(1, 3, 0)]
    await hits.adelete()
    assert counted(session, "async") == []
