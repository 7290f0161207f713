"""The types without parameters by option id, by name in CQL and by class of the server."""

from __future__ import annotations

from cql_protocol.types import numbers, temporal, texts, uuids, wrappers
from cql_protocol.types.base import INSTANCES, MARSHAL, CqlType

__all__ = ["SIMPLE_TYPES", "TYPES_BY_CLASS", "TYPES_BY_NAME"]

_LOADED = (numbers, temporal, texts, uuids, wrappers)  # they fill INSTANCES

SIMPLE_TYPES: dict[int, CqlType] = {each.code: each for each in INSTANCES.values() if each.code}
"""The simple types by option id (spec section 4.2.5.2)."""
SIMPLE_TYPES[0x0A] = (
    texts.TEXT
)  # the id that text had beside varchar in the protocol's first versions

TYPES_BY_NAME: dict[str, CqlType] = {**INSTANCES, "varchar": texts.TEXT}
"""The simple types by name in CQL, 'varchar' included."""

TYPES_BY_CLASS: dict[str, CqlType] = {
    **{each.class_name.removeprefix(MARSHAL): each for each in INSTANCES.values()},
    # Classes of old tables, or of the server's own, whose values are those of another class.
    "DateType": temporal.TIMESTAMP,
    "LexicalUUIDType": uuids.UUID,
    "LegacyTimeUUIDType": uuids.TIMEUUID,
}
"""The simple types by the short name of the server's class."""
