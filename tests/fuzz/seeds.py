"""What the fuzzer starts from: valid input of every kind, so that coverage begins deep."""

from __future__ import annotations

import random
from collections.abc import Iterator

from cql_protocol.compression.lz4 import Lz4Compressor
from cql_protocol.connection import ClientConnection, ServerConnection
from cql_protocol.dialect import Dialect
from cql_protocol.errors import InvalidValue
from cql_protocol.messages import Startup, Supported
from cql_protocol.messages.codec import encode_response
from cql_protocol.messages.opcodes import FLAG_CUSTOM_PAYLOAD
from cql_protocol.messages.type_options import write_type
from cql_protocol.segments import SegmentWriter
from cql_protocol.wire import write_bytes, write_bytes_map
from tests.fuzz.targets import FEATURES, TYPES, VERSIONS
from tests.protocol import samples

PER_VERSION = 40


def seeds(target: str) -> list[bytes]:
    """The seeds of a target, each once, in an order that does not change."""
    return list(dict.fromkeys(_MAKERS[target]()))


def _some_responses(version: int) -> list[samples.Answering]:
    every = [
        *samples.handshake_responses(),
        *samples.responses(version),
        *samples.events(version),
        ("unknown", samples.unknown_event()),
    ]
    return [message for _, message in every]


def _some_requests(version: int) -> list[samples.Request]:
    every = [*samples.handshake_requests(), *samples.requests(version)]
    return [message for _, message in every[:: max(len(every) // PER_VERSION, 1)]]


def _response_frames(version: int, compressed: bool) -> Iterator[bytes]:
    server = ServerConnection((version,))
    if compressed:
        server.compressor = Lz4Compressor()
    for number, message in enumerate(_some_responses(version)):
        opcode, flags, body = encode_response(message, server.dialect)
        yield server._frame(0x80, flags, number % 3, opcode, body)


def _client_frames() -> Iterator[bytes]:
    for index, version in enumerate(VERSIONS):
        for compressed in (0, 1):
            for state in range(4):
                for number, frame in enumerate(_response_frames(version, bool(compressed))):
                    if (number + state) % 4 == 0:
                        yield bytes([index, state, 0, compressed, 7 * (number % 2)]) + frame


def _server_frames() -> Iterator[bytes]:
    for index, version in enumerate(VERSIONS):
        client = ClientConnection(version)
        yield b"\0\0\0\0" + client.send(Startup({"COMPRESSION": "lz4"}))
        for request in _some_requests(version):
            for compressed in (0, 1):
                client.compressor = Lz4Compressor() if compressed else None
                body = request.encode(client.dialect)
                frame = client._frame(0, 2, 5, request.opcode, body)
                state = {0x01: 0, 0x0F: 2}.get(request.opcode, 1)
                choices = [0, state, index, compressed, 0] if state else [0, 0, compressed, 0]
                yield bytes(choices) + frame


def _raw_segments() -> Iterator[bytes]:
    frames = list(_response_frames(5, False))
    for compressed in (0, 1):
        writer = SegmentWriter(Lz4Compressor() if compressed else None)
        for size in (0, 1, 50):
            yield bytes([compressed, size]) + writer.wrap(frames[:5])
            yield bytes([compressed, size]) + writer.segment(frames[0][:7], False)


def _sound_segments() -> Iterator[bytes]:
    for frame in _response_frames(5, False):
        half = len(frame) // 2
        for mode in (1, 5):
            yield bytes([mode // 4, 0, 0, mode]) + len(frame).to_bytes(2, "big") + frame
        parts = b"".join(
            b"\0" + len(part).to_bytes(2, "big") + part for part in (frame[:half], frame[half:])
        )
        yield b"\0\x05\1" + parts


def _responses() -> Iterator[bytes]:
    for version_index, version in enumerate(VERSIONS):
        for feature_index, features in enumerate(FEATURES):
            dialect = Dialect(version, features)
            messages = _some_responses(version)
            messages += [message for _, message in samples.scylla_responses(version)]
            messages.append(Supported(FEATURES[1].supported_options()))
            for number, message in enumerate(messages):
                if number % 3 == 0 and version >= 4:
                    samples.add_extras(message, samples.TRACE, ["w"], {"k": b"v", "n": None})
                opcode, flags, body = encode_response(message, dialect)
                yield bytes([version_index, feature_index, opcode, flags]) + body


def _requests() -> Iterator[bytes]:
    payload = write_bytes_map({"k": b"v", "n": None})
    for version_index, version in enumerate(VERSIONS):
        for feature_index, features in enumerate(FEATURES):
            dialect = Dialect(version, features)
            for request in _some_requests(version):
                head = bytes([version_index, feature_index, request.opcode])
                body = request.encode(dialect)
                yield head + b"\0" + body
                yield head + bytes([FLAG_CUSTOM_PAYLOAD]) + payload + body


def _cells() -> Iterator[tuple[int, bytes]]:
    """(index of the type in TYPES, a cell that decodes, or nearly so)."""
    rng = random.Random(9)
    for index, cql_type in enumerate(TYPES):
        sizes = {0, 1, 2, 4, 8, 16, 20}
        cells = [rng.randbytes(size) for size in sizes] + [bytes(size) for size in sizes]
        cells += [b"\0\0\0\1\0\0\0\4\0\0\0\7", b"\0\0\0\1\0\0\0\1a", b"\0\0\0\1a\0\0\0\1b"]
        for cell in cells:
            yield index, cell
        for value in (0, 1.5, "a", b"a", [1], ["a"], {"a": 1}, (1, "a", None), {1.0}, [1, 2, 3]):
            try:
                yield index, cql_type.encode(value)
            except InvalidValue:
                pass  # the value is for another type


def _choice_of(index: int) -> int:
    """The byte that chooses a type of TYPES: zero would mean that a description follows."""
    return index if index else len(TYPES)


def _values() -> Iterator[bytes]:
    for index, cell in _cells():
        for option in (0, 1, 2):
            yield bytes([option, _choice_of(index)]) + cell
    rng = random.Random(10)
    for _ in range(60):
        yield b"\0\0" + write_type(samples.random_type(rng)) + rng.randbytes(12)


def _pages() -> Iterator[bytes]:
    for index, cell in _cells():
        row = write_bytes(cell)
        yield bytes([0, 1, _choice_of(index), 0, 1]) + row
        yield bytes([1, 2, _choice_of(index), 2, 0, 3]) + (row + write_bytes(None)) * 3


def _type_names() -> Iterator[bytes]:
    rng = random.Random(11)
    every = [*TYPES, *samples.all_types(), *(samples.random_type(rng) for _ in range(60))]
    for cql_type in every:
        yield b"\0" + cql_type.name.encode()
        yield b"\1" + cql_type.class_name.encode()
    for text in ("frozen<u>", "ks.u", '"Ü"', "'com.example.A(B)'", "map<text, frozen<list<int>>>"):
        yield b"\0" + text.encode()
    for text in ("ReversedType(Int32Type)", "A(B => C, D)", "FrozenType(ListType(UTF8Type))"):
        yield b"\1" + text.encode()


_MAKERS = {
    "client_frames": _client_frames,
    "server_frames": _server_frames,
    "raw_segments": _raw_segments,
    "sound_segments": _sound_segments,
    "responses": _responses,
    "requests": _requests,
    "values": _values,
    "pages": _pages,
    "type_names": _type_names,
}
