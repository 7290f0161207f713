"""`GreenRuntime`: the driver in a greenlet of its own, for gevent and eventlet.

The hub (the framework's loop, of which each thread has its own) may not wait for anything while
it calls somebody, and code of the driver might, on a lock that a monkey patch made cooperative.
So what the hub calls only rouses one greenlet, the *loop greenlet*, in which all of the driver
runs. Who calls the driver waits in its own greenlet, functions of users run in a third.

Nothing here needs a monkey patch: sockets are the system's, watched by the hub; waits use the
hub itself. Threads of the system may use the driver too: they are known by their hub, or by
having none.
"""

from __future__ import annotations

import sys
import weakref
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

from cql_driver.core.pending import Waitable
from cql_driver.core.runtime import Runtime
from cql_driver.logs import get_logger
from cql_driver.runtimes.system import resolve
from cql_protocol.errors import UnsupportedOperation
from cql_reactors.hosted import HostedRuntime
from cql_reactors.hubs import Sleeper, ThreadSleeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.core.pending import Pending
    from cql_driver.core.runtime import Address
    from cql_driver.runtimes.sockets import Handler
    from cql_reactors.hubs import Call, Hub, Sleep


__all__ = ["GreenRuntime"]

logger = get_logger("cql_driver.runtime")

_STOP_PATIENCE = 5.0
"""Seconds that `stop` waits for users' functions that were called."""


