"""Scenarios 23, 24, 43 and 44: shard-aware ports, paxos, and replicas that are down."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from cql_driver import ConsistencyLevel
from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.policies import (
    DCAwareRoundRobinPolicy,
    DowngradingConsistencyRetryPolicy,
    RackAwareRoundRobinPolicy,
    TokenAwarePolicy,
)
from cql_protocol.dialect import Features, ShardingInfo
from cql_protocol.errors import NoHostAvailable, Overloaded, Unavailable
from tests.simulation import Fail, Rule, Simulation

READ = "SELECT v FROM t WHERE k = ?"
WRITE = "INSERT INTO t (k, v) VALUES (?, ?) IF NOT EXISTS"
SERIAL = [ConsistencyLevel.SERIAL, ConsistencyLevel.LOCAL_SERIAL]


# --- shards --------------------------------------------------------------------------------------


def shard(number: int) -> Features:
    """What a connection says that ended at this shard of four."""
    ports = (19042, 19142)
    name = "biased-token-round-robin"
    sharding = ShardingInfo(
        number, 4, "org.apache.cassandra.dht.Murmur3Partitioner", name, 12, *ports
    )
    return Features(lwt_mask=1 << 31, sharding=sharding)


class Sharded(Simulation):
    """Nodes of four shards. Each connection ends at the next one, as behind NAT."""

    def __init__(self, seed: int, nodes: int = 2) -> None:
        super().__init__(seed, nodes)
        self.given = 0
        for node in self.nodes:
            node.features = self.next_shard

    def next_shard(self, transport: object) -> Features:
        self.given += 1
        return shard(self.given % 4)

    def ports(self) -> set[int]:
        """The ports that were connected to."""
        return {event.details[1][1] for event in self.record if event.kind == "connect"}


@pytest.mark.parametrize("connections", [1, 3, 8])
def test_scenario_23_the_shard_aware_port_is_left_alone(connections: int) -> None:
    """So an answer of a wrong shard is nothing to fall back from: any connection will do."""
    with Sharded(23) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect(
            "ks",
            connections_per_host=connections,
            max_connections_per_host=connections,
            metadata_request_timeout=0,
        )
        assert session.cluster.is_shard_aware()
        select = session.prepare(READ)
        for _ in range(20):
            assert session.execute(select, (1,)).one().v == "a"
        # As many as were asked for, whichever shards they are at; none is given back.
        sim.run(60.0)
        assert len(session.pools.links()) == 2 * connections
        assert sim.given == 2 * connections + 1
        assert sim.ports() == {9042}


@pytest.mark.parametrize("tls", [False, True])
def test_scenario_24_no_shard_aware_port_is_used_with_tls_nor_without(tls: bool) -> None:
    with Sharded(24) as sim:
        context = ssl.create_default_context() if tls else None
        session = sim.connect("ks", ssl_context=context, metadata_request_timeout=0)
        assert session.execute("SELECT v FROM t WHERE k = 1").all() == []
        assert sim.ports() == {9042}
        # And TLS is used on every connection, or on none.
        assert len(sim.network.tls_seen) == (sim.given if tls else 0)


# --- paxos ---------------------------------------------------------------------------------------


def coordinators(session: Any, statement: Any, parameters: Any, count: int = 30) -> set[str]:
    found = set()
    for _ in range(count):
        future = session.execute_async(statement, parameters)
        future.result()
        found.add(future.coordinator_host.address)
    return found


def first_replica(session: Any, key: int) -> str:
    bound = session.prepare(READ).bind((key,))
    replicas = session.cluster.metadata.get_replicas("ks", bound.routing_key)
    assert len(replicas) == 3
    return str(replicas[0].address)


@pytest.mark.parametrize("level", SERIAL)
def test_scenario_43_serial_reads_go_to_one_replica_as_long_as_it_is_up(level: int) -> None:
    with Simulation(43, nodes=5) as sim:
        session = sim.connect("ks")
        plain, serial = session.prepare(READ), session.prepare(READ)
        serial.consistency_level = level
        for key in range(5):
            first = first_replica(session, key)
            assert coordinators(session, serial, (key,)) == {first}
            assert len(coordinators(session, plain, (key,))) == 3
        first = first_replica(session, 1)
        [node] = [node for node in sim.nodes if node.address == first]
        sim.cluster.kill(node)
        sim.run(1.0)
        [second] = coordinators(session, serial, (1,))
        assert second != first


def test_scenario_43_conditional_writes_go_to_one_replica() -> None:
    with Sharded(43, nodes=5) as sim:
        session = sim.connect("ks", metadata_request_timeout=0)
        write = session.prepare(WRITE)
        assert write.is_lwt()
        for key in range(5):
            assert coordinators(session, write, (key, "a")) == {first_replica(session, key)}
            assert sim.cluster.t.count(key) == 1


@pytest.mark.parametrize("level", SERIAL)
def test_scenario_43_a_retry_never_lowers_a_serial_level(level: int) -> None:
    with pytest.warns(DeprecationWarning, match="Downgrading"):
        retry = DowngradingConsistencyRetryPolicy()
    with Simulation(43) as sim:
        profile = ExecutionProfile(retry_policy=retry)
        session = sim.connect("ks", execution_profiles={EXEC_PROFILE_DEFAULT: profile})
        seen: list[Any] = []

        def note(event: Any) -> bool:
            seen.append(event.message.parameters)
            return True

        for node in sim.nodes:
            error = Unavailable("no", ConsistencyLevel.QUORUM, 2, 1)
            node.rules.append(Rule(Fail(error), text=" t ", where=note))
        read = session.prepare(READ)
        read.consistency_level = level
        with pytest.raises(Unavailable):
            session.execute(read, (1,))
        assert {parameters.consistency for parameters in seen} == {level}
        assert len(seen) == 2  # once more on the next host, as it was
        seen.clear()
        write = session.prepare(WRITE)
        write.serial_consistency_level = level
        write.consistency_level = ConsistencyLevel.QUORUM
        with pytest.raises(Unavailable):
            session.execute(write, (1, "a"))
        assert {parameters.serial_consistency for parameters in seen} == {level}


# --- replicas that are down ----------------------------------------------------------------------


@pytest.mark.parametrize("racks", [False, True])
def test_scenario_44_down_replicas_are_skipped_and_the_rest_is_in_order(racks: bool) -> None:
    replication = {
        "class": "org.apache.cassandra.locator.NetworkTopologyStrategy",
        "east": "3",
        "west": "2",
    }
    nodes = {"east": 5, "west": 3}
    with Simulation(44, nodes=nodes, racks=2, replication=replication) as sim:
        child: Any = DCAwareRoundRobinPolicy("east", used_hosts_per_remote_dc=3)
        if racks:
            child = RackAwareRoundRobinPolicy("east", "rack1", used_hosts_per_remote_dc=3)
        policy = TokenAwarePolicy(child)
        profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(policy)}
        session = sim.connect("ks", execution_profiles=profiles)
        bound = session.prepare(READ).bind((1,))
        bound.is_idempotent = True
        metadata = session.cluster.metadata
        replicas = metadata.get_replicas("ks", bound.routing_key)
        assert len(replicas) == 5
        down = next(host for host in replicas if host.datacenter == "east")
        [node] = [node for node in sim.nodes if node.address == down.address]
        sim.cluster.kill(node)
        sim.run(1.0)
        assert down.is_up is False
        for _ in range(10):
            plan = list(policy.make_query_plan("ks", bound))
            assert len(plan) == len({host.key for host in plan}) == 7
            assert down not in plan
            first = [host for host in plan if host in replicas]
            assert plan[: len(first)] == first
            for part in (first, plan[len(first) :]):
                distances = [policy.distance(host) for host in part]
                assert distances == sorted(distances)
        # And that is what a request does that nobody can serve.
        for each in sim.nodes:
            each.rules.append(Rule(Fail(Overloaded("no")), text="SELECT"))
        future = session.execute_async(bound)
        with pytest.raises(NoHostAvailable, match="Overloaded"):
            future.result()
        tried = future.attempted_hosts
        assert len(tried) == len({host.key for host in tried}) == 7
        assert down not in tried
        assert set(tried[:4]) == {host for host in replicas if host is not down}
