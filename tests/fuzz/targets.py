"""What the fuzzer calls: each target takes bytes and may only fail in the ways that are allowed.

A target reads a few bytes as choices (version, opcode, type…) and gives the rest to the code
under test. Peers' bytes may raise `RemoteProtocolError` and nothing else, texts of types
`InvalidTypeName`; any other exception is a finding, and so is a failed assertion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from cql_protocol import types
from cql_protocol.compression.lz4 import Lz4Compressor
from cql_protocol.connection import (
    Answer,
    BadRequest,
    ClientConnection,
    ReceiverFailed,
    ServerConnection,
    State,
)
from cql_protocol.dialect import Dialect, Features
from cql_protocol.errors import (
    DriverException,
    InvalidTypeName,
    InvalidValue,
    LocalProtocolError,
    RemoteProtocolError,
)
from cql_protocol.messages import Options, Query, Response, Startup
from cql_protocol.messages.codec import decode_request, decode_response, encode_response
from cql_protocol.messages.type_options import read_type
from cql_protocol.rows import RowDecoder
from cql_protocol.segments import MAX_PAYLOAD, SegmentReader, SegmentWriter, crc24, payload_crc
from cql_protocol.types import ReadOptions
from cql_protocol.types.parse_class import parse_class_name
from cql_protocol.types.parse_cql import parse_cql_type
from cql_protocol.wire import Reader

VERSIONS = (3, 4, 5)
FEATURES = (
    Features(),
    Features(rate_limit_error=0xF000, lwt_mask=1 << 31, tablets_v1=True, metadata_id=True),
    Features(lwt_mask=1 << 5),
)
OPTIONS = (
    ReadOptions(),
    ReadOptions(aware_datetimes=True, empty_values=True, inet_text=True),
    ReadOptions(set_factory=tuple, map_factory=tuple),
)
_USER = types.UserType("ks", "u", [("a", types.INT), ("b c", types.ListType(types.TEXT))])
TYPES: tuple[types.CqlType, ...] = (
    *dict.fromkeys(types.SIMPLE_TYPES.values()),
    types.EMPTY_TYPE,
    types.ListType(types.INT),
    types.ListType(types.TEXT),
    types.SetType(types.DOUBLE),
    types.SetType(types.ListType(types.INT)),
    types.MapType(types.TEXT, types.INT),
    types.MapType(types.ListType(types.INT), types.SetType(types.TEXT)),
    types.TupleType(types.INT, types.TEXT, types.DURATION),
    _USER,
    types.ListType(_USER),
    types.VectorType(types.FLOAT, 3),
    types.VectorType(types.TEXT, 2),
    types.VectorType(types.VectorType(types.SMALLINT, 2), 2),
    parse_class_name("PointType"),
    parse_class_name("LineStringType"),
    parse_class_name("PolygonType"),
    parse_class_name("DateRangeType"),
)
_T = TypeVar("_T")


class Choices:
    """Reads choices off the front of the fuzzer's bytes; beyond their end all are zero."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def number(self, size: int = 1) -> int:
        """The next `size` bytes as a number."""
        return int.from_bytes(self.take(size), "big")

    def one_of(self, items: Sequence[_T]) -> _T:
        """One of `items`."""
        return items[self.number() % len(items)]

    def take(self, size: int) -> bytes:
        """At most the next `size` bytes."""
        found = self.data[self.at : self.at + size]
        self.at += len(found)
        return found

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self.data))


# --- connections -------------------------------------------------------------------------------


def _feed(connection: Any, chunks: Iterator[bytes]) -> None:
    """Give bytes to a connection and look at what comes of them."""
    try:
        for chunk in chunks:
            connection.receive_data(chunk)
            if connection.state is State.CLOSED:
                break
    except RemoteProtocolError:
        assert connection.state is State.CLOSED
    while (event := connection.next_event()) is not None:
        assert not isinstance(event, ReceiverFailed), event
        if isinstance(event, Answer):
            assert isinstance(event.response, Response | DriverException)
            _only_of_the_peer(event.response)
        elif isinstance(event, BadRequest):
            _only_of_the_peer(event.error)
    connection.close()


