"""`AsyncResultSet`: what a request returned, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cql_driver.aio.waiting import wait_for
from cql_driver.cluster.results import PageView
from cql_driver.errors import InvalidArgument
from cql_protocol.enums import ConsistencyLevel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from cql_driver.columnar.collectors import Collector
    from cql_driver.query import QueryTrace

__all__ = ["AsyncResultSet"]


class AsyncResultSet(PageView):
    """The rows of a request; ``async for`` fetches further pages as they are needed.

    Rows are decoded when they are first looked at. While the rows of a page are used, the next
    page is on its way, unless `AsyncSession.prefetch_pages` is False. Iterate once, or take
    `all()`; `one()` is the first row. A result that has one page can be used in a plain ``for``
    as well. A result without rows (of an INSERT, say) is empty.

    Example::

        async for row in await session.execute("SELECT host_id, rack FROM system.peers"):
            print(row.rack)
    """

    __slots__ = ()

    # --- pages -----------------------------------------------------------------------------------

    async def fetch_next_page(self) -> None:
        """Replace the current page by the next.

        Raises what `AsyncSession.execute` raises; then, or when it is cancelled, this page is
        still the current one, and the call can be repeated. Without a next page the rows become
        empty.
        """
        if self.has_more_pages:
            await self._fetch()
        else:
            self._rows, self._left = [], None

    async def _fetch(self) -> None:
        self._session.check_loop()
        if self._fetching:
            raise InvalidArgument(
                "another task is fetching the next page of this result: let one task read it"
            )
        execution = self._next or self._session.start_next_page(self._execution)
        self._fetching = True
        try:
            await wait_for(execution)
        finally:
            self._fetching = False
            self._next = None
        self._take_page(execution)
        self._left = None

    def pages(self) -> AsyncIterator[Any]:
        """Iterate over the pages, the current one first; each is what `current_rows` is.

        Example::

            async for rows in result.pages():
                await send(rows)
        """
        return _Pages(self)

    async def _collected(self, collector: Collector) -> Any:
        while self._collect_page(collector):
            await self._fetch()
            self._left = iter(())  # no row comes twice
        return collector.result()

    # --- rows ------------------------------------------------------------------------------------

    def __aiter__(self) -> AsyncIterator[Any]:
        if self._left is None and not self.has_more_pages:
            return _Rows(iter(self.current_rows))
        # As with any iterator, what was begun goes on: no row comes twice.
        return self

    async def __anext__(self) -> Any:
        while True:
            left = self._left
            if left is None:
                left = self._left = iter(self.current_rows)
            for row in left:
                return row
            if not self.has_more_pages:
                raise StopAsyncIteration
            # A page may be empty though it is not the last; there may be thousands of them.
            await self._fetch()

    async def all(self) -> list[Any]:
        """Return all rows that are left, of every page, as a list.

        When it fails, or is cancelled, the rows are still left.
        """
        if self._left is None and not self.has_more_pages:
            return list(self.current_rows)
        rows = list(self.current_rows if self._left is None else self._left)
        self._left = iter(rows)
        while self.has_more_pages:
            await self._fetch()
            rows += self.current_rows
            self._left = iter(rows)
        self._left = iter(())
        return rows

    def _rows_to_come(self) -> Iterator[Any]:
        raise InvalidArgument(
            "this result has more pages, which a plain `for` cannot wait for: use `async for`, "
            "`await result.all()`, or `result.current_rows` for the page at hand"
        )

    def __getitem__(self, i: Any) -> Any:
        """Return a row by its number, or rows by a slice; of a result that has one page."""
        return self.one() if i == 0 and self._left is None and self else list(self)[i]

    # --- traces ----------------------------------------------------------------------------------

    async def get_query_trace(
        self,
        max_wait_sec: float | None = None,
        query_cl: int = ConsistencyLevel.LOCAL_ONE,
        wait_for_complete: bool = True,
    ) -> QueryTrace | None:
        """Return the trace of the request (its last page); None when tracing was not asked for.

        Waits up to `max_wait_sec` seconds (the session's `max_trace_wait` when None) until the
        server has written all of it, or anything with ``wait_for_complete=False``. Raises
        `TraceUnavailable` then. `query_cl` is the consistency level of the reads.
        """
        traces = self.response_future.get_query_trace_ids()
        if not traces:
            return None
        trace: QueryTrace = await self._session.read_trace(
            traces[-1], max_wait_sec, query_cl, wait_for_complete
        )
        return trace

    async def get_all_query_traces(
        self,
        max_wait_sec_per: float | None = None,
        query_cl: int = ConsistencyLevel.LOCAL_ONE,
    ) -> list[QueryTrace]:
        """Return the traces of all pages fetched so far."""
        return [
            await self._session.read_trace(trace_id, max_wait_sec_per, query_cl)
            for trace_id in self.response_future.get_query_trace_ids()
        ]


class _Rows:
    """The rows of a page in ``async for``."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Iterator[Any]) -> None:
        self._rows = rows

    def __aiter__(self) -> _Rows:
        return self

    async def __anext__(self) -> Any:
        for row in self._rows:
            return row
        raise StopAsyncIteration


class _Pages:
    """The pages of a result in ``async for``."""

    __slots__ = ("_begun", "_result")

    def __init__(self, result: AsyncResultSet) -> None:
        self._result = result
        self._begun = False

    def __aiter__(self) -> _Pages:
        return self

    async def __anext__(self) -> Any:
        result = self._result
        if self._begun:
            if not result.has_more_pages:
                raise StopAsyncIteration
            await result.fetch_next_page()
        self._begun = True
        return result.current_rows
