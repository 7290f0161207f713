"""Answers on a connection, compiled or not: the same to the same receivers, the same errors."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from lz4 import block as lz4_block

import cql_speedups
from cql_protocol import segments as python_segments
from cql_protocol.compression.lz4 import Lz4Compressor
from cql_protocol.connection import Answer, ClientConnection, ReceiverFailed, State, base, client
from cql_protocol.dialect import Dialect
from cql_protocol.errors import DriverException
from cql_protocol.messages import RawRows
from cql_protocol.messages.codec import encode_response
from cql_protocol.segments import MAX_PAYLOAD, SegmentReader, SegmentWriter
from cql_protocol.streams import ORPHAN
from tests.differential.sameness import outcome
from tests.protocol import samples
from tests.speedups.sources import beside_python

pytestmark = beside_python

STREAMS = 5
LIMIT = 1 << 16
RESPONSES = {
    version: [
        *(message for _, message in samples.responses(version)),
        *(message for _, message in samples.events(version)),
        samples.unknown_event(),
    ]
    for version in (3, 4, 5)
}


def frame_of(version: int, packed: bool, stream: int, message: Any, damage: int) -> bytes:
    """Return the bytes of a frame, damaged in one of several ways when `damage` is not 0."""
    opcode, flags, body = encode_response(message, Dialect(version))
    if packed and version < 5 and damage != 7:
        body, flags = Lz4Compressor().compress(body), flags | 1
    length = len(body)
    head = 0x80 | version
    if damage == 1:
        length += 1 << 17
    elif damage == 2:
        length = -1
    elif damage == 3:
        body = body[: length // 2]
        length = len(body)
    elif damage == 4:
        head ^= 1
    elif damage == 5:
        opcode = 0x77
    elif damage == 6:
        flags |= 0x11
    return base.pack_header(head, flags, stream, opcode, length) + body


@st.composite
def exchanges(draw: Any) -> tuple[int, bool, list[int], list[bytes]]:
    """Return version, compression, what each receiver does, and the server's bytes in pieces."""
    version, packed = draw(st.sampled_from([3, 4, 5])), draw(st.booleans())
    manners = draw(st.lists(st.integers(0, 6), min_size=STREAMS, max_size=STREAMS))
    streams = st.integers(-1, STREAMS) | st.sampled_from([200, 32767])
    damages = st.just(0) | st.just(0) | st.just(0) | st.integers(1, 7)
    frames = [
        frame_of(version, packed, draw(streams), draw(st.sampled_from(RESPONSES[version])), damage)
        for damage in draw(st.lists(damages, min_size=1, max_size=8))
    ]
    data = b"".join(frames)
    if version >= 5:
        data = in_segments(draw, frames, packed)
    if draw(st.integers(0, 5)) == 0 and data:
        at = draw(st.integers(0, len(data) - 1))
        data = data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]
    return version, packed, manners, pieces(draw, data)


def in_segments(draw: Any, frames: Sequence[bytes], packed: bool) -> bytes:
    """Put frames into segments: as a server would, or cut anywhere and said to be whole or not."""
    writer = SegmentWriter(Lz4Compressor() if packed else None)
    if draw(st.integers(0, 2)):
        return b"".join(writer.wrap(some) for some in (frames[:2], frames[2:]) if some)
    cut = pieces(draw, b"".join(frames))
    return b"".join(writer.segment(part, draw(st.booleans())) for part in cut)


def pieces(draw: Any, data: bytes) -> list[bytes]:
    """Cut bytes at any places."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@contextlib.contextmanager
def implementation(compiled: bool) -> Iterator[Any]:
    """Have connections made here run compiled code, or Python; give the class of readers."""
    if not compiled:
        yield SegmentReader
        return
    frames, segments = cql_speedups.frames, cql_speedups.segments
    with (
        patch.object(client, "receive_results", frames.receive_results),
        patch.object(client, "receive_segments", segments.receive_segments),
        patch.object(base, "receive_segments", segments.receive_segments),
    ):
        yield segments.SegmentReader


class Talk:
    """A client that is given a server's bytes; `told` is all that came of them, in order."""

    def __init__(self, version: int, packed: bool, manners: Sequence[int], reader: Any) -> None:
        self.told: list[Any] = []
        self.client = ClientConnection(version, max_frame_size=LIMIT)
        self.client.state = State.READY
        self.client.compressor = Lz4Compressor() if packed else None
        if version >= 5:
            self.client._segments_in = reader(self.client.compressor)
        waiting = [self._receiver(number, manner) for number, manner in enumerate(manners)]
        self.client.streams.waiting[:] = waiting
        self.client.streams.orphans = waiting.count(ORPHAN)

    def _receiver(self, number: int, manner: int) -> Any:
        def receiver(answer: Any) -> None:
            self.told.append((number, described(answer)))
            if manner == 1:
                raise ValueError(f"receiver {number} fails")
            if manner == 2:
                raise KeyboardInterrupt(f"at receiver {number}")
            if manner == 3:
                self.client.close()
            if manner == 4 and self.client.state is State.READY:
                # The next request takes the stream that has just become free.
                taken = self.client.streams.take(receiver)
                self.told.append(("stream", taken))

        return ORPHAN if manner == 5 else None if manner == 6 else receiver

    def hear(self, data: Sequence[bytes]) -> None:
        """Take all bytes, or those until the connection has ended."""
        for part in data:
            if self.client.state is State.CLOSED:
                break
            try:
                self.client.receive_data(part)
            except (DriverException, KeyboardInterrupt) as error:
                self.told.append(described(error))
        while (event := self.client.next_event()) is not None:
            if isinstance(event, Answer):
                self.told.append((event.stream, described(event.response)))
            elif isinstance(event, ReceiverFailed):
                self.told.append((event.stream, described(event.error)))
            else:
                self.told.append(described(event))

    def standing(self) -> Any:
        """Return what a connection remembers."""
        streams = self.client.streams
        kinds = [None if each is None else each is ORPHAN for each in streams.waiting]
        return self.client.state, kinds, streams._free, streams.orphans, self.client._inbox.size


