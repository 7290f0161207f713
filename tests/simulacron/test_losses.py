"""Nodes that are lost, hang and come back, up to a whole data centre."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

import pytest

from cql_driver.cluster import Session
from cql_driver.core.link import Link
from cql_driver.policies import DCAwareRoundRobinPolicy, RoundRobinPolicy
from cql_protocol.errors import (
    ConnectionClosed,
    DriverException,
    NoHostAvailable,
    OperationTimedOut,
)
from tests.simulacron.fakes import FakeCluster, FakeNode
from tests.simulacron.server import Simulacron
from tests.simulacron.support import SELECT, coordinators, in_flight, session_of, until

pytestmark = pytest.mark.java

QUICK = {
    "connect_timeout": 2.0,
    "control_connection_timeout": 2.0,
    "idle_heartbeat_interval": 0.5,
    "idle_heartbeat_timeout": 1.0,
}
"""Nodes that hang are noticed within seconds."""
SLACK = 5.0
"""Seconds that a request may take beyond its time-out on a busy machine."""


class Load:
    """Threads that run one statement all the time; `failures` are what they got instead of rows.

    `done` counts requests, `longest` is the longest time that one took, in seconds.
    """

    def __init__(self, session: Session, timeout: float, threads: int = 4) -> None:
        self.done = 0
        self.failures: list[DriverException] = []
        self.longest = 0.0
        self._session = session
        self._timeout = timeout
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a request hangs"

    def _run(self) -> None:
        while not self._stop.is_set():
            begin = time.monotonic()
            try:
                self._session.execute(SELECT, timeout=self._timeout)
            except DriverException as error:
                self.failures.append(error)
            self.longest = max(self.longest, time.monotonic() - begin)
            self.done += 1

    def go_on(self, requests: int = 100) -> None:
        """Wait until so many more requests are done."""
        wanted = self.done + requests
        until(lambda: self.done >= wanted, f"{requests} more requests")


@contextmanager
def hung(simulacron: Simulacron) -> Iterator[None]:
    """The whole process, with all its nodes, stands still."""
    simulacron.node.hang()
    try:
        yield
    finally:
        simulacron.node.resume()


def up(session: Session, fakes: FakeCluster, dc: str | None) -> set[bool | None]:
    """What the driver holds of the nodes of a data centre, or of all nodes."""
    get = session.cluster.metadata.get_host
    return {get(node.address).is_up for node in fakes.of(dc)}  # type: ignore[union-attr]


def links(session: Session, dc: str) -> set[Link]:
    """The session's connections to a data centre."""
    pools = [pool for pool in session.get_pools() if pool.host.datacenter == dc]
    return {link for pool in pools for link in list(pool.all_links)}


def connected(fakes: FakeCluster, nodes: list[FakeNode]) -> Callable[[], bool]:
    """Whether each of these nodes has a connection, by their own count."""
    wanted = {node.address for node in nodes}
    return lambda: wanted <= fakes.connections().keys()


def test_the_local_data_centre_is_lost_and_comes_back(fakes: FakeCluster) -> None:
    with (
        session_of(fakes, DCAwareRoundRobinPolicy("dc1", 50)) as session,
        Load(session, timeout=10) as load,
    ):
        load.go_on()
        assert {seen.node.dc for seen in fakes.seen(SELECT)} == {"dc1"}
        fakes.stop("dc1")
        load.go_on()
        until(lambda: up(session, fakes, "dc1") == {False}, "the nodes of dc1 are down")
        fakes.forget_seen()
        load.go_on()
        assert {seen.node.dc for seen in fakes.seen(SELECT)} == {"dc2"}
        until(session.cluster.get_control_connection_host, "a control connection")
        control = session.cluster.get_control_connection_host()
        assert control is not None
        assert control.datacenter == "dc2"

        fakes.start("dc1")
        until(lambda: up(session, fakes, "dc1") == {True}, "the nodes of dc1 are up")
        until(connected(fakes, fakes.of("dc1")), "pools of dc1 are filled")
        load.go_on()
        fakes.forget_seen()
        load.go_on(200)
        assert {seen.node.dc for seen in fakes.seen(SELECT)} == {"dc1"}
        assert load.failures == []
        assert up(session, fakes, "dc2") == {True}


