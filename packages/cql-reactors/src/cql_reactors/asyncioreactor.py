"""An event loop of asyncio in a thread of its own, for sessions that block.

Programs that run on asyncio themselves use `cql_driver.aio`, which needs no thread.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from cql_driver.aio.runtime import LoopRuntime
from cql_driver.aio.streams import Held
from cql_driver.core.runtime import Runtime
from cql_driver.errors import InvalidArgument
from cql_driver.logs import get_logger
from cql_driver.runtimes.system import join_thread
from cql_reactors.connections import ReactorConnection

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AsyncioConnection", "AsyncioRuntime"]

logger = get_logger("cql_driver.runtime")

_PATIENCE = 5.0
"""Seconds for the loop to close its transports, and for its thread to end."""


class AsyncioRuntime(LoopRuntime):
    """A loop of asyncio and the thread that runs it.

    :param background_thread: only True: this loop is a thread.
    :param loop_factory: makes the loop, say `uvloop.new_event_loop`.
    """

    hint = Runtime.hint

    def __init__(
        self,
        *,
        background_thread: bool = True,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> None:
        if not background_thread:
            raise InvalidArgument(
                "the reactor 'asyncio' runs in a thread of its own: leave background_thread out, "
                "or take the reactor 'selector'"
            )
        super().__init__()
        self._loop_factory = loop_factory
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Make the loop and start its thread."""
        self.loop = loop = self._loop_factory()
        self.held = Held(loop)
        self._thread = threading.Thread(
            target=_run, args=(loop, self.held), name="cql-driver-loop", daemon=True
        )
        self._thread.start()
        self._thread_id = self._thread.ident or 0

    def shut(self) -> None:
        """End the loop; its thread closes it."""
        super().shut()
        self.loop.stop()

    def join(self) -> None:
        """Wait for the thread to end."""
        if self._thread is not None:
            join_thread(self._thread, _PATIENCE)

    def __del__(self) -> None:
        if getattr(self, "_thread", None) is not None and not self.ended:
            try:
                self.loop.call_soon_threadsafe(self.loop.stop)
            except RuntimeError:
                pass  # it was closed


def _run(loop: asyncio.AbstractEventLoop, held: Held) -> None:
    """Run the loop until it is stopped, then close it: the thread's body.

    It knows no runtime, so that one that is dropped is collected.
    """
    asyncio.set_event_loop(loop)
    while True:
        try:
            loop.run_forever()
            break
        except BaseException:  # SystemExit of a callback, say: the loop goes on
            logger.exception("The event loop was interrupted")
    held.abort()
    try:
        loop.run_until_complete(asyncio.wait_for(held.wait_empty(), _PATIENCE))
    except Exception:
        logger.debug("Transports of a stopped event loop did not close", exc_info=True)
    loop.close()


class AsyncioConnection(ReactorConnection):
    """Chooses asyncio in a thread, as a `connection_class`."""

    reactor = "asyncio"
