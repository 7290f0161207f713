"""Traces, payloads, warnings, keyspaces and protocol versions on a real node."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from cql_driver import AlreadyExists, InvalidRequest
from cql_driver.cluster import NoHostAvailable, Session
from cql_driver.query import BatchStatement, BatchType, SimpleStatement
from tests.integration.driver.support import connected, keyspace_of, new_name

pytestmark = pytest.mark.once

# --- traces --------------------------------------------------------------------------------------


def test_a_trace(session: Session, table: str) -> None:
    result = session.execute(
        f"INSERT INTO {table} (k, v) VALUES (%s, %s)", (1, "traced"), trace=True
    )
    trace = result.get_query_trace(max_wait_sec=30)
    assert trace is not None
    assert trace.request_type == "Execute CQL3 query"
    assert trace.duration is not None
    assert trace.duration > datetime.timedelta(0)
    assert trace.started_at is not None
    assert abs(trace.started_at - datetime.datetime.now(datetime.UTC).replace(tzinfo=None)) < (
        datetime.timedelta(minutes=10)
    )
    assert trace.coordinator == session.hosts[0].address
    assert trace.parameters is not None
    assert "traced" in trace.parameters["query"]
    assert trace.events
    assert [event.datetime for event in trace.events] == sorted(
        event.datetime for event in trace.events if event.datetime
    )
    assert {event.source for event in trace.events} == {session.hosts[0].address}


def test_no_trace_unless_asked_for(session: Session, table: str) -> None:
    result = session.execute(f"SELECT * FROM {table}")
    assert result.get_query_trace() is None
    assert result.get_all_query_traces() == []


def test_traces_of_all_pages(session: Session, table: str) -> None:
    insert = session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, 'x')")
    for number in range(10):
        session.execute(insert, (number,))
    result = session.execute(SimpleStatement(f"SELECT * FROM {table}", fetch_size=3), trace=True)
    assert len(result.response_future.get_query_trace_ids()) == 1
    assert len(result.all()) == 10
    traces = result.get_all_query_traces(max_wait_sec_per=30)
    assert len({trace.trace_id for trace in traces}) == 4
    assert all(trace.duration is not None for trace in traces)
    future = session.execute_async(
        SimpleStatement(f"SELECT * FROM {table}", fetch_size=6), trace=True
    )
    assert len(future.result().all()) == 10
    assert len(future.get_all_query_traces(max_wait_per=30)) == 2


def test_a_trace_of_prepared_and_batched(session: Session, table: str) -> None:
    insert = session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
    trace = session.execute(insert, (1, "x"), trace=True).get_query_trace(30)
    assert trace is not None
    assert trace.request_type == "Execute CQL3 prepared query"
    batch = BatchStatement()
    batch.add(insert, (2, "y"))
    trace = session.execute(batch, trace=True).get_query_trace(30)
    assert trace is not None
    assert trace.request_type == "Execute batch of CQL3 queries"


# --- payloads and warnings -----------------------------------------------------------------------


def test_a_custom_payload_is_taken(session: Session, table: str) -> None:
    payload = {"one": b"\x00\x01", "none": None, "empty": b""}
    insert = session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)", custom_payload=payload)
    result = session.execute(insert, (1, "x"), custom_payload=payload)
    # The server's default query handler takes no notice of it and sends none back.
    assert result.custom_payload is None
    insert.custom_payload = payload
    batch = BatchStatement(custom_payload={"batch": b"x"})
    batch.add(insert, (2, "y"))
    session.execute(batch, custom_payload={"call": b"y"}, trace=True)
    assert len(session.execute(f"SELECT * FROM {table}", custom_payload=payload).all()) == 2


def test_warnings_of_the_server(session: Session, table: str) -> None:
    insert = session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
    batch = BatchStatement(BatchType.UNLOGGED)
    for number in range(20):
        batch.add(insert, (number, "x" * 1000))
    result = session.execute(batch)
    assert any("exceeding specified threshold" in text for text in result.warnings)
    assert any("partitions" in text for text in result.warnings)
    assert result.response_future.warnings == result.warnings
    result = session.execute(f"SELECT count(*) FROM {table}")
    assert any("without partition key" in text for text in result.warnings)
    future = session.execute_async(f"SELECT count(*) FROM {table}")
    assert future.result().one()[0] == 20
    assert any("without partition key" in text for text in future.warnings)
    assert tuple(session.execute(f"SELECT * FROM {table} WHERE k = 1").warnings) == ()


# --- keyspaces -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["MixedCase", "with space", "semi;colon", 'a"quote'])
def test_keyspaces_of_any_name(session: Session, cassandra: Any, name: str) -> None:
    # Cassandra takes letters, digits and _ only, and says so; what matters is that we quote.
    if not name.isalnum():
        with pytest.raises(InvalidRequest, match=r"[Kk]eyspace"):
            session.set_keyspace(name)
        return
    with keyspace_of(session, 1, name):
        session.execute("CREATE TABLE t (k int PRIMARY KEY)")
        with connected(cassandra, name) as other:
            assert other.keyspace == name
            other.execute("INSERT INTO t (k) VALUES (1)")
        with connected(cassandra) as other:
            other.execute(f'USE "{name}"')
            assert other.keyspace == name
            assert [row.k for row in other.execute("SELECT k FROM t")] == [1]
            other.execute("USE system")
            assert other.keyspace == "system"
            other.keyspace = name
            assert other.execute("SELECT k FROM t").one().k == 1


def test_a_keyspace_that_is_missing(session: Session, cassandra: Any) -> None:
    before = session.keyspace
    with pytest.raises(InvalidRequest, match="nowhere"):
        session.set_keyspace("nowhere")
    with pytest.raises(InvalidRequest, match="nowhere"):
        session.execute("USE nowhere")
    assert session.keyspace == before
    with (
        connected(cassandra) as other,
        pytest.raises((InvalidRequest, NoHostAvailable), match="nowhere"),
    ):
        other.cluster.connect("nowhere")


def test_a_keyspace_of_one_statement(session: Session, cassandra: Any) -> None:
    with connected(cassandra) as other, keyspace_of(other, 1) as first:
        other.execute("CREATE TABLE t (k int PRIMARY KEY, v text)")
        with keyspace_of(other, 1):
            other.execute("CREATE TABLE t (k int PRIMARY KEY, w text)")
            other.execute("INSERT INTO t (k, w) VALUES (1, 'here')")
            there = SimpleStatement("INSERT INTO t (k, v) VALUES (1, 'there')", keyspace=first)
            other.execute(there)
            select = SimpleStatement("SELECT v FROM t WHERE k = ?", keyspace=first)
            assert other.execute(select, (1,)).one().v == "there"
            prepared = other.prepare("SELECT v FROM t WHERE k = ?", keyspace=first)
            assert other.execute(prepared, (1,)).one().v == "there"
            same = other.prepare("SELECT * FROM t WHERE k = ?")
            there_too = other.prepare("SELECT * FROM t WHERE k = ?", keyspace=first)
            assert tuple(other.execute(same, (1,)).one()) == (1, "here")
            assert tuple(other.execute(there_too, (1,)).one()) == (1, "there")
            batch = BatchStatement()
            batch.add(SimpleStatement("INSERT INTO t (k, v) VALUES (2, 'two')", keyspace=first))
            other.execute(batch)
            assert len(other.execute(f"SELECT * FROM {first}.t").all()) == 2
        assert other.keyspace == first


def test_errors_of_the_schema(session: Session, table: str) -> None:
    with pytest.raises(AlreadyExists) as caught:
        session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY)")
    assert (caught.value.keyspace, caught.value.table) == (session.keyspace, table)
    with pytest.raises(InvalidRequest, match="nowhere"):
        session.execute(f"SELECT nowhere FROM {table}")
    with pytest.raises(InvalidRequest, match="nowhere"):
        session.prepare(f"SELECT nowhere FROM {table}")
    future = session.execute_async(f"CREATE TABLE {new_name()} (k int PRIMARY KEY)")
    future.result()
    assert future.is_schema_agreed


# --- versions and compression --------------------------------------------------------------------


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("compression", [False, "lz4", "snappy", True])
def test_versions_and_compression(
    session: Session, table: str, cassandra: Any, version: int, compression: Any
) -> None:
    with connected(
        cassandra, session.keyspace, protocol_version=version, compression=compression
    ) as other:
        assert other.pools.engine.protocol_version == version
        big = "wide " * 60_000
        insert = other.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
        for number in range(5):
            other.execute(insert, (number, big + str(number)))
        other.execute(f"INSERT INTO {table} (k, v) VALUES (%s, %s)", (5, "text"))
        other.execute(f"INSERT INTO {table} (k, v) VALUES (?, ?)", (6, "marks"))
        batch = BatchStatement()
        batch.add(insert, (7, "batch"))
        other.execute(batch)
        paged = SimpleStatement(f"SELECT k, v FROM {table}", fetch_size=3)
        rows = dict(map(tuple, other.execute(paged)))
        wide = {number: big + str(number) for number in range(5)}
        assert rows == wide | {5: "text", 6: "marks", 7: "batch"}
        assert other.execute(f"DELETE FROM {table} WHERE k = 5 IF EXISTS").was_applied
        with pytest.raises(InvalidRequest):
            other.execute("SELECT nowhere FROM nowhere")
        trace = other.execute(insert, (1, "x"), trace=True).get_query_trace(30)
        assert trace is not None
        clients = other.execute(
            "SELECT protocol_version, driver_name, driver_version FROM system_views.clients"
        )
        mine = {row for row in clients if row.driver_name and row.protocol_version == version}
        assert mine


def test_the_version_is_found_by_asking(session: Session) -> None:
    assert session.pools.engine.protocol_version == 5
    assert {host.protocol_version for host in session.hosts} == {5}
    assert {host.release_version for host in session.hosts} == {session.hosts[0].release_version}
