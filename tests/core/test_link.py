"""`Link`: what is written when, heartbeats, retiring, congestion, the end."""

from __future__ import annotations

from typing import Any

import pytest

from cql_driver.errors import ConnectionShutdown
from cql_protocol.errors import OperationTimedOut, StreamsExhausted
from cql_protocol.messages import Options, Query
from tests.scenarios.run import check_streams
from tests.simulation import Delay, Drop, Rule, Simulation

LOCAL = Query("SELECT key FROM system.local")
ROWS = Query("SELECT k FROM ks.t")


def open_link(sim: Simulation, **options: Any) -> Any:
    """Return a link of a session's pool, whose cluster asks nothing by itself."""
    session = sim.connect("ks", idle_heartbeat_interval=0, **options)
    [link] = [link for link in session.pools.links() if link.host.address == sim[1].address]
    sim.run(0.1)
    return link


def test_an_idle_link_writes_at_once_and_a_busy_one_once_a_turn() -> None:
    with Simulation(1, nodes=1) as sim:
        link = open_link(sim)
        writes: list[int] = []
        link.bytes_sent = writes.append
        pending = []

        def turn() -> None:
            pending.extend(link.request(LOCAL) for _ in range(5))
            assert len(writes) == 1  # the first has left already

        sim.world.inside(turn)
        sim.run(0.1)
        assert len(writes) == 2
        assert writes[1] > 3 * writes[0]
        assert all(p.done and p.error is None for p in pending)
        assert link.in_flight == 0


def test_an_idle_link_waits_for_more_after_a_turn_with_several() -> None:
    with Simulation(1, nodes=1) as sim:
        link = open_link(sim)
        writes: list[int] = []
        link.bytes_sent = writes.append
        for asked, at_once, in_all in ((5, 1, 2), (5, 0, 1), (1, 0, 1), (1, 1, 1), (3, 1, 2)):
            writes.clear()
            seen: list[int] = []

            def turn(asked: int = asked, seen: list[int] = seen) -> None:
                for _ in range(asked):
                    link.request(LOCAL)
                seen.append(len(writes))

            sim.world.inside(turn)
            sim.run(0.1)
            assert (*seen, len(writes), link.in_flight) == (at_once, in_all, 0)


def test_an_answer_that_is_late_frees_its_stream_and_reaches_nobody() -> None:
    with Simulation(2, nodes=1) as sim:
        link = open_link(sim)
        sim[1].rules.append(Rule(Delay(0.5), times=1))
        pending = link.request(ROWS, 0.1)
        sim.runtime.wait(pending)
        assert isinstance(pending.error, OperationTimedOut)
        assert "was not answered within 0.1 s" in str(pending.error)
        assert (link.in_flight, link.orphans) == (0, 1)
        sim.run(1.0)
        assert (link.in_flight, link.orphans) == (0, 0)
        check_streams(link)
        assert sim.runtime.live_timers == 0


def test_a_full_link_says_so_and_loses_nothing() -> None:
    with Simulation(3, nodes=1) as sim:
        link = open_link(sim, max_requests_per_connection=2)
        sim[1].rules.append(Rule(Delay(0.1)))
        first = [link.request(ROWS) for _ in range(2)]
        refused = link.request(ROWS)
        assert isinstance(refused.error, StreamsExhausted)
        sim.run(0.3)
        assert all(p.error is None for p in first)
        check_streams(link)
        assert len(link.streams) == 0


def test_heartbeats_are_for_silent_links() -> None:
    with Simulation(4, nodes=1) as sim:
        session = sim.connect("ks", idle_heartbeat_interval=1, idle_heartbeat_timeout=0.5)
        [link] = session.pools.links()
        sim.run(0.5)
        before = sim[1].requests
        for _ in range(40):
            link.request(LOCAL)
            sim.run(0.1)
        asked_by_control = 2
        assert sim[1].requests - before <= 40 + asked_by_control
        sim[1].hang()
        sim.run(3.0)
        assert link.closed
        sim[1].resume()


