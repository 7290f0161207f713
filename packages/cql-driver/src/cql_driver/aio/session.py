"""`AsyncSession`: through which an application on asyncio runs its statements."""

from __future__ import annotations

from asyncio import AbstractEventLoop, _get_running_loop
from functools import partial
from typing import TYPE_CHECKING, Any

from cql_driver.aio.requests import AsyncRequests
from cql_driver.aio.results import AsyncResultSet
from cql_driver.aio.waiting import future_maker, refuse_loop, run_procedure
from cql_driver.cluster.hosts import SchemaAgreementScope
from cql_driver.cluster.page import page_of
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET
from cql_driver.cluster.session_base import SessionBase
from cql_driver.cluster.traces import checked_trace_wait, trace_procedure
from cql_driver.cluster.values import checked_name
from cql_protocol.errors import UnsupportedOperation
from cql_protocol.identifiers import escape_name

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
    from uuid import UUID

    from cql_driver.aio.cluster import AsyncCluster
    from cql_driver.aio.runtime import LoopRuntime
    from cql_driver.concurrent import ExecutionResult
    from cql_driver.core.execution import Execution
    from cql_driver.pools.host import Host
    from cql_driver.query import PreparedStatement, QueryTrace

__all__ = ["AsyncSession"]


class AsyncSession(AsyncRequests, SessionBase):
    """Connections to the nodes of a cluster, and the calls that run statements on them.

    Made by `AsyncCluster.connect`; one session serves all tasks of its event loop, and nobody
    else. Close it by ``await session.shutdown()``, or use it in ``async with``. It has the
    attributes of `cql_driver.cluster.Session`; `prefetch_pages` is True.

    A task that is cancelled while it waits gives up its request alone; the server may still
    carry it out.

    Example::

        async with AsyncCluster(["10.0.0.1"]) as cluster, cluster.connect("shop") as session:
            insert = await session.prepare("INSERT INTO users (id, name) VALUES (?, ?)")
            await session.execute(insert, (user_id, "Zoë"))
    """

    cluster: AsyncCluster
    prefetch_pages: bool = True

    def __init__(
        self, cluster: AsyncCluster, loop: AbstractEventLoop, keyspace: str | None = None
    ) -> None:
        super().__init__(cluster, (), keyspace)
        self._loop = loop
        self._new_future: Callable[[], Future[Any]] = future_maker(loop)

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(self, *args: object) -> None:
        await self.shutdown()

    # --- running statements --------------------------------------------------------------------

    def execute_async(
        self,
        query: Any,
        parameters: Any = None,
        trace: bool = False,
        custom_payload: Mapping[str, bytes | None] | None = None,
        timeout: Any = NOT_SET,
        execution_profile: Any = EXEC_PROFILE_DEFAULT,
        paging_state: bytes | None = None,
        host: Host | None = None,
        execute_as: str | None = None,
        row_factory: Callable[..., Any] | None = None,
    ) -> Future[AsyncResultSet]:
        """Start a statement at once and return its future; the parameters are those of `execute`.

        What is wrong with the call itself is raised from here, all else from the future. To
        cancel the future gives the request up.

        Example::

            futures = [session.execute_async(select, (key,)) for key in keys]
            rows = [(await future).one() for future in futures]
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
        complete = self._deliver
        execution.complete = self.told(execution, complete) if self._listeners else complete
        future: Future[AsyncResultSet] = self._new_future()
        execution.future = future
        execution.start()
        if not future.done():
            future.add_done_callback(partial(_cancel, execution))
        return future

    def _deliver(self, execution: Execution) -> None:
        future = execution.future
        if not future.done():
            outcome = execution.outcome
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(page_of(AsyncResultSet, self, execution))

    def execute_concurrent(
        self,
        statements_and_parameters: Iterable[tuple[Any, Any]] | AsyncIterable[tuple[Any, Any]],
        concurrency: int = 100,
        raise_on_first_error: bool = True,
        execution_profile: Any = EXEC_PROFILE_DEFAULT,
    ) -> AsyncIterator[ExecutionResult]:
        """Run statements, at most `concurrency` at a time; iterate over their results, in order.

        `statements_and_parameters` gives pairs of a statement (anything `execute` takes) and its
        parameters or None. It is read as places become free, so it may be endless; no more
        than `concurrency` statements are in flight, or done and not taken yet. Results are
        `ExecutionResult`: ``(success, result_or_exc)``.

        With `raise_on_first_error` the first error is raised, and nothing more is started.
        Otherwise errors are among the results.

        Example::

            async for success, result in session.execute_concurrent(pairs, concurrency=50):
                ...
        """
        from cql_driver.aio.concurrency import execute_concurrent

        return execute_concurrent(
            self, statements_and_parameters, concurrency, raise_on_first_error, execution_profile
        )

    def execute_concurrent_with_args(
        self,
        statement: Any,
        parameters: Iterable[Any] | AsyncIterable[Any],
        concurrency: int = 100,
        raise_on_first_error: bool = True,
        execution_profile: Any = EXEC_PROFILE_DEFAULT,
    ) -> AsyncIterator[ExecutionResult]:
        """Run one statement with each of `parameters`, as `execute_concurrent` does.

        Example::

            insert = await session.prepare("INSERT INTO users (id, name) VALUES (?, ?)")
            async for _ in session.execute_concurrent_with_args(insert, rows):
                pass
        """
        from cql_driver.aio.concurrency import execute_concurrent_with_args

        return execute_concurrent_with_args(
            self, statement, parameters, concurrency, raise_on_first_error, execution_profile
        )

    # --- preparing and the keyspace ----------------------------------------------------------

    async def prepare(
        self,
        query: str,
        custom_payload: Mapping[str, bytes | None] | None = None,
        keyspace: str | None = None,
    ) -> PreparedStatement:
        """Return the statement prepared on the server, ready for values.

        Preparing a text again costs nothing: it is remembered by keyspace and text. `keyspace`
        is where names without one are looked up (protocol 5), the session's when None.
        Raises what the server answers, `SyntaxException` for instance.

        Example::

            select = await session.prepare("SELECT name FROM users WHERE id = ?")
            row = (await session.execute(select, (user_id,))).one()
        """
        self.check_loop()
        known = self._prepared(query, custom_payload, keyspace)
        if known is not None:
            return known
        procedure = self._prepare_procedure(query, custom_payload, keyspace)
        return await run_procedure(self._runtime, procedure)

    async def prepare_on_all_hosts(
        self, query: str, excluded_host: Host | None, keyspace: str | None = None
    ) -> None:
        """Prepare a statement on every host but one; what fails there is only logged."""
        await self.prepare(query, keyspace=keyspace)

    @property
    def keyspace(self) -> str | None:
        """The keyspace in use, as it is, unquoted; `set_keyspace` changes it."""
        return self._keyspace if self._pools is None else self._pools.keyspace

    @keyspace.setter
    def keyspace(self, keyspace: str) -> None:
        raise UnsupportedOperation(
            "to change the keyspace takes a while: await session.set_keyspace(...)"
        )

    async def set_keyspace(self, keyspace: str) -> None:
        """Have every connection use this keyspace; its name is taken as it is, unquoted.

        Returns when all do. Raises `InvalidRequest` when there is none of this name.

        Example::

            await session.set_keyspace("shop")
        """
        checked_name("keyspace", keyspace, "keyspace")
        await self.execute(f"USE {escape_name(keyspace)}")

    async def wait_for_schema_agreement(
        self, wait_time: float | None = None, scope: str = SchemaAgreementScope.CLUSTER
    ) -> bool:
        """Wait until the nodes that are up have the same schema; return whether they have.

        - `wait_time`: seconds, the cluster's ``max_schema_agreement_wait`` when None; 0 or less
          does not ask and returns True
        - `scope`: see `SchemaAgreementScope`

        After a statement that changes the schema the session does this by itself.

        Example::

            if not await session.wait_for_schema_agreement(30):
                raise RuntimeError("the nodes do not agree")
        """
        self.check_loop()
        procedure = self._agreement_procedure(wait_time, scope)
        return await run_procedure(self._runtime, procedure)

    # --- what results ask for --------------------------------------------------------------------

    def start_next_page(self, execution: Execution) -> Execution:
        """Return the execution of the page that follows, started."""
        following = self.next_page(execution)
        following.start()
        return following

    async def read_trace(
        self, trace_id: UUID, max_wait: Any, query_cl: Any, wait_for_complete: bool = True
    ) -> QueryTrace:
        """Return a trace once the server has written it, see `AsyncResultSet.get_query_trace`."""
        self.check_loop()
        wait, level = checked_trace_wait(self, max_wait, query_cl)
        procedure = trace_procedure(self, trace_id, wait, level, wait_for_complete)
        return await run_procedure(self._runtime, procedure)

    def trace_rows(self, *question: Any) -> Any:
        """Refuse `QueryTrace.populate`, which would wait."""
        raise UnsupportedOperation(
            "a trace cannot be waited for on the event loop: await result.get_query_trace()"
        )

    # --- the loop and the end --------------------------------------------------------------------

    def check_loop(self) -> None:
        """Raise when this is not called on the session's loop, or the session is over."""
        if _get_running_loop() is not self._loop:
            raise self._refusal()

    def _refusal(self) -> Exception:
        closed = None if self._pools is None else self._pools.closed
        return closed or refuse_loop("session", self._loop)

    @property
    def _runtime(self) -> LoopRuntime:
        self.check_loop()
        return self.pools.engine.runtime  # type: ignore[return-value]

    async def shutdown(self) -> None:
        """Close all connections; requests in flight end at once with `SessionShutdown`.

        A second call does nothing.

        Example::

            await session.shutdown()
        """
        pools = self._pools
        if pools is not None and pools.closed is None:
            self.check_loop()
            pools.close()
            await self.cluster.closed_streams()
        self._shutdown = True


def _cancel(execution: Execution, future: Future[AsyncResultSet]) -> None:
    if future.cancelled():
        execution.cancel()
