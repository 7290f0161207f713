"""Faults of one node among three, by proxies before real nodes.

The numbers are those of ``docs/scenarios.md``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import ConsistencyLevel, DriverException, OperationTimedOut
from cql_driver.cluster import Cluster, NoHostAvailable
from cql_driver.policies import ConstantSpeculativeExecutionPolicy
from cql_driver.query import SimpleStatement
from cql_protocol import StatusChange, errors
from cql_protocol.messages import opcodes
from tests.integration.driver.conftest import THREE
from tests.integration.driver.faults import (
    OFTEN,
    ROWS,
    Outcome,
    Readers,
    alive,
    all_links,
    quiet,
    read,
    some_rows,
    through,
)
from tests.integration.driver.support import defaults, new_name, until
from tests.proxy import (
    Answers,
    Chance,
    Control,
    Corrupt,
    Cut,
    Delay,
    Drop,
    Forge,
    Frame,
    Hold,
    Nth,
    Opcode,
    Pass,
    ProxyCluster,
    Statement,
    Where,
)

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from tests.cassandra import ClusterPool

pytestmark = pytest.mark.once

READ = "SELECT k, v FROM t WHERE k = "


@pytest.fixture(scope="module")
def keyspace(clusters: ClusterPool) -> Iterator[str]:
    """A keyspace of the three nodes, with a table ``t`` that has rows."""
    with some_rows(clusters.get(THREE), 3) as name:
        yield name


@pytest.fixture(scope="module")
def module_proxies(clusters: ClusterPool, keyspace: str) -> Iterator[ProxyCluster]:
    with ProxyCluster(clusters.get(THREE)) as made:
        yield made


@pytest.fixture
def proxies(module_proxies: ProxyCluster) -> Iterator[ProxyCluster]:
    """Proxies before the three nodes; their faults end with the test."""
    yield module_proxies
    module_proxies.heal()


def ready(frame: Frame) -> bool:
    """Whether the handshake of a frame's connection is over."""
    return frame.tunnel.client.settled


def host_of(session: Session, proxies: ProxyCluster, number: int) -> Any:
    host = session.cluster.metadata.get_host(proxies[number].address[0])
    assert host is not None
    return host


def host_links(session: Session, proxies: ProxyCluster, number: int) -> list[Any]:
    """The session's connections to a node."""
    address = proxies[number].address[0]
    return [link for link in all_links(session) if link.host.address == address]


def connect_anew(session: Session, proxies: ProxyCluster) -> None:
    """Cut all connections, and wait until there are others."""
    old = all_links(session)
    for proxy in proxies.proxies:
        proxy.cut()
    until(lambda: all(link.closed for link in old), "the old connections are closed")
    until(lambda: alive(session), "all are connected")
    until(session.cluster.get_control_connection_host, "the control connection is there")


def opened(proxies: ProxyCluster) -> list[int]:
    return [proxy.opened for proxy in proxies.proxies]


# --- several attempts ----------------------------------------------------------------------------


def speculative(attempts: int) -> dict[str, Any]:
    return {"speculative_execution_policy": ConstantSpeculativeExecutionPolicy(0.1, attempts)}


def test_scenario_04_two_answers_are_one_result(proxies: ProxyCluster, keyspace: str) -> None:
    with through(proxies, keyspace, profile=speculative(1)) as session:
        hold = Hold()
        late = proxies.on_response(Statement(READ), hold, times=1)
        answers = proxies.on_response(Statement(READ), Pass())
        statement = SimpleStatement(READ + "4", is_idempotent=True)
        outcome = Outcome(session.execute_async(statement))
        assert outcome.future.result().one().v == "v4"
        assert (late.used, answers.used) == (1, 1)
        hold.release()
        quiet(session)
        until(lambda: outcome.calls, "the callback is called")
        assert (outcome.rows, outcome.errors) == ([[(4, "v4")]], [])
        assert len(outcome.future.attempted_hosts) == 2


def test_scenario_08_a_time_out_orphans_all_attempts(proxies: ProxyCluster, keyspace: str) -> None:
    # A node that is silent would be asked by OPTIONS.
    options = {"profile": speculative(10), "sick_node_policy": None}
    with through(proxies, keyspace, **options) as session:
        hold = Hold()
        held = proxies.on_response(Statement(READ), hold)
        statement = SimpleStatement(READ + "8", is_idempotent=True)
        future = session.execute_async(statement, timeout=2)
        held.wait(3)
        with pytest.raises(OperationTimedOut):
            future.result()
        # The speculative attempts used the whole plan up, and nobody took that for an error.
        assert len(set(future.attempted_hosts)) == 3
        assert [(link.in_flight, link.orphans) for link in all_links(session)] == [(0, 1)] * 3
        hold.release()
        quiet(session)
        assert read(session, 8) == (8, "v8")


