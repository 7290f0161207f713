"""What `TwistedCluster` and `TwistedSession` do, as cases for trial, which `test_deferreds` runs.

Trial fails a case that leaves a socket or a delayed call with the reactor, or an error that
nobody handled in a Deferred.
"""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

from twisted.internet import defer, reactor, task, threads
from twisted.trial.unittest import TestCase

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, SchemaListener
from cql_driver.core.observers import Observer
from cql_driver.errors import InvalidArgument, SessionShutdown, UserTypeDoesNotExist
from cql_driver.query import BatchStatement, dict_factory
from cql_protocol.errors import (
    DriverException,
    InvalidRequest,
    NoHostAvailable,
    OperationTimedOut,
    SyntaxException,
    UnsupportedOperation,
)
from cql_protocol.messages import Prepare
from cql_reactors.twistedreactor import TwistedCluster, TwistedResultSet, TwistedSession
from tests.aio.live import LiveNodes
from tests.simulation.faults import Answer, Delay, Drop, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twisted.python.failure import Failure

INSERT = "INSERT INTO t (k, v) VALUES (?, ?)"
SELECT = "SELECT v FROM t WHERE k = ?"


class Case(TestCase):
    """A case with nodes of its own."""

    timeout = 20
    nodes_count = 1

    def setUp(self) -> None:
        self.nodes = LiveNodes(self.nodes_count)
        self.nodes.__enter__()
        self.addCleanup(self.nodes.__exit__)

    def cluster(self, **options: Any) -> TwistedCluster:
        cluster = TwistedCluster(**self.nodes.options, **options)
        self.addCleanup(cluster.shutdown)
        return cluster

    async def connect(self, **options: Any) -> TwistedSession:
        return await self.cluster(**options).connect("ks", wait_for_all_pools=True)

    async def fill(self, session: TwistedSession, count: int) -> None:
        await session.execute_concurrent_with_args(
            INSERT, [(number, str(number)) for number in range(count)]
        )

    def rule(self, *arguments: Any, **named: Any) -> None:
        """Have all nodes do something else."""
        for node in self.nodes.cluster.nodes:
            node.rules.append(Rule(*arguments, **named))

    async def fails(self, awaited: defer.Deferred[Any], kind: type[BaseException]) -> Any:
        """Wait for a failure of this kind and return it."""
        try:
            found = await awaited
        except kind as exc:
            return exc
        self.fail(f"{found!r} came, and no {kind.__name__}")

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await task.deferLater(reactor, 0.005)


async def told(awaited: defer.Deferred[Any]) -> Any:
    """Return the result, or the exception."""
    try:
        return await awaited
    except Exception as exc:  # noqa: BLE001 - it is looked at
        return exc


