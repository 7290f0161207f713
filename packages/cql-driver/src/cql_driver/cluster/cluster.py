"""`Cluster`: how a cluster is reached, and the life of what reaches it."""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from functools import cached_property
from threading import RLock

from cql_driver.cluster.configuration import Configuration
from cql_driver.cluster.hosts import ClusterHosts
from cql_driver.cluster.profiles import (
    ExecutionProfile,
    ProfileManager,
    checked_profile,
    checked_timeout,
)
from cql_driver.cluster.schema import ClusterSchema
from cql_driver.cluster.session import Session
from cql_driver.cluster.values import checked_name
from cql_driver.errors import (
    ForkedError,
    InvalidArgument,
    InvalidArgumentType,
    SessionShutdown,
)
from cql_driver.metadata import Metadata
from cql_protocol.errors import OperationTimedOut
from cql_protocol.types import ReadOptions

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any
    from uuid import UUID

    from cql_driver.core.engine import Engine
    from cql_driver.core.observers import Observer, ObserverGroup
    from cql_driver.core.runtime import Runtime
    from cql_driver.core.sessions import SessionPools
    from cql_driver.encoder import Encoder
    from cql_driver.metrics import Metrics
    from cql_driver.pools.host import Host

__all__ = ["Cluster"]


class Cluster(ClusterSchema, ClusterHosts, Configuration):
    """A cluster of Cassandra or ScyllaDB nodes, and how to talk to it.

    Making one does nothing but check its parameters (`Configuration` describes them);
    `connect` reaches the cluster and returns a `Session`. One cluster object serves an
    application; close it by `shutdown`, or use it in a ``with`` statement.

    Example::

        with Cluster(["10.0.0.1", "10.0.0.2"]) as cluster:
            session = cluster.connect("shop")
    """

    def _set_up(self) -> None:
        self._lock = RLock()
        self._engine: Engine | None = None
        self._connecting: Engine | None = None
        self._runtime: Runtime | None = None
        self._forked = False
        self.is_shutdown = False
        self.sessions: weakref.WeakSet[Session] = weakref.WeakSet()
        self.metadata = Metadata()
        self.profile_manager = ProfileManager()
        self.profile_manager.listeners = self._host_listeners
        self._listeners: tuple[Any, ...] = ()
        self._user_types: dict[tuple[str, str], type] = {}
        self.read_options = ReadOptions()
        self.metrics: Metrics | None = None

    @cached_property
    def session_id(self) -> UUID:  # type: ignore[override]
        """What names this client to the servers."""
        from uuid import uuid4

        return uuid4()

    def __repr__(self) -> str:
        points = ", ".join(map(str, self.contact_endpoints))
        return f"<Cluster {self.metadata.cluster_name or points}>"

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *args: object) -> None:
        self.shutdown()

    # --- connecting ------------------------------------------------------------------------------

    def connect(self, keyspace: str | None = None, wait_for_all_pools: bool = False) -> Session:
        """Return a new session, in `keyspace` if one is given (its name as it is, unquoted).

        Returns as soon as one node can be used, or, with `wait_for_all_pools`, when every
        node was tried. Raises `NoHostAvailable` with each node's error when none can, at once or
        after ``wait_for_cluster`` seconds; what was opened is closed then, and `connect` can be
        called again.
        """
        if keyspace is not None:
            checked_name("keyspace", keyspace, "keyspace")
        with self._lock:
            engine = self._connected_engine()
            session = Session(self, (), keyspace)
            session._pools = engine.runtime.run(engine.open_session(keyspace, wait_for_all_pools))
            for (user_keyspace, user_type), klass in self._user_types.items():
                session.user_type_registered(user_keyspace, user_type, klass)
            self.sessions.add(session)
            return session

    def _connected_engine(self) -> Engine:
        if self.is_shutdown:
            raise SessionShutdown("the cluster is shut down: make a new Cluster")
        if self._engine is not None:
            return self._engine
        if self._forked:
            # What the parent knows of its nodes is the parent's.
            self._forked = False
            self.metadata = Metadata()
        # What it takes to be connected is not loaded before, nor for making a cluster.
        from cql_driver.core.engine import Engine
        from cql_driver.runtimes import make_runtime

        runtime = self._given_runtime or make_runtime(self.reactor, self.background_thread)
        runtime.start()
        try:
            observers = self._make_observers()
            engine = Engine(
                runtime, self.make_settings(), self.metadata, self.profile_manager, observers
            )
            engine.control.schema.listeners = self._schema_listeners
            self._connecting = engine
            # Policies ask the cluster for its metadata; it must not live by them alone.
            runtime.run(engine.connect(self))
        except BaseException:
            if runtime is not self._given_runtime:
                runtime.stop()
            raise
        finally:
            self._connecting = None
        self._runtime, self._engine = runtime, engine
        # Past the settings: other nodes may speak a higher one.
        object.__setattr__(self, "protocol_version", engine.protocol_version)
        if observers.attached is not None:
            observers.attached(self)
        _live.add(self)
        return engine

    def _make_observers(self) -> ObserverGroup:
        from cql_driver.core.observers import ObserverGroup

        observers = list(self.observers)
        if self.metrics_enabled:
            from cql_driver.metrics import Metrics

            if self.metrics is None:
                self.metrics = Metrics(weakref.proxy(self))
            observers.append(self.metrics)
        return ObserverGroup(self._with_watchers(observers))

    def _with_watchers(self, observers: Iterable[Observer]) -> list[Observer]:
        """Return the observers, and what the profiles' policies have to watch requests by."""
        found = list(observers)
        for watcher in self.profile_manager.watchers():
            if watcher not in found:
                found.append(watcher)
        return found

    # --- the end -----------------------------------------------------------------------------

    def shutdown(self) -> None:
        """Close all sessions and connections; requests in flight end with `SessionShutdown`.

        A second call does nothing. Nothing is left: no thread, no socket.
        """
        connecting = self._connecting
        if connecting is not None:  # by another thread, which has the lock meanwhile
            connecting.runtime.call_soon_threadsafe(connecting.shutdown)
        with self._lock:
            self.is_shutdown = True
            engine, self._engine = self._engine, None
            runtime, self._runtime = self._runtime, None
            if self.metrics is not None:
                self.metrics.shutdown()
        if engine is None or runtime is None:
            return
        if not self._forked:
            self.on_loop(engine, engine.shutdown)
            if engine.observers.detached is not None:
                engine.observers.detached(self)
            if runtime is not self._given_runtime:
                runtime.stop()

    def on_loop(self, engine: Engine, function: Callable[[], object]) -> None:
        """Call a function on the engine's loop, and wait until it has run."""
        from cql_driver.core.pending import Waitable

        done = Waitable()

        def call() -> None:
            try:
                function()
            finally:
                done.finish()

        if engine.closed is None:
            engine.runtime.perform(call, done)

    # --- forks -------------------------------------------------------------------------------

    def after_fork(self) -> None:
        """Take note that this is a child: what the parent has connected cannot be used here."""
        self._forked = True
        self._connecting = None
        self._lock = RLock()
        error = ForkedError()
        engine, self._engine, self._runtime = self._engine, None, None
        for session in list(self.sessions):
            pools = session._pools
            if pools is not None:
                pools.closed = error
                if self.reconnect_after_fork:
                    session._keyspace = pools.keyspace
                    session._pools = None
        if engine is not None:
            engine.closed = error

    def revive(self, session: Session) -> SessionPools:
        """Connect a session of the parent anew, in the child that first uses it."""
        with self._lock:
            if session._pools is None:
                if session.is_shutdown or self.is_shutdown:
                    raise SessionShutdown("the session is shut down: make a new one")
                engine = self._connected_engine()
                session._pools = engine.runtime.run(engine.open_session(session._keyspace))
            return session._pools

    # --- profiles ------------------------------------------------------------------------------

    def add_execution_profile(
        self, name: Any, profile: ExecutionProfile, pool_wait_timeout: float | None = 5
    ) -> None:
        """Add a profile after the cluster was made, and connect to the hosts it adds.

        Waits `pool_wait_timeout` seconds for those connections, None without limit. Raises
        `OperationTimedOut` when they are not there by then; they are opened all the same.
        """
        checked_profile("profile", profile)
        if not isinstance(name, Hashable):
            raise InvalidArgumentType(
                f"name={name!r} cannot be hashed, so no request could name it: give a str"
            )
        checked_timeout("pool_wait_timeout", pool_wait_timeout)
        with self._lock:
            self.use_profiles("add_execution_profile")
            if name in self.profile_manager.profiles:
                raise InvalidArgument(f"there is an execution profile called {name!r} already")
            engine = self._engine
            if engine is not None:
                profile.load_balancing_policy.populate(self, self.metadata.all_hosts())
            self.profile_manager.profiles[name] = profile
            if engine is not None:
                engine.watch_by(self._with_watchers(engine.observers.observers))
                opened = engine.runtime.run(engine.wait_for_pools(pool_wait_timeout))
                if not opened:
                    raise OperationTimedOut(
                        "not all connections of the new profile could be opened in time",
                        timeout=pool_wait_timeout,
                    )

    # --- listeners -----------------------------------------------------------------------------

    @property
    def listeners(self) -> list[Any]:
        """The listeners registered."""
        return list(self._listeners)

    def _host_listeners(self) -> Iterable[Any]:
        return self._listeners

    def register_listener(self, listener: Any) -> None:
        """Tell `listener` of hosts: `on_add`, `on_remove`, `on_up`, `on_down`.

        They are called on the driver's loop and must be quick; what they raise is logged.
        """
        for method in ("on_up", "on_down", "on_add", "on_remove"):
            if isinstance(listener, type) or not callable(getattr(listener, method, None)):
                raise InvalidArgumentType(
                    f"listener={listener!r} is no object with a method {method}: derive it from "
                    "cql_driver.policies.HostStateListener"
                )
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def unregister_listener(self, listener: Any) -> None:
        """Stop telling a listener."""
        with self._lock:
            if listener not in self._listeners:
                raise InvalidArgument(f"listener={listener!r} is not registered")
            self._listeners = tuple(known for known in self._listeners if known is not listener)

    def observers_add(self, observer: Observer) -> None:
        """Have one more observer, from the next connect on."""
        self.observers = (*self.observers, observer)

    # --- user types ------------------------------------------------------------------------------

    def register_user_type(self, keyspace: str, user_type: str, klass: type) -> None:
        """Have values of a user type read as, and written from, objects of `klass`.

        It is made with the fields as keywords, and its attributes are read by the fields' names.
        Raises `UserTypeDoesNotExist` when the cluster is connected and has no such type.
        """
        checked_name("keyspace", keyspace, "keyspace")
        checked_name("user_type", user_type, "user type")
        checked = klass
        if not callable(checked):
            raise InvalidArgumentType(f"klass={klass!r} cannot be called to make an object")
        self._check_user_type(keyspace, user_type)
        with self._lock:
            self._user_types[keyspace, user_type] = klass
            self.read_options = ReadOptions(udt_classes=self._user_types)
            for session in list(self.sessions):
                session.user_type_registered(keyspace, user_type, klass)

    def teach_encoder(self, encoder: Encoder, keyspace: str, user_type: str, klass: type) -> None:
        """Have literals of `klass` written as a user type's: its attributes by their names."""

        def literal(value: Any) -> str:
            fields = getattr(value, "_asdict", None)
            items = fields() if fields is not None else _attributes(value)
            parts = [
                f"{name}: {encoder.cql_encode_all_types(field)}" for name, field in items.items()
            ]
            return "{" + ", ".join(parts) + "}"

        encoder.mapping[klass] = literal

    # --- hosts and metadata ------------------------------------------------------------------

    def get_control_connection_host(self) -> Host | None:
        """Return the host that the control connection is at."""
        link = None if self._engine is None else self._engine.control.link
        return None if link is None else link.host or self.metadata.get_host(link.endpoint)

    @property
    def control_connection(self) -> Any:
        """What follows the cluster's topology and schema; None before `connect`."""
        return None if self._engine is None else self._engine.control

    def get_all_pools(self) -> list[Any]:
        """Return the pools of all sessions."""
        return [pool for session in list(self.sessions) for pool in session.get_pools()]

    get_connection_holders = get_all_pools

    def get_pool_snapshot(self) -> list[tuple[Host, int, int, int, int]]:
        """Return per host: connections, requests in flight, orphans, and requests that wait."""
        found = []
        for session in list(self.sessions):
            waiting = 0 if session._pools is None else len(session._pools.waiting)
            for pool in session.get_pools():
                links = list(pool.all_links)
                in_flight = sum(link.in_flight for link in links)
                orphans = sum(link.orphans for link in links)
                found.append((pool.host, len(links), in_flight, orphans, waiting))
                waiting = 0
        return found

    def load_of(self, host: Host) -> int:
        """Return how many requests the host has not answered yet; any thread."""
        engine = self._engine
        return 0 if engine is None else sum(len(link.streams) for link in engine.links_to(host))

    def is_shard_aware(self) -> bool:
        """Say whether the nodes tell of shards (ScyllaDB)."""
        return any(host.sharding_info is not None for host in self.metadata.all_hosts())

    def shard_aware_stats(self) -> dict[str, dict[str, int]] | None:
        """Return for each node its shards and how many connections there are; None without."""
        if not self.is_shard_aware():
            return None
        return {
            str(pool.host.endpoint): {
                "shards_count": pool.host.sharding_info.shards,
                "connected": len(pool.all_links),
            }
            for pool in self.get_all_pools()
            if pool.host.sharding_info is not None
        }

    def refresh_nodes(self, force_token_rebuild: bool = False) -> None:
        """Ask the cluster for its nodes now; raises what goes wrong."""
        engine = self._running("refresh_nodes")
        engine.runtime.run(engine.control.refresh_nodes(force_token_rebuild))


def _attributes(value: Any) -> dict[str, Any]:
    if hasattr(value, "__dict__"):
        return dict(vars(value))
    slots = getattr(value, "__slots__", ())
    return {name: getattr(value, name) for name in slots if hasattr(value, name)}


_live: weakref.WeakSet[Cluster] = weakref.WeakSet()


def _after_fork() -> None:
    for cluster in list(_live):
        cluster.after_fork()


def _watch_forks() -> None:
    import os

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


_watch_forks()
