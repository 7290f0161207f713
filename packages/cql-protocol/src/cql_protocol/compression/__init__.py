"""Compression of frame bodies (protocol 3 and 4) and of segments (protocol 5).

A compressor is a plugin of the group ``cql_protocol.compressors``, found by the name that
STARTUP carries. lz4 and snappy come with this distribution as extras.
"""

from __future__ import annotations

from cql_protocol.compression.base import Compressor, SegmentCompressor

__all__ = ["Compressor", "SegmentCompressor"]
