"""Scenarios 13 to 21 and 25: nodes that restart, move, are replaced, vanish; and those told so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.auth import PlainTextAuthProvider
from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.errors import SessionShutdown
from cql_driver.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    HostDistance,
    HostStateListener,
    RoundRobinPolicy,
)
from cql_protocol.errors import DriverException, NoHostAvailable, OperationTimedOut
from cql_protocol.messages import StatusChange
from tests.simulation import Simulation

if TYPE_CHECKING:
    from tests.simulation import SimNode

READ = "SELECT k, v FROM t WHERE k = 1"
OFTEN = ConstantReconnectionPolicy(0.2)
BEATING = {"idle_heartbeat_interval": 1, "idle_heartbeat_timeout": 1}
AT_ONCE = {"topology_event_refresh_window": 0.1, "status_event_refresh_window": 0.1}


class Told(HostStateListener):
    """What a listener was told, in order: (what, address)."""

    def __init__(self, session: Any) -> None:
        self.heard: list[tuple[str, str]] = []
        session.cluster.register_listener(self)

    def on_add(self, host: Any) -> None:
        self.heard.append(("add", host.address))

    def on_remove(self, host: Any) -> None:
        self.heard.append(("remove", host.address))

    def on_up(self, host: Any) -> None:
        self.heard.append(("up", host.address))

    def on_down(self, host: Any) -> None:
        self.heard.append(("down", host.address))


def host_of(session: Any, node: SimNode) -> Any:
    return session.cluster.metadata.get_host_by_host_id(node.host_id)


def pool_of(session: Any, node: SimNode) -> Any:
    return session.pools.pools.get(host_of(session, node).key)


def addresses(session: Any) -> set[str]:
    """The addresses that the session has connections to."""
    return {link.host.address for link in session.pools.links()}


def asked(session: Any, count: int = 12) -> set[str]:
    """The addresses that some requests went to."""
    futures = [session.execute_async(READ) for _ in range(count)]
    for future in futures:
        future.result()
    return {future.coordinator_host.address for future in futures}


def attempts(sim: Simulation, address: str, since: float = 0.0) -> int:
    """How often a connection to an address was tried."""
    tries = [e for e in sim.record if e.kind == "connect" and e.details[1][0] == address]
    return sum(event.time >= since for event in tries)


def known(session: Any) -> dict[Any, int]:
    """The numbers of the host objects, by host_id."""
    return {host.host_id: host.key for host in session.cluster.metadata.all_hosts()}


# --- restarts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["reset", "silence"])
def test_scenario_13_a_fast_restart_with_many_connections_to_the_node(how: str) -> None:
    with Simulation(13) as sim:
        session = sim.connect(
            "ks",
            connections_per_host=4,
            max_connections_per_host=4,
            reconnection_policy=OFTEN,
            **BEATING,
        )
        pool, host = pool_of(session, sim[2]), host_of(session, sim[2])
        before = list(pool.links)
        sim[2].kill(silently=how == "silence")
        sim[2].start()
        if how == "silence":
            # Nobody is told: the request that meets a dead connection is the first to know.
            with pytest.raises(OperationTimedOut):
                session.execute(READ, host=host, timeout=0.5)
        sim.run(5.0)
        assert len(pool.links) == 4
        assert not set(before) & set(pool.links)
        assert host.is_up
        assert session.execute(READ, host=host).all() == []
        # And when just the first of them is dead, the others are kept.
        first, *others = pool.links
        sim.network.cut_next(sim[2].address, 0)  # what is opened in its place breaks, too
        first.transport.broken("reset by the network")
        sim.run(2.0)
        assert len(pool.links) == 4
        assert set(others) < set(pool.links)


def test_scenario_14_a_burst_of_up_and_down_events() -> None:
    with Simulation(14) as sim:
        session = sim.connect("ks", **AT_ONCE)
        told = Told(session)
        pools, links = dict(session.pools.pools), session.pools.links()
        for change in ("UP", "DOWN", "UP", "DOWN", "DOWN", "UP", "UP"):
            for node in sim.nodes:
                sim.cluster.status(node, change)
            sim.run(sim.world.random.random() * 0.1)
            assert asked(session) == set(sim.cluster.addresses())
        sim.run(2.0)
        # A connection that lives knows better: nothing was closed, opened, or told to anybody.
        assert session.pools.pools == pools
        assert session.pools.links() == links
        assert told.heard == []


def test_scenario_14_a_burst_around_a_restart_leaves_one_pool() -> None:
    with Simulation(14) as sim:
        session = sim.connect("ks", reconnection_policy=OFTEN, **AT_ONCE)
        told = Told(session)
        pool = pool_of(session, sim[2])
        sim[2].kill()
        for change in ("DOWN", "UP", "DOWN", "UP"):
            sim.cluster.status(sim[2], change)
            sim.run(0.15)
        sim[2].start()
        for change in ("UP", "DOWN", "UP"):
            sim.cluster.status(sim[2], change)
            sim.run(0.05)
        sim.run(2.0)
        assert pool_of(session, sim[2]) is pool
        assert len(pool.links) == 1
        assert len(sim[2].connections) == 1 + (
            session.pools.engine.control.host.address == sim[2].address
        )
        assert asked(session) == set(sim.cluster.addresses())
        assert told.heard == [("down", sim[2].address), ("up", sim[2].address)]


@pytest.mark.parametrize("announced", [True, False])
def test_scenario_15_the_whole_cluster_restarts_at_once(announced: bool) -> None:
    with Simulation(15) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks", reconnection_policy=ConstantReconnectionPolicy(1.0))
        select = session.prepare("SELECT v FROM t WHERE k = ?")
        told = Told(session)
        before = known(session)
        for node in sim.nodes:
            sim.cluster.kill(node, announce=announced)
        sim.run(10.0)
        began = sim.time
        with pytest.raises(NoHostAvailable):
            session.execute(READ)
        assert sim.time - began < 0.1  # nobody waits for what is known to be down
        for node in sim.nodes:
            sim.cluster.start(node, announce=announced)
        sim.run(3.0)
        assert session.pools.engine.control.link is not None
        assert asked(session) == set(sim.cluster.addresses())
        assert {session.execute(select, (1,)).one().v for _ in range(9)} == {"a"}
        assert known(session) == before
        assert sorted(told.heard) == sorted(
            (what, node.address) for node in sim.nodes for what in ("down", "up")
        )
        assert len(session.pools.links()) == 3


def test_scenario_15_a_rolling_restart_loses_no_request_that_may_be_repeated() -> None:
    with Simulation(15) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks", reconnection_policy=OFTEN)
        for node in list(sim.nodes):
            sim.cluster.kill(node)
            for _ in range(20):
                assert session.execute(READ, timeout=2.0).one().v == "a"
                sim.run(0.05)
            sim.cluster.start(node)
            sim.run(1.0)
            assert asked(session) == set(sim.cluster.addresses())


# --- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("announced", [True, False])
def test_scenario_16_a_node_comes_back_with_another_address(announced: bool) -> None:
    with Simulation(16) as sim:
        session = sim.connect("ks", reconnection_policy=OFTEN, **AT_ONCE)
        told = Told(session)
        metadata = session.cluster.metadata
        host, old = host_of(session, sim[2]), sim[2].address
        sim.cluster.kill(sim[2])
        sim.run(1.0)
        assert attempts(sim, old) > 3
        sim.cluster.move_node(sim[2], "10.0.1.77", announce=announced)
        sim.run(2.0)
        assert host_of(session, sim[2]) is host
        assert (host.address, host.is_up) == ("10.0.1.77", True)
        assert metadata.get_host("10.0.1.77") is host
        assert metadata.get_host(old) is None
        assert addresses(session) == {sim[1].address, "10.0.1.77", sim[3].address}
        assert "10.0.1.77" in asked(session)
        # Nobody goes on trying the address of before.
        now = sim.time
        sim.run(10.0)
        assert attempts(sim, old, now) == 0
        assert told.heard == [("down", old), ("up", "10.0.1.77")]
        # Another node at the old address is another host.
        new = sim.cluster.add_node()
        sim.cluster.move_node(new, old)
        sim.run(2.0)
        assert metadata.get_host(old) is host_of(session, new)
        assert host_of(session, new) is not host
        assert old in addresses(session)


def test_scenario_16_a_node_is_replaced_by_one_at_its_address() -> None:
    """Events tell of an address, and that was there before: only the rows tell who it is."""
    with Simulation(16) as sim:
        session = sim.connect("ks", reconnection_policy=OFTEN, **AT_ONCE)
        told = Told(session)
        address, gone = sim[2].address, host_of(session, sim[2])
        sim.cluster.kill(sim[2])
        sim.run(1.0)
        removed = sim[2]
        sim.cluster.remove_node(removed, announce=False)
        new = sim.cluster.add_node(announce=False)
        new.tokens = removed.tokens
        sim.cluster.move_node(new, address)
        sim.run(2.0)
        host = session.cluster.metadata.get_host(address)
        assert host is host_of(session, new)
        assert host is not gone
        assert host.host_id == new.host_id
        assert gone.key not in known(session).values()
        assert gone.key not in session.pools.pools
        assert asked(session) == set(sim.cluster.addresses())
        assert ("remove", address) in told.heard
        assert ("add", address) in told.heard


def test_scenario_17_names_that_lead_to_known_nodes_make_no_new_hosts() -> None:
    with Simulation(17) as sim:
        sim.network.names["seed.example"] = sim.cluster.addresses()
        session = sim.connect("ks", contact_points=["seed.example"], reconnection_policy=OFTEN)
        told = Told(session)
        before = known(session)
        for _ in range(5):
            for node in sim.nodes:
                node.restart()
            sim.run(3.0)
            assert session.pools.engine.control.link is not None
            assert known(session) == before
        assert set(before) == {node.host_id for node in sim.nodes}
        assert len(session.pools.pools) == 3
        assert [heard for heard in told.heard if heard[0] in ("add", "remove")] == []


def test_scenario_18_all_nodes_change_their_addresses() -> None:
    with Simulation(18) as sim:
        sim.cluster.t.add(k=1, v="a")
        sim.network.names["seed.example"] = [sim[1].address]
        session = sim.connect("ks", contact_points=["seed.example"], reconnection_policy=OFTEN)
        select = session.prepare("SELECT v FROM t WHERE k = ?")
        hosts = {node.host_id: host_of(session, node) for node in sim.nodes}
        old = sim.cluster.addresses()
        for node in sim.nodes:
            sim.cluster.kill(node)
        sim.run(1.0)
        for node in sim.nodes:
            sim.cluster.move_node(node, f"10.0.1.{node.number + 50}", announce=False)
        sim.network.names["seed.example"] = [sim[3].address]
        sim.run(5.0)
        assert asked(session) == set(sim.cluster.addresses())
        assert session.execute(select, (1,)).one().v == "a"
        for node in sim.nodes:
            assert host_of(session, node) is hosts[node.host_id]
            assert hosts[node.host_id].address == node.address
        assert all(session.cluster.metadata.get_host(address) is None for address in old)
        now = sim.time
        sim.run(5.0)
        assert sum(attempts(sim, address, now) for address in old) == 0


# --- nodes that vanish, and what policies are told -----------------------------------------------


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


# --- the end, in the middle of it ----------------------------------------------------------------


@pytest.mark.parametrize("what", ["session", "cluster", "host"])
@pytest.mark.parametrize("step", range(0, 24, 2))
def test_scenario_25_pools_are_closed_while_connections_are_set_up(what: str, step: int) -> None:
    with Simulation(25, users={"me": "secret"}) as sim:
        cluster = sim.new_cluster(
            auth_provider=PlainTextAuthProvider("me", "secret"),
            connections_per_host=4,
            max_connections_per_host=4,
            reconnection_policy=OFTEN,
        )
        session = cluster.connect("ks")  # at the first pool; the others are on their way
        select = session.prepare(READ)
        future = session.execute_async(select)
        sim.run(step * 0.0006)
        if what == "host":
            host = host_of(session, sim[2])
            session.remove_pool(host)
            sim.run(1.0)
            assert len(sim[2].connections) <= 1  # that of control
            assert host.key not in session.pools.pools
            assert future.result().all() == []
            return
        began = sim.time
        (session if what == "session" else cluster).shutdown()
        try:
            assert future.result().all() == []
        except SessionShutdown:
            assert sim.time - began < 0.01
        sim.run(1.0)
        left = 1 if what == "session" else 0
        assert sum(len(node.connections) for node in sim.nodes) == left


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
