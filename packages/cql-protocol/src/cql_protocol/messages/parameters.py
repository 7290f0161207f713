"""The parameters of QUERY and EXECUTE, and the part of them that BATCH shares.

Spec section 4.1.4. A connection of version 5 writes the flags as four bytes, older ones as
one; keyspace and now-in-seconds exist from version 5 on, UNSET from version 4 on.
"""

from __future__ import annotations

from collections.abc import Mapping

from cql_protocol.errors import LocalProtocolError, RemoteProtocolError
from cql_protocol.messages.base import Record
from cql_protocol.values import UNSET
from cql_protocol.wire import (
    pack_byte,
    pack_int,
    pack_long,
    pack_short,
    write_bytes,
    write_string,
    write_value,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cql_protocol.dialect import Dialect
    from cql_protocol.wire import Reader, Value

__all__ = ["QueryParameters", "read_values", "write_values"]

VALUES = 0x01
SKIP_METADATA = 0x02
PAGE_SIZE = 0x04
PAGING_STATE = 0x08
SERIAL_CONSISTENCY = 0x10
TIMESTAMP = 0x20
VALUE_NAMES = 0x40
KEYSPACE = 0x80
NOW_IN_SECONDS = 0x100

_NEED_INT_FLAGS = KEYSPACE | NOW_IN_SECONDS
_INT32 = range(-(1 << 31), 1 << 31)
_INT64 = range(-(1 << 63), 1 << 63)


class QueryParameters(Record):
    """How a statement is run.

    - `consistency`, `serial_consistency`: numbers of `ConsistencyLevel`
    - `values`: encoded values in the order of the markers, or by the markers' names;
      each is bytes, None (null) or UNSET
    - `skip_metadata`: ask for rows without the description of their columns
    - `page_size`: rows a page; `paging_state`: where the page begins
    - `timestamp`: the default write time in microseconds since the epoch
    - `keyspace`, `now_in_seconds` (seconds since the epoch): protocol 5

    Example::

        QueryParameters(consistency=6, values=[INT.encode(7), None], page_size=5000)
    """

    __slots__ = (
        "consistency",
        "keyspace",
        "now_in_seconds",
        "page_size",
        "paging_state",
        "serial_consistency",
        "skip_metadata",
        "timestamp",
        "values",
    )

    def __init__(
        self,
        consistency: int = 1,
        values: Sequence[Value] | Mapping[str, Value] | None = None,
        *,
        skip_metadata: bool = False,
        page_size: int | None = None,
        paging_state: bytes | None = None,
        serial_consistency: int | None = None,
        timestamp: int | None = None,
        keyspace: str | None = None,
        now_in_seconds: int | None = None,
    ) -> None:
        self.consistency = consistency
        self.values = values
        self.skip_metadata = skip_metadata
        self.page_size = page_size
        self.paging_state = paging_state
        self.serial_consistency = serial_consistency
        self.timestamp = timestamp
        self.keyspace = keyspace
        self.now_in_seconds = now_in_seconds

    def encode(self, dialect: Dialect) -> bytes:
        """Return <consistency><flags> and what the flags announce."""
        flags = 0
        parts = []
        values = self.values
        if values:
            flags |= VALUES
            if isinstance(values, Mapping):
                flags |= VALUE_NAMES
            parts.append(write_values(values, dialect))
        if self.skip_metadata:
            flags |= SKIP_METADATA
        if self.page_size is not None:
            flags |= PAGE_SIZE
            parts.append(pack_int(checked(self.page_size, _INT32, "page_size")))
        if self.paging_state is not None:
            flags |= PAGING_STATE
            parts.append(write_bytes(self.paging_state))
        return write_tail(self, dialect, flags, parts)

    @classmethod
    def decode(cls, reader: Reader, dialect: Dialect) -> QueryParameters:
        """Read them from a request."""
        consistency = reader.short()
        flags = read_flags(reader, dialect)
        self = cls(consistency)
        if flags & VALUES:
            self.values = read_values(reader, bool(flags & VALUE_NAMES))
        self.skip_metadata = bool(flags & SKIP_METADATA)
        if flags & PAGE_SIZE:
            self.page_size = reader.integer()
        if flags & PAGING_STATE:
            self.paging_state = reader.bytes_()
        read_options(self, flags, reader)
        return self


def write_tail(
    parameters: QueryParameters, dialect: Dialect, flags: int = 0, parts: Sequence[bytes] = ()
) -> bytes:
    """Return <consistency><flags> and what follows them: `parts`, which `flags` announce,
    then what QUERY, EXECUTE and BATCH have in common.
    """
    consistency = checked(parameters.consistency, range(1 << 16), "consistency")
    tail = []
    if parameters.serial_consistency is not None:
        flags |= SERIAL_CONSISTENCY
        level = checked(parameters.serial_consistency, range(1 << 16), "serial_consistency")
        tail.append(pack_short(level))
    if parameters.timestamp is not None:
        flags |= TIMESTAMP
        tail.append(pack_long(checked(parameters.timestamp, _INT64, "timestamp")))
    if parameters.keyspace is not None:
        flags |= KEYSPACE
        tail.append(write_string(parameters.keyspace))
    if parameters.now_in_seconds is not None:
        flags |= NOW_IN_SECONDS
        tail.append(pack_int(checked(parameters.now_in_seconds, _INT32, "now_in_seconds")))
    if flags & _NEED_INT_FLAGS and not dialect.int_flags:
        raise LocalProtocolError(
            "a keyspace or now_in_seconds for one request needs protocol 5, "
            f"this connection speaks {dialect.version}"
        )
    written = pack_int(flags) if dialect.int_flags else pack_byte(flags)
    return b"".join((pack_short(consistency), written, *parts, *tail))


def read_options(parameters: QueryParameters, flags: int, reader: Reader) -> None:
    """Read into `parameters` what QUERY, EXECUTE and BATCH have in common."""
    if flags & SERIAL_CONSISTENCY:
        parameters.serial_consistency = reader.short()
    if flags & TIMESTAMP:
        parameters.timestamp = reader.long()
    if flags & KEYSPACE:
        parameters.keyspace = reader.string()
    if flags & NOW_IN_SECONDS:
        parameters.now_in_seconds = reader.integer()


def read_flags(reader: Reader, dialect: Dialect) -> int:
    """Read the flags as wide as the dialect has them."""
    return reader.integer() if dialect.int_flags else reader.byte()


def write_values(values: Sequence[Value] | Mapping[str, Value], dialect: Dialect) -> bytes:
    """Write <n> and the values, each with its name before it when they have names."""
    count = len(values)
    if count > 0xFFFF:
        raise LocalProtocolError(f"{count:,} values; the protocol carries at most 65,535")
    parts = [pack_short(count)]
    if isinstance(values, Mapping):
        for name, value in values.items():
            parts += (write_string(name), write_value(value))
        values = list(values.values())
    else:
        parts += map(write_value, values)
    if dialect.version < 4 and any(value is UNSET for value in values):
        raise LocalProtocolError("UNSET needs protocol 4; on protocol 3 give every value")
    return b"".join(parts)


def read_values(reader: Reader, named: bool) -> list[Value] | dict[str, Value]:
    """Read <n> and the values, by name when `named`."""
    count = reader.count(6 if named else 4, "values")
    if not named:
        return [reader.value() for _ in range(count)]
    values = {reader.string(): reader.value() for _ in range(count)}
    if len(values) != count:
        raise RemoteProtocolError("two values have the same name")
    return values


def checked(value: int, allowed: range, what: str) -> int:
    """Return `value` when it is an int in `allowed`, else raise `LocalProtocolError`."""
    if isinstance(value, int) and value in allowed:
        return value
    raise LocalProtocolError(f"{what}={value!r} is not an integer of {allowed[0]}…{allowed[-1]}")
