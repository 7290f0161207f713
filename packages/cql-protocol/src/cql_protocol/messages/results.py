"""RESULT in its five kinds (spec section 4.2.5).

Rows stay raw: the frame's bytes and the description of the columns. Who consumes them
decodes them, when and into what it likes (`cql_protocol.rows`).
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from struct import error as StructError

from cql_protocol.errors import RemoteProtocolError
from cql_protocol.messages import opcodes
from cql_protocol.messages.base import Response
from cql_protocol.messages.metadata import NO_METADATA, PreparedMetadata, ResultMetadata
from cql_protocol.messages.responses import SchemaChange
from cql_protocol.wire import (
    Reader,
    pack_int,
    unpack_int,
    write_bytes,
    write_short_bytes,
    write_string,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from cql_protocol.dialect import Dialect
    from cql_protocol.rows import RowDecoder

__all__ = [
    "PreparedResult",
    "RawRows",
    "Result",
    "SchemaChangeResult",
    "SetKeyspaceResult",
    "VoidResult",
    "decode_plain_result",
    "decode_result",
]

VOID = 1
ROWS = 2
SET_KEYSPACE = 3
PREPARED = 4
SCHEMA_CHANGE = 5


class Result(Response):
    """Base of the five kinds; `kind` is the number the wire has for it."""

    __slots__ = ()
    opcode: ClassVar[int] = opcodes.RESULT
    kind: ClassVar[int]

    def encode_content(self, dialect: Dialect) -> bytes:
        """Return the body behind the kind."""
        raise NotImplementedError  # pragma: no cover - every kind overrides it

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body."""
        return pack_int(self.kind) + self.encode_content(dialect)


class VoidResult(Result):
    """Done, and nothing to tell."""

    __slots__ = ()
    kind: ClassVar[int] = VOID

    def __init__(self) -> None:
        self.extras = None

    def encode_content(self, dialect: Dialect) -> bytes:
        """Return nothing."""
        return b""

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> VoidResult:
        """Read the body behind the kind."""
        return cls()


class RawRows(Result):
    """A page of rows, not yet decoded.

    `body` is the frame's body, in which the rows begin at `offset`; `row_count` is their
    number and `metadata` describes their columns, unless the client asked to skip that.

    Example::

        decoder = RowDecoder([column.type for column in rows.metadata.columns])
        for row in rows.decode(decoder):
            print(row)
    """

    __slots__ = ("body", "metadata", "offset", "row_count")
    kind: ClassVar[int] = ROWS

    def __init__(
        self, metadata: ResultMetadata, row_count: int, body: bytes, offset: int = 0
    ) -> None:
        self.metadata = metadata
        self.row_count = row_count
        self.body = body
        self.offset = offset
        self.extras = None

    @classmethod
    def from_cells(
        cls, metadata: ResultMetadata, rows: Sequence[Sequence[bytes | None]]
    ) -> RawRows:
        """Make a page from encoded cells, as a server does."""
        body = b"".join(write_bytes(cell) for row in rows for cell in row)
        return cls(metadata, len(rows), body)

    def decode(self, decoder: RowDecoder) -> list[tuple[Any, ...]]:
        """Decode the page by `decoder`; bytes that do not fit raise `DecodeError`."""
        return decoder.decode(self.body, self.offset, self.row_count)

    @property
    def content(self) -> bytes:
        """The bytes of the rows."""
        return self.body[self.offset :]

    def encode_content(self, dialect: Dialect) -> bytes:
        """Return metadata, row count and rows."""
        return b"".join((self.metadata.encode(dialect), pack_int(self.row_count), self.content))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RawRows):
            return NotImplemented
        return (
            self.metadata == other.metadata
            and self.row_count == other.row_count
            and self.content == other.content
            and self.extras == other.extras
        )

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def decode_message(cls, reader: Reader, dialect: Dialect) -> RawRows:
        """Read the body behind the kind; the rows themselves are left as they are."""
        metadata = ResultMetadata.decode(reader, dialect)
        count = reader.integer()
        left = reader.end - reader.at
        least = 4 * metadata.column_count
        if count < 0 or count * least > left or (count and not least):
            raise RemoteProtocolError(
                f"{count} rows of {metadata.column_count} columns announced, "
                f"but the body has {left} bytes left"
            )
        return cls(metadata, count, reader.data, reader.at)


class SetKeyspaceResult(Result):
    """The keyspace in use is now `keyspace`."""

    __slots__ = ("keyspace",)
    kind: ClassVar[int] = SET_KEYSPACE

    def __init__(self, keyspace: str) -> None:
        self.keyspace = keyspace
        self.extras = None

    def encode_content(self, dialect: Dialect) -> bytes:
        """Return the keyspace."""
        return write_string(self.keyspace)

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> SetKeyspaceResult:
        """Read the body behind the kind."""
        return cls(reader.string())


