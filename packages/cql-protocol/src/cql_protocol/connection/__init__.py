"""Both ends of a connection as sans-I/O objects: bytes in, bytes out, no socket.

Three verbs, as in h11: `send` turns a message into bytes, `receive_data` takes bytes,
`next_event` tells what came of them.
"""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_protocol.connection.base import DEFAULT_MAX_FRAME_SIZE
    from cql_protocol.connection.client import Answer, ClientConnection, ReceiverFailed
    from cql_protocol.connection.server import BadRequest, RequestReceived, ServerConnection
    from cql_protocol.connection.states import State
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_protocol.connection.base": "DEFAULT_MAX_FRAME_SIZE",
            "cql_protocol.connection.client": "Answer ClientConnection ReceiverFailed",
            "cql_protocol.connection.server": "BadRequest RequestReceived ServerConnection",
            "cql_protocol.connection.states": "State",
        },
    )

__all__ = [
    "DEFAULT_MAX_FRAME_SIZE",
    "Answer",
    "BadRequest",
    "ClientConnection",
    "ReceiverFailed",
    "RequestReceived",
    "ServerConnection",
    "State",
]
