"""What a large schema costs who connects, side by side with other drivers::

    python -m benchmarks schema                            # 2,000 tables of the null server
    python -m benchmarks schema --server cassandra         # 500 tables of a real node

Wall and CPU time (of all threads) of ``Cluster(…).connect()``, with as much of the schema as each
way of connecting has then, on a server without tables of users and on one with many. The process
of each driver has connected before. Every connect to the one server is followed by one to the
other, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.drivers import (
    BenchError,
    Driver,
    Worker,
    driver_parser,
    drivers,
)
from benchmarks.made_up import PER_KEYSPACE, MadeUp
from benchmarks.null_server import NullServer
from benchmarks.report import least_and_median, number, table

WORKER = Path(__file__).with_name("schema_worker.py")
TABLES = {"null": 2000, "cassandra": 500}
LIMIT = 1.2
"""The most that our connect with lazy metadata may take of one to a server without tables."""
WAYS = {True: ("none", "lazy", "one keyspace", "all"), False: ("none", "all")}
"""The ways of connecting, of our driver and of others; see `schema_worker`."""
EMPTY, FULL = "empty", "full"
CHEAP = 10
"""How many more connects there are of those that do not fetch the whole schema."""

Place = tuple[list[str], int]
"""Contact points and port."""


class Figures(NamedTuple):
    """Milliseconds of every connect."""

    wall: list[float]
    cpu: list[float]


class Contender:
    """A driver, its process, and what was measured, by (way, schema)."""

    def __init__(self, driver: Driver, worker: Worker) -> None:
        self.driver = driver
        self.worker = worker
        self.found: dict[tuple[str, str], Figures] = {}

    def run(self, places: dict[str, Place], way: str, options: argparse.Namespace) -> None:
        """Connect to the places; there must be all tables, where it looks at them."""
        many = options.connects * (1 if way == "all" else CHEAP)
        self.worker.start({"places": [*places.values()], "how": way, "connects": many})
        answer = self.worker.answer()
        for schema, found in zip(places, answer["found"], strict=True):
            there = options.tables if schema == FULL else 0
            if way == "all" and found["tables"] < there:
                raise BenchError(
                    f"{self.driver.label} has {found['tables']} tables, there are {there}"
                )
            figures = self.found.setdefault((way, schema), Figures([], []))
            figures.wall.extend(seconds * 1e3 for seconds in found["wall"])
            figures.cpu.extend(seconds * 1e3 for seconds in found["cpu"])


def ratios(mine: Figures, base: Figures) -> tuple[float, float]:
    """Return wall and CPU time as a share of `base`'s, by their medians."""
    wall, cpu = (
        statistics.median(a) / statistics.median(b) for a, b in zip(mine, base, strict=True)
    )
    return wall, cpu


@contextmanager
def servers(options: argparse.Namespace) -> Iterator[dict[str, Place]]:
    """Run two servers; yield their places by the schema that they have."""
    with ExitStack() as stack:
        if options.server == "null":
            null = (NullServer(), NullServer(options.tables, options.per_keyspace))
            found = [stack.enter_context(server) for server in null]
            places = [([server.address], server.port) for server in found]
        else:
            from tests.cassandra import Cluster, ClusterOptions

            shape = ClusterOptions(heap="1g", jvm=("-XX:TieredStopAtLevel=4",))
            nodes = [stack.enter_context(Cluster(shape)) for _ in (EMPTY, FULL)]
            places = [(node.contact_points, node.port) for node in nodes]
            _run(places[1], MadeUp(options.tables, options.per_keyspace).statements())
        yield dict(zip((EMPTY, FULL), places, strict=True))


def _run(place: Place, statements: Iterable[str]) -> None:
    from cql_driver.cluster import Cluster

    with Cluster(place[0], port=place[1], control_connection_timeout=60.0) as cluster:
        session = cluster.connect()
        session.default_timeout = 120.0
        for statement in statements:
            session.execute(statement)


