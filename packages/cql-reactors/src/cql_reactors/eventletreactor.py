"""eventlet: sessions that block greenlets, not the process.

Choose it by ``Cluster(reactor="eventlet")``, ``connection_class=EventletConnection`` or
``CQL_DRIVER_REACTOR=eventlet``. The driver runs in the hub of the thread that connects.
"""

from __future__ import annotations

import _socket
from functools import partial
from typing import TYPE_CHECKING, Any

import eventlet
import eventlet.hubs
import eventlet.patcher
import eventlet.tpool

from cql_driver.runtimes.system import READ, WRITE, Waker
from cql_reactors.connections import ReactorConnection
from cql_reactors.green import GreenRuntime
from cql_reactors.hubs import Hub
from cql_reactors.patches import check_patches

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_reactors.hubs import Call, Sleep

__all__ = ["EventletConnection", "EventletRuntime"]

_allocate_lock = eventlet.patcher.original("_thread").allocate_lock
_KINDS = ((READ, eventlet.hubs.hub.READ), (WRITE, eventlet.hubs.hub.WRITE))


class _EventletHub(Hub):
    """A hub of eventlet."""

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self.switch = hub.switch  # type: ignore[method-assign]
        self._listeners: dict[tuple[int, int], Any] = {}
        self._waker = Waker()
        self._calls: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self.watch(self._waker.fd, 0, READ, self._woken)

    @property
    def greenlet(self) -> Any:
        """The one that the hub runs in; another one after Ctrl-C."""
        return self._hub.greenlet

    def soon(self, function: Callable[..., object], *args: Any) -> Call:
        """Have the hub call a function."""
        timer: Call = self._hub.schedule_call_global(0, function, *args)
        return timer

    def soon_threadsafe(self, function: Callable[..., object], *args: Any) -> None:
        """Have the hub call a function. Any thread."""
        self._calls.append((function, args))
        self._waker.ring()

    def _woken(self, fd: int, mask: int) -> None:
        self._waker.on_readable()
        calls, self._calls = self._calls, []
        for function, args in calls:
            self.soon(function, *args)

    def later(self, delay: float, function: Callable[..., object]) -> Call:
        """Have the hub call a function after `delay` seconds."""
        timer: Call = self._hub.schedule_call_global(delay, function)
        return timer

    def watch(self, fd: int, before: int, events: int, told: Callable[[int, int], object]) -> None:
        """Have ``told(fd, mask)`` called for `events` instead of those of `before`."""
        if not before:
            # Somebody may have closed a socket of this number and not told the hub.
            self._hub.mark_as_reopened(fd)
        for bit, kind in _KINDS:
            if before & ~events & bit:
                self._hub.remove(self._listeners.pop((fd, bit)))
            elif events & ~before & bit:
                tell = partial(_tell, told, bit)
                self._listeners[fd, bit] = self._hub.add(kind, fd, tell, _nothing, None)

    def forget(self, fd: int, forked: bool = False) -> None:
        """Watch a descriptor no more that may be closed, or belong to a parent process."""
        for bit, kind in _KINDS:
            listener = self._listeners.pop((fd, bit), None)
            if listener is None:
                continue
            if not forked:
                try:
                    self._hub.remove(listener)
                except (KeyError, OSError, ValueError):
                    pass  # closed
            elif self._hub.listeners[kind].get(fd) is listener:
                # The kernel's part is shared: to change it would make the parent deaf.
                del self._hub.listeners[kind][fd]
            listener.defang()

    def close(self, forked: bool = False) -> None:
        """Give back what the driver has had the hub hold for itself."""
        self.forget(self._waker.fd, forked)
        self._waker.close()


def _tell(told: Callable[[int, int], object], bit: int, fd: int) -> None:
    told(fd, bit)


def _nothing(error: BaseException) -> None:
    pass


class _ForeignSleeper:
    """A greenlet that waits in another thread's hub than the runtime's: on a descriptor."""

    __slots__ = ("_waker",)

    def __init__(self) -> None:
        self._waker = Waker()

    def sleep(self, timeout: float) -> None:
        """Wait until it is woken, at most `timeout` seconds; < 0: without end."""
        try:
            eventlet.hubs.trampoline(
                self._waker.fd,
                read=True,
                timeout=None if timeout < 0 else timeout,
                timeout_exc=TimeoutError,
            )
        except TimeoutError:
            pass
        finally:
            self._waker.close()

    def wake(self) -> None:
        """End the wait."""
        self._waker.ring()


class EventletRuntime(GreenRuntime):
    """The driver on eventlet's hub."""

    name = "eventlet"
    framework = "eventlet"

    def make_lock(self) -> Any:
        """Return a lock of the system's, patched or not."""
        return _allocate_lock()

    def find_hub(self) -> Any:
        """Return the hub of this thread, None if it has none yet."""
        return getattr(eventlet.hubs._threadlocal, "hub", None)

    def make_hub(self) -> Hub:
        """Return the hub of this thread."""
        return _EventletHub(eventlet.hubs.get_hub())

    def make_foreign_sleeper(self) -> Sleep:
        """Return what a greenlet waits on whose thread has another hub."""
        return _ForeignSleeper()

    def spawn_greenlet(self, function: Callable[[], object]) -> None:
        """Call a function in a greenlet of its own."""
        eventlet.spawn_n(function)

    def getaddrinfo(self, *args: Any, **named: Any) -> Any:
        """Do as `socket.getaddrinfo`, letting other greenlets run meanwhile."""
        # In a thread: without dnspython eventlet's own blocks, with it it knows less.
        return eventlet.tpool.execute(_socket.getaddrinfo, *args, **named)

    def check_patches(self) -> None:
        """Say what of the process is not patched; raise when it cannot work."""
        check_patches("eventlet")


class EventletConnection(ReactorConnection):
    """Chooses eventlet, as a `connection_class`."""

    reactor = "eventlet"
