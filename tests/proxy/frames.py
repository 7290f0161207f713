"""Frames on their way through a proxy, and the two sides that they come from and go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from cql_protocol.connection.base import (
    DEFAULT_MAX_FRAME_SIZE,
    HEADER_SIZE,
    Inbox,
    pack_header,
    unpack_header,
)
from cql_protocol.errors import RemoteProtocolError
from cql_protocol.messages import Batch, opcodes
from cql_protocol.messages.codec import decode_request, decode_response
from cql_protocol.messages.opcodes import FLAG_COMPRESSED, FLAG_CUSTOM_PAYLOAD
from cql_protocol.segments import SegmentReader, SegmentWriter
from cql_protocol.wire import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.proxy.tunnel import Tunnel

__all__ = ["Frame", "Side", "Wire"]


class Frame:
    """One frame. `body` is as it is on the wire; `message` and `statement` look into it.

    `version` has no direction bit; `response` says which way the frame goes. `request` is the
    request that a response answers: None for events, and where that is not known.
    """

    __slots__ = (
        "body",
        "flags",
        "opcode",
        "request",
        "response",
        "stream",
        "tunnel",
        "version",
        "_statement",
    )

    def __init__(self, tunnel: Tunnel, head: tuple[int, int, int, int], body: bytes) -> None:
        version, self.flags, self.stream, self.opcode = head
        self.tunnel = tunnel
        self.version = version & 0x7F
        self.response = bool(version & 0x80)
        self.body = body
        self.request: Frame | None = None
        self._statement: str | None = None

    @property
    def plain(self) -> bytes:
        """The body, decompressed."""
        if self.flags & FLAG_COMPRESSED and self.version < 5:
            compressor = self.tunnel.compressor
            assert compressor is not None, "a compressed frame, but STARTUP asked for none"
            return compressor.decompress(self.body, DEFAULT_MAX_FRAME_SIZE)
        return self.body

    @property
    def message(self) -> Any:
        """The message; of ERROR, the exception. Raises `RemoteProtocolError` for what is none."""
        dialect = self.tunnel.dialect
        if self.response:
            return decode_response(self.opcode, self.flags, self.plain, dialect)
        return decode_request(self.opcode, self.flags, self.plain, dialect)[0]

    @property
    def statement(self) -> str:
        """The text of the statement, prepared or not, that a request carries or a response is to.

        The texts of a batch are joined by "; ". "" where there is none.
        """
        if self._statement is None:
            if self.response:
                self._statement = "" if self.request is None else self.request.statement
            else:
                self._statement = self._text()
        return self._statement

    def _text(self) -> str:
        texts = self.tunnel.texts
        if self.opcode == opcodes.BATCH:
            batch = self.message
            assert isinstance(batch, Batch)
            found = [entry.statement for entry in batch.entries]
            return "; ".join(texts.get(s, "") if isinstance(s, bytes) else s for s in found)
        if self.opcode not in (opcodes.QUERY, opcodes.PREPARE, opcodes.EXECUTE):
            return ""
        reader = Reader(self.plain)
        if self.flags & FLAG_CUSTOM_PAYLOAD:
            reader.bytes_map()
        if self.opcode == opcodes.EXECUTE:
            return texts.get(reader.short_bytes(), "")
        return reader.long_string()

    def __bytes__(self) -> bytes:
        """The frame as it came."""
        version = self.version | (0x80 if self.response else 0)
        return (
            pack_header(version, self.flags, self.stream, self.opcode, len(self.body)) + self.body
        )

    def __repr__(self) -> str:
        name = opcodes.NAMES.get(self.opcode, f"0x{self.opcode:02x}")
        text = f" {self.statement[:60]!r}" if self.statement else ""
        return f"<Frame {name} stream {self.stream}, {len(self.body)} bytes{text}>"


class Wire(Protocol):
    """A stream to one of the two peers."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def close(self) -> None:
        """End the stream once everything is sent."""

    def abort(self, reset: bool) -> None:
        """End it at once: by a reset, or as a peer that closes it."""


class Side:
    """One side of a tunnel: frames are cut out of what comes, and packed into what goes.

    On protocol 5 both are segments, from `settle` on. Checksums are checked on the way in and
    computed anew on the way out.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._inbox = Inbox()
        self._reader: SegmentReader | None = None
        self._writer: SegmentWriter | None = None
        self._frames: list[bytes] = []
        self._kept: list[bytes] = []
        self.frozen = False
        """Whether what goes is kept back."""

    @property
    def settled(self) -> bool:
        """Whether frames travel in segments."""
        return self._writer is not None

    def settle(self, compressor: Any) -> None:
        """Change over to segments, both ways."""
        self.flush()
        self._reader = SegmentReader(compressor)
        self._writer = SegmentWriter(compressor)

    def cut(self, data: bytes, take: Callable[[tuple[int, int, int, int], bytes], None]) -> None:
        """Call `take` with the head and the body of each frame that `data` completes.

        Raises `RemoteProtocolError` when the stream of bytes is broken.
        """
        if self._reader is not None:
            for payload, _ in self._reader.feed(data):
                self._cut_frames(payload, take)
        else:
            self._cut_frames(data, take)

    def _cut_frames(
        self, data: bytes, take: Callable[[tuple[int, int, int, int], bytes], None]
    ) -> None:
        data = self._inbox.add(data)
        at, size, reader = 0, len(data), self._reader
        while size - at >= HEADER_SIZE:
            *head, length = unpack_header(data, at)
            if not 0 <= length <= DEFAULT_MAX_FRAME_SIZE:
                raise RemoteProtocolError(f"a frame with a body of {length} bytes")
            end = at + HEADER_SIZE + length
            if end > size:
                self._inbox.keep(data[at:], HEADER_SIZE + length)
                return
            body = data[at + HEADER_SIZE : end]
            at = end
            take((head[0], head[1], head[2], head[3]), body)
            if self._reader is not reader:
                self.cut(data[at:], take)
                return
        self._inbox.keep(data[at:], HEADER_SIZE)

    def put(self, frame: bytes) -> None:
        """Have a frame go with the next `flush`."""
        self._frames.append(frame)

    def pack(self, frame: bytes) -> bytes:
        """Return the bytes on the wire for a frame that goes alone."""
        return frame if self._writer is None else self._writer.wrap((frame,))

    def flush(self) -> None:
        """Send the frames that were put."""
        if self._frames:
            frames, self._frames = self._frames, []
            self.write(b"".join(frames) if self._writer is None else self._writer.wrap(frames))

    def write(self, data: bytes) -> None:
        """Send bytes as they are, behind the frames that were put before."""
        self.flush()
        if self.frozen:
            self._kept.append(data)
        else:
            self.wire.write(data)

    def thaw(self) -> None:
        """Send what was kept back."""
        self.frozen = False
        kept, self._kept = self._kept, []
        if kept:
            self.wire.write(b"".join(kept))
