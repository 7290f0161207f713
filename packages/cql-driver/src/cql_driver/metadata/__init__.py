"""What the driver knows of a cluster: hosts, tokens, replicas, and the schema.

`Metadata` is what ``cluster.metadata`` is. The functions for names write them as they can
stand in a statement.
"""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_driver.metadata.export import RegisteredTableExtension
    from cql_driver.metadata.metadata import (
        NO_VALID_REPLICA,
        Metadata,
        group_keys_by_replica,
    )
    from cql_driver.metadata.replication import (
        EverywhereStrategy,
        LocalStrategy,
        NetworkTopologyStrategy,
        ReplicationFactor,
        ReplicationStrategy,
        SimpleStrategy,
        replication_strategy,
    )
    from cql_driver.metadata.ring import TokenMap
    from cql_driver.metadata.schema import (
        Aggregate,
        ColumnMetadata,
        Function,
        IndexMetadata,
        KeyspaceMetadata,
        MaterializedViewMetadata,
        TableMetadata,
        TriggerMetadata,
        UserType,
    )
    from cql_protocol.identifiers import (
        escape_name,
        is_valid_name,
        maybe_escape_name,
        protect_name,
        protect_names,
        protect_value,
    )
    from cql_protocol.tokens import BytesToken, MD5Token, Murmur3Token, Token
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_driver.metadata.export": "RegisteredTableExtension",
            "cql_driver.metadata.metadata": "NO_VALID_REPLICA Metadata group_keys_by_replica",
            "cql_driver.metadata.replication": (
                "EverywhereStrategy LocalStrategy NetworkTopologyStrategy ReplicationFactor "
                "ReplicationStrategy SimpleStrategy replication_strategy"
            ),
            "cql_driver.metadata.ring": "TokenMap",
            "cql_driver.metadata.schema": (
                "Aggregate ColumnMetadata Function IndexMetadata KeyspaceMetadata "
                "MaterializedViewMetadata TableMetadata TriggerMetadata UserType"
            ),
            "cql_protocol.identifiers": (
                "escape_name is_valid_name maybe_escape_name protect_name protect_names "
                "protect_value"
            ),
            "cql_protocol.tokens": "BytesToken MD5Token Murmur3Token Token",
        },
    )

__all__ = [
    "NO_VALID_REPLICA",
    "Aggregate",
    "BytesToken",
    "ColumnMetadata",
    "EverywhereStrategy",
    "Function",
    "IndexMetadata",
    "KeyspaceMetadata",
    "LocalStrategy",
    "MD5Token",
    "MaterializedViewMetadata",
    "Metadata",
    "Murmur3Token",
    "NetworkTopologyStrategy",
    "RegisteredTableExtension",
    "ReplicationFactor",
    "ReplicationStrategy",
    "SimpleStrategy",
    "TableMetadata",
    "Token",
    "TokenMap",
    "TriggerMetadata",
    "UserType",
    "escape_name",
    "group_keys_by_replica",
    "is_valid_name",
    "maybe_escape_name",
    "protect_name",
    "protect_names",
    "protect_value",
    "replication_strategy",
]
