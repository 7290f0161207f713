"""The requests of a client (spec section 4.1), and their bodies in each dialect."""

from __future__ import annotations

from cql_protocol.errors import LocalProtocolError, RemoteProtocolError
from cql_protocol.messages import opcodes
from cql_protocol.messages.base import Record, Request
from cql_protocol.messages.parameters import (
    QueryParameters,
    checked,
    read_flags,
    read_options,
    read_values,
    write_tail,
    write_values,
)
from cql_protocol.wire import (
    Reader,
    pack_byte,
    pack_int,
    pack_short,
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
    from cql_protocol.wire import Value

__all__ = [
    "AuthResponse",
    "Batch",
    "BatchEntry",
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


_TEXT = 0
_PREPARED = 1


class BatchEntry(Record):
    """One statement of a batch: its text, or the id of a prepared one, and its values."""

    __slots__ = ("statement", "values")

    def __init__(self, statement: str | bytes, values: Sequence[Value] = ()) -> None:
        self.statement = statement
        self.values = list(values)


class Batch(Request):
    """Runs `entries` as one batch of `batch_type` (a number of `BatchType`).

    Of `parameters` a batch uses consistency, serial consistency, timestamp, keyspace and
    now-in-seconds; the others have no meaning for it and are refused.
    """

    __slots__ = ("batch_type", "entries", "parameters")
    opcode: ClassVar[int] = opcodes.BATCH

    def __init__(
        self,
        entries: Sequence[BatchEntry],
        batch_type: int = 0,
        parameters: QueryParameters | None = None,
    ) -> None:
        self.entries = list(entries)
        self.batch_type = batch_type
        self.parameters = parameters if parameters is not None else QueryParameters()

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body."""
        count = len(self.entries)
        if count > 0xFFFF:
            raise LocalProtocolError(f"a batch of {count:,} statements; 65,535 are the most")
        self._refuse_foreign_parameters()
        parts = [pack_byte(checked(self.batch_type, range(256), "batch_type")), pack_short(count)]
        for entry in self.entries:
            statement = entry.statement
            if isinstance(statement, str):
                parts += (pack_byte(_TEXT), write_long_string(statement))
            else:
                parts += (pack_byte(_PREPARED), write_short_bytes(statement))
            parts.append(write_values(entry.values, dialect))
        parts.append(write_tail(self.parameters, dialect))
        return b"".join(parts)

    def _refuse_foreign_parameters(self) -> None:
        given = self.parameters
        if given.values or given.skip_metadata or given.page_size or given.paging_state:
            raise LocalProtocolError(
                "a batch has no values, paging or skip_metadata of its own: "
                "give values to its entries"
            )

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> Batch:
        """Read the body."""
        batch_type = reader.byte()
        entries = [cls._read_entry(reader) for _ in range(reader.count(5, "statements"))]
        parameters = QueryParameters(reader.short())
        read_options(parameters, read_flags(reader, dialect), reader)
        return cls(entries, batch_type, parameters)

    @staticmethod
    def _read_entry(reader: Reader) -> BatchEntry:
        kind = reader.byte()
        if kind not in (_TEXT, _PREPARED):
            raise RemoteProtocolError(f"a statement of kind {kind}; 0 (text) or 1 (prepared)")
        statement = reader.long_string() if kind == _TEXT else reader.short_bytes()
        values = read_values(reader, named=False)
        assert isinstance(values, list)
        return BatchEntry(statement, values)
