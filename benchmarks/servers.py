"""What the drivers talk to: the null server, a real node started for the run, or any node."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Any

from benchmarks.canned import COUNTERS
from benchmarks.null_server import NullServer
from cql_protocol import ClientConnection, Query, RawRows, RowDecoder, Startup
from cql_protocol.messages import Request


class Server:
    """A server to talk to; as a context manager it is started, and ended at the end.

    `name` is ``null``, ``cassandra`` (needs Java 17 and Maven) or ``HOST[:PORT]``.
    """

    contact_points: list[str]
    port: int

    def __init__(self, name: str) -> None:
        self.name = name
        self._running: Any = None
        self._counters: Counters | None = None

    def __enter__(self) -> Server:
        if self.name == "null":
            self._running = null = NullServer().__enter__()
            self.contact_points, self.port = [null.address], null.port
            self._counters = Counters(null.address, null.port)
        elif self.name == "cassandra":
            from tests.cassandra import Cluster, ClusterOptions

            options = ClusterOptions(heap="1g", jvm=("-XX:TieredStopAtLevel=4",))
            self._running = node = Cluster(options).__enter__()
            self.contact_points, self.port = node.contact_points, node.port
        else:
            host, _, port = self.name.rpartition(":")
            self.contact_points = [host or port]
            self.port = int(port) if host else 9042
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._counters is not None:
            self._counters.close()
        if self._running is not None:
            self._running.__exit__(kind, error, trace)

    def options(self) -> dict[str, Any]:
        """Return what a worker needs to know of the server."""
        fill = self.name != "null"
        return {"contact_points": self.contact_points, "port": self.port, "fill": fill}

    def counters(self) -> tuple[int, int] | None:
        """Return (requests answered, CPU time in microseconds); None of a real node."""
        return None if self._counters is None else self._counters.read()


class Counters:
    """A connection of our own, by which the null server is asked what it answered."""

    def __init__(self, address: str, port: int) -> None:
        self._socket = socket.create_connection((address, port), timeout=60)
        self._connection = ClientConnection(4)
        self._ask(Startup())

    def read(self) -> tuple[int, int]:
        """Return (requests answered, CPU time in microseconds)."""
        rows = self._ask(Query(COUNTERS))
        assert isinstance(rows, RawRows)
        assert rows.metadata.columns is not None
        decoder = RowDecoder([column.type for column in rows.metadata.columns])
        ((answered, cpu_us),) = rows.decode(decoder)
        return answered, cpu_us

    def _ask(self, request: Request) -> object:
        answers: list[object] = []
        self._socket.sendall(self._connection.send(request, answers.append))
        while not answers:
            self._connection.receive_data(self._socket.recv(65536))
        return answers[0]

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