def test_a_full_link_that_stays_silent_is_closed() -> None:
    with Simulation(5, nodes=1) as sim:
        session = sim.connect(
            "ks",
            idle_heartbeat_interval=1,
            idle_heartbeat_timeout=1,
            max_requests_per_connection=1,
            max_connections_per_host=1,
        )
        [link] = session.pools.links()
        sim[1].rules.append(Rule(Drop(), text="INSERT", times=1))
        future = session.execute_async("INSERT INTO t (k, v) VALUES (1, 'x')", timeout=None)
        with pytest.raises(ConnectionShutdown, match="answers none of them"):
            future.result()
        assert link.closed
        sim.run(2.0)
        assert session.execute("SELECT v FROM t WHERE k = 1").one().v == "x"


def test_a_retired_link_ends_with_the_last_request_somebody_waits_for() -> None:
    with Simulation(6, nodes=1) as sim:
        link = open_link(sim)
        sim[1].rules.append(Rule(Delay(0.5), times=1))
        sim[1].rules.append(Rule(Drop(), times=1))
        answered, lost = link.request(ROWS), link.request(ROWS, 1.0)
        link.retire()
        sim.run(0.8)
        assert answered.error is None
        assert not link.closed
        sim.run(0.5)
        assert isinstance(lost.error, OperationTimedOut)
        assert link.closed  # though an answer may still come


def test_an_idle_link_retires_at_once() -> None:
    with Simulation(7, nodes=1) as sim:
        link = open_link(sim)
        link.retire()
        assert link.closed


def test_a_link_whose_server_takes_nothing_is_not_lent() -> None:
    with Simulation(8, nodes=1) as sim:
        session = sim.connect("ks", idle_heartbeat_interval=0)
        [pool] = session.pools.pools.values()
        [link] = pool.links
        sim[1].hang()
        text = "INSERT INTO t (k, v) VALUES (1, '" + "x" * 100_000 + "')"
        futures = [session.execute_async(text, timeout=60.0) for _ in range(10)]
        sim.run(0.1)
        assert pool.links == []
        assert list(pool.withheld) == [link]
        sim[1].resume()
        sim.run(2.0)
        assert pool.links == [link]
        for future in futures:
            future.result()
        assert sim.cluster.t.count(1) == 10


def test_the_end_tells_all_who_wait_and_once() -> None:
    with Simulation(9, nodes=1) as sim:
        link = open_link(sim)
        told: list[Any] = []
        link.on_closed = lambda closed, error: told.append((closed, error))
        sim[1].rules.append(Rule(Drop()))
        pending = [link.request(ROWS) for _ in range(3)]
        error = ConnectionShutdown("because")
        link.close(error)
        link.close()
        assert told == [(link, error)]
        assert [p.error for p in pending] == [error] * 3
        assert isinstance(link.request(ROWS).error, ConnectionShutdown)
        sim.run(0.1)


def test_requests_that_a_broken_stream_ends_are_not_sent_on_it_again() -> None:
    with Simulation(10, nodes=2) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks", idle_heartbeat_interval=0)
        for node in sim.nodes:
            node.rules.append(Rule(Delay(0.2), text="SELECT"))
        futures = [session.execute_async("SELECT v FROM t WHERE k = 1") for _ in range(6)]
        sim.run(0.05)
        link = session.pools.links()[0]
        link.data_received(b"\0" * 64)  # no segment begins like this
        # Their errors are those of a connection that was lost, and reads may be repeated.
        assert [future.result().one().v for future in futures] == ["a"] * 6
        assert sum(len(future.attempted_hosts) for future in futures) > 6
        assert link.closed
        assert not sim.world.failures


def test_options_can_be_asked_at_any_time() -> None:
    with Simulation(11, nodes=1) as sim:
        link = open_link(sim)
        pending = link.request(Options(), 1.0)
        sim.run(pending)
        assert pending.error is None
