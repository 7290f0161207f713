"""Reading and writing on streams, plain and TLS."""

from __future__ import annotations

import os
import random
import socket
from typing import TYPE_CHECKING

from cql_driver.core.pending import Waitable
from cql_reactors.conformance.kit import Kit
from cql_reactors.conformance.peers import (
    Job,
    Stream,
    on_loop,
    read_exactly,
    read_to_the_end,
    reset,
    settle,
)

if TYPE_CHECKING:
    from cql_driver.core.runtime import Runtime
    from cql_reactors.conformance.certificates import Server

__all__ = ["Streams"]


class Streams(Kit):
    """What is written comes, what comes is told, and the end is told once."""

    def test_both_ways(self, runtime: Runtime, server: Server) -> None:
        """Writes of one turn and of several, single bytes back, and `close`."""
        stream, peer = server.connect(runtime)
        with peer:
            on_loop(runtime, stream.transport.write, b"one")
            on_loop(runtime, stream.transport.write, b"")
            on_loop(runtime, stream.transport.write, b"two")
            assert read_exactly(peer, 6) == b"onetwo"
            for byte in b"back":
                peer.sendall(bytes([byte]))
            stream.until(runtime, lambda: stream.received == b"back")
            on_loop(runtime, stream.transport.close)
            assert stream.until_lost(runtime) is None
            assert peer.recv(1) == b""
        assert stream.calls == ["made", "data", "lost"]
        on_loop(runtime, stream.transport.write, b"too late")
        on_loop(runtime, stream.transport.close)
        on_loop(runtime, stream.transport.abort)
        on_loop(runtime, stream.transport.pause_reading)
        on_loop(runtime, stream.transport.resume_reading)
        settle(runtime)
        assert len(stream.lost) == 1

    def test_writing_in_connection_made(self, runtime: Runtime, server: Server) -> None:
        """The first write may be there."""

        class Eager(Stream):
            def connection_made(self, transport: object) -> None:
                super().connection_made(transport)  # type: ignore[arg-type]
                self.transport.write(b"first")

        stream, peer = server.connect(runtime, Eager())
        with peer:
            assert read_exactly(peer, 5) == b"first"
            on_loop(runtime, stream.transport.write, b"second")
            assert read_exactly(peer, 6) == b"second"

    def test_one_byte_at_a_time(self, runtime: Runtime, server: Server) -> None:
        """The loop looks at the socket between any two bytes of the peer, and back."""
        stream, peer = server.connect(runtime)
        data = os.urandom(100)
        with peer:
            for count, byte in enumerate(data, 1):
                peer.sendall(bytes([byte]))
                stream.until(runtime, lambda n=count: len(stream.received) == n)  # type: ignore[misc]
                on_loop(runtime, stream.transport.write, bytes([byte]))
                assert peer.recv(10) == bytes([byte])
        assert stream.received == data

    def test_closed_by_the_peer(self, runtime: Runtime, server: Server) -> None:
        """What it sent before comes, then an `OSError`."""
        stream, peer = server.connect(runtime)
        peer.sendall(b"last words")
        peer.close()
        assert isinstance(stream.until_lost(runtime), OSError)
        assert stream.received == b"last words"
        assert stream.calls == ["made", "data", "lost"]

    def test_reset_by_the_peer(self, runtime: Runtime, server: Server) -> None:
        """The error is `ConnectionResetError`; writing afterwards does nothing."""
        stream, peer = server.connect(runtime)
        reset(peer)
        assert isinstance(stream.until_lost(runtime), ConnectionResetError)
        on_loop(runtime, stream.transport.write, b"into the void")
        settle(runtime)
        assert stream.calls == ["made", "lost"]

    def test_a_protocol_that_fails_loses_its_stream(self, runtime: Runtime, server: Server) -> None:
        """What `data_received` raises is the reason of the end."""

        class Failing(Stream):
            def data_received(self, data: bytes) -> None:
                raise ZeroDivisionError("cannot read this")

        stream, peer = server.connect(runtime, Failing())
        with peer:
            peer.sendall(b"x")
            assert isinstance(stream.until_lost(runtime), ZeroDivisionError)
            assert read_to_the_end(peer) in (0, None)

    def test_paused_reading(self, runtime: Runtime, server: Server) -> None:
        """Nothing comes while reading is paused, not even the end."""
        stream, peer = server.connect(runtime)
        with peer:
            on_loop(runtime, stream.transport.pause_reading)
            on_loop(runtime, stream.transport.pause_reading)
            peer.sendall(b"later")
            assert not runtime.wait(Waitable(), 0.01)
            assert not stream.received
            on_loop(runtime, stream.transport.write, b"meanwhile")
            assert read_exactly(peer, 9) == b"meanwhile"
            on_loop(runtime, stream.transport.resume_reading)
            on_loop(runtime, stream.transport.resume_reading)
            stream.until(runtime, lambda: stream.received == b"later")
            on_loop(runtime, stream.transport.pause_reading)
        assert not runtime.wait(Waitable(), 0.01)
        on_loop(runtime, stream.transport.resume_reading)
        stream.until_lost(runtime)

    def test_close_sends_what_is_written(self, runtime: Runtime, server: Server) -> None:
        """All of it, before the end is told."""
        stream, peer = server.connect(runtime)
        data = os.urandom(8 << 20)

        def write() -> None:
            for start in range(0, len(data), 100_000):
                stream.transport.write(data[start : start + 100_000])
            stream.transport.close()
            assert not stream.lost

        on_loop(runtime, write)
        reading = Job(read_exactly, peer, len(data) + 1)
        assert stream.until_lost(runtime) is None
        received = reading.result()
        peer.close()
        assert received == data

    def test_abort_drops_what_is_written(self, runtime: Runtime, server: Server) -> None:
        """The end is told at once, though not inside `abort`."""
        stream, peer = server.connect(runtime)
        with peer:

            def write() -> None:
                stream.transport.write(bytes(32 << 20))
                stream.transport.abort()
                assert not stream.lost

            on_loop(runtime, write)
            assert stream.until_lost(runtime) is None
            assert (read_to_the_end(peer) or 0) < 32 << 20

    def test_the_peer_goes_while_much_is_unsent(self, runtime: Runtime, server: Server) -> None:
        """The end is told with an `OSError` even when reading is paused."""
        stream, peer = server.connect(runtime)
        on_loop(runtime, stream.transport.write, bytes(32 << 20))
        on_loop(runtime, stream.transport.pause_reading)
        peer.close()
        assert isinstance(stream.until_lost(runtime), OSError)

    def test_the_peer_sends_no_more(self, runtime: Runtime, server: Server) -> None:
        """A peer that shut down its sending side is gone, as it can answer nothing."""
        stream, peer = server.connect(runtime)
        with peer:
            peer.shutdown(socket.SHUT_WR)
            assert isinstance(stream.until_lost(runtime), OSError)
        assert stream.calls == ["made", "lost"]

    def test_the_peer_reads_no_more(self, runtime: Runtime, server: Server) -> None:
        """A host gone silent: writing never blocks, and `abort` ends it at once."""
        stream, peer = server.connect(runtime)
        with peer:
            for _ in range(8):
                on_loop(runtime, stream.transport.write, bytes(1 << 20))
            stream.until(runtime, lambda: "pause" in stream.calls)
            settle(runtime, 0.02)
            assert not stream.lost
            on_loop(runtime, stream.transport.abort)
            assert stream.until_lost(runtime) is None

    def test_torn_writes(self, runtime: Runtime, server: Server) -> None:
        """Through the smallest buffers and a peer that takes random pieces, nothing is lost."""
        options = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)]
        server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        stream, peer = server.connect(runtime, sockopts=options)
        data = os.urandom(300_000)

        def read() -> bytes:
            received = bytearray()
            while len(received) < len(data):
                received += peer.recv(random.randint(1, 3000))
            return bytes(received)

        def write() -> None:
            start = 0
            while start < len(data):
                end = start + random.randint(1, 20_000)
                stream.transport.write(data[start:end])
                start = end

        with peer:
            reading = Job(read)
            on_loop(runtime, write)
            while reading.running:
                settle(runtime, 0.005)
            assert reading.result() == data
