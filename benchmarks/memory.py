"""What is left of clusters that were never connected, and of connects that failed::

    python -m benchmarks memory
    python -m benchmarks memory --driver cql-driver scylla-driver

Nothing should be: no thread, no socket, and less than 1 MB. Linux only (it reads /proc).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.drivers import (
    OURS,
    BenchError,
    Driver,
    driver_parser,
    drivers,
)
from benchmarks.report import number, table

WORKER = Path(__file__).with_name("memory_worker.py")
MOST_BYTES = 1_000_000


def measure(driver: Driver, clusters: int, connects: int) -> dict[str, dict[str, Any]]:
    """Return the states before and after, by what was done."""
    command = [driver.python, str(WORKER), driver.root, str(clusters), str(connects)]
    done = subprocess.run(
        command,
        env=driver.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"{driver.label} failed:\n{done.stderr[-2000:]}")
    result: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return result


def growth(step: dict[str, Any]) -> dict[str, int]:
    """Return how much more there is after than before."""
    return {name: after - step["before"][name] for name, after in step["after"].items()}


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit status, 1 when our driver leaves something."""
    parser = driver_parser("memory", __doc__, [OURS])
    parser.add_argument("--clusters", type=int, default=10_000, help="to create and drop")
    parser.add_argument("--connects", type=int, default=200, help="that fail")
    parser.add_argument("--check", action="store_true", help="fail above the limits")
    options = parser.parse_args(arguments)
    rows, failures = [], 0
    for driver in drivers(options.driver, options.impl):
        try:
            result = measure(driver, options.clusters, options.connects)
        except BenchError as error:
            print(f"error: {error}", file=sys.stderr)
            failures += 1
            continue
        for name, step in result.items():
            more = growth(step)
            row = [f"{step['count']:,} {name}", driver.label]
            row += [f"{more[key]:+d}" for key in ("threads", "tasks", "sockets", "descriptors")]
            rows.append([*row, number(more["resident"] / 1e3)])
            left = more["tasks"] > 0 or more["sockets"] > 0 or more["resident"] >= MOST_BYTES
            failures += driver.ours and left
    head = ["what", "driver", "threads", "tasks", "sockets", "descriptors", "resident kB"]
    print(table(head, rows))
    return 1 if failures and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
