"""Batches of models' writes, on a real node."""

from __future__ import annotations

import time
import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import ConsistencyLevel
from cql_protocol.errors import NoHostAvailable
from cqlengine import columns
from cqlengine.connection import Connection, register_connection, unregister_connection
from cqlengine.errors import CQLEngineException, LWTException, QueryException
from cqlengine.management import sync_table
from cqlengine.models import Model
from cqlengine.operators import EqualsOperator
from cqlengine.query import BatchQuery, BatchType, CBatchType
from cqlengine.statements import AssignmentClause, InsertStatement, UpdateStatement, WhereClause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cql_driver.cluster import Session

pytestmark = pytest.mark.usefixtures("tables")


class Line(Model):
    doc = columns.Integer(partition_key=True)
    n = columns.Integer(primary_key=True)
    text = columns.Text()
    tags = columns.Set(columns.Text)
    steps = columns.List(columns.Integer)
    nested = columns.Map(columns.Text, columns.List(columns.Integer))


class Views(Model):
    page = columns.Text(primary_key=True)
    number = columns.Counter()


@pytest.fixture(scope="module")
def tables(connection: Connection) -> None:
    for model in (Line, Views):
        sync_table(model)


@pytest.fixture
def other(session: Session) -> Iterator[Connection]:
    """Another connection to the same node."""
    made = register_connection("other", session=session)
    yield made
    unregister_connection("other")


def lines(session: Session, doc: int) -> list[tuple[Any, ...]]:
    return [tuple(r) for r in session.execute(f"SELECT n, text FROM line WHERE doc = {doc}")]


# --- what is in a batch ------------------------------------------------------------------------


def test_writes_are_sent_together(session: Session) -> None:
    first = Line.create(doc=1, n=1, text="a", tags={"x"})
    second = Line.create(doc=1, n=2, text="b")
    Line.create(doc=1, n=3, text="c")
    with BatchQuery() as batch:
        Line.batch(batch).create(doc=1, n=4, text="d")
        Line.objects.batch(batch).create(doc=1, n=5, text="e")
        first.batch(batch).update(text="A", tags={"x", "y"})
        second.batch(batch).delete()
        Line.objects(doc=1, n=3).batch(batch).delete()
        Line.objects.batch(batch).filter(doc=1, n=6).update(text="f")
        assert len(batch) == 6
        assert lines(session, 1) == [(1, "a"), (2, "b"), (3, "c")], "nothing is sent so far"
    assert lines(session, 1) == [(1, "A"), (4, "d"), (5, "e"), (6, "f")]
    assert len(batch) == 0
    first.update(text="B")
    assert lines(session, 1)[0] == (1, "B"), "the batch was for one verb alone"


def test_kinds_of_batches(session: Session) -> None:
    for number, kind in enumerate(
        (None, "", BatchType.Unlogged, "unlogged", CBatchType.LOGGED, CBatchType.UNLOGGED)
    ):
        with BatchQuery(kind) as batch:  # type: ignore[arg-type]
            Line.batch(batch).create(doc=2, n=number)
    assert len(lines(session, 2)) == 6
    with BatchQuery(BatchType.Counter) as batch:
        Views.objects(page="p").batch(batch).update(number=5)
        Views.batch(batch).create(page="q", number=2)
    rows = session.execute("SELECT page, number FROM views")
    assert sorted(tuple(row) for row in rows) == [("p", 5), ("q", 2)]
    with pytest.raises(QueryException, match="Views has counters"), BatchQuery() as batch:
        Views.objects(page="p").batch(batch).update(number=5)
    with pytest.raises(CQLEngineException, match="batch_type='BIG'"):
        BatchQuery("BIG")


