"""`GuestCluster`: a cluster on the loop of the application, where nothing may block."""

from __future__ import annotations

from cql_driver.cluster.base import ClusterBase
from cql_driver.core.procedures import Procedure, gather
from cql_driver.errors import InvalidArgument, SessionShutdown

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cql_driver.cluster.options import Options
    from cql_driver.core.engine import Engine
    from cql_driver.core.runtime import Runtime
    from cql_driver.core.sessions import SessionPools

__all__ = ["GuestCluster"]


_LOOP = "it runs on the loop that the application runs"
_REFUSED = {
    "reactor": _LOOP,
    "connection_class": _LOOP,
    "runtime": _LOOP,
    "background_thread": "it needs no thread",
    "reconnect_after_fork": "connect another one in the child, on a loop that runs there",
}
"""Parameters of `Cluster` that have no meaning for a guest, and why."""


class GuestCluster(ClusterBase):
    """The base of clusters whose calls are awaited.

    A subclass gives `new_runtime` and `check_loop`, and runs the procedures. They are run by
    `new_procedure`, so that who is cancelled leaves nothing behind.
    """

    def _configure(self, given: dict[str, Any], options: Options) -> None:
        for name, why in _REFUSED.items():
            if name in options or given.get(name) is not None:
                kind = type(self).__name__
                raise InvalidArgument(f"{kind} takes no {name}: {why}; leave it out")
        super()._configure(given, options)

    def _set_up(self) -> None:
        super()._set_up()
        self._opening: Procedure[Engine] | None = None
        self._connects = 0
        """How many calls of `connect` are under way."""

    # --- what a subclass gives -------------------------------------------------------------------

    def new_runtime(self) -> Runtime:
        """Return a runtime on the application's loop, started."""
        raise NotImplementedError

    def check_loop(self) -> None:
        """Raise `UnsupportedOperation` when this is not called on the loop."""
        raise NotImplementedError

    # --- connecting ------------------------------------------------------------------------------

    async def _connect_procedure(self, session: Any, wait_for_all_pools: bool) -> None:
        """Connect a new session. Calls at the same time share one engine.

        When it fails, or is cancelled, what nobody else uses is closed.
        """
        self._connects += 1
        pools: SessionPools | None = None
        try:
            engine = self._engine or await self._shared_engine()
            pools = await engine.open_session(session._keyspace, wait_for_all_pools)
            self._session_opened(session, pools)
        except BaseException:
            if pools is not None:
                pools.close()
            raise
        finally:
            self._connects -= 1
            self.give_up()

    async def _shared_engine(self) -> Engine:
        opening = self._opening
        if opening is None:
            runtime = self._runtime = self._runtime or self.new_runtime()
            opening = self._opening = Procedure(runtime, self._engine_procedure(runtime))
            opening.start()
        # Who is cancelled does not end it for others, who wait for it too.
        await gather([opening])
        return opening.result()

    async def _engine_procedure(self, runtime: Runtime) -> Engine:
        try:
            engine = self._new_engine(runtime)
            await engine.connect(self)
            if self.is_shutdown:
                engine.shutdown()
                raise self._shut_down_meanwhile()
        except BaseException as exc:
            self._runtime = None
            runtime.stop()
            if self.is_shutdown and isinstance(exc, Exception):
                # What nodes have to do with it is of no interest.
                raise self._shut_down_meanwhile() from None
            raise
        finally:
            self._connecting = self._opening = None
        self._engine_connected(engine)
        return engine

    @staticmethod
    def _shut_down_meanwhile() -> SessionShutdown:
        return SessionShutdown("the cluster was shut down while it connected")

    def give_up(self) -> None:
        """Close what there is, if no session came of it and nobody is connecting."""
        engine = self._engine
        if self._connects:
            return
        if self._opening is not None:
            self._end_opening()
        elif engine is not None and not engine.sessions:
            self._close(*self._take_engine())

    def after_fork(self) -> None:
        """Take note that this is a child: what the parent has connected cannot be used here."""
        super().after_fork()
        self._opening = None
        self._connects = 0

    # --- the end ---------------------------------------------------------------------------------

    def _close(self, engine: Engine | None, runtime: Runtime | None) -> None:
        """End what was connected; on the loop."""
        self._end_opening()
        if engine is not None and runtime is not None:
            engine.shutdown()
            runtime.end_procedures(engine.closed)  # type: ignore[attr-defined]
            if engine.observers.detached is not None:
                engine.observers.detached(self)
            runtime.stop()

    def _end_opening(self) -> None:
        opening = self._opening
        if opening is not None:
            error = self._shut_down_meanwhile()
            if self._connecting is not None:
                self._connecting.shutdown(error)  # else the next node would be tried
            opening.cancel(error)

    def on_loop(self, engine: Engine, function: Callable[[], object]) -> None:
        """Call a function; only on the engine's loop."""
        self.check_loop()
        if engine.closed is None:
            function()
