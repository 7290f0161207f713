"""However the network cuts the bytes, the same events come of them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cql_protocol.connection import Answer, RequestReceived, State
from cql_protocol.messages import Event, Prepare, Query, RawRows, Ready, VoidResult, opcodes
from tests.protocol.transcripts import (
    COMBINATIONS,
    Cut,
    Pair,
    Transcript,
    record,
    replay_client,
    replay_server,
)

REQUESTS = {
    opcodes.STARTUP,
    opcodes.OPTIONS,
    opcodes.AUTH_RESPONSE,
    opcodes.QUERY,
    opcodes.PREPARE,
    opcodes.EXECUTE,
    opcodes.BATCH,
    opcodes.REGISTER,
}
every_combination = pytest.mark.parametrize(("version", "compression"), COMBINATIONS)


@functools.cache
def _transcript(version: int, compression: str | None, large: bool = False) -> Transcript:
    return record(version, compression, large)


def _whole(data: bytes) -> Iterable[bytes]:
    return (data,)


def _bytewise(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


def _pieces(size: int) -> Cut:
    def cut(data: bytes) -> Iterator[bytes]:
        return (data[at : at + size] for at in range(0, len(data), size))

    return cut


def _split(place: int) -> Cut:
    def cut(data: bytes) -> tuple[bytes, bytes]:
        return data[:place], data[place:]

    return cut


def _cuts(sizes: list[int]) -> Cut:
    """Pieces of these sizes, over and over."""

    def cut(data: bytes) -> Iterator[bytes]:
        at = number = 0
        while at < len(data):
            size = sizes[number % len(sizes)]
            yield data[at : at + size]
            at += size
            number += 1

    return cut


def _same_events(transcript: Transcript, cut: Cut) -> None:
    assert replay_client(transcript, cut) == transcript.client_events
    assert replay_server(transcript, cut) == transcript.server_events


@every_combination
def test_a_transcript_says_everything(version: int, compression: str | None) -> None:
    transcript = _transcript(version, compression)
    asked = {
        event.message.opcode
        for event in transcript.server_events
        if isinstance(event, RequestReceived)
    }
    assert asked == REQUESTS
    heard = [event for event in transcript.client_events if not isinstance(event, Event)]
    requests = sum(len(flight.messages) for flight in transcript.flights if flight.by_client)
    assert len(heard) == len(transcript.server_events) == requests
    assert sum(isinstance(event, Event) for event in transcript.client_events) >= 15


@every_combination
def test_recording_is_repeatable(version: int, compression: str | None) -> None:
    again = record(version, compression)
    assert [flight.data for flight in again.flights] == [
        flight.data for flight in _transcript(version, compression).flights
    ]


@every_combination
def test_whole_and_byte_by_byte(version: int, compression: str | None) -> None:
    for cut in (_whole, _bytewise):
        _same_events(_transcript(version, compression), cut)


@pytest.mark.parametrize(("version", "compression"), [(4, None), (4, "lz4"), (5, None), (5, "lz4")])
def test_every_split_in_two(version: int, compression: str | None) -> None:
    """Each flight is split at the same place, so that every place of every flight is met."""
    transcript = _transcript(version, compression)
    longest = max(len(flight.data) for flight in transcript.flights)
    # Behind the first thousand bytes is only more of a few long descriptions of columns.
    for place in [*range(min(longest, 1000)), *range(1000, longest, 13)]:
        _same_events(transcript, _split(place))


@every_combination
@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 400), min_size=1, max_size=12))
def test_random_chunks(version: int, compression: str | None, sizes: list[int]) -> None:
    _same_events(_transcript(version, compression), _cuts(sizes))


@every_combination
@pytest.mark.parametrize("size", [1, 1000, 65_536, 131_085])
def test_large_frames(version: int, compression: str | None, size: int) -> None:
    transcript = _transcript(version, compression, True)
    rows = [each for _, each in transcript.client_events[-3:] if isinstance(each, RawRows)]
    assert rows[0].content == b"\0\4\x93\xe0" + b"ab" * 150_000 + b"\0\0\0\1c"
    _same_events(transcript, _pieces(size))


@pytest.mark.parametrize("compression", [None, "lz4"])
def test_large_frames_split_around_every_segment(compression: str | None) -> None:
    """In the last bytes of a segment, in the header of the next, and between the two."""
    transcript = _transcript(5, compression, True)
    starts = _segment_starts(max((f.data for f in transcript.flights), key=len), compression)
    assert len(starts) >= 3
    for start in starts:
        for place in range(max(start - 5, 0), start + 12):
            _same_events(transcript, _split(place))


def _segment_starts(data: bytes, compression: str | None) -> list[int]:
    head = 3 if compression is None else 5
    starts, at = [], 0
    while at < len(data):
        starts.append(at)
        length = int.from_bytes(data[at : at + head], "little") & 0x1FFFF
        at += head + 3 + length + 4
    return starts


def test_ready_and_the_first_segment_in_one_chunk() -> None:
    """The change to segments happens in the midst of the bytes at hand."""
    for compression in (None, "lz4"):
        for place in range(9 + 1):
            pair = Pair(5)
            stream = pair.negotiate(compression).stream
            ready = pair.server.send(stream, Ready())
            event = pair.server.send(-1, _status())
            both = ready + event
            pair.client.receive_data(both[:place])
            pair.client.receive_data(both[place:])
            assert pair.client.next_event() == Answer(stream, Ready())
            assert pair.client.next_event() == _status()
            assert pair.client.state is State.READY


def _status() -> Event:
    from cql_protocol.messages import StatusChange

    return StatusChange("DOWN", "10.0.0.1", 9042)


def test_a_frame_that_ends_in_the_segment_of_another() -> None:
    """The parts of a large frame may be cut anywhere, also within the frame's header."""
    pair = Pair(5).shake_hands()
    frame = pair.client.frame(Query("x" * 200))
    writer = pair.client._segments_out
    assert writer is not None
    for cut in range(1, len(frame)):
        parts = frame[:cut], frame[cut:]
        pair.server.receive_data(b"".join(writer.segment(part, False) for part in parts))
        event = pair.server.next_event()
        assert isinstance(event, RequestReceived)
        assert event.message == Query("x" * 200)
    pair.server.receive_data(pair.client.send(Prepare("y")))
    assert pair.server.next_event() is not None
    pair.answer(pair.client.last_stream, VoidResult())
