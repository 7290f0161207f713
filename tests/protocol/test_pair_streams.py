"""Stream ids on a live connection: orphans, exhaustion, answers nobody asked for."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cql_protocol.connection import Answer, State
from cql_protocol.errors import LocalProtocolError, RemoteProtocolError, StreamsExhausted
from cql_protocol.messages import Query, RawRows, ResultMetadata, SetKeyspaceResult, VoidResult
from cql_protocol.streams import StreamTable
from tests.protocol.transcripts import Pair

versions = pytest.mark.parametrize("version", [4, 5])


@versions
def test_a_late_answer_frees_its_stream_and_reaches_nobody(version: int) -> None:
    pair = Pair(version, max_streams=2).shake_hands()
    late: list[Any] = []
    stream = pair.ask(Query("slow"), receiver=late.append).stream
    pair.client.orphan(stream)
    assert (pair.client.streams.orphans, pair.client.streams.in_flight) == (1, 0)
    other = pair.ask(Query("next"))
    assert other.stream != stream  # the id is not given away before its answer came
    with pytest.raises(StreamsExhausted, match="1 by requests nobody waits for any more"):
        pair.client.send(Query("third"))
    pair.answer(stream, VoidResult())
    assert late == []
    assert pair.client.next_event() is None
    assert (pair.client.streams.orphans, len(pair.client.streams)) == (0, 1)
    got: list[Any] = []
    again = pair.ask(Query("again"), receiver=got.append)
    assert again.stream == stream
    pair.answer(stream, SetKeyspaceResult("ks"))
    assert got == [SetKeyspaceResult("ks")]
    assert late == []


@versions
def test_an_orphans_answer_is_not_even_decoded(version: int) -> None:
    pair = Pair(version).shake_hands()
    stream = pair.ask(Query("slow")).stream
    pair.client.orphan(stream)
    frame = pair.server._frame(0x80, 0, stream, 0x08, b"garbage")
    pair.client.receive_data(pair.server.wrap([frame]))
    assert pair.client.next_event() is None
    assert len(pair.client.streams) == 0


def test_only_what_waits_can_be_orphaned() -> None:
    client = Pair(5).shake_hands().client
    for stream in (-1, 0, 5, 40_000):
        with pytest.raises(LocalProtocolError, match="no request waiting"):
            client.orphan(stream)
    client.send(Query("x"))
    client.orphan(client.last_stream)
    with pytest.raises(LocalProtocolError, match="no request waiting"):
        client.orphan(client.last_stream)
    assert client.streams.orphans == 1


@versions
@pytest.mark.parametrize("limit", [1, 3, 130])
def test_exhaustion_and_after(version: int, limit: int) -> None:
    pair = Pair(version, max_streams=limit).shake_hands()
    got: list[Any] = []
    streams = [pair.ask(Query(str(n)), receiver=got.append).stream for n in range(limit)]
    assert sorted(streams) == list(range(limit))
    for _ in range(3):
        before = (pair.client.last_stream, pair.client.state, len(pair.client.streams))
        with pytest.raises(StreamsExhausted, match=f"all {limit} stream ids"):
            pair.client.send(Query("too many"))
        assert (pair.client.last_stream, pair.client.state, len(pair.client.streams)) == before
    pair.answer(streams[limit // 2], VoidResult())
    assert pair.ask(Query("fits"), receiver=got.append).stream == streams[limit // 2]
    for stream in streams:
        pair.answer(stream, VoidResult())
    assert len(got) == limit + 1
    assert len(pair.client.streams) == 0


def test_every_stream_of_a_connection() -> None:
    pair = Pair(5).shake_hands()
    frames = [pair.client.frame(Query("")) for _ in range(32_768)]
    with pytest.raises(StreamsExhausted, match="all 32,768 stream ids"):
        pair.client.frame(Query(""))
    pair.server.receive_data(pair.client.wrap(frames))
    streams = set()
    while (event := pair.server.next_event()) is not None:
        streams.add(event.stream)
    assert streams == set(range(32_768))
    answers = [pair.server.frame(stream, VoidResult()) for stream in streams]
    pair.client.receive_data(pair.server.wrap(answers))
    assert len(pair.client.streams) == 0


@pytest.mark.parametrize("limit", [0, -1, 32_769])
def test_impossible_limits(limit: int) -> None:
    with pytest.raises(LocalProtocolError, match="are possible"):
        StreamTable(limit)


@versions
@pytest.mark.parametrize("stream", [3, 200, 32_767])
def test_an_answer_to_nothing(version: int, stream: int) -> None:
    pair = Pair(version).shake_hands()
    got: list[Any] = []
    asked = pair.ask(Query("x"), receiver=got.append).stream
    pair.answer(stream, VoidResult())
    event = pair.client.next_event()
    assert isinstance(event, Answer)
    assert event.stream == stream
    assert isinstance(event.response, RemoteProtocolError)
    assert "nothing was asked" in str(event.response)
    assert got == []
    pair.answer(asked, VoidResult())
    assert got == [VoidResult()]
    pair.answer(asked, VoidResult())  # and a second answer to the same request
    assert got == [VoidResult()]
    event = pair.client.next_event()
    assert isinstance(event, Answer)
    assert isinstance(event.response, RemoteProtocolError)
    assert pair.client.state is State.READY


@versions
def test_an_error_of_the_whole_connection(version: int) -> None:
    """An answer on a negative stream that is no event: the server is about to hang up."""
    pair = Pair(version).shake_hands()
    pair.answer(-1, VoidResult())
    assert pair.client.next_event() == Answer(-1, VoidResult())


@versions
def test_nothing_is_sent_and_no_stream_is_lost_when_a_message_is_too_large(version: int) -> None:
    pair = Pair(version, max_frame_size=1000).shake_hands()
    with pytest.raises(LocalProtocolError, match="max_frame_size"):
        pair.client.send(Query("x" * 1001))
    assert len(pair.client.streams) == 0
    answer = pair.exchange(Query("x" * 900), VoidResult())
    assert answer == VoidResult()


@versions
def test_requests_and_answers_at_random(version: int) -> None:
    """A model of the table: each request is answered once, with what belongs to it."""
    rng = random.Random(version)
    pair = Pair(version, max_streams=20).shake_hands()
    waiting: dict[int, str] = {}
    orphans: set[int] = set()
    got: list[tuple[str, Any]] = []
    for number in range(3000):
        choice = rng.random()
        if choice < 0.5 and len(waiting) + len(orphans) < 20:
            text = f"q{number}"

            def keep(answer: Any, text: str = text) -> None:
                got.append((text, answer))

            stream = pair.ask(Query(text), receiver=keep).stream
            assert stream not in waiting
            assert stream not in orphans
            waiting[stream] = text
        elif choice < 0.6 and waiting:
            stream = rng.choice(list(waiting))
            pair.client.orphan(stream)
            del waiting[stream]
            orphans.add(stream)
        elif waiting or orphans:
            stream = rng.choice([*waiting, *orphans])
            text = waiting.pop(stream, "")
            orphans.discard(stream)
            got.clear()
            pair.answer(stream, SetKeyspaceResult(text))
            assert got == ([(text, SetKeyspaceResult(text))] if text else [])
        streams = pair.client.streams
        assert (streams.in_flight, streams.orphans) == (len(waiting), len(orphans))
    assert pair.client.next_event() is None


def test_rows_keep_their_own_bytes() -> None:
    """What a receiver got stays as it is while more arrives."""
    pair = Pair(5).shake_hands()
    got: list[RawRows] = []
    metadata = ResultMetadata(column_count=1)
    for number in range(10):
        stream = pair.ask(Query("x"), receiver=got.append).stream
        pair.answer(stream, RawRows.from_cells(metadata, [[b"%d" % number] * 1]))
    assert [rows.content for rows in got] == [b"\0\0\0\1%d" % number for number in range(10)]
