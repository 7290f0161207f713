"""Statements through the asyncio API: what they do is what the blocking API does."""

from __future__ import annotations

import asyncio
import gc
import time
import uuid
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.aio import AsyncResultSet
from cql_driver.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NotConditional
from cql_driver.concurrent import execute_concurrent
from cql_driver.core.observers import Observer
from cql_driver.errors import TraceUnavailable
from cql_driver.query import (
    BatchStatement,
    SimpleStatement,
    dict_factory,
    tuple_factory,
)
from cql_protocol.errors import (
    InvalidRequest,
    NoHostAvailable,
    OperationTimedOut,
    SyntaxException,
    UnsupportedOperation,
)
from cql_protocol.messages import Execute, Prepare, Query
from tests.simulation import Answer, Delay, Drop, Fail, Rule, Unprepared

if TYPE_CHECKING:
    from tests.aio.conftest import Connect
    from tests.aio.live import LiveNodes


async def test_kinds_of_statements(connect: Connect) -> None:
    async with connect() as session:
        await session.execute("INSERT INTO t (k, v) VALUES (%s, %s)", (1, "one"))
        await session.execute("INSERT INTO t (k, v) VALUES (?, ?)", (2, "two"))
        await session.execute(SimpleStatement("INSERT INTO t (k, v) VALUES (3, 'three')"))
        select = await session.prepare("SELECT v FROM t WHERE k = ?")
        assert (await session.execute(select, (1,))).one().v == "one"
        assert (await session.execute(select.bind((2,)))).one().v == "two"
        assert [row.v for row in await session.execute(select, {"k": 3})] == ["three"]
        assert (await session.execute_async(select, (2,))).one() == ("two",)
        result = await session.execute("INSERT INTO t (k, v) VALUES (4, 'four')")
        assert isinstance(result, AsyncResultSet)
        assert not result
        assert list(result) == []


async def test_batches(connect: Connect) -> None:
    async with connect() as session:
        batch = BatchStatement()
        batch.add(await session.prepare("INSERT INTO t (k, v) VALUES (?, ?)"), (11, "a"))
        batch.add("INSERT INTO t (k, v) VALUES (?, ?)", (12, "b"))  # prepared on the way
        batch.add(SimpleStatement("INSERT INTO t (k, v) VALUES (13, 'c')"))
        await session.execute(batch)
        for key, value in ((11, "a"), (12, "b"), (13, "c")):
            assert (await session.execute(f"SELECT v FROM t WHERE k = {key}")).one().v == value


async def test_tasks_by_the_thousand(connect: Connect, nodes: LiveNodes) -> None:
    async with connect() as session:
        insert = await session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        select = await session.prepare("SELECT k, v FROM t WHERE k = ?")
        async with asyncio.TaskGroup() as group:
            for key in range(100, 1100):
                group.create_task(session.execute(insert, (key, str(key))))
        found = await asyncio.gather(
            *(session.execute(select, (key,)) for key in range(100, 600)),
            *(session.execute_async(select, (key,)) for key in range(600, 1100)),
        )
        assert [result.one() for result in found] == [(k, str(k)) for k in range(100, 1100)]


async def test_a_task_is_made_for_nothing(connect: Connect) -> None:
    async with connect() as session:
        select = await session.prepare("SELECT v FROM t WHERE k = ?")
        before = asyncio.all_tasks()
        futures = [session.execute_async(select, (1,)) for _ in range(10)]
        assert asyncio.all_tasks() == before
        await asyncio.gather(*futures)


async def test_preparing_at_once_is_one_request(connect: Connect, nodes: LiveNodes) -> None:
    text = "SELECT k FROM t WHERE k = ?"
    async with connect(prepare_on_all_hosts=False) as session:
        for node in nodes.cluster.nodes:
            node.prepares.clear()
        statements = await asyncio.gather(*(session.prepare(text) for _ in range(50)))
        assert len({statement.state for statement in statements}) == 1
        assert sum(len(node.prepares) for node in nodes.cluster.nodes) == 1
        assert (await session.prepare(text)).state is statements[0].state
        assert (await session.prepare(text, {"a": b"b"})).query_string == text
        assert sum(len(node.prepares) for node in nodes.cluster.nodes) == 2


async def test_errors(connect: Connect, nodes: LiveNodes) -> None:
    async with connect() as session:
        for execute in (session.execute, session.execute_async):
            with pytest.raises(InvalidRequest):
                await execute("SELECT * FROM nothing")
        with pytest.raises((SyntaxException, InvalidRequest)):
            await session.prepare("SELEC")
        for node in nodes.cluster.nodes:
            node.rules.append(Rule(Drop(), text="k = 5"))
        for execute in (session.execute, session.execute_async):
            with pytest.raises(OperationTimedOut):
                await execute("SELECT * FROM t WHERE k = 5", timeout=0.05)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await session.execute("SELECT * FROM t WHERE k = 5")
        await session.execute("SELECT * FROM t WHERE k = 6")


