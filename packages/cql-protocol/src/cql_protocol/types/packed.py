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
    from collections.abc import Callable
    from typing import Any

    from cql_protocol.types.base import Reader

__all__ = ["PACKED_SIZES", "list_reader", "map_reader"]

PACKED_SIZES = {code: Struct(">" + code).size for code in "?bhiqfd"}
"""The bytes of a number, by its letter in the module `struct`."""

# Lists up to this length have a Struct of their own, which is kept; longer ones go by pairs.
_KEPT_STRUCTS = 64
_KEPT_KEYS = 256
# Maps up to this length, of so many sizes in bytes, have a function made for their like, in a tenth
# of a millisecond. Of one size so many are made; the last stays.
_MOST_ENTRIES = 32
_MOST_SIZES = 32
_TRIES = 4


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

    Rows often have the same keys: for maps of which all bytes but the values are those of one
    before, a function is made. Of other equal keys, the first that are met are one object.
    """
    number = Struct(f">i{code}")
    # The value of an entry, and how long the next one's key is.
    value_and_size = Struct(f">i{code}i").unpack_from
    last_value, one, stride = number.unpack_from, PACKED_SIZES[code], number.size
    keys: dict[bytes, Any] = {}
    # By the size of a cell: what reads one like the last that came.
    alike: dict[int, Callable[[bytes], Any]] = {}
    learn = _learner(code, alike)

    def new_key(data: bytes) -> Any:
        key = read_key(data)
        if len(keys) < _KEPT_KEYS:
            keys[data] = key
        return key

    def read(cell: bytes) -> Any:
        found = alike.get(len(cell))
        if found is not None:
            made = found(cell)
            if made is not None:
                return made
        return read_other(cell)

    def read_other(cell: bytes) -> Any:
        made: dict[Any, Any] = {}
        try:
            entries, key_size = unpack_head(cell)
            count, at = entries, 8
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
        if not made or count or at != len(cell) + 4:
            return general(cell)
        if len(made) == entries:
            learn(cell, made)
        return made

    return read


def _learner(
    code: str, alike: dict[int, Callable[[bytes], Any]]
) -> Callable[[bytes, dict[Any, Any]], None]:
    """Return what puts a function for maps like one that came into `alike`."""
    tries: dict[int, int] = {}  # how many were made, by the size of a cell

    def learn(cell: bytes, made: dict[Any, Any]) -> None:
        size = len(cell)
        tried = tries.get(size)
        if tried is None:  # the first of this size, and perhaps the only one
            if len(tries) < _MOST_SIZES and len(made) <= _MOST_ENTRIES:
                tries[size] = 0
        elif tried < _TRIES:
            tries[size] = tried + 1
            alike[size] = _reader_alike(cell, code, made)

    return learn


def _reader_alike(cell: bytes, code: str, made: dict[Any, Any]) -> Callable[[bytes], Any]:
    """Return what reads maps that differ from this one in values alone; others are None to it."""
    form, at, end = ">", 4, 0
    for _ in made:
        at += 8 + unpack_size(cell, at)[0]
        form += f"{at - end}s{code}"  # the bytes between two values, and a value
        at = end = at + PACKED_SIZES[code]
    unpack = Struct(form).unpack
    known: dict[str, Any] = {"unpack": unpack, "between": unpack(cell)[::2]}
    known.update((f"k{number}", key) for number, key in enumerate(made))
    numbers = range(len(made))
    exec(
        f"def read(cell):\n"
        f"    {' '.join(f'b{i}, v{i},' for i in numbers)} = unpack(cell)\n"
        f"    if ({' '.join(f'b{i},' for i in numbers)}) == between:\n"
        f"        return {{{', '.join(f'k{i}: v{i}' for i in numbers)}}}\n",
        known,
    )
    return known["read"]  # type: ignore[no-any-return]


unpack_head = Struct(">ii").unpack_from
"""Return how many entries a map has, and how long its first key is."""
