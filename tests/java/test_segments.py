"""Segments of protocol 5: our bytes are Java's, each reads the other's, damage is found."""

from __future__ import annotations

import itertools
import random

import pytest

from cql_protocol.compression.lz4 import Lz4Compressor
from cql_protocol.errors import RemoteProtocolError
from cql_protocol.messages import Prepare
from cql_protocol.segments import MAX_PAYLOAD, SegmentReader, SegmentWriter
from tests.java.frames import request_frame, response_frame
from tests.java.oracle import Oracle, OracleError
from tests.protocol import samples

pytestmark = pytest.mark.java
COMPRESSIONS = ("none", "lz4")
# Around one and two full segments, exact multiples, and one as in the specification's example.
SIZES = (131_070, 131_071, 131_072, 262_141, 262_142, 262_143, 300_000, 3 * MAX_PAYLOAD)
OVERHEAD = len(request_frame(Prepare(""), 5))


def _compressor(compression: str) -> Lz4Compressor | None:
    return Lz4Compressor() if compression == "lz4" else None


def _sized(size: int, kind: str = "text") -> bytes:
    """A frame of just `size` bytes, which lz4 can make smaller, or cannot."""
    length = size - OVERHEAD
    rng = random.Random(size)
    letters = "ab" if kind == "text" else "".join(map(chr, range(128)))
    frame = request_frame(Prepare("".join(rng.choices(letters, k=length))), 5)
    assert len(frame) == size
    return frame


def _read(data: bytes, compression: str) -> list[tuple[bytes, bool]]:
    return list(SegmentReader(_compressor(compression)).feed(data))


class _JavaBlocks(Lz4Compressor):
    """lz4 whose blocks are those that Java made: two compressors need not choose the same bytes."""

    def __init__(self, segments: list[bytes]) -> None:
        self.blocks: dict[bytes, bytes] = {}
        for segment in segments:
            ((plain, _),) = _read(segment, "lz4")
            self.blocks[plain] = segment[8:-4]

    def compress_block(self, data: bytes) -> bytes:
        return self.blocks[data]


def _agree(oracle: Oracle, frames: list[bytes], compression: str) -> list[bytes]:
    """Both make the same segments of `frames`, and read them alike; return Java's."""
    theirs = oracle.segments(frames, compression)
    compressor = _JavaBlocks(theirs) if compression == "lz4" else None
    equal = SegmentWriter(compressor).wrap(frames) == b"".join(theirs)
    assert equal  # comparing in the assertion would print hundreds of kilobytes
    ours = SegmentWriter(_compressor(compression)).wrap(frames)
    read = _read(ours, compression)
    equal = oracle.unwrap(ours, compression) == read == _read(b"".join(theirs), compression)
    assert equal
    equal = b"".join(payload for payload, _ in read) == b"".join(frames)
    assert equal
    assert len(read) == len(theirs)
    return theirs


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_small_frames_share_a_segment(oracle: Oracle, compression: str) -> None:
    frames = [request_frame(request, 5) for _, request in samples.requests(5)][:40]
    for count in (1, 2, 40):
        assert len(_agree(oracle, frames[:count], compression)) == 1
    answers = [response_frame(message, 5) for _, message in samples.responses(5)]
    assert len(_agree(oracle, answers, compression)) == 1


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size", SIZES)
def test_large_frames_are_split(oracle: Oracle, compression: str, size: int) -> None:
    for kind in ("text", "noise"):
        segments = _agree(oracle, [_sized(size, kind)], compression)
        assert len(segments) == -(-size // MAX_PAYLOAD)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_full_segments_make_room(oracle: Oracle, compression: str) -> None:
    """Frames that fill a segment to the last byte, and one byte more."""
    rest = 50
    for last in (rest, rest + 1):
        frames = [_sized(MAX_PAYLOAD - rest), _sized(last)]
        assert len(_agree(oracle, frames, compression)) == last - rest + 1


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_what_lz4_cannot_make_smaller(oracle: Oracle, compression: str) -> None:
    noise = response_frame(samples.AuthSuccess(random.Random(1).randbytes(5000)), 5)
    (segment,) = _agree(oracle, [noise], compression)
    head = 6 if compression == "none" else 8
    assert segment[head:-4] == noise  # as it is: the header says that it is not compressed


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_large_between_small(oracle: Oracle, compression: str) -> None:
    """What Java would reorder: it sends a large frame before the small ones that wait.

    Here the small ones go first, so that requests leave in the order they were given.
    """
    small, large = _sized(100), _sized(300_000)
    ours = SegmentWriter(_compressor(compression)).wrap([small, large, small])
    assert b"".join(p for p, _ in oracle.unwrap(ours, compression)) == small + large + small
    theirs = b"".join(oracle.segments([small, large, small], compression))
    assert b"".join(p for p, _ in _read(theirs, compression)) == large + small + small


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_random_frames(oracle: Oracle, compression: str) -> None:
    rng = random.Random(55)
    for _ in range(60):
        frames = [
            request_frame(samples.random_request(rng, 5), 5) for _ in range(rng.randrange(1, 30))
        ]
        _agree(oracle, frames, compression)


# --- damage ------------------------------------------------------------------------------------


def _refused(oracle: Oracle, damaged: bytes, compression: str) -> None:
    with pytest.raises(OracleError, match="CrcMismatch"):
        oracle.unwrap(damaged, compression)
    with pytest.raises(RemoteProtocolError, match="damaged segment"):
        _read(damaged, compression)


def _flipped(data: bytes, bit: int) -> bytes:
    out = bytearray(data)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("kind", ["text", "noise"])
def test_every_flipped_bit_of_a_header(oracle: Oracle, compression: str, kind: str) -> None:
    segment = SegmentWriter(_compressor(compression)).wrap([_sized(300, kind)])
    bits = 8 * (6 if compression == "none" else 8)
    for bit in range(bits):
        _refused(oracle, _flipped(segment, bit), compression)
    # CRC24 finds every two flipped bits of so short a header.
    for one, other in random.Random(6).sample([*itertools.combinations(range(bits), 2)], 200):
        _refused(oracle, _flipped(_flipped(segment, one), other), compression)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_flipped_bits_of_payloads_and_their_crc(oracle: Oracle, compression: str) -> None:
    rng = random.Random(5)
    for size in (50, 3000, 131_071):
        segment = SegmentWriter(_compressor(compression)).wrap([_sized(size)])
        start, end = 8 * (6 if compression == "none" else 8), 8 * len(segment)
        chosen = {rng.randrange(start, end) for _ in range(40 if size < 10_000 else 6)}
        for bit in sorted(chosen | set(range(end - 32, end))) if size < 10_000 else chosen:
            _refused(oracle, _flipped(segment, bit), compression)
