"""`HostedRuntime`: the driver as a guest on the event loop of a framework.

For who writes a reactor. The framework's loop tells which sockets are ready and when it is
time; all else (order of calls, timers, streams, TLS, the end) is here. A subclass gives

- `watch(fd, handler, before, events)`: have `ready(handler, mask)` called when the descriptor is,
- `wake()`: have `turn()` called soon on the loop; from any thread,
- `alarm(when)`: have `turn()` called at this time of `now()`, in place of the time before; None
  for none; on the loop,
- `in_loop()`, `open()` and `shut()`.

`cql_reactors.conformance` tells whether it does it well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cql_driver.logs import get_logger
from cql_driver.runtimes.guest import GuestRuntime
from cql_driver.runtimes.sockets import SocketRuntime
from cql_driver.runtimes.system import READ, WRITE

if TYPE_CHECKING:
    from cql_driver.runtimes.sockets import Handler

__all__ = ["READ", "WRITE", "HostedRuntime"]

logger = get_logger("cql_driver.runtime")


class HostedRuntime(GuestRuntime, SocketRuntime):
    """A runtime on somebody else's loop; see the module for what a subclass gives."""

    def ready(self, handler: Handler, mask: int) -> None:
        """Tell a stream that its socket is ready, for reading, writing or both. On the loop."""
        self._woken = True  # what this asks for is done by the turn below
        try:
            if mask & READ:
                handler.on_readable()
            if mask & WRITE:
                handler.on_writable()
        except Exception:
            logger.exception("The event loop failed on a connection")
        except BaseException:
            self._woken = False  # else nobody would ask for a turn any more
            self._ask_for_a_turn()
            raise
        self.turn()
