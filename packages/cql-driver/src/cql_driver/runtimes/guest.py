"""`GuestRuntime`: the driver as a guest on an event loop that others made."""

from __future__ import annotations

import os
import sys
import weakref
from _thread import allocate_lock
from collections import deque
from time import monotonic

from cql_driver.core.pending import Waitable, release
from cql_driver.core.procedures import spawn
from cql_driver.errors import ForkedError, SessionShutdown
from cql_driver.logs import get_logger
from cql_driver.runtimes.sockets import StreamRuntime
from cql_driver.runtimes.timers import Timers

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, TypeVar

    from cql_driver.core.pending import Pending
    from cql_driver.core.procedures import Procedure
    from cql_driver.core.runtime import Timer

    _T = TypeVar("_T")

__all__ = ["GuestRuntime"]

logger = get_logger("cql_driver.runtime")

_STOP_PATIENCE = 5.0
"""Seconds that `stop` waits for a loop that is held up."""
_PASSES = 100
"""Of calls that calls ask for, before the loop ends though there are more."""
_EARLY = 0.001
"""Seconds by which an alarm may come before its time, as of a loop that counts milliseconds."""

_Call = tuple["Callable[..., object]", tuple["Any", ...]]
_runtimes: weakref.WeakSet[GuestRuntime] = weakref.WeakSet()