def test_statements_of_one_s_own(session: Session) -> None:
    table = Line.column_family_name()
    with BatchQuery() as batch:
        names = {"doc": 3, "n": 1, "text": "'"}
        batch.add_query(InsertStatement(table, [AssignmentClause(*pair) for pair in names.items()]))
        update = UpdateStatement(table)
        update.add_update("tags", {"a"}, operation="add")
        for name in ("doc", "n"):
            update._add_where_clause(WhereClause(name, EqualsOperator(), 3 if name == "doc" else 1))
        batch.add_query(update)
    assert lines(session, 3) == [(1, "'")]
    assert Line.get(doc=3, n=1).tags == {"a"}
    with pytest.raises(CQLEngineException, match=r"add_query\(\) takes a statement"):
        batch.add_query("INSERT INTO line (doc, n) VALUES (1, 1)")


def test_reads_have_no_place_in_a_batch() -> None:
    batch = BatchQuery()
    query = Line.objects(doc=1).batch(batch)
    for read in (query.first, query.get, query.count, lambda: list(query)):
        with pytest.raises(QueryException, match="only writes can be in a batch"):
            read()
    for wrong in (5, "batch", object()):
        with pytest.raises(QueryException, match=r"batch\(\) takes a BatchQuery"):
            Line.objects.batch(wrong)  # type: ignore[arg-type]
    assert len(Line.objects.batch(batch).batch(None).filter(doc=77)) == 0


# --- how it is sent ----------------------------------------------------------------------------


def test_timestamps_of_batches(session: Session) -> None:
    def stamp(n: int) -> int:
        row = session.execute(f"SELECT WRITETIME(text) FROM line WHERE doc = 4 AND n = {n}").one()
        return int(row[0])

    moment = datetime(2021, 2, 3, 4, 5, 6, 789)
    with BatchQuery(timestamp=moment) as batch:
        Line.batch(batch).create(doc=4, n=1, text="a")
    with BatchQuery(timestamp=moment.replace(tzinfo=UTC)) as batch:
        Line.batch(batch).create(doc=4, n=2, text="a")
        Line.batch(batch).timestamp(55).create(doc=4, n=3, text="a")
    with BatchQuery(timestamp=123_456) as batch:
        Line.objects(doc=4, n=4).batch(batch).update(text="a")
    before = time.time_ns() // 1000
    with BatchQuery(timestamp=timedelta(hours=-1)) as batch:
        Line.batch(batch).create(doc=4, n=5, text="a")
    assert stamp(1) == stamp(2) == 1_612_325_106_000_789
    assert stamp(3) == 55
    assert stamp(4) == 123_456
    assert 0 <= stamp(5) - (before - 3_600_000_000) < 60_000_000
    with pytest.raises(QueryException, match="timestamp='now'"):
        BatchQuery(timestamp="now")  # type: ignore[arg-type]


def test_the_consistency_of_batches(session: Session) -> None:
    with BatchQuery(consistency=ConsistencyLevel.ALL) as batch:
        Line.batch(batch).create(doc=5, n=1)
    batch = BatchQuery(timeout=20).consistency(ConsistencyLevel.THREE)
    Line.batch(batch).create(doc=5, n=2)
    with pytest.raises(NoHostAvailable, match="Cannot achieve consistency level THREE"):
        batch.execute()
    assert lines(session, 5) == [(1, None)]
    assert len(batch) == 1, "it can be sent again"
    BatchQuery.warn_multiple_exec = False
    try:
        batch.consistency(ConsistencyLevel.ONE).execute()
    finally:
        BatchQuery.warn_multiple_exec = True
    assert lines(session, 5) == [(1, None), (2, None)]


# --- exceptions, callbacks ---------------------------------------------------------------------


def test_an_exception_leaves_the_batch_unsent(session: Session) -> None:
    with pytest.raises(ZeroDivisionError), BatchQuery() as batch:  # noqa: PT012
        Line.batch(batch).create(doc=6, n=1)
        1 / 0  # noqa: B018
    assert lines(session, 6) == []
    with pytest.raises(ZeroDivisionError), BatchQuery(execute_on_exception=True) as batch:  # noqa: PT012
        Line.batch(batch).create(doc=6, n=2)
        1 / 0  # noqa: B018
    assert lines(session, 6) == [(2, None)]


