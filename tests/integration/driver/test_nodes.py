"""Three nodes that come and go: who is asked, who is told, and how a session lives through it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import ConsistencyLevel, OperationTimedOut
from cql_driver.cluster import NoHostAvailable, Session
from cql_driver.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    HostDistance,
    HostFilterPolicy,
    RoundRobinPolicy,
    TokenAwarePolicy,
    WhiteListRoundRobinPolicy,
)
from cql_driver.query import SimpleStatement
from tests.integration.driver.conftest import THREE
from tests.integration.driver.support import connected, in_flight, keyspace_of, until
from tests.told import Told

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes
    from tests.cassandra import ClusterPool, Node

pytestmark = pytest.mark.once

OFTEN = ConstantReconnectionPolicy(0.2, None)


@pytest.fixture(scope="module")
def module_session(clusters: ClusterPool) -> Iterator[Session]:
    three = clusters.get(THREE)
    with connected(three, reconnection_policy=OFTEN) as session, keyspace_of(session, 3):
        session.execute("CREATE TABLE t (k int PRIMARY KEY, v text)")
        yield session
        three.heal()


@pytest.fixture
def session(module_session: Session, three: Nodes) -> Iterator[Session]:
    all_up(module_session)
    yield module_session
    until(lambda: in_flight(module_session) == 0, "no request in flight after the test")


def all_up(session: Session) -> None:
    """Wait until the session is connected to every node."""
    until(lambda: all(pool.links for pool in session.get_pools()), "all nodes are up")
    until(lambda: len(session.get_pools()) == 3, "there is a pool for each node")


def host_of(session: Session, node: Node) -> Any:
    host = session.cluster.metadata.get_host(node.address)
    assert host is not None
    return host


def asked(session: Session, count: int = 30) -> set[str]:
    """The addresses that some requests went to."""
    found = set()
    for number in range(count):
        future = session.execute_async("SELECT v FROM t WHERE k = ?", (number,))
        future.result()
        assert future.coordinator_host is not None
        found.add(future.coordinator_host.address)
    return found


# --- what is known of the nodes ------------------------------------------------------------------


def test_the_hosts(three: Nodes, session: Session) -> None:
    hosts = session.cluster.metadata.all_hosts()
    assert {host.address for host in hosts} == set(three.contact_points)
    assert {host.address for host in session.hosts} == set(three.contact_points)
    assert all(host.is_up and host.datacenter == "dc1" and host.rack == "rack1" for host in hosts)
    for node in three.nodes:
        host = host_of(session, node)
        row = session.execute("SELECT * FROM system.local", host=host).one()
        assert row.host_id == host.host_id
        assert row.release_version == host.release_version == three.version
        assert row.cluster_name == session.cluster.metadata.cluster_name
        assert session.cluster.metadata.get_host_by_host_id(row.host_id) is host
    assert {pool.host for pool in session.get_pools()} == set(hosts)
    assert all(state["open_count"] >= 1 for state in session.get_pool_state().values())


def test_the_tokens_are_those_of_the_nodes(three: Nodes, session: Session) -> None:
    ring = session.cluster.metadata.token_map
    assert ring is not None
    for node in three.nodes:
        host = host_of(session, node)
        tokens = session.execute("SELECT tokens FROM system.local", host=host).one().tokens
        for token in tokens:
            owner = [h for t, h in ring.token_to_host_owner.items() if str(t.value) == token]
            assert owner == [host]
    assert len(ring.ring) == 48


def test_requests_go_to_a_replica(three: Nodes, session: Session) -> None:
    """With one replica, a request that reached it is traced at that one node alone."""
    with keyspace_of(session, 1) as keyspace:
        session.execute("CREATE TABLE one (a int, b text, c int, PRIMARY KEY ((a, b), c))")
        insert = session.prepare("INSERT INTO one (a, b, c) VALUES (?, ?, ?)")
        select = session.prepare("SELECT * FROM one WHERE a = ? AND b = ?")
        seen = set()
        for number in range(12):
            session.execute(insert, (number, str(number), 1))
            bound = select.bind((number, str(number)))
            replicas = session.cluster.metadata.get_replicas(keyspace, bound.routing_key)
            assert len(replicas) == 1
            result = session.execute(bound, trace=True)
            trace = result.get_query_trace(30)
            assert result.response_future.coordinator_host == replicas[0]
            assert trace is not None
            # The end and the events are writes of their own: a replica may have but the end.
            until(lambda trace=trace: trace.events or trace.populate(30), "the trace has events")
            assert {event.source for event in trace.events} == {replicas[0].address}
            seen.add(replicas[0])
            # A text with markers is bound by the server's types, so it is routed too.
            future = session.execute_async(
                "SELECT * FROM one WHERE a = ? AND b = ?", (number, str(number))
            )
            assert len(future.result().all()) == 1
            assert future.coordinator_host == replicas[0]
        assert len(seen) == 3


def test_one_host_alone(three: Nodes, session: Session) -> None:
    for node in three.nodes:
        host = host_of(session, node)
        future = session.execute_async("SELECT host_id FROM system.local", host=host)
        assert future.result().one().host_id == host.host_id
        assert future.attempted_hosts == [host]


def test_distances_decide_on_connections(three: Nodes) -> None:
    left_out = three.nodes[1].address
    policy = HostFilterPolicy(RoundRobinPolicy(), lambda host: host.address != left_out)
    others = set(three.contact_points) - {left_out}
    with connected(three, profile={"load_balancing_policy": policy}) as session:
        assert {pool.host.address for pool in session.get_pools()} == others
        distances = {h.address: policy.distance(h) for h in session.cluster.metadata.all_hosts()}
        assert distances.pop(left_out) == HostDistance.IGNORED
        assert set(distances.values()) == {HostDistance.LOCAL}
        with pytest.raises(Exception, match=left_out):
            session.execute("SELECT * FROM system.local", host=host_of(session, three.nodes[1]))
    policy = WhiteListRoundRobinPolicy([left_out])
    with connected(
        three, contact_points=[left_out], profile={"load_balancing_policy": policy}
    ) as session:
        assert [host.address for host in session.hosts] == [left_out]
    policy = TokenAwarePolicy(DCAwareRoundRobinPolicy("elsewhere"))
    with (
        pytest.raises(NoHostAvailable),
        connected(three, profile={"load_balancing_policy": policy}),
    ):
        pass


# --- a node that dies ----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_node_is_killed_and_comes_back(three: Nodes, module_session: Session) -> None:
    """The one that the control connection is at."""
    all_up(module_session)
    victim = three.nodes[1]
    with connected(
        three,
        module_session.keyspace,
        contact_points=[victim.address],
        reconnection_policy=OFTEN,
        status_event_refresh_window=0,
    ) as session:
        cluster, told = session.cluster, Told(session)
        control = cluster.get_control_connection_host()
        assert control is not None
        assert control.address == victim.address
        statements = [session.prepare(f"SELECT v AS v{n} FROM t WHERE k = ?") for n in range(40)]
        host = host_of(session, victim)
        with busy(session) as outcomes:
            victim.kill()
            until(lambda: host.is_up is False, "the host is held to be down")
            others = set(three.contact_points) - {victim.address}
            until(lambda: asked(session, 10) <= others, "nobody asks it any more")
            until(_moved(cluster, control), "the control connection is at another node")
            assert {h.address for h in cluster.metadata.all_hosts()} == set(three.contact_points)
            victim.start()
            until(lambda: host.is_up, "the host is held to be up")
            until(lambda: victim.address in asked(session), "it is asked again")
        assert outcomes.wrong == []
        assert outcomes.done > 0
        assert told.heard == [("down", victim.address), ("up", victim.address)]
        for statement in statements:
            session.execute(statement, (1,), host=host)


def _moved(cluster: Any, before: Any) -> Any:
    def moved() -> bool:
        host = cluster.get_control_connection_host()
        return host is not None and host != before

    return moved


class busy:  # noqa: N801 - it is used like a function
    """Requests in a thread while the block runs: none may fail, none may hang."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.done = 0
        self.wrong: list[object] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        read = SimpleStatement(
            "SELECT v FROM t WHERE k = ?",
            is_idempotent=True,
            consistency_level=ConsistencyLevel.QUORUM,
        )
        # The pause leaves the processor to the node that starts.
        while not self._stop.wait(0.01):
            started = time.monotonic()
            try:
                self.session.execute(read, (self.done % 10,), timeout=10)
                self.done += 1
            except Exception as error:  # noqa: BLE001 - the test tells of it
                self.wrong.append(error)
            if time.monotonic() - started > 12:
                self.wrong.append(f"{time.monotonic() - started:.1f} s")

    def __enter__(self) -> busy:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


