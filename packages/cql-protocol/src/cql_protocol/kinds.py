"""Enumerations of `cql_protocol.enums` that most programs never look at.

Making an enumeration takes as long as a good part of an import, so these wait for their use.
"""

from __future__ import annotations

from enum import Enum, IntEnum, StrEnum, nonmember

__all__ = ["BatchType", "OperationType", "SchemaChangeType", "SchemaTargetType", "WriteType"]

_WRITE_TYPE_NAMES: dict[int, str] = {}
_WRITE_TYPE_VALUES: dict[str, int] = {}


class WriteType(IntEnum):
    """What kind of write timed out or failed (spec section 9)."""

    SIMPLE = 0
    BATCH = 1
    UNLOGGED_BATCH = 2
    COUNTER = 3
    BATCH_LOG = 4
    CAS = 5
    VIEW = 6
    CDC = 7
    OTHER = -1
    """A kind this library does not know; the error's message still names it."""

    name_to_value = nonmember(_WRITE_TYPE_VALUES)
    value_to_name = nonmember(_WRITE_TYPE_NAMES)


_WRITE_TYPE_VALUES.update((kind.name, kind) for kind in WriteType)
_WRITE_TYPE_NAMES.update((int(kind), kind.name) for kind in WriteType)


class BatchType(IntEnum):
    """How the statements of a batch belong together (spec section 4.1.7)."""

    LOGGED = 0
    """All or none are applied, by way of the batch log."""
    UNLOGGED = 1
    """Atomic and isolated within one partition only; no batch log."""
    COUNTER = 2
    """Updates of counters; no other statement may be in it."""


class OperationType(Enum):
    """What a rate-limited request wanted to do."""

    Read = 0
    Write = 1


class SchemaChangeType(StrEnum):
    """What happened to an entity of the schema (spec section 4.2.6)."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DROPPED = "DROPPED"


class SchemaTargetType(StrEnum):
    """What kind of entity of the schema changed (spec section 4.2.6)."""

    KEYSPACE = "KEYSPACE"
    TABLE = "TABLE"
    TYPE = "TYPE"
    FUNCTION = "FUNCTION"
    AGGREGATE = "AGGREGATE"
