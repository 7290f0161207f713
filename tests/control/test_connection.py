"""The control connection: whom it connects to, what it learns, and how it comes back."""

from __future__ import annotations

import logging
from uuid import UUID

import pytest

from cql_driver.connection import DefaultEndPoint
from cql_driver.core.procedures import spawn
from cql_driver.errors import ConnectionException, ConnectionShutdown, NoHostAvailable
from cql_protocol.dialect import Features, ShardingInfo
from cql_protocol.errors import (
    InvalidRequest,
    OperationTimedOut,
    ServerError,
    Unauthorized,
    UnresolvableContactPoints,
)
from tests.control.stand_ins import StandInEngine, simple


def test_connecting_learns_everything() -> None:
    engine = StandInEngine(1, 2, 3)
    engine.run(engine.control.connect())
    link = engine.link
    assert link.registered == ["TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"]
    assert sorted(link.tables()) == [
        "system.local",
        "system.peers_v2",
        "system_schema.keyspaces",
        "system_virtual_schema.keyspaces",
    ]
    assert engine.addresses() == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert engine.calls == [("added", f"10.0.0.{n}") for n in (1, 2, 3)]
    assert [host.address for host in engine.metadata.replicas("ks", 150)] == [
        "10.0.0.2",
        "10.0.0.3",
    ]
    assert engine.control.host is link.host is engine.host(1)
    assert (engine.host(1).is_up, engine.host(2).is_up) == (True, None)
    assert engine.end() == []
    assert link.closed


def test_the_peers_of_older_servers() -> None:
    engine = StandInEngine(1, 2)
    engine.nodes.has_v2 = False
    link = engine.connect()
    assert engine.addresses() == ["10.0.0.1", "10.0.0.2"]
    engine.run(engine.control.refresh_nodes())
    # That there is no peers_v2 is asked only once on a connection.
    assert (engine.count("system.peers_v2"), engine.count("system.peers")) == (1, 2)
    assert link is engine.link


def test_scylla_is_told_the_timeout_and_not_asked_for_peers_v2() -> None:
    engine = StandInEngine(1, 2, metadata_request_timeout=1.5)
    link = engine.connect()
    assert all("USING TIMEOUT" not in text for text in link.asked)
    link.asked.clear()
    link.features = Features(sharding=ShardingInfo(0, 2, "", "", 12))
    engine.run(engine.control.refresh_nodes())
    assert sorted(link.tables()) == ["system.local", "system.peers"]
    assert all(text.endswith(" USING TIMEOUT 1500ms") for text in link.asked)


def test_tokens_are_not_asked_for_when_nobody_wants_them() -> None:
    engine = StandInEngine(1, 2, token_metadata_enabled=False)
    link = engine.connect()
    asked = [text for text in link.asked if "keyspaces" not in text]
    assert all("tokens" not in text and "*" not in text for text in asked)
    assert engine.addresses() == ["10.0.0.1", "10.0.0.2"]


def test_contact_points_are_tried_in_order() -> None:
    engine = StandInEngine(1, 2, 3, contact=["10.0.0.9", "10.0.0.2", "10.0.0.1"])
    engine.connect()
    assert engine.connector.tried == ["10.0.0.9", "10.0.0.2"]
    assert engine.control.host is engine.host(2)


def test_all_contact_points_fail_with_the_error_of_each() -> None:
    engine = StandInEngine(1, contact=["10.0.0.9", "10.0.0.1", "name"])
    engine.nodes[1].errors["system.local"] = ServerError("out of order")
    with pytest.raises(NoHostAvailable) as caught:
        engine.connect()
    errors = caught.value.errors
    assert type(errors[DefaultEndPoint("10.0.0.9")]) is ConnectionException
    assert type(errors[DefaultEndPoint("10.0.0.1")]) is ServerError
    assert type(errors[DefaultEndPoint("name")]) is OSError
    assert all(link.closed for link in engine.connector.links)
    assert engine.end() == []


def test_no_contact_point_can_be_resolved() -> None:
    engine = StandInEngine(1, contact=["one", "two"])
    with pytest.raises(UnresolvableContactPoints, match=r"one:.*two:"):
        engine.connect()


