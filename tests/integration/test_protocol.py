"""The messages of the protocol, exchanged with a real server in every version."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import pytest

from cql_protocol.connection import State
from cql_protocol.enums import BatchType, ConsistencyLevel
from cql_protocol.errors import (
    InvalidRequest,
    InvalidValue,
    LocalProtocolError,
    PreparedQueryNotFound,
)
from cql_protocol.messages import (
    Batch,
    BatchEntry,
    ColumnSpec,
    Options,
    Prepare,
    PreparedResult,
    Query,
    QueryParameters,
    RawRows,
    SchemaChange,
    SchemaChangeResult,
    SetKeyspaceResult,
    Supported,
    VoidResult,
)
from cql_protocol.types import BIGINT, INT, TEXT
from cql_protocol.values import UNSET
from tests.integration.client import Client, bound, decode
from tests.integration.conftest import Combination, Connect

KEYSPACE = "protocol_messages"
ITEMS = f"{KEYSPACE}.items"


@pytest.fixture(scope="module", autouse=True)
def tables(connect: Connect) -> None:
    """The tables of this module; each test uses partitions of its own."""
    client = connect((5, False))
    client.make_keyspace(KEYSPACE)
    client.query("CREATE TABLE items (pk text, ck int, v text, PRIMARY KEY (pk, ck))")
    client.query("CREATE TABLE counters (pk text PRIMARY KEY, c counter)")


@pytest.fixture
def pk(request: pytest.FixtureRequest) -> str:
    """A partition key of this test alone, fit for a literal."""
    return str(request.node.name)


def contents(client: Client, pk: str) -> list[tuple[Any, ...]]:
    """Return (ck, v) of the rows of a partition."""
    return client.rows(f"SELECT ck, v FROM {ITEMS} WHERE pk = '{pk}'")


# --- handshake -----------------------------------------------------------------------------


def test_the_handshake_leads_to_ready(client: Client, combination: Combination) -> None:
    version, compression = combination
    connection = client.connection
    assert connection.state is State.READY
    assert connection.version == version
    assert (connection.compressor.name if connection.compressor else False) == compression
    supported = client.request(Options())
    assert isinstance(supported, Supported)
    assert {"lz4", "snappy"} <= set(supported.options["COMPRESSION"])
    assert f"{version}/v{version}" in supported.options["PROTOCOL_VERSIONS"]


def test_compression_shortens_what_is_sent(
    client: Client, combination: Combination, pk: str
) -> None:
    text = "all work and no play makes Jack a dull boy\n" * 5000
    insert = client.prepare(f"INSERT INTO {ITEMS} (pk, ck, v) VALUES (?, ?, ?)")
    sent = len(client.connection.send(bound(insert, (pk, 0, text))))
    client.connection.streams.orphan(client.connection.last_stream)  # it was never sent
    client.execute(insert, (pk, 1, text))
    before = client.received
    assert contents(client, pk) == [(1, text)]
    received = client.received - before
    limit = range(len(text)) if combination[1] else range(len(text), len(text) + 1000)
    assert sent in limit
    assert received in limit


# --- results -------------------------------------------------------------------------------


def test_every_kind_of_result(client: Client, pk: str) -> None:
    inserted = client.query(f"INSERT INTO {ITEMS} (pk, ck, v) VALUES ('{pk}', 1, 'one')")
    assert inserted == VoidResult()
    rows = client.query(f"SELECT ck, v FROM {ITEMS} WHERE pk = '{pk}'")
    assert isinstance(rows, RawRows)
    assert rows.row_count == 1
    assert rows.metadata.columns == (
        ColumnSpec(KEYSPACE, "items", "ck", INT),
        ColumnSpec(KEYSPACE, "items", "v", TEXT),
    )
    assert decode(rows) == [(1, "one")]
    assert client.query(f"USE {KEYSPACE}") == SetKeyspaceResult(KEYSPACE)
    same = client.query(f"CREATE TABLE IF NOT EXISTS {ITEMS} (pk text PRIMARY KEY)")
    assert same == VoidResult()
    changed = client.query(f"ALTER TABLE {ITEMS} WITH comment = '{pk}'")
    assert changed == SchemaChangeResult(SchemaChange("UPDATED", "TABLE", KEYSPACE, "items"))


def test_what_a_prepared_statement_says_of_itself(client: Client, combination: Combination) -> None:
    prepared = client.prepare(f"SELECT v, ck FROM {ITEMS} WHERE pk = :key AND ck > ?")
    assert isinstance(prepared, PreparedResult)
    assert prepared.metadata.columns == (
        ColumnSpec(KEYSPACE, "items", "key", TEXT),
        ColumnSpec(KEYSPACE, "items", "ck", INT),
    )
    assert prepared.metadata.pk_indexes == ((0,) if combination[0] >= 4 else ())
    assert prepared.metadata.lwt is False
    assert prepared.result_metadata.columns == (
        ColumnSpec(KEYSPACE, "items", "v", TEXT),
        ColumnSpec(KEYSPACE, "items", "ck", INT),
    )
    assert (prepared.result_metadata_id is not None) == (combination[0] >= 5)
    insert = client.prepare(f"INSERT INTO {ITEMS} (ck, pk, v) VALUES (?, ?, ?)")
    assert insert.metadata.pk_indexes == ((1,) if combination[0] >= 4 else ())
    assert not insert.result_metadata.columns


def test_rows_without_their_description(client: Client, pk: str) -> None:
    client.query(f"INSERT INTO {ITEMS} (pk, ck, v) VALUES ('{pk}', 7, 'seven')")
    select = client.prepare(f"SELECT * FROM {ITEMS} WHERE pk = ?")
    rows = client.execute(select, (pk,), skip_metadata=True)
    assert rows.metadata.columns is None
    assert rows.metadata.column_count == 3
    assert rows.metadata.new_metadata_id is None
    assert decode(rows, select.result_metadata.columns) == [(pk, 7, "seven")]


def test_new_columns_bring_a_new_description(connect: Connect, combination: Combination) -> None:
    """Protocol 5 tells a client that skips the description when the table has changed."""
    if combination[0] < 5:
        return  # older versions have no such thing: their clients must not skip it
    client, other = connect(combination), connect((4, False))
    table = f"{KEYSPACE}.growing_{combination[1] or 'plain'}"
    other.query(f"CREATE TABLE {table} (pk int PRIMARY KEY, a int)")
    other.query(f"INSERT INTO {table} (pk, a) VALUES (1, 2)")
    select = client.prepare(f"SELECT * FROM {table}")
    assert decode(client.execute(select), select.result_metadata.columns) == [(1, 2)]

    other.query(f"ALTER TABLE {table} ADD b int")
    other.query(f"INSERT INTO {table} (pk, a, b) VALUES (1, 2, 3)")
    with pytest.raises(PreparedQueryNotFound) as caught:
        client.execute(select, skip_metadata=True)
    assert caught.value.query_id == select.query_id
    # Prepared again by whomever, it has the same id; only this client does not know the columns.
    assert other.prepare(f"SELECT * FROM {table}").query_id == select.query_id
    rows = client.execute(select, skip_metadata=True)
    assert rows.metadata.new_metadata_id not in (None, select.result_metadata_id)
    assert [column.name for column in rows.metadata.columns or ()] == ["pk", "a", "b"]
    assert decode(rows) == [(1, 2, 3)]

    select.result_metadata_id = rows.metadata.new_metadata_id
    again = client.execute(select, skip_metadata=True)
    assert again.metadata.columns is None
    assert again.metadata.new_metadata_id is None
    assert decode(again, rows.metadata.columns) == [(1, 2, 3)]


# --- parameters ----------------------------------------------------------------------------


def test_null_deletes_and_unset_leaves(client: Client, combination: Combination, pk: str) -> None:
    insert = client.prepare(f"INSERT INTO {ITEMS} (pk, ck, v) VALUES (?, ?, ?)")
    client.execute(insert, (pk, 1, "kept"))
    if combination[0] >= 4:
        client.execute(insert, (pk, 1, UNSET))
        client.execute(insert, (pk, 1))
    else:
        with pytest.raises(LocalProtocolError, match="UNSET needs protocol 4"):
            client.execute(insert, (pk, 1, UNSET))
    assert contents(client, pk) == [(1, "kept")]
    client.execute(insert, (pk, 1, None))
    assert contents(client, pk) == [(1, None)]


def test_values_by_name(client: Client, pk: str) -> None:
    client.query(
        f"INSERT INTO {ITEMS} (pk, ck, v) VALUES (:key, :number, :text)",
        {"text": b"by name", "key": pk.encode(), "number": INT.encode(5)},
    )
    assert contents(client, pk) == [(5, "by name")]
    insert = client.prepare(f"INSERT INTO {ITEMS} (pk, ck, v) VALUES (:key, :number, :text)")
    client.execute(insert, {"text": "prepared", "key": pk, "number": 6})
    assert contents(client, pk)[1:] == [(6, "prepared")]


def test_values_by_position(client: Client, pk: str) -> None:
    client.query(
        f"INSERT INTO {ITEMS} (pk, ck, v) VALUES (?, ?, ?)", [pk.encode(), INT.encode(5), None]
    )
    assert contents(client, pk) == [(5, None)]
    with pytest.raises(InvalidRequest):
        client.query(f"INSERT INTO {ITEMS} (pk, ck, v) VALUES (?, ?, ?)", [pk.encode()])
    with pytest.raises(InvalidValue):
        client.execute(client.prepare(f"SELECT v FROM {ITEMS} WHERE pk = ?"), (pk, 1))


def test_timestamp_of_a_write(client: Client, pk: str) -> None:
    for timestamp in (-(1 << 62), 1, (1 << 62)):
        client.query(
            f"INSERT INTO {ITEMS} (pk, ck, v) VALUES ('{pk}', 1, 'x')", timestamp=timestamp
        )
        found = client.rows(f"SELECT writetime(v) FROM {ITEMS} WHERE pk = '{pk}'")
        assert found == [(timestamp,)]


def test_keyspace_of_a_request(client: Client, combination: Combination, pk: str) -> None:
    insert = f"INSERT INTO items (pk, ck, v) VALUES ('{pk}', 1, 'x')"
    if combination[0] < 5:
        with pytest.raises(LocalProtocolError, match="needs protocol 5"):
            client.query(insert, keyspace=KEYSPACE)
        with pytest.raises(LocalProtocolError, match="needs protocol 5"):
            client.prepare(insert, KEYSPACE)
        return
    client.query("USE system")
    client.query(insert, keyspace=KEYSPACE)
    client.execute(client.prepare(insert.replace("1", "2", 1), KEYSPACE))
    entries = [BatchEntry(f"INSERT INTO items (pk, ck, v) VALUES ('{pk}', 3, 'x')")]
    client.request(Batch(entries, parameters=QueryParameters(keyspace=KEYSPACE)))
    prepared = client.prepare(f"SELECT ck FROM items WHERE pk = '{pk}'", KEYSPACE)
    assert len(decode(client.execute(prepared))) >= 2
    with pytest.raises(InvalidRequest):
        client.query(insert)


def test_now_in_seconds(client: Client, combination: Combination, pk: str) -> None:
    if combination[0] < 5:
        with pytest.raises(LocalProtocolError, match="needs protocol 5"):
            client.query("SELECT * FROM system.local", now_in_seconds=1)
        return
    now = int(time.time())
    client.query(
        f"INSERT INTO {ITEMS} (pk, ck, v) VALUES ('{pk}', 1, 'x') USING TTL 1000",
        now_in_seconds=now,
    )
    select = f"SELECT ttl(v) FROM {ITEMS} WHERE pk = '{pk}'"
    assert client.rows(select, now_in_seconds=now + 400) == [(600,)]
    assert client.rows(select, now_in_seconds=now + 999) == [(1,)]
    assert client.rows(select, now_in_seconds=now + 1001) == []


def test_serial_consistency_and_applied(client: Client, pk: str) -> None:
    insert = f"INSERT INTO {ITEMS} (pk, ck, v) VALUES ('{pk}', 1, 'x') IF NOT EXISTS"
    first = client.query(insert, serial_consistency=ConsistencyLevel.LOCAL_SERIAL)
    assert [column.name for column in first.metadata.columns] == ["[applied]"]
    assert decode(first) == [(True,)]
    again = client.query(insert, serial_consistency=ConsistencyLevel.SERIAL)
    assert [column.name for column in again.metadata.columns] == ["[applied]", "pk", "ck", "v"]
    assert decode(again) == [(False, pk, 1, "x")]
    with pytest.raises(InvalidRequest):
        client.query(insert, serial_consistency=ConsistencyLevel.ONE)


# --- pages ---------------------------------------------------------------------------------


def test_pages(client: Client, connect: Connect, combination: Combination, pk: str) -> None:
    insert = client.prepare(f"INSERT INTO {ITEMS} (pk, ck, v) VALUES (?, ?, ?)")
    client.pipeline(bound(insert, (pk, ck, "v" * ck)) for ck in range(43))
    select = f"SELECT ck, v FROM {ITEMS} WHERE pk = '{pk}'"
    pages = list(client.pages(select, 10))
    assert [page.row_count for page in pages] == [10, 10, 10, 10, 3]
    assert [page.metadata.has_more_pages for page in pages] == [True] * 4 + [False]
    rows = [row for page in pages for row in decode(page)]
    assert rows == [(ck, "v" * ck) for ck in range(43)]

    prepared = client.prepare(select)
    page = client.execute(
        prepared, page_size=7, paging_state=pages[1].metadata.paging_state, skip_metadata=True
    )
    found = decode(page, prepared.result_metadata.columns)
    assert [ck for ck, _ in found] == list(range(20, 27))

    with Client(*client.socket.getpeername(), version=combination[0]) as other:
        page = other.query(select, page_size=100, paging_state=page.metadata.paging_state)
        assert [ck for ck, _ in decode(page)] == list(range(27, 43))


# --- batches -------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_type", [BatchType.LOGGED, BatchType.UNLOGGED])
def test_batch_of_text_and_prepared(client: Client, pk: str, batch_type: BatchType) -> None:
    insert = client.prepare(f"INSERT INTO {ITEMS} (pk, ck, v) VALUES (?, ?, ?)")
    entries = [
        BatchEntry(f"INSERT INTO {ITEMS} (pk, ck, v) VALUES ('{pk}', 1, 'text')"),
        BatchEntry(insert.query_id, [pk.encode(), INT.encode(2), b"prepared"]),
        BatchEntry(
            f"INSERT INTO {ITEMS} (pk, ck, v) VALUES (?, ?, ?)",
            [pk.encode(), INT.encode(3), None],
        ),
        BatchEntry(f"DELETE FROM {ITEMS} WHERE pk = ? AND ck = 99", [pk.encode()]),
    ]
    parameters = QueryParameters(ConsistencyLevel.QUORUM, timestamp=1234567)
    assert client.request(Batch(entries, batch_type, parameters)) == VoidResult()
    assert contents(client, pk) == [(1, "text"), (2, "prepared"), (3, None)]
    found = client.rows(f"SELECT writetime(v) FROM {ITEMS} WHERE pk = '{pk}'")
    assert found == [(1234567,), (1234567,), (None,)]


def test_batch_of_counters(client: Client, pk: str) -> None:
    update = client.prepare(f"UPDATE {KEYSPACE}.counters SET c = c + ? WHERE pk = ?")
    entries = [
        BatchEntry(update.query_id, [BIGINT.encode(40), pk.encode()]),
        BatchEntry(f"UPDATE {KEYSPACE}.counters SET c = c + 2 WHERE pk = '{pk}'"),
    ]
    client.request(Batch(entries, BatchType.COUNTER))
    found = client.rows(f"SELECT c FROM {KEYSPACE}.counters WHERE pk = '{pk}'")
    assert found == [(42,)]
    with pytest.raises(InvalidRequest):
        client.request(Batch(entries, BatchType.LOGGED))


def test_conditional_batch(client: Client, pk: str) -> None:
    entries = [
        BatchEntry(f"INSERT INTO {ITEMS} (pk, ck, v) VALUES ('{pk}', {ck}, 'x') IF NOT EXISTS")
        for ck in (1, 2)
    ]
    serial = QueryParameters(serial_consistency=ConsistencyLevel.LOCAL_SERIAL)
    assert decode(client.request(Batch(entries, parameters=serial))) == [(True,)]
    again = decode(client.request(Batch(entries, parameters=serial)))
    assert again == [(False, pk, 1, "x"), (False, pk, 2, "x")]


# --- around the message --------------------------------------------------------------------


def test_tracing(client: Client) -> None:
    answer = client.request(Query("SELECT release_version FROM system.local"), tracing=True)
    assert isinstance(answer.tracing_id, UUID)
    assert answer.tracing_id.version == 1
    assert len(decode(answer)) == 1
    prepared = client.request(Prepare(f"SELECT * FROM {ITEMS}"), tracing=True)
    assert isinstance(prepared.tracing_id, UUID)
    deadline = time.monotonic() + 20
    query = f"SELECT request FROM system_traces.sessions WHERE session_id = {answer.tracing_id}"
    while not (found := client.rows(query)):
        assert time.monotonic() < deadline, "the trace was not written"
        time.sleep(0.05)
    assert found == [("Execute CQL3 query",)]


def test_tracing_of_an_error(client: Client) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.request(Query(f"SELECT nothing FROM {ITEMS}"), tracing=True)
    assert isinstance(caught.value.tracing_id, UUID)


def test_warnings(client: Client, combination: Combination) -> None:
    answer = client.query(f"SELECT count(*) FROM {ITEMS}")
    if combination[0] < 4:
        assert answer.warnings == ()
    else:
        assert list(answer.warnings) == ["Aggregation query used without partition key"]
    assert len(decode(answer)) == 1


def test_several_things_around_a_message(client: Client, combination: Combination) -> None:
    if combination[0] < 4:
        with pytest.raises(LocalProtocolError, match="needs protocol 4"):
            client.request(Query(f"SELECT count(*) FROM {ITEMS}"), custom_payload={"a": b"b"})
        return
    payload = {"key": b"value", "empty": b"", "null": None}
    answer = client.request(
        Query(f"SELECT count(*) FROM {ITEMS}"), tracing=True, custom_payload=payload
    )
    assert answer.warnings
    assert answer.tracing_id is not None
    assert answer.custom_payload is None  # the server has nothing to say to it
    assert len(decode(answer)) == 1
