"""The two ends of the tests' streams: a protocol that remembers, and servers of plain sockets."""

from __future__ import annotations

import _thread
import socket
import struct
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cql_driver.core.pending import Pending, Waitable
from cql_driver.runtimes.system import join_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cql_driver.core.runtime import Runtime, Transport

__all__ = [
    "PATIENCE",
    "EchoServer",
    "Job",
    "Stream",
    "connected",
    "listen",
    "on_loop",
    "outcome",
    "patched_by",
    "read_exactly",
    "read_to_the_end",
    "real_thread",
    "reset",
    "settle",
    "silent_host",
]

PATIENCE = 60.0
"""Seconds after which a test gives up; no test takes that long."""


class Stream:
    """A `StreamProtocol` that remembers what it was told.

    `keep` False counts what comes in `size` and forgets it.
    """

    def __init__(self, *, keep: bool = True) -> None:
        self.transport: Any = None
        self.received = bytearray()
        self.size = 0
        self.calls: list[str] = []
        self.lost: list[BaseException | None] = []
        self._keep = keep
        self._conditions: list[tuple[Callable[[], bool], Waitable]] = []

    def connection_made(self, transport: Transport) -> None:
        """Remember the transport."""
        self.transport = transport
        self.happened("made")

    def data_received(self, data: bytes) -> None:
        """Remember what came."""
        self.size += len(data)
        if self._keep:
            self.received += data
        self.happened("data")

    def connection_lost(self, exc: BaseException | None) -> None:
        """Remember the reason."""
        self.lost.append(exc)
        self.happened("lost")

    def pause_writing(self) -> None:
        """Remember that."""
        self.happened("pause")

    def resume_writing(self) -> None:
        """Remember that."""
        self.happened("resume")

    def happened(self, what: str) -> None:
        """Note a call; several of data stand as one."""
        if what != "data" or "data" not in self.calls[-1:]:
            self.calls.append(what)
        self.check()

    def check(self) -> None:
        """Wake those whose condition has become true."""
        for condition, waitable in self._conditions:
            if condition():
                waitable.finish()

    def until(self, runtime: Runtime, condition: Callable[[], bool]) -> None:
        """Wait for a condition that something told to this protocol makes true."""
        waitable = Waitable()

        def begin() -> None:
            self._conditions.append((condition, waitable))
            self.check()

        runtime.dispatch(begin)
        assert runtime.wait(waitable, PATIENCE), f"in vain: {self.calls} {self.lost}"

    def until_lost(self, runtime: Runtime) -> BaseException | None:
        """Wait for the end of the stream; return its reason."""
        self.until(runtime, lambda: bool(self.lost))
        return self.lost[0]


