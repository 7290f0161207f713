"""Collectors: take pages one after the other, and make one thing of all."""

from __future__ import annotations

from cql_driver.columnar.libraries import library
from cql_driver.columnar.pages import page_reader
from cql_driver.errors import InvalidArgument

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cql_driver.columnar.pages import PageReader
    from cql_protocol.messages import RawRows
    from cql_protocol.rows import RowDecoder

__all__ = ["ArrowCollector", "Collector", "NumpyCollector", "PandasCollector", "PolarsCollector"]


class Collector:
    """Made before pages are fetched, so that what it needs is missed at once."""

    def add(self, page: RawRows, names: Sequence[str], decoder: RowDecoder) -> None:
        """Take a page, whose rows `decoder` would decode."""
        raise NotImplementedError

    def result(self) -> Any:
        """Return what is made of all pages."""
        raise NotImplementedError


class _BatchCollector(Collector):
    """Takes pages as record batches; `form` is that of `PageReader`."""

    def __init__(self, form: str = "arrow") -> None:
        self._form = form
        self._batches: list[Any] = []
        self._readers: list[PageReader] = []

    def add(self, page: RawRows, names: Sequence[str], decoder: RowDecoder) -> None:
        """Take a page."""
        reader = page_reader(decoder.columns, names, self._form)
        self._batches.append(reader.read(page))
        if reader not in self._readers:
            self._readers.append(reader)

    def _stream(self) -> Any:
        """Return all pages as one compiled stream; None where they are no such pages."""
        if len(self._readers) != 1 or self._readers[0].owner is None:
            return None
        from cql_speedups.columns import PageColumns, PagesColumns

        if any(batch.__class__ is not PageColumns for batch in self._batches):
            return None
        return PagesColumns(self._readers[0].owner, self._batches)

    def _table(self, pyarrow: Any) -> Any:
        stream = self._stream()
        if stream is not None:
            return pyarrow.table(stream)
        if not self._batches:
            return pyarrow.table({})
        batches = map(pyarrow.record_batch, self._batches)
        if len(self._readers) == 1:
            return pyarrow.Table.from_batches(batches)
        # A column that was added while the pages were read is null in those before it.
        tables = [pyarrow.table(batch) for batch in batches]
        return pyarrow.concat_tables(tables, promote_options="default")


class ArrowCollector(_BatchCollector):
    """Makes a `pyarrow.Table`."""

    def __init__(self, form: str = "arrow") -> None:
        super().__init__(form)
        self._pyarrow = library("pyarrow", "to_arrow()")

    def result(self) -> Any:
        """Return the table."""
        return self._table(self._pyarrow)


class PandasCollector(_BatchCollector):
    """Makes a `pandas.DataFrame`."""

    def __init__(self, options: dict[str, Any], form: str = "arrow") -> None:
        super().__init__(form)
        self._options = options
        self._pyarrow = library("pyarrow", "to_pandas()")
        library("pandas", "to_pandas()")

    def result(self) -> Any:
        """Return the frame."""
        from cql_driver.columnar.frames import pandas_frame

        return pandas_frame(self._table(self._pyarrow), self._options)


class PolarsCollector(_BatchCollector):
    """Makes a `polars.DataFrame`."""

    def __init__(self) -> None:
        super().__init__("parts")
        self._polars = library("polars", "to_polars()")

    def result(self) -> Any:
        """Return the frame."""
        stream = self._stream()
        if stream is not None:
            return self._polars.DataFrame(stream)
        pyarrow = library("pyarrow", "to_polars() without cql-speedups")
        return self._polars.from_arrow(self._table(pyarrow))


class NumpyCollector(Collector):
    """Makes a dict of arrays."""

    def __init__(self) -> None:
        self._numpy = library("numpy", "to_numpy()")
        self._pages: list[dict[str, Any]] = []

    def add(self, page: RawRows, names: Sequence[str], decoder: RowDecoder) -> None:
        """Take a page."""
        from cql_driver.columnar.arrays import page_arrays

        self._pages.append(page_arrays(page, names, decoder))

    def result(self) -> Any:
        """Return the arrays, of all pages."""
        pages = self._pages
        if len(pages) < 2:
            return pages[0] if pages else {}
        if any(page.keys() != pages[0].keys() for page in pages):
            raise InvalidArgument(
                "columns came or went while the pages were read: execute the statement again"
            )
        return {name: self._joined([page[name] for page in pages]) for name in pages[0]}

    def _joined(self, arrays: list[Any]) -> Any:
        numpy = self._numpy
        masked = any(isinstance(array, numpy.ma.MaskedArray) for array in arrays)
        return (numpy.ma if masked else numpy).concatenate(arrays)
