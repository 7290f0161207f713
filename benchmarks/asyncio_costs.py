"""CPU time per request of asyncio drivers, side by side, on asyncio's loop and on uvloop::

    python -m benchmarks asyncio --concurrency 100 --loop asyncio
    python -m benchmarks asyncio --impl python --driver cql-driver acsylla==1.2.0 --rounds 9
    python -m benchmarks asyncio --check

Each driver runs in processes of its own, one for each loop, connected once to the null server.
A round lets one driver after the other run the same pattern; ratios are made within a round.
CPU time is that of all threads of the client's process. scylla-driver has no asyncio API: each
of its requests is wrapped in a future of the loop that a callback resolves.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.drivers import (
    ASYNCIO_PEERS,
    IMPLEMENTATIONS,
    OURS,
    BenchError,
    Driver,
    Worker,
    driver_parser,
    drivers,
)
from benchmarks.report import least_and_median, number, percentile, table
from benchmarks.request_rates import Figures, figures_of
from benchmarks.servers import Server

WORKER = Path(__file__).with_name("asyncio_worker.py")
PATTERNS = ("loops", "tasks", "concurrent")
LOOPS = ("asyncio", "uvloop")

LIMITS = {"scylla-driver": 0.15, "acsylla": 1.3}
"""The most that our Python code may take of their CPU time per request, with 100 tasks that
each await one request after the other."""
LIMITED = ("loops", 100)
"""The pattern and the number of tasks that have limits."""


class Cell(NamedTuple):
    """What is measured of each driver."""

    loop: str
    pattern: str
    concurrency: int
    workload: str

    def __str__(self) -> str:
        return f"{self.loop}, {self.pattern}, {self.concurrency} in flight, {self.workload}"


class Contender:
    """A driver, its processes by loop, and its figures of each round."""

    def __init__(self, driver: Driver, workers: dict[str, Worker]) -> None:
        self.driver = driver
        self.workers = workers
        self.rounds: dict[Cell, list[Figures]] = {}

    @property
    def about(self) -> dict[str, Any]:
        """What the driver tells of itself."""
        return next(iter(self.workers.values())).about

    def can(self, cell: Cell) -> bool:
        """Say whether the driver has what a pattern uses."""
        return cell.pattern != "concurrent" or self.driver.ours

    def run(self, server: Server, cell: Cell, order: dict[str, Any]) -> Figures:
        """Run one round."""
        before = server.counters()
        worker = self.workers[cell.loop]
        worker.start(order)
        return figures_of(self.driver, [worker.answer()], before, server.counters())


def measure(options: argparse.Namespace) -> list[Contender]:
    """Run every cell with every driver, round by round."""
    with ExitStack() as stack:
        found = drivers(options.driver, options.impl)
        server = stack.enter_context(Server("null"))
        contenders = [_start(stack, driver, server, options.loop) for driver in found]
        for contender in contenders:
            about = "version {version}, {implementation}, Python {python}"
            print(f"{contender.driver.label}: {about.format(**contender.about)}", flush=True)
        for cell in _cells(options):
            taking_part = [contender for contender in contenders if contender.can(cell)]
            if taking_part:
                _measure_cell(cell, taking_part, server, options)
                print("\n" + show(cell, taking_part), flush=True)
        return contenders


def _start(stack: ExitStack, driver: Driver, server: Server, loops: list[str]) -> Contender:
    workers = {}
    for loop in loops:
        workers[loop] = Worker(driver, server.options() | {"loop": loop}, WORKER)
        stack.callback(workers[loop].close)
    return Contender(driver, workers)


def _cells(options: argparse.Namespace) -> list[Cell]:
    return [
        Cell(loop, pattern, concurrency, workload)
        for pattern in options.pattern
        for concurrency in options.concurrency
        for loop in options.loop
        for workload in options.workload
    ]


def _measure_cell(
    cell: Cell, contenders: list[Contender], server: Server, options: argparse.Namespace
) -> None:
    order = {
        "pattern": cell.pattern,
        "workload": cell.workload,
        "concurrency": cell.concurrency,
        "requests": options.requests,
        "least_seconds": options.least_seconds,
    }
    warm_up = order | {"requests": max(options.requests // 4, 1), "least_seconds": 0.0}
    for contender in contenders:
        contender.run(server, cell, warm_up)
        contender.rounds[cell] = []
    for number_of_round in range(options.rounds):
        first = number_of_round % len(contenders)
        for contender in contenders[first:] + contenders[:first]:
            contender.rounds[cell].append(contender.run(server, cell, order))


def ratio(cell: Cell, contender: Contender, base: Contender) -> float:
    """Return the CPU time as a share of `base`'s: the median of the rounds."""
    pairs = zip(contender.rounds[cell], base.rounds[cell], strict=True)
    return statistics.median(mine.cpu / theirs.cpu for mine, theirs in pairs)


