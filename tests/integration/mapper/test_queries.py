"""Query sets on a real node: which rows, in which order, how many, and as what."""

from __future__ import annotations

import copy
import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.query import BatchStatement
from cql_protocol.enums import BatchType
from cql_protocol.errors import InvalidRequest
from cqlengine import columns
from cqlengine.errors import DoesNotExist, MultipleObjectsReturned, QueryException
from cqlengine.management import sync_table
from cqlengine.models import Model
from cqlengine.query import Avg, Count, Max, Min, Sum
from tests.integration.driver.support import until

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from cqlengine.connection import Connection

pytestmark = pytest.mark.usefixtures("tables")


class Message(Model):
    room = columns.Text(partition_key=True)
    day = columns.Integer(partition_key=True)
    n = columns.Integer(primary_key=True)
    part = columns.Integer(primary_key=True, clustering_order="DESC")
    topic = columns.Text(static=True)
    text = columns.Text()
    tags = columns.Set(columns.Text)


class Item(Model):
    """Alone in its partition."""

    id = columns.Integer(primary_key=True)
    group = columns.Integer(index=True)
    label = columns.Text()


class Many(Model):
    id = columns.Integer(partition_key=True)
    n = columns.Integer(primary_key=True)


class Point(Model):
    id = columns.Integer(primary_key=True)
    at = columns.Vector(columns.Float, 2, custom_index=True)
    name = columns.Text()


ROOM = {"room": "r", "day": 1}


@pytest.fixture(scope="module")
def tables(connection: Connection, session: Session) -> None:
    for model in (Message, Item, Many, Point):
        sync_table(model)
    for n in range(10):
        for part in range(2):
            Message.create(**ROOM, n=n, part=part, text=f"{n}.{part}", topic="t", tags={str(n)})
    for day in (2, 3):
        Message.create(room="r", day=day, n=0, part=0, text="x")
    for id in range(30):
        Item.create(id=id, group=id % 3, label=f"label {id}")
    session.execute("CREATE INDEX near ON point (at) USING 'sai'")


def numbers(query: Any) -> list[int]:
    return [message.n for message in query]


# --- one row -------------------------------------------------------------------------------------


def test_get_is_for_exactly_one_row() -> None:
    message = Message.objects.get(**ROOM, n=3, part=1)
    assert (message.text, message.topic, message.tags) == ("3.1", "t", {"3"})
    assert Message.get(**ROOM, n=3, part=1) == message
    assert Message.objects.filter(**ROOM).get(n=3, part=1) == message
    assert Message.objects(pk=("r", 1, 3, 1)).get() == message
    assert Message.objects.get(Message.room == "r", Message.day == 1, n=3, part=1) == message
    with pytest.raises(Message.DoesNotExist, match="there is no such row of Message"):
        Message.get(**ROOM, n=99, part=1)
    with pytest.raises(Message.MultipleObjectsReturned, match="there are several such rows"):
        Message.get(**ROOM, n=3)
    with pytest.raises(DoesNotExist):
        Message.objects.get(room="none", day=1, n=1, part=1)
    with pytest.raises(MultipleObjectsReturned):
        Message.objects.get(**ROOM)


def test_first_and_exists() -> None:
    query = Message.objects(**ROOM)
    assert query.first().text == "0.1"
    assert query.order_by("-n").first().text == "9.0"
    assert Message.objects(room="none", day=1).first() is None
    assert query.exists()
    assert bool(query)
    assert not Message.objects(room="none", day=1).exists()
    rows = list(query)
    assert query.first() is query[0], "rows that are there are not asked for again"
    assert rows[0].text == "0.1"


# --- order ---------------------------------------------------------------------------------------


def test_rows_are_ordered_by_clustering_columns() -> None:
    query = Message.objects(**ROOM, n__lt=2)
    assert [m.text for m in query] == ["0.1", "0.0", "1.1", "1.0"]
    assert [m.text for m in query.order_by("-n")] == ["1.0", "1.1", "0.0", "0.1"]
    assert [m.text for m in query.order_by("n", "-part")] == ["0.1", "0.0", "1.1", "1.0"]
    assert [m.text for m in query.order_by("-n").order_by("part")] == ["1.0", "1.1", "0.0", "0.1"]
    assert [m.text for m in query.order_by("-n").order_by()] == [m.text for m in query]


def test_an_order_of_several_partitions_is_read_without_pages() -> None:
    query = Message.objects(room="r", day__in=[1, 2, 3]).order_by("-n")
    assert numbers(query.limit(3)) == [9, 9, 8]
    assert numbers(query) == [n for n in range(9, -1, -1) for _ in range(2)] + [0, 0]
    with pytest.raises(InvalidRequest, match="Cannot page queries"):
        list(query.fetch_size(2))


