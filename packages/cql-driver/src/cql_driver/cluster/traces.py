"""Reading traces: procedures that all APIs run."""

from __future__ import annotations

from functools import partial

from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, checked_consistency
from cql_driver.cluster.values import checked_seconds
from cql_driver.core.pending import Pending
from cql_driver.core.procedures import sleep
from cql_driver.query import QueryTrace
from cql_driver.query.rows import dict_factory
from cql_protocol.enums import ConsistencyLevel

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

    from cql_driver.cluster.session_base import SessionBase
    from cql_driver.core.execution import Execution

__all__ = ["checked_trace_wait", "trace_procedure", "trace_rows_procedure"]


def checked_trace_wait(session: SessionBase, max_wait: Any, query_cl: Any) -> tuple[float, int]:
    """Return how many seconds to wait for a trace, and at which level to read it."""
    wait = session.max_trace_wait if max_wait is None else max_wait
    checked_seconds("max_wait", wait, none=False)
    return wait, checked_consistency("query_cl", query_cl)


async def trace_procedure(
    session: SessionBase, trace_id: UUID, wait: float, level: int, wait_for_complete: bool = True
) -> QueryTrace:
    """Return a trace, once the server has written it."""
    trace = QueryTrace(trace_id, session)
    rows = partial(trace_rows_procedure, session)
    pause = partial(sleep, session.pools.engine.runtime)
    await trace.reading(rows, pause, wait, wait_for_complete, level)
    return trace


async def trace_rows_procedure(
    session: SessionBase,
    query: str,
    parameters: Any,
    patience: float | None,
    consistency: int | None = None,
) -> list[dict[str, Any]]:
    """Return the rows of a query on the traces, each a dict."""
    profile = session.execution_profile_clone_update(
        EXEC_PROFILE_DEFAULT,
        consistency_level=ConsistencyLevel.LOCAL_ONE if consistency is None else consistency,
    )
    execution = session._make(query, parameters, patience, False, None, profile, None, None, None)
    rows: list[dict[str, Any]] = []
    while True:  # past the session's protocol handler, which may make anything of rows
        outcome = await _outcome(execution)
        names = [column.name for column in session.columns_of(execution) or ()]
        rows += dict_factory(names, session.raw_rows(execution))
        if outcome.metadata.paging_state is None:
            return rows
        execution = session.next_page(execution)


def _outcome(execution: Execution) -> Pending[Any]:
    """Start an execution; return what is done as it is."""
    pending: Pending[Any] = Pending()

    def complete(done: Execution) -> None:
        if isinstance(done.outcome, BaseException):
            pending.set_error(done.outcome)
        else:
            pending.set_result(done.outcome)

    execution.complete = complete
    pending.add_done_callback(lambda _: execution.cancel())  # for who waits no more
    execution.start()
    return pending
