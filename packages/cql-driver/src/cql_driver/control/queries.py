"""What the control connection asks, and rows as dicts."""

from __future__ import annotations

from cql_driver.core.pending import Pending
from cql_driver.errors import ProtocolError
from cql_protocol.messages import Query, RawRows
from cql_protocol.rows import RowDecoder
from cql_protocol.types import ReadOptions

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.core.link import Link
    from cql_driver.core.settings import Settings
    from cql_protocol.messages import Response

__all__ = [
    "KEYSPACES",
    "LOCAL",
    "LOCAL_VERSION",
    "LOCAL_WITHOUT_TOKENS",
    "PEERS",
    "PEERS_V2",
    "PEERS_V2_WITHOUT_TOKENS",
    "PEERS_WITHOUT_TOKENS",
    "PEER_VERSIONS",
    "Row",
    "ask",
    "rows_of",
]

Row = dict[str, "Any"]

# Which columns there are depends on the server's version, so all are asked for. Tokens are most
# of what comes then: who does not want them asks for what every version has.
LOCAL = "SELECT * FROM system.local WHERE key='local'"
PEERS = "SELECT * FROM system.peers"
PEERS_V2 = "SELECT * FROM system.peers_v2"
LOCAL_WITHOUT_TOKENS = (
    "SELECT host_id, cluster_name, partitioner, data_center, rack, release_version, "
    "schema_version, rpc_address, broadcast_address, listen_address "
    "FROM system.local WHERE key='local'"
)
PEERS_WITHOUT_TOKENS = (
    "SELECT peer, host_id, data_center, rack, release_version, schema_version, rpc_address "
    "FROM system.peers"
)
PEERS_V2_WITHOUT_TOKENS = (
    "SELECT peer, peer_port, host_id, data_center, rack, release_version, schema_version, "
    "native_address, native_port FROM system.peers_v2"
)
LOCAL_VERSION = "SELECT schema_version FROM system.local WHERE key='local'"
PEER_VERSIONS = "SELECT peer, host_id, schema_version FROM system.peers"
KEYSPACES = "SELECT keyspace_name, durable_writes, replication FROM system_schema.keyspaces"

_OPTIONS = ReadOptions(inet_text=True)


def ask(
    link: Link, text: str, settings: Settings, timeout: float | None = None
) -> Pending[Response]:
    """Send a query; `timeout` (in seconds) can only shorten ``control_connection_timeout``.

    ScyllaDB is told the time-out of metadata requests too, if there is one.
    """
    limit = settings.control_connection_timeout
    if timeout is not None:
        limit = timeout if limit is None else min(limit, timeout)
    within = settings.metadata_request_timeout
    if within and link.features.sharding is not None:
        text = f"{text} USING TIMEOUT {max(1, round(within * 1000))}ms"
    return link.request(Query(text), limit)


def rows_of(answer: Response, link: Link) -> list[Row]:
    """Return the rows of an answer as dicts, addresses as text.

    Raises `ProtocolError` when the answer is not rows.
    """
    if not isinstance(answer, RawRows) or answer.metadata.columns is None:
        raise ProtocolError(f"{link.endpoint} answered a query by {answer!r}", link.endpoint)
    columns = answer.metadata.columns
    names = [column.name for column in columns]
    decoder = RowDecoder([column.type for column in columns], _OPTIONS, names)
    return [dict(zip(names, row, strict=True)) for row in answer.decode(decoder)]
