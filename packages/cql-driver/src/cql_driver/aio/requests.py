"""`AsyncRequests`: how a task runs a statement and waits for it.

The compiled twin gives what does as a coroutine in place of one.
"""

from __future__ import annotations

from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Any

from cql_driver.aio.results import AsyncResultSet
from cql_driver.aio.waiting import resolve
from cql_driver.cluster.page import page_of
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET
from cql_protocol._accel import compiled

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Callable, Mapping

    from cql_driver.core.execution import Execution
    from cql_driver.pools.host import Host

__all__ = ["AsyncRequests"]


class AsyncRequests:
    """The part of an `AsyncSession` that runs a statement and waits for it."""

    _listeners: list[Any]
    _loop: AbstractEventLoop
    _make: Callable[..., Execution]
    _new_future: Callable[[], Future[Any]]

    if TYPE_CHECKING:
        # What `AsyncSession` has.
        def profile(self, wanted: Any) -> Any: ...  # noqa: D102
        def told(self, execution: Execution, complete: Callable[[Execution], object]) -> Any: ...  # noqa: D102
        def _refusal(self) -> Exception: ...

    async def execute(
        self,
        query: Any,
        parameters: Any = None,
        timeout: Any = NOT_SET,  # noqa: ASYNC109 - the request's own, which others do not share
        trace: bool = False,
        custom_payload: Mapping[str, bytes | None] | None = None,
        execution_profile: Any = EXEC_PROFILE_DEFAULT,
        paging_state: bytes | None = None,
        host: Host | None = None,
        execute_as: str | None = None,
        row_factory: Callable[..., Any] | None = None,
    ) -> AsyncResultSet:
        """Run a statement and return its rows.

        - `query`: a str, or a statement of `cql_driver.query`
        - `parameters`: values for its markers, a list or tuple in their order, or a dict by
          name. ``?`` and ``:name`` markers are bound by the server's types (a text with them is
          prepared once and remembered); for ``%s`` and ``%(name)s`` the text is filled in here,
          safely encoded
        - `timeout`: seconds, None for no limit; the profile's when not given. ``asyncio.timeout``
          works as well
        - `trace`: have the server record a trace, see `AsyncResultSet.get_query_trace`
        - `custom_payload`: sent along, str to bytes; added to the statement's own
        - `execution_profile`: a name or an `ExecutionProfile`
        - `paging_state`: go on where a result with this `AsyncResultSet.paging_state` ended
        - `host`: ask this one alone
        - `execute_as`: run it as another role (DSE)
        - `row_factory`: what rows become, the profile's when None; see `cql_driver.query`

        Raises an exception of the tree of `cql_driver.DriverException`: what the server
        answered, `OperationTimedOut`, or `NoHostAvailable`.
        """
        if _get_running_loop() is not self._loop:
            raise self._refusal()
        if row_factory is not None:
            execution_profile = self.profile(execution_profile).with_row_factory(row_factory)
        execution = self._make(
            query,
            parameters,
            timeout,
            trace,
            custom_payload,
            execution_profile,
            paging_state,
            host,
            execute_as,
        )
        execution.complete = resolve if not self._listeners else self.told(execution, resolve)
        future = execution.future = self._new_future()
        execution.start()
        try:
            await future
            if isinstance(execution.outcome, BaseException):
                raise execution.outcome
        except BaseException:
            execution.cancel()
            del execution  # the traceback has this frame: they would be part of a cycle
            raise
        return page_of(AsyncResultSet, self, execution)


AsyncRequests = compiled("awaiting", "AsyncRequests", AsyncRequests)  # type: ignore[misc]
