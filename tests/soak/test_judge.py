"""What is said of a soak, from seconds made up by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.soak.faults import Fault
from tests.soak.judge import Second, Verdict, errors, judge, memory, passages
from tests.soak.run import Plan, Record, table

WELL = {"count": 0, "first": []}


def end(**what: Any) -> dict[str, Any]:
    nothing = {"late": WELL, "wrong": WELL, "lost": WELL, "streams": 0, "threads": 0, "sockets": 0}
    return nothing | what


def second(number: int, rate: int = 1000, **what: Any) -> Second:
    """The second that begins at `number`."""
    known: dict[str, Any] = {
        "begun": number,
        "at": number + 1.0,
        "done": {"read": rate // 2, "write": rate - rate // 2},
        "failed": {},
        "active": 50,
        "slowest": 0.1,
        "in_flight": 50,
        "threads": 53,
        "sockets": 4,
        "resident": 20 * 2**20,
    }
    return Second(**known | what)


def work(*rates: tuple[int, int]) -> list[Second]:
    """Seconds by pairs (how many, calls in each)."""
    each = [rate for count, rate in rates for _ in range(count)]
    return [second(number, rate) for number, rate in enumerate(each)]


def bad(verdicts: list[Verdict]) -> list[str]:
    return [verdict.what for verdict in verdicts if not verdict.well]


HANG = Fault("hang", 2, 20.0, 40.0)


def test_a_hang_that_costs_three_seconds_is_well() -> None:
    seconds = work((20, 1000), (3, 10), (17, 850), (5, 300), (20, 1000))
    (passage,) = passages(seconds, [HANG])
    assert passage.before == 1000
    assert passage.shock == 10
    assert passage.during == passage.worst == 850
    assert passage.back == 5
    assert passage.after == 1000
    assert bad(judge(seconds, [HANG], end())) == []


@pytest.mark.parametrize(
    ("rates", "word"),
    [
        ([(20, 1000), (20, 20), (30, 1000)], "while a node hangs"),
        ([(20, 1000), (3, 0), (17, 790), (30, 1000)], "while a node hangs"),
        ([(20, 1000), (20, 1000), (30, 790)], "full speed"),
        ([(20, 1000), (20, 1000), (8, 0), (22, 900)], "full speed"),
    ],
)
def test_too_little_speed_is_told(rates: list[tuple[int, int]], word: str) -> None:
    (found,) = bad(judge(work(*rates), [HANG], end()))
    assert word in found


def test_threads_that_wait_are_told_whatever_the_others_do() -> None:
    seconds = work((70, 1000))
    for second_ in seconds[23:40]:
        second_.active = 2
    (found,) = bad(judge(seconds, [HANG], end()))
    assert "of the threads" in found


@pytest.mark.parametrize("name", ["late", "wrong", "lost", "streams", "threads", "sockets"])
def test_whatever_is_found_in_the_end_is_told(name: str) -> None:
    found: Any = {"count": 2, "first": ["one", "another"]}
    if name in ("streams", "threads", "sockets"):
        found = 2
    (verdict,) = (v for v in judge(work((70, 1000)), [HANG], end(**{name: found})) if not v.well)
    assert verdict.found.startswith("2")
    assert not verdict.speed


def test_a_kill_may_cost_speed_while_the_node_is_down() -> None:
    seconds = work((20, 1000), (20, 500), (5, 300), (20, 1000))
    assert bad(judge(seconds, [Fault("kill", 1, 20.0, 40.0)], end())) == []


def test_a_fault_that_did_not_come_to_its_end_is_left_out() -> None:
    seconds = work((20, 1000), (20, 0))
    assert passages(seconds, [Fault("hang", 1, 20.0)]) == []


def test_seconds_that_are_partly_within_do_not_count() -> None:
    (passage,) = passages(work((60, 1000)), [Fault("hang", 1, 20.5, 24.2)])
    assert passage.during is None
    assert passage.share(passage.during) is None
    (passage,) = passages(work((20, 1000), (40, 500)), [Fault("hang", 1, 20.5, 25.5)])
    assert passage.before == 1000


def test_connections_and_threads_that_grow_in_number_are_told() -> None:
    seconds = [second(n, sockets=4 if n < 40 else 5, threads=53) for n in range(70)]
    assert bad(judge(seconds, [HANG], end())) == [
        "no more sockets after the last fault than before the first"
    ]


def test_memory_is_judged_after_the_warm_up() -> None:
    def grown(megabytes: float) -> list[Second]:
        return [
            second(n, resident=int((min(n, 120) / 10 + max(0, n - 300) / 300 * megabytes) * 2**20))
            for n in range(600)
        ]

    assert len(memory(grown(0))) == 16
    assert set(memory(grown(0))) == {12 * 2**20}
    assert bad(judge(grown(1), [], end())) == []
    (found,) = bad(judge(grown(2), [], end()))
    assert found.startswith("memory stays flat")
    assert memory(work((100, 1))) == []


def test_errors_are_counted_by_name() -> None:
    seconds = [
        second(n, failed={"read OperationTimedOut": 2} if n == 25 else {}) for n in range(70)
    ]
    assert errors(seconds) == {"read OperationTimedOut": 2}
    assert passages(seconds, [HANG])[0].failed == 2


def test_a_record_can_be_read_by_people_and_programs() -> None:
    seconds = [second(n + 1000) for n in range(70)]
    fault = Fault("hang", 2, 1020.0, 1040.0)
    record = Record("a driver", {"version": "1"}, seconds, [fault], end())
    record.verdicts = judge(seconds, [fault], record.end)
    assert record.well
    text = table(record)
    assert "hang 2" in text
    assert "errors: none" in text
    told = json.loads(json.dumps(record.to_json()))
    assert told["faults"] == [{"kind": "hang", "node": 2, "begun": 20.0, "over": 40.0}]
    assert [s["at"] for s in told["seconds"][:2]] == [1.0, 2.0]
    assert Plan().seconds == 600
