"""The columns of models: ``from cqlengine import columns``, then ``columns.Text()``."""

from __future__ import annotations

from cql_protocol._lazy import lazily
from cqlengine.columns.base import Column
from cqlengine.columns.managers import BaseValueManager, CounterValueManager, UDTValueManager

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cqlengine.columns.collections import (
        BaseCollectionColumn,
        BaseContainerColumn,
        List,
        Map,
        Set,
    )
    from cqlengine.columns.custom import Custom, LineString, Point, Polygon
    from cqlengine.columns.numbers import (
        BaseFloat,
        BigInt,
        Boolean,
        Counter,
        Decimal,
        Double,
        Float,
        Integer,
        SmallInt,
        TinyInt,
        VarInt,
    )
    from cqlengine.columns.temporal import Date, DateTime, Duration, Time
    from cqlengine.columns.texts import Ascii, Blob, Bytes, Inet, Text
    from cqlengine.columns.tuples import Tuple, Vector
    from cqlengine.columns.user_types import UserDefinedType, resolve_udts
    from cqlengine.columns.uuids import UUID, TimeUUID
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cqlengine.columns.collections": (
                "BaseCollectionColumn BaseContainerColumn List Map Set"
            ),
            "cqlengine.columns.custom": "Custom LineString Point Polygon",
            "cqlengine.columns.numbers": (
                "BaseFloat BigInt Boolean Counter Decimal Double Float Integer SmallInt TinyInt "
                "VarInt"
            ),
            "cqlengine.columns.temporal": "Date DateTime Duration Time",
            "cqlengine.columns.texts": "Ascii Blob Bytes Inet Text",
            "cqlengine.columns.tuples": "Tuple Vector",
            "cqlengine.columns.user_types": "UserDefinedType resolve_udts",
            "cqlengine.columns.uuids": "TimeUUID UUID",
        },
    )

__all__ = [
    "Ascii",
    "BaseCollectionColumn",
    "BaseContainerColumn",
    "BaseFloat",
    "BaseValueManager",
    "BigInt",
    "Blob",
    "Boolean",
    "Bytes",
    "Column",
    "Counter",
    "CounterValueManager",
    "Custom",
    "Date",
    "DateTime",
    "Decimal",
    "Double",
    "Duration",
    "Float",
    "Inet",
    "Integer",
    "LineString",
    "List",
    "Map",
    "Point",
    "Polygon",
    "Set",
    "SmallInt",
    "Text",
    "Time",
    "TimeUUID",
    "TinyInt",
    "Tuple",
    "UDTValueManager",
    "UUID",
    "UserDefinedType",
    "VarInt",
    "Vector",
    "resolve_udts",
]
