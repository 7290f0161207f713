"""Which message may pass in which state, and what happens to those that may not."""

from __future__ import annotations

from typing import Any

import pytest

from cql_protocol.connection import (
    Answer,
    BadRequest,
    ClientConnection,
    RequestReceived,
    ServerConnection,
    State,
)
from cql_protocol.errors import (
    ConnectionClosed,
    FrameTooLarge,
    LocalProtocolError,
    ProtocolVersionUnsupported,
    ProtocolViolation,
    RemoteProtocolError,
    ServerError,
)
from cql_protocol.messages import (
    AuthChallenge,
    Authenticate,
    AuthResponse,
    AuthSuccess,
    Batch,
    Execute,
    Options,
    Prepare,
    Query,
    Ready,
    Register,
    Startup,
    StatusChange,
    Supported,
    VoidResult,
    opcodes,
)
from tests.protocol.transcripts import COMBINATIONS, Pair

REQUESTS: list[Any] = [
    Startup(),
    Options(),
    AuthResponse(b"token"),
    Query("x"),
    Prepare("x"),
    Execute(b"id"),
    Batch([]),
    Register(["STATUS_CHANGE"]),
]
RESPONSES: list[Any] = [
    Ready(),
    Authenticate("a"),
    Supported({}),
    AuthChallenge(b""),
    AuthSuccess(b""),
    VoidResult(),
    ServerError("no"),
    StatusChange("UP", "::1", 9042),
]
REQUESTS_IN = {
    State.NEW: (Options, Startup),
    State.STARTING: (),
    State.AUTHENTICATING: (AuthResponse,),
    State.READY: (Options, Query, Prepare, Execute, Batch, Register),
    State.CLOSED: (),
}
RESPONSES_IN = {
    State.NEW: (Supported, ServerError),
    State.STARTING: (Supported, Ready, Authenticate, ServerError),
    State.AUTHENTICATING: (AuthChallenge, AuthSuccess, ServerError),
    State.READY: (VoidResult, ServerError, Supported, Ready, StatusChange),
    State.CLOSED: (),
}
every_state = pytest.mark.parametrize("state", State)


def _pair(state: State, version: int = 5) -> Pair:
    """A pair that came to `state` by talking."""
    pair = Pair(version)
    if state is State.NEW:
        return pair
    if state is State.READY:
        return pair.shake_hands()
    started = pair.ask(Startup())
    if state is State.AUTHENTICATING:
        pair.answered(started.stream, Authenticate("a"))
    elif state is State.CLOSED:
        pair.client.close()
        pair.client.next_event()
        pair.server.close()
    assert pair.client.state is pair.server.state is state
    return pair


def _everything(connection: Any) -> list[Any]:
    """All that a refused call must leave as it was."""
    names = [name for cls in type(connection).__mro__ for name in getattr(cls, "__slots__", ())]
    found = [(name, getattr(connection, name)) for name in names if name not in ("streams",)]
    found = [(name, list(v) if name == "_events" else v) for name, v in found]
    if isinstance(connection, ClientConnection):
        streams = connection.streams
        found.append(("taken", (len(streams), streams.orphans, list(streams.waiting))))
    return found


@every_state
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_what_a_client_may_send(state: State, request_: Any) -> None:
    client = _pair(state).client
    if isinstance(request_, REQUESTS_IN[state]):
        assert client.send(request_)
        return
    before = _everything(client)
    with pytest.raises(LocalProtocolError, match=f"cannot be sent while .* {state.value}"):
        client.send(request_)
    after = _everything(client)
    assert after == before


@every_state
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_what_a_server_takes(state: State, request_: Any) -> None:
    pair = _pair(state)
    if state is State.CLOSED:
        with pytest.raises(LocalProtocolError, match="closed"):
            pair.server.receive_data(b"\5")
        return
    body = request_.encode(pair.server.dialect)
    frame = pair.client.wrap([pair.client._frame(0, 0, 77, request_.opcode, body)])
    pair.server.receive_data(frame)
    event = pair.server.next_event()
    if isinstance(request_, REQUESTS_IN[state]):
        assert event == RequestReceived(77, request_)
        return
    assert isinstance(event, BadRequest)
    assert event.stream == 77
    assert pair.server.state is state
    assert pair.server.next_event() is None


