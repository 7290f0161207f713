"""What is in a keyspace: fetched when it is looked at, or at once, or not at all."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from cql_driver import DriverException, InvalidRequest, Unauthorized, UnsupportedOperation
from cql_driver.cluster import UserTypeDoesNotExist
from cql_driver.core.procedures import gather, spawn
from cql_driver.errors import (
    ConnectionShutdown,
    InvalidArgument,
    InvalidArgumentType,
    SessionShutdown,
)
from cql_driver.metadata import NO_VALID_REPLICA, group_keys_by_replica
from cql_protocol.dialect import Features, ShardingInfo
from cql_protocol.errors import OperationTimedOut, ServerError
from tests.control.schemas import asked_by_all, put_function, put_type, put_view, watched
from tests.simulation import Drop, Fail, Rule, Simulation

ALL = [
    *("aggregates", "column_masks", "columns", "functions"),
    *("indexes", "tables", "triggers", "types", "views"),
]


def test_a_keyspace_is_fetched_when_it_is_looked_at() -> None:
    with Simulation(1) as sim:
        asked = asked_by_all(sim)
        cluster = sim.connect("ks").cluster
        keyspaces = cluster.metadata.keyspaces
        assert {"ks", "system", "system_schema", "system_traces", "system_views"} <= set(keyspaces)
        assert asked.tables() == []
        keyspace = keyspaces["ks"]
        assert set(keyspace.tables) == {"t", "w", "c"}
        texts = list(asked.texts)
        assert asked.tables() == ALL
        assert all("WHERE keyspace_name IN ('ks')" in text for text in texts)
        assert keyspace.tables["t"] is cluster.metadata.keyspaces["ks"].tables["t"]
        assert cluster.metadata.keyspaces["ks"] is keyspace
        assert dict(keyspace.views) == dict(keyspace.functions) == {}
        assert asked.tables() == []


def test_scenario_40_clustering_columns_are_known_as_such() -> None:
    with Simulation(40) as sim:
        table = sim.connect("ks").cluster.metadata.keyspaces["ks"].tables["w"]
        assert [column.name for column in table.partition_key] == ["p"]
        assert [column.name for column in table.clustering_key] == ["c"]
        assert [column.name for column in table.primary_key] == ["p", "c"]


def test_virtual_keyspaces_are_asked_for_in_tables_of_their_own() -> None:
    with Simulation(1) as sim:
        session, asked = watched(sim)
        keyspace = session.cluster.metadata.keyspaces["system_views"]
        assert keyspace.virtual
        assert keyspace.replication_strategy is None
        assert keyspace.tables["clients"].virtual
        assert asked.tables() == ["columns", "tables"]


def test_older_servers_have_no_virtual_keyspaces() -> None:
    with Simulation(1, release_version="3.11.19", versions=(3, 4)) as sim:
        for node in sim.nodes:
            unknown = Fail(InvalidRequest("Keyspace system_virtual_schema does not exist"))
            node.rules.append(Rule(unknown, text="system_virtual_schema"))
        keyspaces = sim.connect().cluster.metadata.keyspaces
        assert "system_views" not in keyspaces
        assert "t" in keyspaces["ks"].tables


def test_what_one_node_does_not_show_another_is_asked_for() -> None:
    with Simulation(1) as sim:
        refusing = Rule(Fail(Unauthorized("no")), text="system_virtual_schema")
        sim[1].rules.append(refusing)
        cluster = sim.connect().cluster
        metadata = cluster.metadata
        cluster.refresh_schema_metadata()
        assert "system_views" not in metadata.keyspaces
        sim[1].kill()
        sim.run(5)
        assert "system_views" in metadata.keyspaces


def test_scylla_is_told_the_timeout_and_has_a_table_more() -> None:
    with Simulation(1) as sim:
        for node in sim.nodes:
            node.features = lambda _: Features(sharding=ShardingInfo(0, 2, "", "", 12))
        asked = asked_by_all(sim)
        keyspaces = sim.connect("ks").cluster.metadata.keyspaces
        assert "system_views" not in keyspaces
        assert set(keyspaces["ks"].tables) == {"t", "w", "c"}
        assert all(text.endswith(" USING TIMEOUT 2000ms") for text in asked.texts)
        assert asked.tables() == sorted([*ALL, "scylla_tables"])


def test_all_is_fetched_before_connect_returns() -> None:
    with Simulation(1) as sim:
        cluster = sim.new_cluster(eager_schema=True)
        cluster.connect()
        asked = asked_by_all(sim)
        counts = {n: len(found.tables) for n, found in cluster.metadata.keyspaces.items()}
        assert counts["ks"] == 3
        assert counts["system_views"] == 1
        sim.run(5)
        assert asked.texts == []


def test_only_keyspaces_that_are_wanted_are_fetched_unasked() -> None:
    with Simulation(1) as sim:
        sim.cluster.store.keyspace("other")
        sim.cluster.store.make("other.t", "k int")
        cluster = sim.connect(eager_schema=True, schema_keyspaces=["ks"]).cluster
        asked = asked_by_all(sim)
        assert set(cluster.metadata.keyspaces["ks"].tables) == {"t", "w", "c"}
        assert asked.tables() == []
        assert set(cluster.metadata.keyspaces["other"].tables) == {"t"}
        assert asked.tables() == [name for name in ALL if name != "column_masks"]


def test_many_keyspaces_are_fetched_in_one_go() -> None:
    with Simulation(1) as sim:
        for number in range(30):
            sim.cluster.store.keyspace(f"ks{number}")
            sim.cluster.store.make(f"ks{number}.t{number}", "k int")
        asked = asked_by_all(sim)
        cluster = sim.connect(eager_schema=True).cluster
        assert asked.tables() == sorted([*ALL, "columns", "tables"])
        for number in range(30):
            assert list(cluster.metadata.keyspaces[f"ks{number}"].tables) == [f"t{number}"]


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_scenario_39_the_schema_comes_in_pages_and_the_last_is_one_too(size: int) -> None:
    with Simulation(39) as sim:
        for number in range(25):
            sim.cluster.store.make(f"ks.t{number}", "k int, v text")
        session, asked = watched(sim, schema_metadata_page_size=size)
        tables = session.cluster.metadata.keyspaces["ks"].tables
        assert len(tables) == 28
        assert all(len(table.columns) >= 2 for table in tables.values())
        rows = sum(len(table.columns) for table in tables.values())
        assert sum(".columns" in text for text in asked.texts) == -(-rows // size)


def test_scenario_39_what_may_not_be_read_is_left_out_and_not_asked_for_again() -> None:
    with Simulation(39) as sim:
        session, asked = watched(sim)
        for node in sim.nodes:
            for name in ("triggers", "functions"):
                refusal = Fail(Unauthorized("no permission"))
                node.rules.insert(0, Rule(refusal, text=f"system_schema.{name}"))
        keyspaces = session.cluster.metadata.keyspaces
        assert len(keyspaces["ks"].tables) == 3
        assert dict(keyspaces["ks"].functions) == {}
        asked.tables()
        assert keyspaces["system_traces"].tables
        left = [name for name in ALL if name not in ("triggers", "functions", "column_masks")]
        assert asked.tables() == left


def test_an_error_is_the_readers_and_the_next_one_may_have_more_luck() -> None:
    with Simulation(1) as sim:
        session, _ = watched(sim)
        keyspace = session.cluster.metadata.keyspaces["ks"]
        for table, reaction, error in (
            ("tables", Fail(Unauthorized("no")), Unauthorized),
            ("types", Fail(ServerError("oops")), ServerError),
            ("views", Drop(), OperationTimedOut),
        ):
            rule = Rule(reaction, text=f"system_schema.{table}", times=1)
            for node in sim.nodes:
                node.rules.insert(0, rule)
            with pytest.raises(error):
                _ = keyspace.tables
        assert len(keyspace.tables) == 3


def test_without_a_connection_an_error_says_so() -> None:
    with Simulation(1) as sim:
        session, _ = watched(sim)
        keyspace = session.cluster.metadata.keyspaces["ks"]
        for node in sim.nodes:
            node.kill()
        sim.run(0.1)
        with pytest.raises(ConnectionShutdown, match="no control connection"):
            _ = keyspace.tables
        for node in sim.nodes:
            node.start()
        sim.run(10)
        assert len(keyspace.tables) == 3
        other = session.cluster.metadata.keyspaces["system_traces"]
        session.cluster.shutdown()
        assert len(keyspace.tables) == 3
        with pytest.raises(SessionShutdown):
            _ = other.tables


def test_a_loop_that_cannot_wait_says_what_to_do() -> None:
    with Simulation(1) as sim:
        session, _ = watched(sim)
        keyspace = session.cluster.metadata.keyspaces["ks"]
        errors: list[Exception] = []

        def look(_: Any) -> None:
            try:
                _ = keyspace.tables
            except UnsupportedOperation as exc:
                errors.append(exc)

        session.execute_async("SELECT * FROM t").add_callback(look)
        sim.run(1)
        assert "eager_schema" in str(errors[0])
        assert keyspace.tables
        session.execute_async("SELECT * FROM t").add_callback(look)
        sim.run(1)
        assert len(errors) == 1


def test_two_that_look_at_once_fetch_once() -> None:
    with Simulation(1) as sim:
        session, asked = watched(sim)
        keeper = session.cluster.control_connection.schema
        loads = [spawn(sim.runtime, keeper.load(["ks"])) for _ in range(5)]
        assert sim.runtime.run(gather(loads)) == [None] * 5
        assert asked.tables() == ALL


def test_without_metadata_of_the_schema_requests_are_still_routed() -> None:
    with Simulation(1) as sim:
        session, asked = watched(sim, schema_metadata_enabled=False, eager_schema=True)
        cluster = session.cluster
        assert len(cluster.metadata.get_replicas("ks", b"k")) == 3
        assert dict(cluster.metadata.keyspaces["ks"].tables) == {}
        session.execute("CREATE TABLE new (k int PRIMARY KEY)")
        sim.run(5)
        assert asked.tables() == []
        cluster.refresh_table_metadata("ks", "new")
        assert "new" in cluster.metadata.keyspaces["ks"].tables
        session.execute("DROP TABLE new")
        sim.run(5)
        asked.tables()
        assert "new" in cluster.metadata.keyspaces["ks"].tables
        cluster.schema_metadata_enabled = True
        sim.run(5)
        assert "new" not in cluster.metadata.keyspaces["ks"].tables
        assert "sessions" in cluster.metadata.keyspaces["system_traces"].tables


def test_what_was_looked_at_in_vain_is_there_once_that_is_enabled() -> None:
    with Simulation(1) as sim:
        options = {"schema_metadata_enabled": False, "schema_event_refresh_window": -1}
        cluster = sim.connect("ks", **options).cluster
        keyspace = cluster.metadata.keyspaces["ks"]
        assert not keyspace.tables
        cluster.schema_metadata_enabled = True
        assert set(keyspace.tables) == {"t", "w", "c"}


def test_a_first_fetch_that_fails_is_made_good_soon() -> None:
    with Simulation(1) as sim:
        for node in sim.nodes:
            node.rules.append(Rule(Fail(ServerError("oops")), text="system_schema.views", times=1))
        session = sim.connect("ks", eager_schema=True)
        sim.run(5)
        asked = asked_by_all(sim)
        assert session.cluster.metadata.keyspaces["ks"].tables
        assert asked.texts == []


def test_tokens_are_dropped_and_come_back_while_connected() -> None:
    with Simulation(1) as sim:
        cluster = sim.connect("ks").cluster
        assert cluster.metadata.token_map is not None
        cluster.token_metadata_enabled = False
        sim.run(1)
        assert cluster.metadata.token_map is None
        assert cluster.metadata.get_replicas("ks", b"k") == []
        cluster.token_metadata_enabled = True
        sim.run(1)
        assert len(cluster.metadata.get_replicas("ks", b"k")) == 3


@pytest.mark.parametrize("events", [True, False])
def test_refreshing(events: bool) -> None:
    window = 2.0 if events else -1.0
    with Simulation(1) as sim:
        session, asked = watched(sim, schema_event_refresh_window=window)
        cluster = session.cluster
        assert cluster.metadata.keyspaces["ks"].tables
        old = cluster.metadata.keyspaces["ks"].contents
        sim.cluster.store.make("ks.new", "k int")
        sim.cluster.store.make("ks.newer", "k int")
        asked.tables()
        cluster.refresh_table_metadata("ks", "new")
        contents = cluster.metadata.keyspaces["ks"].contents
        assert set(contents.tables) == {"t", "w", "c", "new"}
        assert all(contents.tables[name] is table for name, table in old.tables.items())
        left = ("column_masks", "aggregates", "functions", "types")
        assert asked.tables() == [name for name in ALL if name not in left]
        put_type(sim, "pair", "a", "b")
        put_view(sim, "by_v", "t")
        put_function(sim, "f", "int")
        put_function(sim, "f", "text")
        cluster.refresh_user_type_metadata("ks", "pair")
        cluster.refresh_materialized_view_metadata("ks", "by_v")
        cluster.refresh_user_function_metadata("ks", "f")
        cluster.refresh_user_aggregate_metadata("ks", "f")
        keyspace = cluster.metadata.keyspaces["ks"]
        assert keyspace.user_types["pair"].field_names == ["a", "b"]
        assert keyspace.tables["t"].views == {"by_v": keyspace.views["by_v"]}
        assert len(keyspace.functions) == 2
        assert dict(keyspace.aggregates) == {}
        assert "newer" not in keyspace.tables
        cluster.refresh_keyspace_metadata("ks")
        assert "newer" in cluster.metadata.keyspaces["ks"].tables
        sim.cluster.store.keyspace("added")
        cluster.refresh_schema_metadata()
        assert "added" in cluster.metadata.keyspaces


@pytest.mark.parametrize("name", [None, "t"])
def test_what_was_not_looked_at_is_refreshed_by_name_only(name: str | None) -> None:
    with Simulation(1) as sim:
        session, asked = watched(sim)
        cluster = session.cluster
        cluster.refresh_schema_metadata()
        cluster.refresh_keyspace_metadata("nowhere")
        cluster.refresh_table_metadata("nowhere", "t")
        assert asked.tables() == []
        if name is None:
            cluster.refresh_keyspace_metadata("ks")
        else:
            cluster.refresh_table_metadata("ks", name)
        assert asked.tables() == ALL
        assert len(cluster.metadata.keyspaces["ks"].tables) == 3
        assert asked.tables() == []
        with pytest.raises(InvalidArgumentType, match="keyspace=None"):
            cluster.refresh_keyspace_metadata(None)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgument, match="table=''"):
            cluster.refresh_table_metadata("ks", "")


def test_a_refresh_waits_for_the_nodes_to_agree() -> None:
    with Simulation(1) as sim:
        cluster = sim.connect("ks").cluster
        sim[2].schema_version = uuid.uuid4()
        with pytest.raises(DriverException, match="do not agree"):
            cluster.refresh_schema_metadata(max_schema_agreement_wait=0.5)
        cluster.refresh_schema_metadata(max_schema_agreement_wait=0)
        sim[2].schema_version = None
        cluster.refresh_schema_metadata()


@pytest.mark.parametrize("version", [3, 4, 5])
def test_user_types_are_looked_for_before_they_are_registered(version: int) -> None:
    with Simulation(1) as sim:
        cluster = sim.new_cluster(protocol_version=version)
        cluster.register_user_type("ks", "whatever", dict)
        cluster.connect()
        asked = asked_by_all(sim)
        with pytest.raises(UserTypeDoesNotExist, match="'pair' in keyspace 'ks'"):
            cluster.register_user_type("ks", "pair", dict)
        put_type(sim, "pair", "a", "b")
        cluster.register_user_type("ks", "pair", dict)
        assert asked.tables() == ["types", "types"]
        for node in sim.nodes:
            refusal = Fail(Unauthorized("no permission"))
            node.rules.insert(0, Rule(refusal, text="system_schema.types"))
        cluster.register_user_type("ks", "nobody_knows", dict)
        for node in sim.nodes:
            node.kill()
        sim.run(0.1)
        cluster.register_user_type("ks", "nobody_tells", dict)


def test_keys_are_grouped_by_the_nodes_that_have_them() -> None:
    with Simulation(1, replication=2) as sim:
        session = sim.connect("ks")
        metadata = session.cluster.metadata
        keys = [(number,) for number in range(90)]
        grouped = group_keys_by_replica(session, "ks", "t", keys)
        assert sorted(key for group in grouped.values() for key in group) == keys
        assert len(grouped) == 3
        for host, group in grouped.items():
            assert 20 <= len(group) <= 40
            for (key,) in group:
                assert host in metadata.get_replicas("ks", key.to_bytes(4, "big"))
        sim[1].kill()
        sim[2].kill()
        sim.run(1)
        left = group_keys_by_replica(session, "ks", "t", keys)
        alive = metadata.get_host(sim[3].address)
        assert set(left) == {alive, NO_VALID_REPLICA}
        with pytest.raises(InvalidArgument, match="no table 'x'"):
            group_keys_by_replica(session, "ks", "x", keys)