class PreparedResult(Result):
    """A statement was prepared on this node under `query_id`.

    `result_metadata_id` exists in protocol 5 and with ScyllaDB's extension, else it is
    None; `result_metadata` may be empty even for a statement that returns rows.
    """

    __slots__ = ("metadata", "query_id", "result_metadata", "result_metadata_id")
    kind: ClassVar[int] = PREPARED

    def __init__(
        self,
        query_id: bytes,
        metadata: PreparedMetadata,
        result_metadata: ResultMetadata,
        result_metadata_id: bytes | None = None,
    ) -> None:
        self.query_id = query_id
        self.metadata = metadata
        self.result_metadata = result_metadata
        self.result_metadata_id = result_metadata_id
        self.extras = None

    def encode_content(self, dialect: Dialect) -> bytes:
        """Return ids and metadata."""
        parts = [write_short_bytes(self.query_id)]
        if dialect.metadata_id:
            parts.append(write_short_bytes(self.result_metadata_id or b""))
        parts += (self.metadata.encode(dialect), self.result_metadata.encode(dialect))
        return b"".join(parts)

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> PreparedResult:
        """Read the body behind the kind."""
        query_id = reader.short_bytes()
        metadata_id = reader.short_bytes() if dialect.metadata_id else None
        metadata = PreparedMetadata.decode(reader, dialect)
        return cls(query_id, metadata, ResultMetadata.decode(reader, dialect), metadata_id)


class SchemaChangeResult(Result):
    """The statement changed the schema; `change` says what, as an event would."""

    __slots__ = ("change",)
    kind: ClassVar[int] = SCHEMA_CHANGE

    def __init__(self, change: SchemaChange) -> None:
        self.change = change
        self.extras = None

    def encode_content(self, dialect: Dialect) -> bytes:
        """Return <change_type><target><options>."""
        return self.change.encode_content()

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> SchemaChangeResult:
        """Read the body behind the kind."""
        return cls(SchemaChange.decode_content(reader))


_DECODERS = {
    VOID: VoidResult.decode,
    ROWS: RawRows.decode_message,
    SET_KEYSPACE: SetKeyspaceResult.decode,
    PREPARED: PreparedResult.decode,
    SCHEMA_CHANGE: SchemaChangeResult.decode,
}


def decode_result(reader: Reader, dialect: Dialect) -> Result:
    """Read the body of a RESULT message."""
    kind = reader.integer()
    decode = _DECODERS.get(kind)
    if decode is None:
        raise RemoteProtocolError(f"RESULT of unknown kind {kind}")
    return decode(reader, dialect)


DONE = VoidResult()
"""The answer to a write that carries nothing else: one for all, which nobody may change."""

_new = object.__new__
_VOID_BODY = pack_int(VOID)
_SKIPPED = pack_int(ROWS) + pack_int(NO_METADATA)
_REMEMBERED = 512
_ALIKE = 8
_KEY = slice(4, 28)
"""Flags, column count and the first names: no description of columns worth knowing is shorter."""

_plain: dict[bytes, tuple[Any, ...]] = {}
"""Descriptions of columns by their first bytes: what cuts off bytes and the number of rows, the
bytes, what they say, where the rows begin, how many bytes a row takes at least, and such a
description with the same first bytes, or None."""


def decode_plain_result(body: bytes, dialect: Dialect) -> Result:
    """Do as `decode_result` with the body of a frame that carries nothing else.

    A description of columns that was met before is known by its bytes, where no paging state
    stands in the middle of it; then its object is the same each time.
    """
    plain = _plain.get(body[4:28])  # `_KEY`
    while plain is not None:
        cut, known, metadata, start, least, plain = plain
        try:
            found, count = cut(body)
        except StructError:
            continue
        if found == known and 0 <= count * least <= len(body) - start:
            rows = _new(RawRows)  # what `RawRows(...)` does, in half the time
            rows.metadata = metadata
            rows.row_count = count
            rows.body = body
            rows.offset = start
            rows.extras = None
            return rows
    if body == _VOID_BODY:
        return DONE
    if body.startswith(_SKIPPED) and len(body) >= 16:
        columns, count = unpack_int(body, 8)[0], unpack_int(body, 12)[0]
        if columns > 0 and 0 <= count * columns * 4 <= len(body) - 16:
            return RawRows(_skipped(columns), count, body, 16)
    result = decode_result(Reader(body), dialect)
    if result.__class__ is RawRows:
        _remember(body, result)
    return result


@lru_cache(maxsize=_REMEMBERED)
def _skipped(columns: int) -> ResultMetadata:
    """Return the description that was left out, but for the number of columns."""
    return ResultMetadata(column_count=columns)


def _remember(body: bytes, rows: RawRows) -> None:
    metadata = rows.metadata
    end = rows.offset - 4
    plain = metadata.paging_state is None and metadata.new_metadata_id is None
    if plain and end >= _KEY.stop and metadata.column_count:
        if len(_plain) >= _REMEMBERED:
            _plain.clear()
        key = body[_KEY]
        cut = Struct(f">{end}si").unpack_from
        alike = link = _plain.get(key)
        for _ in range(_ALIKE - 1):
            link = None if link is None else link[-1]
        others = alike if link is None else None
        least = 4 * metadata.column_count
        _plain[key] = (cut, body[:end], metadata, rows.offset, least, others)
