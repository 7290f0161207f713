"""A complete reactor for cql-driver: an event loop on `select.poll` in a thread of its own.

`PollLoop` stands for the loop that you have; `PollRuntime` is the reactor on it. Installed with
its pyproject.toml it is chosen by ``Cluster(reactor="poll")``, and tested by
``python -m cql_reactors.conformance poll``.
"""

from __future__ import annotations

import select
import socket
import threading
import weakref
from math import ceil
from time import monotonic
from typing import TYPE_CHECKING

from cql_driver.errors import InvalidArgument
from cql_driver.runtimes.system import join_thread
from cql_reactors.hosted import READ, WRITE, HostedRuntime

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.runtimes.sockets import Handler


class PollLoop:
    """A loop that calls `tick` when it is time or `ring` was called, and `ready` of descriptors."""

    def __init__(self, tick: Callable[[], None], ready: Callable[[int, int], None]) -> None:
        self.tick = tick
        self.ready = ready
        self.when: float | None = None
        self.ended = False
        self.poller = select.poll()
        self.bell, self.cord = socket.socketpair()
        for sock in (self.bell, self.cord):
            sock.setblocking(False)
        self.poller.register(self.bell, select.POLLIN)
        self.thread = threading.Thread(target=self.run, name="poll-loop", daemon=True)

    def run(self) -> None:
        """Run until the loop is ended."""
        bell = self.bell.fileno()
        while not self.ended:
            left = None if self.when is None else max(0, ceil((self.when - monotonic()) * 1000))
            for fd, events in self.poller.poll(left):
                if fd == bell:
                    self.bell.recv(4096)
                    self.tick()
                else:
                    self.ready(fd, events)
            if self.when is not None and self.when <= monotonic():
                self.when = None
                self.tick()
        self.close()

    def ring(self) -> None:
        """Have `tick` called soon. Any thread."""
        try:
            self.cord.send(b"\0")
        except OSError:
            pass  # it is full, so it rings already; or the loop is closed

    def end(self) -> None:
        """Leave `run`. Any thread."""
        self.ended = True
        self.ring()

    def close(self) -> None:
        """Close what the loop holds."""
        self.bell.close()
        self.cord.close()


class PollRuntime(HostedRuntime):
    """The driver as a guest on a `PollLoop`."""

    name = "poll"
    loop: PollLoop | None = None

    def __init__(self, *, background_thread: bool = True) -> None:
        if not background_thread:
            raise InvalidArgument("the reactor 'poll' is a thread: leave background_thread out")
        super().__init__()
        self.handlers: dict[int, Handler] = {}

    def open(self) -> None:
        """Make the loop and start it."""
        # It holds the runtime weakly, so that all of a cluster that is dropped is collected.
        me = weakref.ref(self)
        self.loop = PollLoop(lambda: _tick(me), lambda fd, events: _ready(me, fd, events))
        self.loop.thread.start()

    def shut(self) -> None:
        """End the loop."""
        self.loop.end()

    def join(self) -> None:
        """Wait for its thread, until the system has ended it: the program may fork then."""
        join_thread(self.loop.thread, timeout=5.0)

    def in_loop(self) -> bool:
        """Say whether the calling thread is the loop's."""
        return self.loop is not None and threading.current_thread() is self.loop.thread

    def wake(self) -> None:
        """Have `turn` called soon. Any thread."""
        self.loop.ring()

    def alarm(self, when: float | None) -> None:
        """Have `turn` called at this time."""
        self.loop.when = when

    def watch(self, fd: int, handler: Handler, before: int, events: int) -> None:
        """Have `ready` called when the descriptor is."""
        if events:
            self.handlers[fd] = handler
            self.loop.poller.register(fd, _POLL[events])
        else:
            del self.handlers[fd]
            self.loop.poller.unregister(fd)

    def after_fork(self) -> None:
        """Let go of the loop in a forked child, which has not got its thread."""
        super().after_fork()
        self.loop.close()

    def __del__(self) -> None:
        if self.loop is not None:
            self.loop.end()


_POLL = {READ: select.POLLIN, WRITE: select.POLLOUT, READ | WRITE: select.POLLIN | select.POLLOUT}


def _tick(me: weakref.ref[PollRuntime]) -> None:
    runtime = me()
    if runtime is not None:
        runtime.turn()


def _ready(me: weakref.ref[PollRuntime], fd: int, events: int) -> None:
    runtime = me()
    if runtime is None or fd not in runtime.handlers:
        return  # ended by what came before it in this round
    # Errors and hang-ups are found by reading or writing, whichever is wanted.
    failed = events & ~(select.POLLIN | select.POLLOUT)
    mask = (READ if events & select.POLLIN else 0) | (WRITE if events & select.POLLOUT else 0)
    runtime.ready(runtime.handlers[fd], READ | WRITE if failed else mask)
