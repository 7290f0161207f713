"""gevent: sessions that block greenlets, not the process.

Choose it by ``Cluster(reactor="gevent")``, ``connection_class=GeventConnection`` or
``CQL_DRIVER_REACTOR=gevent``. The driver runs in the hub of the thread that connects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gevent
import gevent.monkey
import gevent.socket
from gevent._hub_local import get_hub_if_exists

from cql_driver.runtimes.system import READ, WRITE
from cql_reactors.connections import ReactorConnection
from cql_reactors.green import GreenRuntime
from cql_reactors.hubs import Hub, Sleeper
from cql_reactors.patches import check_patches

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_reactors.hubs import Call, Sleep

__all__ = ["GeventConnection", "GeventRuntime"]

_READ, _WRITE = 1, 2  # of gevent's loops

_allocate_lock = gevent.monkey.get_original("_thread", "allocate_lock")


class _Soon:
    """A call that the hub makes in its next round."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Any) -> None:
        self._callback = callback

    @property
    def pending(self) -> bool:
        """Whether it is still to come."""
        return bool(self._callback.pending)

    def cancel(self) -> None:
        """Have it not come."""
        self._callback.stop()


class _Later:
    """A timer of the hub's."""

    __slots__ = ("_watcher",)

    def __init__(self, watcher: Any) -> None:
        self._watcher = watcher

    @property
    def pending(self) -> bool:
        """Whether it is still to come."""
        return self._watcher is not None and bool(self._watcher.active)

    def cancel(self) -> None:
        """Have it not come."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()


class _GeventHub(Hub):
    """A hub of gevent."""

    def __init__(self, hub: Any) -> None:
        self.greenlet = hub
        self.switch = hub.switch  # type: ignore[method-assign]
        self._loop = hub.loop
        self.soon_threadsafe = hub.loop.run_callback_threadsafe  # type: ignore[method-assign]
        self._watchers: dict[int, Any] = {}
        self._anchor: Any = None

    def anchor(self) -> None:
        """Have the hub think that something may come, while only other threads could send it."""
        self._anchor = self._loop.async_()
        self._anchor.start(_nothing)

    def soon(self, function: Callable[..., object], *args: Any) -> Call:
        """Have the hub call a function."""
        return _Soon(self._loop.run_callback(function, *args))

    def later(self, delay: float, function: Callable[..., object]) -> Call:
        """Have the hub call a function after `delay` seconds."""
        watcher = self._loop.timer(delay)
        watcher.start(function, update=True)
        return _Later(watcher)

    def watch(self, fd: int, before: int, events: int, told: Callable[[int, int], object]) -> None:
        """Have ``told(fd, mask)`` called for `events` instead of those of `before`."""
        if before:
            self.forget(fd)
        if events:
            mask = (_READ if events & READ else 0) | (_WRITE if events & WRITE else 0)
            watcher = self._watchers[fd] = self._loop.io(fd, mask)
            watcher.start(_tell, fd, told, pass_events=True)

    def forget(self, fd: int, forked: bool = False) -> None:
        """Watch a descriptor no more."""
        watcher = self._watchers.pop(fd, None)
        if watcher is not None:
            watcher.stop()
            watcher.close()

    def close(self, forked: bool = False) -> None:
        """Give back what the driver has had the hub hold for itself."""
        anchor, self._anchor = self._anchor, None
        if anchor is not None:
            anchor.stop()
            anchor.close()


def _tell(events: int, fd: int, told: Callable[[int, int], object]) -> None:
    told(fd, (READ if events & _READ else 0) | (WRITE if events & _WRITE else 0))


def _nothing() -> None:
    pass


class _ForeignSleeper(Sleeper):
    """A greenlet that waits in another hub than the runtime's, which may have nothing to do."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(_GeventHub(gevent.get_hub()), foreign=True)

    def sleep(self, timeout: float) -> None:
        """Wait until it is woken, at most `timeout` seconds; < 0: without end."""
        hub = self._hub
        assert isinstance(hub, _GeventHub)
        hub.anchor()
        try:
            super().sleep(timeout)
        finally:
            hub.close()


class GeventRuntime(GreenRuntime):
    """The driver on gevent's hub."""

    name = "gevent"
    framework = "gevent"

    def make_lock(self) -> Any:
        """Return a lock of the system's, patched or not."""
        return _allocate_lock()

    def find_hub(self) -> Any:
        """Return the hub of this thread, None if it has none yet."""
        return get_hub_if_exists()

    def make_hub(self) -> Hub:
        """Return the hub of this thread."""
        hub = _GeventHub(gevent.get_hub())
        hub.anchor()
        return hub

    def make_foreign_sleeper(self) -> Sleep:
        """Return what a greenlet waits on whose thread has another hub."""
        return _ForeignSleeper()

    def spawn_greenlet(self, function: Callable[[], object]) -> None:
        """Call a function in a greenlet of its own."""
        gevent.spawn_raw(function)

    def getaddrinfo(self, *args: Any, **named: Any) -> Any:
        """Do as `socket.getaddrinfo`, letting other greenlets run meanwhile."""
        return gevent.socket.getaddrinfo(*args, **named)

    def check_patches(self) -> None:
        """Say what of the process is not patched; raise when it cannot work."""
        check_patches("gevent")


class GeventConnection(ReactorConnection):
    """Chooses gevent, as a `connection_class`."""

    reactor = "gevent"
