"""Stream ids: never two requests under one id, and never an answer for the wrong one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cql_protocol.errors import LocalProtocolError, StreamsExhausted
from cql_protocol.streams import MAX_STREAMS, ORPHAN, StreamTable


class _Receiver:
    """Who waits for an answer; each is itself only, and none is called by the table."""

    def __call__(self, answer: object) -> None:
        raise AssertionError("the table hands receivers out, it does not call them")


class StreamModel(RuleBasedStateMachine):
    """A table beside a plain dict of what each id should mean."""

    @initialize(limit=st.sampled_from([1, 2, 3, 127, 128, 129, 300]))
    def make(self, limit: int) -> None:
        self.table = StreamTable(limit)
        self.limit = limit
        self.waiting: dict[int, _Receiver] = {}
        self.orphans: set[int] = set()

    def _taken(self) -> int:
        return len(self.waiting) + len(self.orphans)

    @rule(count=st.sampled_from([1, 2, 5, 140]))
    def take(self, count: int) -> None:
        for _ in range(min(count, self.limit - self._taken())):
            receiver = _Receiver()
            stream = self.table.take(receiver)
            assert 0 <= stream < self.limit
            assert stream not in self.waiting
            assert stream not in self.orphans
            self.waiting[stream] = receiver

    @precondition(lambda self: self._taken() == self.limit)
    @rule()
    def take_one_too_many(self) -> None:
        with pytest.raises(StreamsExhausted) as caught:
            self.table.take(_Receiver())
        assert f"all {self.limit:,} stream ids" in str(caught.value)
        assert f"({len(self.orphans):,} by requests nobody waits for any more)" in str(caught.value)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        stream = data.draw(st.sampled_from(sorted(self.waiting)))
        assert self.table.release(stream) is self.waiting.pop(stream)

    @precondition(lambda self: self.orphans)
    @rule(data=st.data())
    def answer_late(self, data: st.DataObject) -> None:
        stream = data.draw(st.sampled_from(sorted(self.orphans)))
        assert self.table.release(stream) is ORPHAN
        self.orphans.remove(stream)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        stream = data.draw(st.sampled_from(sorted(self.waiting)))
        self.table.orphan(stream)
        del self.waiting[stream]
        self.orphans.add(stream)

    @rule(stream=st.integers(-3, 400) | st.integers(-(2**15), 2**15))
    def answer_what_was_not_asked(self, stream: int) -> None:
        if stream not in self.waiting and stream not in self.orphans:
            assert self.table.release(stream) is None

    @rule(stream=st.integers(-3, 400) | st.integers(-(2**15), 2**15))
    def give_up_what_was_not_asked(self, stream: int) -> None:
        if stream not in self.waiting:
            with pytest.raises(LocalProtocolError, match=f"stream {stream} has no request"):
                self.table.orphan(stream)

    @rule()
    def drain(self) -> None:
        expected = [self.waiting[stream] for stream in sorted(self.waiting)]
        drained = self.table.drain()
        assert [id(receiver) for receiver in drained] == [id(receiver) for receiver in expected]
        self.waiting.clear()
        self.orphans.clear()

    @invariant()
    def counts(self) -> None:
        assert len(self.table) == self._taken()
        assert self.table.in_flight == len(self.waiting)
        assert self.table.orphans == len(self.orphans)

    @invariant()
    def entries(self) -> None:
        entries: dict[int, Any] = {
            stream: entry for stream, entry in enumerate(self.table.waiting) if entry is not None
        }
        assert entries == self.waiting | dict.fromkeys(self.orphans, ORPHAN)
        assert len(self.table.waiting) <= self.limit


TestStreams = StreamModel.TestCase


def test_every_id_can_be_in_flight_at_once() -> None:
    table = StreamTable()
    assert table.limit == MAX_STREAMS == 1 << 15
    taken = [table.take(_Receiver()) for _ in range(MAX_STREAMS)]
    assert sorted(taken) == list(range(MAX_STREAMS))
    with pytest.raises(StreamsExhausted, match="all 32,768 stream ids"):
        table.take(_Receiver())
    table.release(77)
    assert table.take(_Receiver()) == 77


def test_ids_stay_low_while_few_are_in_flight() -> None:
    table = StreamTable()
    for _ in range(10_000):
        first, second = table.take(_Receiver()), table.take(_Receiver())
        assert {first, second} == {0, 1}
        table.release(first)
        table.release(second)
    assert len(table.waiting) <= 128


def test_an_orphan_keeps_its_id_until_the_late_answer() -> None:
    table = StreamTable(2)
    slow, other, third = _Receiver(), _Receiver(), _Receiver()
    late = table.take(slow)
    table.orphan(late)
    here = table.take(other)
    assert here != late
    with pytest.raises(StreamsExhausted, match=r"\(1 by requests nobody waits for any more\)"):
        table.take(third)
    assert table.release(late) is ORPHAN
    assert table.take(third) == late
    assert table.release(late) is third


def test_an_orphan_cannot_be_given_up_twice() -> None:
    table = StreamTable(5)
    stream = table.take(_Receiver())
    table.orphan(stream)
    with pytest.raises(LocalProtocolError, match="no request waiting"):
        table.orphan(stream)
    assert table.orphans == 1


def test_an_answer_that_comes_twice_reaches_nobody() -> None:
    table = StreamTable(5)
    stream = table.take(_Receiver())
    table.release(stream)
    assert table.release(stream) is None
    assert [table.take(_Receiver()) for _ in range(5)] == [0, 1, 2, 3, 4]


def test_a_drained_table_starts_again() -> None:
    table = StreamTable(3)
    receivers = [_Receiver() for _ in range(3)]
    streams = [table.take(receiver) for receiver in receivers]
    table.orphan(streams[1])
    assert table.drain() == [receivers[0], receivers[2]]
    assert table.drain() == []
    assert (len(table), table.orphans) == (0, 0)
    assert sorted(table.take(_Receiver()) for _ in range(3)) == [0, 1, 2]


@pytest.mark.parametrize("limit", [0, -1, MAX_STREAMS + 1])
def test_a_limit_that_the_protocol_does_not_have(limit: int) -> None:
    with pytest.raises(LocalProtocolError, match="1 to 32768"):
        StreamTable(limit)
