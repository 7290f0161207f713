"""What columns of several values share: a column for each kind of part, and how both compare."""

from __future__ import annotations

from operator import is_

from cqlengine._generic import Generic, TypeVar
from cqlengine.columns.base import Column, checks_only
from cqlengine.errors import ColumnDefinitionException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    Convert = Callable[[Any], Any] | None
    Check = tuple[Callable[[Any], Any], type | None, tuple[Any, Any] | None]

__all__ = [
    "BaseCollectionColumn",
    "checker",
    "converted",
    "difference",
    "same_objects",
    "set_of",
]

_T = TypeVar("_T")


class BaseCollectionColumn(Column[_T], Generic[_T]):
    """A column whose values have parts: lists, sets, maps, tuples and vectors.

    `types` are the columns of the parts, as instances or classes. Raises
    `ColumnDefinitionException` when one of them is none, or a counter.
    """

    types: tuple[Column[Any], ...]
    """The columns of the parts."""
    checks: tuple[Check, ...]
    """For each of them what checks a value, and which values need no check."""
    casts: tuple[Check, ...]
    """For each of them what converts a value, and which values stay as they are."""

    def __init__(self, types: Iterable[Column[Any] | type[Column[Any]]], **kwargs: Any) -> None:
        self.types = tuple(_part(each, self) for each in types)
        self.checks = tuple(
            (part.validate, part.plain_type, part.plain_limits) for part in self.types
        )
        # What is valid as it is stays as it is, where conversion does no more than to check.
        self.casts = tuple(
            (part.to_python, None if part.load_present else part.plain_type, part.plain_limits)
            for part in self.types
        )
        super().__init__(**kwargs)

    @property
    def sub_types(self) -> Sequence[Column[Any]]:
        """The columns of the parts."""
        return self.types

    @property
    def cql_type(self) -> str:
        """The type as it stands in CREATE TABLE."""
        return f"{self.db_type}<{', '.join(part.element_type for part in self.types)}>"

    @property
    def element_type(self) -> str:
        """The type as it stands within a collection: frozen."""
        kind = self.cql_type
        return kind if kind.startswith("frozen<") else f"frozen<{kind}>"

    def set_column_name(self, name: str) -> None:
        """Be told the attribute's name; the parts are called after it in errors."""
        super().set_column_name(name)
        for part in self.types:
            part.set_column_name(f"{name}, {self._part_name(part)}")

    def _part_name(self, part: Column[Any]) -> str:
        return "an element"

    # --- values --------------------------------------------------------------------------------

    def check_kind(self, value: Any) -> None:
        """Raise `ValidationError` when a value that is not None has not these parts at all."""
        raise NotImplementedError

    def convert_parts(self, value: Any, functions: Sequence[Convert]) -> Any:
        """Return the value with each part replaced by what the function of its column returns.

        None stands for a function that changes nothing. What changes in no part and is of the
        right class is returned itself.
        """
        raise NotImplementedError

    def holds_none(self, value: Any) -> bool:
        """Say whether a part is None, which the server takes in none of these."""
        return None in value

    def validate(self, value: Any) -> Any:
        """Return the value with valid parts; raise `ValidationError` if one is not."""
        if value is None:
            return super().validate(None)
        self.check_kind(value)
        if self.holds_none(value):
            raise self.refusal("None cannot be a part of it")
        return self.convert_parts(value, self.converters(value, self.checks))

    def converters(self, value: Any, checks: Sequence[Check]) -> tuple[Convert, ...]:
        """Return what converts the parts of this value; None where all stay as they are.

        `checks` are `checks`, or `casts`.
        """
        return (checker(checks[0], value),)

    @checks_only
    def to_python(self, value: Any) -> Any:
        """Return what was read, or given to a model, as instances have it."""
        if value is None:
            return None
        self.check_kind(value)
        return self.convert_parts(value, self.converters(value, self.casts))

    @checks_only
    def to_database(self, value: Any) -> Any:
        """Return the value as the driver is to bind it."""
        if value is None:
            return None
        self.check_kind(value)
        return self.convert_parts(value, tuple(part.to_database for part in self.types))

    @property
    def load_present(self) -> Convert:
        """What converts a value read that is not null; None where no part needs it."""
        if not hasattr(self.to_python, "checks_only"):
            return self.to_python
        return self._for_parts(tuple(part.load_present for part in self.types))

    @property
    def dumps(self) -> Convert:
        """What converts a valid value that is to be bound; None where no part needs it."""
        if not hasattr(self.to_database, "checks_only"):
            return self.to_database
        return self._for_parts(tuple(part.dumps for part in self.types))

    @property
    def stored(self) -> Convert:
        """What makes of a value the one that the server keeps; None where that is the same."""
        return self._for_parts(tuple(part.stored for part in self.types))

    def _for_parts(self, functions: tuple[Convert, ...]) -> Convert:
        if not any(functions):
            return None
        return lambda value: self.convert_parts(value, functions)


def _part(given: Any, owner: Column[Any]) -> Column[Any]:
    """Return the column of a part: a copy, so that it can stand in several columns."""
    kind = type(owner).__name__
    if isinstance(given, type) and issubclass(given, BaseCollectionColumn):
        raise ColumnDefinitionException(
            f"{kind}: {given.__name__} says nothing of its own parts: give an instance of it"
        )
    if isinstance(given, type) and issubclass(given, Column):
        made = given()
    elif isinstance(given, Column):
        made = given.copied()
    else:
        raise ColumnDefinitionException(
            f"{kind}: {given!r} is no column: give a column such as columns.Text, or an instance"
        )
    if made.db_type is None:
        raise ColumnDefinitionException(f"{kind}: {type(made).__name__} has no type of CQL")
    if made.is_counter:
        raise ColumnDefinitionException(f"{kind}: a counter can be no part of anything")
    return made


def checker(check: Check, values: Iterable[Any]) -> Convert:
    """Return what checks `values`, the parts of one kind; None where they are valid as they are.

    To look at the types of all of them is far less work than to check one after the other.
    """
    validate, plain, limits = check
    if plain is None or not set(map(type, values)) <= {plain}:
        return validate
    if limits is not None:
        least, greatest = limits
        # Where a NaN is the result, the comparison is false.
        if not (min(values, default=least) >= least and max(values, default=least) <= greatest):
            return validate
    return None


def converted(values: Iterable[Any], function: Convert) -> list[Any]:
    """Return a list of what the function makes of the values."""
    return list(values) if function is None else [function(value) for value in values]


def same_objects(made: Sequence[Any], values: Iterable[Any]) -> bool:
    """Say whether nothing was converted: both have the same objects in the same order."""
    return all(map(is_, made, values))


def set_of(elements: list[Any], is_distinct: bool = False) -> Any:
    """Return a set, or a `SortedSet` of what cannot be hashed.

    To know that they are distinct saves the latter work that grows as their square.
    """
    try:
        return set(elements)
    except TypeError:
        from cql_protocol.values import SortedSet

        return SortedSet.of_distinct(elements) if is_distinct else SortedSet(elements)


def difference(left: Iterable[Any], right: Iterable[Any], key: Convert) -> list[Any]:
    """Return the elements of `left` that are not in `right`, compared by `key`."""
    known: Any = converted(right, key)
    wanted = list(left)
    keys = converted(wanted, key)
    try:
        known = set(known)
        return [element for element, each in zip(wanted, keys, strict=True) if each not in known]
    except TypeError:  # some cannot be hashed: each is compared with each
        known = list(known)
    return [element for element, each in zip(wanted, keys, strict=True) if each not in known]
