"""`TwistedCluster`: how a cluster is reached from Twisted, and the life of what reaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed

from cql_driver.cluster.guest import GuestCluster
from cql_driver.cluster.values import checked_name
from cql_protocol.errors import UnsupportedOperation
from cql_reactors.deferreds.session import TwistedSession
from cql_reactors.deferreds.waiting import deferred_of
from cql_reactors.twistedreactor import TwistedRuntime, in_reactor_thread

if TYPE_CHECKING:
    import weakref
    from collections.abc import Callable, Coroutine

    from cql_driver.cluster.profiles import ExecutionProfile
    from cql_driver.errors import SessionShutdown

__all__ = ["TwistedCluster"]


class TwistedCluster(GuestCluster):
    """A cluster of Cassandra or ScyllaDB nodes, and how to talk to it from Twisted.

    Making one does nothing but check its parameters, which are those of
    `cql_driver.cluster.Cluster` without the ones that choose a loop. `connect` reaches the
    cluster and gives a `TwistedSession`, on the reactor that the application runs: before it
    runs, nothing happens. Methods that take a while return Deferreds; all are called in the
    reactor's thread. Close it by `shutdown`; it ends with the reactor in any case.

    Example::

        @inlineCallbacks
        def main(reactor):
            cluster = TwistedCluster(["10.0.0.1", "10.0.0.2"])
            session = yield cluster.connect("shop")
            result = yield session.execute("SELECT count(*) FROM users")
            print(result.one())
            yield cluster.shutdown()

        task.react(main)
    """

    sessions: weakref.WeakSet[TwistedSession]
    _runtime: TwistedRuntime | None

    async def __aenter__(self) -> TwistedCluster:
        return self

    async def __aexit__(self, *args: object) -> None:
        await self.shutdown()

    # --- connecting ------------------------------------------------------------------------------

    def connect(
        self, keyspace: str | None = None, wait_for_all_pools: bool = False
    ) -> Deferred[TwistedSession]:
        """Return a new session, in `keyspace` if one is given (its name as it is, unquoted).

        It is there as soon as one node can be used, or, with `wait_for_all_pools`, when every
        node was tried. Fails with `NoHostAvailable` with each node's error when none can, at
        once or after ``wait_for_cluster`` seconds; then, or when it is cancelled, what was
        opened is closed, and `connect` can be called again.
        """

        def connect() -> Deferred[TwistedSession]:
            if keyspace is not None:
                checked_name("keyspace", keyspace, "keyspace")
            self._check_open()
            session = TwistedSession(self, (), keyspace)
            runtime = self._runtime = self._runtime or self.new_runtime()
            procedure = self._connect_procedure(session, wait_for_all_pools)
            connecting = deferred_of(runtime, procedure, lambda _: self._drop(session))
            return connecting.addCallback(lambda _: session)

        self.check_loop()
        return maybeDeferred(connect)

    def _drop(self, session: TwistedSession) -> None:
        """Close a session that nobody will have, since its Deferred was cancelled."""
        session.pools.close()
        self.give_up()

    def new_runtime(self) -> TwistedRuntime:
        """Return a runtime on the application's reactor, started."""
        runtime = TwistedRuntime(guest=True)
        runtime.at_end = self._reactor_ended
        runtime.start()
        return runtime

    def check_loop(self) -> None:
        """Raise `UnsupportedOperation` in another thread than the reactor's."""
        runtime = self._runtime
        if not (in_reactor_thread() if runtime is None else runtime.in_loop()):
            raise UnsupportedOperation(
                "a TwistedCluster and its sessions are used in the reactor's thread: elsewhere "
                "use reactor.callFromThread or threads.blockingCallFromThread, or the blocking "
                'Cluster(reactor="twisted")'
            )

    def _run(self, begin: Callable[[], Coroutine[Any, Any, None]]) -> Deferred[None]:
        """Run what `begin` returns; what that raises is the failure."""

        def run() -> Deferred[None]:
            procedure = begin()
            engine = self._engine
            assert engine is not None
            return deferred_of(engine.runtime, procedure)  # type: ignore[arg-type]

        self.check_loop()
        return maybeDeferred(run)

    # --- the end -----------------------------------------------------------------------------

    def shutdown(self) -> Deferred[None]:
        """Close all sessions and connections; requests in flight fail with `SessionShutdown`.

        A second call does nothing. When this returns nothing is left with the reactor.
        """
        runtime = self._runtime
        if runtime is not None and not runtime.ended:
            self.check_loop()
        self._close(*self._shut_down())
        return succeed(None)

    def _reactor_ended(self, error: SessionShutdown) -> None:
        if self._engine is not None:
            self._engine.shutdown(error)
        self._close(*self._shut_down())

    # --- profiles, listeners, types --------------------------------------------------------------

    def add_execution_profile(
        self, name: Any, profile: ExecutionProfile, pool_wait_timeout: float | None = 5
    ) -> Deferred[None]:
        """Add a profile after the cluster was made, and connect to the hosts it adds.

        Waits `pool_wait_timeout` seconds for those connections, None without limit. Fails with
        `OperationTimedOut` when they are not there by then; they are opened all the same.
        """

        def add() -> Any:
            engine = self._add_profile(name, profile, pool_wait_timeout)
            if engine is not None:
                return self._run(lambda: self._new_pools_procedure(engine, pool_wait_timeout))
            return None

        self.check_loop()
        return maybeDeferred(add)

    def register_schema_listener(self, listener: Any) -> Deferred[None]:
        """Tell a `cql_driver.cluster.SchemaListener` of changes from now on.

        To know what was, all keyspaces (or those in `schema_keyspaces`) are fetched before the
        Deferred fires, and followed. When that fails, the listener is registered all the same.
        """

        def register() -> Any:
            self._add_schema_listener(listener)
            engine = self._engine
            if engine is not None:
                return self._run(engine.control.schema.follow_all)
            return None

        self.check_loop()
        return maybeDeferred(register)

    def register_user_type(self, keyspace: str, user_type: str, klass: type) -> Deferred[None]:
        """Have values of a user type read as, and written from, objects of `klass`.

        It is made with the fields as keywords, and its attributes are read by the fields' names.
        Fails with `UserTypeDoesNotExist` when the cluster is connected and has no such type.
        """

        def look_for() -> Any:
            self._check_user_type(keyspace, user_type, klass)
            engine = self._engine
            if engine is not None:
                return self._run(lambda: self._user_type_procedure(engine, keyspace, user_type))
            return None

        self.check_loop()
        looked = maybeDeferred(look_for)
        return looked.addCallback(lambda _: self._take_user_type(keyspace, user_type, klass))

    # --- refreshing ------------------------------------------------------------------------------

    def refresh_nodes(self, force_token_rebuild: bool = False) -> Deferred[None]:
        """Ask the cluster for its nodes now."""
        return self._run(
            lambda: self._running("refresh_nodes").control.refresh_nodes(force_token_rebuild)
        )

    def refresh_schema_metadata(
        self, max_schema_agreement_wait: float | None = None
    ) -> Deferred[None]:
        """Ask for all keyspaces, and for what is in those that were looked at.

        Before, as for the other parts of the schema, the nodes have `max_schema_agreement_wait`
        seconds to agree (None: as the cluster says; 0 or less: do not look). Fails with
        `DriverException` when they do not, and with what goes wrong.
        """
        return self._refresh(max_schema_agreement_wait)

    def refresh_keyspace_metadata(
        self, keyspace: str, max_schema_agreement_wait: float | None = None
    ) -> Deferred[None]:
        """Ask for a keyspace and what is in it; before that is looked at.

        Example::

            yield cluster.refresh_keyspace_metadata("shop")
            print(cluster.metadata.keyspaces["shop"].tables["users"].export_as_string())
        """
        return self._refresh(max_schema_agreement_wait, "KEYSPACE", keyspace)

    def refresh_table_metadata(
        self, keyspace: str, table: str, max_schema_agreement_wait: float | None = None
    ) -> Deferred[None]:
        """Ask for a table with its indexes, triggers and views."""
        return self._refresh(max_schema_agreement_wait, "TABLE", keyspace, table)

    def refresh_materialized_view_metadata(
        self, keyspace: str, view: str, max_schema_agreement_wait: float | None = None
    ) -> Deferred[None]:
        """Ask for a materialized view."""
        return self._refresh(max_schema_agreement_wait, "TABLE", keyspace, view)

    def refresh_user_type_metadata(
        self, keyspace: str, user_type: str, max_schema_agreement_wait: float | None = None
    ) -> Deferred[None]:
        """Ask for a user-defined type."""
        return self._refresh(max_schema_agreement_wait, "TYPE", keyspace, user_type)

    def refresh_user_function_metadata(
        self, keyspace: str, function: Any, max_schema_agreement_wait: float | None = None
    ) -> Deferred[None]:
        """Ask for a function: a `UserFunctionDescriptor`, or a name for all that have it."""
        return self._refresh(max_schema_agreement_wait, "FUNCTION", keyspace, function)

    def refresh_user_aggregate_metadata(
        self, keyspace: str, aggregate: Any, max_schema_agreement_wait: float | None = None
    ) -> Deferred[None]:
        """Ask for an aggregate: a `UserAggregateDescriptor`, or a name for all that have it."""
        return self._refresh(max_schema_agreement_wait, "AGGREGATE", keyspace, aggregate)

    def _refresh(self, *what: Any) -> Deferred[None]:
        return self._run(lambda: self._refresh_procedure(*what))
