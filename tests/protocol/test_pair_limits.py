"""Lengths that lie: refused, and without the memory they ask for."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cql_protocol.compression.lz4 import Lz4Compressor
from cql_protocol.compression.snappy import SnappyCompressor
from cql_protocol.connection import Answer, BadRequest, ClientConnection, State
from cql_protocol.dialect import Dialect
from cql_protocol.errors import (
    ConnectionClosed,
    FrameTooLarge,
    LocalProtocolError,
    RemoteProtocolError,
)
from cql_protocol.messages import Options, Query, RawRows, ResultMetadata, VoidResult, opcodes
from cql_protocol.messages.codec import decode_request, decode_response
from cql_protocol.segments import SegmentReader, crc24, payload_crc
from tests.protocol.transcripts import Pair

MEGABYTE = 1 << 20
LARGEST = (1 << 31) - 1


@contextmanager
def less_than_a_megabyte() -> Iterator[None]:
    """Fail when more is allocated at any time within."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEGABYTE


def _int(value: int) -> bytes:
    return value.to_bytes(4, "big", signed=True)


def _header(
    length: int, version: int = 0x84, opcode: int = opcodes.RESULT, flags: int = 0
) -> bytes:
    return bytes([version, flags, 0, 0, opcode]) + _int(length)


def _asked(compression: str | None = None, **options: Any) -> tuple[Pair, list[Any]]:
    """A pair of protocol 4 that is ready, with one request in flight on stream 0."""
    pair = Pair(4, **options).shake_hands(compression)
    got: list[Any] = []
    assert pair.ask(Query("x"), receiver=got.append).stream == 0
    return pair, got


# --- frames ------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1000, None])
@pytest.mark.parametrize("length", [LARGEST, 300 * MEGABYTE])
def test_a_frame_above_the_maximum(limit: int | None, length: int) -> None:
    pair, got = _asked(**({"max_frame_size": limit} if limit else {}))
    with less_than_a_megabyte(), pytest.raises(FrameTooLarge, match="max_frame_size"):
        pair.client.receive_data(_header(length) + bytes(100))
    assert pair.client.state is State.CLOSED
    assert isinstance(got[0], FrameTooLarge)


@pytest.mark.parametrize("length", [-1, -(1 << 31)])
def test_a_frame_of_negative_length(length: int) -> None:
    pair, got = _asked()
    with less_than_a_megabyte(), pytest.raises(RemoteProtocolError, match="body of -"):
        pair.client.receive_data(_header(length) + bytes(100))
    assert pair.client.state is State.CLOSED
    assert isinstance(got[0], ConnectionClosed)
    assert isinstance(got[0].__cause__, RemoteProtocolError)


def test_a_server_is_as_careful() -> None:
    for length, error in ((LARGEST, FrameTooLarge), (-1, RemoteProtocolError)):
        server = _asked()[0].server
        with less_than_a_megabyte(), pytest.raises(error):
            server.receive_data(_header(length, 4, opcodes.QUERY))
        assert server.state is State.CLOSED
        assert server.next_event() is None


def test_an_announcement_within_the_maximum_allocates_nothing() -> None:
    pair, got = _asked()
    with less_than_a_megabyte():
        pair.client.receive_data(_header(200 * MEGABYTE) + bytes(1000))
    assert got == []
    assert pair.client.state is State.READY


def test_the_maximum_itself() -> None:
    pair, got = _asked(max_frame_size=1000)
    body = pair.server.frame(0, VoidResult())[9:]
    pair.client.receive_data(_header(1000) + body + bytes(1000 - len(body)))
    assert got == [VoidResult()]
    with pytest.raises(LocalProtocolError, match="no room"):
        ClientConnection(max_frame_size=8)


# --- compressed bodies -------------------------------------------------------------------------

