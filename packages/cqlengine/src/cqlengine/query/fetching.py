"""`Fetching`: how the rows of a query set are asked for, kept and counted."""

from __future__ import annotations

from _thread import allocate_lock as Lock

from cqlengine._generic import Generic, TypeVar
from cqlengine.errors import QueryException
from cqlengine.query.logs import log
from cqlengine.query.requests import Request, arun, run
from cqlengine.query.selection import DEFAULT_LIMIT
from cqlengine.query.shapes import text_and_values

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from typing import Any, Self

    from cqlengine.query.options import WriteOptions
    from cqlengine.query.requests import Steps
    from cqlengine.query.selection import Selection
    from cqlengine.statements.select import SelectStatement

__all__ = ["Fetching"]

R = TypeVar("R")

_first_to_fill = Lock()


class Fetching(Generic[R]):
    """The half of a query set that asks the server."""

    model: Any
    _selection: Selection
    _options: WriteOptions

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._rows: list[R] = []
        self._result: Any = None
        """The driver's result while there are further pages; None before the first, and after."""
        self._asked = False
        self._filling: Any = None
        """What has one thread at a time fetch rows that are kept; made by the first that does."""
        self._count: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: what is asked for, without the rows of it."""
        return self._copy().__dict__  # type: ignore[attr-defined, no-any-return]

    def __copy__(self) -> Self:
        """Return a query for the same rows, which asks for them anew."""
        return self._copy()  # type: ignore[attr-defined, no-any-return]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Do as `copy`: what query sets share is never changed, and a batch stays the one it is."""
        return self._copy()  # type: ignore[attr-defined, no-any-return]

    # --- the request -----------------------------------------------------------------------------

    def _table(self) -> str:
        from cqlengine.query.writes import table_of

        return table_of(self.model, self._options)

    def _statement(self, limit: int | None) -> SelectStatement:
        return self._selection.narrowed(self.model).statement(self.model, self._table(), limit)

    def _request(self, text: str, values: list[Any]) -> Request:
        options = self._options
        if options.batch is not None:
            raise QueryException("only writes can be in a batch: leave batch() out to read")
        request = Request(
            text,
            values,
            self._connection(),
            options.consistency,
            options.timeout,
            is_idempotent=True,
        )
        if self._selection.fetch_size is not None:
            request.fetch_size = self._selection.fetch_size
        elif self._selection.takes_no_pages:
            request.fetch_size = None
        return request

    def _connection(self) -> Any:
        connection = self._options.connection
        return self.model._get_connection() if connection is None else connection

    def _select(self, limit: int | None) -> Steps[Any]:
        """Ask for the first page; return the driver's result."""
        text, values = text_and_values(self.model, self._selection, self._table(), limit)
        return (yield self._request(text, values))

    def _reader(self, result: Any) -> Callable[[Any], list[R]]:
        """Return what makes of the rows of a page what the query set gives."""
        raise NotImplementedError

    # --- rows, blocking --------------------------------------------------------------------------

    def __iter__(self) -> Iterator[R]:
        # A generator: list() asks for the length between this and the first row.
        if self._selection.limit is None and not self._asked:
            yield from self.iterator()
        else:
            yield from self._kept_rows()

    def _kept_rows(self) -> Iterator[R]:
        at = 0
        while True:
            rows = self._rows
            while at < len(rows):
                yield rows[at]
                at += 1
            if not self._fill(at):
                return

    def _fill(self, known: int) -> bool:
        """Fetch one more page, unless there are more than the `known` rows by now.

        Return False when there are no more. Threads that share the query set take turns.
        """
        if self._filling is None:
            with _first_to_fill:
                self._filling = self._filling or Lock()
        with self._filling:
            return len(self._rows) > known or self._fetched()

    def _fetched(self) -> bool:
        """Fetch one more page; return whether there was one."""
        if not self._asked:
            result = run(self._select(self._selection.limit))
        else:
            result = self._result
            if result is None:
                return False
            result.fetch_next_page()
        try:
            self._rows.extend(self._reader(result)(result.current_rows))
        except BaseException:
            # The page would be missing in the rows: the next loop begins anew.
            self._rows, self._result, self._asked = [], None, False
            raise
        self._asked = True
        self._result = result if result.has_more_pages else None
        if self._result is None:
            self._warn_if_cut(len(self._rows))
        return True

    def _warn_if_cut(self, count: int) -> None:
        if count == DEFAULT_LIMIT and not self._selection.has_limit:
            log.warning(
                "a query for %s ended at the default limit of %d rows: add .limit(None) for all, "
                "or another limit",
                self.model.__name__,
                DEFAULT_LIMIT,
            )

    def iterator(self) -> Iterator[R]:
        """Iterate over the rows page by page, and keep none of them."""
        result = run(self._select(self._selection.limit))
        read = self._reader(result)
        count = 0
        while True:
            rows = read(result.current_rows)
            count += len(rows)
            yield from rows
            if not result.has_more_pages:
                break
            result.fetch_next_page()
        self._warn_if_cut(count)

    def __len__(self) -> int:
        while self._fill(len(self._rows)):
            pass
        return len(self._rows)

    def __bool__(self) -> bool:
        return self.exists()

    def __getitem__(self, s: Any) -> Any:
        """Return one row by its index, or a list of rows by a slice; earlier rows are read, too.

        Indexes below zero read all rows.
        """
        if isinstance(s, slice):
            bounds = [s.start or 0, 0 if s.stop is None else s.stop]
            whole = s.stop is None or min(bounds) < 0 or (s.step or 1) < 0
            self._read_until(None if whole else s.stop)
            return self._rows[s]
        if isinstance(s, bool) or not isinstance(s, int):
            raise TypeError(f"rows are counted by ints, not by {s!r}")
        self._read_until(s + 1 if s >= 0 else None)
        return self._rows[s]

    def _read_until(self, count: int | None) -> None:
        while (count is None or len(self._rows) < count) and self._fill(len(self._rows)):
            pass

    # --- verbs -----------------------------------------------------------------------------------

    def get(self, *args: Any, **kwargs: Any) -> R:
        """Return the one row of the query, narrowed by these conditions (see `filter`).

        Raises `DoesNotExist` when there is none, `MultipleObjectsReturned` when there are
        several: of the model, such as ``User.DoesNotExist``.
        """
        return self._one(self._narrowed(args, kwargs)._read_some(2))

    async def aget(self, *args: Any, **kwargs: Any) -> R:
        """Do as `get`, on asyncio."""
        return self._one(await self._narrowed(args, kwargs)._aread_some(2))

    def _narrowed(self, args: Any, kwargs: Any) -> Self:
        return self.filter(*args, **kwargs) if args or kwargs else self  # type: ignore[attr-defined]

    def _one(self, rows: list[R]) -> R:
        if len(rows) == 1:
            return rows[0]
        model = self.model
        if not rows:
            raise model.DoesNotExist(f"there is no such row of {model.__name__}")
        raise model.MultipleObjectsReturned(
            f"there are several such rows of {model.__name__}: get() is for one, first() takes any"
        )

    def _read_some(self, count: int) -> list[R]:
        """Return the first rows, at most `count`, from as many pages as they are on."""
        result = run(self._select(self._least(count)))
        rows = self._reader(result)(result.current_rows)
        while len(rows) < count and result.has_more_pages:  # pages may be empty
            result.fetch_next_page()
            rows.extend(self._reader(result)(result.current_rows))
        return rows[:count]

    async def _aread_some(self, count: int) -> list[R]:
        result = await arun(self._select(self._least(count)))
        rows = self._reader(result)(result.current_rows)
        while len(rows) < count and result.has_more_pages:
            await result.fetch_next_page()
            rows.extend(self._reader(result)(result.current_rows))
        return rows[:count]

    def _least(self, count: int) -> int:
        limit = self._selection.limit
        return count if limit is None else min(count, limit)

    def first(self) -> R | None:
        """Return the first row, or None when there is none."""
        if self._rows:
            return self._rows[0]
        rows = self._read_some(1)
        return rows[0] if rows else None

    async def afirst(self) -> R | None:
        """Do as `first`, on asyncio."""
        if self._rows:
            return self._rows[0]
        rows = await self._aread_some(1)
        return rows[0] if rows else None

    def exists(self) -> bool:
        """Say whether there is a row."""
        return self.first() is not None

    async def aexists(self) -> bool:
        """Do as `exists`, on asyncio."""
        return await self.afirst() is not None

    def count(self) -> int:
        """Return how many rows there are, counted by the server; not more than `limit`.

        The default limit does not count. The number is kept.
        """
        if self._count is None:
            self._count = run(self._counted())
        return self._count

    async def acount(self) -> int:
        """Do as `count`, on asyncio."""
        if self._count is None:
            self._count = await arun(self._counted())
        return self._count

    def _counted(self) -> Steps[int]:
        selection = self._selection
        if (
            selection.distinct
            or selection.group_by
            or selection.aggregates
            or selection.per_partition_limit
        ):
            raise QueryException(
                "count() does not go with distinct(), group_by(), annotate() or "
                "per_partition_limit(): take len(), or sum(1 for row in …)"
            )
        selection = selection.narrowed(self.model)
        selection.check_where(self.model)
        statement = selection.count_statement(self._table())
        result = yield self._request(statement.text(), statement.values())
        total: int = result.current_rows[0][0]
        if selection.has_limit and selection.limit is not None:
            return min(total, selection.limit)
        return total

    # --- rows, on asyncio ------------------------------------------------------------------------

    async def __aiter__(self) -> AsyncIterator[R]:
        """Iterate over the rows page by page, and keep none of them."""
        result = await arun(self._select(self._selection.limit))
        read = self._reader(result)
        count = 0
        while True:
            rows = read(result.current_rows)
            count += len(rows)
            for row in rows:
                yield row
            if not result.has_more_pages:
                break
            await result.fetch_next_page()
        self._warn_if_cut(count)

    async def alist(self) -> list[R]:
        """Return all rows, as ``list(query)`` does."""
        return [row async for row in self]
