"""`TwistedResultSet`: what a request returned, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, ensureDeferred

from cql_driver.cluster.results import PageView
from cql_driver.errors import InvalidArgument
from cql_protocol.enums import ConsistencyLevel
from cql_reactors.deferreds.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from cql_driver.columnar.collectors import Collector
    from cql_driver.query import QueryTrace
    from cql_reactors.deferreds.session import TwistedSession

__all__ = ["TwistedResultSet"]


class TwistedResultSet(PageView):
    """The rows of a request. `all()` and `fetch_next_page()` return Deferreds.

    In ``async def`` code that `ensureDeferred` runs, ``async for`` gives the rows of all pages.
    Rows are decoded when they are first looked at. While the rows of a page are used, the next
    page is on its way, unless `TwistedSession.prefetch_pages` is False. A result that has one
    page can be used in a plain ``for`` as well; `one()` is the first row. A result without rows
    (of an INSERT, say) is empty.

    Example::

        @inlineCallbacks
        def racks(session):
            result = yield session.execute("SELECT host_id, rack FROM system.peers")
            rows = yield result.all()
            return [row.rack for row in rows]
    """

    _session: TwistedSession

    # --- pages -----------------------------------------------------------------------------------

    def fetch_next_page(self) -> Deferred[TwistedResultSet]:
        """Replace the current page by the next; the Deferred gives this result.

        It fails as `TwistedSession.execute` does; then, or when it is cancelled, this page is
        still the current one, and the call can be repeated. Without a next page the rows become
        empty.

        Example::

            @inlineCallbacks
            def print_all(result):
                while True:
                    for row in result.current_rows:
                        print(row)
                    if not result.has_more_pages:
                        return
                    yield result.fetch_next_page()
        """
        self._session.check_loop()
        return ensureDeferred(self._fetch_next_page())

    async def _fetch_next_page(self) -> TwistedResultSet:
        if not self.has_more_pages:
            self._rows = []
        else:
            await self._fetch()
        if self._left is not None:
            self._left = iter(self.current_rows)
        return self

    async def _fetch(self) -> None:
        if self._fetching:
            raise InvalidArgument(
                "the next page of this result is being fetched already: wait for that"
            )
        execution = self._next or self._session.start_next_page(self._execution)
        self._next = None
        self._fetching = True
        try:
            await wait_for(self._session.runtime, execution)
        finally:
            self._fetching = False
        self._take_page(execution)

    async def pages(self) -> AsyncIterator[Any]:
        """Iterate over the pages, the current one first; each is what `current_rows` is.

        Example::

            async for rows in result.pages():
                request.write(render(rows))
        """
        yield self.current_rows
        while self.has_more_pages:
            await self._fetch_next_page()
            yield self.current_rows

    def _collected(self, collector: Collector) -> Deferred[Any]:
        self._session.check_loop()
        return ensureDeferred(self._collect(collector))

    async def _collect(self, collector: Collector) -> Any:
        while self._collect_page(collector):
            await self._fetch()
        return collector.result()

    # --- rows ------------------------------------------------------------------------------------

    def all(self) -> Deferred[list[Any]]:
        """Return all rows that are left, of every page.

        When it fails, or is cancelled, the rows are still left.
        """
        self._session.check_loop()
        return ensureDeferred(self._all_rows())

    async def _all_rows(self) -> list[Any]:
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

    def __aiter__(self) -> AsyncIterator[Any]:
        # As with any iterator, what was begun goes on: no row comes twice.
        return self

    async def __anext__(self) -> Any:
        left = self._left
        if left is None:
            left = self._left = iter(self.current_rows)
        while True:
            for row in left:
                return row
            if not self.has_more_pages:
                raise StopAsyncIteration
            # A page may be empty though it is not the last; there may be thousands of them.
            await self._fetch_next_page()
            left = self._left or left

    def __iter__(self) -> Iterator[Any]:
        if self._left is not None or self.has_more_pages:
            raise InvalidArgument(
                "this result has more pages, which a plain `for` cannot wait for: use `async for` "
                "in a coroutine, `result.all()`, or `result.current_rows` for the page at hand"
            )
        return iter(self.current_rows)

    def __getitem__(self, i: Any) -> Any:
        """Return a row by its number, or rows by a slice; of a result that has one page."""
        return self.one() if i == 0 and self._left is None and self else list(self)[i]

    # --- traces ----------------------------------------------------------------------------------

    def get_query_trace(
        self,
        max_wait_sec: float | None = None,
        query_cl: int = ConsistencyLevel.LOCAL_ONE,
        wait_for_complete: bool = True,
    ) -> Deferred[QueryTrace | None]:
        """Return the trace of the request (its last page); None when tracing was not asked for.

        Waits up to `max_wait_sec` seconds (the session's `max_trace_wait` when None) until the
        server has written all of it, or anything with ``wait_for_complete=False``. Fails with
        `TraceUnavailable` then. `query_cl` is the consistency level of the reads.
        """
        traces = self.response_future.get_query_trace_ids()[-1:]
        found = self._session.read_traces(traces, max_wait_sec, query_cl, wait_for_complete)
        return found.addCallback(lambda read: read[0] if read else None)

    def get_all_query_traces(
        self,
        max_wait_sec_per: float | None = None,
        query_cl: int = ConsistencyLevel.LOCAL_ONE,
    ) -> Deferred[list[QueryTrace]]:
        """Return the traces of all pages fetched so far."""
        traces = self.response_future.get_query_trace_ids()
        return self._session.read_traces(traces, max_wait_sec_per, query_cl, True)