class Statements(Case):
    """Requests and their results."""

    async def test_statements(self) -> None:
        session = await self.connect()
        await session.execute("INSERT INTO t (k, v) VALUES (%s, %s)", (1, "one"))
        await session.execute(INSERT, (2, "two"))
        select = await session.prepare(SELECT)
        result = await session.execute(select, (1,))
        self.assertIsInstance(result, TwistedResultSet)
        self.assertEqual(result.one().v, "one")
        self.assertEqual(result[0].v, "one")
        self.assertEqual([row.v for row in await session.execute(select, (2,))], ["two"])
        self.assertEqual((await session.execute_async(select, (2,))).one(), ("two",))
        batch = BatchStatement()
        batch.add(await session.prepare(INSERT), (3, "three"))
        nothing = await session.execute(batch)
        self.assertFalse(nothing)
        self.assertEqual(list(nothing), [])
        profile = session.execution_profile_clone_update(
            EXEC_PROFILE_DEFAULT, row_factory=dict_factory
        )
        rows = await session.execute(select, [3], execution_profile=profile)
        self.assertEqual(rows.one(), {"v": "three"})

    @defer.inlineCallbacks
    def test_inline_callbacks(self) -> Iterator[Any]:
        cluster = self.cluster()
        session = yield cluster.connect("ks")
        yield session.execute(INSERT, (1, "one"))
        result = yield session.execute(SELECT, (1,))
        self.assertEqual(result.one().v, "one")
        try:
            yield session.execute("SELECT nonsense")
        except SyntaxException as exc:
            self.assertIn("nonsense", str(exc))
        else:
            self.fail("no error")
        yield cluster.shutdown()

    def test_callbacks(self) -> defer.Deferred[Any]:
        seen: list[Any] = []
        cluster = self.cluster()
        done = cluster.connect("ks")
        done.addCallback(lambda session: session.execute(SELECT, (99,)))
        done.addCallback(lambda result: seen.append(result.one()))
        done.addCallback(lambda _: cluster.shutdown())
        return done.addCallback(lambda _: self.assertEqual(seen, [None]))

    async def test_async_with(self) -> None:
        async with TwistedCluster(**self.nodes.options) as cluster:
            async with await cluster.connect("ks") as session:
                self.assertEqual((await session.execute(SELECT, (99,))).all().result, [])
            self.assertTrue(session.is_shutdown)
        self.assertTrue(cluster.is_shutdown)

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
        self.assertEqual((await session.execute(SELECT, (99,))).one(), None)

    async def test_what_would_wait_is_refused(self) -> None:
        session = await self.connect()
        with self.assertRaises(UnsupportedOperation):
            session.keyspace = "ks"
        with self.assertRaises(UnsupportedOperation):
            session.trace_rows("SELECT", (), 1)
        for name in ("reactor", "background_thread", "runtime", "reconnect_after_fork"):
            with self.assertRaises(InvalidArgument):
                TwistedCluster(**{name: True})

    async def test_the_keyspace(self) -> None:
        session = await self.cluster().connect()
        await self.fails(session.execute(SELECT, (1,)), InvalidRequest)
        self.assertIsNone(await session.set_keyspace("ks"))
        self.assertEqual(session.keyspace, "ks")
        await session.execute(SELECT, (1,))

    async def test_schema_profiles_and_nodes(self) -> None:
        session = await self.connect()
        cluster = session.cluster
        await cluster.refresh_nodes()
        await cluster.refresh_schema_metadata()
        await cluster.refresh_keyspace_metadata("ks")
        await cluster.refresh_table_metadata("ks", "t")
        self.assertIn("t", cluster.metadata.keyspaces["ks"].tables)
        self.assertTrue(await session.wait_for_schema_agreement(5))
        await cluster.add_execution_profile("dicts", ExecutionProfile(row_factory=dict_factory))
        await session.execute(INSERT, (1, "one"))
        rows = await session.execute(SELECT, (1,), execution_profile="dicts")
        self.assertEqual(rows.one(), {"v": "one"})
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
        self.assertEqual(seen, [[]])

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
            with self.assertRaises(InvalidArgument):
                iter(result)
            self.assertEqual(len(await result.all()), 100)
            result = await session.execute("SELECT k FROM t")
            self.assertEqual(len({row.k async for row in result}), 100)
            result = await session.execute("SELECT k FROM t")
            pages = [len(page) async for page in result.pages()]
            self.assertEqual(pages[:10], [10] * 10)
            result = await session.execute("SELECT k FROM t")
            seen = {row.k for row in result.current_rows}
            while result.has_more_pages:
                self.assertIs(await result.fetch_next_page(), result)
                seen |= {row.k for row in result.current_rows}
            self.assertEqual(len(seen), 100)
            await result.fetch_next_page()
            self.assertEqual(result.current_rows, [])

    async def test_no_row_comes_twice(self) -> None:
        session = await self.filled()
        result = await session.execute("SELECT k FROM t")
        seen = []
        async for row in result:
            seen.append(row.k)
            if len(seen) == 15:
                break
        seen += [row.k for row in await result.all()]
        self.assertEqual(sorted(seen), list(range(100)))

    async def test_a_page_that_cannot_be_had_can_be_asked_for_again(self) -> None:
        session = await self.filled()
        session.prefetch_pages = False
        result = await session.execute("SELECT k FROM t")
        first = list(result.current_rows)
        self.rule(Answer(InvalidRequest("not now")), text="SELECT k", times=1)
        await self.fails(result.fetch_next_page(), InvalidRequest)
        self.assertEqual(result.current_rows, first)
        fetching = result.fetch_next_page()
        await self.fails(result.fetch_next_page(), InvalidArgument)
        await fetching
        self.assertNotEqual(result.current_rows, first)

    async def test_cancelled_between_pages(self) -> None:
        session = await self.filled()
        session.prefetch_pages = False
        result = await session.execute("SELECT k FROM t")
        self.rule(Drop(), text="SELECT k", times=1)
        everything = result.all()
        await task.deferLater(reactor, 0.02)
        everything.cancel()
        await self.fails(everything, defer.CancelledError)
        # The page at hand had been taken.
        self.assertEqual(len(await result.all()), 90)


