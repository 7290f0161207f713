"""The hash of Cassandra's Murmur3Partitioner, which turns a partition key into a token.

It is the first half of MurmurHash3_x64_128 with seed 0, but for one thing: the server reads
the last, incomplete block of 16 bytes with Java's signed bytes. A byte above 127 flips every
bit above its own there. All data of all clusters are placed by this, so it stays.
"""

from __future__ import annotations

from struct import Struct

from cql_protocol._accel import compiled

__all__ = ["murmur3"]

_blocks = Struct("<QQ").iter_unpack

_MASK = 0xFFFFFFFFFFFFFFFF
_C1 = 0x87C37B91114253D5
_C2 = 0x4CF5AD432745937F
_LOW_BITS = 0x0101010101010101
_HIGH_BITS = 0x80808080808080808080808080808080


def _signed(k: int) -> int:
    """Return the 64-bit word `k` as if each of its bytes had been sign-extended and xored in."""
    flips = k >> 7 & _LOW_BITS
    flips ^= flips << 8
    flips ^= flips << 16
    flips ^= flips << 32
    # Byte n is inverted when an odd number of the bytes below it are negative.
    return k ^ (flips << 8 & _LOW_BITS) * 255


def murmur3(data: bytes | bytearray | memoryview) -> int:
    """Return the hash of `data` as a signed 64-bit integer.

    It is the token of a partition key but for the one value that Cassandra reserves: -2**63
    is returned as it is; `cql_protocol.tokens.Murmur3Token.from_key` replaces it.

    Example::

        >>> murmur3(b"123")
        -7468325962851647638
    """
    if type(data) is not bytes:
        data = memoryview(data).tobytes()
    size = len(data)
    h1 = h2 = 0
    body = size & ~15
    if body:
        for k1, k2 in _blocks(data[:body]):
            k1 = k1 * _C1 & _MASK
            h1 ^= (k1 << 31 | k1 >> 33) * _C2 & _MASK
            h1 = ((h1 << 27 | h1 >> 37) + h2) * 5 + 0x52DCE729 & _MASK
            k2 = k2 * _C2 & _MASK
            h2 ^= (k2 << 33 | k2 >> 31) * _C1 & _MASK
            h2 = ((h2 << 31 | h2 >> 33) + h1) * 5 + 0x38495AB5 & _MASK
    if size != body:
        tail = int.from_bytes(data[body:], "little")
        k1 = tail & _MASK
        k2 = tail >> 64
        if tail & _HIGH_BITS:
            k1 = _signed(k1)
            k2 = _signed(k2)
        if k2:
            k2 = k2 * _C2 & _MASK
            h2 ^= (k2 << 33 | k2 >> 31) * _C1 & _MASK
        k1 = k1 * _C1 & _MASK
        h1 ^= (k1 << 31 | k1 >> 33) * _C2 & _MASK
    h2 ^= size
    h1 = (h1 ^ size) + h2 & _MASK
    h2 = h1 + h2 & _MASK
    h1 = (h1 ^ h1 >> 33) * 0xFF51AFD7ED558CCD & _MASK
    h1 = (h1 ^ h1 >> 33) * 0xC4CEB9FE1A85EC53 & _MASK
    h2 = (h2 ^ h2 >> 33) * 0xFF51AFD7ED558CCD & _MASK
    h2 = (h2 ^ h2 >> 33) * 0xC4CEB9FE1A85EC53 & _MASK
    token = (h1 ^ h1 >> 33) + (h2 ^ h2 >> 33) & _MASK
    return token - 0x10000000000000000 if token >> 63 else token


murmur3 = compiled("murmur3", "murmur3", murmur3)
