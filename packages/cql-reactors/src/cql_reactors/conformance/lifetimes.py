"""A thousand lives, and ends that nobody asked for: nothing is left behind."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cql_reactors.conformance.kit import Kit
from cql_reactors.conformance.peers import PATIENCE, Job, Stream, on_loop, patched_by
from cql_reactors.conformance.program import ENDS, WORD, importable

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.core.runtime import Runtime
    from cql_reactors.conformance.certificates import Server

__all__ = ["Lifetimes"]

_LIVES = 1000
_BEFORE = 100
"""Lives after which what is kept once and for all is there."""
_GROWTH = (_LIVES - _BEFORE) // 4
"""Objects that may be there besides after all lives."""
_AT_ONCE = 4.0
_FDS = Path("/proc/self/fd")


def _left() -> tuple[int, int]:
    """Return how many descriptors and threads there are."""
    return len(list(_FDS.iterdir())) if _FDS.exists() else 0, threading.active_count()


def _until_no_more_than(before: tuple[int, int]) -> None:
    """Wait for what ends in its own time, as the transports of some loops do."""
    end = time.monotonic() + PATIENCE
    while any(now > then for now, then in zip(_left(), before, strict=True)):
        assert time.monotonic() < end, f"descriptors and threads: {before} became {_left()}"
        gc.collect()
        time.sleep(0.005)


def _grown(objects: int) -> int:
    """Return by how many objects of the collector's there are more than `objects`."""
    gc.collect()
    return len(gc.get_objects()) - objects


class _Engine(Stream):
    """A protocol that holds its runtime, as that of a cluster does."""

    runtime: Any = None


class Lifetimes(Kit):
    """Starting, stopping, dropping, and the end of the process."""

    def test_started_and_stopped_a_thousand_times(
        self, make_runtime: Callable[[], Runtime], server: Server
    ) -> None:
        """No thread, descriptor or object is left, and nothing slows down.

        Objects are counted again for as many lives more where there are too many: the hub of
        eventlet keeps what was cancelled until it has a thousand timers. A leak never shrinks.
        """

        def live(number: int) -> None:
            runtime = make_runtime()
            runtime.start()
            runtime.start()
            if number % 50 == 0:
                stream, peer = server.connect(runtime)
                on_loop(runtime, runtime.call_later, 1000.0, stream.check)
                peer.close()
            runtime.stop()

        for number in range(_BEFORE):
            live(number)
        gc.collect()
        left, objects = _left(), len(gc.get_objects())
        for number in range(_BEFORE, _LIVES):
            live(number)
        _until_no_more_than(left)
        for number in range(_LIVES, 2 * _LIVES):
            if number % 20 == 0 and _grown(objects) < _GROWTH:
                return
            live(number)
        assert _grown(objects) < _GROWTH

    def test_several_side_by_side(
        self, make_runtime: Callable[[], Runtime], server: Server
    ) -> None:
        """Several runtimes of one process do not mix up their streams."""
        runtimes = [make_runtime() for _ in range(5)]
        for runtime in runtimes:
            runtime.start()
        ends = [server.connect(runtime) for runtime in runtimes]
        for number, (_, peer) in enumerate(ends):
            peer.sendall(str(number).encode())
        for number, (runtime, (stream, _)) in enumerate(zip(runtimes, ends, strict=True)):
            expected = str(number).encode()
            stream.until(runtime, lambda s=stream, e=expected: s.received == e)  # type: ignore[misc]
        for number, (runtime, (stream, peer)) in enumerate(zip(runtimes, ends, strict=True)):
            runtime.stop()
            assert len(stream.lost) == 1
            peer.close()
            assert all(not other.lost for other, _ in ends[number + 1 :])

    def test_threads_that_stop_it_at_once(
        self, make_runtime: Callable[[], Runtime], server: Server
    ) -> None:
        """All of them return once it has ended."""
        for _ in range(20):
            runtime = make_runtime()
            runtime.start()
            stream, peer = server.connect(runtime)
            jobs = [Job(runtime.stop) for _ in range(4)]
            for job in jobs:
                job.result()
            peer.close()
            assert len(stream.lost) == 1

    def test_what_is_dropped_is_collected(
        self, make_runtime: Callable[[], Runtime], server: Server
    ) -> None:
        """Who forgets to stop a runtime leaves no thread, socket or memory behind."""
        gc.collect()
        before = _left()
        runtimes: list[weakref.ref[Any]] = []

        def begin(number: int) -> None:
            runtime = make_runtime()
            runtime.start()
            engine = _Engine()
            engine.runtime = runtime
            _, peer = server.connect(runtime, engine)
            peer.close()
            if number % 2:
                on_loop(runtime, engine.transport.pause_reading)
            on_loop(runtime, runtime.call_later, 1000.0, engine.check)
            runtimes.append(weakref.ref(runtime))

        begin(0)
        end = time.monotonic() + PATIENCE
        while runtimes[0]() is not None:
            assert time.monotonic() < end, f"held by {gc.get_referrers(runtimes[0]())}"
            gc.collect()
            time.sleep(0.005)
        before = max(before, _left())  # with what is kept once and for all
        for number in range(20):
            begin(number)
        while any(ref() is not None for ref in runtimes):
            assert time.monotonic() < end, "some are held"
            gc.collect()
            time.sleep(0.005)
        _until_no_more_than(before)

    @pytest.mark.parametrize("end", ENDS)
    def test_the_interpreter_ends(self, make_runtime: Callable[[], Runtime], end: str) -> None:
        """A program that ends without `stop` ends at once, without a word."""
        named, settings = importable(make_runtime)
        if named is None:
            pytest.skip("make_runtime gives no class of a module, which a program could import")
        command = [sys.executable, "-u", "-W", "ignore", "-m", "cql_reactors.conformance.program"]
        # `-u`: what it prints comes before its end.
        with subprocess.Popen(
            [*command, named, json.dumps(settings), end, patched_by() or ""],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as program:
            assert program.stdout is not None
            watch = threading.Timer(2 * PATIENCE, program.kill)
            watch.start()
            said = program.stdout.readline()
            begun = time.monotonic()
            said += program.stdout.read()
            took = time.monotonic() - begun
            watch.cancel()
        assert said == WORD + "\n"
        assert program.returncode == 0
        assert took < _AT_ONCE
