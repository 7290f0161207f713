"""Streams over the transports of an asyncio loop."""

from __future__ import annotations

import asyncio
import os
import socket
import weakref
from contextvars import Context
from errno import EAGAIN, ECONNREFUSED, EWOULDBLOCK

from cql_driver.core.pending import Pending
from cql_driver.runtimes import tcp
from cql_driver.runtimes.tcp import HIGH_WATER, INTERRUPTED, LOW_WATER, open_socket

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cql_driver.aio.runtime import LoopRuntime
    from cql_driver.core.runtime import Address, StreamProtocol, Timer, Transport
    from cql_driver.core.tls import TlsSettings

__all__ = ["Attempt", "Held", "LoopTransport"]

_BACKLOG_FULL = 0.02  # seconds after which a Unix socket with a full backlog is tried again


class Held:
    """What a loop holds for a runtime: transports that are open, attempts that go on.

    Leads to nothing of the driver's, so that the thread of a loop may hold it.
    """

    __slots__ = ("_empty", "_loop", "tasks", "transports")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.transports: set[asyncio.WriteTransport] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._empty: asyncio.Future[None] | None = None

    def run(self, coroutine: Any, on_end: Callable[[], object]) -> asyncio.Task[None]:
        """Run a coroutine in a Task that the loop's own factory has no part in."""

        def end(task: asyncio.Task[None]) -> None:
            on_end()
            self.tasks.discard(task)
            self._look()

        context = Context()
        task = context.run(lambda: asyncio.Task(coroutine, loop=self._loop))
        self.tasks.add(task)
        task.add_done_callback(end, context=context)
        return task

    def closed(self, transport: asyncio.WriteTransport) -> None:
        """Take note that the loop closed it."""
        self.transports.discard(transport)
        self._look()

    def _look(self) -> None:
        if self._empty is not None and not (self.tasks or self.transports):
            if not self._empty.done():
                self._empty.set_result(None)
            self._empty = None

    def abort(self) -> None:
        """Close everything at once."""
        for task in tuple(self.tasks):
            task.cancel()
        for transport in tuple(self.transports):
            transport.abort()

    async def wait_empty(self) -> None:
        """Wait until nothing is held."""
        while self.tasks or self.transports:
            if self._empty is None:
                self._empty = self._loop.create_future()
            # One who gives up waiting must not give up for the others.
            await asyncio.wait((self._empty,))


class _Wire(asyncio.Protocol):
    """What a transport of the loop calls."""

    __slots__ = ("_held", "_stream", "_transport")

    def __init__(self, held: Held, stream: LoopTransport) -> None:
        self._held = held
        self._stream = weakref.ref(stream)
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._held.transports.add(transport)
        transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        stream = self._stream()
        if stream is not None:
            stream.connected(transport)

    def data_received(self, data: bytes) -> None:
        stream = self._stream()
        if stream is None:
            return
        try:
            stream.receive(data)
        except Exception as exc:  # noqa: BLE001 - a stream that is not understood is over
            stream.fail(exc)
        except BaseException:
            stream.fail(ConnectionAbortedError(INTERRUPTED))
            raise

    def eof_received(self) -> bool:
        stream = self._stream()
        if stream is None:
            return False
        if stream.closing:
            return True  # it may still take what was written
        stream.fail(ConnectionResetError("the peer closed the connection"))
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        self._held.closed(self._transport)
        stream = self._stream()
        if stream is not None:
            stream.lost(exc)

    def pause_writing(self) -> None:
        stream = self._stream()
        if stream is not None:
            stream.filled()

    def resume_writing(self) -> None:
        stream = self._stream()
        if stream is not None:
            stream.drained()


