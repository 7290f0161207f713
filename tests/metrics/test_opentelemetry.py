"""The observer with the SDK of OpenTelemetry and its exporters in memory."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from cql_driver import ConsistencyLevel
from cql_driver.core.observers import Observer, ObserverGroup
from cql_driver.errors import InvalidArgument
from cql_driver.metrics.opentelemetry import OpenTelemetryObserver
from cql_driver.pools.host import Host
from cql_protocol.errors import DependencyException, OperationTimedOut, ReadTimeout
from tests.metrics.stand_ins import Batch, Request, bound, host, simple


class Telemetry:
    """Providers whose spans and metrics can be read, and a group with an observer on them."""

    def __init__(self, sampler: Any = None, **options: Any) -> None:
        self.spans_out = InMemorySpanExporter()
        self.tracers = TracerProvider(sampler=sampler)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans_out))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])
        self.observer = OpenTelemetryObserver(self.tracers, self.meters, **options)
        self.group: Any = ObserverGroup([self.observer])

    def run(self, request: Request, error: Any = None, duration: float = 0.02) -> None:
        """Lead a request through one attempt."""
        self.group.request_created(request)
        self.group.request_started(request)
        if request.host is not None:
            self.group.attempt_started(request, request.host, False)
            self.group.attempt_ended(request, request.host, error, duration)
        self.group.request_ended(request, error, duration)

    def span(self) -> ReadableSpan:
        (span,) = self.spans_out.get_finished_spans()
        return span

    def points(self) -> list[Any]:
        data = self.reader.get_metrics_data()
        assert data is not None
        (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
        assert (metric.name, metric.unit) == ("db.client.operation.duration", "s")
        return list(metric.data.data_points)


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


STATEMENT = bound(
    "SELECT a FROM users WHERE id = ? LIMIT 5",
    [b"secret"],
    keyspace="shop",
    table="users",
    is_idempotent=True,
    fetch_size=500,
    consistency_level=ConsistencyLevel.LOCAL_QUORUM,
)

COMMON = {
    "db.system.name": "cassandra",
    "db.namespace": "shop",
    "db.collection.name": "users",
    "db.operation.name": "SELECT",
    "server.address": "10.0.0.1",
    "server.port": 9042,
}


def test_a_request_is_a_client_span(telemetry: Telemetry) -> None:
    node = host()
    telemetry.run(Request(STATEMENT, node))
    span = telemetry.span()
    assert span.name == "SELECT users"
    assert span.kind is SpanKind.CLIENT
    assert span.parent is None
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes == {
        **COMMON,
        "cassandra.query.idempotent": True,
        "cassandra.page.size": 500,
        "cassandra.consistency.level": "local_quorum",
        "cassandra.coordinator.id": str(node.host_id),
        "cassandra.coordinator.dc": "dc1",
    }
    assert [event.name for event in span.events] == ["attempt"]


def test_what_the_statement_leaves_open_the_profile_says(telemetry: Telemetry) -> None:
    statement = simple("SELECT a FROM t", consistency_level=None, fetch_size=object())
    telemetry.run(Request(statement, host()))
    attributes = telemetry.span().attributes or {}
    assert attributes["cassandra.consistency.level"] == "local_one"
    assert "cassandra.page.size" not in attributes


@pytest.mark.parametrize(
    ("statement", "keyspace", "name"),
    [
        (simple("UPDATE t SET v = 1"), "shop", "UPDATE shop"),
        (simple("USE shop"), None, "USE"),
        (simple("nonsense"), None, "cassandra"),
        (Batch(3), "shop", "BATCH shop"),
    ],
)
def test_names_of_spans_have_few_values(statement: Any, keyspace: str | None, name: str) -> None:
    telemetry = Telemetry()
    telemetry.run(Request(statement, None, keyspace))
    assert telemetry.span().name == name
    attributes = telemetry.span().attributes or {}
    assert attributes.get("db.namespace") == keyspace
    assert "server.address" not in attributes


def test_the_text_is_told_when_asked_for_without_values() -> None:
    telemetry = Telemetry(query_text=True, max_length=38)
    telemetry.run(Request(STATEMENT, host()))
    text = (telemetry.span().attributes or {})["db.query.text"]
    assert text == "SELECT a FROM users WHERE id = ? LIMI…"


def test_an_error_is_told(telemetry: Telemetry) -> None:
    error = ReadTimeout("too slow")
    error.code = 0x1200
    telemetry.run(Request(STATEMENT, host()), error)
    span = telemetry.span()
    attributes = span.attributes or {}
    assert attributes["error.type"] == "ReadTimeout"
    assert attributes["db.response.status_code"] == "0x1200"
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is not None
    assert span.status.description.startswith("too slow")
    failed = span.events[1]
    assert failed.name == "attempt failed"
    assert dict(failed.attributes or {})["error.type"] == "ReadTimeout"


def test_the_way_of_a_request_is_told_by_events(telemetry: Telemetry) -> None:
    first, second = host(1), host(2)
    request = Request(STATEMENT, second)
    group, error = telemetry.group, ReadTimeout("r")
    group.request_created(request)
    group.request_started(request)
    group.attempt_started(request, first, False)
    group.attempt_ended(request, first, error, 0.1)
    group.request_retried(request, error, False)
    group.attempt_started(request, second, False)
    group.attempt_started(request, first, True)
    group.request_ignored(request, error)
    group.client_timed_out(request, second)
    group.client_timed_out(request, None)
    group.request_ended(request, OperationTimedOut(), 0.5)
    span = telemetry.span()
    told = [(event.name, (event.attributes or {}).get("server.address")) for event in span.events]
    assert told == [
        ("attempt", "10.0.0.1"),
        ("attempt failed", "10.0.0.1"),
        ("retry", None),
        ("attempt", "10.0.0.2"),
        ("attempt", "10.0.0.1"),
        ("error ignored", None),
        ("client timeout", "10.0.0.2"),
        ("client timeout", None),
    ]
    attributes = span.attributes or {}
    assert attributes["cassandra.speculative_execution.count"] == 1
    assert attributes["server.address"] == "10.0.0.2"
    assert "db.response.status_code" not in attributes
    assert request.context == {}


# --- the caller's context --------------------------------------------------------------------


def test_the_caller_is_the_parent_though_the_loop_is_another_thread(telemetry: Telemetry) -> None:
    tracer = telemetry.tracers.get_tracer("application")
    requests = [Request(STATEMENT, host()) for _ in range(2)]
    callers = []
    for request in requests:
        with tracer.start_as_current_span("caller") as caller:
            telemetry.group.request_created(request)
            callers.append(caller.get_span_context())

    def loop() -> None:
        # The loop may be in a context of its own, which says nothing of these requests.
        with tracer.start_as_current_span("loop"):
            for request in requests:
                telemetry.group.request_started(request)
            for request in requests:
                telemetry.group.request_ended(request, None, 0.1)

    thread = threading.Thread(target=loop)
    thread.start()
    thread.join()
    spans = [s for s in telemetry.spans_out.get_finished_spans() if s.name == "SELECT users"]
    assert [span.parent for span in spans] == callers


def test_a_request_of_nobody_has_no_parent(telemetry: Telemetry) -> None:
    request = Request(STATEMENT, host())
    with telemetry.tracers.get_tracer("application").start_as_current_span("somebody else"):
        telemetry.group.request_started(request)
        telemetry.group.request_ended(request, None, 0.1)
    span = next(s for s in telemetry.spans_out.get_finished_spans() if s.name == "SELECT users")
    assert span.parent is None


def test_the_span_begins_when_the_caller_asks(telemetry: Telemetry) -> None:
    request = Request(STATEMENT, host())
    telemetry.group.request_created(request)
    assert request.context is not None
    created = request.context[telemetry.observer].created
    telemetry.group.request_started(request)
    telemetry.group.request_ended(request, None, 0.1)
    assert telemetry.span().start_time == created


def test_a_request_that_is_unknown_does_not_matter(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    request = Request(STATEMENT, host())
    telemetry.group.attempt_started(request, request.host, False)
    telemetry.group.request_ended(request, None, 0.1)
    assert telemetry.spans_out.get_finished_spans() == ()
    assert caplog.records == []


# --- sampling, metrics, missing parts --------------------------------------------------------


def test_what_is_not_sampled_is_still_measured() -> None:
    telemetry = Telemetry(ALWAYS_OFF)
    telemetry.run(Request(STATEMENT, host()))
    assert telemetry.spans_out.get_finished_spans() == ()
    assert [point.count for point in telemetry.points()] == [1]


def test_durations_are_a_histogram(telemetry: Telemetry) -> None:
    for duration in (0.02, 0.2):
        telemetry.run(Request(STATEMENT, host()), None, duration)
    telemetry.run(Request(STATEMENT, host()), ReadTimeout("r"), 3.0)
    good, bad = sorted(telemetry.points(), key=lambda point: -point.count)
    assert (good.count, good.sum) == (2, pytest.approx(0.22))
    assert good.explicit_bounds == (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
    assert good.attributes == COMMON
    assert bad.attributes == {**COMMON, "error.type": "ReadTimeout"}


def test_an_older_api_takes_no_advice_on_buckets() -> None:
    class OldMeter:
        def create_histogram(self, name: str, unit: str, description: str) -> str:
            return name

        def create_counter(self, name: str, unit: str, description: str) -> str:
            return name

        create_up_down_counter = create_counter

    class OldProvider:
        def get_meter(self, *args: Any, **kwargs: Any) -> OldMeter:
            return OldMeter()

    observer = OpenTelemetryObserver(None, OldProvider())
    assert observer._duration == "db.client.operation.duration"


def test_without_providers_the_global_ones_do_nothing() -> None:
    group: Any = ObserverGroup([OpenTelemetryObserver()])
    request = Request(STATEMENT, host())
    group.request_created(request)
    group.request_started(request)
    group.attempt_started(request, request.host, False)
    group.request_ended(request, None, 0.1)
    assert request.context == {}


def test_a_host_that_is_hardly_known_is_told_of(telemetry: Telemetry) -> None:
    node = Host(host().endpoint, lambda _: None)
    telemetry.run(Request(STATEMENT, node))
    attributes = telemetry.span().attributes or {}
    assert attributes["server.port"] == 9042
    assert not any("coordinator" in name for name in attributes)


def test_it_needs_neither_connections_nor_bytes() -> None:
    group = Telemetry().group
    assert isinstance(group.observers[0], Observer)
    assert group.bytes_sent is group.connection_opened is None


def test_bad_arguments_are_named() -> None:
    with pytest.raises(InvalidArgument, match="max_length"):
        OpenTelemetryObserver(max_length=0)


def test_the_extra_is_named_when_the_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(DependencyException, match=r"pip install 'cql-driver\[opentelemetry\]'"):
        OpenTelemetryObserver()


def test_nodes_that_are_sick(telemetry: Telemetry) -> None:
    for node, change in ((1, "sick"), (2, "sick"), (1, "well"), (1, "down"), (2, "up")):
        telemetry.group.host_changed(host(node), change)
    data = telemetry.reader.get_metrics_data()
    assert data is not None
    found = {
        (metric.name, point.attributes["server.address"]): point.value
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        for point in metric.data.data_points
    }
    assert found == {
        ("cql_driver.sick_hosts", "10.0.0.1"): 0,
        ("cql_driver.sick_hosts", "10.0.0.2"): 1,
        ("cql_driver.times_sick", "10.0.0.1"): 1,
        ("cql_driver.times_sick", "10.0.0.2"): 1,
    }
