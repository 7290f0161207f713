"""`SessionBase`: what the sessions of all APIs are: all that does not wait, and procedures."""

from __future__ import annotations

from cql_driver import query as statements
from cql_driver.cluster.attributes import CheckedAttributes, LegacyAttributes
from cql_driver.cluster.hosts import SessionHosts
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, profile_of
from cql_driver.cluster.session_requests import SessionRequests
from cql_driver.cluster.values import checked_callable, checked_name
from cql_driver.errors import ForkedError, InvalidArgument, InvalidArgumentType
from cql_driver.handlers import ProtocolHandler
from cql_driver.query.checks import check_custom_payload, check_encodable

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from cql_driver.cluster.base import ClusterBase
    from cql_driver.cluster.profiles import ExecutionProfile
    from cql_driver.cluster.response import ResponseFuture
    from cql_driver.core.execution import Execution
    from cql_driver.core.sessions import SessionPools
    from cql_driver.pools.host import Host
    from cql_driver.query import PreparedStatement

__all__ = ["SessionBase"]


_READ_OFTEN = ("client_protocol_handler", "default_fetch_size", "use_client_timestamp")


class SessionBase(SessionRequests, SessionHosts, LegacyAttributes, CheckedAttributes):
    """A session without a way to wait; each API derives its own.

    What takes a while is a procedure: see `ClusterBase`.
    """

    cluster: Any
    default_fetch_size: int | None = 5000
    use_client_timestamp: bool = True
    max_trace_wait: float = 2.0
    prefetch_pages: bool = False
    client_protocol_handler: Any = ProtocolHandler

    def __init__(
        self, cluster: ClusterBase, hosts: Iterable[Host] = (), keyspace: str | None = None
    ) -> None:
        self.cluster = cluster
        self.timestamp_generator = cluster.timestamp_generator
        self._pools: SessionPools | None = None
        self._keyspace = keyspace
        self._listeners: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = []
        self._shutdown = False
        # Every request reads them, which is slower as long as they are the class's.
        for name in _READ_OFTEN:
            setattr(self, name, getattr(self, name))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Make what requests are made of, and what reads rows, for the first that needs it."""
            keep = self.__dict__.setdefault  # two threads may be the first
            if name == "_requests":
                from cql_driver.cluster.requests import RequestFactory

                made = keep(name, RequestFactory(self))
                object.__setattr__(self, name, made)  # where it has a slot, it is found there
                return made
            if name == "_make":
                return keep(name, self._requests.make)
            if name == "_decoder":
                from cql_driver.cluster.pages import PageDecoder

                return keep(name, PageDecoder(self.cluster.read_options))
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(message, name=name, obj=self)

    def __repr__(self) -> str:
        state = "shut down" if self.is_shutdown else f"keyspace {self.keyspace!r}"
        return f"<{type(self).__name__} of {self.cluster!r}, {state}>"

    # --- preparing and the keyspace ------------------------------------------------------------

    def _prepared(self, query: Any, custom_payload: Any, keyspace: Any) -> PreparedStatement | None:
        """Check what is to be prepared; return the statement if it is known already."""
        if not isinstance(query, str):
            simple = isinstance(query, statements.SimpleStatement)
            hint = ": give its query_string" if simple else ""
            raise InvalidArgumentType(f"query is a {type(query).__name__}, not a str{hint}")
        check_encodable("query", query)
        if keyspace is not None:
            checked_name("keyspace", keyspace, "keyspace")
        check_custom_payload(custom_payload)
        return None if custom_payload else self.known_prepared(query, keyspace)

    async def _prepare_procedure(
        self, query: str, custom_payload: Mapping[str, bytes | None] | None, keyspace: str | None
    ) -> PreparedStatement:
        timeout = self.profile(EXEC_PROFILE_DEFAULT).request_timeout
        return await self.prepare_on_loop(query, keyspace, timeout, custom_payload)

    @property
    def keyspace(self) -> str | None:
        """The keyspace in use, as it is, unquoted."""
        return self._keyspace if self._pools is None else self._pools.keyspace

    # --- profiles, listeners, types --------------------------------------------------------------

    def profile(self, wanted: Any) -> ExecutionProfile:
        """Return the execution profile of this name, or the one that is given itself."""
        profiles: dict[Any, ExecutionProfile] = self.cluster.profile_manager.profiles
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
        from cql_driver.cluster.response import ResponseFuture

        return ResponseFuture(self, execution)

    def _tell_listeners(self, future: ResponseFuture) -> None:
        for fn, args, kwargs in self._listeners:
            fn(future, *args, **kwargs)

    def user_type_registered(self, keyspace: str, user_type: str, klass: type) -> None:
        """Have literals of `klass` written as this user type; called by the cluster."""
        self.cluster.teach_encoder(self.encoder, keyspace, user_type, klass)
        self._decoder = type(self._decoder)(self.cluster.read_options)

    # --- pools -----------------------------------------------------------------------------------

    @property
    def pools(self) -> SessionPools:
        """The session's part on the loop."""
        pools = self._pools
        return self._revive() if pools is None else pools

    def _revive(self) -> SessionPools:
        """Connect a session that a forked child has of its parent."""
        raise ForkedError

    def submit(self, fn: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Have the driver's loop call the function soon; it must not block."""
        checked_callable("fn", fn, "a function")
        self._runtime.call_soon_threadsafe(lambda: fn(*args, **kwargs))

    @property
    def is_shutdown(self) -> bool:
        """Whether the session is shut down."""
        return self._shutdown or (self._pools is not None and self._pools.closed is not None)
