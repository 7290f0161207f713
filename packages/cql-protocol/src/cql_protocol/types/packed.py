"""Readers of collections of numbers: several are unpacked by one call of the module `struct`.

Each reads what is as usual, every element having its ordinary size, and leaves the rest to the
general reader of its type: nulls, elements of zero bytes, whatever is wrong.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from cql_protocol.errors import DecodeError
from cql_protocol.types.base import unpack_size

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_protocol.types.base import Reader

__all__ = ["PACKED_SIZES", "list_reader", "map_reader"]

PACKED_SIZES = {code: Struct(">" + code).size for code in "?bhiqfd"}
"""The bytes of a number, by its letter in the module `struct`."""

# Lists up to this length have a Struct of their own, which is kept; longer ones go by pairs.
_KEPT_STRUCTS = 64
_KEPT_KEYS = 256


def list_reader(code: str, general: Reader) -> Reader:
    """Return the reader of lists of the numbers that `code` stands for."""
    pair = Struct(f">i{code}")
    one = PACKED_SIZES[code]
    # By the size of a cell: what unpacks it, and how many elements it then has.
    kept: dict[int, tuple[Any, int]] = {}

    def read(cell: bytes) -> Any:
        found = kept.get(len(cell))
        if found is None:
            return read_other(cell)
        unpack, count = found
        numbers = unpack(cell)
        if numbers[0] == count and numbers[1::2].count(one) == count:
            return list(numbers[2::2])
        return general(cell)

    def read_other(cell: bytes) -> Any:
        count, rest = divmod(len(cell) - 4, pair.size)
        if rest or count <= 0 or unpack_size(cell, 0)[0] != count:
            return general(cell)
        if count <= _KEPT_STRUCTS:
            kept[len(cell)] = Struct(">i" + f"i{code}" * count).unpack, count
            return read(cell)
        values = [value for size, value in pair.iter_unpack(cell[4:]) if size == one]
        return values if len(values) == count else general(cell)

    return read


def map_reader(code: str, read_key: Reader, general: Reader) -> Reader:
    """Return the reader of dicts of the numbers that `code` stands for.

    Equal keys are one object, for the first keys that are met: what rows have in common.
    """
    number = Struct(f">i{code}")
    # The value of an entry, and how long the next one's key is.
    value_and_size = Struct(f">i{code}i").unpack_from
    last_value, one, stride = number.unpack_from, PACKED_SIZES[code], number.size
    keys: dict[bytes, Any] = {}

    def new_key(data: bytes) -> Any:
        key = read_key(data)
        if len(keys) < _KEPT_KEYS:
            keys[data] = key
        return key

    def read(cell: bytes) -> Any:
        made: dict[Any, Any] = {}
        try:
            count, key_size = unpack_head(cell)
            at = 8
            while count > 0 <= key_size:
                count -= 1
                data = cell[at : at + key_size]
                at += key_size
                if count:
                    size, value, key_size = value_and_size(cell, at)
                else:
                    size, value = last_value(cell, at)
                if size != one:
                    return general(cell)
                key = keys.get(data)
                made[new_key(data) if key is None else key] = value
                at += stride + 4
        except (StructError, DecodeError):
            return general(cell)
        return made if made and count == 0 and at == len(cell) + 4 else general(cell)

    return read


unpack_head = Struct(">ii").unpack_from
"""Return how many entries a map has, and how long its first key is."""
