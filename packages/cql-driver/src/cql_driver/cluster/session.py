"""`Session`: through which an application runs its statements."""

from __future__ import annotations

from cql_driver import query as statements
from cql_driver.cluster.attributes import CheckedAttributes, LegacyAttributes
from cql_driver.cluster.hosts import SessionHosts
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET, profile_of
from cql_driver.cluster.response import ResponseFuture
from cql_driver.cluster.results import result_of
from cql_driver.cluster.session_requests import SessionRequests
from cql_driver.cluster.values import checked_callable, checked_name
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.handlers import ProtocolHandler
from cql_driver.query.checks import check_custom_payload, check_encodable
from cql_protocol.identifiers import escape_name

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from cql_driver.cluster.cluster import Cluster
    from cql_driver.cluster.profiles import ExecutionProfile
    from cql_driver.cluster.results import ResultSet
    from cql_driver.core.execution import Execution
    from cql_driver.core.sessions import SessionPools
    from cql_driver.pools.host import Host
    from cql_driver.query import PreparedStatement

__all__ = ["Session"]


class Session(SessionRequests, SessionHosts, LegacyAttributes, CheckedAttributes):
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

    default_fetch_size: int | None = 5000
    use_client_timestamp: bool = True
    max_trace_wait: float = 2.0
    prefetch_pages: bool = False
    client_protocol_handler: Any = ProtocolHandler

    def __init__(
        self, cluster: Cluster, hosts: Iterable[Host] = (), keyspace: str | None = None
    ) -> None:
        # What requests are made of is loaded with the first session, not with this module.
        from cql_driver.cluster.requests import PageDecoder, RequestFactory

        self.cluster = cluster
        self.timestamp_generator = cluster.timestamp_generator
        self._pools: SessionPools | None = None
        self._keyspace = keyspace
        self._requests = RequestFactory(self)
        self._make = self._requests.make
        self._listeners: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = []
        self._decoder = PageDecoder(cluster.read_options)
        self.next_timestamp = self._next_timestamp
        self._shutdown = False

    def __repr__(self) -> str:
        state = "shut down" if self.is_shutdown else f"keyspace {self.keyspace!r}"
        return f"<Session of {self.cluster!r}, {state}>"

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

        Raises an exception of the tree of `cql_driver.DriverException`: what the server
        answered, `OperationTimedOut`, or `NoHostAvailable`.

        Example::

            row = session.execute("SELECT name FROM users WHERE id = ?", (user_id,)).one()
        """
        execution, start = self._make(
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
        execution.session.engine.runtime.perform(start, execution)
        outcome = execution.outcome
        if isinstance(outcome, BaseException):
            raise outcome
        return result_of(self, execution)

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
    ) -> ResponseFuture:
        """Start a statement and return its future; the parameters are those of `execute`.

        What is wrong with the call itself is raised from here, all else from the future.

        Example::

            futures = [session.execute_async(select, (key,)) for key in keys]
            rows = [future.result().one() for future in futures]
        """
        execution, start = self._make(
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
        future = ResponseFuture(self, execution)
        if self._listeners:
            self._tell_listeners(future)
        future.launched = True
        self._dispatch(execution, start)
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
        if not isinstance(query, str):
            simple = isinstance(query, statements.SimpleStatement)
            hint = ": give its query_string" if simple else ""
            raise InvalidArgumentType(f"query is a {type(query).__name__}, not a str{hint}")
        check_encodable("query", query)
        if keyspace is not None:
            checked_name("keyspace", keyspace, "keyspace")
        check_custom_payload(custom_payload)
        known = None if custom_payload else self.known_prepared(query, keyspace)
        if known is not None:
            return known
        timeout = self.profile(EXEC_PROFILE_DEFAULT).request_timeout
        return self._runtime.run(self.prepare_on_loop(query, keyspace, timeout, custom_payload))

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
        return self._keyspace if self._pools is None else self._pools.keyspace

    @keyspace.setter
    def keyspace(self, keyspace: str) -> None:
        self.set_keyspace(keyspace)

    def set_keyspace(self, keyspace: str) -> None:
        """Have every connection use this keyspace; its name is taken as it is, unquoted.

        Returns when all do. Raises `InvalidRequest` when there is none of this name.
        """
        checked_name("keyspace", keyspace, "keyspace")
        self.execute(f"USE {escape_name(keyspace)}")

    # --- profiles, listeners, types --------------------------------------------------------------

    def profile(self, wanted: Any) -> ExecutionProfile:
        """Return the execution profile of this name, or the one that is given itself."""
        profiles = self.cluster.profile_manager.profiles
        if wanted is EXEC_PROFILE_DEFAULT:
            return profiles[EXEC_PROFILE_DEFAULT]
        return profile_of(profiles, wanted)

    def get_execution_profile(self, name: Any) -> ExecutionProfile:
        """Return the execution profile of this name."""
        return self.profile(name)

    def execution_profile_clone_update(self, ep: Any, **kwargs: Any) -> ExecutionProfile:
        """Return a shallow copy of a profile (or its name) with attributes replaced.

        Example::

            dicts = session.execution_profile_clone_update("reports", row_factory=dict_factory)
        """
        clone = self.profile(ep).clone()
        for name, value in kwargs.items():
            if name.startswith("_") or not hasattr(clone, name):
                known = ", ".join(n for n in vars(clone) if not n.startswith("_"))
                raise InvalidArgument(f"an execution profile has no {name!r}; it has {known}")
            setattr(clone, name, value)
        return clone

    def add_request_init_listener(
        self, fn: Callable[..., object], *args: Any, **kwargs: Any
    ) -> None:
        """Call ``fn(response_future, *args, **kwargs)`` for each request before it is sent."""
        checked_callable("fn", fn, "a function of the ResponseFuture")
        self._listeners = [*self._listeners, (fn, args, kwargs)]

    def remove_request_init_listener(
        self, fn: Callable[..., object], *args: Any, **kwargs: Any
    ) -> None:
        """Stop calling what was added with the same arguments."""
        if (fn, args, kwargs) not in self._listeners:
            raise InvalidArgument(f"fn={fn!r} was not added with these arguments")
        self._listeners = [known for known in self._listeners if known != (fn, args, kwargs)]

    def future_of(self, execution: Execution) -> ResponseFuture:
        """Return the future of an execution."""
        return ResponseFuture(self, execution)

    def _tell_listeners(self, future: ResponseFuture) -> None:
        for fn, args, kwargs in self._listeners:
            fn(future, *args, **kwargs)

    def user_type_registered(self, keyspace: str, user_type: str, klass: type) -> None:
        """Have literals of `klass` written as this user type; called by the cluster."""
        self.cluster.teach_encoder(self.encoder, keyspace, user_type, klass)
        self._decoder = type(self._decoder)(self.cluster.read_options)

    # --- pools and hosts -------------------------------------------------------------------------

    @property
    def pools(self) -> SessionPools:
        """The session's part on the loop."""
        pools = self._pools
        return self.cluster.revive(self) if pools is None else pools

    def submit(self, fn: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Have the driver's loop call the function soon; it must not block."""
        checked_callable("fn", fn, "a function")
        self._runtime.call_soon_threadsafe(lambda: fn(*args, **kwargs))

    # --- the end -----------------------------------------------------------------------------

    @property
    def is_shutdown(self) -> bool:
        """Whether the session is shut down."""
        return self._shutdown or (self._pools is not None and self._pools.closed is not None)

    def shutdown(self) -> None:
        """Close all connections; requests in flight end at once with `SessionShutdown`."""
        self._shutdown = True
        pools = self._pools
        if pools is not None and pools.closed is None:
            self.cluster.on_loop(pools.engine, pools.close)
