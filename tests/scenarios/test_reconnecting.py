"""What a session does between the loss of a connection and the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cql_driver import (
    DriverException,
    InvalidRequest,
    IsBootstrapping,
    NoHostAvailable,
    Overloaded,
    ServerError,
)
from cql_driver.core.observers import Observer
from cql_protocol.messages import Prepare
from tests.simulation import Fail, Rule, Simulation

if TYPE_CHECKING:
    from cql_driver.pool import Host

SELECT = "SELECT v FROM ks.t WHERE k = 1"


def test_requests_wait_for_the_first_try_to_connect_again() -> None:
    with Simulation(seed=1, nodes=1) as sim:
        session = sim.connect("ks")
        session.execute("INSERT INTO t (k, v) VALUES (1, 'a')")
        assert sim.network.break_streams() == 2
        sim.run(0.001)
        for _ in range(3):
            assert session.execute(SELECT).one().v == "a"
        assert all(host.is_up for host in session.cluster.metadata.all_hosts())


def test_they_do_not_wait_when_the_node_is_gone() -> None:
    with Simulation(seed=2, nodes=1) as sim:
        session = sim.connect("ks")
        sim[1].kill()
        begin = sim.world.time
        with pytest.raises(NoHostAvailable):
            session.execute(SELECT)
        assert sim.world.time - begin < 1.0
        sim.run(0.1)
        assert session.cluster.metadata.all_hosts()[0].is_up is False
        sim[1].start()
        sim.run(5.0)
        assert session.execute(SELECT).one() is None


def test_other_nodes_are_asked_meanwhile() -> None:
    with Simulation(seed=3, nodes=3) as sim:
        session = sim.connect("ks")
        sim[2].hang()
        sim.network.break_streams()
        begin = sim.world.time
        for _ in range(20):
            session.execute(SELECT)
        assert sim.world.time - begin < 2.0
        sim[2].resume()


class Opened(Observer):
    def __init__(self) -> None:
        self.count = 0

    def connection_opened(self, host: Host) -> None:
        self.count += 1


def test_a_node_that_ends_each_connection_is_not_connected_to_in_a_hurry() -> None:
    with Simulation(seed=6, nodes=1) as sim:
        opened = Opened()
        session = sim.connect("ks", observers=[opened])
        for _ in range(1000):
            for link in session.pools.links():
                link.transport.abort()
            sim.run(0.01)
        assert 3 <= opened.count <= 12
        sim.run(30.0)
        assert session.execute(SELECT).one() is None
        opened.count = 0
        sim.network.break_streams()
        sim.run(0.01)
        assert session.execute(SELECT).one() is None
        assert opened.count == 1


@pytest.mark.parametrize("error", [Overloaded("busy"), ServerError("?"), IsBootstrapping("new")])
def test_a_host_that_cannot_prepare_again_is_passed_over(error: DriverException) -> None:
    with Simulation(seed=7, nodes=3) as sim:
        session = sim.connect("ks")
        select = session.prepare(SELECT)
        sim.run(1.0)
        for number in (1, 2, 3):
            sim[number].forget_prepared()
        sim[1].rules.append(Rule(Fail(error), message=Prepare))
        for _ in range(6):
            assert session.execute(select).one() is None


def test_a_session_outlives_its_keyspace() -> None:
    with Simulation(seed=4, nodes=2) as sim:
        session = sim.connect("ks")
        sim.cluster.store.keyspace("other")
        sim.cluster.store.make("other.t", "k int, v text")
        session.execute("INSERT INTO other.t (k, v) VALUES (1, 'there')")
        sim.cluster.store.keyspaces.pop("ks")
        sim.network.break_streams()
        sim.run(10.0)
        assert session.execute("SELECT v FROM other.t WHERE k = 1").one().v == "there"
        with pytest.raises(InvalidRequest):
            session.execute("SELECT v FROM t WHERE k = 1")


def test_a_keyspace_that_is_not_there_at_first_is_told() -> None:
    with Simulation(seed=5, nodes=2) as sim, pytest.raises(NoHostAvailable, match="nonesuch"):
        sim.connect("nonesuch")
