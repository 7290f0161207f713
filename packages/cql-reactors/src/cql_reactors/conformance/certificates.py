"""An authority, what it signs, and servers that show it: of plain sockets, or of Python's TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

import trustme

from cql_driver.core.tls import TlsSettings, tls_settings
from cql_driver.runtimes.system import join_thread
from cql_reactors.conformance.peers import PATIENCE, Job, Stream, listen, outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cql_driver.core.pending import Pending
    from cql_driver.core.runtime import Runtime, Transport

__all__ = ["Authority", "Server", "TlsServer", "authority", "echo", "settings"]


class Authority:
    """One that clients of the tests trust, in memory."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    def server_context(self, *names: str, verify: bool = False) -> ssl.SSLContext:
        """Return the context of a server with these names; `verify`: it asks for a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(context)
        if verify:
            context.verify_mode = ssl.CERT_REQUIRED
            self._authority.configure_trust(context)
        return context

    def client_context(self, name: str | None = None) -> ssl.SSLContext:
        """Return the context of a client, which shows a certificate if it has a name."""
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        self._authority.configure_trust(context)
        if name is not None:
            self._authority.issue_cert(name).configure_cert(context)
        return context

    def write(self, folder: Path) -> str:
        """Write the authority's certificate to a folder; return the path."""
        path = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(path))
        return str(path)


@cache
def authority() -> Authority:
    """Return the one that most tests share."""
    return Authority()


@cache
def _contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    ours = authority()
    return ours.server_context("127.0.0.1", "node.example"), ours.client_context()


def settings(context: ssl.SSLContext) -> TlsSettings:
    """Return what a runtime is given to encrypt by a context."""
    made = tls_settings(context)
    assert made is not None
    return made


class Server:
    """A listening socket whose connections are plain or TLS. A context manager."""

    def __init__(self, *, tls: bool) -> None:
        self.listener = listen()
        self.address = self.listener.getsockname()
        self.tls: TlsSettings | None = None
        self._context: ssl.SSLContext | None = None
        self._accepted: list[socket.socket] = []
        if tls:
            self._context, client = _contexts()
            self.tls = settings(client)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exc: object) -> None:
        self.listener.close()
        for sock in self._accepted:
            sock.close()

    def accept(self) -> Any:
        """Return the next connection; of TLS, after its handshake."""
        sock, _ = self.listener.accept()
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            self._accepted.append(sock)
            return sock
        try:
            # Not wrapped at once: a failed handshake would leave the socket to itself.
            encrypted = self._context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            )
            encrypted.do_handshake()
        except BaseException:
            sock.close()
            raise
        self._accepted.append(encrypted)
        return encrypted

    def begin(self, runtime: Runtime, stream: Stream, **named: Any) -> Pending[Transport]:
        """Begin to connect; call it on the loop."""
        return runtime.connect(self.address, stream, tls=self.tls, **named)

    def connect(
        self, runtime: Runtime, stream: Stream | None = None, **named: Any
    ) -> tuple[Stream, Any]:
        """Connect; return our end and the peer's, a socket with a timeout."""
        if stream is None:
            stream = Stream()
        if self._context is None:
            outcome(runtime, self.begin, runtime, stream, **named)
            return stream, self.accept()
        accepting = Job(self.accept)
        outcome(runtime, self.begin, runtime, stream, **named)
        return stream, accepting.result()


class TlsServer:
    """Serves connections one after another, each by `serve`. A context manager."""

    def __init__(self, context: ssl.SSLContext, serve: Callable[[ssl.SSLSocket], object]) -> None:
        self._context = context
        self._serve = serve
        self.listener = listen()
        self.address = self.listener.getsockname()
        self.failures: list[BaseException] = []
        self.resumed: list[bool] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> TlsServer:
        self._thread.start()
        return self

    def _run(self) -> None:
        self.listener.settimeout(None)
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                # Not wrapped at once: a failed handshake would leave the socket to itself.
                with self._context.wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False
                ) as encrypted:
                    encrypted.do_handshake()
                    self.resumed.append(bool(encrypted.session_reused))
                    self._serve(encrypted)
            except OSError as exc:
                self.failures.append(exc)

    def __exit__(self, *exc: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        join_thread(self._thread, PATIENCE)
        self.listener.close()


def echo(sock: ssl.SSLSocket) -> None:
    """Send back what comes."""
    while data := sock.recv(65536):
        sock.sendall(data)
