"""Who holds the loop: threads that wait for a result drive it themselves, in turn.

There is one token, and the thread that took it *leads*: it alone touches what belongs to the
loop. A thread that finds the token gone leaves its call to the leader and sleeps as a
*follower* on a lock of its own, until its result is there or it is *promoted* to lead. A
background thread leads while nobody waits, and steps back while callers come and go: a
caller that drives the loop itself saves two thread switches per request.

What must hold, for nobody to sleep for ever:

- Who asks for something and finds the token gone, asks first (queues) and looks for the token
  afterwards. Who gives it back looks at the queues afterwards. So one of the two sees the other.
- A follower stays in the queue until it goes away by itself. A promotion that is lost, because
  the promoted thread gave up, or a newcomer was faster, is repeated by whoever leads next,
  and who goes away looks whether somebody must be promoted.
- Ctrl-C raises `KeyboardInterrupt` in the main thread after any call of a C function and at the
  start of any Python function. So the token is taken by a statement that calls nothing, and
  given back in a ``finally`` that calls nothing before.
"""

from __future__ import annotations

from _thread import allocate_lock, get_ident
from time import monotonic

from cql_driver.core.pending import Waitable, release
from cql_driver.core.runtime import Runtime
from cql_driver.errors import ForkedError, SessionShutdown
from cql_driver.logs import get_logger
from cql_driver.runtimes.turns import Turns

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["LedRuntime"]

logger = get_logger("cql_driver.runtime")

_Call = tuple["Callable[..., object]", tuple["Any", ...]]

_PASSES = 100  # of calls that calls ask for, before somebody else gets a chance


class _Errand:
    """A call left to the leader by a thread that waits, which gets what the call raises."""

    __slots__ = ("_function", "_waitable", "error")

    def __init__(self, function: Callable[[], object], waitable: Waitable) -> None:
        self._function = function
        self._waitable = waitable
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._function()
        except Exception as exc:  # noqa: BLE001 - raised where it was asked for
            self.error = exc
            if self._waitable.waiter is not None:
                release(self._waitable.waiter)


