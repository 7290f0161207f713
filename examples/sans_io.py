"""A blocking client of cql_protocol over a plain socket, in one file.

It loads flights into a real Cassandra with a prepared statement, many requests in flight on
one connection, reads them back page by page, and prints what it found and how fast it was::

    python examples/sans_io.py 127.0.0.1 --rows 30000

This is what the protocol's library looks like without the driver: no pool, no retries, no
time-outs. `driver_demo.py` is the other one.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from cql_protocol import (
    ClientConnection,
    ConsistencyLevel,
    DriverException,
    Execute,
    Options,
    Prepare,
    PreparedResult,
    Query,
    QueryParameters,
    RawRows,
    RowDecoder,
    startup,
)
from cql_protocol.messages import Request, Supported

sys.path.insert(0, str(Path(__file__).parent))
from flights import Flight, read_flights
from show import run

WINDOW = 256
PAGE_SIZE = 5000
READ_SIZE = 1 << 18

TABLE = """
    CREATE TABLE IF NOT EXISTS {keyspace}.flights (
        origin text, month int, day int, carrier text, flight int, sched_dep_time int,
        dest text, tailnum text, dep_delay int, arr_delay int, air_time int, distance int,
        time_hour timestamp,
        PRIMARY KEY ((origin, month), day, carrier, flight, sched_dep_time)
    )"""
COLUMNS = Flight._fields
INSERT = (
    f"INSERT INTO {{keyspace}}.flights ({', '.join(COLUMNS)}) "
    f"VALUES ({', '.join('?' * len(COLUMNS))})"
)


class Client:
    """One connection; `request` asks and waits, `pipeline` keeps many requests in flight."""

    def __init__(self, host: str, port: int, version: int, compression: bool | str) -> None:
        self.socket = socket.create_connection((host, port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = ClientConnection(version)
        supported = self.request(Options())
        assert isinstance(supported, Supported)
        self.request(startup(supported, version, compression=compression))

    def request(self, request: Request) -> Any:
        """Send one request and return its answer; an error of the server is raised."""
        answers: list[Any] = []
        self.socket.sendall(self.connection.send(request, answers.append))
        while not answers:
            self._receive()
        if isinstance(answers[0], DriverException):
            raise answers[0]
        return answers[0]

    def pipeline(self, requests: Iterable[Request], done: Callable[[Any], None]) -> None:
        """Send all requests, at most `WINDOW` of them unanswered; `done` gets the answers."""
        connection = self.connection
        frames: list[bytes] = []
        for request in requests:
            frames.append(connection.frame(request, done))
            if len(connection.streams) >= WINDOW:
                self.socket.sendall(connection.wrap(frames))
                frames.clear()
                while len(connection.streams) > WINDOW // 2:
                    self._receive()
        self.socket.sendall(connection.wrap(frames))
        while len(connection.streams):
            self._receive()

    def pages(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        """Run a query and yield its rows page by page."""
        state = None
        while True:
            parameters = QueryParameters(page_size=PAGE_SIZE, paging_state=state)
            rows = self.request(Query(query, parameters))
            assert isinstance(rows, RawRows)
            assert rows.metadata.columns is not None
            decoder = RowDecoder([column.type for column in rows.metadata.columns])
            yield rows.decode(decoder)
            state = rows.metadata.paging_state
            if state is None:
                return

    def _receive(self) -> None:
        data = self.socket.recv(READ_SIZE)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.connection.receive_data(data)
        event = self.connection.next_event()
        if event is not None:
            raise RuntimeError(f"unexpected: {event!r}")


def load(client: Client, keyspace: str, rows: int) -> int:
    """Create the table, insert `rows` flights, and return how many were acknowledged."""
    client.request(Query(f"DROP KEYSPACE IF EXISTS {keyspace}"))
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    client.request(Query(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}"))
    client.request(Query(TABLE.format(keyspace=keyspace)))
    prepared = client.request(Prepare(INSERT.format(keyspace=keyspace)))
    assert isinstance(prepared, PreparedResult)
    types = [column.type for column in prepared.metadata.columns]

    def executes() -> Iterator[Execute]:
        for flight in read_flights(rows):
            cells = [None if v is None else t.encode(v) for t, v in zip(types, flight, strict=True)]
            parameters = QueryParameters(ConsistencyLevel.ONE, cells)
            yield Execute(prepared.query_id, parameters, prepared.result_metadata_id)

    acknowledged = 0

    def done(answer: object) -> None:
        nonlocal acknowledged
        if isinstance(answer, Exception):
            raise answer
        acknowledged += 1

    client.pipeline(executes(), done)
    return acknowledged


def read_back(client: Client, keyspace: str) -> tuple[int, int, dict[str, list[int]]]:
    """Read every flight; return rows, pages, and the departure delays by airport."""
    rows = pages = 0
    delays: dict[str, list[int]] = defaultdict(list)
    origin, delay = COLUMNS.index("origin"), COLUMNS.index("dep_delay")
    for page in client.pages(f"SELECT {', '.join(COLUMNS)} FROM {keyspace}.flights"):
        pages += 1
        rows += len(page)
        for row in page:
            if row[delay] is not None:
                delays[row[origin]].append(row[delay])
    return rows, pages, delays


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments, do the work, print the table and the rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("host", nargs="?", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9042)
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--version", type=int, default=5, choices=(3, 4, 5))
    parser.add_argument("--compression", default="lz4", choices=("none", "lz4", "snappy"))
    parser.add_argument("--keyspace", default="sans_io")
    options = parser.parse_args(arguments)
    compression = False if options.compression == "none" else options.compression
    client = Client(options.host, options.port, options.version, compression)
    begin = time.perf_counter()
    written = load(client, options.keyspace, options.rows)
    middle = time.perf_counter()
    read, pages, delays = read_back(client, options.keyspace)
    end = time.perf_counter()
    print(f"protocol {options.version}, compression {options.compression}, one connection")
    print(f"written {written:>7,} rows  {written / (middle - begin):>10,.0f} rows/s")
    print(f"read    {read:>7,} rows  {read / (end - middle):>10,.0f} rows/s, {pages} pages\n")
    print(f"{'from':<6}{'departures':>12}{'mean delay':>12}{'late > 1 h':>12}")
    for origin, values in sorted(delays.items()):
        late = sum(value > 60 for value in values) / len(values)
        mean = sum(values) / len(values)
        print(f"{origin:<6}{len(values):>12,}{mean:>8.1f} min{late:>12.1%}")
    if written != read:
        raise SystemExit(f"{written} rows were written, but {read} were read")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
