"""What the operating system has, also in a process that gevent or eventlet has patched.

The proxies, and whatever else of the tests stands for another machine, must go on while the code
under test holds up the process's greenlets, so they run on threads that are none of theirs.
`tests.on_reactor` imports this module before it patches; nothing here may load more.
"""

from __future__ import annotations

from _thread import LockType, allocate_lock, get_ident, start_new_thread
from os import write
from selectors import DefaultSelector

__all__ = ["DefaultSelector", "Flag", "allocate_lock", "get_ident", "start_new_thread", "write"]


class Flag:
    """As `threading.Event`, to wait for once, and to be set once, by whatever thread."""

    def __init__(self) -> None:
        self._lock: LockType = allocate_lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let the one who waits go on."""
        self._lock.release()

    def wait(self, timeout: float) -> bool:
        """Wait until it is set, holding up all greenlets of the thread; say whether it is."""
        return self._lock.acquire(True, timeout)
