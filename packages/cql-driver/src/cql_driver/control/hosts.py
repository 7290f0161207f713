"""`HostRegistry`: the one owner of which hosts there are and which are up.

Hosts are told apart by host_id: a node with a new address is the host it was, and another node
at an old address is another host.
"""

from __future__ import annotations

from cql_driver.logs import get_logger
from cql_driver.pools.host import Host

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.control.rows import NodeInfo, Topology
    from cql_driver.core.engine import Engine

__all__ = ["HostRegistry"]

log = get_logger("cql_driver.cluster")

_COPIED = (
    "broadcast_address",
    "broadcast_port",
    "broadcast_rpc_address",
    "broadcast_rpc_port",
    "listen_address",
    "listen_port",
    "release_version",
    "dse_version",
    "dse_workload",
    "dse_workloads",
)


class _Changes:
    """What an update found; `relocated` are hosts with another address, data centre or rack."""

    __slots__ = ("added", "hosts", "moved", "relocated", "retokened", "unknown")

    def __init__(self, known: list[Host]) -> None:
        self.hosts: list[Host] = []
        self.added: list[Host] = []
        self.moved: list[tuple[Host, Any]] = []
        self.relocated: list[Host] = []
        self.retokened = False
        self.unknown: dict[int, Host] = {host.key: host for host in known}
        """Those that no node was found for, so far."""


class HostRegistry:
    """Keeps the hosts of `engine.metadata`, and tells the engine of each change once.

    The engine's hooks `host_added`, `host_removed`, `host_moved`, `host_up` and `host_down`
    tell policies, pools, listeners and observers. They are called when hosts and metadata
    have their new state; only when a host changes its address, data centre or rack, they are
    told before that it is down, and after that it is up. Belongs to the loop.
    """

    __slots__ = ("_engine",)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- which hosts there are ---------------------------------------------------------------

    def update(self, topology: Topology, force: bool = False) -> None:
        """Make the hosts those of `topology`; `force` has the ring rebuilt in any case."""
        engine = self._engine
        metadata = engine.metadata
        known = metadata.all_hosts()
        changes = _Changes(known)
        by_id: dict[Any, Host] = {host.raw_id: host for host in known if host.raw_id is not None}
        by_endpoint = {host.endpoint: host for host in known}
        for node in topology.nodes:
            host = self._find(node, by_id, by_endpoint, changes)
            if host is None:
                host = self._make(node)
                changes.added.append(host)
            else:
                del changes.unknown[host.key]
                self._take_over(host, node, changes)
            changes.hosts.append(host)
        addresses = {host.endpoint for host in changes.hosts}
        for host in list(changes.unknown.values()):
            # A row that is being written does not tell that the node has left.
            if host.raw_id in topology.unready and host.endpoint not in addresses:
                changes.hosts.append(changes.unknown.pop(host.key))
        removed = list(changes.unknown.values())
        different = bool(changes.added or removed or changes.relocated or changes.retokened)
        metadata.set_topology(
            changes.hosts,
            topology.partitioner,
            topology.cluster_name,
            rebuild=force or different,
            tokens=engine.settings.token_metadata_enabled,
        )
        self._tell(changes, removed)

    def _find(
        self,
        node: NodeInfo,
        by_id: dict[Any, Host],
        by_endpoint: dict[Any, Host],
        changes: _Changes,
    ) -> Host | None:
        host = by_id.get(node.raw_id)
        if host is None:
            # A contact point has no id until its row tells it.
            host = by_endpoint.get(node.endpoint)
            if host is not None and host.raw_id is not None and node.raw_id is not None:
                return None
        return host if host is not None and host.key in changes.unknown else None

    def _make(self, node: NodeInfo) -> Host:
        factory = self._engine.settings.conviction_policy_factory
        host = Host(node.endpoint, factory, node.datacenter, node.rack, node.raw_id)
        self._copy(host, node)
        return host

    def _take_over(self, host: Host, node: NodeInfo, changes: _Changes) -> None:
        """Make a known host what its row says now."""
        if host.raw_id is None and node.raw_id is not None:
            # Who only knew a contact point knows a node now.
            host.raw_id = node.raw_id
            host.set_location_info(node.datacenter, node.rack)
            changes.added.append(host)
        else:
            self._move(host, node, changes)
        if host.tokens != node.tokens:
            changes.retokened = True
        self._copy(host, node)

    def _move(self, host: Host, node: NodeInfo, changes: _Changes) -> None:
        """Give a host its new address, data centre or rack, if there is one."""
        same_address = host.endpoint == node.endpoint
        location = (node.datacenter, node.rack)
        if same_address and (host.datacenter, host.rack) == location:
            return
        changes.relocated.append(host)
        if host.is_up is not False:
            # Before, since policies may find a host by what it is going to lose.
            self._engine.host_down(host)
        if (host.datacenter, host.rack) != location:
            log.info("Host %s is in %s/%s now", host, *location)
            host.set_location_info(*location)
        if not same_address:
            log.info("Host %s has a new address: %s", host, node.endpoint)
            changes.moved.append((host, host.endpoint))
            host.endpoint = node.endpoint

    def _copy(self, host: Host, node: NodeInfo) -> None:
        for name in _COPIED:
            setattr(host, name, getattr(node, name))
        host.tokens = node.tokens

    def _tell(self, changes: _Changes, removed: list[Host]) -> None:
        engine = self._engine
        for host in removed:
            log.info("Host %s is not part of the cluster any more", host)
            host.set_down()
            engine.host_removed(host)
        for host, old_endpoint in changes.moved:
            engine.host_moved(host, old_endpoint)
        for host in changes.relocated:
            if host.is_up is not False:
                engine.host_up(host)
        for host in changes.added:
            log.info("Host %s was found in %s/%s", host, host.datacenter, host.rack)
            engine.host_added(host)
        if removed or changes.relocated or changes.added:
            # One host may be used in the place of another now.
            engine.update_pools()

    # --- which are up ------------------------------------------------------------------------

    def mark_up(self, host: Host) -> None:
        """Hold a host to be up: somebody is connected to it.

        The first time, nobody is told: it is what was expected of the host.
        """
        if host.is_up or not self._is_member(host):
            return
        first = host.is_up is None
        host.set_up()
        if not first:
            log.info("Host %s is up", host)
            self._engine.host_up(host)
            self._engine.control.doubt_nodes()

    def mark_down(self, host: Host, reason: str) -> None:
        """Hold a host to be down until somebody reaches it."""
        if host.is_up is False or not self._is_member(host):
            return
        host.set_down()
        log.warning("Host %s is down: %s", host, reason)
        self._engine.host_down(host)

    def try_up(self, host: Host) -> None:
        """Have the pools try to reach a host that is said to be up.

        The first that does marks it up. Where nobody would try, it is taken at its word.
        """
        engine = self._engine
        if host.is_up or not self._is_member(host):
            return
        if engine.has_connections(host) or not engine.sessions or not engine.connections_for(host):
            self.mark_up(host)
        else:
            engine.pools_try(host)

    def report_down(self, host: Host) -> None:
        """Another node says that a host is down; a connection that lives knows better."""
        if not self._engine.has_connections(host):
            self.mark_down(host, "another node says so")

    def _is_member(self, host: Host) -> bool:
        # What happens to a connection of a host that was removed is of no interest any more.
        return self._engine.metadata.get_host(host.endpoint) is host
