"""A schema that changes: what is fetched anew, and what listeners hear."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cql_driver import Unauthorized
from cql_driver.cluster import Cluster
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_protocol.errors import ServerError
from tests.control.schemas import (
    Mirror,
    assert_complete,
    assert_same,
    connect_afresh,
    everything,
    other_session,
    put_function,
    put_type,
    put_view,
    watched,
)
from tests.simulation import Drop, Fail, Rule, Simulation

OF_A_TABLE = [
    "column_masks",
    "columns",
    "indexes",
    "tables",
    "triggers",
    "views",
]


def test_a_change_by_another_client_is_fetched_by_its_target() -> None:
    with Simulation(1) as sim:
        session, asked = watched(sim)
        metadata = session.cluster.metadata
        before = metadata.keyspaces["ks"]
        assert before.tables
        asked.tables()
        other_session(sim).execute("CREATE TABLE new (k int PRIMARY KEY, v text)")
        sim.run(3)
        texts = list(asked.texts)
        # The server has no column_masks; the other one has not looked at its tables.
        assert asked.tables() == OF_A_TABLE[1:]
        assert all("IN ('new')" in text for text in texts if "keyspaces" not in text)
        after = metadata.keyspaces["ks"]
        assert set(after.tables) == {"t", "w", "c", "new"}
        assert all(after.tables[name] is table for name, table in before.tables.items())
        assert set(before.tables) == {"t", "w", "c"}
        other_session(sim).execute("DROP TABLE new")
        sim.run(3)
        assert dict(metadata.keyspaces["ks"].tables) == dict(before.tables)


def test_what_was_not_looked_at_is_not_fetched() -> None:
    with Simulation(1) as sim:
        session, asked = watched(sim)
        before = session.cluster.metadata.keyspaces["ks"]
        other_session(sim).execute("CREATE TABLE new (k int PRIMARY KEY, v text)")
        sim.run(3)
        assert asked.tables() == []
        assert session.cluster.metadata.keyspaces["ks"] is before
        assert "new" in before.tables


def test_a_burst_is_one_look_at_the_whole_keyspace() -> None:
    with Simulation(1) as sim:
        session, asked = watched(sim)
        assert session.cluster.metadata.keyspaces["ks"].tables
        other = other_session(sim)
        asked.tables()
        for number in range(40):
            other.execute(f"CREATE TABLE t{number} (k int PRIMARY KEY)")
            if number % 2:
                other.execute(f"DROP TABLE t{number}")
        sim.run(3)
        texts = [text for text in asked.texts if "system_schema.tables" in text]
        assert 1 <= len(texts) <= 4
        assert len(session.cluster.metadata.keyspaces["ks"].tables) == 23


def test_what_a_session_changes_it_sees_at_once() -> None:
    with Simulation(1) as sim:
        session, _ = watched(sim)
        metadata = session.cluster.metadata
        assert metadata.keyspaces["ks"].tables
        session.execute("CREATE TABLE new (k int PRIMARY KEY)")
        assert "new" in metadata.keyspaces["ks"].tables
        session.execute("ALTER TABLE new ADD v text")
        assert list(metadata.keyspaces["ks"].tables["new"].columns) == ["k", "v"]
        session.execute("DROP TABLE new")
        assert "new" not in metadata.keyspaces["ks"].tables
        session.execute("CREATE KEYSPACE more WITH replication = {'class': 'LocalStrategy'}")
        assert dict(metadata.keyspaces["more"].tables) == {}
        session.execute("CREATE TABLE more.t (k int PRIMARY KEY)")
        assert "t" in metadata.keyspaces["more"].tables
        session.execute("DROP KEYSPACE more")
        assert "more" not in metadata.keyspaces


def test_a_statement_did_its_work_even_if_the_change_cannot_be_fetched() -> None:
    with Simulation(1) as sim:
        session, _ = watched(sim)
        keyspaces = session.cluster.metadata.keyspaces
        assert keyspaces["ks"].tables
        rule = Rule(Drop(), text="system_schema.tables", times=1)
        for node in sim.nodes:
            node.rules.insert(0, rule)
        session.execute("CREATE TABLE new (k int PRIMARY KEY)")
        assert rule.used == 1
        sim.run(5)
        assert "new" in session.cluster.metadata.keyspaces["ks"].tables


def test_a_keyspace_that_is_altered_keeps_what_is_in_it() -> None:
    with Simulation(1) as sim:
        session, _ = watched(sim)
        metadata = session.cluster.metadata
        before = metadata.keyspaces["ks"]
        assert before.tables
        session.execute(
            "ALTER KEYSPACE ks WITH replication = "
            "{'class': 'SimpleStrategy', 'replication_factor': '1'}"
        )
        after = metadata.keyspaces["ks"]
        assert after is not before
        assert after.contents is before.contents
        assert len(metadata.get_replicas("ks", b"k")) == 1


def test_a_keyspace_that_comes_back_has_other_things_in_it() -> None:
    with Simulation(1) as sim:
        session, _ = watched(sim)
        assert session.cluster.metadata.keyspaces["ks"].tables
        other = other_session(sim)
        replication = "{'class': 'SimpleStrategy', 'replication_factor': '3'}"
        other.execute("DROP KEYSPACE ks")
        other.execute(f"CREATE KEYSPACE ks WITH replication = {replication}")
        other.execute("CREATE TABLE ks.t (k int PRIMARY KEY, other int)")
        sim.run(3)
        tables = session.cluster.metadata.keyspaces["ks"].tables
        assert {name: list(table.columns) for name, table in tables.items()} == {
            "t": ["k", "other"]
        }


def test_what_changed_while_there_was_no_connection_is_seen() -> None:
    with Simulation(1) as sim:
        session, _ = watched(sim)
        assert session.cluster.metadata.keyspaces["ks"].tables
        here = session.cluster.get_control_connection_host().address
        node = next(node for node in sim.nodes if node.address == here)
        node.hang()
        sim.cluster.store.make("ks.new", "k int")
        sim.network.break_streams()
        sim.run(10)
        assert "new" in session.cluster.metadata.keyspaces["ks"].tables
        node.resume()
        sim.run(1)


def test_a_look_that_fails_is_repeated_elsewhere_and_then_ever_less_often() -> None:
    with Simulation(1) as sim:
        session, _ = watched(sim)
        assert session.cluster.metadata.keyspaces["ks"].tables
        first = session.cluster.control_connection.link
        rule = Rule(Fail(ServerError("out of order")), text="system_schema.types")
        for node in sim.nodes:
            node.rules.insert(0, rule)
        put_type(sim, "pair", "a")
        sim.run(600)
        assert session.cluster.control_connection.link is not first
        assert 8 <= rule.used <= 60
        for node in sim.nodes:
            node.rules.remove(rule)
        sim.run(120)
        assert "pair" in session.cluster.metadata.keyspaces["ks"].user_types


def test_a_refusal_does_not_cost_the_connection() -> None:
    with Simulation(1) as sim:
        session, _ = watched(sim)
        assert session.cluster.metadata.keyspaces["ks"].tables
        link = session.cluster.control_connection.link
        for node in sim.nodes:
            node.rules.insert(0, Rule(Fail(Unauthorized("no")), text="system_schema.tables"))
        other_session(sim).execute("CREATE TABLE new (k int PRIMARY KEY)")
        sim.run(600)
        assert session.cluster.control_connection.link is link
        assert len(session.cluster.metadata.keyspaces["ks"].tables) == 3


# --- listeners -----------------------------------------------------------------------------------


def test_listeners_hear_of_each_change_once() -> None:
    with Simulation(1) as sim:
        session, _ = watched(sim)
        mirror = Mirror()
        session.cluster.register_schema_listener(mirror)
        assert session.cluster.schema_listeners == [mirror]
        mirror.copy(session.cluster)
        other = other_session(sim)
        other.execute("CREATE TABLE new (k int PRIMARY KEY)")
        put_type(sim, "pair", "a")
        sim.run(3)
        assert sorted(mirror.calls) == [("added", "new"), ("added", "pair")]
        other.execute("ALTER TABLE new ADD v text")
        put_type(sim, "pair", "a", "b")
        put_view(sim, "by_v", "t")
        put_function(sim, "f", "int")
        other.execute("CREATE TABLE fleeting (k int PRIMARY KEY)")
        other.execute("DROP TABLE fleeting")
        sim.run(3)
        assert sorted(mirror.calls[2:]) == [
            ("added", "by_v"),
            ("added", "f"),
            ("changed", "new"),
            ("changed", "pair"),
        ]
        sim.cluster.change("DROPPED", "TYPE", "ks", "pair", ("types", ("pair",), {}))
        other.execute("DROP TABLE new")
        sim.run(3)
        assert sorted(mirror.calls[6:]) == [("dropped", "new"), ("dropped", "pair")]
        assert_same(mirror.known, everything(session.cluster))
        session.cluster.unregister_schema_listener(mirror)
        put_type(sim, "pair", "a")
        sim.run(3)
        assert len(mirror.calls) == 8


def test_a_keyspace_stands_for_all_in_it() -> None:
    with Simulation(1) as sim:
        cluster = sim.new_cluster()
        mirror = Mirror()
        cluster.register_schema_listener(mirror)
        session = cluster.connect("ks")
        mirror.copy(cluster)
        other = other_session(sim)
        local = "{'class': 'LocalStrategy'}"
        other.execute(f"CREATE KEYSPACE more WITH replication = {local}")
        other.execute("CREATE TABLE more.t (k int PRIMARY KEY)")
        sim.run(3)
        assert mirror.calls[0] == ("added", "more")
        assert len(mirror.calls) <= 2
        assert "t" in cluster.metadata.keyspaces["more"].contents.tables
        mirror.calls.clear()
        session.execute("ALTER KEYSPACE more WITH replication = {'class': 'EverywhereStrategy'}")
        sim.run(0.1)
        assert mirror.calls == [("changed", "more")]
        other.execute("DROP KEYSPACE more")
        sim.run(3)
        assert mirror.calls[1:] == [("dropped", "more")]
        assert_same(mirror.known, everything(cluster))


def test_listeners_hear_of_wanted_keyspaces_only() -> None:
    with Simulation(1) as sim:
        sim.cluster.store.keyspace("other")
        cluster = sim.new_cluster(schema_keyspaces=["ks"])
        session = cluster.connect("ks")
        mirror = Mirror()
        cluster.register_schema_listener(mirror)
        mirror.copy(cluster)
        assert cluster.metadata.keyspaces["other"].tables is not None
        session.execute("CREATE TABLE other.t (k int PRIMARY KEY)")
        session.execute("CREATE TABLE t1 (k int PRIMARY KEY)")
        session.execute("CREATE KEYSPACE third WITH replication = {'class': 'LocalStrategy'}")
        sim.run(3)
        assert mirror.calls == [("added", "t1")]


def test_a_listener_that_raises_harms_nobody() -> None:
    class Broken(Mirror):
        def on_added(self, entity: Any) -> None:
            raise ValueError(entity.name)

    with Simulation(1) as sim:
        session = sim.connect("ks")
        mirror = Mirror()
        session.cluster.register_schema_listener(Broken())
        session.cluster.register_schema_listener(mirror)
        session.execute("CREATE TABLE new (k int PRIMARY KEY)")
        sim.run(1)
        assert mirror.calls == [("added", "new")]
        assert [str(error) for error in sim.runtime.user_errors] == ["new"]


def test_a_listener_is_told_what_happened_while_there_was_no_connection() -> None:
    with Simulation(1) as sim:
        session = sim.connect("ks")
        mirror = Mirror()
        session.cluster.register_schema_listener(mirror)
        mirror.copy(session.cluster)
        for node in sim.nodes:
            node.kill()
        sim.cluster.store.make("ks.new", "k int")
        sim.cluster.store.keyspace("more")
        del sim.cluster.store.keyspaces["ks"].tables["c"]
        sim.cluster.store.changed()
        for node in sim.nodes:
            node.start()
        sim.run(30)
        assert sorted(mirror.calls) == [("added", "more"), ("added", "new"), ("dropped", "c")]
        assert_same(mirror.known, everything(session.cluster))


def test_without_events_what_could_not_be_fetched_is_by_the_next_connection() -> None:
    with Simulation(1) as sim:
        session, _ = watched(sim, schema_event_refresh_window=-1)
        metadata = session.cluster.metadata
        assert metadata.keyspaces["ks"].tables
        for node in sim.nodes:
            node.rules.insert(0, Rule(Fail(ServerError("oops")), text="system_schema.tables"))
        session.execute("CREATE TABLE new (k int PRIMARY KEY)")
        other_session(sim).execute("CREATE TABLE other (k int PRIMARY KEY)")
        sim.run(0.01)
        for node in sim.nodes:
            del node.rules[0]
        sim.run(5)
        assert {"new", "other"} <= set(metadata.keyspaces["ks"].tables)


def test_what_is_no_listener_is_refused() -> None:
    cluster = Cluster()
    for wrong in (None, object(), Mirror):
        with pytest.raises(InvalidArgumentType, match="listener"):
            cluster.register_schema_listener(wrong)
    with pytest.raises(InvalidArgument, match="not registered"):
        cluster.unregister_schema_listener(Mirror())


@pytest.mark.parametrize("seed", range(12))
def test_random_changes_leave_what_a_fresh_look_shows(seed: int) -> None:
    with Simulation(seed) as sim:
        chance = random.Random(seed)
        window = chance.choice([0.0, 0.1, 2.0])
        lazy = seed % 3 == 0
        session = sim.connect("ks", schema_event_refresh_window=window)
        mirror = Mirror()
        if lazy:
            assert session.cluster.metadata.keyspaces["ks"].tables
        else:
            session.cluster.register_schema_listener(mirror)
            mirror.copy(session.cluster)
        other = other_session(sim)
        for _ in range(15):
            for _ in range(chance.randrange(1, 15)):
                _change_something(sim, other, chance)
                if chance.random() < 0.3:
                    sim.run(chance.random() * window)
            if chance.random() < 0.2:
                sim.network.break_streams()
                sim.run(5)
            sim.run(window + 1)
            fresh = connect_afresh(sim)
            assert_complete(session.cluster, fresh)
            if not lazy:
                assert_same(mirror.known, everything(session.cluster))
            assert mirror.errors == []
            fresh.shutdown()


def _change_something(sim: Simulation, session: Any, chance: random.Random) -> None:
    name = f"n{chance.randrange(6)}"
    space = chance.choice(["ks", "ks", "ks", "more"])
    known = sim.cluster.store.keyspaces
    kind = chance.choice(["table", "table", "type", "view", "function", "keyspace"])
    if kind == "keyspace" or space not in known:
        if "more" in known and chance.random() < 0.3:
            session.execute("DROP KEYSPACE more")
        else:
            what = "ALTER" if "more" in known else "CREATE"
            options = (
                f"{{'class': 'SimpleStrategy', 'replication_factor': '{chance.choice('123')}'}}"
            )
            session.execute(f"{what} KEYSPACE more WITH replication = {options}")
    elif kind == "table":
        if name not in known[space].tables:
            session.execute(f"CREATE TABLE {space}.{name} (k int PRIMARY KEY, v text)")
        elif chance.random() < 0.5:
            session.execute(f"ALTER TABLE {space}.{name} ADD c{chance.randrange(4)} int")
        else:
            session.execute(f"DROP TABLE {space}.{name}")
    else:
        _change_row(sim, kind, name, chance)


def _change_row(sim: Simulation, kind: str, name: str, chance: random.Random) -> None:
    entities = sim.cluster.store.keyspaces["ks"].entities
    drop = chance.random() < 0.4
    if kind == "type":
        if not drop:
            put_type(sim, name, *"abc"[: chance.randrange(1, 4)])
        elif (name,) in entities.get("types", {}):
            sim.cluster.change("DROPPED", "TYPE", "ks", name, ("types", (name,), {}))
    elif kind == "function":
        types = chance.choice([(), ("int",), ("text", "int")])
        if not drop:
            put_function(sim, name, *types, body=f"return {chance.randrange(3)};")
        elif (name, *types) in entities.get("functions", {}):
            about = f"{name}({', '.join(types)})"
            row = ("functions", (name, *types), {})
            sim.cluster.change("DROPPED", "FUNCTION", "ks", about, row)
    elif not drop:
        put_view(sim, f"v_{name}", chance.choice(["t", "w"]), f"k > {chance.randrange(3)}")
    elif (f"v_{name}",) in entities.get("views", {}):
        rows = [("columns", (f"v_{name}", column), {}) for column in "vk"]
        view = ("views", (f"v_{name}",), {})
        sim.cluster.change("DROPPED", "TABLE", "ks", f"v_{name}", view, *rows)
