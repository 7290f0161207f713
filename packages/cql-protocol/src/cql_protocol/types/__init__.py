"""CQL types: Python values to bytes and back."""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_protocol.types.base import DEFAULT_OPTIONS, MARSHAL, MAX_DEPTH, CqlType, ReadOptions
    from cql_protocol.types.collection import ListType, MapType, SetType
    from cql_protocol.types.numbers import (
        BIGINT,
        BOOLEAN,
        COUNTER,
        DECIMAL,
        DOUBLE,
        FLOAT,
        INT,
        SMALLINT,
        TINYINT,
        VARINT,
    )
    from cql_protocol.types.tables import SIMPLE_TYPES, TYPES_BY_CLASS, TYPES_BY_NAME
    from cql_protocol.types.temporal import DATE, DURATION, TIME, TIMESTAMP
    from cql_protocol.types.texts import ASCII, BLOB, TEXT, VARCHAR
    from cql_protocol.types.tuples import TupleType, UserType
    from cql_protocol.types.uuids import INET, TIMEUUID, UUID
    from cql_protocol.types.vectors import VectorType
    from cql_protocol.types.wrappers import (
        EMPTY_TYPE,
        CustomType,
        EmptyType,
        FrozenType,
        ReversedType,
    )
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_protocol.types.base": "DEFAULT_OPTIONS MARSHAL MAX_DEPTH CqlType ReadOptions",
            "cql_protocol.types.collection": "ListType MapType SetType",
            "cql_protocol.types.numbers": (
                "BIGINT BOOLEAN COUNTER DECIMAL DOUBLE FLOAT INT SMALLINT TINYINT VARINT"
            ),
            "cql_protocol.types.tables": "SIMPLE_TYPES TYPES_BY_CLASS TYPES_BY_NAME",
            "cql_protocol.types.temporal": "DATE DURATION TIME TIMESTAMP",
            "cql_protocol.types.texts": "ASCII BLOB TEXT VARCHAR",
            "cql_protocol.types.tuples": "TupleType UserType",
            "cql_protocol.types.uuids": "INET TIMEUUID UUID",
            "cql_protocol.types.vectors": "VectorType",
            "cql_protocol.types.wrappers": (
                "EMPTY_TYPE CustomType EmptyType FrozenType ReversedType"
            ),
        },
    )

__all__ = [
    "CqlType",
    "ReadOptions",
    "DEFAULT_OPTIONS",
    "ASCII",
    "BIGINT",
    "BLOB",
    "BOOLEAN",
    "COUNTER",
    "DATE",
    "DECIMAL",
    "DOUBLE",
    "DURATION",
    "EMPTY_TYPE",
    "FLOAT",
    "INET",
    "INT",
    "SMALLINT",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "TIMEUUID",
    "TINYINT",
    "UUID",
    "VARCHAR",
    "VARINT",
    "EmptyType",
    "ListType",
    "SetType",
    "MapType",
    "TupleType",
    "UserType",
    "VectorType",
    "FrozenType",
    "ReversedType",
    "CustomType",
    "SIMPLE_TYPES",
    "TYPES_BY_NAME",
    "TYPES_BY_CLASS",
    "MARSHAL",
    "MAX_DEPTH",
]
