"""Answers that are not what they should be, and receivers that are interrupted."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from cql_protocol import (
    Answer,
    ClientConnection,
    Options,
    Query,
    Ready,
    RemoteProtocolError,
    ServerConnection,
    Startup,
    State,
    StatusChange,
    VoidResult,
)
from cql_protocol.dialect import Dialect
from cql_protocol.errors import (
    ConnectionClosed,
    LocalProtocolError,
    ProtocolVersionUnsupported,
    ProtocolViolation,
)
from cql_protocol.messages import (
    ColumnSpec,
    PreparedMetadata,
    PreparedResult,
    ResultMetadata,
    SetKeyspaceResult,
)
from cql_protocol.messages.codec import decode_response, encode_response
from cql_protocol.messages.opcodes import EVENT, READY, RESULT
from cql_protocol.types import INT
from cql_protocol.wire import pack_int, write_string


class Cancelled(BaseException):
    """What a framework raises to end a task; no `Exception`, as asyncio's and gevent's."""


@pytest.fixture
def ends() -> tuple[ClientConnection, ServerConnection]:
    """Both ends of a connection of protocol 4 that is ready."""
    client, server = ClientConnection(4), ServerConnection()
    server.receive_data(client.send(Startup()))
    client.receive_data(server.send(client.last_stream, Ready()))
    assert isinstance(client.next_event(), Answer)
    return client, server


Ends = tuple[ClientConnection, ServerConnection]


def _interrupt(answer: object) -> None:
    raise Cancelled


def test_an_interrupt_waits_until_all_answers_are_given(ends: Ends) -> None:
    client, server = ends
    answers: list[Any] = []
    client.send(Query("one"), _interrupt)
    first = client.last_stream
    client.send(Query("two"), answers.append)
    data = server.frame(first, VoidResult()) + server.frame(client.last_stream, VoidResult())
    with pytest.raises(Cancelled):
        client.receive_data(data)
    assert answers == [VoidResult()]
    assert len(client.streams) == 0
    client.receive_data(b"")


def test_an_interrupt_at_the_end_of_a_connection(ends: Ends) -> None:
    client, _ = ends
    answers: list[Any] = []
    client.send(Query("one"), _interrupt)
    client.send(Query("two"), answers.append)
    with pytest.raises(Cancelled):
        client.close()
    assert isinstance(answers[0], ConnectionClosed)


@pytest.mark.parametrize("ending", [False, True])
@pytest.mark.parametrize("interrupted", [0, 1, 2])
def test_an_answer_that_was_interrupted_is_given_once_more(
    ends: Ends, interrupted: int, ending: bool
) -> None:
    client, server = ends
    told: list[tuple[int, type]] = []
    interrupts = [Cancelled()]

    def receive(number: int, answer: object) -> None:
        if number == interrupted and interrupts:
            raise interrupts.pop()
        told.append((number, type(answer)))

    data = b""
    for number in range(3):
        client.send(Query("one"), partial(receive, number))
        data += server.frame(client.last_stream, VoidResult())
    happens = client.close if ending else partial(client.receive_data, data)
    with pytest.raises(Cancelled):
        happens()
    assert told == [(number, ConnectionClosed if ending else VoidResult) for number in range(3)]
    assert len(client.streams) == 0


def test_only_an_answer_to_startup_makes_a_connection_ready() -> None:
    client, server = ClientConnection(5), ServerConnection()
    server.receive_data(client.send(Startup()))
    for stream in (-1, 77):
        client.receive_data(server._frame(0x80, 0, stream, READY, b""))
        event = client.next_event()
        assert isinstance(event, Answer)
        assert event.stream == stream
        assert client.state is State.STARTING
    client.receive_data(server.send(client.last_stream, Ready()))
    assert client.state is State.READY


@pytest.mark.parametrize(
    ("text", "unsupported"),
    [
        ("Invalid or unsupported protocol version (5); supported versions are (3/v3)", True),
        ("Beta version of the protocol used (5/v5-beta), but USE_BETA flag is unset", True),
        (
            "CQL version 1.0.0 is not supported by the binary protocol (supported version are …)",
            False,
        ),
    ],
)
def test_a_version_can_be_refused_in_itself(text: str, unsupported: bool) -> None:
    client, server = ClientConnection(5), ServerConnection()
    answers: list[Any] = []
    server.receive_data(client.send(Options(), answers.append))
    client.receive_data(server.send(client.last_stream, ProtocolViolation(text)))
    (error,) = answers
    assert error.message == text
    assert error.code == 0x000A
    assert isinstance(error, ProtocolVersionUnsupported) is unsupported
    if unsupported:
        assert (error.requested, error.offered) == (5, 0)


def test_an_event_does_not_answer_a_request(ends: Ends) -> None:
    client, server = ends
    answers: list[Any] = []
    client.send(Query("one"), answers.append)
    opcode, flags, body = encode_response(StatusChange("UP", "127.0.0.1", 9042), server.dialect)
    assert opcode == EVENT
    client.receive_data(server._frame(0x80, flags, client.last_stream, opcode, body))
    assert isinstance(answers[0], RemoteProtocolError)
    assert client.next_event() is None


@pytest.mark.parametrize("target", ["TABLE", "TYPE", "FUNCTION", "AGGREGATE"])
def test_a_change_of_something_without_a_name(target: str) -> None:
    body = pack_int(5) + write_string("CREATED") + write_string(target) + write_string("ks")
    with pytest.raises(RemoteProtocolError):
        decode_response(RESULT, 0, body, Dialect(4))


def test_rows_without_columns() -> None:
    no_metadata, no_columns, rows = pack_int(4), pack_int(0), pack_int(2**31 - 1)
    with pytest.raises(RemoteProtocolError, match="rows of 0 columns"):
        decode_response(RESULT, 0, pack_int(2) + no_metadata + no_columns + rows, Dialect(4))


@pytest.mark.parametrize("extras", [{"warnings": ["slow"]}, {"custom_payload": {}}])
def test_what_a_server_of_protocol_3_cannot_say(extras: dict[str, Any]) -> None:
    response = SetKeyspaceResult("ks").with_extras(**extras)
    with pytest.raises(LocalProtocolError, match="need protocol 4"):
        encode_response(response, Dialect(3))
    assert encode_response(response, Dialect(4))[1]


@pytest.mark.parametrize("hides_columns", [False, True])
@pytest.mark.parametrize(("indexes", "fits"), [((0,), True), ((0, 1), False), ((65_535,), False)])
def test_partition_keys_are_of_markers_that_there_are(
    indexes: tuple[int, ...], fits: bool, hides_columns: bool
) -> None:
    columns = [ColumnSpec("ks", "t", "a", INT)]
    prepared = PreparedResult(b"id", PreparedMetadata(columns, indexes), ResultMetadata())
    opcode, flags, body = encode_response(prepared, Dialect(4))
    if hides_columns:
        at = 4 + 2 + len(b"id")  # kind and id come before the flags
        body = body[:at] + pack_int(4) + body[at + 4 :]
        end = at + 12 + 2 * len(indexes)
        body = body[:end] + body[body.rindex(pack_int(4) + pack_int(0)) :]
    if fits:
        found = decode_response(opcode, flags, body, Dialect(4))
        assert isinstance(found, PreparedResult)
        assert found.metadata.pk_indexes == indexes
    else:
        with pytest.raises(RemoteProtocolError, match="of 1 markers"):
            decode_response(opcode, flags, body, Dialect(4))
