"""CPU time of the object mapper, side by side with scylla-driver's and cassandra-driver's::

    python -m benchmarks mapper                                # the null server and a real node
    python -m benchmarks mapper --server null --rounds 3
    python -m benchmarks mapper --impl python --driver cql-driver scylla-driver --check

Each mapper runs in a process of its own for each server, set up once, and does the same with the
same model: of eight columns, of which two are containers, and of eight without containers. A
round lets one mapper after the other run the same operation, so that a busy minute of the machine
meets all of them; ratios are made within a round. CPU time is that of all threads of the client's
process. The null server must have answered one request for each operation.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import schema
from benchmarks.drivers import (
    BASELINE,
    IMPLEMENTATIONS,
    OURS,
    BenchError,
    Driver,
    Worker,
    driver_parser,
    drivers,
)
from benchmarks.report import least_and_median, number, table
from benchmarks.request_rates import Figures, figures_of
from benchmarks.servers import Server

WORKER = Path(__file__).with_name("mapper_worker.py")
LIMIT = 0.5
"""The most that an operation of ours may take of the baseline's CPU time."""
OPERATIONS = {
    "create": 200,
    "get": 200,
    "filter": 2,
    "filter, all read": 2,
    "batch": 4,
    "acreate": 1000,
    "aget": 1000,
}
"""How many of each are run in one go. ``filter`` is of 1,000 rows, of which one column is looked
at, or all; ``batch`` of 100 instances; the last two of asyncio with 100 in flight, of ours only."""
ONLY_OURS = ("acreate", "aget")
MODELS = dict(zip(schema.MAPPED, ("with containers", "without"), strict=True))
SERVERS = {"null": ("null",), "node": ("cassandra",), "both": ("null", "cassandra")}
NAMES = {"null": "null server", "cassandra": "real node"}


class Cell(NamedTuple):
    """What is compared."""

    server: str
    operation: str
    model: str
    """the name of its table"""

    def __str__(self) -> str:
        return f"{NAMES[self.server]}, {self.operation}, {MODELS[self.model]}"


class Contender:
    """A mapper, its process for each server, and what was measured."""

    def __init__(self, driver: Driver, workers: dict[str, Worker]) -> None:
        self.driver = driver
        self.workers = workers
        self.rounds: dict[Cell, list[Figures]] = {}

    def can(self, cell: Cell) -> bool:
        """Whether this mapper has the operation."""
        return self.driver.ours or cell.operation not in ONLY_OURS

    def run(self, cell: Cell, server: Server, least_seconds: float) -> Figures:
        """Run one round of a cell; `Figures.latencies` is empty."""
        before = server.counters()
        order = {
            "operation": cell.operation,
            "model": cell.model,
            "count": OPERATIONS[cell.operation],
            "least_seconds": least_seconds,
        }
        worker = self.workers[cell.server]
        worker.start(order)
        answers = [worker.answer() | {"latencies": []}]
        return figures_of(self.driver, answers, before, server.counters())


def measure(options: argparse.Namespace) -> list[Contender]:
    """Run every cell with every mapper, round by round."""
    with ExitStack() as stack:
        found = drivers(options.driver, options.impl)
        servers = {name: stack.enter_context(Server(name)) for name in SERVERS[options.server]}
        for server in servers.values():
            _make_keyspace(server)
        contenders = [Contender(driver, {}) for driver in found]
        for contender in contenders:
            for name, server in servers.items():
                settings = {**server.options(), "protocol": options.protocol}
                worker = contender.workers[name] = Worker(contender.driver, settings, WORKER)
                stack.callback(worker.close)
        for contender in contenders:
            about = next(iter(contender.workers.values())).about
            told = f"version {about['version']}, {about['implementation']}"
            print(f"{contender.driver.label}: {told}, Python {about['python']}", flush=True)
        cells = [
            Cell(name, operation, model)
            for name in servers
            for model in options.model
            for operation in options.operation
        ]
        for cell in cells:
            _measure_cell(cell, contenders, servers[cell.server], options)
        return contenders


def _make_keyspace(server: Server) -> None:
    """Make the keyspace; tables are made by the mappers."""
    from cql_driver.cluster import Cluster

    with Cluster(server.contact_points, port=server.port, connect_timeout=30.0) as cluster:
        cluster.connect().execute(next(schema.definitions()), timeout=60.0)