# --- a node that hangs ---------------------------------------------------------------------------


@pytest.mark.slow
def test_a_node_hangs_and_goes_on(three: Nodes, module_session: Session) -> None:
    all_up(module_session)
    victim = three.nodes[2]
    with connected(
        three,
        module_session.keyspace,
        contact_points=three.contact_points[:1],
        reconnection_policy=OFTEN,
        idle_heartbeat_interval=1,
        idle_heartbeat_timeout=2,
        connect_timeout=5,
    ) as session:
        host = host_of(session, victim)
        session.execute("SELECT v FROM t WHERE k = 1", host=host)
        victim.hang()
        try:
            started = time.monotonic()
            with pytest.raises(OperationTimedOut) as caught:
                session.execute("SELECT v FROM t WHERE k = 1", host=host, timeout=1)
            assert time.monotonic() - started < 3
            assert caught.value.last_host == host
            until(lambda: host.is_up is False, "the heartbeat finds that the host hangs", 30)
            others = set(three.contact_points) - {victim.address}
            assert asked(session) <= others
        finally:
            victim.resume()
        until(lambda: host.is_up, "the host is up again")
        until(lambda: victim.address in asked(session), "it is asked again")
        until(lambda: in_flight(session) == 0, "nothing is left in flight")


@pytest.mark.slow
def test_time_outs_take_a_hung_node_out_of_rotation(three: Nodes, session: Session) -> None:
    """Heartbeats of 30 s are too slow for blocking callers, who would all wait for one node."""
    all_up(session)
    victim = three.nodes[2]
    host = host_of(session, victim)
    read = SimpleStatement("SELECT v FROM t WHERE k = ?", is_idempotent=True)
    asked(session)
    victim.hang()
    try:
        failed = 0
        for number in range(60):
            try:
                session.execute(read, (number,), timeout=1)
            except OperationTimedOut:
                failed += 1
        # A third of them were to go to the node.
        assert failed <= 10, f"{failed} of 60 requests waited for a node that hangs"
        assert host.is_sick
        assert host.is_up
    finally:
        victim.resume()
    until(lambda: not host.is_sick, "it is well again")
    until(lambda: victim.address in asked(session), "it is asked again")


