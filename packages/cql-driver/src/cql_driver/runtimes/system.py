"""What a loop asks the system for: sockets that are ready, addresses of names, a thread's end.

It sleeps in `epoll`, used directly where it exists, else in the `selectors` module. Of sockets it
takes what is C: the module `socket`, which makes enumerations of all constants, is imported when
a name is looked up.
"""

from __future__ import annotations

import _socket
import os
import select
import time
from functools import partial

from cql_driver.core.pending import Pending
from cql_driver.core.runtime import Address

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Thread
    from typing import Any, Protocol

    from cql_driver.core.runtime import Runtime

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


__all__ = [
    "READ",
    "WRITE",
    "EpollPoller",
    "SelectorsPoller",
    "Waker",
    "is_literal",
    "join_thread",
    "literal_addresses",
    "make_poller",
    "resolve",
]

READ = 1
WRITE = 4
"""The bits of epoll. What else a mask has (error, hang-up) concerns reading and writing."""

_LONGEST = 86400.0  # seconds; longer sleeps overflow the milliseconds of some platforms


class EpollPoller:
    """Linux. Its `poll` is that of `select.epoll`: nothing lies between loop and kernel."""

    __slots__ = ("_epoll", "close", "epoll_fd", "modify", "poll", "register")

    def __init__(self) -> None:
        epoll = self._epoll = select.epoll()
        self.epoll_fd = epoll.fileno()
        """For the compiled loop, which sleeps in it without a call of Python."""
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
        self._pair: tuple[_socket.socket, _socket.socket] | None = None
        self.ring: Callable[[], object]
        if hasattr(os, "eventfd"):
            self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self.ring = partial(os.eventfd_write, self.fd, 1)
        else:
            import socket  # windows has no pair but this one

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


def join_thread(thread: Thread, timeout: float) -> None:
    """Wait up to `timeout` seconds for a thread to end, for the system too.

    Before Python 3.13 `Thread.join` returns when the thread has done its last in Python. What
    it still does, OpenSSL does under a lock of the whole process: who forks just then, as
    servers do that connect, shut down and then fork, gets a child in which TLS waits for ever.
    """
    end = time.monotonic() + timeout
    thread.join(timeout)
    native: int | None = getattr(thread, "native_id", None)  # not every platform numbers them
    if native is None:
        return
    from _thread import get_native_id

    # A green thread of a patched process has the number of a thread that goes on.
    if native in (os.getpid(), get_native_id()):
        return
    task = f"/proc/self/task/{native}"
    while os.path.exists(task) and time.monotonic() < end:
        time.sleep(0.0005)


def is_literal(host: str) -> bool:
    """Say whether `host` is an IP address."""
    return literal_addresses(host, 0) is not None


def literal_addresses(host: str, port: int) -> list[Address] | None:
    """Return the address that `host` spells out, or None for a name."""
    try:
        _socket.inet_pton(_socket.AF_INET, host)
    except (OSError, ValueError):
        pass
    else:
        return [(host, port)]
    if ":" not in host:
        return None
    try:
        # With a scope (fe80::1%eth0) too. As bytes, which need no codec of host names.
        return _look_up(host, port, _socket.AI_NUMERICHOST)
    except OSError:
        return None


def _look_up(
    host: str, port: int, flags: int = 0, getaddrinfo: Callable[..., Any] | None = None
) -> list[Address]:
    import socket

    try:
        name = host.encode("ascii") if host.isascii() else host
        look = getaddrinfo or socket.getaddrinfo
        found = look(name, port, type=socket.SOCK_STREAM, flags=flags)
    except ValueError as exc:  # a label of no or of too many characters, a NUL
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is no host name: {exc}") from exc
    addresses: dict[Address, None] = dict.fromkeys(entry[4] for entry in found)
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, f"{host!r} has no address")
    return list(addresses)


def resolve(
    runtime: Runtime,
    host: str,
    port: int,
    start: Callable[[Callable[[], None]], object] | None = None,
    getaddrinfo: Callable[..., Any] | None = None,
) -> Pending[list[Address]]:
    """Look up a name in a thread of its own, which ends with the answer; an IP at once.

    `start` calls what it is given elsewhere, in place of a thread; `getaddrinfo` is used there.
    """
    pending: Pending[list[Address]] = Pending()
    literal = literal_addresses(host, port)
    if literal is not None:
        pending.set_result(literal)
        return pending

    def look_up() -> None:
        try:
            addresses = _look_up(host, port, 0, getaddrinfo)
        except OSError as exc:
            why = _socket.gaierror(exc.errno or _socket.EAI_FAIL, f"{exc.strerror}: {host!r}")
            runtime.call_soon_threadsafe(pending.set_error, why)
        else:
            runtime.call_soon_threadsafe(pending.set_result, addresses)

    (start or _start_thread)(look_up)
    return pending


def _start_thread(function: Callable[[], None]) -> None:
    # A daemon, as a resolver may take half a minute, which a program's end need not wait for.
    from threading import Thread

    Thread(target=function, name="cql-driver-lookup", daemon=True).start()
