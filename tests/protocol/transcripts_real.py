"""Transcripts of talks with a real Cassandra, kept in ``data/transcripts.json``.

``python -m tests.protocol.transcripts_real`` starts a node and records them anew. A talk is a
generator that yields requests and is sent the answers, so the very same code speaks to the node
and, in the tests, to the recorded bytes.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

from cql_protocol.compression.lz4 import Lz4Compressor
from cql_protocol.connection import Answer, ClientConnection
from cql_protocol.connection.base import HEADER_SIZE, unpack_header
from cql_protocol.messages import (
    Batch,
    BatchEntry,
    Event,
    Execute,
    Options,
    Prepare,
    Query,
    QueryParameters,
    Register,
    Request,
)
from cql_protocol.negotiation import startup
from cql_protocol.segments import SegmentReader
from cql_protocol.types import INT, TEXT
from tests.protocol.transcripts import Cut

FILE = Path(__file__).with_name("data") / "transcripts.json"
TALKS = ((3, "snappy"), (4, "lz4"), (5, None), (5, "lz4"))
KEYSPACE = "transcripts"
_SCHEMA = (
    f"CREATE TYPE {KEYSPACE}.place (street text, zip int)",
    f"""CREATE TABLE {KEYSPACE}.t (k int, c int, v text, b blob, d duration, p frozen<place>,
    m map<text, frozen<list<int>>>, s set<uuid>, t tuple<int, text>, e vector<float, 3>,
    PRIMARY KEY (k, c))""",
)
_ROWS = (
    "INSERT INTO t (k, c, v, d, p) VALUES (1, 1, 'é', 1mo2d3ns, {street: 'x', zip: 1})",
    "INSERT INTO t (k, c, m, t, e) VALUES (1, 2, {'a': [1, 2]}, (1, 'b'), [1, 2.5, -1])",
    "INSERT INTO t (k, c, s) VALUES (1, 3, {6ab09bec-e68e-48d9-a5f8-97e6fb4c9b47})",
)
_CREATE = (
    f"CREATE KEYSPACE {KEYSPACE} WITH replication ="
    " {'class': 'SimpleStrategy', 'replication_factor': 1}"
)
_WRONG = ("SELEKT", "SELECT * FROM nowhere", "DROP TABLE nowhere", _CREATE)

Talk = Generator[tuple[Request, bool], Any, None]


def talk(version: int, compression: str | None) -> Talk:
    """Yield (request, tracing); be sent each answer, which may be an error."""
    supported = yield Options(), False
    wanted = compression if compression is not None else False
    yield startup(supported, version, compression=wanted), False
    yield Register(["TOPOLOGY_CHANGE", "STATUS_CHANGE", "SCHEMA_CHANGE"]), False
    yield Query(f"DROP KEYSPACE IF EXISTS {KEYSPACE}"), False
    yield Query(_CREATE), False
    yield Query(f"USE {KEYSPACE}"), False
    for text in (*_SCHEMA, *_ROWS, *_WRONG):
        yield Query(text), False
    yield from _prepared()
    if compression is not None:
        # Zeros, so that the transcript stays small: several segments on protocol 5.
        value = bytes(200_000)
        parameters = QueryParameters(1, [INT.encode(2), INT.encode(0), value])
        yield Query("INSERT INTO t (k, c, b) VALUES (?, ?, ?)", parameters), False
        yield Query("SELECT b FROM t WHERE k = 2"), False


def _prepared() -> Talk:
    insert = yield Prepare(f"INSERT INTO {KEYSPACE}.t (k, c, v) VALUES (?, ?, ?)"), False
    select = yield Prepare(f"SELECT * FROM {KEYSPACE}.t WHERE k = ?"), False
    values = [INT.encode(1), INT.encode(4), TEXT.encode("four")]
    parameters = QueryParameters(1, values, timestamp=1_700_000_000_000_000)
    yield Execute(insert.query_id, parameters, insert.result_metadata_id), False
    entries = [
        BatchEntry(insert.query_id, [INT.encode(1), INT.encode(5), None]),
        BatchEntry(f"DELETE v FROM {KEYSPACE}.t WHERE k = 1 AND c = 2"),
    ]
    yield Batch(entries, 0, QueryParameters(1)), False
    state = None
    for skip in (False, True, True):
        page = QueryParameters(
            1, [INT.encode(1)], skip_metadata=skip, page_size=2, paging_state=state
        )
        rows = yield Execute(select.query_id, page, select.result_metadata_id), False
        state = rows.metadata.paging_state
    yield Execute(b"unknown id", QueryParameters(1, values), select.result_metadata_id), False
    yield Query("SELECT release_version, tokens FROM system.local"), True


def speak(
    client: ClientConnection, compression: str | None, exchange: Any
) -> list[Answer | Event | Any]:
    """Hold a talk over `exchange`, which sends bytes and feeds the client until it has an answer.

    Return every event the client had.
    """
    events: list[Any] = []
    conversation = talk(client.version, compression)
    request, tracing = next(conversation)
    while True:
        exchange(client.send(request, tracing=tracing))
        answer = None
        while (event := client.next_event()) is not None:
            events.append(event)
            if isinstance(event, Answer):
                answer = event.response
        assert answer is not None
        try:
            request, tracing = conversation.send(answer)
        except StopIteration:
            return events


# --- replay ------------------------------------------------------------------------------------


def recorded() -> list[dict[str, Any]]:
    """The transcripts: version, compression, and the bytes of client and server in turn."""
    found: list[dict[str, Any]] = json.loads(FILE.read_text())["talks"]
    return found


def replay(transcript: dict[str, Any], cut: Cut) -> list[Any]:
    """Talk to the recorded bytes of the server, cut in any way; return the client's events."""
    client = ClientConnection(transcript["version"])
    flights = iter(transcript["flights"])

    def exchange(data: bytes) -> None:
        sent, answered = next(flights)
        if data.hex() != sent:
            assert transcript["compression"] == "lz4"  # which packs as it likes
            version = transcript["version"]
            assert _unpacked(data, version) == _unpacked(bytes.fromhex(sent), version)
        for chunk in cut(bytes.fromhex(answered)):
            client.receive_data(chunk)

    events = speak(client, transcript["compression"], exchange)
    assert next(flights, None) is None
    return events


