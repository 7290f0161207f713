"""Targets that are fuzzed in processes of their own, some of them at a time."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

AT_ONCE = 2


class Run(Protocol):
    """One target in its process."""

    process: subprocess.Popen[bytes]

    def is_done(self) -> bool:
        """Say whether nothing of it runs any more."""

    def report(self) -> tuple[int, bool]:
        """Print what came of it; return (executions, whether there was a finding)."""


def run_all(
    names: Iterable[str], start: Callable[[str, Path], Run], findings: Path
) -> tuple[int, int]:
    """Run targets, which `start` starts in a folder; return (executions, targets with findings).

    The folder `findings` is removed where nothing was found.
    """
    waiting, running = list(names), list[Run]()
    total = bad_ones = 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as work:
        try:
            while waiting or running:
                while waiting and len(running) < AT_ONCE:
                    running.append(start(waiting.pop(0), Path(work)))
                for run in [run for run in running if run.is_done()]:
                    running.remove(run)
                    count, bad = run.report()
                    total += count
                    bad_ones += bad
                time.sleep(0.1)
        finally:
            for run in running:
                run.process.kill()
                run.process.wait()
    if findings.is_dir() and not any(findings.iterdir()):
        findings.rmdir()
    return total, bad_ones
