"""Every type that is tested against a server, by a name fit for a table."""

from __future__ import annotations

import re

from tests.integration.kinds import Kind, ListOf, MapOf, SetOf, TupleOf, UdtOf, VectorOf
from tests.integration.scalars import (
    ASCII,
    BIGINT,
    BLOB,
    BOOLEAN,
    DATE,
    DECIMAL,
    DOUBLE,
    DURATION,
    FLOAT,
    INET,
    INT,
    SCALARS,
    SMALLINT,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMEUUID,
    TINYINT,
    UUID_,
    VARINT,
)

ADDRESS = UdtOf("address", {"street": TEXT, "zip": INT, "tags": SetOf(TEXT)})
FROZEN_ADDRESS = UdtOf("address", {"street": TEXT, "zip": INT, "tags": SetOf(TEXT)}, frozen=True)
POINT = UdtOf("point", {"x": DOUBLE, "y": DOUBLE, "label": ASCII})
PERSON = UdtOf(
    "person",
    {
        "name": TEXT,
        "Home": FROZEN_ADDRESS,
        "work places": MapOf(TEXT, ADDRESS),
        "class": TupleOf(INT, ADDRESS),
        "_age": VARINT,
    },
)
USER_TYPES = (ADDRESS, POINT, PERSON)
"""In the order in which they can be created."""

_COLLECTIONS = (
    *map(ListOf, (INT, TEXT, DOUBLE, BLOB, TIMESTAMP, INET, DURATION, DECIMAL, BOOLEAN, SMALLINT)),
    *map(
        SetOf,
        (INT, TEXT, UUID_, TIMEUUID, DECIMAL, INET, DATE, TIME, TIMESTAMP, VARINT, DOUBLE, BLOB),
    ),
    MapOf(TEXT, INT),
    MapOf(INT, TEXT),
    MapOf(TIMESTAMP, DECIMAL),
    MapOf(UUID_, DURATION),
    MapOf(INET, VARINT),
    MapOf(DOUBLE, BOOLEAN),
    MapOf(BOOLEAN, BLOB),
    MapOf(BLOB, TINYINT),
    MapOf(DATE, TIME),
    MapOf(DECIMAL, FLOAT),
    ListOf(BIGINT, frozen=True),
    SetOf(VARINT, frozen=True),
    MapOf(TEXT, BIGINT, frozen=True),
)

_NESTED = (
    MapOf(TEXT, ListOf(SetOf(INT))),
    ListOf(MapOf(INT, ListOf(TupleOf(TEXT, SetOf(UUID_))))),
    SetOf(ListOf(INT)),
    SetOf(SetOf(TEXT)),
    SetOf(MapOf(INT, TEXT)),
    MapOf(SetOf(INT), MapOf(TEXT, ListOf(DOUBLE))),
    MapOf(TupleOf(INT, TEXT), TEXT),
    SetOf(TupleOf(INT, TupleOf(TEXT, BLOB))),
    ListOf(ListOf(ListOf(ListOf(INT))), frozen=True),
    TupleOf(INT),
    TupleOf(INT, TEXT, DOUBLE),
    TupleOf(INT, TupleOf(TEXT, TupleOf(UUID_, DECIMAL)), ListOf(INT)),
    TupleOf(*SCALARS),
)

_USER = (
    ADDRESS,
    FROZEN_ADDRESS,
    POINT,
    PERSON,
    ListOf(ADDRESS),
    SetOf(POINT),
    MapOf(TEXT, PERSON),
    MapOf(POINT, INT),
    TupleOf(INT, PERSON),
    ListOf(MapOf(TEXT, SetOf(ADDRESS)), frozen=True),
)

_VECTORS = (
    VectorOf(FLOAT, 3),
    VectorOf(INT, 1),
    VectorOf(TEXT, 2),
    VectorOf(BIGINT, 4),
    VectorOf(DOUBLE, 2),
    VectorOf(BOOLEAN, 5),
    *(VectorOf(kind, 2) for kind in SCALARS if kind.cql not in ("text", "varchar", "double")),
    VectorOf(ListOf(INT), 2),
    VectorOf(SetOf(TEXT), 2),
    VectorOf(MapOf(TEXT, INT), 3),
    VectorOf(TupleOf(INT, TEXT), 2),
    VectorOf(ADDRESS, 2),
    VectorOf(VectorOf(FLOAT, 3), 2),
    VectorOf(VectorOf(TEXT, 2), 3),
    VectorOf(VectorOf(VectorOf(SMALLINT, 2), 2), 2),
    VectorOf(FLOAT, 300),
    VectorOf(SMALLINT, 257),
    ListOf(VectorOf(FLOAT, 3)),
    MapOf(INT, VectorOf(TEXT, 2)),
    SetOf(VectorOf(INT, 2)),
    TupleOf(INT, VectorOf(DECIMAL, 2)),
)


def _table_name(kind: Kind) -> str:
    return "t_" + re.sub("[^a-z0-9]+", "_", kind.cql).strip("_")[:40]


def _named(kinds: tuple[Kind, ...]) -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for kind in kinds:
        name = _table_name(kind)
        found[f"{name}_{len(found)}" if name in found else name] = kind
    return found


KINDS = _named((*SCALARS, *_COLLECTIONS, *_NESTED, *_USER, *_VECTORS))
"""Types by the name of their table"""

REVERSED = {
    "r_" + kind.cql.partition("<")[0]: kind
    for kind in (*(kind for kind in SCALARS if kind not in (DURATION, BOOLEAN)), TupleOf(INT, TEXT))
}
"""Types of clustering columns in descending order, by the name of their table"""
