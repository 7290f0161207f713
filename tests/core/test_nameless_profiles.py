"""Profiles that a request brings along, and policies that are exchanged, without a name."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.concurrent import execute_concurrent_with_args
from cql_driver.policies import (
    ConstantSpeculativeExecutionPolicy,
    DCAwareRoundRobinPolicy,
    LatencyAwareness,
    RoundRobinPolicy,
    TokenAwarePolicy,
    WhiteListRoundRobinPolicy,
)
from cql_driver.query import SimpleStatement, tuple_factory
from tests.simulation import Simulation

READ = "SELECT v FROM t WHERE k = 1"


class Told(RoundRobinPolicy):
    """Writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def populate(self, cluster: Any, hosts: Any) -> None:
        self.told.append("populate")
        super().populate(cluster, hosts)

    def on_down(self, host: Any) -> None:
        self.told.append("down")
        super().on_down(host)

    def on_up(self, host: Any) -> None:
        self.told.append("up")
        super().on_up(host)

    def check_supported(self) -> None:
        self.told.append("check")


@pytest.mark.parametrize("prepared", [False, True])
def test_a_new_profile_works(prepared: bool) -> None:
    with Simulation(1) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks")
        statement: Any = session.prepare("SELECT v FROM t WHERE k = ?") if prepared else READ
        values = (1,) if prepared else None
        for profile in (ExecutionProfile(), ExecutionProfile(RoundRobinPolicy())):
            for _ in range(3):
                rows = session.execute(statement, values, execution_profile=profile)
                assert rows.one().v == "a"
            future = session.execute_async(statement, values, execution_profile=profile)
            assert future.result().one().v == "a"
            rows = session.execute(
                statement, values, execution_profile=profile, row_factory=tuple_factory
            )
            assert rows.one() == ("a",)


def test_a_new_profile_for_each_request_works_and_is_forgotten() -> None:
    with Simulation(2) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks")
        select = session.prepare("SELECT v FROM t WHERE k = ?")
        manager = session.cluster.profile_manager
        named = len(manager.policies())
        seen = []
        for _ in range(20):
            profile = ExecutionProfile(Told())
            seen.append(weakref.ref(profile.load_balancing_policy))
            assert session.execute(select, (1,), execution_profile=profile).one().v == "a"
            del profile
        gc.collect()
        assert [policy() for policy in seen] == [None] * 20
        assert len(manager.policies()) == named


def test_its_policy_is_told_of_hosts_as_long_as_it_is_used() -> None:
    with Simulation(3) as sim:
        session = sim.connect("ks", status_event_refresh_window=0.1)
        policy = Told()
        profile = ExecutionProfile(policy)
        for _ in range(3):
            session.execute(READ, execution_profile=profile)
        assert policy.told == ["populate", "check"]
        sim.cluster.kill(sim[2])
        sim.run(2.0)
        assert "down" in policy.told
        assert sim[2].address not in [host.address for host in policy.make_query_plan()]
        sim.cluster.start(sim[2])
        sim.run(10.0)
        assert policy.told[-1] == "up"
        assert len(list(policy.make_query_plan())) == 3
        profile.consistency_level = 4  # what it says is another object now
        session.execute(READ, execution_profile=profile)
        assert len(list(policy.make_query_plan())) == 3


def test_many_requests_at_once_with_a_new_profile() -> None:
    with Simulation(4) as sim:
        session = sim.connect("ks")
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        policy = Told()
        values = [(k, "v") for k in range(300)]
        results = execute_concurrent_with_args(
            session, insert, values, execution_profile=ExecutionProfile(policy)
        )
        assert all(success for success, _ in results)
        assert policy.told == ["populate", "check"]


def test_connections_that_only_its_policy_wants_are_opened() -> None:
    with Simulation(5, nodes={"dc1": 2, "dc2": 2}) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect(
            "ks",
            contact_points=[sim[1].address],
            execution_profiles={
                EXEC_PROFILE_DEFAULT: ExecutionProfile(DCAwareRoundRobinPolicy("dc1"))
            },
        )
        assert len(session.hosts) == 2
        far = ExecutionProfile(DCAwareRoundRobinPolicy("dc2"))
        future = session.execute_async(READ, execution_profile=far)
        assert future.result().one().v == "a"
        assert future.coordinator_host.datacenter == "dc2"
        assert len(session.hosts) == 4


def test_a_policy_that_cannot_begin_fails_the_request() -> None:
    class Broken(RoundRobinPolicy):
        def populate(self, cluster: Any, hosts: Any) -> None:
            raise ZeroDivisionError("a bug of the user's")

    class Unsupported(RoundRobinPolicy):
        def check_supported(self) -> None:
            raise ZeroDivisionError("not with this cluster")

    with Simulation(6) as sim:
        session = sim.connect("ks")
        for policy in (Broken(), Unsupported()):
            for _ in range(2):
                with pytest.raises(ZeroDivisionError):
                    session.execute(READ, execution_profile=ExecutionProfile(policy))
            with pytest.raises(ZeroDivisionError):
                session.execute_async(READ, execution_profile=ExecutionProfile(policy)).result()
        assert session.execute(READ).all() == []


def test_a_statement_that_must_be_prepared_before() -> None:
    with Simulation(7) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks")
        text = "SELECT v FROM t WHERE k = ?"
        rows = session.execute(text, (1,), execution_profile=ExecutionProfile())
        assert rows.one().v == "a"


def test_a_profile_serves_one_cluster_after_the_other() -> None:
    profile = ExecutionProfile()
    for seed in (8, 9):
        with Simulation(seed) as sim:
            sim.cluster.t.add(k=1, v="a")
            session = sim.connect("ks")
            select = session.prepare("SELECT v FROM t WHERE k = ?")
            for _ in range(3):
                assert session.execute(select, (1,), execution_profile=profile).one().v == "a"


def test_another_policy_for_a_profile_in_use() -> None:
    with Simulation(10) as sim:
        sim.cluster.t.add(k=1, v="a")
        profile = ExecutionProfile(RoundRobinPolicy())
        session = sim.connect("ks", execution_profiles={EXEC_PROFILE_DEFAULT: profile})
        select = session.prepare("SELECT v FROM t WHERE k = ?")
        only = WhiteListRoundRobinPolicy([sim[2].address])
        for policy in (TokenAwarePolicy(RoundRobinPolicy()), only):
            profile.load_balancing_policy = policy
            for statement, values in ((READ, None), (select, (1,)), (select, (1,))):
                result = session.execute(statement, values)
                assert result.one().v == "a"
        assert result.response_future.coordinator_host.address == sim[2].address


def test_what_its_policies_watch_is_watched() -> None:
    with Simulation(11) as sim:
        session = sim.connect("ks")
        awareness = LatencyAwareness()
        policy = TokenAwarePolicy(RoundRobinPolicy(), latency_awareness=awareness)
        profile = ExecutionProfile(
            policy, speculative_execution_policy=ConstantSpeculativeExecutionPolicy(0.1, 1)
        )
        statement = SimpleStatement(READ, is_idempotent=True)
        session.execute(statement, execution_profile=profile)
        assert awareness in session.pools.engine.observers.observers
