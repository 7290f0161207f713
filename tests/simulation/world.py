"""`World`: virtual time, everything that will happen in it, and a record of what happened.

There is one queue of calls that are due now, in the order in which they were asked for, and one
heap of those that come later. Nothing else moves the clock: it jumps to whatever comes next. So a
run depends on nothing but the seed and on what the test does.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from cql_driver.core.pending import Waitable

__all__ = ["Deadlock", "Entry", "Failure", "Livelock", "SimTimer", "SimulationError", "World"]

START = 1000.0
"""Where the clock begins: not at 0, which some code could take for *never*."""
_MOST_CALLS = 3_000_000


class SimulationError(AssertionError):
    """The simulation was used in a way, or came to a point, that no real program would."""


class Deadlock(SimulationError):
    """Somebody waits, and nothing is left that could end it."""


class Livelock(SimulationError):
    """The calls of one `run` never end."""


class Failure(NamedTuple):
    """A call on the loop that raised."""

    time: float
    function: str
    error: BaseException


class Entry(NamedTuple):
    """A line of the record."""

    time: float
    kind: str
    details: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.time - START:10.6f} {self.kind:10} {' '.join(map(str, self.details))}"


class SimTimer:
    """A call that is to come; `owner` is the client's runtime that asked for it."""

    __slots__ = ("args", "function", "owner", "when", "world")

    def __init__(
        self, world: World, owner: Any, when: float, function: Any, args: tuple[Any, ...]
    ) -> None:
        self.world = world
        self.owner = owner
        self.when = when
        self.function: Any = function
        self.args: tuple[Any, ...] = args

    def cancel(self) -> None:
        """Have it not come."""
        if self.function is not None:
            self.function = None
            self.args = ()
            self.owner.live_timers -= 1
            self.world.timer_cancelled()

    def __repr__(self) -> str:
        return f"<timer at {self.when - START:.6f}: {name_of(self.function)}>"


