"""`TwistedSession`: runs statements on the reactor; its methods return Deferreds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, ensureDeferred, fail, maybeDeferred, succeed
from twisted.python.failure import Failure

from cql_driver.cluster.hosts import SchemaAgreementScope
from cql_driver.cluster.page import page_of
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET
from cql_driver.cluster.session_base import SessionBase
from cql_driver.cluster.traces import checked_trace_wait, trace_procedure
from cql_driver.cluster.values import checked_name
from cql_protocol.errors import UnsupportedOperation
from cql_protocol.identifiers import escape_name
from cql_reactors.deferreds.concurrency import Source, Window
from cql_reactors.deferreds.results import TwistedResultSet
from cql_reactors.deferreds.waiting import deferred_of, hold, let_go, soon

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping
    from uuid import UUID

    from cql_driver.cluster.concurrency import ExecutionResult
    from cql_driver.core.execution import Execution
    from cql_driver.pools.host import Host
    from cql_driver.query import PreparedStatement, QueryTrace
    from cql_reactors.deferreds.cluster import TwistedCluster
    from cql_reactors.twistedreactor import TwistedRuntime

__all__ = ["TwistedSession"]


class TwistedSession(SessionBase):
    """Connections to the nodes of a cluster, and the calls that run statements on them.

    Made by `TwistedCluster.connect`; one session serves a whole application. It is used in the
    reactor's thread. What a method cannot do is the failure of its Deferred, an exception of
    the tree of `cql_driver.DriverException`; to cancel the Deferred is to stop waiting, and
    harms no other request (the server may still carry it out).

    The attributes that may be set at any time are those of `cql_driver.cluster.Session`;
    `prefetch_pages` is True here.

    Example::

        @inlineCallbacks
        def add_user(session, user_id):
            insert = yield session.prepare("INSERT INTO users (id, name) VALUES (?, ?)")
            yield session.execute(insert, (user_id, "Zoë"))
    """

    cluster: TwistedCluster
    prefetch_pages = True

    async def __aenter__(self) -> TwistedSession:
        return self

    async def __aexit__(self, *args: object) -> None:
        await self.shutdown()

    @property
    def runtime(self) -> TwistedRuntime:
        """The runtime that the session is on."""
        return self.pools.engine.runtime  # type: ignore[return-value]

    # --- running statements --------------------------------------------------------------------

    def execute(
        self,
        query: Any,
        parameters: Any = None,
        timeout: Any = NOT_SET,
        trace: bool = False,
        custom_payload: Mapping[str, bytes | None] | None = None,
        execution_profile: Any = EXEC_PROFILE_DEFAULT,
        paging_state: bytes | None = None,
        host: Host | None = None,
        execute_as: str | None = None,
        row_factory: Callable[..., Any] | None = None,
    ) -> Deferred[TwistedResultSet]:
        """Run a statement and return its rows; the parameters are those of `Session.execute`.

        Example::

            found = session.execute("SELECT name FROM users WHERE id = ?", (user_id,))
            found.addCallback(lambda result: result.one())
        """
        self.check_loop()
        try:
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
            complete: Callable[[Execution], object] = self._completed
            if self._listeners:
                complete = self.told(execution, complete)
        except Exception as exc:  # noqa: BLE001 - all of it is told in one way
            return fail(Failure(exc))
        deferred = execution.future = Deferred(partial(_cancel, execution))
        execution.complete = complete
        hold(execution)
        execution.start()
        return deferred

    execute_async = execute

    def _completed(self, execution: Execution) -> None:
        let_go(execution)
        soon(execution.session.engine.runtime, _fire, self, execution)  # type: ignore[arg-type]

    def execute_concurrent(
        self,
        statements_and_parameters: Any,
        concurrency: int = 100,
        raise_on_first_error: bool = True,
        results_generator: bool = False,
        execution_profile: Any = EXEC_PROFILE_DEFAULT,
    ) -> Any:
        """Run statements, at most `concurrency` at a time; return their results in order.

        `statements_and_parameters` gives pairs of a statement (anything `execute` takes) and its
        parameters or None. It may be an async iterable, whose code awaits Deferreds. It is read
        as places become free, so it may be endless.

        Returns a Deferred of a list of `ExecutionResult`; with `results_generator` an async
        generator of them, which holds no more than `concurrency` results, for ``async for`` in
        coroutines that `ensureDeferred` runs.

        With `raise_on_first_error` the first error fails it, and nothing more is started; what
        is in flight goes on. Otherwise errors are among the results, as ``(False, exception)``.
        To cancel the Deferred, or to close the generator, cancels what is in flight.

        Example::

            yield session.execute_concurrent([(insert, (1, "a")), (insert, (2, "b"))])
        """
        return self._concurrently(
            lambda: Source(statements_and_parameters, "statements_and_parameters"),
            concurrency,
            raise_on_first_error,
            results_generator,
            execution_profile,
        )

    def execute_concurrent_with_args(
        self,
        statement: Any,
        parameters: Any,
        concurrency: int = 100,
        raise_on_first_error: bool = True,
        results_generator: bool = False,
        execution_profile: Any = EXEC_PROFILE_DEFAULT,
    ) -> Any:
        """Run one statement with each of `parameters`; the rest is that of `execute_concurrent`.

        Example::

            results = yield session.execute_concurrent_with_args(select, [(1,), (2,)])
            names = [result.result_or_exc.one().name for result in results]
        """
        return self._concurrently(
            lambda: Source(parameters, "parameters", statement),
            concurrency,
            raise_on_first_error,
            results_generator,
            execution_profile,
        )

    def _concurrently(
        self,
        source: Callable[[], Source],
        concurrency: int,
        raises: bool,
        generator: bool,
        profile: Any,
    ) -> Any:
        def begin() -> Deferred[list[ExecutionResult]]:
            window = Window(self, source(), concurrency, raises, profile, bounded=False)
            return ensureDeferred(window.collect())

        self.check_loop()
        if generator:
            return Window(self, source(), concurrency, raises, profile, bounded=True).results()
        return maybeDeferred(begin)

    # --- preparing and the keyspace ------------------------------------------------------------

    def prepare(
        self,
        query: str,
        custom_payload: Mapping[str, bytes | None] | None = None,
        keyspace: str | None = None,
    ) -> Deferred[PreparedStatement]:
        """Return the statement prepared on the server, ready for values.

        Preparing a text again costs nothing: it is remembered by keyspace and text. `keyspace`
        is where names without one are looked up (protocol 5), the session's when None.
        """

        def prepare() -> Any:
            known = self._prepared(query, custom_payload, keyspace)
            return known or self._run(self._prepare_procedure(query, custom_payload, keyspace))

        self.check_loop()
        return maybeDeferred(prepare)

    def prepare_on_all_hosts(
        self, query: str, excluded_host: Host | None, keyspace: str | None = None
    ) -> Deferred[None]:
        """Prepare a statement on every host but one; what fails there is only logged."""
        return self.prepare(query, keyspace=keyspace).addCallback(_nothing)

    @property
    def keyspace(self) -> str | None:
        """The keyspace in use, as it is, unquoted; `set_keyspace` changes it."""
        return self._keyspace if self._pools is None else self._pools.keyspace

    @keyspace.setter
    def keyspace(self, keyspace: str) -> None:
        raise UnsupportedOperation(
            "to change the keyspace takes a while: use session.set_keyspace(), and its Deferred"
        )

    def set_keyspace(self, keyspace: str) -> Deferred[None]:
        """Have every connection use this keyspace; its name is taken as it is, unquoted.

        Fires when all do. Fails with `InvalidRequest` when there is none of this name.
        """

        def use() -> Deferred[TwistedResultSet]:
            checked_name("keyspace", keyspace, "keyspace")
            return self.execute(f"USE {escape_name(keyspace)}")

        self.check_loop()
        return maybeDeferred(use).addCallback(_nothing)

    def wait_for_schema_agreement(
        self, wait_time: float | None = None, scope: str = SchemaAgreementScope.CLUSTER
    ) -> Deferred[bool]:
        """Wait until the nodes that are up have the same schema; return whether they have.

        - `wait_time`: seconds, the cluster's ``max_schema_agreement_wait`` when None; 0 or less
          does not ask and gives True
        - `scope`: see `SchemaAgreementScope`

        After a statement that changes the schema the session does this by itself.
        """
        self.check_loop()
        return maybeDeferred(lambda: self._run(self._agreement_procedure(wait_time, scope)))

    # --- what results ask for ------------------------------------------------------------------

    def start_next_page(self, execution: Execution) -> Execution:
        """Return the execution of the page that follows, started."""
        following = self.next_page(execution)
        following.start()
        return following

    def read_traces(
        self, traces: Iterable[UUID], max_wait: float | None, query_cl: int, complete: bool
    ) -> Deferred[list[QueryTrace]]:
        """Read traces; `TwistedResultSet.get_query_trace` says how."""

        async def read(wait: float, level: int) -> list[QueryTrace]:
            return [await trace_procedure(self, each, wait, level, complete) for each in traces]

        self.check_loop()
        return maybeDeferred(lambda: self._run(read(*checked_trace_wait(self, max_wait, query_cl))))

    def trace_rows(self, *question: Any) -> Any:
        """Refuse `QueryTrace.populate`, which would wait."""
        raise UnsupportedOperation(
            "the reactor cannot wait for a trace: use result.get_query_trace(), and its Deferred"
        )

    def _run(self, procedure: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        return deferred_of(self.runtime, procedure)

    # --- the end -----------------------------------------------------------------------------

    def check_loop(self) -> None:
        """Raise `UnsupportedOperation` in another thread than the reactor's."""
        pools = self._pools
        if pools is None or not pools.engine.runtime.in_loop():
            if pools is not None and pools.closed is not None:
                raise pools.closed
            self.cluster.check_loop()

    def shutdown(self) -> Deferred[None]:
        """Close all connections; requests in flight fail with `SessionShutdown`.

        A second call does nothing. The sockets are closed when this returns.
        """
        pools = self._pools
        if pools is not None and pools.closed is None:
            self.check_loop()
            pools.close()
        self._shutdown = True
        return succeed(None)


def _fire(session: TwistedSession, execution: Execution) -> None:
    deferred: Deferred[TwistedResultSet] = execution.future
    execution.future = None
    if deferred.called:  # it was cancelled
        return
    outcome = execution.outcome
    if isinstance(outcome, BaseException):
        deferred.errback(Failure(outcome))
    else:
        deferred.callback(page_of(TwistedResultSet, session, execution))


def _cancel(execution: Execution, deferred: Deferred[Any]) -> None:
    execution.cancel()


def _nothing(result: object) -> None:
    return None
