"""`Health`: hosts that hang, time out or lag are asked last, and come back by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.core.observers import Observer
from cql_driver.policies import (
    ConstantReconnectionPolicy,
    NeverSickNodePolicy,
    RoundRobinPolicy,
)
from cql_protocol.errors import IsBootstrapping, OperationTimedOut
from tests.simulation import Delay, Drop, Fail, Rule, Simulation

if TYPE_CHECKING:
    from cql_driver.cluster import Session

READ = "SELECT v FROM t WHERE k = 1"
WRITE = "INSERT INTO t (k, v) VALUES (2, 'b')"


class Changes(Observer):
    """Notes what becomes of hosts."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def host_changed(self, host: Any, change: str) -> None:
        self.seen.append((host.address, change))


def connect(sim: Simulation, **options: Any) -> Session:
    sim.cluster.t.add(k=1, v="a")
    session = sim.connect("ks", **options)
    for _ in range(10):
        session.execute(READ)
    return session


def sick(session: Session) -> list[str]:
    return [host.address for host in session.hosts if host.is_sick]


def reads(session: Session, count: int, timeout: float | None) -> int:
    """Read one after the other, as a thread that blocks does; return how many timed out."""
    failed = 0
    for _ in range(count):
        try:
            session.execute(READ, timeout=timeout)
        except OperationTimedOut:
            failed += 1
    return failed


# --- silent --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeout", "most"), [(0.1, 10), (0.3, 5), (1.0, 2), (10.0, 0), (None, 0)], ids=str
)
def test_scenario_55_a_hung_node_costs_a_few_requests(timeout: float | None, most: int) -> None:
    with Simulation(1) as sim:
        session = connect(sim)
        sim[2].hang()
        began = sim.time
        assert reads(session, 60, timeout) <= most
        assert sim.time - began < 2.0
        assert sick(session) == [sim[2].address]
        began = sim.time
        assert reads(session, 100, timeout) == 0
        assert sim.time - began < 1.0
        sim[2].resume()
        sim.run(0.1)
        assert sick(session) == []
        session.execute(READ)


def test_what_waits_for_a_silent_node_is_asked_elsewhere_once(caplog: Any) -> None:
    with Simulation(2) as sim:
        changes = Changes()
        session = connect(sim, observers=[changes])
        sim[2].hang()
        futures = [session.execute_async(READ, timeout=None) for _ in range(30)]
        writes = [session.execute_async(WRITE, timeout=5.0) for _ in range(3)]
        sim.run(2.0)
        [write] = [write for write in writes if not write.execution.done]
        assert all(future.execution.done for future in futures)
        assert {future.result().one().v for future in futures} == {"a"}
        assert write.attempted_hosts == [session.cluster.metadata.get_host(sim[2].address)]
        sim[2].resume()
        sim.run(0.1)
        write.result()
        assert changes.seen[3:] == [(sim[2].address, "sick"), (sim[2].address, "well")]
        lines = [record.getMessage() for record in caplog.records if "sick" in record.msg]
        assert len(lines) == 1
        assert "nothing came" in lines[0]


def test_when_many_hang_at_once_none_is_asked_in_the_place_of_another() -> None:
    with Simulation(20, nodes=12) as sim:
        session = connect(sim)
        hung = sim.nodes[:8]
        for node in hung:
            node.hang()
        futures = [session.execute_async(READ, timeout=None) for _ in range(60)]
        sim.run(2.0)
        assert len(sick(session)) == 8
        assert all(future.execution.done for future in futures)
        assert max(len(future.attempted_hosts) for future in futures) == 2
        for node in hung:
            node.resume()


def test_a_heartbeat_without_answer_tells_of_a_node_that_nobody_asks() -> None:
    with Simulation(17) as sim:
        session = connect(sim, idle_heartbeat_interval=10)
        sim.run(5.0)
        sim[2].hang()
        sim.run(18.0)
        assert sick(session) == [sim[2].address]
        engine = session.pools.engine
        sim.run(1.0)
        assert not engine.sweeping
        assert reads(session, 30, 0.3) == 0
        sim[2].resume()
        sim.run(0.1)
        assert sick(session) == []
        assert not engine.sweeping


