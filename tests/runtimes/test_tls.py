"""TLS, against the blocking TLS of Python's own."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.core.pending import Waitable
from cql_driver.core.tls import TlsSettings
from cql_driver.runtimes.selector import SelectorRuntime
from cql_reactors.conformance.certificates import Authority, TlsServer, echo, settings
from cql_reactors.conformance.peers import PATIENCE, Stream, listen, on_loop, outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = ("127.0.0.1", "node.example")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def server_context(authority: Authority) -> ssl.SSLContext:
    return authority.server_context(*_NAMES)


@pytest.fixture(params=[True, False], ids=["thread", "no-thread"])
def runtime(request: pytest.FixtureRequest) -> Iterator[SelectorRuntime]:
    runtime = SelectorRuntime(background_thread=request.param)
    runtime.start()
    yield runtime
    runtime.stop()


def connect(runtime: SelectorRuntime, server: TlsServer, **named: Any) -> Stream:
    stream = Stream()
    outcome(runtime, runtime.connect, server.address, stream, **named)
    return stream


def say(runtime: SelectorRuntime, stream: Stream, data: bytes) -> None:
    expected = len(stream.received) + len(data)
    on_loop(runtime, stream.transport.write, data)
    stream.until(runtime, lambda: len(stream.received) >= expected or bool(stream.lost))
    assert stream.received[-len(data) :] == data


def close(runtime: SelectorRuntime, stream: Stream) -> None:
    on_loop(runtime, stream.transport.close)
    stream.until(runtime, lambda: bool(stream.lost))
    assert stream.lost == [None]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_ways(
    runtime: SelectorRuntime,
    authority: Authority,
    server_context: ssl.SSLContext,
    version: ssl.TLSVersion,
) -> None:
    context = authority.client_context()
    context.maximum_version = version
    with TlsServer(server_context, echo) as server:
        stream = connect(runtime, server, tls=settings(context))
        for size in (1, 100, 16384, 16385, 300_000, 5_000_000):
            say(runtime, stream, os.urandom(size))
        close(runtime, stream)
    # The server saw a close_notify: else its `recv` would have failed.
    assert server.failures == []


def test_a_name_is_asked_for_and_verified(runtime: SelectorRuntime, authority: Authority) -> None:
    asked: list[str | None] = []
    context = authority.server_context(*_NAMES)
    context.sni_callback = lambda sock, name, context: asked.append(name)
    with TlsServer(context, echo) as server:
        tls = settings(authority.client_context())
        stream = connect(runtime, server, tls=tls, server_hostname="node.example")
        say(runtime, stream, b"hello")
        close(runtime, stream)
    assert asked == ["node.example"]


def test_what_must_not_be_trusted(
    runtime: SelectorRuntime,
    authority: Authority,
    server_context: ssl.SSLContext,
) -> None:
    other = Authority()
    with TlsServer(server_context, echo) as server:
        with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
            connect(runtime, server, tls=settings(other.client_context()))
        for name in ("other.example", "localhost"):
            with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                connect(
                    runtime,
                    server,
                    tls=settings(authority.client_context()),
                    server_hostname=name,
                )
        # A user may decide otherwise.
        context = authority.client_context()
        context.check_hostname = False
        stream = connect(runtime, server, tls=settings(context), server_hostname="other.example")
        say(runtime, stream, b"hello")
        close(runtime, stream)


def test_an_unix_socket_has_no_name_to_verify(
    runtime: SelectorRuntime, authority: Authority, tmp_path: Any
) -> None:
    with (
        listen(socket.AF_UNIX, str(tmp_path / "s")),
        pytest.raises(ssl.SSLError, match="server_hostname"),
    ):
        outcome(
            runtime,
            runtime.connect,
            str(tmp_path / "s"),
            Stream(),
            tls=settings(authority.client_context()),
        )


def test_a_client_certificate(runtime: SelectorRuntime, authority: Authority) -> None:
    with TlsServer(authority.server_context(*_NAMES, verify=True), echo) as server:
        context = authority.client_context("client.example")
        stream = connect(runtime, server, tls=settings(context))
        say(runtime, stream, b"hello")
        close(runtime, stream)
        # Without one, TLS 1.3 lets the client begin and then refuses it.
        without = authority.client_context()
        stream = connect(runtime, server, tls=settings(without))
        stream.until(runtime, lambda: bool(stream.lost))
        assert isinstance(stream.lost[0], ssl.SSLError)
        without.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError):
            connect(runtime, server, tls=settings(without))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_resumed(
    runtime: SelectorRuntime,
    authority: Authority,
    server_context: ssl.SSLContext,
    version: ssl.TLSVersion,
) -> None:
    context = authority.client_context()
    context.maximum_version = version
    tls = settings(context)
    with TlsServer(server_context, echo) as server:
        for _ in range(3):
            stream = connect(runtime, server, tls=tls)
            say(runtime, stream, b"hello")
            close(runtime, stream)
        # A session belongs to a place and a context.
        close(runtime, connect(runtime, server, tls=tls, server_hostname="node.example"))
        tls.context_factory = authority.client_context
        close(runtime, connect(runtime, server, tls=tls))
    assert server.resumed == [False, True, True, False, False]


def test_what_is_no_tls(runtime: SelectorRuntime, authority: Authority) -> None:
    with listen() as listener:
        pending = on_loop(
            runtime,
            lambda: runtime.connect(
                listener.getsockname(), Stream(), tls=settings(authority.client_context())
            ),
        )
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"this is no TLS, as anybody can see" * 10)
            assert runtime.wait(pending, PATIENCE)
        with pytest.raises(ssl.SSLError):
            pending.result()


@pytest.mark.parametrize("end", ["given up", "closed by the peer", "stopped"])
def test_a_handshake_that_hangs(runtime: SelectorRuntime, authority: Authority, end: str) -> None:
    stream = Stream()
    with listen() as listener:
        pending = on_loop(
            runtime,
            lambda: runtime.connect(
                listener.getsockname(), stream, tls=settings(authority.client_context())
            ),
        )
        peer, _ = listener.accept()
        peer.settimeout(PATIENCE)
        with peer:
            assert not runtime.wait(pending, 0.01)
            assert peer.recv(1)
            if end == "given up":
                on_loop(runtime, pending.set_error, TimeoutError("given up"))
            elif end == "stopped":
                runtime.stop()
            else:
                while peer.recv(65536, socket.MSG_DONTWAIT | socket.MSG_PEEK):
                    peer.recv(65536)
                    break
                peer.close()
        if end != "stopped":
            assert runtime.wait(pending, PATIENCE)
    assert isinstance(pending.error, OSError)
    assert stream.calls == []


def test_a_context_that_cannot_be_made(runtime: SelectorRuntime) -> None:
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


def test_paused_reading_and_a_cut(
    runtime: SelectorRuntime, authority: Authority, server_context: ssl.SSLContext
) -> None:
    data = os.urandom(1 << 20)

    class Halting(Stream):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.pause_reading()

    def send_and_cut(sock: ssl.SSLSocket) -> None:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_RDWR)  # no close_notify

    stream = Halting()
    with TlsServer(server_context, send_and_cut) as server:
        outcome(
            runtime,
            runtime.connect,
            server.address,
            stream,
            tls=settings(authority.client_context()),
        )
        seen = 0
        while not stream.lost:
            more = seen + 1
            stream.until(runtime, lambda n=more: len(stream.received) >= n or bool(stream.lost))
            assert not runtime.wait(Waitable(), 0.0005)
            assert len(stream.received) - seen <= 16384  # one record of TLS
            seen = len(stream.received)
            on_loop(runtime, stream.transport.resume_reading)
    assert stream.received == data
    assert isinstance(stream.lost[0], OSError)


def test_much_through_a_slow_peer(
    runtime: SelectorRuntime, authority: Authority, server_context: ssl.SSLContext
) -> None:
    total = 16_000_000
    read = [0]
    paused = threading.Event()

    def count(sock: ssl.SSLSocket) -> None:
        paused.wait(PATIENCE)
        while read[0] < total:
            read[0] += len(sock.recv(65536))
        sock.sendall(b"all")

    class Producer(Stream):
        written = 0

        def produce(self) -> None:
            while self.calls[-1] != "pause" and self.written < total:
                self.written += 100_000
                self.transport.write(bytes(100_000))

        def pause_writing(self) -> None:
            super().pause_writing()
            paused.set()

        def resume_writing(self) -> None:
            super().resume_writing()
            self.produce()

    stream = Producer()
    with TlsServer(server_context, count) as server:
        outcome(
            runtime,
            runtime.connect,
            server.address,
            stream,
            tls=settings(authority.client_context()),
        )
        on_loop(runtime, stream.produce)
        stream.until(runtime, lambda: stream.received == b"all" or bool(stream.lost))
    assert stream.received == b"all"
    assert "pause" in stream.calls
