"""The two checksums of segments (spec v5 section 2.1): CRC24 of headers, CRC32 of payloads."""

from __future__ import annotations

from zlib import crc32

__all__ = ["crc24", "payload_crc"]

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
