"""Targets for the compiled decoders, lean enough for millions of executions.

As in `tests.fuzz.targets`, a target reads choices and gives the rest to the code under test. What
the sanitizer reports is a finding, and any exception that a target does not expect.
"""

from __future__ import annotations

import random
import zlib
from collections import namedtuple
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, partial
from typing import Any
from uuid import UUID

from lz4 import block as lz4_block

from cql_protocol import types
from cql_protocol.compression.lz4 import Lz4Compressor
from cql_protocol.connection import Answer, ClientConnection, State
from cql_protocol.connection.base import Inbox
from cql_protocol.connection.results import receive_results
from cql_protocol.errors import DecodeError, DriverException, InvalidValue, RemoteProtocolError
from cql_protocol.segments import SegmentReader, SegmentWriter, crc24, payload_crc
from cql_protocol.values import UNSET
from cql_speedups.blocks import pack, unpack
from cql_speedups.columns import Columns
from cql_speedups.encoding import RowEncoder
from cql_speedups.murmur3 import murmur3
from cql_speedups.rows import make_reader
from tests.fuzz.targets import OPTIONS, TYPES, VERSIONS, Choices, _segment

try:
    from probe import Probe, hear, walk
except ImportError:  # the tests run without the fuzzer's build
    Probe = hear = walk = None

_rng = random.Random("shapes")
SHAPES: tuple[tuple[types.CqlType, ...], ...] = (
    *((each,) for each in TYPES),
    *(tuple(_rng.choices(TYPES, k=_rng.randrange(2, 6))) for _ in range(80)),
)
LARGE_FRAMES = 1 << 16
"""Bytes from which a frame is read to where it is to stay."""
FORMS = ("arrow", "parts", "raw")


# --- rows --------------------------------------------------------------------------------------


NAMED = tuple(namedtuple(f"Row{n}", [f"c{at}" for at in range(n)]) for n in range(6))


@cache
def _reader(shape: int, option: int) -> Any:
    return make_reader(SHAPES[shape], OPTIONS[option])


def rows(data: bytes) -> None:
    """The rows of a page as tuples, named tuples or dicts."""
    choices = Choices(data)
    shape, option = choices.number() % len(SHAPES), choices.number()
    count = choices.number()
    body = choices.rest()
    width = len(SHAPES[shape])
    reader = _reader(shape, option % len(OPTIONS))
    mode = option // len(OPTIONS) % 3
    if mode == 0:
        found = reader.read(body, 0, count)
    elif mode == 1:
        found = reader.read(body, 0, count, partial(tuple.__new__, NAMED[width]))
    else:
        found = reader.dicts(body, 0, count, tuple(f"c{at}" for at in range(width)))
    if found is not None:
        assert len(found) == count
        assert all(len(row) == width for row in found)
        if count < 4:
            repr(found)


@cache
def _columns(shape: int, form: int) -> Columns:
    names = [f"c{at}" for at in range(len(SHAPES[shape]))]
    return Columns(SHAPES[shape], names, FORMS[form])


def columns(data: bytes) -> None:
    """The rows of a page as columns of Arrow; what is made is read whole."""
    choices = Choices(data)
    shape, form, count = choices.number() % len(SHAPES), choices.number(), choices.number()
    form %= len(FORMS)
    try:
        page = _columns(shape, form).read(choices.rest(), 0, count)
    except DecodeError:
        return
    if page is None:
        return
    assert len(page) == count
    if walk is not None and FORMS[form] != "raw":
        walk(page)
    for at in range(len(SHAPES[shape])):
        try:
            values, validity, _ = page.column(at)
        except TypeError:
            continue
        bytes(values), validity is None or bytes(validity)


# --- frames ------------------------------------------------------------------------------------


class _Told:
    """A receiver of Python."""

    def __init__(self) -> None:
        self.answers: list[object] = []

    def __call__(self, answer: object) -> None:
        self.answers.append(answer)


@cache
def _made(version: int) -> ClientConnection:
    return ClientConnection(version, max_frame_size=1 << 16)


