"""From the pages of results to rows, as row factories make them."""

from __future__ import annotations

from cql_driver.query.messages import BoundExecute
from cql_driver.query.rows import named_tuple_factory, named_tuple_maker
from cql_protocol.errors import ProtocolViolation
from cql_protocol.messages import RawRows
from cql_protocol.rows import RowDecoder

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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

    __slots__ = ("_named", "_shapes", "options")

    def __init__(self, options: ReadOptions) -> None:
        self.options = options
        # They hold the columns, so that their ids stay theirs.
        self._shapes: dict[int, tuple[Any, tuple[str, ...], RowDecoder]] = {}
        self._named: dict[int, tuple[Any, Callable[..., Any], Callable[[Any], Any]]] = {}

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
        factory = execution.options.row_factory
        if factory is named_tuple_factory:
            # What is asked for most: the same, with a call less for each row and page.
            named = self._named.get(id(columns)) or self._name(columns)
            return named[1](response.body, response.offset, response.row_count, named[2])
        _, names, decoder = self._shapes.get(id(columns)) or self.shape(columns)
        return factory(names, decoder.decode(response.body, response.offset, response.row_count))

    def _name(self, columns: Any) -> tuple[Any, Callable[..., Any], Callable[[Any], Any]]:
        """Return (columns, what decodes their rows, what makes named tuples of them)."""
        _, names, decoder = self.shape(columns)
        if len(self._named) >= _MOST_SHAPES:
            self._named = {}
        named = self._named[id(columns)] = (columns, decoder.decode, named_tuple_maker(names))
        return named