# --- connections ---------------------------------------------------------------------------------


def test_scenario_12_slow_heartbeats_do_not_shorten_the_patience_with_others(
    proxies: ProxyCluster, keyspace: str
) -> None:
    with through(
        proxies,
        keyspace,
        idle_heartbeat_interval=0.5,
        idle_heartbeat_timeout=2,
        reconnection_policy=OFTEN,
    ) as session:
        links = {link.host.address: link for link in all_links(session)}
        beats = Opcode(opcodes.SUPPORTED) & Where(ready) & ~Control()
        slow = [proxies[number].on_response(beats, Delay(0.8)) for number in (1, 2)]
        lost = proxies[3].on_response(beats, Drop(), times=1)
        until(lambda: links[proxies[3].address[0]].closed, "the silent one is given up")
        for rule in slow:
            rule.wait(2)
        assert lost.used == 1
        assert not links[proxies[1].address[0]].closed
        assert not links[proxies[2].address[0]].closed


def test_scenario_13_connections_that_break_again_and_again(
    proxies: ProxyCluster, keyspace: str
) -> None:
    with through(proxies, keyspace, reconnection_policy=OFTEN) as session:
        with Readers(session) as readers:
            for turn in range(12):
                old = host_links(session, proxies, turn % 3 + 1)
                proxies[turn % 3 + 1].cut(reset=turn % 2 == 0)
                until(lambda: all(li.closed for li in old), "it is closed")  # noqa: B023
                until(lambda: alive(session), "it is connected again")
                readers.go_on(20)
        assert readers.failed == []
        assert len(all_links(session)) == 3


def test_scenario_14_bursts_of_events_drop_no_connection_that_lives(
    proxies: ProxyCluster, keyspace: str
) -> None:
    with through(proxies, keyspace, status_event_refresh_window=0) as session:
        before, links = opened(proxies), all_links(session)
        [control] = [p for p in proxies.proxies if any(t.registered for t in p.tunnels)]
        with Readers(session) as readers:
            for turn in range(60):
                node = proxies[turn % 3 + 1].target
                for change in ("UP", "DOWN", "UP", "DOWN")[turn % 2 :]:
                    assert control.push(StatusChange(change, *node)) == 1
            readers.go_on(200)
        assert readers.failed == []
        assert all(host.is_up for host in session.hosts)
        assert (opened(proxies), all_links(session)) == (before, links)


def test_scenario_15_all_nodes_are_gone_and_come_back(proxies: ProxyCluster, keyspace: str) -> None:
    with through(proxies, keyspace, reconnection_policy=OFTEN) as session:
        for proxy in proxies.proxies:
            proxy.shut()
        with pytest.raises(NoHostAvailable):
            until(lambda: read(session) is None, "a request fails")
        until(lambda: not any(host.is_up for host in session.hosts), "all are down")
        for proxy in proxies.proxies:
            proxy.heal()
        until(lambda: all(host.is_up for host in session.hosts), "all are up")
        until(lambda: alive(session), "all are connected")
        until(session.cluster.get_control_connection_host, "the control connection is there")
        assert read(session) == (1, "v1")


def test_scenario_20_a_control_connection_that_cannot_be_had_marks_no_host_down(
    proxies: ProxyCluster, keyspace: str
) -> None:
    with through(proxies, keyspace, reconnection_policy=OFTEN) as session:
        refused = proxies[1].on_request(Opcode(opcodes.REGISTER), Cut())
        others = [proxies[2].address[0], proxies[3].address[0]]
        before = host_links(session, proxies, 1)
        with Readers(session) as readers:
            # Wherever it is, it has to move, past the first node.
            for _ in range(8):
                for proxy in proxies.proxies:
                    for tunnel in proxy.tunnels:
                        if tunnel.registered:
                            proxy.cut(tunnel)
                until(control_at(session, others), "the control connection is elsewhere")
            readers.go_on()
        assert readers.failed == []
        assert host_of(session, proxies, 1).is_up
        assert not before[0].closed
        assert refused.used < 30


def control_at(session: Session, addresses: list[str]) -> Callable[[], bool]:
    def there() -> bool:
        host = session.cluster.get_control_connection_host()
        return host is not None and host.address in addresses

    return there


