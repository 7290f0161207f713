"""The two streams of a connection through a proxy, on asyncio."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.proxy.tunnel import Tunnel

__all__ = ["End", "Filler"]

_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER that makes closing a reset."""


class End(asyncio.Protocol):
    """One stream: a `Wire` for the tunnel. It reads while there is no reason not to."""

    def __init__(
        self, receive: Callable[[bytes], None], lost: Callable[[End, Exception | None], None]
    ) -> None:
        self.transport: Any = None
        self.tunnel: Tunnel
        self.other: End | None = None
        self._receive = receive
        self._lost = lost
        self._reasons: set[str] = set()

    # --- asyncio.Protocol --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._reasons:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self._receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self, exc)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.pause("the other is full")

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.go_on("the other is full")

    # --- reading -----------------------------------------------------------------------------

    def pause(self, reason: str) -> None:
        """Do not read, until `go_on` for the same reason."""
        if not self._reasons and self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()
        self._reasons.add(reason)

    def go_on(self, reason: str) -> None:
        """Read again, unless there is another reason."""
        if reason not in self._reasons:
            return
        self._reasons.discard(reason)
        if not self._reasons and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    # --- Wire --------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def abort(self, reset: bool) -> None:
        if self.transport is None:
            return
        if not reset:
            self.transport.close()
            return
        sock = self.transport.get_extra_info("socket")
        if not self.transport.is_closing() and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()


class Filler:
    """Fills the queue of a listener, so that further connections are not even refused.

    The system then drops the first packet of each attempt, as a firewall would.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        listener.listen(0)
        self._sockets: list[socket.socket] = []
        for _ in range(2):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
            self._sockets.append(sock)

    def end(self) -> list[socket.socket]:
        """Let connections in again; return those of others that were let in before."""
        mine = {sock.getsockname() for sock in self._sockets}
        for sock in self._sockets:
            sock.close()
        others = []
        while True:
            try:
                sock, peer = self._listener.accept()
            except BlockingIOError:
                break
            if peer in mine:
                sock.close()
            else:
                others.append(sock)
        self._listener.listen(128)
        return others
