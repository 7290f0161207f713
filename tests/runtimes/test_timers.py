from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.runtimes.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Callable


def run(timers: Timers, now: float) -> int:
    due: deque[tuple[Callable[..., object], Any]] = deque()
    timers.move_due(now, due)
    for function, args in due:
        function(*args)
    return len(due)


def test_order_of_times_then_of_calls() -> None:
    timers = Timers()
    order: list[tuple[float, int]] = []
    calls = [(random.choice([1.0, 2.0, 3.0]), number) for number in range(200)]
    for when, number in calls:
        timers.add(when, order.append, ((when, number),))
    assert run(timers, 2.0) == sum(when <= 2.0 for when, _ in calls)
    assert run(timers, 9.0) == sum(when > 2.0 for when, _ in calls)
    assert order == sorted(calls)


def test_cancelled_calls_do_not_come_and_are_let_go() -> None:
    timers = Timers()
    order: list[int] = []
    calls = [timers.add(float(number), order.append, (number,)) for number in range(100_000)]
    random.shuffle(calls)
    for call in calls[1:]:
        call.cancel()
        call.cancel()
        assert call.args == ()
    assert len(timers.heap) <= 65
    assert run(timers, 1e9) == 1
    assert not timers.heap
    calls[0].cancel()
    calls[1].cancel()
    assert run(timers, 1e9) == 0


def test_a_time_out_that_is_renewed_for_ever_keeps_the_heap_short() -> None:
    timers = Timers()
    longest = 0
    for number in range(100_000):
        timers.add(number + 1e6, print, ()).cancel()
        longest = max(longest, len(timers.heap))
    assert longest < 200


def test_a_call_may_cancel_and_add() -> None:
    timers = Timers()
    order: list[str] = []
    second = timers.add(2.0, order.append, ("second",))

    def first() -> None:
        order.append("first")
        second.cancel()
        timers.add(1.5, order.append, ("third",))

    timers.add(1.0, first, ())
    run(timers, 3.0)
    assert order == ["first"]
    run(timers, 3.0)
    assert order == ["first", "third"]


def test_a_call_that_is_interrupted_comes_again() -> None:
    timers = Timers()
    order: list[int] = []

    def interrupted() -> None:
        order.append(1)
        if len(order) == 1:
            raise KeyboardInterrupt

    call = timers.add(1.0, interrupted, ())
    with pytest.raises(KeyboardInterrupt):
        call.fire()
    call.fire()
    call.fire()
    assert order == [1, 1]


def test_clear() -> None:
    timers = Timers()
    call = timers.add(1.0, print, ("never",))
    timers.clear()
    call.cancel()
    assert run(timers, 2.0) == 0
