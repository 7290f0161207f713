"""The CQL types of geometries and date ranges, which the server knows as custom types."""

from __future__ import annotations

from struct import Struct

from cql_protocol.errors import DecodeError
from cql_protocol.geo.date_range import OPEN_BOUND, DateRange, DateRangeBound, DateRangePrecision
from cql_protocol.geo.shapes import LineString, Point, Polygon
from cql_protocol.geo.wkb import read_line_string, read_point, read_polygon, write_shape
from cql_protocol.identifiers import quote_text
from cql_protocol.types.base import MARSHAL, CqlType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

    from cql_protocol.types.base import Reader
    from cql_protocol.types.options import ReadOptions

__all__ = ["DATE_RANGE", "LINE_STRING", "POINT", "POLYGON"]


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