def test_never() -> None:
    for policy in (None, NeverSickNodePolicy()):
        with Simulation(3) as sim:
            session = connect(sim, sick_node_policy=policy)
            sim[2].hang()
            assert reads(session, 30, 0.3) == 10
            assert sick(session) == []
            sim[2].resume()


def test_a_network_that_fails_on_our_side_makes_no_node_sick() -> None:
    with Simulation(4) as sim:
        session = connect(sim)
        for node in sim.nodes:
            node.hang()
        assert reads(session, 6, 1.0) == 6
        assert sick(session) == []
        for node in sim.nodes:
            node.resume()
        sim.run(0.1)
        session.execute(READ)


def test_a_loop_that_stood_still_holds_nobody_to_be_sick() -> None:
    with Simulation(5) as sim:
        for node in sim.nodes:
            node.rules.append(Rule(Delay(0.3), text="SELECT"))
        session = connect(sim)
        futures = [session.execute_async(READ) for _ in range(30)]
        for _ in range(6):
            sim.run(0.12)
            sim.world.time += 5.0
            futures += [session.execute_async(READ) for _ in range(30)]
        sim.run(0.5)
        assert all(future.execution.done for future in futures)
        assert sick(session) == []


def test_slow_answers_on_a_link_that_lives_are_waited_for() -> None:
    """Two requests that take ten seconds each are no reason to leave a node."""
    with Simulation(6) as sim:
        changes = Changes()
        session = connect(sim, observers=[changes])
        sim[2].rules.append(Rule(Delay(10.0), text="SELECT", times=2))
        futures = [session.execute_async(READ, timeout=None) for _ in range(6)]
        for _ in range(100):
            sim.run(0.1)
            session.execute(READ)
        sim.run(1.0)
        assert [
            future.attempted_hosts for future in futures if len(future.attempted_hosts) > 1
        ] == []
        assert all(future.execution.done for future in futures)
        assert changes.seen[3:] == []


@pytest.mark.parametrize("nodes", [1, 2, 3, 6])
def test_some_are_left(nodes: int) -> None:
    """At most two thirds are held to be sick, and never all."""
    with Simulation(7, nodes=nodes) as sim:
        session = connect(sim)
        for node in sim.nodes[: nodes - 1] or sim.nodes:
            node.hang()
        reads(session, 6 * nodes, 0.5)
        assert len(sick(session)) == {1: 0, 2: 1, 3: 2, 6: 4}[nodes]
        for node in sim.nodes:
            if node.hanging:
                node.resume()
        sim.run(0.2)
        assert sick(session) == []
        session.execute(READ)


def test_the_control_connection_leaves_a_sick_node_and_so_does_preparing() -> None:
    with Simulation(8) as sim:
        session = connect(sim)
        control = session.pools.engine.control
        [node] = [node for node in sim.nodes if node.address == control.host.address]
        node.hang()
        reads(session, 9, 0.5)
        assert sick(session) == [node.address]
        sim.run(0.5)
        assert control.host.address != node.address
        began = sim.time
        for number in range(6):
            session.prepare(f"SELECT k AS k{number} FROM t WHERE k = ?")
        assert sim.time - began < 0.2
        node.resume()


def test_one_host_alone_is_asked_though_it_is_sick() -> None:
    with Simulation(9) as sim:
        session = connect(sim)
        host = session.cluster.metadata.get_host(sim[2].address)
        sim[2].hang()
        reads(session, 12, 0.5)
        future = session.execute_async(READ, host=host, timeout=5.0)
        sim.run(1.0)
        assert not future.execution.done
        sim[2].resume()
        assert future.result().one().v == "a"
        assert future.attempted_hosts == [host]


def test_who_counts_sick_nodes_counts_none_after_the_end() -> None:
    with Simulation(9) as sim:
        changes = Changes()
        session = connect(sim, observers=[changes])
        sim[2].hang()
        reads(session, 12, 0.5)
        hosts = session.hosts
        assert changes.seen[3:] == [(sim[2].address, "sick")]
        session.cluster.shutdown()
        assert changes.seen[3:] == [(sim[2].address, "sick"), (sim[2].address, "well")]
        assert not any(host.is_sick for host in hosts)
        sim[2].resume()


