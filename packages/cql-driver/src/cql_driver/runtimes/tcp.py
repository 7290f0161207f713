"""Streams over sockets, of TCP or of Unix, that never block."""

from __future__ import annotations

import _socket
import os
from errno import EAGAIN, ECONNREFUSED, EINPROGRESS, EINTR, ENOTCONN, EWOULDBLOCK

from cql_driver.core.pending import Pending
from cql_driver.runtimes.stream import INTERRUPTED, SMALL, SocketStream
from cql_driver.runtimes.system import READ, WRITE, is_literal

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cql_driver.core.runtime import Address, StreamProtocol, Timer, Transport
    from cql_driver.core.tls import TlsSettings
    from cql_driver.runtimes.sockets import SocketRuntime

__all__ = [
    "HIGH_WATER",
    "INTERRUPTED",
    "LINGER",
    "LOW_WATER",
    "Attempt",
    "TcpTransport",
    "drain",
    "open_socket",
]

HIGH_WATER = 1 << 20
"""Unsent bytes above which the protocol is asked to pause, and"""
LOW_WATER = 1 << 18
"""those at which it may go on."""
LINGER = 5.0
"""Seconds that `close` gives the peer to take what was written."""

_MOST_DRAINED = 16  # reads of what comes too late
_MOST_SENT = 1 << 18  # bytes of one send that are joined for it
_BACKLOG_FULL = 0.02  # seconds after which a Unix socket with a full backlog is tried again


class _Socket(_socket.socket):
    """A socket that whoever drops may drop: a cluster without `shutdown` does no harm.

    Of C: gevent and eventlet, which may have replaced the other one, have their loops watch it.
    """

    __slots__ = ()

    def __del__(self) -> None:
        self.close()


class TcpTransport(SocketStream):
    """A connected stream. `start` tells the protocol of it and begins to read."""

    __slots__ = ()

    def start(self) -> None:
        """Begin; what `connection_made` raises ends the stream and is raised."""
        self._runtime.streams.add(self)
        self._watch()
        protocol = self._protocol
        assert protocol is not None
        try:
            protocol.connection_made(self)
        except BaseException:
            self._protocol = None
            self.abort()
            raise

    # --- writing ------------------------------------------------------------------------------

    def _keep(self, data: bytes | memoryview) -> None:
        self._buffer.append(data)
        self._buffered += len(data)
        if self._buffered > HIGH_WATER and not self._full and self._protocol is not None:
            self._full = True
            self._protocol.pause_writing()

    def on_writable(self) -> None:
        """Send more of what is kept."""
        if not self._events & WRITE:
            return
        try:
            data = self._take_some()
            sent = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as exc:
            self.fail(exc)
            return
        except BaseException:
            self.fail(ConnectionAbortedError(INTERRUPTED))
            raise
        if sent != len(data):
            self._buffer.appendleft(memoryview(data)[sent:])
        self._buffered -= sent
        if not self._buffer:
            self._watch()
            if self._closing:
                self._finish()
                return
        if self._full and self._buffered <= LOW_WATER and self._protocol is not None:
            self._full = False
            if not self._closing:
                self._protocol.resume_writing()

    def _take_some(self) -> bytes | memoryview:
        buffer = self._buffer
        first = buffer.popleft()
        if not buffer or len(first) + len(buffer[0]) > _MOST_SENT:
            return first
        size, some = len(first), [first]
        while buffer and size + len(buffer[0]) <= _MOST_SENT:
            some.append(buffer.popleft())
            size += len(some[-1])
        return b"".join(some)

    # --- reading ------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """Stop calling `data_received`."""
        self._reading = False
        self._watch()

    def resume_reading(self) -> None:
        """Call `data_received` again."""
        self._reading = True
        self._watch()

    def _watch(self) -> None:
        if self._closed:
            return
        # While what is written goes out before a close, too: a socket closed with something unread
        # resets the connection, and the peer loses what was written.
        reads = not self._at_end if self._closing else self._reading
        events = (READ if reads else 0) | (WRITE if self._buffer else 0)
        if events != self._events:
            self._runtime.watch(self._fd, self, self._events, events)
            self._events = events

    # --- the end ------------------------------------------------------------------------------

    def close(self) -> None:
        """Send what is written, then end the stream; `connection_lost(None)` follows."""
        if self._closing:
            return
        self._closing = True
        if self._buffer:
            self._watch()
            self._linger = self._runtime.call_later(LINGER, self._end, None)
        else:
            self._finish()

    def _finish(self) -> None:
        """End the stream in peace: all is written."""
        drain(self._sock.recv)
        self._end(None)

    def abort(self) -> None:
        """End the stream at once, dropping what is not sent; `connection_lost(None)` follows."""
        self._end(None)

    def fail(self, error: BaseException) -> None:
        """End the stream at once, for a reason."""
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        if self._closed:
            return
        if self._events:
            self._runtime.watch(self._fd, self, self._events, 0)
            self._events = 0
        self._closing = True
        self.forget()
        self._runtime.streams.discard(self)
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        # Never from inside a call of the protocol's own.
        self._runtime.call_soon(self._lost, error)

    def forget(self) -> None:
        """Close the socket and nothing more."""
        self._closed = self._closing = True
        self._events = 0
        self._buffer.clear()
        self._buffered = 0
        self._sock.close()

    def _lost(self, error: BaseException | None) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connection_lost(error)

    def local_address(self) -> Address | None:
        """Return this side's address, when there is one."""
        try:
            return self._sock.getsockname() or None
        except OSError:
            return None


