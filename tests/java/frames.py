"""Frames of ours for the comparison, and frames read back, by connections set into a state."""

from __future__ import annotations

from collections.abc import Mapping
from struct import unpack_from
from typing import Any

from cql_protocol.compression.lz4 import Lz4Compressor
from cql_protocol.connection import ClientConnection, RequestReceived, ServerConnection, State
from cql_protocol.dialect import Dialect
from cql_protocol.messages import (
    AuthChallenge,
    Authenticate,
    AuthResponse,
    AuthSuccess,
    Startup,
    opcodes,
)
from cql_protocol.messages.codec import decode_response
from tests.protocol.samples import content

Payload = Mapping[str, bytes | None]
_STATES: dict[type, State] = {
    Startup: State.NEW,
    AuthResponse: State.AUTHENTICATING,
    AuthChallenge: State.AUTHENTICATING,
    AuthSuccess: State.AUTHENTICATING,
    Authenticate: State.STARTING,
}
STREAM = 0


def request_frame(
    message: Any,
    version: int,
    *,
    compression: str = "none",
    tracing: bool = False,
    payload: Payload | None = None,
) -> bytes:
    """The frame in which a client sends `message`."""
    client = ClientConnection(version)
    client.state = _STATES.get(type(message), State.READY)
    if compression == "lz4":
        client.compressor = Lz4Compressor()
    return client.frame(message, tracing=tracing, custom_payload=payload)


def response_frame(
    message: Any, version: int, *, compression: str = "none", stream: int = STREAM
) -> bytes:
    """The frame in which a server sends `message`."""
    server = ServerConnection((version,))
    server.state = _STATES.get(type(message), State.READY)
    if compression == "lz4":
        server.compressor = Lz4Compressor()
    return server.frame(stream, message)


def read_request(frame: bytes, compression: str = "none") -> RequestReceived:
    """What a server reads from a frame."""
    opcode = frame[4]
    server = ServerConnection((frame[0] & 0x7F,))
    states = {opcodes.STARTUP: State.NEW, opcodes.AUTH_RESPONSE: State.AUTHENTICATING}
    server.dialect = Dialect(frame[0] & 0x7F)
    server.state = states.get(opcode, State.READY)
    if compression == "lz4":
        server.compressor = Lz4Compressor()
    server.receive_data(frame)
    found = server.next_event()
    assert isinstance(found, RequestReceived), found
    return found


def read_response(frame: bytes, compression: str = "none") -> tuple[int, Any]:
    """Stream and message of a response."""
    version, flags, stream, opcode, size = unpack_from(">BBhBi", frame)
    body = frame[9:]
    assert size == len(body)
    if flags & opcodes.FLAG_COMPRESSED:
        assert compression == "lz4"
        body = Lz4Compressor().decompress(body, 1 << 28)
    return stream, decode_response(opcode, flags, body, Dialect(version & 0x7F))


def same(ours: Any, other: Any) -> bool:
    """Whether two messages say the same."""
    return bool(content(ours) == content(other))