@every_state
@pytest.mark.parametrize("response", RESPONSES, ids=lambda each: type(each).__name__)
def test_what_a_server_may_send(state: State, response: Any) -> None:
    server = _pair(state).server
    if isinstance(response, RESPONSES_IN[state]):
        assert server.send(0, response)
        return
    before = _everything(server)
    with pytest.raises(LocalProtocolError, match="cannot send"):
        server.send(0, response)
    after = _everything(server)
    assert after == before


@pytest.mark.parametrize("state", [State.NEW, State.STARTING, State.AUTHENTICATING, State.READY])
@pytest.mark.parametrize("response", RESPONSES, ids=lambda each: type(each).__name__)
def test_what_a_client_takes(state: State, response: Any) -> None:
    pair = _pair(state)
    if isinstance(response, RESPONSES_IN[state]):
        return
    opcode = response.opcode
    body = response.encode(pair.client.dialect)
    if state in (State.NEW, State.READY):
        data = pair.client.send(Options())
        assert data
        stream = pair.client.last_stream
    else:
        stream = 0 if state is State.STARTING else _ask_again(pair)
    frame = pair.server.wrap([pair.server._frame(0x80, 0, stream, opcode, body)])
    pair.client.receive_data(frame)
    event = pair.client.next_event()
    assert isinstance(event, Answer)
    assert event.stream == stream
    assert isinstance(event.response, RemoteProtocolError)
    assert pair.client.state is state


def _ask_again(pair: Pair) -> int:
    pair.client.send(AuthResponse(b"token"))
    return pair.client.last_stream


@pytest.mark.parametrize(("version", "compression"), [each for each in COMBINATIONS if each[0] < 5])
def test_a_refused_startup_can_be_tried_again(version: int, compression: str | None) -> None:
    pair = Pair(version)
    started = pair.negotiate(compression)
    answer = pair.answered(started.stream, ServerError("not yet"))
    assert isinstance(answer, ServerError)
    assert pair.client.state is pair.server.state is State.NEW
    # Nothing is agreed now, so both speak without compression until the next STARTUP.
    assert pair.exchange(Options(), Supported({"A": ["b" * 100]})).options == {"A": ["b" * 100]}
    pair.shake_hands(None)
    assert pair.exchange(Query("x" * 100), VoidResult()) == VoidResult()


@pytest.mark.parametrize("compression", [None, "lz4"])
def test_a_refused_startup_of_protocol_5_is_the_end(compression: str | None) -> None:
    """The server has changed to segments although it refused, where no STARTUP can be read."""
    pair = Pair(5)
    started = pair.negotiate(compression)
    answer = pair.answered(started.stream, ServerError("no"))
    assert isinstance(answer, ServerError)
    assert pair.client.next_event() is None
    assert pair.client.state is pair.server.state is State.CLOSED


def test_failed_authentication_can_be_tried_again() -> None:
    pair = _pair(State.AUTHENTICATING)
    asked = pair.ask(AuthResponse(b"wrong"))
    error = pair.answered(asked.stream, ServerError("bad credentials"))
    assert isinstance(error, ServerError)
    asked = pair.ask(AuthResponse(b"right"))
    assert pair.answered(asked.stream, AuthSuccess(None)) == AuthSuccess(None)
    assert pair.client.state is pair.server.state is State.READY


# --- versions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [Options(), Startup()])
@pytest.mark.parametrize("offered", [3, 4])
def test_a_server_that_does_not_speak_the_version(asked: Any, offered: int) -> None:
    client, server = ClientConnection(5), ServerConnection(range(3, offered + 1))
    server.receive_data(client.send(asked))
    event = server.next_event()
    assert isinstance(event, BadRequest)
    refusal = server.send(event.stream, ProtocolViolation(str(event.error)))
    assert refusal[0] == 0x80 | offered
    client.receive_data(refusal)
    answer = client.next_event()
    assert isinstance(answer, Answer)
    error = answer.response
    assert isinstance(error, ProtocolVersionUnsupported)
    assert (error.requested, error.offered, error.code) == (5, offered, 0x000A)
    assert f"supported versions are (3/v3{', 4/v4' * (offered == 4)})" in str(error)
    assert client.state is State.CLOSED
    with pytest.raises(LocalProtocolError):
        client.send(asked)


