"""lz4, by the package of that name: ``pip install 'cql-protocol[lz4]'``.

A compressed frame body is the uncompressed length as a big-endian int, then one lz4 block
(spec v4 section 5); a segment holds the bare block (spec v5, segments).
"""

from __future__ import annotations

from struct import Struct

from lz4 import block

from cql_protocol._accel import compiled
from cql_protocol.errors import FrameTooLarge, RemoteProtocolError

__all__ = ["Lz4Compressor"]

_length = Struct(">i")
_MOST_PER_BYTE = 255
"""lz4 cannot expand one byte into more: a length byte of 255 stands for 255 bytes."""


def pack(data: bytes) -> bytes:
    """Return the block of `data`."""
    packed: bytes = block.compress(data, store_size=False)
    return packed


def unpack(data: bytes, size: int) -> bytes | None:
    """Return the `size` bytes of the block `data`.

    The compiled twin returns None for what it cannot read, where this tells what is wrong.
    """
    try:
        plain: bytes = block.decompress(data, uncompressed_size=size)
    except (block.LZ4BlockError, ValueError, MemoryError) as exc:
        raise RemoteProtocolError(f"a damaged lz4 block: {exc}") from exc
    if len(plain) != size:
        raise RemoteProtocolError(
            f"an lz4 block holds {len(plain)} bytes, but {size} were announced"
        )
    return plain


_unpack_by_package = unpack

pack = compiled("blocks", "pack", pack)
unpack = compiled("blocks", "unpack", unpack)


class Lz4Compressor:
    """Compresses with lz4's fast mode."""

    name = "lz4"

    def compress(self, data: bytes) -> bytes:
        """Return the length of `data` and its block."""
        return _length.pack(len(data)) + self.compress_block(data)

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Return what the length and block in `data` hold."""
        if len(data) < 4:
            raise RemoteProtocolError(f"an lz4 body of {len(data)} bytes lacks its length")
        size = _length.unpack_from(data)[0]
        if size > limit:
            raise FrameTooLarge(f"an lz4 body announces {size:,} bytes; {limit:,} are allowed")
        return self.decompress_block(data[4:], size)

    def compress_block(self, data: bytes) -> bytes:
        """Return the block of `data`."""
        return pack(data)

    def decompress_block(self, data: bytes, size: int) -> bytes:
        """Return the `size` bytes of the block `data`."""
        if not 0 <= size <= len(data) * _MOST_PER_BYTE:
            raise RemoteProtocolError(
                f"an lz4 block of {len(data)} bytes cannot hold the {size} bytes it announces"
            )
        plain = unpack(data, size)
        if plain is None:
            plain = _unpack_by_package(data, size)
            assert plain is not None
        return plain
