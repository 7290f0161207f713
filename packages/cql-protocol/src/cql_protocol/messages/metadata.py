"""The description of columns: of the rows of a result, and of a statement's markers.

Spec sections 4.2.5.2 and 4.2.5.4. Parsing it costs more than decoding a small row, and the
same statement brings the same description each time; so what was parsed is remembered by
its bytes.
"""

from __future__ import annotations

from collections import namedtuple
from struct import unpack_from

from cql_protocol.errors import RemoteProtocolError
from cql_protocol.messages.base import Record
from cql_protocol.wire import pack_int, pack_short, write_bytes, write_short_bytes, write_string

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple

    from cql_protocol.dialect import Dialect
    from cql_protocol.types import CqlType
    from cql_protocol.wire import Reader

__all__ = ["ColumnSpec", "PreparedMetadata", "ResultMetadata"]

GLOBAL_TABLE_SPEC = 0x0001
HAS_MORE_PAGES = 0x0002
NO_METADATA = 0x0004
METADATA_CHANGED = 0x0008

_LEAST_COLUMN = 4
"""Bytes of the shortest description of a column: an empty name and a type id."""
_REMEMBERED = 512


if TYPE_CHECKING:

    class ColumnSpec(NamedTuple):
        """One column of a result, or one marker of a statement."""

        keyspace_name: str
        table_name: str
        name: str
        type: CqlType
else:
    ColumnSpec = namedtuple("ColumnSpec", "keyspace_name table_name name type")
    ColumnSpec.__doc__ = "One column of a result, or one marker of a statement."


Columns = tuple[ColumnSpec, ...]

_parsed: dict[tuple[int, int, bytes], tuple[bytes, Columns]] = {}


class ResultMetadata(Record):
    """What the server says of the rows of a result (spec section 4.2.5.2).

    - `column_count`: cells in a row
    - `columns`: their description, or None when the client asked to skip it
    - `paging_state`: where the next page begins, None after the last page
    - `new_metadata_id`: the id of this description when it differs from the one the
      client sent with EXECUTE (protocol 5, or ScyllaDB's extension), else None
    """

    __slots__ = ("column_count", "columns", "new_metadata_id", "paging_state")

    def __init__(
        self,
        columns: Sequence[ColumnSpec] | None = None,
        paging_state: bytes | None = None,
        new_metadata_id: bytes | None = None,
        column_count: int | None = None,
    ) -> None:
        self.columns: Columns | None = None if columns is None else tuple(columns)
        self.column_count = len(columns or ()) if column_count is None else column_count
        self.paging_state = paging_state
        self.new_metadata_id = new_metadata_id

    @property
    def has_more_pages(self) -> bool:
        """Say whether another page follows."""
        return self.paging_state is not None

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> ResultMetadata:
        """Read it from a RESULT message."""
        flags = reader.integer()
        count = column_count(reader)
        self = cls(column_count=count)
        if flags & HAS_MORE_PAGES:
            self.paging_state = reader.bytes_()
        if flags & METADATA_CHANGED and dialect.metadata_id:
            self.new_metadata_id = reader.short_bytes()
        if not flags & NO_METADATA:
            self.columns = read_columns(reader, flags, count)
        return self

    def encode(self, dialect: Dialect) -> bytes:
        """Return it as a server writes it."""
        flags = 0
        parts = []
        if self.paging_state is not None:
            flags |= HAS_MORE_PAGES
            parts.append(write_bytes(self.paging_state))
        if self.new_metadata_id is not None and dialect.metadata_id:
            flags |= METADATA_CHANGED
            parts.append(write_short_bytes(self.new_metadata_id))
        if self.columns is None:
            flags |= NO_METADATA
        else:
            more, columns = write_columns(self.columns)
            flags |= more
            parts.append(columns)
        return b"".join((pack_int(flags), pack_int(self.column_count), *parts))


