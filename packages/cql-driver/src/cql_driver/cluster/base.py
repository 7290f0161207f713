"""`ClusterBase`: what the clusters of all APIs are: all that does not wait, and procedures."""

from __future__ import annotations

from _weakrefset import WeakSet
from collections.abc import Hashable
from functools import cached_property
from threading import RLock

from cql_driver.cluster.configuration import Configuration
from cql_driver.cluster.hosts import ClusterHosts
from cql_driver.cluster.profiles import ProfileManager, checked_profile, checked_timeout
from cql_driver.cluster.schema import ClusterSchema
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
    from collections.abc import Iterable
    from typing import Any
    from uuid import UUID

    from cql_driver.cluster.profiles import ExecutionProfile
    from cql_driver.core.engine import Engine
    from cql_driver.core.observers import Observer, ObserverGroup
    from cql_driver.core.runtime import Runtime
    from cql_driver.core.sessions import SessionPools
    from cql_driver.core.settings import RequestOptions
    from cql_driver.encoder import Encoder
    from cql_driver.metrics import Metrics
    from cql_driver.pools.host import Host

__all__ = ["ClusterBase"]


class ClusterBase(ClusterSchema, ClusterHosts, Configuration):
    """A cluster without a way to wait.

    Each API derives its own. What takes a while is a procedure (its name ends so): it is run by
    who may block (`Runtime.run`), and awaited on an application's loop. `on_loop` has a function
    called on the engine's loop.
    """

    def _set_up(self) -> None:
        self._lock = RLock()
        self._engine: Engine | None = None
        self._connecting: Engine | None = None
        self._runtime: Runtime | None = None
        self._forked = False
        self.is_shutdown = False
        self.sessions: WeakSet[Any] = WeakSet()
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
        from uuid import UUID

        return UUID(self._random_id)

    def __repr__(self) -> str:
        points = ", ".join(map(str, self.contact_endpoints))
        return f"<{type(self).__name__} {self.metadata.cluster_name or points}>"

    # --- connecting ------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self.is_shutdown:
            raise SessionShutdown(f"the cluster is shut down: make a new {type(self).__name__}")

    def _new_engine(self, runtime: Runtime) -> Engine:
        """Return an engine that is to be connected, on a runtime that was started."""
        from cql_driver.core.engine import Engine

        if self._forked:
            # What the parent knows of its nodes is the parent's.
            self._forked = False
            self.metadata = Metadata()
        observers = self._make_observers()
        engine = Engine(
            runtime, self.make_settings(), self.metadata, self.profile_manager, observers
        )
        engine.control.schema.listeners = self._schema_listeners
        self._connecting = engine
        return engine

    def _engine_connected(self, engine: Engine) -> None:
        self._runtime, self._engine = engine.runtime, engine
        # Past the settings: other nodes may speak a higher one.
        object.__setattr__(self, "protocol_version", engine.protocol_version)
        if engine.observers.attached is not None:
            engine.observers.attached(self)
        _live.add(self)

    def _session_opened(self, session: Any, pools: SessionPools) -> None:
        session._pools = pools
        for (user_keyspace, user_type), klass in self._user_types.items():
            session.user_type_registered(user_keyspace, user_type, klass)
        self.sessions.add(session)

    def _all_sessions(self) -> list[Any]:
        """Return the sessions of now."""
        while True:
            try:
                return list(self.sessions)
            except RuntimeError:
                pass  # another thread has just opened one: look again

    def _make_observers(self) -> ObserverGroup:
        from cql_driver.core.observers import ObserverGroup

        observers = list(self.observers)
        if self.metrics_enabled:
            from cql_driver.metrics import Metrics

            if self.metrics is None:
                from weakref import proxy

                self.metrics = Metrics(proxy(self))
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

    def _shut_down(self) -> tuple[Engine | None, Runtime | None]:
        """Take note of the end; return what is to be ended."""
        self.is_shutdown = True
        if self.metrics is not None:
            self.metrics.shutdown()
        return self._take_engine()

    def _take_engine(self) -> tuple[Engine | None, Runtime | None]:
        engine, self._engine = self._engine, None
        runtime, self._runtime = self._runtime, None
        return engine, runtime

    def after_fork(self) -> None:
        """Take note that this is a child: what the parent has connected cannot be used here."""
        self._forked = True
        self._connecting = None
        self._lock = RLock()
        error = ForkedError()
        engine, self._engine, self._runtime = self._engine, None, None
        for session in self._all_sessions():
            pools = session._pools
            if pools is not None:
                pools.closed = error
                if self.reconnect_after_fork:
                    session._keyspace = pools.keyspace
                    session._pools = None
        if engine is not None:
            engine.closed = error

    # --- profiles ------------------------------------------------------------------------------

    def _add_profile(
        self, name: Any, profile: ExecutionProfile, pool_wait_timeout: float | None
    ) -> Engine | None:
        """Add a profile; return the engine that must connect to the hosts it adds, if any."""
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
                self.profile_manager.populate_one(self, profile, self.metadata.all_hosts())
            self.profile_manager.profiles[name] = profile
            if engine is not None:
                engine.watch_by(self._with_watchers(engine.observers.observers))
            return engine

    def admit_profile(self, options: RequestOptions) -> None:
        """Have the policy of a profile that a request brought along know the hosts; on the loop."""
        manager, engine = self.profile_manager, self._engine
        if engine is not None and not manager.recognize(options):
            manager.admit(self, options, self.metadata.all_hosts())
            engine.watch_by(self._with_watchers(engine.observers.observers))
            engine.update_pools()
            manager.recognize(options)

    @staticmethod
    async def _new_pools_procedure(engine: Engine, patience: float | None) -> None:
        """Open the connections that a new profile needs."""
        if not await engine.wait_for_pools(patience):
            raise OperationTimedOut(
                "not all connections of the new profile could be opened in time", timeout=patience
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

    @staticmethod
    def _check_user_type(keyspace: str, user_type: str, klass: Any) -> None:
        checked_name("keyspace", keyspace, "keyspace")
        checked_name("user_type", user_type, "user type")
        if not callable(klass):
            raise InvalidArgumentType(f"klass={klass!r} cannot be called to make an object")

    def _take_user_type(self, keyspace: str, user_type: str, klass: type) -> None:
        with self._lock:
            self._user_types[keyspace, user_type] = klass
            self.read_options = ReadOptions(udt_classes=self._user_types)
            for session in self._all_sessions():
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
        return [pool for session in self._all_sessions() for pool in session.get_pools()]

    get_connection_holders = get_all_pools

    def get_pool_snapshot(self) -> list[tuple[Host, int, int, int, int]]:
        """Return per host: connections, requests in flight, orphans, and requests that wait."""
        found = []
        for session in self._all_sessions():
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


def _attributes(value: Any) -> dict[str, Any]:
    if hasattr(value, "__dict__"):
        return dict(vars(value))
    slots = getattr(value, "__slots__", ())
    return {name: getattr(value, name) for name in slots if hasattr(value, name)}


_live: WeakSet[ClusterBase] = WeakSet()


def _after_fork() -> None:
    for cluster in list(_live):
        cluster.after_fork()


def _watch_forks() -> None:
    import os

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


_watch_forks()