def _connection(choices: Choices) -> tuple[ClientConnection, list[Any]]:
    """A connection that is ready, with answers to come on the streams 0 to 3."""
    connection = _made(VERSIONS[choices.number() % 3])
    connection.state = State.READY
    connection._inbox = Inbox()
    connection._events.clear()
    told = [_Told(), *((Probe or _Told)() for _ in range(3))]
    connection.streams.waiting[:] = told
    connection.streams._free.clear()
    connection._segments_in = connection._segments_out = None
    connection.compressor = Lz4Compressor() if choices.number() % 2 else None
    return connection, told


def _look_at(connection: ClientConnection, told: list[Any]) -> None:
    """Everything that was told must be an answer or an error."""
    events = []
    while (event := connection.next_event()) is not None:
        if isinstance(event, Answer):
            events.append(event.response)
    for answer in (*events, *(answer for each in told for answer in each.answers)):
        assert not isinstance(answer, InvalidValue), answer
        assert isinstance(answer, DriverException) or hasattr(answer, "opcode") or answer


def frames(data: bytes) -> None:
    """Frames with results, many on each stream, so that their columns are known by then."""
    choices = Choices(data)
    connection, told = _connection(choices)
    waiting = connection.streams.waiting
    size = choices.number()
    data = choices.rest()
    if size % 4:
        try:
            for at in range(0, len(data), size):
                connection.receive_data(data[at : at + size])
                if connection.state is State.CLOSED:
                    break
        except RemoteProtocolError:
            assert connection.state is State.CLOSED
    else:
        at = 0
        while True:
            before, at = at, receive_results(connection, data, at)
            assert before <= at <= len(data)
            if at == before:
                break
            waiting[:] = told
    _look_at(connection, told)


