"""Requests and results of `TwistedSession`, as cases for trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet import defer, reactor, task

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile, SchemaListener
from cql_driver.core.observers import Observer
from cql_driver.errors import (
    InvalidArgument,
    InvalidArgumentType,
    UserTypeDoesNotExist,
)
from cql_driver.query import BatchStatement, arrow_factory, dict_factory
from cql_protocol.errors import (
    DriverException,
    InvalidRequest,
    OperationTimedOut,
    SyntaxException,
    UnsupportedOperation,
)
from cql_reactors.twistedreactor import TwistedCluster, TwistedResultSet, TwistedSession
from tests.reactors.deferreds.case import INSERT, SELECT, Case
from tests.simulation.faults import Answer, Delay, Drop

if TYPE_CHECKING:
    from collections.abc import Iterator


class Statements(Case):
    """Requests and their results."""

    async def test_statements(self) -> None:
        session = await self.connect()
        await session.execute("INSERT INTO t (k, v) VALUES (%s, %s)", (1, "one"))
        await session.execute(INSERT, (2, "two"))
        select = await session.prepare(SELECT)
        result = await session.execute(select, (1,))
        assert isinstance(result, TwistedResultSet)
        assert result.one().v == "one"
        assert result[0].v == "one"
        assert [row.v for row in await session.execute(select, (2,))] == ["two"]
        assert (await session.execute_async(select, (2,))).one() == ("two",)
        batch = BatchStatement()
        batch.add(await session.prepare(INSERT), (3, "three"))
        nothing = await session.execute(batch)
        assert not nothing
        assert list(nothing) == []
        profile = session.execution_profile_clone_update(
            EXEC_PROFILE_DEFAULT, row_factory=dict_factory
        )
        rows = await session.execute(select, [3], execution_profile=profile)
        assert rows.one() == {"v": "three"}

    @defer.inlineCallbacks
    def test_inline_callbacks(self) -> Iterator[Any]:
        cluster = self.cluster()
        session = yield cluster.connect("ks")
        yield session.execute(INSERT, (1, "one"))
        result = yield session.execute(SELECT, (1,))
        assert result.one().v == "one"
        with pytest.raises(SyntaxException, match="nonsense"):
            yield session.execute("SELECT nonsense")
        yield cluster.shutdown()

    def test_callbacks(self) -> defer.Deferred[Any]:
        seen: list[Any] = []
        cluster = self.cluster()
        done = cluster.connect("ks")
        done.addCallback(lambda session: session.execute(SELECT, (99,)))
        done.addCallback(lambda result: seen.append(result.one()))
        done.addCallback(lambda _: cluster.shutdown())

        def look(_: object) -> None:
            assert seen == [None]

        return done.addCallback(look)

    async def test_async_with(self) -> None:
        async with TwistedCluster(**self.nodes.options) as cluster:
            async with await cluster.connect("ks") as session:
                assert (await session.execute(SELECT, (99,))).all().result == []
            assert session.is_shutdown
        assert cluster.is_shutdown

    async def test_what_is_wrong_is_the_failure(self) -> None:
        session = await self.connect()
        for begin, kind in (
            (lambda: session.execute("SELECT nonsense"), SyntaxException),
            (lambda: session.execute(SELECT, 7), DriverException),
            (lambda: session.execute(None), DriverException),
            (lambda: session.execute(SELECT, (1,), timeout="soon"), DriverException),
            (lambda: session.execute(SELECT, (1,), execution_profile="none"), DriverException),
            (lambda: session.prepare("SELECT nonsense"), SyntaxException),
            (lambda: session.prepare(7), DriverException),
            (lambda: session.set_keyspace("no_such"), InvalidRequest),
            (lambda: session.set_keyspace(7), DriverException),
            (lambda: session.wait_for_schema_agreement("long"), DriverException),
            (lambda: session.execute_concurrent(7), DriverException),
            (lambda: session.execute_concurrent([], concurrency=0), InvalidArgument),
            (lambda: session.cluster.connect("no_such"), DriverException),
            (lambda: session.cluster.connect(7), DriverException),
            (lambda: session.cluster.refresh_keyspace_metadata(7), DriverException),
            (lambda: session.cluster.register_schema_listener(7), DriverException),
            (lambda: session.cluster.add_execution_profile("p", 7), DriverException),
            (lambda: session.cluster.register_user_type("ks", "none", dict), UserTypeDoesNotExist),
        ):
            await self.fails(begin(), kind)
        assert (await session.execute(SELECT, (99,))).one() is None

    async def test_what_would_wait_is_refused(self) -> None:
        session = await self.connect()
        with pytest.raises(UnsupportedOperation):
            session.keyspace = "ks"
        with pytest.raises(UnsupportedOperation):
            session.trace_rows("SELECT", (), 1)
        for name in ("reactor", "background_thread", "runtime", "reconnect_after_fork"):
            with pytest.raises(InvalidArgument):
                TwistedCluster(**{name: True})

    async def test_the_keyspace(self) -> None:
        session = await self.cluster().connect()
        await self.fails(session.execute(SELECT, (1,)), InvalidRequest)
        assert await session.set_keyspace("ks") is None
        assert session.keyspace == "ks"
        await session.execute(SELECT, (1,))

    async def test_schema_profiles_and_nodes(self) -> None:
        session = await self.connect()
        cluster = session.cluster
        await cluster.refresh_nodes()
        await cluster.refresh_schema_metadata()
        await cluster.refresh_keyspace_metadata("ks")
        await cluster.refresh_table_metadata("ks", "t")
        assert "t" in cluster.metadata.keyspaces["ks"].tables
        assert await session.wait_for_schema_agreement(5)
        await cluster.add_execution_profile("dicts", ExecutionProfile(row_factory=dict_factory))
        await session.execute(INSERT, (1, "one"))
        rows = await session.execute(SELECT, (1,), execution_profile="dicts")
        assert rows.one() == {"v": "one"}
        added: list[Any] = []

        class Listener(SchemaListener):
            def on_added(self, entity: Any) -> None:
                added.append(entity.name)

        await cluster.register_schema_listener(Listener())
        await session.execute("CREATE TABLE more (k int PRIMARY KEY, v text)")
        await self.until(lambda: "more" in added)

    async def test_listeners_of_requests(self) -> None:
        session = await self.connect()
        seen: list[Any] = []
        session.add_request_init_listener(
            lambda future: future.add_callback(lambda rows: seen.append(rows))
        )
        await session.execute(SELECT, (1,))
        await self.until(lambda: bool(seen))
        assert seen == [[]]
        await session.execute_concurrent_with_args(SELECT, [(1,), (2,)])
        await self.until(lambda: seen == [[]] * 3)

    async def test_a_timeout(self) -> None:
        session = await self.connect()
        await session.prepare(SELECT)
        self.rule(Drop(), text="SELECT v")
        late = session.execute(SELECT, (1,), timeout=0.05)
        await self.fails(late, OperationTimedOut)


class Pages(Case):
    """Results of more than one page."""

    async def filled(self) -> TwistedSession:
        session = await self.connect()
        await self.fill(session, 100)
        session.default_fetch_size = 10
        return session

    async def test_pages(self) -> None:
        session = await self.filled()
        for prefetch in (True, False):
            session.prefetch_pages = prefetch
            result = await session.execute("SELECT k FROM t")
            with pytest.raises(InvalidArgument):
                iter(result)
            assert len(await result.all()) == 100
            result = await session.execute("SELECT k FROM t")
            assert len({row.k async for row in result}) == 100
            result = await session.execute("SELECT k FROM t")
            pages = [len(page) async for page in result.pages()]
            assert pages[:10] == [10] * 10
            result = await session.execute("SELECT k FROM t")
            seen = {row.k for row in result.current_rows}
            while result.has_more_pages:
                assert await result.fetch_next_page() is result
                seen |= {row.k for row in result.current_rows}
            assert len(seen) == 100
            await result.fetch_next_page()
            assert result.current_rows == []

    async def test_columns(self) -> None:
        arrow = pytest.importorskip("pyarrow", reason="columns need pyarrow, which is not there")
        session = await self.filled()
        for session.prefetch_pages in (True, False):
            table = await (await session.execute("SELECT k FROM t")).to_arrow()
            assert sorted(table["k"].to_pylist()) == list(range(100))
            result = await session.execute("SELECT k FROM t", row_factory=arrow_factory)
            batches = [batch async for batch in result]
            assert [batch.num_rows for batch in batches[:10]] == [10] * 10
            assert arrow.Table.from_batches(batches).num_rows == 100
        result = await session.execute("SELECT k FROM t")
        async for _ in result:
            break
        with pytest.raises(InvalidArgument):
            await result.to_numpy()
        assert len(await result.all()) == 99

    async def test_no_row_comes_twice(self) -> None:
        session = await self.filled()
        result = await session.execute("SELECT k FROM t")
        seen = []
        async for row in result:
            seen.append(row.k)
            if len(seen) == 15:
                break
        seen += [row.k for row in await result.all()]
        assert sorted(seen) == list(range(100))

    async def test_a_page_that_cannot_be_had_can_be_asked_for_again(self) -> None:
        session = await self.filled()
        session.prefetch_pages = False
        result = await session.execute("SELECT k FROM t")
        first = list(result.current_rows)
        self.rule(Answer(InvalidRequest("not now")), text="SELECT k", times=1)
        await self.fails(result.fetch_next_page(), InvalidRequest)
        assert result.current_rows == first
        fetching = result.fetch_next_page()
        await self.fails(result.fetch_next_page(), InvalidArgument)
        await fetching
        assert result.current_rows != first

    async def test_cancelled_between_pages(self) -> None:
        session = await self.filled()
        session.prefetch_pages = False
        result = await session.execute("SELECT k FROM t")
        self.rule(Drop(), text="SELECT k", times=1)
        everything = result.all()
        await task.deferLater(reactor, 0.02)
        everything.cancel()
        await self.fails(everything, defer.CancelledError)
        rows = await result.all()  # the page at hand is not lost
        assert sorted(row.k for row in rows) == list(range(100))
        assert await result.all() == []


class InFlight(Observer):
    """Counts requests that are in flight."""

    def __init__(self) -> None:
        self.now = self.most = self.begun = 0

    def request_created(self, request: Any) -> None:
        self.begun += 1
        self.now += 1
        self.most = max(self.most, self.now)

    def request_ended(self, request: Any, *outcome: Any) -> None:
        self.now -= 1


class Concurrent(Case):
    """Many statements at once."""

    async def observed(self) -> tuple[TwistedSession, InFlight]:
        counts = InFlight()
        session = await self.connect(observers=[counts])
        await self.fill(session, 100)
        await session.prepare(SELECT)
        counts.now = counts.most = counts.begun = 0
        return session, counts

    async def test_results_come_in_order(self) -> None:
        session, counts = await self.observed()
        self.rule(Delay(0.0, 0.01), text="SELECT v")
        pairs = [(SELECT, (number,)) for number in range(100)]
        for concurrency in (1, 7, 1000):
            counts.most = 0
            results = await session.execute_concurrent(pairs, concurrency)
            assert [r.result_or_exc.one().v for r in results] == [str(n) for n in range(100)]
            assert counts.most == min(concurrency, 100)
            given = session.execute_concurrent(pairs, concurrency, results_generator=True)
            found = [result.result_or_exc.one().v async for result in given]
            assert found == [str(n) for n in range(100)]
        assert await session.execute_concurrent([]) == []

    async def test_who_takes_slowly_holds_back(self) -> None:
        session, counts = await self.observed()

        def endless() -> Iterator[tuple[int]]:
            while True:
                yield (1,)

        results = session.execute_concurrent_with_args(
            SELECT, endless(), concurrency=10, results_generator=True
        )
        taken = 0
        async for _ in results:
            taken += 1
            if taken % 10 == 0:
                await task.deferLater(reactor, 0.01)
            assert counts.begun <= taken + 10
            if taken == 50:
                break
        await results.aclose()
        assert counts.now == 0

    async def test_an_async_iterable(self) -> None:
        session, _ = await self.observed()

        async def keys() -> Any:
            for number in range(50):
                if number % 10 == 0:
                    await task.deferLater(reactor, 0.001)
                yield (number,)

        results = await session.execute_concurrent_with_args(SELECT, keys(), concurrency=4)
        assert [r.result_or_exc.one().v for r in results] == [str(n) for n in range(50)]

        async def broken() -> Any:
            yield (1,)
            raise ZeroDivisionError

        broken_results = session.execute_concurrent_with_args(SELECT, broken())
        await self.fails(broken_results, ZeroDivisionError)

    async def test_an_async_iterable_that_waits_for_results(self) -> None:
        session, _ = await self.observed()
        taken: list[defer.Deferred[None]] = [defer.Deferred() for _ in range(5)]

        async def keys() -> Any:
            for number in range(5):
                yield (number,)
                await taken[number]

        results = session.execute_concurrent_with_args(
            SELECT, keys(), concurrency=4, results_generator=True
        )
        at = 0
        async for result in results:
            assert result.result_or_exc.one().v == str(at)
            taken[at].callback(None)
            at += 1
        assert at == 5

    async def test_errors(self) -> None:
        session, counts = await self.observed()
        pairs = [(SELECT, (1,)), ("SELECT nonsense", None), (SELECT, 7), (SELECT, (2,))]
        found = await session.execute_concurrent(pairs, raise_on_first_error=False)
        assert [success for success, _ in found] == [True, False, False, True]
        assert isinstance(found[1].result_or_exc, SyntaxException)
        found = [
            success
            async for success, _ in session.execute_concurrent(
                pairs, raise_on_first_error=False, results_generator=True
            )
        ]
        assert found == [True, False, False, True]
        await self.fails(session.execute_concurrent(pairs), DriverException)
        before = counts.begun
        many = [("SELECT nonsense", None)] + [(SELECT, (1,))] * 1000
        await self.fails(session.execute_concurrent(many, concurrency=10), SyntaxException)
        assert counts.begun - before < 100
        seen = []

        async def look() -> None:
            async for result in session.execute_concurrent(
                [(SELECT, (1,)), *many], concurrency=10, results_generator=True
            ):
                seen.append(result)

        await self.fails(defer.ensureDeferred(look()), SyntaxException)
        assert len(seen) == 1
        await self.fails(session.execute_concurrent([SELECT]), InvalidArgumentType)

    async def test_cancelled(self) -> None:
        session, counts = await self.observed()
        self.rule(Drop(), text="SELECT v")
        running = session.execute_concurrent_with_args(SELECT, [(1,)] * 100, concurrency=10)
        await task.deferLater(reactor, 0.02)
        running.cancel()
        await self.fails(running, defer.CancelledError)
        assert (counts.now, counts.begun) == (0, 10)

    async def test_many(self) -> None:
        session, _ = await self.observed()
        select = await session.prepare(SELECT)
        asked = [session.execute(select, (number % 100,)) for number in range(5000)]
        for number, each in enumerate(asked):
            assert (await each).one().v == str(number % 100)
