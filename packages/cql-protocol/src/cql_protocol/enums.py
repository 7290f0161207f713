"""Enumerations of the public API: consistency levels, versions, write types and the like.

Inside the codec plain ints travel; these types stand at the edge, where people read and
write them. They are ints (or strings), so ``ConsistencyLevel.ONE == 1`` holds.
"""

from __future__ import annotations

from enum import IntEnum, nonmember

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_protocol.kinds import (
        BatchType,
        OperationType,
        SchemaChangeType,
        SchemaTargetType,
        WriteType,
    )
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_protocol.kinds": (
                "BatchType OperationType SchemaChangeType SchemaTargetType WriteType"
            ),
        },
    )

__all__ = [
    "BatchType",
    "ConsistencyLevel",
    "OperationType",
    "ProtocolVersion",
    "SchemaChangeType",
    "SchemaTargetType",
    "WriteType",
    "consistency_value_to_name",
]


_CONSISTENCY_NAMES: dict[int, str] = {}
_CONSISTENCY_VALUES: dict[str, int] = {}
_SUPPORTED: tuple[int, ...] = (5, 4, 3)
_BETA: tuple[int, ...] = (6,)


class ConsistencyLevel(IntEnum):
    """How many replicas must answer before a request counts as done (spec section 3).

    Example::

        >>> ConsistencyLevel.LOCAL_QUORUM
        <ConsistencyLevel.LOCAL_QUORUM: 6>
        >>> ConsistencyLevel.value_to_name[1]
        'ONE'
    """

    ANY = 0
    ONE = 1
    TWO = 2
    THREE = 3
    QUORUM = 4
    ALL = 5
    LOCAL_QUORUM = 6
    EACH_QUORUM = 7
    SERIAL = 8
    LOCAL_SERIAL = 9
    LOCAL_ONE = 10

    value_to_name = nonmember(_CONSISTENCY_NAMES)
    name_to_value = nonmember(_CONSISTENCY_VALUES)

    @staticmethod
    def is_serial(cl: int) -> bool:
        """Say whether `cl` is a level of the serial phase of a conditional statement."""
        return cl in (8, 9)


_CONSISTENCY_NAMES.update((int(level), level.name) for level in ConsistencyLevel)
_CONSISTENCY_VALUES.update((level.name, level) for level in ConsistencyLevel)


def consistency_value_to_name(value: int | None) -> str:
    """Return the name of a consistency level, and ``'Not Set'`` for None.

    An unknown number is returned as text, since it is for messages that people read.
    """
    if value is None:
        return "Not Set"
    return ConsistencyLevel.value_to_name.get(value, str(value))


class ProtocolVersion(IntEnum):
    """Versions of the native protocol. This library speaks 3, 4 and 5."""

    V3 = 3
    V4 = 4
    V5 = 5
    V6 = 6
    DSE_V1 = 0x41
    DSE_V2 = 0x42

    SUPPORTED_VERSIONS = nonmember(_SUPPORTED)
    BETA_VERSIONS = nonmember(_BETA)
    MIN_SUPPORTED = nonmember(min(_SUPPORTED))
    MAX_SUPPORTED = nonmember(max(_SUPPORTED))

    @classmethod
    def get_lower_supported(cls, previous_version: int) -> int:
        """Return the next lower version that can be tried, or 0 when there is none."""
        return next((v for v in cls.SUPPORTED_VERSIONS if v < previous_version), 0)

    @classmethod
    def uses_int_query_flags(cls, version: int) -> bool:
        """Say whether the flags of QUERY, EXECUTE and BATCH are four bytes (version 5)."""
        return version >= 5 and version != cls.DSE_V1

    @classmethod
    def uses_prepare_flags(cls, version: int) -> bool:
        """Say whether PREPARE carries flags (version 5, DSE 2)."""
        return version >= 5 and version != cls.DSE_V1

    @classmethod
    def uses_prepared_metadata(cls, version: int) -> bool:
        """Say whether PREPARED and EXECUTE carry the id of the result metadata."""
        return version >= 5 and version != cls.DSE_V1

    @classmethod
    def uses_error_code_map(cls, version: int) -> bool:
        """Say whether failures come as a map of replica to reason code."""
        return version >= 5

    @classmethod
    def uses_keyspace_flag(cls, version: int) -> bool:
        """Say whether a request can name the keyspace it runs in."""
        return version >= 5 and version != cls.DSE_V1

    @classmethod
    def has_checksumming_support(cls, version: int) -> bool:
        """Say whether frames travel in checksummed segments."""
        return cls.V5 <= version < cls.DSE_V1
