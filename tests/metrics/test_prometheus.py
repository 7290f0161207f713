"""The exporter in a registry of prometheus_client."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cql_driver.errors import InvalidArgument
from cql_driver.metrics import LATENCY_BOUNDS, Metrics
from cql_driver.metrics.prometheus import PrometheusExporter
from cql_protocol.errors import DependencyException, ReadTimeout
from tests.metrics.stand_ins import Cluster, Request, host, simple

REQUEST = Request(simple("SELECT a FROM t"))
FIRST = {"host": "10.0.0.1:9042", "datacenter": "dc1"}
SECOND = {"host": "10.0.0.2:9042", "datacenter": ""}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    first, second = host(1), host(2, None)
    cluster = Cluster(first, second)
    cluster.pools = [(first, 2, 5, 1, 3), (second, 1, 0, 0, 0)]
    cluster.metrics = metrics = Metrics(cluster)
    for node, duration, error in (
        (first, 0.0004, None),
        (first, 0.3, None),
        (second, 20.0, ReadTimeout("r")),
    ):
        metrics.attempt_started(REQUEST, node, node is second)
        metrics.attempt_ended(REQUEST, node, error, duration)
        metrics.request_ended(REQUEST, error, duration)
    metrics.connection_opened(first)
    metrics.host_changed(second, "sick")
    second.is_sick = True
    metrics.bytes_sent(first, 100)
    metrics.bytes_received(second, 300)
    yield cluster
    metrics.shutdown()


@pytest.fixture
def registry(cluster: Cluster) -> CollectorRegistry:
    registry = CollectorRegistry()
    PrometheusExporter(cluster, registry)
    return registry


def test_totals(registry: CollectorRegistry) -> None:
    assert registry.get_sample_value("cql_driver_request_seconds_count") == 3
    assert registry.get_sample_value("cql_driver_request_seconds_sum") == pytest.approx(20.3004)
    assert registry.get_sample_value("cql_driver_read_timeouts_total") == 1
    assert registry.get_sample_value("cql_driver_retries_total") == 0
    assert registry.get_sample_value("cql_driver_known_hosts") == 2
    assert registry.get_sample_value("cql_driver_connected_to") == 2
    assert registry.get_sample_value("cql_driver_sick_hosts") == 1


def test_numbers_of_hosts(registry: CollectorRegistry) -> None:
    value = registry.get_sample_value
    assert value("cql_driver_attempts_total", FIRST) == 2
    assert value("cql_driver_speculative_executions_total", SECOND) == 1
    assert value("cql_driver_connections_opened_total", FIRST) == 1
    assert value("cql_driver_times_sick_total", SECOND) == 1
    assert value("cql_driver_sent_bytes_total", FIRST) == 100
    assert value("cql_driver_received_bytes_total", SECOND) == 300
    assert value("cql_driver_errors_total", {**SECOND, "kind": "read_timeout"}) == 1
    assert value("cql_driver_errors_total", {**FIRST, "kind": "read_timeout"}) is None


def test_gauges_of_pools(registry: CollectorRegistry) -> None:
    value = registry.get_sample_value
    assert value("cql_driver_open_connections", FIRST) == 2
    assert value("cql_driver_in_flight", FIRST) == 5
    assert value("cql_driver_orphaned", FIRST) == 1
    assert value("cql_driver_waiting", FIRST) == 3
    assert value("cql_driver_open_connections", SECOND) == 1


def test_latencies_are_a_histogram_by_host(registry: CollectorRegistry) -> None:
    def bucket(labels: dict[str, str], bound: str) -> float | None:
        return registry.get_sample_value(
            "cql_driver_attempt_seconds_bucket", {**labels, "le": bound}
        )

    assert [bucket(FIRST, str(bound)) for bound in LATENCY_BOUNDS] == [0] + [1] * 9 + [2] * 5
    assert bucket(FIRST, "+Inf") == 2
    assert bucket(SECOND, "10.0") == 0
    assert bucket(SECOND, "+Inf") == 1
    assert registry.get_sample_value("cql_driver_attempt_seconds_count", FIRST) == 2
    total = registry.get_sample_value("cql_driver_attempt_seconds_sum", FIRST)
    assert total == pytest.approx(0.3004)


def test_the_text_can_be_read(registry: CollectorRegistry) -> None:
    text = generate_latest(registry).decode()
    families = [family.name for family in text_string_to_metric_families(text)]
    assert len(families) == len(set(families))
    assert "cql_driver_attempt_seconds" in families


def test_a_name_is_there_once(cluster: Cluster, registry: CollectorRegistry) -> None:
    with pytest.raises(InvalidArgument, match="choose another prefix"):
        PrometheusExporter(cluster, registry)
    PrometheusExporter(cluster.metrics, registry, prefix="other")
    assert registry.get_sample_value("other_read_timeouts_total") == 1


def test_a_closed_exporter_is_gone_and_can_be_made_again(cluster: Cluster) -> None:
    registry = CollectorRegistry()
    exporter = PrometheusExporter(cluster, registry)
    exporter.close()
    exporter.close()
    assert list(registry.collect()) == []
    PrometheusExporter(cluster, registry)
    assert registry.get_sample_value("cql_driver_known_hosts") == 2


def test_a_cluster_that_is_gone_shows_what_was_counted() -> None:
    metrics = Metrics(None)
    node = host()
    metrics.attempt_started(REQUEST, node, False)
    registry = CollectorRegistry()
    PrometheusExporter(metrics, registry)
    metrics.shutdown()
    assert registry.get_sample_value("cql_driver_attempts_total", FIRST) == 1
    assert registry.get_sample_value("cql_driver_open_connections", FIRST) is None


def test_a_cluster_needs_metrics() -> None:
    with pytest.raises(InvalidArgument, match="metrics_enabled=True"):
        PrometheusExporter(Cluster(), CollectorRegistry())


def test_the_extra_is_named_when_the_library_is_missing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(DependencyException, match=r"pip install 'cql-driver\[prometheus\]'"):
        PrometheusExporter(cluster)
