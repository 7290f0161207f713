"""Which hosts there are and which are up, told once for each change."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

import pytest

from cql_driver.connection import DefaultEndPoint
from cql_driver.control import NodeInfo, Topology
from cql_driver.pools.host import Host
from tests.control.stand_ins import MURMUR3, StandInEngine
from tests.metadata.rings import Calm


def node(number: int, address: str | None = None, **changes: Any) -> NodeInfo:
    row = {
        "host_id": UUID(int=number),
        "data_center": "dc1",
        "rack": "r1",
        "tokens": {str(number * 100)},
        "release_version": "5.0.8",
        "rpc_address": address or f"10.0.0.{number}",
    }
    return NodeInfo(DefaultEndPoint(address or f"10.0.0.{number}"), row | changes)


def topology(*nodes: NodeInfo) -> Topology:
    return Topology(nodes, MURMUR3, "c")


def engine_of(*nodes: NodeInfo) -> StandInEngine:
    engine = StandInEngine()
    engine.hosts.update(topology(*nodes))
    engine.calls.clear()
    return engine


def test_hosts_are_added_with_what_their_rows_say() -> None:
    engine = StandInEngine()
    engine.hosts.update(topology(node(1), node(2, data_center="dc2", rack="r5")))
    assert engine.calls == [("added", "10.0.0.1"), ("added", "10.0.0.2")]
    second = engine.host(2)
    assert (second.datacenter, second.rack, second.is_up) == ("dc2", "r5", None)
    assert second.release_version == "5.0.8"
    assert second.broadcast_rpc_address == "10.0.0.2"
    assert engine.metadata.token_map is not None
    assert engine.metadata.cluster_name == "c"


def test_nothing_new_tells_nothing_and_keeps_the_ring() -> None:
    engine = engine_of(node(1), node(2))
    ring = engine.metadata._ring
    engine.hosts.update(topology(node(2), node(1)))
    assert engine.calls == []
    assert engine.metadata._ring is ring
    engine.hosts.update(topology(node(1), node(2)), force=True)
    assert engine.metadata._ring is not ring


def test_a_node_that_vanished_is_removed() -> None:
    """Scenario 19: gone from the peers without an event."""
    engine = engine_of(node(1), node(2), node(3))
    gone = engine.host(2)
    engine.hosts.update(topology(node(1), node(3)))
    assert engine.calls == [("removed", "10.0.0.2")]
    assert engine.metadata.get_host(gone.endpoint) is None
    assert engine.metadata.get_host_by_host_id(UUID(int=2)) is None
    assert gone.is_up is False
    token_map = engine.metadata.token_map
    assert token_map is not None
    assert gone not in token_map.token_to_host_owner.values()
    # A connection that was on its way changes nothing any more.
    engine.hosts.mark_up(gone)
    assert gone.is_up is False
    assert len(engine.calls) == 1


def test_a_node_with_a_new_address_stays_the_same_host() -> None:
    """Scenario 16."""
    engine = engine_of(node(1), node(2))
    host = engine.host(2)
    engine.hosts.mark_down(host, "test")
    engine.calls.clear()
    engine.hosts.update(topology(node(1), node(2, "10.0.0.77")))
    assert engine.calls == [("moved", "10.0.0.77", "10.0.0.2")]
    assert engine.host(2) is host
    assert engine.metadata.get_host(DefaultEndPoint("10.0.0.77")) is host
    assert engine.metadata.get_host(DefaultEndPoint("10.0.0.2")) is None


def test_two_nodes_that_swap_their_addresses() -> None:
    engine = engine_of(node(1), node(2))
    first, second = engine.host(1), engine.host(2)
    engine.hosts.update(topology(node(1, "10.0.0.2"), node(2, "10.0.0.1")))
    assert engine.metadata.get_host(DefaultEndPoint("10.0.0.2")) is first
    assert engine.metadata.get_host(DefaultEndPoint("10.0.0.1")) is second
    assert len(engine.metadata.all_hosts()) == 2


def test_another_node_at_an_old_address_is_another_host() -> None:
    engine = engine_of(node(1), node(2))
    old = engine.host(2)
    engine.hosts.update(topology(node(1), node(5, "10.0.0.2")))
    assert engine.calls == [("removed", "10.0.0.2"), ("added", "10.0.0.2")]
    assert engine.host(5) is not old
    assert engine.metadata.get_host(DefaultEndPoint("10.0.0.2")) is engine.host(5)


def test_the_old_owner_of_an_address_may_have_moved() -> None:
    engine = engine_of(node(1), node(2))
    old = engine.host(2)
    engine.hosts.update(topology(node(1), node(5, "10.0.0.2"), node(2, "10.0.0.9")))
    assert engine.host(2) is old
    assert engine.calls == [
        ("down", "10.0.0.2", "dc1", "r1"),
        ("moved", "10.0.0.9", "10.0.0.2"),
        ("up", "10.0.0.9", "dc1", "r1"),
        ("added", "10.0.0.2"),
    ]


def test_policies_are_told_of_a_new_rack_as_down_and_up() -> None:
    engine = engine_of(node(1), node(2))
    host = engine.host(2)
    engine.hosts.mark_up(host)
    engine.hosts.update(topology(node(1), node(2, rack="r2")))
    assert engine.calls == [("down", "10.0.0.2", "dc1", "r1"), ("up", "10.0.0.2", "dc1", "r2")]
    assert host.is_up is True
    engine.hosts.mark_down(host, "test")
    engine.calls.clear()
    engine.hosts.update(topology(node(1), node(2, data_center="dc2", rack="r2")))
    assert engine.calls == []
    assert host.datacenter == "dc2"


def test_the_ring_is_rebuilt_when_tokens_change() -> None:
    engine = engine_of(node(1), node(2))
    engine.hosts.update(topology(node(1), node(2, tokens={"7"})))
    assert engine.calls == []
    token_map = engine.metadata.token_map
    assert token_map is not None
    assert token_map.ring_of_hosts.values == [7, 100]


def test_a_contact_point_becomes_the_node_of_its_row() -> None:
    """Scenario 17: no second host, and no host id that nobody has."""
    engine = StandInEngine()
    contact = Host(DefaultEndPoint("10.0.0.1"), Calm)
    engine.metadata.add_or_return_host(contact)
    engine.metadata.add_or_return_host(Host(DefaultEndPoint("10.0.0.200"), Calm))
    for _ in range(2):
        engine.hosts.update(topology(node(1), node(2)))
        assert engine.host(1) is contact
        assert engine.addresses() == ["10.0.0.1", "10.0.0.2"]
    assert contact.datacenter == "dc1"
    assert engine.calls == [
        ("removed", "10.0.0.200"),
        ("added", "10.0.0.1"),
        ("added", "10.0.0.2"),
    ]


def test_a_node_that_tells_no_id_is_known_by_its_address() -> None:
    engine = engine_of(node(1), node(2))
    host = engine.host(1)
    engine.hosts.update(topology(node(1, host_id=None), node(2)))
    assert engine.host(1) is host
    assert engine.calls == []


def test_without_token_metadata_there_is_no_ring() -> None:
    engine = StandInEngine(token_metadata_enabled=False)
    engine.hosts.update(topology(node(1)))
    assert engine.metadata.token_map is None
    assert engine.addresses() == ["10.0.0.1"]


# --- up and down -----------------------------------------------------------------------------


def test_up_and_down_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    engine = engine_of(node(1))
    host = engine.host(1)
    caplog.set_level(logging.INFO, "cql_driver.cluster")
    caplog.clear()
    engine.hosts.mark_up(host)  # as expected of a new host: nothing to tell
    assert engine.calls == []
    for _ in range(3):
        engine.hosts.mark_down(host, "connection refused")
    for _ in range(3):
        engine.hosts.mark_up(host)
    assert [call[0] for call in engine.calls] == ["down", "up"]
    assert [record.message for record in caplog.records] == [
        "Host 10.0.0.1:9042 is down: connection refused",
        "Host 10.0.0.1:9042 is up",
    ]


def test_a_host_that_never_was_up_can_be_down() -> None:
    engine = engine_of(node(1))
    engine.hosts.mark_down(engine.host(1), "connection refused")
    assert [call[0] for call in engine.calls] == ["down"]


def test_a_report_is_not_believed_against_a_connection() -> None:
    """Scenario 14."""
    engine = engine_of(node(1))
    host = engine.host(1)
    engine.hosts.mark_up(host)
    engine.connected.add("10.0.0.1")
    engine.hosts.report_down(host)
    assert host.is_up is True
    engine.connected.clear()
    engine.hosts.report_down(host)
    assert host.is_up is False
    assert [call[0] for call in engine.calls] == ["down"]


def test_the_pools_find_out_whether_a_host_is_up() -> None:
    engine = engine_of(node(1))
    host = engine.host(1)
    engine.hosts.mark_down(host, "test")
    engine.calls.clear()
    engine.hosts.try_up(host)
    assert engine.calls == [("try", "10.0.0.1")]
    assert host.is_up is False
    engine.hosts.mark_up(host)
    engine.hosts.try_up(host)
    assert [call[0] for call in engine.calls] == ["try", "up"]


@pytest.mark.parametrize("why", ["no session", "no pool"])
def test_a_host_that_nobody_would_try_is_taken_at_its_word(why: str) -> None:
    engine = engine_of(node(1))
    if why == "no session":
        engine.sessions.clear()
    else:
        engine.ignored.add("10.0.0.1")
    engine.hosts.mark_down(engine.host(1), "test")
    engine.hosts.try_up(engine.host(1))
    assert engine.host(1).is_up is True
