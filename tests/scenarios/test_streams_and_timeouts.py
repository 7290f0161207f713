"""Scenarios 1 to 12: streams, time-outs, callbacks, heartbeats; each is known to have failed
in some driver."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.concurrent import execute_concurrent_with_args
from cql_driver.errors import ConnectionShutdown
from cql_driver.policies import (
    ConstantSpeculativeExecutionPolicy,
    RoundRobinPolicy,
    SpeculativeExecutionPlan,
    SpeculativeExecutionPolicy,
)
from cql_driver.query import SimpleStatement
from cql_protocol.errors import NoHostAvailable, OperationTimedOut
from cql_protocol.messages import Options
from tests.scenarios.run import check_streams
from tests.simulation import Delay, Drop, Rule, Simulation

READ = "SELECT k, v FROM t WHERE k = 1"


def links(session: Any) -> list[Any]:
    return list(session.pools.links())


def hasty(delay: float, attempts: int) -> dict[Any, ExecutionProfile]:
    policy = ConstantSpeculativeExecutionPolicy(delay, attempts)
    profile = ExecutionProfile(RoundRobinPolicy(), speculative_execution_policy=policy)
    return {EXEC_PROFILE_DEFAULT: profile}


def test_scenario_01_late_answer_after_client_timeout() -> None:
    with Simulation(1, nodes=1) as sim:
        session = sim.connect("ks")
        [link] = links(session)
        for k in range(3):
            sim.cluster.t.add(k=k, v=f"v{k}")
        sim[1].rules.append(Rule(Delay(1.0), text="k = 0", times=1))
        with pytest.raises(OperationTimedOut):
            session.execute("SELECT k, v FROM t WHERE k = 0", timeout=0.1)
        [orphan] = [i for i, r in enumerate(link.streams.waiting) if r is not None]
        assert (link.in_flight, link.orphans) == (0, 1)
        sim.network.set_delay(sim[1].address, 0.1)
        futures = [session.execute_async(f"SELECT k, v FROM t WHERE k = {k}") for k in (1, 2)]
        sim.run(0.01)
        # The id is not given to others as long as its answer may come.
        assert {f.execution.stream for f in futures}.isdisjoint({orphan})
        sim.run(2.0)
        assert [f.result().one().v for f in futures] == ["v1", "v2"]
        assert (link.in_flight, link.orphans, len(link.streams)) == (0, 0, 0)
        check_streams(link)


@pytest.mark.parametrize("closed_meanwhile", [False, True])
def test_scenario_02_orphan_threshold_on_a_busy_connection(closed_meanwhile: bool) -> None:
    with Simulation(2, nodes=1) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks", orphan_threshold=2)
        [old] = links(session)
        sim[1].rules.append(Rule(Drop(), text="INSERT", times=3))
        sim[1].rules.append(Rule(Delay(1.0), text="SELECT", times=1))
        slow = session.execute_async(READ, timeout=5.0)
        for k in range(3):
            session.execute_async(f"INSERT INTO t (k, v) VALUES ({k}, 'x')", timeout=0.1)
        sim.run(0.2)
        assert old.orphans == 3
        [pool] = session.pools.pools.values()
        assert old not in pool.all_links
        assert old in pool.retiring
        assert not old.closed
        if closed_meanwhile:
            old.transport.broken("reset by the network")
            sim.run(0.01)
            assert old.closed
            with pytest.raises(NoHostAvailable, match="reset by the network"):
                slow.result()  # there is no next host
        else:
            assert slow.result().one().v == "a"
            assert old.closed
        assert list(pool.retiring) == []
        [new] = links(session)
        assert new is not old
        assert sim[1].connections_accepted == 3


def test_scenario_02_a_replaced_connection_keeps_deadlines_and_heartbeats() -> None:
    with Simulation(2, nodes=1) as sim:
        session = sim.connect(
            "ks", orphan_threshold=1, idle_heartbeat_interval=1, idle_heartbeat_timeout=1
        )
        [old] = links(session)
        sim[1].rules.append(Rule(Drop(), text="INSERT", times=4))
        ends = (0.1, 0.1, 0.6, None)
        futures = [
            session.execute_async(f"INSERT INTO t (k, v) VALUES ({k}, 'x')", timeout=timeout)
            for k, timeout in enumerate(ends)
        ]
        sim.run(0.3)
        assert old in session.pools.pools[next(iter(session.pools.pools))].retiring
        with pytest.raises(OperationTimedOut):
            futures[2].result()
        assert 0.6 <= sim.time - 1000 < 0.8
        # Its server goes away without a word: the heartbeat finds out.
        sim.network.break_streams(how="silence")
        with pytest.raises(ConnectionShutdown, match="heartbeat"):
            futures[3].result()


def test_scenario_03_a_lost_answer_to_a_later_page_is_a_time_out() -> None:
    with Simulation(3, nodes=1) as sim:
        for k in range(10):
            sim.cluster.t.add(k=k, v="x")
        session = sim.connect("ks")
        result = session.execute(SimpleStatement("SELECT k FROM t", fetch_size=4), timeout=1.0)
        sim[1].rules.append(Rule(Drop(), text="SELECT", times=1))
        began = sim.time
        with pytest.raises(OperationTimedOut):
            result.fetch_next_page()
        assert 1.0 <= sim.time - began < 1.1
        assert len(result.current_rows) == 4
        result.fetch_next_page()  # can be repeated
        assert [row.k for row in result.current_rows] == [4, 5, 6, 7]


def test_scenario_04_two_answers_are_one_result() -> None:
    with Simulation(4) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks", execution_profiles=hasty(0.05, 1))
        for node in sim.nodes:
            node.rules.append(Rule(Delay(0.1), text="SELECT"))
        seen: list[Any] = []
        future = session.execute_async(SimpleStatement(READ, is_idempotent=True))
        future.add_callbacks(seen.append, seen.append)
        sim.run(1.0)
        assert [[tuple(row) for row in rows] for rows in seen] == [[(1, "a")]]
        assert future.execution.attempts == 2
        assert sum(node.rules[0].used for node in sim.nodes) == 2
        assert all(len(link.streams) == 0 for link in links(session))


def test_scenario_05_a_callback_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    with Simulation(5, nodes=1) as sim, caplog.at_level(logging.ERROR):
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks")
        [link] = links(session)
        seen: list[str] = []

        def bad(rows: Any) -> None:
            seen.append("bad")
            raise ZeroDivisionError("a bug of the user's")

        future = session.execute_async(READ)
        future.add_callback(bad)
        future.add_callback(lambda rows: seen.append("good"))
        future.add_errback(lambda exc: seen.append("errback"))
        assert future.result().one().v == "a"
        sim.run(0.1)
        assert seen == ["bad", "good"]
        assert "A callback of" in caplog.text
        assert session.execute(READ).one().v == "a"
        assert links(session) == [link]


@pytest.mark.parametrize("timeout", [0, 0.001, 0.005])
@pytest.mark.parametrize("text", [READ, "SELECT k, v FROM t WHERE k = ?"])
def test_scenario_06_time_outs_shorter_than_the_way(timeout: float, text: str) -> None:
    with Simulation(6, nodes=1) as sim:
        session = sim.connect("ks")
        sim.network.set_delay(sim[1].address, 0.1)
        began = sim.time
        with pytest.raises(OperationTimedOut):
            session.execute(text, (1,) if "?" in text else None, timeout=timeout)
        assert sim.time - began < 0.1
        [link] = links(session)
        assert link.in_flight == ("?" in text)  # the PREPARE may be of use to others
        sim.run(1.0)
        assert len(link.streams) == 0
        assert not session.pools.engine.parked


def test_scenario_07_heartbeat_and_time_out_at_once() -> None:
    with Simulation(7, nodes=1) as sim:
        session = sim.connect("ks", idle_heartbeat_interval=1, idle_heartbeat_timeout=1)
        sim.network.break_streams(sim[1].address, "silence")
        for timeout in (1.96, 1.98, 2.0, 2.02, 2.04):
            future = session.execute_async("INSERT INTO t (k, v) VALUES (1, 'x')", timeout=timeout)
            seen: list[Any] = []
            future.add_callbacks(seen.append, seen.append)
            with pytest.raises((OperationTimedOut, ConnectionShutdown)):
                future.result()
            sim.run(0.01)
            assert len(seen) == 1
            sim.run(3.0)
            sim.network.break_streams(sim[1].address, "silence")


def test_scenario_08_a_time_out_orphans_all_attempts() -> None:
    with Simulation(8) as sim:
        session = sim.connect("ks", execution_profiles=hasty(0.05, 10))
        for node in sim.nodes:
            node.rules.append(Rule(Delay(1.0), text="SELECT"))
        future = session.execute_async(SimpleStatement(READ, is_idempotent=True), timeout=0.5)
        with pytest.raises(OperationTimedOut):
            future.result()
        # The speculative attempts used the whole plan up, and nobody took that for an error.
        assert len(future.attempted_hosts) == 3
        assert [(link.in_flight, link.orphans) for link in links(session)] == [(0, 1)] * 3
        sim.run(1.0)
        assert [len(link.streams) for link in links(session)] == [0] * 3


def test_scenario_08_the_first_attempt_fails_when_speculation_used_up_the_plan() -> None:
    class AtOnce(SpeculativeExecutionPolicy):
        def new_plan(self, keyspace: Any, statement: Any) -> Any:
            class Plan(SpeculativeExecutionPlan):
                left = 10

                def next_execution(self, host: Any) -> float:
                    self.left -= 1
                    return 0.0 if self.left else -1.0

            return Plan()

    profile = ExecutionProfile(RoundRobinPolicy(), speculative_execution_policy=AtOnce())
    with Simulation(8) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks", execution_profiles={EXEC_PROFILE_DEFAULT: profile})
        for node in sim.nodes:
            node.rules.append(Rule(Delay(0.1 * node.number), text="SELECT"))
        future = session.execute_async(SimpleStatement(READ, is_idempotent=True))
        sim.run(0.05)
        assert len(future.attempted_hosts) == 3
        sim.network.break_streams(future.attempted_hosts[0].address)
        assert future.result().one().v == "a"


def test_scenario_09_a_hundred_thousand_statements_that_end_at_once() -> None:
    with Simulation(9, nodes=1, recording=False) as sim:
        session = sim.connect("ks")
        session.shutdown()  # so each of them is done in the call that starts it
        results = execute_concurrent_with_args(
            session, "SELECT k FROM t", [None] * 100_000, raise_on_first_error=False
        )
        assert len(results) == 100_000
        assert not any(success for success, _ in results)


def test_scenario_09_results_with_errors_keep_their_order() -> None:
    with Simulation(9, nodes=1) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks")
        texts = [READ, "SELECT x FROM t", READ, "SELECT y FROM t"] * 5
        results = session.execute_concurrent(
            [(text, None) for text in texts], raise_on_first_error=False
        )
        assert [success for success, _ in results] == [True, False] * 10


def test_scenario_10_thousands_of_empty_pages() -> None:
    with Simulation(10, nodes=1, recording=False) as sim:
        sim.cluster.t.add(k=1, v="a")
        sim.cluster.t.empty_pages = 5000
        session = sim.connect("ks")
        statement = SimpleStatement("SELECT k FROM t", fetch_size=1)
        assert [row.k for row in session.execute(statement)] == [1]
        seen: list[int] = []
        future = session.execute_async(statement)

        def page(rows: Any) -> None:
            seen.append(len(rows))
            if future.has_more_pages:
                future.start_fetching_next_page()

        future.add_callback(page)
        sim.run(lambda: len(seen) == 5001)
        assert seen == [0] * 5000 + [1]


def test_scenario_11_a_heartbeat_that_cannot_be_sent_gives_its_stream_back() -> None:
    with Simulation(11, nodes=1) as sim:
        session = sim.connect("ks", max_requests_per_connection=1)
        [link] = links(session)
        taken = link.request(Options())
        link.heard = False
        link.beat(1.0)  # full
        assert link._heartbeat is None
        sim.run(taken)
        assert len(link.streams) == 0
        link.close()
        link.beat(1.0)  # closed
        pending = link.request(Options())
        assert isinstance(pending.error, ConnectionShutdown)
        assert (link.in_flight, len(link.streams)) == (0, 0)


def test_scenario_12_a_slow_connection_does_not_shorten_the_patience_with_others() -> None:
    with Simulation(12) as sim:
        session = sim.connect("ks", idle_heartbeat_interval=2, idle_heartbeat_timeout=1)
        sim.run(0.5)
        before = {link.host.address: link for link in links(session)}
        # Two answer within their own second, though together they would need more.
        sim[1].rules.append(Rule(Delay(0.9), message=Options))
        sim[2].rules.append(Rule(Delay(0.9), message=Options))
        sim[3].rules.append(Rule(Delay(1.1), message=Options, times=1))
        sim.run(lambda: before[sim[3].address].closed, limit=10.0)
        sim.run(0.5)
        after = {link.host.address: link for link in links(session)}
        assert [after[node.address] is before[node.address] for node in sim.nodes] == [
            True,
            True,
            False,
        ]
