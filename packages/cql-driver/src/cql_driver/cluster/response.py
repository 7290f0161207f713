"""`ResponseFuture`: a request that runs, for who has other things to do meanwhile."""

from __future__ import annotations

from _thread import allocate_lock

from cql_driver.cluster.results import ResultSet
from cql_driver.errors import InvalidArgument, InvalidArgumentType, QueryExhausted
from cql_driver.logs import get_logger, seldom
from cql_protocol import messages
from cql_protocol.enums import ConsistencyLevel

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any
    from uuid import UUID

    from cql_driver.cluster.session_base import SessionBase
    from cql_driver.core.execution import Execution
    from cql_driver.pools.host import Host
    from cql_driver.query import QueryTrace
    from cql_protocol.messages import Request

    Callback = tuple[Callable[..., object], tuple[Any, ...], Mapping[str, Any]]

__all__ = ["ResponseFuture"]

log = get_logger("cql_driver.request")


class ResponseFuture:
    """The outcome of a request to come, made by `Session.execute_async`.

    `result()` waits for it. Callbacks are called with the rows of the page (None for a result
    without rows), errbacks with the exception, on the thread that drives the driver's loop, or at
    once when the outcome is there. They must not take long. They are called again
    for each page that `start_fetching_next_page` brings. What they raise is logged.

    Example::

        future = session.execute_async("SELECT * FROM events")
        future.add_callbacks(print, log_error)
        rows = future.result()
    """

    __slots__ = (
        "__weakref__",
        "_callbacks",
        "_errbacks",
        "_lock",
        "_traces",
        "execution",
        "launched",
        "session",
    )

    def __init__(self, session: SessionBase, execution: Execution) -> None:
        self.session = session
        self.execution = execution
        """The request, or of a paged one the page that was asked for last."""
        self.launched = False
        """Whether it was started for nobody in particular to wait for."""
        self._callbacks: list[Callback] = []
        self._errbacks: list[Callback] = []
        self._traces: list[UUID] = []
        self._lock = allocate_lock()
        if execution.done:
            self._note_trace(execution)
        else:
            execution.complete = self._completed

    def __repr__(self) -> str:
        outcome = self.execution.outcome
        if isinstance(outcome, BaseException):
            state = f"failed: {outcome}"
        else:
            state = "done" if self.execution.done else "running"
        return f"<ResponseFuture of {self.query!r}, {state}, at {self.coordinator_host}>"

    # --- the outcome ---------------------------------------------------------------------------

    def result(self) -> ResultSet:
        """Wait for the outcome and return its rows, or raise the request's error.

        The wait ends by the request's own time-out, if not before.
        """
        execution = self.execution
        if not execution.done:
            self.session.wait_for(execution)
        outcome = execution.outcome
        if isinstance(outcome, BaseException):
            raise outcome
        return ResultSet(self)

    def cancel(self) -> bool:
        """Stop waiting for the answer; return False when the outcome was there before.

        The outcome is `RequestCancelled` then. The server may still carry the request out.
        """
        execution = self.execution
        if execution.done:
            return False
        self.session.on_loop(execution.cancel)
        return True

    # --- callbacks -----------------------------------------------------------------------------

    def add_callback(self, fn: Callable[..., object], *args: Any, **kwargs: Any) -> ResponseFuture:
        """Call ``fn(rows, *args, **kwargs)`` for each page that comes, and return self."""
        self._add(self._callbacks, fn, args, kwargs, failed=False)
        return self

    def add_errback(self, fn: Callable[..., object], *args: Any, **kwargs: Any) -> ResponseFuture:
        """Call ``fn(exception, *args, **kwargs)`` when a page cannot be had, and return self."""
        self._add(self._errbacks, fn, args, kwargs, failed=True)
        return self

    def add_callbacks(
        self,
        callback: Callable[..., object],
        errback: Callable[..., object],
        callback_args: tuple[Any, ...] = (),
        callback_kwargs: Mapping[str, Any] | None = None,
        errback_args: tuple[Any, ...] = (),
        errback_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Do as `add_callback` and `add_errback` together."""
        self.add_callback(callback, *callback_args, **(callback_kwargs or {}))
        self.add_errback(errback, *errback_args, **(errback_kwargs or {}))

    def clear_callbacks(self) -> None:
        """Forget all callbacks and errbacks."""
        with self._lock:
            self._callbacks = []
            self._errbacks = []

    def _add(
        self,
        callbacks: list[Callback],
        fn: Callable[..., object],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        failed: bool,
    ) -> None:
        if not callable(fn):
            raise InvalidArgumentType(f"fn={fn!r} cannot be called")
        callback = (fn, args, kwargs)
        with self._lock:
            callbacks.append(callback)
            execution = self.execution
            # What completes between the two lines sees the callback in the list.
            late = execution.done and execution.complete is None
        if late and isinstance(execution.outcome, BaseException) == failed:
            self._call(execution, [callback])

    def _completed(self, execution: Execution) -> None:
        """Take the outcome, on the loop."""
        self._note_trace(execution)
        failed = isinstance(execution.outcome, BaseException)
        with self._lock:
            execution.complete = None
            callbacks = list(self._errbacks if failed else self._callbacks)
        if callbacks:
            self.session.call_user(self._call, execution, callbacks)
        if self.launched:
            self.session.attended()

    def _call(self, execution: Execution, callbacks: list[Callback]) -> None:
        argument = execution.outcome
        if not isinstance(argument, BaseException):
            try:
                argument = self.session.decode_page(execution)
            except Exception as exc:  # noqa: BLE001 - a row factory may raise anything
                argument = exc
                callbacks = list(self._errbacks)
        for fn, args, kwargs in callbacks:
            try:
                fn(argument, *args, **kwargs)
            except Exception as exc:  # noqa: BLE001 - a callback of the user's
                key = ("callback", getattr(fn, "__qualname__", type(fn)), type(exc))
                seldom(log.error, key, "A callback of %r raised", self.query, error=exc)

    # --- pages ---------------------------------------------------------------------------------

    @property
    def has_more_pages(self) -> bool:
        """Whether another page can be fetched; only once the outcome is there."""
        outcome = self.execution.outcome
        return isinstance(outcome, messages.RawRows) and outcome.metadata.paging_state is not None

    def start_fetching_next_page(self) -> None:
        """Ask for the next page; callbacks are called again, `result` waits for it.

        It has a time-out and a query plan of its own. Raises `QueryExhausted` when there is no
        next page.
        """
        if not self.has_more_pages:
            raise QueryExhausted("there is no next page: look at has_more_pages before")
        before = self.execution
        execution = self.session.next_page(before)
        execution.complete = self._completed
        self.execution = execution
        self.launched = True
        self.session.launch(execution)

    def page_came(self, execution: Execution) -> None:
        """Take note of the next page, which a result has fetched."""
        self.execution = execution
        self._note_trace(execution)

    # --- about the request -----------------------------------------------------------------------

    @property
    def query(self) -> Any:
        """The statement."""
        return self.execution.statement

    @property
    def message(self) -> Request:
        """The request as it is sent."""
        return self.execution.message

    @property
    def row_factory(self) -> Any:
        """What makes rows of the columns and tuples."""
        return self.execution.options.row_factory

    @property
    def default_timeout(self) -> float | None:
        """The time-out in seconds; None for no limit."""
        return self.execution.timeout

    @property
    def request_encoded_size(self) -> int | None:
        """The bytes of the request's body as it was sent, or None before it was."""
        host = self.execution.host
        if host is None:
            return None
        return self.session.encoded_size(self.execution)

    @property
    def is_schema_agreed(self) -> bool:
        """False when the statement changed the schema and the nodes did not agree in time."""
        more = self.execution.more
        return True if more is None else more.agreed

    @property
    def coordinator_host(self) -> Host | None:
        """The host that answered, or the one asked last."""
        return self.execution.host

    @property
    def attempted_hosts(self) -> list[Host]:
        """The hosts that were asked, in order."""
        return self.execution.attempted_hosts

    @property
    def warnings(self) -> Sequence[str]:
        """The warnings the server sent along; raises when the outcome is not there yet."""
        return getattr(self._outcome("warnings"), "warnings", ())

    @property
    def custom_payload(self) -> Mapping[str, bytes | None] | None:
        """What the server sent along; raises when the outcome is not there yet."""
        return getattr(self._outcome("custom_payload"), "custom_payload", None)

    def _outcome(self, what: str) -> Any:
        if not self.execution.done:
            raise InvalidArgument(f"{what} is known once the request is done: call result() before")
        return self.execution.outcome

    # --- traces --------------------------------------------------------------------------------

    def _note_trace(self, execution: Execution) -> None:
        trace_id = getattr(execution.outcome, "tracing_id", None)
        if trace_id is not None:
            self._traces.append(trace_id)

    def get_query_trace_ids(self) -> list[UUID]:
        """Return the ids of the traces of all pages so far."""
        return list(self._traces)

    def get_query_trace(
        self, max_wait: float | None = None, query_cl: int = ConsistencyLevel.LOCAL_ONE
    ) -> QueryTrace | None:
        """Return the trace of the last page; None when tracing was not asked for.

        Waits for the outcome, then up to `max_wait` seconds (the session's `max_trace_wait` when
        None) until the server has written the trace. Raises `TraceUnavailable` then.
        """
        if not self.execution.done:
            self.session.wait_for(self.execution)
        if not self._traces:
            return None
        return self._get_trace(self._traces[-1], max_wait, query_cl)

    def get_all_query_traces(
        self, max_wait_per: float | None = None, query_cl: int = ConsistencyLevel.LOCAL_ONE
    ) -> list[QueryTrace]:
        """Return the traces of all pages so far."""
        return [self._get_trace(trace_id, max_wait_per, query_cl) for trace_id in self._traces]

    def _get_trace(self, trace_id: UUID, max_wait: float | None, query_cl: int) -> QueryTrace:
        from cql_driver.cluster.traces import checked_trace_wait
        from cql_driver.query import QueryTrace

        trace = QueryTrace(trace_id, self.session)
        wait, query_cl = checked_trace_wait(self.session, max_wait, query_cl)
        trace.populate(wait, query_cl=query_cl)
        return trace
