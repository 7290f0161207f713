"""The CQL native protocol as a sans-I/O library: bytes in, messages out, no socket.

Start at `ClientConnection` (or `ServerConnection`, its mirror), the messages in
`cql_protocol.messages`, and the types in `cql_protocol.types`::

    from cql_protocol import ClientConnection, Query, startup

    connection = ClientConnection(version=5)
    sock.sendall(connection.send(Query("SELECT * FROM system.local")))
    connection.receive_data(sock.recv(65536))
    answer = connection.next_event()
"""

from __future__ import annotations

from cql_protocol._lazy import lazily
from cql_protocol._version import __version__

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_protocol.connection import (
        Answer,
        BadRequest,
        ClientConnection,
        ReceiverFailed,
        RequestReceived,
        ServerConnection,
        State,
    )
    from cql_protocol.dialect import Dialect, Features, ShardingInfo
    from cql_protocol.enums import BatchType, ConsistencyLevel, ProtocolVersion, WriteType
    from cql_protocol.errors import DriverException, LocalProtocolError, RemoteProtocolError
    from cql_protocol.messages import (
        AuthChallenge,
        Authenticate,
        AuthResponse,
        AuthSuccess,
        Batch,
        BatchEntry,
        ColumnSpec,
        Execute,
        Options,
        Prepare,
        PreparedMetadata,
        PreparedResult,
        Query,
        QueryParameters,
        RawRows,
        Ready,
        Register,
        ResultMetadata,
        SchemaChange,
        SchemaChangeResult,
        SetKeyspaceResult,
        Startup,
        StatusChange,
        Supported,
        TopologyChange,
        UnknownEvent,
        VoidResult,
    )
    from cql_protocol.negotiation import startup
    from cql_protocol.rows import RowDecoder
    from cql_protocol.values import EMPTY, UNSET
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_protocol.connection": (
                "Answer BadRequest ClientConnection ReceiverFailed RequestReceived "
                "ServerConnection State"
            ),
            "cql_protocol.dialect": "Dialect Features ShardingInfo",
            "cql_protocol.enums": "BatchType ConsistencyLevel ProtocolVersion WriteType",
            "cql_protocol.errors": "DriverException LocalProtocolError RemoteProtocolError",
            "cql_protocol.messages": (
                "AuthChallenge Authenticate AuthResponse AuthSuccess Batch BatchEntry "
                "ColumnSpec Execute Options Prepare PreparedMetadata PreparedResult Query "
                "QueryParameters RawRows Ready Register ResultMetadata SchemaChange "
                "SchemaChangeResult SetKeyspaceResult Startup StatusChange Supported "
                "TopologyChange UnknownEvent VoidResult"
            ),
            "cql_protocol.negotiation": "startup",
            "cql_protocol.rows": "RowDecoder",
            "cql_protocol.values": "EMPTY UNSET",
        },
    )

__all__ = [
    "EMPTY",
    "UNSET",
    "Answer",
    "AuthChallenge",
    "AuthResponse",
    "AuthSuccess",
    "Authenticate",
    "BadRequest",
    "Batch",
    "BatchEntry",
    "BatchType",
    "ClientConnection",
    "ColumnSpec",
    "ConsistencyLevel",
    "Dialect",
    "DriverException",
    "Execute",
    "Features",
    "LocalProtocolError",
    "Options",
    "Prepare",
    "PreparedMetadata",
    "PreparedResult",
    "ProtocolVersion",
    "Query",
    "QueryParameters",
    "RawRows",
    "Ready",
    "ReceiverFailed",
    "Register",
    "RemoteProtocolError",
    "RequestReceived",
    "ResultMetadata",
    "RowDecoder",
    "SchemaChange",
    "SchemaChangeResult",
    "ServerConnection",
    "SetKeyspaceResult",
    "ShardingInfo",
    "Startup",
    "State",
    "StatusChange",
    "Supported",
    "TopologyChange",
    "UnknownEvent",
    "VoidResult",
    "WriteType",
    "__version__",
    "startup",
]
