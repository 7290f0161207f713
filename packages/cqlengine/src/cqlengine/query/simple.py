"""Query sets whose rows are no instances: dicts, tuples, single values, texts in JSON."""

from __future__ import annotations

from cqlengine.errors import QueryException
from cqlengine.query.lookups import find_column
from cqlengine.query.queryset import AbstractQuerySet

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from cqlengine.query.aggregates import Aggregate

__all__ = [
    "AggregateQuerySet",
    "JsonQuerySet",
    "ResultObject",
    "SimpleQuerySet",
    "ValuesQuerySet",
]


class ResultObject(dict[str, "Any"]):
    """A row as a dict, whose values are attributes as well.

    Example::

        >>> ResultObject(name="Zoë").name
        'Zoë'
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the row has no column {name}", name=name, obj=self) from None


class SimpleQuerySet(AbstractQuerySet["ResultObject"]):
    """The query of a table that has no model: its rows are `ResultObject`."""

    def _reader(self, result: Any) -> Callable[[Any], list[Any]]:
        names = result.column_names or ()
        return lambda rows: [ResultObject(zip(names, row, strict=True)) for row in rows]


class _Derived(AbstractQuerySet["Any"]):
    """A query set that is as another one but for its rows."""

    @classmethod
    def _from(cls, query: AbstractQuerySet[Any], **changes: Any) -> Self:
        made = cls.__new__(cls)
        made.__dict__.update(query._copy(**changes).__dict__)
        return made


class ValuesQuerySet(_Derived):
    """The rows as tuples of some columns, or as the values of one."""

    _flat: bool

    @classmethod
    def of(cls, query: AbstractQuerySet[Any], fields: tuple[str, ...], flat: bool) -> Self:
        """Make one of a query of instances."""
        names = query._checked_fields("values_list", fields)
        if not names:
            names = list(query._selection.copied(plain=True).names(query.model))
        made = cls._from(query, only=tuple(names), deferred=frozenset(), plain=True)
        made._flat = flat
        return made

    def _reader(self, result: Any) -> Callable[[Any], list[Any]]:
        wanted, selected = self._selection.only, self._selection.names(self.model)
        loads = [find_column(self.model, name).loads for name in wanted]
        if self._flat:
            load, at = loads[0], selected.index(wanted[0])
            if load is None:
                return lambda rows: [row[at] for row in rows]
            return lambda rows: [load(row[at]) for row in rows]
        if wanted != selected:  # distinct() selects the partition key, whatever is wanted of it
            return self._picking([selected.index(name) for name in wanted], loads)
        if not any(loads):
            return list

        def read(rows: Any) -> list[Any]:
            return [
                tuple(
                    value if load is None else load(value)
                    for load, value in zip(loads, row, strict=True)
                )
                for row in rows
            ]

        return read

    @staticmethod
    def _picking(indexes: list[int], loads: list[Any]) -> Callable[[Any], list[Any]]:
        """Return what makes tuples of some columns of the rows."""

        def read(rows: Any) -> list[Any]:
            return [
                tuple(
                    row[at] if load is None else load(row[at])
                    for at, load in zip(indexes, loads, strict=True)
                )
                for row in rows
            ]

        return read


class JsonQuerySet(_Derived):
    """The rows as texts in JSON, made by the server."""

    @classmethod
    def of(cls, query: AbstractQuerySet[Any]) -> Self:
        """Make one of a query of instances."""
        return cls._from(query, json=True, plain=True)

    def _reader(self, result: Any) -> Callable[[Any], list[Any]]:
        return lambda rows: [row[0] for row in rows]


class AggregateQuerySet(_Derived):
    """One row for each group, as `ResultObject`."""

    @classmethod
    def of(
        cls, query: AbstractQuerySet[Any], aggregates: tuple[tuple[str, Aggregate], ...]
    ) -> Self:
        """Make one of a query of instances."""
        from cqlengine.query.aggregates import Aggregate

        if not aggregates:
            raise QueryException(
                "annotate() takes aggregates by name: annotate(total=Sum('price'))"
            )
        for name, aggregate in aggregates:
            if not isinstance(aggregate, Aggregate):
                raise QueryException(
                    f"annotate({name}=…) takes Count, Min, Max, Sum or Avg, not {aggregate!r}"
                )
            aggregate.text(query.model)  # says so when there is no such column
        return cls._from(query, aggregates=aggregates)

    def _reader(self, result: Any) -> Callable[[Any], list[Any]]:
        names = [*self._selection.group_by, *(name for name, _ in self._selection.aggregates)]
        loads = [find_column(self.model, name).loads for name in self._selection.group_by]

        def read(rows: Any) -> list[Any]:
            found = []
            for row in rows:
                values = list(row)
                for at, load in enumerate(loads):
                    if load is not None:
                        values[at] = load(values[at])
                found.append(ResultObject(zip(names, values, strict=True)))
            return found

        return read
