"""`HostPool` and `SessionPools`: filling, growing, waiting for a place, being closed."""

from __future__ import annotations

from typing import Any

import pytest

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.errors import (
    ClientOverloaded,
    InvalidArgument,
    NoConnectionsAvailable,
    SessionShutdown,
)
from cql_driver.policies import ConstantReconnectionPolicy, ReconnectionPolicy, RoundRobinPolicy
from cql_protocol.errors import NoHostAvailable, OperationTimedOut
from tests.simulation import Delay, Drop, Rule, Simulation

READ = "SELECT v FROM t WHERE k = 1"
ONE_PLACE = {"max_requests_per_connection": 1, "max_connections_per_host": 1}


def start(session: Any, count: int, **options: Any) -> tuple[list[Any], list[int]]:
    """Start requests; return their futures, and the list of those that are done, in order."""
    ended: list[int] = []
    futures = []
    for number in range(count):
        future = session.execute_async(READ, **options)
        future.add_callbacks(
            lambda rows, n=number: ended.append(n), lambda exc, n=number: ended.append(n)
        )
        futures.append(future)
    return futures, ended


# --- pools ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2])
def test_ctrl_c_ends_no_reconnecting_and_reaches_who_runs_the_loop(count: int) -> None:
    interrupts: list[KeyboardInterrupt] = []

    class Interrupted(ReconnectionPolicy):
        def new_schedule(self) -> Any:
            if interrupts:
                raise interrupts.pop()
            return iter([0.5] * 9)

    with Simulation(1, nodes=1) as sim:
        session = sim.connect("ks", reconnection_policy=Interrupted())
        interrupts += [KeyboardInterrupt() for _ in range(count)]
        sim[1].kill()
        for _ in range(count):  # the control connection and the pool reconnect
            with pytest.raises(KeyboardInterrupt):
                sim.run(1.0)
        sim.run(1.0)
        assert not interrupts
        sim[1].start()
        sim.run(2.0)
        assert session.cluster.control_connection.link is not None
        assert session.execute(READ) is not None


def test_the_delays_are_those_of_the_policy_and_success_begins_them_anew() -> None:
    class Growing(ReconnectionPolicy):
        def new_schedule(self) -> Any:
            return iter((0.5, 1.0, 2.0, 4.0))

    with Simulation(1, nodes=2) as sim:
        session = sim.connect("ks", reconnection_policy=Growing(), idle_heartbeat_interval=0)
        for _ in range(2):
            sim.cluster.kill(sim[2], announce=False)
            sim.run(4.2)
            tries = [e.time for e in sim.record if e.kind == "refused"]
            gaps = [round(b - a, 1) for a, b in zip(tries[-4:], tries[-3:], strict=False)]
            assert gaps == [0.5, 1.0, 2.0]
            sim.cluster.start(sim[2], announce=False)
            sim.run(4.2)
            assert len(session.pools.links()) == 2


def test_an_event_makes_a_pool_try_at_once() -> None:
    with Simulation(2, nodes=2) as sim:
        session = sim.connect(
            "ks",
            reconnection_policy=ConstantReconnectionPolicy(600.0),
            status_event_refresh_window=0.1,
            contact_points=[sim[1].address],
        )
        sim.cluster.kill(sim[2])
        sim.run(5.0)
        assert len(session.pools.links()) == 1
        sim.cluster.start(sim[2])
        sim.run(0.3)
        assert len(session.pools.links()) == 2


def test_a_pool_grows_when_it_is_full_up_to_its_bound() -> None:
    with Simulation(3, nodes=1) as sim:
        sim[1].rules.append(Rule(Delay(0.1), text="SELECT"))
        session = sim.connect("ks", max_requests_per_connection=2, max_connections_per_host=3)
        [pool] = session.pools.pools.values()
        assert len(pool.links) == 1
        futures, _ = start(session, 50)
        for future in futures:
            future.result()
        assert len(pool.links) == 3
        assert sim[1].connections_accepted == 4