class Cancelling(Case):
    """A Deferred that is cancelled ends its request, and nothing else."""

    async def test_half_of_the_requests(self) -> None:
        session = await self.connect()
        await self.fill(session, 300)
        select = await session.prepare(SELECT)
        self.rule(Delay(0.0, 0.1), text="SELECT v")
        links = self.nodes.connections
        asked = [session.execute(select, (number,)) for number in range(300)]
        for number in range(0, 300, 2):
            asked[number].cancel()
        found = [await told(each) for each in asked]
        for number, outcome in enumerate(found):
            if number % 2:
                self.assertEqual(outcome.one().v, str(number))
            else:
                self.assertIsInstance(outcome, defer.CancelledError)
        self.assertEqual(self.nodes.connections, links)

    async def test_an_answer_that_came_already(self) -> None:
        session = await self.connect()
        result = session.execute(SELECT, (1,))
        await result
        result.cancel()
        again = session.execute(SELECT, (1,))
        other = session.execute(SELECT, (1,))
        # Both may come in one turn, of which the first callback cancels the second.
        again.addCallback(lambda _: other.cancel())
        await again
        await told(other)

    async def test_to_connect(self) -> None:
        self.nodes.call(self.nodes[1].hang)
        cluster = self.cluster()
        connecting = cluster.connect("ks")
        await task.deferLater(reactor, 0.05)
        connecting.cancel()
        await self.fails(connecting, defer.CancelledError)
        self.assertIsNone(cluster._runtime)
        self.nodes.call(self.nodes[1].resume)
        session = await cluster.connect("ks")
        await session.execute(SELECT, (1,))

    async def test_one_of_two_that_connect(self) -> None:
        cluster = self.cluster()
        first, second = cluster.connect("ks"), cluster.connect("ks")
        first.cancel()
        await self.fails(first, defer.CancelledError)
        session = await second
        await session.execute(SELECT, (1,))
        self.assertEqual(len(cluster.sessions), 1)

    async def test_to_prepare(self) -> None:
        session = await self.connect()
        self.rule(Drop(), text="SELECT v", message=Prepare, times=1)
        preparing = session.prepare(SELECT)
        await task.deferLater(reactor, 0.02)
        preparing.cancel()
        await self.fails(preparing, defer.CancelledError)
        await session.prepare(SELECT)