@pytest.mark.parametrize("offered", [1, 2])
def test_a_server_of_the_first_versions(offered: int) -> None:
    """Their frames have a header of eight bytes, which is read no further than its version."""
    client = ClientConnection(4)
    client.send(Options())
    client.receive_data(bytes([0x80 | offered, 0, 0, opcodes.ERROR, 0, 0, 0, 8]) + bytes(8))
    answer = client.next_event()
    assert isinstance(answer, Answer)
    assert isinstance(answer.response, ProtocolVersionUnsupported)
    assert (answer.response.requested, answer.response.offered) == (4, offered)
    assert client.state is State.CLOSED


def test_a_beta_version_is_refused_alike() -> None:
    client = ClientConnection(5)
    client.send(Options())
    other = ServerConnection((4,))
    text = "Beta version of the protocol used (5/v5-beta), but USE_BETA flag is unset"
    client.receive_data(other.send(0, ProtocolViolation(text)))
    answer = client.next_event()
    assert isinstance(answer, Answer)
    assert isinstance(answer.response, ProtocolVersionUnsupported)
    assert text in str(answer.response)


@pytest.mark.parametrize("opcode", [opcodes.RESULT, opcodes.ERROR])
def test_another_version_in_the_midst_of_it(opcode: int) -> None:
    pair = _pair(State.READY, 4)
    got: list[Any] = []
    pair.ask(Query("x"), receiver=got.append)
    frame = bytes([0x83, 0, 0, 0, opcode, 0, 0, 0, 6]) + bytes(6)
    with pytest.raises(RemoteProtocolError, match="protocol 3 on a connection of protocol 4"):
        pair.client.receive_data(frame)
    assert pair.client.state is State.CLOSED
    assert isinstance(got[0], ConnectionClosed)
    assert isinstance(got[0].__cause__, RemoteProtocolError)


def test_a_request_from_the_server_and_a_response_from_the_client() -> None:
    pair = _pair(State.READY, 4)
    request = pair.client.frame(Query("x"))
    with pytest.raises(RemoteProtocolError, match="request frame"):
        pair.client.receive_data(request)
    pair = _pair(State.READY, 4)
    pair.server.receive_data(pair.server.frame(3, VoidResult()))
    event = pair.server.next_event()
    assert isinstance(event, BadRequest)
    assert "response frame" in str(event.error)


def test_the_version_is_settled_by_startup() -> None:
    server = ServerConnection()
    server.receive_data(ClientConnection(3).send(Options()))
    assert server.version == 3
    assert server.send(0, server.supported())[0] == 0x83
    server.receive_data(ClientConnection(4).send(Startup()))
    assert server.version == 4
    server.next_event()
    assert isinstance(server.next_event(), RequestReceived)
    server.send(0, Ready())
    server.receive_data(ClientConnection(3).send(Options()))
    event = server.next_event()
    assert isinstance(event, BadRequest)
    assert "version (3)" in str(event.error)


# --- the end -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [None, OSError("reset"), RemoteProtocolError("garbage"), FrameTooLarge("huge")]
)
def test_closing_tells_everybody(error: Exception | None) -> None:
    pair = _pair(State.READY)
    got: list[Any] = []
    pair.ask(Query("1"), receiver=got.append)
    orphan = pair.ask(Query("2"), receiver=lambda answer: got.append("never")).stream
    pair.client.orphan(orphan)
    queued = pair.ask(Query("3")).stream
    pair.client.close(error)
    event = pair.client.next_event()
    assert isinstance(event, Answer)
    assert event.stream == queued
    assert pair.client.next_event() is None
    assert len(got) == 1
    for told in (got[0], event.response):
        if isinstance(error, FrameTooLarge):
            assert told is error
        else:
            assert isinstance(told, ConnectionClosed)
            assert told.__cause__ is error
    pair.client.close(ValueError("again"))  # tells nobody twice
    assert len(got) == 1
    assert len(pair.client.streams) == 0
    with pytest.raises(LocalProtocolError, match="closed"):
        pair.client.receive_data(b"\0")


def test_a_receiver_that_closes_the_connection() -> None:
    """What follows in the same bytes reaches nobody, and is no error."""
    pair = _pair(State.READY)
    got: list[Any] = []
    first = pair.ask(Query("1"), receiver=lambda answer: pair.client.close()).stream
    second = pair.ask(Query("2"), receiver=got.append).stream
    frames = [pair.server.frame(stream, VoidResult()) for stream in (first, second)]
    pair.client.receive_data(pair.server.wrap(frames))
    assert len(got) == 1
    assert isinstance(got[0], ConnectionClosed)
    assert pair.client.next_event() is None