class GuestRuntime(StreamRuntime):
    """Calls, timers, threads that wait and the end of a runtime on somebody else's loop.

    A subclass gives the loop (`wake`, `alarm`, `in_loop`, `open`, `shut`, perhaps `join`) and
    the streams (`connect`).
    """

    def __init__(self, *, background_thread: bool = True) -> None:
        super().__init__()
        self._ready: deque[_Call] = deque()
        self._users: deque[_Call] = deque()
        self._timers = Timers()
        self._alarm: float | None = None
        self._in_user = False
        self._woken = False
        self._waiting: dict[object, Waitable] = {}  # by a token of each thread that waits
        self._procedures: dict[Procedure[Any], None] = {}
        self._guard = allocate_lock()
        self._started = False
        self._stopping = False
        self.ended = False
        self.forked = False

    # --- what a subclass gives -----------------------------------------------------------------

    def wake(self) -> None:
        """Have `turn` called soon on the loop. Any thread."""
        raise NotImplementedError

    def alarm(self, when: float | None) -> None:
        """Have `turn` called at this time of `now`, and not at the one before; None: never."""
        raise NotImplementedError

    def open(self) -> None:
        """Make the loop ready, and start it if nobody else does. Any thread, once."""
        raise NotImplementedError

    def shut(self) -> None:
        """Give back what the loop was asked for; nothing is watched any more. On the loop."""
        raise NotImplementedError

    # --- calls ---------------------------------------------------------------------------------

    def now(self) -> float:
        """Return `time.monotonic`."""
        return monotonic()

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call the function in this turn of the loop or the next, in the order of calls."""
        self._ready.append((function, args))
        self._ask_for_a_turn()

    def call_user(self, function: Callable[..., object], *args: Any) -> None:
        """Call a user's function at the end of the turn; never inside another one's."""
        self._users.append((function, args))
        self._ask_for_a_turn()

    def call_soon_threadsafe(self, function: Callable[..., object], *args: Any) -> None:
        """Do as `call_soon`, and wake the loop if it sleeps. Any thread."""
        if self._started and not self.ended:
            self._ready.append((function, args))
            self._ask_for_a_turn()

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> Timer:
        """Call the function after `delay` seconds."""
        timer = self._timers.add(monotonic() + delay, function, args)
        if not self._woken:
            self._set_alarm()
        return timer

    def _ask_for_a_turn(self) -> None:
        if not self._woken:
            self._woken = True
            self.wake()

    # --- a turn --------------------------------------------------------------------------------

    def turn(self) -> None:
        """Call what is due. On the loop."""
        if self.ended:
            return
        # From here on, who asks for something is seen, or has the loop woken again.
        self._woken = True
        now = monotonic()
        if self._alarm is not None and now > self._alarm - _EARLY:
            self._alarm = None  # it came, or is set anew
        try:
            self._timers.move_due(now, self._ready)
            if self._ready:
                self._run_ready()
            if self._users and not self._in_user:
                self._run_users()
        finally:
            self._woken = False
            if self.ended:
                pass
            elif self._ready or (self._users and not self._in_user):
                self._ask_for_a_turn()
            else:
                self._set_alarm()

    def _set_alarm(self) -> None:
        heap = self._timers.heap
        when = heap[0][0] if heap else None
        if when != self._alarm:
            self._alarm = when
            self.alarm(when)

    def _run_ready(self) -> None:
        ready = self._ready
        for _ in range(len(ready)):
            if not ready:
                return
            function, args = ready.popleft()
            try:
                function(*args)
            except Exception:
                logger.exception("A callback of the event loop failed: %r", function)
            except KeyboardInterrupt:
                # It has hit the thread that runs the loop, but the call is somebody else's.
                ready.appendleft((function, args))
                raise

    def _run_users(self) -> None:
        self._in_user = True
        count = len(self._users)
        try:
            # One of them may end the loop: then there is no other turn for what is left.
            while self._users and (count > 0 or self.ended):
                count -= 1
                function, args = self._users.popleft()
                try:
                    function(*args)
                except Exception:
                    logger.exception("A callback failed: %r", function)
        finally:
            self._in_user = False

    # --- waiting -------------------------------------------------------------------------------

    def wait(self, waitable: Waitable, timeout: float | None = None) -> bool:
        """Wait until `waitable` is done, at most `timeout` seconds; return whether it is.

        Raises `SessionShutdown` when the runtime is stopped before that.
        """
        if waitable.done:
            return True
        token = object()
        self._waiting[token] = waitable
        try:
            # Before the look at `ended`: who ends the loop releases what is there by then.
            with self._guard:
                if waitable.waiter is None:
                    waitable.waiter = self.make_waiter()
            if not self.ended:
                super().wait(waitable, timeout)
        finally:
            del self._waiting[token]
        if not waitable.done and (self.ended or not self._started):
            raise self._refusal()
        return waitable.done

    # --- procedures that the application awaits --------------------------------------------------

    def begin_procedure(self, coroutine: Coroutine[Any, Any, _T]) -> Procedure[_T]:
        """Start a procedure that goes on by itself, but not longer than what it serves."""
        procedure = spawn(self, coroutine)
        if not procedure.done:
            self._procedures[procedure] = None
            procedure.add_done_callback(self._procedure_done)
        return procedure

    def _procedure_done(self, procedure: Pending[Any]) -> None:
        self._procedures.pop(procedure, None)  # type: ignore[call-overload]

    def end_procedures(self, error: BaseException) -> None:
        """Have all procedures end: what they wait for may not come any more."""
        for procedure in tuple(self._procedures):
            if not procedure.is_stepping:
                procedure.cancel(error)
                procedure.set_error(error)  # if it goes on nevertheless

    def check_running(self) -> None:
        """Raise `SessionShutdown` when nothing new may begin."""
        if self._stopping or self.ended or not self._started:
            raise self._refusal()

    def dispatch(self, function: Callable[..., object], *args: Any) -> None:
        """Have the loop call the function; at once when this thread holds it. Any thread."""
        if self.ended or not self._started:
            raise self._refusal()
        super().dispatch(function, *args)

    def perform(self, function: Callable[..., object], waitable: Waitable) -> None:
        """`dispatch` the function, then wait until `waitable` is done. Any thread."""
        if self.ended or not self._started:
            raise self._refusal()  # in the child of a fork on the loop, too
        super().perform(function, waitable)

    def _refusal(self) -> SessionShutdown:
        if self.forked:
            return ForkedError()
        if not self._started and not self.ended:
            return SessionShutdown("The event loop was not started")
        return SessionShutdown("The event loop was stopped: make a new Cluster")

    # --- the beginning and the end -------------------------------------------------------------

    def start(self) -> None:
        """Make the loop ready. A second call does nothing; raises when it was stopped."""
        with self._guard:
            if self.ended:
                raise self._refusal()
            if self._started:
                return
            self.open()
            self._started = True
            _runtimes.add(self)

    def stop(self) -> None:
        """End all streams, timers and calls; who waits gets an error. Any thread."""
        with self._guard:
            if self.ended or not self._started:
                self.ended = True
                return
        if self.in_loop():
            self._shut()
            return
        if sys.is_finalizing():
            # No other thread runs any more, the loop's neither.
            self.ended = True
            self.forget_streams()
            self._drop_everything()
            return
        done = Waitable()
        self.call_soon_threadsafe(self._shut_and_tell, done)
        try:
            self.wait(done, _STOP_PATIENCE)
        except SessionShutdown:
            if not self.ended:
                raise
        self.join()

    def join(self) -> None:
        """Wait for what `open` started, if it ends with the loop. Not on the loop.

        For a thread by `system.join_thread`, as a program may fork afterwards.
        """

    def _shut_and_tell(self, done: Waitable) -> None:
        self._shut()
        done.finish()

    def _shut(self) -> None:
        if self.ended:
            return
        self._stopping = True
        self.fail_streams()
        self._timers.clear()
        for _ in range(_PASSES):
            if not (self._ready or self._users):
                break
            self._run_ready()
            if not self._in_user:
                self._run_users()
        if self.ended:
            return  # what was called has ended it
        self.ended = True
        self.shut()
        self._drop_everything()

    def _drop_everything(self) -> None:
        self._timers.clear()
        self._ready.clear()
        if self.forked or not self._in_user:
            self._users.clear()
        self.drop_streams()
        for waitable in self._waiting.copy().values():  # threads add theirs meanwhile
            if waitable.waiter is not None:
                release(waitable.waiter)

    def after_fork(self) -> None:
        """Let go, in a forked child, of what belongs to the parent: sockets are closed."""
        self.forked = self.ended = True
        self._guard = allocate_lock()
        self.forget_streams()
        self._drop_everything()


def _after_fork_in_child() -> None:
    for runtime in tuple(_runtimes):
        runtime.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
