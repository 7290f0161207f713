"""Rows of the system tables as `NodeInfo`: what is taken from them, and what is refused.

A row of system.peers may be half written: of a node that joins, or that left long ago. Such a
row is no node to connect to. It is left out, and `Topology.problems` tells why.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any
    from uuid import UUID

    from cql_driver.control.queries import Row

__all__ = ["NodeInfo", "Topology", "read_topology"]

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
        "host_id",
        "listen_address",
        "listen_port",
        "rack",
        "release_version",
        "tokens",
    )

    def __init__(self, endpoint: Any, row: Row) -> None:
        get = row.get
        self.endpoint = endpoint
        self.host_id: UUID | None = get("host_id")
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

    def __repr__(self) -> str:
        return f"<NodeInfo {self.endpoint} {self.host_id} {self.datacenter}/{self.rack}>"


class Topology:
    """The nodes of a cluster as one of them tells, its own row first.

    `problems` are texts on rows that were left out.
    """

    __slots__ = ("cluster_name", "nodes", "partitioner", "problems")

    def __init__(
        self,
        nodes: Sequence[NodeInfo],
        partitioner: str | None = None,
        cluster_name: str | None = None,
        problems: Sequence[str] = (),
    ) -> None:
        self.nodes = list(nodes)
        self.partitioner = partitioner
        self.cluster_name = cluster_name
        self.problems = list(problems)


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
            problems.append(f"node {peer.get('peer')} (host_id {peer.get('host_id')}): {problem}")
    if not nodes and spare is not None:
        nodes.append(spare)
    return Topology(nodes, row.get("partitioner"), row.get("cluster_name"), problems)


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
        if other.host_id == node.host_id:
            return f"{other.endpoint} has the same host_id"
        if other.endpoint == node.endpoint:
            return f"{other.host_id} has the same address {node.endpoint}"
    return None
