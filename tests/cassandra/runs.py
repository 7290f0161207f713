"""The temporary folders of running clusters, and the end of those whose owner crashed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.cassandra.locks import FileLock
from tests.cassandra.paths import keep_runs, subfolder

_OWNED = "owner.lock"


class RunFolder:
    """A new folder for a cluster's files.

    The folder of a cluster that ends with its owner holds a locked file. The guards of its nodes
    remove it when the owner crashes; if they could not (the machine went down), the next cluster to
    be made finds the lock free, and removes it. A folder without such a file is let alone.
    """

    __slots__ = ("_lock", "path")

    def __init__(self, name: str, *, owned: bool) -> None:
        runs = subfolder("runs")
        with FileLock(runs / ".lock"):
            sweep(runs)
            self.path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=runs))
            self._lock = FileLock(self.path / _OWNED)
            if owned and not keep_runs():
                self._lock.try_acquire()

    def close(self) -> None:
        """Remove the folder, unless ``CQL_TESTS_KEEP`` is set."""
        remove_run(self.path)
        self._lock.release()


def remove_run(path: Path) -> None:
    """Remove a folder of an ended cluster, unless ``CQL_TESTS_KEEP`` is set."""
    if not keep_runs():
        shutil.rmtree(path, ignore_errors=True)


def sweep(runs: Path) -> None:
    """Remove the folders whose owner is gone."""
    for mark in runs.glob(f"*/{_OWNED}"):
        lock = FileLock(mark)
        if lock.try_acquire():
            shutil.rmtree(mark.parent, ignore_errors=True)
            lock.release()
