"""What every runtime must do. A subclass gives `runtime`, started, and stops it afterwards."""

from __future__ import annotations

import errno
import itertools
import logging
import os
import random
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.core.pending import Pending, Waitable
from cql_driver.core.procedures import gather, sleep, spawn, within
from cql_protocol.errors import OperationTimedOut
from tests.runtimes.peers import (
    PATIENCE,
    Stream,
    connected,
    listen,
    on_loop,
    outcome,
    read_exactly,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cql_driver.core.runtime import Runtime


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with listen() as sock:
        yield sock


class Calls:
    """Calls, timers and threads."""

    def test_calls_come_in_order(self, runtime: Runtime) -> None:
        order: list[int] = []
        done = Waitable()

        def begin() -> None:
            for number in range(100):
                runtime.call_soon(order.append, number)
            runtime.call_soon(done.finish)
            assert not order
            assert runtime.in_loop()

        runtime.dispatch(begin)
        assert runtime.wait(done, PATIENCE)
        assert order == list(range(100))
        assert not runtime.in_loop()

    def test_calls_of_other_threads_come_each_in_its_order(self, runtime: Runtime) -> None:
        seen: list[tuple[int, int]] = []
        done = Waitable()

        def note(thread: int, number: int) -> None:
            seen.append((thread, number))
            if len(seen) == 8 * 200:
                done.finish()

        def call(thread: int) -> None:
            for number in range(200):
                runtime.call_soon_threadsafe(note, thread, number)

        threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        assert runtime.wait(done, PATIENCE)
        for thread in threads:
            thread.join()
        for thread_number in range(8):
            assert [n for t, n in seen if t == thread_number] == list(range(200))

    def test_timers_come_in_the_order_of_their_times(self, runtime: Runtime) -> None:
        came: list[tuple[float, float]] = []
        done = Waitable()

        def add(delay: float) -> None:
            # Asked for between two looks at the clock: due between two times.
            between: list[float] = [runtime.now() + delay]
            runtime.call_later(delay, lambda: came.append((between[0], between[1])))
            between.append(runtime.now() + delay)

        def begin() -> None:
            for number in random.sample(range(20), 20):
                add(number / 1000)
            runtime.call_later(0.005, came.append, (-1.0, -1.0)).cancel()
            runtime.call_later(0.2, done.finish)

        runtime.dispatch(begin)
        assert runtime.wait(done, PATIENCE)
        assert len(came) == 20
        assert all(earlier[0] <= later[1] for earlier, later in itertools.pairwise(came))

    def test_a_timer_comes_not_before_its_time(self, runtime: Runtime) -> None:
        times: list[float] = []
        done = Waitable()

        def begin() -> None:
            times.append(runtime.now())
            runtime.call_later(0.02, came)

        def came() -> None:
            times.append(runtime.now())
            done.finish()

        runtime.dispatch(begin)
        assert runtime.wait(done, PATIENCE)
        assert times[1] - times[0] >= 0.0199

    def test_what_a_call_raises_harms_no_other(
        self, runtime: Runtime, caplog: pytest.LogCaptureFixture
    ) -> None:
        done = Waitable()

        def fail() -> None:
            raise ZeroDivisionError("of a callback")

        def begin() -> None:
            runtime.call_soon(fail)
            runtime.call_user(fail)
            runtime.call_later(0, fail)
            runtime.call_later(0.001, done.finish)

        with caplog.at_level(logging.ERROR):
            runtime.dispatch(begin)
            assert runtime.wait(done, PATIENCE)
        assert caplog.text.count("of a callback") >= 3

    def test_wait_gives_up(self, runtime: Runtime) -> None:
        never = Waitable()
        assert not runtime.wait(never, 0.01)
        assert not runtime.wait(never, 0)
        on_loop(runtime, never.finish)
        assert runtime.wait(never, 0)

    def test_two_threads_wait_for_one_result(self, runtime: Runtime) -> None:
        result: Pending[int] = Pending()
        outcomes: list[bool] = []

        def look() -> None:
            outcomes.append(runtime.wait(result, PATIENCE))

        threads = [threading.Thread(target=look) for _ in range(5)]
        for thread in threads:
            thread.start()
        runtime.dispatch(lambda: runtime.call_later(0.02, result.set_result, 1))
        for thread in threads:
            thread.join()
        assert outcomes == [True] * 5

    def test_procedures(self, runtime: Runtime) -> None:
        async def nap(delay: float) -> float:
            await sleep(runtime, delay)
            return delay

        async def main() -> list[Any]:
            slow = within(runtime, 0.01, sleep(runtime, 100), "sleeping")
            return await gather([spawn(runtime, nap(0.01)), spawn(runtime, nap(0.005)), slow])

        first, second, third = runtime.run(main())
        assert (first, second) == (0.01, 0.005)
        assert isinstance(third, OperationTimedOut)

    def test_resolve(self, runtime: Runtime) -> None:
        for host, expected in (("127.0.0.1", ("127.0.0.1", 9042)), ("::1", ("::1", 9042, 0, 0))):
            assert outcome(runtime, runtime.resolve, host, 9042) == [expected]
        for address in outcome(runtime, runtime.resolve, "localhost", 9042):
            assert address[0] in ("127.0.0.1", "::1")
            assert address[1] == 9042

    @pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".invalid", "a..b", ""])
    def test_a_name_that_is_none(self, runtime: Runtime, host: str) -> None:
        with pytest.raises(OSError, match=r".+"):
            outcome(runtime, runtime.resolve, host, 9042)
        pending = on_loop(runtime, runtime.resolve, host, 9042)
        runtime.dispatch(pending.set_error, TimeoutError("given up"))
        with pytest.raises(OSError, match=r".+"):
            on_loop(runtime, pending.result)


