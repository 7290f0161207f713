"""Rows of a result to Python tuples, and parameters of a statement to cells.

`decode_rows` and `bind_values` are the two loops that a busy client spends its time in. Both
are functions of the module's own level, so that a compiled twin can stand in by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cache
from struct import Struct
from struct import error as StructError

from cql_protocol._accel import compiled
from cql_protocol.errors import DecodeError, InvalidValue, InvalidValueType, ValueOutOfRange
from cql_protocol.types.base import DEFAULT_OPTIONS, ReadOptions, prefixed
from cql_protocol.values.sentinels import UNSET, Unset

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from cql_protocol.types.base import CqlType, Reader

__all__ = ["RowDecoder", "bind_values", "decode_rows"]

OFTEN = 256
"""Rows and pages of a shape after which a reader of its own pays."""

_unpack_size = Struct(">i").unpack_from


@cache
def _reader_maker() -> Callable[..., Any] | None:
    """Return what makes compiled readers of rows, loaded with the first of them.

    Such a reader's `read(body, offset, count, make)` gives the rows, or None.
    """
    return compiled("rows", "make_reader", None)


class RowDecoder:
    """Decodes the rows of one result shape: made once, used for every page of it.

    `columns` are the types of the columns in their order, `names` (optional) their names, for
    the texts of errors. May be used by several threads at once.

        >>> RowDecoder([INT, TEXT]).decode(b'\\0\\0\\0\\4\\0\\0\\0\\1\\xff\\xff\\xff\\xff', 0, 1)
        [(1, None)]
    """

    __slots__ = ("_compiled", "_makers", "_read", "_seen", "columns", "names", "options", "readers")

    def __init__(
        self,
        columns: Sequence[CqlType],
        options: ReadOptions = DEFAULT_OPTIONS,
        names: Sequence[str] | None = None,
    ) -> None:
        self.columns = tuple(columns)
        self.names = None if names is None else tuple(names)
        self.options = options
        self.readers = tuple(column.reader(options) for column in self.columns)
        make_reader = _reader_maker()
        self._compiled = None if make_reader is None else make_reader(self.columns, options)
        self._seen = 0
        # Once the shape was met often, what `make_rows_reader` makes for it.
        self._read: Callable[..., Any] | None = None
        self._makers: Callable[..., Any] | None = None

    def decode(
        self, body: bytes, offset: int, count: int, make: Callable[[Any], Any] | None = None
    ) -> list[Any]:
        """Return the `count` rows that begin at `offset` and reach to the end of `body`.

        Rows are tuples, or with `make` what it makes of each tuple. A null is None. Raises
        `DecodeError`, naming row and column, when a cell does not fit its type, when the bytes
        end early, or when some are left.
        """
        if self._compiled is not None:
            made: list[Any] | None = self._compiled.read(body, offset, count, make)
            if made is not None:
                return made
        return self._decode_in_python(body, offset, count, make)

    def decode_dicts(
        self, body: bytes, offset: int, count: int, names: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Return rows as `decode` does, but as dicts of `names` to values.

        Of equal names the last one has the value.
        """
        if self._compiled is not None:
            made: list[dict[str, Any]] | None = self._compiled.dicts(body, offset, count, names)
            if made is not None:
                return made
        rows = self._decode_in_python(body, offset, count, None)
        if self._read is None or len(names) != len(self.columns):
            return [dict(zip(names, row, strict=False)) for row in rows]
        from cql_protocol.row_source import rows_as_dicts

        return rows_as_dicts(names, rows)

    def _decode_in_python(
        self, body: bytes, offset: int, count: int, make: Callable[[Any], Any] | None
    ) -> list[Any]:
        read = self._read if make is None else self._makers
        if read is not None and count >= 0 and offset >= 0:
            try:
                rows, end = read(body, offset, count, make)
                if end == len(body):
                    return rows  # type: ignore[no-any-return]
            except DecodeError:
                pass  # the long way tells where it is
        return self._decode(body, offset, count, make)

    def _decode(
        self, body: bytes, offset: int, count: int, make: Callable[[Any], Any] | None
    ) -> list[Any]:
        """Decode the long way."""
        try:
            rows, end = decode_rows(self.readers, body, offset, count)
        except DecodeError as error:
            raise _located(self.readers, body, offset, count, self.names, error) from None
        if end != len(body):
            raise DecodeError(f"{len(body) - end} bytes follow the last of {count} rows")
        self._seen += count + 1
        if self._seen > OFTEN:
            from cql_protocol.row_source import make_rows_reader

            reader = make_rows_reader(
                self.columns, self.readers, self.options, make is not None, self._read_row
            )
            if make is None:
                self._read = reader
            else:
                self._makers = reader
        return rows if make is None else list(map(make, rows))

    def _read_row(self, body: bytes, offset: int) -> tuple[tuple[Any, ...], int]:
        """Return one row and where it ends."""
        rows, end = decode_rows(self.readers, body, offset, 1)
        return rows[0], end


