"""What ``import cql_driver.cluster`` costs, side by side with the import of other drivers::

    python -m benchmarks start

CPU time (user and system) of fresh processes, less that of an interpreter that imports nothing
in the same environment. One process after the other, driver by driver, many times. Three steps
are measured, since what an import puts off has to be paid by who goes on: the import, the import
and a ``Cluster()``, and all the way to the first row of a server without a database. It is also
told which modules our import loads that it should not.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import NamedTuple

from benchmarks.drivers import (
    BASELINE,
    BenchError,
    Driver,
    driver_parser,
    drivers,
)
from benchmarks.null_server import NullServer
from benchmarks.report import least_and_median, number, table

LIMIT = 0.25
"""The most that our import may take of scylla-driver's."""

UNWANTED = (
    "asyncio",
    "concurrent.futures",
    "dataclasses",
    "importlib.metadata",
    "inspect",
    "logging.config",
    "numpy",
    "re",
    "socket",
    "ssl",
    "uuid",
)


BARE = "nothing"
IMPORT = "import"
QUERY = "SELECT release_version FROM system.local"
STEPS = {
    BARE: "pass",
    IMPORT: "import {root}.cluster",
    "Cluster()": "from {root}.cluster import Cluster; Cluster()",
    "first row": (
        "from {root}.cluster import Cluster; cluster = Cluster([{address!r}], port={port}); "
        "row = cluster.connect().execute({query!r}).one(); assert row; cluster.shutdown()"
    ),
}
"""What the processes run, by what it is called."""


class Figures(NamedTuple):
    """The start of one driver: by step milliseconds of CPU time, a value for each round."""

    driver: Driver
    steps: dict[str, list[float]]

    def net(self, step: str = IMPORT) -> tuple[float, float]:
        """A step without the bare interpreter: (least, median)."""
        taken, bare = self.steps[step], self.steps[BARE]
        return min(taken) - min(bare), statistics.median(taken) - statistics.median(bare)


def run(driver: Driver, program: str, folder: str) -> float:
    """Run a program in a fresh interpreter; return its CPU time in milliseconds."""
    process = subprocess.Popen(
        [driver.python, "-I", "-c", program], env=driver.environment, cwd=folder
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchError(f"{driver.label}: {program!r} failed")
    return (used.ru_utime + used.ru_stime) * 1e3


def measure(found: list[Driver], rounds: int) -> list[Figures]:
    """Take every step with every driver, `rounds` times."""
    figures = [Figures(driver, {step: [] for step in STEPS}) for driver in found]
    with tempfile.TemporaryDirectory() as folder, NullServer() as server:
        given = {"address": server.address, "port": server.port, "query": QUERY}
        for number_of_round in range(rounds + 1):
            for driver, steps in figures:
                for step, program in STEPS.items():
                    taken = run(driver, program.format(root=driver.root, **given), folder)
                    # The first round writes byte code and fills the caches of the disk.
                    if number_of_round:
                        steps[step].append(taken)
    return figures


def loaded(driver: Driver) -> list[str]:
    """Return the modules that the import loads, in the order in which they are loaded."""
    program = (
        "import sys, json; before = set(sys.modules); "
        f"import {driver.root}.cluster; "
        "print(json.dumps([name for name in sys.modules if name not in before]))"
    )
    done = subprocess.run(
        [driver.python, "-I", "-c", program],
        env=driver.environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    names: list[str] = json.loads(done.stdout)
    return names


def show(figures: list[Figures]) -> str:
    """Return the table: a line for each driver and step, the ratios to the baseline."""
    base = next((f for f in figures if f.driver.label.startswith(BASELINE)), figures[0])
    rows = []
    for f in figures:
        rows.append(
            [f.driver.label, BARE, *map(number, least_and_median(f.steps[BARE])), "", "", ""]
        )
        for step in list(STEPS)[1:]:
            pairs = zip(f.net(step), base.net(step), strict=True)
            ratios = [f"{mine / theirs:.3f}" for mine, theirs in pairs]
            count = str(len(loaded(f.driver))) if step == IMPORT else ""
            rows.append(["", step, *map(number, f.net(step)), *ratios, count])
    head = ["ms of CPU", "step", "least", "median", "ratio least", "median", "modules"]
    return table(head, rows)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit status, 1 when our import is beyond its limits."""
    parser = driver_parser("start", __doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--check", action="store_true", help="fail above the limits")
    options = parser.parse_args(arguments)
    try:
        figures = measure(drivers(options.driver, options.impl), options.rounds)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(show(figures))
    failures = 0
    base = next((f for f in figures if f.driver.label.startswith(BASELINE)), None)
    for ours in (f for f in figures if f.driver.ours):
        unwanted = sorted(set(loaded(ours.driver)).intersection(UNWANTED))
        print(
            f"{ours.driver.label} loads of what it should not: {', '.join(unwanted) or 'nothing'}"
        )
        failures += bool(unwanted)
        failures += base is not None and ours.net()[0] > LIMIT * base.net()[0]
    return 1 if failures and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