class Attempt:
    """An attempt to connect; `pending` is its outcome, and to settle that is to give it up."""

    __slots__ = (
        "_address",
        "_events",
        "_protocol",
        "_retry",
        "_runtime",
        "_server_hostname",
        "_sock",
        "_tls",
        "_transport",
        "pending",
    )

    def __init__(
        self,
        runtime: SocketRuntime,
        address: Address,
        protocol: StreamProtocol,
        tls: TlsSettings | None,
        server_hostname: str | None,
    ) -> None:
        self._runtime = runtime
        self._address = address
        self._protocol = protocol
        self._tls = tls
        self._server_hostname = server_hostname
        self._sock: _Socket | None = None
        self._transport: TcpTransport | None = None
        self._retry: Timer | None = None
        self._events = 0
        self.pending: Pending[Transport] = Pending()

    def start(self, sockopts: Sequence[tuple[Any, ...]], local_address: Address | None) -> None:
        """Begin. What cannot even begin is an error of `pending`."""
        self.pending.add_done_callback(self._settled)
        self._runtime.streams.add(self)
        try:
            self._sock = open_socket(self._address, sockopts, local_address)
            self._try()
        except Exception as exc:  # noqa: BLE001 - told to who waits
            self.fail(exc)

    def _try(self) -> None:
        self._retry = None
        sock = self._sock
        assert sock is not None
        code = sock.connect_ex(self._address)
        if code in (EINPROGRESS, EINTR):
            self._watch(WRITE)
        elif code in (EAGAIN, EWOULDBLOCK):
            if os.name == "nt":  # its way to say EINPROGRESS
                self._watch(WRITE)
            else:
                self._retry = self._runtime.call_later(_BACKLOG_FULL, self._try)
        elif code:
            self.fail(self._error(code))
        else:
            # Not at once: the caller has no `pending` yet.
            self._runtime.call_soon(self._connected)

    def _error(self, code: int) -> OSError:
        return OSError(code, f"{os.strerror(code)}: {self._address}")

    def _watch(self, events: int) -> None:
        assert self._sock is not None
        if events != self._events:
            self._runtime.watch(self._sock.fileno(), self, self._events, events)
            self._events = events

    def on_readable(self) -> None:
        """A socket that is not connected yet has nothing to read."""

    def on_writable(self) -> None:
        """Look how it went."""
        sock = self._sock
        if self.pending.done or sock is None:
            return
        code = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if code:
            self.fail(self._error(code))
            return
        try:
            sock.getpeername()
        except OSError as exc:
            if exc.errno == ENOTCONN:
                return  # it was another one's turn that had this descriptor, and ended in it
        self._connected()

    def _connected(self) -> None:
        sock = self._sock
        if self.pending.done or sock is None:
            return
        try:
            self._watch(0)
            # A port of the range of outgoing ones that nobody listens on may answer itself.
            if not isinstance(self._address, str) and sock.getsockname() == sock.getpeername():
                raise self._error(ECONNREFUSED)
            self._hand_on(sock)
        except Exception as exc:  # noqa: BLE001 - told to who waits
            self.fail(exc)
        except BaseException:
            self.fail(ConnectionAbortedError(INTERRUPTED))
            raise

    def _hand_on(self, sock: _Socket) -> None:
        if self._tls is None:
            self._transport = transport = TcpTransport(self._runtime, sock, self._protocol)
            self._sock = None
            transport.start()
            self.pending.set_result(transport)
            return
        from cql_driver.runtimes.tls import TlsStream

        stream = TlsStream(
            self._runtime,
            self._protocol,
            self._tls,
            self._server_hostname,
            self._address,
            self.pending,
        )
        self._transport = TcpTransport(self._runtime, sock, stream)
        self._sock = None
        self._transport.start()

    def fail(self, error: BaseException) -> None:
        """Give up for a reason."""
        self.pending.set_error(error)

    def _settled(self, pending: Pending[Transport]) -> None:
        self._runtime.streams.discard(self)
        if self._retry is not None:
            self._retry.cancel()
        if pending.error is not None:
            if self._transport is not None:
                self._transport.fail(pending.error)
            elif self._sock is not None:
                self._watch(0)
                self.forget()

    def forget(self) -> None:
        """Close the socket and nothing more."""
        sock, self._sock = self._sock, None
        self._events = 0
        if sock is not None:
            sock.close()


def drain(recv: Callable[[int], bytes]) -> None:
    """Read what came and nobody read, as TLS sends after its handshake, before a socket is closed.

    Else the system sends a reset, and the peer loses what is on its way to it.
    """
    try:
        for _ in range(_MOST_DRAINED):
            if not recv(SMALL):
                break
    except OSError:
        pass


def open_socket(
    address: Address, sockopts: Sequence[tuple[Any, ...]], local_address: Address | None
) -> _Socket:
    """Return a socket that is not connected yet and does not block."""
    if isinstance(address, str):
        family = _socket.AF_UNIX
    elif not is_literal(address[0]):
        # The socket would look it up and block.
        raise _socket.gaierror(_socket.EAI_NONAME, f"{address[0]!r} is no IP address: resolve it")
    else:
        family = _socket.AF_INET6 if ":" in address[0] else _socket.AF_INET
    sock = _Socket(family, _socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if not isinstance(address, str):
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
        for option in sockopts:
            sock.setsockopt(*option)
        if local_address is not None:
            sock.bind(local_address)
    except BaseException:
        sock.close()
        raise
    return sock
