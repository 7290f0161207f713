"""File locks between processes; the kernel drops them when their holder dies."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType

from tests.cassandra.errors import ClusterError, ServerUnavailable


class FileLock:
    """An exclusive lock on a file, also a context manager that waits for it.

    The file itself stays: removing it would let two processes lock two files of one name.
    """

    __slots__ = ("_descriptor", "_path", "_timeout")

    def __init__(self, path: Path, timeout: float = 300.0) -> None:
        self._path = path
        self._timeout = timeout
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; False when another process, or another object, has it."""
        if sys.platform == "win32":
            raise ServerUnavailable("Cassandra clusters for tests need Linux or macOS")
        import fcntl

        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> FileLock:
        deadline = time.monotonic() + self._timeout
        while not self.try_acquire():
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"another process has held {self._path} for {self._timeout:.0f} s; "
                    "is another command or test run still at work?"
                )
            time.sleep(0.1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
