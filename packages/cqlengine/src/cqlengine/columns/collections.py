"""Columns of lists, sets and maps."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from copy import copy

from cqlengine._generic import Generic, TypeVar
from cqlengine.columns.base import checks_only
from cqlengine.columns.parts import (
    BaseCollectionColumn,
    checker,
    converted,
    difference,
    same_objects,
    set_of,
)
from cqlengine.columns.scalars import shown
from cqlengine.errors import ValidationError
from cqlengine.statements.updates import add, prepend, put, remove

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cqlengine.columns.base import Column
    from cqlengine.columns.parts import Check, Convert
    from cqlengine.statements.updates import Update

__all__ = ["UNREAD", "BaseCollectionColumn", "BaseContainerColumn", "List", "Map", "Set"]

UNREAD = ""
"""In `_previous` of an instance, where no column is called so: the containers that were made for
columns without a value, by column, for as long as nothing was read or written there."""

_T = TypeVar("_T")
_K = TypeVar("_K")
_V = TypeVar("_V")


class BaseContainerColumn(BaseCollectionColumn[_T], Generic[_T]):
    """A list, set or map: what has any number of elements.

    To the server an empty one is the same as null; on instances it is always an empty
    container, which can be added to. Saving an instance sends what was added and removed since
    it was read, if that can be told, so that others' additions in the meantime stay.

    - `frozen`: the server keeps it as one value, which is always replaced as a whole
    """

    is_container = True
    frozen: bool = False
    empty: Callable[[], Any]
    """What makes an empty container."""

    def __init__(
        self,
        types: Sequence[Column[Any] | type[Column[Any]]],
        frozen: bool = False,
        default: Any = None,
        **kwargs: Any,
    ) -> None:
        # An instance without a value has an empty container anyway, and need not save it.
        default = None if default is self.empty else default
        super().__init__(types, default=default, **kwargs)
        self.frozen = frozen

    @property
    def cql_type(self) -> str:
        """The type as it stands in CREATE TABLE."""
        kind = super().cql_type
        return f"frozen<{kind}>" if self.frozen else kind

    # --- values --------------------------------------------------------------------------------

    def validate(self, value: Any) -> Any:
        """Return the container with valid elements; an empty one for None."""
        if value is None:
            if self.primary_key or self.required:
                return super().validate(None)  # a key has no null, but may have empty values
            return self.empty()
        valid = super().validate(value)
        if self.required and not len(valid):
            raise self.refusal("a value is required: it has no elements")
        return valid

    @checks_only
    def to_python(self, value: Any) -> Any:
        """Return what was read, or given to a model; an empty container for None."""
        return self.empty() if value is None else super().to_python(value)

    @property
    def loads(self) -> Callable[[Any], Any]:
        """What makes an empty container of null."""
        empty, convert = self.empty, self.load_present
        if convert is None:
            return lambda value: empty() if value is None else value
        return lambda value: empty() if value is None else convert(value)

    def is_null(self, value: Any) -> bool:
        """Say whether the table keeps nothing for it: an empty container is null.

        Not in a key, where a frozen one can be empty, but nothing null.
        """
        return not value and (value is None or not self.primary_key)

    def missing(self, instance: object) -> Any:
        """Return an empty container, which the instance keeps; None where it is of the key."""
        if self.primary_key:
            return None
        name = self.column_name
        made = instance.__dict__[name] = self.empty()
        # To look at it is not to set it: as long as nothing is put into it, it is not saved.
        # What is put into it is added to what the table holds; another that is set replaces it.
        previous = getattr(instance, "_previous", None)
        if previous is None:
            previous = {}
            setattr(instance, "_previous", previous)  # noqa: B010 # of models and user types
        if name not in previous:
            previous.setdefault(UNREAD, {})[name] = made
        return made

    def changed(self, value: Any, previous: Any) -> bool:
        """Say whether the elements differ; None is as good as none of them."""
        return bool(value != previous) and bool(value or previous)

    def assignments(self, value: Any, previous: Any) -> Sequence[Update]:
        """Return what adds and removes elements, or what replaces all of them."""
        if self.is_null(value):
            return (put(self.quoted, None),)
        if previous is None or self.frozen:  # what the table holds is not known
            return (self._replacement(value),)
        if not previous:
            # It was empty, or was not read (`missing`): what the table holds, or what others put
            # there in the meantime, stays.
            return (add(self.quoted, self._bound(value)),)
        try:
            before = self.validate(previous)
        except ValidationError:  # what the table holds was written under other rules
            return (self._replacement(value),)
        return self.deltas(value, before)

    def deltas(self, value: Any, before: Any) -> Sequence[Update]:
        """Return what makes of the elements `before`, in the table, those of `value`."""
        raise NotImplementedError

    def _replacement(self, value: Any) -> Update:
        return put(self.quoted, self._bound(value))

    def _bound(self, value: Any) -> Any:
        return value if self.dumps is None else self.dumps(value)


class List(BaseContainerColumn[list[_T]], Generic[_T]):
    """``list<value>``: its elements are `value_col`.

    Elements put before or after those that were read are sent alone; any other change replaces
    the list. Accepts lists, tuples and sets.

    Example::

        phones = columns.List(columns.Text)
    """

    db_type = "list"
    empty = list

    def __init__(
        self,
        value_type: Column[_T] | type[Column[_T]],
        default: list[_T] | Callable[[], list[_T]] | None = list,
        frozen: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__((value_type,), frozen, default=default, **kwargs)

    @property
    def value_col(self) -> Column[_T]:
        """The column of the elements."""
        return self.types[0]

    def check_kind(self, value: Any) -> None:
        """Raise `ValidationError` for what is no list, tuple or set."""
        if not isinstance(value, (list, tuple, AbstractSet)):
            raise self.refusal(f"{shown(value)} is no list")

    def convert_parts(self, value: Any, functions: Sequence[Convert]) -> Any:
        """Return the list with converted elements; itself if none changes."""
        if functions[0] is None and type(value) is list:
            return value
        made = converted(value, functions[0])
        return value if type(value) is list and same_objects(made, value) else made

    def snapshot(self, value: Any) -> Any:
        """Return a copy."""
        if value is None:
            return None
        part = self.types[0]
        return converted(value, part.snapshot if part.is_mutable else None)

    def deltas(self, value: list[_T], before: list[_T]) -> Sequence[Update]:
        """Return what puts elements before and after those that are there, if that is all."""
        if value == before:
            return ()
        more = len(value) - len(before)
        for start in range(more + 1):
            if value[start : start + len(before)] == before:
                break
        else:
            return (self._replacement(value),)
        updates = []
        if start:
            updates.append(prepend(self.quoted, self._bound(value[:start])))
        if start < more:
            updates.append(add(self.quoted, self._bound(value[start + len(before) :])))
        return updates


class Set(BaseContainerColumn[set[_T]], Generic[_T]):
    """``set<value>``: its elements are `value_col`.

    With `strict` only sets are accepted, else lists and tuples too. What elements were added and
    removed is sent. Sets of what Python cannot hash (collections, user types) are `SortedSet`.
    """

    db_type = "set"
    empty = set

    def __init__(
        self,
        value_type: Column[_T] | type[Column[_T]],
        strict: bool = True,
        default: set[_T] | Callable[[], set[_T]] | None = set,
        frozen: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__((value_type,), frozen, default=default, **kwargs)
        self.strict = strict

    @property
    def value_col(self) -> Column[_T]:
        """The column of the elements."""
        return self.types[0]

    def check_kind(self, value: Any) -> None:
        """Raise `ValidationError` for what is no set; lists pass where `strict` is False."""
        if isinstance(value, (set, AbstractSet)) or (
            not self.strict and isinstance(value, (list, tuple))
        ):
            return
        hint = ": give a set, or make the column with strict=False" if self.strict else ""
        raise self.refusal(f"{shown(value)} is no set{hint}")

    def convert_parts(self, value: Any, functions: Sequence[Convert]) -> Any:
        """Return the set with converted elements; itself if none changes."""
        is_set = isinstance(value, (set, AbstractSet))
        if is_set and functions[0] is None:
            return value
        made = converted(value, functions[0])
        if is_set and same_objects(made, value):
            return value
        return set_of(made, is_distinct=is_set)

    @property
    def dumps(self) -> Convert:
        """What converts a valid value that is to be bound; None where no element needs it."""
        convert = self.types[0].dumps
        if convert is None or not hasattr(self.to_database, "checks_only"):
            return super().dumps
        # A list will do, and what is bound for user types has no hash.
        return lambda value: converted(value, convert)

    def snapshot(self, value: Any) -> Any:
        """Return a copy."""
        if value is None:
            return None
        part = self.types[0]
        if not part.is_mutable:
            return copy(value)
        return set_of(converted(value, part.snapshot), is_distinct=True)

    def deltas(self, value: Any, before: Any) -> Sequence[Update]:
        """Return what adds the new elements, and what removes those that are gone."""
        key = self.types[0].stored
        added = difference(value, before, key)
        removed = difference(before, value, key)
        updates = []
        if added:
            updates.append(add(self.quoted, self._bound(set_of(added, is_distinct=True))))
        if removed:
            updates.append(remove(self.quoted, self._bound(set_of(removed, is_distinct=True))))
        return updates


class Map(BaseContainerColumn[dict[_K, _V]], Generic[_K, _V]):
    """``map<key, value>``: its keys are `key_col`, its values `value_col`.

    The entries that are new or have another value are sent, and the keys that are gone. Maps
    with keys that Python cannot hash are `OrderedMap`.
    """

    db_type = "map"
    empty = dict

    def __init__(
        self,
        key_type: Column[_K] | type[Column[_K]],
        value_type: Column[_V] | type[Column[_V]],
        default: dict[_K, _V] | Callable[[], dict[_K, _V]] | None = dict,
        frozen: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__((key_type, value_type), frozen, default=default, **kwargs)

    @property
    def key_col(self) -> Column[_K]:
        """The column of the keys."""
        return self.types[0]

    @property
    def value_col(self) -> Column[_V]:
        """The column of the values."""
        return self.types[1]

    def _part_name(self, part: Column[Any]) -> str:
        return "a key" if part is self.types[0] else "a value"

    def check_kind(self, value: Any) -> None:
        """Raise `ValidationError` for what is no mapping."""
        if not isinstance(value, (dict, Mapping)):
            raise self.refusal(f"{shown(value)} is no dict")

    def holds_none(self, value: Any) -> bool:
        """Say whether a key or a value is None."""
        return None in value or None in value.values()

    def convert_parts(self, value: Any, functions: Sequence[Convert]) -> Any:
        """Return the map with converted keys and values; itself if none changes."""
        if functions[0] is functions[1] is None:
            return value
        keys = converted(value, functions[0])
        values = converted(value.values(), functions[1])
        if same_objects(keys, value) and same_objects(values, value.values()):
            return value
        return _map_of(list(zip(keys, values, strict=True)))

    def converters(self, value: Any, checks: Sequence[Check]) -> tuple[Convert, ...]:
        """Return what converts the keys and what converts the values."""
        keys, values = checks
        return (checker(keys, value), checker(values, value.values()))

    def snapshot(self, value: Any) -> Any:
        """Return a copy."""
        if value is None:
            return None
        copies = [part.snapshot if part.is_mutable else None for part in self.types]
        made = self.convert_parts(value, copies) if any(copies) else value
        return copy(value) if made is value else made

    def deltas(self, value: Any, before: Any) -> Sequence[Update]:
        """Return what puts the entries that differ, and what removes the keys that are gone."""
        after, before = self._by_key(value), self._by_key(before)
        changed = [
            entry for key, entry in after.items() if key not in before or before[key][1] != entry[1]
        ]
        gone = [entry[0] for key, entry in before.items() if key not in after]
        updates = []
        if changed:
            updates.append(add(self.quoted, self._bound(_map_of(changed))))
        if gone:
            convert = self.types[0].dumps
            keys = converted(gone, convert) if convert else set_of(gone, is_distinct=True)
            updates.append(remove(self.quoted, keys))
        return updates

    def _by_key(self, value: Any) -> Any:
        """Return the entries by their keys as the server keeps them; of equal ones the last."""
        key = self.types[0].stored
        if key is None:
            return _map_of([(k, (k, v)) for k, v in value.items()])
        return _map_of([(key(k), (k, v)) for k, v in value.items()])


def _map_of(pairs: list[tuple[Any, Any]]) -> Any:
    try:
        return dict(pairs)
    except TypeError:
        from cql_protocol.values import OrderedMap

        return OrderedMap(pairs)
