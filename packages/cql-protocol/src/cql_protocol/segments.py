"""Segments: the checksummed envelope of protocol 5 (spec v5 section 2).

A segment is a header with its CRC24, a payload of at most 131,071 bytes, and the payload's
CRC32; all of it little-endian. The header is a number of bits, from the lowest: without
compression 17 for the payload's length and one for *self-contained*; with compression 17
for the length on the wire, 17 for the length after decompression (0: the payload is not
compressed) and one for *self-contained*. A self-contained segment holds whole frames; the
others hold the parts of one large frame.
"""

from __future__ import annotations

from zlib import crc32

from cql_protocol._accel import compiled
from cql_protocol.errors import RemoteProtocolError

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cql_protocol.compression import SegmentCompressor

__all__ = ["MAX_PAYLOAD", "SegmentReader", "SegmentWriter", "crc24", "payload_crc"]

_CRC24_INIT = 0x875060
_CRC24_POLY = 0x1974F0B

_PAYLOAD_SEED = crc32(b"\xfa\x2d\x55\xca")
"""The payload's checksum begins with four fixed bytes, so that zeros do not sum to zero."""


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 16
        for _ in range(8):
            value <<= 1
            if value & 0x1000000:
                value ^= _CRC24_POLY
        table.append(value)
    return tuple(table)


_TABLE = _table()


def crc24(data: bytes) -> int:
    """Return the CRC24 of a segment's header: 3 bytes, or 5 where segments are compressed.

    >>> hex(crc24(bytes.fromhex("440002")))
    '0xb091a7'
    """
    value = _CRC24_INIT
    for byte in data:
        value = (value << 8 & 0xFFFFFF) ^ _TABLE[value >> 16 ^ byte]
    return value


def payload_crc(data: bytes) -> int:
    """Return the CRC32 of a segment's payload as it is on the wire."""
    return crc32(data, _PAYLOAD_SEED)


MAX_PAYLOAD = (1 << 17) - 1
_CRC24_SIZE = 3
_CRC32_SIZE = 4
_PLAIN_HEADER = 3
_COMPRESSED_HEADER = 5

# A CRC24 in Python costs as much as the rest of a small segment, and the same few lengths come
# again and again. Headers that were made, or read and found right, are remembered.
_REMEMBERED = 4096
_made: dict[tuple[int, int], bytes] = {}
_right: dict[bytes, tuple[int, int, bool]] = {}


def _header_of(bits: int, size: int) -> bytes:
    """Return a header of `size` bytes with its CRC24 behind it."""
    header = _made.get((bits, size))
    if header is None:
        plain = bits.to_bytes(size, "little")
        header = plain + crc24(plain).to_bytes(_CRC24_SIZE, "little")
        if len(_made) >= _REMEMBERED:
            _made.clear()
        _made[bits, size] = header
    return header


def _parse_header(header: bytes) -> tuple[int, int, bool]:
    """Check a header; return (length, length after decompression or 0, self-contained)."""
    size = len(header) - _CRC24_SIZE
    sent = int.from_bytes(header[size:], "little")
    computed = crc24(header[:size])
    if sent != computed:
        raise RemoteProtocolError(
            f"a damaged segment header: its CRC24 says 0x{sent:06x}, "
            f"its bytes give 0x{computed:06x}"
        )
    bits = int.from_bytes(header[:size], "little")
    if size == _PLAIN_HEADER:
        parsed = bits & MAX_PAYLOAD, 0, bool(bits >> 17 & 1)
    else:
        parsed = bits & MAX_PAYLOAD, bits >> 17 & MAX_PAYLOAD, bool(bits >> 34 & 1)
    if len(_right) >= _REMEMBERED:
        _right.clear()
    _right[header] = parsed
    return parsed


class SegmentWriter:
    """Puts frames into segments, packed or split as their sizes want it."""

    __slots__ = ("_compressor", "_header_size")

    def __init__(self, compressor: SegmentCompressor | None = None) -> None:
        self._compressor = compressor
        self._header_size = _PLAIN_HEADER if compressor is None else _COMPRESSED_HEADER

    def wrap(self, frames: Iterable[bytes]) -> bytes:
        """Return the segments that carry `frames`, in order.

        Small frames share a segment; one above `MAX_PAYLOAD` is split over several.
        """
        out: list[bytes] = []
        batch: list[bytes] = []
        size = 0
        for frame in frames:
            length = len(frame)
            if size + length > MAX_PAYLOAD and batch:
                out.append(self.segment(b"".join(batch), True))
                batch, size = [], 0
            if length > MAX_PAYLOAD:
                for start in range(0, length, MAX_PAYLOAD):
                    out.append(self.segment(frame[start : start + MAX_PAYLOAD], False))
                continue
            batch.append(frame)
            size += length
        if batch:
            out.append(self.segment(b"".join(batch), True))
        return out[0] if len(out) == 1 else b"".join(out)

    def segment(self, payload: bytes, self_contained: bool) -> bytes:
        """Return one segment around `payload`, compressed when that makes it smaller."""
        plain = len(payload)
        if self._compressor is None:
            bits = plain | self_contained << 17
        else:
            packed = self._compressor.compress_block(payload)
            if len(packed) < plain:
                bits = len(packed) | plain << 17 | self_contained << 34
                payload = packed
            else:
                bits = plain | self_contained << 34
        checksum = payload_crc(payload).to_bytes(_CRC32_SIZE, "little")
        return b"".join((_header_of(bits, self._header_size), payload, checksum))


class SegmentReader:
    """Cuts segments out of a stream of bytes and checks them.

    A damaged header or payload is a `RemoteProtocolError`; after one the stream cannot be
    read on, since nothing tells where the next segment begins.
    """

    __slots__ = ("_compressor", "_header_size", "_need", "_parts", "_size")

    def __init__(self, compressor: SegmentCompressor | None = None) -> None:
        self._compressor = compressor
        self._header_size = _PLAIN_HEADER if compressor is None else _COMPRESSED_HEADER
        self._parts: list[bytes] = []
        self._size = 0
        self._need = 0

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        """Yield (payload, self-contained) of every segment that `data` completes."""
        self._parts.append(data)
        self._size += len(data)
        if self._size < self._need:
            return
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        at = 0
        head_end = self._header_size + _CRC24_SIZE
        self._need = head_end
        while len(data) - at >= head_end:
            start = at + head_end
            header = data[at:start]
            length, plain, self_contained = _right.get(header) or _parse_header(header)
            end = start + length
            if len(data) < end + _CRC32_SIZE:
                self._need = end + _CRC32_SIZE - at
                break
            payload = data[start:end]
            _check_payload(payload, data[end : end + _CRC32_SIZE])
            at = end + _CRC32_SIZE
            if plain and self._compressor is not None:
                payload = self._compressor.decompress_block(payload, plain)
            yield payload, self_contained
        rest = data[at:]
        self._parts[:] = (rest,) if rest else ()
        self._size = len(rest)


def _check_payload(payload: bytes, checksum: bytes) -> None:
    sent = int.from_bytes(checksum, "little")
    computed = payload_crc(payload)
    if sent != computed:
        raise RemoteProtocolError(
            f"a damaged segment of {len(payload)} bytes: its CRC32 says 0x{sent:08x}, "
            f"its bytes give 0x{computed:08x}"
        )


crc24 = compiled("segments", "crc24", crc24)
payload_crc = compiled("segments", "payload_crc", payload_crc)
SegmentWriter = compiled("segments", "SegmentWriter", SegmentWriter)  # type: ignore[misc]
SegmentReader = compiled("segments", "SegmentReader", SegmentReader)  # type: ignore[misc]
