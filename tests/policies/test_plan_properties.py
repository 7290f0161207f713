"""What holds of every plan, whatever the cluster looks like and however events come."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_driver.policies import (
    DCAwareRoundRobinPolicy,
    HostDistance,
    HostFilterPolicy,
    RackAwareRoundRobinPolicy,
    RoundRobinPolicy,
    TokenAwarePolicy,
    WhiteListRoundRobinPolicy,
)
from cql_driver.pools.host import Host
from tests.policies.stand_ins import Cluster, Metadata, Statement, host, hosts

PLACES = st.tuples(st.sampled_from(["dc1", "dc2", "dc3", None]), st.sampled_from(["r1", "r2"]))
EVENTS = st.lists(st.tuples(st.sampled_from(["up", "down", "add", "remove"]), st.integers(0, 11)))

MAKERS: list[Any] = [
    RoundRobinPolicy,
    lambda: WhiteListRoundRobinPolicy([f"10.0.0.{n}" for n in range(1, 12, 2)]),
    lambda: DCAwareRoundRobinPolicy("dc1"),
    lambda: DCAwareRoundRobinPolicy("dc1", 2),
    lambda: RackAwareRoundRobinPolicy("dc1", "r1", 1),
    lambda: HostFilterPolicy(RoundRobinPolicy(), lambda h: h.rack == "r1"),
    lambda: HostFilterPolicy(DCAwareRoundRobinPolicy("dc2", 1), lambda h: h.rack == "r2"),
]
POLICIES = MAKERS + [lambda make=make: TokenAwarePolicy(make()) for make in MAKERS]


def play(policy: Any, known: list[Host], events: list[tuple[str, int]]) -> set[int]:
    """Tell the policy of the events; return the keys of the hosts that are live then."""
    live = {h.key for h in known}
    for event, at in events:
        node = known[at % len(known)]
        if event in ("up", "add"):
            node.set_up()
            live.add(node.key)
        else:
            node.set_down()
            live.discard(node.key)
        getattr(policy, f"on_{event}")(node)
    return live


@pytest.mark.parametrize("make", POLICIES)
@given(data=st.data())
def test_a_plan_has_each_live_host_that_is_allowed_once(make: Any, data: st.DataObject) -> None:
    places = data.draw(st.lists(PLACES, min_size=1, max_size=12))
    known = [host(number, *place) for number, place in enumerate(places, 1)]
    replicas = data.draw(st.lists(st.sampled_from(known), unique_by=lambda h: h.key, max_size=5))
    policy = make()
    policy.populate(Cluster(Metadata(tuple(replicas))), known)
    live = play(policy, known, data.draw(EVENTS))
    query = data.draw(st.sampled_from([None, Statement(), Statement(lwt=True)]))

    made = list(policy.make_query_plan("ks", query))
    keys = [h.key for h in made]
    distances = [policy.distance(h) for h in made]
    assert len(set(keys)) == len(keys)
    assert set(keys) == {
        h.key for h in known if h.key in live and policy.distance(h) != HostDistance.IGNORED
    }
    ranks = list(zip(distances, keys, strict=True))
    asked = {h.key for h in replicas} if query and isinstance(policy, TokenAwarePolicy) else set()
    first = [rank for rank in ranks if rank[1] in asked]
    assert ranks[: len(first)] == first
    for part in (distances[: len(first)], distances[len(first) :]):
        assert part == sorted(part)
    _check_pick(policy, query, made, asked)


def _check_pick(policy: Any, query: Any, made: list[Host], asked: set[int]) -> None:
    picked = policy.pick("ks", query)
    if not made:
        assert picked is None
        return
    # Those that could have come first: as near as the first, and a replica if that is one.
    best = policy.distance(made[0])
    tier = [h for h in made if policy.distance(h) == best]
    if made[0].key in asked:
        tier = [h for h in tier if h.key in asked]
        assert picked is not None
        if query.lwt:
            tier = made[:1]
    # None means that the plan has to be asked, which a filter says when it has no luck.
    assert picked is None or picked.key in {h.key for h in tier}


@pytest.mark.parametrize("make", POLICIES)
def test_threads_may_ask_while_hosts_come_and_go(make: Any) -> None:
    known = hosts(4) + hosts(4, rack="r2", first=5) + hosts(3, "dc2", "r2", first=9)
    policy = make()
    cluster = Cluster(Metadata(tuple(known[1:8:2])))
    policy.populate(cluster, known)
    over = Event()
    wrong: list[object] = []

    def ask() -> None:
        try:
            while not over.is_set():
                keys = [h.key for h in policy.make_query_plan("ks", Statement())]
                if len(set(keys)) != len(keys):
                    wrong.append(keys)
                policy.pick("ks", Statement())
        except Exception as error:  # noqa: BLE001 - the test's own thread reports it
            wrong.append(error)

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(60):
        for node in known[number % 3 :: 3]:
            (policy.on_down if number % 2 else policy.on_remove)(node)
        for node in known[number % 3 :: 3]:
            (policy.on_up if number % 2 else policy.on_add)(node)
        if number % 20 == 0:
            policy.populate(cluster, known[number % 5 :])
    over.set()
    for thread in threads:
        thread.join()
    assert wrong == []
