"""The speeds of everything, driver beside driver, and the limits that ours must keep::

    python -m benchmarks speed --rounds 1              # a quick look
    python -m benchmarks speed --lines 1,4,5 --check   # fails where a limit is missed
    python -m benchmarks speed --write                 # docs/performance.md and its pictures

Every figure is CPU time of the client's process (user and system, all threads) for a request or
a row. The lines are those of docs/performance.md. Compare figures of one run only.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack

from benchmarks.drivers import BenchError
from benchmarks.servers import Server
from benchmarks.speed.cells import Cell
from benchmarks.speed.lines import cells
from benchmarks.speed.measure import LEAST_SECONDS, Crew, measure
from benchmarks.speed.page import write
from benchmarks.speed.report import missed, show
from benchmarks.speed.scans import ROWS, lacks, measure_scans, scans
from benchmarks.speed.starts import measure_starts, starts

LINES = (1, 2, 3, 4, 5, 6, 7, 8, 10)
ROUNDS = 15


def lines_of(text: str) -> set[int]:
    """Return the lines that ``1,4,5`` names."""
    try:
        wanted = {int(each) for each in text.split(",")}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a list of numbers") from None
    if unknown := wanted - set(LINES):
        raise argparse.ArgumentTypeError(f"there is no line {min(unknown)} here")
    return wanted


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--lines", type=lines_of, metavar="N,N", help=f"default: {','.join(map(str, LINES))}")
    add("--cells", metavar="NAME,NAME", help="only these of their cells (see --list)")
    add("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    add(
        "--least-seconds",
        type=float,
        default=LEAST_SECONDS,
        help=f"of each contender in a round (default {LEAST_SECONDS})",
    )
    add("--without", metavar="LABEL,LABEL", help="leave these contenders out")
    add("--scan-rows", type=int, default=ROWS, help=f"of line 7 (default {ROWS:,})")
    add("--list", action="store_true", help="only tell which cells there are")
    add("--write", action="store_true", help="write docs/performance.md and its pictures")
    add("--check", action="store_true", help="end with status 1 where a limit is missed")
    return made


def chosen(options: argparse.Namespace) -> list[Cell]:
    """Return the cells that the options ask for."""
    found = cells(options.lines)
    others = [cell for make in (scans, starts) for cell in make()]
    found += [cell for cell in others if options.lines is None or cell.line in options.lines]
    if options.cells:
        names = set(options.cells.split(","))
        found = [cell for cell in found if cell.name in names]
    without = set((options.without or "").split(","))
    for cell in found:
        cell.contenders = [each for each in cell.contenders if each.label not in without]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    options = parser().parse_args(arguments)
    found = chosen(options)
    if options.list:
        print(*(f"{cell.line:>2} {cell.name:<24} {cell.title}" for cell in found), sep="\n")
        return 0
    try:
        versions = _measure(found, options)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.write:
        write(found, versions, options.rounds)
    over = missed(found)
    print(*over, sep="\n", file=sys.stderr)
    return 1 if over and options.check else 0


def _measure(found: list[Cell], options: argparse.Namespace) -> dict[str, str]:
    """Measure cells and print each; return the versions of drivers."""
    with ExitStack() as stack:
        crew = Crew(stack, stack.enter_context(Server("null")))
        for cell in found:
            if cell.line == 7:
                continue
            if cell.line == 10:
                measure_starts(crew, cell, options.rounds)
            else:
                measure(crew, cell, options.rounds, options.least_seconds)
            print(show(cell) + "\n", flush=True)
    # When the null server is gone, and all that was started for it.
    if on_node := [cell for cell in found if cell.line == 7]:
        if why := lacks():
            print(f"line 7 is left out: {why}\n", file=sys.stderr)
        else:
            measure_scans(on_node, options.rounds, options.scan_rows)
        print(*map(show, on_node), sep="\n\n", end="\n\n", flush=True)
    return crew.versions
