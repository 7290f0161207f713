"""Scenarios 19 to 21: nodes that vanish, and what policies and listeners are told of nodes."""

from __future__ import annotations

from typing import Any

import pytest

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    HostDistance,
    RoundRobinPolicy,
)
from cql_protocol.errors import DriverException
from cql_protocol.messages import StatusChange
from tests.scenarios.hosts import AT_ONCE, OFTEN, addresses, asked, attempts, host_of
from tests.simulation import Simulation
from tests.told import Told


class Watching(RoundRobinPolicy):
    """Notes what it is told and asked, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, str]] = []

    def distance(self, host: Any) -> int:
        self.calls.append(("distance", host.address))
        return super().distance(host)

    def on_add(self, host: Any) -> None:
        self.calls.append(("add", host.address))
        super().on_add(host)

    def on_remove(self, host: Any) -> None:
        self.calls.append(("remove", host.address))
        super().on_remove(host)


@pytest.mark.parametrize("alive", [False, True])
def test_scenario_19_a_node_vanishes_without_an_event(alive: bool) -> None:
    with Simulation(19) as sim:
        policy = Watching()
        profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(policy)}
        points = [sim[1].address]
        session = sim.connect(
            "ks",
            contact_points=points,
            execution_profiles=profiles,
            reconnection_policy=OFTEN,
            **AT_ONCE,
        )
        told = Told(session)
        gone, address = host_of(session, sim[2]), sim[2].address
        if alive:
            # Its connections live: it is the next look at the nodes that tells.
            for node in sim.nodes:
                node.hidden = {sim[2]}
            sim.cluster.reshaped()
            session.cluster.refresh_nodes()
        else:
            # The first connection that fails leads to a look at the nodes.
            sim.cluster.remove_node(sim[2], announce=False)
        sim.run(2.0)
        assert {h.address for h in session.cluster.metadata.all_hosts()} == {
            node.address for node in sim.nodes if node.address != address
        }
        assert gone.key not in session.pools.pools
        assert address not in addresses(session)
        assert ("remove", address) in policy.calls
        assert told.heard[-1] == ("remove", address)
        assert gone not in list(policy.make_query_plan())
        assert address not in asked(session)
        now = sim.time
        sim.run(20.0)
        assert attempts(sim, address, now) == 0


def test_scenario_20_the_control_connection_judges_no_host() -> None:
    with Simulation(20) as sim:
        session = sim.connect("ks", reconnection_policy=ConstantReconnectionPolicy(1.0))
        told = Told(session)
        control = session.pools.engine.control
        links = session.pools.links()
        for node in sim.nodes:
            sim.network.fail_connects(node.address, *[ConnectionRefusedError(111, "no")] * 3)
        control.link.transport.broken("reset by the network")
        sim.run(0.5)
        assert control.link is None
        assert asked(session) == set(sim.cluster.addresses())
        sim.run(5.0)
        assert control.link is not None
        assert session.pools.links() == links
        assert told.heard == []
        assert all(host.is_up for host in session.cluster.metadata.all_hosts())


def test_scenario_21_a_policy_hears_of_a_host_before_it_is_asked_for_its_distance() -> None:
    with Simulation(21, nodes={"east": 2, "west": 2}) as sim:
        policy = Watching()
        profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(policy)}
        session = sim.connect("ks", execution_profiles=profiles, **AT_ONCE)
        assert {address for _, address in policy.calls} == set(sim.cluster.addresses())
        for dc in ("west", "east"):
            new = sim.cluster.add_node(dc)
            sim.run(1.0)
            calls = [what for what, address in policy.calls if address == new.address]
            assert calls[0] == "add"
            assert calls.count("add") == 1
            assert "distance" in calls
            assert new.address in addresses(session)


def test_scenario_21_the_local_data_centre_is_that_of_the_contact_point() -> None:
    with Simulation(21, nodes={"east": 2, "west": 2}) as sim:
        policy = DCAwareRoundRobinPolicy(used_hosts_per_remote_dc=1)
        profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(policy)}
        points = [sim[4].address]
        session = sim.connect("ks", contact_points=points, execution_profiles=profiles, **AT_ONCE)
        assert policy.local_dc == "west"
        for dc, distance in (("west", HostDistance.LOCAL), ("east", HostDistance.IGNORED)):
            new = sim.cluster.add_node(dc)
            sim.run(1.0)
            assert policy.distance(host_of(session, new)) == distance
        assert {host.datacenter for host in list(policy.make_query_plan())[:3]} == {"west"}


def test_a_node_that_moves_to_another_data_centre_is_used_as_it_is_then() -> None:
    with Simulation(22, nodes={"east": 2, "west": 1}) as sim:
        policy = DCAwareRoundRobinPolicy("east")
        profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(policy)}
        session = sim.connect(
            "ks", execution_profiles=profiles, reconnection_policy=OFTEN, **AT_ONCE
        )
        told = Told(session)
        moved = sim[3]
        assert addresses(session) == {sim[1].address, sim[2].address}
        moved.dc, moved.rack = "east", "rack9"
        sim.cluster.reshaped()
        sim.cluster.start(moved)
        session.cluster.refresh_nodes()
        sim.run(1.0)
        host = host_of(session, moved)
        assert (host.datacenter, host.rack) == ("east", "rack9")
        assert asked(session) == set(sim.cluster.addresses())
        assert told.heard == [("down", moved.address), ("up", moved.address)]
        moved.dc = "north"
        sim.cluster.reshaped()
        session.cluster.refresh_nodes()
        sim.run(1.0)
        assert addresses(session) == {sim[1].address, sim[2].address}


def test_what_a_node_says_of_itself_is_read_again_when_it_comes_back() -> None:
    """Nodes are upgraded one by one, and no event tells of it."""
    with Simulation(23) as sim:
        session = sim.connect("ks", reconnection_policy=OFTEN, **AT_ONCE)
        host = host_of(session, sim[2])
        assert host.release_version == "4.1.5"
        sim.cluster.kill(sim[2], announce=False)
        sim.run(1.0)
        sim[2].release_version = "5.0.8"
        sim.cluster.start(sim[2], announce=False)
        sim.run(1.0)
        assert host.is_up
        assert host.release_version == "5.0.8"


def test_looks_after_failures_can_be_switched_off_with_the_events() -> None:
    with Simulation(24) as sim:
        session = sim.connect(
            "ks",
            contact_points=[sim[1].address],
            reconnection_policy=OFTEN,
            topology_event_refresh_window=-1,
        )
        sim.cluster.remove_node(sim[2], announce=False)
        sim.run(20.0)
        assert len(session.cluster.metadata.all_hosts()) == 3
        session.cluster.refresh_nodes()
        assert len(session.cluster.metadata.all_hosts()) == 2


def test_events_that_no_node_fits_are_passed_over() -> None:
    with Simulation(26) as sim:
        session = sim.connect("ks", **AT_ONCE)
        told = Told(session)
        for change in ("UP", "DOWN"):
            sim.cluster.push(StatusChange(change, "10.9.9.9", 9042))
        sim.run(1.0)
        assert told.heard == []
        with pytest.raises(DriverException):
            session.execute("SELECT nothing FROM t")


def test_a_node_without_tokens_may_be_the_contact_point() -> None:
    """It coordinates alone: it tells of the others, and gets no requests."""
    with Simulation(27) as sim:
        sim.cluster.t.add(k=1, v="a")
        sim[1].tokens.clear()
        sim.cluster.reshaped()
        session = sim.connect("ks", contact_points=[sim[1].address], reconnection_policy=OFTEN)
        others = {sim[2].address, sim[3].address}
        assert asked(session) == addresses(session) == others
        assert session.execute(session.prepare("SELECT v FROM t WHERE k = ?"), (1,)).one().v == "a"
        session.execute("CREATE TABLE more (k int PRIMARY KEY)")
        assert session.wait_for_schema_agreement()
        # It goes; the control connection moves to one of the others, and comes back if need be.
        sim[1].kill()
        sim.run(2.0)
        assert session.cluster.get_control_connection_host().address in others
        assert asked(session) == others
