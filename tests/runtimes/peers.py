"""The two ends of the tests' streams: a protocol that remembers, and servers of plain sockets."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

from cql_driver.core.pending import Pending, Waitable

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.core.runtime import Runtime, Transport

PATIENCE = 20.0  # seconds after which a test gives up; no test takes that long


class Stream:
    """A `StreamProtocol` that remembers what it was told."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.received = bytearray()
        self.calls: list[str] = []
        self.lost: list[BaseException | None] = []
        self._conditions: list[tuple[Callable[[], bool], Waitable]] = []

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport
        self._happened("made")

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._happened("data")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost.append(exc)
        self._happened("lost")

    def pause_writing(self) -> None:
        self._happened("pause")

    def resume_writing(self) -> None:
        self._happened("resume")

    def _happened(self, what: str) -> None:
        if what != "data" or "data" not in self.calls[-1:]:
            self.calls.append(what)
        self.check()

    def check(self) -> None:
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


def connected(runtime: Runtime, listener: socket.socket, **named: Any) -> tuple[Stream, Any]:
    """Connect to a listening socket; return our end, and the accepted socket."""
    stream = Stream()
    outcome(runtime, runtime.connect, listener.getsockname(), stream, **named)
    accepted, _ = listener.accept()
    accepted.settimeout(PATIENCE)
    return stream, accepted


def listen(family: int = socket.AF_INET, address: Any = ("127.0.0.1", 0)) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.settimeout(PATIENCE)
    listener.bind(address)
    listener.listen(64)
    return listener


def read_exactly(sock: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        data = sock.recv(min(1 << 20, count - len(received)))
        if not data:
            break
        received += data
    return bytes(received)


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