def _unpacked(data: bytes, version: int) -> list[Any]:
    """What the bytes of a frame or of segments say, whichever way lz4 packed them."""
    compressor = Lz4Compressor()
    if version >= 5:
        return list(SegmentReader(compressor).feed(data))
    *head, size = unpack_header(data)
    assert size == len(data) - HEADER_SIZE
    return [*head, compressor.decompress(data[HEADER_SIZE:], len(data) * 1000)]


# --- recording ---------------------------------------------------------------------------------


def record(address: str, port: int, version: int, compression: str | None) -> dict[str, Any]:
    """Talk to a node and write down what went over the wire."""
    client = ClientConnection(version)
    flights: list[tuple[str, str]] = []
    with socket.create_connection((address, port), timeout=30) as wire:

        def exchange(data: bytes) -> None:
            wire.sendall(data)
            received = b""
            before = len(client.streams)
            while len(client.streams) >= before:
                more = wire.recv(1 << 16)
                assert more, "the node closed the connection"
                received += more
                client.receive_data(more)
            flights.append((data.hex(), received.hex()))

        speak(client, compression, exchange)
    return {"version": version, "compression": compression, "flights": flights}


def main(talks: Iterable[tuple[int, str | None]] = TALKS) -> None:
    """Start a node, record every talk, replace the file."""
    from tests.cassandra import Cluster

    with Cluster() as cluster:
        address = cluster.contact_points[0]
        found = [record(address, cluster.port, *each) for each in talks]
        content = {"server": f"Cassandra {cluster.version}", "talks": found}
    FILE.write_text(json.dumps(content, indent=1) + "\n")
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
