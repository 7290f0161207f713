"""Connections of the mapper with a real node: by name, by session, by event loop, after a fork."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from cql_driver.aio import AsyncCluster
from cql_driver.cluster import Session
from cqlengine import columns
from cqlengine.connection import (
    Connection,
    aexecute,
    execute,
    find_connection,
    get_session,
    register_connection,
    register_udt,
    udt_by_keyspace,
    unregister_connection,
)
from cqlengine.errors import CQLEngineException
from cqlengine.models import Model
from cqlengine.named import NamedKeyspace
from cqlengine.query import ContextQuery
from cqlengine.query.requests import BatchParts, Request
from tests.integration.driver.support import connected, keyspace_of, new_name
from tests.integration.driver.test_processes import in_child
from tests.integration.mapper.conftest import cluster_options

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

pytestmark = pytest.mark.usefixtures("connection")


class User(Model):
    """A model in the default keyspace, on the default connection."""

    __table_name__ = "people"
    id = columns.Integer(primary_key=True)
    name = columns.Text()


@pytest.fixture(scope="module", autouse=True)
def _tables(session: Session, keyspace: str) -> None:
    session.execute("CREATE TABLE people (id int PRIMARY KEY, name text)")


@pytest.fixture
def other(cassandra: Nodes) -> Iterator[Session]:
    """A session in another keyspace, which has the same table."""
    with connected(cassandra) as other, keyspace_of(other, 1):
        other.execute("CREATE TABLE people (id int PRIMARY KEY, name text)")
        yield other


def names(session: Session) -> dict[int, str]:
    """The rows, as a plain session reads them."""
    return {row.id: row.name for row in session.execute("SELECT id, name FROM people")}


def test_verbs_use_the_default_connection(session: Session) -> None:
    User.create(id=1, name="Zoë")
    assert names(session)[1] == "Zoë"
    assert User.objects.get(id=1).name == "Zoë"
    assert find_connection().name == "tests"


async def test_awaited_verbs_use_a_session_of_the_loop(session: Session) -> None:
    await User.acreate(id=2, name="Ida")
    assert names(session)[2] == "Ida"
    assert (await User.objects.aget(id=2)).name == "Ida"
    assert [row async for row in await aexecute(f"SELECT id FROM {session.keyspace}.people")]


def test_several_connections(session: Session, other: Session, options: dict[str, Any]) -> None:
    register_connection("second", lazy_connect=True, **options)
    try:
        there = User.objects.using(keyspace=other.keyspace, connection="second")
        there.create(id=3, name="second")
        instance = there.get(id=3)
        instance.update(name="changed")
        assert names(other) == {3: "changed"}
        assert 3 not in names(session)
        assert get_session("second") is not get_session()
    finally:
        unregister_connection("second")
    with pytest.raises(CQLEngineException, match="no connection is registered as 'second'"):
        there.get(id=3)


def test_explicit_sessions(session: Session, other: Session) -> None:
    factory = other.cluster.profile_manager.default.row_factory
    User.objects.using(keyspace=other.keyspace, connection=other).create(id=4, name="given")
    assert names(other) == {4: "given"}
    assert 4 not in names(session)
    User(id=5, name="own").using(keyspace=other.keyspace, connection=other).save()
    assert names(other) == {4: "given", 5: "own"}
    assert other.cluster.profile_manager.default.row_factory is factory
    registered = register_connection("given", session=other)
    try:
        assert User.objects.using(keyspace=other.keyspace, connection=registered).count() == 2
    finally:
        unregister_connection("given")
    assert not other.is_shutdown


async def test_explicit_sessions_on_asyncio(cassandra: Nodes, other: Session) -> None:
    cluster = AsyncCluster(cassandra.contact_points, **cluster_options(cassandra))
    async with cluster, cluster.connect() as given:
        there = User.objects.using(keyspace=other.keyspace, connection=given)
        await there.acreate(id=6, name="awaited")
        assert names(other) == {6: "awaited"}
        with pytest.raises(CQLEngineException, match="await the verb with the letter a"):
            there.count()
    with pytest.raises(CQLEngineException, match="give an AsyncSession"):
        await User.objects.using(keyspace=other.keyspace, connection=other).acount()


def test_two_loops_in_two_threads(connection: Connection, session: Session) -> None:
    together = threading.Barrier(2)
    sessions: list[Any] = []

    async def main(first: int) -> None:
        sessions.append(await connection.aget_session())
        together.wait()
        for key in range(first, first + 20):
            await User.acreate(id=key, name=f"loop {first}")
        assert await User.objects.filter(id__in=range(first, first + 20)).acount() == 20

    threads = [threading.Thread(target=asyncio.run, args=(main(n),)) for n in (1000, 2000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, sessions))) == 2
    assert all(each.is_shutdown for each in sessions)
    found = names(session)
    assert [found[1019], found[2019]] == ["loop 1000", "loop 2000"]


def test_a_child_connects_anew(session: Session) -> None:
    User.create(id=7, name="parent")

    def child() -> str:
        User.create(id=8, name="child")
        return User.objects.get(id=7).name

    assert in_child(child) == "parent"
    assert names(session)[8] == "child"
    User.create(id=9, name="parent again")
    assert names(session)[9] == "parent again"


def test_a_child_of_a_lazy_connection(session: Session, options: dict[str, Any]) -> None:
    register_connection("lazy", lazy_connect=True, **options)
    there = User.objects.using(connection="lazy")
    there.filter(id=1).first()

    async def awaited() -> str:
        await there.acreate(id=11, name="child's loop")
        return (await there.aget(id=11)).name

    try:
        assert in_child(lambda: asyncio.run(awaited())) == "child's loop"
    finally:
        unregister_connection("lazy")
    assert names(session)[11] == "child's loop"


def test_a_batch_of_the_protocol(connection: Connection, session: Session, keyspace: str) -> None:
    text = f'INSERT INTO {keyspace}.people ("id", "name") VALUES (?, ?)'
    entries = [(text, (12, "a")), (text, (13, "b"))]
    connection.execute(Request("", batch=BatchParts(entries, "UNLOGGED", timestamp=123_456)))
    rows = session.execute("SELECT id, writetime(name) AS at FROM people WHERE id IN (12, 13)")
    assert {row.id: row.at for row in rows} == {12: 123_456, 13: 123_456}


def test_a_change_of_the_schema(connection: Connection, session: Session, keyspace: str) -> None:
    table = new_name()
    text = f"CREATE TABLE {keyspace}.{table} (k int PRIMARY KEY)"
    connection.execute(Request(text, prepared=False))
    assert session.execute(f"SELECT * FROM {table}").all() == []


def test_execute_gives_dicts(session: Session, keyspace: str) -> None:
    User.create(id=14, name="dict")
    text = f"SELECT id, name FROM {keyspace}.people WHERE id = "
    assert execute(text + "?", (14,)).all() == [{"id": 14, "name": "dict"}]
    assert execute(text + "%s", (14,)).all() == [{"id": 14, "name": "dict"}]
    assert session.execute(text + "14").one().name == "dict"


class Address(NamedTuple):
    """A user type."""

    street: str
    number: int


@pytest.fixture
def _types_forgotten() -> Iterator[None]:
    yield
    udt_by_keyspace.clear()


@pytest.mark.usefixtures("_types_forgotten")
def test_user_types_are_registered(
    session: Session, keyspace: str, options: dict[str, Any]
) -> None:
    session.execute("CREATE TYPE address (street text, number int)")
    session.execute("CREATE TABLE houses (k int PRIMARY KEY, a frozen<address>)")
    register_udt(keyspace, "not_there", Address)
    register_udt(keyspace, "address", Address)
    register_connection("types", **options)
    try:
        session.execute("INSERT INTO houses (k, a) VALUES (1, {street: 'Ring', number: 7})")
        text = f"SELECT a FROM {keyspace}.houses"
        assert execute(text, connection="types").one()["a"] == Address("Ring", 7)
        assert type(execute(text, connection="types").one()["a"]) is Address
    finally:
        unregister_connection("types")


def test_tables_without_models(session: Session, keyspace: str) -> None:
    session.execute('CREATE TABLE "Log" ("Day" int, at int, text text, PRIMARY KEY ("Day", at))')
    for at in range(5):
        session.execute('INSERT INTO "Log" ("Day", at, text) VALUES (1, %s, %s)', (at, f"t{at}"))
    log = NamedKeyspace(keyspace).table("Log")
    assert log.get(Day=1, at=3).text == "t3"
    assert [row.at for row in log.filter(Day=1, at__gte=2).order_by("-at")] == [4, 3, 2]
    assert [row["at"] for row in log.filter(log.column("Day") == 1).limit(2)] == [0, 1]
    assert log.filter(Day=1).count() == 5
    assert list(log.objects.distinct(["Day"])) == [{"Day": 1}]
    with pytest.raises(log.DoesNotExist):
        log.get(Day=2, at=0)
    with pytest.raises(log.MultipleObjectsReturned):
        log.get(Day=1)


async def test_tables_without_models_on_asyncio(session: Session, keyspace: str) -> None:
    users = NamedKeyspace(keyspace).table("people")
    session.execute("INSERT INTO people (id, name) VALUES (15, 'fifteen')")
    assert (await users.aget(id=15)).name == "fifteen"
    assert [row.name async for row in users.filter(id__in=[15, 16])] == ["fifteen"]


def test_models_elsewhere(session: Session, other: Session) -> None:
    assert other.keyspace is not None
    with ContextQuery(User, keyspace=other.keyspace, connection=other) as there:
        instance = there.create(id=17, name="there")
        instance.update(name="changed")
        assert there.objects.get(id=17).name == "changed"
        assert names(other) == {17: "changed"}
        instance.delete()
        assert names(other) == {}
    assert 17 not in names(session)


async def test_models_elsewhere_on_asyncio(session: Session, other: Session) -> None:
    async with ContextQuery(User, keyspace=other.keyspace) as there:
        await there.acreate(id=18, name="there")
        assert [row.name async for row in there.objects.all()] == ["there"]
    assert names(other) == {18: "there"}


def test_threads_that_are_first_at_once(options: dict[str, Any]) -> None:
    connection = register_connection("threads", lazy_connect=True, **options)
    barrier = threading.Barrier(8)
    found: list[Any] = []

    def ask() -> None:
        barrier.wait()
        found.append((User.objects.using(connection="threads").count(), connection.session))

    work: Callable[[], None] = ask
    threads = [threading.Thread(target=work) for _ in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert len({id(session) for _, session in found}) == 1
    finally:
        unregister_connection("threads")
