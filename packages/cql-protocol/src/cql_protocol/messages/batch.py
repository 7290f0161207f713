"""BATCH: several statements in one request (spec section 4.1.7)."""

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
    pack_short,
    write_long_string,
    write_short_bytes,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import ClassVar

    from cql_protocol.dialect import Dialect
    from cql_protocol.wire import Value

__all__ = ["Batch", "BatchEntry"]

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
