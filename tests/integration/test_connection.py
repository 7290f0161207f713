"""The connection under load, and versions that a server does not speak."""

from __future__ import annotations

import socket
from random import Random
from typing import Any

import pytest

from cql_protocol.connection import Answer, ClientConnection, State
from cql_protocol.errors import (
    InvalidRequest,
    LocalProtocolError,
    ProtocolVersionUnsupported,
    ProtocolViolation,
)
from cql_protocol.messages import Options, Prepare, Query, Ready, Startup
from cql_protocol.negotiation import startup
from tests.integration.client import Client, bound, decode
from tests.integration.conftest import Combination, Connect

KEYSPACE = "connection_tests"
PATIENCE = 5.0
"""Seconds for an answer that a node has at hand"""


@pytest.fixture(scope="module", autouse=True)
def tables(connect: Connect) -> None:
    """A table with one partition of some size."""
    client = connect((5, False))
    client.make_keyspace(KEYSPACE)
    client.query("CREATE TABLE items (pk int, ck int, v text, PRIMARY KEY (pk, ck))")
    insert = client.prepare(f"INSERT INTO {KEYSPACE}.items (pk, ck, v) VALUES (?, ?, ?)")
    client.pipeline(bound(insert, (0, ck, "x" * 50)) for ck in range(500))


def test_a_thousand_requests_at_once(client: Client) -> None:
    """Each gets its own answer, whatever order the answers come in."""
    rng = Random(1)
    select = client.prepare(f"SELECT ck, v FROM {KEYSPACE}.items WHERE pk = 0 AND ck < ?")
    single = client.prepare(f"SELECT ck FROM {KEYSPACE}.items WHERE pk = 0 AND ck = ?")
    asked = [rng.randrange(500) for _ in range(1000)]
    order: list[int] = []
    answers: dict[int, Any] = {}
    connection = client.connection
    frames = []
    for number, ck in enumerate(asked):
        statement = select if number % 10 == 0 else single

        def answered(answer: Any, number: int = number) -> None:
            order.append(number)
            answers[number] = answer

        frames.append(connection.frame(bound(statement, (ck,)), answered))
    assert connection.streams.in_flight == 1000
    client.socket.sendall(connection.wrap(frames))
    while connection.streams.in_flight:
        client.receive()
    for number, ck in enumerate(asked):
        rows = decode(answers[number])
        assert [row[0] for row in rows] == (list(range(ck)) if number % 10 == 0 else [ck])
    assert sorted(order) == list(range(1000))
    assert len(connection.streams) == 0
    assert not client.strays


def test_an_orphan_frees_its_stream_late(client: Client) -> None:
    connection = client.connection
    heard: list[Any] = []
    frames = [
        connection.frame(Query(f"SELECT * FROM {KEYSPACE}.items WHERE pk = 0"), heard.append)
        for _ in range(20)
    ]
    streams = [stream for stream, waiting in enumerate(connection.streams.waiting) if waiting]
    assert len(streams) == 20
    client.socket.sendall(connection.wrap(frames))
    for stream in streams:
        connection.orphan(stream)
    assert connection.streams.orphans == 20
    assert connection.streams.in_flight == 0
    # While they are out, their ids are not given to others.
    for _ in range(5):
        assert client.rows("SELECT key FROM system.local") == [("local",)]
    while connection.streams.orphans:
        client.receive()
    assert len(connection.streams) == 0
    assert heard == []
    assert client.strays == []
    assert client.rows("SELECT key FROM system.local") == [("local",)]


def test_requests_of_all_kinds_mixed(client: Client) -> None:
    select = f"SELECT ck FROM {KEYSPACE}.items WHERE pk = 0 AND ck = "
    requests = [
        request
        for number in range(100)
        for request in (
            Query(f"{select}{number}"),
            Options(),
            Prepare(f"{select}{number % 5}"),
            Query("SELECT nothing FROM nowhere.atall"),
        )
    ]
    answers = client.pipeline(requests)
    for number in range(100):
        rows, supported, prepared, error = answers[4 * number : 4 * number + 4]
        assert decode(rows) == [(number,)]
        assert "CQL_VERSION" in supported.options
        assert len(prepared.query_id) == 16
        assert isinstance(error, InvalidRequest)


# --- versions ------------------------------------------------------------------------------


def answer_to_version(client: Client, version: int, byte: int) -> tuple[ClientConnection, Any]:
    """Send OPTIONS with another version in its first byte; return connection and answer."""
    connection = ClientConnection(version)
    frame = bytearray(connection.send(Options()))
    frame[0] = byte
    with socket.create_connection(client.socket.getpeername(), timeout=PATIENCE) as sock:
        sock.sendall(frame)
        while (event := connection.next_event()) is None:
            data = sock.recv(65536)
            assert data, "the server closed the connection, and nothing was made of its answer"
            connection.receive_data(data)
    assert isinstance(event, Answer)
    return connection, event.response


@pytest.mark.parametrize("byte", [0x06, 0x07, 0x42])
@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_version_that_the_server_refuses(connect: Connect, version: int, byte: int) -> None:
    """It answers in one that it speaks, which may be ours: then nothing but the text tells."""
    connection, error = answer_to_version(connect((5, False)), version, byte)
    assert isinstance(error, ProtocolViolation)
    assert "version" in error.message
    assert error.code == 0x000A
    if byte == 0x06 or version < 5:
        assert isinstance(error, ProtocolVersionUnsupported)
        assert (error.requested, error.offered) == (version, 6 if byte == 0x06 else 5)
        assert connection.state is State.CLOSED


@pytest.mark.parametrize("byte", [0x01, 0x02])
def test_a_refusal_in_the_frame_of_an_old_version(connect: Connect, byte: int) -> None:
    """Frames of protocol 1 and 2 have a header of eight bytes; old servers answer so."""
    _, error = answer_to_version(connect((5, False)), 5, byte)
    assert isinstance(error, ProtocolVersionUnsupported)
    assert error.offered == byte


def refused_startup(client: Client, combination: Combination) -> tuple[Client, Startup]:
    """Return a connection whose STARTUP was refused, and one that would do."""
    version, compression = combination
    host, port = client.socket.getpeername()[:2]
    again = Client.__new__(Client)
    again.open(host, port, version)
    supported = again.request(Options())
    wrong = {"CQL_VERSION": "1.0.0"}
    with pytest.raises(ProtocolViolation, match="CQL version"):
        again.request(startup(supported, version, compression=compression, options=wrong))
    return again, startup(supported, version, compression=compression)


def test_a_startup_that_is_refused_can_be_repeated(
    client: Client, combination: Combination
) -> None:
    if combination[0] >= 5:
        return  # see below
    again, right = refused_startup(client, combination)
    with again:
        assert again.connection.state is State.NEW
        assert again.request(right) == Ready()
        assert again.rows("SELECT key FROM system.local") == [("local",)]


@pytest.mark.parametrize("compression", [False, "lz4"])
def test_a_startup_that_is_refused_ends_a_connection_of_protocol_5(
    connect: Connect, compression: bool | str
) -> None:
    """The server goes on in segments after any answer to STARTUP, an error included."""
    again, right = refused_startup(connect((5, False)), (5, compression))
    with again, pytest.raises(LocalProtocolError):
        again.request(right)


def test_the_version_of_this_connection_is_spoken(client: Client, combination: Combination) -> None:
    """The server notes the version of each client."""
    host, port = client.socket.getsockname()[:2]
    found = client.rows(
        "SELECT protocol_version FROM system_views.clients "
        f"WHERE address = '{host}' AND port = {port}"
    )
    assert found == [(combination[0],)]