async def test_statements_that_nodes_forgot(connect: Connect, nodes: LiveNodes) -> None:
    async with connect() as session:
        insert = await session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        for node in nodes.cluster.nodes:
            node.rules.append(Rule(Unprepared(), message=Execute, times=1))
        await session.execute(insert, (20, "again"))
        assert (await session.execute("SELECT v FROM t WHERE k = 20")).one().v == "again"


async def test_retries_and_speculation_work_as_ever(connect: Connect, nodes: LiveNodes) -> None:
    from cql_driver.policies import ConstantSpeculativeExecutionPolicy

    profile = ExecutionProfile(
        speculative_execution_policy=ConstantSpeculativeExecutionPolicy(0.01, 2)
    )
    async with connect(execution_profiles={EXEC_PROFILE_DEFAULT: profile}) as session:
        nodes[1].rules.append(Rule(Drop(), text="SELECT"))
        nodes[2].rules.append(Rule(Drop(), text="SELECT"))
        statement = SimpleStatement("SELECT * FROM t WHERE k = 1", is_idempotent=True)
        for _ in range(5):
            result = await session.execute(statement)
            assert result.response_future.coordinator_host.address == nodes[3].address


async def test_hosts(connect: Connect, nodes: LiveNodes) -> None:
    async with connect() as session:
        for host in session.hosts:
            result = await session.execute("SELECT * FROM t WHERE k = 1", host=host)
            assert result.response_future.coordinator_host is host
            assert result.response_future.attempted_hosts == [host]
        nodes.call(nodes[1].hang)
        [hung] = [host for host in session.hosts if host.address == nodes[1].address]
        with pytest.raises(OperationTimedOut):
            await session.execute("SELECT * FROM t WHERE k = 1", host=hung, timeout=0.05)
        nodes.heal()
        assert set(session.get_pool_state()) == set(session.cluster.metadata.all_hosts())


async def test_profiles(connect: Connect) -> None:
    profiles = {
        EXEC_PROFILE_DEFAULT: ExecutionProfile(),
        "dicts": ExecutionProfile(row_factory=dict_factory),
    }
    async with connect(execution_profiles=profiles) as session:
        await session.execute("INSERT INTO t (k, v) VALUES (30, 'x')")
        query = "SELECT v FROM t WHERE k = 30"
        assert (await session.execute(query)).one().v == "x"
        assert (await session.execute(query, execution_profile="dicts")).one() == {"v": "x"}
        plain = session.execution_profile_clone_update("dicts", row_factory=tuple_factory)
        assert (await session.execute(query, execution_profile=plain)).one() == ("x",)
        await session.cluster.add_execution_profile("late", plain)
        assert (await session.execute(query, execution_profile="late")).one() == ("x",)


async def test_the_keyspace(connect: Connect) -> None:
    async with connect(None) as session:
        assert session.keyspace is None
        with pytest.raises(InvalidRequest):
            await session.execute("SELECT * FROM t WHERE k = 1")
        await session.set_keyspace("ks")
        assert session.keyspace == "ks"
        await session.execute("SELECT * FROM t WHERE k = 1")
        with pytest.raises(UnsupportedOperation, match=r"await session\.set_keyspace"):
            session.keyspace = "other"
        with pytest.raises(InvalidRequest):
            await session.set_keyspace("nothing")
        assert session.keyspace == "ks"
        assert await session.wait_for_schema_agreement(5)
        assert await session.wait_for_schema_agreement(5, "rack")


async def test_warnings_and_payloads(connect: Connect, nodes: LiveNodes) -> None:
    async with connect() as session:
        for node in nodes.cluster.nodes:
            node.rules.append(
                Rule(Answer(warnings=["careful"], payload={"a": b"b"}), text="k = 40")
            )
        result = await session.execute("SELECT * FROM t WHERE k = 40", custom_payload={"x": b"y"})
        assert list(result.warnings) == ["careful"]
        assert result.custom_payload == {"a": b"b"}
        with pytest.raises(NotConditional, match="IF"):
            result.was_applied  # noqa: B018


async def test_traces(connect: Connect, nodes: LiveNodes) -> None:
    async with connect() as session:
        result = await session.execute("SELECT * FROM t WHERE k = 1", trace=True)
        trace = await result.get_query_trace()
        assert trace is not None
        assert trace.duration is not None
        assert trace.events == ()
        assert [t.trace_id for t in await result.get_all_query_traces()] == [trace.trace_id]
        assert (
            await (await session.execute("SELECT * FROM t WHERE k = 1")).get_query_trace() is None
        )
        with pytest.raises(UnsupportedOperation, match=r"await result\.get_query_trace"):
            trace.populate()
        for node in nodes.cluster.nodes:
            node.rules.append(Rule(Drop(), text="system_traces"))
        with pytest.raises(TraceUnavailable):
            await result.get_query_trace(0.05)
        reading = asyncio.create_task(result.get_query_trace(10))
        await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading


