"""`PageReader`: pages of one shape into record batches, compiled or with pyarrow."""

from __future__ import annotations

from cql_driver.columnar.libraries import library
from cql_protocol._accel import compiled
from cql_protocol.errors import DecodeError
from cql_protocol.rows import RowDecoder
from cql_protocol.types.base import ReadOptions

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cql_protocol.messages import RawRows
    from cql_protocol.types import CqlType

__all__ = ["PageReader", "page_reader"]

Columns: Any = compiled("columns", "Columns", None)
"""Reads pages into columns; None where nothing is compiled."""

row_ends: Any = compiled("columns", "row_ends", None)
"""Says where the rows of a page end, without reading what is in them; None as well."""

PLAIN = ReadOptions(inet_text=True, set_factory=list, map_factory=list)
"""What values are read by that columns are made of: sets and maps in the server's order."""

_MOST_READERS = 512

_readers: dict[tuple[Any, ...], PageReader] = {}


class PageReader:
    """Reads the pages of one shape; may be used by several threads at once.

    `form` is ``"arrow"``, or ``"parts"`` for libraries that know neither Arrow's intervals nor
    its UUIDs: durations are structs then.
    """

    __slots__ = ("_decoder", "columns", "form", "names", "owner")

    def __init__(self, columns: Sequence[Any], names: Sequence[str], form: str) -> None:
        self.columns = columns
        self.names = names
        self.form = form
        self.owner = None if Columns is None else Columns(columns, names, form)
        self._decoder: RowDecoder | None = None

    def read(self, page: RawRows) -> Any:
        """Return what has ``__arrow_c_array__``: a `pyarrow.RecordBatch`, or what is compiled.

        Raises `DecodeError` when the bytes do not fit, as decoding the rows would.
        """
        if self.owner is not None:
            made = self.owner.read(page.body, page.offset, page.row_count)
            if made is not None:
                return made
        return self._read_values(page)

    def read_batch(self, page: RawRows) -> Any:
        """Return a `pyarrow.RecordBatch`."""
        batch = self.read(page)
        pyarrow = library("pyarrow", "Arrow")
        return batch if isinstance(batch, pyarrow.RecordBatch) else pyarrow.record_batch(batch)

    def _read_values(self, page: RawRows) -> Any:
        """Read the page into Python values, and make columns of them."""
        from cql_driver.columnar.values import make_array, readable

        decoder = self._decoder
        if decoder is None:
            types = [readable(column) for column in self.columns]
            decoder = self._decoder = RowDecoder(types, PLAIN, self.names)
        rows = page.decode(decoder)
        pyarrow = library("pyarrow", "Arrow without cql-speedups")
        arrays = []
        for at, column in enumerate(decoder.columns):
            try:
                arrays.append(make_array(pyarrow, column, [row[at] for row in rows], self.form))
            except DecodeError as error:
                where = f"column {at} ({self.names[at]})"
                raise DecodeError(f"{where}: {error}") from None
        return pyarrow.RecordBatch.from_arrays(arrays, names=list(self.names))


def page_reader(columns: Sequence[CqlType | None], names: Sequence[str], form: str) -> PageReader:
    """Return the reader of a shape, the same one each time."""
    key = tuple(columns), tuple(names), form
    found = _readers.get(key)
    if found is None:
        if len(_readers) >= _MOST_READERS:
            _readers.clear()
        found = _readers[key] = PageReader(*key)
    return found
