"""The awaited twin of every verb, on a real node, and both kinds side by side."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import TYPE_CHECKING, Any

import pytest

from cqlengine import columns
from cqlengine.errors import MultipleObjectsReturned, QueryException, ValidationError
from cqlengine.management import sync_table
from cqlengine.models import Model
from cqlengine.query import BatchQuery, ContextQuery, Count, Max
from cqlengine.query.modelquery import ModelQuerySet

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from cqlengine.connection import Connection

pytestmark = pytest.mark.usefixtures("tables")


class Task(Model):
    board = columns.Integer(partition_key=True)
    n = columns.Integer(primary_key=True)
    text = columns.Text()
    tags = columns.Set(columns.Text)


@pytest.fixture(scope="module")
def tables(connection: Connection) -> None:
    sync_table(Task)


def rows(session: Session, board: int) -> list[tuple[Any, ...]]:
    return [tuple(r) for r in session.execute(f"SELECT n, text FROM task WHERE board = {board}")]


async def fill(board: int, number: int = 10) -> None:
    await asyncio.gather(*(Task.acreate(board=board, n=n, text=str(n)) for n in range(number)))


def test_every_verb_has_a_twin() -> None:
    """What asks the server has an awaited twin: its name with an ``a`` before it."""
    for owner, verbs in (
        (Task, ("create", "save", "update", "delete", "get")),
        (ModelQuerySet, ("create", "create_json", "update", "delete")),
        (ModelQuerySet, ("get", "first", "count", "exists")),
        (BatchQuery, ("execute",)),
    ):
        for verb in verbs:
            one, twin = getattr(owner, verb), getattr(owner, f"a{verb}")
            assert inspect.iscoroutinefunction(twin), twin
            assert inspect.signature(one).parameters.keys() == (
                inspect.signature(twin).parameters.keys()
            )


async def test_verbs_of_instances(session: Session) -> None:
    task = await Task.acreate(board=1, n=1, text="a", tags={"x"})
    assert rows(session, 1) == [(1, "a")]
    task.text = "b"
    assert await task.asave() is task
    assert await task.aupdate(tags={"y"}) is task
    assert await Task.aget(board=1, n=1) == task
    assert rows(session, 1) == [(1, "b")]
    with pytest.raises(ValidationError):
        await task.aupdate(n=2)
    await task.adelete()
    assert rows(session, 1) == []
    with pytest.raises(Task.DoesNotExist):
        await Task.aget(board=1, n=1)


async def test_verbs_of_query_sets(session: Session) -> None:
    await fill(2)
    query = Task.objects(board=2)
    assert await query.acount() == 10
    assert (await query.afirst()).n == 0
    assert await query.aexists()
    assert not await Task.objects(board=22).aexists()
    assert await Task.objects(board=22).afirst() is None
    assert (await query.aget(n=3)).text == "3"
    assert (await query.order_by("-n").afirst()).n == 9
    with pytest.raises(MultipleObjectsReturned):
        await query.aget()
    await Task.objects(board=2, n=3).aupdate(text="three", tags__add={"x"})
    await Task.objects(board=2, n__gt=3).adelete()
    await Task.objects.acreate(board=2, n=4, text="four")
    await Task.objects.acreate_json('{"board": 2, "n": 5, "text": "five"}')
    assert rows(session, 2) == [
        *((n, str(n)) for n in range(3)),
        (3, "three"),
        (4, "four"),
        (5, "five"),
    ]


async def test_rows_are_streamed_by_pages() -> None:
    await fill(3, 25)
    query = Task.objects(board=3).fetch_size(4)
    assert [task.n async for task in query] == list(range(25))
    assert [task.n for task in await query.alist()] == list(range(25))
    assert query._rows == []
    assert [task.n for task in await query.limit(9).alist()] == list(range(9))
    assert await query.values_list("text", flat=True).limit(2).alist() == ["0", "1"]
    assert len(await query.json().alist()) == 25
    assert await Task.objects(board=3).annotate(number=Count(), last=Max("n")).aget() == {
        "number": 25,
        "last": 24,
    }
    async for task in query:
        if task.n == 5:
            break
    assert await query.acount() == 25
    assert await query.acount() == query._count


async def test_empty_pages_on_asyncio(session: Session) -> None:
    await fill(4, 12)
    session.execute("DELETE FROM task WHERE board = 4 AND n < 11")
    query = Task.objects(board__in=[40, 41, 42, 4]).fetch_size(1)
    assert (await query.afirst()).n == 11
    assert (await query.aget()).n == 11
    assert [task.n async for task in query] == [11]


async def test_tasks_write_and_read_at_once(session: Session) -> None:
    async def work(number: int) -> list[int]:
        board = 100 + number
        for n in range(5):
            task = await Task.acreate(board=board, n=n, text="new")
            await task.aupdate(text=str(n))
            assert (await Task.aget(board=board, n=n)).text == str(n)
        return [task.n async for task in Task.objects(board=board)]

    found = await asyncio.gather(*(work(number) for number in range(10)))
    assert found == [list(range(5))] * 10
    assert rows(session, 105) == [(n, str(n)) for n in range(5)]


async def test_a_cancelled_verb_leaves_the_connection_of_use() -> None:
    task = asyncio.ensure_future(Task.acreate(board=5, n=1))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await Task.acreate(board=5, n=2)
    assert (await Task.objects(board=5, n=2).afirst()).n == 2


async def test_what_is_changed_while_a_save_is_awaited_is_not_lost(session: Session) -> None:
    task = await Task.acreate(board=8, n=1, text="a")
    task.text = "b"
    saving = asyncio.ensure_future(task.asave())
    await asyncio.sleep(0)  # it is on its way
    task.text = "c"
    task.tags.add("x")
    await saving
    assert rows(session, 8) == [(1, "b")]
    assert task.get_changed_columns() == ["text", "tags"]
    await task.asave()
    assert await Task.aget(board=8, n=1) == task
    assert rows(session, 8) == [(1, "c")]


async def test_contexts_and_options(keyspace: str, session: Session) -> None:
    async with ContextQuery(Task, keyspace=keyspace) as tasks:
        task = await tasks.ttl(500).acreate(board=6, n=1, text="a")
        await task.timestamp(10**15).aupdate(tags={"x"})
        assert await tasks.objects(board=6).acount() == 1
    left = session.execute("SELECT TTL(text), TTL(tags) FROM task WHERE board = 6").one()
    assert left[0] > 400
    assert left[1] is None or list(left[1]) == [None]


async def test_reads_have_no_place_in_a_batch() -> None:
    async with BatchQuery() as batch:
        query = Task.objects(board=7).batch(batch)
        for read in (query.afirst, query.aget, query.acount, query.alist):
            with pytest.raises(QueryException, match="only writes can be in a batch"):
                await read()


async def test_loops_of_other_threads_have_sessions_of_their_own(session: Session) -> None:
    """Blocking calls, this loop and those of other threads, all by the same connection."""
    wrong: list[BaseException] = []

    async def work(number: int) -> None:
        for n in range(5):
            await Task.acreate(board=200 + number, n=n, text="x")
        assert await Task.objects(board=200 + number).acount() == 5

    def on_a_loop(number: int) -> None:
        try:
            asyncio.run(work(number))
        except BaseException as exc:  # noqa: BLE001
            wrong.append(exc)

    def blocking(number: int) -> None:
        try:
            for n in range(5):
                Task.create(board=200 + number, n=n, text="x")
            assert Task.objects(board=200 + number).count() == 5
        except BaseException as exc:  # noqa: BLE001
            wrong.append(exc)

    threads = [threading.Thread(target=on_a_loop, args=(n,)) for n in range(2)]
    threads += [threading.Thread(target=blocking, args=(n,)) for n in range(2, 5)]
    for thread in threads:
        thread.start()
    await fill(205, 5)
    while any(thread.is_alive() for thread in threads):
        await Task.objects(board=205).afirst()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert [len(rows(session, 200 + number)) for number in range(6)] == [5] * 6
