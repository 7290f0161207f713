"""What a result holds, whichever API gave it."""

from __future__ import annotations

from cql_driver.handlers import ProtocolHandler
from cql_protocol import messages
from cql_protocol._accel import compiled

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeVar

    from cql_driver.cluster.response import ResponseFuture
    from cql_driver.core.execution import Execution

    _P = TypeVar("_P", bound="Page")

__all__ = ["Page", "page_of"]


class Page:
    """The fields of results; `page_of` makes one, for every request one."""

    __slots__ = (
        "_all",
        "_execution",
        "_fetching",
        "_future",
        "_left",
        "_next",
        "_rows",
        "_session",
        "_started",
    )

    _session: Any
    _execution: Execution
    _future: ResponseFuture | None
    _rows: Any
    """The rows of the page at hand, once they are decoded."""
    _left: Iterator[Any] | None
    """What an iteration has left; None before it began."""
    _next: Execution | None
    """The next page, when it was asked for."""
    _all: bool
    """Whether `_rows` has those of all pages."""
    _fetching: bool
    _started: bool

    if TYPE_CHECKING:

        def _decode_any(self) -> Any:
            """Return the rows of the page at hand, whatever they are."""

        def _rows_to_come(self) -> Iterator[Any]:
            """Return what gives the rows of several pages, or raise where nothing can."""

    def _decode_page(self) -> Any:
        """Decode the page at hand, and keep its rows."""
        session, execution = self._session, self._execution
        rows = None
        if session.client_protocol_handler is ProtocolHandler:
            rows = session._decoder.plain_rows(execution)
        if rows is None:
            rows = self._decode_any()
        self._rows = rows
        return rows

    def _only_rows(self) -> Any:
        """Return the rows, where this page is the only one and nothing of it was taken."""
        outcome = self._execution.outcome
        if self._left is not None or (
            outcome.__class__ is messages.RawRows
            and outcome.metadata.paging_state is not None
            and not self._all
        ):
            return None
        rows = self._rows
        return self._decode_page() if rows is None else rows

    def __iter__(self) -> Iterator[Any]:
        rows = self._only_rows()
        if rows is None and self._all:
            rows = self._rows
        return self._rows_to_come() if rows is None else iter(rows)

    def one(self) -> Any:
        """Return the first row of the current page, or None."""
        rows = self._rows
        if rows is None:
            rows = self._decode_page()
        if rows.__class__ is list:
            return rows[0] if rows else None
        return next(iter(rows), None)


_new = object.__new__


def page_of(cls: type[_P], session: Any, execution: Execution) -> _P:
    """Return the result, of a class that derives from `Page`, of an execution that succeeded."""
    page = _new(cls)
    page._session = session
    page._execution = execution
    page._rows = page._left = page._next = page._future = None
    page._all = page._fetching = page._started = False
    return page


Page = compiled("pages", "Page", Page)  # type: ignore[misc]
page_of = compiled("pages", "page_of", page_of)