def measure(options: argparse.Namespace) -> list[Contender]:
    """Connect in every way with every driver, round by round."""
    with ExitStack() as stack:
        contenders = []
        for driver in drivers(options.driver, options.impl):
            worker = Worker(driver, {"protocol": options.protocol}, WORKER)
            stack.callback(worker.close)
            contenders.append(Contender(driver, worker))
        places = stack.enter_context(servers(options))
        for number_of_round in range(options.rounds + 1):
            first = number_of_round % len(contenders)
            for contender in contenders[first:] + contenders[:first]:
                for way in WAYS[contender.driver.ours]:
                    contender.run(places, way, options)
            if number_of_round == 0:  # it imports, and warms up the servers
                for contender in contenders:
                    contender.found.clear()
        return contenders


def show(contenders: list[Contender], tables: int) -> str:
    """Return the table: a line for each driver, way and schema."""
    lines = []
    for contender in contenders:
        for way in WAYS[contender.driver.ours]:
            full, empty = (contender.found[way, schema] for schema in (FULL, EMPTY))
            shares = [f"{ratio:.2f}" for ratio in ratios(full, empty)]
            for schema, told in ((EMPTY, ["", ""]), (FULL, shares)):
                wall, cpu = (map(number, least_and_median(v)) for v in contender.found[way, schema])
                what = f"{tables:,}" if schema == FULL else schema
                lines.append([contender.driver.label, way, what, *wall, *cpu, *told])
    head = ["driver", "metadata", "tables", "wall ms least", "median", "CPU ms least", "median"]
    return table([*head, "wall to empty", "CPU to empty"], lines)


def as_json(contenders: list[Contender], tables: int) -> list[dict[str, Any]]:
    """Return every figure."""
    return [
        {
            "driver": contender.driver.label,
            **contender.worker.about,
            "metadata": way,
            "tables": tables if schema == FULL else 0,
            "wall_ms": figures.wall,
            "cpu_ms": figures.cpu,
        }
        for contender in contenders
        for (way, schema), figures in contender.found.items()
    ]


def beside_others(contenders: list[Contender]) -> Iterator[str]:
    """Yield how the whole schema compares with what other drivers need for it."""
    others = [contender for contender in contenders if not contender.driver.ours]
    for ours in (contender for contender in contenders if contender.driver.ours):
        for other in others:
            wall, cpu = ratios(ours.found["all", FULL], other.found["all", FULL])
            yield (
                f"the whole schema, {ours.driver.label} to {other.driver.label}: "
                f"{wall:.2f} of the wall time, {cpu:.2f} of the CPU time"
            )


def over_limit(contenders: list[Contender]) -> list[str]:
    """Return what is beyond `LIMIT`."""
    return [
        f"{contender.driver.label}, lazy: {ratio:.2f} of the {what} time, at most {LIMIT}"
        for contender in contenders
        if contender.driver.ours
        for what, ratio in zip(
            ("wall", "CPU"),
            ratios(contender.found["lazy", FULL], contender.found["lazy", EMPTY]),
            strict=True,
        )
        if ratio > LIMIT
    ]


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = driver_parser("schema", __doc__)
    add = made.add_argument
    add("--server", default="null", choices=["null", "cassandra"])
    add("--tables", type=int, help="default: 2,000 of the null server, 500 of a real node")
    add("--per-keyspace", type=int, default=PER_KEYSPACE, help="tables in each keyspace")
    add("--rounds", type=int, default=5)
    add(
        "--connects",
        type=int,
        default=2,
        help=f"with the whole schema, in a round; {CHEAP} times as many others",
    )
    add("--protocol", type=int, choices=[3, 4, 5], default=4)
    add("--json", metavar="FILE", help="write every figure there; - is the output")
    add("--check", action="store_true", help="fail above the limit")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    options = parser().parse_args(arguments)
    options.tables = options.tables or TABLES[options.server]
    try:
        contenders = measure(options)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(show(contenders, options.tables), *beside_others(contenders), sep="\n")
    if options.json == "-":
        print(json.dumps(as_json(contenders, options.tables), indent=1))
    elif options.json:
        Path(options.json).write_text(json.dumps(as_json(contenders, options.tables), indent=1))
    failures = over_limit(contenders) if options.check else []
    for failure in failures:
        print(f"over the limit: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
