"""TLS: whom it trusts, what it resumes, and records that come in pieces."""

from __future__ import annotations

import os
import random
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.core.tls import TlsSettings
from cql_reactors.conformance.certificates import Authority, TlsServer, authority, echo, settings
from cql_reactors.conformance.kit import Kit
from cql_reactors.conformance.peers import Stream, listen, on_loop, outcome, settle

if TYPE_CHECKING:
    from pathlib import Path

    from cql_driver.core.runtime import Runtime

__all__ = ["Tls"]

_NAMES = ("127.0.0.1", "node.example")
_VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


def _connect(runtime: Runtime, server: TlsServer, **named: Any) -> Stream:
    stream = Stream()
    outcome(runtime, runtime.connect, server.address, stream, **named)
    return stream


def _say(runtime: Runtime, stream: Stream, data: bytes) -> None:
    expected = len(stream.received) + len(data)
    on_loop(runtime, stream.transport.write, data)
    stream.until(runtime, lambda: len(stream.received) >= expected or bool(stream.lost))
    assert stream.received[-len(data) :] == data


def _close(runtime: Runtime, stream: Stream) -> None:
    on_loop(runtime, stream.transport.close)
    assert stream.until_lost(runtime) is None


class Tls(Kit):
    """Certificates and names are verified as the context says, whatever the loop."""

    @_VERSIONS
    def test_both_versions(self, runtime: Runtime, version: ssl.TLSVersion) -> None:
        """Data of many records there and back, and an end that the server takes for one."""
        context = authority().client_context()
        context.maximum_version = version
        with TlsServer(authority().server_context(*_NAMES), echo) as server:
            stream = _connect(runtime, server, tls=settings(context))
            for size in (1, 100, 16384, 16385, 300_000):
                _say(runtime, stream, os.urandom(size))
            _close(runtime, stream)
        # The server saw a close_notify: else its `recv` would have failed.
        assert server.failures == []

    def test_a_name_is_asked_for_and_verified(self, runtime: Runtime) -> None:
        """SNI carries the name that is verified."""
        asked: list[str | None] = []
        context = authority().server_context(*_NAMES)
        context.sni_callback = lambda sock, name, context: asked.append(name)
        with TlsServer(context, echo) as server:
            tls = settings(authority().client_context())
            stream = _connect(runtime, server, tls=tls, server_hostname="node.example")
            _say(runtime, stream, b"hello")
            _close(runtime, stream)
        assert asked == ["node.example"]

    def test_what_must_not_be_trusted(self, runtime: Runtime) -> None:
        """An authority that is not ours, and names that the certificate has not."""
        with TlsServer(authority().server_context(*_NAMES), echo) as server:
            stranger = settings(Authority().client_context())
            with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
                _connect(runtime, server, tls=stranger)
            for name in ("other.example", "localhost"):
                ours = settings(authority().client_context())
                with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                    _connect(runtime, server, tls=ours, server_hostname=name)
            # A user may decide otherwise.
            context = authority().client_context()
            context.check_hostname = False
            stream = _connect(
                runtime, server, tls=settings(context), server_hostname="other.example"
            )
            _say(runtime, stream, b"hello")
            _close(runtime, stream)

    def test_the_address_is_verified_where_no_name_is_given(self, runtime: Runtime) -> None:
        """By the addresses among the certificate's names."""
        with (
            TlsServer(authority().server_context("node.example", "127.0.0.9"), echo) as server,
            pytest.raises(ssl.SSLCertVerificationError, match=r"IP address mismatch"),
        ):
            _connect(runtime, server, tls=settings(authority().client_context()))

    def test_an_unix_socket_has_no_name_to_verify(self, runtime: Runtime, tmp_path: Path) -> None:
        """So it needs one, or a context that verifies none."""
        path = str(tmp_path / "s")
        tls = settings(authority().client_context())
        with (
            listen(socket.AF_UNIX, path),
            pytest.raises(ssl.SSLError, match="server_hostname"),
        ):
            outcome(runtime, runtime.connect, path, Stream(), tls=tls)

    def test_a_client_certificate(self, runtime: Runtime) -> None:
        """It is shown to a server that asks for it; without one the server's refusal is told."""
        with TlsServer(authority().server_context(*_NAMES, verify=True), echo) as server:
            context = authority().client_context("client.example")
            stream = _connect(runtime, server, tls=settings(context))
            _say(runtime, stream, b"hello")
            _close(runtime, stream)
            # Without one, TLS 1.3 lets the client begin and then refuses it.
            without = authority().client_context()
            stream = _connect(runtime, server, tls=settings(without))
            assert isinstance(stream.until_lost(runtime), ssl.SSLError)
            without.maximum_version = ssl.TLSVersion.TLSv1_2
            with pytest.raises(ssl.SSLError):
                _connect(runtime, server, tls=settings(without))

    @_VERSIONS
    def test_a_session_is_resumed(self, runtime: Runtime, version: ssl.TLSVersion) -> None:
        """A reconnect to the same place by the same context needs no full handshake."""
        context = authority().client_context()
        context.maximum_version = version
        tls = settings(context)
        with TlsServer(authority().server_context(*_NAMES), echo) as server:
            for _ in range(3):
                stream = _connect(runtime, server, tls=tls)
                _say(runtime, stream, b"hello")
                _close(runtime, stream)
            _close(runtime, _connect(runtime, server, tls=tls, server_hostname="node.example"))
            tls.context_factory = authority().client_context
            _close(runtime, _connect(runtime, server, tls=tls))
        assert server.resumed == [False, True, True, False, False]

    def test_a_context_that_cannot_be_made(self, runtime: Runtime) -> None:
        """What the user's factory raises is the reason of the failure."""

        def fail() -> ssl.SSLContext:
            raise FileNotFoundError("no certificates here")

        with listen() as listener, pytest.raises(Exception, match="no certificates here"):
            outcome(
                runtime,
                runtime.connect,
                listener.getsockname(),
                Stream(),
                tls=TlsSettings(fail),
            )

    def test_a_cut_without_an_end(self, runtime: Runtime) -> None:
        """Data before a cut comes, however often reading is paused; the cut is an `OSError`."""
        data = os.urandom(1 << 18)

        class Halting(Stream):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                self.transport.pause_reading()

        def send_and_cut(sock: ssl.SSLSocket) -> None:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_RDWR)  # no close_notify

        stream = Halting()
        with TlsServer(authority().server_context(*_NAMES), send_and_cut) as server:
            tls = settings(authority().client_context())
            outcome(runtime, runtime.connect, server.address, stream, tls=tls)
            seen = 0
            while not stream.lost:
                more = seen + 1
                stream.until(runtime, lambda n=more: stream.size >= n or bool(stream.lost))  # type: ignore[misc]
                settle(runtime)
                assert stream.size - seen <= 16384  # one record of TLS
                seen = stream.size
                on_loop(runtime, stream.transport.resume_reading)
        assert stream.received == data
        assert isinstance(stream.lost[0], OSError)

    @_VERSIONS
    def test_torn_records(self, runtime: Runtime, version: ssl.TLSVersion) -> None:
        """Handshake and records come in pieces of a few bytes, each in a turn of its own."""
        context = authority().client_context()
        context.maximum_version = version
        stream = Stream()
        with listen() as listener:
            pending = on_loop(
                runtime,
                lambda: runtime.connect(listener.getsockname(), stream, tls=settings(context)),
            )
            peer, _ = listener.accept()
            with peer:
                torn = _Torn(runtime, peer)
                torn.do("do_handshake")
                settle(runtime)
                assert pending.done
                pending.result()
                on_loop(runtime, stream.transport.write, b"a question")
                assert torn.do("read", 100) == b"a question"
                for answer in (b"short", bytes(300), b"last"):
                    torn.do("write", answer)
                settle(runtime)
                assert stream.received == b"short" + bytes(300) + b"last"
                on_loop(runtime, stream.transport.close)
                assert stream.until_lost(runtime) is None
                assert torn.do("read", 100) == b""


class _Torn:
    """The server's end of TLS, which sends a few bytes at a time."""

    def __init__(self, runtime: Runtime, peer: socket.socket) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.settimeout(0.001)
        self._runtime = runtime
        self._peer = peer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = authority().server_context(*_NAMES)
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def do(self, what: str, *args: object) -> Any:
        """Call a method of the TLS object as often as it wants more."""
        for _ in range(2000):
            try:
                result = getattr(self._tls, what)(*args)
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError) as exc:
                self._send()
                if isinstance(exc, ssl.SSLZeroReturnError):
                    return b""
                self._receive()
            else:
                self._send()
                return result
        raise AssertionError(f"{what} is never done")

    def _send(self) -> None:
        data = self._outgoing.read()
        while data:
            size = random.choice((1, 1, 2, 3, 5, 7, 50))
            self._peer.sendall(data[:size])
            data = data[size:]
            settle(self._runtime)

    def _receive(self) -> None:
        try:
            self._incoming.write(self._peer.recv(65536))
        except TimeoutError:
            settle(self._runtime)
