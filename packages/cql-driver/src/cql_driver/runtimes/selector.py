"""`SelectorRuntime`: the loop that is built in. Blocking callers drive it themselves."""

from __future__ import annotations

import _thread
import os
import select
import sys
import threading
from _thread import allocate_lock
from _weakref import ref
from _weakrefset import WeakSet
from time import monotonic

from cql_driver.core.pending import Waitable, release
from cql_driver.logs import get_logger, seldom
from cql_driver.runtimes.background import Shared, attend
from cql_driver.runtimes.leader import LedRuntime
from cql_driver.runtimes.sockets import SocketRuntime
from cql_driver.runtimes.system import READ, Waker, join_thread, make_poller
from cql_protocol.errors import PluginError

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cql_driver.core.runtime import Timer
    from cql_driver.runtimes.sockets import Handler
    from cql_driver.runtimes.system import Poller


__all__ = ["SelectorRuntime"]

logger = log = get_logger("cql_driver.runtime")

_STOP_PATIENCE = 5.0
"""Seconds that `stop` waits for a leader that is held up by a callback."""

_runtimes: WeakSet[SelectorRuntime] = WeakSet()


class SelectorRuntime(LedRuntime, SocketRuntime):
    """An event loop over epoll, or what the platform has, that its callers drive in turn.

    With `background_thread` a daemon thread drives it while no caller does; without one,
    heart-beats, events and callbacks come only while some caller waits for something.
    """

    name = "selector"

    def __init__(self, *, background_thread: bool = True) -> None:
        super().__init__()
        self._with_thread = background_thread
        self._thread: threading.Thread | None = None
        self._stopping = False

    def start(self) -> None:
        """Open what the loop needs and start its thread. A second call does nothing.

        :raises SessionShutdown: it was stopped.
        """
        with self._guard:
            if self.ended:
                raise self._refusal()
            if self._shared is not None:
                return
            _check_patches(self.name, self.holds_up_greenlets())
            waker = Waker()
            poller = self.make_poller()
            poller.register(waker.fd, READ)
            self._handlers[waker.fd] = waker
            self._shared = shared = Shared(poller, waker)
            _runtimes.add(self)
            if self._with_thread:
                self._thread = threading.Thread(
                    target=attend,
                    args=(shared, ref(self)),
                    name="cql-driver-loop",
                    daemon=True,
                )
                self._has_thread = True
                self._thread.start()
            self._free.append(None)

    def make_poller(self) -> Poller:
        """Return what the loop sleeps in; a subclass may have another one."""
        return make_poller()

    def holds_up_greenlets(self) -> bool:
        """Say whether the loop's sleep is one that no library has patched."""
        return select.select.__module__ == "select"

    # --- for transports -----------------------------------------------------------------------

    def watch(self, fd: int, handler: Handler, before: int, events: int) -> None:
        """Have the handler called for `events`, of which it had those of `before` until now."""
        if self._shared is None or events == before:
            return
        poller = self._shared.poller
        if not before:
            poller.register(fd, events)
            self._handlers[fd] = handler
        elif events:
            poller.modify(fd, events)
        else:
            poller.unregister(fd)
            self._handlers.pop(fd, None)

    # --- what the core asks for ---------------------------------------------------------------

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> Timer:
        """Call the function after `delay` seconds."""
        return self._timers.add(monotonic() + delay, function, args)

    def check_running(self) -> None:
        """Raise `SessionShutdown` when nothing new may begin."""
        if self._stopping or self.ended or self._shared is None:
            raise self._refusal()

    # --- the end ------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the loop: streams are aborted, timers dropped, waiting threads get an error.

        Any thread, the loop's own too. A second call does nothing. If the loop is held up by
        a callback, this returns after some seconds, and the loop ends when it comes back.
        """
        with self._guard:
            if self.ended or self._shared is None:
                self.ended = True
                return
        if self.in_loop():
            self._shut()
            return
        if sys.is_finalizing():
            # No other thread runs any more, perhaps one that leads.
            self._forget()
            return
        done = Waitable()
        self.call_soon_threadsafe(self._shut_and_tell, done)
        try:
            self.wait(done, _STOP_PATIENCE)
        except Exception:
            if not self.ended:
                raise
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            join_thread(thread, 1.0)

    def _shut_and_tell(self, done: Waitable) -> None:
        self._shut()
        done.finish()

    def _shut(self) -> None:
        if self.ended or self._shared is None:
            return
        self._stopping = True
        self.fail_streams()
        self._timers.clear()
        self.settle()
        self._timers.clear()
        self.ended = True
        self._shared.end()
        self._shared.close()
        self._drop_everything()
        for waitable in self._all_followers():
            release(waitable.waiter)

    def _drop_everything(self) -> None:
        self._free.clear()
        self._ready.clear()
        self._handlers.clear()
        self.drop_streams()

    def after_fork(self) -> None:
        """Let go, in a forked child, of what belongs to the parent.

        Descriptors are closed and nothing more: the epoll is shared, so to unregister here
        would make the parent deaf.
        """
        self.forked = True
        self._guard = allocate_lock()
        self._followers.clear()
        self._forget()

    def _forget(self) -> None:
        """Close all descriptors and call nobody."""
        self.ended = True
        self._owner = 0
        self._users.clear()
        self._timers.clear()
        self.forget_streams()
        self._drop_everything()
        if self._shared is not None:
            self._shared.close()

    def __del__(self) -> None:
        shared = getattr(self, "_shared", None)
        if shared is None or self.ended:
            return
        if self._has_thread:
            shared.end()
        else:
            shared.close()


def _check_patches(name: str, hold_up: bool) -> None:
    """Say in a process that a library has patched what becomes of this loop there.

    Patched before this module was imported, and all of it, it is made of the library's own locks
    and sleeps. Else it would hold up the whole process while it waits, for ever where one
    greenlet has what another one waits for: raises `PluginError` then.
    """
    library = _thread.allocate_lock.__module__.partition(".")[0]
    if library not in ("eventlet", "gevent"):
        return
    why = "what it sleeps in is not patched" if hold_up else ""
    if _thread.allocate_lock is not allocate_lock:
        why = "that was done after cql_driver was imported"
    if why:
        raise PluginError(
            f"reactor {name!r} cannot be used: the process is patched by {library}, and {why}, so "
            f"a call that waits would hold up all greenlets. Choose reactor={library!r}, or patch "
            "everything before anything else is imported"
        )
    text = "The process is patched by %s, of which the reactor %s knows nothing; choose reactor=%r"
    seldom(log.warning, ("patched", library, name), text, library, name, library)


def _after_fork_in_child() -> None:
    for runtime in tuple(_runtimes):
        runtime.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
