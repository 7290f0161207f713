"""The measured process of `asyncio_costs`: one driver on one event loop, told what to run::

    python benchmarks/asyncio_worker.py acsylla '{"contact_points": […], "port": 9042, "loop": …}'

It is started as a file, in the environment of its driver. Each line of input is a JSON object:
{"pattern", "workload", "requests", "concurrency", "least_seconds"}; each line of output is the
answer to one: {"requests", "seconds", "cpu", "latencies"} (the CPU time is that of all threads
of this process), or {"error"}.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import json
import os
import resource
import sys
import traceback
from time import perf_counter
from typing import Any

from asyncio_sessions import PATTERNS, Session, Work, open_session

DISTRIBUTIONS = {
    "cql_driver": "cql-driver",
    "acsylla": "acsylla",
    "scyllapy": "scyllapy",
    "scylla": "scylladb-rs-driver",
}
PAGES = ("tuples", "named", "dicts")


class Bench:
    """A connected session and what it can be asked for."""

    def __init__(self, root: str, session: Session, works: dict[str, Work]) -> None:
        self.root = root
        self.session = session
        self.works = works

    @classmethod
    async def open(cls, root: str, options: dict[str, Any]) -> Bench:
        """Connect and prepare."""
        session = await open_session(root, options)
        return cls(root, session, await session.works())

    def about(self) -> dict[str, Any]:
        """Return what is told of the driver beside its figures."""
        protocol = sys.modules.get("cql_protocol._accel")
        return {
            "version": _version(self.root),
            "implementation": getattr(protocol, "IMPLEMENTATION", "its own"),
            "python": sys.version.split()[0],
            "pid": os.getpid(),
        }

    async def run(self, order: dict[str, Any]) -> dict[str, Any]:
        """Run a pattern, again and again until it took long enough, and return the figures."""
        pattern = PATTERNS[order["pattern"]]
        workload = order["workload"]
        if workload in PAGES and workload not in self.works:
            self.works[workload] = await self.session.pages(workload)
        work = self.works[workload]
        done, latencies = 0, []
        cpu, begin = _cpu(), perf_counter()
        while True:
            latencies += await pattern(work, order["requests"], order["concurrency"])
            done += order["requests"]
            seconds = perf_counter() - begin
            if seconds >= order.get("least_seconds", 0.0):
                break
        used = _cpu() - cpu
        return {"requests": done, "seconds": seconds, "cpu": used, "latencies": latencies}


def _version(root: str) -> str:
    if root in DISTRIBUTIONS:
        return importlib.metadata.version(DISTRIBUTIONS[root])
    return str(getattr(sys.modules[root], "__version__", "?"))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Connect, tell about the driver, and do what standard input says until it ends."""
    root, options = sys.argv[1], json.loads(sys.argv[2])
    # What a driver prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    factory = None
    if options["loop"] != "asyncio":
        factory = importlib.import_module(options["loop"]).new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        try:
            bench = runner.run(Bench.open(root, options))
        except Exception:  # noqa: BLE001 - the parent tells of it
            print(json.dumps({"error": traceback.format_exc()}), file=answers)
            return
        print(json.dumps(bench.about()), file=answers)
        for line in sys.stdin:
            try:
                answer = runner.run(bench.run(json.loads(line)))
            except Exception:  # noqa: BLE001 - the parent tells of it
                answer = {"error": traceback.format_exc()}
            print(json.dumps(answer), file=answers)
        runner.run(bench.session.close())


if __name__ == "__main__":
    main()
