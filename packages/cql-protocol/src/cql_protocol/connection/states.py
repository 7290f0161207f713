"""The states of a connection, as data.

Rules for who edits this: a row says in which state which message may pass, and what the
state is afterwards. What is not in a table is not allowed. Both ends use the same rows; the
client refuses to send against them, the server to receive. Responses move the state only
when they answer the handshake; in READY every request may be answered in any order.
"""

from __future__ import annotations

from enum import Enum

from cql_protocol.errors import LocalProtocolError, RemoteProtocolError
from cql_protocol.messages import opcodes

__all__ = ["State", "after_request", "after_response"]


class State(Enum):
    """Where a connection stands between its first byte and its last."""

    NEW = "new"
    """Nothing but OPTIONS has been asked."""
    STARTING = "starting"
    """STARTUP is sent; nothing more may be, until it is answered."""
    AUTHENTICATING = "authenticating"
    """The server wants credentials."""
    READY = "ready"
    """Any request may be sent."""
    CLOSED = "closed"
    """Over, by agreement or by error."""


_NEW, _STARTING, _AUTHENTICATING = State.NEW, State.STARTING, State.AUTHENTICATING
_READY, _CLOSED = State.READY, State.CLOSED

REQUESTS: dict[State, dict[int, State]] = {
    _NEW: {opcodes.OPTIONS: _NEW, opcodes.STARTUP: _STARTING},
    _STARTING: {},
    _AUTHENTICATING: {opcodes.AUTH_RESPONSE: _AUTHENTICATING},
    _READY: {
        opcodes.OPTIONS: _READY,
        opcodes.QUERY: _READY,
        opcodes.PREPARE: _READY,
        opcodes.EXECUTE: _READY,
        opcodes.BATCH: _READY,
        opcodes.REGISTER: _READY,
    },
    _CLOSED: {},
}
"""state → request → state afterwards"""

RESPONSES: dict[State, dict[int, State]] = {
    _NEW: {opcodes.SUPPORTED: _NEW, opcodes.ERROR: _NEW},
    _STARTING: {
        opcodes.SUPPORTED: _STARTING,
        opcodes.READY: _READY,
        opcodes.AUTHENTICATE: _AUTHENTICATING,
        opcodes.ERROR: _NEW,
    },
    _AUTHENTICATING: {
        opcodes.AUTH_CHALLENGE: _AUTHENTICATING,
        opcodes.AUTH_SUCCESS: _READY,
        opcodes.ERROR: _AUTHENTICATING,
    },
    _READY: {
        opcodes.RESULT: _READY,
        opcodes.ERROR: _READY,
        opcodes.SUPPORTED: _READY,
        opcodes.READY: _READY,
        opcodes.EVENT: _READY,
    },
    _CLOSED: {},
}
"""state → response → state afterwards; up to version 4 a refused STARTUP can be sent again"""


def after_request(state: State, opcode: int) -> State:
    """Return the state after a request, or raise `LocalProtocolError`."""
    following = REQUESTS[state].get(opcode)
    if following is None:
        name = opcodes.NAMES.get(opcode, f"0x{opcode:02x}")
        raise LocalProtocolError(
            f"{name} cannot be sent while the connection is {state.value}{_ADVICE[state]}"
        )
    return following


def after_response(state: State, opcode: int) -> State:
    """Return the state after a response, or raise `RemoteProtocolError`."""
    following = RESPONSES[state].get(opcode)
    if following is None:
        name = opcodes.NAMES.get(opcode, f"0x{opcode:02x}")
        raise RemoteProtocolError(f"{name} while the connection is {state.value}")
    return following


_ADVICE = {
    _NEW: ": send STARTUP first",
    _STARTING: ": wait for READY or AUTHENTICATE",
    _AUTHENTICATING: ": send AUTH_RESPONSE",
    _READY: ": it is for the handshake",
    _CLOSED: ": open another",
}
