"""The simulation itself: what its nodes answer, and how they misbehave on demand."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from cql_driver.core.procedures import sleep, spawn
from cql_protocol.errors import (
    AlreadyExists,
    AuthenticationFailed,
    InvalidRequest,
    PreparedQueryNotFound,
    ProtocolVersionUnsupported,
    RemoteProtocolError,
    SyntaxException,
    WriteTimeout,
)
from cql_protocol.messages import (
    Batch,
    BatchEntry,
    Execute,
    Prepare,
    PreparedResult,
    Query,
    QueryParameters,
    RawRows,
    Response,
    SchemaChange,
    SchemaChangeResult,
    SetKeyspaceResult,
    StatusChange,
    TopologyChange,
    VoidResult,
)
from cql_protocol.rows import RowDecoder
from cql_protocol.types import INT
from tests.simulation import (
    Answer,
    Delay,
    Drop,
    Fail,
    Garbage,
    RawClient,
    Reset,
    Rule,
    Simulation,
    Twice,
    Unprepared,
)

every_version = pytest.mark.parametrize("version", [3, 4, 5])
INSERT = "INSERT INTO ks.t (k, v) VALUES (?, ?)"
SELECT = "SELECT k, v FROM ks.t WHERE k = ?"


def rows(answer: Response) -> list[tuple[Any, ...]]:
    assert isinstance(answer, RawRows)
    assert answer.metadata.columns is not None
    return answer.decode(RowDecoder([column.type for column in answer.metadata.columns]))


def prepare(client: RawClient, text: str) -> PreparedResult:
    answer = client.ask(Prepare(text))
    assert isinstance(answer, PreparedResult)
    return answer


def execute(prepared: PreparedResult, *values: bytes | None, **options: Any) -> Execute:
    parameters = QueryParameters(values=values, **options)
    return Execute(prepared.query_id, parameters, prepared.result_metadata_id)


# --- what healthy nodes answer ---------------------------------------------------------------


@every_version
@pytest.mark.parametrize("compression", [False, "lz4"])
def test_statements_are_carried_out(version: int, compression: bool | str) -> None:
    with Simulation(1, compressions=("lz4", "snappy")) as sim:
        client = sim.raw(2, version, compression=compression)
        insert, select = prepare(client, INSERT), prepare(client, SELECT)
        assert [column.name for column in insert.metadata.columns] == ["k", "v"]
        assert insert.metadata.pk_indexes == ((0,) if version > 3 else ())
        assert client.ask(execute(insert, INT.encode(7), b"seven")) == VoidResult()
        assert rows(client.ask(execute(select, INT.encode(7)))) == [(7, "seven")]
        answer = client.ask(execute(select, INT.encode(7), skip_metadata=True))
        assert isinstance(answer, RawRows)
        assert answer.metadata.columns is None
        assert answer.row_count == 1
        assert sim.cluster.t.count(7) == 1
        assert sim.cluster.t.value("v", 7) == "seven"
        client.transport.close()


def test_texts_of_many_kinds_are_understood() -> None:
    with Simulation() as sim:
        client = sim.raw()
        client.ask(Query("INSERT INTO ks.t (k, v) VALUES (1, 'it''s')"))
        assert client.ask(Query("USE ks")) == SetKeyspaceResult("ks")
        assert rows(client.ask(Query("SELECT * FROM t WHERE k = 1;"))) == [(1, "it's")]
        client.ask(Query("UPDATE t SET v = 'x' WHERE k = 2"))
        assert rows(client.ask(Query("SELECT count(*) FROM t"))) == [(2,)]
        applied = client.ask(Query("INSERT INTO t (k, v) VALUES (2, 'y') IF NOT EXISTS"))
        assert rows(applied) == [(False,)]
        client.ask(Query("DELETE FROM t WHERE k = 1"))
        named = QueryParameters(values={"which": INT.encode(2)})
        assert rows(client.ask(Query("SELECT v FROM t WHERE k = :which", named))) == [("x",)]
        client.ask(Query("TRUNCATE t"))
        assert rows(client.ask(Query("SELECT v FROM t LIMIT 5"))) == []
        client.transport.close()


def test_a_statement_that_is_not_idempotent_shows_how_often_it_ran() -> None:
    with Simulation() as sim:
        client = sim.raw()
        update = prepare(client, "UPDATE ks.c SET n = n + 1 WHERE k = ?")
        for _ in range(3):
            client.ask(execute(update, INT.encode(5)))
        assert sim.cluster.c.count(5) == sim.cluster.c.value("n", 5) == 3
        client.transport.close()


def test_what_is_wrong_is_refused() -> None:
    with Simulation() as sim:
        client = sim.raw()
        assert isinstance(client.fails(Query("SELEKT 1")), SyntaxException)
        assert isinstance(client.fails(Query("SELECT k FROM ks.missing")), InvalidRequest)
        assert isinstance(client.fails(Query("SELECT k FROM t")), InvalidRequest)
        assert isinstance(client.fails(Query("SELECT x FROM ks.t")), InvalidRequest)
        assert isinstance(client.fails(Query("USE missing")), InvalidRequest)
        assert isinstance(client.fails(Execute(b"unknown")), PreparedQueryNotFound)
        assert isinstance(client.fails(Query("CREATE KEYSPACE ks")), AlreadyExists)
        client.transport.close()


def test_pages_and_empty_pages() -> None:
    with Simulation() as sim:
        for k in range(5):
            sim.cluster.t.add(k=k, v="x")
        sim.cluster.t.empty_pages = 2
        client = sim.raw()
        state, sizes, found = None, [], []
        while True:
            options = QueryParameters(page_size=2, paging_state=state)
            page = client.ask(Query("SELECT k FROM ks.t", options))
            assert isinstance(page, RawRows)
            found += rows(page)
            sizes.append(page.row_count)
            state = page.metadata.paging_state
            if state is None:
                break
        assert found == [(k,) for k in range(5)]
        assert sizes == [0, 0, 2, 0, 0, 2, 0, 0, 1]
        client.transport.close()


def test_batches() -> None:
    with Simulation() as sim:
        client = sim.raw()
        insert = prepare(client, INSERT)
        entries = [
            BatchEntry(insert.query_id, [INT.encode(1), b"a"]),
            BatchEntry("INSERT INTO ks.t (k, v) VALUES (2, 'b')"),
        ]
        assert client.ask(Batch(entries)) == VoidResult()
        assert [sim.cluster.t.value("v", k) for k in (1, 2)] == ["a", "b"]
        entries.append(BatchEntry(b"unknown", []))
        error = client.fails(Batch(entries))
        assert isinstance(error, PreparedQueryNotFound)
        assert error.query_id == b"unknown"
        assert sim.cluster.t.count(1) == 1
        client.transport.close()


@every_version
def test_nodes_tell_of_themselves_and_of_each_other(version: int) -> None:
    with Simulation(nodes={"east": 2, "west": 1}, racks=2, vnodes=4) as sim:
        client = sim.raw(1, version)
        local = "SELECT host_id, data_center, rack, rpc_address, partitioner FROM system.local"
        [(host_id, dc, rack, address, partitioner)] = rows(client.ask(Query(local)))
        assert (host_id, dc, rack) == (sim[1].host_id, "east", "rack1")
        assert str(address) == sim[1].address
        assert partitioner == sim.cluster.partitioner
        for table in ("peers", "peers_v2"):
            peers = f"SELECT host_id, tokens, schema_version FROM system.{table}"
            found = rows(client.ask(Query(peers)))
            assert [row[0] for row in found] == [sim[2].host_id, sim[3].host_id]
            assert all(len(row[1]) == 4 for row in found)
            assert {row[2] for row in found} == {sim.cluster.store.version}
        schema = "SELECT keyspace_name, replication FROM system_schema.keyspaces"
        assert "ks" in dict(rows(client.ask(Query(schema))))
        columns = "SELECT column_name, kind, type FROM system_schema.columns WHERE table_name = 'w'"
        assert rows(client.ask(Query(columns))) == [
            ("p", "partition_key", "int"),
            ("c", "clustering", "int"),
            ("v", "regular", "text"),
        ]
        client.transport.close()


def test_an_old_node_has_no_new_tables() -> None:
    with Simulation(versions=(3, 4), release_version="3.11.4") as sim:
        client = sim.raw(1, 4)
        assert isinstance(client.fails(Query("SELECT * FROM system.peers_v2")), InvalidRequest)
        answer = client.ask(Query("SELECT * FROM system.local"))
        assert isinstance(answer, RawRows)
        assert answer.metadata.columns is not None
        assert not [c for c in answer.metadata.columns if c.name.endswith("_port")]
        client.transport.close()


def test_versions_that_a_node_does_not_speak_are_refused() -> None:
    with Simulation(versions=(3, 4)) as sim:
        attempt = RawClient(sim.runtime, 5).opening(sim[1].endpoint)
        sim.run(attempt)
        assert isinstance(attempt.error, ProtocolVersionUnsupported)
        sim.network.break_streams()


def test_authentication() -> None:
    with Simulation(users={"ann": "secret"}) as sim:
        client = sim.raw(credentials=b"\0ann\0secret")
        assert rows(client.ask(Query("SELECT key FROM system.local"))) == [("local",)]
        client.transport.close()
        refused = RawClient(sim.runtime).opening(sim[1].endpoint, credentials=b"\0ann\0wrong")
        sim.run(refused)
        assert isinstance(refused.error, AuthenticationFailed)
        sim.network.break_streams()


def test_tracing_warnings_and_payload() -> None:
    with Simulation() as sim:
        sim[1].echo_payload = True
        sim[1].warnings = ["careful"]
        client = sim.raw()
        query = Query("INSERT INTO ks.t (k, v) VALUES (1, 'a')")
        answer = client.ask(query, tracing=True, custom_payload={"p": b"1"})
        assert answer.warnings == ["careful"]
        assert answer.custom_payload == {"p": b"1"}
        assert isinstance(answer.tracing_id, uuid.UUID)
        trace = f"SELECT * FROM system_traces.sessions WHERE session_id = {answer.tracing_id}"
        assert len(rows(client.ask(Query(trace)))) == 1
        sim[1].warnings = []
        assert client.ask(query).extras is None
        client.transport.close()


def test_a_changed_table_has_another_metadata_id() -> None:
    with Simulation() as sim:
        client = sim.raw()
        select = prepare(client, "SELECT * FROM ks.t WHERE k = ?")
        sim.cluster.t.add(k=1, v="a")
        client.ask(Query("ALTER TABLE ks.t ADD extra int"))
        answer = client.ask(execute(select, INT.encode(1), skip_metadata=True))
        assert isinstance(answer, RawRows)
        assert answer.metadata.new_metadata_id not in (None, select.result_metadata_id)
        assert rows(answer) == [(1, "a", None)]
        client.transport.close()


def test_schema_changes_are_answered_and_told() -> None:
    with Simulation() as sim:
        client, other = sim.raw(1), sim.raw(2)
        other.register("SCHEMA_CHANGE")
        sim.cluster.schema_lag = 0.5
        before = sim.cluster.store.version
        text = "CREATE TABLE ks.new (a int, b text, c int, PRIMARY KEY ((a, b), c)) WITH x = 1"
        change = SchemaChange("CREATED", "TABLE", "ks", "new")
        assert client.ask(Query(text)) == SchemaChangeResult(change)
        assert sim.cluster.store.version != before
        assert sim.cluster.store.table("ks", "new").key == ("a", "b", "c")
        assert other.events == []
        sim.run(1.0)
        assert other.events == [change]
        assert client.ask(Query("DROP TABLE IF EXISTS ks.nothing")) == VoidResult()
        client.transport.close()
        other.transport.close()


# --- nodes that come and go ------------------------------------------------------------------


def test_events_of_topology_and_status() -> None:
    with Simulation() as sim:
        client = sim.raw(1)
        client.register("TOPOLOGY_CHANGE", "STATUS_CHANGE")
        added = sim.cluster.add_node()
        sim.run(0.1)
        found = rows(client.ask(Query("SELECT host_id, tokens FROM system.peers")))
        assert added.host_id in dict(found)
        assert len({t for _, tokens in found for t in tokens}) == 3
        sim.cluster.remove_node(sim[2])
        sim.cluster.move_node(sim[3], "10.0.7.7")
        sim.run(0.1)
        assert client.events == [
            TopologyChange("NEW_NODE", added.address, 9042),
            StatusChange("UP", added.address, 9042),
            TopologyChange("REMOVED_NODE", "10.0.1.2", 9042),
            StatusChange("UP", "10.0.7.7", 9042),
        ]
        peers = rows(client.ask(Query("SELECT peer, host_id FROM system.peers")))
        assert {str(peer): host for peer, host in peers} == {
            added.address: added.host_id,
            "10.0.7.7": sim[3].host_id,
        }
        client.transport.close()


def test_a_killed_node_resets_refuses_and_forgets() -> None:
    with Simulation() as sim:
        client = sim.raw(1)
        insert = prepare(client, INSERT)
        sim[1].kill()
        sim.run(lambda: client.lost)
        assert isinstance(client.lost[0], ConnectionResetError)
        refused = RawClient(sim.runtime).opening(sim[1].endpoint)
        sim.run(refused)
        assert isinstance(refused.error, ConnectionRefusedError)
        sim[1].start()
        again = sim.raw(1)
        error = again.fails(execute(insert, INT.encode(1), b"a"))
        assert isinstance(error, PreparedQueryNotFound)
        sim[1].id_salt = b"other"
        assert prepare(again, INSERT).query_id != insert.query_id
        again.transport.close()


def test_a_hanging_node_takes_connections_and_answers_later() -> None:
    with Simulation() as sim:
        client = sim.raw(1)
        sim[1].hang()
        asked = client.send(Query("SELECT key FROM system.local"))
        opened = RawClient(sim.runtime).opening(sim[1].endpoint)
        sim.run(10.0)
        assert not asked.done
        assert not opened.done
        assert sim.runtime.connecting == {}
        sim[1].resume()
        sim.run(0.1)
        assert rows(asked.result()) == [("local",)]
        opened.result().transport.close()
        client.transport.close()


# --- rules -----------------------------------------------------------------------------------


def test_rules_say_what_happens_to_which_requests() -> None:
    with Simulation() as sim:
        client = sim.raw()
        error = WriteTimeout("no", 0, consistency=1, required_responses=2, received_responses=1)
        drop = Rule(Drop(), text="INSERT", times=1)
        sim[1].rules += [drop, Rule(Fail(error, applied=True), text="INSERT", times=1)]
        query = Query("INSERT INTO ks.t (k, v) VALUES (1, 'a')")
        dropped = client.send(query)
        assert isinstance(client.fails(query), WriteTimeout)
        assert client.ask(query) == VoidResult()
        sim.run(60.0)
        assert not dropped.done
        assert drop.used == 1
        assert sim.cluster.t.count(1) == 3
        client.transport.close()


def test_late_double_and_broken_answers() -> None:
    query = Query("SELECT k FROM ks.t")
    with Simulation() as sim:
        client = sim.raw()
        sim[1].rules.append(Rule(Delay(2.0, 3.0), times=1))
        began = sim.time
        late, prompt = client.send(query), client.send(query)
        sim.run(late)
        assert prompt.done
        assert 2.0 < sim.time - began < 3.1
        sim[1].rules[:] = [Rule(Twice(0.1), times=1), Rule(Garbage(), times=1)]
        client.ask(query)
        assert isinstance(client.fails(query), RemoteProtocolError)
        sim.run(1.0)
        assert [type(stray.response) for stray in client.strays] == [RemoteProtocolError]
        assert client.ask(query).opcode == 8
        client.transport.close()


def test_resets_lost_statements_and_forged_answers() -> None:
    with Simulation() as sim:
        client = sim.raw()
        select = prepare(client, SELECT)
        sim[1].rules += [
            Rule(Unprepared(), times=1),
            Rule(Answer(warnings=("w",), payload={"a": b"b"}), times=1),
            Rule(Answer(lambda event: SetKeyspaceResult("odd")), times=1),
            Rule(Reset(), text="SELECT"),
        ]
        ask = execute(select, INT.encode(1))
        assert isinstance(client.fails(ask), PreparedQueryNotFound)
        prepare(client, SELECT)
        answer = client.ask(ask)
        assert (answer.warnings, answer.custom_payload) == (["w"], {"a": b"b"})
        assert client.ask(ask) == SetKeyspaceResult("odd")
        client.send(ask)
        sim.run(lambda: client.lost)
        assert isinstance(client.lost[0], ConnectionResetError)


def test_the_driver_s_own_questions_are_left_alone_by_rules() -> None:
    with Simulation() as sim:
        sim[1].rules.append(Rule(Drop()))
        client = sim.raw()
        assert len(rows(client.ask(Query("SELECT peer FROM system.peers")))) == 2
        client.transport.close()


def test_procedures_run_on_the_virtual_clock() -> None:
    with Simulation() as sim:
        began = sim.time

        async def nap() -> float:
            await sleep(sim.runtime, 30.0)
            return sim.time - began

        assert sim.runtime.run(nap()) == 30.0
        naps = [spawn(sim.runtime, nap()) for _ in range(2)]
        sim.run(naps[1])
        assert [nap.result() for nap in naps] == [60.0, 60.0]
