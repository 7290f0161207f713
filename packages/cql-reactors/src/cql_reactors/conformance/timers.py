"""Calls that are to come later."""

from __future__ import annotations

import gc
import itertools
import random
import weakref
from typing import TYPE_CHECKING

from cql_driver.core.pending import Waitable
from cql_reactors.conformance.kit import Kit
from cql_reactors.conformance.peers import PATIENCE, on_loop

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.core.runtime import Runtime

__all__ = ["TimedCalls"]

_MANY = 100_000


class _Payload:
    """What a call that is to come holds."""

    def use(self) -> None:
        """Do nothing."""


class TimedCalls(Kit):
    """`call_later`: order, cancelling, and as many as there are requests."""

    def test_timers_come_in_the_order_of_their_times(self, runtime: Runtime) -> None:
        """Whatever the order in which they were asked for."""
        came: list[tuple[float, float]] = []
        done = Waitable()

        def add(delay: float) -> None:
            # Asked for between two looks at the clock: due between two times.
            between: list[float] = [runtime.now() + delay]
            runtime.call_later(delay, lambda: came.append((between[0], between[1])))
            between.append(runtime.now() + delay)

        def begin() -> None:
            for number in random.sample(range(20), 20):
                add(number / 1000)
            runtime.call_later(0.005, came.append, (-1.0, -1.0)).cancel()
            runtime.call_later(0.2, done.finish)

        runtime.dispatch(begin)
        assert runtime.wait(done, PATIENCE)
        assert len(came) == 20
        assert all(earlier[0] <= later[1] for earlier, later in itertools.pairwise(came))

    def test_a_timer_comes_not_before_its_time(self, runtime: Runtime) -> None:
        """By the clock of `now`."""
        times: list[float] = []
        done = Waitable()

        def begin() -> None:
            times.append(runtime.now())
            runtime.call_later(0.02, came)

        def came() -> None:
            times.append(runtime.now())
            done.finish()

        runtime.dispatch(begin)
        assert runtime.wait(done, PATIENCE)
        assert times[1] - times[0] >= 0.0199

    def test_a_timer_of_no_delay_comes_later(self, runtime: Runtime) -> None:
        """Never inside `call_later`, and neither is one of the past."""
        came: list[float] = []
        done = Waitable()

        def begin() -> None:
            for delay in (0, -1.0):
                runtime.call_later(delay, came.append, delay)
            assert not came
            runtime.call_later(0.01, done.finish)

        on_loop(runtime, begin)
        assert runtime.wait(done, PATIENCE)
        assert sorted(came) == [-1.0, 0]

    def test_cancelled_timers_come_not(self, runtime: Runtime) -> None:
        """Also when cancelled by one that is due at the same time, or twice, or too late."""
        came: list[str] = []
        timers: dict[str, Any] = {}
        done = Waitable()

        def first() -> None:
            came.append("first")
            for timer in timers.values():
                timer.cancel()
                timer.cancel()

        def begin() -> None:
            timers["first"] = runtime.call_later(0.005, first)
            for name in ("second", "third"):
                timers[name] = runtime.call_later(0.005, came.append, name)
            timers["fourth"] = runtime.call_later(0.01, came.append, "fourth")
            runtime.call_later(0.02, done.finish)
            # The loop is held up until all of them are due in one turn.
            end = runtime.now() + 0.012
            while runtime.now() < end:
                pass

        runtime.dispatch(begin)
        assert runtime.wait(done, PATIENCE)
        assert came == ["first"]

    def test_an_earlier_timer_wakes_the_loop(self, runtime: Runtime) -> None:
        """One asked for while the loop sleeps for a later one comes at its own time."""
        late = on_loop(runtime, runtime.call_later, 3 * PATIENCE, print)
        done = Waitable()
        on_loop(runtime, lambda: None)
        begun = runtime.now()
        runtime.dispatch(runtime.call_later, 0.01, done.finish)
        assert runtime.wait(done, PATIENCE)
        assert runtime.now() - begun < PATIENCE
        on_loop(runtime, late.cancel)

    def test_many_timers(self, runtime: Runtime) -> None:
        """100,000, of which four in five are cancelled: all others come, once each."""
        came = [0] * _MANY
        early: list[int] = []
        left = set(range(0, _MANY, 5))
        done = Waitable()

        def fire(number: int, due: float) -> None:
            came[number] += 1
            if runtime.now() < due - 0.001:
                early.append(number)
            left.discard(number)
            if not left:
                done.finish()

        def begin() -> None:
            timers = []
            for number in range(_MANY):
                delay = random.uniform(0.5, 1.0)
                due = runtime.now() + delay
                timers.append(runtime.call_later(delay, fire, number, due))
            for number, timer in enumerate(timers):
                if number % 5:
                    timer.cancel()

        on_loop(runtime, begin)
        assert runtime.wait(done, PATIENCE), f"{len(left)} timers did not come"
        assert came == [1, 0, 0, 0, 0] * (_MANY // 5)
        assert not early

    def test_cancelled_timers_are_let_go(self, runtime: Runtime) -> None:
        """A time-out that is renewed for ever takes no more room each time."""
        held: list[weakref.ref[_Payload]] = []

        def renew() -> None:
            for _ in range(20_000):
                payload = _Payload()
                held.append(weakref.ref(payload))
                runtime.call_later(1000.0, payload.use).cancel()

        on_loop(runtime, renew)
        on_loop(runtime, lambda: None)
        gc.collect()
        assert sum(ref() is not None for ref in held) < 500
