"""snappy, by the package cramjam: ``pip install 'cql-protocol[snappy]'``.

A compressed frame body is a raw snappy block, which begins with its uncompressed length
(spec v4 section 5; the format in google/snappy, format_description.txt). Protocol 5 has no
snappy.
"""

from __future__ import annotations

from cramjam import DecompressionError
from cramjam import snappy as _snappy

from cql_protocol.errors import FrameTooLarge, RemoteProtocolError

__all__ = ["SnappyCompressor"]

_MOST_PER_BYTE = 22
"""A copy of 64 bytes takes three: no block expands further than 64 / 3."""


class SnappyCompressor:
    """Compresses with snappy's raw format."""

    name = "snappy"

    def compress(self, data: bytes) -> bytes:
        """Return the raw block of `data`."""
        return bytes(_snappy.compress_raw(data))

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Return what the raw block holds."""
        size = _announced(data)
        if size > limit:
            raise FrameTooLarge(f"a snappy body announces {size:,} bytes; {limit:,} are allowed")
        if size > len(data) * _MOST_PER_BYTE:
            raise RemoteProtocolError(
                f"a snappy block of {len(data)} bytes cannot hold the {size} it announces"
            )
        try:
            plain = bytes(_snappy.decompress_raw(data))
        except DecompressionError as exc:
            raise RemoteProtocolError(f"a damaged snappy block: {exc}") from exc
        if len(plain) != size:
            raise RemoteProtocolError(
                f"a snappy block holds {len(plain)} bytes, but {size} were announced"
            )
        return plain


def _announced(data: bytes) -> int:
    """Read the uncompressed length: a little-endian varint of at most five bytes."""
    size = 0
    for index, byte in enumerate(data[:5]):
        size |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return size
    raise RemoteProtocolError("a snappy body lacks its length")
