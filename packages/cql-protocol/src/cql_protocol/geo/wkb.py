"""Well-known binary (OGC 06-103r4 section 8): how geometries are stored and sent.

Both byte orders are read; little-endian, the server's own choice, is written. Every count is
checked against the bytes that are left before anything is made of it.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from cql_protocol.errors import DecodeError, InvalidValueType, ValueOutOfRange
from cql_protocol.geo.shapes import LineString, Point, Polygon

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_protocol.geo.shapes import Coordinates, Shape

__all__ = ["read_line_string", "read_point", "read_polygon", "write_shape"]

POINT_CODE = 1
LINE_STRING_CODE = 2
POLYGON_CODE = 3

_HEAD_SIZE = 5
_PAIR_SIZE = 16


class _Order:
    """The notations of one byte order."""

    __slots__ = ("count", "pair", "pairs")

    def __init__(self, sign: str) -> None:
        self.count = Struct(sign + "I").unpack_from
        pair = Struct(sign + "dd")
        self.pair = pair.unpack_from
        self.pairs = pair.iter_unpack


_ORDERS = (_Order(">"), _Order("<"))
_head = Struct("<BI").pack
_count = Struct("<I").pack
_pair = Struct("<dd").pack


def _open(data: bytes, code: int, what: str) -> _Order:
    """Check the byte order and the geometry's code, and return the order."""
    if len(data) < _HEAD_SIZE or data[0] > 1:
        raise DecodeError(f"{what}: {len(data)} bytes that are no well-known binary")
    order = _ORDERS[data[0]]
    found = order.count(data, 1)[0]
    if found != code:
        raise DecodeError(f"{what}: geometry code {found} instead of {code}")
    return order


def _read_ring(order: _Order, data: bytes, at: int, what: str) -> tuple[Coordinates, int]:
    """Return the coordinates that start with their count at `at`, and the offset behind them."""
    size = len(data)
    if at + 4 > size:
        raise DecodeError(f"{what}: the bytes end within a count at offset {at}")
    count = order.count(data, at)[0]
    at += 4
    end = at + count * _PAIR_SIZE
    if end > size:
        raise DecodeError(f"{what}: {count} points, but only {size - at} bytes are left")
    return tuple(order.pairs(data[at:end])), end


def read_point(data: bytes) -> Point:
    """Return the point in `data`; raises `DecodeError`."""
    order = _open(data, POINT_CODE, "point")
    if len(data) != _HEAD_SIZE + _PAIR_SIZE:
        raise DecodeError(f"point: {len(data)} bytes instead of {_HEAD_SIZE + _PAIR_SIZE}")
    return Point(*order.pair(data, _HEAD_SIZE))


def read_line_string(data: bytes) -> LineString:
    """Return the line string in `data`; raises `DecodeError`."""
    order = _open(data, LINE_STRING_CODE, "line string")
    coords, end = _read_ring(order, data, _HEAD_SIZE, "line string")
    _close(data, end, "line string")
    return LineString(coords)


def read_polygon(data: bytes) -> Polygon:
    """Return the polygon in `data`; raises `DecodeError`."""
    order = _open(data, POLYGON_CODE, "polygon")
    if len(data) < _HEAD_SIZE + 4:
        raise DecodeError("polygon: the bytes end within the count of rings")
    count = order.count(data, _HEAD_SIZE)[0]
    end = _HEAD_SIZE + 4
    if count * 4 > len(data) - end:
        raise DecodeError(f"polygon: {count} rings, but only {len(data) - end} bytes are left")
    rings = []
    for _ in range(count):
        ring, end = _read_ring(order, data, end, "polygon")
        rings.append(ring)
    _close(data, end, "polygon")
    return Polygon(rings[0], rings[1:]) if rings else Polygon()


def _close(data: bytes, end: int, what: str) -> None:
    if end != len(data):
        raise DecodeError(f"{what}: {len(data) - end} bytes too many")


def _ring(coords: Coordinates) -> bytes:
    return _count(len(coords)) + b"".join([_pair(x, y) for x, y in coords])


def write_shape(shape: Shape) -> bytes:
    """Return the well-known binary of a `Point`, `LineString` or `Polygon`.

    Raises `InvalidValueType` when a coordinate is no number.
    """
    try:
        if isinstance(shape, Point):
            return _head(1, POINT_CODE) + _pair(shape.x, shape.y)
        if isinstance(shape, LineString):
            return _head(1, LINE_STRING_CODE) + _ring(shape.coords)
        if isinstance(shape, Polygon):
            rings = (shape.exterior, *shape.interiors)
            if rings[0].coords or len(rings) > 1:
                parts = [_ring(ring.coords) for ring in rings]
            else:
                parts = []
            return _head(1, POLYGON_CODE) + _count(len(parts)) + b"".join(parts)
    except StructError:
        raise InvalidValueType(f"a coordinate of {shape!r} is not a number") from None
    except OverflowError:
        raise ValueOutOfRange("a coordinate does not fit a double") from None
    raise InvalidValueType(f"{type(shape).__name__} has no well-known binary")
