"""The requests that statements make.

What a prepared statement sends is written here once more than in `cql_protocol.Execute`,
byte for byte the same: a request's unchanging beginning is kept with the statement, and one
pass over the values does the rest. What is rare goes the ordinary way.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from cql_driver.query.unrolled import SIZES
from cql_protocol.dialect import KINDS
from cql_protocol.messages import Batch, Execute, Query, QueryParameters, Request, opcodes
from cql_protocol.values import UNSET
from cql_protocol.wire import NOT_SET, NULL, pack_int, pack_long, pack_short

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, ClassVar

    from cql_driver.query.snapshot import Snapshot
    from cql_protocol.dialect import Dialect
    from cql_protocol.wire import Value

__all__ = ["BoundExecute", "Shape", "ShapedExecute", "TextBatch", "TextQuery"]

_SKIP_METADATA = 0x02
_PAGE_SIZE = 0x04
_SERIAL_CONSISTENCY = 0x10
_TIMESTAMP = 0x20

_pack_usual = Struct(">iq").pack


class TextQuery(Query):
    """A QUERY whose keyspace is sent where the protocol has a place for it.

    On older protocols a statement's keyspace still says where to route the request.
    """

    __slots__ = ()

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body."""
        if self.parameters.keyspace is None or dialect.int_flags:
            return Query.encode(self, dialect)
        return Query(self.query, without_keyspace(self.parameters)).encode(dialect)


class TextBatch(Batch):
    """A BATCH whose keyspace is sent where the protocol has a place for it."""

    __slots__ = ()

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body."""
        if self.parameters.keyspace is None or dialect.int_flags:
            return Batch.encode(self, dialect)
        parameters = without_keyspace(self.parameters)
        return Batch(self.entries, self.batch_type, parameters).encode(dialect)


def without_keyspace(parameters: QueryParameters) -> QueryParameters:
    """Return a copy of the parameters that names no keyspace."""
    return QueryParameters(
        parameters.consistency,
        parameters.values,
        skip_metadata=parameters.skip_metadata,
        page_size=parameters.page_size,
        paging_state=parameters.paging_state,
        serial_consistency=parameters.serial_consistency,
        timestamp=parameters.timestamp,
        now_in_seconds=parameters.now_in_seconds,
    )


class BoundExecute(Request):
    """Runs a prepared statement with the cells of its parameters (spec section 4.1.6).

    `snapshot` is what was known of the statement when its values were bound. Rows are asked
    for without the description of their columns only where a metadata id tells whether the
    one we hold is still right, so that a changed table is never read by an old description.
    """

    __slots__ = (
        "snapshot",
        "cells",
        "consistency",
        "serial_consistency",
        "page_size",
        "paging_state",
        "timestamp",
        "keyspace",
    )
    opcode: ClassVar[int] = opcodes.EXECUTE

    def __init__(
        self,
        snapshot: Snapshot,
        cells: Sequence[Value],
        consistency: int,
        serial_consistency: int | None = None,
        page_size: int | None = None,
        paging_state: bytes | None = None,
        timestamp: int | None = None,
        keyspace: str | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.cells = cells
        self.consistency = consistency
        self.serial_consistency = serial_consistency
        self.page_size = page_size
        self.paging_state = paging_state
        self.timestamp = timestamp
        self.keyspace = keyspace

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body. Raises `LocalProtocolError` as `cql_protocol.Execute` does."""
        if self.paging_state is not None or self.keyspace is not None:
            return self.plain(dialect).encode(dialect)
        page_size, serial, timestamp = self.page_size, self.serial_consistency, self.timestamp
        flags = 0
        tail = b""
        try:
            if page_size is not None and timestamp is not None and serial is None:  # the usual
                flags = _PAGE_SIZE | _TIMESTAMP
                tail = _pack_usual(page_size, timestamp)
            else:
                if page_size is not None:
                    flags = _PAGE_SIZE
                    tail = pack_int(page_size)
                if serial is not None:
                    flags |= _SERIAL_CONSISTENCY
                    tail += pack_short(serial)
                if timestamp is not None:
                    flags |= _TIMESTAMP
                    tail += pack_long(timestamp)
            # The two lowest bits are free: what they say is known when the beginning is made.
            key = self.consistency << 16 | flags | dialect.int_flags | dialect.metadata_id << 1
        except (StructError, TypeError):  # the ordinary way knows how to tell what is wrong
            return self.plain(dialect).encode(dialect)
        snapshot, cells = self.snapshot, self.cells
        start = snapshot.starts.get(key)
        if start is None or len(cells) != snapshot.count:
            return self._first(dialect, key, flags)
        join = snapshot.join
        body = None if join is None else join(start, cells, tail)
        return self._joined(dialect, start, tail) if body is None else body

    def _joined(self, dialect: Dialect, start: bytes, tail: bytes) -> bytes:
        parts = [start]
        for cell in self.cells:
            if cell.__class__ is bytes:
                size = len(cell)
                parts += (SIZES[size] if size < 256 else pack_int(size), cell)
            elif cell is None:
                parts.append(NULL)
            elif cell is UNSET and dialect.version > 3:
                parts.append(NOT_SET)
            else:
                return self.plain(dialect).encode(dialect)
        parts.append(tail)
        return b"".join(parts)

    def _first(self, dialect: Dialect, key: int, flags: int) -> bytes:
        """Encode the ordinary way, and keep the beginning for the requests to come."""
        execute = self.plain(dialect)
        body = execute.encode(dialect)  # everything is checked now
        if len(self.cells) == self.snapshot.count:
            parameters = QueryParameters(
                self.consistency, skip_metadata=execute.parameters.skip_metadata
            )
            bare = Execute(execute.query_id, parameters, execute.result_metadata_id)
            start = bytearray(bare.encode(dialect))
            if self.cells:
                # The flags are the last byte of either width.
                flags |= 0x01
                start[-1] |= flags
                start += pack_short(len(self.cells))
            else:
                start[-1] |= flags
            self.snapshot.keep_start(key, bytes(start))
        return body

    def plain(self, dialect: Dialect) -> Execute:
        """Return the same request as the message of `cql_protocol`."""
        snapshot = self.snapshot
        parameters = QueryParameters(
            self.consistency,
            self.cells,
            skip_metadata=dialect.metadata_id and snapshot.metadata_id is not None,
            page_size=self.page_size,
            paging_state=self.paging_state,
            serial_consistency=self.serial_consistency,
            timestamp=self.timestamp,
            keyspace=self.keyspace,
        )
        return Execute(snapshot.query_id, parameters, snapshot.metadata_id)


