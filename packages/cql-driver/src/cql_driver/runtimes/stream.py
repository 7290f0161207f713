"""`SocketStream`: what is written to a socket that is connected, and read from it."""

from __future__ import annotations

import sys
from collections import deque

from cql_driver.runtimes.system import READ
from cql_protocol._accel import compiled

TYPE_CHECKING = False

if TYPE_CHECKING:
    import _socket

    from cql_driver.core.runtime import StreamProtocol, Timer
    from cql_driver.runtimes.sockets import SocketRuntime

__all__ = ["INTERRUPTED", "SMALL", "SocketStream"]

SMALL, _LARGE = 1 << 16, 1 << 18  # of a read; large ones only while the peer fills small ones
INTERRUPTED = "the thread that drove this connection was interrupted"


class SocketStream:
    """The busy half of `TcpTransport`. Never blocks."""

    __slots__ = (
        "_at_end",
        "_buffer",
        "_buffered",
        "_closed",
        "_closing",
        "_events",
        "_fd",
        "_full",
        "_linger",
        "_protocol",
        "_reading",
        "_recv",
        "_runtime",
        "_send",
        "_size",
        "_sock",
    )

    def __init__(
        self, runtime: SocketRuntime, sock: _socket.socket, protocol: StreamProtocol
    ) -> None:
        self._runtime = runtime
        self._sock = sock
        self._fd = sock.fileno()
        self._recv = sock.recv
        self._send = sock.send
        self._protocol: StreamProtocol | None = protocol
        self._events = 0
        self._size = SMALL
        self._buffer: deque[bytes | memoryview] = deque()
        self._buffered = 0
        self._reading = True
        self._at_end = False
        self._full = False
        self._closing = False
        self._closed = False
        self._linger: Timer | None = None

    if TYPE_CHECKING:
        # What `TcpTransport` has.
        def fail(self, error: BaseException) -> None: ...  # noqa: D102
        def _keep(self, data: bytes | memoryview) -> None: ...
        def _watch(self) -> None: ...

    def write(self, data: bytes) -> None:
        """Send `data`, now or when the peer takes it; never blocks."""
        if self._buffer:
            if not self._closing:
                self._keep(data)
            return
        if self._closing:
            return
        try:
            sent = self._send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as exc:
            self.fail(exc)
            return
        except BaseException:
            # Ctrl-C came with the call's return, so nobody knows what was sent.
            self.fail(ConnectionAbortedError(INTERRUPTED))
            raise
        if sent != len(data):
            self._keep(memoryview(data)[sent:])
            self._watch()

    def on_readable(self) -> None:
        """Read once, and hand it on; the other streams have their turn before the next read."""
        if not self._events & READ:
            return
        try:
            data = self._recv(self._size)
            if data:
                if self._closing:
                    return  # not wanted any more, but see `_watch`
                self._size = _LARGE if len(data) >= SMALL else SMALL
                self._protocol.data_received(data)  # type: ignore[union-attr]
                return
        except (BlockingIOError, InterruptedError):
            return
        except Exception as exc:  # noqa: BLE001 - a stream that is not understood is over
            self.fail(exc)
            return
        except BaseException:
            self.fail(ConnectionAbortedError(INTERRUPTED))
            raise
        if self._closing:
            self._at_end = True  # it may still take what was written
            self._watch()
            return
        self.fail(ConnectionResetError("the peer closed the connection"))


if sys.platform != "win32":
    SocketStream = compiled("sockets", "SocketStream", SocketStream)  # type: ignore[misc]
