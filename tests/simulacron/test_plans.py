"""Which nodes are asked, in which order: what the policies promise, by the nodes' own logs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from cql_driver import ConsistencyLevel
from cql_driver.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cql_driver.policies import (
    DCAwareRoundRobinPolicy,
    HostFilterPolicy,
    RackAwareRoundRobinPolicy,
    RoundRobinPolicy,
    TokenAwarePolicy,
    WhiteListRoundRobinPolicy,
)
from cql_driver.query import SimpleStatement
from cql_protocol.errors import IsBootstrapping, NoHostAvailable
from cql_protocol.tokens import Murmur3Token
from tests.simulacron.fakes import FakeCluster, FakeNode, Shape, rows
from tests.simulacron.server import Simulacron
from tests.simulacron.support import SELECT, coordinators, session_of

pytestmark = pytest.mark.java

REFUSE = {"result": "is_bootstrapping"}
"""Has the driver go on to the next node of the plan."""
BY_KEY = "SELECT v FROM ks.t WHERE id = ?"
KEYS = range(-20, 20)
SIXTY = Shape({"dc1": 30, "dc2": 30})
"""One request is tried at most 64 times."""


def whole_plan(
    session: Session, fakes: FakeCluster, statement: Any = SELECT, *args: Any
) -> list[FakeNode]:
    """The nodes that are asked when each one passes the request on, in order.

    The error tells the order; the nodes' logs, whose times are coarse, must not contradict.
    """
    fakes.forget_seen()
    with pytest.raises(NoHostAvailable) as caught:
        session.execute(statement, *args)
    errors = {host.address: error for host, error in caught.value.errors.items()}
    assert {type(error) for error in errors.values()} == {IsBootstrapping}
    plan = [fakes.at(address) for address in errors]
    seen = [each for each in fakes.seen() if each.kind in ("QUERY", "EXECUTE")]
    assert Counter(each.node for each in seen) == Counter(plan)
    when = {each.node: each.when for each in seen}
    assert [when[node] for node in plan] == sorted(when.values())
    return plan


def replicas(fakes: FakeCluster, token: int, dc: str, count: int) -> list[FakeNode]:
    """The replicas that Cassandra would choose: clockwise, no rack twice while there are others."""
    ring = sorted(fakes.nodes, key=lambda node: node.token)
    first = next((i for i, node in enumerate(ring) if node.token >= token), 0)
    walk = [node for node in ring[first:] + ring[:first] if node.dc == dc]
    chosen: list[FakeNode] = []
    for node in walk:
        if node.rack not in {other.rack for other in chosen} and len(chosen) < count:
            chosen.append(node)
    return chosen + [node for node in walk if node not in chosen][: count - len(chosen)]


def token_of(key: int) -> int:
    token: int = Murmur3Token.from_key(key.to_bytes(4, "big", signed=True)).value
    return token


def test_round_robin_takes_every_node_in_turn(fakes: FakeCluster) -> None:
    with session_of(fakes, RoundRobinPolicy()) as session:
        asked = coordinators(session, SELECT, 200)
        assert set(Counter(asked).values()) == {2}
        assert asked[:100] == asked[100:]
        seen = Counter(each.node.address for each in fakes.seen(SELECT))
        assert seen == Counter(asked)


def test_a_plan_of_round_robin_has_every_node_in_order_and_the_next_begins_elsewhere(
    simulacron: Simulacron,
) -> None:
    with simulacron.cluster(SIXTY) as fakes, session_of(fakes, RoundRobinPolicy()) as session:
        fakes.prime(SELECT, REFUSE)
        first, second = (whole_plan(session, fakes) for _ in range(2))
        assert len(set(first)) == len(fakes.nodes)
        begin = first.index(second[0])
        assert begin > 0
        assert second == first[begin:] + first[:begin]


def test_one_request_is_not_tried_on_every_node_of_a_huge_cluster(fakes: FakeCluster) -> None:
    with session_of(fakes, RoundRobinPolicy()) as session:
        fakes.prime(SELECT, REFUSE)
        with pytest.raises(IsBootstrapping):
            session.execute(SELECT)
        assert len({seen.node for seen in fakes.seen(SELECT)}) == 64


def test_the_local_data_centre_comes_first_and_some_of_the_other_last(fakes: FakeCluster) -> None:
    with session_of(fakes, DCAwareRoundRobinPolicy("dc2", 3)) as session:
        asked = coordinators(session, SELECT, 100)
        assert Counter(asked) == dict.fromkeys((n.address for n in fakes.of("dc2")), 2)
        for dc in ("dc1", "dc2"):
            fakes.prime(SELECT, REFUSE, at=dc)
        plan = whole_plan(session, fakes)
        assert [node.dc for node in plan] == ["dc2"] * 50 + ["dc1"] * 3
        assert len(set(plan)) == 53
        fakes.forget("dc1")
        (last,) = coordinators(session, SELECT, 1)
        assert fakes.at(last).dc == "dc1"


def test_without_remote_hosts_requests_never_leave_the_data_centre(fakes: FakeCluster) -> None:
    fakes.prime(SELECT, REFUSE)
    # The data centre is that of the contact point.
    with session_of(fakes, DCAwareRoundRobinPolicy()) as session:
        assert Counter(node.dc for node in whole_plan(session, fakes)) == {"dc1": 50}
    point = fakes.of("dc2")[7].address
    with session_of(fakes, DCAwareRoundRobinPolicy(), contact_points=[point]) as session:
        assert Counter(node.dc for node in whole_plan(session, fakes)) == {"dc2": 50}


def test_the_local_rack_comes_first_then_the_data_centre(fakes: FakeCluster) -> None:
    with session_of(fakes, RackAwareRoundRobinPolicy("dc1", "r2", 1)) as session:
        near = [node.address for node in fakes.of("dc1") if node.rack == "r2"]
        assert set(coordinators(session, SELECT, 2 * len(near))) == set(near)
        fakes.prime(SELECT, REFUSE)
        plan = whole_plan(session, fakes)
        tiers = [(node.dc, node.rack == "r2") for node in plan[:50]]
        assert tiers == [("dc1", True)] * len(near) + [("dc1", False)] * (50 - len(near))
        assert [node.dc for node in plan[50:]] == ["dc2"]


def test_only_the_nodes_of_a_white_list_are_connected_and_asked(fakes: FakeCluster) -> None:
    listed = [fakes.nodes[number].address for number in (0, 5, 42)]
    with session_of(fakes, WhiteListRoundRobinPolicy(listed)) as session:
        assert fakes.connections().keys() == set(listed)
        assert Counter(coordinators(session, SELECT, 30)) == dict.fromkeys(listed, 10)
        fakes.prime(SELECT, REFUSE)
        assert {node.address for node in whole_plan(session, fakes)} == set(listed)


def test_only_the_nodes_that_a_filter_lets_through_are_connected_and_asked(
    fakes: FakeCluster,
) -> None:
    policy = HostFilterPolicy(RoundRobinPolicy(), lambda host: host.rack == "r1")
    wanted = {node.address for node in fakes.nodes if node.rack == "r1"}
    with session_of(fakes, policy) as session:
        assert fakes.connections().keys() == wanted
        fakes.prime(SELECT, REFUSE)
        plan = [node.address for node in whole_plan(session, fakes)]
        assert sorted(plan) == sorted(wanted)
        fakes.forget()
        assert set(coordinators(session, SELECT, 300)) <= wanted


# --- by token ----------------------------------------------------------------------------------


@pytest.fixture
def by_key(fakes: FakeCluster) -> FakeCluster:
    """Nodes that answer a statement with a partition key."""
    answer = rows([{"v": "x"}], {"v": "varchar"})
    fakes.prime(BY_KEY, answer, params={"id": "int"})
    return fakes


def test_replicas_are_asked_each_as_often(by_key: FakeCluster) -> None:
    with session_of(by_key, TokenAwarePolicy(DCAwareRoundRobinPolicy("dc1"))) as session:
        statement = session.prepare(BY_KEY)
        for key in KEYS:
            expected = {node.address for node in replicas(by_key, token_of(key), "dc1", 3)}
            asked = coordinators(session, statement, 25, (key,))
            # One of three is left out 25 times in a row once in 25,000 tries.
            assert set(asked) <= expected
            assert len(set(asked)) > 1
        counts = Counter(seen.node.dc for seen in by_key.seen(kind="EXECUTE"))
        assert counts == {"dc1": 25 * len(KEYS)}


@pytest.mark.parametrize("reason", ["shuffle_replicas=False", "a serial level"])
def test_the_first_replica_is_asked_where_order_counts(by_key: FakeCluster, reason: str) -> None:
    shuffle = reason != "shuffle_replicas=False"
    policy = TokenAwarePolicy(DCAwareRoundRobinPolicy("dc1"), shuffle_replicas=shuffle)
    with session_of(by_key, policy) as session:
        statement = session.prepare(BY_KEY)
        if shuffle:
            statement.consistency_level = ConsistencyLevel.SERIAL
        for key in KEYS:
            first = replicas(by_key, token_of(key), "dc1", 3)[0]
            assert set(coordinators(session, statement, 3, (key,))) == {first.address}


def test_replicas_come_first_then_the_others_by_distance(
    simulacron: Simulacron, keyspaces_question: str
) -> None:
    policy = TokenAwarePolicy(DCAwareRoundRobinPolicy("dc1", 30))
    with simulacron.cluster(SIXTY) as fakes:
        fakes.prime_keyspace(keyspaces_question, "ks", {"dc1": 3, "dc2": 2})
        fakes.prime(BY_KEY, REFUSE, params={"id": "int"})
        with session_of(fakes, policy) as session:
            statement = session.prepare(BY_KEY)
            for key in KEYS[:3]:
                near = replicas(fakes, token_of(key), "dc1", 3)
                far = replicas(fakes, token_of(key), "dc2", 2)
                plan = whole_plan(session, fakes, statement, (key,))
                assert len(set(plan)) == len(fakes.nodes)
                assert set(plan[:3]) == set(near)
                assert set(plan[3:5]) == set(far)
                assert [node.dc for node in plan[5:]] == ["dc1"] * 27 + ["dc2"] * 28


def test_the_routing_key_of_a_simple_statement_leads_to_replicas(fakes: FakeCluster) -> None:
    with session_of(fakes, TokenAwarePolicy(DCAwareRoundRobinPolicy("dc2"))) as session:
        for key in KEYS:
            routing_key = key.to_bytes(4, "big", signed=True)
            statement = SimpleStatement(SELECT, routing_key=routing_key, keyspace="ks")
            expected = {node.address for node in replicas(fakes, token_of(key), "dc2", 2)}
            assert set(coordinators(session, statement, 5)) <= expected


def test_a_statement_without_a_key_goes_wherever_the_child_says(fakes: FakeCluster) -> None:
    with session_of(fakes, TokenAwarePolicy(DCAwareRoundRobinPolicy("dc1"))) as session:
        assert set(Counter(coordinators(session, SELECT, 100)).values()) == {2}


# --- by request --------------------------------------------------------------------------------


def test_each_profile_has_its_own_plans(fakes: FakeCluster) -> None:
    points = [fakes.nodes[0].address]
    profiles = {
        EXEC_PROFILE_DEFAULT: ExecutionProfile(DCAwareRoundRobinPolicy("dc1")),
        "far": ExecutionProfile(DCAwareRoundRobinPolicy("dc2")),
    }
    with Cluster(points, compression=False, execution_profiles=profiles) as cluster:
        session = cluster.connect(wait_for_all_pools=True)
        assert len(fakes.connections()) == 100
        for dc, profile in (("dc1", EXEC_PROFILE_DEFAULT), ("dc2", "far")):
            asked = coordinators(session, SELECT, 50, execution_profile=profile)
            assert set(asked) == {node.address for node in fakes.of(dc)}


def test_a_request_for_one_host_goes_to_no_other(fakes: FakeCluster) -> None:
    with session_of(fakes) as session:
        node = fakes.of("dc1")[17]
        host = session.cluster.metadata.get_host(node.address)
        assert set(coordinators(session, SELECT, 5, host=host)) == {node.address}
        fakes.prime(SELECT, REFUSE, at=node)
        with pytest.raises(IsBootstrapping):
            session.execute(SELECT, host=host)
        assert {seen.node for seen in fakes.seen(SELECT)} == {node}