class PreparedMetadata(Record):
    """What the server says of the markers of a prepared statement (spec section 4.2.5.4).

    `pk_indexes` gives, for each column of the partition key in order, the index of the
    marker that carries it; it is empty when the markers do not cover the key. It exists
    from protocol 4 on. `lwt` tells that the statement is conditional, where the server
    marks that (ScyllaDB); else it is False.
    """

    __slots__ = ("columns", "lwt", "pk_indexes")

    def __init__(
        self,
        columns: Sequence[ColumnSpec] = (),
        pk_indexes: Sequence[int] = (),
        lwt: bool = False,
    ) -> None:
        self.columns: Columns = tuple(columns)
        self.pk_indexes = tuple(pk_indexes)
        self.lwt = lwt

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> PreparedMetadata:
        """Read it from a RESULT message of kind Prepared."""
        flags = reader.integer()
        count = column_count(reader)
        pk_indexes: tuple[int, ...] = ()
        if dialect.version >= 4:
            pk_indexes = _read_pk_indexes(reader, count)
        columns = () if flags & NO_METADATA else read_columns(reader, flags, count)
        mask = dialect.features.lwt_mask
        return cls(columns, pk_indexes, bool(mask is not None and flags & mask))

    def encode(self, dialect: Dialect) -> bytes:
        """Return it as a server writes it."""
        flags, columns = write_columns(self.columns)
        mask = dialect.features.lwt_mask
        if self.lwt and mask is not None:
            flags |= mask
        parts = [pack_int(_signed(flags)), pack_int(len(self.columns))]
        if dialect.version >= 4:
            parts.append(pack_int(len(self.pk_indexes)))
            parts += map(pack_short, self.pk_indexes)
        parts.append(columns)
        return b"".join(parts)


def _read_pk_indexes(reader: Reader, markers: int) -> tuple[int, ...]:
    count = reader.integer()
    start = reader.take(2 * count, "partition key indexes")
    indexes: tuple[int, ...] = unpack_from(f">{count}H", reader.data, start)
    if indexes and max(indexes) >= markers:
        raise RemoteProtocolError(f"a partition key of marker {max(indexes)}, of {markers} markers")
    return indexes


def _signed(flags: int) -> int:
    """Return 32 flag bits as the signed number that [int] holds."""
    return flags - (1 << 32) if flags >= 1 << 31 else flags


def column_count(reader: Reader) -> int:
    """Read a column count that cannot be negative."""
    count = reader.integer()
    if count < 0:
        raise RemoteProtocolError(f"a result of {count} columns")
    return count


def read_columns(reader: Reader, flags: int, count: int) -> Columns:
    """Read the descriptions of `count` columns."""
    start = reader.at
    if count * _LEAST_COLUMN > reader.end - start:
        raise RemoteProtocolError(
            f"{count} columns announced, but the body has {reader.end - start} bytes left"
        )
    key = (flags & GLOBAL_TABLE_SPEC, count, reader.data[start : start + 64])
    known = _parsed.get(key)
    if known is not None and reader.data.startswith(known[0], start):
        reader.at = start + len(known[0])
        return known[1]
    columns = _parse_columns(reader, flags, count)
    if len(_parsed) >= _REMEMBERED:
        _parsed.clear()
    _parsed[key] = (reader.data[start : reader.at], columns)
    return columns


def _parse_columns(reader: Reader, flags: int, count: int) -> Columns:
    from cql_protocol.messages.type_options import read_type

    if flags & GLOBAL_TABLE_SPEC:
        keyspace, table = reader.string(), reader.string()
        return tuple(
            ColumnSpec(keyspace, table, reader.string(), read_type(reader)) for _ in range(count)
        )
    return tuple(
        ColumnSpec(reader.string(), reader.string(), reader.string(), read_type(reader))
        for _ in range(count)
    )


def write_columns(columns: Columns) -> tuple[int, bytes]:
    """Return flags and bytes of the descriptions, with one table spec where one will do."""
    from cql_protocol.messages.type_options import write_type

    tables = {column[:2] for column in columns}
    shared = len(tables) == 1
    parts = []
    if shared:
        parts += [write_string(text) for text in next(iter(tables))]
    for column in columns:
        if not shared:
            parts += (write_string(column.keyspace_name), write_string(column.table_name))
        parts += (write_string(column.name), write_type(column.type))
    return GLOBAL_TABLE_SPEC if shared else 0, b"".join(parts)