def test_a_pool_that_is_closed_while_it_fills_leaves_nothing() -> None:
    for delay in (0.0, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.3):
        with Simulation(4, nodes=3) as sim:
            cluster = sim.new_cluster(
                connections_per_host=3,
                max_connections_per_host=3,
                reconnection_policy=ConstantReconnectionPolicy(0.2),
            )
            sim.network.fail_connects(sim[2].address, ConnectionRefusedError(111, "no"))
            session = cluster.connect("ks")
            sim.run(delay)
            pools = list(session.pools.pools.values())
            session.shutdown()
            for pool in pools:
                assert pool.closed
                assert pool.first.done
                assert pool._filling is None
            sim.run(0.5)
            assert sum(len(node.connections) for node in sim.nodes) == 1  # that of control


def test_a_host_that_is_removed_while_requests_are_under_way() -> None:
    with Simulation(5) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks", topology_event_refresh_window=0.0)
        for node in sim.nodes:
            node.rules.append(Rule(Delay(0.5), text="SELECT", times=4))
        futures, ended = start(session, 12)
        sim.run(0.1)
        sim.cluster.remove_node(sim[3])
        sim.run(3.0)
        assert sorted(ended) == list(range(12))
        assert [future.result().one().v for future in futures] == ["a"] * 12  # reads may go on
        assert len(session.pools.pools) == 2


# --- waiting for a place -------------------------------------------------------------------------


def test_who_waits_goes_in_order_also_before_who_comes_later() -> None:
    with Simulation(6, nodes=1) as sim:
        sim[1].rules.append(Rule(Delay(0.1), text="SELECT"))
        session = sim.connect("ks", **ONE_PLACE)
        _, ended = start(session, 5)
        sim.run(0.25)
        assert ended == [0, 1]
        later, ended_later = start(session, 1)
        sim.run(lambda: later[0].execution.done)
        sim.run(0.01)
        assert ended == [0, 1, 2, 3, 4]
        assert ended_later == [0]
        assert not session.pools.waiting


def test_who_waits_for_one_host_does_not_keep_others_from_theirs() -> None:
    with Simulation(7, nodes=2) as sim:
        sim[1].rules.append(Rule(Delay(5.0), text="SELECT"))
        sim[2].rules.append(Rule(Delay(0.1), text="SELECT"))
        profile = ExecutionProfile(RoundRobinPolicy(), request_timeout=20.0)
        session = sim.connect("ks", execution_profiles={EXEC_PROFILE_DEFAULT: profile}, **ONE_PLACE)
        slow = session.cluster.metadata.get_host(sim[1].address)
        pinned = [session.execute_async(READ, host=slow) for _ in range(3)]
        others, ended = start(session, 5)
        sim.run(1.0)
        assert ended == [0, 1, 2, 3, 4]
        assert not any(future.execution.done for future in pinned)
        for future in [*pinned, *others]:
            future.result()


def test_the_bound_of_those_who_wait() -> None:
    with Simulation(8, nodes=1) as sim:
        sim[1].rules.append(Rule(Delay(0.1), text="SELECT"))
        session = sim.connect("ks", max_waiting_requests=2, **ONE_PLACE)
        futures, _ = start(session, 4)
        sim.run(0.01)
        assert [future.execution.done for future in futures] == [False, False, False, True]
        with pytest.raises(ClientOverloaded, match="max_waiting_requests"):
            futures[3].result()
        for future in futures[:3]:
            future.result()


def test_those_whose_time_is_over_do_not_count() -> None:
    with Simulation(9, nodes=1) as sim:
        sim[1].rules.append(Rule(Delay(2.0), text="SELECT"))
        session = sim.connect("ks", max_waiting_requests=2, **ONE_PLACE)
        _, ended = start(session, 1, timeout=5.0)
        sim.run(0.01)
        for _ in range(3):
            futures, _ = start(session, 2, timeout=0.1)
            for future in futures:
                with pytest.raises(OperationTimedOut):
                    future.result()
            assert not session.pools.waiting
        sim.run(2.0)
        assert ended == [0]


