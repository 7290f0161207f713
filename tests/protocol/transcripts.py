"""Two ends of a connection in memory, and transcripts of what they said to each other.

A `Transcript` is made by running a conversation between a `ClientConnection` and a
`ServerConnection`; `replay_client` and `replay_server` run one side of it again on the recorded
bytes of the other, cut in any way. Everything is deterministic.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from cql_protocol.connection import (
    Answer,
    BadRequest,
    ClientConnection,
    RequestReceived,
    ServerConnection,
    State,
)
from cql_protocol.dialect import Features
from cql_protocol.messages import (
    AuthChallenge,
    Authenticate,
    AuthResponse,
    AuthSuccess,
    Batch,
    Event,
    Execute,
    Options,
    Prepare,
    Query,
    RawRows,
    Ready,
    Register,
    Request,
    ResultMetadata,
    StatusChange,
    VoidResult,
)
from cql_protocol.negotiation import startup
from tests.protocol import samples

COMBINATIONS = [
    (3, None),
    (3, "lz4"),
    (3, "snappy"),
    (4, None),
    (4, "lz4"),
    (4, "snappy"),
    (5, None),
    (5, "lz4"),
]
"""Every version with every compression it has."""

PAYLOAD: dict[str, bytes | None] = {"key": b"\0value", "": b"", "null": None}


class Pair:
    """A client and a server that are connected without a network."""

    def __init__(
        self, version: int, features: Features | None = None, **client_options: Any
    ) -> None:
        self.client = ClientConnection(version, **client_options)
        self.server = ServerConnection(features=features)

    def ask(self, request: Request, **options: Any) -> RequestReceived:
        """Send a request and return what the server received."""
        self.server.receive_data(self.client.send(request, **options))
        event = self.server.next_event()
        assert isinstance(event, RequestReceived), event
        assert self.server.next_event() is None
        assert event.stream == self.client.last_stream
        return event

    def answer(self, stream: int, response: samples.Answering) -> None:
        """Send a response to the client."""
        self.client.receive_data(self.server.send(stream, response))

    def answered(self, stream: int, response: samples.Answering) -> Any:
        """Send a response and return it as the client's next event has it."""
        self.answer(stream, response)
        event = self.client.next_event()
        assert isinstance(event, Answer), event
        assert event.stream == stream
        return event.response

    def exchange(self, request: Request, response: samples.Answering) -> Any:
        """Send a request and its answer; return the answer as it came."""
        return self.answered(self.ask(request).stream, response)

    def negotiate(self, compression: str | None) -> RequestReceived:
        """Ask for options and send STARTUP; return what the server received of it."""
        supported = self.exchange(Options(), self.server.supported())
        wanted = compression if compression is not None else False
        return self.ask(startup(supported, self.client.version, compression=wanted))

    def shake_hands(self, compression: str | None = None) -> Pair:
        """Go to READY without authentication."""
        started = self.negotiate(compression)
        assert self.answered(started.stream, Ready()) == Ready()
        assert self.client.state is self.server.state is State.READY
        return self


class Flight(NamedTuple):
    """What one side said at a time: `data` is its bytes, `messages` the arguments of `frame`."""

    by_client: bool
    messages: list[tuple[Any, ...]]
    data: bytes


class Transcript(NamedTuple):
    """A conversation: its flights, and the events that came of them on both sides."""

    version: int
    features: Features
    flights: list[Flight]
    client_events: list[Any]
    server_events: list[Any]


class _Recorder:
    """Runs a conversation and writes it down."""

    def __init__(self, version: int, features: Features) -> None:
        self.pair = Pair(version, features)
        self.found = Transcript(version, features, [], [], [])

    def client_says(self, *messages: tuple[Any, ...]) -> list[int]:
        """Send requests in one flight; return their streams."""
        client, server = self.pair.client, self.pair.server
        frames, streams = [], []
        for message in messages:
            frames.append(client.frame(*message))
            streams.append(client.last_stream)
        self._fly(True, list(messages), client.wrap(frames), server)
        return streams

    def server_says(self, *messages: tuple[int, samples.Answering]) -> None:
        """Send responses in one flight."""
        data = send_all(self.pair.server, messages)
        self._fly(False, list(messages), data, self.pair.client)

    def _fly(self, by_client: bool, messages: list[Any], data: bytes, to: Any) -> None:
        self.found.flights.append(Flight(by_client, messages, data))
        to.receive_data(data)
        heard = self.found.server_events if by_client else self.found.client_events
        heard.extend(drain(to))


def send_all(server: ServerConnection, messages: Iterable[tuple[int, samples.Answering]]) -> bytes:
    """Return the bytes of responses that leave together.

    The answer to STARTUP is sent by itself, since it is the last without segments.
    """
    data, frames = b"", []
    for stream, message in messages:
        if server.state is State.READY:
            frames.append(server.frame(stream, message))
        else:
            data += server.send(stream, message)
    return data + (server.wrap(frames) if frames else b"")


