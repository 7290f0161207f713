"""Every message of the native protocol, both ways (spec section 4)."""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_protocol.messages.base import Extras, Message, Request, Response
    from cql_protocol.messages.metadata import ColumnSpec, PreparedMetadata, ResultMetadata
    from cql_protocol.messages.parameters import QueryParameters
    from cql_protocol.messages.requests import (
        AuthResponse,
        Batch,
        BatchEntry,
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
        Event,
        Ready,
        SchemaChange,
        StatusChange,
        Supported,
        TopologyChange,
        UnknownEvent,
    )
    from cql_protocol.messages.results import (
        PreparedResult,
        RawRows,
        Result,
        SchemaChangeResult,
        SetKeyspaceResult,
        VoidResult,
    )
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_protocol.messages.base": "Extras Message Request Response",
            "cql_protocol.messages.metadata": "ColumnSpec PreparedMetadata ResultMetadata",
            "cql_protocol.messages.parameters": "QueryParameters",
            "cql_protocol.messages.requests": (
                "AuthResponse Batch BatchEntry Execute Options Prepare Query Register Startup"
            ),
            "cql_protocol.messages.responses": (
                "AuthChallenge Authenticate AuthSuccess Event Ready SchemaChange StatusChange "
                "Supported TopologyChange UnknownEvent"
            ),
            "cql_protocol.messages.results": (
                "PreparedResult RawRows Result SchemaChangeResult SetKeyspaceResult VoidResult"
            ),
        },
    )

__all__ = [
    "AuthChallenge",
    "AuthResponse",
    "AuthSuccess",
    "Authenticate",
    "Batch",
    "BatchEntry",
    "ColumnSpec",
    "Event",
    "Execute",
    "Extras",
    "Message",
    "Options",
    "Prepare",
    "PreparedMetadata",
    "PreparedResult",
    "Query",
    "QueryParameters",
    "RawRows",
    "Ready",
    "Register",
    "Request",
    "Response",
    "Result",
    "ResultMetadata",
    "SchemaChange",
    "SchemaChangeResult",
    "SetKeyspaceResult",
    "Startup",
    "StatusChange",
    "Supported",
    "TopologyChange",
    "UnknownEvent",
    "VoidResult",
]
