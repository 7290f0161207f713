"""The measured process: one driver, one session, told over standard input what to run.

It is started by `benchmarks.request_rates` in the environment of each driver, as a file and
not as a module of a package, and imports nothing but the standard library and that driver::

    python benchmarks/worker.py cassandra '{"contact_points": ["127.0.9.1"], "port": 9042}'

Each line of input is a JSON object: {"pattern", "workload", "requests", "concurrency",
"threads", "least_seconds"}. Each line of output is the answer to one: {"requests", "seconds",
"cpu", "latencies"} (the CPU time is that of all threads of this process), or {"error"}.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import threading
import traceback
from collections.abc import Callable
from time import perf_counter
from typing import Any

import page_work
import patterns
import schema
from patterns import PATTERNS, Work

TIMEOUT = 60.0


class Bench:
    """A connected session of one driver."""

    def __init__(self, root: str, options: dict[str, Any]) -> None:
        self.root = root
        self.cluster_module = importlib.import_module(f"{root}.cluster")
        self.concurrent = importlib.import_module(f"{root}.concurrent")
        self.cluster = self.cluster_module.Cluster(
            options["contact_points"],
            port=options["port"],
            protocol_version=options.get("protocol", 4),
            compression=options.get("compression") or False,
        )
        self.session = self.cluster.connect()
        self.session.default_timeout = TIMEOUT
        if options.get("fill"):
            self._fill()
        prepare = self.session.prepare
        insert = prepare(schema.INSERT_ITEM)
        self.workloads = {
            "insert": self._work(insert, schema.item, _no_rows, _no_row_list),
            "select": self._work(
                prepare(schema.SELECT_ITEM), lambda n: (n % 1000,), _one_row, _one_row_list
            ),
            "page": self._work(prepare(schema.SELECT_PAGE), lambda _: (0,), _page, _page_list),
        }

    def _work(
        self,
        prepared: Any,
        values: Callable[[int], tuple[Any, ...]],
        check: Callable[[Any], None],
        check_rows: Callable[[Any], None],
    ) -> Work:
        return Work(self.session, prepared, values, check, check_rows, self.concurrent)

    def _workload(self, name: str) -> Work:
        """Return a workload; those that read pages are made when they are first asked for."""
        if name in page_work.KINDS or name not in self.workloads:
            page_work.set_up(self.root, self.session, name)
        elif name == "select":
            page_work.set_up(self.root, self.session, "named")
        if name not in self.workloads:
            prepared = self.session.prepare(page_work.statement_of(name))
            check = page_work.checks(self.root)[name]
            self.workloads[name] = self._work(prepared, lambda _: (0,), check, check)
        return self.workloads[name]

    def _fill(self) -> None:
        """Make the tables and the rows that the workloads read."""
        for definition in schema.definitions():
            self.session.execute(definition, timeout=TIMEOUT)
        with_args = self.concurrent.execute_concurrent_with_args
        items = [schema.item(number) for number in range(schema.ITEM_COUNT)]
        with_args(self.session, self.session.prepare(schema.INSERT_ITEM), items)
        rows = [(0, *row) for row in schema.page()]
        with_args(self.session, self.session.prepare(schema.INSERT_PAGE), rows)

    def about(self) -> dict[str, Any]:
        """Return what is told of the driver beside its figures."""
        root = sys.modules[self.cluster_module.__name__.partition(".")[0]]
        cluster_file = str(self.cluster_module.__file__)
        protocol = sys.modules.get("cql_protocol._accel")
        compiled = cluster_file.endswith((".so", ".pyd"))
        return {
            "version": getattr(root, "__version__", "?"),
            "implementation": getattr(protocol, "IMPLEMENTATION", None)
            or ("cython" if compiled else "python"),
            "python": sys.version.split()[0],
            "pid": os.getpid(),
        }

    def run(self, order: dict[str, Any]) -> dict[str, Any]:
        """Run a pattern, again and again until it took long enough, and return the figures."""
        pattern = PATTERNS[order["pattern"]]
        work = self._workload(order["workload"])
        done, latencies = 0, []
        cpu, begin = _cpu(), perf_counter()
        while True:
            latencies += _in_threads(pattern, work, order)
            done += order["requests"]
            seconds = perf_counter() - begin
            if seconds >= order.get("least_seconds", 0.0):
                break
        return {
            "requests": done,
            "seconds": seconds,
            "cpu": _cpu() - cpu,
            "latencies": latencies,
        }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _in_threads(pattern: patterns.Pattern, work: Work, order: dict[str, Any]) -> list[float]:
    """Run a pattern in as many threads as wanted, each with its share of the requests."""
    count, requests, concurrency = order["threads"], order["requests"], order["concurrency"]
    if count == 1:
        return pattern(work, requests, concurrency)
    latencies: list[float] = []
    errors: list[BaseException] = []

    def share(number: int) -> None:
        mine = requests // count + (number < requests % count)
        try:
            latencies.extend(pattern(work, mine, concurrency))
        except Exception as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=share, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return latencies


# ------------------------------------------------------------------ what an answer must hold


def _no_rows(result: Any) -> None:
    pass


def _no_row_list(rows: Any) -> None:
    assert not rows


def _one_row(result: Any) -> None:
    (row,) = result
    assert row.name


def _one_row_list(rows: Any) -> None:
    (row,) = rows
    assert row.name


def _page(result: Any) -> None:
    assert len(list(result)) == schema.PAGE_ROWS


def _page_list(rows: Any) -> None:
    assert len(rows) == schema.PAGE_ROWS


def main() -> None:
    """Connect, tell about the driver, and do what standard input says until it ends."""
    root, options = sys.argv[1], json.loads(sys.argv[2])
    # What a driver prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        bench = Bench(root, options)
    except Exception:  # noqa: BLE001 - the parent tells of it
        print(json.dumps({"error": traceback.format_exc()}), file=answers)
        return
    print(json.dumps(bench.about()), file=answers)
    for line in sys.stdin:
        try:
            answer = bench.run(json.loads(line))
        except Exception:  # noqa: BLE001 - the parent tells of it
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers)
    bench.cluster.shutdown()


if __name__ == "__main__":
    main()
