"""`AbstractQuerySet`: a query that is built step by step, and asked when its rows are needed."""

from __future__ import annotations

from cqlengine._generic import Generic, TypeVar
from cqlengine.errors import QueryException
from cqlengine.query.fetching import Fetching
from cqlengine.query.lookups import conditions_of, find_column, where_clauses
from cqlengine.query.options import NO_OPTIONS
from cqlengine.query.orders import order_of
from cqlengine.query.selection import Selection

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Self

    from cqlengine.query.batch import BatchQuery

__all__ = ["AbstractQuerySet"]

R = TypeVar("R")

_EVERYTHING = Selection()
"""What a new query set asks for; never changed."""


class AbstractQuerySet(Fetching[R], Generic[R]):
    """A query for rows of a table.

    Every method that narrows it returns another query set and leaves this one as it is. Nothing
    is sent until rows are asked for: by iterating, `get`, `first`, `count`, ``len()``, a slice.
    The rows are then kept, so that a second loop asks no server; `iterator` keeps none.
    On asyncio: ``async for``, `aget`, `afirst`, `acount`, `alist`.

    A query without `limit` returns at most 10,000 rows.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self._selection = _EVERYTHING
        self._options = NO_OPTIONS

    def _copy(self, **changes: Any) -> Self:
        """Return a query set that asks for something else; it has no rows yet."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._forget()
        if changes:
            copy._selection = self._selection.copied(**changes)
        return copy

    def _with_options(self, **changes: Any) -> Self:
        copy = self._copy()
        copy._options = self._options.copied()
        for name, value in changes.items():
            setattr(copy._options, name, value)
        return copy

    # --- which rows ------------------------------------------------------------------------------

    def all(self) -> Self:
        """Return a query for the same rows, which asks for them anew."""
        return self._copy()

    def filter(self, *args: Any, **kwargs: Any) -> Self:
        """Return a query for those rows that meet these conditions, too.

        - ``name=value``, and ``name__gt``, ``__gte``, ``__lt``, ``__lte``, ``__in``,
          ``__contains``, ``__contains_key``, ``__like``
        - ``pk__token__gt=Token(…)``: by the token of the partition key
        - conditions made of columns: ``User.age > 30``

        Raises `QueryException` for a column that is not there, and for None.

        Example::

            Message.objects.filter(room="lobby", at__gt=MinTimeUUID(yesterday))
        """
        clauses = where_clauses(self.model, args, kwargs)
        return self._copy(where=(*self._selection.where, *clauses))

    def __call__(self, *args: Any, **kwargs: Any) -> Self:
        """Do as `filter`."""
        return self.filter(*args, **kwargs)

    def allow_filtering(self) -> Self:
        """Return a query that the server may answer by reading all rows."""
        return self._copy(allow_filtering=True)

    def distinct(self, distinct_fields: Iterable[str] | None = None) -> Self:
        """Return a query for each partition once: its key (or these columns of it, static too)."""
        names = tuple(distinct_fields or self.model._partition_keys)
        for name in names:
            column = find_column(self.model, name)
            if not (column.partition_key or column.static):
                raise QueryException(
                    f"distinct() is for columns of the partition key and static ones, not {name}"
                )
        return self._copy(distinct=names)

    # --- how many --------------------------------------------------------------------------------

    def limit(self, v: int | None) -> Self:
        """Return a query for at most this many rows; None or 0 for all of them.

        All rows are read page by page, and not kept.
        """
        if v is not None and (isinstance(v, bool) or not isinstance(v, int)):
            raise TypeError(f"limit({v!r}): a number of rows, or None for all")
        if v is not None and v < 0:
            raise QueryException(f"limit({v}): a number of rows, or None for all")
        return self._copy(limit=v or None, has_limit=True)

    def per_partition_limit(self, v: int | None) -> Self:
        """Return a query for at most this many rows of each partition."""
        if v is not None and (isinstance(v, bool) or not isinstance(v, int) or v < 1):
            raise QueryException(f"per_partition_limit({v!r}): a number of rows, or None for all")
        return self._copy(per_partition_limit=v)

    def fetch_size(self, v: int | None) -> Self:
        """Return a query whose pages have this many rows."""
        if isinstance(v, bool) or not isinstance(v, int):
            raise TypeError(f"fetch_size({v!r}): a number of rows, at least 1")
        if v < 1:
            raise QueryException(f"fetch_size({v}): a number of rows, at least 1")
        return self._copy(fetch_size=v)

    # --- in which order, with what ---------------------------------------------------------------

    def order_by(self, *colnames: Any) -> Self:
        """Return a query whose rows come in this order; without names in that of the table.

        ``"at"`` ascending, ``"-at"`` descending, of clustering columns;
        ``Model.embedding.ann_of(vector)`` by nearness.
        """
        if not colnames:
            return self._copy(order_by=())
        orders = tuple(order_of(self.model, name) for name in colnames)
        return self._copy(order_by=(*self._selection.order_by, *orders))

    def only(self, fields: Iterable[str]) -> Self:
        """Return a query for these columns alone; the others of its instances are None.

        Instances have their primary key as well, so that they can be changed and saved: columns
        that were not read stay as they are in the table, unless they are set, to None even.
        """
        fields = self._checked_fields("only", fields)
        if self._selection.deferred or self._selection.only:
            raise QueryException("the query has only() or defer() already")
        return self._copy(only=tuple(fields))

    def defer(self, fields: Iterable[str]) -> Self:
        """Return a query for all columns but these, which are None in its instances.

        Those of the primary key are never left out.
        """
        fields = self._checked_fields("defer", fields)
        if self._selection.only:
            raise QueryException("the query has only() already: leave the columns out there")
        left_out = frozenset(fields) - self.model._primary_keys.keys()
        left_out -= {self.model._discriminator_column_name}
        return self._copy(deferred=self._selection.deferred | left_out)

    def _checked_fields(self, verb: str, fields: Iterable[str]) -> list[str]:
        names = [fields] if isinstance(fields, str) else list(fields)
        for name in names:
            if self.model._columns and name not in self.model._columns:
                raise QueryException(
                    f"{verb}(): {self.model.__name__} has no column {name}; it has "
                    f"{', '.join(self.model._columns)}"
                )
        return names

    def group_by(self, *fields: str) -> Self:
        """Return a query that makes one row of all rows that are equal in these columns.

        They are the first ones of the primary key, see `annotate`.
        """
        for name in fields:
            if not find_column(self.model, name).primary_key:
                raise QueryException(f"group_by(): {name} is not part of the primary key")
        return self._copy(group_by=fields)

    # --- how it is asked -------------------------------------------------------------------------

    def consistency(self, consistency: int | None) -> Self:
        """Return a query with this consistency level, a number of `ConsistencyLevel`."""
        return self._with_options(consistency=consistency)

    def timeout(self, timeout: float | None) -> Self:
        """Return a query that waits this many seconds for an answer, None for no limit."""
        return self._with_options(timeout=timeout)

    def using(self, keyspace: str | None = None, connection: Any = None) -> Self:
        """Return a query in another keyspace, or on another connection.

        `connection` is a registered name, a `Connection`, a `Session` or an `AsyncSession`. The
        instances of its rows are saved where they came from.
        """
        copy = self._with_options()
        copy._options.using(keyspace, connection)
        return copy

    def batch(self, batch_obj: BatchQuery | None) -> Self:
        """Return a query set whose writes are part of this batch."""
        copy = self._with_options()
        copy._options.take_batch(batch_obj)
        return copy

    def iff(self, *args: Any, **kwargs: Any) -> Self:
        """Return a query set whose writes are made only if these conditions hold.

        Else `LWTException` is raised. ``version=3``, ``version__gt=3``, ``Model.version > 3``.
        """
        conditions = conditions_of(self.model, args, kwargs)
        return self._with_options(conditions=(*self._options.conditions, *conditions))

    # --- itself ----------------------------------------------------------------------------------

    def __copy__(self) -> Self:
        """Return a query for the same rows, which asks for them anew."""
        return self._copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Do as a plain copy: what a query set asks for never changes."""
        return self._copy()

    @property
    def column_family_name(self) -> str:
        """The table, as it stands in statements."""
        return self._table()

    def __eq__(self, q: object) -> bool:
        return (
            isinstance(q, AbstractQuerySet)
            and q.model is self.model
            and set(q._selection.where) == set(self._selection.where)
            and q._selection.limit == self._selection.limit
        )

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return self._statement(self._selection.limit).text()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"
