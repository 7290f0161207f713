"""Functions made to measure for the rows of one shape.

What a loop over readers finds out for every cell, such a function has in its text: which
columns have a fixed size, so that neighbours are unpacked at once, and which are text. It is
for shapes that are met often, as making it takes about a millisecond. The text is made of
numbers of columns alone, nothing that a server or a user wrote.

For editors. A row that is not as most are (the last of a page whose last cells are null, text
that is none, a moment that no datetime reaches) is left to `read_row`, which does it the long way
and tells what is wrong.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from cql_protocol.types.base import unpack_size
from cql_protocol.types.temporal import TIMESTAMP, moment_parts
from cql_protocol.types.texts import TEXT
from cql_protocol.types.uuids import TIMEUUID, UUID, uuid_parts

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cql_protocol.types.base import CqlType, Reader, ReadOptions

    # Number of the column, letter in the module `struct`, bytes, and what is to be done then.
    _Fixed = tuple[int, str, int, tuple[str, ...]]

__all__ = ["make_rows_reader", "rows_as_dicts"]

_MOST_COLUMNS = 100
_MOST_BYTES = 16
"""Of a cell of fixed size that is unpacked with its neighbours."""

_HEAD = """\
def read_rows(body, at, count, make):
    rows = []
    while count:
        count -= 1
        start = at
        try:
"""
_FOOT = """\
        except (StructError, UnicodeDecodeError, OverflowError):
            row, at = read_row(body, start)
            rows.append({last})
        else:
            rows.append({row})
    return rows, at
"""
_DICTS = """\
def as_dicts(names, rows):
    {keys}, = names
    return [{{{items}}} for {values}, in rows]
"""
_CELL = """\
{indent}if n{at} < 0:
{indent}    v{at} = None
{indent}else:
{indent}    end = at + n{at}
{indent}    v{at} = {read}
{indent}    at = end
"""
_INDENT = " " * 12
_SIZE = """\
                (n{0},) = unpack_size(body, at)
                at += 4
"""


def make_rows_reader(
    columns: Sequence[CqlType],
    readers: Sequence[Reader],
    options: ReadOptions,
    named: bool,
    read_row: Callable[[bytes, int], tuple[tuple[Any, ...], int]],
) -> Callable[[bytes, int, int, Any], tuple[list[Any], int]] | None:
    """Return a function ``(body, offset, count, make)``: it gives rows, and where they end.

    That may be beyond the end of `body`, where it has ended early: then the rows are wrong. When
    `named`, rows are what `make` makes of tuples, else tuples. `read_row` reads one row, a tuple.
    None is returned for shapes that are too large.
    """
    if not 0 < len(columns) <= _MOST_COLUMNS:
        return None
    known: dict[str, Any] = {
        "StructError": StructError,
        "read_row": read_row,
        "unpack_size": unpack_size,
    }
    lines = [_HEAD]
    fixed: list[_Fixed] = []
    for at, column in enumerate(columns):
        known[f"r{at}"] = readers[at]
        found = _fixed(at, column, options, known)
        if found is not None:
            fixed.append(found)
        else:
            lines += _run(fixed, at, known)
            fixed = []
            read = "body[at:end].decode()" if column is TEXT else f"r{at}(body[at:end])"
            lines.append(_CELL.format(indent=_INDENT, at=at, read=read))
    lines += _run(fixed, None, known)
    row = f"({''.join(f'v{at}, ' for at in range(len(columns)))})"
    if named:
        lines.append(_FOOT.format(row=f"make({row})", last="make(row)"))
    else:
        lines.append(_FOOT.format(row=row, last="row"))
    exec("".join(lines), known)
    return known["read_rows"]  # type: ignore[no-any-return]


def _fixed(at: int, column: CqlType, options: ReadOptions, known: dict[str, Any]) -> _Fixed | None:
    """Return how a column of few bytes is unpacked; None for any other."""
    if column.struct_code:
        return at, column.struct_code, Struct(">" + column.struct_code).size, ()
    if column is TIMESTAMP:
        known["epoch"], known["millisecond"] = moment_parts(options)
        return at, "q", 8, (f"v{at} = epoch + millisecond * v{at}",)
    if column in (UUID, TIMEUUID) and (parts := uuid_parts()) is not None:
        known["new_uuid"], known["set_int"], known["set_safe"], known["safe"] = parts
        known["int_of"] = int.from_bytes
        made = f"u = new_uuid(); set_int(u, int_of(v{at}, 'big')); set_safe(u, safe); v{at} = u"
        return at, "16s", 16, (made,)
    size = column.fixed_size
    if size and size <= _MOST_BYTES:
        return at, f"{size}s", size, (f"v{at} = r{at}(v{at})",)
    return None


def _run(fixed: list[_Fixed], following: int | None, known: dict[str, Any]) -> list[str]:
    """Return the lines that read columns of fixed size, and the size of the cell behind them."""
    names = [name for at, _, _, _ in fixed for name in (f"n{at}", f"v{at}")]
    form = ">" + "".join(f"i{code}" for _, code, _, _ in fixed)
    if following is not None:
        names.append(f"n{following}")
        form += "i"
    if not names:
        return []
    packed = Struct(form)
    unpack = f"unpack{len(known)}"
    known[unpack] = packed.unpack_from
    lines = [f"{_INDENT}{', '.join(names)}, = {unpack}(body, at)\n"]
    if not fixed:
        return [*lines, f"{_INDENT}at += 4\n"]
    # Where a null, or a cell of another size, stands among them: one after the other.
    odd = " or ".join(f"n{at} != {size}" for at, _, size, _ in fixed)
    lines.append(f"{_INDENT}if {odd}:\n")
    for at, _, _, _ in fixed:
        lines.append(_SIZE.format(at))
        lines.append(_CELL.format(indent=_INDENT + "    ", at=at, read=f"r{at}(body[at:end])"))
    if following is not None:
        lines.append(_SIZE.format(following))
    lines.append(f"{_INDENT}else:\n{_INDENT}    at += {packed.size}\n")
    lines += [f"{_INDENT}    {line}\n" for _, _, _, finish in fixed for line in finish]
    return lines


_as_dicts: dict[
    int, Callable[[Sequence[str], Sequence[tuple[Any, ...]]], list[dict[str, Any]]]
] = {}
"""Functions by the number of columns."""


def rows_as_dicts(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return rows as dicts of a name for each cell; of equal names the last has the value."""
    width = len(names)
    as_dicts = _as_dicts.get(width)
    if as_dicts is None:
        numbers = range(width)
        source = _DICTS.format(
            keys=", ".join(f"k{at}" for at in numbers),
            values=", ".join(f"v{at}" for at in numbers),
            items=", ".join(f"k{at}: v{at}" for at in numbers),
        )
        known: dict[str, Any] = {}
        exec(source, known)
        as_dicts = _as_dicts[width] = known["as_dicts"]
    return as_dicts(names, rows)
