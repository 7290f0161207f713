"""`Metrics`: the observer that counts."""

from __future__ import annotations

from cql_driver.core.observers import Observer
from cql_driver.metrics.hosts import HostMetrics, HostTable, Pools, kind_of
from cql_driver.metrics.stats import BATCH, IntStat, PmfStat, Stat, register, rename, unregister

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.pools.host import Host

__all__ = ["Metrics"]


class Metrics(Observer):
    """Counts what a cluster's requests and connections do.

    ``Cluster(metrics_enabled=True)`` makes one and has it as ``cluster.metrics``. Counters
    and gauges have `value`, compare with numbers and become one with ``int()``; timers are
    mappings of statistics, in seconds. Any thread may read.

    Example::

        cluster = Cluster(["10.0.0.1"], metrics_enabled=True)
        ...
        print(cluster.metrics.request_timer["99percentile"])
        for host, counted in cluster.metrics.by_host().items():
            print(host, counted.requests, counted.errors, counted.latency["median"])

    `cluster_proxy` is the cluster or a weak proxy of it; it is never kept alive. None is
    allowed for an observer that is given to ``Cluster(observers=[...])``.
    """

    request_timer: PmfStat
    """How long requests took, retries and failures included."""
    connection_errors: IntStat
    """Requests that failed at a node because of their connection."""
    write_timeouts: IntStat
    """`WriteTimeout` answers."""
    read_timeouts: IntStat
    """`ReadTimeout` answers."""
    unavailables: IntStat
    """`Unavailable` answers."""
    other_errors: IntStat
    """All other errors that nodes answered with."""
    retries: IntStat
    """Attempts made because a retry policy said so."""
    ignores: IntStat
    """Errors ignored because a retry policy said so."""
    client_timeouts: IntStat
    """Requests that ran out of time on the client's side."""
    known_hosts: Stat
    """Nodes of the cluster."""
    connected_to: Stat
    """Nodes to which there is a connection."""
    sick_hosts: Stat
    """Nodes that are connected, but hang or lag, and are asked last: see `SickNodePolicy`."""
    open_connections: Stat
    """Connections of the pools."""
    in_flight: Stat
    """Requests that wait for an answer."""
    waiting: Stat
    """Requests that wait for a place on a connection."""
    speculative_executions: Stat
    """Attempts made beside one that was still running."""
    sent_bytes: Stat
    """Bytes given to connections of the pools."""
    received_bytes: Stat
    """Bytes that came from connections of the pools."""

    stats_name: str
    """Its name in `getStats`."""

    def __init__(self, cluster_proxy: Any) -> None:
        self._pools = pools = Pools(cluster_proxy)
        self._table = table = HostTable(pools)
        self._hosts = table.by_key
        self.request_timer = PmfStat("request_timer")
        self.connection_errors = IntStat("connection_errors")
        self.write_timeouts = IntStat("write_timeouts")
        self.read_timeouts = IntStat("read_timeouts")
        self.unavailables = IntStat("unavailables")
        self.other_errors = IntStat("other_errors")
        self.retries = IntStat("retries")
        self.ignores = IntStat("ignores")
        self.client_timeouts = IntStat("client_timeouts")
        self.known_hosts = Stat("known_hosts", pools.known_hosts)
        self.connected_to = Stat("connected_to", pools.connected_to)
        self.sick_hosts = Stat("sick_hosts", pools.sick_hosts)
        self.open_connections = Stat("open_connections", pools.open_connections)
        self.in_flight = Stat("in_flight", pools.in_flight)
        self.waiting = Stat("waiting", pools.waiting)
        self.speculative_executions = _sum(table, "speculative_executions")
        self.sent_bytes = _sum(table, "bytes_sent")
        self.received_bytes = _sum(table, "bytes_received")
        self.stats_name = register(self)

    # --- reading -----------------------------------------------------------------------------

    def get_stats(self) -> dict[str, Any]:
        """Return everything but what is told by host: numbers by name, and `request_timer`.

        The bytes are called ``bytes_sent`` and ``bytes_received`` here.
        """
        numbers = (
            *(self.connection_errors, self.write_timeouts, self.read_timeouts),
            *(self.unavailables, self.other_errors, self.retries, self.ignores),
            *(self.known_hosts, self.connected_to, self.sick_hosts, self.open_connections),
            *(self.client_timeouts, self.speculative_executions),
            *(self.sent_bytes, self.received_bytes, self.in_flight, self.waiting),
        )
        found: dict[str, Any] = {"request_timer": self.request_timer.snapshot()}
        found.update((stat.name, stat.value) for stat in numbers)
        return found

    def by_host(self) -> dict[Host, HostMetrics]:
        """Return what is counted for each node that belongs to the cluster.

        The `HostMetrics` live on; the dict is as of now.
        """
        return {held.host: held for held in self._table.all() if held.host is not None}

    def pool_snapshot(self) -> list[tuple[Host, int, int, int, int]]:
        """Return (host, open connections, in flight, orphaned, waiting) of each pool."""
        return self._pools.snapshot()

    def set_stats_name(self, stats_name: str) -> None:
        """Choose the name in `getStats`.

        Raises `InvalidArgument` (a ValueError) when another `Metrics` has it.
        """
        rename(self, self.stats_name, stats_name)
        self.stats_name = stats_name

    def shutdown(self) -> None:
        """Leave `getStats`; what was counted can still be read here."""
        unregister(self, self.stats_name)

    # --- counting by hand --------------------------------------------------------------------

    def on_connection_error(self) -> None:
        """Count one of `connection_errors`; any thread, as those below."""
        self.connection_errors.add()

    def on_write_timeout(self) -> None:
        """Count one of `write_timeouts`."""
        self.write_timeouts.add()

    def on_read_timeout(self) -> None:
        """Count one of `read_timeouts`."""
        self.read_timeouts.add()

    def on_unavailable(self) -> None:
        """Count one of `unavailables`."""
        self.unavailables.add()

    def on_other_error(self) -> None:
        """Count one of `other_errors`."""
        self.other_errors.add()

    def on_ignore(self) -> None:
        """Count one of `ignores`."""
        self.ignores.add()

    def on_retry(self) -> None:
        """Count one of `retries`."""
        self.retries.add()

    # --- what the driver tells: see Observer -------------------------------------------------

    def attempt_started(self, request: Any, host: Host, speculative: bool) -> None:
        """Count an attempt for its host."""
        try:
            counted = self._hosts[host.key]
        except KeyError:
            counted = self._table.of(host)
        counted.requests += 1
        if speculative:
            counted.speculative_executions += 1

    def attempt_ended(
        self, request: Any, host: Host, error: BaseException | None, duration: float
    ) -> None:
        """Count an answer for its host."""
        try:
            counted = self._hosts[host.key]
        except KeyError:
            counted = self._table.gone
        if error is not None:
            kind = kind_of(error)
            if kind == "client_timeout":
                return  # no answer; `client_timed_out` counts it
            counted.count_error(kind)
            total = self._total_of(kind)
            if total is not None:
                total.add()
        timer = counted.latency  # as timer.add(duration), without the call
        timer.pending.append(duration)
        if len(timer.pending) >= BATCH:
            timer.fold()

    def request_ended(self, request: Any, error: BaseException | None, duration: float) -> None:
        """Time a request."""
        timer = self.request_timer  # as timer.add(duration), without the call
        timer.pending.append(duration)
        if len(timer.pending) >= BATCH:
            timer.fold()

    def request_retried(self, request: Any, error: BaseException, same_host: bool) -> None:
        """Count a retry."""
        self.retries.add()

    def request_ignored(self, request: Any, error: BaseException) -> None:
        """Count an ignored error."""
        self.ignores.add()

    def client_timed_out(self, request: Any, host: Host | None) -> None:
        """Count a request that ran out of time, also for the host it waited for."""
        self.client_timeouts.add()
        if host is not None:
            (self._hosts.get(host.key) or self._table.gone).count_error("client_timeout")

    def connection_opened(self, host: Host) -> None:
        """Count a connection for its host."""
        self._table.of(host).connections_opened += 1

    def connection_closed(self, host: Host, error: BaseException | None) -> None:
        """Count the end of a connection for its host, which may be removed by now."""
        (self._hosts.get(host.key) or self._table.gone).connections_closed += 1

    def connection_failed(self, host: Host, error: BaseException) -> None:
        """Count a connection that could not be made for its host."""
        self._table.of(host).connections_failed += 1

    def bytes_sent(self, host: Host, size: int) -> None:
        """Count bytes for their host."""
        try:
            self._hosts[host.key].bytes_sent += size
        except KeyError:
            self._table.gone.bytes_sent += size

    def bytes_received(self, host: Host, size: int) -> None:
        """Count bytes for their host."""
        try:
            self._hosts[host.key].bytes_received += size
        except KeyError:
            self._table.gone.bytes_received += size

    def host_changed(self, host: Host, change: str) -> None:
        """Count hosts that get sick, and forget one that is removed."""
        if change == "sick":
            self._table.of(host).times_sick += 1
        elif change == "removed":
            self._table.remove(host)

    def attached(self, cluster: Any) -> None:
        """Read the gauges of this cluster from now on."""
        self._pools.watch(cluster)

    def detached(self, cluster: Any) -> None:
        """Leave `getStats`."""
        self.shutdown()

    def _total_of(self, kind: str) -> IntStat | None:
        if kind in ("unprepared", "cancelled"):
            return None  # not the user's business: the driver prepares again, or nobody waits
        name = _TOTALS.get(kind, "other_errors")
        found: IntStat = getattr(self, name)
        return found


_TOTALS = {
    "connection": "connection_errors",
    "read_timeout": "read_timeouts",
    "write_timeout": "write_timeouts",
    "unavailable": "unavailables",
}


def _sum(table: HostTable, name: str) -> Stat:
    return Stat(name, table.summing(name))