class LoopTransport:
    """A connected stream."""

    __slots__ = (
        "__weakref__",
        "_aborted",
        "_attached",
        "_linger",
        "_on_made",
        "_reason",
        "_runtime",
        "_sock",
        "_transport",
        "closing",
        "protocol",
        "receive",
        "write",
    )

    def __init__(
        self,
        runtime: LoopRuntime,
        sock: socket.socket,
        protocol: StreamProtocol,
        on_made: Callable[[LoopTransport], object],
    ) -> None:
        self._runtime = runtime
        self._sock = sock
        self._on_made = on_made
        self._transport: Any = None
        self._attached = False
        self._aborted = False
        self._linger: Timer | None = None
        self._reason: BaseException | None = None
        self.closing = False
        self.protocol: StreamProtocol | None = protocol
        self.receive: Callable[[bytes], None] = protocol.data_received
        self.write: Callable[[bytes], None] = _drop
        """Send some bytes, now or when the peer takes them; never blocks."""

    def make_wire(self) -> _Wire:
        """Return the protocol of the loop's transport."""
        return _Wire(self._runtime.held, self)

    def connected(self, transport: Any) -> None:
        """Tell the protocol; what `connection_made` raises is told to who waits."""
        self._transport = transport
        if not self.closing:
            self.write = transport.write
            self._on_made(self)

    def attached(self) -> None:
        """Be told that the loop has taken over the socket, and could close it."""
        self._attached = True
        if self._aborted:
            self._transport.abort()
        elif self.closing:
            self._close_if_empty()

    def has_ended(self) -> bool:
        """Say whether the loop closes it, or has."""
        return bool(self._transport.is_closing())

    def filled(self) -> None:
        """Tell the protocol that much is unsent."""
        if self.protocol is not None and not self.closing:
            self.protocol.pause_writing()

    def drained(self) -> None:
        """Tell the protocol that little is unsent, or close."""
        if self.closing:
            # Not here: the loop would call for the end a second time once this returns.
            self._runtime.call_soon(self._close_if_empty)
        elif self.protocol is not None:
            self.protocol.resume_writing()

    # --- from above ---------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """Stop calling `data_received`."""
        if not self.closing:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Call `data_received` again."""
        if not self.closing:
            self._transport.resume_reading()

    def close(self) -> None:
        """Send what is written, then end the stream; `connection_lost(None)` follows."""
        if self.closing:
            return
        self.closing = True
        self.write = self.receive = _drop
        if self._transport.get_write_buffer_size():
            self._linger = self._runtime.call_later(tcp.LINGER, self.abort)
            # Go on reading: a socket closed with something unread resets the connection, and
            # the peer loses what was written.
            self._transport.resume_reading()
            self._transport.set_write_buffer_limits(0)
        self._close_if_empty()

    def _close_if_empty(self) -> None:
        if self._attached and not self._transport.get_write_buffer_size():
            if not self._transport.is_closing():
                tcp.drain(self._sock.recv)
            self._transport.close()

    def abort(self) -> None:
        """End the stream at once, dropping what is not sent; `connection_lost(None)` follows."""
        if self._aborted:
            return
        self._aborted = self.closing = True
        self.write = self.receive = _drop
        # Not before the loop owns the socket: else both would close it.
        if self._attached:
            self._transport.abort()
        # Never from inside a call of the protocol's own.
        self._runtime.call_soon(self.lost, None)

    def fail(self, error: BaseException) -> None:
        """End the stream at once, for a reason."""
        if self._reason is None:
            self._reason = error
        self.abort()

    def local_address(self) -> Address | None:
        """Return this side's address, when there is one."""
        try:
            return self._sock.getsockname() or None
        except OSError:
            return None

    # --- the end ------------------------------------------------------------------------------

    def lost(self, error: BaseException | None) -> None:
        """Tell the protocol that the stream is over."""
        self.closing = True
        self.write = self.receive = _drop
        self._runtime.streams.discard(self)
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connection_lost(self._reason or error)

    def forget(self) -> None:
        """Close the socket and nothing more; the loop's transport is the parent's."""
        self._aborted = self.closing = True
        self.write = self.receive = _drop
        self.protocol = None
        _close(self._sock)

    def __del__(self) -> None:
        transport = self._transport
        if transport is not None and self.protocol is not None:
            try:
                self._runtime.loop.call_soon_threadsafe(transport.abort)
            except RuntimeError:
                pass  # the loop was closed


def _close(sock: socket.socket) -> None:
    """Close a socket though uvloop holds it."""
    fd = sock.detach()
    if fd >= 0:
        os.close(fd)


def _drop(data: bytes) -> None:
    """Stand for `write` and `receive` of a stream that is over."""


