"""Real nodes that move, are replaced, vanish, hang for a while, or all restart at once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import ConsistencyLevel
from cql_driver.cluster import Cluster, Session
from cql_driver.policies import ConstantReconnectionPolicy
from cql_driver.query import SimpleStatement
from tests.cassandra import ClusterOptions
from tests.cassandra.config import render_yaml
from tests.integration.driver.support import connected, in_flight, keyspace_of, until
from tests.told import Told

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes
    from tests.cassandra import ClusterPool, Node

pytestmark = [pytest.mark.once, pytest.mark.slow]

OPTIONS: dict[str, Any] = {
    "reconnection_policy": ConstantReconnectionPolicy(0.2, None),
    "topology_event_refresh_window": 0.5,
    "status_event_refresh_window": 0.2,
}
PATIENCE = 180.0
SOON = ("-Dcassandra.broadcast_interval_ms=5000", "-Dcassandra.ring_delay_ms=5000")
"""How long a node that replaces another one waits for news of that one, and of its ranges.

It waits for the longer of the first and twice the second (else for a minute), then for the second.
"""
READ = SimpleStatement("SELECT v FROM t WHERE k = 1", is_idempotent=True)


@pytest.fixture(scope="module")
def own(clusters: ClusterPool) -> Iterator[Nodes]:
    """Three nodes of this module's own, since what happens to them is not undone."""
    # What is acknowledged is on disk, so that it survives all nodes being killed right after.
    settings: dict[str, Any] = {"commitlog_sync": "batch", "commitlog_sync_period": "0ms"}
    # Nodes that hang or die are found out by the others in half of the time.
    settings["phi_convict_threshold"] = 5
    with clusters.private(ClusterOptions(nodes=3, settings=settings)) as nodes:
        yield nodes


@pytest.fixture
def nodes(own: Nodes) -> Nodes:
    """The three nodes, all up."""
    down = [node for node in own.nodes if not node.running]
    own.launch_and_wait(down)
    return own


@contextmanager
def watching(nodes: Nodes, points: list[Node] | None = None) -> Iterator[Session]:
    """A session in a keyspace of three replicas, connected to all nodes; it ends well."""
    addresses = [node.address for node in points or nodes.nodes]
    with (
        connected(nodes, contact_points=addresses, **OPTIONS) as session,
        keyspace_of(session, 3),
    ):
        until(lambda: linked(session) == set(nodes.contact_points), "all are connected", PATIENCE)
        session.execute("CREATE TABLE t (k int PRIMARY KEY, v text)")
        session.execute(insert(ConsistencyLevel.QUORUM))
        yield session
        until(lambda: linked(session) == set(nodes.contact_points), "all are connected", PATIENCE)
        until(lambda: in_flight(session) == 0, "nothing is left in flight")


def insert(level: ConsistencyLevel) -> SimpleStatement:
    """What writes the row of ``t``."""
    return SimpleStatement("INSERT INTO t (k, v) VALUES (1, 'a')", consistency_level=level)


def see_each_other(nodes: Nodes) -> bool:
    """Whether each node sees all others up."""
    addresses = set(nodes.contact_points)
    return all(addresses - {node.address} <= node.live_peers() for node in nodes.nodes)


def linked(session: Session) -> set[str]:
    """The addresses that the session has connections to."""
    return {pool.host.address for pool in session.get_pools() if pool.links}


def asked(session: Session) -> set[str]:
    """The addresses that some requests went to."""
    futures = [session.execute_async(READ) for _ in range(30)]
    for future in futures:
        future.result()
    return {future.coordinator_host.address for future in futures if future.coordinator_host}


def host_of(session: Session, node: Node) -> Any:
    host = session.cluster.metadata.get_host(node.address)
    assert host is not None
    return host


def known(session: Session) -> set[str]:
    return {host.address for host in session.cluster.metadata.all_hosts()}


def configure(node: Node, **settings: Any) -> None:
    """Change settings of ``cassandra.yaml``, for the next start; None leaves one out."""
    path = node.folder / "conf" / "cassandra.yaml"
    lines = (line.partition(": ") for line in path.read_text().splitlines())
    values = {name: json.loads(value) for name, _, value in lines} | settings
    path.write_text(render_yaml({k: v for k, v in values.items() if v is not None}))


def relocate(node: Node) -> None:
    """Give a node that is down the next address, for the next start.

    No address is used twice: the others remember for days who was there.
    """
    start, _, last = node.address.rpartition(".")
    node.address = f"{start}.{int(last) + 1}"
    configure(node, listen_address=node.address, rpc_address=node.address)


@contextmanager
def started_with(node: Node, *properties: str) -> Iterator[None]:
    """Have the node started with more system properties within the block."""
    command = node.command
    at = command.index("-cp")
    node.command = [*command[:at], *properties, *command[at:]]
    try:
        yield
    finally:
        node.command = command


def test_scenario_14_a_node_that_was_said_to_be_down_keeps_its_connections(nodes: Nodes) -> None:
    """It hangs until the others call it down; a healthy connection is not dropped for it."""
    hung = nodes.nodes[2]
    with watching(nodes, nodes.nodes[:1]) as session:
        told, pool = Told(session), {p.host.address: p for p in session.get_pools()}[hung.address]
        links = list(pool.links)
        hung.hang()
        try:
            until(
                lambda: hung.address not in nodes.nodes[0].live_peers(),
                "the others call it down",
                PATIENCE,
            )
        finally:
            hung.resume()
        until(lambda: hung.address in nodes.nodes[0].live_peers(), "it is up again", PATIENCE)
        until(lambda: hung.address in asked(session), "it is asked again")
        assert list(pool.links) == links
        assert [heard for heard in told.heard if heard[0] in ("up", "down")] == []