def bases(cell: Cell, contenders: list[Contender]) -> dict[str, Contender]:
    """Return the drivers that the others are compared with, by the names of `LIMITS`."""
    return {
        name: contender
        for name in LIMITS
        for contender in contenders
        if contender.driver.label.partition("==")[0] == name and cell in contender.rounds
    }


def show(cell: Cell, contenders: list[Contender]) -> str:
    """Return the table of one cell."""
    compared = bases(cell, contenders)
    rows = []
    for contender in contenders:
        rounds = contender.rounds[cell]
        latencies = [value for figures in rounds for value in figures.latencies]
        servers = [figures.server for figures in rounds if figures.server is not None]
        rows.append(
            [
                contender.driver.label,
                number(statistics.median(figures.rate for figures in rounds)),
                *map(number, least_and_median([figures.cpu for figures in rounds])),
                *(f"{ratio(cell, contender, base):.3f}" for base in compared.values()),
                *(number(percentile(latencies, share)) for share in (0.5, 0.99)),
                number(statistics.median(servers)),
            ]
        )
    head = ["driver", "requests/s", "CPU µs least", "median", *(f"/ {name}" for name in compared)]
    head += ["p50 µs", "p99 µs", "server µs"]
    return f"{cell}\n{table(head, rows)}"


def over_limit(contenders: list[Contender]) -> list[str]:
    """Return what is beyond `LIMITS`."""
    return [
        f"{contender.driver.label}, {cell}: {found:.3f} of {name}, at most {LIMITS[name]}"
        for contender in contenders
        if contender.driver.ours and contender.about["implementation"] == "python"
        for cell in contender.rounds
        if (cell.pattern, cell.concurrency) == LIMITED
        for name, base in bases(cell, contenders).items()
        if (found := ratio(cell, contender, base)) > LIMITS[name]
    ]


def as_json(contenders: list[Contender]) -> list[dict[str, Any]]:
    """Return every figure of every round, with the latencies as p50 and p99."""
    return [
        {
            "driver": contender.driver.label,
            **contender.about,
            **cell._asdict(),
            "rounds": [figures.as_json() for figures in rounds],
        }
        for contender in contenders
        for cell, rounds in contender.rounds.items()
    ]


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = driver_parser("asyncio", __doc__, peers=ASYNCIO_PEERS)
    made.set_defaults(impl=list(IMPLEMENTATIONS))
    add = made.add_argument
    add("--loop", nargs="+", choices=LOOPS, default=list(LOOPS))
    add("--pattern", nargs="+", choices=PATTERNS, default=["loops"])
    add("--workload", nargs="+", choices=["insert", "select"], default=["insert", "select"])
    add("--concurrency", nargs="+", type=int, default=[1, 100], help="default: 1 100")
    add("--requests", type=int, default=4000, help="in one go (default 4000)")
    add("--least-seconds", type=float, default=0.2, help="repeat them that long (default 0.2)")
    add("--rounds", type=int, default=5)
    add("--pin", type=int, metavar="CPU", help="keep clients and server on this core")
    add("--json", metavar="FILE", help="write every round's figures there; - is the output")
    add("--check", action="store_true", help="measure the cells that have limits, and fail above")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    options = parser().parse_args(arguments)
    if options.pin is not None:
        os.sched_setaffinity(0, {options.pin})
    if options.check:
        options.driver = [OURS, *(peer for peer in ASYNCIO_PEERS if _has_limit(peer))]
        options.impl = ["python"]
        options.pattern, options.concurrency = [LIMITED[0]], [LIMITED[1]]
    try:
        contenders = measure(options)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        text = json.dumps(as_json(contenders), indent=1)
        print(text) if options.json == "-" else Path(options.json).write_text(text)
    failures = over_limit(contenders) if options.check else []
    for failure in failures:
        print(f"over the limit: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _has_limit(peer: str) -> bool:
    return peer.partition("==")[0] in LIMITS


if __name__ == "__main__":
    sys.exit(main())