class Ends(Case):
    """The end, with requests that wait."""

    async def hanging(self, session: TwistedSession, count: int) -> list[defer.Deferred[Any]]:
        select = await session.prepare(SELECT)
        self.nodes.call(self.nodes[1].hang)
        return [session.execute(select, (number,)) for number in range(count)]

    async def test_shutdown_with_requests(self) -> None:
        session = await self.connect()
        asked = await self.hanging(session, 200)
        await session.cluster.shutdown()
        for each in asked:
            await self.fails(each, SessionShutdown)
        await session.cluster.shutdown()
        await self.fails(session.execute(SELECT, (1,)), SessionShutdown)
        await self.fails(session.prepare("SELECT k FROM t"), SessionShutdown)
        await self.fails(session.cluster.connect(), SessionShutdown)

    async def test_shutdown_in_a_callback(self) -> None:
        session = await self.connect()
        select = await session.prepare(SELECT)
        self.rule(Delay(0.2), text="SELECT v")
        order: list[int] = []
        asked = []
        for number in range(50):
            each = session.execute(select, (number,), timeout=0.06 if number == 0 else None)
            each.addErrback(self.end, session, order, number)
            asked.append(each)
        for each in asked:
            await each
        self.assertEqual(order[0], 0)
        self.assertEqual(sorted(order), list(range(50)))

    def end(self, failure: Failure, session: TwistedSession, order: list[int], n: int) -> Any:
        order.append(n)
        if n == 0:
            failure.trap(OperationTimedOut)
            return session.cluster.shutdown()
        return failure.trap(SessionShutdown)

    async def test_sessions_end_on_their_own(self) -> None:
        cluster = self.cluster()
        first, second = await cluster.connect("ks"), await cluster.connect("ks")
        select = await first.prepare(SELECT)
        self.rule(Delay(0.05), text="SELECT v")
        asked = first.execute(select, (1,)), second.execute(select, (1,))
        await first.shutdown()
        await first.shutdown()
        await self.fails(asked[0], SessionShutdown)
        self.assertEqual((await asked[1]).one(), None)

    async def test_shutdown_while_connecting(self) -> None:
        self.nodes.call(self.nodes[1].hang)
        cluster = self.cluster()
        connecting = cluster.connect("ks"), cluster.connect()
        await task.deferLater(reactor, 0.02)
        await cluster.shutdown()
        for each in connecting:
            await self.fails(each, SessionShutdown)

    async def test_no_node(self) -> None:
        self.nodes.kill(self.nodes[1])
        cluster = self.cluster()
        error = await self.fails(cluster.connect("ks"), NoHostAvailable)
        self.assertTrue(error.errors)
        self.assertIsNone(cluster._runtime)
        self.nodes.heal()
        session = await cluster.connect("ks")
        await session.execute(SELECT, (1,))

    async def test_what_is_dropped_is_collected(self) -> None:
        cluster = TwistedCluster(**self.nodes.options)
        session = await cluster.connect("ks")
        await session.execute(SELECT, (1,))
        dropped = weakref.ref(cluster), weakref.ref(session)
        del cluster, session
        await task.deferLater(reactor, 0)  # what was awaited last is held until then
        gc.collect()
        self.assertEqual([ref() for ref in dropped], [None, None])
        await self.until(lambda: self.nodes.connections == 0)
        # Another connection has the number of a socket that was watched.
        session = await self.connect()
        await session.execute(SELECT, (1,))


