"""What the kit has not of forks and imports: they concern the built-in runtime alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cql_reactors.conformance.peers import PATIENCE

_PRELUDE = """
import os, socket, sys, threading
from cql_driver.core.pending import Pending, Waitable
from cql_driver.errors import ForkedError
from cql_driver.runtimes.selector import SelectorRuntime
from cql_reactors.conformance.peers import Stream, connected, listen, on_loop, read_exactly
runtime = SelectorRuntime(background_thread={thread})
runtime.start()
listener = listen()
stream, peer = connected(runtime, listener)
"""


def run_program(body: str, *, thread: bool = True) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore::DeprecationWarning",
            "-c",
            _PRELUDE.format(thread=thread) + body,
        ],
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


_TIMERS_AFTER_A_FORK = """
def wait():
    done = Pending()
    runtime.perform(lambda: runtime.call_later(0.05, done.set_result, None), done)

wait()
begun = Pending()
runtime.perform(lambda: begun.set_result(runtime.call_later(0.1, print, "late")), begun)
pid = os.fork()
if not pid:
    try:
        wait()
    except ForkedError:
        del runtime, stream
        os._exit(0)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
for _ in range(4):
    wait()
print("done", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
@pytest.mark.parametrize("thread", [True, False], ids=["thread", "no-thread"])
def test_a_child_leaves_the_timers_of_its_parent(thread: bool) -> None:
    assert run_program(_TIMERS_AFTER_A_FORK, thread=thread) == "late\ndone\n"


def test_ssl_is_not_loaded_without_need() -> None:
    assert run_program("print('ssl' in sys.modules, 'asyncio' in sys.modules)") == "False False\n"