def drain(connection: Any) -> Iterator[Any]:
    """Every event that a connection holds, in a form that compares by content."""
    while (event := connection.next_event()) is not None:
        if isinstance(event, Answer):
            yield event.stream, samples.content(event.response)
        elif isinstance(event, BadRequest):
            yield event.stream, samples.content(event.error)
        else:
            yield event


# --- conversations -------------------------------------------------------------------------------


def record(version: int, compression: str | None, large: bool = False) -> Transcript:
    """Every message there is, after a handshake with authentication.

    With `large`, frames of up to 300,000 bytes instead, which protocol 5 splits over segments.
    """
    features = samples.SCYLLA if not large else Features()
    recorder = _Recorder(version, features)
    _handshake(recorder, compression)
    if large:
        _large_frames(recorder)
    else:
        _every_message(recorder, version)
    return recorder.found


def _handshake(recorder: _Recorder, compression: str | None) -> None:
    client, server = recorder.pair.client, recorder.pair.server
    (stream,) = recorder.client_says((Options(),))
    recorder.server_says((stream, server.supported()))
    wanted = compression if compression is not None else False
    supported = server.supported()
    (stream,) = recorder.client_says((startup(supported, client.version, compression=wanted),))
    recorder.server_says((stream, Authenticate("PasswordAuthenticator")))
    (stream,) = recorder.client_says((AuthResponse(b"PLAIN"),))
    recorder.server_says((stream, AuthChallenge(b"PLAIN-START")))
    (stream,) = recorder.client_says((AuthResponse(b"\0user\0password"),))
    # An event at once behind the end of the handshake, in the same bytes.
    recorder.server_says((stream, AuthSuccess(None)), (-1, StatusChange("UP", "::1", 9042)))


def _every_message(recorder: _Recorder, version: int) -> None:
    wanted = itertools.cycle(_some(version))
    answers: list[samples.Answering] = [message for _, message in samples.responses(version)]
    answers += [message for _, message in samples.scylla_responses(version)]
    told: list[Event] = [event for _, event in samples.events(version)]
    told.append(samples.unknown_event())
    for number in range(0, len(answers), 4):
        group = answers[number : number + 4]
        asked = [next(wanted) for _ in group]
        streams = recorder.client_says(*asked)
        if version >= 4 and number % 8 == 0:
            samples.add_extras(group[0], samples.TRACE, ["slow"], PAYLOAD)
        # Answers come in another order than the requests, and events between them.
        flight: list[tuple[int, samples.Answering]] = list(zip(streams, group, strict=True))
        flight.reverse()
        flight[1:1] = [(-1, told.pop()) for _ in range(min(2, len(told)))]
        recorder.server_says(*flight)


def _some(version: int) -> Iterator[tuple[Any, ...]]:
    """Arguments of `ClientConnection.frame`: the requests, some with tracing or a payload."""
    every = [request for _, request in samples.requests(version)]
    long = [request for request in every if isinstance(request, Query | Execute | Batch)]
    others = [request for request in every if request not in long]
    for number, request in enumerate([*others, *long[:: len(long) // 30]]):
        if version >= 4 and isinstance(request, Query | Prepare) and number % 2:
            yield request, None, True, PAYLOAD
        else:
            yield request, None, number % 3 == 0


def _large_frames(recorder: _Recorder) -> None:
    small, column = Register(["STATUS_CHANGE"]), samples.ColumnSpec("ks", "t", "c", _blob())
    for size in (131_062, 131_063, 300_000):
        large = Query("x" * size)
        streams = recorder.client_says((small,), (large,), (small,))
        rows = RawRows.from_cells(ResultMetadata([column]), [[b"ab" * (size // 2)], [b"c"]])
        answers = [VoidResult(), rows, Ready()]
        recorder.server_says(*zip(streams, answers, strict=True))


def _blob() -> Any:
    from cql_protocol.types import BLOB

    return BLOB


# --- once more ---------------------------------------------------------------------------------

Cut = Callable[[bytes], Iterable[bytes]]


def replay_client(transcript: Transcript, cut: Cut) -> list[Any]:
    """Let a new client speak its part, and hear the server's bytes as `cut` gives them."""
    client = ClientConnection(transcript.version)
    events: list[Any] = []
    for flight in transcript.flights:
        if flight.by_client:
            data = client.wrap([client.frame(*message) for message in flight.messages])
            assert data == flight.data
            continue
        for chunk in cut(flight.data):
            client.receive_data(chunk)
        events.extend(drain(client))
    return events


def replay_server(transcript: Transcript, cut: Cut) -> list[Any]:
    """The same for a new server."""
    server = ServerConnection(features=transcript.features)
    events: list[Any] = []
    for flight in transcript.flights:
        if not flight.by_client:
            assert send_all(server, flight.messages) == flight.data
            continue
        for chunk in cut(flight.data):
            server.receive_data(chunk)
        events.extend(drain(server))
    return events