def described(answer: Any) -> Any:
    """Return what an answer is, so that it can be compared."""
    if isinstance(answer, BaseException):
        cause = answer.__cause__
        return type(answer), str(answer), type(cause), str(cause), vars(answer)
    if isinstance(answer, RawRows):
        known = answer.metadata, answer.row_count, answer.body, answer.offset, answer.extras
        return RawRows, *map(repr, known)
    return type(answer), samples.content(answer)


@settings(max_examples=400)
@given(exchange=exchanges())
def test_answers(exchange: tuple[int, bool, list[int], list[bytes]]) -> None:
    version, packed, manners, data = exchange
    talks = []
    for compiled in (False, True):
        with implementation(compiled) as reader:
            talk = Talk(version, packed, manners, reader)
            talk.hear(data)
            talks.append(talk)
    python, compiled_talk = talks
    assert python.told == compiled_talk.told
    assert python.standing() == compiled_talk.standing()


def _texts() -> SearchStrategy[bytes]:
    """Bytes that lz4 can do something with, and some that it cannot."""
    words = st.lists(st.sampled_from([b"abc", b"\0" * 9, b"key=value;", b"x"]), max_size=60)
    return st.binary(max_size=400) | words.map(b"".join) | st.binary(max_size=5).map(_repeated)


def _repeated(data: bytes) -> bytes:
    return data * (MAX_PAYLOAD // 3)


@settings(max_examples=200)
@given(frames=st.lists(_texts(), max_size=6), packed=st.booleans())
def test_segments_are_the_same(frames: list[bytes], packed: bool) -> None:
    compressor = Lz4Compressor() if packed else None
    python = SegmentWriter(compressor).wrap(frames)
    compiled = cql_speedups.segments.SegmentWriter(compressor).wrap(frames)
    if not packed:
        assert compiled == python
    for reader in (SegmentReader, cql_speedups.segments.SegmentReader):
        # Blocks of lz4 may be packed in several ways, and say the same.
        found = [list(reader(compressor).feed(data)) for data in (python, compiled)]
        assert found[0] == found[1]
        assert b"".join(payload for payload, _ in found[0]) == b"".join(frames)


@given(data=st.binary(max_size=3000))
def test_checksums(data: bytes) -> None:
    compiled = cql_speedups.segments
    assert compiled.crc24(data) == python_segments.crc24(data)
    assert compiled.payload_crc(data) == zlib.crc32(data, zlib.crc32(b"\xfa\x2d\x55\xca"))


class PlainCompressor:
    """A plugin that protocol 5 can use: what it packs is a byte shorter, or longer."""

    name = "plain"

    def compress_block(self, data: bytes) -> bytes:
        return data[1:] if data[:1] == b"a" else b"z" + data

    def decompress_block(self, data: bytes, size: int) -> bytes:
        assert size == len(data) + 1
        return b"a" + data


@given(frames=st.lists(st.sampled_from([b"abc", b"a", b"cde", b""]), max_size=3))
def test_compressors_of_others(frames: list[bytes]) -> None:
    plugin: Any = PlainCompressor()
    python = SegmentWriter(plugin).wrap(frames)
    assert cql_speedups.segments.SegmentWriter(plugin).wrap(frames) == python
    found = [
        list(reader(plugin).feed(python))
        for reader in (SegmentReader, cql_speedups.segments.SegmentReader)
    ]
    assert found[0] == found[1]


@settings(max_examples=300)
@given(data=_texts(), damage=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=2))
def test_blocks(data: bytes, damage: list[tuple[int, int]]) -> None:
    blocks = cql_speedups.blocks
    assert lz4_block.decompress(blocks.pack(data), uncompressed_size=len(data)) == data
    block = bytearray(lz4_block.compress(data, store_size=False))
    for at, value in damage:
        block[at % len(block)] = value
    for size in (len(data), len(data) // 2, len(data) + 1):
        kind, found = outcome(lz4_block.decompress, bytes(block), size)
        ours = blocks.unpack(bytes(block), size)
        if kind == "returned" and len(found) == size:
            assert ours in (None, found)
        else:
            assert ours is None
    if not damage:
        assert blocks.unpack(bytes(block), len(data)) == data


@pytest.mark.parametrize("size", [0, 1, 12, 13, 14, 15, 270, 4096, 65535, 65536, 65537, 200_000])
def test_blocks_of_many_sizes(size: int) -> None:
    blocks = cql_speedups.blocks
    for plain in (bytes(size), (bytes(range(256)) * (size // 256 + 1))[:size]):
        block = lz4_block.compress(plain, store_size=False)
        assert blocks.unpack(block, size) == plain
        assert blocks.unpack(blocks.pack(plain), size) == plain


@pytest.mark.parametrize("block", [b"", b"\x01", b"\x02", b"\x10", b"\xf0", b"\x00\x00", b"\x0fxy"])
def test_blocks_that_are_none(block: bytes) -> None:
    """One of them the fuzzer found: a block of nothing is a single byte, which is 0."""
    assert cql_speedups.blocks.unpack(block, 0) is None
    assert cql_speedups.blocks.unpack(b"\0", 0) == b""
