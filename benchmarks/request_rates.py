"""Requests per second, CPU time per request and latencies, side by side with other drivers::

    python -m benchmarks requests --pattern sync --workload insert
    python -m benchmarks requests --driver cql-driver scylla-driver --concurrency 100
    python -m benchmarks requests --server cassandra --protocol 5 --compression lz4

Each driver runs in a process of its own (or several: --processes), connected once. A round lets
one driver after the other run the same pattern, so that a busy minute of the machine meets all
of them; ratios are made within a round. CPU time is that of all threads of the client's process.
The null server's own count is compared with the client's after each run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from contextlib import ExitStack
from typing import Any, NamedTuple

from benchmarks.drivers import (
    BASELINE,
    BenchError,
    Driver,
    Worker,
    driver_parser,
    drivers,
)
from benchmarks.patterns import PATTERNS
from benchmarks.report import least_and_median, number, percentile, table
from benchmarks.schema import PAGE_ROWS
from benchmarks.servers import Server

LIMITS = {
    ("sync", "insert"): 0.35,
    ("execute-concurrent-with-args", "insert"): 0.25,
    ("execute-concurrent-with-args", "select"): 0.1,
}
"""The most that our Python code may take of scylla-driver's CPU time per request (null server,
one thread, 100 in flight)."""

Cell = tuple[str, str]
"""pattern, workload"""


class Figures(NamedTuple):
    """What one driver did in one round."""

    rate: float
    """requests/s"""
    cpu: float
    """µs of the client's CPU time a request"""
    server: float | None
    """µs of the null server's CPU time a request"""
    latencies: list[float]
    """µs, of some of the requests"""

    def as_json(self) -> dict[str, Any]:
        """Return what is written of a round."""
        return {
            "requests_per_second": self.rate,
            "cpu_us": self.cpu,
            "server_cpu_us": self.server,
            "p50_us": percentile(self.latencies, 0.5),
            "p99_us": percentile(self.latencies, 0.99),
        }


class Contender:
    """A driver and its processes."""

    def __init__(self, driver: Driver, workers: list[Worker]) -> None:
        self.driver = driver
        self.workers = workers
        self.rounds: dict[Cell, list[Figures]] = {}

    def run(self, server: Server, order: dict[str, Any]) -> Figures:
        """Run one round in all processes at once."""
        before = server.counters()
        for worker in self.workers:
            worker.start(order)
        answers = [worker.answer() for worker in self.workers]
        return figures_of(self.driver, answers, before, server.counters())


def figures_of(
    driver: Driver,
    answers: list[dict[str, Any]],
    before: tuple[int, int] | None,
    after: tuple[int, int] | None,
) -> Figures:
    """Return the figures of a round from what processes told and the server's counters.

    Raises `BenchError` when they do not agree on the number of requests.
    """
    requests = sum(answer["requests"] for answer in answers)
    per_request = None
    if before is not None and after is not None:
        if after[0] - before[0] != requests:
            raise BenchError(
                f"{driver.label} tells of {requests} requests, "
                f"the server answered {after[0] - before[0]}"
            )
        per_request = (after[1] - before[1]) / requests
    return Figures(
        rate=sum(answer["requests"] / answer["seconds"] for answer in answers),
        cpu=sum(answer["cpu"] for answer in answers) / requests * 1e6,
        server=per_request,
        latencies=[value * 1e6 for answer in answers for value in answer["latencies"]],
    )


def measure(options: argparse.Namespace) -> list[Contender]:
    """Run every cell with every driver, round by round."""
    with ExitStack() as stack:
        found = drivers(options.driver, options.impl, options.reactor)
        server = stack.enter_context(Server(options.server))
        contenders = [Contender(driver, _start(stack, driver, server, options)) for driver in found]
        print(*(_about(contender) for contender in contenders), sep="\n", flush=True)
        for cell in ((p, w) for w in options.workload for p in options.pattern):
            _measure_cell(cell, contenders, server, options)
            print("\n" + show(cell, contenders), flush=True)
        return contenders


def _start(
    stack: ExitStack, driver: Driver, server: Server, options: argparse.Namespace
) -> list[Worker]:
    workers = []
    settings = {"protocol": options.protocol, "compression": options.compression}
    for _ in range(options.processes):
        workers.append(Worker(driver, server.options() | settings))
        stack.callback(workers[-1].close)
    return workers


