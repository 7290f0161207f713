"""Every message through a client and a server, in each version and compression."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from cql_protocol.connection import (
    Answer,
    ClientConnection,
    ReceiverFailed,
    ServerConnection,
    State,
)
from cql_protocol.dialect import Features
from cql_protocol.errors import LocalProtocolError, RemoteProtocolError
from cql_protocol.messages import (
    AuthChallenge,
    Authenticate,
    AuthResponse,
    AuthSuccess,
    Event,
    Options,
    Prepare,
    PreparedResult,
    Query,
    QueryParameters,
    RawRows,
    Ready,
    Startup,
    Supported,
    VoidResult,
    opcodes,
)
from cql_protocol.negotiation import startup
from cql_protocol.rows import RowDecoder
from cql_protocol.types import INT, TEXT
from cql_protocol.values import UNSET
from tests.protocol import samples
from tests.protocol.transcripts import COMBINATIONS, PAYLOAD, Pair

every_combination = pytest.mark.parametrize(("version", "compression"), COMBINATIONS)
every_version = pytest.mark.parametrize("version", [3, 4, 5])


@every_combination
def test_every_request_arrives(version: int, compression: str | None) -> None:
    pair = Pair(version).shake_hands(compression)
    for name, request in samples.requests(version):
        sent = copy.deepcopy(request)
        received = pair.ask(request)
        assert received.message == sent, name
        assert received.tracing is False
        assert received.custom_payload is None
        assert pair.answered(received.stream, VoidResult()) == VoidResult()
    assert len(pair.client.streams) == 0


@every_combination
def test_tracing_and_payload_arrive(version: int, compression: str | None) -> None:
    pair = Pair(version).shake_hands(compression)
    for name, request in samples.requests(version):
        payload = PAYLOAD if version >= 4 and not name.startswith(("options", "register")) else None
        received = pair.ask(request, tracing=True, custom_payload=payload)
        assert received.message == request, name
        assert received.tracing is True
        assert received.custom_payload == payload
        pair.answered(received.stream, VoidResult())


@every_combination
def test_every_response_arrives(version: int, compression: str | None) -> None:
    pair = Pair(version).shake_hands(compression)
    for name, message in samples.responses(version):
        answer = pair.exchange(Query("x"), message)
        assert samples.content(answer) == samples.content(message), name
        assert answer.tracing_id is None
        assert list(answer.warnings) == []
        assert answer.custom_payload is None


@every_combination
def test_extras_of_responses_arrive(version: int, compression: str | None) -> None:
    pair = Pair(version).shake_hands(compression)
    extras: list[Any] = [(samples.TRACE, [], None)]
    if version >= 4:
        extras += [(None, ["slow", "très"], None), (None, [], PAYLOAD), (None, [], {})]
        extras += [(samples.TRACE, ["slow"], PAYLOAD)]
    for trace, warnings, payload in extras:
        for name, message in samples.responses(version):
            samples.add_extras(message, trace, warnings, payload)
            answer = pair.exchange(Query("x"), message)
            assert samples.content(answer) == samples.content(message), name
            assert answer.tracing_id == trace
            assert list(answer.warnings) == warnings
            assert answer.custom_payload == payload


@every_combination
def test_every_event_arrives(version: int, compression: str | None) -> None:
    pair = Pair(version).shake_hands(compression)
    pair.ask(Query("in flight"))
    for name, event in [*samples.events(version), ("unknown", samples.unknown_event())]:
        pair.answer(99, event)  # the stream of an event is -1, whatever is asked for
        assert pair.client.next_event() == event, name
    assert pair.client.next_event() is None
    assert pair.client.streams.in_flight == 1


@every_combination
def test_handshake_with_authentication(version: int, compression: str | None) -> None:
    pair = Pair(version)
    started = pair.negotiate(compression)
    assert isinstance(started.message, Startup)
    assert started.message.options.get("COMPRESSION") == compression
    authenticate = Authenticate("org.apache.cassandra.auth.PasswordAuthenticator")
    assert pair.answered(started.stream, authenticate) == authenticate
    for token in (b"first", b"", None):
        received = pair.ask(AuthResponse(token))
        assert received.message == AuthResponse(token)
        challenge = AuthChallenge(token)
        assert pair.answered(received.stream, challenge) == challenge
    last = pair.ask(AuthResponse(b"last"))
    assert pair.answered(last.stream, AuthSuccess(b"welcome")) == AuthSuccess(b"welcome")
    assert pair.client.state is pair.server.state is State.READY
    assert pair.exchange(Query("x"), VoidResult()) == VoidResult()


@every_combination
def test_compression_is_used(version: int, compression: str | None) -> None:
    pair = Pair(version).shake_hands(compression)
    data = pair.client.send(Query("x" * 10_000))
    assert (len(data) < 1000) is (compression is not None)
    pair.server.receive_data(data)
    assert pair.server.next_event() is not None
    column = samples.ColumnSpec("ks", "t", "c", TEXT)
    rows = RawRows.from_cells(samples.ResultMetadata([column]), [[b"y" * 10_000]])
    data = pair.server.send(pair.client.last_stream, rows)
    assert (len(data) < 1000) is (compression is not None)
    pair.client.receive_data(data)
    assert pair.client.next_event() == Answer(pair.client.last_stream, rows)


@every_version
def test_rows_are_decoded_when_wanted(version: int) -> None:
    pair = Pair(version).shake_hands()
    columns = [
        samples.ColumnSpec("ks", "t", name, each) for name, each in (("i", INT), ("t", TEXT))
    ]
    sent = RawRows.from_cells(
        samples.ResultMetadata(columns), [[INT.encode(7), TEXT.encode("é")], [None, b""]]
    )
    rows = pair.exchange(Query("x"), sent)
    decoder = RowDecoder([column.type for column in rows.metadata.columns])
    assert rows.decode(decoder) == [(7, "é"), (None, "")]


@every_version
def test_extensions_of_scylla(version: int) -> None:
    pair = Pair(version, samples.SCYLLA).shake_hands("lz4")
    assert pair.client.features.rate_limit_error == 0xF000
    assert pair.client.dialect.metadata_id
    for name, message in samples.scylla_responses(version):
        answer = pair.exchange(Query("x"), message)
        assert samples.content(answer) == samples.content(message), name
        if isinstance(answer, PreparedResult):
            assert answer.metadata.lwt
    request = samples.Execute(b"id", None, b"metadata id")
    assert pair.ask(request).message == request


@every_version
def test_extensions_that_are_not_asked_for(version: int) -> None:
    pair = Pair(version, samples.SCYLLA)
    pair.exchange(Options(), pair.server.supported())
    started = pair.ask(Startup())
    pair.answered(started.stream, Ready())
    error = samples.errors.RateLimitReached(None, False, "too fast")
    answer = pair.exchange(Query("x"), error)
    assert type(answer) is samples.errors.ConfigurationException
    assert (answer.code, answer.message) == (0x2300, "too fast")
    assert pair.client.dialect.metadata_id is (version >= 5)


def test_what_a_version_cannot_carry_is_refused() -> None:
    refused: list[tuple[int, Callable[[], Any]]] = [
        (3, lambda: Query("x", QueryParameters(values=[UNSET]))),
        (3, lambda: Query("x", QueryParameters(values={"a": UNSET}))),
        (3, lambda: Query("x", QueryParameters(keyspace="ks"))),
        (4, lambda: Query("x", QueryParameters(keyspace="ks"))),
        (4, lambda: Query("x", QueryParameters(now_in_seconds=1))),
        (4, lambda: Prepare("x", "ks")),
        (4, lambda: samples.Batch([], 0, QueryParameters(keyspace="ks"))),
        (5, lambda: samples.Batch([], 0, QueryParameters(values=[b"1"]))),
        (5, lambda: samples.Batch([], 256)),
        (5, lambda: Query("x", QueryParameters(values=["text"]))),  # type: ignore[list-item]
        (5, lambda: Query("x", QueryParameters(timestamp=1 << 63))),
        (5, lambda: Query("x", QueryParameters(consistency=-1))),
        (5, lambda: Query("x", QueryParameters(values=[None] * 65_536))),
        (5, lambda: Query("\ud800")),
        (5, lambda: samples.Register(["x" * 65_536])),
    ]
    for version, make in refused:
        pair = Pair(version).shake_hands()
        with pytest.raises(LocalProtocolError):
            pair.client.send(make())
        assert len(pair.client.streams) == 0
        assert pair.exchange(Query("x"), VoidResult()) == VoidResult()


@every_version
def test_payloads_only_where_they_are_allowed(version: int) -> None:
    pair = Pair(version).shake_hands()
    for request in (Options(), samples.Register([])):
        with pytest.raises(LocalProtocolError, match="payload"):
            pair.client.send(request, custom_payload=PAYLOAD)
    if version == 3:
        with pytest.raises(LocalProtocolError, match="protocol 4"):
            pair.client.send(Query("x"), custom_payload=PAYLOAD)


def test_a_server_that_offers_less() -> None:
    supported = Supported({"COMPRESSION": ["SNAPPY"]})
    assert startup(supported, 4).options["COMPRESSION"] == "snappy"
    assert "COMPRESSION" not in startup(supported, 5).options
    assert "COMPRESSION" not in startup(supported, 4, compression=False).options
    with pytest.raises(LocalProtocolError, match="snappy"):
        startup(supported, 4, compression="lz4")
    with pytest.raises(LocalProtocolError, match="protocol 5 cannot"):
        startup(supported, 5, compression="snappy")


def test_beta_flag() -> None:
    for allow_beta, flags in ((False, 0), (True, opcodes.FLAG_BETA)):
        client = ClientConnection(5, allow_beta=allow_beta)
        assert client.send(Options())[1] == flags
        server = ServerConnection()
        server.receive_data(client.frame(Startup(), None, True))
        event = server.next_event()
        assert event is not None
        client.receive_data(server.send(event.stream, Ready()))
        assert client.frame(Query("x"))[1] == flags


def test_frames_that_leave_together_share_a_segment() -> None:
    pair = Pair(5).shake_hands()
    frames = [pair.client.frame(Query(f"{n}")) for n in range(10)]
    data = pair.client.wrap(frames)
    assert len(data) == sum(map(len, frames)) + 10  # one header, one trailer
    pair.server.receive_data(data)
    texts = []
    while (event := pair.server.next_event()) is not None:
        assert not isinstance(event, samples.errors.DriverException)
        texts.append(event.message.query)  # type: ignore[union-attr, attr-defined]
    assert texts == [str(n) for n in range(10)]


def test_receivers_get_their_own_answers_in_any_order() -> None:
    pair = Pair(5).shake_hands()
    got: dict[int, Any] = {}
    streams = []
    for number in range(50):
        received = pair.ask(Query(str(number)), receiver=_keeper(got, number))
        streams.append(received.stream)
    for number in reversed(range(50)):
        pair.answer(streams[number], samples.SetKeyspaceResult(str(number)))
    assert got == {number: samples.SetKeyspaceResult(str(number)) for number in range(50)}
    assert pair.client.next_event() is None
    assert len(pair.client.streams) == 0


def _keeper(got: dict[int, Any], number: int) -> Callable[[Any], None]:
    def keep(answer: Any) -> None:
        got[number] = answer

    return keep


def test_a_receiver_may_send_the_next_request() -> None:
    pair = Pair(4).shake_hands()
    out: list[bytes] = []
    answers: list[Any] = []

    def again(answer: Any) -> None:
        answers.append(answer)
        if len(answers) < 3:
            out.append(pair.client.send(Query("again"), again))

    out.append(pair.client.send(Query("first"), again))
    while out:
        pair.server.receive_data(out.pop())
        event = pair.server.next_event()
        assert event is not None
        pair.answer(event.stream, VoidResult())
    assert answers == [VoidResult()] * 3
    assert len(pair.client.streams) == 0


def test_a_receiver_that_raises_harms_nobody() -> None:
    pair = Pair(5).shake_hands()
    got: dict[int, Any] = {}
    failure = ValueError("mine")

    def fail(answer: Any) -> None:
        raise failure

    first = pair.ask(Query("1"), receiver=_keeper(got, 1)).stream
    second = pair.ask(Query("2"), receiver=fail).stream
    third = pair.ask(Query("3"), receiver=_keeper(got, 3)).stream
    frames = [pair.server.frame(stream, VoidResult()) for stream in (first, second, third)]
    pair.client.receive_data(pair.server.wrap(frames))
    assert got == {1: VoidResult(), 3: VoidResult()}
    assert pair.client.next_event() == ReceiverFailed(second, failure)
    assert pair.client.next_event() is None
    assert pair.client.state is State.READY
    assert pair.exchange(Query("x"), VoidResult()) == VoidResult()


@every_combination
def test_a_malformed_body_concerns_its_own_request(version: int, compression: str | None) -> None:
    pair = Pair(version).shake_hands(compression)
    got: dict[int, Any] = {}
    streams = [pair.ask(Query("x"), receiver=_keeper(got, n)).stream for n in range(3)]
    good = pair.server.frame(streams[0], VoidResult())
    bad = pair.server._frame(0x80, 0, streams[1], opcodes.RESULT, b"\0\0\0\2\0")
    other = pair.server._frame(0x80, 0, streams[2], 0x77, b"?")
    event = pair.server.frame(-1, samples.StatusChange("UP", "::1", 1))
    pair.client.receive_data(pair.server.wrap([good, bad, other, event]))
    assert got[0] == VoidResult()
    assert isinstance(got[1], RemoteProtocolError)
    assert isinstance(got[2], RemoteProtocolError)
    assert "opcode" in str(got[2])
    assert isinstance(pair.client.next_event(), Event)
    assert pair.exchange(Query("x"), VoidResult()) == VoidResult()


def test_features_of_a_damaged_supported() -> None:
    pair = Pair(4)
    answer = pair.exchange(Options(), Supported({"SCYLLA_SHARD": ["x"], "SCYLLA_NR_SHARDS": ["2"]}))
    assert isinstance(answer, RemoteProtocolError)
    assert pair.client.features.sharding is None
    assert pair.exchange(Options(), pair.server.supported()).options["CQL_VERSION"]
    assert isinstance(pair.client.features, Features)