@pytest.mark.parametrize(
    "refusal",
    [
        Forge(errors.ServerError("not now")),
        Forge(errors.IsBootstrapping("not now")),
        Forge(errors.Overloaded("not now")),
        Cut(),
        Cut(reset=False),
    ],
    ids=["ServerError", "IsBootstrapping", "Overloaded", "reset", "closed"],
)
@pytest.mark.parametrize("opcode", [opcodes.OPTIONS, opcodes.STARTUP], ids=["OPTIONS", "STARTUP"])
def test_scenario_22_a_connection_that_fails_once_is_tried_again(
    proxies: ProxyCluster, keyspace: str, refusal: Any, opcode: int
) -> None:
    with through(proxies, keyspace, reconnection_policy=OFTEN) as session:
        refused = proxies[2].on_request(Opcode(opcode) & ~Where(ready), refusal, times=2)
        with Readers(session) as readers:
            proxies[2].cut()
            refused.wait(2)
            until(lambda: alive(session), "it is connected again")
            readers.go_on()
        assert readers.failed == []


@pytest.mark.parametrize("stage", ["SUPPORTED", "READY", "USE"])
def test_scenario_25_shutdown_while_connections_are_made(
    proxies: ProxyCluster, keyspace: str, stage: str
) -> None:
    """Whatever a connection is waiting for: it is closed, and nobody waits."""
    stages = {
        "SUPPORTED": Opcode(opcodes.SUPPORTED),
        "READY": Opcode(opcodes.READY) & Answers(Opcode(opcodes.STARTUP)),
        "USE": Statement("USE"),
    }
    threads = threading.active_count()
    until(lambda: not any(p.tunnels for p in proxies.proxies), "no connection is left")
    hold = Hold()
    with Cluster(**proxies.options, execution_profiles=defaults()) as cluster:
        session = cluster.connect(keyspace, wait_for_all_pools=True)
        held = proxies.on_response(stages[stage], hold)
        proxies.on_response(Opcode(opcodes.SUPPORTED, opcodes.READY), Pass())
        for proxy in proxies.proxies:
            proxy.cut()
        held.wait()
        waiting = [session.execute_async(READ + "1", timeout=60) for _ in range(3)]
        started = time.monotonic()
    assert time.monotonic() - started < 5
    for future in waiting:
        with pytest.raises(DriverException):
            future.result()
    hold.release()
    until(lambda: not any(p.tunnels for p in proxies.proxies), "all connections are closed")
    until(lambda: threading.active_count() <= threads, "no thread is left")


def test_scenario_33_a_use_that_fails_on_one_connection(
    proxies: ProxyCluster, keyspace: str
) -> None:
    with through(proxies, keyspace, reconnection_policy=OFTEN) as session:
        other = new_name("ks")
        session.execute(
            f"CREATE KEYSPACE {other} WITH replication = "
            "{'class': 'NetworkTopologyStrategy', 'dc1': 3}"
        )
        session.execute(f"CREATE TABLE {other}.t (k int PRIMARY KEY, v text)")
        session.execute(f"INSERT INTO {other}.t (k, v) VALUES (1, 'other')")
        # The first is the caller's own, the others change the other connections.
        cut = proxies.on_request(Statement("USE") & Nth(2), Cut())
        session.set_keyspace(other)
        cut.wait()
        until(lambda: alive(session), "each pool has its connection")
        for number in (1, 2, 3):
            host = host_of(session, proxies, number)
            assert read(session, host=host) == (1, "other")
        session.set_keyspace(keyspace)
        assert read(session) == (1, "v1")
        session.execute(f"DROP KEYSPACE {other}", timeout=60)


# --- a node that is silent -----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["hang", "partition"])
def test_scenario_55_a_silent_node_costs_a_few_requests(
    proxies: ProxyCluster, keyspace: str, how: str
) -> None:
    with through(proxies, keyspace, reconnection_policy=OFTEN) as session:
        silent = proxies[3].address[0]
        with Readers(session, timeout=5) as readers:
            readers.go_on()
            getattr(proxies[3], how)()
            host = host_of(session, proxies, 3)
            until(lambda: host.is_sick or not host.is_up, "it is out of rotation", 10)
            readers.go_on(300)
            proxies[3].heal()
            until(lambda: host.is_up and not host.is_sick, "it is back")
            readers.go_on()
        # Reads that were out when it fell silent were sent elsewhere.
        assert len(readers.failed) <= 4
        until(lambda: silent in asked(session), "it is asked again")


