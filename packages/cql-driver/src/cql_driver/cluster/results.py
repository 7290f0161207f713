"""`ResultSet`: what a request returned, page by page."""

from __future__ import annotations

from collections.abc import Mapping

from cql_driver.cluster.columns import ColumnarResult
from cql_driver.errors import InvalidArgument, QueryExhausted
from cql_protocol import messages
from cql_protocol.errors import DriverException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from cql_driver.cluster.response import ResponseFuture
    from cql_driver.columnar.collectors import Collector
    from cql_driver.core.execution import Execution
    from cql_driver.query import QueryTrace

__all__ = ["NotConditional", "PageView", "ResultSet"]


class NotConditional(DriverException, RuntimeError):
    """`was_applied` of a statement that had no condition."""


class PageView(ColumnarResult):
    """The page of rows at hand: what the results of all APIs have in common."""

    __slots__ = ("__weakref__",)

    def __repr__(self) -> str:
        more = ", more pages" if self.has_more_pages else ""
        rows = self._execution.outcome
        count = rows.row_count if isinstance(rows, messages.RawRows) else 0
        return f"<{type(self).__name__} of {count} rows{more}>"

    # --- the page at hand --------------------------------------------------------------------

    @property
    def current_rows(self) -> Any:
        """The rows of the current page, as the row factory made them; [] when there are none.

        Where they are a mapping (see `cql_driver.protocol`), that is the one item of a list.
        With `prefetch_pages` of the session the next page is asked for now.
        """
        rows = self._rows
        if rows is None:
            rows = self._decode_page()
        if self._next is None and self.has_more_pages and self._session.prefetch_pages:
            self._next = self._session.start_next_page(self._execution)
        return rows

    def _decode_any(self) -> Any:
        rows = self._session.decode_page(self._execution)
        if rows.__class__ is not list:
            if rows is None:
                return []
            if isinstance(rows, Mapping):
                # All rows of the page in one, as the handler for numpy has it.
                return [rows]
        return rows

    @property
    def has_more_pages(self) -> bool:
        """Whether the server has more rows than were fetched."""
        response = self._execution.outcome
        if response.__class__ is not messages.RawRows or response.metadata.paging_state is None:
            return False
        return not self._all

    @property
    def paging_state(self) -> bytes | None:
        """Where the next page begins: give it to `execute` to go on later; or None."""
        response = self._execution.outcome
        return response.metadata.paging_state if isinstance(response, messages.RawRows) else None

    @property
    def column_names(self) -> list[str] | None:
        """The names of the columns; None for a result without rows."""
        columns = self._session.columns_of(self._execution)
        return None if columns is None else [column.name for column in columns]

    @property
    def column_types(self) -> list[Any] | None:
        """The types of the columns, of `cql_protocol.types`; None for a result without rows."""
        columns = self._session.columns_of(self._execution)
        return None if columns is None else [column.type for column in columns]

    def __bool__(self) -> bool:
        """Say whether the current page has rows."""
        rows = self._rows
        if rows is None:
            rows = self._decode_page()
        if isinstance(rows, list):
            return bool(rows)
        response = self._execution.outcome  # what a row factory made has a truth of its own
        return isinstance(response, messages.RawRows) and response.row_count > 0

    # --- about the request -----------------------------------------------------------------------

    @property
    def response_future(self) -> ResponseFuture:
        """The future of the request."""
        if self._future is None:
            self._future = self._session.future_of(self._execution)
        return self._future

    @property
    def warnings(self) -> Sequence[str]:
        """The warnings the server sent along."""
        return getattr(self._execution.outcome, "warnings", ())

    @property
    def custom_payload(self) -> Mapping[str, bytes | None] | None:
        """The custom payload the server sent along."""
        return getattr(self._execution.outcome, "custom_payload", None)

    @property
    def was_applied(self) -> bool:
        """Whether a conditional statement (``IF …``) was applied.

        Raises `NotConditional` when the statement had no condition. Works with any row factory.
        """
        columns = self._session.columns_of(self._execution)
        response = self._execution.outcome
        at = -1
        if columns is not None:
            at = next((i for i, c in enumerate(columns) if c.name == "[applied]"), -1)
        if at < 0 or not isinstance(response, messages.RawRows) or response.row_count == 0:
            raise NotConditional(
                "was_applied tells of statements with IF only; this one returned no [applied]"
            )
        return bool(self._session.raw_rows(self._execution)[0][at])

    def cancel_continuous_paging(self) -> None:
        """Do nothing but complain: no server of today has continuous paging."""
        raise QueryExhausted("continuous paging is of DSE alone; this result has ordinary pages")

    def _take_page(self, execution: Execution) -> None:
        """Have the next page be the one at hand; raise its error if there is none."""
        outcome = execution.outcome
        if isinstance(outcome, BaseException):
            raise outcome
        if getattr(outcome, "tracing_id", None) is not None or self._future is not None:
            # Made of the page before, if it has to be made, so that it knows all traces.
            self.response_future.page_came(execution)
        self._execution = execution
        self._rows = None


