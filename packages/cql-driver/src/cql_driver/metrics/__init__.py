"""What the driver counts and times, for the cluster and for each node.

Switch it on with ``Cluster(metrics_enabled=True)`` and read ``cluster.metrics``. Exporters
are beside it, each with an extra of its own: `cql_driver.metrics.prometheus` and
`cql_driver.metrics.opentelemetry`. `SlowQueryLogger` needs nothing.
"""

from __future__ import annotations

from cql_driver.metrics.hosts import LATENCY_BOUNDS, HostMetrics
from cql_driver.metrics.recorder import Metrics
from cql_driver.metrics.slow_queries import SlowQueryLogger
from cql_driver.metrics.stats import IntStat, PmfStat, Stat, getStats

__all__ = [
    "LATENCY_BOUNDS",
    "HostMetrics",
    "IntStat",
    "Metrics",
    "PmfStat",
    "SlowQueryLogger",
    "Stat",
    "getStats",
]