LZ4_LIES = [
    _int(LARGEST) + b"\x10a",
    _int(-1) + b"\x10a",
    _int(-(1 << 31)) + bytes(50),
    _int(100_000_000) + bytes(1000),
    _int(600_000) + bytes(3000),  # could be, is not
    _int(5) + b"\x10a",  # shorter than it says
    _int(1) + Lz4Compressor().compress_block(b"long" * 100),  # longer
    _int(10),
    b"\0\0\0",
    b"",
]
SNAPPY_LIES = [
    b"\xff\xff\xff\xff\x0f\0a",
    b"\xff\xff\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f" + bytes(100),
    b"\x80\xc8\xaf\x3f\0a",
    b"\xf0\x80\x02" + bytes(3000),
    b"\x05\0a",
    b"\x01" + SnappyCompressor().compress(b"long" * 100)[2:],
    b"\x80",
    b"",
]


@pytest.mark.parametrize("lie", LZ4_LIES)
def test_lz4_bodies_that_lie(lie: bytes) -> None:
    _lies("lz4", lie)


@pytest.mark.parametrize("lie", SNAPPY_LIES)
def test_snappy_bodies_that_lie(lie: bytes) -> None:
    _lies("snappy", lie)


def _lies(compression: str, lie: bytes) -> None:
    pair, got = _asked(compression)
    frame = _header(len(lie), flags=opcodes.FLAG_COMPRESSED) + lie
    with less_than_a_megabyte():
        pair.client.receive_data(frame)
    assert isinstance(got[0], RemoteProtocolError), got
    # It concerned that request alone.
    assert pair.exchange(Query("x"), VoidResult()) == VoidResult()
    request = _header(len(lie), 4, opcodes.QUERY, opcodes.FLAG_COMPRESSED) + lie
    with less_than_a_megabyte():
        pair.server.receive_data(request)
    event = pair.server.next_event()
    assert isinstance(event, BadRequest)
    assert isinstance(event.error, RemoteProtocolError)


@pytest.mark.parametrize("compression", ["lz4", "snappy"])
def test_a_compressed_body_above_the_maximum(compression: str) -> None:
    pair, got = _asked(compression, max_frame_size=100_000)
    frame = pair.server.frame(0, _one_cell(b"a" * 100_001))
    assert len(frame) < 10_000
    pair.client.receive_data(frame)
    assert isinstance(got[0], FrameTooLarge)
    assert pair.client.state is State.READY


def _one_cell(cell: bytes) -> RawRows:
    return RawRows.from_cells(ResultMetadata(column_count=1), [[cell]])


def test_compressed_though_it_was_not_agreed() -> None:
    pair, got = _asked(None)
    body = Lz4Compressor().compress(b"\0\0\0\1")
    pair.client.receive_data(_header(len(body), flags=opcodes.FLAG_COMPRESSED) + body)
    assert isinstance(got[0], RemoteProtocolError)
    assert "no compression" in str(got[0])


# --- segments ----------------------------------------------------------------------------------


def _segment(bits: int, payload: bytes, size: int) -> bytes:
    header = bits.to_bytes(size, "little")
    checksum = crc24(header).to_bytes(3, "little")
    return header + checksum + payload + payload_crc(payload).to_bytes(4, "little")


@pytest.mark.parametrize("plain", [131_071, 90_000, 3000, 1])
def test_compressed_segments_that_lie(plain: int) -> None:
    for payload in (b"", b"\0", bytes(800), Lz4Compressor().compress_block(b"x" * 2000)):
        bits = len(payload) | plain << 17 | 1 << 34
        reader = SegmentReader(Lz4Compressor())
        with less_than_a_megabyte(), pytest.raises(RemoteProtocolError, match="lz4 block"):
            list(reader.feed(_segment(bits, payload, 5)))


def _ready() -> Pair:
    return Pair(5).shake_hands()


@pytest.mark.parametrize("cut", [1, 8, 9, 12])
def test_a_self_contained_segment_that_ends_within_a_frame(cut: int) -> None:
    pair = _ready()
    frame = pair.client.frame(Query("x"))
    with pytest.raises(RemoteProtocolError, match="ends within a frame"):
        pair.server.receive_data(_segment(cut | 1 << 17, frame[:cut], 3))
    assert pair.server.state is State.CLOSED