@pytest.mark.parametrize("name", ["text", "-room", "topic", "nothing", "-"])
def test_rows_cannot_be_ordered_by_anything_else(name: str) -> None:
    with pytest.raises(QueryException):
        Message.objects(**ROOM).order_by(name)


def test_an_order_needs_its_partitions() -> None:
    with pytest.raises(QueryException, match=r"order_by\(\) needs the whole partition key"):
        list(Message.objects.order_by("n"))
    with pytest.raises(QueryException):
        Message.objects.order_by(3)


# --- how many ------------------------------------------------------------------------------------


def test_limits() -> None:
    query = Message.objects(**ROOM)
    assert len(query) == len(query.limit(None)) == len(query.limit(0)) == 20
    assert len(query.limit(5)) == len(query.limit(5).fetch_size(2)) == 5
    assert [m.n for m in query.limit(3)] == [0, 0, 1]
    for wrong in ("5", 2.0, True):
        with pytest.raises(TypeError):
            query.limit(wrong)
    with pytest.raises(QueryException):
        query.limit(-1)
    for wrong in ("5", True, None):
        with pytest.raises(TypeError):
            query.fetch_size(wrong)
    with pytest.raises(QueryException):
        query.fetch_size(0)


@pytest.fixture(scope="module")
def partition(session: Session, tables: None) -> Any:
    """A query for more rows than the default limit."""
    rows = session.prepare("INSERT INTO many (id, n) VALUES (1, ?)")
    for start in range(0, 10_002, 834):
        batch = BatchStatement(BatchType.UNLOGGED)
        for n in range(start, min(start + 834, 10_002)):
            batch.add(rows, (n,))
        session.execute(batch)
    return Many.objects(id=1)


def test_the_default_limit_is_told_of_when_it_cuts(
    partition: Any, caplog: pytest.LogCaptureFixture
) -> None:
    query = partition.all()
    with caplog.at_level(logging.WARNING, "cqlengine.query"):
        assert sum(1 for _ in query.limit(None)) == 10_002
        assert len(query.limit(10_000)) == 10_000
        assert not caplog.records
        assert len(query) == 10_000
        assert len(caplog.records) == 1
        assert "a query for Many ended at the default limit of 10000 rows" in caplog.text
        assert sum(1 for _ in query.iterator()) == 10_000
        assert len(caplog.records) == 2
    assert query.count() == 10_002, "the default limit does not count"
    assert query.limit(7).count() == 7
    assert query.limit(None).values_list("n", flat=True)[-1] == 10_001


async def test_the_default_limit_on_asyncio(
    partition: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "cqlengine.query"):
        assert len(await partition.limit(None).alist()) == 10_002
        assert not caplog.records
        assert sum([1 async for _ in partition]) == 10_000
        assert "ended at the default limit of 10000 rows" in caplog.text
    assert await partition.acount() == 10_002


def test_count_is_kept() -> None:
    query = Item.objects.filter(group=1)
    assert query.count() == 10
    Item.create(id=100, group=1)
    assert query.count() == 10
    assert query.all().count() == 11
    assert len(query) == 11
    Item(id=100).delete()
    assert len(query) == 11, "and so are rows"
    assert len(query.all()) == 10
    with pytest.raises(QueryException, match=r"count\(\) does not go with distinct"):
        Message.objects.distinct().count()


def test_slices_and_indexes() -> None:
    query = Message.objects(**ROOM).fetch_size(3)
    everything = [m.text for m in Message.objects(**ROOM)]
    for part in (
        slice(None),
        slice(2),
        slice(2, 5),
        slice(17, 99),
        slice(-3, None),
        slice(-5, -2),
        slice(None, None, -1),
        slice(1, 10, 4),
        slice(50, 60),
    ):
        assert [m.text for m in query.all()[part]] == everything[part], part
        assert [m.text for m in query[part]] == everything[part], part
    assert [query[i].text for i in (0, 4, -1, 19, -20)] == [
        everything[i] for i in (0, 4, -1, 19, -20)
    ]
    for wrong in (20, -21):
        with pytest.raises(IndexError):
            query[wrong]
    with pytest.raises(TypeError):
        query["1"]


