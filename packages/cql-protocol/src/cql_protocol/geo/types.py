"""The CQL types of geometries and date ranges, which the server knows as custom types.

Geometries are sent as well-known binary (OGC 06-103r4 section 8). Both byte orders are read;
little-endian, the server's own choice, is written. Every count is checked against the bytes
that are left before anything is made of it.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from cql_protocol.errors import DecodeError, InvalidValueType, ValueOutOfRange
from cql_protocol.geo.date_range import OPEN_BOUND, DateRange, DateRangeBound, DateRangePrecision
from cql_protocol.geo.shapes import LineString, Point, Polygon
from cql_protocol.identifiers import quote_text
from cql_protocol.types.base import MARSHAL, CqlType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

    from cql_protocol.geo.shapes import Coordinates, Shape
    from cql_protocol.types.base import Reader, ReadOptions

__all__ = ["DATE_RANGE", "LINE_STRING", "POINT", "POLYGON"]

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


class _ValueType(CqlType):
    """A custom type whose values are instances of one class."""

    __slots__ = ()

    constant: ClassVar[str]
    """The name of the type's only instance in this module, for pickling."""
    value_class: ClassVar[type]
    """The class of the values."""

    def __init__(self, short_class_name: str) -> None:
        class_name = MARSHAL + short_class_name
        super().__init__((class_name,), quote_text(class_name), class_name)

    def encode(self, value: Any) -> bytes:
        """Return the bytes of an instance of the type's class."""
        if isinstance(value, self.value_class):
            return self._write(value)
        return self._encode_other(value, f"a {self.value_class.__name__}")

    def literal(self, value: Any) -> str:
        """Return the value's text in quotes, which the server reads as this type."""
        self.encode(value)
        return quote_text(str(value))

    def _make_reader(self, options: ReadOptions) -> Reader:
        read, empty = self._read, options.empty

        def read_cell(cell: bytes) -> Any:
            return read(cell) if cell else empty

        return read_cell

    def _write(self, value: Any) -> bytes:
        return write_shape(value)

    _read: Callable[[bytes], Any]

    def __repr__(self) -> str:
        return self.constant

    def __reduce__(self) -> tuple[Any, ...]:
        return (_constant, (self.constant,))


class _PointType(_ValueType):
    __slots__ = ()
    constant = "POINT"
    value_class = Point
    _read = staticmethod(read_point)


class _LineStringType(_ValueType):
    __slots__ = ()
    constant = "LINE_STRING"
    value_class = LineString
    _read = staticmethod(read_line_string)


class _PolygonType(_ValueType):
    __slots__ = ()
    constant = "POLYGON"
    value_class = Polygon
    _read = staticmethod(read_polygon)


# The first byte of a date range tells which bounds follow, each as a long and a precision byte.
_SINGLE, _CLOSED, _OPEN_ABOVE, _OPEN_BELOW, _OPEN, _SINGLE_OPEN = range(6)
_BOUNDS_OF = {_SINGLE: 1, _CLOSED: 2, _OPEN_ABOVE: 1, _OPEN_BELOW: 1, _OPEN: 0, _SINGLE_OPEN: 0}
_KIND_OF_BOUNDS = {
    (True, True): _CLOSED,
    (True, False): _OPEN_ABOVE,
    (False, True): _OPEN_BELOW,
    (False, False): _OPEN,
}
_bound = Struct(">qB")


def _write_bound(bound: DateRangeBound | None) -> bytes:
    if bound is None or bound.milliseconds is None or bound.precision is None:
        return b""
    precision = DateRangePrecision.PRECISIONS.index(bound.precision)
    return _bound.pack(bound.milliseconds, precision)


def _write_date_range(value: DateRange) -> bytes:
    if value.value is not None:
        single = _write_bound(value.value)
        return bytes([_SINGLE if single else _SINGLE_OPEN]) + single
    lower, upper = _write_bound(value.lower_bound), _write_bound(value.upper_bound)
    kind = _KIND_OF_BOUNDS[bool(lower), bool(upper)]
    return bytes([kind]) + lower + upper


def _read_date_range(data: bytes) -> DateRange:
    kind = data[0]
    count = _BOUNDS_OF.get(kind)
    if count is None or len(data) != 1 + count * _bound.size:
        raise DecodeError(f"date range: {len(data)} bytes of the unknown kind {kind}")
    bounds = []
    for milliseconds, precision in _bound.iter_unpack(data[1:]):
        if precision >= len(DateRangePrecision.PRECISIONS):
            raise DecodeError(f"date range: unknown precision {precision}")
        bounds.append(DateRangeBound(milliseconds, DateRangePrecision.PRECISIONS[precision]))
    if kind in (_SINGLE, _SINGLE_OPEN):
        return DateRange(value=bounds[0] if bounds else OPEN_BOUND)
    if kind == _CLOSED:
        return DateRange(*bounds)
    if kind == _OPEN_BELOW:
        return DateRange(OPEN_BOUND, bounds[0])
    return DateRange(bounds[0] if bounds else OPEN_BOUND, OPEN_BOUND)


class _DateRangeType(_ValueType):
    __slots__ = ()
    constant = "DATE_RANGE"
    value_class = DateRange
    _read = staticmethod(_read_date_range)

    def _write(self, value: Any) -> bytes:
        return _write_date_range(value)


def _constant(name: str) -> CqlType:
    """Return the type called `name` in this module; what pickles of it refer to."""
    return {each.constant: each for each in (POINT, LINE_STRING, POLYGON, DATE_RANGE)}[name]


POINT = _PointType("PointType")
"""A point; values are `Point`."""
LINE_STRING = _LineStringType("LineStringType")
"""A line through points; values are `LineString`."""
POLYGON = _PolygonType("PolygonType")
"""A polygon with holes; values are `Polygon`."""
DATE_RANGE = _DateRangeType("DateRangeType")
"""A span of time; values are `DateRange`."""