def test_callbacks_are_called_once_it_is_done(session: Session) -> None:
    seen: list[Any] = []
    with BatchQuery() as batch:
        Line.batch(batch).create(doc=7, n=1, text="a")
        batch.add_callback(lambda: seen.append(lines(session, 7)))
        batch.add_callback(seen.append, "second")
        batch.add_callback(lambda *args, **kwargs: seen.append((args, kwargs)), 1, a=2)
        assert seen == []
    assert seen == [[(1, "a")], "second", ((1,), {"a": 2})]
    with BatchQuery() as batch:
        batch.add_callback(seen.append, "empty")
    assert seen[-1] == "empty"
    with pytest.raises(TypeError, match="takes a function"):
        batch.add_callback("no function")  # type: ignore[arg-type]
    with pytest.raises(NoHostAvailable), BatchQuery(consistency=ConsistencyLevel.THREE) as batch:  # noqa: PT012
        batch.add_callback(seen.append, "never")
        Line.batch(batch).create(doc=7, n=2)
    assert seen[-1] == "empty"


def test_a_second_execution_is_warned_of(session: Session) -> None:
    called: list[int] = []
    batch = BatchQuery()
    batch.add_callback(called.append, 1)
    Line.batch(batch).create(doc=8, n=1)
    batch.execute()
    Line.objects(doc=8).delete()
    with pytest.warns(UserWarning, match="executed a second time") as caught:
        batch.execute()
    assert caught[0].filename == __file__
    assert called == [1, 1]
    assert lines(session, 8) == [], "its statements are sent once"
    with warnings.catch_warnings(), BatchQuery() as batch:
        Line.batch(batch).create(doc=8, n=2)
    with pytest.warns(UserWarning, match="executed a second time") as caught, batch:
        pass
    assert caught[0].filename == __file__


# --- instances -----------------------------------------------------------------------------------


def test_what_a_failed_batch_did_not_write_is_still_changed(session: Session) -> None:
    old = Line.create(doc=20, n=1, text="a", tags={"x"})
    gone = Line.create(doc=20, n=2, text="b")
    new = Line(doc=20, n=3, text="c")
    batch = BatchQuery(consistency=ConsistencyLevel.THREE)
    old.batch(batch).update(text="A")
    old.tags.add("y")
    old.batch(batch).save()
    gone.batch(batch).delete()
    new.batch(batch).save()
    assert old.get_changed_columns() == []
    with pytest.raises(NoHostAvailable):
        batch.execute()
    assert lines(session, 20) == [(1, "a"), (2, "b")]
    assert old.get_changed_columns() == ["text", "tags"]
    assert (gone._is_persisted, new._is_persisted) == (True, False)
    old.save()
    new.save()
    assert lines(session, 20) == [(1, "A"), (2, "b"), (3, "c")]
    assert Line.get(doc=20, n=1) == old


def test_a_batch_that_fails_and_is_executed_anew(session: Session) -> None:
    line = Line.create(doc=21, n=1, text="a")
    batch = BatchQuery(consistency=ConsistencyLevel.THREE)
    line.batch(batch).update(text="b")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            with pytest.raises(NoHostAvailable):
                batch.execute()
            assert line.get_changed_columns() == ["text"]
        batch.consistency(ConsistencyLevel.ONE).execute()
    assert line.get_changed_columns() == []
    assert lines(session, 21) == [(1, "b")]


def test_a_batch_that_is_not_sent_leaves_instances_changed(session: Session) -> None:
    line = Line.create(doc=22, n=1, text="a")
    with pytest.raises(ZeroDivisionError), BatchQuery() as batch:  # noqa: PT012
        line.batch(batch).update(text="b")
        1 / 0  # noqa: B018
    line.save()
    assert lines(session, 22) == [(1, "b")]
    batch = BatchQuery()
    line.batch(batch).iff(text="other").update(text="c")
    with pytest.raises(LWTException):
        batch.execute()
    assert line.get_changed_columns() == ["text"]
    line.save()
    assert lines(session, 22) == [(1, "c")]


