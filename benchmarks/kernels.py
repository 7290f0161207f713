"""CPU time of the codec's kernels, without any socket::

    python benchmarks/kernels.py              # every kernel, as it runs here
    CQL_PROTOCOL_IMPL=python python benchmarks/kernels.py rows

Each figure is the least and the median of several rounds, in nanoseconds of CPU time for one
unit of work. The machine is rarely idle: compare figures of one run only.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from cql_protocol import (
    ClientConnection,
    ColumnSpec,
    Execute,
    QueryParameters,
    RawRows,
    Ready,
    ResultMetadata,
    RowDecoder,
    ServerConnection,
    Startup,
    VoidResult,
)
from cql_protocol._accel import IMPLEMENTATION
from cql_protocol.murmur3 import murmur3
from cql_protocol.segments import SegmentReader, SegmentWriter, crc24
from cql_protocol.types import (
    BIGINT,
    BLOB,
    BOOLEAN,
    DOUBLE,
    INT,
    TEXT,
    TIMESTAMP,
    UUID,
    CqlType,
    ListType,
    MapType,
)

Kernel = tuple[Callable[[], object], int]
"""what to call, and the units of work one call does"""

ROWS = 5000
TYPES: list[CqlType] = [
    UUID, TEXT, INT, BIGINT, DOUBLE, TIMESTAMP, BOOLEAN, ListType(INT), MapType(TEXT, INT), BLOB,
]  # fmt: skip


def page() -> bytes:
    """Return the cells of `ROWS` rows of ten columns."""
    rng = random.Random(7)
    epoch = datetime(2024, 1, 1, tzinfo=UTC)
    cells = []
    for index in range(ROWS):
        row = (
            uuid.UUID(int=rng.getrandbits(128)),
            f"name of row {index}",
            index,
            rng.getrandbits(40),
            rng.random(),
            epoch + timedelta(seconds=index),
            index % 2 == 0,
            [rng.getrandbits(20) for _ in range(5)],
            {"a": 1, "b": index, "c": 3},
            rng.randbytes(16),
        )
        for cql_type, value in zip(TYPES, row, strict=True):
            cell = cql_type.encode(value)
            cells += (len(cell).to_bytes(4, "big"), cell)
    return b"".join(cells)


def rows() -> Iterator[tuple[str, Kernel]]:
    """Decode a page of rows, and encode the parameters of one."""
    body = page()
    decoder = RowDecoder(TYPES)
    yield "decode a row of 10 columns", (lambda: decoder.decode(body, 0, ROWS), ROWS)
    values = decoder.decode(body, 0, ROWS)[0]
    yield (
        "encode its 10 values",
        (
            lambda: [t.encode(v) for t, v in zip(TYPES, values, strict=True)],
            1,
        ),
    )


def connected(version: int) -> tuple[ClientConnection, ServerConnection]:
    """Return both ends of a connection that is ready."""
    client, server = ClientConnection(version), ServerConnection()
    server.receive_data(client.send(Startup(), lambda answer: None))
    event = server.next_event()
    assert event is not None
    client.receive_data(server.send(event.stream, Ready()))
    return client, server


def messages() -> Iterator[tuple[str, Kernel]]:
    """Send a hundred requests and receive their answers."""
    columns = [ColumnSpec("ks", "t", "id", INT), ColumnSpec("ks", "t", "name", TEXT)]
    row = RawRows.from_cells(ResultMetadata(columns), [[b"\0\0\0\1", b"hello"]])
    request = Execute(b"0123456789abcdef", QueryParameters(1, [b"\0\0\0\1", b"hello"]))
    for version in (4, 5):
        for name, response in (("void", VoidResult()), ("one row", row)):
            client, server = connected(version)
            answers: list[object] = []
            streams = range(100)
            data = server.wrap([server.frame(stream, response) for stream in streams])

            def round_trip(
                client: ClientConnection = client,
                answers: list[object] = answers,
                data: bytes = data,
            ) -> None:
                client.wrap([client.frame(request, answers.append) for _ in range(100)])
                client.receive_data(data)
                assert len(answers) == 100
                answers.clear()

            yield f"v{version}: request and answer ({name})", (round_trip, 100)


def checksums() -> Iterator[tuple[str, Kernel]]:
    """Hash a key, and put a frame into a segment and out again."""
    key = bytes(range(120, 136))
    yield "murmur3 of 16 bytes", (lambda: murmur3(key), 1)
    header = b"\x44\x00\x02"
    yield "crc24 of a header", (lambda: crc24(header), 1)
    writer, frame = SegmentWriter(), bytes(60)
    segment = writer.wrap([frame])
    yield "write a segment of 60 bytes", (lambda: writer.wrap([frame]), 1)
    yield "read a segment of 60 bytes", (lambda: list(SegmentReader().feed(segment)), 1)


GROUPS = {"rows": rows, "messages": messages, "checksums": checksums}


def measure(kernel: Kernel, rounds: int) -> list[float]:
    """Return the nanoseconds of CPU time of one unit of work, for each round."""
    call, units = kernel
    calls = 1
    while True:
        begin = time.thread_time_ns()
        for _ in range(calls):
            call()
        if time.thread_time_ns() - begin > 20_000_000:
            break
        calls *= 2
    figures = []
    for _ in range(rounds):
        begin = time.thread_time_ns()
        for _ in range(calls):
            call()
        figures.append((time.thread_time_ns() - begin) / calls / units)
    return figures


def main() -> None:
    """Measure the groups named, or all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no group is called {', '.join(sorted(unknown))}")
    print(f"implementation: {IMPLEMENTATION}")
    print(f"{'kernel':<36}{'least ns':>12}{'median ns':>12}")
    for group in options.groups or GROUPS:
        for name, kernel in GROUPS[group]():
            figures = measure(kernel, options.rounds)
            print(f"{name:<36}{min(figures):>12,.0f}{statistics.median(figures):>12,.0f}")


if __name__ == "__main__":
    main()
