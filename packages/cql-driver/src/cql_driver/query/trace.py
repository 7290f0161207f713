"""Traces: what the nodes did to answer one request, as the server wrote it down."""

from __future__ import annotations

import time
from datetime import timedelta

from cql_driver.errors import TraceUnavailable
from cql_protocol.errors import OperationTimedOut
from cql_protocol.values.timeuuid import datetime_from_uuid1

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any
    from uuid import UUID

__all__ = ["QueryTrace", "TraceEvent"]

SELECT_SESSION = "SELECT * FROM system_traces.sessions WHERE session_id = %s"
SELECT_EVENTS = "SELECT * FROM system_traces.events WHERE session_id = %s"

_FIRST_PAUSE = 0.003
_LONGEST_PAUSE = 0.5


class TraceEvent:
    """One step on the way to the answer.

    - `description`: what was done
    - `datetime`: when, by the clock of the node (naive, in UTC)
    - `source`: the address of the node
    - `source_elapsed`: the time since the node began (`timedelta`), or None
    - `thread_name`: the thread of the node that did it
    """

    description: str | None = None
    datetime: datetime | None = None
    source: str | None = None
    source_elapsed: timedelta | None = None
    thread_name: str | None = None

    def __init__(
        self,
        description: str | None,
        timeuuid: UUID,
        source: str | None,
        source_elapsed: int | None,
        thread_name: str | None,
    ) -> None:
        self.description = description
        self.datetime = datetime_from_uuid1(timeuuid)
        self.source = source
        if source_elapsed is not None:
            self.source_elapsed = timedelta(microseconds=source_elapsed)
        self.thread_name = thread_name

    def __str__(self) -> str:
        return f"{self.description} on {self.source}[{self.thread_name}] at {self.datetime}"

    def __repr__(self) -> str:
        return f"<TraceEvent {self}>"


class QueryTrace:
    """The trace of one request: how long it took, and its steps.

    Get it by ``result.get_query_trace()`` of a request made with ``trace=True``.

    - `trace_id`: the id under which the server keeps it
    - `request_type`: what was asked for, such as ``Execute CQL3 query``
    - `duration`: `timedelta`; None while the trace is not complete
    - `client`, `coordinator`: the addresses of both ends of the connection
    - `parameters`: a mapping of the request's parameters, both of them text
    - `started_at`: when the request began (naive datetime in UTC)
    - `events`: the steps (`TraceEvent`), in the order of time

    All but the first are None until `populate` has read them.
    """

    trace_id: UUID
    request_type: str | None = None
    duration: timedelta | None = None
    client: str | None = None
    coordinator: str | None = None
    parameters: Mapping[str, str] | None = None
    started_at: datetime | None = None
    events: Sequence[TraceEvent] | None = None

    def __init__(self, trace_id: UUID, session: Any) -> None:
        self.trace_id = trace_id
        self._session = session

    def populate(
        self,
        max_wait: float | None = 2.0,
        wait_for_complete: bool = True,
        query_cl: int | None = None,
    ) -> None:
        """Read the trace, which the server writes while, and a moment after, it answers.

        Waits up to `max_wait` seconds (None: without end) until the trace is complete, or with
        `wait_for_complete=False` until there is anything of it. `query_cl` is the consistency
        level of the reads. Raises `TraceUnavailable` when the time is over.
        """
        session = self._session
        pause = getattr(session, "_pause", None) or time.sleep

        async def rows(*question: Any) -> Any:
            return session.trace_rows(*question)

        async def sleep(seconds: float) -> None:
            pause(seconds)

        reading = self.reading(rows, sleep, max_wait, wait_for_complete, query_cl)
        try:
            reading.send(None)
        except StopIteration:
            pass

    async def reading(
        self,
        rows: Callable[..., Awaitable[list[dict[str, Any]]]],
        sleep: Callable[[float], Awaitable[None]],
        max_wait: float | None,
        wait_for_complete: bool = True,
        query_cl: int | None = None,
    ) -> None:
        """Do as `populate`, by a way to ask and one to wait; a procedure, if these are.

        ``rows(query, parameters, timeout, consistency)`` gives rows as dicts.
        """
        started = time.monotonic()
        paused = 0.0
        pause = _FIRST_PAUSE
        key = (self.trace_id,)
        try:
            while True:
                # What was paused counts even where the session's clock is not ours.
                spent = max(time.monotonic() - started, paused)
                left = None if max_wait is None else max_wait - spent
                if left is not None and left <= 0:
                    raise self._unavailable(max_wait)
                found = await rows(SELECT_SESSION, key, left, query_cl)
                if found and (is_complete(found[0]) or not wait_for_complete):
                    break
                pause = pause if left is None else min(pause, left)
                await sleep(pause)
                paused += pause
                pause = min(pause * 2, _LONGEST_PAUSE)
            self.fill(found[0], await rows(SELECT_EVENTS, key, left, query_cl))
        except OperationTimedOut as exc:
            raise self._unavailable(max_wait) from exc

    def fill(self, session_row: Mapping[str, Any], event_rows: Iterable[Mapping[str, Any]]) -> None:
        """Take the trace over from its rows in ``system_traces``, as dicts."""
        duration = session_row.get("duration")
        self.request_type = session_row.get("request")
        self.duration = None
        if duration is not None and is_complete(session_row):
            self.duration = timedelta(microseconds=duration)
        self.started_at = session_row.get("started_at")
        self.coordinator = _address(session_row.get("coordinator"))
        self.parameters = session_row.get("parameters")
        self.client = _address(session_row.get("client"))
        ordered = sorted(event_rows, key=lambda row: row["event_id"].time)
        self.events = tuple(
            TraceEvent(
                row.get("activity"),
                row["event_id"],
                _address(row.get("source")),
                row.get("source_elapsed"),
                row.get("thread"),
            )
            for row in ordered
        )

    def _unavailable(self, max_wait: float | None) -> TraceUnavailable:
        waited = "" if max_wait is None else f" within {max_wait:g} s"
        return TraceUnavailable(
            f"the trace {self.trace_id} was not complete{waited}: wait longer (max_wait, or "
            "Session.max_trace_wait), or take what there is with wait_for_complete=False"
        )

    def __str__(self) -> str:
        return (
            f"{self.request_type} [{self.trace_id}] coordinator: {self.coordinator}, "
            f"started at: {self.started_at}, duration: {self.duration}, "
            f"parameters: {self.parameters}"
        )

    def __repr__(self) -> str:
        return f"<QueryTrace {self.trace_id}>"


def _address(value: Any) -> str | None:
    """Return an address as text, whatever the session reads addresses as."""
    return None if value is None else str(value)


def is_complete(session_row: Mapping[str, Any]) -> bool:
    """Say whether the server has written the end of a trace."""
    return session_row.get("duration") is not None and session_row.get("started_at") is not None
