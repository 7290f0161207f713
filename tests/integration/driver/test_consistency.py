"""Consistency levels on three nodes, with and without one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import ConsistencyLevel, Unavailable
from cql_driver.cluster import Session
from cql_driver.policies import ConstantReconnectionPolicy, FallthroughRetryPolicy
from cql_driver.query import BatchStatement, SimpleStatement
from tests.integration.driver.support import connected, in_flight, keyspace_of, until

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

pytestmark = pytest.mark.once

NAMES = ["ANY", "ONE", "TWO", "THREE", "QUORUM", "ALL", "LOCAL_QUORUM", "EACH_QUORUM", "LOCAL_ONE"]
LEVELS = {name: ConsistencyLevel.name_to_value[name] for name in NAMES}
READABLE = {name: level for name, level in LEVELS.items() if name not in ("ANY", "EACH_QUORUM")}


@pytest.fixture
def session(three: Nodes) -> Iterator[Session]:
    profile = {"retry_policy": FallthroughRetryPolicy()}
    often = ConstantReconnectionPolicy(0.2, None)
    with (
        connected(three, profile=profile, reconnection_policy=often) as session,
        keyspace_of(session, 3),
    ):
        session.execute("CREATE TABLE t (k int PRIMARY KEY, v text)")
        try:
            yield session
        finally:
            # Without all nodes, the keyspace could be dropped, but not agreed about.
            three.heal()
            until(lambda: in_flight(session) == 0, "no request in flight after the test")


def write(session: Session, level: int, key: int = 1) -> None:
    text = "INSERT INTO t (k, v) VALUES (%s, 'x')"
    session.execute(SimpleStatement(text, consistency_level=level), (key,))


def read(session: Session, level: int, key: int = 1) -> Any:
    text = "SELECT v FROM t WHERE k = %s"
    return session.execute(SimpleStatement(text, consistency_level=level), (key,)).one()


def test_every_level(session: Session) -> None:
    insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
    for number, (name, level) in enumerate(LEVELS.items()):
        write(session, level, number)
        bound = insert.bind((number, name))
        bound.consistency_level = level
        session.execute(bound)
        batch = BatchStatement(consistency_level=level)
        batch.add(insert, (number + 100, name))
        if name != "EACH_QUORUM":
            session.execute(batch)
        result = session.execute(bound, trace=True)
        trace = result.get_query_trace(30)
        assert trace is not None
        assert trace.parameters is not None
        assert trace.parameters["consistency_level"] == name
    for level in READABLE.values():
        write(session, ConsistencyLevel.ALL, 50)
        assert read(session, level, 50).v == "x"


def gone(three: Nodes, numbers: list[int]) -> bool:
    """Whether the nodes that live know that these are down."""
    addresses = {three.nodes[number].address for number in numbers}
    living = [node for index, node in enumerate(three.nodes) if index not in numbers]
    return all(not (node.live_peers() & addresses) for node in living)


def refused(session: Session, level: int, key: int = 1) -> tuple[int, int, int]:
    """The numbers of the error, which are those of writes and reads, texts and prepared ones."""
    found = set()
    insert = session.prepare("INSERT INTO t (k, v) VALUES (?, 'x')")
    insert.consistency_level = level
    calls = [lambda: write(session, level, key), lambda: session.execute(insert, (key,))]
    if level in READABLE.values():
        calls.append(lambda: read(session, level, key))
    for call in calls:
        with pytest.raises(Unavailable) as caught:
            call()
        error = caught.value
        found.add((int(error.consistency), error.required_replicas, error.alive_replicas))
    (numbers,) = found
    return numbers


def accepted(session: Session, names: list[str], key: int = 1) -> None:
    for name in names:
        write(session, LEVELS[name], key)
        if name in READABLE:
            assert read(session, LEVELS[name], key).v == "x"


CONDITIONAL = "INSERT INTO t (k, v) VALUES (%s, 'lwt') IF NOT EXISTS"


@pytest.mark.slow
def test_without_one_node(session: Session, three: Nodes) -> None:
    with keyspace_of(session, 2) as two:
        session.execute("CREATE TABLE t (k int PRIMARY KEY, v text)")
        key = key_at(session, two, three.nodes[2].address)
    three.nodes[2].stop()
    until(lambda: gone(three, [2]), "the others see the node down")
    all_but = ["ANY", "ONE", "TWO", "QUORUM", "LOCAL_QUORUM", "EACH_QUORUM", "LOCAL_ONE"]
    accepted(session, all_but)
    for name in ("THREE", "ALL"):
        assert refused(session, LEVELS[name]) == (LEVELS[name], 3, 2)
    assert session.execute(CONDITIONAL, (1000,)).was_applied
    with keyspace_of(session, 2):
        session.execute("CREATE TABLE t (k int PRIMARY KEY, v text)")
        accepted(session, ["ANY", "ONE", "LOCAL_ONE"], key)
        for name in ("TWO", "QUORUM", "LOCAL_QUORUM", "ALL"):
            assert refused(session, LEVELS[name], key) == (LEVELS[name], 2, 1)
        for serial in (ConsistencyLevel.SERIAL, ConsistencyLevel.LOCAL_SERIAL):
            statement = SimpleStatement(CONDITIONAL, serial_consistency_level=serial)
            with pytest.raises(Unavailable) as caught:
                session.execute(statement, (key,))
            assert int(caught.value.consistency) == serial
            assert (caught.value.required_replicas, caught.value.alive_replicas) == (2, 1)
            with pytest.raises(Unavailable):
                read(session, serial, key)


def key_at(session: Session, keyspace: str, address: str) -> int:
    """A key of which the node is a replica."""
    select = session.prepare("SELECT v FROM t WHERE k = ?")
    for key in range(1000):
        routing_key = select.bind((key,)).routing_key
        replicas = session.cluster.metadata.get_replicas(keyspace, routing_key)
        assert len(replicas) == 2
        if address in {host.address for host in replicas}:
            return key
    raise AssertionError("no key has a replica there")
