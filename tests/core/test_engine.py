"""`Engine`: the sweep of deadlines, loops that stood still, and the end in the middle of things."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from cql_driver.errors import RequestCancelled, SessionShutdown
from cql_driver.query import SimpleStatement
from cql_protocol.errors import OperationTimedOut
from cql_protocol.messages import Prepare, SchemaChange, TopologyChange
from tests.simulation import Delay, Drop, Rule, Simulation

READ = "SELECT v FROM t WHERE k = 1"


def lost(sim: Simulation, **options: Any) -> Any:
    """Return a session whose reads are never answered."""
    for node in sim.nodes:
        node.rules.append(Rule(Drop(), text="SELECT"))
    return sim.connect("ks", **options)


@pytest.mark.parametrize("timeout", [0.05, 0.5, 0.99, 1.0, 3.3])
def test_deadlines_are_kept_and_none_comes_early(timeout: float) -> None:
    with Simulation(1, nodes=1) as sim:
        session = lost(sim)
        for _ in range(3):
            sim.run(0.0137)
            began = sim.time
            with pytest.raises(OperationTimedOut) as caught:
                session.execute(READ, timeout=timeout)
            assert timeout - 0.02 <= sim.time - began <= timeout + 0.08
            assert caught.value.last_host.address == sim[1].address


def test_the_sweep_rests_when_nothing_is_under_way() -> None:
    with Simulation(2, nodes=1) as sim:
        session = sim.connect("ks", idle_heartbeat_interval=0)
        engine = session.pools.engine
        session.execute(READ)
        sim.run(0.1)
        assert not engine.sweeping
        assert sim.runtime.live_timers == 0
        session.execute_async(READ)
        sim.run(0.0)
        assert engine.sweeping


def test_a_loop_that_stood_still_expires_nothing_that_may_have_been_answered() -> None:
    with Simulation(3, nodes=1) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks")
        futures = [session.execute_async(READ, timeout=1.0) for _ in range(3)]
        sim.run(0.0)
        sim.world.time += 30.0  # a callback that blocks, a process that was stopped
        assert [future.result().one().v for future in futures] == ["a"] * 3


def test_after_a_stall_deadlines_still_come() -> None:
    with Simulation(4, nodes=1) as sim:
        session = lost(sim)
        future = session.execute_async(READ, timeout=1.0)
        sim.run(0.5)
        sim.world.time += 30.0
        began = sim.time
        with pytest.raises(OperationTimedOut):
            future.result()
        assert sim.time - began < 1.0


def test_what_is_done_is_not_expired_again() -> None:
    with Simulation(5, nodes=1) as sim:
        session = lost(sim)
        outcomes: list[Any] = []
        future = session.execute_async(READ, timeout=0.1)
        future.add_callbacks(outcomes.append, outcomes.append)
        sim.run(0.5)
        future.execution.expire()
        future.execution.cancel()
        sim.run(0.1)
        assert [type(outcome) for outcome in outcomes] == [OperationTimedOut]


def test_cancelling_leaves_an_orphan_that_its_answer_frees() -> None:
    with Simulation(6, nodes=1) as sim:
        sim[1].rules.append(Rule(Delay(0.5), text="SELECT"))
        session = sim.connect("ks")
        future = session.execute_async(READ)
        sim.run(0.1)
        assert future.cancel() is True
        sim.run(0.0)
        [link] = session.pools.links()
        assert (link.in_flight, link.orphans) == (0, 1)
        with pytest.raises(RequestCancelled):
            future.result()
        assert future.cancel() is False
        sim.run(1.0)
        assert len(link.streams) == 0


def test_cancelled_requests_cost_no_connection() -> None:
    with Simulation(6, nodes=1) as sim:
        sim[1].rules.append(Rule(Delay(0.5), text="SELECT"))
        session = sim.connect("ks", orphan_threshold=3)
        [link] = session.pools.links()
        for _ in range(2):  # the second time on the same streams
            futures = [session.execute_async(READ, timeout=1.0) for _ in range(10)]
            sim.run(0.1)
            assert all(future.cancel() for future in futures)
            sim.run(0.1)
            assert (link.in_flight, link.orphans) == (0, 10)
            sim.run(0.5)
            assert (link.in_flight, link.orphans) == (0, 0)
        sim.run(2.0)
        assert session.pools.links() == [link]
        assert sim.runtime.live_timers == 1  # of heartbeats


@pytest.mark.parametrize(("timeout", "patience"), [(1.0, 1.0), (None, 60.0), (3600.0, 60.0)])
def test_cancelled_requests_count_once_their_answers_are_overdue(
    timeout: float | None, patience: float
) -> None:
    with Simulation(6, nodes=1) as sim:
        sim[1].rules.append(Rule(Drop(), text="SELECT", times=4))
        session = sim.connect("ks", orphan_threshold=3)
        [old] = session.pools.links()
        futures = [session.execute_async(READ, timeout=timeout) for _ in range(4)]
        sim.run(0.1)
        for future in futures:
            future.cancel()
        sim.run(patience - 0.2)
        assert session.pools.links() == [old]
        sim.run(0.3)
        [new] = session.pools.links()
        assert new is not old
        assert old.closed


def test_the_time_runs_while_a_statement_is_prepared() -> None:
    with Simulation(7, nodes=1) as sim:
        session = sim.connect("ks")
        sim[1].rules.append(Rule(Drop(), message=Prepare))
        began = sim.time
        with pytest.raises(OperationTimedOut):
            session.execute(SimpleStatement("SELECT v FROM t WHERE k = ?"), (1,), timeout=0.3)
        assert sim.time - began < 0.4


@pytest.mark.parametrize("what", ["cluster", "session"])
def test_shutdown_in_the_middle_of_procedures(what: str) -> None:
    with Simulation(8) as sim:
        session = sim.connect("ks")
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        sim.run(0.1)
        for node in sim.nodes:
            node.forget_prepared()
            node.rules.append(Rule(Delay(5.0), text="USE"))
            node.rules.append(Rule(Delay(5.0), message=Prepare))
        sim[3].schema_version = uuid.UUID(int=7)
        futures = [
            session.execute_async("CREATE TABLE other (k int PRIMARY KEY)", timeout=None),
            session.execute_async(insert, (1, "x"), timeout=None),
            session.execute_async("SELECT v FROM t WHERE k = ?", (1,), timeout=None),
            session.execute_async("USE ks", timeout=None),
        ]
        sim.run(0.1)
        assert not [future for future in futures if future.execution.done]
        engine = session.pools.engine
        assert len(engine.parked) == 3  # agreement, preparing again, preparing
        began = sim.time
        (session.cluster if what == "cluster" else session).shutdown()
        sim.run(0.0)
        assert sim.time == began
        for future in futures:
            with pytest.raises(SessionShutdown):
                future.result()
        assert not engine.parked
        sim.run(1.0)
        for future in [session.execute_async("SELECT k FROM t", timeout=None)]:
            with pytest.raises(SessionShutdown):
                future.result()


def test_a_policy_that_raises_is_the_outcome() -> None:
    from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
    from cql_driver.policies import RoundRobinPolicy

    class Broken(RoundRobinPolicy):
        broken = False

        def make_query_plan(self, *args: Any, **kwargs: Any) -> Any:
            if self.broken:
                raise ZeroDivisionError("a bug of the user's")
            return super().make_query_plan(*args, **kwargs)

    with Simulation(9, nodes=1) as sim:
        policy = Broken()
        profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(policy)}
        session = sim.connect("ks", execution_profiles=profiles)
        policy.broken = True
        future = session.execute_async(READ, timeout=None)
        with pytest.raises(ZeroDivisionError):
            future.result()
        policy.broken = False
        assert session.execute(READ).all() == []


def test_two_refreshes_that_fail_at_once_make_one_new_connection() -> None:
    with Simulation(10) as sim:
        session = sim.connect(
            "ks",
            control_connection_timeout=1.0,
            topology_event_refresh_window=0,
            schema_event_refresh_window=0,
        )
        engine = session.pools.engine
        first = engine.control.link
        [node] = [node for node in sim.nodes if node.address == first.endpoint.address]
        node.rules.append(Rule(Drop(), text="system"))
        sim.cluster.push(TopologyChange("NEW_NODE", "10.0.9.9", 9042))
        sim.cluster.push(SchemaChange("CREATED", "KEYSPACE", "other"))
        sim.run(3.0)
        assert first.closed
        assert engine.control.link is not None
        listening = [c for node in sim.nodes for c in node.connections if c.registered]
        assert len(listening) == 1
