"""What `Metrics` counts of what the driver tells."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from cql_driver.core.observers import Observer, ObserverGroup
from cql_driver.errors import ConnectionShutdown, RequestCancelled
from cql_driver.metrics import LATENCY_BOUNDS, Metrics, getStats
from cql_protocol.errors import (
    ConnectionClosed,
    IsBootstrapping,
    OperationTimedOut,
    Overloaded,
    PreparedQueryNotFound,
    ReadTimeout,
    SyntaxException,
    Unavailable,
    WriteTimeout,
)
from tests.metrics.stand_ins import Cluster, Request, host, simple

REQUEST = Request(simple("SELECT a FROM t"))
COUNTERS = (
    *("connection_errors", "write_timeouts", "read_timeouts", "unavailables"),
    *("other_errors", "retries", "ignores", "client_timeouts"),
)


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    made = Metrics(None)
    yield made
    made.shutdown()


def _counts(metrics: Metrics) -> dict[str, int]:
    return {name: n for name in COUNTERS if (n := metrics.get_stats()[name])}


def test_it_is_an_observer_of_what_it_needs_only(metrics: Metrics) -> None:
    assert isinstance(metrics, Observer)
    group = ObserverGroup([metrics])
    assert group.request_created is None
    assert group.request_started is None
    assert group.request_ended is not None


@pytest.mark.parametrize(
    ("method", "counter"),
    [
        ("on_connection_error", "connection_errors"),
        ("on_write_timeout", "write_timeouts"),
        ("on_read_timeout", "read_timeouts"),
        ("on_unavailable", "unavailables"),
        ("on_other_error", "other_errors"),
        ("on_retry", "retries"),
        ("on_ignore", "ignores"),
    ],
)
def test_each_counter_has_its_method(metrics: Metrics, method: str, counter: str) -> None:
    getattr(metrics, method)()
    assert _counts(metrics) == {counter: 1}
    assert getattr(metrics, counter) == 1


@pytest.mark.parametrize(
    ("error", "counter", "kind"),
    [
        (ReadTimeout("r"), "read_timeouts", "read_timeout"),
        (WriteTimeout("w"), "write_timeouts", "write_timeout"),
        (Unavailable("u"), "unavailables", "unavailable"),
        (ConnectionShutdown("c"), "connection_errors", "connection"),
        (ConnectionClosed("c"), "connection_errors", "connection"),
        (ConnectionResetError("c"), "connection_errors", "connection"),
        (Overloaded("o"), "other_errors", "overloaded"),
        (IsBootstrapping("b"), "other_errors", "bootstrapping"),
        (SyntaxException("s"), "other_errors", "invalid_request"),
        (ZeroDivisionError("z"), "other_errors", "other"),
        (PreparedQueryNotFound("p"), None, "unprepared"),
        (RequestCancelled("c"), None, "cancelled"),
    ],
)
def test_errors_of_attempts_are_counted_by_kind(
    metrics: Metrics, error: Exception, counter: str | None, kind: str
) -> None:
    node = host()
    metrics.attempt_started(REQUEST, node, False)
    metrics.attempt_ended(REQUEST, node, error, 0.1)
    assert _counts(metrics) == ({counter: 1} if counter else {})
    counted = metrics.by_host()[node]
    assert counted.errors == {kind: 1}
    assert counted.latency["count"] == 1


def test_a_timeout_of_the_client_is_no_answer(metrics: Metrics) -> None:
    node = host()
    metrics.attempt_started(REQUEST, node, False)
    metrics.client_timed_out(REQUEST, node)
    metrics.attempt_ended(REQUEST, node, OperationTimedOut(), 10.0)
    metrics.client_timed_out(REQUEST, None)
    assert _counts(metrics) == {"client_timeouts": 2}
    counted = metrics.by_host()[node]
    assert counted.errors == {"client_timeout": 1}
    assert counted.requests == 1
    assert counted.latency["count"] == 0


def test_requests_are_timed_and_attempts_by_host(metrics: Metrics) -> None:
    first, second = host(1), host(2)
    for node, duration, speculative in ((first, 0.002, False), (second, 0.2, True)):
        metrics.attempt_started(REQUEST, node, speculative)
        metrics.attempt_ended(REQUEST, node, None, duration)
    metrics.request_retried(REQUEST, ReadTimeout("r"), True)
    metrics.request_ignored(REQUEST, ReadTimeout("r"))
    metrics.request_ended(REQUEST, None, 0.25)
    assert metrics.request_timer["count"] == 1
    assert metrics.request_timer["max"] == 0.25
    assert _counts(metrics) == {"retries": 1, "ignores": 1}
    assert metrics.speculative_executions == 1
    assert metrics.by_host()[second].speculative_executions == 1
    counts, total = metrics.by_host()[first].latency.buckets()
    assert [bound for bound, _ in counts] == [*LATENCY_BOUNDS, float("inf")]
    assert next(bound for bound, count in counts if count) == 0.0025
    assert total == 0.002
    assert "1 requests, 0 errors" in repr(metrics.by_host()[first])


def test_many_requests_are_all_counted(metrics: Metrics) -> None:
    node = host()
    for _ in range(1000):
        metrics.attempt_started(REQUEST, node, False)
        metrics.attempt_ended(REQUEST, node, None, 0.001)
        metrics.request_ended(REQUEST, None, 0.002)
    assert metrics.request_timer["count"] == 1000
    assert metrics.request_timer["median"] == 0.002
    assert metrics.by_host()[node].requests == 1000
    assert metrics.by_host()[node].latency["count"] == 1000


def test_connections_and_bytes_are_counted_by_host(metrics: Metrics) -> None:
    first, second = host(1), host(2)
    metrics.connection_opened(first)
    metrics.connection_opened(first)
    metrics.connection_closed(first, None)
    metrics.connection_failed(second, OSError("refused"))
    metrics.bytes_sent(first, 100)
    metrics.bytes_received(first, 300)
    counted = metrics.by_host()
    assert counted[first].connections_opened == 2
    assert counted[first].connections_closed == 1
    assert counted[second].connections_failed == 1
    assert (counted[first].bytes_sent, counted[first].bytes_received) == (100, 300)
    assert metrics.get_stats()["bytes_sent"] == metrics.sent_bytes.value == 100
    assert metrics.get_stats()["bytes_received"] == metrics.received_bytes.value == 300


def test_a_removed_host_is_forgotten_but_not_what_it_adds(metrics: Metrics) -> None:
    node = host()
    metrics.connection_opened(node)
    metrics.attempt_started(REQUEST, node, True)
    metrics.bytes_sent(node, 100)
    metrics.host_changed(node, "down")
    assert node in metrics.by_host()
    metrics.host_changed(node, "removed")
    metrics.host_changed(node, "removed")
    # Its pool is closed, and the last answers come, after it is gone.
    metrics.bytes_sent(node, 10)
    metrics.bytes_received(node, 1)
    metrics.attempt_ended(REQUEST, node, ReadTimeout("r"), 0.1)
    metrics.client_timed_out(REQUEST, node)
    metrics.connection_closed(node, None)
    assert metrics.by_host() == {}
    assert metrics.sent_bytes == 110
    assert metrics.received_bytes == 1
    assert metrics.speculative_executions == 1
    assert metrics.read_timeouts == 1


# --- gauges ----------------------------------------------------------------------------------


def _cluster() -> Cluster:
    first, second, third = host(1), host(2), host(3)
    second.is_sick = True
    cluster = Cluster(first, second, third)
    cluster.pools = [(first, 2, 5, 1, 0), (first, 1, 1, 0, 2), (second, 0, 0, 0, 4)]
    return cluster


GAUGES = {
    "known_hosts": 3,
    "connected_to": 1,
    "sick_hosts": 1,
    "open_connections": 3,
    "in_flight": 6,
    "waiting": 6,
}


def _gauges(metrics: Metrics) -> dict[str, Any]:
    return {name: metrics.get_stats()[name] for name in GAUGES}


@pytest.mark.parametrize("make", [lambda cluster: cluster, weakref.proxy])
def test_gauges_read_the_live_cluster_and_do_not_hold_it(make: Any) -> None:
    cluster = _cluster()
    metrics = Metrics(make(cluster))
    node = cluster.hosts[0]
    metrics.connection_opened(node)
    assert _gauges(metrics) == GAUGES
    assert metrics.by_host()[node].in_flight == 6
    cluster.pools = []
    assert metrics.open_connections == 0
    alive = weakref.ref(cluster)
    del cluster
    gc.collect()
    assert alive() is None
    assert _gauges(metrics) == dict.fromkeys(GAUGES, 0)
    metrics.shutdown()


def test_an_observer_reads_the_cluster_it_is_attached_to(metrics: Metrics) -> None:
    assert _gauges(metrics) == dict.fromkeys(GAUGES, 0)
    cluster = _cluster()
    metrics.attached(cluster)
    assert _gauges(metrics) == GAUGES
    assert metrics.pool_snapshot() == cluster.pools
    assert metrics.stats_name in getStats()
    metrics.detached(cluster)
    assert metrics.stats_name not in getStats()


def test_the_stats_have_the_known_names(metrics: Metrics) -> None:
    known = {
        *("request_timer", "connection_errors", "write_timeouts", "read_timeouts"),
        *("unavailables", "other_errors", "retries", "ignores"),
        *("known_hosts", "connected_to", "open_connections"),
    }
    assert known <= metrics.get_stats().keys()
    assert metrics.get_stats()["request_timer"] == metrics.request_timer.snapshot()


def test_how_often_a_node_was_sick(metrics: Metrics) -> None:
    node = host(1)
    for change in ("sick", "well", "sick", "well", "down"):
        metrics.host_changed(node, change)
    assert metrics.by_host()[node].times_sick == 2
