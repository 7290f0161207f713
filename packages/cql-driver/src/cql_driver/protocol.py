"""Protocol handlers: in which form the rows of a page leave the driver.

Set one on a session; it holds for every result that is looked at from then on::

    from cql_driver.protocol import LazyProtocolHandler, NumpyProtocolHandler

    session.client_protocol_handler = NumpyProtocolHandler
    for page in session.execute("SELECT sensor, celsius FROM readings"):
        print(page["celsius"].mean())

A handler is a class (or an object) with one method, ``decode_page(page_decoder, execution)``.
To have a form of your own, derive from `ProtocolHandler`::

    class Columns(ProtocolHandler):
        @classmethod
        def decode_page(cls, page_decoder, execution):
            columns = page_decoder.columns_of(execution)
            if columns is None:  # a result without rows
                return None
            rows = page_decoder.raw_rows(execution)
            return {column.name: [row[i] for row in rows] for i, column in enumerate(columns)}

A mapping is one item of a `ResultSet`, which is iterated page by page then; anything else is
iterated for its rows. The messages of the protocol are in `cql_protocol.messages`, the errors a
server answers in `cql_protocol.errors`; those people know by this page are here too.
"""

from __future__ import annotations

from cql_driver.handlers import ProtocolHandler
from cql_protocol.errors import (
    AlreadyExists,
    CDCWriteFailure,
    ConfigurationException,
    DecodeError,
    FunctionFailure,
    InvalidRequest,
    IsBootstrapping,
    Overloaded,
    PreparedQueryNotFound,
    RequestExecutionException,
    RequestValidationException,
    ServerError,
    SyntaxException,
    TruncateError,
    Unauthorized,
    UnsupportedOperation,
)
from cql_protocol.messages import RawRows
from cql_protocol.rows import decode_rows

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from cql_driver.cluster.pages import PageDecoder
    from cql_driver.core.execution import Execution
    from cql_protocol.rows import RowDecoder

__all__ = [
    "RESULT_KIND_PREPARED",
    "RESULT_KIND_ROWS",
    "RESULT_KIND_SCHEMA_CHANGE",
    "RESULT_KIND_SET_KEYSPACE",
    "RESULT_KIND_VOID",
    "AlreadyExists",
    "CDCWriteFailure",
    "ConfigurationException",
    "FunctionFailure",
    "InvalidRequest",
    "IsBootstrapping",
    "LazyProtocolHandler",
    "LazyRows",
    "NumpyProtocolHandler",
    "OverloadedErrorMessage",
    "PreparedQueryNotFound",
    "ProtocolHandler",
    "RequestExecutionException",
    "RequestValidationException",
    "ServerError",
    "SyntaxException",
    "TruncateError",
    "Unauthorized",
]

OverloadedErrorMessage = Overloaded

RESULT_KIND_VOID = 1
RESULT_KIND_ROWS = 2
RESULT_KIND_SET_KEYSPACE = 3
RESULT_KIND_PREPARED = 4
RESULT_KIND_SCHEMA_CHANGE = 5

_OWN_FACTORIES = "cql_driver.query.rows"


