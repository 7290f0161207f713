"""From the pages of results to rows, as row factories make them."""

from __future__ import annotations

from cql_driver.query.rows import dict_factory, named_tuple_factory, named_tuple_maker
from cql_protocol.errors import ProtocolViolation
from cql_protocol.messages import RawRows
from cql_protocol.rows import RowDecoder

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cql_driver.core.execution import Execution
    from cql_protocol.messages import ColumnSpec, ResultMetadata
    from cql_protocol.types import ReadOptions

__all__ = ["PageDecoder"]

_MOST_SHAPES = 512


class PageDecoder:
    """Decodes pages of any shape with one set of read options.

    The protocol library gives equal descriptions of columns as one object, so shapes are
    found by identity. May be used by several threads at once.
    """

    __slots__ = ("_plain", "_shapes", "options")

    def __init__(self, options: ReadOptions) -> None:
        self.options = options
        # They hold what they are for, so that its id stays its own.
        self._shapes: dict[int, tuple[Any, tuple[str, ...], RowDecoder]] = {}
        self._plain: dict[int, tuple[Any, Callable[..., Any], Any]] = {}

    def columns_of(self, execution: Execution) -> Sequence[ColumnSpec] | None:
        """Return the description of the columns; None for a result without rows."""
        response = execution.outcome
        if not isinstance(response, RawRows):
            return None
        columns = response.metadata.columns
        if columns is None:
            columns = execution.result_columns
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
        _, names, decoder = self._shapes.get(id(columns)) or self.shape(columns)
        factory = execution.options.row_factory
        if factory is named_tuple_factory:
            make = named_tuple_maker(names)
            if id(response.metadata) not in self._plain:
                self._keep(response.metadata, columns, decoder, make)
            return decoder.decode(response.body, response.offset, response.row_count, make)
        body, offset, count = response.body, response.offset, response.row_count
        if factory is dict_factory:
            return decoder.decode_dicts(body, offset, count, names)
        of_page = getattr(factory, "of_page", None)
        if of_page is not None:  # it makes no rows, see `cql_driver.columnar`
            return of_page(self, execution)
        return factory(names, decoder.decode(body, offset, count))

    def plain_rows(self, execution: Execution) -> Any:
        """Return the rows of a page as most are: the only one of its result, of named tuples.

        This is the shortest way, for what `rows` has met before; None where there is none.
        """
        response = execution.outcome
        if response.__class__ is RawRows and execution.options.row_factory is named_tuple_factory:
            metadata = response.metadata
            plain = self._plain.get(id(metadata))
            if plain is None and metadata.columns is None and metadata.paging_state is None:
                plain = self._plain.get(id(execution.result_columns))
            if plain is not None:
                _, decode, make = plain
                return decode(response.body, response.offset, response.row_count, make)
        return None

    def _keep(self, metadata: ResultMetadata, columns: Any, decoder: RowDecoder, make: Any) -> None:
        """Keep what `plain_rows` needs for pages with this description, if they are plain."""
        if columns and metadata.paging_state is metadata.new_metadata_id is None:
            if len(self._plain) >= _MOST_SHAPES:
                self._plain = {}
            known: Any = metadata if metadata.columns else columns
            self._plain[id(known)] = (known, decoder.decode, make)
