"""Line 10: what the import costs, and to connect, in processes that are started for it.

What the bare interpreter takes in the same environment is taken off. The first round is not
counted: it writes byte code and fills the caches of the disk.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator

from benchmarks.cold_start import BARE as NOTHING
from benchmarks.cold_start import STEPS, run
from benchmarks.drivers import BenchError, Driver
from benchmarks.speed.cells import (
    ACSYLLA,
    CASSANDRA,
    COMPILED,
    PURE,
    RUST,
    SCYLLA,
    SCYLLAPY,
    Cell,
    Contender,
    Limit,
    Runner,
)
from benchmarks.speed.measure import Crew

STARTED = "started"
"""The kind of runner that is a fresh process each time."""
CONNECT = (
    "from {root}.cluster import Cluster; cluster = Cluster([{address!r}], port={port}); "
    "cluster.connect(); cluster.shutdown()"
)
IMPORTS = {
    ACSYLLA: "import acsylla",
    SCYLLAPY: "import scyllapy",
    RUST: "import scylla.session, scylla.session_builder",
}
MOST = 0.2


def starts() -> Iterator[Cell]:
    """Yield the cells of line 10."""
    usual = (COMPILED, PURE, SCYLLA, CASSANDRA)
    programs = dict.fromkeys(usual, STEPS["import"]) | IMPORTS
    yield _cell("import", "Import", programs)
    yield _cell("connect", "Import, connect and shut down", dict.fromkeys(usual, CONNECT))


def _cell(name: str, title: str, programs: dict[str, str]) -> Cell:
    contenders = [
        Contender(label, Runner(label, STARTED), program, name)
        for label, program in programs.items()
    ]
    limits = [Limit(COMPILED, (SCYLLA,), MOST)]
    return Cell(10, name, title, "ms", contenders, limits)


def measure_starts(crew: Crew, cell: Cell, rounds: int) -> None:
    """Run the rounds of a cell and keep their figures in it."""
    taken: dict[str, list[float]] = {each.label: [] for each in cell.contenders}
    bare: dict[str, list[float]] = {each.label: [] for each in cell.contenders}
    found: list[tuple[Contender, Driver]] = []
    for contender in cell.contenders:
        try:
            found.append((contender, crew.driver(contender.label)))
        except BenchError as error:
            cell.left_out[contender.label] = str(error)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for contender, driver in found:
                label = contender.label
                if label in cell.left_out:
                    continue
                program = contender.pattern.format(root=driver.root, **crew.place())
                try:
                    figures = run(driver, STEPS[NOTHING], folder), run(driver, program, folder)
                except BenchError as error:
                    cell.left_out[label] = str(error)
                    continue
                if number:
                    bare[label].append(figures[0])
                    taken[label].append(figures[1])
    for contender, _ in found:
        if contender.label in cell.left_out:
            continue
        nothing = statistics.median(bare[contender.label])
        cell.figures[contender.label] = [each - nothing for each in taken[contender.label]]
