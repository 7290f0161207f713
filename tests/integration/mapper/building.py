"""Indexes are built in the background, even of a table without rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.driver.support import until

if TYPE_CHECKING:
    from cql_driver.cluster import Session

__all__ = ["wait_for_indexes"]

_BUILT = 'SELECT index_name FROM system."IndexInfo" WHERE table_name = %s'
"""What the node has built; its ``table_name`` is the keyspace."""


def wait_for_indexes(session: Session, table: str) -> None:
    """Wait until the node has built all indexes of a table in the session's keyspace."""
    keyspace = str(session.keyspace)

    def are_built() -> bool:
        built = {row.index_name for row in session.execute(_BUILT, (keyspace,))}
        return session.cluster.metadata.keyspaces[keyspace].tables[table].indexes.keys() <= built

    session.cluster.refresh_table_metadata(keyspace, table)
    until(are_built, f"the indexes of {table} are built")