class LazyRows:
    """The rows of one page, each decoded when the iteration comes to it.

    It can be iterated again, which decodes again; ``len()`` tells how many rows there are.
    Bytes that do not fit raise `DecodeError` at the row they belong to.
    """

    __slots__ = ("_decoder", "_make", "_names", "_page")

    def __init__(
        self,
        page: RawRows,
        decoder: RowDecoder,
        names: Sequence[str],
        row_factory: Callable[..., Any] | None,
    ) -> None:
        self._page = page
        self._decoder = decoder
        self._names = names
        self._make = row_factory

    def __len__(self) -> int:
        return self._page.row_count

    def __iter__(self) -> Iterator[Any]:
        make, names = self._make, self._names
        for rows in self._single_rows():
            yield from rows if make is None else make(names, rows)

    def _single_rows(self) -> Iterator[list[tuple[Any, ...]]]:
        from cql_driver.columnar.pages import row_ends

        page, decoder = self._page, self._decoder
        body, offset, count = page.body, page.offset, page.row_count
        ends = None
        if row_ends is not None:
            ends = row_ends(body, offset, count, len(decoder.readers))
        try:
            if ends is not None:
                for end in ends:
                    yield decoder.decode(body[offset:end], 0, 1)
                    offset = end
            else:
                for _ in range(count):
                    rows, offset = decode_rows(decoder.readers, body, offset, 1)
                    yield rows
        except DecodeError:
            page.decode(decoder)  # raises the same, naming row and column
            raise
        if offset != len(body):
            page.decode(decoder)

    def __repr__(self) -> str:
        return f"<LazyRows: {len(self)} of {', '.join(self._names)}>"


class LazyProtocolHandler(ProtocolHandler):
    """Decodes rows one by one, as the iteration comes to them.

    Worth it where few rows of a page are looked at, or where a page of large rows should not be
    in memory twice. A row factory of `cql_driver.query` is given row after row; another one is
    called once, with the column names and something that can be iterated for tuples.

    Example::

        session.client_protocol_handler = LazyProtocolHandler
        for row in session.execute("SELECT body FROM documents"):
            if found(row):
                break
    """

    @classmethod
    def decode_page(cls, page_decoder: PageDecoder, execution: Execution) -> Any:
        """Return `LazyRows`, or what the row factory makes of them."""
        page, columns = execution.outcome, page_decoder.columns_of(execution)
        if columns is None or not isinstance(page, RawRows):
            return None
        _, names, decoder = page_decoder.shape(columns)
        factory = execution.options.row_factory
        if hasattr(factory, "of_page"):
            return factory.of_page(page_decoder, execution)
        if _is_own(factory):
            return LazyRows(page, decoder, names, factory)
        return factory(names, LazyRows(page, decoder, names, None))


class NumpyProtocolHandler(ProtocolHandler):
    """Gives each page as a dict of column names to numpy arrays.

    Columns of tinyint, smallint, int, bigint, counter, float and double are masked arrays of
    that type (in big-endian order, as they come), in which nulls are masked. All others are
    arrays of objects, with None for null. A row factory of `cql_driver.query` has no part in it;
    another one is called with the column names and the dict, so that
    ``row_factory=lambda names, page: pandas.DataFrame(page, columns=names)`` works.

    Needs numpy; setting it raises `UnsupportedOperation` without.

    Example::

        session.client_protocol_handler = NumpyProtocolHandler
        pages = list(session.execute("SELECT id, celsius FROM readings"))
        pages[0]["celsius"].max()
    """

    @classmethod
    def check_supported(cls) -> None:
        """Raise `UnsupportedOperation` where numpy cannot be imported."""
        _check_numpy()

    @classmethod
    def decode_page(cls, page_decoder: PageDecoder, execution: Execution) -> Any:
        """Return the dict of arrays, or what the row factory makes of it."""
        page, columns = execution.outcome, page_decoder.columns_of(execution)
        if columns is None or not isinstance(page, RawRows):
            return None
        from cql_driver.columnar.arrays import page_arrays

        _, names, decoder = page_decoder.shape(columns)
        arrays = page_arrays(page, names, decoder, raw=True)
        factory = execution.options.row_factory
        return arrays if _is_own(factory) else factory(names, arrays)


def _is_own(factory: Any) -> bool:
    """Say whether a row factory is one of this driver, which makes rows of tuples."""
    return getattr(factory, "__module__", None) == _OWN_FACTORIES or hasattr(factory, "of_page")


def _check_numpy() -> None:
    try:
        import numpy  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
    except ImportError as exc:
        raise UnsupportedOperation(
            f"NumpyProtocolHandler needs numpy, which cannot be imported ({exc}): install it"
        ) from exc
