"""The server's end of a connection: for tests, simulation and proxies."""

from __future__ import annotations

from collections import deque

from cql_protocol.connection.base import (
    DEFAULT_MAX_FRAME_SIZE,
    HEADER_SIZE,
    Connection,
    unpack_header,
)
from cql_protocol.connection.states import State, after_request, after_response
from cql_protocol.dialect import Dialect, Features
from cql_protocol.errors import (
    DriverException,
    LocalProtocolError,
    PluginError,
    RemoteProtocolError,
)
from cql_protocol.messages import Event, Startup, Supported, opcodes
from cql_protocol.messages.base import Record
from cql_protocol.messages.codec import decode_request, encode_response
from cql_protocol.messages.opcodes import FLAG_TRACING

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cql_protocol.messages import Message, Response

__all__ = ["BadRequest", "RequestReceived", "ServerConnection"]


class RequestReceived(Record):
    """A client's request; answer it by `send` on the same `stream`."""

    __slots__ = ("custom_payload", "message", "stream", "tracing")

    def __init__(
        self,
        stream: int,
        message: Message,
        tracing: bool = False,
        custom_payload: Mapping[str, bytes | None] | None = None,
    ) -> None:
        self.stream = stream
        self.message = message
        self.tracing = tracing
        self.custom_payload = custom_payload


class BadRequest(Record):
    """A request that is malformed, out of turn, or of a version not spoken here.

    A server answers it with `ProtocolViolation(str(error))` on the same `stream`.
    """

    __slots__ = ("error", "stream")

    def __init__(self, stream: int, error: DriverException) -> None:
        self.stream = stream
        self.error = error


class ServerConnection(Connection):
    """A server's connection: bytes in, requests out; responses in, bytes out.

    `versions` are the protocol versions it speaks, `features` the extensions it offers.
    It knows the wire and the order of messages, and decides nothing: the caller answers
    every request that `next_event` gives.

    Example::

        server.receive_data(data)
        while (event := server.next_event()) is not None:
            sock.sendall(server.send(event.stream, VoidResult()))
    """

    __slots__ = ("_events", "versions")

    def __init__(
        self,
        versions: Sequence[int] = (3, 4, 5),
        *,
        features: Features | None = None,
        max_frame_size: int = DEFAULT_MAX_FRAME_SIZE,
    ) -> None:
        offered = features if features is not None else Features()
        super().__init__(Dialect(max(versions)), offered, max_frame_size)
        self.versions = tuple(versions)
        self._events: deque[RequestReceived | BadRequest] = deque()

    def supported(self, **options: Sequence[str]) -> Supported:
        """Return the SUPPORTED message for what this server speaks, and `options` more."""
        return Supported(
            {
                "PROTOCOL_VERSIONS": [f"{v}/v{v}" for v in sorted(self.versions)],
                "COMPRESSION": ["snappy", "lz4"],
                "CQL_VERSION": ["3.4.7"],
                **self.features.supported_options(),
                **options,
            }
        )

    def send(self, stream: int, response: Response | DriverException) -> bytes:
        """Return the bytes that carry `response` on `stream`.

        An exception is sent as the ERROR it stands for. Raises `LocalProtocolError` when
        it cannot be sent in this state.
        """
        segments = self._segments_out
        frame = self.frame(stream, response)
        return frame if segments is None else segments.wrap((frame,))

    def frame(self, stream: int, response: Response | DriverException) -> bytes:
        """Do as `send`, but return the bare frame: `wrap` those that leave together.

        The answer to STARTUP goes by `send`: it is the last that travels without segments.
        """
        opcode, flags, body = encode_response(response, self.dialect)
        try:
            following = after_response(self.state, opcode)
        except RemoteProtocolError as exc:
            raise LocalProtocolError(f"cannot send {exc}") from None
        if isinstance(response, Event):
            stream = -1
        frame = self._frame(0x80, flags, stream, opcode, body)
        before, self.state = self.state, following
        if before is State.STARTING and opcode != opcodes.SUPPORTED:
            self._settle(response if isinstance(response, DriverException) else None)
        return frame

    def next_event(self) -> RequestReceived | BadRequest | None:
        """Return the next request in order, or None when more bytes are needed."""
        return self._events.popleft() if self._events else None

    def _receive_frames(self, data: bytes) -> None:
        inbox = self._inbox
        data = inbox.add(data)
        at, size = 0, len(data)
        while size - at >= HEADER_SIZE:
            version, flags, stream, opcode, length = unpack_header(data, at)
            self._check_length(length)
            end = at + HEADER_SIZE + length
            if end > size:
                inbox.keep(data[at:], HEADER_SIZE + length)
                return
            body = data[at + HEADER_SIZE : end]
            at = end
            try:
                self._handle(version, flags, stream, opcode, body)
            except (RemoteProtocolError, LocalProtocolError, PluginError) as exc:
                self._events.append(BadRequest(stream, exc))
        inbox.keep(data[at:], HEADER_SIZE)

    def _handle(self, version: int, flags: int, stream: int, opcode: int, body: bytes) -> None:
        """Decode one request and queue it."""
        self._check_version(version)
        following = after_request(self.state, opcode)
        body = self._decompress(flags, body)
        message, payload = decode_request(opcode, flags, body, self.dialect)
        if isinstance(message, Startup):
            self.compressor, self.dialect = self._agreed(message)
        self.state = following
        self._events.append(RequestReceived(stream, message, bool(flags & FLAG_TRACING), payload))

    def _check_version(self, version: int) -> None:
        if version & 0x80:
            raise RemoteProtocolError(f"a response frame (0x{version:02x}) from the client")
        if self.state is State.NEW and version in self.versions:
            self.dialect = Dialect(version)
        if version != self.version or version not in self.versions:
            spoken = ", ".join(f"{v}/v{v}" for v in sorted(self.versions))
            raise RemoteProtocolError(
                f"Invalid or unsupported protocol version ({version}); "
                f"supported versions are ({spoken})"
            )
