"""`Simulacron`: the process, and its web interface."""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.error
import urllib.request
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tests.cassandra.addresses import allocate_subnet
from tests.cassandra.errors import StartError
from tests.cassandra.node import Node
from tests.cassandra.paths import keep_runs
from tests.cassandra.runs import RunFolder
from tests.cassandra.tools import find_java
from tests.java.jars import fetch

if TYPE_CHECKING:
    from tests.simulacron.fakes import FakeCluster, Shape

JAR = ("com.datastax.oss.simulacron:simulacron-standalone", "0.12.0")
MOST_NODES = 120
"""How many nodes a cluster may have: addresses that are reserved for them."""
_START_TIMEOUT = 120.0
_ANSWER_TIMEOUT = 60.0


class Simulacron:
    """A Simulacron process with addresses of its own; as a context manager it ends at the end.

    It has one cluster at a time. `node` is the process: it may be hung and resumed.
    Raises `ServerUnavailable` where it cannot be had.
    """

    node: Node

    def __init__(self) -> None:
        java, jar = find_java(), fetch(*JAR)
        self.subnet = allocate_subnet(MOST_NODES)
        self._run = RunFolder("simulacron", owned=True)
        port = _free_port()
        options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"]
        command = [str(java), *options, "-jar", str(jar), "-p", str(port), "-l", "WARN"]
        command += ["-i", self.subnet.address(1)]
        remove = None if keep_runs() else self._run.path
        self.node = Node(1, "127.0.0.1", port, self._run.path, command, remove=remove)

    def __enter__(self) -> Simulacron:
        try:
            self.node.launch()
            self._wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, and let others have its addresses."""
        self.node.kill()
        self._run.close()
        self.subnet.release()

    def cluster(self, shape: Shape) -> FakeCluster:
        """Return a new cluster; as a context manager it is gone at the end."""
        from tests.simulacron.fakes import FakeCluster

        return FakeCluster(self, shape)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the web interface; return what the answer says.

        Raises `AssertionError` with the reason when Simulacron refuses.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://{self.node.address}:{self.node.port}/{path}",
            data,
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_TIMEOUT) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            with error:
                why = error.read().decode(errors="replace")
            raise AssertionError(f"{method} {path} is refused: {why}") from error

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            try:
                self.ask("GET", "cluster")
            except OSError as error:
                if not self.node.running or time.monotonic() > deadline:
                    why = "ended" if not self.node.running else f"does not answer: {error}"
                    raise StartError(f"Simulacron {why}\n{self.node.log_tail()}") from error
                time.sleep(0.05)
            else:
                return


def _free_port() -> int:
    """Return a port that nobody listens on, of those that the system gives to no client."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        least = int(file.read().split()[0])
    first = least - 1 - os.getpid() % 4096
    for port in range(first, 1024, -1):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise StartError("no port is free for Simulacron's web interface")
