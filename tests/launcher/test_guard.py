"""Starting and ending a node's process, with a small program in the place of Java."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cassandra import ClusterError, Node, StartError
from tests.cassandra.process import ProcessRef

ROOT = Path(__file__).parents[2]
SLEEPER = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]

# Starts an attached node in argv[1], tells its pid and its guard's, and waits to be killed.
OWNER = """
import sys, time, os
from pathlib import Path
from tests.cassandra import Node
folder = Path(sys.argv[1])
node = Node(1, "127.0.0.1", 9042, folder / "node1", sys.argv[3:], remove=folder)
node.launch()
if sys.argv[2] == "hang":
    node.hang()
if sys.argv[2] == "fork" and os.fork() == 0:  # The child keeps our end of the guard's pipe.
    time.sleep(600)
print(node.pid, node._guard.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(1, "127.0.0.1", 9042, tmp_path / "node1", SLEEPER)
    yield node
    node.kill()


def test_hang_resume_kill(node: Node) -> None:
    assert node.state == "down"
    node.launch()
    pid = node.pid
    assert node.state == "up"
    assert node.running
    node.hang()
    assert node.state == "hung"
    assert node.pid == pid
    node.resume()
    node.kill()
    assert node.state == "down"
    assert node.pid is None
    node.kill()
    with pytest.raises(ClusterError, match="is down: start it first"):
        node.hang()


def test_a_running_node_cannot_be_started_twice(node: Node) -> None:
    node.launch()
    with pytest.raises(ClusterError, match="node 1 is up already"):
        node.launch()


def test_stop_ends_a_hung_node_too(node: Node) -> None:
    node.launch()
    node.hang()
    node.stop()
    assert node.state == "down"


def test_a_node_that_ignores_sigterm_is_killed_after_the_bound(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True)"
    command = [sys.executable, "-I", "-S", "-c", f"{code}; time.sleep(600)"]
    node = Node(1, "127.0.0.1", 9042, tmp_path, command)
    node.launch()
    wait_for(lambda: "1" in node.log_tail())
    begun = time.monotonic()
    node.stop(timeout=0.3)
    assert 0.3 <= time.monotonic() - begun < 10
    assert node.state == "down"


def test_a_node_that_ends_while_starting_shows_its_log(tmp_path: Path) -> None:
    code = "print('address in use'); raise SystemExit(3)"
    node = Node(1, "127.0.0.1", 9042, tmp_path, [sys.executable, "-I", "-c", code])
    with pytest.raises(StartError, match=r"(?s)node 1 ended.*address in use"):
        node.start()
    node.kill()


def test_a_node_that_is_never_ready_shows_its_log(tmp_path: Path) -> None:
    code = "import time; print('still thinking', flush=True); time.sleep(600)"
    node = Node(1, "127.0.0.1", 9042, tmp_path, [sys.executable, "-I", "-c", code])
    with pytest.raises(StartError, match=r"(?s)not ready after 1 s.*still thinking"):
        node.start(timeout=1.0)
    node.kill()


def test_a_recycled_pid_is_not_signalled() -> None:
    with subprocess.Popen(SLEEPER) as stranger:
        try:
            assert ProcessRef(stranger.pid, "another boot:1").state() == "gone"
            assert not ProcessRef(stranger.pid, "another boot:1").signal(signal.SIGKILL)
            assert stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.parametrize("how", ["plain", "hang", "fork"])
def test_a_node_ends_with_its_owner(how: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with owner(folder, how) as process:
        try:
            node, guard = watched(process)
            assert node.state() == ("stopped" if how == "hang" else "running")
            process.kill()
            assert node.wait_gone(5)
            assert guard.wait_gone(5)
            assert not folder.exists()
        finally:
            # The fork, which outlived its parent until here; the group was made for these two.
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
def test_a_node_ends_with_its_guard(tmp_path: Path) -> None:
    with owner(tmp_path / "run", "hang") as process:
        try:
            node, guard = watched(process)
            guard.signal(signal.SIGKILL)
            assert node.wait_gone(5)
        finally:
            process.kill()


def owner(folder: Path, how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), how, *SLEEPER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def watched(process: subprocess.Popen[str]) -> tuple[ProcessRef, ProcessRef]:
    assert process.stdout is not None
    node, guard = (ProcessRef.of(int(pid)) for pid in process.stdout.readline().split())
    assert node is not None
    assert guard is not None
    return node, guard


def test_a_node_that_is_not_attached_outlives_its_owner(tmp_path: Path) -> None:
    code = OWNER.replace("remove=folder", "attached=False").replace("node._guard.pid", "0")
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), "plain", *SLEEPER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        node = ProcessRef.of(int(process.stdout.readline().split()[0]))
        process.kill()
    assert node is not None
    try:
        # Twice the time in which a guard would have ended it.
        time.sleep(0.6)
        assert node.state() == "running"
        assert os.getpgid(node.pid) == node.pid
    finally:
        node.signal(signal.SIGKILL)
        assert node.wait_gone(5)


def wait_for(condition: object, timeout: float = 10.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