def test_a_self_contained_segment_between_the_parts_of_a_frame() -> None:
    pair = _ready()
    frame = pair.client.frame(Query("x" * 100))
    other = pair.client.send(Query("y"))
    pair.server.receive_data(_segment(50, frame[:50], 3))
    with pytest.raises(RemoteProtocolError, match="50 bytes of a frame are pending"):
        pair.server.receive_data(other)


def test_empty_segments_say_nothing() -> None:
    pair = _ready()
    empty, part = _segment(1 << 17, b"", 3), _segment(0, b"", 3)
    frame = pair.client.frame(Query("x" * 100))
    halves = [_segment(50, frame[:50], 3), _segment(len(frame) - 50, frame[50:], 3)]
    pair.server.receive_data(empty + part + halves[0] + part + part + halves[1] + empty)
    event = pair.server.next_event()
    assert event is not None
    assert not isinstance(event, BadRequest)
    assert event.message == Query("x" * 100)


def test_a_damaged_segment_ends_the_connection() -> None:
    for place in (0, 4, 8, -1):
        pair = _ready()
        got: list[Any] = []
        pair.ask(Query("x"), receiver=got.append)
        data = bytearray(pair.server.send(0, VoidResult()))
        data[place] ^= 4
        with pytest.raises(RemoteProtocolError, match="damaged segment"):
            pair.client.receive_data(bytes(data))
        assert pair.client.state is State.CLOSED
        assert isinstance(got[0], ConnectionClosed)
        assert isinstance(got[0].__cause__, RemoteProtocolError)


def test_a_frame_within_segments_above_the_maximum() -> None:
    pair = Pair(5, max_frame_size=1000).shake_hands()
    pair.ask(Query("x"))
    head = _header(LARGEST, 0x85)
    with less_than_a_megabyte(), pytest.raises(FrameTooLarge):
        pair.client.receive_data(_segment(len(head), head, 3))
    event = pair.client.next_event()
    assert isinstance(event, Answer)
    assert isinstance(event.response, FrameTooLarge)


# --- counts and lengths within messages --------------------------------------------------------

_RESPONSE_LIES: dict[str, tuple[int, bytes]] = {
    "rows": (opcodes.RESULT, _int(2) + _int(4) + _int(2) + _int(LARGEST)),
    "negative rows": (opcodes.RESULT, _int(2) + _int(4) + _int(2) + _int(-1)),
    "columns": (opcodes.RESULT, _int(2) + _int(1) + _int(LARGEST) + b"\0\0\0\0" + bytes(50)),
    "negative columns": (opcodes.RESULT, _int(2) + _int(1) + _int(-1) + bytes(50)),
    "key indexes": (opcodes.RESULT, _int(4) + b"\0\0" + _int(1) + _int(1) + _int(LARGEST)),
    "negative indexes": (opcodes.RESULT, _int(4) + b"\0\0" + _int(1) + _int(1) + _int(-5)),
    "paging state": (opcodes.RESULT, _int(2) + _int(6) + _int(1) + _int(LARGEST) + b"x"),
    "tuple": (opcodes.RESULT, _int(2) + _int(1) + _int(1) + bytes(6) + b"\0\x31\xff\xff"),
    "user type": (
        opcodes.RESULT,
        _int(2) + _int(1) + _int(1) + bytes(6) + b"\0\x30\0\0\0\0\xff\xff",
    ),
    "deep type": (opcodes.RESULT, _int(2) + _int(1) + _int(1) + bytes(6) + b"\0\x20" * 5000),
    "unknown type": (opcodes.RESULT, _int(2) + _int(1) + _int(1) + bytes(6) + b"\0\x77"),
    "kind": (opcodes.RESULT, _int(6)),
    "keyspace": (opcodes.RESULT, _int(3) + b"\xff\xffks"),
    "text": (opcodes.RESULT, _int(3) + b"\0\2\xff\xfe"),
    "supported": (opcodes.SUPPORTED, b"\xff\xff" + b"\0\1a" * 3),
    "event": (opcodes.EVENT, b"\0\x0dSTATUS_CHANGE\0\2UP\x05aaaaa\0\0\0\1"),
    "port": (opcodes.EVENT, b"\0\x0dSTATUS_CHANGE\0\2UP\x04aaaa\xff\xff\xff\xff"),
    "arguments": (opcodes.ERROR, _int(0x1400) + b"\0\1m\0\1k\0\1f\xff\xff"),
    "failures": (opcodes.ERROR, _int(0x1300) + b"\0\1m\0\1" + _int(1) * 2 + _int(LARGEST)),
    "token": (opcodes.AUTH_CHALLENGE, _int(LARGEST) + b"x"),
}


