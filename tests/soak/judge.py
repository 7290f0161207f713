"""What must hold of a soak: verdicts on what was done in each second."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.soak.faults import Fault

__all__ = ["AFTER", "BEFORE", "Passage", "Second", "Verdict", "judge", "passages"]

BEFORE = 10.0
"""Seconds before a fault that say what full speed is."""
SHOCK = 3.0
"""Seconds from the beginning of a hang in which the throughput may be anything."""
WHILE_HUNG = 0.8
"""Share of the throughput before that is left while a node hangs, after the shock."""
RECOVERY = 5.0
"""Seconds after the end of a fault until full speed."""
AFTER = 10.0
"""Seconds after the recovery over which the speed is measured."""
FULL = 0.8
"""Share of the throughput before that is held to be full speed: seconds differ by themselves."""
FLAT = 0.05
"""Share by which the memory may differ after the warm-up."""
WARM_UP = 120.0
"""Seconds after which the memory must be flat."""
MEMORY_SPAN = 30
"""Seconds whose middle value is one figure of memory."""


@dataclass
class Second:
    """What was done from `begun` until `at`, and what there was at its end."""

    begun: float
    at: float
    done: dict[str, int]
    failed: dict[str, int]
    active: int
    """Threads that got an answer: those that wait take no speed from the others."""
    slowest: float
    in_flight: int
    threads: int
    sockets: int
    resident: int
    others: float = 0.0
    """Processors that were busy with things that are no part of the soak."""

    @property
    def rate(self) -> float:
        """Calls that were answered, in a second."""
        return sum(self.done.values()) / (self.at - self.begun)


@dataclass
class Passage:
    """A fault and the throughput around it; None where there was no whole second."""

    fault: Fault
    before: float | None
    shock: float | None
    during: float | None
    worst: float | None
    """The worst second of those that `during` is the mean of."""
    active: float | None
    """Threads that got an answer in a second meanwhile, as a share of those before."""
    back: float | None
    """Seconds after its end until the first second of full speed."""
    after: float | None
    failed: int
    others: float | None
    """Processors that were busy with other things, from before the fault until the end."""

    def share(self, rate: float | None) -> float | None:
        """Return a throughput as a share of that before."""
        return None if rate is None or not self.before else rate / self.before


@dataclass
class Verdict:
    """One thing that must hold."""

    what: str
    well: bool
    found: str
    speed: bool = False
    """Whether it is about speed, which a busy machine takes away too."""


def rates(seconds: Iterable[Second], since: float, until: float) -> list[float]:
    """Return the rates of the seconds that are wholly within."""
    return [second.rate for second in seconds if since <= second.begun and second.at <= until]


def mean(values: Sequence[float]) -> float | None:
    """Return the mean, or None of nothing."""
    return statistics.fmean(values) if values else None


def passages(seconds: list[Second], faults: Iterable[Fault]) -> list[Passage]:
    """Return how each fault that came to its end was lived through."""
    found = []
    for fault in faults:
        if not fault.over:
            continue
        end = fault.over + RECOVERY
        before = mean(rates(seconds, fault.begun - BEFORE, fault.begun))
        during = rates(seconds, fault.begun + SHOCK, fault.over)
        found.append(
            Passage(
                fault,
                before,
                shock=mean(rates(seconds, fault.begun, fault.begun + SHOCK)),
                during=mean(during),
                worst=min(during, default=None),
                active=_active(seconds, fault),
                back=_back(seconds, fault.over, before),
                after=mean(rates(seconds, end, end + AFTER)),
                failed=sum(
                    sum(second.failed.values())
                    for second in seconds
                    if fault.begun <= second.at and second.begun <= end
                ),
                others=mean(
                    [
                        second.others
                        for second in seconds
                        if fault.begun - BEFORE <= second.begun and second.at <= end + AFTER
                    ]
                ),
            )
        )
    return found


def _active(seconds: list[Second], fault: Fault) -> float | None:
    def among(since: float, until: float) -> float | None:
        return mean([s.active for s in seconds if since <= s.begun and s.at <= until])

    before = among(fault.begun - BEFORE, fault.begun)
    during = among(fault.begun + SHOCK, fault.over)
    return None if during is None or not before else during / before


def _back(seconds: list[Second], over: float, before: float | None) -> float | None:
    if before:
        for second in seconds:
            if second.begun >= over and second.rate >= FULL * before:
                return second.begun - over
    return None


def judge(seconds: list[Second], faults: Iterable[Fault], end: dict[str, Any]) -> list[Verdict]:
    """Say of all that must hold whether it did."""
    lived = passages(seconds, faults)
    hangs = [passage for passage in lived if passage.fault.kind in ("hang", "partition")]
    return [
        *(
            Verdict(what, end[name]["count"] == 0, _first(end[name]))
            for name, what in (
                ("late", "no call takes longer than its time-out and a second"),
                ("wrong", "no read is wrong"),
                ("lost", "no acknowledged write is lost"),
            )
        ),
        _shares(
            f"while a node hangs, {WHILE_HUNG:.0%} of the throughput is left after {SHOCK:.0f} s",
            [(p.fault, p.share(p.during)) for p in hangs],
            WHILE_HUNG,
        ),
        _shares(
            f"while a node hangs, {WHILE_HUNG:.0%} of the threads get answers every second",
            [(p.fault, p.active) for p in hangs],
            WHILE_HUNG,
        ),
        _shares(
            f"full speed ({FULL:.0%} at least) {RECOVERY:.0f} s after each fault",
            [(p.fault, p.share(p.after)) for p in lived],
            FULL,
        ),
        *(
            Verdict(f"nothing is left behind: {what}", end[what] == 0, str(end[what]))
            for what in ("streams", "threads", "sockets")
        ),
        *_steady(seconds, lived),
        *_memory(seconds),
    ]


def _first(faults: dict[str, Any]) -> str:
    return "; ".join([str(faults["count"]), *faults["first"][:3]])


def _shares(what: str, shares: list[tuple[Fault, float | None]], least: float) -> Verdict:
    known = [(fault, share) for fault, share in shares if share is not None]
    found = ", ".join(f"{fault.kind} {share:.0%}" for fault, share in known) or "no such fault"
    return Verdict(what, all(share >= least for _, share in known), found, speed=True)


def _steady(seconds: list[Second], lived: list[Passage]) -> list[Verdict]:
    """After the last fault there are no more threads and sockets than before the first."""
    verdicts = []
    for name in ("threads", "sockets"):
        if not lived:
            break
        first = lived[0].fault.begun
        before = [getattr(s, name) for s in seconds if first - BEFORE <= s.begun and s.at <= first]
        last = lived[-1].fault.over + RECOVERY
        after = [getattr(s, name) for s in seconds if last <= s.begun <= last + AFTER]
        if before and after:
            most, now = max(before), statistics.median(after)
            what = f"no more {name} after the last fault than before the first"
            verdicts.append(Verdict(what, now <= most, f"{now:.0f} and {most}"))
    return verdicts


def memory(seconds: list[Second]) -> list[float]:
    """Return the memory in bytes of each half minute after the warm-up: the middle values."""
    begun = seconds[0].begun + WARM_UP if seconds else 0.0
    spans: dict[int, list[int]] = {}
    for second in seconds:
        if second.begun >= begun:
            spans.setdefault(int(second.begun - begun) // MEMORY_SPAN, []).append(second.resident)
    return [statistics.median(span) for span in spans.values() if len(span) > MEMORY_SPAN // 2]


def _memory(seconds: list[Second]) -> list[Verdict]:
    spans = memory(seconds)
    if len(spans) < 4:
        return []
    middle = (max(spans) + min(spans)) / 2
    spread = (max(spans) - min(spans)) / 2 / middle
    found = f"{middle / 2**20:.1f} MiB ± {spread:.1%}"
    return [Verdict(f"memory stays flat (± {FLAT:.0%}) after the warm-up", spread <= FLAT, found)]


def errors(seconds: Iterable[Second]) -> Counter[str]:
    """Return how often each error came."""
    found: Counter[str] = Counter()
    for second in seconds:
        found.update(second.failed)
    return found
