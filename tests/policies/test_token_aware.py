"""`TokenAwarePolicy`: replicas first, the nearest of them before others."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from cql_driver.metadata import KeyspaceMetadata
from cql_driver.metadata import Metadata as RealMetadata
from cql_driver.policies import (
    DCAwareRoundRobinPolicy,
    HostDistance,
    HostFilterPolicy,
    RackAwareRoundRobinPolicy,
    RoundRobinPolicy,
    TokenAwarePolicy,
)
from cql_driver.pools.host import Host
from cql_driver.query import SimpleStatement
from tests.policies.stand_ins import Cluster, Metadata, Statement, host, hosts, plan


def around(child: Any, known: list[Host], metadata: Metadata, **options: Any) -> TokenAwarePolicy:
    policy = TokenAwarePolicy(child, **options)
    policy.populate(Cluster(metadata), known)
    return policy


def test_replicas_come_by_distance_and_then_the_rest_of_the_plan() -> None:
    rack, centre = hosts(2), hosts(3, rack="r2", first=10)
    far = hosts(2, "dc2", first=20)
    metadata = Metadata((far[0], centre[0], rack[1], centre[1]))
    child = RackAwareRoundRobinPolicy("dc1", "r1", used_hosts_per_remote_dc=1)
    policy = around(child, rack + centre + far, metadata)
    made = plan(policy, Statement())
    assert made[0] is rack[1]
    assert set(made[1:3]) == {centre[0], centre[1]}
    assert made[3] is far[0]
    assert made[4:] == [rack[0], centre[2]]
    assert policy.pick("ks", Statement()) is rack[1]


def test_replicas_that_are_down_are_left_out() -> None:
    known = hosts(4)
    policy = around(RoundRobinPolicy(), known, Metadata(tuple(known[:3])))
    known[0].set_down()
    policy.on_down(known[0])
    assert known[0] not in plan(policy, Statement())
    picked = {policy.pick("ks", Statement()).key for _ in range(60)}  # type: ignore[union-attr]
    assert picked == {known[1].key, known[2].key}
    # Nobody has told the policy yet, but the host itself knows.
    known[1].set_down()
    assert plan(policy, Statement())[0] is known[2]
    assert policy.pick("ks", Statement()) is known[2]
    known[2].set_down()
    assert policy.pick("ks", Statement()) in known


def test_equally_near_replicas_get_equal_shares() -> None:
    near, far = hosts(6), hosts(3, "dc2", first=20)
    # The local ones stand together, so whoever looks for the next local one favours the first.
    metadata = Metadata((*far, *near[:3]))
    policy = around(DCAwareRoundRobinPolicy("dc1"), near + far, metadata)
    picks = Counter(policy.pick("ks", Statement()) for _ in range(3000))
    firsts = Counter(plan(policy, Statement())[0] for _ in range(3000))
    for shares in (picks, firsts):
        assert shares.keys() == set(near[:3])
        assert min(shares.values()) > 800  # 1000 each; 7 standard deviations


@pytest.mark.parametrize(
    ("query", "options"),
    [
        (Statement(lwt=True), {}),
        (Statement(consistency_level=8), {}),
        (Statement(consistency_level=9), {}),
        (Statement(), {"shuffle_replicas": False}),
    ],
)
@pytest.mark.parametrize("spread", [True, False])
@pytest.mark.parametrize("filtered", [True, False])
def test_paxos_keeps_to_the_order_of_the_ring(
    query: Statement, options: dict[str, Any], spread: bool, filtered: bool
) -> None:
    known = hosts(3)
    replicas = (known[2], known[0], known[1])
    child: Any = RoundRobinPolicy()
    if filtered:
        child = HostFilterPolicy(child, lambda h: True)
    policy = around(child, known, Metadata(replicas, spread), **options)
    for _ in range(10):
        assert plan(policy, query) == list(replicas)
        assert policy.pick("ks", query) is replicas[0]


def test_the_key_is_not_hashed_where_the_token_changes_nothing() -> None:
    known = hosts(3)
    metadata = Metadata(tuple(known), spread=False)
    policy = around(RoundRobinPolicy(), known, metadata)
    assert {policy.pick("ks", Statement()).key for _ in range(3)} == {  # type: ignore[union-attr]
        h.key for h in known
    }
    assert len(plan(policy, Statement())) == 3
    assert metadata.hashed == 0


@pytest.mark.parametrize(
    ("query", "keyspace"),
    [
        (None, "ks"),
        (Statement(keyspace=None), None),
        (Statement(routing_key=None), "ks"),
        (Statement(keyspace="other"), "ks"),
    ],
)
def test_without_a_partition_the_child_decides(query: Any, keyspace: str | None) -> None:
    known = hosts(3)
    policy = around(RoundRobinPolicy(), known, Metadata((known[0],)))
    assert len({plan(policy, query, keyspace)[0].key for _ in range(3)}) == 3
    assert len({policy.pick(keyspace, query).key for _ in range(3)}) == 3  # type: ignore[union-attr]


def test_the_working_keyspace_is_used_when_the_statement_has_none() -> None:
    known = hosts(3)
    policy = around(RoundRobinPolicy(), known, Metadata((known[1],)))
    query = Statement(keyspace=None)
    assert policy.pick("ks", query) is plan(policy, query, "ks")[0] is known[1]


def test_unknown_replicas_leave_it_to_the_child() -> None:
    known = hosts(3)
    policy = around(RoundRobinPolicy(), known, Metadata(()))
    assert policy.pick("ks", Statement()) in known
    assert len(plan(policy, Statement())) == 3


def test_an_ignored_replica_is_not_asked() -> None:
    near, far = hosts(2), hosts(1, "dc2", first=20)
    policy = around(DCAwareRoundRobinPolicy("dc1"), near + far, Metadata((far[0], near[0])))
    for _ in range(20):
        assert policy.pick("ks", Statement()) is near[0]
        assert plan(policy, Statement()) == near
    only_far = around(DCAwareRoundRobinPolicy("dc1"), near + far, Metadata((far[0],)))
    assert only_far.pick("ks", Statement()) in near


def test_distances_that_change_untold_are_asked_at_every_use() -> None:
    known = hosts(3)
    allowed = {known[0].key}
    child = HostFilterPolicy(RoundRobinPolicy(), lambda h: h.key in allowed)
    policy = around(child, known, Metadata(tuple(known)))
    assert {policy.pick("ks", Statement()) for _ in range(9)} == {known[0]}
    allowed.clear()
    allowed.add(known[2].key)
    assert {policy.pick("ks", Statement()) for _ in range(9)} == {known[2]}
    assert plan(policy, Statement()) == [known[2]]


class Reluctant(RoundRobinPolicy):
    """A user's policy that thinks of one host as far."""

    far: Host | None = None

    def distance(self, host: Host) -> int:
        return HostDistance.REMOTE if host is self.far else HostDistance.LOCAL