async def test_what_would_wait_on_the_loop_says_what_to_await(connect: Connect) -> None:
    async with connect() as session:
        pairs = [("SELECT * FROM t WHERE k = 1", None)]
        with pytest.raises(UnsupportedOperation, match="await what the AsyncSession"):
            execute_concurrent(session, pairs)  # type: ignore[arg-type]


async def test_a_request_that_fails_leaves_nothing_to_the_collector(connect: Connect) -> None:
    async with connect() as session:
        for execute in (session.execute, session.execute_async):
            statement = SimpleStatement("SELECT * FROM nothing")
            reference = weakref.ref(statement)
            gc.disable()
            try:
                with pytest.raises(InvalidRequest):
                    await execute(statement)
                del statement
                await asyncio.sleep(0)
                assert reference() is None
            finally:
                gc.enable()


def test_nor_does_one_that_was_waited_for(nodes: LiveNodes) -> None:
    with Cluster(**nodes.options) as cluster:
        session = cluster.connect("ks")
        statement = SimpleStatement("SELECT * FROM nothing")
        reference = weakref.ref(statement)
        gc.disable()
        try:
            with pytest.raises(InvalidRequest):
                session.execute(statement)
            del statement
            late = time.monotonic() + 5
            while reference() is not None:  # the loop's thread may still be at it
                assert time.monotonic() < late
                time.sleep(0.001)
        finally:
            gc.enable()


async def test_listeners_are_told_of_requests(connect: Connect) -> None:
    async with connect() as session:
        told: list[Any] = []

        def listen(future: Any, word: str) -> None:
            told.append((word, future.query.query_string))
            future.add_callback(lambda rows: told.append(rows))
            future.add_errback(lambda error: told.append(type(error)))

        session.add_request_init_listener(listen, word="start")
        await session.execute("INSERT INTO t (k, v) VALUES (50, 'x')")
        await session.execute_async("SELECT v FROM t WHERE k = 50")
        with pytest.raises(InvalidRequest):
            await session.execute("SELECT * FROM nothing")
        await asyncio.sleep(0)
        session.remove_request_init_listener(listen, word="start")
        await session.execute("SELECT v FROM t WHERE k = 50")
        assert told == [
            ("start", "INSERT INTO t (k, v) VALUES (50, 'x')"),
            None,
            ("start", "SELECT v FROM t WHERE k = 50"),
            [("x",)],
            ("start", "SELECT * FROM nothing"),
            InvalidRequest,
        ]


async def test_observers_see_requests(connect: Connect) -> None:
    class Seen(Observer):
        ended = 0

        def request_ended(self, execution: Any, error: Any, duration: float) -> None:
            Seen.ended += 1

    async with connect(observers=[Seen()], metrics_enabled=True) as session:
        before = Seen.ended
        for _ in range(5):
            await session.execute("SELECT * FROM t WHERE k = 1")
        assert Seen.ended == before + 5
        metrics = session.cluster.metrics
        assert metrics is not None
        assert metrics.request_timer["count"] >= 5


async def test_the_time_of_writes_is_sent_along(connect: Connect) -> None:
    async with connect() as session:
        session.timestamp_generator = lambda: 5
        await session.execute("INSERT INTO t (k, v) VALUES (60, 'x')")
        assert session.default_fetch_size == 5000
        assert session.prefetch_pages is True


async def test_a_request_with_a_role_and_a_random_id(connect: Connect) -> None:
    async with connect() as session:
        await session.execute("SELECT * FROM t WHERE k = 1", execute_as="bob")
        assert isinstance(session.session_id, uuid.UUID)
        assert "AsyncSession" in repr(session)


async def test_every_node_refuses(connect: Connect, nodes: LiveNodes) -> None:
    async with connect() as session:
        for node in nodes.cluster.nodes:
            node.rules.append(Rule(Fail(InvalidRequest("no")), message=Query, text="k = 70"))
        with pytest.raises(InvalidRequest, match="no"):
            await session.execute("SELECT * FROM t WHERE k = 70")


async def test_what_is_prepared_on_the_way_counts_for_the_timeout(
    connect: Connect, nodes: LiveNodes
) -> None:
    async with connect() as session:
        for node in nodes.cluster.nodes:
            node.rules.append(Rule(Delay(0.3), message=Prepare))
        with pytest.raises((OperationTimedOut, NoHostAvailable)):
            await session.execute("SELECT v FROM w WHERE p = ? AND c = 9", (1,), timeout=0.05)