def test_a_partition_s_rows_can_be_limited() -> None:
    query = Message.objects(room="r", day__in=[1, 2, 3])
    assert [(m.day, m.n) for m in query.per_partition_limit(1)] == [(1, 0), (2, 0), (3, 0)]
    assert len(query.per_partition_limit(2).limit(3)) == 3
    assert len(query.per_partition_limit(None)) == 22
    with pytest.raises(QueryException):
        query.per_partition_limit(0)
    with pytest.raises(QueryException, match="per_partition_limit"):
        query.per_partition_limit(2).count()


# --- which columns -------------------------------------------------------------------------------


def test_only_and_defer() -> None:
    one = Message.objects(**ROOM, n=1, part=0)
    read = one.only(["text"]).get()
    assert (read.text, read.topic, read.tags) == ("1.0", None, set())
    assert read.pk == ("r", 1, 1, 0)
    read.update(text="changed")
    read = one.defer(["text", "n"]).get()
    assert (read.text, read.topic, read.n) == (None, "t", 1)
    assert one.get().text == "changed"
    read.text = "1.0"
    read.save()
    assert one.defer("topic").defer("tags").get().text == "1.0"
    assert one.only("topic").get().topic == "t"
    for wrong in (
        lambda: one.only(["nothing"]),
        lambda: one.defer(["nothing"]),
        lambda: one.only(["text"]).only(["n"]),
        lambda: one.only(["text"]).defer(["n"]),
        lambda: one.defer(["text"]).only(["n"]),
    ):
        with pytest.raises(QueryException):
            wrong()


def test_values_lists() -> None:
    query = Message.objects(**ROOM, n=1)
    assert list(query.values_list("part", "text")) == [(1, "1.1"), (0, "1.0")]
    assert list(query.values_list("part", flat=True)) == [1, 0]
    assert list(query.values_list("tags", flat=True)) == [{"1"}, {"1"}]
    assert query.values_list().first() == ("r", 1, 1, 1, "t", "1.1", {"1"})
    assert list(query.only(["text"]).values_list()) == [("1.1",), ("1.0",)]
    assert query.defer(["topic", "tags"]).values_list()[1] == ("r", 1, 1, 0, "1.0")
    assert query.values_list("text", flat=True).order_by("-n").limit(1).get() == "1.0"
    assert query.values_list("text").count() == 2
    with pytest.raises(TypeError, match="takes one column"):
        query.values_list("n", "part", flat=True)
    with pytest.raises(TypeError, match="no parameter flatt"):
        query.values_list("n", flatt=True)
    with pytest.raises(QueryException, match="has no column nothing"):
        query.values_list("nothing")


def test_distinct_partitions() -> None:
    assert sorted((m.room, m.day, m.n) for m in Message.objects.distinct()) == [
        ("r", 1, None),
        ("r", 2, None),
        ("r", 3, None),
    ]
    with_static = list(Message.objects.distinct(["room", "day", "topic"]))
    assert sorted((m.day, m.topic) for m in with_static) == [(1, "t"), (2, None), (3, None)]
    rows = Message.objects(room="r", day__in=[1, 2]).distinct().values_list("day", flat=True)
    assert list(rows) == [1, 2]
    with pytest.raises(QueryException, match="not n"):
        Message.objects.distinct(["n"])


# --- groups --------------------------------------------------------------------------------------


def test_groups_and_aggregates() -> None:
    groups = Message.objects(**ROOM).group_by("room", "day", "n")
    rows = list(groups.annotate(parts=Count(), last=Max("part"), sum=Sum("part")).limit(2))
    assert rows == [
        {"room": "r", "day": 1, "n": n, "parts": 2, "last": 1, "sum": 1} for n in range(2)
    ]
    assert rows[0].parts == rows[0]["parts"] == 2
    everything = Message.objects(**ROOM).annotate(
        least=Min("n"), mean=Avg("n"), texts=Count("text"), statics=Count("topic")
    )
    assert everything.get() == {"least": 0, "mean": 4, "texts": 20, "statics": 20}
    with pytest.raises(QueryException, match="annotate"):
        everything.count()
    assert len(everything) == 1
    by_day = Message.objects.group_by("room", "day").annotate(number=Count())
    assert sorted((row.day, row.number) for row in by_day) == [(1, 20), (2, 1), (3, 1)]
    for wrong in (
        lambda: Message.objects.group_by("text"),
        lambda: Message.objects.annotate(),
        lambda: Message.objects.annotate(n="count"),
        lambda: Message.objects.annotate(n=Max("nothing")),
    ):
        with pytest.raises(QueryException):
            wrong()
    with pytest.raises(AttributeError, match="the row has no column nothing"):
        rows[0].nothing  # noqa: B018


# --- pages ---------------------------------------------------------------------------------------