def asked(session: Session) -> set[str]:
    """The addresses that some requests went to."""
    found = set()
    for k in range(ROWS):
        future = session.execute_async(READ + str(k))
        future.result()
        assert future.coordinator_host is not None
        found.add(future.coordinator_host.address)
    return found


def test_scenario_56_a_hung_node_answers_again(proxies: ProxyCluster, keyspace: str) -> None:
    with through(proxies, keyspace, sick_node_policy=None) as session:
        host = host_of(session, proxies, 2)
        paged = session.execute(
            SimpleStatement("SELECT k FROM t", fetch_size=15), host=host, timeout=0.5
        )
        found = [row.k for row in paged.current_rows]
        proxies[2].hang()
        outcomes = [
            Outcome(session.execute_async(READ + str(k), host=host, timeout=0.3)) for k in range(20)
        ]
        started = time.monotonic()
        with pytest.raises(OperationTimedOut):
            paged.fetch_next_page()
        assert 0.5 <= time.monotonic() - started < 5
        until(lambda: all(outcome.calls for outcome in outcomes), "all have timed out")
        proxies[2].heal()
        quiet(session)
        assert all(isinstance(outcome.errors[0], OperationTimedOut) for outcome in outcomes)
        assert [outcome.calls for outcome in outcomes] == [1] * 20
        while paged.has_more_pages:
            paged.fetch_next_page()
            found += [row.k for row in paged.current_rows]
        assert sorted(found) == list(range(ROWS))


# --- damage and mixtures -------------------------------------------------------------------------


def test_scenario_45_reads_go_elsewhere_when_a_segment_is_damaged(
    proxies: ProxyCluster, keyspace: str
) -> None:
    with through(proxies, keyspace, reconnection_policy=OFTEN) as session:
        damaged = proxies[1].on_response(
            Statement(READ) & Chance(0.05, seed=45), Corrupt(seed=45), times=6
        )
        with Readers(session) as readers:
            damaged.wait(3)
            readers.go_on()
        assert readers.failed == []


def test_scenario_38_schema_agreement_is_bounded(proxies: ProxyCluster, keyspace: str) -> None:
    with through(proxies, keyspace, max_schema_agreement_wait=1) as session:
        asked_for = Statement("schema_version")
        with proxies.on_response(asked_for, Drop()) as lost:
            started = time.monotonic()
            result = session.execute(f"CREATE TABLE {new_name()} (k int PRIMARY KEY)")
            assert time.monotonic() - started < 10
            assert lost.used
            assert result.response_future.is_schema_agreed is False
        connect_anew(session, proxies)  # the answers that were lost never come
        with proxies.on_request(asked_for, Cut(), times=1) as cut:
            session.execute(f"CREATE TABLE {new_name()} (k int PRIMARY KEY)")
            cut.wait()
        connect_anew(session, proxies)
        assert read(session) == (1, "v1")


@contextmanager
def mixture(proxies: ProxyCluster, seed: int) -> Iterator[None]:
    """Every kind of fault, each now and then."""
    mine = ~Control() & Statement("t WHERE")
    proxies.on_request(mine & Chance(0.01, seed), Drop())
    proxies.on_request(mine & Chance(0.01, seed + 1), Forge(errors.Overloaded("now and then")))
    proxies.on_request(mine & Chance(0.003, seed + 2), Cut())
    proxies.on_response(mine & Chance(0.01, seed + 3), Drop())
    proxies.on_response(mine & Chance(0.05, seed + 4), Delay(0.01, 0.3, seed))
    proxies.on_response(mine & Chance(0.003, seed + 5), Cut(after=7))
    proxies.on_response(mine & Chance(0.003, seed + 6), Corrupt(seed=seed))
    yield
    for proxy in proxies.proxies:
        proxy.clear()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_mixture_of_faults(proxies: ProxyCluster, keyspace: str, seed: int) -> None:
    """Every request ends in time, no row is wrong, and all is well afterwards."""
    with through(
        proxies,
        keyspace,
        reconnection_policy=OFTEN,
        profile={"consistency_level": ConsistencyLevel.QUORUM, "request_timeout": 1.0},
    ) as session:
        with mixture(proxies, seed), Readers(session, timeout=1.0) as readers:
            readers.go_on(600)
        assert len(readers.failed) < readers.done
        connect_anew(session, proxies)  # the answers that were lost never come
        for k in range(ROWS):
            assert read(session, k, timeout=30) == (k, f"v{k}")
