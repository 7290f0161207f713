"""`Session`: through which an application runs its statements; its calls block."""

from __future__ import annotations

import time

from cql_driver.cluster.hosts import SchemaAgreementScope
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET
from cql_driver.cluster.session_base import SessionBase
from cql_driver.cluster.values import checked_name
from cql_protocol._accel import compiled
from cql_protocol.identifiers import escape_name

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from cql_driver.cluster.cluster import Cluster
    from cql_driver.cluster.page import page_of
    from cql_driver.cluster.response import ResponseFuture
    from cql_driver.cluster.results import ResultSet
    from cql_driver.core.sessions import SessionPools
    from cql_driver.pools.host import Host
    from cql_driver.query import PreparedStatement

__all__ = ["Session"]


class Session(SessionBase):
    """Connections to the nodes of a cluster, and the calls that run statements on them.

    Made by `Cluster.connect`; one session serves a whole application and any number of
    threads. Close it by `shutdown`, or use it in a ``with`` statement.

    Attributes that may be set at any time:

    - `default_fetch_size`: rows of a page, 5000; None for no paging
    - `use_client_timestamp`: send the time of writes along, from `timestamp_generator`
    - `timestamp_generator`: a callable that returns microseconds since the epoch
    - `max_trace_wait`: seconds to wait for a trace, 2.0
    - `encoder`: writes parameters of statements with ``%s`` markers, `cql_driver.encoder.Encoder`
    - `prefetch_pages`: ask for the next page while the current is used, False
    - `client_protocol_handler`: what decodes rows, see `cql_driver.protocol`

    Example::

        with Cluster(["10.0.0.1"]) as cluster, cluster.connect("shop") as session:
            insert = session.prepare("INSERT INTO users (id, name) VALUES (?, ?)")
            session.execute(insert, (user_id, "Zoë"))
    """

    __slots__ = ("_requests",)  # which compiled calls read without looking for it

    cluster: Cluster

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *args: object) -> None:
        self.shutdown()

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
    ) -> ResultSet:
        """Run a statement and return its rows.

        - `query`: a str, or a statement of `cql_driver.query`
        - `parameters`: values for its markers, a list or tuple in their order, or a dict by
          name. ``?`` and ``:name`` markers are bound by the server's types (a text with them is
          prepared once and remembered); for ``%s`` and ``%(name)s`` the text is filled in here,
          safely encoded
        - `timeout`: seconds, None for no limit; the profile's when not given
        - `trace`: have the server record a trace, see `ResultSet.get_query_trace`
        - `custom_payload`: sent along, str to bytes; added to the statement's own
        - `execution_profile`: a name or an `ExecutionProfile`
        - `paging_state`: go on where a result with this `ResultSet.paging_state` ended
        - `host`: ask this one alone
        - `execute_as`: run it as another role (DSE)
        - `row_factory`: what rows become, the profile's when None; see `cql_driver.query`

        Raises an exception of the tree of `cql_driver.DriverException`: what the server
        answered, `OperationTimedOut`, or `NoHostAvailable`.

        Example::

            row = session.execute("SELECT name FROM users WHERE id = ?", (user_id,)).one()
        """
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
        if self._listeners:
            self._tell_listeners(self.future_of(execution))
        execution.session.engine.runtime.perform(execution.start, execution)
        outcome = execution.outcome
        if isinstance(outcome, BaseException):
            try:
                raise outcome
            finally:
                # Its traceback has this frame: in a cycle the request would wait for the collector.
                del execution, outcome
        return page_of(ResultSet, self, execution)

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
    ) -> ResponseFuture:
        """Start a statement and return its future; the parameters are those of `execute`.

        What is wrong with the call itself is raised from here, all else from the future.

        Example::

            futures = [session.execute_async(select, (key,)) for key in keys]
            rows = [future.result().one() for future in futures]
        """
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
        future = self.future_of(execution)
        if self._listeners:
            self._tell_listeners(future)
        future.launched = True
        self.launch(execution)
        return future

    def prepare(
        self,
        query: str,
        custom_payload: Mapping[str, bytes | None] | None = None,
        keyspace: str | None = None,
    ) -> PreparedStatement:
        """Return the statement prepared on the server, ready for values.

        Preparing a text again costs nothing: it is remembered by keyspace and text. `keyspace`
        is where names without one are looked up (protocol 5), the session's when None.
        Raises what the server answers, `SyntaxException` for instance.
        """
        known = self._prepared(query, custom_payload, keyspace)
        if known is not None:
            return known
        return self._runtime.run(self._prepare_procedure(query, custom_payload, keyspace))

    def prepare_on_all_hosts(
        self, query: str, excluded_host: Host | None, keyspace: str | None = None
    ) -> None:
        """Prepare a statement on every host but one; what fails there is only logged."""
        self.prepare(query, keyspace=keyspace)

    def execute_concurrent(
        self,
        statements_and_parameters: Iterable[tuple[Any, Any]],
        concurrency: int = 100,
        raise_on_first_error: bool = True,
        results_generator: bool = False,
        execution_profile: Any = EXEC_PROFILE_DEFAULT,
    ) -> Any:
        """Run many statements at once, see `cql_driver.concurrent.execute_concurrent`."""
        from cql_driver.cluster.concurrency import execute_concurrent

        return execute_concurrent(
            self,
            statements_and_parameters,
            concurrency,
            raise_on_first_error,
            results_generator,
            execution_profile,
        )

    def execute_concurrent_with_args(
        self, statement: Any, parameters: Iterable[Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Run one statement with many values, see `cql_driver.concurrent`."""
        from cql_driver.cluster.concurrency import execute_concurrent_with_args

        return execute_concurrent_with_args(self, statement, parameters, *args, **kwargs)

    # --- the keyspace --------------------------------------------------------------------------

    @property
    def keyspace(self) -> str | None:
        """The keyspace in use, as it is, unquoted; assigning is the same as `set_keyspace`."""
        return SessionBase.keyspace.fget(self)  # type: ignore[attr-defined, no-any-return]

    @keyspace.setter
    def keyspace(self, keyspace: str) -> None:
        self.set_keyspace(keyspace)

    def set_keyspace(self, keyspace: str) -> None:
        """Have every connection use this keyspace; its name is taken as it is, unquoted.

        Returns when all do. Raises `InvalidRequest` when there is none of this name.
        """
        checked_name("keyspace", keyspace, "keyspace")
        self.execute(f"USE {escape_name(keyspace)}")

    def wait_for_schema_agreement(
        self, wait_time: float | None = None, scope: str = SchemaAgreementScope.CLUSTER
    ) -> bool:
        """Wait until the nodes that are up have the same schema; return whether they have.

        - `wait_time`: seconds, the cluster's ``max_schema_agreement_wait`` when None; 0 or less
          does not ask and returns True
        - `scope`: see `SchemaAgreementScope`

        After a statement that changes the schema the session does this by itself.
        """
        return self._runtime.run(self._agreement_procedure(wait_time, scope))

    def trace_rows(self, *question: Any) -> list[dict[str, Any]]:
        """Return the rows of a query on the traces; called by `QueryTrace`."""
        from cql_driver.cluster.traces import trace_rows_procedure

        return self._runtime.run(trace_rows_procedure(self, *question))

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)

    # --- the end -----------------------------------------------------------------------------

    def shutdown(self) -> None:
        """Close all connections; requests in flight end at once with `SessionShutdown`."""
        self._shutdown = True
        pools = self._pools
        if pools is not None and pools.closed is None:
            self.cluster.on_loop(pools.engine, pools.close)

    def _revive(self) -> SessionPools:
        return self.cluster.revive(self)


class _Execute:
    """`Session.execute` until somebody looks at it, who gets the function itself, or its twin.

    What requests and results are made of is loaded then, and not by a program's start.
    """

    __slots__ = ("execute",)

    def __init__(self, execute: Callable[..., ResultSet]) -> None:
        self.execute = execute

    def __get__(self, session: Session | None, owner: type[Session]) -> Any:
        global ResultSet, page_of
        from cql_driver.cluster.page import page_of
        from cql_driver.cluster.results import ResultSet

        python = self.execute
        execute: Any = compiled("calls", "execute", self.execute)
        if execute is not python:
            execute.__doc__, execute.__qualname__ = python.__doc__, python.__qualname__
            execute.__wrapped__ = python
        Session.execute = execute  # type: ignore[method-assign]
        return execute if session is None else execute.__get__(session, owner)


execute = Session.execute
Session.execute = _Execute(execute)  # type: ignore[assignment, method-assign]
