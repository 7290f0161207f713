"""One node: start, wait until it serves clients, stop, crash, hang, restart."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from tests.cassandra.errors import ClusterError, StartError
from tests.cassandra.process import ProcessRef
from tests.unpatched import write

READY_LINE = b"Starting listening for CQL clients"
_SEEN = re.compile(rb"InetAddress /([\d.]+):\d+ is now (UP|DOWN)")
START_TIMEOUT = 120.0
STOP_TIMEOUT = 30.0
_END_TIMEOUT = 15.0
_GUARD = Path(__file__).with_name("guard.py")


class Node:
    """A node of a cluster, running or not. Its folder survives stops, crashes and restarts.

    :param number: its place in the cluster, from 1.
    :param attached: whether it ends when this process ends.
    :param remove: a folder that the guard removes when it has to end the node.
    """

    def __init__(
        self,
        number: int,
        address: str,
        port: int,
        folder: Path,
        command: list[str],
        *,
        attached: bool = True,
        remove: Path | None = None,
    ) -> None:
        self.number = number
        self.address = address
        self.port = port
        self.folder = folder
        self.process: ProcessRef | None = None
        self.command = command
        self._attached = attached
        self._remove = remove
        self._guard: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def __repr__(self) -> str:
        return f"<Node {self.number} {self.address}:{self.port} {self.state}>"

    @property
    def pid(self) -> int | None:
        """The pid of the running Java process, None when it is down."""
        return self.process.pid if self.process and self.process.state() != "gone" else None

    @property
    def state(self) -> str:
        """``"up"``, ``"hung"`` or ``"down"``."""
        seen = self.process.state() if self.process else "gone"
        return {"running": "up", "stopped": "hung", "gone": "down"}[seen]

    @property
    def running(self) -> bool:
        """Whether the process exists; true for a hung one too."""
        return self.state != "down"

    @property
    def log(self) -> Path:
        """The node's log, of all its starts."""
        return self.folder / "log" / "system.log"

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of the log."""
        if not self.log.exists():
            return ""
        with self.log.open(errors="replace") as log:
            return "".join(line[:500].rstrip("\n") + "\n" for line in deque(log, maxlen=lines))

    def start(self, timeout: float = START_TIMEOUT) -> None:
        """Start the node and wait until it serves clients.

        :raises StartError: it ended, or was not ready within ``timeout`` seconds.
        """
        self.launch()
        self.wait_ready(timeout)

    def launch(self) -> None:
        """Start the process and return at once; :meth:`wait_ready` waits for it.

        :raises ClusterError: it is running already.
        """
        if self.running:
            raise ClusterError(f"node {self.number} is {self.state} already")
        self._reap_guard()
        for name in ("log", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        environment = {k: v for k, v in os.environ.items() if k != "JAVA_TOOL_OPTIONS"}
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self.folder,
            env=environment,
            # Ctrl-C in a terminal is for the test run, which then ends its nodes in its own order.
            start_new_session=True,
        )
        self._guard = guard
        orders: dict[str, Any] = {
            "command": self.command,
            "log": str(self.log),
            "attached": self._attached,
            "owner": os.getpid(),
            "remove": str(self._remove) if self._remove else None,
        }
        assert guard.stdin is not None
        assert guard.stdout is not None
        guard.stdin.write(json.dumps(orders).encode() + b"\n")
        guard.stdin.flush()
        answer = guard.stdout.readline()
        guard.stdout.close()
        self.process = ProcessRef.of(int(answer)) if answer.strip().isdigit() else None
        if not self._attached:
            self._reap_guard()
        if self.process is None:
            self._reap_guard()
            raise StartError(f"node {self.number} ended at once\n{self.log_tail()}")

    def wait_ready(self, timeout: float = START_TIMEOUT) -> None:
        """Wait until a launched node says so in its log and accepts a connection.

        :raises StartError: as for :meth:`start`.
        """
        deadline = time.monotonic() + timeout
        while not (self._says_ready() and self._accepts()):
            if self.state == "down":
                raise StartError(f"node {self.number} ended while starting\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise StartError(
                    f"node {self.number} was not ready after {timeout:.0f} s\n{self.log_tail()}"
                )
            time.sleep(0.05)

    def _says_ready(self) -> bool:
        if not self.log.exists():
            return False
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return READY_LINE in log.read()

    def live_peers(self) -> set[str]:
        """Addresses of the other nodes that this one sees up, by what its log last said of each."""
        last: dict[bytes, bytes] = {}
        if self.log.exists():
            with self.log.open("rb") as log:
                log.seek(self._log_start)
                last = dict(_SEEN.findall(log.read()))
        return {address.decode() for address, seen in last.items() if seen == b"UP"}

    def _accepts(self) -> bool:
        try:
            socket.create_connection((self.address, self.port), timeout=1.0).close()
        except OSError:
            return False
        return True

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Shut down in good order (SIGTERM); kill it when it takes longer than ``timeout`` s."""
        if self.process is not None:
            self.process.signal(signal.SIGCONT)
            self.process.signal(signal.SIGTERM)
            self.process.wait_gone(timeout)
        self.kill()

    def kill(self) -> None:
        """Crash (SIGKILL); does nothing when it is down."""
        if self.process is not None:
            self.process.signal(signal.SIGKILL)
            if not self.process.wait_gone(_END_TIMEOUT):
                raise ClusterError(f"node {self.number}, pid {self.process.pid}, does not end")
        self._reap_guard()

    def hang(self) -> None:
        """Stop all its threads (SIGSTOP): connections stay open, nothing is answered."""
        if self.process is None or not self.process.signal(signal.SIGSTOP):
            raise ClusterError(f"node {self.number} is down: start it first")
        self.process.wait_stopped(_END_TIMEOUT)

    def resume(self) -> None:
        """End a hang (SIGCONT)."""
        if self.process is None or not self.process.signal(signal.SIGCONT):
            raise ClusterError(f"node {self.number} is down: start it first")

    def restart(self, timeout: float = START_TIMEOUT) -> None:
        """Stop it if it runs, start the same folder again and wait until it is ready."""
        self.stop()
        self.start(timeout)

    def _reap_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is None:
            return
        assert guard.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            # The guard may have ended with the node. Eventlet writes to a broken pipe for ever.
            write(guard.stdin.fileno(), b"end\n")
        with contextlib.suppress(BrokenPipeError):
            guard.stdin.close()
        try:
            guard.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()
