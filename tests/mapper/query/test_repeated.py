"""Query sets, batches and verbs that are used again after an error, or by several at once.

What a node would answer is given by the tests: a verb yields its requests.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from cql_driver.cluster.profiles import NOT_SET
from cql_driver.query import UNSET_VALUE
from cql_protocol.errors import InvalidValue
from cqlengine import columns
from cqlengine.connection import Connection
from cqlengine.errors import LWTException, PolymorphicModelException, QueryException
from cqlengine.functions import Token
from cqlengine.models import Model
from cqlengine.query import BatchQuery, BatchType
from cqlengine.query.requests import Request
from cqlengine.query.unset import without_unset


class Task(Model):
    __keyspace__ = "work"

    id = columns.Integer(primary_key=True)
    title = columns.Text()
    tags = columns.Set(columns.Text)
    steps = columns.List(columns.Text)


class Tag(Model):
    __keyspace__ = "work"

    name = columns.Text(primary_key=True)


class Animal(Model):
    __keyspace__ = "zoo"

    id = columns.Integer(primary_key=True)
    kind = columns.Text(discriminator_column=True)


class Result:
    """What the driver returns: pages of rows."""

    def __init__(self, names: list[str], *pages: list[tuple[Any, ...]]) -> None:
        self.column_names = names
        self._pages = list(pages) or [[]]

    @property
    def current_rows(self) -> list[tuple[Any, ...]]:
        return self._pages[0]

    @property
    def has_more_pages(self) -> bool:
        return len(self._pages) > 1

    def fetch_next_page(self) -> None:
        del self._pages[0]


class Scripted(Connection):
    """A connection that answers each request by a function, and keeps the requests."""

    def __init__(self, answer: Callable[[Request], Any]) -> None:
        super().__init__("scripted", lazy_connect=True)
        self.answer = answer
        self.requests: list[Request] = []

    def execute(self, request: Request) -> Any:
        self.requests.append(request)
        return self.answer(request)


def nothing(request: Request) -> Result:
    return Result([])


def task(connection: Connection | None = None, **values: Any) -> Task:
    """An instance as if it was read with these columns alone."""
    read = Task._construct_instance(values)
    read._using = (None, connection or Scripted(nothing))
    return read


def sent_by(instance: Task) -> list[tuple[str, list[Any]]]:
    """Save an instance; return what was sent."""
    assert instance._using is not None
    connection = instance._using[1]
    instance.save()
    return [(request.text, list(request.values)) for request in connection.requests]


# --- columns that were not read ------------------------------------------------------------------


def test_none_is_written_to_a_column_that_was_not_read() -> None:
    read = task(id=1)
    assert read.get_changed_columns() == []
    read.title = None
    read.tags = set()
    assert read.get_changed_columns() == ["title", "tags"]
    assert sent_by(read) == [
        ('UPDATE work.task SET "title" = ?, "tags" = ? WHERE "id" = ?', [None, None, 1])
    ]
    assert read.get_changed_columns() == []


def test_a_list_that_was_not_read_is_added_to() -> None:
    read = task(id=1)
    assert read.steps == []
    read.steps.append("paint")
    assert sent_by(read) == [
        ('UPDATE work.task SET "steps" = "steps" + ? WHERE "id" = ?', [["paint"], 1])
    ]


def test_none_is_written_by_a_blind_update_of_an_instance() -> None:
    connection = Scripted(nothing)
    Task(id=1).using(connection=connection).update(title=None)
    (request,) = connection.requests
    assert request.text == 'UPDATE work.task SET "title" = ? WHERE "id" = ?'
    assert list(request.values) == [None, 1]


# --- what counts as saved ------------------------------------------------------------------------


def test_an_update_that_has_nothing_to_write_saves_nothing() -> None:
    connection = Scripted(nothing)
    tag = Tag(name="red")
    tag.using(connection=connection).update()
    assert not connection.requests
    tag.using(connection=connection).save()
    assert [request.text for request in connection.requests] == [
        'INSERT INTO work.tag ("name") VALUES (?)'
    ]


def test_what_changes_while_a_verb_waits_is_still_to_be_saved() -> None:
    changing: list[Task] = []

    def answer(request: Request) -> Result:
        for each in changing:
            each.title = "later"
            each.tags.add("later")
        return Result([])

    connection = Scripted(answer)
    saved = task(connection, id=1, title="old", tags={"old"})
    changing.append(saved)
    saved.title = "now"
    saved.save()
    assert saved.get_changed_columns() == ["title", "tags"]
    new = Task(id=2, title="now", tags={"old"})
    changing[:] = [new]
    new.using(connection=connection).save()
    assert new.get_changed_columns() == ["title", "tags"]


def test_all_is_written_of_an_instance_that_was_deleted() -> None:
    connection = Scripted(nothing)
    gone = task(connection, id=1, title="old", tags={"a"})
    gone.delete()
    gone.update(title="new")
    assert connection.requests[-1].text.count(" = ?") == 3
    assert list(connection.requests[-1].values) == ["new", {"a"}, 1]


def test_copies_of_instances_that_refer_to_one_another_do_as_well() -> None:
    parent: Any = Task(id=1)
    parent.self = parent
    copied = copy.deepcopy(parent)
    assert copied is not parent
    assert copied.self is copied


# --- lightweight transactions --------------------------------------------------------------------


def test_conditions_and_times_do_not_go_together() -> None:
    connection = Scripted(nothing)
    there = Task.objects.using(connection=connection)
    with pytest.raises(QueryException, match=r"leave out timestamp\(\), or the condition"):
        there.timestamp(5).if_not_exists().create(id=1)
    with pytest.raises(QueryException, match=r"leave out timestamp\(\)"):
        there.filter(id=1).timestamp(5).iff(title="x").update(title="y")
    with pytest.raises(QueryException, match=r"leave out timestamp\(\)"):
        task(connection, id=1).timestamp(5).if_exists().delete()
    batch = BatchQuery(timestamp=5, connection=connection)
    Task.batch(batch).if_not_exists().create(id=1)
    with pytest.raises(QueryException, match="leave out the timestamp of the batch"):
        batch.execute()
    assert not connection.requests


# --- batches -------------------------------------------------------------------------------------


def refused(request: Request) -> Result:
    return Result(["[applied]", "id"], [(False, 1)])


@pytest.mark.filterwarnings("ignore:the batch is executed a second time")
def test_instances_of_a_batch_that_was_not_applied_are_never_saved_by_it() -> None:
    connection = Scripted(refused)
    batch = BatchQuery(connection=connection)
    new = Task(id=1)
    new.batch(batch).if_not_exists().save()
    with pytest.raises(LWTException):
        batch.execute()
    assert not new._is_persisted
    batch.execute()
    assert len(connection.requests) == 1
    assert not new._is_persisted


@pytest.mark.filterwarnings("ignore:the batch is executed a second time")
def test_a_batch_that_failed_is_filled_further_and_executed_anew() -> None:
    connection = Scripted(failing)
    batch = BatchQuery(connection=connection)
    first, second = Task(id=1), Task(id=2)
    first.batch(batch).save()
    with pytest.raises(OSError, match="gone"):
        batch.execute()
    assert not first._is_persisted
    second.batch(batch).save()
    connection.answer = nothing
    batch.execute()
    assert len(connection.requests[-1].batch.entries) == 2  # type: ignore[union-attr]
    assert first._is_persisted
    assert second._is_persisted


def failing(request: Request) -> Result:
    raise OSError("gone")


def test_a_batch_that_fails_within_its_block_leaves_instances_unsaved() -> None:
    new = Task(id=1)

    def fail_within() -> None:
        with BatchQuery(connection=Scripted(failing)) as batch:
            new.batch(batch).save()
            batch.execute()

    with pytest.raises(OSError, match="gone"):
        fail_within()
    assert not new._is_persisted


@pytest.mark.filterwarnings("ignore:the batch is executed a second time")
def test_what_is_added_while_a_batch_waits_is_sent_the_next_time() -> None:
    late = Task(id=2)

    def answer(request: Request) -> Result:
        if not late._is_persisted:
            late.batch(batch).save()
        return Result([])

    connection = Scripted(answer)
    batch = BatchQuery(connection=connection)
    Task.batch(batch).create(id=1)
    batch.execute()
    assert len(batch) == 1
    batch.execute()
    assert [len(request.batch.entries) for request in connection.requests] == [1, 1]  # type: ignore[union-attr]


# --- query sets ----------------------------------------------------------------------------------


def tasks(count: int) -> Result:
    rows: list[tuple[Any, ...]] = [(n, str(n), None, None) for n in range(count)]
    return Result(["id", "title", "tags", "steps"], rows[:3], [], rows[3:])


def test_threads_that_share_a_query_set_read_its_rows_once() -> None:
    barrier = Barrier(4)
    connection = Scripted(lambda request: tasks(9))
    query = Task.objects.using(connection=connection)

    def read() -> list[int]:
        barrier.wait()
        return [each.id for each in query]

    with ThreadPoolExecutor(4) as threads:
        found = [future.result() for future in [threads.submit(read) for _ in range(4)]]
    assert found == [list(range(9))] * 4
    assert len(connection.requests) == 1


def test_a_query_set_asks_anew_after_a_row_that_cannot_be_read() -> None:
    connection = Scripted(lambda request: Result(["id", "kind"], [(1, "unicorn")]))
    query = Animal.objects.using(connection=connection)
    for _ in range(2):
        with pytest.raises(PolymorphicModelException, match="unicorn"):
            list(query)
    assert len(connection.requests) == 2


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda query: pickle.loads(pickle.dumps(query))]
)
def test_copies_of_query_sets_ask_anew(copied: Callable[[Any], Any]) -> None:
    query = Task.objects.filter(id=1).timeout(3)
    query._rows.append(Task(id=1))
    query._asked = True
    made = copied(query)
    assert made == query
    assert made._rows == []
    assert made._options.timeout == 3
    assert copied(Task.objects.ttl(5))._options.timeout is NOT_SET


# --- protocols without unset values --------------------------------------------------------------


def test_columns_without_a_value_are_left_out_where_the_protocol_is_older() -> None:
    def answer(request: Request) -> Result:
        entries = request.batch.entries if request.batch else [(request.text, request.values)]
        if any(value is UNSET_VALUE for _, values in entries for value in values):
            raise InvalidValue("UNSET needs protocol version 4 or newer")
        return Result([])

    connection = Scripted(answer)
    Task.objects.using(connection=connection).ttl(60).create(id=1, title=None)
    assert connection.requests[-1].text == (
        'INSERT INTO work.task ("id", "title") VALUES (?, ?) USING TTL ?'
    )
    assert list(connection.requests[-1].values) == [1, None, 60]
    with BatchQuery(connection=connection) as batch:
        Task.batch(batch).create(id=1)
        Task.objects.filter(id=2).batch(batch).update(title="x")
    parts = connection.requests[-1].batch
    assert parts is not None
    assert [text for text, _ in parts.entries] == [
        'INSERT INTO work.task ("id") VALUES (?)',
        'UPDATE work.task SET "title" = ? WHERE "id" = ?',
    ]


def test_another_invalid_value_is_raised() -> None:
    def answer(request: Request) -> Result:
        raise InvalidValue("column 'id': too large")

    connection = Scripted(answer)
    with pytest.raises(InvalidValue, match="too large"):
        Task.objects.using(connection=connection).create(id=1)
    with pytest.raises(InvalidValue, match="too large"):
        Task.objects.using(connection=connection).filter(id=1).update(title="x")


def test_names_that_are_quoted_are_left_out_as_well() -> None:
    text = 'INSERT INTO "Work"."t (""x"")" ("a, b", "c"") VALUES (") VALUES (?, ?)'
    assert without_unset(text, [UNSET_VALUE, 1]) == (
        'INSERT INTO "Work"."t (""x"")" ("c"") VALUES (") VALUES (?)',
        [1],
    )
    assert without_unset("UPDATE t SET a = ?", [1]) == ("UPDATE t SET a = ?", [1])


# --- values that are shared ----------------------------------------------------------------------


class Visits(Model):
    __keyspace__ = "work"

    day = columns.Integer(primary_key=True)
    count = columns.Counter()


def test_a_token_is_of_use_for_several_models() -> None:
    token = Token("1")
    text, number = Tag.filter(pk__token__gt=token), Task.filter(pk__token__gt=token)
    assert text._selection.where[0].values() == ["1"]
    assert number._selection.where[0].values() == [1]
    assert token._columns is None


def test_the_key_may_be_named_in_an_update_in_any_form() -> None:
    connection = Scripted(nothing)
    read = task(connection, id=1, title="old")
    read.update(id="1", title="new")
    assert read.id == 1
    assert list(connection.requests[0].values) == ["new", 1]


def test_counters_are_told_to_need_a_batch_of_counters() -> None:
    batch = BatchQuery()
    with pytest.raises(QueryException, match=r"BatchType\.Counter"):
        Visits.batch(batch).create(day=1, count=1)
    assert len(batch) == 0
    counted = BatchQuery(batch_type=BatchType.Counter, connection=Scripted(nothing))
    Visits.batch(counted).create(day=1, count=1)
    assert len(counted) == 1


# --- containers that were looked at --------------------------------------------------------------


def test_to_look_at_what_was_not_read_changes_nothing_of_what_is_saved() -> None:
    """Printing an instance asks for the values of all columns."""
    looked = task(id=1)
    assert repr(looked)
    assert looked.get_changed_columns() == []
    assert sent_by(looked) == []
    looked.tags = set()
    assert looked.get_changed_columns() == ["tags"]
    assert sent_by(looked) == [('UPDATE work.task SET "tags" = ? WHERE "id" = ?', [None, 1])]
    replaced = task(id=1)
    assert repr(replaced)
    replaced.tags = {"a"}
    assert sent_by(replaced) == [('UPDATE work.task SET "tags" = ? WHERE "id" = ?', [{"a"}, 1])]


def test_what_was_looked_at_stays_unread_when_something_else_is_saved() -> None:
    looked = task(id=1)
    assert looked.steps == []
    looked.title = "x"
    looked.save()
    looked = pickle.loads(pickle.dumps(looked))
    looked._using = (None, Scripted(nothing))
    looked.steps.append("a")
    assert sent_by(looked) == [
        ('UPDATE work.task SET "steps" = "steps" + ? WHERE "id" = ?', [["a"], 1])
    ]
    looked.steps.append("b")
    assert sent_by(looked)[1:] == [
        ('UPDATE work.task SET "steps" = "steps" + ? WHERE "id" = ?', [["b"], 1])
    ]
    looked.steps = []
    assert sent_by(looked)[2:] == [('UPDATE work.task SET "steps" = ? WHERE "id" = ?', [None, 1])]


def test_a_new_instance_that_was_looked_at_leaves_what_it_does_not_name() -> None:
    connection = Scripted(nothing)
    new = Task(id=1)
    assert repr(new)
    new.using(connection=connection).save()
    assert list(connection.requests[0].values)[2:] == [UNSET_VALUE, UNSET_VALUE]
    other = Task(id=1)
    assert repr(other)
    other.tags = set()
    other.using(connection=connection).save()
    assert list(connection.requests[1].values)[2:] == [None, UNSET_VALUE]


class Lottery(Model):
    __keyspace__ = "work"

    id = columns.Integer(primary_key=True)
    numbers = columns.List(columns.Integer)


def test_what_was_added_to_an_unread_list_is_added_after_an_error_too() -> None:
    connection = Scripted(failing)
    unread = Lottery._construct_instance({"id": 1})
    unread._using = (None, connection)
    numbers: Any = unread.numbers
    numbers.append("7")  # which becomes a number, in another list
    with pytest.raises(OSError, match="gone"):
        unread.save()
    with pytest.raises(OSError, match="gone"):
        unread.save()
    text = 'UPDATE work.lottery SET "numbers" = "numbers" + ? WHERE "id" = ?'
    assert [request.text for request in connection.requests] == [text, text]