def test_what_waits_for_a_well_node_asks_each_sick_one_once() -> None:
    with Simulation(9, nodes=4) as sim:
        session = connect(sim, max_requests_per_connection=2)
        for node in sim.nodes[1:]:
            [host] = [host for host in session.hosts if host.address == node.address]
            host.is_sick = True
            session.pools.pools[host.key].lent()
            node.rules.append(Rule(Fail(IsBootstrapping("not yet")), text="SELECT v"))
        sim[1].rules.append(Rule(Delay(0.05), text="SELECT v"))
        futures = [session.execute_async(READ, timeout=None) for _ in range(200)]
        sim.run(0.3)
        assert any(future.execution.done for future in futures)
        sim[1].kill()
        sim.run(5)
        asked = [future.attempted_hosts for future in futures if future.execution.done]
        assert len(asked) == 200
        assert max(map(len, asked)) == 4
        assert all(len(hosts) == len(set(hosts)) for hosts in asked)


@pytest.mark.parametrize("announced", [True, False])
def test_a_sick_node_that_dies_is_down_and_well_when_it_is_back(announced: bool) -> None:
    with Simulation(10) as sim:
        changes = Changes()
        policy = ConstantReconnectionPolicy(0.2)
        session = connect(sim, observers=[changes], reconnection_policy=policy)
        sim[2].hang()
        reads(session, 12, 0.5)
        sim.cluster.kill(sim[2], announce=announced)
        sim.run(1.0)
        sim.cluster.start(sim[2], announce=announced)
        sim.run(3.0)
        told = [change for address, change in changes.seen[3:] if address == sim[2].address]
        assert told == ["sick", "well", "down", "up"]
        before = sum(connection.requests for connection in sim[2].connections)
        assert reads(session, 30, 1.0) == 0
        assert sum(connection.requests for connection in sim[2].connections) > before


def test_a_session_made_meanwhile_asks_a_sick_node_last() -> None:
    with Simulation(11) as sim:
        session = connect(sim)
        sim[2].hang()
        reads(session, 12, 0.5)
        other = session.cluster.connect("ks")
        began = sim.time
        assert reads(other, 30, 5.0) == 0
        assert sim.time - began < 1.0
        sim[2].resume()


# --- failing and slow ----------------------------------------------------------------------------


def failing(sim: Simulation, session: Session, seconds: float) -> int:
    """Read for some seconds, one after the other, with a pause; return how many timed out."""
    failed, until = 0, sim.time + seconds
    while sim.time < until:
        failed += reads(session, 1, 0.2)
        sim.run(0.01)
    return failed


def test_a_node_whose_requests_all_time_out_is_tried_now_and_then() -> None:
    """It answers OPTIONS, and nothing else."""
    with Simulation(12) as sim:
        changes = Changes()
        session = connect(sim, observers=[changes])
        rule = Rule(Drop(), text="SELECT")
        sim[2].rules.append(rule)
        assert failing(sim, session, 3.0) <= 8
        assert sick(session) == [sim[2].address]
        # After a second, then two, then four...
        assert failing(sim, session, 30.0) <= 8
        assert changes.seen[3:] == [(sim[2].address, "sick")]
        sim[2].rules.remove(rule)
        failing(sim, session, 40.0)
        assert changes.seen[3:] == [(sim[2].address, "sick"), (sim[2].address, "well")]
        assert sick(session) == []


def test_answers_that_come_late_in_many_pieces_are_late_all_the_same() -> None:
    with Simulation(12) as sim:
        session = connect(sim)
        sim.cluster.t.add(k=1, v="a" * 200)
        sim.network.pieces = (20, 40)
        sim[2].rules.append(Rule(Delay(0.4), text="SELECT v"))
        assert failing(sim, session, 20.0) <= 12
        assert sick(session) == [sim[2].address]


