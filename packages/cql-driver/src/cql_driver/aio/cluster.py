"""`AsyncCluster`: how a cluster is reached from asyncio, and the life of what reaches it."""

from __future__ import annotations

from asyncio import _get_running_loop, sleep
from typing import TYPE_CHECKING, Any

from cql_driver.aio.session import AsyncSession
from cql_driver.aio.waiting import Connecting, refuse_loop, run_procedure
from cql_driver.cluster.guest import GuestCluster
from cql_driver.cluster.values import checked_name
from cql_driver.errors import SessionShutdown
from cql_protocol.errors import UnsupportedOperation

if TYPE_CHECKING:
    import weakref
    from collections.abc import Coroutine

    from cql_driver.aio.runtime import LoopRuntime
    from cql_driver.cluster.profiles import ExecutionProfile
    from cql_driver.core.engine import Engine

__all__ = ["AsyncCluster"]

_TURNS = 10
"""Turns of the loop within which it closes what was aborted: one or two, in fact."""


class AsyncCluster(GuestCluster):
    """A cluster of Cassandra or ScyllaDB nodes, and how to talk to it from asyncio.

    Making one does nothing but check its parameters, which are those of
    `cql_driver.cluster.Cluster` without the ones that choose a loop. `connect` reaches the
    cluster and returns an `AsyncSession`. The first `connect` decides which event loop it
    belongs to: each loop has a cluster of its own. Close it by ``await cluster.shutdown()``, or
    use it in ``async with``.

    Example::

        async with AsyncCluster(["10.0.0.1", "10.0.0.2"]) as cluster:
            session = await cluster.connect("shop")
    """

    sessions: weakref.WeakSet[AsyncSession]
    _runtime: LoopRuntime | None
    _last: LoopRuntime | None = None
    """The runtime that was made last, ended or not."""

    async def __aenter__(self) -> AsyncCluster:
        return self

    async def __aexit__(self, *args: object) -> None:
        await self.shutdown()

    # --- connecting ------------------------------------------------------------------------------

    def connect(
        self, keyspace: str | None = None, wait_for_all_pools: bool = False
    ) -> Connecting[AsyncSession]:
        """Return a new session, in `keyspace` if one is given (its name as it is, unquoted).

        Await it, or use it in ``async with``. It is there as soon as one node can be used, or,
        with `wait_for_all_pools`, when every node was tried. Raises `NoHostAvailable` with each
        node's error when none can, at once or after ``wait_for_cluster`` seconds; then, or when
        it is cancelled, what was opened is closed, and `connect` can be called again.

        Example::

            async with cluster.connect("shop") as session:
                print((await session.execute("SELECT count(*) FROM users")).one())
        """
        return Connecting(self._connect(keyspace, wait_for_all_pools))

    async def _connect(self, keyspace: str | None, wait_for_all_pools: bool) -> AsyncSession:
        if keyspace is not None:
            checked_name("keyspace", keyspace, "keyspace")
        self._check_open()
        self.check_loop()
        loop = _get_running_loop()
        if loop is None:
            raise UnsupportedOperation("connect() was not called on a loop of asyncio")
        session = AsyncSession(self, loop, keyspace)
        runtime = self._runtime = self._runtime or self.new_runtime()
        procedure = self._connect_procedure(session, wait_for_all_pools)
        try:
            await run_procedure(runtime, procedure, lambda _: self._drop(session))
        except BaseException:
            if runtime.ended:
                await runtime.wait_closed()
            raise
        return session

    def _drop(self, session: AsyncSession) -> None:
        """Close a session that nobody will have, since its task was cancelled."""
        session.pools.close()
        self.give_up()

    def new_runtime(self) -> LoopRuntime:
        """Return a runtime on the loop that runs, started."""
        from cql_driver.aio.runtime import LoopRuntime

        runtime = self._last = LoopRuntime()
        runtime.start()
        return runtime

    def check_loop(self) -> None:
        """Raise when this is not called on the cluster's loop, once it has one."""
        runtime = self._runtime
        if runtime is not None and runtime.loop is not _get_running_loop():
            raise refuse_loop("cluster", runtime.loop)

    def _running(self, what: str) -> Engine:
        engine = super()._running(what)
        self.check_loop()
        return engine

    async def _run(self, procedure: Coroutine[Any, Any, None]) -> None:
        assert self._runtime is not None
        await run_procedure(self._runtime, procedure)

    # --- the end -----------------------------------------------------------------------------

    async def shutdown(self) -> None:
        """Close all sessions and connections; requests in flight end with `SessionShutdown`.

        A second call does nothing. Nothing is left once it returns: no socket, no task.

        Example::

            await cluster.shutdown()
        """
        runtime = self._runtime
        if runtime is not None and runtime.loop.is_closed():
            self._abandon(runtime)
            return
        self.check_loop()
        self._close(*self._shut_down())
        if self._last is not None and self._last.loop is _get_running_loop():
            await self._last.wait_closed()

    def _abandon(self, runtime: LoopRuntime) -> None:
        """Drop what a loop leaves that was closed before the cluster was."""
        engine, _ = self._shut_down()
        runtime.after_fork()
        if engine is not None:
            engine.closed = SessionShutdown("its event loop was closed")
            for session in list(self.sessions):
                session.pools.closed = engine.closed

    async def closed_streams(self) -> None:
        """Let the loop close what was aborted."""
        for _ in range(_TURNS):
            if self._last is None or not any(t.is_closing() for t in self._last.held.transports):
                return
            await sleep(0)

    # --- profiles, listeners, types --------------------------------------------------------------

    async def add_execution_profile(
        self, name: Any, profile: ExecutionProfile, pool_wait_timeout: float | None = 5
    ) -> None:
        """Add a profile after the cluster was made, and connect to the hosts it adds.

        Waits `pool_wait_timeout` seconds for those connections, None without limit. Raises
        `OperationTimedOut` when they are not there by then; they are opened all the same.

        Example::

            await cluster.add_execution_profile("reports", ExecutionProfile(request_timeout=60))
        """
        self.check_loop()
        engine = self._add_profile(name, profile, pool_wait_timeout)
        if engine is not None:
            await self._run(self._new_pools_procedure(engine, pool_wait_timeout))

    async def register_schema_listener(self, listener: Any) -> None:
        """Tell a `cql_driver.cluster.SchemaListener` of changes from now on.

        To know what was, all keyspaces (or those in `schema_keyspaces`) are fetched before this
        returns, and followed. Raises what that raises; the listener is registered all the same.

        Example::

            await cluster.register_schema_listener(PrintsChanges())
        """
        self.check_loop()
        self._add_schema_listener(listener)
        if self._engine is not None:
            await self._run(self._engine.control.schema.follow_all())

    async def register_user_type(self, keyspace: str, user_type: str, klass: type) -> None:
        """Have values of a user type read as, and written from, objects of `klass`.

        It is made with the fields as keywords, and its attributes are read by the fields' names.
        Raises `UserTypeDoesNotExist` when the cluster is connected and has no such type.

        Example::

            await cluster.register_user_type("shop", "address", Address)
        """
        self.check_loop()
        self._check_user_type(keyspace, user_type, klass)
        if self._engine is not None:
            await self._run(self._user_type_procedure(self._engine, keyspace, user_type))
        self._take_user_type(keyspace, user_type, klass)

    # --- refreshing ------------------------------------------------------------------------------

    async def refresh_nodes(self, force_token_rebuild: bool = False) -> None:
        """Ask the cluster for its nodes now; raises what goes wrong."""
        control = self._running("refresh_nodes").control
        await self._run(control.refresh_nodes(force_token_rebuild))

    async def refresh_schema_metadata(self, max_schema_agreement_wait: float | None = None) -> None:
        """Ask for all keyspaces, and for what is in those that were looked at.

        Before, as for the other parts of the schema, the nodes have `max_schema_agreement_wait`
        seconds to agree (None: as the cluster says; 0 or less: do not look). Raises
        `DriverException` when they do not, and what goes wrong.
        """
        await self._run(self._refresh_procedure(max_schema_agreement_wait))

    async def refresh_keyspace_metadata(
        self, keyspace: str, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a keyspace and what is in it; to be awaited before that is looked at.

        Example::

            await cluster.refresh_keyspace_metadata("shop")
            print(cluster.metadata.keyspaces["shop"].tables["users"].export_as_string())
        """
        wait = max_schema_agreement_wait
        await self._run(self._refresh_procedure(wait, "KEYSPACE", keyspace))

    async def refresh_table_metadata(
        self, keyspace: str, table: str, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a table with its indexes, triggers and views."""
        wait = max_schema_agreement_wait
        await self._run(self._refresh_procedure(wait, "TABLE", keyspace, table))

    async def refresh_materialized_view_metadata(
        self, keyspace: str, view: str, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a materialized view."""
        await self.refresh_table_metadata(keyspace, view, max_schema_agreement_wait)

    async def refresh_user_type_metadata(
        self, keyspace: str, user_type: str, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a user-defined type."""
        wait = max_schema_agreement_wait
        await self._run(self._refresh_procedure(wait, "TYPE", keyspace, user_type))

    async def refresh_user_function_metadata(
        self, keyspace: str, function: Any, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for a function: a `UserFunctionDescriptor`, or a name for all that have it."""
        wait = max_schema_agreement_wait
        await self._run(self._refresh_procedure(wait, "FUNCTION", keyspace, function))

    async def refresh_user_aggregate_metadata(
        self, keyspace: str, aggregate: Any, max_schema_agreement_wait: float | None = None
    ) -> None:
        """Ask for an aggregate: a `UserAggregateDescriptor`, or a name for all that have it."""
        wait = max_schema_agreement_wait
        await self._run(self._refresh_procedure(wait, "AGGREGATE", keyspace, aggregate))