def test_the_other_data_centre_is_lost_and_nobody_notices(fakes: FakeCluster) -> None:
    with (
        session_of(fakes, DCAwareRoundRobinPolicy("dc1", 5)) as session,
        Load(session, timeout=10) as load,
    ):
        before = links(session, "dc1")
        fakes.stop("dc2")
        load.go_on(200)
        until(lambda: len(fakes.connections()) == 50, "no connection to dc2")
        fakes.start("dc2")
        until(lambda: len(fakes.connections("dc2")) == 5, "connections to dc2 again")
        assert load.failures == []
        assert links(session, "dc1") == before


def test_everything_is_lost_and_comes_back(fakes: FakeCluster) -> None:
    with session_of(fakes) as session:
        fakes.stop(None)
        with pytest.raises((NoHostAvailable, ConnectionClosed)):
            session.execute(SELECT, timeout=5)
        until(lambda: up(session, fakes, "dc1") == {False}, "all nodes are down")
        with pytest.raises(NoHostAvailable):
            session.execute(SELECT, timeout=5)
        fakes.start(None)
        until(lambda: up(session, fakes, "dc1") == {True}, "the nodes are up")
        until(connected(fakes, fakes.of("dc1")), "pools are filled")
        assert len(set(coordinators(session, SELECT, 50))) == 50
        until(lambda: session.cluster.get_control_connection_host(), "a control connection")


def test_a_data_centre_that_hangs_is_left_and_used_again(fakes: FakeCluster) -> None:
    with (
        session_of(fakes, DCAwareRoundRobinPolicy("dc1", 50), **QUICK) as session,
        Load(session, timeout=1.5) as load,
    ):
        load.go_on()
        # What is connected hangs, and so does every new connection.
        fakes.stop("dc1", "reject_startup")
        fakes.pause("dc1")
        until(lambda: not links(session, "dc1"), "the connections to dc1 are given up")
        before = len(load.failures)
        assert {type(error) for error in load.failures} <= {OperationTimedOut}
        fakes.forget_seen()
        load.go_on()
        assert {seen.node.dc for seen in fakes.seen(SELECT)} == {"dc2"}
        assert len(load.failures) == before
        fakes.resume("dc1")
        fakes.start("dc1")
        until(lambda: len(links(session, "dc1")) == 50, "pools of dc1 are filled")
        load.go_on()
        fakes.forget_seen()
        load.go_on()
        assert {seen.node.dc for seen in fakes.seen(SELECT)} == {"dc1"}
        assert len(load.failures) == before
        assert load.longest < 1.5 + SLACK


def test_a_short_hang_of_everything_costs_no_connection(
    simulacron: Simulacron, fakes: FakeCluster
) -> None:
    with session_of(fakes) as session:
        before = links(session, "dc1")
        with hung(simulacron):
            futures = [session.execute_async(SELECT, timeout=0.5) for _ in range(100)]
            for future in futures:
                with pytest.raises(OperationTimedOut):
                    future.result()
        until(lambda: in_flight(session) == 0, "late answers free their places")
        assert len(set(coordinators(session, SELECT, 100))) == 50
        assert links(session, "dc1") == before
        assert up(session, fakes, "dc1") == {True}


def test_a_node_that_lets_nobody_in_keeps_the_connections_it_has(fakes: FakeCluster) -> None:
    with session_of(fakes) as session:
        before = fakes.connections()
        fakes.stop("dc1", "unbind")
        assert len(set(coordinators(session, SELECT, 50))) == 50
        assert fakes.connections() == before
        assert up(session, fakes, "dc1") == {True}
        fakes.start("dc1")


