"""Geometries and date ranges of DataStax Enterprise: their values, and the types of their columns.

Loaded when a column has such a type, or when you import it. Only `from_wkt` needs geomet
(``pip install 'cql-protocol[geo]'``).
"""

from __future__ import annotations

from cql_protocol.geo.date_range import OPEN_BOUND, DateRange, DateRangeBound, DateRangePrecision
from cql_protocol.geo.shapes import Distance, LinearRing, LineString, Point, Polygon
from cql_protocol.geo.types import DATE_RANGE, LINE_STRING, POINT, POLYGON

__all__ = [
    "Point",
    "LineString",
    "LinearRing",
    "Polygon",
    "Distance",
    "DateRange",
    "DateRangeBound",
    "DateRangePrecision",
    "OPEN_BOUND",
    "POINT",
    "LINE_STRING",
    "POLYGON",
    "DATE_RANGE",
]
