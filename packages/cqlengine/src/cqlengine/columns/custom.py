"""Columns of types that need nothing but their name: geometries, and any other."""

from __future__ import annotations

from cqlengine._generic import TypeVar
from cqlengine.columns.base import Column
from cqlengine.columns.scalars import ScalarColumn, shown

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_protocol.geo import LineString as _LineString
    from cql_protocol.geo import Point as _Point
    from cql_protocol.geo import Polygon as _Polygon


__all__ = ["Custom", "LineString", "Point", "Polygon"]

_T = TypeVar("_T")


class Custom(Column["Any"]):
    """A column of the type called `cql_type`, with the values that the driver has for it.

    Example::

        period = columns.Custom("'org.apache.cassandra.db.marshal.DateRangeType'")
    """

    db_type = "custom"

    def __init__(self, cql_type: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.db_type = cql_type


class _Shape(ScalarColumn[_T]):
    """A geometry of DataStax Enterprise."""

    _shape: str

    def cast(self, value: Any) -> _T:
        """Return the geometry; text is read as well-known text, which needs geomet."""
        # Imported where it is needed: other servers have no geometries.
        from cql_protocol import geo
        from cql_protocol.errors import InvalidValue

        kind = getattr(geo, self._shape)
        if isinstance(value, str):
            try:
                return kind.from_wkt(value)  # type: ignore[no-any-return] # of this kind
            except InvalidValue as error:
                raise self.refusal(str(error)) from None
        if not isinstance(value, kind):
            raise self.refusal(f"{shown(value)} is no {self._shape}")
        return value  # type: ignore[no-any-return] # of this kind


class Point(_Shape["_Point"]):
    """A point of DataStax Enterprise, as a `cql_driver.util.Point`."""

    db_type = "'org.apache.cassandra.db.marshal.PointType'"
    _shape = "Point"

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: _Point | str | None) -> None:
            """Accept well-known text, too."""


class LineString(_Shape["_LineString"]):
    """A line of DataStax Enterprise, as a `cql_driver.util.LineString`."""

    db_type = "'org.apache.cassandra.db.marshal.LineStringType'"
    _shape = "LineString"

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: _LineString | str | None) -> None:
            """Accept well-known text, too."""


class Polygon(_Shape["_Polygon"]):
    """A polygon of DataStax Enterprise, as a `cql_driver.util.Polygon`."""

    db_type = "'org.apache.cassandra.db.marshal.PolygonType'"
    _shape = "Polygon"

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: _Polygon | str | None) -> None:
            """Accept well-known text, too."""