@pytest.mark.parametrize("how", ["disconnect", "shutdown_write"])
def test_connections_that_are_dropped_are_made_anew(fakes: FakeCluster, how: str) -> None:
    with session_of(fakes) as session, Load(session, timeout=10) as load:
        load.go_on()
        before = links(session, "dc1")
        fakes.drop("dc1", how)
        until(lambda: not any(not link.closed for link in before), "all old ones are closed")
        until(connected(fakes, fakes.of("dc1")), "pools are filled")
        until(lambda: up(session, fakes, "dc1") == {True}, "the nodes are up")
        failures = len(load.failures)
        load.go_on()
        assert len(load.failures) == failures
        # With all nodes gone at once there was none left to ask.
        assert {type(error) for error in load.failures} <= {NoHostAvailable, ConnectionClosed}


def test_a_node_that_never_finishes_a_handshake_is_used_when_it_does(fakes: FakeCluster) -> None:
    node = fakes.of("dc1")[9]
    with session_of(fakes, **QUICK) as session, Load(session, timeout=10) as load:
        fakes.stop(node, "reject_startup")
        fakes.drop(node)
        until(lambda: len(links(session, "dc1")) == 49, "its connection is lost")
        tries = len(fakes.seen(kind="STARTUP"))
        until(lambda: len(fakes.seen(kind="STARTUP")) > tries + 1, "it is tried again")
        load.go_on(200)
        fakes.start(node)
        until(lambda: len(links(session, "dc1")) == 50, "it is connected")
        fakes.forget_seen()
        load.go_on(200)
        assert node in {seen.node for seen in fakes.seen(SELECT)}
        assert load.failures == []


def test_a_contact_point_that_is_down_is_passed_over(fakes: FakeCluster) -> None:
    first, second = fakes.of("dc1")[:2]
    fakes.stop(first)
    points = [first.address, second.address]
    with session_of(fakes, contact_points=points, protocol_version=4) as session:
        control = session.cluster.get_control_connection_host()
        assert control is not None
        assert control.address == second.address
        assert len(fakes.connections()) == 49
        fakes.start(first)
        until(connected(fakes, [first]), "the first one is used too")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_nodes_lost_and_hung_in_random_order_cost_no_more_than_their_requests(
    fakes: FakeCluster, seed: int
) -> None:
    """At most a third of the nodes is away at a time; nothing hangs, and all come back."""
    rng = random.Random(seed)
    away: dict[FakeNode, Callable[[FakeNode], None]] = {}
    with (
        session_of(fakes, RoundRobinPolicy(), **QUICK) as session,
        Load(session, timeout=2.0, threads=8) as load,
    ):
        for _ in range(60):
            load.go_on(rng.randrange(20))
            node = rng.choice(fakes.nodes)
            if node in away:
                away.pop(node)(node)
            elif len(away) < 33:
                away[node] = fakes.resume if _harm(rng, fakes, node) == "pause" else fakes.start
        for node, mend in away.items():
            mend(node)
        until(lambda: up(session, fakes, None) == {True}, "the nodes are up")
        until(connected(fakes, fakes.nodes), "pools are filled")
        failures = len(load.failures)
        load.go_on(300)
        assert len(load.failures) == failures
        # Reads go on to the next node, unless the time is up.
        assert {type(error) for error in load.failures} <= {OperationTimedOut}
        assert load.longest < 2.0 + SLACK
    until(lambda: not fakes.connections(), "no connection is left", timeout=10)


def _harm(rng: random.Random, fakes: FakeCluster, node: FakeNode) -> str:
    how = rng.choice(["stop", "pause", "drop", "reject_startup"])
    if how == "stop":
        fakes.stop(node)
    elif how == "pause":
        fakes.pause(node)
    elif how == "drop":
        fakes.drop(node)
    else:
        fakes.stop(node, "reject_startup")
        fakes.drop(node)
    return how