def decode_rows(
    readers: Sequence[Reader], body: bytes, offset: int, count: int
) -> tuple[list[tuple[Any, ...]], int]:
    """Return `count` rows (spec section 4.2.5.2) and where they end.

    `readers` has a reader for each column. Raises `DecodeError` when the bytes do not hold that
    many rows, or a cell does not fit its type.
    """
    if count < 0 or not 0 <= offset <= len(body):
        raise DecodeError(f"{count} rows cannot begin at {offset} of {len(body)} bytes")
    # Every cell takes at least its length, so a forged count is found before the loop. Rows
    # without columns would take nothing: no statement has them, and any count would fit.
    left, width = len(body) - offset, len(readers)
    if count * width * 4 > left or (count and not width):
        raise DecodeError(f"{count} rows of {width} columns do not fit {left} bytes")
    unpack_size = _unpack_size
    rows: list[tuple[Any, ...]] = []
    add_row = rows.append
    try:
        for _ in range(count):
            row: list[Any] = []
            add = row.append
            for read in readers:
                size = unpack_size(body, offset)[0]
                offset += 4
                if size < 0:
                    add(None)
                else:
                    # A slice beyond the end is just shorter. That is found when the next
                    # length is read, or below, so no cell needs a check of its own.
                    end = offset + size
                    add(read(body[offset:end]))
                    offset = end
            add_row(tuple(row))
    except StructError:
        raise DecodeError("the rows end early") from None
    if offset > len(body):
        raise DecodeError("the rows end early")
    return rows, offset


def _located(
    readers: Sequence[Reader],
    body: bytes,
    offset: int,
    count: int,
    names: Sequence[str] | None,
    error: DecodeError,
) -> DecodeError:
    """Return the error with the row and column it comes from, by walking there again."""
    if count * len(readers) * 4 > len(body) - offset:
        return error  # of the count, not of a cell
    for row in range(count if readers else 0):
        for column, read in enumerate(readers):
            where = f"row {row}, column {column}"
            if names is not None and column < len(names):
                where += f" ({names[column]})"
            start = offset + 4
            if start > len(body):
                return DecodeError(f"{where}: the rows end early")
            size = _unpack_size(body, offset)[0]
            offset = start + max(size, 0)
            if offset > len(body):
                return DecodeError(f"{where}: {size} bytes do not fit the {len(body) - start} left")
            try:
                if size >= 0:
                    read(body[start:offset])
            except DecodeError as found:
                return DecodeError(f"{where}: {found}")
    return error


def bind_values(
    columns: Sequence[tuple[str, CqlType]],
    values: Sequence[Any] | Mapping[str, Any],
    *,
    allow_unset: bool = True,
) -> list[bytes | Unset | None]:
    """Return the cells of a statement's parameters: bytes, None for null, or `UNSET`.

    `columns` are name and type of each parameter, `values` a sequence in their order, or a mapping
    by name, whose other keys are ignored. Parameters without a value are `UNSET` when
    `allow_unset` (protocol 4 and newer), else an `InvalidValue`.

    Raises `InvalidValueType` and `ValueOutOfRange` naming the column, its type and the value.

        >>> bind_values([('id', INT), ('name', TEXT)], [7])
        [b'\\x00\\x00\\x00\\x07', UNSET]
    """
    ordered = _in_order(columns, values, allow_unset)
    cells: list[bytes | Unset | None] = []
    add = cells.append
    try:
        for (_, cql_type), value in zip(columns, ordered, strict=False):
            if value is None:
                add(None)
            elif value is UNSET:
                if not allow_unset:
                    raise InvalidValue(f"{cql_type.name}: UNSET needs protocol version 4 or newer")
                add(UNSET)
            else:
                add(cql_type.encode(value))
    except InvalidValue as error:
        name, cql_type = columns[len(cells)]
        raise prefixed(error, f"column {name!r} ({cql_type.name})", cql_type) from None
    if len(cells) < len(columns):
        cells += [UNSET] * (len(columns) - len(cells))
    return cells


def _in_order(
    columns: Sequence[tuple[str, CqlType]],
    values: Iterable[Any] | Mapping[str, Any],
    allow_unset: bool,
) -> Sequence[Any]:
    """Return the values in the order of the columns."""
    if not isinstance(values, (list, tuple)):
        if isinstance(values, Mapping):
            if not allow_unset:
                _refuse_missing([name for name, _ in columns if name not in values])
            return [values.get(name, UNSET) for name, _ in columns]
        if isinstance(values, (str, bytes, bytearray, Set)):
            raise InvalidValueType(
                "parameters are given in a list, a tuple or a dict, not in a "
                f"{type(values).__name__}; a single one as (value,)"
            )
        values = list(values)
    if len(values) > len(columns):
        raise ValueOutOfRange(f"{len(values)} values for {len(columns)} parameters")
    if not allow_unset:
        _refuse_missing([name for name, _ in columns[len(values) :]])
    return values


def _refuse_missing(names: list[str]) -> None:
    if names:
        raise InvalidValue(
            f"no value for {', '.join(map(repr, names))}: "
            "leaving parameters out needs protocol version 4 or newer"
        )