def on_loop(runtime: Runtime, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function on the loop and return its result."""
    done: Pending[Any] = Pending()

    def call() -> None:
        try:
            done.set_result(function(*args))
        except Exception as exc:  # noqa: BLE001 - raised in the test
            done.set_error(exc)

    runtime.dispatch(call)
    assert runtime.wait(done, PATIENCE), f"nobody called {function}"
    return done.result()


def outcome(runtime: Runtime, begin: Callable[..., Pending[Any]], *args: Any, **named: Any) -> Any:
    """Begin something on the loop and return its result, or raise its error."""
    pending = on_loop(runtime, lambda: begin(*args, **named))
    assert runtime.wait(pending, PATIENCE), "neither result nor error"
    return pending.result()


def settle(runtime: Runtime, delay: float = 0.0) -> None:
    """Have the loop look at its sockets at least once, and go on for `delay` seconds."""
    for pause in (0.0, delay):
        done = Waitable()
        runtime.dispatch(runtime.call_later, pause, done.finish)
        assert runtime.wait(done, PATIENCE), "a timer did not come"


class Job:
    """A function in a thread, which a patched process may make a green one."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self._function = function
        self._args = args
        self._value: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._function(*self._args)
        except BaseException as exc:  # noqa: BLE001 - raised by result
            self._error = exc

    @property
    def running(self) -> bool:
        """Whether the function has not ended yet."""
        return self._thread.is_alive()

    def result(self) -> Any:
        """Wait for the function's end; return what it returned, or raise what it raised."""
        join_thread(self._thread, PATIENCE)
        assert not self._thread.is_alive(), f"{self._function} does not end"
        if self._error is not None:
            raise self._error
        return self._value


def patched_by() -> str | None:
    """Return the library that has replaced what blocks in this process, if there is one."""
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None and gevent.is_module_patched("socket"):
        return "gevent"
    eventlet = sys.modules.get("eventlet.patcher")
    if eventlet is not None and eventlet.is_monkey_patched("socket"):
        return "eventlet"
    return None


class real_thread:  # noqa: N801 - used as a function
    """Run a function in a thread of the operating system, also in a patched process."""

    def __init__(self, function: Callable[..., object], *args: object) -> None:
        self._function = function
        self._args = args
        self._ended = False
        start: Callable[..., object] = _thread.start_new_thread
        library = patched_by()
        if library == "gevent":
            start = sys.modules["gevent.monkey"].get_original("_thread", "start_new_thread")
        elif library == "eventlet":
            start = sys.modules["eventlet.patcher"].original("_thread").start_new_thread
        start(self._run, ())

    def _run(self) -> None:
        try:
            self._function(*self._args)
        finally:
            self._ended = True

    def join(self) -> None:
        """Wait for its end, letting green threads run."""
        end = time.monotonic() + PATIENCE
        while not self._ended:
            assert time.monotonic() < end, f"{self._function} does not end"
            time.sleep(0.001)


def connected(runtime: Runtime, listener: socket.socket, **named: Any) -> tuple[Stream, Any]:
    """Connect to a listening socket; return our end, and the accepted socket."""
    stream = Stream()
    outcome(runtime, runtime.connect, listener.getsockname(), stream, **named)
    accepted, _ = listener.accept()
    accepted.settimeout(PATIENCE)
    return stream, accepted


def listen(
    family: int = socket.AF_INET, address: Any = ("127.0.0.1", 0), backlog: int = 64
) -> socket.socket:
    """Return a listening socket."""
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.settimeout(PATIENCE)
    listener.bind(address)
    listener.listen(backlog)
    return listener


@contextmanager
def silent_host() -> Iterator[socket.socket]:
    """Give a listening socket that no attempt to connect hears of again."""
    # A backlog of 0 holds one connection, and the kernel ignores who comes later.
    with listen(backlog=0) as full:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        try:
            yield full
        finally:
            for filler in fillers:
                filler.close()


def read_exactly(sock: socket.socket, count: int) -> bytes:
    """Return the next `count` bytes, or less at the end of the stream."""
    received = bytearray()
    while len(received) < count:
        data = sock.recv(min(1 << 20, count - len(received)))
        if not data:
            break
        received += data
    return bytes(received)


def read_to_the_end(sock: socket.socket) -> int | None:
    """Return how many bytes come before the end of the stream, or None when it is reset."""
    count = 0
    try:
        while data := sock.recv(1 << 20):
            count += len(data)
    except ConnectionResetError:
        return None
    return count


def reset(sock: socket.socket) -> None:
    """Close a connection as a host does that crashed and knows of none."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class EchoServer:
    """Sends back what it gets, a thread for each connection. A context manager."""

    def __init__(self) -> None:
        self.listener = listen()
        self.address = self.listener.getsockname()
        self._accepted: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> EchoServer:
        self._threads[0].start()
        return self

    def _accept(self) -> None:
        self.listener.settimeout(None)
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self._accepted.append(sock)
            thread = threading.Thread(target=self._echo, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _echo(self, sock: socket.socket) -> None:
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
        except OSError:
            pass

    def __exit__(self, *exc: object) -> None:
        # A shutdown wakes a thread that accepts or receives; a close would not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(PATIENCE)
        for sock in self._accepted:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(PATIENCE)
        for sock in (self.listener, *self._accepted):
            sock.close()
