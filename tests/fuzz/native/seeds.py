"""What the fuzzer starts from in the compiled code: pages, frames and values that are sound."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator

from cql_protocol import types
from cql_protocol.compression.lz4 import Lz4Compressor
from cql_protocol.connection import ServerConnection
from cql_protocol.errors import DriverException
from cql_protocol.messages.codec import encode_response
from cql_protocol.messages.opcodes import RESULT
from cql_protocol.wire import write_bytes
from tests.fuzz.native.targets import FORMS, SHAPES
from tests.fuzz.seeds import _cells, _some_responses, _sound_segments
from tests.fuzz.targets import OPTIONS, TYPES, VERSIONS


def seeds(target: str) -> list[bytes]:
    """The seeds of a target, each once, in an order that does not change."""
    return list(dict.fromkeys(_MAKERS[target]()))


def _sound_cells() -> dict[types.CqlType, list[bytes]]:
    """Cells that can be read, by type."""
    found: dict[types.CqlType, list[bytes]] = defaultdict(list)
    for index, cell in _cells():
        try:
            TYPES[index].decode(cell)
        except DriverException:
            continue
        found[TYPES[index]].append(cell)
    return found


def _pages(options: int) -> Iterator[bytes]:
    rng = random.Random("pages")
    cells = _sound_cells()
    for number, shape in enumerate(SHAPES):
        for option in range(options):
            for count in (1, 3, 20):
                body = bytearray()
                for _ in range(count):
                    for column in shape:
                        cell = rng.choice(cells[column]) if rng.randrange(8) else None
                        body += write_bytes(cell)
                yield bytes([number, option, count]) + body


def _rows() -> Iterator[bytes]:
    return _pages(3 * len(OPTIONS))


def _columns() -> Iterator[bytes]:
    return _pages(len(FORMS))


def _frames() -> Iterator[bytes]:
    for index, version in enumerate(VERSIONS):
        for packed in (0, 1):
            server = ServerConnection((version,))
            if packed:
                server.compressor = Lz4Compressor()
            for number, message in enumerate(_some_responses(version)):
                opcode, flags, body = encode_response(message, server.dialect)
                frame = server._frame(0x80, flags, number % 4, opcode, body)
                yield bytes([index, packed, 4 * (number % 3)]) + 3 * frame
                yield bytes([index, packed, 61]) + frame + frame


def _large_frames() -> Iterator[bytes]:
    for index, version in enumerate(VERSIONS):
        dialect = ServerConnection((version,)).dialect
        for number, message in enumerate(_some_responses(version)):
            opcode, _, body = encode_response(message, dialect)
            if opcode == RESULT and len(body) < 200:
                for packed in (0, 1):
                    head = bytes([0x80 | version, packed, 0, number % 4, opcode, 0, 0, 0, 0])
                    choices = bytes([index, packed, 64 + number, 0, 9 + number, 40, number])
                    yield choices + head + bytes([len(body)]) + body + b"\xff"


def _segments() -> Iterator[bytes]:
    for number, seed in enumerate(_sound_segments()):
        yield seed
        if number % 3 == 0:
            yield bytes([seed[0], 7]) + seed[2:]


def _wrapping() -> Iterator[bytes]:
    for packed in (0, 1):
        for times in (0, 5, 9, 13):
            part = bytes([times, 40]) + bytes(range(40))
            yield bytes([packed, 1]) + part
            yield bytes([packed, 4]) + 4 * part


def _blocks() -> Iterator[bytes]:
    compressor = Lz4Compressor()
    rng = random.Random("blocks")
    for size in (0, 1, 5, 12, 13, 20, 64, 300, 4000):
        for plain in (bytes(size), rng.randbytes(size), (b"abcdefg" * size)[:size]):
            yield size.to_bytes(2, "big") + compressor.compress_block(plain)


def _encoder() -> Iterator[bytes]:
    rng = random.Random("values")
    for number in range(len(SHAPES)):
        for options in range(8):
            yield bytes([number, options]) + rng.randbytes(60)


def _hashes() -> Iterator[bytes]:
    rng = random.Random("hashes")
    for size in range(70):
        yield rng.randbytes(size)


_MAKERS = {
    "rows": _rows,
    "columns": _columns,
    "frames": _frames,
    "large_frames": _large_frames,
    "segments": _segments,
    "wrapping": _wrapping,
    "blocks": _blocks,
    "encoder": _encoder,
    "hashes": _hashes,
}
