"""Loops over the markers of a statement, written out once for each number of markers.

Up to Python 3.11 a loop over two or three values costs more than all that is done with them. So
the functions here are compiled of a text that depends on the number alone, the first time that
a statement with so many markers is prepared; statements with more have ordinary loops.
"""

from __future__ import annotations

from functools import cache

from cql_protocol.values import UNSET
from cql_protocol.wire import pack_int

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cql_protocol.wire import Value

    Encoder = Callable[[Any], Value]
    Join = Callable[[bytes, Sequence[Value], bytes], bytes | None]

__all__ = ["MOST", "SIZES", "encoder", "joiner"]

MOST = 16
"""Markers that a statement may have to be written out."""

SIZES = tuple(map(pack_int, range(256)))
"""The [int] of each length that most values have."""


def encoder(encoders: Sequence[Encoder]) -> Callable[[Sequence[Any]], list[Value]]:
    """Return what makes cells of values: by `encoders`, but for None and `UNSET`.

    It raises ValueError unless it is given as many values.
    """
    if not 0 < len(encoders) <= MOST:

        def encode(values: Sequence[Any]) -> list[Value]:
            return [
                value if value is None or value is UNSET else encode(value)
                for encode, value in zip(encoders, values, strict=True)
            ]

        return encode
    made: Callable[[Sequence[Any]], list[Value]] = _make_encoder(len(encoders))(*encoders)
    return made


@cache
def _make_encoder(count: int) -> Any:
    each = range(count)
    cells = ", ".join(f"v{i} if v{i} is None or v{i} is UNSET else e{i}(v{i})" for i in each)
    return _compiled(
        f"def make({', '.join(f'e{i}' for i in each)}):\n"
        "    def encode(values):\n"
        f"        {' '.join(f'v{i},' for i in each)} = values\n"
        f"        return [{cells}]\n"
        "    return encode\n",
        "make",
    )


@cache
def joiner(count: int) -> Join | None:
    """Return what joins start, cells with their lengths, and tail of a body; None for many.

    It returns None when any cell is not bytes.
    """
    if count == 0:
        return lambda start, cells, tail: start + tail
    if count > MOST:
        return None
    each = range(count)
    parts = " ".join(f"SIZES[n{i}] if n{i} < 256 else pack_int(n{i}), c{i}," for i in each)
    made: Join = _compiled(
        "def join(start, cells, tail):\n"
        f"    {' '.join(f'c{i},' for i in each)} = cells\n"
        f"    if {' and '.join(f'c{i}.__class__ is bytes' for i in each)}:\n"
        f"        {'; '.join(f'n{i} = len(c{i})' for i in each)}\n"
        f'        return b"".join((start, {parts} tail))\n'
        "    return None\n",
        "join",
    )
    return made


def _compiled(text: str, name: str) -> Any:
    namespace: dict[str, Any] = {"SIZES": SIZES, "UNSET": UNSET, "pack_int": pack_int}
    exec(compile(text, f"<{name} of {__name__}>", "exec"), namespace)
    return namespace[name]