class LedRuntime(Turns, Runtime):
    """The part of a loop that decides which thread runs it; `Turns` says what a turn does."""

    reentrant = True
    patience: float | None = 1.0
    """After so many seconds a follower looks by itself whether anybody leads: a second
    Ctrl-C, or a leader whose thread was killed, may have cost it its promotion."""

    def __init__(self) -> None:
        super().__init__()
        self._guard = allocate_lock()
        self.forked = False

    # --- calls --------------------------------------------------------------------------------

    def now(self) -> float:
        """Return `time.monotonic`."""
        return monotonic()

    def in_loop(self) -> bool:
        """Say whether the calling thread leads."""
        return self._owner == get_ident()

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call the function in this turn of the loop or the next, in the order of calls."""
        self._ready.append((function, args))

    def call_user(self, function: Callable[..., object], *args: Any) -> None:
        """Call a user's function at the end of the turn; never inside another one's."""
        self._users.append((function, args))

    def call_soon_threadsafe(self, function: Callable[..., object], *args: Any) -> None:
        """Do as `call_soon`, and wake the loop if it sleeps. Any thread."""
        shared = self._shared
        if shared is None or self.ended:
            return
        try:
            self._ready.append((function, args))
        finally:
            shared.wake()
            if self._free:
                self._hand_over()

    def run_ready(self) -> None:
        """Run what is ready now; what that makes ready waits for the next time."""
        ready = self._ready
        count = len(ready)
        while count and ready:
            count -= 1
            # Not `popleft`: a call of C, with whose return Ctrl-C may come and lose it.
            call = ready[0]
            del ready[0]
            try:
                call[0](*call[1])
            except Exception:
                logger.exception("A callback of the event loop failed: %r", call[0])
            except BaseException:
                # Ctrl-C has hit the thread that leads, but the call is somebody else's.
                ready.appendleft(call)
                raise

    def run_users(self) -> None:
        """Run the callbacks of users that are there now."""
        users = self._users
        count = len(users)
        while count and users:
            count -= 1
            function, args = users[0]
            del users[0]
            self._depth += 1
            try:
                function(*args)
            except Exception:
                logger.exception("A callback failed: %r", function)
            finally:
                self._depth -= 1

    def settle(self) -> None:
        """Run ready calls and the callbacks of users until hardly any are left."""
        for _ in range(_PASSES):
            if self._ready:
                self.run_ready()
            if self._users and not self._depth:
                self.run_users()
            elif not self._ready:
                return

    # --- leading ------------------------------------------------------------------------------

    def dispatch(self, function: Callable[..., object], *args: Any) -> None:
        """Have the loop call the function; at once when nobody else holds it. Any thread.

        :raises SessionShutdown: the runtime was stopped.
        """
        ident = get_ident()
        if self._owner == ident:
            function(*args)
            return
        try:
            del self._free[0]
        except IndexError:
            if self.ended or self._shared is None:
                raise self._refusal() from None
            self.call_soon_threadsafe(function, *args)
            return
        self._owner = ident
        try:
            function(*args)
            if (self._ready or self._users) and not self._has_thread:
                self.settle()
        finally:
            self._owner = 0
            try:
                if not self.ended:
                    self._free.append(None)
            finally:
                self._after_leading()

    def wait(self, waitable: Waitable, timeout: float | None = None) -> bool:
        """Wait until `waitable` is done, at most `timeout` seconds; return whether it is.

        :raises SessionShutdown: the runtime was stopped before that.
        """
        if waitable.done:
            return True
        deadline = None if timeout is None else monotonic() + timeout
        if self._owner == get_ident():
            self._drive_nested(waitable, deadline)
        elif not self._lead(waitable, deadline, None):
            self._follow(waitable, deadline, None)
        if not waitable.done and (self.ended or self._shared is None):
            raise self._refusal()
        return waitable.done

    def _perform_led(self, function: Callable[[], object], waitable: Waitable, ident: int) -> None:
        """Perform while somebody leads, perhaps this thread."""
        if self.ended or self._shared is None:
            raise self._refusal() from None
        if self._owner == ident:
            function()
            self._drive_nested(waitable, None)
        else:
            errand = _Errand(function, waitable)
            self.activity += 1
            self.call_soon_threadsafe(errand.run)
            self._follow(waitable, None, errand)
            if errand.error is not None:
                raise errand.error
        if not waitable.done:
            raise self._refusal()

    def _drive_nested(self, waitable: Waitable, deadline: float | None) -> None:
        """Drive the loop from inside a call that it made."""
        self._depth += 1
        try:
            while not waitable.done and not self.ended:
                if deadline is not None and monotonic() >= deadline:
                    return
                self.turn(deadline)
        finally:
            self._depth -= 1

    def _lead(self, waitable: Waitable, deadline: float | None, errand: _Errand | None) -> bool:
        """Lead until it is done, fails or is late; return False if somebody else leads."""
        ident = get_ident()
        try:
            del self._free[0]
        except IndexError:
            return False
        self._owner = ident
        try:
            self.activity += 1
            if self._ready:
                self.run_ready()
            while not (waitable.done or self.ended or (errand is not None and errand.error)):
                if deadline is not None and monotonic() >= deadline:
                    break
                self.turn(deadline)
            if self._ready or self._users:
                self.settle()
        finally:
            self._owner = 0
            try:
                if not self.ended:
                    self._free.append(None)
            finally:
                self._after_leading()
        return True

    def _follow(self, waitable: Waitable, deadline: float | None, errand: _Errand | None) -> None:
        """Sleep until it is done, fails or is late, or lead if nobody else does any more."""
        followers = self._followers
        waiter = self._waiter_of(waitable)
        patience = -1.0 if self.patience is None else self.patience
        try:
            followers.append(waitable)
            left = patience
            while not (waitable.done or self.ended or (errand is not None and errand.error)):
                if deadline is not None:
                    left = deadline - monotonic()
                    if left <= 0:
                        break
                    if patience >= 0:
                        left = min(left, patience)
                if not (self._free and self._lead(waitable, deadline, errand)):
                    waiter.acquire(True, left)
        finally:
            try:
                followers.remove(waitable)
            except ValueError:
                pass  # interrupted before it came in
            finally:
                release(waiter)  # another thread may wait for the same
                if self._free:
                    self._hand_over()

    def _waiter_of(self, waitable: Waitable) -> Any:
        with self._guard:
            waiter = waitable.waiter
            if waiter is None:
                waiter = allocate_lock()
                waiter.acquire()
                waitable.waiter = waiter
        return waiter

    def _all_followers(self) -> tuple[Waitable, ...]:
        """Return what threads wait for now."""
        while True:
            try:
                return tuple(self._followers)
            except RuntimeError:
                pass  # without a GIL one may come or go meanwhile: look again

    def has_followers(self) -> bool:
        """Say whether a thread waits that could lead."""
        return any(not waitable.done for waitable in self._all_followers())

    def take(self) -> bool:
        """Become the leader, if nobody is. By the background thread."""
        ident = get_ident()
        try:
            del self._free[0]
        except IndexError:
            return False
        self._owner = ident
        return True

    def leave(self) -> None:
        """Lead no more. By the background thread."""
        self._owner = 0
        if not self.ended:
            self._free.append(None)
        self._after_leading()

    def _hand_over(self) -> None:
        """See to it that somebody leads who has a reason to. Nothing is lost by a second call."""
        shared = self._shared
        if shared is None:
            return
        for _ in range(_PASSES):
            for waitable in self._all_followers():
                if not waitable.done:
                    release(waitable.waiter)
                    return
            busy = self._ready or self._users
            if self._has_thread:
                if busy or self.unattended or shared.wanted:
                    release(shared.nap)
                return
            if not busy or not self.take():
                return
            try:
                self.settle()
            finally:
                self._owner = 0
                if not self.ended:
                    self._free.append(None)

    def _refusal(self) -> SessionShutdown:
        if self.forked:
            return ForkedError()
        if self._shared is None and not self.ended:
            return SessionShutdown("The event loop was not started")
        return SessionShutdown("The event loop was stopped: make a new Cluster")
