"""How the examples print: headings, tables, a progress bar, and numbers that were checked.

Uses rich where it is installed, and does without it otherwise.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import quantiles
from typing import Any, TypeVar

try:
    from rich import box
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Table

    RICH = True
except ImportError:
    RICH = False

T = TypeVar("T")
Cell = str | int | float | None

checks = 0
"""How many numbers were compared with the data."""


def check(what: str, found: object, wanted: object) -> None:
    """End the program with a message unless what was found is what the data say."""
    global checks
    if found != wanted:
        raise SystemExit(f"WRONG: {what}: the database says {found!r}, the CSV file {wanted!r}")
    checks += 1


def heading(text: str) -> None:
    """Print what comes next."""
    if RICH and sys.stdout.isatty():
        Console(highlight=False).print(f"\n[bold]{text}[/bold]")
    else:
        print(f"\n{text}", flush=True)


def rate(what: str, count: int, begun: float) -> None:
    """Print how many there were, and how many in a second since `begun` (`perf_counter`)."""
    seconds = time.perf_counter() - begun
    print(f"  {what}: {count:,} in {seconds:.1f} s, {count / seconds:,.0f} a second", flush=True)


def latencies(what: str, seconds: Sequence[float]) -> None:
    """Print percentiles of latencies."""
    cuts = quantiles(seconds, n=1000, method="inclusive")
    named = {"p50": cuts[499], "p90": cuts[899], "p99": cuts[989], "max": max(seconds)}
    texts = ", ".join(f"{name} {value * 1000:.2f} ms" for name, value in named.items())
    print(f"  {what}: {texts}", flush=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Print a table; numbers stand at the right."""
    lines = [[_text(cell) for cell in row] for row in rows]
    if not RICH:
        _plain_table(columns, lines)
        return
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        made.add_column(column, justify="right" if _are_numbers(lines, index) else "left")
    for line in lines:
        made.add_row(*line)
    Console(width=None if sys.stdout.isatty() else 100, highlight=False).print(made)


def progress(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """Yield the items, and show how many there were so far."""
    if not RICH or not sys.stdout.isatty():
        yield from _plain_progress(items, total, label)
        return
    bar = (TextColumn(f"  {label}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*bar) as shown:
        yield from shown.track(items, total=total)


def run(main: Callable[[], int]) -> int:
    """Return the exit status of an example; Ctrl-C ends it with a word instead of a traceback."""
    try:
        return main()
    except KeyboardInterrupt:
        pass  # What the traceback kept alive, a progress bar for one, ends here.
    print("\nstopped", file=sys.stderr)
    return 130


def _plain_progress(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    step = max(1, total // 4)
    for number, item in enumerate(items, start=1):
        if number % step == 0:
            print(f"  {label}: {number:,} of {total:,}", flush=True)
        yield item


def _text(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:,.1f}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _are_numbers(lines: list[list[str]], index: int) -> bool:
    return all(line[index].lstrip("-–")[:1].isdigit() or line[index] == "–" for line in lines)


def _plain_table(columns: Sequence[str], lines: list[list[str]]) -> None:
    widths = [max(map(len, cells)) for cells in zip(columns, *lines, strict=True)]
    right = [_are_numbers(lines, index) for index in range(len(columns))]
    for line in [list(columns), *lines]:
        cells: Any = zip(line, widths, right, strict=True)
        print("  " + "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in cells).rstrip())
