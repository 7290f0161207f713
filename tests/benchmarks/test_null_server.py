"""The null server of the benchmarks answers as a node would, and counts what it answered."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from benchmarks import schema
from benchmarks.canned import COUNTERS
from benchmarks.null_server import NullServer
from cql_protocol import (
    Answer,
    Batch,
    BatchEntry,
    ClientConnection,
    Execute,
    Options,
    PreparedResult,
    Query,
    QueryParameters,
    RawRows,
    Register,
    ResultMetadata,
    RowDecoder,
    SetKeyspaceResult,
    VoidResult,
)
from cql_protocol.errors import PreparedQueryNotFound, ProtocolViolation
from cql_protocol.types import INT, TEXT
from tests.integration.client import Client, bound

COMBINATIONS = [(3, False), (4, False), (4, "lz4"), (5, False), (5, "lz4")]
WINDOW = 300


@pytest.fixture(scope="module")
def server() -> Iterator[NullServer]:
    with NullServer() as running:
        yield running


@pytest.fixture(params=COMBINATIONS, ids=str)
def client(server: NullServer, request: pytest.FixtureRequest) -> Iterator[Client]:
    version, compression = request.param
    with Client(server.address, server.port, version=version, compression=compression) as connected:
        yield connected


def rows(answer: object, metadata: ResultMetadata) -> list[tuple[object, ...]]:
    assert isinstance(answer, RawRows)
    assert metadata.columns is not None
    return answer.decode(RowDecoder([column.type for column in metadata.columns]))


def prepare(client: Client, text: str) -> PreparedResult:
    prepared = client.prepare(text)
    assert isinstance(prepared, PreparedResult)
    return prepared


def answered(client: Client) -> int:
    ((count, cpu_us),) = client.rows(COUNTERS)
    assert cpu_us > 0
    return count


def test_every_execute_is_answered_and_counted(client: Client) -> None:
    before = answered(client)
    insert = prepare(client, schema.INSERT_ITEM)
    assert [column.name for column in insert.metadata.columns] == ["id", "name"]
    for number in range(5):
        values = [INT.encode(number), TEXT.encode("x" * number)]
        answer = client.request(Execute(insert.query_id, QueryParameters(values=values)))
        assert isinstance(answer, VoidResult)
    assert answered(client) == before + 5


@pytest.mark.parametrize("skip", [False, True])
def test_a_row_is_read_with_and_without_metadata(client: Client, skip: bool) -> None:
    select = prepare(client, schema.SELECT_ITEM)
    request = Execute(
        select.query_id,
        QueryParameters(values=[INT.encode(1)], skip_metadata=skip),
        select.result_metadata_id,
    )
    for _ in range(3):
        answer = client.request(request)
        assert isinstance(answer, RawRows)
        assert (answer.metadata.columns is None) is skip
        assert rows(answer, select.result_metadata) == [schema.item(1)]


@pytest.mark.parametrize("table", schema.MAPPED)
def test_rows_of_a_model_are_found_by_texts_and_by_prepared_statements(
    client: Client, table: str
) -> None:
    expected = [tuple(row.values()) for row in schema.mapped_rows(table)]
    names = ", ".join(f'"{name}"' for name in schema.TABLES[table])
    for one in ("7", "8"):
        where = f'"id" = {schema.MAPPED_PART} AND "number" = {one} LIMIT 10000'
        assert client.rows(f"SELECT * FROM bench.{table} WHERE {where}") == expected[:1]
    text = f'SELECT {names} FROM bench.{table} WHERE "id" = {schema.MAPPED_PART} LIMIT 10000'
    assert client.rows(text) == expected
    select = prepare(client, f'SELECT {names} FROM "bench"."{table}" WHERE "id" = ? LIMIT ?')
    assert [column.name for column in select.metadata.columns] == ["id", "LIMIT"]
    answer = client.request(bound(select, (schema.MAPPED_PART, 10000)))
    assert rows(answer, select.result_metadata) == expected
    marks = ", ".join("?" * len(expected[0]))
    insert = prepare(client, f'INSERT INTO "bench"."{table}" ({names}) VALUES ({marks})')
    assert [column.name for column in insert.metadata.columns] == [*schema.TABLES[table]]
    assert isinstance(client.request(bound(insert, expected[0])), VoidResult)


def test_requests_sent_together_are_answered_each_on_its_stream(client: Client) -> None:
    before = answered(client)
    select = prepare(client, schema.SELECT_ITEM)
    insert = prepare(client, schema.INSERT_ITEM)
    requests = [
        Execute(select.query_id, QueryParameters(values=[INT.encode(n)]))
        if n % 2
        else Execute(
            insert.query_id, QueryParameters(values=[INT.encode(n), TEXT.encode("y" * (n % 7))])
        )
        for n in range(WINDOW)
    ]
    kinds = [type(answer) for answer in client.pipeline(requests)]
    assert kinds == [VoidResult, RawRows] * (WINDOW // 2)
    assert answered(client) == before + WINDOW


@pytest.mark.parametrize("count", [7, 8, WINDOW])
def test_requests_alike_are_answered_each_on_its_stream(client: Client, count: int) -> None:
    select = prepare(client, schema.SELECT_ITEM)
    insert = prepare(client, schema.INSERT_ITEM)
    before = answered(client)
    for prepared, values in ((select, (1,)), (insert, (1, "x"))):
        answers = client.pipeline(bound(prepared, values) for _ in range(count))
        assert {type(answer) for answer in answers} == {
            RawRows if prepared is select else VoidResult
        }
        for answer in answers:
            if prepared is select:
                assert rows(answer, select.result_metadata) == [schema.item(1)]
    odd = [bound(select, (1,), skip_metadata=n == count - 1) for n in range(count)]
    skipped = [answer.metadata.columns is None for answer in client.pipeline(odd)]
    assert skipped == [False] * (count - 1) + [True]
    assert answered(client) == before + 3 * count


def test_pages_asked_for_together_come_whole(client: Client) -> None:
    select = prepare(client, schema.SELECT_PAGE)
    answers = client.pipeline(bound(select, (0,)) for _ in range(12))
    assert {len(rows(answer, select.result_metadata)) for answer in answers} == {schema.PAGE_ROWS}


def test_a_page_comes_whole(client: Client) -> None:
    select = prepare(client, schema.SELECT_PAGE)
    for _ in range(2):
        answer = client.request(Execute(select.query_id, QueryParameters(values=[INT.encode(0)])))
        assert rows(answer, select.result_metadata) == list(schema.page())


def test_batches_and_texts_are_counted_and_system_tables_are_not(client: Client) -> None:
    before = answered(client)
    assert isinstance(client.request(Query("INSERT INTO bench.items (id) VALUES (1)")), VoidResult)
    assert isinstance(client.request(Batch([BatchEntry("DELETE FROM bench.items")])), VoidResult)
    assert client.request(Query("USE bench")) == SetKeyspaceResult("bench")
    client.rows("SELECT * FROM system.local WHERE key='local'")
    assert answered(client) == before + 3


def test_the_system_tables_tell_of_one_node(client: Client, server: NullServer) -> None:
    text = "SELECT rpc_port, partitioner, data_center FROM system.local WHERE key='local'"
    assert client.rows(text) == [
        (server.port, "org.apache.cassandra.dht.Murmur3Partitioner", "dc1")
    ]
    assert client.rows("SELECT * FROM system.peers_v2") == []
    assert client.rows("SELECT keyspace_name FROM system_schema.keyspaces") == [("bench",)]
    assert client.rows("SELECT x FROM system_schema.unknown") == []
    text = "SELECT column_name FROM system_schema.columns WHERE table_name = 'items'"
    assert client.rows(text) == [("id",), ("name",)]
    client.request(Register(["STATUS_CHANGE"]))


def test_a_statement_that_was_not_prepared_is_refused(client: Client) -> None:
    with pytest.raises(PreparedQueryNotFound):
        client.request(Execute(b"x" * 16, QueryParameters()))


def test_an_unknown_version_is_refused_with_those_it_speaks(server: NullServer) -> None:
    with socket.create_connection((server.address, server.port)) as sock:
        connection = ClientConnection(5)
        data = connection.send(Options())
        sock.sendall(bytes((0x42,)) + data[1:])
        connection.receive_data(sock.recv(4096))
        event = connection.next_event()
    assert isinstance(event, Answer)
    assert isinstance(event.response, ProtocolViolation)
    assert "4/v4, 5/v5" in str(event.response)


@pytest.fixture(scope="module")
def full() -> Iterator[NullServer]:
    """A server that tells of 60 tables in three keyspaces."""
    with NullServer(60, 20) as running:
        yield running


def test_made_up_tables_are_told_in_pages(full: NullServer) -> None:
    text = "SELECT keyspace_name, table_name FROM system_schema.tables"
    pages: list[list[tuple[object, ...]]] = []
    state = None
    with Client(full.address, full.port, version=4) as client:
        while not pages or state is not None:
            answer = client.request(Query(text, QueryParameters(page_size=25, paging_state=state)))
            assert isinstance(answer, RawRows)
            pages.append(rows(answer, answer.metadata))
            state = answer.metadata.paging_state
    assert [len(page) for page in pages] == [25, 25, 10 + len(schema.TABLES)]
    assert len({row for page in pages for row in page}) == 60 + len(schema.TABLES)


def test_made_up_tables_are_found_by_names(full: NullServer) -> None:
    with Client(full.address, full.port, version=4) as client:
        text = (
            "SELECT table_name FROM system_schema.tables WHERE keyspace_name IN ('made_up_2', 'x')"
        )
        assert client.rows(text) == [(f"t{number}",) for number in range(40, 60)]
        text = (
            "SELECT column_name FROM system_schema.columns "
            "WHERE keyspace_name = 'made_up_0' AND table_name IN ('t1', 't2')"
        )
        assert len(client.rows(text)) == 24