class Threads(Case):
    """Other threads, and blocking sessions in them."""

    async def test_calls_of_other_threads(self) -> None:
        session = await self.connect()
        for use in (
            lambda: session.execute(SELECT, (1,)),
            lambda: session.prepare(SELECT),
            session.shutdown,
            session.cluster.connect,
            session.cluster.shutdown,
            TwistedCluster(**self.nodes.options).connect,
        ):
            error = await self.fails(threads.deferToThread(use), UnsupportedOperation)
            self.assertIn("reactor's thread", str(error))

        def ask() -> Any:
            return threads.blockingCallFromThread(reactor, session.execute, SELECT, (1,))

        self.assertEqual((await threads.deferToThread(ask)).one(), None)

    async def test_a_blocking_session_beside(self) -> None:
        session = await self.connect()
        await self.fill(session, 100)

        def work() -> list[str]:
            with Cluster(**self.nodes.options, reactor="twisted") as cluster:
                blocking = cluster.connect("ks")
                select = blocking.prepare(SELECT)
                one = [blocking.execute(select, (number,)).one().v for number in range(50)]
                results = blocking.execute_concurrent_with_args(
                    select, [(number,) for number in range(50, 100)]
                )
                return one + [result.result_or_exc.one().v for result in results]

        works = [threads.deferToThread(work) for _ in range(3)]
        for each in works:
            self.assertEqual(await each, [str(number) for number in range(100)])

    async def test_a_blocking_session_in_the_reactor_s_thread(self) -> None:
        await task.deferLater(reactor, 0)  # trial begins before the reactor runs

        def connect() -> Any:
            return Cluster(**self.nodes.options, reactor="twisted").connect("ks")

        with self.assertRaises(UnsupportedOperation) as caught:
            connect()
        self.assertIn("TwistedCluster", str(caught.exception))
        self.assertIn("deferToThread", str(caught.exception))
        session = await threads.deferToThread(connect)
        with self.assertRaises(UnsupportedOperation):
            session.execute(INSERT, (1, "one"))
        result = await threads.deferToThread(session.execute, SELECT, (1,))
        self.assertEqual(result.one(), None)
        future = session.execute_async(SELECT, (1,))
        done: defer.Deferred[Any] = defer.Deferred()
        future.add_callbacks(done.callback, done.errback)
        self.assertEqual(await done, [])
        session.cluster.shutdown()


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
            self.assertEqual(
                [r.result_or_exc.one().v for r in results], [str(n) for n in range(100)]
            )
            self.assertEqual(counts.most, min(concurrency, 100))
            given = session.execute_concurrent(pairs, concurrency, results_generator=True)
            found = [result.result_or_exc.one().v async for result in given]
            self.assertEqual(found, [str(n) for n in range(100)])
        self.assertEqual(await session.execute_concurrent([]), [])

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
            self.assertLessEqual(counts.begun, taken + 10)
            if taken == 50:
                break
        await results.aclose()
        self.assertEqual(counts.now, 0)

    async def test_an_async_iterable(self) -> None:
        session, _ = await self.observed()

        async def keys() -> Any:
            for number in range(50):
                if number % 10 == 0:
                    await task.deferLater(reactor, 0.001)
                yield (number,)

        results = await session.execute_concurrent_with_args(SELECT, keys(), concurrency=4)
        self.assertEqual([r.result_or_exc.one().v for r in results], [str(n) for n in range(50)])

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
            self.assertEqual(result.result_or_exc.one().v, str(at))
            taken[at].callback(None)
            at += 1
        self.assertEqual(at, 5)

    async def test_errors(self) -> None:
        session, counts = await self.observed()
        pairs = [(SELECT, (1,)), ("SELECT nonsense", None), (SELECT, 7), (SELECT, (2,))]
        found = await session.execute_concurrent(pairs, raise_on_first_error=False)
        self.assertEqual([success for success, _ in found], [True, False, False, True])
        self.assertIsInstance(found[1].result_or_exc, SyntaxException)
        found = [
            success
            async for success, _ in session.execute_concurrent(
                pairs, raise_on_first_error=False, results_generator=True
            )
        ]
        self.assertEqual(found, [True, False, False, True])
        await self.fails(session.execute_concurrent(pairs), DriverException)
        before = counts.begun
        many = [("SELECT nonsense", None)] + [(SELECT, (1,))] * 1000
        await self.fails(session.execute_concurrent(many, concurrency=10), SyntaxException)
        self.assertLess(counts.begun - before, 100)
        seen = []
        with self.assertRaises(SyntaxException):
            async for result in session.execute_concurrent(
                [(SELECT, (1,)), *many], concurrency=10, results_generator=True
            ):
                seen.append(result)
        self.assertEqual(len(seen), 1)
        await self.fails(session.execute_concurrent([SELECT]), InvalidArgument.__mro__[1])

    async def test_cancelled(self) -> None:
        session, counts = await self.observed()
        self.rule(Drop(), text="SELECT v")
        running = session.execute_concurrent_with_args(SELECT, [(1,)] * 100, concurrency=10)
        await task.deferLater(reactor, 0.02)
        running.cancel()
        await self.fails(running, defer.CancelledError)
        self.assertEqual((counts.now, counts.begun), (0, 10))

    async def test_many(self) -> None:
        session, _ = await self.observed()
        select = await session.prepare(SELECT)
        asked = [session.execute(select, (number % 100,)) for number in range(5000)]
        for number, each in enumerate(asked):
            self.assertEqual((await each).one().v, str(number % 100))


class Lost(Case):
    """Nodes that go and come back."""

    nodes_count = 3

    async def test_a_node_is_killed(self) -> None:
        session = await self.connect()
        await self.fill(session, 100)
        select = await session.prepare(SELECT)
        select.is_idempotent = True
        self.nodes.kill(self.nodes[2])
        asked = [session.execute(select, (number,)) for number in range(100)]
        for each in asked:
            await told(each)
        self.nodes.heal()
        await self.until(lambda: len(session.hosts) == 3 and self.nodes[2].connections != {})
        result = await session.execute(select, (7,))
        self.assertEqual(result.one().v, "7")
