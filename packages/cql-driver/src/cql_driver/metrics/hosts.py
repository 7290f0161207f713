"""What is counted for one node, and the kinds of errors that are told apart."""

from __future__ import annotations

from weakref import CallableProxyType, ProxyType, ref

from cql_driver.errors import (
    ClientOverloaded,
    ConnectionException,
    RequestCancelled,
)
from cql_driver.metrics.stats import PmfStat
from cql_protocol.errors import (
    ConnectionClosed,
    IsBootstrapping,
    OperationTimedOut,
    Overloaded,
    PreparedQueryNotFound,
    RateLimitReached,
    ReadFailure,
    ReadTimeout,
    RequestValidationException,
    ServerError,
    StreamsExhausted,
    Unavailable,
    WriteFailure,
    WriteTimeout,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from cql_driver.pools.host import Host

__all__ = ["LATENCY_BOUNDS", "HostMetrics", "HostTable", "Pools", "kind_of"]

LATENCY_BOUNDS = (
    *(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Upper bounds, in seconds, of the classes in which a node's latencies are counted."""

_SAMPLE = 1024

_KINDS: dict[type[BaseException], str] = {
    ReadTimeout: "read_timeout",
    WriteTimeout: "write_timeout",
    Unavailable: "unavailable",
    ReadFailure: "read_failure",
    WriteFailure: "write_failure",
    Overloaded: "overloaded",
    IsBootstrapping: "bootstrapping",
    RateLimitReached: "rate_limited",
    ServerError: "server_error",
    PreparedQueryNotFound: "unprepared",
    RequestValidationException: "invalid_request",
    OperationTimedOut: "client_timeout",
    ClientOverloaded: "client_overloaded",
    RequestCancelled: "cancelled",
    ConnectionException: "connection",
    ConnectionClosed: "connection",
    StreamsExhausted: "connection",
    OSError: "connection",
    BaseException: "other",
}


def kind_of(error: BaseException) -> str:
    """Return a short name of what went wrong: ``"read_timeout"``, ``"connection"``, …."""
    return next(kind for cls in type(error).__mro__ if (kind := _KINDS.get(cls)) is not None)


class Pools:
    """The live numbers of a cluster's pools, looked at without keeping the cluster alive."""

    __slots__ = ("_cluster",)

    def __init__(self, cluster: Any) -> None:
        self._cluster: Callable[[], Any] = lambda: None
        self.watch(cluster)

    def watch(self, cluster: Any) -> None:
        """Look at this cluster from now on: it, a weak proxy of it, or None."""
        if cluster is None or isinstance(cluster, (ProxyType, CallableProxyType)):
            self._cluster = lambda: cluster
        else:
            self._cluster = ref(cluster)

    def snapshot(self) -> list[tuple[Host, int, int, int, int]]:
        """Return (host, connections, in flight, orphaned, waiting); none without a cluster."""
        try:
            cluster = self._cluster()
            return [] if cluster is None else list(cluster.get_pool_snapshot())
        except ReferenceError:
            return []

    def _hosts(self) -> list[Host]:
        try:
            cluster = self._cluster()
            return [] if cluster is None else list(cluster.metadata.all_hosts())
        except ReferenceError:
            return []

    def known_hosts(self) -> int:
        """Return how many hosts the cluster has."""
        return len(self._hosts())

    def connected_to(self) -> int:
        """Return to how many hosts there is a connection."""
        return len({pool[0].key for pool in self.snapshot() if pool[1]})

    def sick_hosts(self) -> int:
        """Return how many hosts are held to be sick."""
        return sum(host.is_sick for host in self._hosts())

    def open_connections(self) -> int:
        """Return how many connections there are."""
        return sum(pool[1] for pool in self.snapshot())

    def in_flight(self, host: Host | None = None) -> int:
        """Return how many requests wait for an answer, of all hosts or of one."""
        return sum(pool[2] for pool in self.snapshot() if host is None or pool[0] is host)

    def waiting(self) -> int:
        """Return how many requests wait for a place on a connection."""
        return sum(pool[4] for pool in self.snapshot())


class HostMetrics:
    """What was counted for one node since the driver knows it.

    `latency` is a `PmfStat` of the attempts that were answered (seconds, also those answered
    with an error), with a sample of 1024 and classes by `LATENCY_BOUNDS`. `errors` maps the
    kind of an error to its count: ``read_timeout, write_timeout, unavailable, read_failure,
    write_failure, overloaded, bootstrapping, rate_limited, server_error, unprepared,
    invalid_request, client_timeout, client_overloaded, cancelled, connection, other``. Only
    kinds that occurred are there.
    """

    __slots__ = (
        "host",
        "requests",
        "speculative_executions",
        "times_sick",
        "errors",
        "latency",
        "connections_opened",
        "connections_closed",
        "connections_failed",
        "bytes_sent",
        "bytes_received",
        "_pools",
    )

    host: Host | None
    requests: int
    """Attempts that were sent, speculative ones and retries included."""
    speculative_executions: int
    times_sick: int
    """How often it was found to be sick: see `SickNodePolicy`."""
    connections_opened: int
    connections_closed: int
    connections_failed: int
    bytes_sent: int
    bytes_received: int

    def __init__(self, host: Host | None, pools: Pools) -> None:
        self.host = host
        self.requests = 0
        self.speculative_executions = 0
        self.times_sick = 0
        self.errors: dict[str, int] = {}
        self.latency = PmfStat("latency", _SAMPLE, LATENCY_BOUNDS)
        self.connections_opened = 0
        self.connections_closed = 0
        self.connections_failed = 0
        self.bytes_sent = 0
        self.bytes_received = 0
        self._pools = pools

    @property
    def in_flight(self) -> int:
        """Requests that wait for this node's answer now."""
        return self._pools.in_flight(self.host) if self.host is not None else 0

    def count_error(self, kind: str) -> None:
        """Count an error of this kind; for the loop."""
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def __repr__(self) -> str:
        errors = sum(self.errors.values())
        return f"<HostMetrics of {self.host}: {self.requests} requests, {errors} errors>"


_SUMMED = (
    "requests",
    "speculative_executions",
    "times_sick",
    "connections_opened",
    "connections_closed",
    "connections_failed",
    "bytes_sent",
    "bytes_received",
)


class HostTable:
    """The `HostMetrics` of all nodes there are, and the sums over all there ever were."""

    __slots__ = ("by_key", "gone", "_pools")

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self.by_key: dict[int, HostMetrics] = {}
        self.gone = HostMetrics(None, pools)
        """What is still counted for nodes after their removal."""

    def of(self, host: Host) -> HostMetrics:
        """Return what is counted for a node, made on first use; for the loop."""
        found = self.by_key.get(host.key)
        if found is None:
            found = self.by_key[host.key] = HostMetrics(host, self._pools)
        return found

    def remove(self, host: Host) -> None:
        """Forget a node, but not what it adds to the sums; for the loop."""
        found = self.by_key.pop(host.key, None)
        if found is not None:
            for name in _SUMMED:
                setattr(self.gone, name, getattr(self.gone, name) + getattr(found, name))

    def all(self) -> Iterable[HostMetrics]:
        """Return those of the nodes there are."""
        return list(self.by_key.values())

    def summing(self, name: str) -> Callable[[], int]:
        """Return a function that adds up one number over all nodes there ever were."""

        def total() -> int:
            held = (self.gone, *self.all())
            return sum(getattr(metrics, name) for metrics in held)

        return total
