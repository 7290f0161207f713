"""`ProtocolHandler`: what becomes of a page; the other handlers are in `cql_driver.protocol`."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.cluster.pages import PageDecoder
    from cql_driver.core.execution import Execution

__all__ = ["ProtocolHandler"]


class ProtocolHandler:
    """Decodes a page at once and has the row factory make its rows: the default."""

    @classmethod
    def check_supported(cls) -> None:
        """Raise `UnsupportedOperation` where the handler cannot work; asked when it is set."""

    @classmethod
    def decode_page(cls, page_decoder: PageDecoder, execution: Execution) -> Any:
        """Return what the rows of the page become; None for a result without rows.

        - `page_decoder`: has ``rows(execution)``, what the row factory makes of the page;
          ``raw_rows(execution)``, tuples; ``columns_of(execution)``, the `ColumnSpec`s or None;
          and ``shape(columns)``, a tuple of the columns, their names and their `RowDecoder`
        - `execution`: the request; ``execution.outcome`` is the answer (`RawRows` when it has
          rows), ``execution.options.row_factory`` the row factory

        What it raises of `DriverException` goes to the caller, or to errbacks.
        """
        return page_decoder.rows(execution)
