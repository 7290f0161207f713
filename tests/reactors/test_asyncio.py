"""The reactor `asyncio`: the kit on asyncio's own loop and on uvloop's, and its thread."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import sys
import threading
import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.core.pending import Waitable
from cql_driver.errors import InvalidArgument
from cql_reactors.asyncioreactor import AsyncioRuntime
from cql_reactors.conformance import ReactorConformance
from cql_reactors.conformance.peers import (
    PATIENCE,
    Stream,
    connected,
    listen,
    on_loop,
    outcome,
    settle,
)
from tests.reactors.harness import reactor, run_python

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.core.runtime import Runtime

pytestmark = pytest.mark.once

_FDS = Path("/proc/self/fd")


class TestAsyncio(ReactorConformance):
    @pytest.fixture
    def make_runtime(self) -> Callable[[], Runtime]:
        return reactor("asyncio")


class TestUvloop(ReactorConformance):
    @pytest.fixture
    def make_runtime(self) -> Callable[[], Runtime]:
        uvloop = pytest.importorskip("uvloop")
        return partial(AsyncioRuntime, loop_factory=uvloop.new_event_loop)


def open_files() -> int:
    return len(list(_FDS.iterdir())) if _FDS.exists() else 0


def test_it_is_a_thread() -> None:
    with pytest.raises(InvalidArgument, match="thread of its own"):
        AsyncioRuntime(background_thread=False)


def test_what_is_dropped_is_collected() -> None:
    gc.collect()
    files, threads = open_files(), threading.enumerate()
    runtimes: list[weakref.ref[Any]] = []

    class Engine(Stream):
        runtime: Any = None

    with listen() as listener:
        for number in range(20):
            runtime = AsyncioRuntime()
            runtime.start()
            engine = Engine()
            engine.runtime = runtime
            outcome(runtime, runtime.connect, listener.getsockname(), engine)
            listener.accept()[0].close()
            if number % 2:
                on_loop(runtime, engine.transport.pause_reading)
            on_loop(runtime, runtime.call_later, 1000.0, engine.check)
            runtimes.append(weakref.ref(runtime))
        del runtime, engine
        gc.collect()
        for thread in threading.enumerate():
            if thread not in threads and thread.name == "cql-driver-loop":
                thread.join(PATIENCE)
        gc.collect()
    assert [ref for ref in runtimes if ref() is not None] == []
    assert open_files() == files
    assert [thread for thread in threading.enumerate() if thread not in threads] == []


def test_a_stream_that_is_dropped_is_closed() -> None:
    runtime = AsyncioRuntime()
    runtime.start()
    with listen() as listener:
        stream, peer = connected(runtime, listener)
        with peer:
            settle(runtime)  # the attempt to connect is forgotten, and holds the stream no more
            on_loop(runtime, runtime.streams.clear)
            del stream
            gc.collect()
            assert peer.recv(1) == b""
    runtime.stop()


@pytest.mark.parametrize("ending", ["closed", "reset"])
@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_stream_that_ends_at_once_leaves_no_socket_for_the_collector(
    kind: str, ending: str
) -> None:
    # It would close its descriptor when it is collected, which is another stream's by then.
    socks: list[socket.socket] = []

    class Surprised(Stream):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            socks.append(transport._sock)
            peer, _ = listener.accept()
            if ending == "reset":
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            transport.write(b"in vain")

    runtime = AsyncioRuntime(loop_factory=pytest.importorskip(kind).new_event_loop)
    runtime.start()
    with listen() as listener:
        for _ in range(10):
            stream = Surprised()
            outcome(runtime, runtime.connect, listener.getsockname(), stream)
            assert stream.until_lost(runtime) is not None
        settle(runtime)
    runtime.stop()
    assert [sock.fileno() for sock in socks] == [-1] * 10


def test_a_callback_that_exits_ends_neither_loop_nor_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runtime = AsyncioRuntime()
    runtime.start()
    runtime.dispatch(sys.exit, "of a callback")
    done = Waitable()
    runtime.dispatch(done.finish)
    assert runtime.wait(done, PATIENCE)
    runtime.stop()
    assert "The event loop was interrupted" in caplog.text


def test_a_loop_that_was_closed_under_a_cluster_is_asked_for_nothing() -> None:
    from cql_driver.aio.runtime import LoopRuntime

    async def begin() -> LoopRuntime:
        runtime = LoopRuntime()
        runtime.start()
        runtime.call_later(1000.0, lambda: None)
        return runtime

    runtime = asyncio.run(begin())
    thread = threading.Thread(target=runtime.call_soon_threadsafe, args=(lambda: None,))
    thread.start()
    thread.join()


_ENDS = {
    "idle": "",
    "after a request": "on_loop(runtime, stream.transport.write, b'x')",
    "stopping at exit": "import atexit; atexit.register(runtime.stop)",
    "forked": """
if os.fork() == 0:
    try:
        runtime.dispatch(print)
    except ForkedError:
        print("refused in the child", flush=True)
    del runtime, stream
    gc.collect()
    sys.exit()
os.wait()
on_loop(runtime, stream.transport.write, b"on")
peer.settimeout(20)
assert peer.recv(2) == b"on"
""",
}


@pytest.mark.parametrize("body", _ENDS.values(), ids=_ENDS)
def test_a_program_ends_quietly(body: str) -> None:
    prelude = """
import gc, os, sys
from cql_driver.errors import ForkedError
from cql_reactors.asyncioreactor import AsyncioRuntime
from cql_reactors.conformance.peers import connected, listen, on_loop
runtime = AsyncioRuntime()
runtime.start()
listener = listen()
stream, peer = connected(runtime, listener)
"""
    ignored = "ignore::DeprecationWarning"
    done = run_python("-W", "default", "-W", ignored, "-c", prelude + body)
    told = [line for line in done.stdout.splitlines() if "unclosed <socket" not in line]
    assert told == (["refused in the child"] if "fork" in body else [])
    assert done.returncode == 0