class Streams:
    """Connecting, reading, writing and the end."""

    def test_both_ways(self, runtime: Runtime, listener: socket.socket) -> None:
        stream, peer = connected(runtime, listener)
        with peer:
            assert on_loop(runtime, stream.transport.local_address) == peer.getpeername()
            on_loop(runtime, stream.transport.write, b"one")
            on_loop(runtime, stream.transport.write, b"")
            on_loop(runtime, stream.transport.write, b"two")
            assert read_exactly(peer, 6) == b"onetwo"
            for byte in b"back":
                peer.sendall(bytes([byte]))
            stream.until(runtime, lambda: stream.received == b"back")
            on_loop(runtime, stream.transport.close)
            stream.until(runtime, lambda: bool(stream.lost))
            assert peer.recv(1) == b""
        assert stream.calls == ["made", "data", "lost"]
        assert stream.lost == [None]
        on_loop(runtime, stream.transport.write, b"too late")
        on_loop(runtime, stream.transport.close)
        on_loop(runtime, stream.transport.abort)
        on_loop(runtime, stream.transport.pause_reading)
        on_loop(runtime, stream.transport.resume_reading)
        assert len(stream.lost) == 1

    def test_unix_sockets(self, runtime: Runtime, tmp_path: Path) -> None:
        with listen(socket.AF_UNIX, str(tmp_path / "s")) as unix:
            stream, peer = connected(runtime, unix)
            with peer:
                on_loop(runtime, stream.transport.write, b"hello")
                assert read_exactly(peer, 5) == b"hello"
        with pytest.raises(FileNotFoundError):
            outcome(runtime, runtime.connect, str(tmp_path / "none"), Stream())

    def test_options_and_local_address(self, runtime: Runtime, listener: socket.socket) -> None:
        options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000)]
        stream, peer = connected(
            runtime, listener, sockopts=options, local_address=("127.0.0.2", 0)
        )
        with peer:
            assert peer.getpeername()[0] == "127.0.0.2"
        with pytest.raises(OSError, match=r"."):
            outcome(
                runtime,
                runtime.connect,
                listener.getsockname(),
                Stream(),
                local_address=("203.0.113.1", 0),
            )
        stream.until(runtime, lambda: bool(stream.lost))

    def test_refused(self, runtime: Runtime) -> None:
        with listen() as gone:
            address = gone.getsockname()
        stream = Stream()
        with pytest.raises(ConnectionRefusedError, match=str(address[1])) as caught:
            outcome(runtime, runtime.connect, address, stream)
        assert caught.value.errno == errno.ECONNREFUSED
        assert stream.calls == []

    @pytest.mark.parametrize("address", [("localhost", 1), ("127.0.0.1", 70000)])
    def test_what_is_no_address(self, runtime: Runtime, address: Any) -> None:
        with pytest.raises((OSError, OverflowError)):
            outcome(runtime, runtime.connect, address, Stream())

    def test_an_attempt_that_hangs_is_given_up(self, runtime: Runtime) -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            # Two fill the backlog; the kernel ignores who comes later.
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            stream = Stream()
            pending = on_loop(runtime, runtime.connect, full.getsockname(), stream)
            assert not runtime.wait(pending, 0.01)
            runtime.dispatch(pending.set_error, TimeoutError("given up"))
            assert runtime.wait(pending, PATIENCE)
            for filler in fillers:
                filler.close()
        assert stream.calls == []

    def test_reset_by_the_peer(self, runtime: Runtime, listener: socket.socket) -> None:
        stream, peer = connected(runtime, listener)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        stream.until(runtime, lambda: bool(stream.lost))
        assert isinstance(stream.lost[0], ConnectionResetError)
        on_loop(runtime, stream.transport.write, b"into the void")

    def test_closed_by_the_peer(self, runtime: Runtime, listener: socket.socket) -> None:
        stream, peer = connected(runtime, listener)
        peer.sendall(b"last words")
        peer.close()
        stream.until(runtime, lambda: bool(stream.lost))
        assert stream.received == b"last words"
        assert isinstance(stream.lost[0], OSError)

    def test_a_protocol_that_fails_loses_its_stream(
        self, runtime: Runtime, listener: socket.socket
    ) -> None:
        class Failing(Stream):
            def data_received(self, data: bytes) -> None:
                raise ZeroDivisionError("cannot read this")

        stream = Failing()
        outcome(runtime, runtime.connect, listener.getsockname(), stream)
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"x")
            stream.until(runtime, lambda: bool(stream.lost))
        assert isinstance(stream.lost[0], ZeroDivisionError)

    def test_a_protocol_that_fails_to_begin(
        self, runtime: Runtime, listener: socket.socket
    ) -> None:
        class Failing(Stream):
            def connection_made(self, transport: Any) -> None:
                raise ZeroDivisionError("cannot begin")

        with pytest.raises(ZeroDivisionError):
            outcome(runtime, runtime.connect, listener.getsockname(), Failing())
        peer, _ = listener.accept()
        with peer:
            assert peer.recv(1) == b""

    def test_paused_reading(self, runtime: Runtime, listener: socket.socket) -> None:
        stream, peer = connected(runtime, listener)
        with peer:
            on_loop(runtime, stream.transport.pause_reading)
            peer.sendall(b"later")
            on_loop(runtime, lambda: None)
            assert not runtime.wait(Waitable(), 0.01)
            assert not stream.received
            on_loop(runtime, stream.transport.resume_reading)
            stream.until(runtime, lambda: stream.received == b"later")
            on_loop(runtime, stream.transport.pause_reading)
        assert not runtime.wait(Waitable(), 0.01)
        on_loop(runtime, stream.transport.resume_reading)
        stream.until(runtime, lambda: bool(stream.lost))

    def test_much_through_a_slow_peer(self, runtime: Runtime, listener: socket.socket) -> None:
        send_everything(runtime, listener, 64 << 20)

    def test_close_sends_what_is_written(self, runtime: Runtime, listener: socket.socket) -> None:
        stream, peer = connected(runtime, listener)
        data = os.urandom(8 << 20)

        def write() -> None:
            for start in range(0, len(data), 100_000):
                stream.transport.write(data[start : start + 100_000])
            stream.transport.close()
            assert not stream.lost

        on_loop(runtime, write)
        received: list[bytes] = []
        thread = threading.Thread(target=lambda: received.append(read_exactly(peer, len(data))))
        thread.start()
        stream.until(runtime, lambda: bool(stream.lost))
        thread.join()
        peer.close()
        assert received == [data]
        assert stream.lost == [None]

    def test_abort_drops_what_is_written(self, runtime: Runtime, listener: socket.socket) -> None:
        stream, peer = connected(runtime, listener)
        with peer:

            def write() -> None:
                stream.transport.write(bytes(32 << 20))
                stream.transport.abort()
                assert not stream.lost

            on_loop(runtime, write)
            stream.until(runtime, lambda: bool(stream.lost))
            assert len(read_exactly(peer, 32 << 20)) < 32 << 20
        assert stream.lost == [None]

    def test_the_peer_goes_while_much_is_unsent(
        self, runtime: Runtime, listener: socket.socket
    ) -> None:
        stream, peer = connected(runtime, listener)
        on_loop(runtime, stream.transport.write, bytes(32 << 20))
        on_loop(runtime, stream.transport.pause_reading)
        peer.close()
        stream.until(runtime, lambda: bool(stream.lost))
        assert isinstance(stream.lost[0], OSError)