def test_some_contact_points_can_be_resolved() -> None:
    """Scenario 30: the others are passed over."""
    engine = StandInEngine(1, 2, contact=["one", "two"])
    engine.names.known["two"] = ["10.0.0.8", "10.0.0.2"]
    engine.connect()
    assert engine.connector.tried == ["10.0.0.8", "10.0.0.2"]
    assert engine.link.endpoint == DefaultEndPoint("10.0.0.2")


def test_a_silent_node_is_given_up_after_the_timeout() -> None:
    engine = StandInEngine(1, 2, contact=["10.0.0.1", "10.0.0.2"])
    engine.nodes[1].silent = True
    before = engine.runtime.now()
    engine.connect()
    assert engine.control.host is engine.host(2)
    assert engine.runtime.now() - before == pytest.approx(2.0, abs=0.1)


def test_keyspaces_that_may_not_be_read_leave_requests_unrouted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = StandInEngine(1, 2)
    engine.nodes[1].errors["system_schema.keyspaces"] = Unauthorized("no")
    engine.connect()
    assert engine.metadata.keyspaces == {}
    assert "cannot be routed" in caplog.text


def test_broken_rows_are_left_out_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Scenario 30."""
    engine = StandInEngine(1, 2)
    engine.nodes.has_v2 = False
    row = engine.nodes[2].record() | {"peer": "10.0.0.7", "rpc_address": "10.0.0.7"}
    engine.nodes.extra_peers = [
        row | {"host_id": UUID(int=7), "rpc_address": None},
        row | {"host_id": UUID(int=8), "tokens": None},
        row,
    ]
    engine.connect()
    engine.run(engine.control.refresh_nodes())
    assert engine.addresses() == ["10.0.0.1", "10.0.0.2"]
    told = [record.message for record in caplog.records]
    assert len(told) == 3
    assert all(text.startswith("Left out a row of the system tables: node 10.0") for text in told)


# --- coming back -----------------------------------------------------------------------------


def test_a_lost_connection_is_made_anew_by_the_query_plan() -> None:
    engine = StandInEngine(1, 2, 3)
    engine.connect()
    engine.plan = ["10.0.0.3", "10.0.0.2"]
    engine.nodes[3].up = False
    engine.connector.tried.clear()
    engine.lose_link()
    assert engine.control.link is None
    engine.world.run_until(lambda: engine.control.link)
    assert engine.connector.tried == ["10.0.0.3", "10.0.0.2"]
    assert engine.control.host is engine.host(2)
    assert engine.calls == []
    assert engine.end() == []


def test_it_goes_on_trying_with_the_delays_of_the_policy() -> None:
    engine = StandInEngine(1, 2)
    engine.connect()
    for node in engine.nodes:
        node.up = False
    engine.connector.tried.clear()
    engine.lose_link()
    engine.world.run_for(30)
    # At once, and after 1, 2, 4, 4, … seconds; each time both nodes.
    assert len(engine.connector.tried) == 2 * 9
    for node in engine.nodes:
        node.up = True
    engine.world.run_for(5)
    assert engine.control.link is not None
    assert engine.end() == []


def test_a_schedule_that_ends_does_not_end_the_tries() -> None:
    class Twice:
        def new_schedule(self) -> list[float]:
            return [0.5, 3.0]

    engine = StandInEngine(1)
    engine.settings.reconnection_policy = Twice()
    engine.connect()
    engine.nodes[1].up = False
    engine.connector.tried.clear()
    engine.lose_link()
    engine.world.run_for(31)
    assert len(engine.connector.tried) == 12


def test_there_is_never_more_than_one_try_at_a_time() -> None:
    engine = StandInEngine(1, 2)
    engine.connect()
    engine.connector.tried.clear()
    engine.lose_link()
    for _ in range(5):
        engine.control.reconnect()
    engine.world.run_for(1)
    assert engine.connector.tried == ["10.0.0.1"]
    open_links = [link for link in engine.connector.links if not link.closed]
    assert open_links == [engine.control.link]


def test_names_are_resolved_again_when_every_address_has_changed() -> None:
    """Scenario 18."""
    engine = StandInEngine(1, 2, contact=["seed"])
    engine.names.known["seed"] = ["10.0.0.1"]
    engine.connect()
    first, second = engine.host(1), engine.host(2)
    for number in (1, 2):
        engine.nodes[number].address = f"10.0.0.{number + 50}"
    engine.names.known["seed"] = ["10.0.0.52"]
    engine.lose_link()
    engine.world.run_for(5)
    assert engine.addresses() == ["10.0.0.51", "10.0.0.52"]
    assert (engine.host(1), engine.host(2)) == (first, second)
    assert {call[:2] for call in engine.calls if call[0] == "moved"} == {
        ("moved", "10.0.0.51"),
        ("moved", "10.0.0.52"),
    }


def test_a_name_that_resolves_to_known_nodes_makes_no_new_hosts() -> None:
    """Scenario 17."""
    engine = StandInEngine(1, 2, contact=["seed"])
    engine.names.known["seed"] = ["10.0.0.1", "10.0.0.2"]
    engine.connect()
    hosts = [engine.host(1), engine.host(2)]
    engine.plan = []
    for _ in range(3):
        engine.lose_link()
        engine.world.run_for(2)
    assert engine.metadata.all_hosts() == hosts
    assert engine.calls == []


def test_failing_to_connect_marks_no_host_down() -> None:
    """Scenario 20: pools know better whether a host can be used."""
    engine = StandInEngine(1, 2)
    engine.connect()
    engine.nodes[1].up = False
    engine.connected = {"10.0.0.1", "10.0.0.2"}
    engine.lose_link()
    engine.world.run_for(2)
    assert engine.control.host is engine.host(2)
    assert engine.host(1).is_up is True
    assert engine.calls == []


def test_hosts_that_are_down_are_tried_after_a_reconnect() -> None:
    """Scenario 15: nobody tells of what happened while there was no connection."""
    engine = StandInEngine(1, 2)
    engine.connect()
    engine.hosts.mark_down(engine.host(2), "test")
    engine.calls.clear()
    engine.lose_link()
    engine.world.run_for(2)
    assert engine.calls == [("try", "10.0.0.2")]


def test_hosts_that_are_held_to_be_down_are_the_last_resort() -> None:
    engine = StandInEngine(1, 2, 3)
    engine.connect()
    del engine.nodes.by_number[1]
    engine.plan = []
    engine.ignored.add("10.0.0.2")
    engine.connector.tried.clear()
    engine.lose_link()
    engine.world.run_for(2)
    assert engine.connector.tried == ["10.0.0.1", "10.0.0.3"]
    assert engine.control.host is engine.host(3)


def test_a_plan_that_fails_leaves_the_contact_points(caplog: pytest.LogCaptureFixture) -> None:
    engine = StandInEngine(1, 2)
    engine.connect()
    engine.plan = ["10.0.0.99"]  # a KeyError
    engine.lose_link()
    engine.world.run_for(2)
    assert engine.control.host is engine.host(1)
    assert "failed to make a query plan" in caplog.text


# --- refreshing ------------------------------------------------------------------------------


def test_refreshing_the_nodes() -> None:
    engine = StandInEngine(1, 2)
    engine.connect()
    del engine.nodes.by_number[2]
    engine.nodes.by_number[3] = type(engine.nodes[1])(3)
    engine.run(engine.control.refresh_nodes())
    assert engine.calls == [("removed", "10.0.0.2"), ("added", "10.0.0.3")]
    ring = engine.metadata._ring
    engine.run(engine.control.refresh_nodes(force_token_rebuild=True))
    assert engine.metadata._ring is not ring


def test_refreshing_the_keyspaces() -> None:
    engine = StandInEngine(1, 2, 3)
    engine.connect()
    engine.nodes.keyspaces = {"ks": simple(1), "odd": {"class": "com.example.Mine"}}
    engine.run(engine.control.schema.refresh({}))
    assert [host.address for host in engine.metadata.replicas("ks", 150)] == ["10.0.0.2"]
    assert set(engine.metadata.keyspaces) == {"ks", "odd", "system_views"}
    assert engine.metadata.replicas("odd", 150) == ()


def test_refreshes_take_turns() -> None:
    engine = StandInEngine(1, 2)
    engine.connect()
    refreshes = [spawn(engine.runtime, engine.control.refresh_nodes()) for _ in range(3)]
    assert engine.count("system.local") == 2
    refreshes[1].cancel()
    engine.world.run_until(refreshes[2])
    assert engine.count("system.local") == 3
    assert refreshes[0].error is None
    engine.run(engine.control.refresh_nodes())


def test_refreshing_without_a_connection_fails_at_once() -> None:
    engine = StandInEngine(1)
    with pytest.raises(ConnectionShutdown, match="no control connection"):
        engine.run(engine.control.refresh_nodes())


@pytest.mark.parametrize("timeout", [2.0, None])
def test_every_query_has_the_timeout(timeout: float | None) -> None:
    engine = StandInEngine(1, 2, control_connection_timeout=timeout)
    engine.connect()
    engine.nodes[1].silent = True
    refresh = spawn(engine.runtime, engine.control.refresh_nodes())
    engine.world.run_for(100)
    assert refresh.done is (timeout is not None)
    if timeout is None:
        engine.lose_link()
    assert isinstance(refresh.error, OperationTimedOut if timeout else ConnectionShutdown)


@pytest.mark.parametrize("after", [0.0, 0.005, 0.015, 0.025])
def test_shutting_down_while_it_connects(after: float) -> None:
    engine = StandInEngine(1, 2, contact=["10.0.0.1", "10.0.0.2"])
    connecting = spawn(engine.runtime, engine.control.connect())
    engine.world.run_for(after)
    engine.closed = ConnectionShutdown("the cluster is shut down")
    engine.control.shutdown()
    engine.world.run_for(1)
    assert connecting.error is not None
    assert all(link.closed for link in engine.connector.links)
    assert len(engine.connector.tried) == 1
    assert engine.end() == []


@pytest.mark.parametrize("after", [0.0, 0.005, 0.015, 0.025, 0.5, 2.5])
def test_shutting_down_while_it_reconnects(after: float, caplog: pytest.LogCaptureFixture) -> None:
    engine = StandInEngine(1, 2)
    engine.connect()
    for node in engine.nodes:
        node.up = after < 0.1
    engine.lose_link()
    engine.world.run_for(after)
    caplog.clear()
    caplog.set_level(logging.INFO)
    engine.end()
    tried = len(engine.connector.tried)
    engine.world.run_for(100)
    assert len(engine.connector.tried) == tried
    assert all(link.closed for link in engine.connector.links)
    assert engine.runtime.leaks() == []
    assert caplog.records == []


def test_an_optional_error_of_the_first_peers_table_only() -> None:
    engine = StandInEngine(1)
    engine.nodes.has_v2 = False
    engine.nodes[1].errors["system.peers"] = InvalidRequest("no such table either")
    with pytest.raises(NoHostAvailable, match="no such table either"):
        engine.connect()


def test_rows_that_stay_broken_are_looked_at_again_and_then_left_alone() -> None:
    engine = StandInEngine(1, 2, 3)
    engine.connect()
    engine.nodes[3].tokens = set()
    engine.run(engine.control.refresh_nodes())
    # It was there before: a row that is being written does not tell that it left.
    assert engine.addresses() == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    asked = engine.count("system.local")
    engine.world.run_for(1000)
    # Each time after a random part of as long as it is broken, for two minutes.
    assert 4 <= engine.count("system.local") - asked <= 40
    assert engine.addresses() == ["10.0.0.1", "10.0.0.2"]
    assert engine.calls == [("removed", "10.0.0.3")]
    engine.nodes[3].tokens = {"300"}
    engine.run(engine.control.refresh_nodes())
    assert engine.addresses() == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert engine.end() == []


def test_looks_for_other_reasons_take_no_patience_away() -> None:
    engine = StandInEngine(1, 2, 3)
    engine.connect()
    engine.nodes[3].tokens = set()
    for _ in range(20):
        engine.run(engine.control.refresh_nodes())
    engine.world.run_for(10)
    assert engine.addresses() == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    engine.world.run_for(1000)
    assert engine.addresses() == ["10.0.0.1", "10.0.0.2"]


def test_a_row_that_becomes_whole_is_found_without_an_event() -> None:
    engine = StandInEngine(1, 2)
    engine.connect()
    engine.nodes.by_number[3] = new = type(engine.nodes[1])(3)
    new.tokens = set()
    engine.run(engine.control.refresh_nodes())
    engine.world.run_for(5)
    assert engine.addresses() == ["10.0.0.1", "10.0.0.2"]
    new.tokens = {"300"}
    engine.world.run_for(20)
    assert engine.calls == [("added", "10.0.0.3")]
