"""`Turns`: what a thread does that drives a loop and waits: the course of nearly every request.

The compiled twin sleeps in epoll and reads from sockets without a call of Python between; with
another poller it does as this one. Ctrl-C interrupts it where it looks for signals: before it
looks whether it is done.
"""

from __future__ import annotations

from _thread import get_ident
from collections import deque
from time import monotonic

from cql_driver.logs import get_logger
from cql_driver.runtimes.background import MOST_EVENTS
from cql_driver.runtimes.system import READ, WRITE, sleep_at_most
from cql_driver.runtimes.timers import Timers
from cql_protocol._accel import compiled

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cql_driver.core.pending import Waitable
    from cql_driver.errors import SessionShutdown
    from cql_driver.runtimes.background import Shared
    from cql_driver.runtimes.sockets import Handler

    _Call = tuple[Callable[..., object], tuple[Any, ...]]

__all__ = ["Turns"]

logger = get_logger("cql_driver.runtime")


class Turns:
    """The part of a led loop that is busy; who leads when is said in `LedRuntime`."""

    def __init__(self) -> None:
        super().__init__()
        self._free: list[None] = []  # holds the token, from `start` on
        self._owner = 0
        self._depth = 0  # > 0 while a callback of a user waits for the loop that runs it
        self._ready: deque[_Call] = deque()
        self._users: deque[_Call] = deque()
        self._followers: deque[Waitable] = deque()
        self._timers = Timers()
        self._late = False  # a timer's time had come before the sleep
        self._handlers: dict[int, Handler] = {}
        self._shared: Shared | None = None
        self._has_thread = False
        self.activity = 0  # moves when threads wait for the loop
        self.unattended = 0
        self.ended = False

    if TYPE_CHECKING:
        # What `LedRuntime` has.
        def run_ready(self) -> None: ...  # noqa: D102
        def run_users(self) -> None: ...  # noqa: D102
        def settle(self) -> None: ...  # noqa: D102
        def _hand_over(self) -> None: ...
        def _perform_led(
            self, function: Callable[[], object], waitable: Waitable, ident: int
        ) -> None: ...
        def _refusal(self) -> SessionShutdown: ...

    # --- leading ------------------------------------------------------------------------------

    def perform(self, function: Callable[[], object], waitable: Waitable) -> None:
        """Have the loop call the function, and wait until `waitable` is done. Any thread.

        What the function raises is raised here.

        :raises SessionShutdown: the runtime was stopped before that.
        """
        ident = get_ident()
        try:
            del self._free[0]
        except IndexError:
            self._perform_led(function, waitable, ident)
            return
        self._owner = ident
        try:
            self.activity += 1
            function()
            if self._ready:
                self.run_ready()
            turn = self.turn
            while not waitable.done and not self.ended:
                turn()
            if self._ready or self._users:
                self.settle()
        finally:
            self._owner = 0
            try:
                if not self.ended:
                    self._free.append(None)
            finally:
                self._after_leading()
        if not waitable.done:
            raise self._refusal()

    def _after_leading(self) -> None:
        shared = self._shared
        if (
            self._followers
            or self._ready
            or self.unattended
            or self._users
            or (shared is not None and shared.wanted)
        ):
            self._hand_over()

    # --- one turn -----------------------------------------------------------------------------

    def turn(self, deadline: float | None = None) -> None:
        """Do one turn of the loop, sleeping until `deadline` at most. By the leader."""
        timeout = self.before_poll(deadline)
        events = self._shared.poller.poll(timeout, MOST_EVENTS)  # type: ignore[union-attr]
        self._shared.sleeping = False  # type: ignore[union-attr]
        self.after_poll(events)

    def before_poll(self, deadline: float | None) -> float:
        """Return how long to sleep, having announced it. By the leader.

        Nothing is called here: it could make done what the leader waits for, who would then
        sleep in vain.
        """
        timeout = -1.0
        self._late = False
        heap = self._timers.heap
        if heap:
            timeout = heap[0][0] - monotonic()
            if timeout <= 0.0:
                timeout = 0.0
                self._late = True
        if deadline is not None:
            left = max(0.0, deadline - monotonic())
            timeout = left if timeout < 0 else min(left, timeout)
        if self._users and not self._depth:
            timeout = 0.0
        # First say so, then look: who leaves a call does it the other way round.
        self._shared.sleeping = True  # type: ignore[union-attr]
        return 0.0 if self._ready else sleep_at_most(timeout)

    def after_poll(self, events: list[tuple[int, int]]) -> None:
        """Handle what the sleep gave. By the leader."""
        handlers = self._handlers
        for fd, mask in events:
            handler = handlers.get(fd)
            if handler is None:
                continue  # closed by what came before in this turn
            try:
                if mask != WRITE:
                    handler.on_readable()
                if mask != READ:
                    handler.on_writable()
            except Exception:
                logger.exception("The event loop failed on a connection")
        # What ends a sleep is mostly no timer: one whose time has come since ends the next at once.
        if self._late or not events:
            self._timers.move_due(monotonic(), self._ready)
        if self._ready:
            self.run_ready()
        if self._users and not self._depth:
            self.run_users()


Turns = compiled("turns", "Turns", Turns)  # type: ignore[misc]
