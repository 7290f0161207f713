"""From raw pages to rows: one decoder per shape of result, kept by the session."""

from __future__ import annotations

from cql_driver.query.messages import BoundExecute
from cql_protocol.errors import ProtocolViolation
from cql_protocol.messages import RawRows
from cql_protocol.rows import RowDecoder

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cql_driver.core.execution import Execution
    from cql_protocol.messages import ColumnSpec
    from cql_protocol.types import ReadOptions

__all__ = ["PageDecoder"]

_MOST_SHAPES = 512


class PageDecoder:
    """Decodes pages of any shape with one set of read options.

    The protocol library gives equal descriptions of columns as one object, so shapes are
    found by identity. May be used by several threads at once.
    """

    __slots__ = ("_shapes", "options")

    def __init__(self, options: ReadOptions) -> None:
        self.options = options
        self._shapes: dict[int, tuple[Any, tuple[str, ...], RowDecoder]] = {}

    def columns_of(self, execution: Execution) -> Sequence[ColumnSpec] | None:
        """Return the description of the columns; None for a result without rows."""
        response = execution.outcome
        if not isinstance(response, RawRows):
            return None
        columns = response.metadata.columns
        if columns is None:
            message = execution.message
            if isinstance(message, BoundExecute):
                columns = message.snapshot.result_columns
            if columns is None:
                raise ProtocolViolation(
                    "the server left out the columns, though they were asked for"
                )
        return columns

    def shape(self, columns: Any) -> tuple[Any, tuple[str, ...], RowDecoder]:
        """Return (columns, names, decoder) of a description of columns."""
        shape = self._shapes.get(id(columns))
        if shape is None:
            names = tuple(column.name for column in columns)
            decoder = RowDecoder([column.type for column in columns], self.options, names)
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes = {}
            # It holds the columns, so that their id stays theirs.
            shape = self._shapes[id(columns)] = (columns, names, decoder)
        return shape

    def raw_rows(self, execution: Execution) -> list[tuple[Any, ...]]:
        """Return the rows of the page as tuples; [] for a result without rows."""
        columns = self.columns_of(execution)
        response = execution.outcome
        if columns is None or not isinstance(response, RawRows):
            return []
        return response.decode(self.shape(columns)[2])

    def rows(self, execution: Execution) -> Any:
        """Return what the row factory makes of the page; None for a result without rows."""
        response = execution.outcome
        if response.__class__ is not RawRows:
            return None
        columns = response.metadata.columns or self.columns_of(execution)
        shape = self._shapes.get(id(columns)) or self.shape(columns)
        rows = shape[2].decode(response.body, response.offset, response.row_count)
        return execution.options.row_factory(shape[1], rows)
