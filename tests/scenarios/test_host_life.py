"""Scenarios 13 to 18 and 25: nodes that restart, move and are replaced; pools that are closed."""

from __future__ import annotations

from typing import Any

import pytest

from cql_driver.auth import PlainTextAuthProvider
from cql_driver.errors import SessionShutdown
from cql_driver.policies import ConstantReconnectionPolicy
from cql_protocol.errors import NoHostAvailable, OperationTimedOut
from tests.scenarios.hosts import (
    AT_ONCE,
    BEATING,
    OFTEN,
    READ,
    addresses,
    asked,
    attempts,
    host_of,
    known,
    pool_of,
)
from tests.simulation import Simulation
from tests.told import Told

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


def test_scenario_16_a_node_whose_row_at_its_new_address_is_not_whole_yet() -> None:
    """Its old row is gone, the new one has no tokens; later it has, of which nobody tells."""
    with Simulation(16) as sim:
        session = sim.connect(
            "ks", contact_points=[sim[1].address], reconnection_policy=OFTEN, **AT_ONCE
        )
        told = Told(session)
        host, old = host_of(session, sim[2]), sim[2].address

        def without_tokens(table: str, rows: list[dict[str, Any]]) -> None:
            for row in rows:
                if row["host_id"] == sim[2].host_id:
                    row["tokens"] = None

        sim.cluster.kill(sim[2])
        for node in sim.nodes:
            node.edit_peers = without_tokens
        sim.cluster.move_node(sim[2], "10.0.1.77")
        sim.run(10.0)
        assert known(session)[sim[2].host_id] == host.key
        assert host.address == old
        for node in sim.nodes:
            node.edit_peers = None
        sim.cluster.reshaped()
        sim.run(20.0)
        assert host.address == "10.0.1.77"
        assert "10.0.1.77" in asked(session)
        assert told.heard == [("down", old), ("up", "10.0.1.77")]
