"""The benchmark of asyncio drivers: how figures become ratios, and what is above its limits."""

from __future__ import annotations

import json
import sys
from typing import Any, ClassVar

import pytest

from benchmarks import asyncio_costs
from benchmarks.asyncio_costs import Cell, Contender
from benchmarks.drivers import ASYNCIO_PEERS, Driver
from benchmarks.request_rates import Figures
from tests.benchmarks.test_commands import bench

pytestmark = pytest.mark.once

CELL = Cell("asyncio", "loops", 100, "insert")


class StandInWorker:
    about: ClassVar[dict[str, Any]] = {"implementation": "python"}


def contender(label: str, cpu: list[float], root: str = "cassandra") -> Contender:
    worker: Any = StandInWorker()
    made = Contender(Driver(label, root, sys.executable, {}), {"asyncio": worker})
    made.rounds[CELL] = [Figures(1e6 / us, us, 1.0, [us]) for us in cpu]
    return made


def test_every_limit_is_of_a_driver_that_is_measured() -> None:
    measured = {peer.partition("==")[0] for peer in ASYNCIO_PEERS}
    assert asyncio_costs.LIMITS.keys() <= measured


def test_what_is_over_a_limit_is_told_of_each_driver() -> None:
    scylla, acsylla = contender("scylla-driver", [60.0]), contender("acsylla==1.2.0", [10.0])
    ours = contender("cql-driver", [13.5], root="cql_driver")
    assert asyncio_costs.over_limit([ours, scylla, acsylla]) == [
        "cql-driver, asyncio, loops, 100 in flight, insert: 0.225 of scylla-driver, at most 0.15",
        "cql-driver, asyncio, loops, 100 in flight, insert: 1.350 of acsylla, at most 1.3",
    ]
    assert asyncio_costs.over_limit([ours]) == []


def test_rounds_are_compared_with_each_other() -> None:
    base = contender("acsylla==1.2.0", [10.0, 20.0, 40.0])
    ours = contender("cql-driver", [10.0, 10.0, 400.0], root="cql_driver")
    assert asyncio_costs.ratio(CELL, ours, base) == 1.0
    assert asyncio_costs.over_limit([ours, base]) == []


def test_other_patterns_and_compiled_code_have_no_limits() -> None:
    acsylla = contender("acsylla==1.2.0", [1.0])
    ours = contender("cql-driver", [9.0], root="cql_driver")
    ours.rounds[CELL._replace(concurrency=1)] = ours.rounds.pop(CELL)
    assert asyncio_costs.over_limit([ours, acsylla]) == []


def test_only_ours_has_a_function_for_many_statements() -> None:
    cell = CELL._replace(pattern="concurrent")
    assert contender("cql-driver", [], root="cql_driver").can(cell)
    assert not contender("scylla-driver", []).can(cell)


def test_a_table_has_a_row_for_each_driver_and_a_column_for_each_base() -> None:
    found = [contender(label, [12.5]) for label in ("scylla-driver", "acsylla==1.2.0", "other")]
    title, head, *lines = asyncio_costs.show(CELL, found).splitlines()
    assert title == "asyncio, loops, 100 in flight, insert"
    assert "/ scylla-driver" in head
    assert "/ acsylla" in head
    assert [line.split()[0] for line in lines] == ["scylla-driver", "acsylla==1.2.0", "other"]
    assert asyncio_costs.as_json(found)[2]["rounds"][0]["cpu_us"] == 12.5


def test_every_pattern_runs_with_our_driver_and_the_server_counts_the_same() -> None:
    output = bench(
        *("asyncio", "--driver", "cql-driver", "--impl", "python", "--rounds", "1"),
        *("--least-seconds", "0", "--requests", "50", "--concurrency", "1", "8"),
        *("--pattern", *asyncio_costs.PATTERNS, "--json", "-"),
    )
    found: list[dict[str, Any]] = json.loads(output[output.index("[\n") :])
    cells = {(c["loop"], c["pattern"], c["concurrency"], c["workload"]) for c in found}
    assert cells == {
        (loop, pattern, concurrency, workload)
        for loop in asyncio_costs.LOOPS
        for pattern in asyncio_costs.PATTERNS
        for concurrency in (1, 8)
        for workload in ("insert", "select")
    }
    assert all(one["cpu_us"] > 0 for cell in found for one in cell["rounds"])