@pytest.mark.slow
def test_scenario_56_a_hung_node_answers_again(three: Nodes, session: Session) -> None:
    """What was asked twice is answered once, and pages time out each on their own."""
    all_up(session)
    victim = three.nodes[1]
    host = host_of(session, victim)
    # The nodes ask the one that hangs, too, until they call it down. Of this table they ask one
    # more than they wait for, which they can do of the rows of one key only.
    session.execute(
        "CREATE TABLE paged (k int, c int, PRIMARY KEY (k, c)) WITH speculative_retry = 'ALWAYS'"
    )
    insert = session.prepare("INSERT INTO t (k, v) VALUES (?, 'x')")
    fill = session.prepare("INSERT INTO paged (k, c) VALUES (1, ?)")
    fill.consistency_level = ConsistencyLevel.QUORUM
    for number in range(30):
        session.execute(insert, (number,))
        session.execute(fill, (number,))
    pages = SimpleStatement(
        "SELECT c FROM paged WHERE k = 1", fetch_size=3, consistency_level=ConsistencyLevel.QUORUM
    )
    result = session.execute(pages, host=host)
    answers: list[Any] = []
    victim.hang()
    try:
        futures = [session.execute_async("SELECT v FROM t WHERE k = 1") for _ in range(60)]
        for future in futures:
            future.add_callbacks(answers.append, answers.append)
        began = time.monotonic()
        for future in futures:
            assert future.result().one().v == "x"
        assert time.monotonic() - began < 25  # their time-out is 30
        assert any(len(future.attempted_hosts) == 2 for future in futures)
        with pytest.raises(OperationTimedOut):
            session.execute(pages, host=host, paging_state=result.paging_state, timeout=1)
        assert [row.c for row in session.execute(pages)] == list(range(30))
    finally:
        victim.resume()
    until(lambda: not host.is_sick, "it is well again")
    until(lambda: in_flight(session) == 0, "nothing is left in flight")
    assert len(answers) == 60
