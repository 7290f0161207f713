"""The end of a stream at any moment, from any place."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from cql_driver.errors import SessionShutdown
from cql_reactors.conformance.kit import Kit
from cql_reactors.conformance.peers import (
    PATIENCE,
    Job,
    Stream,
    on_loop,
    outcome,
    read_to_the_end,
    real_thread,
    settle,
    silent_host,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cql_driver.core.runtime import Runtime
    from cql_reactors.conformance.certificates import Server

__all__ = ["Closing"]

_MUCH = 16 << 20  # more than two kernels hold


class _Ending(Stream):
    """Ends its stream, or the loop, where it is told something."""

    def __init__(self, runtime: Runtime, where: str, how: str) -> None:
        super().__init__(keep=False)
        self.ended = False
        self.late: list[str] = []
        self.full = threading.Event()
        self._runtime = runtime
        self._where = where
        self._how = how

    def happened(self, what: str) -> None:
        if self.ended and what != "lost":
            self.late.append(what)
        super().happened(what)
        if what in ("pause", "lost"):
            self.full.set()
        if what == self._where:
            self.end()

    def end(self) -> None:
        if not self.ended:
            self.ended = True
            if self._how == "stop":
                self._runtime.stop()
            elif self._how == "twice":
                self.transport.close()
                self.transport.abort()
                self.transport.close()
            else:
                getattr(self.transport, self._how)()


class Closing(Kit):
    """`close`, `abort` and `stop` during everything: the end is told once, and nothing after it."""

    @pytest.mark.parametrize("how", ["close", "abort", "twice", "stop"])
    @pytest.mark.parametrize("where", ["made", "data", "pause", "resume", "lost"])
    def test_in_a_call_of_the_protocol(
        self, runtime: Runtime, server: Server, where: str, how: str
    ) -> None:
        """The protocol itself ends it, whatever it was told just then."""
        stream = _Ending(runtime, where, how)
        talking = Job(_accept_and_talk, server, stream, where)
        on_loop(runtime, server.begin, runtime, stream)
        _give_time(runtime, lambda: bool(stream.calls))
        if where in ("pause", "resume"):
            runtime.dispatch(stream.transport.write, bytes(_MUCH))
        _give_time(runtime, lambda: bool(stream.lost))
        received = talking.result()
        assert len(stream.lost) == 1
        assert not stream.late
        if where == "lost" or how == "stop":
            assert isinstance(stream.lost[0], OSError)
        else:
            assert stream.lost == [None]
        if how == "close" and where in ("pause", "resume"):
            assert received == _MUCH

    @pytest.mark.parametrize("how", ["close", "abort", "twice"])
    @pytest.mark.parametrize("reading", ["reading", "paused"])
    def test_by_timers_and_threads(
        self, runtime: Runtime, server: Server, how: str, reading: str
    ) -> None:
        """While data comes, and while reading is paused."""
        for begin in (
            lambda end: on_loop(runtime, runtime.call_later, 0.002, end),
            lambda end: on_loop(runtime, runtime.call_soon, end),
            lambda end: on_loop(runtime, runtime.call_user, end),
            lambda end: real_thread(runtime.call_soon_threadsafe, end).join(),
        ):
            stream = _Ending(runtime, "", how)
            _, peer = server.connect(runtime, stream)
            with peer:
                if reading == "paused":
                    on_loop(runtime, stream.transport.pause_reading)
                sending = Job(_send_for_ever, peer)
                begin(stream.end)
                stream.until_lost(runtime)
                sending.result()
            settle(runtime)
            assert stream.lost == [None]
            assert not stream.late

    def test_while_writing_is_paused(self, runtime: Runtime, server: Server) -> None:
        """`abort` after `close` does not wait for the peer to take what is written."""
        stream, peer = server.connect(runtime)
        with peer:
            on_loop(runtime, stream.transport.write, bytes(32 << 20))
            on_loop(runtime, stream.transport.close)
            settle(runtime, 0.01)
            assert not stream.lost
            on_loop(runtime, stream.transport.write, b"too late")
            on_loop(runtime, stream.transport.abort)
            assert stream.until_lost(runtime) is None
            assert (read_to_the_end(peer) or 0) < 32 << 20

    def test_what_nobody_read(self, runtime: Runtime, server: Server) -> None:
        """`close` reads it, as a reset of the connection might cost the peer what was written."""
        stream, peer = server.connect(runtime)
        with peer:
            on_loop(runtime, stream.transport.pause_reading)
            peer.sendall(bytes(1 << 16))
            on_loop(runtime, stream.transport.write, bytes(1000))
            on_loop(runtime, stream.transport.close)
            assert read_to_the_end(peer) == 1000
            assert stream.until_lost(runtime) is None
        assert stream.calls == ["made", "lost"]

    def test_close_waits_not_for_ever(
        self, runtime: Runtime, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A peer that takes nothing any more holds up a stream for some seconds at most."""
        monkeypatch.setattr("cql_driver.runtimes.tcp.LINGER", 0.1)
        stream, peer = server.connect(runtime)
        with peer:
            on_loop(runtime, stream.transport.write, bytes(32 << 20))
            on_loop(runtime, stream.transport.close)
            assert stream.until_lost(runtime) is None
        assert stream.calls == ["made", "pause", "lost"]

    def test_the_peer_goes_while_it_is_closed(self, runtime: Runtime, server: Server) -> None:
        """What cannot be sent any more is no reason to be told twice, or never."""
        stream, peer = server.connect(runtime)
        on_loop(runtime, stream.transport.write, bytes(32 << 20))
        on_loop(runtime, stream.transport.close)
        peer.close()
        stream.until_lost(runtime)
        settle(runtime)
        assert len(stream.lost) == 1

    def test_many_streams_end_in_one_turn(self, runtime: Runtime, server: Server) -> None:
        """Among those that are ready in the same turn, one ends the others."""
        streams: list[Stream] = []

        class Last(Stream):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                for stream in streams:
                    stream.transport.abort()

        streams += [Last() for _ in range(20)]
        peers = [server.connect(runtime, stream)[1] for stream in streams]

        def send_while_the_loop_is_held_up() -> None:
            for peer in peers:
                peer.sendall(b"ready")

        on_loop(runtime, send_while_the_loop_is_held_up)
        for stream in streams:
            stream.until_lost(runtime)
        settle(runtime)
        assert sum("data" in stream.calls for stream in streams) == 1
        assert all(stream.lost == [None] for stream in streams)
        for peer in peers:
            peer.close()

    def test_descriptors_are_used_again(self, runtime: Runtime, server: Server) -> None:
        """A new stream with the number of one that just ended gets its own data and no other."""
        for number in range(30):
            stream, peer = server.connect(runtime)
            with peer:
                data = str(number).encode()
                peer.sendall(data)
                stream.until(runtime, lambda s=stream, d=data: s.received == d)  # type: ignore[misc]
                on_loop(runtime, stream.transport.abort if number % 2 else stream.transport.close)
            if number % 3:
                stream.until_lost(runtime)

    def test_an_attempt_beside_an_end(self, runtime: Runtime, server: Server) -> None:
        """One stream ends in the turn in which another begins."""
        stream, peer = server.connect(runtime)
        accepting = Job(server.accept)
        another = Stream()

        def change() -> Any:
            stream.transport.abort()
            return server.begin(runtime, another)

        outcome(runtime, change)
        stream.until_lost(runtime)
        with peer, accepting.result() as other:
            other.sendall(b"hello")
            another.until(runtime, lambda: another.received == b"hello")

    def test_what_is_ready_is_not_told_to_a_newcomer(
        self, runtime: Runtime, server: Server
    ) -> None:
        """An attempt that gets the descriptor of a stream which ended in the same turn is young."""
        streams: list[Stream] = []
        attempts: list[Any] = []

        class Successor(Stream):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                if not attempts:
                    for stream in streams:
                        if stream is not self:
                            stream.transport.abort()
                            attempts.append(runtime.connect(deaf.getsockname(), Stream()))

        with silent_host() as deaf:
            streams += [Successor() for _ in range(8)]
            peers = [server.connect(runtime, stream)[1] for stream in streams]
            for stream in streams:
                on_loop(runtime, stream.transport.write, bytes(_MUCH))

            def drain_while_the_loop_is_held_up() -> None:
                for peer in peers:
                    taken = 0
                    while taken < 1 << 20:
                        taken += len(peer.recv(1 << 18))
                    peer.sendall(b"ready")

            on_loop(runtime, drain_while_the_loop_is_held_up)
            settle(runtime, 0.02)
            assert len(attempts) == len(streams) - 1
            assert [attempt.error for attempt in attempts if attempt.done] == []
            for attempt in attempts:
                on_loop(runtime, attempt.set_error, TimeoutError("given up"))
            for stream in streams:
                on_loop(runtime, stream.transport.abort)


def _give_time(runtime: Runtime, condition: Callable[[], bool]) -> None:
    """Have the loop run until the condition holds, or somebody stops it."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "in vain"
        try:
            settle(runtime, 0.002)
        except SessionShutdown:
            return


def _accept_and_talk(server: Server, stream: _Ending, where: str) -> int | None:
    """Do what makes the protocol be called as `where` says; return how much came."""
    try:
        peer = server.accept()
    except OSError:  # it was ended before TLS was done with its beginning
        return None
    with peer:
        if where == "data":
            return _send_for_ever(peer)
        if where == "lost":
            return 0
        if where != "made":
            stream.full.wait(PATIENCE)
        return read_to_the_end(peer)


def _send_for_ever(peer: Any) -> int:
    """Send until the other end is gone."""
    try:
        while True:
            peer.sendall(bytes(50_000))
    except OSError:
        return 0
