"""What both ends share: frames out of bytes, compression, and the change to segments."""

from __future__ import annotations

from struct import Struct

from cql_protocol.connection.segmented import receive_segments
from cql_protocol.connection.states import State
from cql_protocol.dialect import Dialect
from cql_protocol.errors import (
    DriverException,
    FrameTooLarge,
    LocalProtocolError,
    RemoteProtocolError,
)
from cql_protocol.messages.opcodes import FLAG_COMPRESSED
from cql_protocol.registry import COMPRESSORS
from cql_protocol.segments import SegmentReader, SegmentWriter

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from cql_protocol.compression import Compressor
    from cql_protocol.dialect import Features
    from cql_protocol.messages import Startup

__all__ = ["DEFAULT_MAX_FRAME_SIZE", "HEADER_SIZE", "Connection", "Inbox"]

DEFAULT_MAX_FRAME_SIZE = 256 * 1024 * 1024
HEADER = Struct(">BBhBi")
"""version and direction, flags, stream, opcode, length of the body (spec section 2)"""
HEADER_SIZE = 9

pack_header = HEADER.pack
unpack_header = HEADER.unpack_from
unpack_result = Struct(">HHBii").unpack_from
"""version and flags, stream, opcode, length, and the kind with which the body of a RESULT begins"""
LEAST_RESULT = HEADER_SIZE + 4

_FOR_SEGMENTS = ("compress_block", "decompress_block")
"""What a `SegmentCompressor` has beyond a `Compressor`."""


class Inbox:
    """Bytes that do not yet make a frame.

    A large frame arrives in thousands of pieces; they are joined once, when the frame can
    be complete, so that the work stays linear in its size.
    """

    __slots__ = ("_need", "_parts", "size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._need = 0
        self.size = 0

    def add(self, data: bytes) -> bytes:
        """Take `data`; return all bytes held once they may make a frame, else b""."""
        if not self._parts:
            return data
        self._parts.append(data)
        self.size += len(data)
        if self.size < self._need:
            return b""
        data = b"".join(self._parts)
        self._parts.clear()
        self.size = 0
        return data

    def keep(self, rest: bytes, need: int) -> None:
        """Hold back `rest` until there are `need` bytes in all."""
        if rest:
            self._parts.append(rest)
            self.size = len(rest)
            self._need = need


class Connection:
    """One end of a connection. `dialect` is what it speaks, `state` where it stands."""

    __slots__ = (
        "_inbox",
        "_segments_in",
        "_segments_out",
        "compressor",
        "dialect",
        "features",
        "max_frame_size",
        "state",
    )

    features: Features
    """What the server offers, as far as it is known."""

    def __init__(self, dialect: Dialect, features: Features, max_frame_size: int) -> None:
        if max_frame_size < HEADER_SIZE:
            raise LocalProtocolError(f"max_frame_size={max_frame_size} has no room for a frame")
        self.dialect = dialect
        self.features = features
        self.max_frame_size = max_frame_size
        self.state = State.NEW
        self.compressor: Compressor | None = None
        self._inbox = Inbox()
        self._segments_in: SegmentReader | None = None
        self._segments_out: SegmentWriter | None = None

    @property
    def version(self) -> int:
        """The protocol version in use."""
        return self.dialect.version

    def wrap(self, frames: Iterable[bytes]) -> bytes:
        """Return the bytes to put on the wire for `frames`, in order.

        On protocol 5 they are packed into segments, so that frames which leave together
        share a checksum.
        """
        if self._segments_out is None:
            return b"".join(frames)
        return self._segments_out.wrap(frames)

    def receive_data(self, data: bytes) -> None:
        """Take bytes that came from the peer.

        Raises `RemoteProtocolError` when the stream of bytes is broken beyond repair: the
        connection is then closed, and everything waiting on it has been told. A frame that
        is merely malformed concerns its own request alone.
        """
        if self.state is State.CLOSED:
            raise LocalProtocolError("bytes for a connection that is closed")
        try:
            if self._segments_in is None:
                self._receive_frames(data)
            else:
                receive_segments(self, self._segments_in, data)
        except RemoteProtocolError as exc:
            self.close(exc)
            raise

    def close(self, error: BaseException | None = None) -> None:
        """End the connection, because of `error` if there is one."""
        self.state = State.CLOSED

    def _receive_frames(self, data: bytes) -> None:
        """Cut `data` into frames and handle them."""
        raise NotImplementedError  # pragma: no cover - both ends override it

    def _check_length(self, length: int) -> None:
        """Raise when a frame announces a body that may not be."""
        if length < 0:
            raise RemoteProtocolError(f"a frame with a body of {length} bytes")
        if length > self.max_frame_size:
            raise FrameTooLarge(
                f"a frame announces {length:,} bytes; {self.max_frame_size:,} are allowed "
                "(max_frame_size)"
            )

    def _frame(self, direction: int, flags: int, stream: int, opcode: int, body: bytes) -> bytes:
        """Return the frame around `body`, which is compressed where that was agreed."""
        if self.compressor is not None and body and self.version < 5:
            body = self.compressor.compress(body)
            flags |= FLAG_COMPRESSED
        if len(body) > self.max_frame_size:
            raise LocalProtocolError(
                f"a message of {len(body):,} bytes; {self.max_frame_size:,} are allowed "
                "(max_frame_size): send fewer values at once"
            )
        return pack_header(direction | self.version, flags, stream, opcode, len(body)) + body

    def _decompress(self, flags: int, body: bytes) -> bytes:
        """Return the plain body of a frame; protocol 5 compresses segments instead."""
        if not flags & FLAG_COMPRESSED or self.version >= 5:
            return body
        if self.compressor is None:
            raise RemoteProtocolError("a compressed frame, but no compression was agreed")
        return self.compressor.decompress(body, self.max_frame_size)

    def _agreed(self, startup: Startup) -> tuple[Compressor | None, Dialect]:
        """Return the compressor and the dialect that this STARTUP asks for."""
        name = startup.options.get("COMPRESSION")
        compressor = load_compressor(name, self.version) if name else None
        return compressor, Dialect(self.version, self.features.enabled_by(startup.options))

    def _settle(self, refusal: DriverException | None) -> None:
        """Take over what STARTUP asked for, or forget it, now that it is answered.

        From version 5 on both sides change over to segments: what is left of the bytes at
        hand is segments already. Servers do so even when they refuse, so that no second
        STARTUP can follow; up to version 4 one can.
        """
        if refusal is not None:
            self.compressor = None
            self.dialect = Dialect(self.version)
            if self.version >= 5:
                self.close(refusal)
        elif self.version >= 5 and self._segments_in is None:
            compressor: Any = self.compressor  # `load_compressor` saw to it that it suits
            self._segments_in = SegmentReader(compressor)
            self._segments_out = SegmentWriter(compressor)


def load_compressor(name: str, version: int) -> Compressor:
    """Return the compressor called `name`, for a connection of this version.

    Raises `PluginError` when it cannot be had, and `LocalProtocolError` when the version
    cannot use it.
    """
    compressor: Compressor = COMPRESSORS.load(name)()
    if version >= 5 and not all(hasattr(compressor, name) for name in _FOR_SEGMENTS):
        raise LocalProtocolError(f"protocol 5 cannot compress by {name}: use lz4, or protocol 4")
    return compressor
