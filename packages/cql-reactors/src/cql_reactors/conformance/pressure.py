"""Much data and slow ends: nothing is lost, and memory stays bounded."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cql_reactors.conformance.kit import Kit
from cql_reactors.conformance.peers import PATIENCE, Job, Stream, on_loop, settle

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.core.runtime import Runtime
    from cql_reactors.conformance.certificates import Server

__all__ = ["Pressure"]

_MUCH = 64 << 20
_CHUNK = 1 << 18
_MOST_ON_THE_WAY = 16 << 20
"""Bytes that may be between the ends: those that we hold, and what two kernels do."""
_MOST_MEMORY = 48 << 20
"""Bytes that this process may grow by meanwhile, both ends being in it."""
_STATM = Path("/proc/self/statm")


class _Measure:
    """How much is on the way, and how much memory that takes."""

    def __init__(self) -> None:
        self.sent = 0
        self.received = 0
        self.most_on_the_way = 0
        self._before = self._most = resident()

    def check(self) -> None:
        self.most_on_the_way = max(self.most_on_the_way, self.sent - self.received)
        self._most = max(self._most, resident())

    def verdict(self) -> None:
        assert self.received == self.sent == _MUCH
        assert self.most_on_the_way < _MOST_ON_THE_WAY
        assert self._most - self._before < _MOST_MEMORY


class _Producer(Stream):
    """Writes as much as there is, whenever the transport bids it to go on."""

    def __init__(self, measure: _Measure) -> None:
        super().__init__(keep=False)
        self.full = threading.Event()
        self._measure = measure
        self._paused = False
        self._chunk = os.urandom(_CHUNK)

    def pause_writing(self) -> None:
        super().pause_writing()
        assert not self._paused
        self._paused = True
        self.full.set()

    def resume_writing(self) -> None:
        super().resume_writing()
        assert self._paused
        self._paused = False
        self.produce()

    def produce(self) -> None:
        while not self._paused and self._measure.sent < _MUCH:
            self._measure.sent += _CHUNK
            self._measure.check()
            self.transport.write(self._chunk)


class _Sipper(Stream):
    """Pauses after each piece that it gets, and goes on in a later turn of the loop."""

    def __init__(self, runtime: Runtime, measure: _Measure) -> None:
        super().__init__(keep=False)
        self.dry = True
        self.uninvited = 0
        self._runtime = runtime
        self._measure = measure

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._measure.received += len(data)
        self._measure.check()
        self.uninvited += self.dry
        self.dry = True
        self.transport.pause_reading()
        self._runtime.call_soon(self.sip)

    def sip(self) -> None:
        self.dry = False
        self.transport.resume_reading()


class Pressure(Kit):
    """Back-pressure, both ways."""

    def test_much_through_a_peer_that_reads_slowly(self, runtime: Runtime, server: Server) -> None:
        """`pause_writing` and `resume_writing` come in turn, and who heeds them holds little."""
        measure = _Measure()
        producer = _Producer(measure)
        _, peer = server.connect(runtime, producer)
        on_loop(runtime, lambda: None)

        def consume() -> None:
            producer.full.wait(PATIENCE)
            until = _CHUNK
            while measure.received < _MUCH:
                measure.received += len(peer.recv(_CHUNK))
                if measure.received >= until:
                    until += 1 << 22
                    time.sleep(0.001)
            peer.close()

        consuming = Job(consume)
        on_loop(runtime, producer.produce)
        producer.until_lost(runtime)
        consuming.result()
        measure.verdict()
        assert "pause" in producer.calls
        assert "resume" in producer.calls

    def test_much_from_a_peer_to_a_slow_reader(self, runtime: Runtime, server: Server) -> None:
        """While reading is paused the peer is held up; `data_received` comes only in between."""
        measure = _Measure()
        sipper = _Sipper(runtime, measure)
        _, peer = server.connect(runtime, sipper)
        on_loop(runtime, sipper.transport.pause_reading)
        data = memoryview(os.urandom(_CHUNK))

        def produce() -> None:
            while measure.sent < _MUCH:
                peer.sendall(data)
                measure.sent += len(data)
                measure.check()
            peer.close()

        producing = Job(produce)
        before = -1
        while before != measure.sent:
            before = measure.sent
            settle(runtime, 0.02)
        assert before < _MOST_ON_THE_WAY
        assert sipper.size == 0
        on_loop(runtime, sipper.sip)
        sipper.until_lost(runtime)
        producing.result()
        measure.verdict()
        assert sipper.uninvited == 0

    def test_both_ways_at_once(self, runtime: Runtime, server: Server) -> None:
        """Who writes much and reads much at the same time gets stuck in neither."""
        total = 8 << 20
        stream, peer = server.connect(runtime)
        theirs, ours = os.urandom(total), os.urandom(total)

        def write() -> None:
            for start in range(0, total, 50_000):
                stream.transport.write(ours[start : start + 50_000])

        with peer:
            sending = Job(_send_and_read, peer, theirs, total)
            on_loop(runtime, write)
            stream.until(runtime, lambda: stream.size == total or bool(stream.lost))
            while sending.running:
                settle(runtime, 0.005)
            assert sending.result() == ours
        assert stream.received == theirs

    @pytest.mark.parametrize("size", [1, 16_384, 16_385, 300_000, 5_000_000])
    def test_single_writes_of_any_size(self, runtime: Runtime, server: Server, size: int) -> None:
        """One write is one piece of the stream, whatever it takes to send it."""
        stream, peer = server.connect(runtime)
        data = os.urandom(size)
        with peer:
            echoing = Job(_echo, peer, size)
            on_loop(runtime, stream.transport.write, data)
            stream.until(runtime, lambda: stream.size >= size or bool(stream.lost))
            echoing.result()
        assert stream.received == data


def _echo(peer: Any, size: int) -> None:
    while size:
        data = peer.recv(65536)
        peer.sendall(data)
        size -= len(data)


def _send_and_read(peer: Any, data: bytes, total: int) -> bytes:
    """Read a little after each little that is sent, as one thread can do no more."""
    received = bytearray()
    for start in range(0, len(data), 50_000):
        peer.sendall(data[start : start + 50_000])
        received += peer.recv(50_000)
    while len(received) < total:
        received += peer.recv(1 << 20)
    return bytes(received)


def resident() -> int:
    """Return the bytes of memory that this process takes, where that is told."""
    if not _STATM.exists():
        return 0
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