class Attempt:
    """An attempt to connect; `pending` is its outcome, and to settle that is to give it up."""

    __slots__ = (
        "_address",
        "_protocol",
        "_runtime",
        "_server_hostname",
        "_sock",
        "_stream",
        "_task",
        "_tls",
        "pending",
    )

    def __init__(
        self,
        runtime: LoopRuntime,
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
        self._sock: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._stream: LoopTransport | None = None
        self.pending: Pending[Transport] = Pending()

    def start(self, sockopts: Sequence[tuple[Any, ...]], local_address: Address | None) -> None:
        """Begin. What cannot even begin is an error of `pending`."""
        self.pending.add_done_callback(self._settled)
        self._runtime.streams.add(self)
        try:
            raw = open_socket(self._address, sockopts, local_address)
            # uvloop takes over only those of this class.
            self._sock = socket.socket(raw.family, raw.type, raw.proto, fileno=raw.detach())
            self._sock.setblocking(False)
        except Exception as exc:  # noqa: BLE001 - told to who waits
            self.fail(exc)
            return
        self._task = self._runtime.held.run(self._run(self._sock), self._ended)

    async def _run(self, sock: socket.socket) -> None:
        try:
            await self._reach(sock)
            await self._hand_over(sock)
        except BaseException as exc:
            self._task = None
            if isinstance(exc, Exception):
                self.fail(exc)
                return
            self.fail(ConnectionAbortedError("the attempt to connect was cancelled"))
            raise

    def _ended(self) -> None:
        # Here, since a Task that is cancelled before its first step never runs.
        if self._stream is None and self._sock is not None:
            self._sock.close()

    async def _reach(self, sock: socket.socket) -> None:
        address = self._address
        if isinstance(address, str):
            while (code := sock.connect_ex(address)) in (EAGAIN, EWOULDBLOCK):  # noqa: ASYNC110
                await asyncio.sleep(_BACKLOG_FULL)  # nothing tells when there is room
            if code:
                raise self._error(code)
            return
        try:
            await self._runtime.loop.sock_connect(sock, address)
        except OSError as exc:
            if exc.errno is None:
                raise
            raise self._error(exc.errno) from None
        # A port of the range of outgoing ones that nobody listens on may answer itself.
        if sock.getsockname() == sock.getpeername():
            raise self._error(ECONNREFUSED)

    def _error(self, code: int) -> OSError:
        return OSError(code, f"{os.strerror(code)}: {self._address}")

    async def _hand_over(self, sock: socket.socket) -> None:
        loop = self._runtime.loop
        protocol = self._protocol
        if self._tls is not None:
            from cql_driver.runtimes.tls import TlsStream

            protocol = TlsStream(
                self._runtime,
                protocol,
                self._tls,
                self._server_hostname,
                self._address,
                self.pending,
            )
        # From here on the attempt is given up by way of the stream: cancelled between its steps,
        # loops differ in who closes the socket.
        self._stream = stream = LoopTransport(self._runtime, sock, protocol, self._made)
        try:
            if isinstance(self._address, str):
                await loop.create_unix_connection(stream.make_wire, sock=sock)
            else:
                await loop.create_connection(stream.make_wire, sock=sock)
        except BaseException:
            if isinstance(loop, asyncio.BaseEventLoop):
                sock.close()
            else:
                sock.detach()  # uvloop has closed it
            raise
        if stream.has_ended() and not isinstance(loop, asyncio.BaseEventLoop):
            # uvloop did not know of the object yet, and has closed its descriptor; which is
            # another stream's by the time that the collector would close it again.
            sock.detach()
        stream.attached()

    def _made(self, stream: LoopTransport) -> None:
        if self.pending.done:
            stream.abort()
            return
        self._runtime.streams.add(stream)
        try:
            stream.protocol.connection_made(stream)  # type: ignore[union-attr]
        except BaseException as exc:
            stream.protocol = None
            self.fail(exc)
            if not isinstance(exc, Exception):
                raise
            return
        if self._tls is None:
            self.pending.set_result(stream)

    def fail(self, error: BaseException) -> None:
        """Give up for a reason."""
        self.pending.set_error(error)

    def _settled(self, pending: Pending[Transport]) -> None:
        self._runtime.streams.discard(self)
        if pending.error is not None:
            if self._stream is not None:
                self._stream.abort()
            elif self._task is not None:
                self._task.cancel()

    def forget(self) -> None:
        """Close the socket and nothing more."""
        if self._sock is not None:
            self._sock.close()
