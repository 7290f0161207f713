"""Threads, descriptors and processes: nothing is left, however a runtime ends."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

from cql_driver.runtimes.selector import SelectorRuntime
from cql_reactors.conformance.peers import PATIENCE, Stream, connected, listen, on_loop, outcome

_FDS = Path("/proc/self/fd")


def open_files() -> int:
    return len(list(_FDS.iterdir())) if _FDS.exists() else 0


def test_started_and_stopped_500_times() -> None:
    gc.collect()
    files, threads = open_files(), threading.active_count()
    with listen() as listener:
        for number in range(500):
            runtime = SelectorRuntime(background_thread=number % 5 != 0)
            runtime.start()
            runtime.start()
            if number % 50 == 0:
                outcome(runtime, runtime.connect, listener.getsockname(), Stream())
                listener.accept()[0].close()
            runtime.stop()
    assert open_files() == files
    assert threading.active_count() == threads


def test_stop_before_the_start_and_without() -> None:
    files = open_files()
    runtime = SelectorRuntime()
    runtime.stop()
    runtime.stop()
    del runtime
    assert open_files() == files


@pytest.mark.parametrize("background_thread", [True, False])
def test_what_is_dropped_is_collected(background_thread: bool) -> None:
    gc.collect()
    files = open_files()
    threads: list[threading.Thread] = []
    runtimes: list[weakref.ref[Any]] = []

    class Engine(Stream):
        runtime: Any = None

    with listen() as listener:
        for number in range(50):
            runtime = SelectorRuntime(background_thread=background_thread)
            runtime.start()
            engine = Engine()
            engine.runtime = runtime
            outcome(runtime, runtime.connect, listener.getsockname(), engine)
            listener.accept()[0].close()
            if number % 2:
                on_loop(runtime, engine.transport.pause_reading)
            on_loop(runtime, runtime.call_later, 1000.0, engine.check)
            runtimes.append(weakref.ref(runtime))
            if runtime._thread is not None:
                threads.append(runtime._thread)
        del runtime, engine
        gc.collect()
        for thread in threads:
            thread.join(PATIENCE)
        gc.collect()  # what was in a turn of the thread just then
        for thread in threads:
            assert not thread.is_alive()
    assert [ref for ref in runtimes if ref() is not None] == []
    assert open_files() == files


_PRELUDE = """
import os, socket, sys, threading
from cql_driver.core.pending import Pending, Waitable
from cql_driver.errors import ForkedError
from {module} import {name} as SelectorRuntime
from cql_reactors.conformance.peers import Stream, connected, listen, on_loop, read_exactly
runtime = SelectorRuntime(background_thread={thread})
runtime.start()
listener = listen()
stream, peer = connected(runtime, listener)
"""


def run_program(
    body: str, *, thread: bool = True, runtime: type[SelectorRuntime] = SelectorRuntime
) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    prelude = _PRELUDE.format(module=runtime.__module__, name=runtime.__name__, thread=thread)
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", prelude + body],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


ENDS = {
    "idle": "",
    "after a request": "on_loop(runtime, stream.transport.write, b'x')",
    "with a thread that waits": """
waits = threading.Thread(target=lambda: runtime.wait(Waitable()), daemon=True)
waits.start()
on_loop(runtime, lambda: None)
""",
    "with threads that work": """
def work():
    while True:
        on_loop(runtime, lambda: None)
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
on_loop(runtime, stream.transport.write, bytes(1 << 24))
""",
    "stopping at exit": "import atexit; atexit.register(runtime.stop)",
    "stopping when collected": """
class Owner:
    def __init__(self): self.me, self.stop = self, runtime.stop
    def __del__(self): self.stop()
owner = Owner()
""",
}


@pytest.mark.parametrize("thread", [True, False], ids=["thread", "no-thread"])
@pytest.mark.parametrize("end", ENDS)
def test_the_interpreter_ends(end: str, thread: bool) -> None:
    assert run_program(ENDS[end] + "\nprint('done')", thread=thread) == "done\n"


FORK = """
follow = Waitable()
if {waits}:
    waiting = threading.Thread(target=runtime.wait, args=(follow,))
    waiting.start()
def child():
    for use in (
        lambda: runtime.perform(lambda: None, Waitable()),
        lambda: runtime.dispatch(print),
        lambda: runtime.wait(Waitable(), 5),
        lambda: runtime.connect(("127.0.0.1", 1), Stream()),
        runtime.start,
    ):
        try:
            use()
        except ForkedError:
            continue
        return 1
    stream.transport.write(b"from the child")
    stream.transport.close()
    stream.transport.abort()
    runtime.stop()
    # A runtime of its own works.
    own = SelectorRuntime()
    own.start()
    other, end = connected(own, listener)
    end.sendall(b"hello")
    other.until(own, lambda: other.received == b"hello")
    own.stop()
    return 0
pid = os.fork()
if pid == 0:
    code = 2
    try:
        code = child()
    finally:
        os._exit(code)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
on_loop(runtime, stream.transport.write, b"parent")
assert read_exactly(peer, 6) == b"parent"
peer.sendall(b"answer")
stream.until(runtime, lambda: stream.received == b"answer")
runtime.dispatch(follow.finish)
if {waits}:
    waiting.join(20)
runtime.stop()
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.parametrize("thread", [True, False], ids=["thread", "no-thread"])
@pytest.mark.parametrize("waits", [True, False])
def test_a_fork(waits: bool, thread: bool) -> None:
    assert run_program(FORK.format(waits=waits), thread=thread) == "done\n"


_FORK_IN_A_CALLBACK = """
pids = []
def fork():
    pids.append(os.fork())
try:
    done = Pending()
    def begin():
        runtime.call_user(fork)
        runtime.call_user(lambda: done.set_result(None) if pids[0] else None)
    runtime.perform(begin, done)
except ForkedError:
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]) == 0
peer.sendall(b"answer")
stream.until(runtime, lambda: stream.received == b"answer")
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_fork_by_a_callback() -> None:
    assert run_program(_FORK_IN_A_CALLBACK, thread=False) == "done\n"


def test_ssl_is_not_loaded_without_need() -> None:
    assert run_program("print('ssl' in sys.modules, 'asyncio' in sys.modules)") == "False False\n"


def test_threads_that_stop_it_at_once() -> None:
    for _ in range(50):
        runtime = SelectorRuntime()
        runtime.start()
        with listen() as listener:
            stream, peer = connected(runtime, listener)
            threads = [threading.Thread(target=runtime.stop) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE)
                assert not thread.is_alive()
            peer.close()
        assert len(stream.lost) == 1
