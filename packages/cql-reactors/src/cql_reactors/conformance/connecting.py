"""Opening streams, and what becomes of attempts that fail."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.core.pending import Waitable
from cql_reactors.conformance.kit import Kit
from cql_reactors.conformance.peers import (
    PATIENCE,
    Job,
    Stream,
    connected,
    listen,
    on_loop,
    outcome,
    read_exactly,
    read_to_the_end,
    reset,
    settle,
    silent_host,
)

if TYPE_CHECKING:
    from pathlib import Path

    from cql_driver.core.runtime import Runtime
    from cql_reactors.conformance.certificates import Server

__all__ = ["Connecting"]


class Connecting(Kit):
    """`connect`: what it opens, refuses and gives up."""

    def test_the_result_comes_right_after_the_beginning(
        self, runtime: Runtime, server: Server
    ) -> None:
        """`connection_made` is called first, with the transport that is the result."""
        stream = Stream()
        accepting = Job(server.accept)
        transport = outcome(runtime, server.begin, runtime, stream)
        assert stream.calls == ["made"]
        assert stream.transport is transport
        accepting.result().close()

    def test_unix_sockets(self, runtime: Runtime, tmp_path: Path) -> None:
        """A path is an address too."""
        with listen(socket.AF_UNIX, str(tmp_path / "s")) as unix:
            stream, peer = connected(runtime, unix)
            with peer:
                on_loop(runtime, stream.transport.write, b"hello")
                assert read_exactly(peer, 5) == b"hello"
        with pytest.raises(FileNotFoundError):
            outcome(runtime, runtime.connect, str(tmp_path / "none"), Stream())

    def test_options_and_local_address(self, runtime: Runtime, server: Server) -> None:
        """Both are given to the socket before it connects."""
        options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000)]
        stream, peer = server.connect(runtime, sockopts=options, local_address=("127.0.0.2", 0))
        with peer:
            assert peer.getpeername()[0] == "127.0.0.2"
            assert on_loop(runtime, stream.transport.local_address)[:2] == peer.getpeername()[:2]
        with pytest.raises(OSError, match=r"."):
            outcome(runtime, server.begin, runtime, Stream(), local_address=("203.0.113.1", 0))
        with pytest.raises(OSError, match=r"."):
            outcome(runtime, server.begin, runtime, Stream(), sockopts=[(socket.SOL_SOCKET, -1, 1)])
        stream.until_lost(runtime)

    def test_refused(self, runtime: Runtime, server: Server) -> None:
        """Where nobody listens, the error is `ConnectionRefusedError` with the address."""
        server.listener.close()
        stream = Stream()
        with pytest.raises(ConnectionRefusedError, match=str(server.address[1])) as caught:
            outcome(runtime, server.begin, runtime, stream)
        assert caught.value.errno == errno.ECONNREFUSED
        assert stream.calls == []

    @pytest.mark.parametrize("address", [("localhost", 1), ("127.0.0.1", 70000)])
    def test_what_is_no_address(self, runtime: Runtime, address: Any) -> None:
        """Names are refused, as looking them up would block the loop."""
        with pytest.raises((OSError, OverflowError)):
            outcome(runtime, runtime.connect, address, Stream())

    def test_an_attempt_that_hangs_is_given_up(self, runtime: Runtime) -> None:
        """A host that does not answer: whoever gives up is told so at once, and no other."""
        with silent_host() as full:
            stream = Stream()
            pending = on_loop(runtime, runtime.connect, full.getsockname(), stream)
            assert not runtime.wait(pending, 0.01)
            runtime.dispatch(pending.set_error, TimeoutError("given up"))
            assert runtime.wait(pending, PATIENCE)
        settle(runtime, 0.01)
        assert stream.calls == []
        with pytest.raises(TimeoutError, match="given up"):
            pending.result()

    def test_given_up_in_the_turn_of_its_beginning(self, runtime: Runtime, server: Server) -> None:
        """Nothing is left of it, though it may be connected already."""
        stream = Stream()

        def begin() -> Any:
            pending = server.begin(runtime, stream)
            pending.set_error(TimeoutError("given up"))
            return pending

        pending = on_loop(runtime, begin)
        settle(runtime, 0.02)
        assert isinstance(pending.error, TimeoutError)
        assert stream.calls == []
        server.listener.settimeout(0.01)
        try:
            peer, _ = server.listener.accept()
        except TimeoutError:
            return
        with peer:
            peer.settimeout(PATIENCE)
            assert read_to_the_end(peer) in (0, None)

    @pytest.mark.parametrize("end", ["given up", "stopped"])
    def test_a_handshake_that_hangs(self, runtime: Runtime, tls_server: Server, end: str) -> None:
        """A host that accepts and then is silent keeps nobody longer than he wants."""
        stream = Stream()
        pending = on_loop(runtime, tls_server.begin, runtime, stream)
        peer, _ = tls_server.listener.accept()
        with peer:
            assert not runtime.wait(pending, 0.02)
            if end == "stopped":
                runtime.stop()
            else:
                on_loop(runtime, pending.set_error, TimeoutError("given up"))
            peer.settimeout(PATIENCE)
            read_to_the_end(peer)
        assert isinstance(pending.error, OSError)
        assert stream.calls == []

    @pytest.mark.parametrize("how", ["closed", "reset", "half", "garbage", "alert"])
    def test_a_handshake_that_fails(self, runtime: Runtime, tls_server: Server, how: str) -> None:
        """The error is an `OSError`, and the protocol hears of nothing."""
        stream = Stream()
        pending = on_loop(runtime, tls_server.begin, runtime, stream)
        peer, _ = tls_server.listener.accept()
        with peer:
            if how == "reset":
                reset(peer)
            elif how == "half":
                peer.shutdown(socket.SHUT_WR)
            elif how == "garbage":
                peer.sendall(b"this is no TLS, as anybody can see" * 10)
            elif how == "alert":
                peer.sendall(bytes([21, 3, 3, 0, 2, 2, 40]))  # handshake_failure
            else:
                peer.close()
            assert runtime.wait(pending, PATIENCE)
        assert isinstance(pending.error, OSError)
        assert str(pending.error)
        assert stream.calls == []

    def test_a_protocol_that_fails_to_begin(self, runtime: Runtime, server: Server) -> None:
        """What `connection_made` raises is the error of the attempt, and the stream ends."""

        class Failing(Stream):
            def connection_made(self, transport: Any) -> None:
                raise ZeroDivisionError("cannot begin")

        stream = Failing()
        accepting = Job(server.accept)
        with pytest.raises(ZeroDivisionError):
            outcome(runtime, server.begin, runtime, stream)
        with accepting.result() as peer:
            assert read_to_the_end(peer) in (0, None)
        settle(runtime)
        assert stream.calls == []

    def test_many_at_once(self, runtime: Runtime, server: Server) -> None:
        """Fifty attempts of one turn are fifty streams."""
        streams = [Stream() for _ in range(50)]
        accepting = Job(lambda: [server.accept() for _ in streams])
        pendings = on_loop(runtime, lambda: [server.begin(runtime, one) for one in streams])
        for pending in pendings:
            assert runtime.wait(pending, PATIENCE)
            pending.result()
        for peer in accepting.result():
            peer.sendall(b"hello")
            peer.close()
        for stream in streams:
            stream.until_lost(runtime)
            assert stream.received == b"hello"

    def test_wait_may_give_up_and_come_again(self, runtime: Runtime, tls_server: Server) -> None:
        """A thread that gives up waiting leaves the attempt alone."""
        stream = Stream()
        pending = on_loop(runtime, tls_server.begin, runtime, stream)
        assert not runtime.wait(pending, 0.01)
        assert not runtime.wait(Waitable(), 0)
        accepting = Job(tls_server.accept)
        assert runtime.wait(pending, PATIENCE)
        pending.result()
        accepting.result().close()
