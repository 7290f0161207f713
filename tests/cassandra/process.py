"""Processes known by pid *and* start time, so that a recycled pid is never signalled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


class ProcessRef:
    """A process of ours, which may have ended long ago.

    ``mark`` names the moment of its start; another process that got the same pid later has another.
    """

    __slots__ = ("mark", "pid")

    def __init__(self, pid: int, mark: str) -> None:
        self.pid = pid
        self.mark = mark

    @classmethod
    def of(cls, pid: int) -> ProcessRef | None:
        """The process that has this pid now, None when there is none."""
        state = _look(pid)
        return cls(pid, state[0]) if state else None

    def state(self) -> str:
        """``"running"``, ``"stopped"`` (by SIGSTOP) or ``"gone"``; a zombie is gone."""
        seen = _look(self.pid)
        if seen is None or seen[0] != self.mark or seen[1] in "ZX":
            return "gone"
        return "stopped" if seen[1] in "Tt" else "running"

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal; False when the process has ended."""
        if self.state() == "gone":
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def wait_gone(self, timeout: float) -> bool:
        """Wait until the process has ended; False when it is still there after ``timeout`` s."""
        return self._wait_for("gone", timeout)

    def wait_stopped(self, timeout: float) -> bool:
        """Wait until SIGSTOP took effect."""
        return self._wait_for("stopped", timeout)

    def _wait_for(self, state: str, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while self.state() != state:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _look(pid: int) -> tuple[str, str] | None:
    """(start mark, state letter) of a process, None when there is none."""
    if sys.platform == "linux":
        return _look_linux(pid)
    done = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    letter, _, started = done.stdout.strip().partition(" ")
    return (started.strip(), letter[0]) if letter and started else None


def _look_linux(pid: int) -> tuple[str, str] | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc(5): the name stands in parentheses and may hold anything; after it come the state
    # (field 3), the number of threads (field 20) and the start time in ticks since boot (field 22).
    fields = stat.rpartition(")")[2].split()
    state, threads = fields[0], int(fields[17])
    if state == "Z" and threads > 1:
        # Only the first thread has ended; the process still has its files and its sockets.
        state = "R"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{fields[19]}", state
