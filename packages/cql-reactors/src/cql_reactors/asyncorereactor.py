"""The reactor `asyncore`: the built-in loop, asleep in `asyncore`.

For who has used that one. Python has it up to 3.11, and the package pyasyncore afterwards. It
looks at every connection in each turn, and so is the slowest there is.
"""

from __future__ import annotations

import math
import select
import time
import warnings
from typing import TYPE_CHECKING

from cql_driver.runtimes.selector import SelectorRuntime
from cql_driver.runtimes.system import READ, WRITE
from cql_reactors.connections import ReactorConnection

with warnings.catch_warnings():
    # It says that it is deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    import asyncore

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.runtimes.system import Poller

__all__ = ["AsyncoreConnection", "AsyncoreRuntime"]

_LONGEST = 86400.0  # seconds


def _poll(timeout: float, channels: dict[int, Any]) -> None:
    # It cuts off all below a millisecond, and would not sleep at all for the rest of one.
    asyncore.poll2((math.ceil(timeout * 1000) + 0.5) / 1000, channels)


def _select(timeout: float, channels: dict[int, Any]) -> None:
    try:
        asyncore.poll(timeout, channels)
    except (OSError, ValueError):
        # One is not open, or has a number too high for select, which does not say which one.
        bad = [channel for fd, channel in channels.items() if not _can_be_selected(fd)]
        if not bad:
            raise
        for channel in bad:
            channel.handle_close()


def _can_be_selected(fd: int) -> bool:
    try:
        select.select([fd], [], [], 0)
    except (OSError, ValueError):
        return False
    return True


class _Channel:
    """A descriptor, as asyncore wants it: it asks what to watch for, and tells what came."""

    __slots__ = ("_poller", "accepting", "events", "fd")

    def __init__(self, poller: _AsyncorePoller, fd: int, events: int) -> None:
        self._poller = poller
        self.fd = fd
        self.events = events
        self.accepting = False  # else it is never watched for writing

    def readable(self) -> bool:
        """Say whether it is watched for reading."""
        return self.events & READ != 0

    def writable(self) -> bool:
        """Say whether it is watched for writing."""
        return self.events & WRITE != 0

    def handle_read_event(self) -> None:
        """Note that there is something to read."""
        self._poller.note(self.fd, READ)

    def handle_write_event(self) -> None:
        """Note that it can be written to."""
        self._poller.note(self.fd, WRITE)

    def handle_expt_event(self) -> None:
        """Note an exception: with select, it is how a failure to connect is told on Windows."""
        self._poller.note(self.fd, self.events)

    def handle_close(self) -> None:
        """Note a hang-up, an error, or that it is not open: to read or write tells which."""
        self._poller.note(self.fd, READ | WRITE)

    def handle_error(self) -> None:
        """Note as much when a note failed, for want of memory, say."""
        self._poller.note(self.fd, READ | WRITE)


class _AsyncorePoller:
    """Watches file descriptors, in a map of its own."""

    def __init__(self) -> None:
        self._map: dict[int, Any] = {}
        self._found: dict[int, int] = {}
        # Where there is no poll, as on Windows, there is select.
        self._poll = _poll if hasattr(select, "poll") else _select
        self._closed = False

    def register(self, fd: int, events: int) -> None:
        """Watch a descriptor that is not watched."""
        if fd < 0:
            raise ValueError(f"{fd} is no file descriptor")
        if fd in self._map:
            raise FileExistsError(f"file descriptor {fd} is watched already")
        self._map[fd] = _Channel(self, fd, events)

    def modify(self, fd: int, events: int) -> None:
        """Watch it for other events."""
        self._channel(fd).events = events

    def unregister(self, fd: int) -> None:
        """Watch it no more; before it is closed."""
        self._channel(fd)
        del self._map[fd]

    def _channel(self, fd: int) -> _Channel:
        channel: _Channel | None = self._map.get(fd)
        if channel is None:
            raise FileNotFoundError(f"file descriptor {fd} is not watched")
        return channel

    def note(self, fd: int, bits: int) -> None:
        """Take down what asyncore tells of a descriptor."""
        self._found[fd] = self._found.get(fd, 0) | bits

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        """Sleep up to `timeout` seconds (< 0: without end) for pairs of descriptor and bits."""
        if self._closed:
            raise ValueError("the poller is closed")
        if not 0 <= timeout < _LONGEST:
            timeout = _LONGEST
        if not self._map:
            time.sleep(timeout)  # asyncore would not
            return []
        # A signal's handler may poll, so what is found is this call's own.
        found = self._found = {}
        self._poll(timeout, self._map)
        return list(found.items())

    def close(self) -> None:
        """Forget all."""
        self._closed = True
        self._map.clear()


class AsyncoreRuntime(SelectorRuntime):
    """An event loop over asyncore, that its callers drive in turn."""

    name = "asyncore"

    def make_poller(self) -> Poller:
        """Return a map of asyncore's that this runtime shares with nobody."""
        return _AsyncorePoller()


class AsyncoreConnection(ReactorConnection):
    """Names the reactor `asyncore`."""

    reactor = "asyncore"
