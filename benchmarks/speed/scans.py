"""Line 7: scans of a large table on a real node, in one process and in two, by `benchmarks.scan`.

The node is started for the run (Java 17, Maven). Rows of scans are first compared with those of a
plain read; where they differ there are no figures.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from benchmarks import scan
from benchmarks.drivers import BenchError
from benchmarks.servers import Server
from benchmarks.speed.cells import Cell, Contender, Limit, Runner

ROWS = 1_000_000
MOST_ROUNDS = 3
NEEDED = ("java", "mvn")
PROCESSES = {"one process": 1, "two processes": 2}
WORK = {"rows": "rows read", "shingles": "some work with each row"}
TIME = {"busiest": "CPU of the busiest client process", "wall": "wall time"}


def scans() -> Iterator[Cell]:
    """Yield a cell for each limit of the benchmark of scans."""
    for how, what in scan.LIMITS:
        contenders = [Contender(label, Runner(label, "node"), how, what) for label in PROCESSES]
        limits = [Limit("two processes", ("one process",), 1 / scan.LIMIT)]
        title = f"Scan of a real table, {WORK.get(how, how)}, {TIME.get(what, what)}"
        yield Cell(7, f"scan-{how}-{what}", title, "ms a million rows", contenders, limits)


def lacks() -> str | None:
    """Return what is missing for a node, or None."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    return f"{' and '.join(missing)} missing, which a node needs" if missing else None


def measure_scans(cells: list[Cell], rounds: int, rows: int = ROWS) -> None:
    """Start a node, fill it, and keep the figures of scans in these cells."""
    ways = list(dict.fromkeys(cell.contenders[0].pattern for cell in cells))
    with Server("cassandra") as server:
        scan.fill(server, rows)
        order = {"points": server.contact_points, "port": server.port}
        if not scan.check(order, rows):
            raise BenchError("the rows of a scan are not those of a plain read")
        found = scan.measure(server, order, min(rounds, MOST_ROUNDS), ways)
    for cell in cells:
        for contender in cell.contenders:
            taken = found[f"{contender.pattern} {PROCESSES[contender.label]}"]
            seconds = [each[contender.workload] for each in taken]
            cell.figures[contender.label] = [each * 1e3 / rows * 1e6 for each in seconds]
