"""`LoopSessions`: the sessions of a connection on event loops, one for each."""

from __future__ import annotations

import asyncio
from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Any

from cqlengine.connection import making
from cqlengine.connection.sessions import AwaitedSession, BorrowedAwaitedSession

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from collections.abc import AsyncGenerator, Awaitable

    from cql_driver.aio import AsyncCluster, AsyncResultSet
    from cqlengine.connection.connections import Connection
    from cqlengine.query.requests import Request

__all__ = ["LoopSessions"]

_held: dict[AsyncGenerator[None], tuple[AbstractEventLoop, AsyncCluster]] = {}
"""What ends a cluster with its loop, for all that are open; kept until then."""


class LoopSessions:
    """The sessions of a connection on event loops.

    Each loop has one of its own, of a cluster of its own, which is opened by the first that is
    awaited there, and closed when the loop ends: a loop that is run by ``asyncio.run`` closes
    asynchronous generators before it is closed itself, and one of those holds the cluster.
    With a session that was `given`, all is run by it.
    """

    def __init__(self, connection: Connection, given: Any = None, borrowed: bool = False) -> None:
        self._connection = connection
        self._given: AwaitedSession | None = None
        if given is not None:
            use = BorrowedAwaitedSession if borrowed else AwaitedSession
            self._given = use(given, connection.consistency)
        self._open: dict[AbstractEventLoop, AwaitedSession] = {}
        self._connecting: dict[AbstractEventLoop, Task[AwaitedSession]] = {}

    # --- running requests ------------------------------------------------------------------------

    def execute(self, request: Request) -> Awaitable[AsyncResultSet]:
        """Run a request on the running loop; to be awaited."""
        use = self._given or self._open.get(_get_running_loop())  # type: ignore[arg-type]
        if use is None:
            return self._connect_and_execute(request)
        return use.execute(request)

    async def _connect_and_execute(self, request: Request) -> AsyncResultSet:
        use = await self.opened()
        return await use.execute(request)

    # --- connecting ------------------------------------------------------------------------------

    async def opened(self) -> AwaitedSession:
        """Return the session of the running loop; tasks that open it at once share the attempt."""
        loop = asyncio.get_running_loop()
        found = self._given or self._open.get(loop)
        if found is not None:
            return found
        self._connection.check_opens("an awaited call")
        connecting = self._connecting.get(loop)
        if connecting is None:
            connecting = loop.create_task(self._connect(loop))
            self._connecting[loop] = connecting
            connecting.add_done_callback(self._connected)
        # Who is cancelled does not end it for others.
        return await asyncio.shield(connecting)

    def _connected(self, task: Task[AwaitedSession]) -> None:
        self._connecting.pop(task.get_loop(), None)
        if not task.cancelled():
            task.exception()  # who waited for it has raised it; nobody may be left, though

    async def _connect(self, loop: AbstractEventLoop) -> AwaitedSession:
        await self._drop_ended()
        cluster = making.new_async_cluster(self._connection)
        try:
            use = AwaitedSession(await cluster.connect(), self._connection.consistency)
            self._connection.check_opens("an awaited call")  # it was closed meanwhile
        except BaseException:
            await cluster.shutdown()
            raise
        use.closing = closing = self._hold(loop, cluster)
        _held[closing] = loop, cluster
        await anext(closing)  # the loop knows it from now on
        self._open[loop] = use
        return use

    async def _hold(self, loop: AbstractEventLoop, cluster: AsyncCluster) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            use = self._open.pop(loop, None)
            if use is not None:
                _held.pop(use.closing, None)
            await cluster.shutdown()

    async def _drop_ended(self) -> None:
        """Forget what loops have left that were closed without closing their generators."""
        for closing, (loop, cluster) in list(_held.items()):
            if loop.is_closed() and _held.pop(closing, None) is not None:
                await cluster.shutdown()  # waits for nothing, as there is no loop
        for kept in (self._open, self._connecting):
            for loop in [loop for loop in kept if loop.is_closed()]:
                kept.pop(loop, None)

    # --- the end ---------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Close what was opened, on all loops that run; a given session stays open."""
        here = asyncio.get_running_loop()
        await self._drop_ended()
        connecting = self._connecting.get(here)
        if connecting is not None:
            connecting.cancel()
            await asyncio.wait([connecting])
        for loop, use in list(self._open.items()):
            if loop is here:
                await use.closing.aclose()
            elif loop.is_running():
                future = asyncio.run_coroutine_threadsafe(_close(use), loop)
                await asyncio.wrap_future(future)

    def close(self) -> None:
        """Have each loop close its session soon; one that stands still does so at its end."""
        for loop, use in list(self._open.items()):
            if loop.is_running():
                asyncio.run_coroutine_threadsafe(_close(use), loop)


async def _close(use: AwaitedSession) -> None:
    await use.closing.aclose()
