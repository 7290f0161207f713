"""TLS over any stream, by way of `ssl.MemoryBIO`: it never blocks, its handshake neither."""

from __future__ import annotations

import ssl

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.core.pending import Pending
    from cql_driver.core.runtime import Address, Runtime, StreamProtocol, Transport
    from cql_driver.core.tls import TlsSettings

__all__ = ["TlsStream"]

_READ = 1 << 18
_WRITE = 1 << 18  # plain bytes encrypted before they are given to the stream below


class TlsStream:
    """A protocol to the stream below, and the transport of the protocol above.

    `pending` gets the stream once the handshake is done, or an `ssl.SSLError` or another
    `OSError`; the protocol above hears nothing before that.
    """

    __slots__ = (
        "_awaits_session",
        "_backlog",
        "_below",
        "_closing",
        "_context",
        "_incoming",
        "_key",
        "_made",
        "_object",
        "_outgoing",
        "_paused",
        "_pending",
        "_protocol",
        "_reason",
        "_runtime",
        "_server_hostname",
        "_tls",
        "_writing",
    )

    def __init__(
        self,
        runtime: Runtime,
        protocol: StreamProtocol,
        tls: TlsSettings,
        server_hostname: str | None,
        address: Address,
        pending: Pending[Transport],
    ) -> None:
        self._runtime = runtime
        self._protocol = protocol
        self._tls = tls
        if server_hostname is None and not isinstance(address, str):
            server_hostname = address[0].partition("%")[0]
        self._server_hostname = server_hostname
        self._key = (server_hostname, address)
        self._pending = pending
        self._below: Transport
        self._context: ssl.SSLContext
        self._object: Any = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._backlog: list[memoryview] = []  # what TLS takes only after it has read something
        self._made = False
        self._paused = False
        self._closing = False
        self._writing = False  # the backlog, while the stream below may tell the protocol to pause
        self._awaits_session = True
        self._reason: BaseException | None = None

    # --- the handshake ------------------------------------------------------------------------

    def connection_made(self, transport: Transport) -> None:
        """The stream below is connected: begin the handshake."""
        self._below = transport
        try:
            # Files may be rotated, so each connection asks for a context.
            context = self._context = self._tls.context()
            if context.check_hostname and not self._server_hostname:
                # Else `wrap_bio` would verify no name at all.
                raise ssl.SSLError(
                    "the TLS context verifies host names, and this end point has none: give it "
                    "a server_hostname, or set check_hostname=False"
                )
            session = self._tls.session_for(self._key, context)
            self._object = context.wrap_bio(
                self._incoming,
                self._outgoing,
                server_hostname=self._server_hostname,
                session=session,
            )
        except ValueError as exc:  # a name that cannot be one
            self._pending.set_error(ssl.SSLError(str(exc)))
            return
        except Exception as exc:  # noqa: BLE001 - told to who waits
            self._pending.set_error(exc)
            return
        self._shake_hands()

    def _shake_hands(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except OSError as exc:
            self._flush()  # the alert that tells the peer why
            self._pending.set_error(exc)
            return
        self._flush()
        if self._pending.done:
            return
        self._made = True
        try:
            self._protocol.connection_made(self)
        except Exception as exc:  # noqa: BLE001 - told to who waits
            self._made = False
            self._pending.set_error(exc)
            return
        self._pending.set_result(self)
        # The first data may have come along with the end of the handshake.
        self._read()

    # --- from below ---------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Decrypt, and hand on. An error here is one of the stream, which then ends."""
        self._incoming.write(data)
        if self._made:
            self._read()
        elif not self._pending.done:
            self._shake_hands()

    def _read(self) -> None:
        read = self._object.read
        protocol = self._protocol
        while not self._paused and not self._closing:
            try:
                plain = read(_READ)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except ssl.SSLZeroReturnError:
                plain = b""
            if not plain:
                self._keep_session()
                self._fail(ConnectionResetError("the peer closed the connection"))
                return
            if self._awaits_session:
                self._keep_session()
            protocol.data_received(plain)
        if self._backlog and not self._closing:
            self._write_backlog()
        elif self._outgoing.pending:
            self._flush()  # an answer to a change of keys

    def _keep_session(self) -> None:
        # TLS 1.3 sends what a session is resumed with after the handshake, before data.
        session = self._object.session
        if session is None:
            return
        if session.has_ticket or (session.id and self._object.version() != "TLSv1.3"):
            self._tls.remember(self._key, session, self._context)
            self._awaits_session = False

    def connection_lost(self, exc: BaseException | None) -> None:
        """The stream below is over."""
        self._closing = True
        self._backlog.clear()
        exc = self._reason or exc
        if self._made:
            self._made = False
            self._protocol.connection_lost(exc)
        else:
            self._pending.set_error(
                exc or ConnectionAbortedError("the connection was closed during its TLS handshake")
            )

    def _fail(self, error: BaseException) -> None:
        self._reason = error
        self.abort()

    def pause_writing(self) -> None:
        """The stream below holds too much."""
        if self._made:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """It drained."""
        if self._made:
            self._protocol.resume_writing()

    # --- from above ---------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Encrypt `data` and send it."""
        if self._closing or not self._made or not data:
            return
        if self._backlog or len(data) > _WRITE:
            self._backlog.append(memoryview(data))
            self._write_backlog()
            return
        try:
            sent = self._object.write(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            sent = 0
        except ssl.SSLError as exc:
            self._fail(exc)
            return
        except BaseException:
            self._fail(ConnectionAbortedError("interrupted while encrypting"))
            raise
        if sent != len(data):
            self._backlog.append(memoryview(data)[sent:])
        self._below.write(self._outgoing.read())

    def _write_backlog(self) -> None:
        backlog = self._backlog
        if self._writing:
            return
        self._writing = True
        try:
            while backlog:
                sent = self._object.write(backlog[0][:_WRITE])
                backlog[0] = backlog[0][sent:]
                if not backlog[0]:
                    del backlog[0]
                self._flush()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self._flush()
        except ssl.SSLError as exc:
            self._fail(exc)
        finally:
            self._writing = False
        if self._closing:
            self._finish()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._below.write(data)

    def close(self) -> None:
        """Send what is written and a close_notify, then end the stream."""
        if self._closing:
            return
        self._closing = True
        if not self._writing:
            self._finish()

    def _finish(self) -> None:
        """Say goodbye; nothing of it reaches a peer when `abort` was called meanwhile."""
        if self._made:
            if self._awaits_session:
                self._keep_session()
            try:
                self._object.unwrap()
            except OSError:
                pass  # it wants the peer's close_notify, which need not be waited for
            self._flush()
        self._below.close()

    def abort(self) -> None:
        """End the stream at once."""
        self._closing = True
        self._backlog.clear()
        self._below.abort()

    def pause_reading(self) -> None:
        """Stop calling `data_received`."""
        self._paused = True
        self._below.pause_reading()

    def resume_reading(self) -> None:
        """Call `data_received` again."""
        if self._paused:
            self._paused = False
            self._runtime.call_soon(self._read_on)

    def _read_on(self) -> None:
        """Hand on what was decrypted only in part when reading was paused.

        Only then is more read: else who pauses after each piece would have all of it here, and
        lose it with the end of the stream below.
        """
        if not self._made or self._closing or self._paused:
            return
        try:
            self._read()
        except Exception as exc:  # noqa: BLE001 - a stream that is not understood is over
            self._fail(exc)
        if not self._paused and not self._closing:
            self._below.resume_reading()

    def local_address(self) -> Address | None:
        """Return this side's address."""
        return self._below.local_address()
