"""How busy the machine is with things that do not belong to the soak."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Others"]

_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE = (3, 4)
"""The columns of /proc/stat for time in which nothing ran."""


class Others:
    """Tells how many processors were busy with other things since it was asked last."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._busy = _busy(proc)
        self._ours: dict[int, float] = {}

    def since(self, pids: Iterable[int], seconds: float) -> float:
        """Return the mean of processors busy in the last `seconds`, but for our processes."""
        before, self._busy = self._busy, _busy(self._proc)
        known, self._ours = self._ours, {pid: _used(self._proc, pid) for pid in pids}
        ours = sum(used - known.get(pid, used) for pid, used in self._ours.items())
        return max(0.0, self._busy - before - ours) / seconds


def _busy(proc: Path) -> float:
    columns = (proc / "stat").read_text().partition("\n")[0].split()[1:9]
    return sum(int(ticks) for n, ticks in enumerate(columns) if n not in _IDLE) / _TICKS


def _used(proc: Path, pid: int) -> float:
    """Return the processor time of a process in seconds, 0 when it is gone."""
    try:
        text = (proc / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    # The name, in brackets, may hold anything.
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / _TICKS
