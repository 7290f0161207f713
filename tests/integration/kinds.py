"""The CQL types under test: for each its name, its values, and what makes two values the same.

Values are in the form in which the codec returns them, so that what is read can be compared
with what was written, strictly: NaN is the same as NaN, -0.0 is not 0.0, 1 is not True, and
decimals have the same scale.
"""

from __future__ import annotations

import struct
from collections import namedtuple
from collections.abc import Callable, Sequence
from decimal import Decimal
from math import isnan
from random import Random
from typing import Any

from cql_protocol.values import EMPTY, OrderedMap, SortedSet
from tests.integration import expected

Make = Callable[[Random], Any]


class Kind:
    """A type: `cql` is its name, `make` makes a random value of it.

    `edges` are values to be tried each time; `tame` those of them that may stand in a set or be
    a key. `agrees` compares a value with the server's JSON. `plain` tells that the Python value
    alone says which literal is meant, `takes_empty` that the server stores it with zero bytes.
    """

    hashable = True
    frozen = ""
    """The type where it stands within another."""

    def __init__(
        self,
        cql: str,
        edges: Sequence[Any],
        make: Make,
        agrees: expected.Check,
        *,
        tame: Sequence[Any] | None = None,
        takes_empty: bool = False,
        plain: bool = True,
    ) -> None:
        self.cql = cql
        self.frozen = cql
        self.edges = list(edges)
        self.make = make
        self.agrees = agrees
        self.tame = self.edges if tame is None else list(tame)
        self.takes_empty = takes_empty
        self.plain = plain

    def __repr__(self) -> str:
        return self.cql

    def same(self, sent: Any, got: Any) -> bool:
        """Say whether `got` is what was sent."""
        if type(sent) is not type(got):
            return False
        if isinstance(sent, float):
            return struct.pack(">d", sent) == struct.pack(">d", got) or (isnan(sent) and isnan(got))
        if isinstance(sent, Decimal):
            return bool(sent.as_tuple() == got.as_tuple())
        return bool(sent == got)

    def stored(self, sent: Any, got: Any) -> bool:
        """Say the same of a whole cell."""
        return got is EMPTY if sent is EMPTY else self.same(sent, got)

    def shown(self, sent: Any, shown: Any) -> bool:
        """Say whether `shown` is the server's JSON of what was sent."""
        if sent is None or sent is EMPTY:
            return shown is None
        return self.agrees(sent, shown)

    def element(self, rng: Random) -> Any:
        """Return a value that may stand in any collection."""
        return rng.choice(self.tame) if self.tame and rng.random() < 0.3 else self.make(rng)

    def values(self, rng: Random, count: int) -> list[Any]:
        """Return the edges, and random values until there are `count`."""
        empty = [EMPTY] if self.takes_empty else []
        found = [*self.edges, *empty]
        return found + [self.make(rng) for _ in range(count - len(found))]


class _Composite(Kind):
    """A type made of others; `multicell` when the server stores its elements apart."""

    multicell = False

    def __init__(self, cql: str, parts: Sequence[Kind], edges: Sequence[Any], frozen: bool) -> None:
        self.parts = parts
        super().__init__(
            f"frozen<{cql}>" if frozen else cql,
            edges,
            self._make,
            self._agreement(),
            plain=all(part.plain for part in parts),
        )
        self.frozen = f"frozen<{cql}>"
        self.multicell = not frozen

    def _make(self, rng: Random) -> Any:
        raise NotImplementedError

    def _agreement(self) -> expected.Check:
        raise NotImplementedError

    def stored(self, sent: Any, got: Any) -> bool:
        """An empty collection that is not frozen does not exist, and is read as null."""
        if self.multicell and not len(sent):
            return got is None
        return super().stored(sent, got)

    def shown(self, sent: Any, shown: Any) -> bool:
        """As above."""
        return super().shown(None if self.multicell and not sent else sent, shown)


def _size(rng: Random) -> int:
    return rng.choice((0, 1, 1, 2, 3, 5, 9))


class ListOf(_Composite):
    """``list<element>``"""

    hashable = False

    def __init__(self, element: Kind, *, frozen: bool = False, edges: Sequence[Any] = ()) -> None:
        fixed = [[], [element.edges[0]], list(element.edges), list(reversed(element.tame)) * 2]
        super().__init__(f"list<{element.frozen}>", (element,), [*fixed, *edges], frozen)

    def _make(self, rng: Random) -> Any:
        return [self.parts[0].element(rng) for _ in range(_size(rng))]

    def _agreement(self) -> expected.Check:
        return expected.sequence(self.parts[0].agrees)

    def same(self, sent: Any, got: Any) -> bool:
        """Compare element by element."""
        return (
            type(got) is list and len(sent) == len(got) and all(map(self.parts[0].same, sent, got))
        )


class SetOf(_Composite):
    """``set<element>``"""

    hashable = False

    def __init__(self, element: Kind, *, frozen: bool = False) -> None:
        self.collect: Any = set if element.hashable else SortedSet
        edges = [self.collect(), self.collect([element.tame[0]]), self.collect(element.tame)]
        super().__init__(f"set<{element.frozen}>", (element,), edges, frozen)

    def _make(self, rng: Random) -> Any:
        return self.collect([self.parts[0].element(rng) for _ in range(_size(rng))])

    def _agreement(self) -> expected.Check:
        return expected.unordered(self.parts[0].agrees)

    def same(self, sent: Any, got: Any) -> bool:
        """Compare as sets; a set of none but hashable values is a plain one, whatever the type."""
        return isinstance(got, set | self.collect) and expected.matched(
            self.parts[0].same, list(sent), list(got)
        )


