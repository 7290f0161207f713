"""Python classes for CQL values that the standard library has none for."""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_protocol.values.duration import Duration
    from cql_protocol.values.ordered_map import OrderedMap, OrderedMapSerializedKey
    from cql_protocol.values.sentinels import EMPTY, UNSET, Empty, Unset
    from cql_protocol.values.sorted_set import SortedSet, sortedset
    from cql_protocol.values.temporal import Date, Time, Timestamp
    from cql_protocol.values.timeuuid import (
        HIGHEST_TIME_UUID,
        LOWEST_TIME_UUID,
        datetime_from_uuid1,
        max_uuid_from_time,
        min_uuid_from_time,
        unix_time_from_uuid1,
        uuid_from_time,
    )
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_protocol.values.duration": "Duration",
            "cql_protocol.values.ordered_map": "OrderedMap OrderedMapSerializedKey",
            "cql_protocol.values.sentinels": "EMPTY UNSET Empty Unset",
            "cql_protocol.values.sorted_set": "SortedSet sortedset",
            "cql_protocol.values.temporal": "Date Time Timestamp",
            "cql_protocol.values.timeuuid": (
                "HIGHEST_TIME_UUID LOWEST_TIME_UUID datetime_from_uuid1 max_uuid_from_time "
                "min_uuid_from_time unix_time_from_uuid1 uuid_from_time"
            ),
        },
    )

__all__ = [
    "Date",
    "Time",
    "Timestamp",
    "Duration",
    "SortedSet",
    "sortedset",
    "OrderedMap",
    "OrderedMapSerializedKey",
    "UNSET",
    "Unset",
    "EMPTY",
    "Empty",
    "LOWEST_TIME_UUID",
    "HIGHEST_TIME_UUID",
    "uuid_from_time",
    "min_uuid_from_time",
    "max_uuid_from_time",
    "datetime_from_uuid1",
    "unix_time_from_uuid1",
]
