"""Frames out of the segments of protocol 5, for both ends."""

from __future__ import annotations

from cql_protocol._accel import compiled
from cql_protocol.errors import RemoteProtocolError

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_protocol.connection.base import Connection
    from cql_protocol.segments import SegmentReader

__all__ = ["receive_segments"]


def receive_segments(connection: Connection, segments: SegmentReader, data: bytes) -> None:
    """Give the frames in the segments that `data` completes to a connection."""
    inbox = connection._inbox
    for payload, self_contained in segments.feed(data):
        if self_contained and inbox.size:
            raise RemoteProtocolError(
                f"a self-contained segment, while {inbox.size} bytes of a frame are pending"
            )
        connection._receive_frames(payload)
        if self_contained and inbox.size:
            raise RemoteProtocolError("a self-contained segment that ends within a frame")


receive_segments = compiled("segments", "receive_segments", receive_segments)
