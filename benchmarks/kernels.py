"""CPU time of the codec's kernels, without any socket::

    python -m benchmarks kernels                                # in Python and compiled
    CQL_PROTOCOL_IMPL=python python benchmarks/kernels.py rows  # some, in one of them

Each figure is the least and the median of several rounds, in nanoseconds of CPU time for one
unit of work. The machine is rarely idle: compare figures of one run only.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from cql_driver.query.rows import named_tuple_maker
from cql_driver.query.unrolled import encoder, joiner
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
from cql_protocol.segments import SegmentReader, SegmentWriter, crc24, payload_crc
from cql_protocol.types import (
    BIGINT,
    BLOB,
    BOOLEAN,
    DOUBLE,
    FLOAT,
    INT,
    TEXT,
    TIMESTAMP,
    UUID,
    CqlType,
    ListType,
    MapType,
    VectorType,
)

Kernel = tuple[Callable[[], object], int]
"""what to call, and the units of work one call does"""

ROWS = 5000
VECTOR_ROWS, DIMENSION = 100, 768
TYPES: list[CqlType] = [
    UUID, TEXT, INT, BIGINT, DOUBLE, TIMESTAMP, BOOLEAN, ListType(INT), MapType(TEXT, INT), BLOB,
]  # fmt: skip


def page() -> bytes:
    """Return the cells of `ROWS` rows of ten columns."""
    rng = random.Random(7)
    epoch = datetime(2024, 1, 1, tzinfo=UTC)
    rows = (
        (
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
        for index in range(ROWS)
    )
    return cells_of(TYPES, rows)


def cells_of(types: Sequence[CqlType], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return rows as they are in a page."""
    cells = []
    for row in rows:
        for cql_type, value in zip(types, row, strict=True):
            cell = cql_type.encode(value)
            cells += (len(cell).to_bytes(4, "big"), cell)
    return b"".join(cells)


def rows() -> Iterator[tuple[str, Kernel]]:
    """Decode rows: pages of ten columns in every form, pages of vectors, and single rows."""
    body = page()
    decoder = RowDecoder(TYPES)
    names = tuple(f"column_{number}" for number in range(len(TYPES)))
    maker = named_tuple_maker(names)
    yield "row of 10, tuple", (lambda: decoder.decode(body, 0, ROWS), ROWS)
    yield "row of 10, named tuple", (lambda: decoder.decode(body, 0, ROWS, maker), ROWS)
    yield "row of 10, dict", (lambda: decoder.decode_dicts(body, 0, ROWS, names), ROWS)
    vectors: list[CqlType] = [INT, VectorType(FLOAT, DIMENSION)]
    floats = [number / 4 for number in range(DIMENSION)]
    vector_body = cells_of(vectors, ((number, floats) for number in range(VECTOR_ROWS)))
    of_vectors = RowDecoder(vectors)
    yield (
        f"row with a vector of {DIMENSION}",
        (lambda: of_vectors.decode(vector_body, 0, VECTOR_ROWS), VECTOR_ROWS),
    )
    pair: list[CqlType] = [INT, TEXT]
    one_row, of_one = cells_of(pair, [(7, "the name of item 7")]), RowDecoder(pair)
    make_pair = named_tuple_maker(names[:2])
    yield "single row of 2, named tuple", (lambda: of_one.decode(one_row, 0, 1, make_pair), 1)


def encoding() -> Iterator[tuple[str, Kernel]]:
    """Encode the parameters of a statement, and single values."""
    values = RowDecoder(TYPES).decode(page(), 0, ROWS)[0]
    for name, types, row in (
        ("parameters: int, text", [INT, TEXT], (7, "the name of item 7")),
        ("parameters of 10 types", TYPES, values),
    ):
        yield name, (partial(encoder_of(types), row), 1)
    for cql_type, value in zip(TYPES, values, strict=True):
        yield f"parameter: {cql_type.name}", (partial(encoder_of([cql_type]), (value,)), 1)


def encoder_of(types: list[CqlType]) -> Callable[[Any], object]:
    """Return what encodes the values of a bound statement in this implementation."""
    if IMPLEMENTATION == "cython":
        from cql_speedups.encoding import RowEncoder

        compiled: Callable[[Any], object] = RowEncoder(types).encode
        assert compiled(tuple([None] * len(types))) is not None
        return compiled
    encode = encoder([cql_type.encode for cql_type in types])
    join = joiner(len(types))
    assert join is not None
    return lambda values: join(b"", encode(values), b"")


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
    payload = bytes(range(256)) * 64
    yield "crc32 of a payload of 16 kB", (lambda: payload_crc(payload), 1)
    yield "write a segment of 60 bytes", (lambda: writer.wrap([frame]), 1)
    yield "read a segment of 60 bytes", (lambda: list(SegmentReader().feed(segment)), 1)


GROUPS = {"rows": rows, "encoding": encoding, "frames": messages, "checksums": checksums}


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
    parser.add_argument("--json", action="store_true", help="every round, as an object of JSON")
    options = parser.parse_args()
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no group is called {', '.join(sorted(unknown))}")
    kernels = (found for group in options.groups or GROUPS for found in GROUPS[group]())
    if options.json:
        print(json.dumps({name: measure(kernel, options.rounds) for name, kernel in kernels}))
        return
    print(f"implementation: {IMPLEMENTATION}")
    print(f"{'kernel':<36}{'least ns':>12}{'median ns':>12}")
    for name, kernel in kernels:
        figures = measure(kernel, options.rounds)
        print(f"{name:<36}{min(figures):>12,.0f}{statistics.median(figures):>12,.0f}")


if __name__ == "__main__":
    main()
