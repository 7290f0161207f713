"""What changes after requests were made alike: descriptions, hosts, policies, settings."""

from __future__ import annotations

import os
from typing import Any

import pytest

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.concurrent import execute_concurrent_with_args
from cql_driver.policies import (
    DCAwareRoundRobinPolicy,
    RetryPolicy,
    RoundRobinPolicy,
    TokenAwarePolicy,
)
from cql_protocol.errors import OperationTimedOut, ServerError
from cql_protocol.messages import VoidResult
from cql_protocol.types import INT
from tests.simulation import Drop, Fail, Rule, Simulation

READ = "SELECT v FROM t WHERE k = 1"


@pytest.mark.parametrize("times", [1, 2, 5])
def test_rows_of_a_statement_prepared_anew_are_read_by_its_new_columns(times: int) -> None:
    with Simulation(1, nodes=1) as sim:
        table = sim.cluster.t
        table.add(k=1, v="a")
        session = sim.connect("ks")
        select = session.prepare("SELECT * FROM t WHERE k = ?")
        for _ in range(times):
            assert tuple(session.execute(select, (1,)).one()) == (1, "a")
        # As many columns as before, so that the server's answers begin alike.
        table.columns = {"k": INT, "w": INT}
        sim.cluster.store.changed()
        table.rows.clear()
        table.add(k=1, w=7)
        sim[1].forget_prepared()
        for _ in range(3):
            row: Any = session.execute(select, (1,)).one()
            assert (row.k, row.w) == (1, 7)


# --- what a user's code does in the middle of things ------------------------------------------


class NoHosts(RoundRobinPolicy):
    """Picks what is no host."""

    def pick(self, working_keyspace: str | None, query: Any) -> Any:
        return "10.0.1.1"


def with_policy(sim: Simulation, policy: Any) -> Any:
    profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(policy)}
    return sim.connect("ks", execution_profiles=profiles)


def test_a_policy_that_picks_no_host_fails_each_request_and_nothing_else() -> None:
    with Simulation(2) as sim:
        session = with_policy(sim, NoHosts())
        select = session.prepare("SELECT v FROM t WHERE k = ?")
        for statement, values in ((READ, None), (select, (1,)), (select, (1,))):
            with pytest.raises(AttributeError):
                session.execute(statement, values)
            future = session.execute_async(statement, values)
            with pytest.raises(AttributeError):
                future.result()
        results = execute_concurrent_with_args(
            session, select, [(1,), (2,)], raise_on_first_error=False
        )
        assert [type(error) for _, error in results] == [AttributeError] * 2
        assert session.pools.engine.runtime.unattended == 0


def test_an_answer_that_comes_twice_counts_once() -> None:
    with Simulation(3) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks")
        select = session.prepare("SELECT v FROM t WHERE k = ?")
        told: list[Any] = []
        for _ in range(3):
            told.clear()
            request = session.request(select, (1,), EXEC_PROFILE_DEFAULT, told.append)
            session.pools.engine.runtime.perform(request.start, request)
            before = request.outcome
            request(VoidResult())
            assert request.outcome is before
            assert told == [request]


def test_time_outs_go_on_when_one_of_them_raises() -> None:
    with Simulation(4) as sim:
        for node in sim.nodes:
            node.rules.append(Rule(Drop(), text="SELECT"))
        session = sim.connect("ks")

        def broken(request: Any) -> None:
            raise ZeroDivisionError("what is told of the end of a request")

        request = session.request(READ, None, EXEC_PROFILE_DEFAULT, broken)
        session.pools.engine.runtime.dispatch(request.start)
        with pytest.raises(OperationTimedOut):
            session.execute(READ, timeout=20.0)
        assert request.done
        with pytest.raises(OperationTimedOut):
            session.execute(READ, timeout=0.1)
        assert [failure.error.__class__ for failure in sim.world.failures] == [ZeroDivisionError]
        sim.world.failures.clear()


# --- a policy that moves on -------------------------------------------------------------------


def test_a_policy_that_serves_another_cluster_picks_its_hosts() -> None:
    with Simulation(5, nodes=6) as sim:
        policy = TokenAwarePolicy(DCAwareRoundRobinPolicy("dc1"))
        first = with_policy(sim, policy)
        insert = first.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        for key in range(5):
            first.execute(insert, (key, "a"))
        # As a forked child does that connects anew, with the statements of its parent.
        second = sim.connect("ks", execution_profiles=first.cluster.profile_manager.profiles)
        for key in range(20):
            future = second.execute(insert, (key, "b")).response_future
            replicas = second.cluster.metadata.get_replicas("ks", key.to_bytes(4, "big"))
            assert future.coordinator_host in replicas


def test_two_profiles_in_turn_share_what_was_computed_for_each() -> None:
    with Simulation(6) as sim:
        session = sim.connect("ks")
        other = session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, consistency_level=4)
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        shapes = set()
        for key in range(12):
            profile = other if key % 2 else EXEC_PROFILE_DEFAULT
            session.execute(insert, (key, "a"), execution_profile=profile)
            computed = [shape.express for shape in insert.state.snapshot.shapes.values()]
            if key >= 8:
                shapes.add(tuple(map(id, computed)))
        assert len(shapes) == 1
        assert len(insert.state.snapshot.shapes) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.skipif(
    os.environ.get("CQL_PROTOCOL_IMPL") == "python",
    reason="the simulation decides all chance that Python code takes",
)
def test_forked_workers_do_not_all_choose_alike() -> None:
    def choices() -> bytes:
        with Simulation(7, nodes=6) as sim:
            session = with_policy(sim, TokenAwarePolicy(RoundRobinPolicy()))
            select = session.prepare("SELECT v FROM t WHERE k = ?")
            results = [session.execute(select, (1,)) for _ in range(60)]
            hosts = [result.response_future.coordinator_host for result in results]
            return " ".join(host.address for host in hosts).encode()

    def choices_of_a_child() -> bytes:
        source, sink = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(sink, choices())
            finally:
                os._exit(0)
        os.close(sink)
        os.waitpid(child, 0)
        with open(source, "rb") as reader:
            return reader.read()

    choices()
    one, other = choices_of_a_child(), choices_of_a_child()
    assert len(one.split()) == len(other.split()) == 60
    assert one != other


# --- Ctrl-C in the thread that leads, while it works for others -------------------------------


def test_a_request_whose_answer_is_interrupted_is_not_lost() -> None:
    interrupts: list[BaseException] = []

    class Interrupted(RetryPolicy):
        def on_request_error(self, *args: Any, **kwargs: Any) -> Any:
            if interrupts:
                raise interrupts.pop()
            return self.RETHROW, None

    with Simulation(8, nodes=1) as sim:
        profile = ExecutionProfile(RoundRobinPolicy(), Interrupted())
        session = sim.connect("ks", execution_profiles={EXEC_PROFILE_DEFAULT: profile})
        sim[1].rules.append(Rule(Fail(ServerError("s")), text="SELECT"))
        for _ in range(3):
            future = session.execute_async(READ)
            interrupts.append(KeyboardInterrupt())
            with pytest.raises(KeyboardInterrupt):
                sim.run(1.0)
            with pytest.raises(ServerError):
                future.result()
        assert session.pools.engine.runtime.unattended == 0