def _only_of_the_peer(found: object) -> None:
    """A body that could not be decoded must have come out as a `RemoteProtocolError`."""
    if isinstance(found, InvalidValue | InvalidTypeName):
        raise AssertionError(f"{type(found).__name__} of a peer's bytes") from found


def _chunks(data: bytes, size: int) -> Iterator[bytes]:
    if size == 0:
        yield data
        return
    for at in range(0, len(data), size):
        yield data[at : at + size]


def _client(choices: Choices, version: int) -> ClientConnection:
    """A client somewhere in its life, with requests in flight on the streams 0 to 2."""
    state = choices.one_of((State.READY, State.NEW, State.STARTING, State.AUTHENTICATING))
    client = ClientConnection(version, max_frame_size=1 << 20)
    client.features = choices.one_of(FEATURES)
    if state is State.NEW:
        for _ in range(3):
            client.send(Options())
    elif state is State.STARTING:
        client.send(Startup({"COMPRESSION": "lz4"} if choices.number() % 2 else {}))
    else:
        client.dialect = Dialect(version, client.features)
        client.state = State.READY
        for _ in range(3):
            client.frame(Query("x"))
        client.state = state
        if choices.number() % 2:
            client.compressor = Lz4Compressor()
            client.orphan(2)
    return client


def client_frames(data: bytes) -> None:
    """Bytes of a server, without segments, to a client in any state."""
    choices = Choices(data)
    client = _client(choices, choices.one_of(VERSIONS))
    size = choices.number()
    _feed(client, _chunks(choices.rest(), size))


def server_frames(data: bytes) -> None:
    """Bytes of a client, without segments, to a server."""
    choices = Choices(data)
    server = ServerConnection(features=choices.one_of(FEATURES), max_frame_size=1 << 20)
    server.state = choices.one_of((State.NEW, State.READY, State.AUTHENTICATING))
    if server.state is not State.NEW:
        server.dialect = Dialect(choices.one_of(VERSIONS), server.features)
    if choices.number() % 2:
        server.compressor = Lz4Compressor()
    size = choices.number()
    _feed(server, _chunks(choices.rest(), size))


def raw_segments(data: bytes) -> None:
    """Bytes of a peer to the reader of segments, which mostly finds them damaged."""
    choices = Choices(data)
    reader = SegmentReader(Lz4Compressor() if choices.number() % 2 else None)
    size = choices.number()
    try:
        for chunk in _chunks(choices.rest(), size):
            for payload, _ in reader.feed(chunk):
                assert len(payload) <= MAX_PAYLOAD
    except RemoteProtocolError:
        pass


def sound_segments(data: bytes) -> None:
    """Segments with right checksums around the fuzzer's bytes, to a client of protocol 5."""
    choices = Choices(data)
    compressor = Lz4Compressor() if choices.number() % 2 else None
    client = ClientConnection(5, max_frame_size=1 << 20)
    client.state = State.READY
    for _ in range(3):
        client.frame(Query("x"))
    client._segments_in = SegmentReader(compressor)
    client._segments_out = SegmentWriter(compressor)
    size = choices.number()
    wire = b"".join(_segment(choices, compressor) for _ in range(1 + choices.number() % 4))
    _feed(client, _chunks(wire, size))


def _segment(choices: Choices, compressor: Lz4Compressor | None) -> bytes:
    """One segment, whose announced plain size may be a lie."""
    mode = choices.number()
    payload = choices.take(choices.number(2))
    self_contained = mode & 1
    if compressor is None:
        header = (len(payload) | self_contained << 17).to_bytes(3, "little")
    else:
        plain = choices.number(3) & MAX_PAYLOAD if mode & 2 else 0
        if mode & 4 and payload:
            plain, payload = len(payload), compressor.compress_block(payload)
        header = (len(payload) | plain << 17 | self_contained << 34).to_bytes(5, "little")
    checksum = crc24(header).to_bytes(3, "little")
    return header + checksum + payload + payload_crc(payload).to_bytes(4, "little")