def _measure_cell(
    cell: Cell, contenders: list[Contender], server: Server, options: argparse.Namespace
) -> None:
    able = [contender for contender in contenders if contender.can(cell)]
    for contender in able:
        contender.run(cell, server, 0.0)  # it prepares, and warms up
        contender.rounds[cell] = []
    for number_of_round in range(options.rounds):
        first = number_of_round % len(able) if able else 0
        for contender in able[first:] + able[:first]:
            contender.rounds[cell].append(contender.run(cell, server, options.least_seconds))


def baseline(contenders: list[Contender]) -> Contender | None:
    """Return the mapper that ours is compared with, if it is measured."""
    named = (c for c in contenders if c.driver.label.startswith(BASELINE))
    return next(named, None)


def ratio(cell: Cell, contender: Contender, base: Contender) -> float | None:
    """Return the CPU time as a share of `base`'s, the median of the rounds; None without base's."""
    mine, theirs = contender.rounds[cell], base.rounds.get(cell, [])
    shares = [a.cpu / b.cpu for a, b in zip(mine, theirs, strict=False)]
    return statistics.median(shares) if shares else None


def show(contenders: list[Contender]) -> Iterator[str]:
    """Yield a table for each server: a line for each operation, columns for each mapper."""
    base = baseline(contenders)
    ours = [contender for contender in contenders if contender.driver.ours]
    cells = list(dict.fromkeys(cell for contender in contenders for cell in contender.rounds))
    for server in dict.fromkeys(cell.server for cell in cells):
        head = [f"{NAMES[server]}, CPU µs", "columns"]
        head += [contender.driver.label for contender in contenders]
        if base is not None:
            head += [f"{_short(c.driver)} / {base.driver.label}" for c in ours]
        lines = []
        for cell in (cell for cell in cells if cell.server == server):
            line = [cell.operation, MODELS[cell.model]]
            line += [_median(contender.rounds.get(cell)) for contender in contenders]
            shares = [ratio(cell, contender, base) for contender in ours if base is not None]
            lines.append(line + ["–" if share is None else f"{share:.3f}" for share in shares])
        yield table(head, lines)


def _short(driver: Driver) -> str:
    """Return the implementation alone where the label has it in brackets."""
    return driver.label.removeprefix(f"{OURS} ").strip("()")


def _median(rounds: list[Figures] | None) -> str:
    return number(least_and_median([each.cpu for each in rounds])[1]) if rounds else "–"


def as_json(contenders: list[Contender]) -> list[dict[str, Any]]:
    """Return every figure of every round."""
    return [
        {
            "driver": contender.driver.label,
            **contender.workers[cell.server].about,
            **cell._asdict(),
            "rounds": [{"cpu_us": each.cpu, "operations_per_second": each.rate} for each in rounds],
        }
        for contender in contenders
        for cell, rounds in contender.rounds.items()
    ]


def over_limit(contenders: list[Contender]) -> list[str]:
    """Return what is beyond `LIMIT`, or could not be compared."""
    base = baseline(contenders)
    if base is None:
        return [f"{BASELINE} was not measured"]
    return [
        f"{contender.driver.label}, {cell}: {share:.3f} of {base.driver.label}, at most {LIMIT}"
        for contender in contenders
        if contender.driver.ours
        for cell in contender.rounds
        if (share := ratio(cell, contender, base)) is not None and share > LIMIT
    ]


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = driver_parser("mapper", __doc__)
    made.set_defaults(impl=list(IMPLEMENTATIONS))
    add = made.add_argument
    add("--server", choices=SERVERS, default="both", help="node: one started for it (Java, Maven)")
    add("--model", nargs="+", choices=MODELS, default=list(MODELS))
    add("--operation", nargs="+", choices=OPERATIONS, default=list(OPERATIONS), metavar="NAME")
    add("--least-seconds", type=float, default=0.3, help="how long each runs (default 0.3)")
    add("--rounds", type=int, default=7)
    add("--protocol", type=int, choices=[3, 4, 5], default=4)
    add("--pin", type=int, metavar="CPU", help="keep clients and servers on this core")
    add("--json", metavar="FILE", help="write every round's figures there; - is the output")
    add("--check", action="store_true", help="fail above the limit")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    options = parser().parse_args(arguments)
    if options.pin is not None:
        os.sched_setaffinity(0, {options.pin})
    try:
        contenders = measure(options)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for text in show(contenders):
        print("\n" + text)
    if options.json == "-":
        print(json.dumps(as_json(contenders), indent=1))
    elif options.json:
        Path(options.json).write_text(json.dumps(as_json(contenders), indent=1))
    failures = over_limit(contenders) if options.check else []
    for failure in failures:
        print(f"over the limit: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
