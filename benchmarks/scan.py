"""``python -m benchmarks scan``: a scan of a large table on a real node, in one process and in two.

Every figure is of a process of its own. "wall" is what a user waits for, and the node, which is
on the same machine, takes its part of the cores: its CPU time is told beside. "client" is the CPU
time of all client processes, "busiest" that of the one that has most to do: where the node is on
machines of its own, that is what limits a scan.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.report import number, table
from benchmarks.servers import Server

ROOT = Path(__file__).parent.parent
PER_PARTITION = 100
WAYS = ("plain", "rows", "sums", "shingles")
_WORDS = (
    *("Sensor", "reading", "within", "tolerance,", "checked", "twice", "by", "station;", "OK."),
    *("drift", "of", "last", "month", "corrected", "here"),
)


def main(arguments: list[str]) -> int:
    """Fill the table, measure, and print a table; 1 where rows differ."""
    options = _parser().parse_args(arguments)
    with Server(options.server) as server:
        fill(server, options.rows)
        order = {"points": server.contact_points, "port": server.port}
        same = check(order, options.rows)
        figures = measure(server, order, options.rounds, options.ways.split(","))
    print(shown(figures, options.rows))
    print(f"rows of scans equal those of a plain read: {'yes' if same else 'NO'}")
    missed = [told for told in misses(figures) if options.check]
    print(*missed, sep="\n", end="\n" if missed else "")
    return 0 if same and not missed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scan", description=__doc__)
    parser.add_argument("--server", default="cassandra", help="cassandra, or HOST:PORT of a node")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="fail where a limit is missed")
    parser.add_argument("--ways", default=",".join(WAYS), help="what is measured, with commas")
    return parser


def fill(server: Server, rows: int) -> None:
    """Make the table, with rows of eight columns."""
    from cql_driver.cluster import Cluster
    from cql_driver.query import BatchStatement, BatchType

    options = {"connect_timeout": 30, "control_connection_timeout": 30}
    cluster = Cluster(server.contact_points, port=server.port, **options)
    with cluster, cluster.connect() as session:
        session.execute(
            "CREATE KEYSPACE IF NOT EXISTS bench WITH replication = "
            "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        )
        session.execute("DROP TABLE IF EXISTS bench.readings")
        session.execute(
            "CREATE TABLE bench.readings (sensor int, at int, id bigint, good boolean, "
            "kind text, level double, station int, told text, PRIMARY KEY (sensor, at))"
        )
        insert = session.prepare(
            "INSERT INTO bench.readings (sensor, at, id, good, kind, level, station, told) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
        chance = random.Random(7)

        def batches() -> Any:
            for first in range(0, rows, PER_PARTITION):
                batch = BatchStatement(BatchType.UNLOGGED)
                for n in range(first, min(first + PER_PARTITION, rows)):
                    key = n // PER_PARTITION, n % PER_PARTITION, n
                    told = " ".join(chance.sample(_WORDS, 12))
                    level = chance.random()
                    batch.add(insert, (*key, n % 2 == 0, f"kind {n % 50}", level, n % 997, told))
                yield batch, None

        for _ in session.execute_concurrent(batches(), concurrency=16, results_generator=True):
            pass


def run(order: dict[str, Any], how: str, processes: int = 1) -> dict[str, Any]:
    """Read the table once, in a process of its own, and return what that tells."""
    text = json.dumps({**order, "how": how, "processes": processes})
    command = [sys.executable, "-m", "benchmarks.scan_worker", text]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{how} in {processes} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def check(order: dict[str, Any], rows: int) -> bool:
    """Say whether scans find what a plain read does."""
    found = [run(order, "plain-digest"), run(order, "digest"), run(order, "digest", 2)]
    told = {(each["rows"], each["sum"]) for each in found}
    return len(told) == 1 and found[0]["rows"] == rows


def measure(
    server: Server, order: dict[str, Any], rounds: int, ways: list[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return the figures of all rounds, by "way processes"; ways take turns."""
    figures: dict[str, list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for how in ways:
            for processes in (1, 2) if how != "plain" else (1,):
                before = _node_cpu(server)
                found = run(order, how, processes)
                found["node"] = _node_cpu(server) - before
                found["client"] = found["parent"] + found["workers"]
                found["busiest"] = max(found["parent"], found["workers"] / processes)
                figures.setdefault(f"{how} {processes}", []).append(found)
    return figures


def _node_cpu(server: Server) -> float:
    """Return the CPU seconds of the node, 0 of one that was not started here."""
    nodes = getattr(server._running, "nodes", [])
    ticks = 0
    for node in nodes:
        stat = Path(f"/proc/{node.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(stat[11]) + int(stat[12])
    return ticks / os.sysconf("SC_CLK_TCK")


LIMIT = 1.6
LIMITS = (("rows", "busiest"), ("shingles", "busiest"), ("shingles", "wall"))
"""What two processes must be faster in than one, by `LIMIT`; the last one needs a machine on
which nothing else runs."""


def misses(figures: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return what two processes are not fast enough in."""
    found = []
    for how, what in LIMITS:
        if f"{how} 2" in figures:
            one, two = (
                statistics.median([each[what] for each in figures[f"{how} {n}"]]) for n in (1, 2)
            )
            if one < LIMIT * two:
                found.append(f"{how}: {what} {one / two:.2f} × is below {LIMIT} ×")
    return found


_COLUMNS = ("wall", "client", "busiest", "node")


def shown(figures: dict[str, list[dict[str, Any]]], rows: int) -> str:
    """Return a table: seconds, medians of rounds, and how much faster two processes are."""
    medians = {
        name: {what: statistics.median([each[what] for each in found]) for what in _COLUMNS}
        for name, found in figures.items()
    }
    lines = []
    for name, found in medians.items():
        one = medians.get(name.replace(" 2", " 1"), found)
        times = [f"{one[what] / found[what]:.2f} ×" if "2" in name else "" for what in _COLUMNS[:3]]
        memory = max(each["memory"] + each["worker_memory"] for each in figures[name]) / 2**20
        cells = [number(found[what]) for what in _COLUMNS]
        lines.append((name, *cells, *times, f"{rows / found['wall']:,.0f}", f"{memory:,.0f}"))
    head = ("way, processes", *_COLUMNS, "wall", "client", "busiest", "rows/s", "MiB")
    first = next(iter(figures.values()))[0]
    about = f"{rows:,} rows, {first['implementation']}, Python {sys.version.split()[0]}"
    return f"{about}; seconds, then how many times faster than one process\n{table(head, lines)}"
