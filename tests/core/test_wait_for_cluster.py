"""`Cluster(wait_for_cluster=…)`: connecting to a cluster that is not there yet."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import pytest

from cql_driver.auth import PlainTextAuthProvider
from cql_driver.errors import SessionShutdown
from cql_driver.policies import ConstantReconnectionPolicy, ReconnectionPolicy
from cql_protocol.errors import AuthenticationFailed, NoHostAvailable, UnresolvableContactPoints
from tests.simulation import Simulation

READ = "SELECT v FROM t WHERE k = 1"


@pytest.fixture(autouse=True)
def warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


def tries(sim: Simulation) -> list[float]:
    """The times of attempts to connect that were refused."""
    return [event.time for event in sim.record if event.kind == "refused"]


def kill_all(sim: Simulation) -> float:
    for node in sim.nodes:
        node.kill()
    return sim.time


def test_it_goes_on_trying_until_a_node_is_there(caplog: pytest.LogCaptureFixture) -> None:
    with Simulation(1, nodes=2) as sim:
        began = kill_all(sim)
        sim.at(20.0, sim[2].start)
        cluster = sim.new_cluster(
            wait_for_cluster=60, reconnection_policy=ConstantReconnectionPolicy(2.0)
        )
        session = cluster.connect("ks")
        assert 20.0 <= sim.time - began <= 22.1
        assert session.execute(READ).all() == []
        assert len(tries(sim)) >= 2 * 10
        told = [record.message for record in caplog.records if "No connection to" in record.message]
        assert len(told) == 2, told  # each node's error once, however often it comes
        assert all(f"to {node.address}" in text for node, text in zip(sim.nodes, told, strict=True))
        assert "trying for 60 s more" in told[0]
        assert "Connection refused" in told[0]


def test_the_delays_are_those_of_the_policy_and_go_on_when_they_end() -> None:
    class Twice(ReconnectionPolicy):
        def new_schedule(self) -> Any:
            return [0.5, 3.0]

    with Simulation(2, nodes=1) as sim:
        kill_all(sim)
        with pytest.raises(NoHostAvailable):
            sim.new_cluster(wait_for_cluster=8, reconnection_policy=Twice()).connect()
        times = tries(sim)
        gaps = [round(b - a, 1) for a, b in itertools.pairwise(times)]
        # The last try is at the end of the time.
        assert gaps == [0.5, 3.0, 3.0, 1.5]


@pytest.mark.parametrize(("wait", "count"), [(None, 1), (0, 1), (10, 11)])
def test_in_the_end_the_errors_are_those_of_the_last_try(wait: float | None, count: int) -> None:
    with Simulation(3, nodes=1) as sim:
        began = kill_all(sim)
        cluster = sim.new_cluster(
            wait_for_cluster=wait, reconnection_policy=ConstantReconnectionPolicy(1.0)
        )
        with pytest.raises(NoHostAvailable, match="Connection refused"):
            cluster.connect()
        assert len(tries(sim)) == count
        assert sim.time - began == pytest.approx(wait or 0, abs=0.1)
        sim[1].start()
        assert cluster.connect("ks").execute(READ).all() == []


def test_names_are_looked_up_each_time(caplog: pytest.LogCaptureFixture) -> None:
    with Simulation(4, nodes=1) as sim:
        sim.at(3.0, sim.network.names.update, {"db.example": [sim[1].address]})
        cluster = sim.new_cluster(
            contact_points=["db.example"],
            wait_for_cluster=10,
            reconnection_policy=ConstantReconnectionPolicy(1.0),
        )
        assert cluster.connect("ks").execute(READ).all() == []
        assert caplog.text.count("No connection to any node yet") == 1
        sim.network.names.clear()
        other = sim.new_cluster(contact_points=["db.example"], wait_for_cluster=1)
        with pytest.raises(UnresolvableContactPoints):
            other.connect()


def test_a_login_that_is_not_known_yet() -> None:
    """A node that starts makes the first role later than it lets clients in."""
    with Simulation(5, nodes=1, users={}) as sim:
        users = sim.cluster.users
        assert users is not None
        sim.at(5.0, users.update, {"cassandra": "secret"})
        options: Any = {
            "auth_provider": PlainTextAuthProvider("cassandra", "secret"),
            "reconnection_policy": ConstantReconnectionPolicy(1.0),
        }
        session = sim.connect("ks", wait_for_cluster=10, **options)
        assert session.execute(READ).all() == []
        users.clear()
        with pytest.raises(NoHostAvailable) as caught:
            sim.connect("ks", wait_for_cluster=2, **options)
        [error] = caught.value.errors.values()
        assert isinstance(error, AuthenticationFailed)


@pytest.mark.parametrize("when", [0.0001, 0.0005, 1.0])
def test_shutdown_ends_the_waiting(when: float) -> None:
    """Before the first answer, in the middle of it, and between two tries."""
    with Simulation(7, nodes=2) as sim:
        began = kill_all(sim)
        cluster = sim.new_cluster(
            wait_for_cluster=600, reconnection_policy=ConstantReconnectionPolicy(60.0)
        )
        sim.at(when, cluster.shutdown)
        with pytest.raises(SessionShutdown):
            cluster.connect()
        assert sim.time - began < when + 0.01
        with pytest.raises(SessionShutdown):
            cluster.connect()


def test_what_no_waiting_helps_is_told_at_once() -> None:
    with Simulation(6, nodes=1) as sim:
        began = sim.time
        with pytest.raises(NoHostAvailable, match="nonesuch"):
            sim.new_cluster(wait_for_cluster=60).connect("nonesuch")
        assert sim.time - began < 1.0