def test_scenario_15_the_whole_cluster_restarts_at_once(nodes: Nodes) -> None:
    with watching(nodes) as session:
        prepared = session.prepare("SELECT v FROM t WHERE k = ?")
        until(lambda: see_each_other(nodes), "each node sees the others up", PATIENCE)
        # By whichever node is asked in the end.
        session.execute(insert(ConsistencyLevel.ALL))
        told, hosts = Told(session), {h.host_id: h for h in session.cluster.metadata.all_hosts()}
        for node in nodes.nodes:
            node.kill()
        until(lambda: not linked(session), "all connections are lost")
        nodes.launch_and_wait(nodes.nodes)
        until(lambda: linked(session) == set(nodes.contact_points), "all are back", PATIENCE)
        control = session.cluster.control_connection
        until(lambda: control.link is not None, "the control connection is back", PATIENCE)
        assert session.execute(prepared, (1,), timeout=30).one().v == "a"
        assert {h.host_id: h for h in session.cluster.metadata.all_hosts()} == hosts
        for node in nodes.nodes:
            ours = [what for what, address in told.heard if address == node.address]
            assert ours == ["down", "up"]


def test_scenario_16_a_node_comes_back_with_another_address(nodes: Nodes) -> None:
    node = nodes.nodes[2]
    with watching(nodes, nodes.nodes[:2]) as session:
        told, host, old = Told(session), host_of(session, node), node.address
        node.stop()
        until(lambda: host.is_up is False, "it is down")
        relocate(node)
        node.start()
        until(lambda: host.address == node.address, "its new address is known", PATIENCE)
        until(lambda: node.address in asked(session), "it is asked there", PATIENCE)
        assert session.cluster.metadata.get_host(old) is None
        assert host_of(session, node) is host
        assert known(session) == set(nodes.contact_points)
        assert told.heard[0] == ("down", old)
        assert told.heard[-1] == ("up", node.address)
        assert not any(what in ("add", "remove") for what, _ in told.heard)


def test_scenario_16_a_node_is_replaced_by_another_one(nodes: Nodes) -> None:
    """It has the tokens of the one before, with an id and an address of its own.

    At the same address it would take over the id too, and be the same host to everybody.
    """
    node = nodes.nodes[2]
    with watching(nodes, nodes.nodes[:2]) as session:
        told, gone, old = Told(session), host_of(session, node), node.address
        tokens = gone.tokens
        node.kill()
        until(lambda: gone.is_up is False, "it is down")
        until(lambda: old not in nodes.nodes[0].live_peers(), "the others know it", PATIENCE)
        shutil.rmtree(node.folder / "data")
        relocate(node)
        # It must fetch its data from the others: else they keep the row of the one before.
        configure(node, initial_token=None, auto_bootstrap=True)
        with started_with(node, *SOON, f"-Dcassandra.replace_address_first_boot={old}"):
            node.start(PATIENCE)
        until(lambda: known(session) == set(nodes.contact_points), "it is known", PATIENCE)
        until(lambda: node.address in asked(session), "it is asked", PATIENCE)
        host = host_of(session, node)
        assert host.host_id != gone.host_id
        assert host.tokens == tokens
        row = session.execute("SELECT host_id FROM system.local", host=host).one()
        assert row.host_id == host.host_id
        assert ("remove", old) in told.heard
        assert ("add", node.address) in told.heard


def test_scenario_19_a_node_vanishes_without_an_event(nodes: Nodes) -> None:
    """Its rows are deleted, of which nobody tells."""
    node, others = nodes.nodes[2], nodes.nodes[:2]
    with watching(nodes, others) as session:
        told, gone = Told(session), host_of(session, node)
        node.kill()
        until(lambda: gone.is_up is False, "it is down")
        for other in others:
            for table in ("peers", "peers_v2"):
                session.execute(
                    f"DELETE FROM system.{table} WHERE peer = %s",
                    (node.address,),
                    host=host_of(session, other),
                )
        until(lambda: known(session) == {n.address for n in others}, "it is no node any more")
        assert ("remove", node.address) in told.heard
        assert gone not in session.hosts
        node.start()
        until(lambda: node.address in known(session), "it joined again", PATIENCE)
        until(lambda: node.address in asked(session), "it is asked", PATIENCE)


def test_a_node_comes_back_in_another_rack(nodes: Nodes) -> None:
    node = nodes.nodes[2]
    with watching(nodes, nodes.nodes[:2]) as session:
        told, host = Told(session), host_of(session, node)
        rack = "rack2" if host.rack == "rack1" else "rack1"
        node.stop()
        until(lambda: host.is_up is False, "it is down")
        (node.folder / "conf" / "cassandra-rackdc.properties").write_text(f"dc=dc1\nrack={rack}\n")
        with started_with(node, "-Dcassandra.ignore_rack=true"):
            node.start()
        until(lambda: host.rack == rack, "its new rack is known", PATIENCE)
        until(lambda: node.address in asked(session), "it is asked", PATIENCE)
        assert host_of(session, node) is host
        assert told.heard[-1] == ("up", node.address)


def test_a_client_that_starts_before_its_cluster(nodes: Nodes) -> None:
    node = nodes.nodes[2]
    node.kill()
    node.launch()
    with Cluster(
        [node.address], connect_timeout=30, control_connection_timeout=30, wait_for_cluster=PATIENCE
    ) as cluster:
        session = cluster.connect()
        assert session.execute("SELECT release_version FROM system.local").one()[0] == nodes.version
    node.wait_ready()
