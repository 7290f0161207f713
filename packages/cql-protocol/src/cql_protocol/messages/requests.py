"""The requests of a client (spec section 4.1), and their bodies in each dialect."""

from __future__ import annotations

from cql_protocol.errors import LocalProtocolError
from cql_protocol.messages import opcodes
from cql_protocol.messages.base import Request
from cql_protocol.messages.parameters import QueryParameters
from cql_protocol.wire import (
    Reader,
    pack_int,
    write_bytes,
    write_long_string,
    write_short_bytes,
    write_string,
    write_string_list,
    write_string_map,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import ClassVar

    from cql_protocol.dialect import Dialect

__all__ = [
    "AuthResponse",
    "Execute",
    "Options",
    "Prepare",
    "Query",
    "Register",
    "Startup",
]

_PREPARE_WITH_KEYSPACE = 0x01


class Startup(Request):
    """Opens the conversation (spec section 4.1.1): CQL version, compression, extensions.

    `options` is what the message says; CQL_VERSION is filled in when it is missing.
    `cql_protocol.negotiation.startup` makes one from a SUPPORTED message.
    """

    __slots__ = ("options",)
    opcode: ClassVar[int] = opcodes.STARTUP

    def __init__(self, options: Mapping[str, str] | None = None) -> None:
        self.options = {"CQL_VERSION": "3.0.0", **(options or {})}

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body: a [string map]."""
        return write_string_map(self.options)

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> Startup:
        """Read the body."""
        return cls(reader.string_map())


class AuthResponse(Request):
    """Answers AUTHENTICATE or AUTH_CHALLENGE with a SASL token (spec section 4.1.2)."""

    __slots__ = ("token",)
    opcode: ClassVar[int] = opcodes.AUTH_RESPONSE

    def __init__(self, token: bytes | None) -> None:
        self.token = token

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body: the token as [bytes]."""
        return write_bytes(self.token)

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> AuthResponse:
        """Read the body."""
        return cls(reader.bytes_())


class Options(Request):
    """Asks what the server supports (spec section 4.1.3)."""

    __slots__ = ()
    opcode: ClassVar[int] = opcodes.OPTIONS

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body, which is empty."""
        return b""

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> Options:
        """Read the body."""
        return cls()


class Query(Request):
    """Runs the text of a statement (spec section 4.1.4)."""

    __slots__ = ("parameters", "query")
    opcode: ClassVar[int] = opcodes.QUERY

    def __init__(self, query: str, parameters: QueryParameters | None = None) -> None:
        self.query = query
        self.parameters = parameters if parameters is not None else QueryParameters()

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body: the text and its parameters."""
        return write_long_string(self.query) + self.parameters.encode(dialect)

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> Query:
        """Read the body."""
        return cls(reader.long_string(), QueryParameters.decode(reader, dialect))


class Prepare(Request):
    """Prepares a statement (spec section 4.1.5); `keyspace` needs protocol 5."""

    __slots__ = ("keyspace", "query")
    opcode: ClassVar[int] = opcodes.PREPARE

    def __init__(self, query: str, keyspace: str | None = None) -> None:
        self.query = query
        self.keyspace = keyspace

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body: the text, and from version 5 on flags and keyspace."""
        body = write_long_string(self.query)
        if self.keyspace is None:
            return body + pack_int(0) if dialect.int_flags else body
        if not dialect.int_flags:
            raise LocalProtocolError(
                f"a keyspace in PREPARE needs protocol 5, this connection speaks "
                f"{dialect.version}: qualify the table's name instead"
            )
        return body + pack_int(_PREPARE_WITH_KEYSPACE) + write_string(self.keyspace)

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> Prepare:
        """Read the body."""
        query = reader.long_string()
        flags = reader.integer() if dialect.int_flags else 0
        return cls(query, reader.string() if flags & _PREPARE_WITH_KEYSPACE else None)


class Execute(Request):
    """Runs a prepared statement (spec section 4.1.6).

    `result_metadata_id` is the id of the result metadata the client holds; it is sent
    where the dialect has it (protocol 5, or ScyllaDB's extension), and None makes the
    server send its metadata.
    """

    __slots__ = ("parameters", "query_id", "result_metadata_id")
    opcode: ClassVar[int] = opcodes.EXECUTE

    def __init__(
        self,
        query_id: bytes,
        parameters: QueryParameters | None = None,
        result_metadata_id: bytes | None = None,
    ) -> None:
        self.query_id = query_id
        self.parameters = parameters if parameters is not None else QueryParameters()
        self.result_metadata_id = result_metadata_id

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body: the id, the metadata's id where there is one, the parameters."""
        head = write_short_bytes(self.query_id)
        if dialect.metadata_id:
            head += write_short_bytes(self.result_metadata_id or b"")
        return head + self.parameters.encode(dialect)

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> Execute:
        """Read the body."""
        query_id = reader.short_bytes()
        metadata_id = reader.short_bytes() or None if dialect.metadata_id else None
        return cls(query_id, QueryParameters.decode(reader, dialect), metadata_id)


class Register(Request):
    """Asks for events of these types (spec section 4.1.8): see `messages.events`."""

    __slots__ = ("event_types",)
    opcode: ClassVar[int] = opcodes.REGISTER

    def __init__(self, event_types: Sequence[str]) -> None:
        self.event_types = list(event_types)

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body: a [string list]."""
        return write_string_list(self.event_types)

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> Register:
        """Read the body."""
        return cls(reader.string_list())
