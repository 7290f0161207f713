"""How long an application's loop stood still: the watchdog inside the applications under test.

The application calls `tick` every hundredth of a second *by its own loop*: a greenlet that
sleeps, a `callLater`, a task. The gap between two ticks, less the period, is how long nothing
else of the loop could run either. A machine that is busy makes every loop late, blocked or not, so
what the system owes the process is subtracted from each gap. It is known in two ways, of which
the larger counts:

- how long the loop's thread was ready to run and was given no processor
  (``/proc/…/schedstat``, on Linux),
- how late a plain thread of the same process was meanwhile, which asks to be woken as often (it
  needs the interpreter's lock for a moment: who blocks the loop by Python code, or by a call that
  sleeps, does not keep it; only compiled code that held the lock all the time would hide).

What is left is a *stall*. An application that never blocks its loop has none above some
milliseconds.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from time import monotonic, sleep
from typing import Any

__all__ = ["PERIOD", "Watchdog"]

PERIOD = 0.01
"""Seconds between two ticks."""

_KEPT = 5  # the worst gaps that are reported


class Watchdog:
    """Made and ticked in the thread of the loop, once its framework is patched."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._waited = 0.0
        self._ticks = 0
        self._worst: list[tuple[float, float, float]] = []
        self._schedstat = _open_schedstat()
        self._late: deque[tuple[float, float]] = deque(maxlen=2000)
        self._plain_last = monotonic()
        self._ended = False
        sleep_really, start_really = _originals()
        start_really(self._run, (sleep_really,))

    def tick(self) -> None:
        """Say that the loop runs."""
        now = monotonic()
        waited = self._waited_for_a_processor()
        last, self._last = self._last, now
        owed, self._waited = waited - self._waited, waited
        if last is None:
            return
        self._ticks += 1
        gap = now - last - PERIOD
        if gap > PERIOD:
            owed = max(owed, self._lateness(last, now))
            self._worst.append((gap - owed, gap, owed))
            self._worst.sort(reverse=True)
            del self._worst[_KEPT:]

    def report(self) -> dict[str, Any]:
        """Return the longest stall in seconds, the number of ticks, and the worst gaps."""
        return {
            "stall": max(0.0, self._worst[0][0]) if self._worst else 0.0,
            "ticks": self._ticks,
            "worst": [
                {"stall": round(stall, 4), "gap": round(gap, 4), "owed": round(owed, 4)}
                for stall, gap, owed in self._worst
            ],
        }

    def end(self) -> None:
        """Have the plain thread end. In the thread of the loop."""
        self._ended = True
        schedstat, self._schedstat = self._schedstat, None
        if schedstat is not None:
            os.close(schedstat)

    # --- what the system owes ------------------------------------------------------------------

    def _waited_for_a_processor(self) -> float:
        """Return how long the loop's thread has waited for a processor so far, in seconds."""
        if self._schedstat is None:
            return 0.0
        return int(os.pread(self._schedstat, 100, 0).split()[1]) / 1e9

    def _run(self, sleep_really: Any) -> None:
        while not self._ended:
            sleep_really(PERIOD)
            now = monotonic()
            late = now - self._plain_last - PERIOD
            self._plain_last = now
            if late > PERIOD / 2:
                self._late.append((now, late))

    def _lateness(self, begin: float, end: float) -> float:
        """Return how late the plain thread was at most between two times."""
        late = [late for when, late in tuple(self._late) if begin <= when <= end + PERIOD]
        late.append(end - self._plain_last - PERIOD)
        return max(late)


def _open_schedstat() -> int | None:
    try:
        return os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    except OSError:
        return None


def _originals() -> tuple[Any, Any]:
    """Return `time.sleep` and `_thread.start_new_thread` as they were before any patch."""
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None:
        return (
            gevent.get_original("time", "sleep"),
            gevent.get_original("_thread", "start_new_thread"),
        )
    eventlet = sys.modules.get("eventlet.patcher")
    if eventlet is not None:
        return eventlet.original("time").sleep, eventlet.original("_thread").start_new_thread
    import _thread

    return sleep, _thread.start_new_thread
