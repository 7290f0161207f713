"""`Cluster`: how a cluster is reached, and the life of what reaches it; its calls block."""

from __future__ import annotations

from cql_driver.cluster.base import ClusterBase
from cql_driver.cluster.schema import in_background
from cql_driver.cluster.session import Session
from cql_driver.cluster.values import checked_name
from cql_driver.core.pending import Waitable
from cql_driver.errors import SessionShutdown

TYPE_CHECKING = False

if TYPE_CHECKING:
    import weakref
    from collections.abc import Callable
    from typing import Any

    from cql_driver.cluster.profiles import ExecutionProfile
    from cql_driver.core.engine import Engine
    from cql_driver.core.runtime import Runtime
    from cql_driver.core.sessions import SessionPools

__all__ = ["Cluster"]


class Cluster(ClusterBase):
    """A cluster of Cassandra or ScyllaDB nodes, and how to talk to it.

    Making one does nothing but check its parameters (`Configuration` describes them);
    `connect` reaches the cluster and returns a `Session`. One cluster object serves an
    application; close it by `shutdown`, or use it in a ``with`` statement.

    Example::

        with Cluster(["10.0.0.1", "10.0.0.2"]) as cluster:
            session = cluster.connect("shop")
    """

    sessions: weakref.WeakSet[Session]

    _opened: Waitable

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
            pools = engine.runtime.run(engine.open_session(keyspace, wait_for_all_pools))
            self._session_opened(session, pools)
            return session

    def _connected_engine(self) -> Engine:
        self._wait_for_another()
        self._check_open()
        if self._engine is not None:
            return self._engine
        # What it takes to be connected is not loaded before, nor for making a cluster.
        from cql_driver.runtimes import make_runtime

        runtime = self._given_runtime or make_runtime(self.chosen_reactor(), self.background_thread)
        runtime.start()
        self._opened = Waitable()
        try:
            engine = self._open_engine(runtime)
            if runtime.crowded:
                self._check_open()  # the lock has let `shutdown` in
        except BaseException:
            if runtime is not self._given_runtime:
                runtime.stop()
            raise
        self._engine_connected(engine)
        return engine

    def _open_engine(self, runtime: Runtime) -> Engine:
        try:
            engine = self._new_engine(runtime)
            if runtime is not self._given_runtime:
                runtime.at_end = engine.shutdown
            # Policies ask the cluster for its metadata; it must not live by them alone.
            runtime.run(engine.connect(self))
            return engine
        finally:
            self._connecting = None
            self._opened.finish()

    def _wait_for_another(self) -> None:
        """Wait while another greenlet of this thread connects, whom the lock does not keep out."""
        while (connecting := self._connecting) is not None and connecting.runtime.crowded:
            try:
                connecting.runtime.wait(self._opened)
            except SessionShutdown:
                pass  # the other one has failed, and the next one tries

    # --- the end -----------------------------------------------------------------------------

    def shutdown(self) -> None:
        """Close all sessions and connections; requests in flight end with `SessionShutdown`.

        A second call does nothing. Nothing is left: no thread, no socket.
        """
        connecting = self._connecting
        if connecting is not None:  # by another thread, which has the lock meanwhile
            connecting.runtime.call_soon_threadsafe(connecting.shutdown)
        with self._lock:
            engine, runtime = self._shut_down()
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
        done = Waitable()

        def call() -> None:
            try:
                function()
            finally:
                done.finish()

        if engine.closed is not None:
            return
        if engine.runtime.in_loop():
            function()
        else:
            engine.runtime.perform(call, done)

    def revive(self, session: Session) -> SessionPools:
        """Connect a session of the parent anew, in the child that first uses it."""
        with self._lock:
            if session._pools is None:
                if session.is_shutdown or self.is_shutdown:
                    raise SessionShutdown("the session is shut down: make a new one")
                engine = self._connected_engine()
                pools = engine.runtime.run(engine.open_session(session._keyspace))
                if session._pools is None:
                    session._pools = pools
                else:  # another greenlet of this thread was faster
                    self.on_loop(engine, pools.close)
            return session._pools

    # --- profiles, listeners, types --------------------------------------------------------------

    def add_execution_profile(
        self, name: Any, profile: ExecutionProfile, pool_wait_timeout: float | None = 5
    ) -> None:
        """Add a profile after the cluster was made, and connect to the hosts it adds.

        Waits `pool_wait_timeout` seconds for those connections, None without limit. Raises
        `OperationTimedOut` when they are not there by then; they are opened all the same.
        """
        with self._lock:
            engine = self._add_profile(name, profile, pool_wait_timeout)
            if engine is not None:
                engine.runtime.run(self._new_pools_procedure(engine, pool_wait_timeout))

    def register_schema_listener(self, listener: Any) -> None:
        """Tell a `SchemaListener` of changes from now on.

        To know what was, all keyspaces (or those in `schema_keyspaces`) are fetched before this
        returns, and followed. Raises what that raises; the listener is registered all the same.

        Example::

            class Prints(SchemaListener):
                def on_added(self, entity):
                    print("new:", entity.name)

            cluster.register_schema_listener(Prints())
        """
        self._add_schema_listener(listener)
        engine = self._engine
        if engine is not None:
            following = engine.control.schema.follow_all()
            if _may_wait(engine):
                engine.runtime.run(following)
            else:
                in_background(engine, following, "Fetching the schema")

    def register_user_type(self, keyspace: str, user_type: str, klass: type) -> None:
        """Have values of a user type read as, and written from, objects of `klass`.

        It is made with the fields as keywords, and its attributes are read by the fields' names.
        Raises `UserTypeDoesNotExist` when the cluster is connected and has no such type.
        """
        self._check_user_type(keyspace, user_type, klass)
        engine = self._engine
        if engine is not None and _may_wait(engine):
            engine.runtime.run(self._user_type_procedure(engine, keyspace, user_type))
        self._take_user_type(keyspace, user_type, klass)

    # --- refreshing ------------------------------------------------------------------------------

    def refresh_nodes(self, force_token_rebuild: bool = False) -> None:
        """Ask the cluster for its nodes now; raises what goes wrong."""
        engine = self._running("refresh_nodes")
        engine.runtime.run(engine.control.refresh_nodes(force_token_rebuild))

    def refresh_schema_metadata(self, max_schema_agreement_wait: float | None = None) -> None:
        """Ask for all keyspaces, and for what is in those that were looked at.

        Before, as for the other parts of the schema, the nodes have `max_schema_agreement_wait`
        seconds to agree (None: as the cluster says; 0 or less: do not look). Raises
        `DriverException` when they do not, and what goes wrong.
        """
        self._refresh(max_schema_agreement_wait)

    def refresh_keyspace_metadata(
        self, keyspace: str, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a keyspace and what is in it."""
        self._refresh(max_schema_agreement_wait, "KEYSPACE", keyspace)

    def refresh_table_metadata(
        self, keyspace: str, table: str, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a table with its indexes, triggers and views."""
        self._refresh(max_schema_agreement_wait, "TABLE", keyspace, table)

    def refresh_materialized_view_metadata(
        self, keyspace: str, view: str, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a materialized view."""
        self._refresh(max_schema_agreement_wait, "TABLE", keyspace, view)

    def refresh_user_type_metadata(
        self, keyspace: str, user_type: str, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a user-defined type."""
        self._refresh(max_schema_agreement_wait, "TYPE", keyspace, user_type)

    def refresh_user_function_metadata(
        self, keyspace: str, function: Any, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a function: a `UserFunctionDescriptor`, or a name for all that have it."""
        self._refresh(max_schema_agreement_wait, "FUNCTION", keyspace, function)

    def refresh_user_aggregate_metadata(
        self, keyspace: str, aggregate: Any, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for an aggregate: a `UserAggregateDescriptor`, or a name for all that have it."""
        self._refresh(max_schema_agreement_wait, "AGGREGATE", keyspace, aggregate)

    def _refresh(self, wait: Any, kind: str = "", keyspace: Any = None, name: Any = None) -> None:
        procedure = self._refresh_procedure(wait, kind, keyspace, name)
        self._running("refreshing the schema").runtime.run(procedure)


def _may_wait(engine: Engine) -> bool:
    return engine.runtime.reentrant or not engine.runtime.in_loop()
