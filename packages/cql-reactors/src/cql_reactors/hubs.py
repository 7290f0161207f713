"""What greenlets wait in: a thread's hub, as the driver uses it, and one wait of one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from cql_driver.core.pending import release

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Call(Protocol):
        """A call of the hub's that is to come."""

        def cancel(self) -> None: ...

        @property
        def pending(self) -> bool: ...

    class Sleep(Protocol):
        """One wait of one thread or greenlet."""

        def sleep(self, timeout: float) -> None: ...

        def wake(self) -> None: ...


__all__ = ["Hub", "Sleeper", "ThreadSleeper"]


class Hub:
    """A thread's hub, as the driver uses it; a framework's module derives its own."""

    greenlet: Any
    """The one that the hub runs in."""

    def switch(self) -> Any:
        """Let others run until somebody switches to this greenlet; return what it was given."""
        raise NotImplementedError

    def soon(self, function: Callable[..., object], *args: Any) -> Call:
        """Have the hub call a function. In its thread."""
        raise NotImplementedError

    def soon_threadsafe(self, function: Callable[..., object], *args: Any) -> None:
        """Have the hub call a function. Any thread."""
        raise NotImplementedError

    def later(self, delay: float, function: Callable[..., object]) -> Call:
        """Have the hub call a function after `delay` seconds. In its thread."""
        raise NotImplementedError

    def watch(self, fd: int, before: int, events: int, told: Callable[[int, int], object]) -> None:
        """Have ``told(fd, mask)`` called for `events` instead of those of `before`."""
        raise NotImplementedError

    def forget(self, fd: int, forked: bool = False) -> None:
        """Watch a descriptor no more that may be closed, or belong to a parent process."""
        raise NotImplementedError

    def close(self, forked: bool = False) -> None:
        """Give back what the driver has had the hub hold for itself."""


class Sleeper:
    """A greenlet that waits in the hub of its thread, `foreign` if that is not the runtime's."""

    __slots__ = ("_call", "_foreign", "_greenlet", "_hub", "_woken")

    def __init__(self, hub: Hub, foreign: bool) -> None:
        self._hub = hub
        self._foreign = foreign
        self._greenlet: Any = None
        self._woken = False
        self._call: Call | None = None

    def sleep(self, timeout: float) -> None:
        """Wait until it is woken, at most `timeout` seconds; < 0: without end."""
        timer = None if timeout < 0 else self._hub.later(timeout, self._wake)
        self._greenlet = getcurrent()
        try:
            while not self._woken:
                self._hub.switch()
        finally:
            # A time-out of the application's, or its being killed, leaves nothing that would
            # switch to it later.
            self._greenlet = None
            if timer is not None:
                timer.cancel()
            if self._call is not None:
                self._call.cancel()

    def wake(self) -> None:
        """End the wait. By the loop, or in a child process."""
        if self._foreign:
            self._hub.soon_threadsafe(self._wake)
        else:
            self._wake()

    def _wake(self) -> None:
        self._woken = True
        # The hub is given a function of C: Ctrl-C cannot come before it does anything.
        if self._greenlet is not None and self._call is None:
            self._call = self._hub.soon(self._greenlet.switch)


class ThreadSleeper:
    """A thread that waits and has no hub; on a lock that no patch has made another one."""

    __slots__ = ("_lock",)

    def __init__(self, lock: Any) -> None:
        self._lock = lock
        lock.acquire()

    def sleep(self, timeout: float) -> None:
        """Wait until it is woken, at most `timeout` seconds; < 0: without end."""
        self._lock.acquire(True, timeout)

    def wake(self) -> None:
        """End the wait."""
        release(self._lock)
