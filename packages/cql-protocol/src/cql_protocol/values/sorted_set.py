"""`SortedSet`: a set whose items need no hash, kept in their order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, MutableSet, Set

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, TypeVar, overload

    _T = TypeVar("_T")

__all__ = ["SortedSet", "sortedset"]


class SortedSet(MutableSet["_T"]):
    """A set that keeps its items sorted and accepts unhashable ones, such as lists or dicts.

    A CQL set is read as this where its items cannot be hashed. Items that have no common
    order are kept in the order of their arrival; finding one then looks at each. Compares equal
    to any set or sequence of the same items. Mutable, hence without hash itself.

        >>> SortedSet([[2], [1], [2]])
        SortedSet([[1], [2]])
    """

    __slots__ = ("_items", "_sorted")

    _items: list[_T]
    _sorted: bool

    def __init__(self, iterable: Iterable[_T] = ()) -> None:
        self._items = []
        self._sorted = True
        self._fill(list(iterable), distinct=False)

    @classmethod
    def of_distinct(cls, items: list[_T]) -> SortedSet[_T]:
        """Return the set of `items`, known to be distinct: no work that grows as their square."""
        made = cls()
        made._fill(items, distinct=True)
        return made

    def _fill(self, items: list[_T], distinct: bool) -> None:
        ordered = _in_strict_order(items)
        # What is known to be distinct stays so, even if Python holds it to be equal: -0.0, 0.0.
        if ordered is not None and (len(ordered) == len(items) or not distinct):
            self._items = ordered
            return
        self._sorted = False
        if distinct:
            self._items = items
            return
        for item in items:
            if not _contains(self._items, item):
                self._items.append(item)

    # --- the set protocol

    def __contains__(self, item: object) -> bool:
        return self._find(item) >= 0

    def __iter__(self) -> Iterator[_T]:
        return iter(self._items)

    def __reversed__(self) -> Iterator[_T]:
        return reversed(self._items)

    def __len__(self) -> int:
        return len(self._items)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, i: int) -> _T: ...
        @overload
        def __getitem__(self, i: slice) -> list[_T]: ...

    def __getitem__(self, i: int | slice) -> _T | list[_T]:
        return self._items[i]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SortedSet) and self._items == other._items:
            return True
        if not isinstance(other, (Set, list, tuple)):
            return NotImplemented
        mine = self if isinstance(other, Set) else SortedSet(other)
        return len(self) == len(mine) == len(other) and all(item in self for item in other)

    __hash__ = None  # type: ignore[assignment]

    def __le__(self, other: object) -> bool:
        if not isinstance(other, Set):
            return NotImplemented
        return len(self) <= len(other) and self.issubset(other)

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Set):
            return NotImplemented
        return len(self) < len(other) and self.issubset(other)

    def __ge__(self, other: object) -> bool:
        if not isinstance(other, Set):
            return NotImplemented
        return self.issuperset(other)

    def __gt__(self, other: object) -> bool:
        if not isinstance(other, Set):
            return NotImplemented
        return len(self) > len(other) and self.issuperset(other)

    def __repr__(self) -> str:
        return f"SortedSet({self._items!r})"

    def __str__(self) -> str:
        return f"SortedSet({self._items!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (SortedSet.of_distinct, (self._items,))

    def __copy__(self) -> SortedSet[_T]:
        return self.copy()

    # --- changing it

    def add(self, item: _T) -> None:
        """Put `item` in; nothing happens when it is there."""
        if self._find(item) >= 0:
            return
        at = _place(self._items, item) if self._sorted else None
        if at is None:
            self._sorted = False
            self._items.append(item)
        else:
            self._items.insert(at, item)

    def discard(self, item: _T) -> None:
        """Take `item` out; nothing happens when it is not there."""
        at = self._find(item)
        if at >= 0:
            del self._items[at]

    def remove(self, item: _T) -> None:
        """Take `item` out; raises KeyError when it is not there."""
        at = self._find(item)
        if at < 0:
            raise KeyError(item)
        del self._items[at]

    def pop(self) -> _T:
        """Take the last item out and return it; raises KeyError when there is none."""
        if not self._items:
            raise KeyError("pop from an empty SortedSet")
        return self._items.pop()

    def clear(self) -> None:
        """Take everything out."""
        self._items = []
        self._sorted = True

    def update(self, *iterables: Iterable[_T]) -> None:
        """Put the items of all iterables in."""
        for iterable in iterables:
            for item in list(iterable):
                self.add(item)

    # --- making others

    def copy(self) -> SortedSet[_T]:
        """Return a new set of the same items."""
        made: SortedSet[_T] = SortedSet()
        made._items = list(self._items)
        made._sorted = self._sorted
        return made

    def union(self, *others: Iterable[_T]) -> SortedSet[_T]:
        """Return the items of this set and of all others."""
        made = self.copy()
        made.update(*others)
        return made

    def intersection(self, *others: Iterable[_T]) -> SortedSet[_T]:
        """Return the items that are in this set and in every other."""
        kept = list(self._items)
        for other in map(_searchable, others):
            kept = [item for item in kept if item in other]
        return SortedSet.of_distinct(kept)

    def difference(self, *others: Iterable[_T]) -> SortedSet[_T]:
        """Return the items of this set that are in none of the others."""
        kept = list(self._items)
        for other in map(_searchable, others):
            kept = [item for item in kept if item not in other]
        return SortedSet.of_distinct(kept)

    def symmetric_difference(self, other: Iterable[_T]) -> SortedSet[_T]:
        """Return the items that are in exactly one of the two."""
        theirs = _searchable(other)
        return self.difference(theirs).union(theirs.difference(self))

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """Say whether the two have no item in common."""
        return not any(item in self for item in other)

    def issubset(self, other: Iterable[Any]) -> bool:
        """Say whether every item of this set is in `other`."""
        theirs = _searchable(other)
        return all(item in theirs for item in self._items)

    def issuperset(self, other: Iterable[Any]) -> bool:
        """Say whether every item of `other` is in this set."""
        return all(item in self for item in other)

    def __or__(self, other: Set[Any]) -> SortedSet[Any]:
        return self.union(other) if isinstance(other, Set) else NotImplemented

    def __and__(self, other: Set[Any]) -> SortedSet[_T]:
        return self.intersection(other) if isinstance(other, Set) else NotImplemented

    def __sub__(self, other: Set[Any]) -> SortedSet[_T]:
        return self.difference(other) if isinstance(other, Set) else NotImplemented

    def __xor__(self, other: Set[Any]) -> SortedSet[Any]:
        return self.symmetric_difference(other) if isinstance(other, Set) else NotImplemented

    __ror__ = __or__
    __rand__ = __and__
    __rxor__ = __xor__

    def __rsub__(self, other: Set[Any]) -> SortedSet[Any]:
        return SortedSet(other) - self if isinstance(other, Set) else NotImplemented

    def _find(self, item: Any) -> int:
        """Return the index of `item`, or -1."""
        if not self._sorted:
            return next(
                (i for i, mine in enumerate(self._items) if mine is item or mine == item), -1
            )
        try:
            at = bisect_left(self._items, item)
        except TypeError:  # not comparable with the others, so not one of them
            return -1
        return at if at < len(self._items) and self._items[at] == item else -1


sortedset = SortedSet
"""Another name of `SortedSet`."""


def _in_strict_order(items: list[Any]) -> list[Any] | None:
    """Return the distinct items sorted, or None when they have no total order.

    Items such as sets compare without an error and still have no total order. But where each is
    less than its neighbour, all are, and searching by halves finds what is there.
    """
    try:
        ordered = sorted(items)
        distinct = ordered[:1]
        for item in ordered[1:]:
            if distinct[-1] < item:
                distinct.append(item)
            elif distinct[-1] != item:
                return None
    except TypeError:
        return None
    return distinct


def _place(items: list[Any], item: Any) -> int | None:
    """Return where `item` belongs in the sorted `items`, or None when it has no such place."""
    try:
        at = bisect_left(items, item)
        follows = at == 0 or items[at - 1] < item
        precedes = at == len(items) or item < items[at]
    except TypeError:
        return None
    return at if follows and precedes else None


def _contains(items: list[Any], wanted: Any) -> bool:
    return any(item is wanted or item == wanted for item in items)


def _searchable(items: Iterable[Any]) -> SortedSet[Any]:
    return items if isinstance(items, SortedSet) else SortedSet(items)
