"""Programs, each of which wants the process's reactor for itself: ``python -m … NAME``.

`test_twisted` runs them. Each writes nothing if all is well.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from typing import Any

import pytest

from cql_driver.cluster import Cluster
from cql_driver.errors import ForkedError, InvalidArgument, SessionShutdown
from cql_protocol.errors import UnsupportedOperation
from tests.aio.live import LiveNodes

SELECT = "SELECT v FROM t WHERE k = 1"


def blocking(nodes: LiveNodes, **options: Any) -> Cluster:
    return Cluster(**nodes.options, reactor="twisted", **options)


def the_reactor_is_imported_by_connecting_alone() -> None:
    from cql_reactors.twistedreactor import TwistedCluster, TwistedRuntime

    TwistedCluster(["127.0.0.1"])
    Cluster(["127.0.0.1"], reactor="twisted")
    TwistedRuntime().stop()
    assert "twisted.internet.reactor" not in sys.modules


def nobody_runs_the_reactor() -> None:
    with LiveNodes(1) as nodes:
        with blocking(nodes) as cluster:
            assert cluster.connect("ks").execute(SELECT).one() is None
            from twisted.internet import reactor
            from twisted.internet.error import ReactorAlreadyRunning

            with pytest.raises(ReactorAlreadyRunning):
                reactor.run()
        names = [thread.name for thread in threading.enumerate()]
        with blocking(nodes) as cluster:
            assert cluster.connect("ks").execute(SELECT).one() is None
        assert [thread.name for thread in threading.enumerate()] == names
    # The thread ends with the process.


def a_thread_was_forbidden() -> None:
    with (
        LiveNodes(1) as nodes,
        pytest.raises(InvalidArgument, match="nobody runs Twisted's reactor"),
    ):
        blocking(nodes, background_thread=False).connect()


def connect_before_the_reactor_runs() -> None:
    from twisted.internet import reactor

    from cql_reactors.twistedreactor import TwistedCluster

    seen: list[Any] = []
    with LiveNodes(1) as nodes:
        cluster = TwistedCluster(**nodes.options)
        done = cluster.connect("ks")
        done.addCallback(lambda session: session.execute(SELECT))
        done.addBoth(seen.append)
        done.addBoth(lambda _: reactor.stop())
        reactor.run()
        assert len(seen) == 1
        assert seen[0].one() is None
        assert cluster.is_shutdown


def the_reactor_stops_with_requests_pending() -> None:
    from twisted.internet import reactor, threads

    from cql_reactors.twistedreactor import TwistedCluster

    nodes = LiveNodes(1)
    seen: list[Any] = []

    def work() -> None:
        cluster = blocking(nodes)
        session = cluster.connect("ks")
        session.default_timeout = None
        reactor.callFromThread(hanging.append, session)
        try:
            session.execute(SELECT)
        except SessionShutdown as exc:
            seen.append(exc)
        cluster.shutdown()

    hanging: list[Any] = []

    def failed(failure: Any) -> None:
        seen.append(failure.value)
        if reactor.running:
            reactor.stop()

    def connected(session: Any) -> None:
        nodes.call(nodes[1].hang)
        for _ in range(20):
            session.execute(SELECT, timeout=None).addErrback(
                lambda failure: seen.append(failure.value)
            )
        for _ in range(3):
            threads.deferToThread(work).addErrback(failed)
        nodes.call(nodes[1].resume)
        wait()

    def wait() -> None:
        if len(hanging) < 3:
            reactor.callLater(0.01, wait)
        else:
            reactor.callLater(0.1, reactor.stop)

    from tests.simulation.faults import Drop, Rule

    with nodes:
        nodes[1].rules.append(Rule(Drop(), text="SELECT v"))
        TwistedCluster(**nodes.options).connect("ks").addCallback(connected).addErrback(failed)
        reactor.run()
        assert len(seen) == 23, seen
        assert {type(each) for each in seen} == {SessionShutdown}
        with pytest.raises(UnsupportedOperation, match="has ended"):
            blocking(nodes).connect()


def a_reactor_that_cannot_watch_sockets() -> None:
    from twisted.internet.main import installReactor
    from twisted.internet.task import Clock

    class Completion(Clock):
        running = True

    installReactor(Completion())
    with (
        LiveNodes(1) as nodes,
        pytest.raises(UnsupportedOperation, match="Completion cannot watch sockets"),
    ):
        blocking(nodes).connect()


def in_a_forked_child() -> None:
    with LiveNodes(1) as nodes:
        cluster = blocking(nodes)
        session = cluster.connect("ks")
        lazy = blocking(nodes, reconnect_after_fork=True)
        lazy_session = lazy.connect("ks")
        child = os.fork()
        if child == 0:
            try:
                assert lazy_session.execute(SELECT).one() is None
                with blocking(nodes) as own:
                    assert own.connect("ks").execute(SELECT).one() is None
                with pytest.raises(ForkedError):
                    session.execute(SELECT)
                grandchild = os.fork()
                if grandchild == 0:
                    with blocking(nodes) as own:
                        assert own.connect("ks").execute(SELECT).one() is None
                    os._exit(7)
                os._exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
            except BaseException:  # noqa: BLE001 - a child does not return from here
                traceback.print_exc()
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert session.execute(SELECT).one() is None
        lazy.shutdown()
        cluster.shutdown()


def deferreds_in_a_forked_child() -> None:
    from twisted.internet import reactor
    from twisted.internet.defer import ensureDeferred
    from twisted.internet.threads import deferToThread

    from cql_reactors.twistedreactor import TwistedCluster

    seen: list[Any] = []

    def fork(session: Any) -> int:
        child = os.fork()
        if child == 0:
            try:
                session.cluster.shutdown()
                with pytest.raises(ForkedError):
                    session.execute(SELECT)
                with pytest.raises(UnsupportedOperation):
                    TwistedCluster().connect()
                os._exit(7)
            except BaseException:  # noqa: BLE001 - a child does not return from here
                traceback.print_exc()
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    async def main() -> None:
        async with TwistedCluster(**nodes.options) as cluster:
            session = await cluster.connect("ks")
            seen.append(await deferToThread(fork, session))
            assert (await session.execute(SELECT)).one() is None

    with LiveNodes(1) as nodes:
        reactor.callWhenRunning(
            lambda: ensureDeferred(main()).addBoth(seen.append).addBoth(lambda _: reactor.stop())
        )
        reactor.run()
    assert seen == [7, None], seen


PROGRAMS = [
    the_reactor_is_imported_by_connecting_alone,
    nobody_runs_the_reactor,
    a_thread_was_forbidden,
    connect_before_the_reactor_runs,
    the_reactor_stops_with_requests_pending,
    a_reactor_that_cannot_watch_sockets,
    in_a_forked_child,
    deferreds_in_a_forked_child,
]
ON_ASYNCIO = [
    nobody_runs_the_reactor,
    the_reactor_stops_with_requests_pending,
    in_a_forked_child,
]

if __name__ == "__main__":
    if "asyncio" in sys.argv:
        from twisted.internet import asyncioreactor

        asyncioreactor.install()
    next(each for each in PROGRAMS if each.__name__ == sys.argv[1])()