class MapOf(_Composite):
    """``map<key, value>``"""

    hashable = False

    def __init__(self, key: Kind, value: Kind, *, frozen: bool = False) -> None:
        self.collect: Any = dict if key.hashable else OrderedMap
        longest = max(len(key.tame), len(value.edges))
        repeated = [value.edges[i % len(value.edges)] for i in range(longest)]
        pairs = list(zip((key.tame * longest)[:longest], repeated, strict=True))
        edges = [self.collect(), self.collect(pairs[:1]), self.collect(pairs)]
        super().__init__(f"map<{key.frozen}, {value.frozen}>", (key, value), edges, frozen)

    def _make(self, rng: Random) -> Any:
        key, value = self.parts
        return self.collect([(key.element(rng), value.element(rng)) for _ in range(_size(rng))])

    def _agreement(self) -> expected.Check:
        return expected.mapping(self.parts[0].agrees, self.parts[1].agrees)

    def same(self, sent: Any, got: Any) -> bool:
        """Compare as maps."""
        key, value = self.parts

        def pair(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
            return key.same(one[0], other[0]) and value.same(one[1], other[1])

        right = isinstance(got, dict | self.collect)
        return right and expected.matched(pair, list(sent.items()), list(got.items()))


class TupleOf(_Composite):
    """``tuple<element, …>``, each of which can be null"""

    def __init__(self, *parts: Kind) -> None:
        self.hashable = all(part.hashable for part in parts)
        nulls = [None] * len(parts)
        edges = [
            tuple(nulls),
            tuple(part.edges[0] for part in parts),
            tuple(part.edges[-1] for part in parts),
            (parts[0].edges[0], *nulls[1:]),
            (*nulls[1:], parts[-1].edges[-1]),
        ]
        super().__init__(f"tuple<{', '.join(part.frozen for part in parts)}>", parts, edges, False)
        self.multicell = False

    def _make(self, rng: Random) -> Any:
        return tuple(None if rng.random() < 0.2 else part.element(rng) for part in self.parts)

    def _agreement(self) -> expected.Check:
        return expected.fields([part.agrees for part in self.parts])

    def same(self, sent: Any, got: Any) -> bool:
        """Compare by position."""
        return type(got) is tuple and _same_fields(self.parts, sent, got)


class UdtOf(_Composite):
    """A user type of named fields, each of which can be null; `statement` creates it"""

    def __init__(self, name: str, named: dict[str, Kind], *, frozen: bool = False) -> None:
        self.name = name
        self.names = list(named)
        parts = list(named.values())
        self.hashable = all(part.hashable for part in parts)
        row: Any = _row_class(self.names)
        self.row = row
        nulls = [None] * len(parts)
        edges = [
            row(*[part.edges[0] for part in parts]),
            row(*[part.edges[-1] for part in parts]),
            row(parts[0].edges[0], *nulls[1:]),
            row(*nulls[1:], parts[-1].edges[-1]),
        ]
        super().__init__(name, parts, edges, frozen)
        self.plain = False
        described = ", ".join(f'"{key}" {part.frozen}' for key, part in named.items())
        self.statement = f"CREATE TYPE {name} ({described})"

    def _make(self, rng: Random) -> Any:
        items = [None if rng.random() < 0.2 else part.element(rng) for part in self.parts]
        # A value with nothing but nulls cannot be told from no value where it is not frozen.
        return self.row(*items) if items != [None] * len(items) else self.edges[0]

    def _agreement(self) -> expected.Check:
        return expected.named(self.names, [part.agrees for part in self.parts])

    def same(self, sent: Any, got: Any) -> bool:
        """Compare by position, and see that the fields have their names."""
        return (
            isinstance(got, tuple)
            and getattr(got, "_fields", None) == self.row._fields
            and _same_fields(self.parts, sent, got)
        )


class VectorOf(_Composite):
    """``vector<element, dimension>``"""

    hashable = False

    def __init__(self, element: Kind, dimension: int) -> None:
        edges = [[edge] * dimension for edge in element.edges[:20]]
        self.dimension = dimension
        super().__init__(f"vector<{element.frozen}, {dimension}>", (element,), edges, False)
        self.frozen = self.cql
        self.multicell = False

    def _make(self, rng: Random) -> Any:
        return [self.parts[0].element(rng) for _ in range(self.dimension)]

    def _agreement(self) -> expected.Check:
        return expected.sequence(self.parts[0].agrees)

    def same(self, sent: Any, got: Any) -> bool:
        """Compare element by element."""
        return (
            type(got) is list and len(sent) == len(got) and all(map(self.parts[0].same, sent, got))
        )


def _row_class(names: Sequence[str]) -> Any:
    """Return a named tuple class; names that Python forbids become _0, _1…, as in the codec."""
    return namedtuple("Row", names, rename=True)


def _same_fields(parts: Sequence[Kind], sent: Sequence[Any], got: Sequence[Any]) -> bool:
    return len(got) == len(parts) and all(
        other is None if one is None else part.same(one, other)
        for part, one, other in zip(parts, sent, got, strict=True)
    )