class World:
    """The clock and the queue of one simulation.

    `random` is its source of randomness, `record` what happened so far (`Entry` by `Entry`,
    unless `recording` is off), `failures` what raised on the loop.
    """

    def __init__(self, seed: int = 0, *, recording: bool = True) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.time = START
        self.record: list[Entry] = []
        self.recording = recording
        self.failures: list[Failure] = []
        self.calls = 0
        """How many calls were made on the loop."""
        self.stepping = False
        """Whether a call is being made right now: whoever asks is within the loop then."""
        self.ready: deque[tuple[Any, Callable[..., object], tuple[Any, ...]]] = deque()
        self._heap: list[tuple[float, int, SimTimer | None, Any, tuple[Any, ...]]] = []
        self._number = 0
        self._cancelled = 0

    def note(self, kind: str, *details: Any) -> None:
        """Add a line to the record."""
        if self.recording:
            self.record.append(Entry(self.time, kind, details))

    def story(self, last: int = 60) -> str:
        """Return the last lines of the record as text."""
        return "\n".join(map(str, self.record[-last:]))

    # --- asking for calls ------------------------------------------------------------------

    def soon(self, owner: Any, function: Callable[..., object], args: tuple[Any, ...]) -> None:
        """Have `function` called next, on behalf of `owner` (a runtime, or None)."""
        self.ready.append((owner, function, args))

    def after(self, delay: float, function: Callable[..., object], *args: Any) -> None:
        """Have `function` called after `delay` seconds; it cannot be cancelled."""
        self._number += 1
        heappush(self._heap, (self.time + delay, self._number, None, function, args))

    def at(self, when: float, function: Callable[..., object], *args: Any) -> None:
        """Have `function` called at the time `when`; it cannot be cancelled."""
        self._number += 1
        heappush(self._heap, (when, self._number, None, function, args))

    def timer(self, owner: Any, delay: float, function: Any, args: tuple[Any, ...]) -> SimTimer:
        """Have `function` called after `delay` seconds, unless it is cancelled."""
        when = self.time + delay if delay > 0 else self.time
        timer = SimTimer(self, owner, when, function, args)
        self._number += 1
        heappush(self._heap, (when, self._number, timer, None, ()))
        return timer

    def timer_cancelled(self) -> None:
        """Count a cancelled timer, and sweep them when they are most of the heap."""
        self._cancelled += 1
        heap = self._heap
        if self._cancelled > 256 and self._cancelled * 2 > len(heap):
            heap[:] = [e for e in heap if e[2] is None or e[2].function is not None]
            heapify(heap)
            self._cancelled = 0

    def timers_of(self, owner: Any) -> list[SimTimer]:
        """Return the live timers of a runtime, the next one first."""
        timers = [e[2] for e in sorted(self._heap, key=lambda e: e[:2]) if e[2] is not None]
        return [t for t in timers if t.owner is owner and t.function is not None]

    # --- making them happen ----------------------------------------------------------------

    def run_until(self, goal: Waitable | Callable[[], object], limit: float | None = None) -> bool:
        """Make things happen until `goal` is done (or true); return whether it is.

        It is not when `limit` seconds of virtual time are over before, or, with a limit,
        when nothing is left to happen: the clock then jumps to the limit. Without a limit
        that is a `Deadlock`.
        """
        if self.stepping:
            raise SimulationError("the loop cannot wait for itself: a call on it waits")
        reached: Callable[[], object] = (lambda: goal.done) if isinstance(goal, Waitable) else goal
        end = None if limit is None else self.time + limit
        most = self.calls + _MOST_CALLS
        while not reached():
            if not self._step(end):
                if end is None:
                    raise Deadlock(self._explain("deadlock: nothing left to happen"))
                self.time = max(self.time, end)
                return bool(reached())
            if self.calls > most:
                raise Livelock(self._explain(f"{_MOST_CALLS:,} calls, and no end"))
        return True

    def run_for(self, seconds: float) -> None:
        """Make everything happen that is due within `seconds`."""
        self.run_until(lambda: False, seconds)

    def _step(self, end: float | None) -> bool:
        """Make the next call; return False when there is none up to `end`."""
        owner: Any
        if self.ready:
            owner, function, args = self.ready.popleft()
            if owner is not None and owner.stopped:
                return True
        else:
            heap = self._heap
            if not heap or (end is not None and heap[0][0] > end):
                return False
            when, _, timer, function, args = heappop(heap)
            if timer is not None:
                function = timer.function
                if function is None:
                    self._cancelled -= self._cancelled > 0
                    return True
                args = timer.args
                timer.function = None
                timer.owner.live_timers -= 1
            if when > self.time:
                self.time = when
        self.calls += 1
        self.stepping = True
        try:
            function(*args)
        except Exception as exc:  # noqa: BLE001 - a loop goes on; the test looks at failures
            self.failures.append(Failure(self.time, name_of(function), exc))
            self.note("failed", name_of(function), type(exc).__name__)
        finally:
            self.stepping = False
        return True

    def inside(self, function: Callable[..., object], *args: Any) -> None:
        """Call `function` as the loop would, right now; what it raises comes out."""
        if self.stepping:
            function(*args)
            return
        self.stepping = True
        try:
            function(*args)
        finally:
            self.stepping = False

    def outside(self, function: Callable[..., object], *args: Any) -> None:
        """Call `function` as if by another thread, in the middle of the loop's work.

        It may wait: the loop is then driven from within.
        """
        before, self.stepping = self.stepping, False
        try:
            function(*args)
        finally:
            self.stepping = before

    def _explain(self, what: str) -> str:
        failures = "".join(f"\n  {f.function}: {f.error!r}" for f in self.failures)
        told = f"\nthese calls raised before:{failures}" if failures else ""
        story = f"\nthe record ends with:\n{self.story()}" if self.record else ""
        return f"{what} (seed {self.seed}, {self.time - START:.6f} s after the start){told}{story}"


def name_of(function: Any) -> str:
    """Return a short name of a function, without addresses."""
    name = getattr(function, "__qualname__", None)
    if name is None:
        inner = getattr(function, "func", None)  # functools.partial
        return type(function).__name__ if inner is None else name_of(inner)
    return str(name)
