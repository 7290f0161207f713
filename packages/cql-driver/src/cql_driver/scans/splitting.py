"""Cutting a ring into parts of about equal size, each with the hosts that have it.

A range is (start, end): the tokens above `start`, up to and with `end`. The ranges of one ring
hold each of its tokens once. The range that wraps around is two, since no query can span it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from cql_driver.errors import InvalidArgument
from cql_protocol.tokens import MAX_LONG, MIN_LONG, MD5Token, Murmur3Token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cql_protocol.tokens import Token

    Hosts = tuple[Any, ...]

__all__ = ["Part", "Range", "bounds_of", "key_of_token", "split"]

Range = tuple[int, int]

Owned = tuple[Range, "Hosts"]
"""A range with the hosts that have it, the primary one first."""

_SLACK = 16
"""A part may be larger or smaller by this fraction, for not to cut off a sliver of a range."""


class Part(NamedTuple):
    """Ranges that are read together, and the hosts that have all of them."""

    ranges: tuple[Range, ...]
    hosts: tuple[Any, ...]


def bounds_of(kind: type[Token] | None, partitioner: str | None) -> Range:
    """Return the whole ring of a partitioner as one range; raise where it cannot be cut."""
    if kind is Murmur3Token:
        return MIN_LONG, MAX_LONG
    if kind is MD5Token:
        return -1, 2**127
    raise InvalidArgument(
        f"the cluster's partitioner is {partitioner or 'not known'}: only a ring of "
        "Murmur3Partitioner or RandomPartitioner can be cut into parts of equal size; read the "
        "table by session.execute, page by page"
    )


def split(
    ends: Sequence[int], bounds: Range, hosts_of: Callable[[int], Hosts], count: int
) -> list[Part]:
    """Cut a ring into about `count` parts, and at least one for each primary replica.

    `ends` are the tokens of the ring in order, `hosts_of` returns the replicas of a token.
    Neighbours with the same replicas become one range, which is cut only where a part is full.
    Parts come in an order that goes around among the hosts.
    """
    owned = _merged(_between(ends, bounds), hosts_of)
    groups: dict[Any, list[Owned]] = {}
    for found in owned:
        groups.setdefault(found[1][:1], []).append(found)
    whole = bounds[1] - bounds[0]
    placed: list[tuple[float, int, Part]] = []
    for group in groups.values():
        width = _width(group)
        wanted = max(1, min(width, round(count * width / whole)))
        parts = [_part(cut) for cut in _cut(group, width, wanted) if cut]
        placed += ((n / len(parts), len(placed) + n, part) for n, part in enumerate(parts))
    placed.sort(key=lambda found: found[:2])
    return [part for _, _, part in placed]


def _between(ends: Sequence[int], bounds: Range) -> Iterable[Range]:
    """Return the ranges between the tokens of the ring, and before and behind them."""
    lowest, highest = bounds
    # A node may own the lowest token, which no partition has.
    inner = (end for end in ends if lowest < end < highest)
    return pairwise((lowest, *inner, highest))


def _merged(ranges: Iterable[Range], hosts_of: Callable[[int], Hosts]) -> list[Owned]:
    """Return ranges with their hosts; neighbours that have the same ones are one range."""
    merged: list[Owned] = []
    before: frozenset[Any] | None = None
    for start, end in ranges:
        hosts = hosts_of(end)
        same = frozenset(hosts)
        if same == before:
            (first, _), known = merged[-1]
            merged[-1] = (first, end), known
        else:
            merged.append(((start, end), hosts))
        before = same
    return merged


def _width(group: Iterable[Owned]) -> int:
    return sum(end - start for (start, end), _ in group)


def _cut(group: Iterable[Owned], total: int, count: int) -> list[list[Owned]]:
    """Deal ranges out to `count` parts of about equal width, in their order."""
    parts: list[list[Owned]] = [[] for _ in range(count)]
    slack = total // count // _SLACK
    filled = index = 0
    for (start, end), hosts in group:
        while start < end:
            room = total * (index + 1) // count - filled
            step = end - start
            if step > room + slack and index < count - 1:
                step = room
            parts[index].append(((start, start + step), hosts))
            start += step
            filled += step
            while index < count - 1 and filled >= total * (index + 1) // count - slack:
                index += 1
    return parts


def _part(cut: list[Owned]) -> Part:
    common = [host for host in cut[0][1] if all(host in hosts for _, hosts in cut)]
    return Part(tuple(range_ for range_, _ in cut), tuple(common))


# --- a key for a token ---------------------------------------------------------------------------

_MASK = 2**64 - 1
_C1, _C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
_F1, _F2 = 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53


def key_of_token(token: int) -> bytes:
    """Return a routing key that Murmur3Partitioner gives this token.

    Load-balancing policies find replicas by the routing key of a statement, and by nothing else:
    with such a key those of a range are found too. This is `murmur3` of 16 bytes backwards, one
    half of its end state being taken as 0.

    Example::

        >>> Murmur3Token.from_key(key_of_token(42)).value
        42
    """
    h2 = _unmixed(token & _MASK)
    h1 = (-h2 & _MASK) ^ 16
    h2 ^= 16
    k1 = _rotated(_unscaled(h1, 0x52DCE729), 64 - 27)
    k2 = _rotated(_unscaled(h2, 0x38495AB5) - h1 & _MASK, 64 - 31)
    k1 = _over(_rotated(_over(k1, _C2), 64 - 31), _C1)
    k2 = _over(_rotated(_over(k2, _C1), 64 - 33), _C2)
    return k1.to_bytes(8, "little") + k2.to_bytes(8, "little")


def _over(value: int, factor: int) -> int:
    """Divide, where multiplying has overflowed 64 bits."""
    return value * pow(factor, -1, 2**64) & _MASK


def _unscaled(value: int, added: int) -> int:
    return _over(value - added, 5)


def _rotated(value: int, left: int) -> int:
    return (value << left | value >> (64 - left)) & _MASK


def _unmixed(value: int) -> int:
    """Undo the last mixing of a half: a shift by 33 of 64 bits is its own inverse."""
    value ^= value >> 33
    value = _over(value, _F2)
    value ^= value >> 33
    value = _over(value, _F1)
    return value ^ value >> 33
