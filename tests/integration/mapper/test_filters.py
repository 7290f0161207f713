"""Conditions of query sets, on a real node: operators, tokens, timeuuids, what is refused."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.util import uuid_from_time
from cql_protocol.errors import InvalidRequest
from cqlengine import columns
from cqlengine.errors import (
    CQLEngineException,
    LWTException,
    QueryException,
    QueryOperatorException,
)
from cqlengine.functions import MaxTimeUUID, MinTimeUUID, Token
from cqlengine.management import sync_table
from cqlengine.models import Model
from cqlengine.operators import EqualsOperator
from cqlengine.statements import WhereClause
from tests.integration.driver.support import until

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from cqlengine.connection import Connection

pytestmark = pytest.mark.usefixtures("tables")

START = datetime.datetime(2026, 1, 1, 12)


class Log(Model):
    host = columns.Text(partition_key=True)
    id = columns.TimeUUID(primary_key=True)
    level = columns.Integer(index=True)
    tags = columns.Set(columns.Text, index=True)
    codes = columns.List(columns.Integer, index=True)
    labels = columns.Map(columns.Text, columns.Integer)
    text = columns.Text()


class Event(Model):
    id = columns.Integer(primary_key=True)
    at = columns.TimeUUID()


class Cell(Model):
    """A key of several columns, in the table by other names."""

    x = columns.Integer(partition_key=True, db_field="X")
    y = columns.Decimal(partition_key=True)
    a = columns.Integer(primary_key=True)
    b = columns.Text(primary_key=True, db_field="to")
    value = columns.Integer()


class Thing(Model):
    """Many partitions, to walk through the ring."""

    id = columns.UUID(primary_key=True, default=uuid.uuid4)
    number = columns.Integer()
    deleted__at = columns.Integer(index=True)


def moment(second: int) -> datetime.datetime:
    return START + datetime.timedelta(seconds=second)


@pytest.fixture(scope="module")
def tables(connection: Connection, session: Session) -> None:
    for model in (Log, Event, Cell, Thing):
        sync_table(model)
    session.execute("CREATE INDEX ON log (KEYS(labels))")
    for second in range(6):
        Log.create(
            host="h",
            id=uuid_from_time(moment(second).replace(tzinfo=datetime.UTC)),
            level=second % 2,
            tags={"even" if second % 2 == 0 else "odd", "all"},
            codes=[second, 100],
            labels={f"k{second}": second},
            text=f"it's {second}",
        )
    for a in range(3):
        for b in "abc":
            Cell.create(x=1, y=Decimal("1.5"), a=a, b=b, value=a)


def seconds(query: Any) -> list[int]:
    return [int(log.text.rpartition(" ")[2]) for log in query]


# --- operators -----------------------------------------------------------------------------------


def test_comparisons_of_clustering_columns() -> None:
    cells = Cell.objects(x=1, y=Decimal("1.5"))
    for conditions, wanted in (
        ({"a": 1}, [1, 1, 1]),
        ({"a__gt": 1}, [2, 2, 2]),
        ({"a__gte": 1, "a__lt": 2}, [1, 1, 1]),
        ({"a__lte": 0}, [0, 0, 0]),
        ({"a__in": [0, 2]}, [0, 0, 0, 2, 2, 2]),
        ({"a__in": {2}, "b__gt": "a"}, [2, 2]),
        ({"a": 1, "b__in": ("a", "c")}, [1, 1]),
    ):
        assert [cell.a for cell in cells.filter(**conditions)] == wanted, conditions
    assert [c.b for c in cells.filter(Cell.a == 1, Cell.b >= "b")] == ["b", "c"]
    assert [c.b for c in cells.filter(Cell.a.in_([1]), Cell.b < "b")] == ["a"]
    assert [c.b for c in cells.filter(Cell.a == 1).filter(Cell.b <= "b")] == ["a", "b"]
    assert len(cells.filter(Cell.a > 1)) == 3


def test_conditions_of_the_partition_key() -> None:
    assert len(Cell.objects(x__in=[1, 2], y=Decimal("1.5"))) == 9
    assert len(Cell.objects(x=1, y__in=[Decimal("1.5"), Decimal(2)])) == 9
    assert Cell.objects(x=2, y=Decimal("1.5")).first() is None
    with pytest.raises(QueryException, match=r"every column of the partition key .*missing: y"):
        list(Cell.objects(x=1))
    with pytest.raises(QueryException, match="missing: x, y"):
        list(Cell.objects(a=1))
    assert len(Cell.objects(a=1).allow_filtering()) == 3


def test_values_of_conditions_are_converted() -> None:
    assert len(Cell.objects(x="1", y="1.5", a__in=["1"])) == 3
    assert len(Log.objects(host="h", id__gt=MinTimeUUID(moment(4)))) == 2
    some = Log.objects(host="h").first()
    assert Log.get(host="h", id=str(some.id)).text == some.text


def test_conditions_of_indexed_columns() -> None:
    assert seconds(Log.objects(level=1)) == [1, 3, 5]
    assert seconds(Log.objects(host="h", level=0)) == [0, 2, 4]
    assert seconds(Log.objects(level=0, text="it's 2").allow_filtering()) == [2]
    with pytest.raises(QueryException, match="text is neither part of the primary key nor has it"):
        list(Log.objects(text="it's 2"))
    with pytest.raises(QueryException, match="text is neither"):
        Log.objects(text="it's 2").count()
    assert seconds(Log.objects(text="it's 2").allow_filtering()) == [2]
    assert Log.objects(text="it's 2").allow_filtering().count() == 1


def test_what_collections_contain() -> None:
    assert seconds(Log.objects(tags__contains="odd")) == [1, 3, 5]
    assert seconds(Log.objects(codes__contains=2)) == [2]
    assert seconds(Log.objects.filter(Log.tags.contains_("even"))) == [0, 2, 4]
    labels = Log.objects(host="h").allow_filtering()
    assert seconds(labels.filter(labels__contains_key="k3")) == [3]
    assert seconds(labels.filter(Log.labels.contains_key_("k4"))) == [4]
    assert seconds(labels.filter(labels__contains=5)) == [5]
    with pytest.raises(InvalidRequest):
        list(labels.filter(text__contains="5"))


def test_patterns_need_an_index_that_can_tell(session: Session) -> None:
    allowed = session.execute(
        "SELECT value FROM system_views.settings WHERE name = 'sasi_indexes_enabled'"
    ).one()
    query = Log.objects(text__like="it's%").allow_filtering()
    assert str(query).endswith('WHERE "text" LIKE ? LIMIT ? ALLOW FILTERING')
    if allowed is not None and allowed.value == "true":
        session.execute(
            "CREATE CUSTOM INDEX ON log (text) USING 'org.apache.cassandra.index.sasi.SASIIndex'"
        )
        until(lambda: len(query.all()) == 6, "the index is built")
        assert seconds(Log.objects.filter(Log.text.like_("it's 3%")).allow_filtering()) == [3]
    else:
        with pytest.raises(InvalidRequest, match="LIKE restriction is only supported on"):
            list(query)


def test_an_attribute_may_have_two_underlines() -> None:
    Thing.create(number=1, deleted__at=7)
    assert Thing.objects(deleted__at=7).get().number == 1
    assert Thing.objects(deleted__at__gt=6).allow_filtering().get().number == 1
    Thing.objects(deleted__at=7).get().delete()


# --- timeuuids -----------------------------------------------------------------------------------


def test_bounds_of_times() -> None:
    logs = Log.objects(host="h")
    assert seconds(logs.filter(id__gt=MaxTimeUUID(moment(3)))) == [4, 5]
    assert seconds(logs.filter(id__gte=MinTimeUUID(moment(3)))) == [3, 4, 5]
    assert seconds(logs.filter(id__lt=MinTimeUUID(moment(3)))) == [0, 1, 2]
    assert seconds(logs.filter(Log.id <= MaxTimeUUID(moment(3)))) == [0, 1, 2, 3]
    zone = datetime.timezone(datetime.timedelta(hours=2))
    there = moment(3).replace(tzinfo=datetime.UTC).astimezone(zone)
    assert seconds(logs.filter(id__gte=MinTimeUUID(there), id__lte=MaxTimeUUID(there))) == [3]


def test_bounds_of_times_in_writes_and_conditions(session: Session) -> None:
    for second in range(3):
        Log.create(host="w", id=uuid_from_time(moment(second).replace(tzinfo=datetime.UTC)))
    Log.objects(host="w", id__lt=MinTimeUUID(moment(1))).delete()
    assert Log.objects(host="w").count() == 2
    first = Log.objects(host="w").first()
    Event.create(id=1, at=first.id)
    with pytest.raises(LWTException):
        Event.objects(id=1).iff(at__lt=MinTimeUUID(moment(1))).delete()
    Event.objects(id=1).iff(at__gte=MinTimeUUID(moment(1))).delete()
    assert session.execute("SELECT * FROM event").one() is None
    Log.objects(host="w").delete()


def test_a_list_of_no_values_has_no_rows(session: Session) -> None:
    assert list(Log.objects(host__in=[])) == []
    assert Cell.objects(x=1, y="1.5", a__in=[]).count() == 0
    Cell.objects(x=1, y="1.5", a__in=(), b="a").update(value=99)
    assert session.execute("SELECT * FROM cell WHERE value = 99 ALLOW FILTERING").one() is None


# --- tokens --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [7, 20])
def test_the_whole_ring_is_walked_by_tokens(session: Session, size: int) -> None:
    session.execute("TRUNCATE thing")
    for number in range(40):
        Thing.create(number=number)
    seen = list(Thing.objects.limit(size))
    while page := list(Thing.objects(pk__token__gt=Token(seen[-1].pk)).limit(size)):
        assert len(page) <= size
        seen.extend(page)
    assert sorted(thing.number for thing in seen) == list(range(40))
    rows = session.execute("SELECT id, token(id) FROM thing").all()
    assert [thing.id for thing in seen] == [row.id for row in rows], "in the ring's order"
    middle = rows[20][0]
    assert Thing.objects(pk__token__lte=Token(middle)).count() == 21
    assert Thing.objects(pk__token__gte=Token(Thing(id=middle))).count() == 20
    assert Thing.objects(pk__token=Token(middle)).get().id == middle
    between = Thing.objects(pk__token__gt=Token(rows[5][0]), pk__token__lt=Token(rows[9][0]))
    assert [thing.id for thing in between] == [row.id for row in rows[6:9]]


def test_tokens_of_several_columns() -> None:
    cell = Cell.objects.first()
    assert len(Cell.objects(pk__token=Token(cell))) == 9
    assert len(Cell.objects(pk__token__gte=Token(1, "1.5"))) == 9
    assert len(Cell.objects(pk__token__gt=Token(1, Decimal("1.5")))) == 0
    with pytest.raises(QueryException, match="Token got 1 values for the partition key"):
        Cell.objects(pk__token__gt=Token(1))
    with pytest.raises(QueryException, match="takes a Token"):
        Cell.objects(pk__token__gt=5)
    with pytest.raises(QueryException, match="a Token compares the partition key"):
        Cell.objects(x__gt=Token(1, 2))


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "error", "message"),
    [
        ({"text": None}, QueryException, "None is not in any index"),
        ({"host": None}, QueryException, "None is not in any index"),
        ({"host__in": ["a", None]}, QueryException, "None is no value to look for"),
        ({"host__in": "abc"}, QueryException, "takes a list, a tuple or a set"),
        ({"host__in": 3}, QueryException, "takes a list, a tuple or a set"),
        ({"nothing": 1}, QueryException, "Log has no column nothing"),
        ({"nothing__gt": 1}, QueryException, "Log has no column nothing"),
        ({"host__near": 1}, QueryOperatorException, "__near is no operator; there are __eq"),
        ({"host__gt__lt": 1}, QueryException, "one operator after the column"),
        ({"pk": 3}, QueryException, "pk takes a tuple"),
        ({"pk__gt": (1, 2)}, QueryException, "the key has 2 columns"),
    ],
)
def test_conditions_that_cannot_be(
    conditions: dict[str, Any], error: type[CQLEngineException], message: str
) -> None:
    with pytest.raises(error, match=message):
        Log.objects.filter(**conditions)


def test_positional_conditions_are_clauses() -> None:
    for wrong in (None, "host = 'h'", True):
        with pytest.raises(QueryException, match=r"filter\(\) takes conditions such as"):
            Log.objects.filter(wrong)
    clause = WhereClause("host", EqualsOperator(), "h")
    assert len(Log.objects.filter(clause)) == 6


def test_values_are_bound_and_no_text(session: Session) -> None:
    """A value is never part of the statement, whatever is in it."""
    evil = "'; DROP TABLE log; --"
    log = Log.create(host=evil, id=uuid.uuid1(), level=9, text='" OR "1"="1', tags={"%s", "?"})
    assert Log.get(host=evil, id=log.id) == log
    assert "DROP" not in str(Log.objects(host=evil))
    assert [each.text for each in Log.objects(host=evil, level=9)] == ['" OR "1"="1']
    assert Log.objects(host=evil, tags__contains="%s").first() == log
    Log.objects(host=evil, id=log.id).update(text="it''s {0} %(a)s :b")
    row = session.execute("SELECT text FROM log WHERE host = %s", (evil,)).one()
    assert row.text == "it''s {0} %(a)s :b"
    log.delete()
    assert Log.objects(host=evil).first() is None
