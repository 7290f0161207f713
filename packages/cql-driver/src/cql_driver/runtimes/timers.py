"""A heap of calls that are to come."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from typing import Any

__all__ = ["TimedCall", "Timers"]

_FEW = 64  # cancelled calls that may lie in the heap however short it is


class TimedCall:
    """A call that is to come; `function` is None once it came or was cancelled."""

    __slots__ = ("_timers", "args", "function")

    def __init__(
        self, timers: Timers, function: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        self._timers = timers
        self.function: Callable[..., object] | None = function
        self.args = args

    def cancel(self) -> None:
        """Have it not come. Cancelling twice, or after it came, does nothing."""
        if self.function is not None:
            self.function = None
            self.args = ()
            self._timers.forget_one()

    def fire(self) -> None:
        """Call it, if it was not cancelled and has not come."""
        function = self.function
        if function is None:
            return
        self.function = None
        try:
            function(*self.args)
        except Exception:
            raise
        except BaseException:
            self.function = function  # Ctrl-C in the thread that led: it is called again
            raise
        self.args = ()


class Timers:
    """The heap. Most timers are time-outs that never come: they stay where they lie when
    cancelled, and are swept once they are more than half of it."""

    __slots__ = ("_cancelled", "_made", "heap")

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, TimedCall]] = []
        self._made = 0
        self._cancelled = 0

    def add(self, when: float, function: Callable[..., object], args: tuple[Any, ...]) -> TimedCall:
        """Have the function called at `when`; equal times come in the order of calls."""
        call = TimedCall(self, function, args)
        self._made += 1
        heappush(self.heap, (when, self._made, call))
        return call

    def move_due(self, now: float, queue: deque[tuple[Callable[..., object], Any]]) -> None:
        """Append the calls whose time came to a queue; they can still be cancelled there."""
        heap = self.heap
        while heap and heap[0][0] <= now:
            call = heap[0][2]
            if call.function is not None:
                # First in there, then out here: Ctrl-C may come between, and twice does no harm.
                queue.append((call.fire, ()))
            elif self._cancelled:
                self._cancelled -= 1
            heappop(heap)

    def forget_one(self) -> None:
        """Take note that one of the heap was cancelled."""
        self._cancelled += 1
        if self._cancelled > _FEW and self._cancelled * 2 > len(self.heap):
            self.heap[:] = [entry for entry in self.heap if entry[2].function is not None]
            heapify(self.heap)
            self._cancelled = 0

    def clear(self) -> None:
        """Have none of them come."""
        for _, _, call in self.heap:
            call.function = None
        self.heap.clear()
        self._cancelled = 0
