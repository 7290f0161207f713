"""Where the time of our compiled driver goes: the functions that take most of it, by `perf`::

    python -m benchmarks profile                     # of lines 1, 4 and 5, the first 15
    python -m benchmarks profile --cells uvloop-insert,dicts --top 30

The cells are those of `python -m benchmarks speed --list`. perf (Linux; Debian: linux-perf) must
be allowed to look at a process of one's own: kernel.perf_event_paranoid at most 2, or 1 to see the
kernel's functions by name. The extension has to have its symbols, as it has where it was built in
place; one that was stripped shows up as addresses.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.drivers import BenchError
from benchmarks.report import table
from benchmarks.servers import Server
from benchmarks.speed.cells import COMPILED, Cell
from benchmarks.speed.lines import cells
from benchmarks.speed.measure import Crew

CELLS = ("one-insert-idle", "asyncio-insert", "tuples")
SECONDS = 3.0
TOP = 15
FREQUENCY = 4999
SHORTER = {"[kernel.kallsyms]": "kernel"}


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks profile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--cells", default=",".join(CELLS), metavar="NAME,NAME", help=f"default: {CELLS}")
    add("--seconds", type=float, default=SECONDS, help=f"of each (default {SECONDS:g})")
    add("--top", type=int, default=TOP, help=f"functions to show (default {TOP})")
    return made


def recorded(crew: Crew, cell: Cell, seconds: float, target: Path) -> float:
    """Have our driver do the work of a cell under perf; return the time for a unit of it."""
    contender = next(each for each in cell.contenders if each.runner.label == COMPILED)
    order: dict[str, Any] = {
        "pattern": contender.pattern,
        "workload": contender.workload,
        "requests": cell.requests,
        "concurrency": contender.concurrency,
        "threads": 1,
    }
    crew.run(cell, contender, order | {"least_seconds": 0.3})
    pid = str(crew.worker(contender.runner).about["pid"])
    command = ["perf", "record", "-q", "-F", str(FREQUENCY), "-o", str(target), "-p", pid]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as perf:
        try:
            taken = crew.run(cell, contender, order | {"least_seconds": seconds})
        finally:
            perf.send_signal(signal.SIGINT)
            _, told = perf.communicate()
    if not target.exists() or not target.stat().st_size:
        raise BenchError(f"perf recorded nothing: {told.strip()}")
    return taken


def report(target: Path) -> list[tuple[float, str, str]]:
    """Return (share in per cent, library, function) of what was recorded, the largest first."""
    command = ["perf", "report", "-q", "--stdio", "--no-children", "-g", "none"]
    command += ["-F", "overhead,dso,symbol", "-t", "\t", "-i", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"perf report failed: {done.stderr.strip()}")
    return parsed(done.stdout)


def parsed(text: str) -> list[tuple[float, str, str]]:
    """Return what lines of `perf report`, with tabs, tell."""
    found = []
    for line in text.splitlines():
        parts = [part.strip() for part in line.split("\t")]
        if len(parts) >= 3 and parts[0].endswith("%"):
            library = parts[1].partition(".cpython-")[0]
            symbol = parts[2].removeprefix("[.]").removeprefix("[k]").strip()
            found.append((float(parts[0][:-1]), SHORTER.get(library, library), symbol))
    return sorted(found, reverse=True)


def show(cell: Cell, taken: float, found: list[tuple[float, str, str]], top: int) -> str:
    """Return the functions of a cell and, below them, the shares of libraries."""
    rows = [[symbol, library, f"{share:.1f} %"] for share, library, symbol in found[:top]]
    libraries: dict[str, float] = {}
    for share, library, _ in found:
        libraries[library] = libraries.get(library, 0.0) + share
    largest = sorted(libraries.items(), key=lambda item: -item[1])[:8]
    shares = ", ".join(f"{library} {share:.1f} %" for library, share in largest)
    head = ["function", "library", "share"]
    return f"{cell.title}: {taken:.3g} {cell.unit}\n{table(head, rows)}\nlibraries: {shares}"


def main(arguments: list[str] | None = None) -> int:
    """Record and print; return the exit status."""
    options = parser().parse_args(arguments)
    if shutil.which("perf") is None:
        print("error: perf is not installed (Debian: apt-get install linux-perf)", file=sys.stderr)
        return 1
    wanted = options.cells.split(",")
    known = {cell.name: cell for cell in cells()}
    if unknown := [name for name in wanted if name not in known]:
        print(f"error: no cell is called {unknown[0]}; see speed --list", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        crew = Crew(stack, stack.enter_context(Server("null")))
        try:
            for name in wanted:
                taken = recorded(crew, known[name], options.seconds, folder / name)
                print(show(known[name], taken, report(folder / name), options.top) + "\n")
        except BenchError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0
