"""``python -m benchmarks WHAT …``: the one command of all benchmarks.

speed               every line of docs/performance.md in one run; without any word it is written
kernels [GROUP …]   CPU time of the codec's kernels, in pure Python and compiled
profile             where the time of our compiled driver goes, by perf
counts              Python functions called and blocks allocated for a request
requests            requests/s, CPU per request and latencies, side by side with other drivers
asyncio             CPU per request of asyncio drivers, on asyncio and uvloop
start               CPU time of the import, side by side with other drivers
memory              what clusters leave behind
scan                a scan of a large table on a real node, in one process and in two
schema              wall and CPU time of connecting to a large schema, beside other drivers
mapper              CPU time of the object mapper, side by side with other drivers

``python -m benchmarks WHAT --help`` tells the options.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.report import number, table

KERNELS = str(Path(__file__).with_name("kernels.py"))
COMMANDS = {
    "requests": "request_rates",
    "asyncio": "asyncio_costs",
    "start": "cold_start",
    "memory": "memory",
    "scan": "scan",
    "schema": "schema_cost",
    "mapper": "mapper",
    "speed": "speed.command",
    "profile": "profile",
}


def kernels(arguments: list[str]) -> int:
    """Measure the kernels in both implementations, in turns; print them side by side."""
    figures: dict[str, dict[str, list[float]]] = {}
    # In halves, so that a busy minute meets both.
    for implementation in ("python", "cython", "python", "cython"):
        done = run_in(implementation, [KERNELS, *arguments, "--json"])
        if done.returncode or not done.stdout.startswith("{"):
            print(done.stdout, end="")
            return done.returncode
        for name, rounds in json.loads(done.stdout).items():
            figures.setdefault(name, {}).setdefault(implementation, []).extend(rounds)
    rows = []
    for name, found in figures.items():
        medians = [statistics.median(found[each]) for each in ("python", "cython")]
        least = [min(found[each]) for each in ("python", "cython")]
        ratio = f"{medians[1] / medians[0]:.3f}"
        rows.append([name, *map(number, (medians[0], least[0], medians[1], least[1])), ratio])
    head = ["ns of CPU time", "python median", "least", "cython median", "least", "ratio"]
    print(table(head, rows))
    return 0


def counts(arguments: list[str]) -> int:
    """Count calls and blocks of both implementations, each in a process of its own."""
    for implementation in ("python", "cython"):
        done = run_in(implementation, ["-m", "benchmarks.counts", *arguments])
        print(done.stdout, end="")
        if done.returncode:
            return done.returncode
    return 0


def run_in(implementation: str, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run Python with this command line in one of the implementations."""
    environment = {**os.environ, "CQL_PROTOCOL_IMPL": implementation}
    return subprocess.run(
        [sys.executable, *command], env=environment, stdout=subprocess.PIPE, text=True, check=False
    )


def main(arguments: list[str]) -> int:
    """Run the benchmark that is named first; return its exit status."""
    what, *rest = arguments or ["speed", "--write"]
    if what in ("-h", "--help"):
        print(__doc__)
        return 0
    if what == "kernels":
        return kernels(rest)
    if what == "counts":
        return counts(rest)
    if what in COMMANDS:
        status: int = import_module(f"benchmarks.{COMMANDS[what]}").main(rest)
        return status
    return kernels(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
