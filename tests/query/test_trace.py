from __future__ import annotations

import datetime
import time
import uuid
from typing import Any

import pytest

from cql_driver.errors import TraceUnavailable
from cql_driver.query import QueryTrace, TraceEvent
from cql_protocol.errors import OperationTimedOut
from cql_protocol.values.timeuuid import uuid_from_time

TRACE = uuid.UUID("a3f1c2d4-0000-11ee-8000-0123456789ab")
STARTED = datetime.datetime(2024, 2, 29, 12, 0, 0, 5000)

SESSION: dict[str, Any] = {
    "session_id": TRACE,
    "request": "Execute CQL3 query",
    "duration": 1500,
    "started_at": STARTED,
    "coordinator": "127.0.0.1",
    "client": "127.0.0.2",
    "parameters": {"query": "SELECT 1"},
}


def event(step: int, elapsed: int | None = 10) -> dict[str, Any]:
    return {
        "event_id": uuid_from_time(STARTED + datetime.timedelta(microseconds=step)),
        "activity": f"step {step}",
        "source": "127.0.0.1",
        "source_elapsed": elapsed,
        "thread": "worker",
    }


class Session:
    """Answers the reads of a trace by what is given, and does not sleep."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Any, float | None, Any]] = []
        self.pauses: list[float] = []

    def trace_rows(
        self, query: str, params: Any, timeout: float | None, consistency: Any
    ) -> list[dict[str, Any]]:
        self.asked.append((query, params, timeout, consistency))
        if "events" in query:
            return [event(2), event(1, None)]
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


def populated(*answers: Any, **given: Any) -> tuple[QueryTrace, Session]:
    session = Session(*answers)
    trace = QueryTrace(TRACE, session)
    trace.populate(**given)
    return trace, session


def test_before_it_is_read() -> None:
    trace = QueryTrace(TRACE, None)
    assert trace.trace_id == TRACE
    for name in ("request_type", "duration", "client", "coordinator", "parameters", "started_at"):
        assert getattr(trace, name) is None
    assert trace.events is None


def test_a_complete_trace() -> None:
    trace, session = populated([SESSION], query_cl=1)
    assert trace.request_type == "Execute CQL3 query"
    assert trace.duration == datetime.timedelta(microseconds=1500)
    assert trace.started_at == STARTED
    assert (trace.coordinator, trace.client) == ("127.0.0.1", "127.0.0.2")
    assert trace.parameters == {"query": "SELECT 1"}
    assert trace.events is not None
    assert [step.description for step in trace.events] == ["step 1", "step 2"]
    assert session.pauses == []
    assert [params for _, params, _, _ in session.asked] == [(TRACE,), (TRACE,)]
    assert {level for _, _, _, level in session.asked} == {1}
    assert "127.0.0.1" in str(trace)
    assert str(TRACE) in repr(trace)


def test_old_servers_do_not_tell_the_client() -> None:
    row = {name: value for name, value in SESSION.items() if name != "client"}
    assert populated([row])[0].client is None


@pytest.mark.parametrize("missing", ["duration", "started_at"])
def test_it_waits_until_the_trace_is_complete(missing: str) -> None:
    partial = {**SESSION, missing: None}
    trace, session = populated([], [partial], [partial], [SESSION])
    assert trace.duration is not None
    assert session.pauses == [0.003, 0.006, 0.012]
    timeouts = [timeout for _, _, timeout, _ in session.asked]
    assert all(timeout is not None and 0 < timeout <= 2 for timeout in timeouts)


def test_it_takes_what_there_is() -> None:
    trace, session = populated([], [{**SESSION, "duration": None}], wait_for_complete=False)
    assert trace.duration is None
    assert trace.started_at == STARTED
    assert len(session.pauses) == 1


@pytest.mark.parametrize("answer", [[], [{**SESSION, "duration": None}]])
def test_it_gives_up(answer: Any) -> None:
    with pytest.raises(TraceUnavailable, match=r"not complete within 0\.5 s"):
        populated(answer, max_wait=0.5)


def test_pauses_end_with_the_time_and_do_not_grow_for_ever() -> None:
    session = Session([])
    with pytest.raises(TraceUnavailable):
        QueryTrace(TRACE, session).populate(max_wait=10)
    assert sum(session.pauses) <= 10
    assert max(session.pauses) == 0.5


def test_a_read_that_times_out() -> None:
    with pytest.raises(TraceUnavailable) as told:
        populated(OperationTimedOut())
    assert isinstance(told.value.__cause__, OperationTimedOut)


def test_without_a_limit() -> None:
    _, session = populated(*[[]] * 20, [SESSION], max_wait=None)
    assert len(session.pauses) == 20
    assert [timeout for _, _, timeout, _ in session.asked] == [None] * 22


def test_a_session_without_a_clock_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    session = Session([], [SESSION])
    bare = type("Bare", (), {"trace_rows": staticmethod(session.trace_rows)})()
    QueryTrace(TRACE, bare).populate()
    assert slept == [0.003]


def test_events() -> None:
    step = TraceEvent("did it", uuid_from_time(STARTED), "127.0.0.1", 7, "worker")
    assert step.datetime == STARTED
    assert step.source_elapsed == datetime.timedelta(microseconds=7)
    assert (step.description, step.source, step.thread_name) == ("did it", "127.0.0.1", "worker")
    assert str(step) == "did it on 127.0.0.1[worker] at 2024-02-29 12:00:00.005000"
    assert "did it" in repr(step)
    assert TraceEvent("x", uuid_from_time(STARTED), None, None, None).source_elapsed is None