class _Waiter:
    """What those who wait for one result sleep on: a lock in its methods, that stays open."""

    __slots__ = ("_open", "_runtime", "_sleepers")

    def __init__(self, runtime: GreenRuntime) -> None:
        self._runtime = runtime
        self._sleepers: list[Sleep] = []
        self._open = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Wait until it is released, at most `timeout` seconds; < 0: without end."""
        if self._open or not blocking:
            return self._open
        sleeper = self._runtime.make_sleeper()
        self._sleepers.append(sleeper)
        try:
            if not self._open:  # `release` opens first, then looks who sleeps
                sleeper.sleep(timeout)
        finally:
            self._sleepers.remove(sleeper)
        return self._open

    def release(self) -> None:
        """Open it for all."""
        if not self._open:
            self._open = True
            for sleeper in tuple(self._sleepers):
                sleeper.wake()


def _nothing(fd: int, mask: int) -> None:
    """Stand for the loop greenlet once it has ended."""


class _Loop:
    """The loop greenlet, and all that the hub holds: nothing here leads to the runtime.

    So a runtime that was dropped is collected, and its greenlet ends.
    """

    __slots__ = ("_asleep", "_call", "_held", "_reference", "_watched", "ended", "greenlet", "hub")

    def __init__(self, hub: Hub, runtime: GreenRuntime) -> None:
        self.hub = hub
        self.ended = False
        self._reference = weakref.ref(runtime)
        self._watched: dict[int, int] = {}
        self._held: list[int] = []
        self._call: Call | None = None
        self._renew()

    def _renew(self) -> None:
        self._asleep = True
        self.greenlet: Any = greenlet(self._run, self.hub.greenlet)

    def ask(self) -> None:
        """Have the hub switch to the loop greenlet, for a turn. In the thread of the hub."""
        call = self._call
        if call is None or not call.pending:
            if self.greenlet.dead:
                self._renew()
            # A function of C: Ctrl-C cannot come before it does anything.
            self._call = self.hub.soon(self.greenlet.switch, -1, 0)

    # --- in the hub ----------------------------------------------------------------------------

    def rouse(self, fd: int = -1, mask: int = 0) -> None:
        """Have the loop greenlet handle a descriptor, or else do a turn."""
        if self.greenlet.dead and not self.ended:
            self._renew()
        if self._asleep:
            self.greenlet.switch(fd, mask)
        elif fd >= 0 and fd in self._watched:
            # It waits for something meanwhile. It would be told of this again and again.
            self.hub.watch(fd, self._watched[fd], 0, self.rouse)
            self._held.append(fd)

    def ring(self) -> None:
        """The alarm that was asked for has come."""
        runtime = self._reference()
        if runtime is not None:
            runtime.alarm_came()
            del runtime
        self.rouse()

    # --- in the loop greenlet ------------------------------------------------------------------

    def _run(self, fd: int, mask: int) -> None:
        try:
            while True:
                self._asleep = False
                if self._call is not None:
                    self._call.cancel()  # it would come while this waits for something else
                self._attend(fd, mask)
                if self.ended:
                    return
                self._asleep = True
                fd, mask = self.hub.switch()
        except GreenletExit:
            pass  # somebody has killed all greenlets there were
        finally:
            if self.ended:
                # Patched `threading` counts a greenlet that has logged something as a thread, as
                # long as anybody has it.
                self.greenlet = greenlet(_nothing, self.hub.greenlet)
            else:
                # Ctrl-C has come, which goes on to the hub, and by it to the main greenlet.
                self._renew()
                self.hub.soon(self.rouse)

    def _attend(self, fd: int, mask: int) -> None:
        runtime = self._reference()
        if runtime is None:
            self.close()
            return
        try:
            if fd < 0:
                runtime.turn()
            else:
                handler = runtime.handlers.get(fd)
                if handler is not None:
                    runtime.ready(handler, mask)
        except BaseException as exc:  # noqa: BLE001 - the loop goes on
            runtime.interrupted(exc)
        while self._held:
            fd = self._held.pop()
            if fd in self._watched:
                self.hub.watch(fd, 0, self._watched[fd], self.rouse)

    def watch(self, fd: int, events: int) -> None:
        """Watch a descriptor for other events, or for none."""
        before = self._watched.get(fd, 0)
        if fd in self._held:  # not watched at the moment
            self._held.remove(fd)
            before = 0
        self.hub.watch(fd, before, events, self.rouse)
        if events:
            self._watched[fd] = events
        else:
            self._watched.pop(fd, None)

    # --- the end -------------------------------------------------------------------------------

    def close(self, forked: bool = False) -> None:
        """Have the hub forget everything. In its thread, or in a child process."""
        self.ended = True
        for fd in tuple(self._watched):
            self.hub.forget(fd, forked)
        self._watched.clear()
        self.hub.close(forked)

    def drop(self) -> None:
        """Close, and have the greenlet end that sleeps. In the thread of the hub."""
        if not self.ended:
            self.close()
            self.hub.soon(self.rouse)


class GreenRuntime(HostedRuntime):
    """A runtime on the hub of the thread that starts it.

    Callers wait in their greenlets, whether the process is patched or not. Threads of the
    system, with hubs of their own or without, may call it too.
    """

    framework = "?"
    crowded = True
    hint = "spawn a greenlet for it, or use a call that does not wait"

    def __init__(self, *, background_thread: bool = True) -> None:
        super().__init__(background_thread=background_thread)
        self._guard = self.make_lock()
        self.handlers: dict[int, Handler] = {}
        self._loop: Any = None
        self._hub: Any = None
        self._timer: Call | None = None
        self._serving: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._served: Waitable | None = None
        self._server: Any = None

    # --- what a framework's module gives -------------------------------------------------------

    def make_lock(self) -> Any:
        """Return a lock of the system's, patched or not."""
        raise NotImplementedError

    def find_hub(self) -> Any:
        """Return the framework's hub of this thread, None if it has none yet."""
        raise NotImplementedError

    def make_hub(self) -> Hub:
        """Return the hub of this thread."""
        raise NotImplementedError

    def make_foreign_sleeper(self) -> Sleep:
        """Return what a greenlet waits on whose thread has another hub."""
        raise NotImplementedError

    def spawn_greenlet(self, function: Callable[[], object]) -> None:
        """Call a function in a greenlet of its own. In the thread of the hub."""
        raise NotImplementedError

    def getaddrinfo(self, *args: Any, **named: Any) -> Any:
        """Do as `socket.getaddrinfo`, letting other greenlets run meanwhile."""
        raise NotImplementedError

    def check_patches(self) -> None:
        """Say what of the process is not patched; raise when it cannot work."""
        raise NotImplementedError

    # --- the loop ------------------------------------------------------------------------------

    def in_loop(self) -> bool:
        """Say whether this is the loop greenlet."""
        return self._loop is not None and getcurrent() is self._loop.greenlet

    def open(self) -> None:
        """Make the loop greenlet, in the hub of this thread."""
        self.check_patches()
        hub = self.make_hub()
        self._loop = _Loop(hub, self)
        self._hub = self.find_hub()

    def _ask_for_a_turn(self) -> None:
        # `_woken` is for the time of a turn alone. Whether one is to come the hub knows, so
        # that nothing is lost when Ctrl-C comes between a note of that and the asking.
        if not self._woken:
            self.wake()

    def wake(self) -> None:
        """Have `turn` called soon on the loop. Any thread."""
        loop = self._loop
        if self.find_hub() is self._hub:
            loop.ask()
        else:
            loop.hub.soon_threadsafe(loop.rouse)

    def alarm(self, when: float | None) -> None:
        """Have `turn` called at this time of `now`, and not at the one before; None: never."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if when is not None:
            self._timer = self._loop.hub.later(max(0.0, when - monotonic()), self._loop.ring)

    def alarm_came(self) -> None:
        """Take note of it; the turn that follows asks for the next."""
        self._alarm = None

    def watch(self, fd: int, handler: Handler, before: int, events: int) -> None:
        """Have the handler called for `events`, of which it had those of `before` until now."""
        if events:
            self.handlers[fd] = handler
        else:
            self.handlers.pop(fd, None)
        self._loop.watch(fd, events)

    def interrupted(self, error: BaseException) -> None:
        """Go on after what is no `Exception`; Ctrl-C is for the main greenlet."""
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            self._loop.hub.soon(_raise, error)
        else:
            logger.error("The event loop was interrupted", exc_info=error)
        self._woken = False
        if not self.ended:
            self._ask_for_a_turn()

    # --- users' functions ----------------------------------------------------------------------

    def _run_users(self) -> None:
        """Have a greenlet call them, one after the other: they may block."""
        self._serving.extend(self._users)
        self._users.clear()
        if self._serving and self._served is None:
            self._served = Waitable()
            self.spawn_greenlet(self._serve)

    def _serve(self) -> None:
        self._server = getcurrent()
        serving = self._serving
        served = self._served
        try:
            while serving:
                function, args = serving.popleft()
                try:
                    function(*args)
                except Exception:
                    logger.exception("A callback failed: %r", function)
        finally:
            self._server = None
            self._served = None
            if served is not None:
                served.finish()
            if serving:  # something that is no Exception: for the hub, as in any greenlet
                self._served = Waitable()
                self.spawn_greenlet(self._serve)

    # --- waiting -------------------------------------------------------------------------------

    def make_waiter(self) -> _Waiter:
        """Return what greenlets and threads sleep on."""
        return _Waiter(self)

    def make_sleeper(self) -> Sleep:
        """Return what the calling greenlet, or thread, waits on once."""
        found = self.find_hub()
        if found is None:
            return ThreadSleeper(self.make_lock())
        if found is not self._hub:
            return self.make_foreign_sleeper()
        if getcurrent() is self._loop.hub.greenlet:
            raise UnsupportedOperation(
                f"a call that waits was made in the hub of {self.framework}, which calls without "
                "a greenlet: spawn one for it"
            )
        return Sleeper(self._loop.hub, foreign=False)

    def resolve(self, host: str, port: int) -> Pending[list[Address]]:
        """Look up a name; the result has at least one address, the error is an `OSError`."""
        self.check_running()
        pending = resolve(self, host, port, self.spawn_greenlet, self.getaddrinfo)
        if not pending.done:
            self._lookups.add(pending)
            pending.add_done_callback(self._lookups.discard)
        return pending

    # --- the end -------------------------------------------------------------------------------

    def stop(self) -> None:
        """End all streams, timers and calls; who waits gets an error. Any thread."""
        loop = self._loop
        if loop is not None and not self.ended:
            if sys.is_finalizing():  # no hub runs any more, and no greenlet
                self.ended = True
                self.forget_streams()
                self._drop_everything()
                return
            if getcurrent() is loop.hub.greenlet:
                self.call_soon_threadsafe(self._shut)  # the hub cannot wait
                return
        super().stop()

    def join(self) -> None:
        """Wait until users' functions that were to be called have been."""
        served = self._served
        if served is not None and getcurrent() is not self._server:
            Runtime.wait(self, served, _STOP_PATIENCE)

    def shut(self) -> None:
        """Have the hub forget everything."""
        self.alarm(None)
        self._loop.close()

    def after_fork(self) -> None:
        """Let go, in a forked child, of what belongs to the parent: sockets are closed."""
        loop = self._loop
        if loop is not None and not loop.ended:
            self.alarm(None)
            loop.close(forked=True)
        self._serving.clear()
        self.handlers.clear()
        super().after_fork()
        self._guard = self.make_lock()

    def __del__(self) -> None:
        loop = getattr(self, "_loop", None)
        if loop is None or loop.ended or sys.is_finalizing():
            return
        if self.find_hub() is self._hub:
            loop.drop()
            if self._timer is not None:
                self._timer.cancel()
        else:
            loop.hub.soon_threadsafe(loop.drop)


def _raise(error: BaseException) -> None:
    raise error
