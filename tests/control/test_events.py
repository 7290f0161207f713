"""Events of the server: what each leads to, and that a burst leads to it once."""

from __future__ import annotations

import pytest

from cql_protocol.errors import ServerError
from cql_protocol.messages import SchemaChange, StatusChange, TopologyChange, UnknownEvent
from tests.control.stand_ins import Node, StandInEngine, simple


def status(change: str, number: int, port: int = 9042) -> StatusChange:
    return StatusChange(change, f"10.0.0.{number}", port)


def topology(change: str, number: int) -> TopologyChange:
    return TopologyChange(change, f"10.0.0.{number}", 9042)


def engine_of(*numbers: int, **settings: float) -> StandInEngine:
    engine = StandInEngine(*numbers, **settings)
    engine.connect()
    for host in engine.metadata.all_hosts():
        engine.hosts.mark_up(host)
    return engine


@pytest.mark.parametrize("change", ["NEW_NODE", "MOVED_NODE"])
def test_a_burst_of_new_nodes_is_one_refresh(change: str) -> None:
    engine = engine_of(1, 2)
    for number in range(3, 30):
        engine.nodes.by_number[number] = Node(number)
        engine.tell(topology(change, number))
    engine.world.run_for(11)
    assert engine.count("system.local") == 2
    assert len(engine.metadata.all_hosts()) == 29
    assert len(engine.calls) == 27
    assert engine.end() == []


def test_a_node_that_is_removed() -> None:
    engine = engine_of(1, 2)
    del engine.nodes.by_number[2]
    engine.tell(topology("REMOVED_NODE", 2))
    assert engine.calls == []
    engine.world.run_for(11)
    assert engine.calls == [("removed", "10.0.0.2")]


def test_what_comes_after_a_refresh_began_is_another_one() -> None:
    engine = engine_of(1, 2, topology_event_refresh_window=0.0)
    engine.tell(topology("NEW_NODE", 3))
    engine.world.run_for(0.005)
    engine.tell(topology("NEW_NODE", 4))
    engine.world.run_for(1)
    assert engine.count("system.local") == 3


def test_an_event_does_not_wait_for_a_look_that_is_to_come_much_later() -> None:
    engine = engine_of(1, 2)
    engine.control._events.doubt_nodes(10_000.0)
    engine.nodes.by_number[3] = Node(3)
    engine.tell(topology("NEW_NODE", 3))
    engine.world.run_for(11)
    assert engine.calls == [("added", "10.0.0.3")]
    assert engine.count("system.local") == 2
    assert engine.end() == []


def test_down_and_up_of_a_host_without_connections() -> None:
    engine = engine_of(1, 2)
    engine.tell(status("DOWN", 2))
    assert engine.host(2).is_up is False
    assert [call[0] for call in engine.calls] == ["down"]
    engine.tell(status("UP", 2))
    engine.tell(status("UP", 2))
    engine.world.run_for(3)
    assert [call[0] for call in engine.calls] == ["down", "try"]
    assert engine.count("system.local") == 2
    assert engine.end() == []


def test_a_node_that_is_reached_before_others_know_its_new_rack() -> None:
    engine = engine_of(1, 2)
    engine.connected.add("10.0.0.2")
    host = engine.host(2)
    engine.nodes[2].rack = "another"
    engine.tell(status("UP", 2))
    engine.world.run_for(3)
    assert host.rack == "another"
    assert engine.host(2) is host
    assert engine.end() == []


def test_a_burst_leaves_a_host_with_connections_alone() -> None:
    """Scenario 14."""
    engine = engine_of(1, 2)
    engine.connected.add("10.0.0.2")
    for change in ("UP", "DOWN", "UP", "DOWN", "DOWN", "UP"):
        engine.tell(status(change, 2))
    engine.world.run_for(5)
    assert engine.calls == []
    assert engine.host(2).is_up is True


def test_down_after_up_counts() -> None:
    engine = engine_of(1, 2)
    engine.tell(status("DOWN", 2))
    engine.tell(status("UP", 2))
    engine.tell(status("DOWN", 2))
    engine.world.run_for(5)
    assert [call[0] for call in engine.calls] == ["down"]
    assert engine.runtime.leaks() == []