@pytest.mark.parametrize("name", _RESPONSE_LIES)
@pytest.mark.parametrize("version", [4, 5])
def test_responses_that_lie(name: str, version: int) -> None:
    opcode, body = _RESPONSE_LIES[name]
    if version == 5:
        body = body.replace(_int(4) + b"\0\0", _int(4) + b"\0\0\0\0") if "indexes" in name else body
    if name == "failures" and version == 4:
        body = body[:-4]  # protocol 4 has a mere number there
    with less_than_a_megabyte(), pytest.raises(RemoteProtocolError):
        decode_response(opcode, 0, body, Dialect(version))


_REQUEST_LIES: dict[str, tuple[int, bytes]] = {
    "query": (opcodes.QUERY, _int(LARGEST) + b"SELECT"),
    "negative query": (opcodes.QUERY, _int(-1) + b"SELECT"),
    "values": (opcodes.QUERY, _int(0) + b"\0\1" + b"\1" + b"\xff\xff"),
    "value": (opcodes.QUERY, _int(0) + b"\0\1" + b"\1" + b"\0\1" + _int(-3)),
    "statements": (opcodes.BATCH, b"\0\xff\xff" + bytes(100)),
    "statement kind": (opcodes.BATCH, b"\0\0\1\7" + bytes(100)),
    "types": (opcodes.REGISTER, b"\xff\xff\0\1"),
    "options": (opcodes.STARTUP, b"\xff\xff\0\1"),
    "nothing": (opcodes.EXECUTE, b""),
}


@pytest.mark.parametrize("name", _REQUEST_LIES)
def test_requests_that_lie(name: str) -> None:
    opcode, body = _REQUEST_LIES[name]
    with less_than_a_megabyte(), pytest.raises(RemoteProtocolError):
        decode_request(opcode, 0, body, Dialect(4))


@pytest.mark.parametrize(
    ("flags", "body"),
    [
        (opcodes.FLAG_TRACING, bytes(15)),
        (opcodes.FLAG_WARNING, b"\xff\xff\0\1"),
        (opcodes.FLAG_CUSTOM_PAYLOAD, b"\xff\xff\0\1"),
        (opcodes.FLAG_CUSTOM_PAYLOAD, b"\0\1\0\1k" + _int(LARGEST)),
    ],
)
def test_extras_that_lie(flags: int, body: bytes) -> None:
    with less_than_a_megabyte(), pytest.raises(RemoteProtocolError):
        decode_response(opcodes.READY, flags, body, Dialect(4))


def test_an_unknown_opcode() -> None:
    for opcode in (0x04, 0x11, 0xFF, opcodes.QUERY):
        with pytest.raises(RemoteProtocolError, match="opcode"):
            decode_response(opcode, 0, b"", Dialect(4))
    for opcode in (0x04, 0x11, 0xFF, opcodes.RESULT):
        with pytest.raises(RemoteProtocolError, match="opcode"):
            decode_request(opcode, 0, b"", Dialect(4))
    assert decode_request(opcodes.OPTIONS, 0, b"", Dialect(4))[0] == Options()
