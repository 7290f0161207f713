"""`make demo` as a newcomer runs it: to the end, and with Ctrl-C in the middle.

The demo is a process of its own with a mark in its environment, which all its children inherit:
what is left of it is found by this mark, wherever its parents went.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cassandra.pool import require_server
from tests.servers import had

pytestmark = [
    pytest.mark.integration,
    pytest.mark.once,
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc"),
]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300
MARK = "CQL_DEMO_MARK"


@pytest.fixture(autouse=True, scope="module")
def _server() -> None:
    had(require_server, "Cassandra")


class Demo:
    """A demo that runs."""

    def __init__(self, *arguments: str) -> None:
        self.mark = f"{MARK}={uuid4()}"
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tools" / "demo.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, name: value},
            # Ctrl-C of who runs the tests is not for the demo.
            start_new_session=True,
        )

    def read_until(self, words: str) -> None:
        """Read what it prints up to these words."""
        assert self.process.stdout is not None
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if words in line:
                return
        raise AssertionError(f"it never said {words!r}: {''.join(seen)}{self.end()}")

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: its exit status, and what is left of both outputs."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err

    def left(self) -> dict[int, str]:
        """The processes that carry the mark."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found[int(folder.name)] = (folder / "cmdline").read_text()[:200]
            except OSError:
                continue
        return found

    def wait_for_java(self) -> None:
        """Wait until the node's process is there."""
        while not any("java" in command for command in self.left().values()):
            assert self.process.poll() is None, self.end()
            time.sleep(0.02)

    def is_gone(self) -> bool:
        """Whether nothing is left; waits for what the kernel has still to reap."""
        deadline = time.monotonic() + 30
        while self.left() and time.monotonic() < deadline:
            time.sleep(0.05)
        return not self.left()


@pytest.fixture
def demos() -> Iterator[list[Demo]]:
    started: list[Demo] = []
    yield started
    for demo in started:
        if demo.process.poll() is None:
            demo.process.kill()  # The guard ends its node.
            demo.process.communicate()


def test_from_start_to_end(demos: list[Demo]) -> None:
    demo = Demo("--rows", "5000")
    demos.append(demo)
    status, out, err = demo.end()
    assert status == 0, out + err
    assert err == ""
    assert re.search(r"rows written: 5,000 in", out)
    assert re.search(r"all \d{3} numbers agree with the CSV file", out)
    assert re.search(r"read +5,000 rows", out)
    assert demo.is_gone(), demo.left()


def test_a_wrong_number_fails_it(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import show\n"
        "show.check('rows', 2, 2)\n"
        "show.check('rows', 1, 2)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT / "examples")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "WRONG: rows: the database says 1, the CSV file 2\n"


@pytest.mark.parametrize(
    "words",
    [
        "starting a Cassandra node",
        "the node's process",
        "reading the CSV file",
        "loading: ",
        "rows written",
        "Batches",
    ],
)
def test_ctrl_c_leaves_nothing(words: str, demos: list[Demo]) -> None:
    rows = "336776" if words in ("reading the CSV file", "loading: ") else "5000"
    demo = Demo("--rows", rows)
    demos.append(demo)
    if words == "the node's process":
        demo.wait_for_java()
    else:
        demo.read_until(words)
    os.kill(demo.process.pid, signal.SIGINT)
    status, _, err = demo.end()
    assert status == 130, err
    assert err == "\nstopped\n"
    assert demo.is_gone(), demo.left()