def test_up_of_an_unknown_node_asks_for_the_nodes() -> None:
    engine = engine_of(1)
    engine.nodes.by_number[2] = Node(2)
    engine.tell(status("UP", 2))
    engine.tell(status("DOWN", 7))
    engine.world.run_for(3)
    assert engine.calls == [("added", "10.0.0.2")]


def test_nodes_are_told_apart_by_their_ports_too() -> None:
    engine = StandInEngine(1, 2)
    engine.nodes[2].port = 9142
    engine.connect()
    engine.tell(status("DOWN", 2, 9143))
    assert engine.host(2).is_up is None
    engine.tell(status("DOWN", 2, 9142))
    assert engine.host(2).is_up is False


def test_schema_events() -> None:
    engine = engine_of(1, 2, 3)
    engine.nodes.keyspaces["new"] = simple(3)
    for _ in range(4):
        engine.tell(SchemaChange("CREATED", "KEYSPACE", "new"))
    engine.tell(SchemaChange("CREATED", "TABLE", "new", "t"))
    engine.world.run_for(3)
    assert engine.count("system_schema.keyspaces") == 2
    assert "new" in engine.metadata.keyspaces
    del engine.nodes.keyspaces["new"]
    engine.tell(SchemaChange("DROPPED", "KEYSPACE", "new"))
    engine.world.run_for(3)
    assert "new" not in engine.metadata.keyspaces


def test_tables_need_no_refresh_of_the_keyspaces() -> None:
    engine = engine_of(1)
    engine.tell(SchemaChange("CREATED", "TABLE", "ks", "t"))
    engine.world.run_for(3)
    assert engine.count("system_schema.keyspaces") == 1


def test_negative_windows_switch_events_off() -> None:
    engine = engine_of(
        1,
        2,
        topology_event_refresh_window=-1,
        status_event_refresh_window=-1,
        schema_event_refresh_window=-1,
    )
    assert engine.link.registered == []
    for event in (
        topology("NEW_NODE", 3),
        status("DOWN", 2),
        SchemaChange("DROPPED", "KEYSPACE", "ks"),
    ):
        engine.tell(event)
    engine.world.run_for(20)
    assert engine.calls == []
    assert len(engine.link.asked) == 4


def test_an_event_of_an_unknown_type_is_passed_over() -> None:
    engine = engine_of(1)
    engine.tell(UnknownEvent("CLIENT_ROUTES_CHANGE", b"?"))
    engine.world.run_for(20)
    assert engine.calls == []


def test_what_happens_while_it_connects_is_not_missed() -> None:
    from cql_driver.core.procedures import spawn

    engine = StandInEngine(1, 2)
    connecting = spawn(engine.runtime, engine.control.connect())
    engine.world.run_until(lambda: engine.connector.links and engine.connector.links[0].asked)
    link = engine.connector.links[0]
    assert engine.control.link is None
    assert link.on_event is not None
    engine.nodes.keyspaces["late"] = simple(1)
    link.on_event(SchemaChange("CREATED", "KEYSPACE", "late"))
    engine.world.run_until(connecting)
    assert "late" not in engine.metadata.keyspaces
    engine.world.run_for(3)
    assert "late" in engine.metadata.keyspaces


def test_a_refresh_that_fails_is_made_good_by_a_new_connection() -> None:
    engine = engine_of(1, 2, contact=["10.0.0.1", "10.0.0.2"])  # type: ignore[arg-type]
    first = engine.link
    engine.plan = ["10.0.0.2"]
    engine.nodes.by_number[3] = Node(3)
    engine.nodes[1].errors["system.local"] = ServerError("out of order")
    engine.tell(topology("NEW_NODE", 3))
    engine.world.run_for(15)
    assert first.closed
    assert engine.control.host is engine.host(2)
    assert "10.0.0.3" in engine.addresses()
    assert engine.end() == []


def test_events_after_the_end_do_nothing() -> None:
    engine = engine_of(1, 2)
    handle = engine.link.on_event
    assert handle is not None
    engine.tell(topology("NEW_NODE", 3))
    engine.tell(status("DOWN", 2))
    engine.tell(status("UP", 2))
    engine.tell(SchemaChange("DROPPED", "KEYSPACE", "ks"))
    assert engine.end() == []
    handle(topology("NEW_NODE", 3))
    handle(status("UP", 2))
    assert engine.runtime.leaks() == []
