"""What scenarios ask of hosts: which there are, which are asked, what listeners were told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cql_driver.policies import ConstantReconnectionPolicy

if TYPE_CHECKING:
    from tests.simulation import SimNode, Simulation

READ = "SELECT k, v FROM t WHERE k = 1"
OFTEN = ConstantReconnectionPolicy(0.2)
BEATING = {"idle_heartbeat_interval": 1, "idle_heartbeat_timeout": 1}
AT_ONCE = {"topology_event_refresh_window": 0.1, "status_event_refresh_window": 0.1}


def host_of(session: Any, node: SimNode) -> Any:
    return session.cluster.metadata.get_host_by_host_id(node.host_id)


def pool_of(session: Any, node: SimNode) -> Any:
    return session.pools.pools.get(host_of(session, node).key)


def addresses(session: Any) -> set[str]:
    """The addresses that the session has connections to."""
    return {link.host.address for link in session.pools.links()}


def asked(session: Any, count: int = 12) -> set[str]:
    """The addresses that some requests went to."""
    futures = [session.execute_async(READ) for _ in range(count)]
    for future in futures:
        future.result()
    return {future.coordinator_host.address for future in futures}


def attempts(sim: Simulation, address: str, since: float = 0.0) -> int:
    """How often a connection to an address was tried."""
    tries = [e for e in sim.record if e.kind == "connect" and e.details[1][0] == address]
    return sum(event.time >= since for event in tries)


def known(session: Any) -> dict[Any, int]:
    """The numbers of the host objects, by host_id."""
    return {host.host_id: host.key for host in session.cluster.metadata.all_hosts()}
