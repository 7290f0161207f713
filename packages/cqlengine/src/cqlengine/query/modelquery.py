"""`ModelQuerySet`: the query sets of models, and what they write."""

from __future__ import annotations

from cqlengine._generic import Generic, TypeVar
from cqlengine.errors import QueryException
from cqlengine.query.blind import delete_rows, update_rows
from cqlengine.query.options import checked_ttl
from cqlengine.query.queryset import AbstractQuerySet
from cqlengine.query.reading import polymorphic_reader, reader_of
from cqlengine.query.requests import arun, run

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta
    from typing import Any, Self

    from cqlengine.query.aggregates import Aggregate

__all__ = ["ModelQuerySet"]

M = TypeVar("M")


class ModelQuerySet(AbstractQuerySet[M], Generic[M]):
    """A query for instances of a model, and a way to write rows without reading them.

    Example::

        for user in User.objects.filter(country="at").limit(50):
            print(user.name)
        User.objects.filter(id=user_id).update(name="Zoë", tags__add={"admin"})
    """

    # --- reading ---------------------------------------------------------------------------------

    def _reader(self, result: Any) -> Callable[[Any], list[M]]:
        model, selection = self.model, self._selection
        if model._is_polymorphic and not selection.distinct:
            read = polymorphic_reader(model, tuple(result.column_names or ()))
        else:
            read = reader_of(model, selection.names(model))
        options = self._options
        if options.keyspace is None and options.connection is None:
            return read
        home = (options.keyspace, options.connection)

        def read_elsewhere(rows: Any) -> list[M]:
            instances = read(rows)
            for instance in instances:
                instance._using = home
            return instances

        return read_elsewhere

    def values_list(self, *fields: str, **kwargs: Any) -> Any:
        """Return a query whose rows are tuples of these columns, of all when none are named.

        With ``flat=True``, and one column, rows are its values.

        Example::

            names = list(User.objects.values_list("name", flat=True))
        """
        from cqlengine.query.simple import ValuesQuerySet

        flat = bool(kwargs.pop("flat", False))
        if kwargs:
            raise TypeError(f"values_list() has no parameter {', '.join(kwargs)}; it has flat")
        if flat and len(fields) != 1:
            raise TypeError("values_list(flat=True) takes one column")
        return ValuesQuerySet.of(self, fields, flat)

    def annotate(self, **aggregates: Aggregate) -> Any:
        """Return a query for the groups of `group_by`, or for all rows as one, with aggregates.

        Its rows are dicts of the group's columns and of these names.
        """
        from cqlengine.query.simple import AggregateQuerySet

        return AggregateQuerySet.of(self, tuple(aggregates.items()))

    def json(self) -> Any:
        """Return a query whose rows are texts in JSON, made by the server."""
        from cqlengine.query.simple import JsonQuerySet

        return JsonQuerySet.of(self)

    # --- options of writes -----------------------------------------------------------------------

    def ttl(self, ttl: int | None) -> Self:
        """Return a query set whose writes vanish after this many seconds."""
        return self._with_options(ttl=checked_ttl(ttl))

    def timestamp(self, timestamp: datetime | timedelta | int | None) -> Self:
        """Return a query set whose writes count as of this time."""
        return self._with_options(timestamp=timestamp)

    def if_not_exists(self) -> Self:
        """Return a query set that creates a row only if there is none; else `LWTException`."""
        return self._with_options(if_not_exists=True)

    def if_exists(self) -> Self:
        """Return a query set that changes rows only if they are there; else `LWTException`."""
        return self._with_options(if_exists=True)

    # --- writing ---------------------------------------------------------------------------------

    def create(self, **kwargs: Any) -> M:
        """Save a new row, by `save` of the model, and return its instance.

        Example::

            User.objects.if_not_exists().create(id=user_id, name="Zoë")
        """
        instance = self._new(kwargs)
        instance.save()
        return instance  # type: ignore[no-any-return]

    async def acreate(self, **kwargs: Any) -> M:
        """Do as `create`, on asyncio."""
        instance = self._new(kwargs)
        await instance.asave()
        return instance  # type: ignore[no-any-return]

    def _new(self, values: dict[str, Any]) -> Any:
        if self._selection.where:
            raise QueryException("create() makes a row of its arguments: filter() has no meaning")
        instance = self.model(**values)
        options = self._options
        instance._options_next = options.copied()
        if options.keyspace is not None or options.connection is not None:
            instance._using = (options.keyspace, options.connection)
        return instance

    def create_json(self, text: str) -> None:
        """Write a row that is given as JSON; columns it does not name are left as they are.

        Example::

            User.objects.create_json('{"id": 7, "name": "Zoë"}')
        """
        from cqlengine.query.blind import insert_json

        run(insert_json(self.model, self._options, text))

    async def acreate_json(self, text: str) -> None:
        """Do as `create_json`, on asyncio."""
        from cqlengine.query.blind import insert_json

        await arun(insert_json(self.model, self._options, text))

    def update(self, **values: Any) -> None:
        """Change rows without reading them; filter() must name the whole primary key.

        - ``name=value``; None deletes what is there
        - sets: ``tags__add={…}``, ``tags__remove={…}``
        - lists: ``steps__append=[…]``, ``steps__prepend=[…]``, ``steps__remove=[…]``
        - maps: ``prices__update={…}``, a value of None removes its key; ``prices__remove={…}``
        - counters: ``views=1`` sets nothing, it adds

        All of it is one statement, so it is done wholly or not at all.
        """
        run(update_rows(self.model, self._selection, self._options, values))

    async def aupdate(self, **values: Any) -> None:
        """Do as `update`, on asyncio."""
        await arun(update_rows(self.model, self._selection, self._options, values))

    def delete(self) -> None:
        """Delete rows without reading them; filter() must name the whole partition key."""
        run(delete_rows(self.model, self._selection, self._options))

    async def adelete(self) -> None:
        """Do as `delete`, on asyncio."""
        await arun(delete_rows(self.model, self._selection, self._options))