def _measure_cell(
    cell: Cell, contenders: list[Contender], server: Server, options: argparse.Namespace
) -> None:
    pattern, workload = cell
    scale = 1000 if workload == "page" else 1
    order = {
        "pattern": pattern,
        "workload": workload,
        "requests": max(options.requests // scale, 1),
        "concurrency": options.concurrency,
        "threads": options.threads,
        "least_seconds": options.least_seconds,
    }
    warm_up = order | {"requests": max(order["requests"] // 4, 1), "least_seconds": 0.0}
    for contender in contenders:
        contender.run(server, warm_up)
        contender.rounds[cell] = []
    for number_of_round in range(options.rounds):
        first = number_of_round % len(contenders)
        for contender in contenders[first:] + contenders[:first]:
            contender.rounds[cell].append(contender.run(server, order))


def _about(contender: Contender) -> str:
    about = contender.workers[0].about
    return "{}: version {}, {}, Python {}".format(
        contender.driver.label, about["version"], about["implementation"], about["python"]
    )


def ratios(cell: Cell, contender: Contender, base: Contender) -> tuple[float, float]:
    """Return the CPU time as a share of `base`'s: (of the least ones, median of the rounds)."""
    mine = [figures.cpu for figures in contender.rounds[cell]]
    theirs = [figures.cpu for figures in base.rounds[cell]]
    rounds = [a / b for a, b in zip(mine, theirs, strict=True)]
    return min(mine) / min(theirs), statistics.median(rounds)


def baseline(contenders: list[Contender]) -> Contender:
    """Return the driver that the others are compared with."""
    named = (c for c in contenders if c.driver.label.startswith(BASELINE))
    return next(named, contenders[0])


def show(cell: Cell, contenders: list[Contender]) -> str:
    """Return the table of one cell."""
    base = baseline(contenders)
    rows = []
    for contender in contenders:
        rounds = contender.rounds[cell]
        cpu = least_and_median([figures.cpu for figures in rounds])
        latencies = [value for figures in rounds for value in figures.latencies]
        servers = [figures.server for figures in rounds if figures.server is not None]
        rows.append(
            [
                contender.driver.label,
                number(statistics.median(figures.rate for figures in rounds)),
                *map(number, cpu),
                *(f"{ratio:.3f}" for ratio in ratios(cell, contender, base)),
                *(number(percentile(latencies, share)) for share in (0.5, 0.99)),
                number(statistics.median(servers)) if servers else "–",
            ]
        )
    head = ["driver", "requests/s", "CPU µs least", "median", "ratio least", "median"]
    head += ["p50 µs", "p99 µs", "server µs"]
    limit = LIMITS.get(cell) if base.rounds[cell][0].server is not None else None
    title = f"{cell[0]}, {cell[1]}"
    if cell[1] == "page":
        title += f" of {PAGE_ROWS:,} rows"
    if limit is not None:
        title += f" (limit of the ratio for pure Python: {limit})"
    return f"{title}\n{table(head, rows)}"


def as_json(contenders: list[Contender]) -> list[dict[str, Any]]:
    """Return every figure of every round, with the latencies as p50 and p99."""
    return [
        {
            "driver": contender.driver.label,
            **contender.workers[0].about,
            "pattern": cell[0],
            "workload": cell[1],
            "rounds": [figures.as_json() for figures in rounds],
        }
        for contender in contenders
        for cell, rounds in contender.rounds.items()
    ]


def over_limit(contenders: list[Contender]) -> list[str]:
    """Return what is beyond `LIMITS`."""
    base = baseline(contenders)
    return [
        f"{contender.driver.label}, {', '.join(cell)}: {ratio:.3f}, at most {LIMITS[cell]}"
        for contender in contenders
        if contender.driver.ours
        for cell in contender.rounds
        if cell in LIMITS
        if (ratio := ratios(cell, contender, base)[1]) > LIMITS[cell]
    ]


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = driver_parser("requests", __doc__)
    add = made.add_argument
    add("--server", default="null", help="null (default), cassandra, or HOST[:PORT]")
    add("--reactor", nargs="+", metavar="NAME", help="of cql-driver: its event loops")
    add("--pattern", nargs="+", choices=PATTERNS, default=list(PATTERNS))
    add("--workload", nargs="+", choices=["insert", "select", "page"], default=["insert", "select"])
    add("--requests", type=int, default=4000, help="in one go (default 4000; pages: a 1000th)")
    add("--least-seconds", type=float, default=0.2, help="repeat them that long (default 0.2)")
    add("--rounds", type=int, default=5)
    add("--threads", type=int, default=1, help="of each process; each runs the pattern")
    add("--processes", type=int, default=1, help="of each driver")
    add("--concurrency", type=int, default=100, help="requests in flight of each thread")
    add("--protocol", type=int, choices=[3, 4, 5], default=4)
    add("--compression", choices=["lz4"], help="default: none")
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
        options.pattern = sorted({pattern for pattern, _ in LIMITS}, reverse=True)
    try:
        contenders = measure(options)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json == "-":
        print(json.dumps(as_json(contenders), indent=1))
    elif options.json:
        with open(options.json, "w") as file:
            json.dump(as_json(contenders), file, indent=1)
    failures = over_limit(contenders) if options.check else []
    for failure in failures:
        print(f"over the limit: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
