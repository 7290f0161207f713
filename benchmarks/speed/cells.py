"""What is measured: cells, the contenders of each, and the limits of their ratios.

Only data: `lines` fills it in, `measure` runs it, `report` tells of it.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any, NamedTuple

COMPILED = "cql-driver"
PURE = "cql-driver, pure Python"
SCYLLA = "scylla-driver"
CASSANDRA = "cassandra-driver"
ACSYLLA = "acsylla"
SCYLLAPY = "scyllapy"
RUST = "scylladb-rs-driver"

BLOCKING = "blocking"
ASYNCIO = "asyncio"
UVLOOP = "uvloop"
BARE = "bare"


class Runner(NamedTuple):
    """A process that runs orders: whose code, in which way, on which protocol."""

    label: str
    """Which driver, or what is measured in its place."""
    kind: str
    """`BLOCKING`, or the event loop that it runs on; `BARE` for what is no driver."""
    protocol: int = 4
    compression: str | None = None
    reads: str = "one row"
    """What it reads: a process that read large pages has another heap than one that did not."""


class Contender(NamedTuple):
    """Something that is measured in a cell."""

    label: str
    runner: Runner
    pattern: str
    workload: str
    concurrency: int = 1


class Limit(NamedTuple):
    """The most that one contender may take of another's time."""

    of: str
    than: tuple[str, ...]
    """One label, or several: the fastest of them counts."""
    most: float


class Ratio(NamedTuple):
    """What became of a limit."""

    limit: Limit
    than: str
    """Whom it was compared with."""
    found: float | None
    """None where one of the two could not be measured."""

    @property
    def kept(self) -> bool:
        """Say whether the limit was kept."""
        return self.found is not None and self.found <= self.limit.most


@dataclass
class Cell:
    """One comparison: everyone does the same work, in the same rounds."""

    line: int
    """The line of the acceptance that it belongs to."""
    name: str
    """A short name, one of its own."""
    title: str
    unit: str
    contenders: list[Contender]
    limits: list[Limit]
    requests: int = 2000
    """How many requests one go has; goes are repeated until a round took long enough."""
    per_request: int = 1
    """How many units of work one request does: rows."""
    scale: float = 1e6
    """Units of time in a second."""
    busy: bool = False
    """Whether idle cores are kept from sleeping."""
    figures: dict[str, list[float]] = field(default_factory=dict)
    """By label the time of each round for a unit of work."""
    left_out: dict[str, str] = field(default_factory=dict)
    """By label why it could not be measured."""

    def median(self, label: str) -> float | None:
        """Return the median of a contender's rounds; None when it was not measured."""
        rounds = self.figures.get(label)
        return statistics.median(rounds) if rounds else None

    def ratio(self, limit: Limit) -> Ratio:
        """Return the ratio of medians that a limit is about."""
        mine = self.median(limit.of)
        others = {label: found for label in limit.than if (found := self.median(label))}
        if not others:
            return Ratio(limit, limit.than[0], None)
        fastest = min(others, key=others.__getitem__)
        return Ratio(limit, fastest, None if mine is None else mine / others[fastest])

    def ratios(self) -> list[Ratio]:
        """Return what became of every limit."""
        return [self.ratio(limit) for limit in self.limits]

    def as_json(self) -> dict[str, Any]:
        """Return what is kept of a cell: medians with their ranges, and the limits."""
        return {
            "line": self.line,
            "name": self.name,
            "title": self.title,
            "unit": self.unit,
            "figures": {
                label: [_short(f) for f in (statistics.median(rounds), min(rounds), max(rounds))]
                for label, rounds in self.figures.items()
                if rounds
            },
            "ratios": [
                {
                    "of": ratio.limit.of,
                    "than": ratio.than,
                    "found": None if ratio.found is None else _short(ratio.found),
                    "most": ratio.limit.most,
                }
                for ratio in self.ratios()
            ],
        }


def _short(value: float) -> float:
    return float(f"{value:.4g}")