def test_empty_pages_are_no_end(session: Session) -> None:
    """Rows that were deleted are not on a page, which may be empty then."""
    for n in range(30):
        session.execute(f"INSERT INTO many (id, n) VALUES (2, {n})")
        if n < 29:
            session.execute(f"DELETE FROM many WHERE id = 2 AND n = {n}")
    for id in range(40):
        session.execute(f"INSERT INTO many (id, n) VALUES ({1000 + id}, 0)")
        session.execute(f"DELETE FROM many WHERE id = {1000 + id}")
    query = Many.objects(id__in=[*range(1000, 1040), 2]).fetch_size(1)
    assert query.first().n == 29
    assert query.get().n == 29
    assert numbers(query) == [29]
    assert numbers(query.iterator()) == [29]
    assert query.all()[0].n == 29
    assert len(query.all()) == 1
    assert Many.objects(id=2).fetch_size(2).get().n == 29


def test_pages_are_read_when_they_are_needed() -> None:
    query = Message.objects(**ROOM).fetch_size(4)
    assert query[1].text == "0.0"
    assert len(query._rows) == 4
    assert numbers(query[:6]) == [0, 0, 1, 1, 2, 2]
    assert len(query._rows) == 8
    both = zip(query, query, strict=True)
    assert all(a is b for a, b in both)
    assert len(query._rows) == 20
    stream = Message.objects(**ROOM).fetch_size(4)
    assert sum(1 for _ in stream.iterator()) == 20
    assert stream._rows == []


def test_threads_may_share_a_query() -> None:
    query = Message.objects(**ROOM).fetch_size(2)
    found: list[Any] = []

    def work() -> None:
        try:
            found.append([message.text for message in query])
        except Exception as exc:  # noqa: BLE001
            found.append(exc)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[message.text for message in query.all()]] * 8
    assert len(query) == 20


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_query_asks_anew(copied: Any) -> None:
    query = Message.objects(**ROOM).fetch_size(7)
    twin = copied(query)
    assert numbers(twin) == numbers(query) == numbers(twin)
    assert len(query) == len(copied(query)) == 20


def test_a_query_that_was_derived_does_not_change_the_one_before() -> None:
    query = Message.objects(**ROOM)
    narrow = query.filter(n=1).order_by("-n").limit(1).only(["text"])
    assert len(query) == 20
    assert len(narrow) == 1
    assert narrow == narrow.all()
    assert narrow != query
    assert "WHERE" in str(query)
    assert repr(query).startswith("<ModelQuerySet SELECT")


# --- JSON ----------------------------------------------------------------------------------------


def test_rows_as_json() -> None:
    query = Message.objects(**ROOM, n=1)
    (first, second) = query.json()
    assert json.loads(first) == {
        "room": "r", "day": 1, "n": 1, "part": 1, "topic": "t", "text": "1.1", "tags": ["1"],
    }  # fmt: skip
    assert json.loads(query.only(["part"]).json()[1]) == {"part": 0}
    assert json.loads(second)["part"] == 0


def test_rows_of_json(session: Session) -> None:
    Item.objects.create_json(json.dumps({"id": 200, "label": 'it\'s "Zoë"', "group": 9}))
    Item.objects.create_json('{"id": 200, "group": null}')
    row = session.execute("SELECT * FROM item WHERE id = 200").one()
    assert (row.label, row.group) == ('it\'s "Zoë"', None)
    Item.ttl(500).create_json('{"id": 201, "label": "a"}')
    assert 490 < session.execute("SELECT TTL(label) FROM item WHERE id = 201").one()[0] <= 500
    Item.objects(id__in=[200, 201]).delete()
    assert Item.objects(id=200).first() is None


# --- vectors -------------------------------------------------------------------------------------


def test_the_nearest_rows(session: Session) -> None:
    for id, at in enumerate([(1.0, 0.0), (0.0, 1.0), (0.7, 0.7), (-1.0, 0.1)]):
        Point.create(id=id, at=at, name=str(id))
    assert tuple(session.execute("SELECT at FROM point WHERE id = 1").one().at) == (0.0, 1.0)

    def built() -> bool:
        return len(Point.objects.order_by(Point.at.ann_of([1, 0])).limit(4)) == 4

    until(built, "the index is built")
    nearest = Point.objects.order_by(Point.at.ann_of([0.1, 1.0]))
    assert [p.id for p in nearest.limit(2)] == [1, 2]
    assert nearest.limit(3).values_list("name", flat=True)[0] == "1"
    with pytest.raises(QueryException, match="needs a limit of at most 1000"):
        list(nearest)
    with pytest.raises(QueryException, match="needs a limit"):
        list(nearest.limit(1001))