def test_the_distances_of_a_users_policy_count() -> None:
    known = hosts(3)
    child = Reluctant()
    policy = around(child, known, Metadata((known[0], known[1])))
    child.far = known[0]
    for _ in range(9):
        assert policy.pick("ks", Statement()) is known[1]
        assert plan(policy, Statement()) == [known[1], known[0], known[2]]


def test_hosts_that_come_and_go_are_measured_anew() -> None:
    first, second = host(1), host(2)
    policy = around(DCAwareRoundRobinPolicy("dc1"), [first], Metadata((first, second)))
    assert {policy.pick("ks", Statement()) for _ in range(9)} == {first}
    policy.on_add(second)
    assert {policy.pick("ks", Statement()) for _ in range(60)} == {first, second}
    policy.on_remove(first)
    assert {policy.pick("ks", Statement()) for _ in range(9)} == {second}
    assert policy.distance(second) == HostDistance.LOCAL


def test_nothing_is_asked_before_hosts_are_known() -> None:
    policy = TokenAwarePolicy(RoundRobinPolicy())
    assert policy.pick("ks", Statement()) is None
    assert plan(policy, Statement()) == []


def test_it_works_with_real_metadata_and_statements() -> None:
    known = hosts(6)
    for number, node in enumerate(known):
        node.tokens = (str(number * 10**18),)
    metadata = RealMetadata()
    metadata.set_topology(known, "org.apache.cassandra.dht.Murmur3Partitioner", "test")
    options = {"replication_factor": "3"}
    metadata.set_keyspaces({"ks": KeyspaceMetadata("ks", True, "SimpleStrategy", options)})
    policy = TokenAwarePolicy(DCAwareRoundRobinPolicy("dc1"))
    policy.populate(Cluster(metadata), known)
    query = SimpleStatement("SELECT v FROM t WHERE k = %s", routing_key=b"key")
    replicas = set(metadata.get_replicas("ks", b"key"))
    assert len(replicas) == 3
    assert {policy.pick("ks", query) for _ in range(99)} == replicas
    assert set(plan(policy, query, "ks")[:3]) == replicas
    assert len(plan(policy, query, "ks")) == 6