def test_those_given_up_do_not_count() -> None:
    with Simulation(9, nodes=1) as sim:
        sim[1].rules.append(Rule(Delay(0.5), text="SELECT"))
        session = sim.connect("ks", max_waiting_requests=3, **ONE_PLACE)
        _, ended = start(session, 1, timeout=5.0)
        given_up, _ = start(session, 3)
        sim.run(0.1)
        for future in given_up:
            future.execution.cancel()
        futures, _ = start(session, 3)
        sim.run(0.1)
        assert len(session.pools.waiting) == 3
        for future in futures:
            future.result()
        assert ended == [0]


def test_many_that_wait_are_looked_through_seldom() -> None:
    with Simulation(9, nodes=1) as sim:
        sim[1].rules.append(Rule(Delay(2.0), text="SELECT"))
        session = sim.connect("ks", **ONE_PLACE)
        start(session, 1, timeout=5.0)
        futures, _ = start(session, 30_000, timeout=0.5)
        sim.run(0.3)
        pools = session.pools
        assert pools.due(pools._next_look - 1, False) == []
        assert len(pools.due(pools._next_look - 1, True)) == 30_000
        sim.run(0.4)
        assert not pools.waiting
        assert all(isinstance(f.execution.outcome, OperationTimedOut) for f in futures)


def test_overload_may_be_an_error_at_once() -> None:
    with Simulation(10, nodes=1) as sim:
        sim[1].rules.append(Rule(Delay(0.1), text="SELECT"))
        session = sim.connect("ks", overload="raise", **ONE_PLACE)
        futures, _ = start(session, 3)
        futures[0].result()
        for future in futures[1:]:
            with pytest.raises(ClientOverloaded, match="not to wait"):
                future.result()


def test_nobody_waits_for_connections_that_are_gone() -> None:
    with Simulation(11, nodes=2) as sim:
        for node in sim.nodes:
            node.rules.append(Rule(Drop(), text="SELECT"))
        session = sim.connect("ks", **ONE_PLACE)
        futures, ended = start(session, 6, timeout=None)
        sim.run(0.1)
        assert len(session.pools.waiting) == 4
        for node in list(sim.nodes):
            sim.cluster.kill(node)
        sim.run(1.0)
        assert sorted(ended) == list(range(6))
        for future in futures:
            with pytest.raises(NoHostAvailable):
                future.result()


def test_a_pinned_host_without_connections() -> None:
    with Simulation(12, nodes=2) as sim:
        session = sim.connect("ks")
        host = session.cluster.metadata.get_host(sim[2].address)
        sim.cluster.kill(sim[2])
        sim.run(1.0)
        with pytest.raises(NoConnectionsAvailable, match="refused"):
            session.execute(READ, host=host, timeout=None)
        sim.cluster.remove_node(sim[2])
        sim.run(15.0)
        with pytest.raises(InvalidArgument, match="no host of this cluster"):
            session.execute(READ, host=host, timeout=None)


def test_shutdown_ends_all_who_wait_and_all_that_is_under_way() -> None:
    with Simulation(13, nodes=1) as sim:
        sim[1].rules.append(Rule(Delay(2.0), text="SELECT"))
        session = sim.connect("ks", **ONE_PLACE)
        futures, ended = start(session, 5, timeout=None)
        use = session.execute_async("USE ks", timeout=None)
        bound = session.execute_async("INSERT INTO t (k, v) VALUES (?, ?)", (1, "x"), timeout=None)
        sim.run(0.01)
        began = sim.time
        session.shutdown()
        sim.run(0.0)
        assert sorted(ended) == list(range(5))
        for future in [*futures, use, bound]:
            with pytest.raises(SessionShutdown):
                future.result()
        assert sim.time == began
        with pytest.raises(SessionShutdown):
            session.execute(READ)
        with pytest.raises(SessionShutdown):
            session.prepare("SELECT v FROM t WHERE k = ?")
