"""What a loop sleeps in: `epoll` used directly where it exists, else the `selectors` module."""

from __future__ import annotations

import os
import select
import socket
from functools import partial

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Poller(Protocol):
        """Watches file descriptors; a descriptor is registered while it wants at least one bit."""

        def register(self, fd: int, events: int) -> None:
            """Watch a descriptor that is not watched."""

        def modify(self, fd: int, events: int) -> None:
            """Watch it for other events."""

        def unregister(self, fd: int) -> None:
            """Watch it no more; before it is closed."""

        def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
            """Sleep up to `timeout` seconds (< 0: without end) for pairs of descriptor and bits."""

        def close(self) -> None:
            """Give back what the kernel holds; other processes that share it keep theirs."""


__all__ = ["READ", "WRITE", "EpollPoller", "SelectorsPoller", "Waker", "make_poller"]

READ = 1
WRITE = 4
"""The bits of epoll. What else a mask has (error, hang-up) concerns reading and writing."""

_LONGEST = 86400.0  # seconds; longer sleeps overflow the milliseconds of some platforms


class EpollPoller:
    """Linux. Its `poll` is that of `select.epoll`: nothing lies between loop and kernel."""

    __slots__ = ("_epoll", "close", "modify", "poll", "register")

    def __init__(self) -> None:
        epoll = self._epoll = select.epoll()
        self.register: Callable[[int, int], None] = epoll.register
        self.modify: Callable[[int, int], None] = epoll.modify
        self.poll: Callable[[float, int], list[tuple[int, int]]] = epoll.poll
        self.close: Callable[[], None] = epoll.close

    def unregister(self, fd: int) -> None:
        """Watch it no more; before it is closed."""
        self._epoll.unregister(fd)


class SelectorsPoller:
    """Anywhere else: kqueue, poll or select, as the platform has it."""

    __slots__ = ("_selector",)

    def __init__(self) -> None:
        import selectors

        self._selector = selectors.DefaultSelector()

    def register(self, fd: int, events: int) -> None:
        """Watch a descriptor that is not watched."""
        self._selector.register(fd, _own_bits(events))

    def modify(self, fd: int, events: int) -> None:
        """Watch it for other events."""
        self._selector.modify(fd, _own_bits(events))

    def unregister(self, fd: int) -> None:
        """Watch it no more; before it is closed."""
        self._selector.unregister(fd)

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        """Sleep up to `timeout` seconds (< 0: without end) for pairs of descriptor and bits."""
        ready = self._selector.select(None if timeout < 0 else timeout)
        return [(key.fd, (mask & 1) | (WRITE if mask & 2 else 0)) for key, mask in ready]

    def close(self) -> None:
        """Give back what the kernel holds; other processes that share it keep theirs."""
        self._selector.close()


def _own_bits(events: int) -> int:
    return (events & READ) | (2 if events & WRITE else 0)


def make_poller() -> Poller:
    """Return the best poller of this platform."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorsPoller()


def sleep_at_most(timeout: float) -> float:
    """Return `timeout` as a poller takes it."""
    return timeout if timeout < _LONGEST else _LONGEST


class Waker:
    """A descriptor that another thread makes readable; a handler of the loop.

    `ring` is one C call: no signal's exception can come between a caller's last look at its
    flag and the writing.
    """

    __slots__ = ("_pair", "fd", "ring")

    def __init__(self) -> None:
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self.ring: Callable[[], object]
        if hasattr(os, "eventfd"):
            self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self.ring = partial(os.eventfd_write, self.fd, 1)
        else:
            ours, theirs = self._pair = socket.socketpair()
            ours.setblocking(False)
            theirs.setblocking(False)
            self.fd = ours.fileno()
            self.ring = partial(theirs.send, b"\0")

    def on_readable(self) -> None:
        """Become silent again."""
        try:
            if self._pair is None:
                os.eventfd_read(self.fd)
            else:
                self._pair[0].recv(4096)
        except OSError:
            pass

    def on_writable(self) -> None:
        """Nothing is to be done."""

    def close(self) -> None:
        """Close it; ringing does nothing any more."""
        self.ring = _nothing
        fd, self.fd = self.fd, -1
        if fd < 0:
            return
        if self._pair is None:
            os.close(fd)
        else:
            for sock in self._pair:
                sock.close()


def _nothing() -> None:
    pass
