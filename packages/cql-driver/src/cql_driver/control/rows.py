"""The system tables: what is asked of them, rows as `NodeInfo`, and agreement on a schema.

A row of system.peers may be half written: of a node that joins, or that left long ago. Such a
row is no node to connect to. It is left out, and `Topology.problems` tells why.
"""

from __future__ import annotations

from cql_driver.core.pending import Pending
from cql_driver.core.procedures import gather, sleep
from cql_driver.errors import ProtocolError
from cql_driver.logs import get_logger
from cql_driver.pools.host import as_host_id, raw_host_id
from cql_protocol.errors import DecodeError, DriverException
from cql_protocol.messages import Query, RawRows
from cql_protocol.rows import RowDecoder, decode_rows
from cql_protocol.types import UUID as UUID_TYPE
from cql_protocol.types import ReadOptions

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any
    from uuid import UUID

    from cql_driver.core.engine import Engine
    from cql_driver.core.link import Link
    from cql_driver.core.settings import Settings
    from cql_driver.pools.host import Host
    from cql_protocol.messages import ColumnSpec, QueryParameters, Response

__all__ = [
    "NodeInfo",
    "Row",
    "Topology",
    "agree_on_schema",
    "ask",
    "read_topology",
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
LOCAL_VERSION = "SELECT host_id, schema_version FROM system.local WHERE key='local'"
PEER_VERSIONS = "SELECT peer, host_id, schema_version FROM system.peers"

_OPTIONS = ReadOptions(inet_text=True)


def ask(
    link: Link,
    text: str,
    settings: Settings,
    timeout: float | None = None,
    parameters: QueryParameters | None = None,
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
    return link.request(Query(text, parameters), limit)


class _Known(dict[bytes, "Any"]):
    """Reads equal cells of a column once: thousands of tables have the same few options."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[bytes], Any]) -> None:
        self._read = read

    def __missing__(self, cell: bytes) -> Any:
        value = self[cell] = self._read(cell)
        return value


def rows_of(answer: Response, link: Link) -> list[Row]:
    """Return the rows of an answer as dicts, addresses as text and UUIDs as bytes.

    Raises `ProtocolError` when the answer is not rows.
    """
    if not isinstance(answer, RawRows) or answer.metadata.columns is None:
        raise ProtocolError(f"{link.endpoint} answered a query by {answer!r}", link.endpoint)
    columns = answer.metadata.columns
    names = [column.name for column in columns]
    readers = [_reader(column) for column in columns]
    if answer.row_count > 1:
        readers = [_Known(read).__getitem__ for read in readers]
    try:
        # Not by compiled code, which would make equal values anew.
        rows, end = decode_rows(readers, answer.body, answer.offset, answer.row_count)
    except DecodeError:
        end = -1
    if end != len(answer.body):  # the decoder tells what is wrong, and where
        rows = answer.decode(RowDecoder([column.type for column in columns], _OPTIONS, names))
    return [dict(zip(names, row, strict=True)) for row in rows]


def _reader(column: ColumnSpec) -> Callable[[bytes], Any]:
    """Return what reads a column without the module uuid, which takes long to import."""
    if column.name == "truncated_at":  # by the UUID of tables, and nobody asks for it
        return _no_value
    return _read_raw_uuid if column.type is UUID_TYPE else column.type.reader(_OPTIONS)


def _no_value(cell: bytes) -> None:
    return None


def _read_raw_uuid(cell: bytes) -> bytes | None:
    if cell and len(cell) != 16:
        raise DecodeError(f"{len(cell)} bytes are no UUID")
    return cell or None


log = get_logger("cql_driver.cluster")

_PAUSES = (0.01, 0.2)
"""Seconds between two looks: the shortest, which doubles up to the longest."""
_PATIENCE = 1.0
"""Seconds after which a node that tells no version of its own is left to what others heard."""


async def agree_on_schema(
    engine: Engine,
    connection: Link | None,
    wait_time: float,
    within: Callable[[Host], bool] | None = None,
) -> bool:
    """Look until the nodes that are up agree, at most for `wait_time` seconds; say if they do.

    Each node is asked itself where there is a connection to it. Of the others, the one on
    `connection`, or else on the control connection, tells what it has heard, which is a
    second or so old. `within` says which hosts matter. A look that fails is like one that
    finds no agreement.
    """
    now = engine.runtime.now
    deadline = now() + wait_time
    versions = _Versions(engine, within)
    pause, longest = _PAUSES
    left = wait_time
    while left > 0 and not engine.closed:
        link = engine.control.link if connection is None else connection
        if link is not None:
            if link is connection and link.closed:
                break
            if await versions.agree(link, left):
                return True
        left = deadline - now()
        if left > 0:
            await sleep(engine.runtime, min(pause, left))
            pause = min(2 * pause, longest)
            left = deadline - now()
    log.warning(
        "The nodes do not agree on a schema after %.1f s; versions: %s",
        wait_time,
        ", ".join(sorted(str(as_host_id(raw)) for raw in set(versions.known.values())))
        or "not known",
    )
    return False


class _Versions:
    """The schema versions of nodes, by host_id, looked at until they are one."""

    def __init__(self, engine: Engine, within: Callable[[Host], bool] | None) -> None:
        self.known: dict[Any, Any] = {}
        self._engine = engine
        self._within = within
        self._newest: Any = None
        """The version of the node that is asked about others."""
        self._mute: set[Any] = set()
        """Nodes that did not answer."""

    async def agree(self, link: Link, left: float) -> bool:
        """Ask those that did not have the newest version; say whether all have it now."""
        engine, known = self._engine, self.known
        # What is down, hangs, or is no node any more, has nothing to agree to.
        hosts = [host for host in engine.metadata.all_hosts() if self._matters(host)]
        links, unheard = [link], set()
        for host in hosts:
            if host is link.host or known.get(host.raw_id, link) == self._newest:
                continue
            other = None if host.raw_id in self._mute else engine.link_to(host)
            if other is None:
                unheard.add(host.raw_id)
            else:
                links.append(other)
        patience = min(left, _PATIENCE)
        asked = [ask(link, LOCAL_VERSION, engine.settings, left)]
        asked += [ask(other, LOCAL_VERSION, engine.settings, patience) for other in links[1:]]
        if unheard:
            links.append(link)
            asked.append(ask(link, PEER_VERSIONS, engine.settings, left))
        well = True
        for other, answer in zip(links, await gather(asked), strict=True):
            try:
                if isinstance(answer, Exception):
                    raise answer
                rows = rows_of(answer, other)
            except DriverException as exc:
                log.debug("no schema version from %s: %s", other.endpoint, exc)
                well = False
                if other is not link and other.host is not None:
                    self._mute.add(other.host.raw_id)
                continue
            for row in rows:
                host_id, version = row["host_id"], row["schema_version"]
                if "peer" not in row or (version is not None and host_id in unheard):
                    known[host_id] = version
                if "peer" not in row and other is link:
                    self._newest = version
        return well and all(known.get(h.raw_id, self._newest) == self._newest for h in hosts)

    def _matters(self, host: Host) -> bool:
        gone = host.is_up is False or (host.is_sick and host.raw_id in self._mute)
        return not gone and (self._within is None or self._within(host))


_WILDCARDS = ("0.0.0.0", "::")


class NodeInfo:
    """What a system table says of one node. `endpoint` is where the driver reaches it."""

    __slots__ = (
        "broadcast_address",
        "broadcast_port",
        "broadcast_rpc_address",
        "broadcast_rpc_port",
        "datacenter",
        "dse_version",
        "dse_workload",
        "dse_workloads",
        "endpoint",
        "listen_address",
        "listen_port",
        "rack",
        "raw_id",
        "release_version",
        "tokens",
    )

    def __init__(self, endpoint: Any, row: Row) -> None:
        get = row.get
        self.endpoint = endpoint
        self.raw_id: Any = raw_host_id(get("host_id"))
        self.datacenter: str | None = get("data_center")
        self.rack: str | None = get("rack")
        self.tokens: tuple[str, ...] = tuple(sorted(get("tokens") or ()))
        self.release_version: str | None = get("release_version")
        self.broadcast_address: str | None = get("broadcast_address") or get("peer")
        self.broadcast_port: int | None = get("broadcast_port") or get("peer_port")
        self.broadcast_rpc_address: str | None = client_address(row)
        self.broadcast_rpc_port: int | None = get("native_port") or get("rpc_port")
        self.listen_address: str | None = get("listen_address")
        self.listen_port: int | None = get("listen_port")
        self.dse_version: str | None = get("dse_version")
        self.dse_workload: str | None = get("workload")
        self.dse_workloads: Any = get("workloads")

    @property
    def host_id(self) -> UUID | None:
        """The id of the node."""
        found: UUID | None = as_host_id(self.raw_id)
        return found

    def __repr__(self) -> str:
        return f"<NodeInfo {self.endpoint} {self.host_id} {self.datacenter}/{self.rack}>"


class Topology:
    """The nodes of a cluster as one of them tells, its own row first.

    `problems` are texts on rows that were left out, `unready` the `raw_id` of those.
    """

    __slots__ = ("cluster_name", "nodes", "partitioner", "problems", "unready")

    def __init__(
        self,
        nodes: Sequence[NodeInfo],
        partitioner: str | None = None,
        cluster_name: str | None = None,
        problems: Sequence[str] = (),
        unready: Iterable[Any] = (),
    ) -> None:
        self.nodes = list(nodes)
        self.partitioner = partitioner
        self.cluster_name = cluster_name
        self.problems = list(problems)
        self.unready = set(unready) - {None}


def read_topology(
    local: Sequence[Row],
    peers: Sequence[Row],
    own_endpoint: Any,
    create_endpoint: Callable[[Row], Any],
    *,
    tokens: bool = True,
) -> Topology:
    """Read the rows of system.local and system.peers (or peers_v2).

    `own_endpoint` is where the node that was asked is reached, since its own row may have an
    address that nobody else can use. With `tokens`, nodes without any (they only
    coordinate) are left out, unless no other is known.
    """
    nodes: list[NodeInfo] = []
    problems: list[str] = []
    unready: list[Any] = []
    spare: NodeInfo | None = None
    row = local[0] if local else {}
    if local:
        spare = NodeInfo(own_endpoint, row)
        if not tokens or spare.tokens:
            nodes.append(spare)
    else:
        problems.append(f"{own_endpoint} has no row of itself in system.local")
    for peer in peers:
        problem = _problem(peer, tokens)
        if problem is None:
            try:
                node = NodeInfo(create_endpoint(peer), peer)
            except Exception as exc:  # noqa: BLE001 - a translator's error concerns one node
                problem = f"its address is of no use: {exc}"
            else:
                problem = _duplicate(node, spare, nodes)
        if problem is None:
            nodes.append(node)
        else:
            raw_id = raw_host_id(peer.get("host_id"))
            unready.append(raw_id)
            problems.append(f"node {peer.get('peer')} (host_id {as_host_id(raw_id)}): {problem}")
    if not nodes and spare is not None:
        nodes.append(spare)
    return Topology(nodes, row.get("partitioner"), row.get("cluster_name"), problems, unready)


def client_address(row: Row) -> str | None:
    """Return the address a node gives to clients, None if it gives none.

    A node that listens everywhere may say 0.0.0.0: then it is the one for other nodes.
    """
    for name in ("native_address", "native_transport_address", "rpc_address"):
        if name in row:
            address: str | None = row[name]
            if address in _WILDCARDS:
                return row.get("peer") or row.get("broadcast_address") or address
            return address
    return None


def _problem(row: Row, tokens: bool) -> str | None:
    """Say why a row of system.peers is no node to use; None when it is one."""
    lacking = [name for name in ("host_id", "data_center", "rack") if not row.get(name)]
    if not client_address(row):
        lacking.insert(0, "address for clients (rpc_address)")
    if lacking:
        return f"it has no {', no '.join(lacking)}"
    if tokens and not row.get("tokens"):
        return "it has no tokens, so it holds no data"
    return None


def _duplicate(node: NodeInfo, own: NodeInfo | None, nodes: Sequence[NodeInfo]) -> str | None:
    everyone = nodes if own is None or own in nodes else [own, *nodes]
    for other in everyone:
        if other.raw_id == node.raw_id:
            return f"{other.endpoint} has the same host_id"
        if other.endpoint == node.endpoint:
            return f"{other.host_id} has the same address {node.endpoint}"
    return None
