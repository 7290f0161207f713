"""`LoopRuntime`: the driver on an asyncio loop that runs, be it asyncio's own or uvloop's.

Streams are the loop's transports, so any loop that has them will do. The loop knows the driver
by weak references only: who drops a cluster without `shutdown` has it collected, and its
connections closed.
"""

from __future__ import annotations

import asyncio
import weakref
from _thread import get_ident
from contextvars import Context
from time import monotonic

from cql_driver.aio.streams import Attempt, Held
from cql_driver.runtimes.guest import GuestRuntime

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cql_driver.core.pending import Pending
    from cql_driver.core.runtime import Address, StreamProtocol, Transport
    from cql_driver.core.tls import TlsSettings

__all__ = ["LoopRuntime"]


_inherited: list[object] = []
"""In a forked child: what belongs to loops of the parent, which none of their ends may touch."""


class LoopRuntime(GuestRuntime):
    """A guest on a loop of asyncio: the one that runs where `start` is called.

    Belongs to the thread that calls `start`.
    """

    name = "asyncio"
    hint = "await what the AsyncSession, its AsyncCluster or the result has in its place"

    loop: asyncio.AbstractEventLoop
    """The loop, from `start` on."""
    held: Held

    def __init__(self) -> None:
        super().__init__()
        self._thread_id = 0
        self._turn_soon = _Turn(self)
        self._timer: asyncio.TimerHandle | None = None

    # --- the loop -----------------------------------------------------------------------------

    def in_loop(self) -> bool:
        """Say whether the calling thread is the one that runs the loop. Any thread."""
        return self._thread_id == get_ident()

    def open(self) -> None:
        """Take the loop that runs, and the calling thread for the loop's."""
        self.loop = asyncio.get_running_loop()
        self.held = Held(self.loop)
        self._thread_id = get_ident()

    def shut(self) -> None:
        """Ask the loop for nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wake(self) -> None:
        """Have `turn` called soon on the loop. Any thread."""
        # In a context of its own: that of a request does not leak into what others ask for.
        if self._thread_id == get_ident():
            self.loop.call_soon(self._turn_soon, context=Context())
            return
        try:
            self.loop.call_soon_threadsafe(self._turn_soon, context=Context())
        except RuntimeError:
            pass  # it was closed, and nobody is left to tell

    def alarm(self, when: float | None) -> None:
        """Have `turn` called at this time of `now`, and not at the one before; None: never."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if when is not None:
            delay = max(0.0, when - monotonic())
            self._timer = self.loop.call_later(delay, self._turn_soon.ring, context=Context())

    def ring(self) -> None:
        """The alarm's time came, or almost, as far as the loop can tell."""
        self._timer = self._alarm = None
        self.turn()

    # --- streams ------------------------------------------------------------------------------

    def connect(
        self,
        address: Address,
        protocol: StreamProtocol,
        *,
        tls: TlsSettings | None = None,
        server_hostname: str | None = None,
        sockopts: Sequence[tuple[Any, ...]] = (),
        local_address: Address | None = None,
    ) -> Pending[Transport]:
        """Open a stream to `address`; the result comes right after `connection_made`."""
        self.check_running()
        attempt = Attempt(self, address, protocol, tls, server_hostname)
        attempt.start(sockopts, local_address)
        return attempt.pending

    def forget_streams(self) -> None:
        """Close all sockets and call nobody: they belong to a parent process."""
        _inherited.append((self.loop, self.held, self._timer))
        self._thread_id = 0  # the loop stays behind, though the thread has its number
        super().forget_streams()

    async def wait_closed(self) -> None:
        """Wait until the loop gave back all sockets; for after `stop`."""
        await self.held.wait_empty()


class _Turn:
    """What the loop calls."""

    __slots__ = ("_runtime",)

    def __init__(self, runtime: LoopRuntime) -> None:
        self._runtime = weakref.ref(runtime)

    def __call__(self) -> None:
        runtime = self._runtime()
        if runtime is not None:
            runtime.turn()

    def ring(self) -> None:
        runtime = self._runtime()
        if runtime is not None:
            runtime.ring()
