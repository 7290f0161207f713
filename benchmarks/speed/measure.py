"""Runs cells: processes that are started once, rounds in which everyone does the same work.

A round lets one contender after the other run, and the next one begins with another of them, so
that a busy minute of the machine meets all. A contender that cannot run is left out, with the
reason; the figures of the others stand.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.drivers import ASYNCIO_PEERS, OURS, BenchError, Driver, Worker, drivers
from benchmarks.request_rates import figures_of
from benchmarks.servers import Server
from benchmarks.speed.cells import ASYNCIO, BARE, BLOCKING, COMPILED, PURE, Cell, Contender, Runner

HERE = Path(__file__).resolve().parents[1]
SCRIPTS = {"blocking": HERE / "worker.py", "asyncio": HERE / "asyncio_worker.py"}
BARE_SCRIPT = HERE / "bare_worker.py"
LEAST_SECONDS = 0.1
VERSIONS = {peer.partition("==")[0]: peer for peer in ASYNCIO_PEERS}
"""What is installed of drivers whose releases change what they can do."""


class Crew:
    """The processes, each started when it is first needed, and the server that they talk to."""

    def __init__(self, stack: ExitStack, server: Server, compiled: bool = True) -> None:
        self._stack = stack
        self._server = server
        self._compiled = compiled
        self._workers: dict[Runner, Worker | str] = {}
        self.versions: dict[str, str] = {}

    def worker(self, runner: Runner) -> Worker:
        """Return the process of a runner; raise `BenchError` when there is none."""
        if runner not in self._workers:
            try:
                self._workers[runner] = self._start(runner)
            except BenchError as error:
                self._workers[runner] = str(error)
        worker = self._workers[runner]
        if isinstance(worker, str):
            raise BenchError(worker)
        return worker

    def _start(self, runner: Runner) -> Worker:
        driver = self.driver(runner.label)
        options = self._server.options() | {
            "protocol": runner.protocol,
            "compression": runner.compression,
        }
        if runner.kind != BLOCKING:
            options["loop"] = runner.kind
        script = SCRIPTS[BLOCKING if runner.kind == BLOCKING else ASYNCIO]
        if runner.label == BARE:
            script = BARE_SCRIPT
        worker = Worker(driver, options, script)
        self._stack.callback(worker.close)
        self._check_implementation(runner.label, worker)
        self.versions[runner.label] = str(worker.about.get("version", "?"))
        return worker

    def place(self) -> dict[str, object]:
        """Return where the server listens."""
        return {"address": self._server.contact_points[0], "port": self._server.port}

    def driver(self, label: str) -> Driver:
        """Return the driver of this label; raise `BenchError` when it cannot be installed."""
        if label in (COMPILED, PURE):
            compiled = label == COMPILED and self._compiled
            return drivers([OURS], ["cython" if compiled else "python"])[0]._replace(label=label)
        if label == BARE:
            return Driver(label, BARE, sys.executable, dict(os.environ))
        return drivers([VERSIONS.get(label, label)], [])[0]

    def _check_implementation(self, label: str, worker: Worker) -> None:
        wanted = {COMPILED: "cython" if self._compiled else "python", PURE: "python"}.get(label)
        told = worker.about.get("implementation")
        if wanted is not None and told != wanted:
            raise BenchError(f"{label} runs {told}, not {wanted}")

    def run(self, cell: Cell, contender: Contender, order: dict[str, Any]) -> float:
        """Run one round of one contender; return the time for a unit of work."""
        worker = self.worker(contender.runner)
        before = self._server.counters()
        worker.start(order)
        figures = figures_of(worker.driver, [worker.answer()], before, self._server.counters())
        return figures.cpu / 1e6 * cell.scale / cell.per_request


def measure(crew: Crew, cell: Cell, rounds: int, least_seconds: float = LEAST_SECONDS) -> None:
    """Run the rounds of a cell and keep their figures in it."""
    taking_part = []
    for contender in cell.contenders:
        order = _order(cell, contender, least_seconds)
        try:
            crew.run(cell, contender, order | {"least_seconds": least_seconds / 2})
        except BenchError as error:
            cell.left_out[contender.label] = _last_line(error)
            continue
        taking_part.append((contender, order))
        cell.figures[contender.label] = []
    with _busy_cores() if cell.busy else ExitStack():
        for number in range(rounds):
            first = number % max(len(taking_part), 1)
            for contender, order in taking_part[first:] + taking_part[:first]:
                if contender.label in cell.left_out:
                    continue
                try:
                    taken = crew.run(cell, contender, order)
                except BenchError as error:
                    cell.left_out[contender.label] = _last_line(error)
                    del cell.figures[contender.label]
                else:
                    cell.figures[contender.label].append(taken)


def _last_line(error: BenchError) -> str:
    return str(error).strip().rpartition("\n")[2].strip()


def _order(cell: Cell, contender: Contender, least_seconds: float) -> dict[str, Any]:
    return {
        "pattern": contender.pattern,
        "workload": contender.workload,
        "requests": cell.requests,
        "concurrency": contender.concurrency,
        "threads": 1,
        "least_seconds": least_seconds,
    }


# ------------------------------------------------------------------ cores that do not sleep


@contextmanager
def _busy_cores() -> Iterator[None]:
    """Keep every core from sleeping by a process of the lowest rank that counts."""
    context = get_context("spawn")
    spinners = [context.Process(target=_spin, daemon=True) for _ in os.sched_getaffinity(0)]
    for spinner in spinners:
        spinner.start()
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.terminate()
            spinner.join()


def _spin() -> None:
    """Count for ever, wherever nobody else wants to run."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    parent = os.getppid()
    while os.getppid() == parent:
        for _ in range(10_000_000):
            pass
