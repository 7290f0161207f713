"""The responses of a server (spec section 4.2) but for RESULT and ERROR.

Event types this library does not know (ScyllaDB's CLIENT_ROUTES_CHANGE, say) come through as
`UnknownEvent` with their bytes.
"""

from __future__ import annotations

from cql_protocol.errors import RemoteProtocolError
from cql_protocol.messages import opcodes
from cql_protocol.messages.base import Response
from cql_protocol.wire import (
    Reader,
    write_bytes,
    write_inet,
    write_string,
    write_string_list,
    write_string_multimap,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import ClassVar

    from cql_protocol.dialect import Dialect


__all__ = [
    "AuthChallenge",
    "AuthSuccess",
    "Authenticate",
    "Event",
    "Ready",
    "SchemaChange",
    "StatusChange",
    "Supported",
    "TopologyChange",
    "UnknownEvent",
    "decode_event",
]


class Ready(Response):
    """The server is ready for requests, or has registered the client for events."""

    __slots__ = ()
    opcode: ClassVar[int] = opcodes.READY

    def __init__(self) -> None:
        self.extras = None

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body, which is empty."""
        return b""

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> Ready:
        """Read the body."""
        return cls()


class Authenticate(Response):
    """The server wants authentication by the class `authenticator` (spec section 4.2.3)."""

    __slots__ = ("authenticator",)
    opcode: ClassVar[int] = opcodes.AUTHENTICATE

    def __init__(self, authenticator: str) -> None:
        self.authenticator = authenticator
        self.extras = None

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body: a [string]."""
        return write_string(self.authenticator)

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> Authenticate:
        """Read the body."""
        return cls(reader.string())


class Supported(Response):
    """What the server supports: option name to the list of its values (section 4.2.4)."""

    __slots__ = ("options",)
    opcode: ClassVar[int] = opcodes.SUPPORTED

    def __init__(self, options: Mapping[str, Sequence[str]]) -> None:
        self.options = {name: list(values) for name, values in options.items()}
        self.extras = None

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body: a [string multimap]."""
        return write_string_multimap(self.options)

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> Supported:
        """Read the body."""
        return cls(reader.string_multimap())


class _TokenResponse(Response):
    """A response whose body is one SASL token, which may be null."""

    __slots__ = ("token",)

    def __init__(self, token: bytes | None) -> None:
        self.token = token
        self.extras = None

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body: the token as [bytes]."""
        return write_bytes(self.token)


class AuthChallenge(_TokenResponse):
    """The server asks for another AUTH_RESPONSE (spec section 4.2.7)."""

    __slots__ = ()
    opcode: ClassVar[int] = opcodes.AUTH_CHALLENGE

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> AuthChallenge:
        """Read the body."""
        return cls(reader.bytes_())


class AuthSuccess(_TokenResponse):
    """The client is authenticated (spec section 4.2.8)."""

    __slots__ = ()
    opcode: ClassVar[int] = opcodes.AUTH_SUCCESS

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> AuthSuccess:
        """Read the body."""
        return cls(reader.bytes_())


STATUS_CHANGE = "STATUS_CHANGE"
TOPOLOGY_CHANGE = "TOPOLOGY_CHANGE"
SCHEMA_CHANGE = "SCHEMA_CHANGE"

_KEYSPACE = "KEYSPACE"
_WITH_ARGUMENTS = ("FUNCTION", "AGGREGATE")
_NAMED = ("TABLE", "TYPE", *_WITH_ARGUMENTS)


class Event(Response):
    """Base of all events; `event_type` is the name a client registers for."""

    __slots__ = ()
    opcode: ClassVar[int] = opcodes.EVENT
    event_type: str

    def encode_content(self) -> bytes:
        """Return the body behind the event's type."""
        raise NotImplementedError  # pragma: no cover - every event overrides it

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body."""
        return write_string(self.event_type) + self.encode_content()


class _NodeEvent(Event):
    """An event about one node: what happened, and the node's address and port."""

    __slots__ = ("address", "change", "port")

    def __init__(self, change: str, address: str, port: int) -> None:
        self.change = change
        self.address = address
        self.port = port
        self.extras = None

    def encode_content(self) -> bytes:
        """Return <change><inet>."""
        return write_string(self.change) + write_inet(self.address, self.port)


class StatusChange(_NodeEvent):
    """A node went ``UP`` or ``DOWN``."""

    __slots__ = ()
    event_type = STATUS_CHANGE


class TopologyChange(_NodeEvent):
    """A node joined (``NEW_NODE``), left (``REMOVED_NODE``) or moved (``MOVED_NODE``)."""

    __slots__ = ()
    event_type = TOPOLOGY_CHANGE


class SchemaChange(Event):
    """An entity of the schema was created, updated or dropped.

    `target` is a `SchemaTargetType`; `name` is None for a keyspace; `argument_types` are
    the CQL types of a function's or aggregate's arguments, else None.
    """

    __slots__ = ("argument_types", "change_type", "keyspace", "name", "target")
    event_type = SCHEMA_CHANGE

    def __init__(
        self,
        change_type: str,
        target: str,
        keyspace: str,
        name: str | None = None,
        argument_types: Sequence[str] | None = None,
    ) -> None:
        self.change_type = change_type
        self.target = target
        self.keyspace = keyspace
        self.name = name
        self.argument_types = None if argument_types is None else list(argument_types)
        self.extras = None

    def encode_content(self) -> bytes:
        """Return <change_type><target><options>."""
        parts = [write_string(self.change_type), write_string(self.target)]
        parts.append(write_string(self.keyspace))
        if self.target != _KEYSPACE:
            parts.append(write_string(self.name or ""))
        if self.target in _WITH_ARGUMENTS:
            parts.append(write_string_list(self.argument_types or ()))
        return b"".join(parts)

    @classmethod
    def decode_content(cls, reader: Reader) -> SchemaChange:
        """Read <change_type><target><options>, as event or as result.

        A target this library does not know keeps the keyspace, and the name if there is one.
        """
        change_type, target, keyspace = reader.string(), reader.string(), reader.string()
        name = arguments = None
        if target in _NAMED or (target != _KEYSPACE and reader.at < reader.end):
            name = reader.string()
        if target in _WITH_ARGUMENTS:
            arguments = reader.string_list()
        return cls(change_type, target, keyspace, name, arguments)


class UnknownEvent(Event):
    """An event of a type this library does not know: `body` is what follows the type."""

    __slots__ = ("body", "event_type")

    def __init__(self, event_type: str, body: bytes) -> None:
        self.event_type = event_type
        self.body = body
        self.extras = None

    def encode_content(self) -> bytes:
        """Return the bytes as they came."""
        return self.body


def decode_event(reader: Reader, dialect: Dialect) -> Event:
    """Read the body of an EVENT message."""
    event_type = reader.string()
    if event_type == SCHEMA_CHANGE:
        return SchemaChange.decode_content(reader)
    if event_type in (STATUS_CHANGE, TOPOLOGY_CHANGE):
        change = reader.string()
        address, port = reader.inet()
        if not 0 <= port <= 0xFFFF:
            raise RemoteProtocolError(f"{event_type} of {address} names port {port}")
        kind = StatusChange if event_type == STATUS_CHANGE else TopologyChange
        return kind(change, address, port)
    return UnknownEvent(event_type, reader.data[reader.at :])
