"""`ColumnarResult`: the methods of results that give columns, whichever API the result is of."""

from __future__ import annotations

from cql_driver.cluster.page import Page
from cql_driver.errors import InvalidArgument
from cql_protocol import messages

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.columnar.collectors import Collector

__all__ = ["ColumnarResult"]


class ColumnarResult(Page):
    """What results have beside rows. In the APIs that wait it returns an awaitable or a Deferred.

    Each method fetches all pages that are left, the one at hand included, and decodes a page
    into columns as soon as it is there. It is to be called before iterating over rows: those of
    pages that are gone cannot be had again.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        # What `PageView` has.
        @property
        def has_more_pages(self) -> bool: ...  # noqa: D102

    def to_arrow(self) -> Any:
        """Return all rows as a `pyarrow.Table`, with a chunk for each page.

        What becomes of each CQL type is in docs/columnar.md. Raises `DependencyException` without
        pyarrow, `InvalidArgument` when rows of earlier pages were taken already, and what
        fetching a page raises.

        Example::

            table = session.execute("SELECT id, celsius FROM readings").to_arrow()
            pyarrow.compute.mean(table["celsius"])
        """
        from cql_driver.columnar.collectors import ArrowCollector

        return self._columns(ArrowCollector())

    def to_pandas(self, **options: Any) -> Any:
        """Return all rows as a `pandas.DataFrame`; needs pandas and pyarrow.

        `options` go to `pyarrow.Table.to_pandas`. Raises what `to_arrow` raises.

        Example::

            frame = session.execute("SELECT day, celsius FROM readings").to_pandas()
            frame.groupby("day").celsius.max()
        """
        from cql_driver.columnar.collectors import PandasCollector

        return self._columns(PandasCollector(options))

    def to_polars(self) -> Any:
        """Return all rows as a `polars.DataFrame`; needs polars, and pyarrow without cql-speedups.

        Raises what `to_arrow` raises.

        Example::

            frame = session.execute("SELECT day, celsius FROM readings").to_polars()
            frame.group_by("day").agg(polars.col("celsius").max())
        """
        from cql_driver.columnar.collectors import PolarsCollector

        return self._columns(PolarsCollector())

    def to_numpy(self) -> Any:
        """Return all rows as a dict of column names to numpy arrays; needs numpy.

        Numbers, booleans, times and vectors of numbers are arrays of their own types, the latter
        with two dimensions, all else objects as in rows. A column of the former that holds nulls
        is a masked array, in the latter null is None. Raises what `to_arrow` raises.

        Example::

            columns = session.execute("SELECT embedding FROM documents").to_numpy()
            columns["embedding"] @ question
        """
        from cql_driver.columnar.collectors import NumpyCollector

        return self._columns(NumpyCollector())

    def _columns(self, collector: Collector) -> Any:
        if self._left is not None or self._all:
            raise InvalidArgument(
                "rows of this result were taken already, and their pages are gone: ask for columns "
                "before iterating, or execute the statement again"
            )
        return self._collected(collector)

    def _collected(self, collector: Collector) -> Any:
        """Have the collector take all pages, and return what it makes of them."""
        raise NotImplementedError

    def _collect_page(self, collector: Collector) -> bool:
        """Have the collector take the page at hand; return whether there is another."""
        session, execution = self._session, self._execution
        more = self.has_more_pages
        if more and self._next is None and session.prefetch_pages:
            self._next = session.start_next_page(execution)
        page, columns = execution.outcome, session.columns_of(execution)
        if columns is not None and isinstance(page, messages.RawRows):
            if page.metadata.new_metadata_id is not None:
                session._follow_metadata(execution, page.metadata)
            _, names, decoder = session._decoder.shape(columns)
            collector.add(page, names, decoder)
        if more:
            self._left = iter(())  # also where the next page does not come
        return more
