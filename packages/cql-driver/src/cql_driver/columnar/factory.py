"""`arrow_factory`: the row factory that gives each page as a record batch."""

from __future__ import annotations

from cql_driver.columnar.pages import page_reader
from cql_protocol.errors import UnsupportedOperation
from cql_protocol.messages import RawRows

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cql_driver.cluster.pages import PageDecoder
    from cql_driver.core.execution import Execution

__all__ = ["arrow_factory"]


class _ArrowFactory:
    """A row factory that is given pages, not rows."""

    __slots__ = ()

    def of_page(self, page_decoder: PageDecoder, execution: Execution) -> Any:
        """Return a list of one `pyarrow.RecordBatch`; None for a result without rows."""
        page, columns = execution.outcome, page_decoder.columns_of(execution)
        if columns is None or not isinstance(page, RawRows):
            return None
        _, names, decoder = page_decoder.shape(columns)
        return [page_reader(decoder.columns, names, "arrow").read_batch(page)]

    def __call__(self, colnames: Sequence[str], rows: Any) -> Any:
        raise UnsupportedOperation(
            "arrow_factory makes record batches of whole pages, not of rows: give it to `execute` "
            "or to an execution profile, without a protocol handler of another kind"
        )

    def __repr__(self) -> str:
        return "arrow_factory"

    def __reduce__(self) -> str:
        return "arrow_factory"


arrow_factory = _ArrowFactory()
"""Give each page as one `pyarrow.RecordBatch`, which is one item of the result; needs pyarrow.

While a page is used the next is on its way, where the session has `prefetch_pages`. The batches
of a result have one schema, see docs/columnar.md. Raises `DependencyException` without pyarrow.

Example::

    for batch in session.execute("SELECT * FROM events", row_factory=arrow_factory):
        print(batch.num_rows, batch.schema)
"""