def large_frames(data: bytes) -> None:
    """A frame of which a part is there, the others to come."""
    choices = Choices(data)
    connection, told = _connection(choices)
    connection.max_frame_size = 1 << 18
    size, first, step = choices.number(), choices.number(2), choices.number(2)
    head, start = choices.take(9), choices.take(choices.number())
    often = choices.rest() or b"."
    length = LARGE_FRAMES * (1 + size) // 64
    body = (start + often * (length // len(often) + 1))[:length]
    if head[1:2] == b"\1" and length > 15:
        # A block of lz4 that is as long as what it says: all of it is literals.
        more, rest = divmod(length - 15, 255)
        body = length.to_bytes(4, "big") + b"\xf0" + b"\xff" * more + bytes([rest]) + body
        if step % 8 == 7:
            body = body[:-1]
    frame = head[:5].ljust(5, b"\0") + len(body).to_bytes(4, "big") + body
    try:
        if hear is None or not hear(connection, frame, first, step):
            connection.receive_data(frame)
    except RemoteProtocolError:
        assert connection.state is State.CLOSED
    connection.max_frame_size = 1 << 16
    _look_at(connection, told)


def segments(data: bytes) -> None:
    """Segments with right checksums, but for one in eight, around the fuzzer's bytes."""
    choices = Choices(data)
    compressor = Lz4Compressor() if choices.number() % 2 else None
    connection, told = _connection(Choices(b"\2\0"))
    connection._segments_in = SegmentReader(compressor)
    connection._segments_out = SegmentWriter(compressor)
    size = choices.number()
    wire = b"".join(_segment(choices, compressor) for _ in range(1 + choices.number() % 4))
    if size % 8 == 7 and wire:
        at = choices.number() % len(wire)
        wire = wire[:at] + bytes([wire[at] ^ 1]) + wire[at + 1 :]
    step = size if size % 4 else len(wire) + 1
    try:
        for at in range(0, len(wire), step):
            connection.receive_data(wire[at : at + step])
    except RemoteProtocolError:
        assert connection.state is State.CLOSED
    _look_at(connection, told)


def wrapping(data: bytes) -> None:
    """Frames into segments and out again."""
    choices = Choices(data)
    compressor = Lz4Compressor() if choices.number() % 2 else None
    parts = []
    for _ in range(choices.number() % 8):
        times = 1 << choices.number() % 14
        parts.append((choices.take(choices.number()) * times)[: 3 << 16])
    sent = SegmentWriter(compressor).wrap(parts)
    found = b"".join(payload for payload, _ in SegmentReader(compressor).feed(sent))
    assert found == b"".join(parts)


def blocks(data: bytes) -> None:
    """Blocks of lz4, sound and not, against the package lz4."""
    choices = Choices(data)
    size = choices.number(2)
    packed = choices.rest()
    found = unpack(packed, size)
    if found is not None:
        assert found == lz4_block.decompress(packed, uncompressed_size=size)
    again = pack(data)
    assert lz4_block.decompress(again, uncompressed_size=len(data)) == data
    assert unpack(again, len(data)) == data
    assert payload_crc(data) == zlib.crc32(data, zlib.crc32(b"\xfa\x2d\x55\xca"))
    crc24(data)


# --- values ------------------------------------------------------------------------------------

_MAKERS: tuple[Callable[[Choices], Any], ...] = (
    lambda _: None,
    lambda _: UNSET,
    lambda c: int.from_bytes(c.take(1 + c.number() % 17), "big", signed=True),
    lambda c: c.number() % 2 == 1,
    lambda c: c.number(8) / 7 - 1e10,
    lambda c: float.fromhex(f"{c.number(8)}p{c.number() - 128}"),
    lambda c: c.take(c.number()).decode("latin-1"),
    lambda c: c.take(c.number()).decode("utf-8", "surrogateescape"),
    lambda c: c.take(c.number()) * (1 + c.number() % 50),
    lambda c: bytearray(c.take(c.number() % 32)),
    lambda c: UUID(int=c.number(16)),
    lambda c: datetime.fromtimestamp(c.number(5), UTC).replace(tzinfo=UTC if c.at % 2 else None),
    lambda c: date.fromordinal(1 + c.number(3) % 3_000_000),
    lambda c: Decimal(c.number(8)).scaleb(c.number() - 128),
    lambda c: [_value(c) for _ in range(c.number() % 4)],
    lambda c: tuple(_value(c) for _ in range(c.number() % 4)),
    lambda c: {_key(c): _value(c) for _ in range(c.number() % 3)},
    lambda c: {_key(c) for _ in range(c.number() % 3)},
    lambda _: object,
)


def _value(choices: Choices) -> Any:
    return _MAKERS[choices.number() % len(_MAKERS)](choices)


def _key(choices: Choices) -> Any:
    return _MAKERS[choices.number() % 9](choices)


@cache
def _encoder(shape: int, keys: bool) -> RowEncoder:
    return RowEncoder(SHAPES[shape], (0,) if keys else ())


def encoder(data: bytes) -> None:
    """Values of all sorts, written by the compiled encoder and by the types' own."""
    choices = Choices(data)
    shape, options = choices.number() % len(SHAPES), choices.number()
    try:
        values = [_value(choices) for _ in SHAPES[shape]]
    except (OverflowError, RecursionError, TypeError, ValueError):
        return  # no values to begin with
    if options % 16 == 15:
        values.append(None)
    expected = _encoded(SHAPES[shape], values, options)
    try:
        found = _encoder(shape, bool(options & 2)).encode(
            tuple(values) if options & 1 else values, not options & 4
        )
    except Exception:  # noqa: BLE001 - the caller asks the types' own encoders what is wrong
        found = None
    assert found is None or found == expected


def _encoded(shape: tuple[types.CqlType, ...], values: list[Any], options: int) -> bytes | None:
    if len(values) != len(shape):
        return None
    cells = []
    for at, (column, value) in enumerate(zip(shape, values, strict=True)):
        if value is None or value is UNSET:
            if (options & 2 and not at) or (value is UNSET and options & 4):
                return None
            cells.append((-1 if value is None else -2).to_bytes(4, "big", signed=True))
            continue
        try:
            cell = column.encode(value)
        except Exception:  # noqa: BLE001 - of whatever type: there must be no bytes then
            return None
        cells.append(len(cell).to_bytes(4, "big") + cell)
    return b"".join(cells)


def hashes(data: bytes) -> None:
    """Murmur3 of bytes at any address."""
    found = murmur3(data)
    assert murmur3(memoryview(b"." + data)[1:]) == found
    assert murmur3(bytearray(data)) == found
    assert -(1 << 63) <= found < 1 << 63


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (rows, columns, frames, large_frames, segments, wrapping, blocks, encoder, hashes)
}
