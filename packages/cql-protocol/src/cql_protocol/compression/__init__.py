"""Compression of frame bodies (protocol 3 and 4) and of segments (protocol 5).

A compressor is a plugin of the group ``cql_protocol.compressors``, found by the name that
STARTUP carries. lz4 and snappy come with this distribution as extras.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object  # not to load typing for it

__all__ = ["Compressor", "SegmentCompressor"]


class Compressor(Protocol):
    """Compresses whole frame bodies, as protocol 3 and 4 want it (spec v4 section 5)."""

    name: str
    """The name in SUPPORTED and STARTUP."""

    def compress(self, data: bytes) -> bytes:
        """Return `data` as the body of a compressed frame."""

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Return what the body of a compressed frame holds.

        Raises `RemoteProtocolError` when it is damaged, or announces more than `limit`
        bytes or more than it can hold; nothing is allocated for such an announcement.
        """


class SegmentCompressor(Compressor, Protocol):
    """A compressor that protocol 5 can use too, where the segment's header has the size."""

    def compress_block(self, data: bytes) -> bytes:
        """Return `data` compressed, without its length."""

    def decompress_block(self, data: bytes, size: int) -> bytes:
        """Return the `size` bytes that the block `data` holds, or raise as `decompress`."""
