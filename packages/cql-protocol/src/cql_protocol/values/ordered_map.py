"""`OrderedMap` and `OrderedMapSerializedKey`: maps whose keys need no hash."""

from __future__ import annotations

from collections.abc import Hashable, ItemsView, Iterable, Iterator, Mapping, MutableMapping, Set

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, Protocol, TypeVar

    class KeyType(Protocol):
        """What a serialized map needs of the type of its keys."""

        def encode(self, value: Any, /) -> bytes:
            """Return the bytes of a key."""

    _K = TypeVar("_K")
    _V = TypeVar("_V")


__all__ = ["OrderedMap", "OrderedMapSerializedKey"]


class OrderedMap(MutableMapping["_K", "_V"]):
    """A map that keeps the order of insertion and accepts unhashable keys, such as lists or dicts.

    Made like a dict: of a mapping or of pairs, and keywords. Equal to any mapping of the same
    items, in whatever order.
    Keys must not be changed while they are in the map.

        >>> OrderedMap([({'a': 1}, 'x')])[{'a': 1}]
        'x'
    """

    __slots__ = ("_items", "_index")

    def __init__(
        self, items: Mapping[_K, _V] | Iterable[tuple[_K, _V]] = (), /, **kwargs: Any
    ) -> None:
        self._items: dict[int, tuple[_K, _V]] = {}  # by a running number, in insertion order
        self._index: dict[Hashable, int] = {}
        pairs: Any = items.items() if hasattr(items, "items") else items
        for key, value in pairs:
            self._insert(key, value)
        for name, value in kwargs.items():
            self._insert(name, value)  # type: ignore[arg-type]

    def _flat(self, key: Any) -> Hashable:
        """Return something hashable that is equal for equal keys."""
        return _flatten(key)

    def _insert(self, key: _K, value: _V) -> None:
        self._insert_flat(key, self._flat(key), value)

    def _insert_flat(self, key: _K, flat: Hashable, value: _V) -> None:
        number = self._index.get(flat)
        if number is None:
            number = next(reversed(self._items), -1) + 1
            self._index[flat] = number
        else:
            key = self._items[number][0]  # as in a dict, the first of equal keys stays
        self._items[number] = (key, value)

    __setitem__ = _insert

    def __getitem__(self, key: Any) -> _V:
        try:
            return self._items[self._index[self._flat(key)]][1]
        except KeyError:
            raise KeyError(key) from None

    def __delitem__(self, key: Any) -> None:
        try:
            number = self._index.pop(self._flat(key))
        except KeyError:
            raise KeyError(key) from None
        del self._items[number]

    def __iter__(self) -> Iterator[_K]:
        for key, _ in self._items.values():
            yield key

    def items(self) -> ItemsView[_K, _V]:
        """Return a view of the (key, value) pairs."""
        return _Items(self)

    def __len__(self) -> int:
        return len(self._items)

    def popitem(self) -> tuple[_K, _V]:
        """Take the last pair out and return it; raises KeyError when there is none."""
        if not self._items:
            raise KeyError("popitem from an empty map")
        key, value = next(reversed(self._items.values()))
        del self[key]
        return key, value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        missing = object()
        return len(self) == len(other) and all(
            self.get(key, missing) == value for key, value in other.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"OrderedMap({list(self._items.values())!r})"

    def __str__(self) -> str:
        return "{" + ", ".join(f"{k!r}: {v!r}" for k, v in self._items.values()) + "}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (OrderedMap, (list(self._items.values()),))


class OrderedMapSerializedKey(OrderedMap["_K", "_V"]):
    """An ordered map that finds a key by its serialized bytes.

    A CQL map is read as this where its keys cannot be hashed: whatever Python value encodes to
    the same bytes as a key finds it, so a tuple finds the user type that was read, or a list
    the sorted set. `cass_type` is the type of the keys.
    """

    __slots__ = ("_key_type",)

    def __init__(self, cass_type: KeyType, protocol_version: int | None = None) -> None:
        super().__init__()
        self._key_type = cass_type

    def _flat(self, key: Any) -> Hashable:
        try:
            return self._key_type.encode(key)
        except (TypeError, ValueError):  # null, or what the application made of a user type
            return _flatten(key)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (self._key_type, list(self._items.values())))


class _Items(ItemsView["_K", "_V"]):
    """The pairs of an ordered map, without looking every key up again."""

    __slots__ = ()
    _mapping: OrderedMap[_K, _V]

    def __iter__(self) -> Iterator[tuple[_K, _V]]:
        yield from self._mapping._items.values()


def _rebuild(key_type: KeyType, items: list[tuple[Any, Any]]) -> OrderedMapSerializedKey[Any, Any]:
    made: OrderedMapSerializedKey[Any, Any] = OrderedMapSerializedKey(key_type)
    made.update(items)
    return made


def _flatten(key: Any) -> Hashable:
    """Return `key`, or what is hashable and equal for equal unhashable keys."""
    try:
        hash(key)
    except TypeError:
        pass
    else:
        return key  # type: ignore[no-any-return]
    if isinstance(key, Mapping):
        return ("map", frozenset((_flatten(k), _flatten(v)) for k, v in key.items()))
    if isinstance(key, Set):
        # As `{1} == frozenset({1})`, a set must be found by a hashable one too.
        return frozenset(map(_flatten, key))
    if isinstance(key, tuple):
        return tuple(map(_flatten, key))
    if isinstance(key, list):
        return ("list", tuple(map(_flatten, key)))
    if isinstance(key, bytearray):
        return bytes(key)
    return _Unhashable(key)


class _Unhashable:
    """An unhashable key of unknown structure: found among its like by comparing each."""

    __slots__ = ("key",)

    def __init__(self, key: object) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unhashable) and self.key == other.key

    def __hash__(self) -> int:
        return hash(_Unhashable)
