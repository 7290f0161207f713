"""The order of an observer's hooks, and profiles that are changed while they are in use."""

from __future__ import annotations

from typing import Any

import pytest

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.core.observers import Observer
from cql_driver.policies import (
    ConstantSpeculativeExecutionPolicy,
    FallthroughRetryPolicy,
    RetryPolicy,
    RoundRobinPolicy,
)
from cql_driver.query import SimpleStatement, dict_factory, tuple_factory
from cql_protocol.enums import ConsistencyLevel
from cql_protocol.errors import OperationTimedOut, ServerError, WriteTimeout
from tests.simulation import Delay, Drop, Fail, Rule, Simulation

READ = "SELECT v FROM t WHERE k = 1"


class Diary(Observer):
    """Writes down what it is told of requests, and of hosts and connections apart."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.hosts: list[Any] = []

    def request_created(self, request: Any) -> None:
        self.told.append("created")

    def request_started(self, request: Any) -> None:
        self.told.append("started")

    def attempt_started(self, request: Any, host: Any, speculative: bool) -> None:
        self.told.append("beside" if speculative else "attempt")

    def attempt_ended(self, request: Any, host: Any, error: Any, duration: float) -> None:
        self.told.append(f"answer {type(error).__name__}" if error else "answer")

    def request_retried(self, request: Any, error: Any, same_host: bool) -> None:
        self.told.append("same" if same_host else "next")

    def request_ignored(self, request: Any, error: Any) -> None:
        self.told.append("ignored")

    def client_timed_out(self, request: Any, host: Any) -> None:
        self.told.append("timed out")

    def request_ended(self, request: Any, error: Any, duration: float) -> None:
        self.told.append(f"ended {type(error).__name__}" if error else "ended")

    def host_changed(self, host: Any, change: str) -> None:
        self.hosts.append((host.address, change))

    def connection_opened(self, host: Any) -> None:
        self.hosts.append((host.address, "opened"))

    def connection_closed(self, host: Any, error: Any) -> None:
        self.hosts.append((host.address, "closed"))

    def connection_failed(self, host: Any, error: Any) -> None:
        self.hosts.append((host.address, "failed"))


def observed(sim: Simulation, profile: ExecutionProfile | None = None, **options: Any) -> Any:
    diary = Diary()
    if profile is not None:
        options["execution_profiles"] = {EXEC_PROFILE_DEFAULT: profile}
    session = sim.connect("ks", observers=[diary], **options)
    diary.told.clear()
    return session, diary


def test_a_request_that_goes_well() -> None:
    with Simulation(1) as sim:
        session, diary = observed(sim)
        session.execute(READ)
        assert diary.told == ["created", "started", "attempt", "answer", "ended"]


def test_retries_errors_and_what_is_ignored() -> None:
    class Script(RetryPolicy):
        answers: list[Any] = []  # noqa: RUF012 - of this test alone

        def on_request_error(self, *args: Any, **kwargs: Any) -> Any:
            return self.answers.pop(0), None

        def on_write_timeout(self, *args: Any, **kwargs: Any) -> Any:
            return self.IGNORE, None

    with Simulation(2) as sim:
        session, diary = observed(sim, ExecutionProfile(RoundRobinPolicy(), Script()))
        for node in sim.nodes:
            node.rules.append(Rule(Fail(ServerError("s")), text="SELECT"))
            node.rules.append(Rule(Fail(WriteTimeout("w")), text="INSERT"))
        Script.answers[:] = [Script.RETRY, Script.RETRY_NEXT_HOST, Script.RETHROW]
        with pytest.raises(ServerError):
            session.execute(READ)
        failed = ["attempt", "answer ServerError"]
        assert diary.told == [
            *("created", "started", *failed, "same", *failed, "next", *failed),
            "ended ServerError",
        ]
        diary.told.clear()
        session.execute("INSERT INTO t (k, v) VALUES (1, 'x')")
        assert diary.told[2:] == ["attempt", "answer WriteTimeout", "ignored", "ended"]


def test_time_outs_and_speculative_attempts() -> None:
    with Simulation(3) as sim:
        policy = ConstantSpeculativeExecutionPolicy(0.05, 1)
        profile = ExecutionProfile(RoundRobinPolicy(), speculative_execution_policy=policy)
        session, diary = observed(sim, profile)
        for node in sim.nodes:
            node.rules.append(Rule(Delay(0.2), text="SELECT", times=1))
            node.rules.append(Rule(Drop(), text="SELECT"))
        statement = SimpleStatement(READ, is_idempotent=True)
        session.execute(statement)
        assert diary.told == ["created", "started", "attempt", "beside", "answer", "ended"]
        sim.run(1.0)
        assert len(diary.told) == 6  # the late answer concerns nobody
        diary.told.clear()
        for node in sim.nodes:
            node.rules[0].times = 0
        with pytest.raises(OperationTimedOut):
            session.execute(statement, timeout=0.3)
        assert diary.told[2:] == ["attempt", "beside", "timed out", "ended OperationTimedOut"]


def test_pages_are_requests_of_their_own() -> None:
    with Simulation(4) as sim:
        for k in range(5):
            sim.cluster.t.add(k=k, v="x")
        session, diary = observed(sim)
        assert len(session.execute(SimpleStatement("SELECT k FROM t", fetch_size=2)).all()) == 5
        assert diary.told == ["created", "started", "attempt", "answer", "ended"] * 3


def test_hosts_and_connections() -> None:
    with Simulation(5, nodes=2) as sim:
        _, diary = observed(sim, status_event_refresh_window=0.1)
        diary.hosts.clear()
        address = sim[2].address
        sim.cluster.kill(sim[2])
        sim.run(0.05)
        sim.cluster.start(sim[2])
        sim.run(5.0)
        changes = [change for host, change in diary.hosts if host == address]
        # It is down once nobody can connect to it any more.
        assert changes[:3] == ["closed", "failed", "down"]
        assert changes[-2:] == ["opened", "up"]
        assert set(changes[3:-2]) <= {"failed"}


def test_an_observer_that_raises_harms_nobody() -> None:
    class Broken(Observer):
        def attempt_ended(self, request: Any, host: Any, error: Any, duration: float) -> None:
            raise ZeroDivisionError("a bug of the user's")

    with Simulation(6) as sim:
        session = sim.connect("ks", observers=[Broken()])
        assert session.execute(READ).all() == []


# --- profiles ------------------------------------------------------------------------------


def test_profiles_may_be_changed_while_they_are_in_use() -> None:
    with Simulation(7) as sim:
        sim.cluster.t.add(k=1, v="a")
        profile = ExecutionProfile(RoundRobinPolicy())
        session = sim.connect("ks", execution_profiles={EXEC_PROFILE_DEFAULT: profile})
        assert session.execute(READ).one().v == "a"
        profile.row_factory = dict_factory
        assert session.execute(READ).one() == {"v": "a"}
        profile.row_factory = tuple_factory
        assert session.execute(READ).one() == ("a",)
        profile.consistency_level = ConsistencyLevel.QUORUM
        future = session.execute_async(READ)
        assert future.message.parameters.consistency == ConsistencyLevel.QUORUM
        future.result()
        once = Rule(Fail(ServerError("s")), text="SELECT", times=1)
        for node in sim.nodes:
            node.rules.append(once)
        assert session.execute(READ).one() == ("a",)
        once.used = 0
        profile.retry_policy = FallthroughRetryPolicy()
        with pytest.raises(ServerError):
            session.execute(READ)
        for node in sim.nodes:
            node.rules[:] = [Rule(Drop(), text="SELECT")]
        profile.request_timeout = 0.2
        began = sim.time
        with pytest.raises(OperationTimedOut):
            session.execute(READ)
        assert sim.time - began < 0.3


def test_a_request_keeps_the_profile_it_began_with() -> None:
    with Simulation(8, nodes=1) as sim:
        sim[1].rules.append(Rule(Delay(0.5), text="SELECT"))
        profile = ExecutionProfile(RoundRobinPolicy(), request_timeout=5.0)
        session = sim.connect("ks", execution_profiles={EXEC_PROFILE_DEFAULT: profile})
        future = session.execute_async(READ)
        profile.request_timeout = 0.1
        assert future.result().all() == []
