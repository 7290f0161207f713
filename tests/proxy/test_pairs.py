"""The proxy in memory, between a client's and a server's end of our own codec."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from cql_protocol import (
    Batch,
    BatchEntry,
    Execute,
    Options,
    Prepare,
    Query,
    Register,
    RemoteProtocolError,
    RequestReceived,
    SchemaChange,
    SetKeyspaceResult,
    State,
    StatusChange,
    VoidResult,
)
from cql_protocol.connection import Answer
from cql_protocol.errors import ConnectionClosed, Overloaded, PreparedQueryNotFound
from cql_protocol.messages import opcodes
from tests.proxy import (
    ANY,
    Answers,
    Chance,
    Condition,
    Control,
    Corrupt,
    Cut,
    Delay,
    Drop,
    Duplicate,
    Forge,
    Hold,
    Nth,
    OnConnection,
    Opcode,
    Pass,
    Reaction,
    Rewrite,
    Rule,
    Statement,
    Stream,
    Where,
)
from tests.proxy.peers import COMBINATIONS, Pair, serve


def echo(*texts: str) -> list[SetKeyspaceResult]:
    return [SetKeyspaceResult(text) for text in texts]


def on_request(
    pair: Pair, condition: Condition, reaction: Reaction, times: int | None = None
) -> Rule:
    rule = Rule(condition, reaction, response=False, times=times)
    pair.rules.add(rule)
    return rule


def on_response(
    pair: Pair, condition: Condition, reaction: Reaction, times: int | None = None
) -> Rule:
    rule = Rule(condition, reaction, response=True, times=times)
    pair.rules.add(rule)
    return rule


@pytest.fixture(params=COMBINATIONS, ids=lambda c: f"v{c[0]}-{c[1] or 'plain'}")
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(*request.param)


LONG = "SELECT " + "x" * 300_000


# --- without rules -------------------------------------------------------------------------------


def test_everything_passes(pair: Pair) -> None:
    assert pair.ask(Query("a"), Query("b"), Options(), Query("c"))[0::3] == echo("a", "c")
    assert pair.client.state is State.READY
    assert len(pair.client.streams) == 0


@pytest.mark.parametrize("combination", COMBINATIONS)
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_it_comes_in_pieces_of_any_size(combination: Any, piece: int) -> None:
    version, compression = combination
    pair = Pair(version, compression, piece)
    text = LONG if piece > 7 else "SELECT x"
    assert pair.ask(Query("a"), Query(text[:60_000]), Query("b")) == echo("a", text[:60_000], "b")


def test_a_large_frame_spans_segments(pair: Pair) -> None:
    [prepared] = pair.ask(Prepare(LONG))
    assert pair.tunnel.texts == {prepared.query_id: LONG}


def test_the_compression_is_what_was_agreed() -> None:
    assert Pair(4, "snappy").tunnel.compressor.name == "snappy"  # type: ignore[union-attr]
    assert Pair(5, "lz4").tunnel.compressor.name == "lz4"  # type: ignore[union-attr]
    assert Pair(4).tunnel.compressor is None


# --- conditions ----------------------------------------------------------------------------------


def counted(pair: Pair, condition: Condition) -> int:
    """How many of these requests a condition holds for."""
    rule = on_request(pair, condition, Pass())
    prepared = pair.ask(Prepare("UPDATE p"))[0]
    batch = Batch([BatchEntry("INSERT b"), BatchEntry(prepared.query_id)])
    pair.ask(Query("SELECT a"), Query("INSERT a"), Execute(prepared.query_id), batch, Options())
    rule.end()
    return rule.used


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: ANY, 6),
        (lambda: Opcode(opcodes.QUERY), 2),
        (lambda: Opcode(opcodes.EXECUTE, opcodes.PREPARE), 2),
        (lambda: Statement("INSERT"), 2),
        (lambda: Statement("UPDATE p"), 3),
        (lambda: Statement(re.compile("^(SELECT|INSERT) a$")), 2),
        (lambda: Statement("UPDATE p") & ~Opcode(opcodes.PREPARE), 2),
        (lambda: Statement("SELECT") | Opcode(opcodes.OPTIONS), 2),
        (lambda: ~Statement("INSERT"), 4),
        (lambda: Statement("INSERT") & Nth(2), 1),
        (lambda: Nth(1, 2, 6), 3),
        (lambda: Nth(1) & Statement("INSERT"), 0),
        (lambda: OnConnection(1), 6),
        (lambda: OnConnection(2, 3), 0),
        (lambda: Control(), 0),
        (lambda: Answers(ANY), 0),
        (lambda: Where(lambda frame: frame.message == Query("INSERT a")), 1),
        (lambda: Chance(1.0), 6),
        (lambda: Chance(0.0), 0),
    ],
)
def test_conditions(pair: Pair, make: Callable[[], Condition], expected: int) -> None:
    assert counted(pair, make()) == expected


def test_conditions_on_responses(pair: Pair) -> None:
    inserts = on_response(pair, Statement("INSERT"), Pass())
    of_options = on_response(pair, Answers(Opcode(opcodes.OPTIONS)), Pass())
    results = on_response(pair, Opcode(opcodes.RESULT), Pass())
    pair.ask(Query("SELECT a"), Query("INSERT a"), Options())
    assert (inserts.used, of_options.used) == (1, 1)
    assert results.used == 1, "the first rule that takes a frame decides"


def test_a_stream(pair: Pair) -> None:
    answers: list[Any] = []
    frames = [pair.client.frame(Query(text), answers.append) for text in "ab"]
    on_request(pair, Stream(pair.client.last_stream), Forge(VoidResult()))
    pair.tunnel.from_client(pair.client.wrap(frames))
    pair.turn()
    assert answers == [VoidResult(), *echo("a")]


def test_a_seed_repeats_its_chances(pair: Pair) -> None:
    def taken(seed: int) -> list[bool]:
        chance = Chance(0.5, seed)
        return [chance(frame) for _ in range(50)]

    on_request(pair, ANY, Pass())
    rule = on_request(pair, ANY, Pass())
    rule.end()
    pair.rules.clear()
    rule = on_request(pair, ANY, Pass())
    pair.ask(Query("a"))
    [frame] = rule.frames
    assert taken(1) == taken(1) != taken(2)
    assert 10 < sum(taken(1)) < 40


def test_a_connection_that_asked_for_events(pair: Pair) -> None:
    rule = on_request(pair, Control(), Pass())
    pair.ask(Query("a"))
    pair.ask(Register(["STATUS_CHANGE"]))
    pair.ask(Query("b"))
    assert [frame.opcode for frame in rule.frames] == [opcodes.REGISTER, opcodes.QUERY]


# --- rules ---------------------------------------------------------------------------------------


def test_a_rule_ends_after_so_many_times(pair: Pair) -> None:
    rule = on_request(pair, Statement("a"), Forge(VoidResult()), times=2)
    assert pair.ask(*[Query("a")] * 3) == [VoidResult()] * 2 + echo("a")
    assert rule.used == 2
    assert not rule.active


def test_a_rule_ends_with_its_block(pair: Pair) -> None:
    with on_request(pair, ANY, Forge(VoidResult())):
        assert pair.ask(Query("a")) == [VoidResult()]
    assert pair.ask(Query("a")) == echo("a")


def test_the_first_rule_decides(pair: Pair) -> None:
    on_request(pair, Statement("spared"), Pass())
    on_request(pair, ANY, Forge(VoidResult()))
    assert pair.ask(Query("spared")) == echo("spared")
    assert pair.ask(Query("b")) == [VoidResult()]
    pair.rules.clear()
    assert pair.ask(Query("b")) == echo("b")


def test_waiting_for_a_rule_in_vain(pair: Pair) -> None:
    rule = on_request(pair, ANY, Pass())
    pair.ask(Query("a"))
    rule.wait(1)
    with pytest.raises(AssertionError, match="used 1 times, not 2"):
        rule.wait(2, timeout=0.0)


# --- reactions -----------------------------------------------------------------------------------


def heard(pair: Pair) -> list[str]:
    return [
        event.message.query
        for event in pair.heard
        if isinstance(event, RequestReceived) and isinstance(event.message, Query)
    ]


def test_drop_a_request(pair: Pair) -> None:
    on_request(pair, Statement("a"), Drop())
    assert pair.send(Query("a"), Query("b")) == echo("b")
    assert heard(pair) == ["b"]
    assert len(pair.client.streams) == 1


def test_drop_a_response(pair: Pair) -> None:
    on_response(pair, Statement("a"), Drop())
    assert pair.send(Query("a"), Query("b")) == echo("b")
    assert heard(pair) == ["a", "b"]


def test_delay(pair: Pair) -> None:
    on_response(pair, Statement("a"), Delay(2.0))
    on_request(pair, Statement("b"), Delay(1.0, 3.0))
    answers = pair.send(Query("a"), Query("b"), Query("c"))
    assert answers == echo("c")
    [ours, random] = sorted(pair.elapse(), key=lambda delay: delay != 2.0)
    assert ours == 2.0
    assert 1.0 <= random <= 3.0
    assert sorted(a.keyspace for a in answers) == ["a", "b", "c"]


def test_hold(pair: Pair) -> None:
    hold = Hold()
    on_response(pair, Statement("h"), hold)
    answers = pair.send(Query("h1"), Query("b"), Query("h2"))
    assert answers == echo("b")
    assert [frame.statement for frame in hold.frames] == ["h1", "h2"]
    hold.release()
    pair.turn()
    assert answers == echo("b", "h1", "h2")
    assert pair.ask(Query("h3")) == echo("h3")


def test_forge_an_error_instead_of_a_request(pair: Pair) -> None:
    on_request(pair, Statement("a"), Forge(Overloaded("too much")))
    [error, other] = pair.ask(Query("a"), Query("b"))
    assert isinstance(error, Overloaded)
    assert [other] == echo("b")
    assert heard(pair) == ["b"]


def test_forge_a_response(pair: Pair) -> None:
    on_response(pair, Statement("a"), Forge(SetKeyspaceResult("forged")))
    assert pair.ask(Query("a"), Query("b")) == echo("forged", "b")
    assert heard(pair) == ["a", "b"]


def test_forge_what_a_function_makes(pair: Pair) -> None:
    [prepared] = pair.ask(Prepare("UPDATE p"))

    def forgotten(frame: Any) -> PreparedQueryNotFound:
        return PreparedQueryNotFound("who?", frame.message.query_id)

    on_request(pair, Opcode(opcodes.EXECUTE), Forge(forgotten), times=1)
    [error, answer] = pair.ask(*[Execute(prepared.query_id)] * 2)
    assert error.query_id == prepared.query_id
    assert [answer] == echo("executed UPDATE p")


def test_duplicate_a_response(pair: Pair) -> None:
    on_response(pair, Statement("a"), Duplicate())
    on_response(pair, Statement("b"), Duplicate(1.0))
    assert pair.ask(Query("a"), Query("b")) == echo("a", "b")
    strays = [pair.client.next_event()]
    pair.elapse()
    strays.append(pair.client.next_event())
    assert all(isinstance(s, Answer) and "nothing was asked" in str(s.response) for s in strays)


def test_duplicate_a_request(pair: Pair) -> None:
    on_request(pair, Statement("a"), Duplicate())
    assert pair.send(Query("a")) == echo("a")
    assert heard(pair) == ["a", "a"]


def test_rewrite(pair: Pair) -> None:
    def unknown(frame: Any) -> bytes:
        version = 0x80 | frame.version
        return bytes([version, 0, 0, frame.stream, 0x66, 0, 0, 0, 2]) + b"??"

    on_response(pair, Statement("a"), Rewrite(unknown))
    [error, other] = pair.ask(Query("a"), Query("b"))
    assert isinstance(error, RemoteProtocolError)
    assert "0x66" in str(error)
    assert [other] == echo("b")


def test_a_bit_that_flips_on_protocol_5_is_noticed(pair: Pair) -> None:
    on_response(pair, Statement("a"), Corrupt(seed=3), times=1)
    if pair.client.version == 5:
        with pytest.raises(RemoteProtocolError, match="damaged segment"):
            pair.send(Query("a"))
        assert pair.client.state is State.CLOSED


def test_a_certain_byte_is_damaged(pair: Pair) -> None:
    on_response(pair, Statement("a"), Corrupt(0), times=1)
    with pytest.raises(RemoteProtocolError):
        pair.send(Query("a"))


@pytest.mark.parametrize(("reset", "ended"), [(True, "reset"), (False, "closed")])
def test_cut(pair: Pair, reset: bool, ended: str) -> None:
    on_response(pair, Statement("a"), Cut(reset=reset))
    answers = pair.send(Query("b"), Query("a"), Query("c"))
    assert (pair.to_client.ended, pair.to_node.ended) == (ended, ended)
    assert pair.tunnel.closed
    # Who closes sends first what it has; a reset loses it.
    assert answers == ([] if reset else echo("b"))
    pair.tunnel.from_client(b"more")
    pair.tunnel.from_node(b"more")
    assert not pair.to_client.data
    assert not pair.to_node.data


def test_cut_in_the_middle_of_a_frame(pair: Pair) -> None:
    on_response(pair, Statement("a"), Cut(after=5))
    answers = pair.send(Query("b"))
    pair.tunnel.from_client(pair.client.send(Query("a"), answers.append))
    node = pair.to_node.take()
    pair.tunnel.from_node(serve(pair.server, node, pair.heard))
    assert len(pair.to_client.take()) == 5
    pair.client.close()
    assert answers[:1] == echo("b")
    assert isinstance(answers[1], ConnectionClosed)


def test_timers_of_a_connection_that_ended(pair: Pair) -> None:
    on_response(pair, Statement("a"), Delay(1.0))
    pair.send(Query("a"))
    pair.tunnel.cut()
    pair.elapse()
    assert not pair.to_client.data


# --- the connection as a whole -------------------------------------------------------------------


def test_events_are_pushed(pair: Pair) -> None:
    pair.ask(Register(["STATUS_CHANGE"]))
    pair.tunnel.push(StatusChange("DOWN", "10.0.0.1", 9042))
    pair.turn()
    assert pair.client.next_event() == StatusChange("DOWN", "10.0.0.1", 9042)


def test_events_of_the_node(pair: Pair) -> None:
    lost = on_response(pair, Stream(-1), Drop(), times=1)
    event = SchemaChange("CREATED", "KEYSPACE", "ks")
    for _ in range(2):
        pair.tunnel.from_node(pair.server.send(-1, event))
    pair.turn()
    assert lost.used == 1
    assert lost.frames[0].message == event
    assert pair.client.next_event() == event
    assert pair.client.next_event() is None


def test_frozen_and_thawed(pair: Pair) -> None:
    pair.tunnel.freeze()
    answers = pair.send(Query("a"), Query("b"))
    assert not pair.heard[2:]
    pair.tunnel.thaw()
    pair.turn()
    assert answers == echo("a", "b")


def test_a_peer_that_sends_what_is_no_frame(pair: Pair) -> None:
    pair.ask(Query("a"))
    pair.tunnel.from_node(b"\xff" * 64)
    assert pair.tunnel.error is not None
    assert pair.to_client.ended == "reset"


def test_a_frame_tells_of_itself(pair: Pair) -> None:
    rule = on_request(pair, ANY, Pass())
    pair.ask(Query("SELECT a"))
    [frame] = rule.frames
    assert repr(frame) == f"<Frame QUERY stream 0, {len(frame.body)} bytes 'SELECT a'>"
    assert repr(pair.tunnel) == "<Tunnel 1>"
    assert frame.message == Query("SELECT a")


def test_a_greeting_that_comes_twice() -> None:
    """On protocol 5 what follows the first is in segments."""
    twice = Rule(Opcode(opcodes.READY), Duplicate(), response=True, times=1)
    pair = Pair(5, "lz4", rules=[twice])
    assert pair.ask(Query("a")) == echo("a")
    stray = pair.client.next_event()
    assert isinstance(stray, Answer)
    assert twice.used == 1