def test_time_outs_among_answers_are_no_reason() -> None:
    with Simulation(13) as sim:
        session = connect(sim)
        sim[2].rules.append(Rule(Drop(), text="SELECT", chance=0.3))
        assert failing(sim, session, 10.0) > 10
        assert sick(session) == []


def test_time_outs_everywhere_are_no_reason() -> None:
    with Simulation(14) as sim:
        session = connect(sim)
        for node in sim.nodes:
            node.rules.append(Rule(Delay(0.5), text="SELECT"))
        assert failing(sim, session, 10.0) > 30
        assert sick(session) == []


@pytest.mark.parametrize("threads", [1, 8])
def test_a_node_that_is_far_slower_than_its_peers(threads: int) -> None:
    with Simulation(15) as sim:
        changes = Changes()
        session = connect(sim, observers=[changes])
        healthy = busy(sim, session, threads, 2.0)
        rule = Rule(Delay(0.8), text="SELECT")
        sim[2].rules.append(rule)
        busy(sim, session, threads, 6.0)
        assert sick(session) == [sim[2].address]
        # A trial takes a thread for as long as the node does.
        assert busy(sim, session, threads, 2.0) > 0.5 * healthy
        sim[2].rules.remove(rule)
        busy(sim, session, threads, 10.0)
        assert sick(session) == []
        assert busy(sim, session, threads, 2.0) > 0.8 * healthy
        assert [change for _, change in changes.seen[3:]] == ["sick", "well"]


def busy(sim: Simulation, session: Session, threads: int, seconds: float) -> int:
    """Keep so many reads under way; return how many were answered."""
    answered, until = 0, sim.time + seconds

    def on(_: object = None) -> None:
        nonlocal answered
        if sim.time < until:
            answered += 1
            sim.at(0.02, again)

    def again() -> None:
        session.execute_async(READ, timeout=5.0).add_callbacks(on, on)

    for _ in range(threads):
        again()
    sim.run(seconds + 1.0)
    return answered


def test_nodes_that_are_all_as_slow_are_well() -> None:
    with Simulation(16) as sim:
        session = connect(sim)
        for node in sim.nodes:
            node.rules.append(Rule(Delay(0.4, 0.8), text="SELECT"))
        assert busy(sim, session, 20, 10.0) > 100
        assert sick(session) == []


def test_nothing_is_kept_of_a_node_that_left() -> None:
    with Simulation(18, nodes=4) as sim:
        changes = Changes()
        session = connect(sim, observers=[changes], topology_event_refresh_window=0)
        sim[2].hang()
        futures = [session.execute_async(WRITE, timeout=2.0) for _ in range(8)]
        reads(session, 12, 0.5)
        gone = sim[2]
        sim.cluster.remove_node(gone)
        sim.run(3.0)
        assert all(future.execution.done for future in futures)
        told = [change for address, change in changes.seen[4:] if address == gone.address]
        # Whether its end or the news of its leaving is seen first is a matter of chance.
        assert [change for change in told if change != "down"] == ["sick", "well", "removed"]
        hosts = session.cluster.metadata.all_hosts()
        assert len(hosts) == 3
        assert set(session.pools.engine.health._records) <= {host.key for host in hosts}
        assert reads(session, 30, 1.0) == 0


def test_a_policy_that_raises_ends_no_deadline() -> None:
    class Broken(RoundRobinPolicy):
        broken = False

        def distance(self, host: Any) -> int:
            if self.broken:
                raise ZeroDivisionError("a bug of the user's")
            return super().distance(host)

    policy = Broken()
    profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(policy)}
    with Simulation(19) as sim:
        session = connect(sim, execution_profiles=profiles)
        policy.broken = True
        sim[2].hang()
        assert reads(session, 12, 2.0) == 4
        assert sick(session) == []
        assert {type(failure.error) for failure in sim.world.failures} == {ZeroDivisionError}
        sim.world.failures.clear()
        policy.broken = False
        assert reads(session, 12, 2.0) <= 1
        assert sick(session) == [sim[2].address]
        sim[2].resume()
