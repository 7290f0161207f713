"""Applications in processes of their own.

A module here that is an application runs as ``python -m tests.apps.NAME ADDRESS PORT KEYSPACE``
with a node's address and port and a keyspace that `service.fill` has made. It

- serves what `service` says on a port of its own choice of 127.0.0.1, several requests at a time,
- prints that port and a newline, once it can serve, and nothing else on standard output,
- has a `Watchdog` ticked by its loop, and answers ``/report`` with `Watchdog.report`,
- ends by itself, with status 0, soon after SIGTERM, having shut its cluster down,
- writes to standard error what went wrong, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.apps.load import ask

__all__ = ["APPS", "Application", "Running"]

_ROOT = Path(__file__).parents[2]
_PATIENCE = 60.0  # seconds for a start or an end, on a machine that is busy


@dataclass(frozen=True)
class Application:
    """One of the applications, and the libraries that it needs."""

    name: str
    needs: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        """The libraries that are not there."""
        return [library for library in self.needs if find_spec(library) is None]


APPS = (
    Application("gevent_wsgi", ("gevent",)),
    Application("eventlet_wsgi", ("eventlet",)),
    Application("twisted_web", ("twisted",)),
    Application("starlette_web", ("starlette", "uvicorn")),
)


class Running:
    """An application that runs; `ended` says how it came to its end."""

    def __init__(self, app: Application, address: str, port: int, keyspace: str) -> None:
        self.app = app
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.apps.{app.name}", address, str(port), keyspace],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path[1:]])},
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.port = 0

    def wait_until_it_serves(self) -> None:
        """Return once it has said its port; raises when it ends before."""
        assert self._process.stdout is not None
        patience = threading.Timer(_PATIENCE, self._process.kill)
        patience.start()
        line = self._process.stdout.readline()
        patience.cancel()
        if not line.strip().isdigit():
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"{self.app.name} did not start: {line}{self.errors()}")
        self.port = int(line)

    def report(self) -> dict[str, Any]:
        """Return what its watchdog measured."""
        found: dict[str, Any] = asyncio.run(ask(self.port, "/report"))
        return found

    def end(self) -> int | None:
        """Ask it to end; return its status, None when it does not end."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            return None

    def errors(self) -> str:
        """Return what it wrote to standard error."""
        self._errors.seek(0)
        return self._errors.read()

    def close(self) -> None:
        """Leave nothing."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()