class Ends:
    """`stop`, with everything under way."""

    def test_stop_ends_everything_once(self, runtime: Runtime, listener: socket.socket) -> None:
        stream, peer = connected(runtime, listener)
        blocked, other = connected(runtime, listener)
        on_loop(runtime, blocked.transport.write, bytes(32 << 20))
        on_loop(runtime, blocked.transport.close)
        late: list[int] = []
        on_loop(runtime, runtime.call_later, 0.001, late.append, 1)
        runtime.stop()
        runtime.stop()
        assert len(stream.lost) == len(blocked.lost) == 1
        assert isinstance(stream.lost[0], OSError)
        with peer, other:
            assert peer.recv(1) == b""

    def test_stop_ends_attempts(self, runtime: Runtime, listener: socket.socket) -> None:
        pendings: list[Pending[Any]] = []

        def begin() -> None:
            pendings.append(runtime.connect(listener.getsockname(), Stream()))
            pendings.append(runtime.resolve("no-such-host.invalid", 1))
            runtime.stop()

        runtime.dispatch(begin)
        runtime.stop()
        assert [type(p.error) for p in pendings if not isinstance(p.error, OSError)] == []


def send_everything(runtime: Runtime, listener: socket.socket, total: int) -> None:
    """Write `total` bytes as the transport bids, to a peer that reads slowly."""
    chunk = os.urandom(1 << 18)
    read = [0]
    unread = [0]
    full = threading.Event()

    class Producer(Stream):
        written = 0
        paused = False

        def pause_writing(self) -> None:
            super().pause_writing()
            self.paused = True
            full.set()

        def resume_writing(self) -> None:
            super().resume_writing()
            self.paused = False
            self.produce()

        def produce(self) -> None:
            while not self.paused and self.written < total:
                self.written += len(chunk)
                unread[0] = max(unread[0], self.written - read[0])
                self.transport.write(chunk)

    def consume() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(PATIENCE)
            full.wait(PATIENCE)
            while read[0] < total:
                read[0] += len(read_exactly(peer, len(chunk)))

    thread = threading.Thread(target=consume)
    thread.start()
    producer = Producer()
    outcome(runtime, runtime.connect, listener.getsockname(), producer)
    on_loop(runtime, producer.produce)
    producer.until(runtime, lambda: bool(producer.lost))
    thread.join()
    assert read[0] == total
    assert "pause" in producer.calls
    assert unread[0] < 16 << 20  # ours, and what two kernels hold
