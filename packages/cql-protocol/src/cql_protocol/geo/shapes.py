"""The geometries of DataStax Enterprise as Python values: points, lines, polygons, circles.

They never change after they are made, compare by value, and can be keys of a dict. `str()` of one
is its well-known text (WKT, OGC 06-103r4 section 7), which is also how it stands in CQL.
"""

from __future__ import annotations

import re
from math import nan

from cql_protocol.errors import InvalidValueType, PluginError, ValueOutOfRange
from cql_protocol.values.sentinels import Immutable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, NoReturn

    Coordinates = tuple[tuple[float, float], ...]

__all__ = ["Distance", "LineString", "LinearRing", "Point", "Polygon"]


class Shape(Immutable):
    """What the geometries share: equality, hash and pickling by the values of their slots."""

    __slots__: tuple[str, ...] = ()

    def _set(self, *values: Any) -> None:
        for name, value in zip(self.__slots__, values, strict=True):
            object.__setattr__(self, name, value)

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def _arguments(self) -> tuple[Any, ...]:
        """Return what the class was, or could have been, called with."""
        return self._values()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._arguments()))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), self._arguments())


class Point(Shape):
    """A point with the coordinates `x` and `y`; both are NaN for the empty point.

    Example::

        >>> str(Point(1.5, 2.0))
        'POINT (1.5 2.0)'
    """

    __slots__ = ("x", "y")
    x: float
    y: float

    def __init__(self, x: float = nan, y: float = nan) -> None:
        self._set(x, y)

    def __str__(self) -> str:
        return f"POINT ({self.x!r} {self.y!r})"

    @staticmethod
    def from_wkt(s: str) -> Point:
        """Read well-known text; needs geomet. Raises ValueError for what is no point."""
        coordinates = _load_wkt(s, "Point")
        return Point(*coordinates[:2]) if coordinates else Point()


class LineString(Shape):
    """A line through `coords`, a sequence of (x, y) pairs, kept as a tuple of tuples.

    Example::

        >>> str(LineString([(0.0, 0.0), (1.0, 2.0)]))
        'LINESTRING (0.0 0.0, 1.0 2.0)'
    """

    __slots__ = ("coords",)
    coords: Coordinates

    def __init__(self, coords: Iterable[Sequence[float]] = ()) -> None:
        self._set(_pairs(coords))

    def __str__(self) -> str:
        return f"LINESTRING {_text(self.coords)}"

    @staticmethod
    def from_wkt(s: str) -> LineString:
        """Read well-known text; needs geomet. Raises ValueError for what is no line string."""
        return LineString(_load_wkt(s, "LineString"))


class LinearRing(Shape):
    """One ring of a polygon, through `coords`; it is neither checked nor closed for you."""

    __slots__ = ("coords",)
    coords: Coordinates

    def __init__(self, coords: Iterable[Sequence[float]] = ()) -> None:
        self._set(_pairs(coords))

    def __str__(self) -> str:
        return f"LINEARRING {_text(self.coords)}"


class Polygon(Shape):
    """A polygon: `exterior`, a `LinearRing`, and its holes `interiors`, a tuple of them.

    It is made of sequences of (x, y) pairs, in the same order as those of shapely.

    Example::

        >>> square = Polygon([(0, 0), (1, 0), (1, 1), (0, 0)])
        >>> square.exterior.coords[1], square.interiors
        ((1, 0), ())
    """

    __slots__ = ("exterior", "interiors")
    exterior: LinearRing
    interiors: tuple[LinearRing, ...]

    def __init__(
        self,
        exterior: Iterable[Sequence[float]] = (),
        interiors: Iterable[Iterable[Sequence[float]]] | None = None,
    ) -> None:
        self._set(LinearRing(exterior), tuple(LinearRing(ring) for ring in interiors or ()))

    def _arguments(self) -> tuple[Any, ...]:
        return (self.exterior.coords, [ring.coords for ring in self.interiors])

    def __str__(self) -> str:
        if not self.exterior.coords:
            return "POLYGON EMPTY"
        rings = (self.exterior, *self.interiors)
        return f"POLYGON ({', '.join(_text(ring.coords) for ring in rings)})"

    @staticmethod
    def from_wkt(s: str) -> Polygon:
        """Read well-known text; needs geomet. Raises ValueError for what is no polygon."""
        rings = _load_wkt(s, "Polygon")
        return Polygon(rings[0], rings[1:]) if rings else Polygon()


class Distance(Shape):
    """A circle of `radius` around (`x`, `y`), for the searches of DataStax Enterprise.

    It is no column type: it stands in a query as its text.
    """

    __slots__ = ("x", "y", "radius")
    x: float
    y: float
    radius: float

    def __init__(self, x: float = nan, y: float = nan, radius: float = nan) -> None:
        self._set(x, y, radius)

    def __str__(self) -> str:
        return f"DISTANCE (({self.x!r} {self.y!r}) {self.radius!r})"

    @staticmethod
    def from_wkt(s: str) -> Distance:
        """Read ``DISTANCE ((x y) radius)``; geomet is not needed. Raises ValueError."""
        found = _distance(s)
        try:
            numbers = [float(text) for text in found.groups()] if found else []
        except ValueError:
            numbers = []
        if not numbers:
            _refuse(s, "Distance")
        return Distance(*numbers)


_distance = re.compile(
    r"\s*DISTANCE\s*\(\s*\(\s*([\d.eE+-]+)\s+([\d.eE+-]+)\s*\)\s*([\d.eE+-]+)\s*\)\s*",
    re.IGNORECASE,
).fullmatch


def _pairs(coords: Iterable[Sequence[float]]) -> Coordinates:
    try:
        return tuple((x, y) for x, y in coords)
    except (TypeError, ValueError):
        raise InvalidValueType(f"coordinates are a sequence of (x, y) pairs, not {coords!r}") from (
            None
        )


def _text(coords: Coordinates) -> str:
    return f"({', '.join(f'{x!r} {y!r}' for x, y in coords)})" if coords else "EMPTY"


def _refuse(text: str, kind: str) -> NoReturn:
    raise ValueOutOfRange(f"{text!r} is not the well-known text of a {kind}")


def _load_wkt(text: str, kind: str) -> Any:
    """Return the GeoJSON coordinates of `text`, which must be of `kind`."""
    try:
        from geomet import wkt
    except ImportError as exc:
        raise PluginError("WKT needs geomet: pip install 'cql-protocol[geo]'") from exc
    try:
        found = wkt.loads(text.upper())
    except (ValueError, StopIteration, IndexError, KeyError, TypeError, AttributeError):
        # geomet says ValueError for most, not for all texts that it cannot read.
        _refuse(text, kind)
    if found["type"] != kind:
        _refuse(text, kind)
    return found["coordinates"]
