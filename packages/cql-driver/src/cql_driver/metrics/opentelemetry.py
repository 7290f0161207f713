"""`OpenTelemetryObserver`: a span and a duration for each request (extra ``opentelemetry``)."""

from __future__ import annotations

from time import time_ns

from cql_driver.core.observers import Observer, context_of
from cql_driver.errors import InvalidArgument
from cql_driver.metrics.slow_queries import operation_of, text_of
from cql_protocol.enums import ConsistencyLevel
from cql_protocol.errors import DependencyException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.pools.host import Host

__all__ = ["OpenTelemetryObserver"]

_SYSTEM = "cassandra"
_DURATION = "db.client.operation.duration"
_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""What the semantic conventions advise for this metric, in seconds."""
_DESCRIPTION = 250


class _Traced:
    """What the observer keeps in a request's context."""

    __slots__ = ("created", "parent", "span", "recording", "common", "speculative")

    def __init__(self, parent: Any, created: int | None) -> None:
        self.parent = parent
        self.created = created
        self.span: Any = None
        self.recording = False
        self.common: dict[str, Any] = {}
        self.speculative = 0


class OpenTelemetryObserver(Observer):
    """Makes a CLIENT span for each request, a child of the span its caller was in.

    Attributes follow the semantic conventions for Cassandra; attempts that fail, retries,
    speculative executions and timeouts are events of the span. Besides, the histogram
    ``db.client.operation.duration`` is recorded, and ``cql_driver.sick_hosts`` and
    ``cql_driver.times_sick`` count nodes that hang or lag. Providers are the global ones when None.

    With `query_text` the span has the CQL in ``db.query.text``, literals replaced by ``?``
    and cut to `max_length` characters. Span processors run on the loop: use a batching one.

    Raises `DependencyException` without opentelemetry-api.

    Example::

        cluster = Cluster(observers=[OpenTelemetryObserver(query_text=True)])
    """

    def __init__(
        self,
        tracer_provider: Any = None,
        meter_provider: Any = None,
        *,
        query_text: bool = False,
        max_length: int = 1000,
    ) -> None:
        try:
            from opentelemetry import context, metrics, trace
        except ImportError as error:
            raise DependencyException(
                "OpenTelemetryObserver needs opentelemetry-api: "
                "pip install 'cql-driver[opentelemetry]'",
                [error],
            ) from error
        if max_length < 1:
            raise InvalidArgument(f"max_length is {max_length}: give 1 character or more")
        from cql_driver._version import __version__

        self._tracer: Any = trace.get_tracer("cql_driver", __version__, tracer_provider)
        meter: Any = metrics.get_meter("cql_driver", __version__, meter_provider)
        self._duration: Any = _histogram(meter)
        self._sick: Any = meter.create_up_down_counter(
            "cql_driver.sick_hosts", "{host}", "Nodes that hang or lag."
        )
        self._times_sick: Any = meter.create_counter(
            "cql_driver.times_sick", "1", "Times a node was found to hang or lag."
        )
        self._current: Any = context.get_current
        self._no_parent: Any = context.Context()
        self._kind: Any = trace.SpanKind.CLIENT
        self._status: Any = trace.Status
        self._failed: Any = trace.StatusCode.ERROR
        self._query_text = query_text
        self._max_length = max_length

    def request_created(self, request: Any) -> None:
        """Remember the caller's context: the loop may run in another thread."""
        context_of(request)[self] = _Traced(self._current(), time_ns())

    def request_started(self, request: Any) -> None:
        """Begin the span."""
        context = context_of(request)
        traced = context.get(self)
        if traced is None:
            # Whatever context the loop is in now, it belongs to somebody else's request.
            traced = context[self] = _Traced(self._no_parent, None)
        name, traced.common, more = self._describe(request)
        traced.span = self._tracer.start_span(
            name,
            context=traced.parent,
            kind=self._kind,
            attributes={**traced.common, **more},
            start_time=traced.created,
        )
        traced.recording = traced.span.is_recording()

    def attempt_started(self, request: Any, host: Host, speculative: bool) -> None:
        """Tell of the attempt."""
        traced = self._recording(request)
        if traced is not None:
            traced.speculative += speculative
            traced.span.add_event("attempt", {**_server(host), "speculative": bool(speculative)})

    def attempt_ended(
        self, request: Any, host: Host, error: BaseException | None, duration: float
    ) -> None:
        """Tell of an attempt that failed."""
        traced = self._recording(request) if error is not None else None
        if traced is not None:
            traced.span.add_event(
                "attempt failed",
                {**_server(host), "error.type": _type(error), "duration": duration},
            )

    def request_retried(self, request: Any, error: BaseException, same_host: bool) -> None:
        """Tell of the retry."""
        traced = self._recording(request)
        if traced is not None:
            traced.span.add_event("retry", {"error.type": _type(error), "same_host": same_host})

    def request_ignored(self, request: Any, error: BaseException) -> None:
        """Tell of the ignored error."""
        traced = self._recording(request)
        if traced is not None:
            traced.span.add_event("error ignored", {"error.type": _type(error)})

    def client_timed_out(self, request: Any, host: Host | None) -> None:
        """Tell of the timeout."""
        traced = self._recording(request)
        if traced is not None:
            traced.span.add_event("client timeout", _server(host) if host is not None else {})

    def request_ended(self, request: Any, error: BaseException | None, duration: float) -> None:
        """End the span and record the duration."""
        traced = (request.context or {}).pop(self, None)
        if traced is None or traced.span is None:
            return
        outcome: dict[str, Any] = {}
        if request.host is not None:
            outcome.update(_server(request.host))
        if error is not None:
            outcome["error.type"] = _type(error)
            code = getattr(error, "code", None)
            if code is not None:
                outcome["db.response.status_code"] = f"{code:#06x}"
        self._duration.record(duration, {**traced.common, **outcome})
        if traced.recording:
            self._finish(traced, request.host, error, outcome)
        traced.span.end()

    def host_changed(self, host: Host, change: str) -> None:
        """Count hosts that are sick."""
        if change in ("sick", "well"):
            self._sick.add(1 if change == "sick" else -1, _server(host))
        if change == "sick":
            self._times_sick.add(1, _server(host))

    # --- what is told ------------------------------------------------------------------------

    def _recording(self, request: Any) -> _Traced | None:
        traced: _Traced | None = (request.context or {}).get(self)
        return traced if traced is not None and traced.recording else None

    def _describe(self, request: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Return the span's name, the attributes of span and metric, and those of the span."""
        statement = request.statement
        operation = operation_of(statement)
        keyspace = getattr(statement, "keyspace", None)
        keyspace = keyspace or getattr(request.session, "keyspace", None)
        table = getattr(statement, "table", None)
        common = {"db.system.name": _SYSTEM}
        if operation is not None:
            common["db.operation.name"] = operation
        if keyspace:
            common["db.namespace"] = keyspace
        if table:
            common["db.collection.name"] = table
        more: dict[str, Any] = {}
        idempotent = getattr(statement, "is_idempotent", None)
        if idempotent is not None:
            more["cassandra.query.idempotent"] = bool(idempotent)
        page_size = getattr(statement, "fetch_size", None)
        if isinstance(page_size, int):
            more["cassandra.page.size"] = page_size
        level = getattr(statement, "consistency_level", None)
        if level is None:
            level = getattr(request.options, "consistency_level", None)
        if level in ConsistencyLevel.value_to_name:
            more["cassandra.consistency.level"] = ConsistencyLevel.value_to_name[level].lower()
        if self._query_text:
            more["db.query.text"] = text_of(statement, self._max_length)
        target = table or keyspace
        name = f"{operation or _SYSTEM} {target}" if target else operation or _SYSTEM
        return name, common, more

    def _finish(
        self, traced: _Traced, host: Host | None, error: BaseException | None, outcome: Any
    ) -> None:
        span = traced.span
        span.set_attributes(outcome)
        if traced.speculative:
            span.set_attribute("cassandra.speculative_execution.count", traced.speculative)
        if host is not None and host.host_id is not None:
            span.set_attribute("cassandra.coordinator.id", str(host.host_id))
        if host is not None and host.datacenter is not None:
            span.set_attribute("cassandra.coordinator.dc", host.datacenter)
        if error is not None:
            span.set_status(self._status(self._failed, str(error)[:_DESCRIPTION]))


def _histogram(meter: Any) -> Any:
    named = {"unit": "s", "description": "Duration of database client operations."}
    try:
        return meter.create_histogram(
            _DURATION, **named, explicit_bucket_boundaries_advisory=_BUCKETS
        )
    except TypeError:  # the API is older than that advice
        return meter.create_histogram(_DURATION, **named)


def _server(host: Host) -> dict[str, Any]:
    return {"server.address": host.address, "server.port": host.endpoint.port}


def _type(error: BaseException | None) -> str:
    return type(error).__qualname__