# --- messages ----------------------------------------------------------------------------------


def responses(data: bytes) -> None:
    """The body of a response. What decodes can be encoded, and then always to the same bytes."""
    choices = Choices(data)
    dialect = Dialect(choices.one_of(VERSIONS), choices.one_of(FEATURES))
    opcode, flags = choices.number(), choices.number()
    try:
        found = decode_response(opcode, flags, choices.rest(), dialect)
    except RemoteProtocolError:
        return
    try:
        opcode, flags, body = encode_response(found, dialect)
    except LocalProtocolError:
        assert dialect.version == 3  # warnings, say: a client reads more than a server may write
        return
    again = decode_response(opcode, flags, body, dialect)
    assert type(again) is type(found)
    assert encode_response(again, dialect) == (opcode, flags, body)


def requests(data: bytes) -> None:
    """The body of a request. What decodes can be encoded, and then always to the same bytes."""
    choices = Choices(data)
    dialect = Dialect(choices.one_of(VERSIONS), choices.one_of(FEATURES))
    opcode, flags = choices.number(), choices.number()
    try:
        found, _ = decode_request(opcode, flags, choices.rest(), dialect)
    except RemoteProtocolError:
        return
    try:
        body = found.encode(dialect)
    except LocalProtocolError:
        return  # UNSET on protocol 3, say: a server reads more than a client may write
    again, _ = decode_request(opcode, 0, body, dialect)
    assert type(again) is type(found)
    assert again.encode(dialect) == body


# --- values ------------------------------------------------------------------------------------


def _type(choices: Choices) -> types.CqlType:
    """One of the list, or one that the fuzzer describes as a server would."""
    number = choices.number()
    if number:
        return TYPES[number % len(TYPES)]
    reader = Reader(choices.data, choices.at)
    found = read_type(reader)
    choices.at = reader.at
    return found


def values(data: bytes) -> None:
    """The bytes of a cell of any type, under several options."""
    choices = Choices(data)
    options = choices.one_of(OPTIONS)
    try:
        cql_type = _type(choices)
        value = cql_type.reader(options)(choices.rest())
    except RemoteProtocolError:
        return
    repr(value)
    if value is None:
        return
    try:
        cql_type.encode(value)
    except InvalidValue:
        pass  # another Python type than the usual one, or a value out of what CQL allows


def pages(data: bytes) -> None:
    """The rows of a page."""
    choices = Choices(data)
    options = choices.one_of(OPTIONS)
    try:
        columns = [_type(choices) for _ in range(choices.number() % 5)]
        decoder = RowDecoder(columns, options, [f"c{n}" for n in range(len(columns))])
        count = choices.number(2)
        rows = decoder.decode(choices.data, choices.at, count)
    except RemoteProtocolError:
        return
    assert len(rows) == count
    assert all(len(row) == len(columns) for row in rows)


# --- texts -------------------------------------------------------------------------------------


def type_names(data: bytes) -> None:
    """Names of types as people and servers write them."""
    choices = Choices(data)
    parse: Callable[[str], types.CqlType] = choices.one_of((_parse_cql, parse_class_name))
    text = choices.rest().decode("utf-8", "surrogateescape")
    try:
        found = parse(text)
    except InvalidTypeName:
        return
    repr(found)
    assert parse_class_name(found.class_name).class_name == found.class_name


def _parse_cql(text: str) -> types.CqlType:
    return parse_cql_type(text, "ks", {"u": _USER})


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (
        client_frames,
        server_frames,
        raw_segments,
        sound_segments,
        responses,
        requests,
        values,
        pages,
        type_names,
    )
}
