"""Scenarios 22 and 26 to 32: pools, plans, reconnecting, addresses and contact points."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.connection import SniEndPointFactory
from cql_driver.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    HostFilterPolicy,
    RackAwareRoundRobinPolicy,
    RetryPolicy,
    RoundRobinPolicy,
)
from cql_protocol.errors import NoHostAvailable, ServerError, UnresolvableContactPoints
from tests.simulation import Fail, Rule, Simulation

READ = "SELECT k, v FROM t WHERE k = 1"


def pool_of(session: Any, node: Any) -> Any:
    [pool] = [p for p in session.pools.pools.values() if p.host.address == node.address]
    return pool


@pytest.mark.parametrize("error", [ConnectionRefusedError(111, "no"), OSError(5, "TLS failed")])
def test_scenario_22_a_failed_connection_attempt_is_repeated(error: OSError) -> None:
    with Simulation(22) as sim:
        cluster = sim.new_cluster(
            connections_per_host=2,
            max_connections_per_host=2,
            reconnection_policy=ConstantReconnectionPolicy(0.5),
        )
        sim.network.fail_connects(sim[2].address, error)
        session = cluster.connect("ks", wait_for_all_pools=True)
        sim.run(0.1)
        assert len(pool_of(session, sim[2]).links) == 0
        assert len(pool_of(session, sim[3]).links) == 2
        sim.run(0.6)
        assert len(pool_of(session, sim[2]).links) == 2
        # And when one of two is lost, just this one is opened anew.
        kept, lost = pool_of(session, sim[2]).links
        sim.network.fail_connects(sim[2].address, error, error)
        lost.transport.broken("reset by the network")
        sim.run(2.0)
        assert kept in pool_of(session, sim[2]).links
        assert len(pool_of(session, sim[2]).links) == 2


def test_scenario_26_connections_given_back_while_others_close() -> None:
    # No lock is taken on the loop at all: what the two orders could do is done in one call.
    with Simulation(26) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks", reconnection_policy=ConstantReconnectionPolicy(0.1))
        for turn in range(5):
            futures = [session.execute_async(READ) for _ in range(30)]
            sim.at(0.0005, sim.network.break_streams, sim.nodes[turn % 3].address)
            ended: list[Any] = []
            for future in futures:
                future.add_callbacks(ended.append, ended.append)
            sim.run(1.0)
            assert len(ended) == 30
        assert all(link.in_flight == 0 for link in session.pools.links())
        assert len(session.pools.links()) == 3


def test_scenario_27_an_infinite_retry_on_a_pinned_host_ends() -> None:
    class Always(RetryPolicy):
        def on_request_error(self, *args: Any, **kwargs: Any) -> Any:
            return self.RETRY, None

    with Simulation(27) as sim:
        profile = ExecutionProfile(RoundRobinPolicy(), Always(), request_timeout=None)
        session = sim.connect("ks", execution_profiles={EXEC_PROFILE_DEFAULT: profile})
        sim[1].rules.append(Rule(Fail(ServerError("broken for good")), text="SELECT"))
        host = session.cluster.metadata.get_host(sim[1].address)
        future = session.execute_async(READ, host=host)
        with pytest.raises(ServerError, match="broken for good"):
            future.result()
        assert future.execution.attempts == session.pools.engine.max_attempts
        assert set(future.attempted_hosts) == {host}


def test_scenario_28_reconnecting_never_gives_up() -> None:
    with Simulation(28) as sim:
        session = sim.connect("ks", reconnection_policy=ConstantReconnectionPolicy(1.0))
        sim.cluster.kill(sim[2])
        sim.run(200.0)
        tries = [e for e in sim.record if e.kind == "refused" and e.details[0][0] == sim[2].address]
        assert len(tries) > 150
        assert len(pool_of(session, sim[2]).links) == 0
        sim.cluster.start(sim[2], announce=False)
        sim.run(1.5)
        assert len(pool_of(session, sim[2]).links) == 1
        assert pool_of(session, sim[2]).host.is_up


def test_scenario_28_delays_do_not_overflow() -> None:
    delays = list(itertools.islice(ExponentialReconnectionPolicy(1.0, 600.0).new_schedule(), 5000))
    assert len(delays) == 5000
    assert max(delays) <= 600.0


def test_scenario_29_the_next_address_is_tried() -> None:
    with Simulation(29, nodes=2) as sim:
        sim.network.names["both.example"] = ["10.9.9.9", sim[1].address]
        sim.network.names["proxy.example"] = ["10.9.9.9", sim[2].address]
        session = sim.connect("ks", contact_points=["both.example"])
        assert session.execute(READ).all() == []
        factory = SniEndPointFactory("proxy.example", sim[2].port)
        endpoint = factory.create_from_sni("node2")
        link = sim.runtime.run(session.pools.engine.connector.open(endpoint))
        assert link.transport.far == sim[2].address
        link.close()


def test_scenario_30_contact_points_that_cannot_be_resolved() -> None:
    with Simulation(30, nodes=2) as sim:
        with pytest.raises(UnresolvableContactPoints):
            sim.new_cluster(contact_points=["no.example", "neither.example"]).connect()
        points = ["no.example", sim[1].address, "neither.example"]
        assert sim.connect("ks", contact_points=points).execute(READ).all() == []


def test_scenario_30_rows_of_peers_that_name_no_node() -> None:
    broken = [
        {"native_address": None, "rpc_address": None},
        {"host_id": None},
        {"data_center": None},
        {"rack": None},
        {"tokens": None},
    ]

    def edit(table: str, rows: list[dict[str, Any]]) -> None:
        [row] = [row for row in rows if row["host_id"] == sim[2].host_id]
        more = [{**row, **change, "peer": f"10.0.7.{i}"} for i, change in enumerate(broken)]
        rows[:] = [row, *more[:-1], {**row, "peer": "10.0.7.9"}]  # the last one twice

    with Simulation(30, nodes=2) as sim:
        for node in sim.nodes:
            node.edit_peers = edit
        sim[2].edit_peers = None
        session = sim.connect("ks", contact_points=[sim[1].address])
        hosts = session.cluster.metadata.all_hosts()
        assert {host.address for host in hosts} == {node.address for node in sim.nodes}
        assert len(session.pools.pools) == 2


def test_scenario_30_a_node_without_tokens_is_left_out() -> None:
    def edit(table: str, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["tokens"] = None

    with Simulation(30, nodes=2) as sim:
        sim[1].edit_peers = edit
        session = sim.connect("ks", contact_points=[sim[1].address])
        # It holds no data; who wants no tokens, sees no difference.
        assert len(session.cluster.metadata.all_hosts()) == 1
        assert session.execute(READ).all() == []
        points = [sim[1].address]
        session = sim.connect("ks", contact_points=points, token_metadata_enabled=False)
        assert len(session.cluster.metadata.all_hosts()) == 2


@pytest.mark.parametrize("policy", [DCAwareRoundRobinPolicy, RackAwareRoundRobinPolicy])
def test_scenario_31_hosts_that_are_not_grouped_by_data_centre(policy: Any) -> None:
    def edit(table: str, rows: list[dict[str, Any]]) -> None:
        rows.sort(key=lambda row: (int(row["host_id"]) % 7, row["peer"]))

    with Simulation(31, nodes={"east": 4, "west": 4}, racks=2) as sim:
        for node in sim.nodes:
            node.edit_peers = edit
        args = ("east", "rack1") if policy is RackAwareRoundRobinPolicy else ("east",)
        balancer = policy(*args, used_hosts_per_remote_dc=4)
        profile = ExecutionProfile(balancer)
        session = sim.connect("ks", execution_profiles={EXEC_PROFILE_DEFAULT: profile})
        plan = list(balancer.make_query_plan())
        assert {host.address for host in plan} == {node.address for node in sim.nodes}
        assert [host.datacenter for host in plan] == ["east"] * 4 + ["west"] * 4
        assert len(session.pools.pools) == 8


def test_scenario_32_no_live_hosts_is_an_empty_plan_and_a_clear_error() -> None:
    with Simulation(32, nodes=2) as sim:
        balancer = RoundRobinPolicy()
        profile = ExecutionProfile(balancer)
        session = sim.connect("ks", execution_profiles={EXEC_PROFILE_DEFAULT: profile})
        for node in list(sim.nodes):
            sim.cluster.kill(node)
        sim.run(1.0)
        with pytest.raises(NoHostAvailable):
            session.execute(READ)
        for host in session.cluster.metadata.all_hosts():
            assert host.is_up is False
        assert list(balancer.make_query_plan()) == []
        with pytest.raises(NoHostAvailable, match="No host is known to be up"):
            session.execute(READ)


def test_scenario_32_a_filter_that_leaves_nobody() -> None:
    with Simulation(32, nodes=2) as sim:
        nobody = HostFilterPolicy(RoundRobinPolicy(), lambda host: False)
        profile = ExecutionProfile(nobody)
        with pytest.raises(NoHostAvailable, match="No host is known to be up"):
            sim.connect("ks", execution_profiles={EXEC_PROFILE_DEFAULT: profile})
