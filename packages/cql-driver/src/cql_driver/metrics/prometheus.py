"""`PrometheusExporter`: a cluster's metrics for Prometheus (extra ``prometheus``)."""

from __future__ import annotations

from cql_driver.errors import InvalidArgument
from cql_driver.metrics.recorder import Metrics
from cql_protocol.errors import DependencyException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cql_driver.pools.host import Host

__all__ = ["PrometheusExporter"]

_HOST = ("host", "datacenter")

_HOST_COUNTERS = {
    "requests": ("attempts", "Attempts sent, retries and speculative ones included."),
    "speculative_executions": ("speculative_executions", "Speculative attempts."),
    "times_sick": ("times_sick", "Times it was found to hang or lag."),
    "connections_opened": ("connections_opened", "Connections opened."),
    "connections_closed": ("connections_closed", "Connections that ended."),
    "connections_failed": ("connections_failed", "Connections that could not be made."),
    "bytes_sent": ("sent_bytes", "Bytes sent."),
    "bytes_received": ("received_bytes", "Bytes received."),
}

_COUNTERS = {
    "connection_errors": "Attempts that failed because of their connection.",
    "read_timeouts": "Read timeouts told by coordinators.",
    "write_timeouts": "Write timeouts told by coordinators.",
    "unavailables": "Unavailable errors told by coordinators.",
    "other_errors": "Other errors told by coordinators.",
    "retries": "Attempts made because a retry policy said so.",
    "ignores": "Errors ignored because a retry policy said so.",
    "client_timeouts": "Requests that ran out of time on the client's side.",
}

_GAUGES = {
    "known_hosts": "Nodes of the cluster.",
    "connected_to": "Nodes connected to.",
    "sick_hosts": "Nodes that hang or lag.",
}

_POOL_GAUGES = (
    ("open_connections", "Open connections."),
    ("in_flight", "Requests that wait for an answer."),
    ("orphaned", "Requests nobody waits for any more."),
    ("waiting", "Requests that wait for a place on a connection."),
)


class PrometheusExporter:
    """Has a registry of prometheus_client show the metrics of a cluster.

    `cluster` is a `Cluster` with ``metrics_enabled=True``, or its `Metrics`. `registry` is
    prometheus_client's default one when None. All names begin with `prefix`; a second
    cluster in the same registry needs another prefix. Nothing is computed but when the
    registry collects. `close` takes it out of the registry again.

    Raises `DependencyException` without prometheus_client, and `InvalidArgument` when the
    cluster has no metrics or the registry has the names already.

    Example::

        from prometheus_client import start_http_server

        exporter = PrometheusExporter(cluster)
        start_http_server(8000)
    """

    def __init__(self, cluster: Any, registry: Any = None, prefix: str = "cql_driver") -> None:
        try:
            import prometheus_client
            from prometheus_client import core
        except ImportError as error:
            raise DependencyException(
                "PrometheusExporter needs prometheus-client: pip install 'cql-driver[prometheus]'",
                [error],
            ) from error
        metrics = cluster if isinstance(cluster, Metrics) else getattr(cluster, "metrics", None)
        if not isinstance(metrics, Metrics):
            raise InvalidArgument("cluster has no metrics: make it with metrics_enabled=True")
        self._metrics = metrics
        self._prefix = prefix
        self._families: Any = core
        self._registry: Any = prometheus_client.REGISTRY if registry is None else registry
        try:
            self._registry.register(self)
        except ValueError as error:
            raise InvalidArgument(
                f"prefix {prefix!r} is in use in this registry: close the other exporter, or "
                f"choose another prefix ({error})"
            ) from error

    def close(self) -> None:
        """Take it out of the registry; again does nothing."""
        registry, self._registry = self._registry, None
        if registry is not None:
            registry.unregister(self)

    def describe(self) -> Iterator[Any]:
        """Yield the families without their values, for the registry."""
        return self._collect(empty=True)

    def collect(self) -> Iterator[Any]:
        """Yield the families with their values, for the registry."""
        return self._collect(empty=False)

    def _collect(self, empty: bool) -> Iterator[Any]:
        hosts = {} if empty else self._metrics.by_host()
        pools = [] if empty else self._metrics.pool_snapshot()
        yield from self._totals()
        yield from self._of_hosts(hosts)
        for place, (name, text) in enumerate(_POOL_GAUGES, 1):
            family = self._family("Gauge", name, text, _HOST)
            for pool in pools:
                family.add_metric(_labels(pool[0]), pool[place])
            yield family

    def _family(self, kind: str, name: str, text: str, labels: Any = ()) -> Any:
        made = getattr(self._families, f"{kind}MetricFamily")
        return made(f"{self._prefix}_{name}", text, labels=labels)

    def _totals(self) -> Iterator[Any]:
        metrics = self._metrics
        timer = self._family("Summary", "request_seconds", "Duration of requests.")
        timer.add_metric((), metrics.request_timer.count, metrics.request_timer.total)
        yield timer
        for kind, texts in (("Counter", _COUNTERS), ("Gauge", _GAUGES)):
            for name, text in texts.items():
                family = self._family(kind, name, text)
                family.add_metric((), getattr(metrics, name).value)
                yield family

    def _of_hosts(self, hosts: Any) -> Iterator[Any]:
        latency = self._family("Histogram", "attempt_seconds", "Time to the answer.", _HOST)
        errors = self._family("Counter", "errors", "Errors by kind.", (*_HOST, "kind"))
        for host, counted in hosts.items():
            labels = _labels(host)
            counts, total = counted.latency.buckets()
            # The last bound is infinity, which Prometheus spells otherwise.
            buckets = [(str(bound), count) for bound, count in counts[:-1]]
            latency.add_metric(labels, [*buckets, ("+Inf", counts[-1][1])], total)
            for kind, count in counted.errors.copy().items():
                errors.add_metric((*labels, kind), count)
        yield latency
        yield errors
        for attribute, (name, text) in _HOST_COUNTERS.items():
            family = self._family("Counter", name, text, _HOST)
            for host, counted in hosts.items():
                family.add_metric(_labels(host), getattr(counted, attribute))
            yield family


def _labels(host: Host) -> tuple[str, str]:
    return str(host), host.datacenter or ""
