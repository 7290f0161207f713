"""``python -m benchmarks WHAT …``: the one command of all benchmarks.

speed               every line of docs/performance.md in one run; without any word it is written
kernels [GROUP …]   CPU time of the codec's kernels, in pure Python and compiled
requests            requests/s, CPU per request and latencies, side by side with other drivers
asyncio             CPU per request of asyncio drivers, on asyncio and uvloop
start               CPU time of the import, side by side with other drivers
memory              what clusters leave behind
scan                a scan of a large table on a real node, in one process and in two
schema              wall and CPU time of connecting to a large schema, beside other drivers

``python -m benchmarks WHAT --help`` tells the options.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

COMMANDS = {
    "requests": "request_rates",
    "asyncio": "asyncio_costs",
    "start": "cold_start",
    "memory": "memory",
    "scan": "scan",
    "schema": "schema_cost",
    "speed": "speed.command",
}


def kernels(arguments: list[str]) -> int:
    """Measure the kernels in both implementations, each in a process of its own."""
    script = Path(__file__).with_name("kernels.py")
    for implementation in ("python", "cython"):
        environment = {**os.environ, "CQL_PROTOCOL_IMPL": implementation}
        done = subprocess.run([sys.executable, script, *arguments], env=environment, check=False)
        if done.returncode:
            return done.returncode
    return 0


def main(arguments: list[str]) -> int:
    """Run the benchmark that is named first; return its exit status."""
    what, *rest = arguments or ["speed", "--write"]
    if what in ("-h", "--help"):
        print(__doc__)
        return 0
    if what == "kernels":
        return kernels(rest)
    if what in COMMANDS:
        status: int = import_module(f"benchmarks.{COMMANDS[what]}").main(rest)
        return status
    return kernels(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