def test_containers_are_sent_as_they_were_when_they_were_put_in(session: Session) -> None:
    line = Line(doc=23, n=1, steps=[1], tags={"x"}, nested={"a": [1]})
    with BatchQuery() as batch:
        line.batch(batch).save()
        line.steps.append(2)
        line.nested["a"].append(2)
        line.tags.add("y")
    (row,) = session.execute("SELECT steps, tags, nested FROM line WHERE doc = 23")
    assert (row.steps, set(row.tags), dict(row.nested)) == ([1], {"x"}, {"a": [1]})
    assert line.get_changed_columns() == ["tags", "steps", "nested"]
    with BatchQuery() as batch:
        line.batch(batch).save()
        line.steps.append(3)
        line.batch(batch).save()
    assert Line.get(doc=23, n=1) == line


# --- connections -------------------------------------------------------------------------------


def test_a_batch_has_one_connection(session: Session, other: Connection) -> None:
    class There(Line):
        __table_name__ = "line"
        __connection__ = "other"

    with BatchQuery() as batch:
        There.batch(batch).create(doc=9, n=1)
    batch = BatchQuery()
    Line.batch(batch).create(doc=9, n=2)
    with pytest.raises(CQLEngineException, match="There belongs to another connection"):
        There.batch(batch).create(doc=9, n=3)
    with BatchQuery(connection="other") as batch:
        Line.batch(batch).create(doc=9, n=4)
        There.batch(batch).create(doc=9, n=5)
    with BatchQuery(connection=session) as batch:
        Line.batch(batch).create(doc=9, n=6)
    assert [n for n, _ in lines(session, 9)] == [1, 4, 5, 6]
    with pytest.raises(QueryException, match="cannot be combined"):
        Line.objects.using(connection="other").batch(batch)
    with pytest.raises(QueryException, match="a batch has its own connection"):
        Line.objects.batch(batch).using(connection="other")
    with pytest.raises(QueryException, match="a batch has its own connection"):
        Line(doc=9, n=1).batch(batch).using(connection="other")
    with pytest.raises(QueryException, match="a batch has its own connection"):
        Line(doc=9, n=1).using(connection="other").batch(batch)
    with pytest.raises(QueryException, match="takes a BatchQuery"):
        Line(doc=9, n=1).batch("batch")  # type: ignore[arg-type]


def test_instances_of_another_connection_take_their_batch_along(
    session: Session, other: Connection
) -> None:
    Line.create(doc=10, n=1, text="a")
    read = Line.objects.using(connection=other).get(doc=10, n=1)
    batch = BatchQuery()
    read.batch(batch).update(text="b")
    assert batch._connection is other
    batch.execute()
    assert lines(session, 10) == [(1, "b")]
    batch = BatchQuery()
    Line.batch(batch).create(doc=10, n=2)
    with pytest.raises(CQLEngineException, match="belongs to another connection"):
        read.batch(batch).update(text="c")


async def test_batches_on_asyncio(session: Session) -> None:
    seen: list[str] = []
    async with BatchQuery(timestamp=777) as batch:
        Line.batch(batch).create(doc=11, n=1, text="a")
        await Line.batch(batch).acreate(doc=11, n=2, text="b")
        Line.objects(doc=11, n=3).batch(batch).update(text="c")
        batch.add_callback(seen.append, "done")
        assert lines(session, 11) == []
    assert lines(session, 11) == [(1, "a"), (2, "b"), (3, "c")]
    assert seen == ["done"]
    row = session.execute("SELECT WRITETIME(text) FROM line WHERE doc = 11 AND n = 1").one()
    assert row[0] == 777
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with BatchQuery() as batch:
            Line.batch(batch).create(doc=12, n=1)
            1 / 0  # noqa: B018
    assert lines(session, 12) == []
    batch = BatchQuery()
    await batch.aexecute()
    with pytest.warns(UserWarning, match="executed a second time"):
        await batch.aexecute()