class ResultSet(PageView):
    """The rows of a request; iterating over it fetches further pages as they are needed.

    Rows are decoded when they are first looked at. Iterate once, or take `all()`; `one()` is
    the first row. A result without rows (of an INSERT, say) is empty.

    Example::

        for row in session.execute("SELECT host_id, rack FROM system.peers"):
            print(row.rack)
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, response_future: ResponseFuture, initial_response: Any = None) -> None:
        self._session = response_future.session
        self._execution = response_future.execution
        self._future = response_future
        self._rows = self._left = self._next = None
        self._all = self._fetching = self._started = False
        if isinstance(initial_response, list):
            self._rows = initial_response

    # --- all pages -----------------------------------------------------------------------------

    def _collected(self, collector: Collector) -> Any:
        while self._collect_page(collector):
            self.fetch_next_page()
        return collector.result()

    def fetch_next_page(self) -> None:
        """Replace the current page by the next.

        Raises what `Session.execute` raises; then this page is still the current one, and the
        call can be repeated. Without a next page the rows become empty.
        """
        if not self.has_more_pages:
            self._rows = []
            return
        execution = self._next or self._session.start_next_page(self._execution)
        self._next = None
        self._session.wait_for(execution)
        self._take_page(execution)

    def _rows_to_come(self) -> Iterator[Any]:
        if self._left is None:
            self._left = self._pages()
        # As with any iterator, what was begun goes on: no row comes twice.
        return self

    def _pages(self) -> Iterator[Any]:
        self._started = True
        while True:
            yield from self.current_rows
            if not self.has_more_pages:
                return
            # A page may be empty though it is not the last; there may be thousands of them.
            self.fetch_next_page()

    def __next__(self) -> Any:
        if self._left is None:
            self._left = self._pages()
        return next(self._left)

    next = __next__

    def all(self) -> list[Any]:
        """Return all rows that are left, of every page, as a list."""
        return list(self)

    def _materialize(self, what: str) -> list[Any]:
        """Fetch everything, once, for who wants to use the result as a list."""
        if not self._all:
            if self._started:
                raise InvalidArgument(
                    f"{what} after iterating over pages that are gone: use all() from the start"
                )
            if self.has_more_pages:
                import warnings

                warnings.warn(
                    f"{what} fetches every page into memory; use all() to say that you mean it",
                    stacklevel=3,
                )
            self._rows = self.all()
            self._all = True
        return self._rows  # type: ignore[no-any-return]

    def __getitem__(self, i: Any) -> Any:
        """Return a row by its number, or rows by a slice; fetches every page but for row 0."""
        if i == 0 and not self._started and self:
            return self.one()
        return self._materialize("indexing a result")[i]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (list, tuple, ResultSet)):
            return NotImplemented
        mine = self._materialize("comparing a result")
        theirs = other._materialize("comparing a result") if isinstance(other, ResultSet) else other
        return mine == list(theirs)

    # --- traces --------------------------------------------------------------------------------

    def get_query_trace(self, max_wait_sec: float | None = None) -> QueryTrace | None:
        """Return the trace of the request, see `ResponseFuture.get_query_trace`."""
        return self.response_future.get_query_trace(max_wait_sec)

    def get_all_query_traces(self, max_wait_sec_per: float | None = None) -> list[QueryTrace]:
        """Return the traces of all pages fetched so far."""
        return self.response_future.get_all_query_traces(max_wait_sec_per)
