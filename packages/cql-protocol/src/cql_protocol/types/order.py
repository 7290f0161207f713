"""The order in which the server keeps the elements of sets and the keys of maps: that of values.

Within tuples, user types and vectors it leaves them as sent, and another order is another value.
"""

from __future__ import annotations

from math import copysign, inf

from cql_protocol.types.base import unpack_size
from cql_protocol.types.vectors import VectorType
from cql_protocol.types.vint import unpack_unsigned
from cql_protocol.types.wrappers import FrozenType, ReversedType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cql_protocol.types.base import CqlType

    Key = Callable[[bytes], Any]

__all__ = ["in_order", "order_key"]

_SIGN_FLIPPED = bytes(byte ^ 0x80 for byte in range(256))


def in_order(cells: list[bytes], key: Key | None) -> list[bytes]:
    """Return the cells in the order of `key`; of those equal by it, only the first."""
    if key is None:
        return sorted(set(cells))
    cells.reverse()  # a dict keeps the last of what is equal
    distinct = dict(zip(map(key, cells), cells, strict=True))
    return [distinct[each] for each in sorted(distinct)]


def order_key(cql_type: CqlType) -> Key | None:
    """Return the function that makes of a cell something hashable that sorts as the server does.

    None where the order is that of the bytes. A cell of zero bytes is the first of all.
    """
    if isinstance(cql_type, (FrozenType, ReversedType)):
        return order_key(cql_type.inner)
    if isinstance(cql_type, VectorType):
        fixed = cql_type.element.fixed_size
        return _parts_key(cql_type, 0, (lambda _, at: (fixed, at)) if fixed else unpack_unsigned)
    code = cql_type.code
    if code >= 0x20:
        # Only lists, sets and maps have a count.
        return _parts_key(cql_type, 4 if code < 0x30 else 0, _size_at)
    if code in (0x06, 0x07, 0x08):  # decimal, double, float
        return _number_key(cql_type.reader())
    return _KEYS.get(code)


def _signed(cell: bytes) -> float:
    return int.from_bytes(cell, "big", signed=True) if cell else -inf


def _number_key(read: Key) -> Key:
    def key(cell: bytes) -> tuple[Any, ...]:
        if not cell:
            return ()
        number = read(cell)
        if number != number:  # all that is no number is one, and the greatest
            return (inf, 1)
        return (number, 0 if number else copysign(1, number))  # -0.0 comes before 0.0

    return key


def _uuid(cell: bytes) -> bytes:
    # By version, then by time where the version has one, then by bytes.
    version = cell[6:7].hex()[:1]
    return version.encode() + (_time(cell) if version == "1" else b"") + cell


def _timeuuid(cell: bytes) -> bytes:
    return _time(cell) + cell[8:].translate(_SIGN_FLIPPED)


def _time(cell: bytes) -> bytes:
    return cell[6:8] + cell[4:6] + cell[:4]


# bigint, counter, int, timestamp, varint, smallint and tinyint; uuid; timeuuid
_KEYS: dict[int, Key] = dict.fromkeys((0x02, 0x05, 0x09, 0x0B, 0x0E, 0x13, 0x14), _signed)
_KEYS |= {0x0C: _uuid, 0x0F: _timeuuid}


def _size_at(cell: bytes, at: int) -> tuple[int, int]:
    return unpack_size(cell, at)[0], at + 4


def _parts_key(
    cql_type: CqlType, start: int, size_at: Callable[[bytes, int], tuple[int, int]]
) -> Key:
    """Compare part by part, the end before a null before zero bytes; the types recur."""
    keys = [order_key(child) or bytes for child in cql_type.children]

    def key(cell: bytes) -> tuple[Any, ...]:
        parts: list[Any] = []
        at = start
        while at < len(cell):
            part_key = keys[len(parts) % len(keys)]
            size, at = size_at(cell, at)
            parts.append((part_key(cell[at : at + size]),) if size >= 0 else ())
            at += max(size, 0)
        return (tuple(parts),) if cell else ()

    return key
