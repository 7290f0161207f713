"""Round robin, near or everywhere, and the policies around other policies."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import pytest

from cql_driver.connection import UnixSocketEndPoint
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.policies import (
    AllowListRoundRobinPolicy,
    DCAwareRoundRobinPolicy,
    DefaultLoadBalancingPolicy,
    DSELoadBalancingPolicy,
    HostDistance,
    HostFilterPolicy,
    LoadBalancingPolicy,
    RackAwareRoundRobinPolicy,
    RoundRobinPolicy,
    TokenAwarePolicy,
    WhiteListRoundRobinPolicy,
    WrapperPolicy,
    default_lbp_factory,
    picker,
)
from tests.policies.stand_ins import Cluster, Metadata, Point, Statement, host, hosts, plan


def populated(policy: Any, known: list[Any], cluster: Cluster | None = None) -> Any:
    policy.populate(cluster or Cluster(), known)
    return policy


# --- round robin --------------------------------------------------------------------------


def test_each_plan_begins_with_the_next_host() -> None:
    known = hosts(3)
    policy = populated(RoundRobinPolicy(), known)
    plans = [plan(policy) for _ in range(3)]
    assert {hosts_[0].key for hosts_ in plans} == {h.key for h in known}
    assert all(sorted(_keys(p)) == sorted(_keys(known)) for p in plans)


def _keys(some: list[Any]) -> list[int]:
    return [h.key for h in some]


def test_picks_are_spread_evenly() -> None:
    policy = populated(RoundRobinPolicy(), hosts(4))
    counts = Counter(policy.pick(None, None).key for _ in range(40))
    assert set(counts.values()) == {10}


@pytest.mark.parametrize(
    "policy",
    [
        RoundRobinPolicy(),
        DCAwareRoundRobinPolicy("dc1", 2),
        RackAwareRoundRobinPolicy("dc1", "r1"),
        WhiteListRoundRobinPolicy(["10.0.0.1"]),
        HostFilterPolicy(RoundRobinPolicy(), lambda h: True),
        DefaultLoadBalancingPolicy(RoundRobinPolicy()),
        TokenAwarePolicy(DCAwareRoundRobinPolicy("dc1")),
    ],
    ids=lambda policy: type(policy).__name__,
)
def test_without_live_hosts_a_plan_is_empty(policy: Any) -> None:
    only = host(1)
    populated(policy, [only])
    policy.on_down(only)
    assert (plan(policy), policy.pick(None, None)) == ([], None)
    policy.on_up(only)
    assert (plan(policy), policy.pick(None, None)) == ([only], only)
    policy.on_remove(only)
    assert (plan(policy), policy.pick(None, None)) == ([], None)
    policy.check_supported()


def test_hosts_known_to_be_down_wait_until_they_are_up() -> None:
    down, unknown = host(1, up=False), host(2, up=None)
    policy = populated(RoundRobinPolicy(), [down, unknown])
    assert plan(policy) == [unknown]
    policy.on_up(down)
    assert len(plan(policy)) == 2


def test_removing_a_replaced_host_leaves_the_one_that_took_its_address() -> None:
    old, new = host(1), host(1)
    old.host_id, new.host_id = "a", "b"  # type: ignore[assignment]
    policy = populated(RoundRobinPolicy(), [old])
    policy.on_add(new)
    policy.on_remove(old)
    assert [h is new for h in plan(policy)] == [True]


def test_repeated_events_leave_one_entry() -> None:
    known = hosts(2)
    policy = populated(RoundRobinPolicy(), known)
    for h in (*known, *known):
        policy.on_add(h)
        policy.on_up(h)
    assert len(plan(policy)) == 2


# --- the list of allowed hosts ------------------------------------------------------------


def test_only_listed_hosts_are_used() -> None:
    known = hosts(3)
    policy = WhiteListRoundRobinPolicy(["10.0.0.1", "10.0.0.3"])
    populated(policy, known[:2])
    policy.on_add(known[2])
    policy.on_up(known[1])
    assert sorted(_keys(plan(policy))) == _keys([known[0], known[2]])
    distances = [policy.distance(h) for h in known]
    assert distances == [HostDistance.LOCAL, HostDistance.IGNORED, HostDistance.LOCAL]


def test_a_name_allows_its_addresses_and_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(name: str, port: object, **how: object) -> list[Any]:
        if name == "lost.example":
            raise OSError("unknown name")
        return [(0, 0, 0, "", ("10.0.0.2", 0))]

    monkeypatch.setattr("socket.getaddrinfo", lookup)
    policy = AllowListRoundRobinPolicy(["node.example", "lost.example", Point("10.0.0.7")])
    lost = host(5)
    lost.endpoint = Point("lost.example")
    populated(policy, [*hosts(3), lost])
    assert {h.address for h in plan(policy)} == {"10.0.0.2", "lost.example"}


def test_a_path_allows_the_unix_socket() -> None:
    local = host(1)
    local.endpoint = UnixSocketEndPoint("/run/node.sock")
    policy = populated(WhiteListRoundRobinPolicy(["/run/node.sock"]), [local, host(2)])
    assert plan(policy) == [local]


def test_a_host_that_moved_off_the_list_is_used_no_more() -> None:
    moved = host(1)
    policy = populated(WhiteListRoundRobinPolicy(["10.0.0.1"]), [moved])
    moved.endpoint = Point("10.0.0.2")
    policy.on_up(moved)
    assert plan(policy) == []


@pytest.mark.parametrize("hosts_", ["10.0.0.1", 7, [7]])
def test_a_list_of_allowed_hosts_is_a_list_of_texts(hosts_: Any) -> None:
    with pytest.raises(InvalidArgumentType, match="hosts"):
        WhiteListRoundRobinPolicy(hosts_)


@pytest.mark.parametrize("hosts_", [[], [""]])
def test_a_list_of_allowed_hosts_is_not_empty(hosts_: list[str]) -> None:
    with pytest.raises(InvalidArgument, match="empty"):
        WhiteListRoundRobinPolicy(hosts_)


# --- data centres and racks ---------------------------------------------------------------


def test_hosts_not_grouped_by_data_centre_are_all_kept() -> None:
    known = [host(n, f"dc{n % 3}") for n in range(1, 10)]
    policy = populated(DCAwareRoundRobinPolicy("dc1", 9), known)
    made = plan(policy)
    assert len(made) == 9
    assert {h.datacenter for h in made[:3]} == {"dc1"}


def test_remote_hosts_are_used_up_to_their_number_and_the_next_steps_in() -> None:
    near, far = hosts(2), hosts(3, "dc2", first=10)
    policy = populated(DCAwareRoundRobinPolicy("dc1", 2), near + far)
    assert [policy.distance(h) for h in far] == [2, 2, -1]
    assert set(_keys(plan(policy)[2:])) == set(_keys(far[:2]))
    policy.on_down(far[0])
    assert [policy.distance(h) for h in far] == [-1, 2, 2]
    for h in near:
        policy.on_down(h)
    assert {policy.pick(None, None).key for _ in range(9)} == set(_keys(far[1:]))
    assert policy.distance(near[0]) == HostDistance.LOCAL


def test_a_moved_host_is_placed_anew() -> None:
    moved = host(1, "dc2")
    policy = populated(DCAwareRoundRobinPolicy("dc1"), [moved, host(2)])
    assert moved not in plan(policy)
    moved.set_location_info("dc1", "r1")
    policy.on_up(moved)
    assert moved in plan(policy)


def test_rack_comes_before_data_centre_before_the_rest() -> None:
    rack, centre = hosts(2), hosts(2, rack="r2", first=10)
    far = hosts(2, "dc2", first=20)
    policy = populated(RackAwareRoundRobinPolicy("dc1", "r1", 1), far + centre + rack)
    made = plan(policy)
    assert [policy.distance(h) for h in made] == [0, 0, 1, 1, 2]
    assert policy.pick(None, None) in rack
    assert policy.distance(far[1]) == HostDistance.IGNORED


def test_the_first_contact_point_that_is_up_tells_the_local_data_centre() -> None:
    known = [host(1, "dc1"), host(2, "dc2", up=False), host(3, "dc3")]
    cluster = Cluster(contact_endpoints=(Point("10.0.0.2"), Point("10.0.0.3")))
    policy = populated(DCAwareRoundRobinPolicy(), known, cluster)
    assert policy.local_dc == "dc3"
    policy.on_up(known[1])
    assert policy.local_dc == "dc3"


def test_a_contact_point_that_comes_later_tells_the_local_data_centre() -> None:
    contact = host(1, dc=None)
    cluster = Cluster(contact_endpoints=(Point("10.0.0.1"),))
    policy = populated(DCAwareRoundRobinPolicy(), [contact], cluster)
    policy.on_add(host(2, "dc2"))
    assert policy.local_dc == ""
    contact.set_location_info("dc1", "r1")
    policy.on_add(contact)
    assert (policy.local_dc, policy.distance(contact)) == ("dc1", HostDistance.LOCAL)
    assert plan(policy) == [contact]


def test_where_all_are_in_one_data_centre_it_is_the_local_one() -> None:
    cluster = Cluster(contact_endpoints=(Point("192.168.0.1"),))
    assert populated(DCAwareRoundRobinPolicy(), hosts(2), cluster).local_dc == "dc1"
    assert populated(DCAwareRoundRobinPolicy(), hosts(2)).local_dc == "dc1"


def test_a_local_data_centre_without_nodes_is_told(caplog: pytest.LogCaptureFixture) -> None:
    policy = DCAwareRoundRobinPolicy("dcx")
    with caplog.at_level(logging.WARNING, "cql_driver.policies"):
        populated(policy, [host(1, "dc1"), host(2, "dc2")])
        assert plan(policy) == []
    assert len(caplog.records) == 1
    assert "'dcx'" in caplog.text
    assert "'dc1', 'dc2'" in caplog.text


def test_it_is_told_also_when_nodes_become_known_later(caplog: pytest.LogCaptureFixture) -> None:
    policy = populated(RackAwareRoundRobinPolicy("dcx", "r1"), [])
    plan(policy)
    assert caplog.text == ""
    policy.on_add(host(1))
    plan(policy)
    assert "'dcx'" in caplog.text


def test_unknown_contact_points_of_several_data_centres_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = Cluster(contact_endpoints=(Point("192.168.0.1"),))
    policy = populated(DCAwareRoundRobinPolicy(), [host(1, "dc1"), host(2, "dc2")], cluster)
    assert policy.local_dc == ""
    assert "local_dc" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ((7,), InvalidArgumentType, "local_dc"),
        (("dc1", "2"), InvalidArgumentType, "used_hosts_per_remote_dc"),
        (("dc1", -1), InvalidArgument, "used_hosts_per_remote_dc"),
        (("dc1", True), InvalidArgumentType, "used_hosts_per_remote_dc"),
    ],
)
def test_arguments_of_dc_aware(arguments: Any, error: type[Exception], named: str) -> None:
    with pytest.raises(error, match=named):
        DCAwareRoundRobinPolicy(*arguments)


@pytest.mark.parametrize(("dc", "rack"), [("", "r"), ("d", ""), (None, "r"), ("d", 1)])
def test_rack_aware_needs_both_names(dc: Any, rack: Any) -> None:
    with pytest.raises((InvalidArgument, InvalidArgumentType), match="local_"):
        RackAwareRoundRobinPolicy(dc, rack)


# --- policies around policies -------------------------------------------------------------


@pytest.mark.parametrize("cls", [TokenAwarePolicy, DefaultLoadBalancingPolicy, WrapperPolicy])
@pytest.mark.parametrize("child", [RoundRobinPolicy, None, "RoundRobinPolicy"])
def test_a_child_policy_is_an_instance(cls: Any, child: Any) -> None:
    with pytest.raises(InvalidArgumentType, match="child_policy"):
        cls(child)


def test_a_filter_follows_its_predicate() -> None:
    known = hosts(3)
    allowed = {known[0].key}
    child = RoundRobinPolicy()
    policy = populated(HostFilterPolicy(child, lambda h: h.key in allowed), known)
    for _ in range(6):
        assert plan(policy) == [known[0]]
        assert policy.pick(None, None) == known[0]
    assert policy.distance(known[1]) == HostDistance.IGNORED
    allowed.add(known[1].key)
    assert policy.distance(known[1]) == HostDistance.LOCAL
    assert {policy.pick(None, None).key for _ in range(12)} == allowed
    allowed.clear()
    assert (plan(policy), policy.pick(None, None)) == ([], None)
    assert policy.predicate(known[0]) is False


def test_a_filter_needs_a_function() -> None:
    with pytest.raises(InvalidArgumentType, match="predicate"):
        HostFilterPolicy(RoundRobinPolicy(), {"10.0.0.1"})  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentType, match="child_policy"):
        HostFilterPolicy(RoundRobinPolicy, bool)  # type: ignore[arg-type]


@pytest.mark.parametrize("by_address", [True, False])
def test_a_target_host_comes_first_while_it_is_up(by_address: bool) -> None:
    known = hosts(3)
    cluster = Cluster(Metadata(tuple(known)))
    policy = populated(DefaultLoadBalancingPolicy(RoundRobinPolicy()), known, cluster)
    query = Statement(target_host=known[1].address if by_address else known[1])
    for _ in range(3):
        assert _keys(plan(policy, query))[0] == known[1].key
        assert len(plan(policy, query)) == 3
        assert policy.pick(None, query) is None
    known[1].set_down()
    assert {plan(policy, query)[0].key for _ in range(6)} == set(_keys(known))
    assert policy.pick(None, Statement()) in known


def test_the_former_name_is_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match="DefaultLoadBalancingPolicy"):
        policy = DSELoadBalancingPolicy(RoundRobinPolicy())
    assert isinstance(policy, DefaultLoadBalancingPolicy)


def test_the_default_is_token_aware() -> None:
    assert isinstance(default_lbp_factory(), TokenAwarePolicy)


# --- pick ---------------------------------------------------------------------------------


class Backwards(RoundRobinPolicy):
    def make_query_plan(self, working_keyspace: Any = None, query: Any = None) -> Any:
        return reversed(list(super().make_query_plan(working_keyspace, query)))


class BackwardsPicked(Backwards):
    def pick(self, working_keyspace: Any, query: Any) -> Any:
        return plan(self)[0]


class OfItsOwn(LoadBalancingPolicy):
    def make_query_plan(self, working_keyspace: Any = None, query: Any = None) -> Any:
        return []


def test_an_inherited_pick_does_not_stand_for_an_overridden_plan() -> None:
    for policy in (Backwards(), OfItsOwn(), LoadBalancingPolicy(), object()):
        assert picker(policy) is None
    assert picker(BackwardsPicked()) is not None
    assert picker(RoundRobinPolicy()) is not None
    replaced: Any = RoundRobinPolicy()
    replaced.make_query_plan = lambda *_: []
    assert picker(replaced) is None


@pytest.mark.parametrize(
    "around",
    [
        TokenAwarePolicy,
        DefaultLoadBalancingPolicy,
        lambda child: HostFilterPolicy(child, lambda h: True),
    ],
)
def test_policies_around_one_without_a_pick_ask_for_its_plan(around: Any) -> None:
    policy = populated(around(Backwards()), hosts(3))
    assert policy.pick(None, None) is None
    assert len(plan(policy)) == 3
    assert populated(around(BackwardsPicked()), hosts(3)).pick(None, None) is not None


def test_the_interface_must_be_filled_in() -> None:
    policy, node = LoadBalancingPolicy(), host(1)
    for call in (policy.on_up, policy.on_down, policy.on_add, policy.on_remove, policy.distance):
        with pytest.raises(NotImplementedError):
            call(node)
    with pytest.raises(NotImplementedError):
        policy.populate(Cluster(), [])
    with pytest.raises(NotImplementedError):
        policy.make_query_plan()
    policy.check_supported()
    assert policy.pick(None, None) is None
