"""From frame bodies to messages and back, with what a frame carries around its message.

A body is ``[tracing id][warnings][custom payload]message`` (spec section 4); the frame's
flags tell which of the first three are there.
"""

from __future__ import annotations

from cql_protocol.errors import DriverException, LocalProtocolError, RemoteProtocolError
from cql_protocol.messages import opcodes
from cql_protocol.messages.base import Extras, Message, Request, Response
from cql_protocol.messages.opcodes import FLAG_CUSTOM_PAYLOAD, FLAG_TRACING, FLAG_WARNING
from cql_protocol.messages.requests import (
    AuthResponse,
    Batch,
    Execute,
    Options,
    Prepare,
    Query,
    Register,
    Startup,
)
from cql_protocol.messages.responses import (
    AuthChallenge,
    Authenticate,
    AuthSuccess,
    Ready,
    Supported,
    decode_event,
)
from cql_protocol.messages.results import decode_result
from cql_protocol.wire import Reader, write_bytes_map, write_string_list

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cql_protocol.dialect import Dialect

__all__ = ["decode_request", "decode_response", "encode_response"]

_REQUESTS: dict[int, Callable[[Reader, Dialect], Request]] = {
    cls.opcode: cls.decode
    for cls in (AuthResponse, Batch, Execute, Options, Prepare, Query, Register, Startup)
}


def _decode_error(reader: Reader, dialect: Dialect) -> DriverException:
    from cql_protocol.messages.error_codec import decode_error  # with the first error

    return decode_error(reader, dialect)


_RESPONSES: dict[int, Callable[[Reader, Dialect], Response | DriverException]] = {
    opcodes.RESULT: decode_result,
    opcodes.EVENT: decode_event,
    opcodes.ERROR: _decode_error,
    **{cls.opcode: cls.decode for cls in (AuthChallenge, AuthSuccess, Authenticate)},
    **{cls.opcode: cls.decode for cls in (Ready, Supported)},
}

_EXTRAS = FLAG_TRACING | FLAG_WARNING | FLAG_CUSTOM_PAYLOAD


def decode_response(
    opcode: int, flags: int, body: bytes, dialect: Dialect
) -> Response | DriverException:
    """Return the response in `body`: a message, or the exception that an ERROR is.

    Raises `RemoteProtocolError` for an unknown opcode and for a body that does not fit.
    """
    decode = _RESPONSES.get(opcode)
    if decode is None:
        raise RemoteProtocolError(f"unknown response opcode 0x{opcode:02x}")
    reader = Reader(body)
    if not flags & _EXTRAS:
        return decode(reader, dialect)
    extras = Extras()
    if flags & FLAG_TRACING:
        extras.tracing_id = reader.uuid()
    if flags & FLAG_WARNING:
        extras.warnings = reader.string_list()
    if flags & FLAG_CUSTOM_PAYLOAD:
        extras.custom_payload = reader.bytes_map()
    response = decode(reader, dialect)
    if isinstance(response, DriverException):
        response.tracing_id = extras.tracing_id
        response.warnings = extras.warnings
        response.custom_payload = extras.custom_payload
    else:
        response.extras = extras
    return response


def encode_response(
    message: Response | DriverException, dialect: Dialect
) -> tuple[int, int, bytes]:
    """Return (opcode, flags, body) of a response, as a server sends it.

    Raises `LocalProtocolError` for what the dialect cannot carry.
    """
    if dialect.version < 4 and (message.warnings or message.custom_payload is not None):
        raise LocalProtocolError("warnings and custom payloads need protocol 4")
    flags = 0
    parts = []
    if message.tracing_id is not None:
        flags |= FLAG_TRACING
        parts.append(message.tracing_id.bytes)
    if message.warnings:
        flags |= FLAG_WARNING
        parts.append(write_string_list(message.warnings))
    if message.custom_payload is not None:
        flags |= FLAG_CUSTOM_PAYLOAD
        parts.append(write_bytes_map(message.custom_payload))
    if isinstance(message, Response):
        opcode, body = message.opcode, message.encode(dialect)
    else:
        from cql_protocol.messages.error_codec import encode_error

        opcode, body = opcodes.ERROR, encode_error(message, dialect)
    return opcode, flags, b"".join((*parts, body)) if parts else body


def decode_request(
    opcode: int, flags: int, body: bytes, dialect: Dialect
) -> tuple[Message, Mapping[str, bytes | None] | None]:
    """Return the request in `body` and its custom payload.

    Raises `RemoteProtocolError` for an unknown opcode and for a body that does not fit.
    """
    decode = _REQUESTS.get(opcode)
    if decode is None:
        raise RemoteProtocolError(f"unknown request opcode 0x{opcode:02x}")
    reader = Reader(body)
    payload = reader.bytes_map() if flags & FLAG_CUSTOM_PAYLOAD else None
    return decode(reader, dialect), payload
