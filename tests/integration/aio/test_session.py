"""Keyspaces, the schema, loops and the end of sessions of the asyncio API on a real node."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import DriverException, InvalidRequest
from cql_driver.aio import AsyncCluster, AsyncSession
from cql_driver.cluster import NoHostAvailable, SchemaListener, SessionShutdown
from cql_protocol.errors import UnsupportedOperation
from tests.integration.aio.support import connected, in_flight, keyspace_of, until
from tests.integration.driver.support import defaults, new_name

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

pytestmark = pytest.mark.once

QUERY = "SELECT release_version FROM system.local"
SLOW = "SELECT * FROM system_schema.columns"

Factory = Callable[[], asyncio.AbstractEventLoop]


# --- keyspaces -----------------------------------------------------------------------------------


async def test_a_keyspace_is_used_by_all_connections(
    session: AsyncSession, cassandra: Nodes
) -> None:
    async with connected(cassandra) as other, keyspace_of(other, 1) as first:
        await other.execute("CREATE TABLE t (k int PRIMARY KEY)")
        async with keyspace_of(other, 1) as second:
            await other.execute("CREATE TABLE t (k int PRIMARY KEY)")
            await other.execute("INSERT INTO t (k) VALUES (2)")
            await other.execute(f"USE {first}")
            assert other.keyspace == first
            await other.execute("INSERT INTO t (k) VALUES (1)")
            await other.set_keyspace(second)
            results = await asyncio.gather(*[other.execute("SELECT k FROM t") for _ in range(50)])
            assert {result.one().k for result in results} == {2}
            with pytest.raises(UnsupportedOperation, match="set_keyspace"):
                other.keyspace = first
        with pytest.raises(InvalidRequest, match="nowhere"):
            await other.set_keyspace("nowhere")
        assert other.keyspace == first
        assert (await other.execute("SELECT k FROM t")).one().k == 1
        with pytest.raises((InvalidRequest, NoHostAvailable), match="nowhere"):
            await other.cluster.connect("nowhere")
        async with other.cluster.connect(first) as third:
            assert (await third.execute("SELECT k FROM t")).one().k == 1


# --- the schema ----------------------------------------------------------------------------------


class Listener(SchemaListener):
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def on_added(self, entity: Any) -> None:
        self.heard.append(("added", entity.name))

    def on_changed(self, old: Any, new: Any) -> None:
        self.heard.append(("changed", new.name))

    def on_dropped(self, entity: Any) -> None:
        self.heard.append(("dropped", entity.name))


async def test_who_listens_hears_of_changes(session: AsyncSession, cassandra: Nodes) -> None:
    async with connected(cassandra) as other, keyspace_of(other, 1) as keyspace:
        heard = Listener()
        await other.cluster.register_schema_listener(heard)
        name = new_name()
        changes = [
            (f"CREATE TABLE {name} (k int PRIMARY KEY)", "added"),
            (f"ALTER TABLE {name} ADD v text", "changed"),
            (f"DROP TABLE {name}", "dropped"),
        ]
        for text, what in changes:
            # One by another session, of which only an event tells.
            await session.execute(text.replace(name, f"{keyspace}.{name}"))
            await until(lambda: heard.heard, "it was told of")
            assert (what, name) in heard.heard
            heard.heard.clear()
            if what == "changed":
                tables = other.cluster.metadata.keyspaces[keyspace].tables
                assert list(tables[name].columns) == ["k", "v"]


async def test_metadata(session: AsyncSession, table: str, cassandra: Nodes) -> None:
    async with connected(cassandra, session.keyspace) as other:
        metadata = other.cluster.metadata
        assert {host.address for host in metadata.all_hosts()} == set(cassandra.contact_points)
        assert session.keyspace is not None
        await other.cluster.refresh_keyspace_metadata(session.keyspace)
        text = metadata.keyspaces[session.keyspace].tables[table].export_as_string()
        assert text.startswith("CREATE TABLE")
        await other.execute(f"ALTER TABLE {table} ADD more int")
        await other.cluster.refresh_table_metadata(session.keyspace, table)
        assert "more" in metadata.keyspaces[session.keyspace].tables[table].columns
        assert await other.wait_for_schema_agreement(30)
        await other.cluster.refresh_nodes()
        select = await other.prepare(f"SELECT v FROM {table} WHERE k = ?")
        assert select.routing_key_indexes == (0,)
        routing_key = select.bind((1,)).routing_key
        assert len(metadata.get_replicas(session.keyspace, routing_key)) == 1


# --- loops ---------------------------------------------------------------------------------------


async def _work(nodes: Nodes, count: int) -> set[str]:
    async with connected(nodes) as session:
        results = await asyncio.gather(*[session.execute(QUERY) for _ in range(count)])
        return {result.one().release_version for result in results}


def test_loops_in_threads_each_with_a_cluster(cassandra: Nodes, loop_factory: Factory) -> None:
    found: list[Any] = []

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                found.append(runner.run(_work(cassandra, 200)))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            found.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert found == [{cassandra.version}] * 4


def test_one_loop_after_the_other(cassandra: Nodes, loop_factory: Factory) -> None:
    for _ in range(3):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            assert runner.run(_work(cassandra, 10)) == {cassandra.version}


async def test_a_session_belongs_to_its_loop(session: AsyncSession, loop_factory: Factory) -> None:
    errors: list[BaseException] = []

    async def use() -> None:
        for call in (session.execute, session.execute_async, session.prepare):
            try:
                await call(QUERY)
            except DriverException as error:
                errors.append(error)

    def run() -> None:
        with asyncio.Runner(loop_factory=loop_factory) as other:
            other.run(use())

    await asyncio.to_thread(run)
    assert len(errors) == 3
    assert all("loop" in str(error) for error in errors)
    assert (await session.execute(QUERY)).one()


async def test_two_clusters_on_one_loop(session: AsyncSession, cassandra: Nodes) -> None:
    async with connected(cassandra) as first, connected(cassandra) as second:
        calls = [one.execute(QUERY) for one in (first, second, session) for _ in range(50)]
        assert {r.one()[0] for r in await asyncio.gather(*calls)} == {cassandra.version}
        await first.cluster.shutdown()
        assert (await second.execute(QUERY)).one()


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["session", "cluster"])
async def test_requests_in_flight_end_with_the_shutdown(
    session: AsyncSession, cassandra: Nodes, what: str
) -> None:
    before = asyncio.all_tasks()
    async with connected(cassandra) as other:
        tasks = [asyncio.create_task(other.execute(SLOW)) for _ in range(100)]
        futures = [other.execute_async(SLOW) for _ in range(100)]
        await asyncio.sleep(0.02)
        async with asyncio.timeout(5):
            await (other.shutdown() if what == "session" else other.cluster.shutdown())
            outcomes = await asyncio.gather(*tasks, *futures, return_exceptions=True)
        ended = [outcome for outcome in outcomes if isinstance(outcome, SessionShutdown)]
        assert ended
        assert all(len(rows.current_rows) > 0 for rows in outcomes if rows not in ended)
        for call in (other.execute, other.prepare):
            with pytest.raises(SessionShutdown):
                await call(QUERY)
        await other.shutdown()
    assert asyncio.all_tasks() == before


async def test_connecting_is_cancelled(session: AsyncSession, cassandra: Nodes) -> None:
    before = asyncio.all_tasks()

    async def connect_within(delay: float) -> None:
        async with asyncio.timeout(delay):
            await cluster.connect(wait_for_all_pools=True)
            await asyncio.sleep(1)

    for delay in (0.0, 0.001, 0.01, 0.05):
        cluster = AsyncCluster(
            cassandra.contact_points, port=cassandra.port, execution_profiles=defaults()
        )
        with pytest.raises(TimeoutError):
            await connect_within(delay)
        await cluster.shutdown()
    assert asyncio.all_tasks() == before
    assert (await session.execute(QUERY)).one()


# uvloop warns of what is still open, and does not come back where the warning is an error.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_loop_that_is_closed_before_its_cluster(cassandra: Nodes, loop_factory: Factory) -> None:
    """No good style, but it must neither hang nor crash, and leave nothing that hinders others."""

    async def connect() -> AsyncSession:
        cluster = AsyncCluster(
            cassandra.contact_points,
            port=cassandra.port,
            execution_profiles=defaults(),
            connect_timeout=30,
            control_connection_timeout=30,
        )
        session = await cluster.connect()
        assert (await session.execute(QUERY)).one()
        return session

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        session = runner.run(connect())
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        with pytest.raises(DriverException):
            runner.run(session.execute(QUERY))
        runner.run(session.cluster.shutdown())
        assert runner.run(_work(cassandra, 10)) == {cassandra.version}
        with pytest.raises(SessionShutdown):
            runner.run(session.execute(QUERY))


async def test_nothing_is_left(session: AsyncSession, cassandra: Nodes) -> None:
    assert in_flight(session) == 0
    links = len([link for pool in session.get_pools() for link in pool.all_links])
    for _ in range(5):
        async with connected(cassandra) as other:
            assert (await other.execute(QUERY)).one()
    assert len([link for pool in session.get_pools() for link in pool.all_links]) == links
    assert asyncio.all_tasks() == {asyncio.current_task()}
