"""Results that come in many pieces are the same as if they had come at once."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cql_driver.cluster import Cluster
from cql_driver.core.intake import Intake
from cql_protocol.connection import ClientConnection, ServerConnection
from cql_protocol.connection.states import State
from cql_protocol.errors import RemoteProtocolError
from cql_protocol.messages import (
    ColumnSpec,
    Query,
    RawRows,
    Ready,
    ResultMetadata,
    SchemaChange,
    Startup,
    VoidResult,
)
from cql_protocol.types import BLOB
from tests.aio.live import LiveNodes

COLUMNS = ResultMetadata([ColumnSpec("ks", "t", "v", BLOB)])
SIZES = (0, 100, 16_000, 65_000, 65_536, 70_000, 300_000, 1_000_000)
CUTS = (1, 8, 9, 10, 13, 4_000, 16_384, 65_536, 262_144)


class Link(Intake):
    """What receives, with notes of what it was told."""

    def __init__(self, connection: ClientConnection) -> None:
        super().__init__(None, connection, None)  # type: ignore[arg-type]
        self.events: list[Any] = []
        self.broken: list[BaseException] = []

    def _handle_events(self) -> None:
        while self.connection.has_events:
            self.events.append(self.connection.next_event())

    def _broken_by(self, error: RemoteProtocolError) -> None:
        self.broken.append(error)
        self.closed = True


class Ends:
    """A client and a server that have agreed, with nothing between them."""

    def __init__(self, version: int = 4, compression: str | None = None) -> None:
        self.client = ClientConnection(version=version)
        self.server = ServerConnection()
        self.link = Link(self.client)
        self.answers: list[tuple[int, Any]] = []
        options = {"CQL_VERSION": "3.0.0"} | ({"COMPRESSION": compression} if compression else {})
        self.server.receive_data(self.client.send(Startup(options), lambda answer: None))
        request: Any = self.server.next_event()
        self.link.data_received(self.server.send(request.stream, Ready()))
        assert self.client.state is State.READY

    def ask(self, number: int) -> int:
        """Ask something whose answer is noted with this number; return its stream."""
        data = self.client.send(Query("?"), lambda answer: self.answers.append((number, answer)))
        self.server.receive_data(data)
        request: Any = self.server.next_event()
        stream: int = request.stream
        return stream

    def receive(self, data: bytes, rng: random.Random) -> None:
        """Have the bytes come in pieces."""
        size = rng.choice(CUTS)
        if size < 4_000 and len(data) > 200_000:
            size = 100_000 + size
        at = rng.choice((0, 5, 9, 20, 17_000))
        while at < len(data):
            self.link.data_received(data[: at or size])
            data, at = data[at or size :], size
        self.link.data_received(data)


def rows_of(rng: random.Random) -> RawRows:
    cells = [[rng.randbytes(rng.choice(SIZES))] for _ in range(rng.choice((1, 1, 2)))]
    return RawRows.from_cells(COLUMNS, cells)


@pytest.mark.parametrize(
    ("version", "compression"), [(4, None), (4, "lz4"), (3, None), (5, None), (5, "lz4")]
)
def test_answers_are_the_same_however_they_are_cut(version: int, compression: str | None) -> None:
    for seed in range(12):
        rng = random.Random(seed)
        ends = Ends(version, compression)
        expected: list[Any] = []
        for _ in range(3):
            data = b""
            for number in range(rng.randrange(1, 5)):
                stream = ends.ask(number)
                answer: Any = VoidResult() if rng.random() < 0.3 else rows_of(rng)
                data += ends.server.send(stream, answer)
                expected.append((number, answer))
                if rng.random() < 0.2:
                    event = SchemaChange("CREATED", "KEYSPACE", "ks")
                    data += ends.server.send(-1, event)
            ends.receive(data, rng)
        assert ends.answers == expected, f"seed {seed}"
        assert ends.link.broken == []
        assert len(ends.client.streams) == 0


def large_answer(ends: Ends, number: int = 1) -> tuple[int, bytes]:
    stream = ends.ask(number)
    answer = RawRows.from_cells(COLUMNS, [[bytes(500_000)]])
    return stream, ends.server.send(stream, answer)


@pytest.mark.parametrize("compression", [None, "lz4"])
def test_an_answer_that_nobody_waits_for_any_more(compression: str | None) -> None:
    ends = Ends(4, compression)
    stream = ends.ask(1)
    answer = RawRows.from_cells(COLUMNS, [[random.Random(0).randbytes(500_000)]])
    data = ends.server.send(stream, answer)
    ends.link.data_received(data[:200_000])
    ends.client.orphan(stream)
    ends.link.data_received(data[200_000:] + large_answer(ends, 2)[1])
    assert [number for number, _ in ends.answers] == [2]
    assert len(ends.client.streams) == 0


def test_a_connection_that_is_closed_in_the_middle() -> None:
    ends = Ends()
    _, data = large_answer(ends)
    ends.link.data_received(data[:200_000])
    ends.client.close()
    ends.link.closed = True
    ends.link.data_received(data[200_000:])
    assert [type(answer).__name__ for _, answer in ends.answers] == ["ConnectionClosed"]
    assert ends.link.broken == []


def test_what_follows_a_large_answer_may_break_the_connection() -> None:
    ends = Ends()
    _, data = large_answer(ends)
    ends.link.data_received(data[:200_000])
    ends.link.data_received(data[200_000:] + b"\x84\0\0\0\x08\xff\xff\xff\xff" + bytes(9))
    assert len(ends.answers) == 1
    assert len(ends.link.broken) == 1


def test_a_receiver_that_raises() -> None:
    ends = Ends()

    def fail(answer: Any) -> None:
        raise ValueError("no")

    ends.server.receive_data(ends.client.send(Query("?"), fail))
    request: Any = ends.server.next_event()
    answer = RawRows.from_cells(COLUMNS, [[bytes(500_000)]])
    data = ends.server.send(request.stream, answer)
    ends.link.data_received(data[:100_000])
    ends.link.data_received(data[100_000:] + large_answer(ends)[1])
    assert len(ends.link.events) == 1
    assert len(ends.answers) == 1


def test_large_results_over_a_socket() -> None:
    rng = random.Random(1)
    with (
        LiveNodes(1) as nodes,
        Cluster(**nodes.options) as cluster,
        cluster.connect("ks") as session,
    ):
        insert = session.prepare("INSERT INTO t (k, v) VALUES (?, ?)")
        texts = {k: rng.randbytes(100_000 + 40_000 * k).hex() for k in range(12)}
        for k, text in texts.items():
            session.execute(insert, (k, text))
        for size in (100, 3):
            session.default_fetch_size = size
            assert {row.k: row.v for row in session.execute("SELECT k, v FROM t")} == texts
        select = session.prepare("SELECT v FROM t WHERE k = ?")
        futures = [session.execute_async(select, (k,)) for k in texts]
        assert [future.result().one().v for future in futures] == list(texts.values())