class Shape:
    """What the common requests of one statement have alike: all but the values and the time.

    `starts` holds how they begin, by `Dialect.kind`, once one was encoded; `end` is what
    follows the values, except for the timestamp that they have when `timed`.
    """

    __slots__ = (
        "consistency",
        "end",
        "express",
        "join",
        "page_size",
        "serial_consistency",
        "snapshot",
        "starts",
        "timed",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        consistency: int,
        serial_consistency: int | None,
        page_size: int | None,
        timed: bool,
    ) -> None:
        self.snapshot = snapshot
        self.consistency = consistency
        self.serial_consistency = serial_consistency
        self.page_size = page_size
        self.timed = timed
        self.join = snapshot.join
        self.starts: list[bytes | None] = [None] * KINDS
        self.end = b""
        self.express: Any = None
        """What compiled code has computed of it, once."""

    def encode(self, message: ShapedExecute, dialect: Dialect) -> bytes:
        """Encode a message in the ordinary way, and keep how it begins and ends."""
        body = message.ordinary().encode(dialect)  # everything is checked now
        count = self.snapshot.count
        empty = ShapedExecute(self, [b""] * count, message.timestamp).ordinary().encode(dialect)
        end = b"" if self.page_size is None else pack_int(self.page_size)
        if self.serial_consistency is not None:
            end += pack_short(self.serial_consistency)
        self.end = end
        self.starts[dialect.kind] = empty[: len(empty) - 4 * count - len(end) - 8 * self.timed]
        return body

    def changed(self, snapshot: Snapshot, consistency: int) -> Shape:
        """Return the same for another snapshot or level."""
        return Shape(snapshot, consistency, self.serial_consistency, self.page_size, self.timed)


class ShapedExecute(BoundExecute):
    """A `BoundExecute` that has a `Shape`, and of its own only cells and timestamp."""

    __slots__ = ("shape",)

    paging_state = None
    keyspace = None

    def __init__(self, shape: Shape, cells: Sequence[Value], timestamp: int | None) -> None:
        self.shape = shape
        self.cells = cells
        self.timestamp = timestamp

    def encode(self, dialect: Dialect) -> bytes:
        """Return the body. Raises `LocalProtocolError` as `cql_protocol.Execute` does."""
        shape = self.shape
        start, join, timestamp = shape.starts[dialect.kind], shape.join, self.timestamp
        if start is None:
            return shape.encode(self, dialect)
        try:
            end = shape.end if timestamp is None else shape.end + pack_long(timestamp)
            body = None if join is None else join(start, self.cells, end)
        except (StructError, TypeError, ValueError):  # the ordinary way can tell what is wrong
            return self.ordinary().encode(dialect)
        if body is None:
            if len(self.cells) != shape.snapshot.count:
                return self.ordinary().encode(dialect)
            body = self._joined(dialect, start, end)
        return body

    def ordinary(self) -> BoundExecute:
        """Return the same request without a shape."""
        shape = self.shape
        return BoundExecute(
            shape.snapshot,
            self.cells,
            shape.consistency,
            shape.serial_consistency,
            shape.page_size,
            None,
            self.timestamp,
        )

    @property
    def snapshot(self) -> Snapshot:
        """What was known of the statement; one that is assigned takes its place."""
        return self.shape.snapshot

    @snapshot.setter
    def snapshot(self, snapshot: Snapshot) -> None:
        self.shape = self.shape.changed(snapshot, self.shape.consistency)

    @property
    def consistency(self) -> int:
        """The level; one that is assigned takes its place."""
        return self.shape.consistency

    @consistency.setter
    def consistency(self, level: int) -> None:
        self.shape = self.shape.changed(self.shape.snapshot, level)

    @property
    def serial_consistency(self) -> int | None:  # type: ignore[override]
        """The serial level."""
        return self.shape.serial_consistency

    @property
    def page_size(self) -> int | None:  # type: ignore[override]
        """How many rows a page has."""
        return self.shape.page_size
