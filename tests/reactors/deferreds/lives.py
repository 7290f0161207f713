"""Requests that are cancelled, ends, threads and lost nodes, as cases for trial."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet import defer, reactor, task, threads

from cql_driver.cluster import Cluster
from cql_driver.errors import (
    SessionShutdown,
)
from cql_driver.query import SimpleStatement
from cql_protocol.errors import (
    NoHostAvailable,
    OperationTimedOut,
    UnsupportedOperation,
)
from cql_protocol.messages import Prepare
from cql_reactors.twistedreactor import TwistedCluster, TwistedSession
from tests.reactors.deferreds.case import INSERT, SELECT, Case, told
from tests.simulation.faults import Delay, Drop

if TYPE_CHECKING:
    from twisted.python.failure import Failure


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
                assert outcome.one().v == str(number)
            else:
                assert isinstance(outcome, defer.CancelledError)
        assert self.nodes.connections == links

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
        assert cluster._runtime is None
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
        assert len(cluster.sessions) == 1

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
        assert order[0] == 0
        assert sorted(order) == list(range(50))

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
        assert (await asked[1]).one() is None

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
        assert error.errors
        assert cluster._runtime is None
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
        assert [ref() for ref in dropped] == [None, None]
        await self.until(lambda: self.nodes.connections == 0)
        assert not [call for call in reactor.getDelayedCalls() if "dead" in str(call)]
        # Another connection has the number of a socket that was watched.
        session = await self.connect()
        await session.execute(SELECT, (1,))

    async def test_what_is_awaited_is_held(self) -> None:
        """Nobody holds the cluster, its session or their Deferreds, but callbacks."""
        self.rule(Delay(0.001, 0.01))
        pairs = [(number, str(number)) for number in range(20)]

        async def use() -> list[str]:
            session = await TwistedCluster(**self.nodes.options).connect("ks")
            insert = await session.prepare(INSERT)
            await session.execute_concurrent_with_args(insert, pairs, concurrency=3)
            statement = SimpleStatement("SELECT v FROM t", fetch_size=3)
            return [row.v async for row in await session.execute(statement)]

        found: list[list[str]] = []
        defer.ensureDeferred(use()).addCallback(found.append)
        while not found:
            gc.collect()
            await task.deferLater(reactor, 0.001)
        assert sorted(found[0], key=int) == [value for _, value in pairs]
        gc.collect()
        await self.until(lambda: self.nodes.connections == 0)


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
            assert "reactor's thread" in str(error)

        def ask() -> Any:
            return threads.blockingCallFromThread(reactor, session.execute, SELECT, (1,))

        assert (await threads.deferToThread(ask)).one() is None

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
            assert await each == [str(number) for number in range(100)]

    async def test_a_blocking_session_in_the_reactor_s_thread(self) -> None:
        await task.deferLater(reactor, 0)  # trial begins before the reactor runs

        def connect() -> Any:
            return Cluster(**self.nodes.options, reactor="twisted").connect("ks")

        with pytest.raises(UnsupportedOperation) as caught:
            connect()
        assert "TwistedCluster" in str(caught.value)
        assert "deferToThread" in str(caught.value)
        session = await threads.deferToThread(connect)
        with pytest.raises(UnsupportedOperation):
            session.execute(INSERT, (1, "one"))
        result = await threads.deferToThread(session.execute, SELECT, (1,))
        assert result.one() is None
        future = session.execute_async(SELECT, (1,))
        done: defer.Deferred[Any] = defer.Deferred()
        future.add_callbacks(done.callback, done.errback)
        assert await done == []
        session.cluster.shutdown()


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
        assert result.one().v == "7"
