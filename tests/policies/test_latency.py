"""`TokenAwarePolicy` by load and by latency, and `LatencyAwareness` itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.concurrent import execute_concurrent_with_args
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.policies import (
    DCAwareRoundRobinPolicy,
    DefaultLoadBalancingPolicy,
    LatencyAwareness,
    RoundRobinPolicy,
    TokenAwarePolicy,
    picker,
)
from cql_protocol.errors import InvalidRequest, ReadTimeout
from tests.policies.stand_ins import Cluster, Metadata, Statement, hosts, plan
from tests.simulation import Simulation

if TYPE_CHECKING:
    from tests.simulation.node import SimNode

READ = "SELECT v FROM t WHERE k = 1"


class Loaded(Cluster):
    """A cluster that says how busy its hosts are."""

    def __init__(self, metadata: Metadata, loads: dict[Any, int]) -> None:
        super().__init__(metadata)
        self.load_of = loads.__getitem__


def answered(awareness: LatencyAwareness, host: Any, *durations: float, error: Any = None) -> None:
    request = SimpleNamespace(started_at=awareness._now)
    for duration in durations:
        request.started_at += 0.01
        awareness.attempt_ended(request, host, error, duration)


# --- by load -------------------------------------------------------------------------------------


@pytest.mark.parametrize("spread", [True, False])
def test_of_two_replicas_the_one_that_owes_less(spread: bool) -> None:
    nodes = hosts(3)
    loads = {nodes[0]: 50, nodes[1]: 0, nodes[2]: 20}
    cluster = Loaded(Metadata(tuple(nodes), spread), loads)
    policy = TokenAwarePolicy(RoundRobinPolicy(), avoid_slow_replicas=True)
    policy.populate(cluster, nodes)
    pick = picker(policy)
    assert pick is not None
    picked = [pick(None, Statement()) for _ in range(600)]
    # The busiest of three loses against either of the others, the least busy one never.
    assert picked.count(nodes[0]) == 0
    assert 300 < picked.count(nodes[1]) < 500
    assert 100 < picked.count(nodes[2]) < 300
    first = [plan(policy, Statement()) for _ in range(100)]
    assert {order[0] for order in first} == {nodes[1], nodes[2]}
    assert all(set(order) == set(nodes) and len(order) == 3 for order in first)


def test_what_keeps_the_order_of_the_ring_is_not_weighed() -> None:
    nodes = hosts(3)
    cluster = Loaded(Metadata(tuple(nodes)), {nodes[0]: 50, nodes[1]: 0, nodes[2]: 20})
    policy = TokenAwarePolicy(RoundRobinPolicy(), avoid_slow_replicas=True)
    policy.populate(cluster, nodes)
    conditional = Statement(lwt=True)
    assert {policy.pick(None, conditional) for _ in range(20)} == {nodes[0]}
    assert plan(policy, conditional)[0] is nodes[0]


def test_without_replicas_there_is_no_order_to_keep() -> None:
    nodes = hosts(3)
    policy = TokenAwarePolicy(RoundRobinPolicy(), shuffle_replicas=False, avoid_slow_replicas=True)
    cluster = Loaded(Metadata(tuple(nodes)), dict.fromkeys(nodes, 0))
    policy.populate(cluster, nodes)
    assert {plan(policy, None)[0] for _ in range(100)} == set(nodes)


def test_far_hosts_stay_last_however_idle() -> None:
    near, far = hosts(2), hosts(1, dc="dc2", first=9)
    loads = {near[0]: 9, near[1]: 9, far[0]: 0}
    policy = TokenAwarePolicy(DCAwareRoundRobinPolicy("dc1", 1), avoid_slow_replicas=True)
    policy.populate(Loaded(Metadata((*far, *near), False), loads), [*far, *near])
    assert {policy.pick(None, Statement()) for _ in range(50)} == set(near)
    assert plan(policy, Statement())[2] is far[0]
    policy.on_down(near[0])
    policy.on_down(near[1])
    assert policy.pick(None, Statement()) is far[0]


def test_without_options_nothing_is_weighed() -> None:
    nodes = hosts(3)
    policy = TokenAwarePolicy(RoundRobinPolicy())
    policy.populate(Cluster(Metadata(tuple(nodes))), nodes)  # which cannot tell of loads
    assert {policy.pick(None, Statement()) for _ in range(100)} == set(nodes)


# --- by latency ----------------------------------------------------------------------------------


def test_a_host_that_takes_far_longer_is_slow_until_it_is_tried_again() -> None:
    awareness = LatencyAwareness(min_measured=10, retry_period=5.0)
    fast, slow, new = hosts(3)
    for _ in range(15):
        answered(awareness, fast, 0.003)
        answered(awareness, slow, 0.03)
    answered(awareness, new, 0.5)
    answered(awareness, fast, *[0.003] * 15)
    assert [awareness.is_slow(host) for host in (fast, slow, new)] == [False, True, False]
    assert awareness.average(fast) == pytest.approx(0.003)
    assert awareness.average(slow) == pytest.approx(0.03)
    answered(awareness, fast, *[0.003] * 600)  # some seconds later
    assert not awareness.is_slow(slow)
    answered(awareness, slow, *[0.003] * 50)
    answered(awareness, fast, *[0.003] * 20)
    assert not awareness.is_slow(slow)


def test_small_differences_and_errors_do_not_count() -> None:
    awareness = LatencyAwareness(min_measured=10)
    one, other = hosts(2)
    for _ in range(30):
        answered(awareness, one, 0.0002)
        answered(awareness, other, 0.0009)
        answered(awareness, other, 0.05, error=InvalidRequest("no such table"))
    assert not awareness.is_slow(other)
    answered(awareness, other, *[0.5] * 30, error=ReadTimeout("too late"))
    assert awareness.is_slow(other)
    awareness.host_changed(other, "down")
    assert not awareness.is_slow(other)
    assert awareness.average(other) is None


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"exclusion_threshold": 0.5}, InvalidArgument),
        ({"exclusion_threshold": "2"}, InvalidArgumentType),
        ({"scale": 0}, InvalidArgument),
        ({"retry_period": -1}, InvalidArgument),
        ({"min_measured": 0}, InvalidArgument),
    ],
)
def test_arguments_that_cannot_be_used(arguments: dict[str, Any], error: type) -> None:
    with pytest.raises(error):
        LatencyAwareness(**arguments)


@pytest.mark.parametrize("given", [True, LatencyAwareness, 0.1])
def test_what_is_no_awareness(given: Any) -> None:
    with pytest.raises(InvalidArgumentType):
        TokenAwarePolicy(RoundRobinPolicy(), latency_awareness=given)


# --- with a cluster ------------------------------------------------------------------------------


def requests(node: SimNode) -> int:
    return sum(connection.requests for connection in node.connections)


@pytest.mark.parametrize("by", ["load", "latency"])
def test_a_slow_node_gets_few_requests(by: str) -> None:
    options: dict[str, Any] = {"avoid_slow_replicas": True}
    if by == "latency":
        options = {"latency_awareness": LatencyAwareness(min_measured=10)}
    policy = DefaultLoadBalancingPolicy(TokenAwarePolicy(DCAwareRoundRobinPolicy(), **options))
    profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(policy)}
    with Simulation(1) as sim:
        session = sim.connect("ks", execution_profiles=profiles, sick_node_policy=None)
        watched = session.pools.engine.watched
        assert watched == (by == "latency")
        sim.network.set_delay(sim[2].address, 0.02)
        before = [requests(node) for node in sim.nodes]
        execute_concurrent_with_args(session, READ, [()] * 800, concurrency=8)
        after = [requests(node) for node in sim.nodes]
        assert 0 < after[1] - before[1] < 160


def test_a_profile_that_is_added_later_is_watched_too() -> None:
    with Simulation(1) as sim:
        sim.cluster.t.add(k=1, v="a")
        session = sim.connect("ks")
        awareness = LatencyAwareness()
        policy = TokenAwarePolicy(RoundRobinPolicy(), latency_awareness=awareness)
        session.cluster.add_execution_profile("late", ExecutionProfile(policy))
        for _ in range(10):
            session.execute(READ, execution_profile="late")
        assert all(awareness.average(host) is not None for host in session.hosts)
