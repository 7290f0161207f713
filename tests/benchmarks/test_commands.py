"""The benchmarks run, and their figures have a meaning: no figure itself is tested."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from typing import Any, ClassVar

import pytest

from benchmarks import request_rates, schema_cost
from benchmarks.drivers import Driver
from benchmarks.made_up import SCHEMA_TABLES, MadeUp
from benchmarks.patterns import PATTERNS
from benchmarks.report import percentile, table
from benchmarks.request_rates import Contender, Figures
from tests.architecture.source import ROOT

CELL = ("execute-concurrent-with-args", "select")

_spec = find_spec("cql_driver.concurrent")
needs_cluster = pytest.mark.skipif(
    _spec is None or _spec.origin is None, reason="cql_driver.concurrent is not there yet"
)


def bench(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def contender(label: str, cpu: list[float], root: str = "cassandra") -> Contender:
    made = Contender(Driver(label, root, sys.executable, {}), [])
    made.rounds[CELL] = [Figures(1e6 / us, us, 1.0, [us]) for us in cpu]
    return made


@needs_cluster
@pytest.mark.parametrize("threads", ["1", "3"])
def test_every_pattern_runs_with_our_driver_and_the_server_counts_the_same(threads: str) -> None:
    output = bench(
        *("requests", "--driver", "cql-driver", "--rounds", "1", "--least-seconds", "0"),
        *("--requests", "50", "--concurrency", "8", "--threads", threads, "--json", "-"),
    )
    found: list[dict[str, Any]] = json.loads(output[output.index("[\n") :])
    assert {(cell["pattern"], cell["workload"]) for cell in found} == {
        (pattern, workload) for pattern in PATTERNS for workload in ("insert", "select")
    }
    assert all(one["cpu_us"] > 0 for cell in found for one in cell["rounds"])


@needs_cluster
def test_pages_run_on_protocol_5_with_compression() -> None:
    output = bench(
        *("requests", "--driver", "cql-driver", "--rounds", "1", "--least-seconds", "0"),
        *("--requests", "2000", "--protocol", "5", "--compression", "lz4"),
        *("--workload", "page", "--pattern", "sync", "callback-full-pipeline"),
    )
    assert "sync, page of 5,000 rows" in output


@needs_cluster
def test_the_import_loads_nothing_that_it_should_not() -> None:
    output = bench("start", "--driver", "cql-driver", "--rounds", "1", "--check")
    assert "loads of what it should not: nothing" in output


@needs_cluster
def test_clusters_that_are_dropped_leave_no_thread_and_no_socket() -> None:
    output = bench("memory", "--clusters", "100", "--connects", "5")
    for line in output.splitlines()[1:]:
        assert line.split()[-5:-2] == ["+0", "+0", "+0"], line


def test_a_ratio_compares_the_rounds_and_the_least() -> None:
    base = contender("scylla-driver", [100.0, 200.0, 400.0])
    ours = contender("cql-driver", [10.0, 10.0, 60.0], root="cql_driver")
    assert request_rates.baseline([ours, base]) is base
    assert request_rates.ratios(CELL, ours, base) == (0.1, 0.1)


def test_what_is_over_its_limit_is_told() -> None:
    base = contender("scylla-driver", [100.0])
    ours = contender("cql-driver", [11.0], root="cql_driver")
    assert request_rates.over_limit([ours, base]) == [
        "cql-driver, execute-concurrent-with-args, select: 0.110, at most 0.1"
    ]
    ours.rounds[CELL] = base.rounds[CELL]
    base.rounds[CELL] = [Figures(1.0, 1e4, 1.0, [])]
    assert request_rates.over_limit([ours, base]) == []


def test_a_table_has_a_row_for_each_driver() -> None:
    text = request_rates.show(CELL, [contender("a", [12.34]), contender("scylla-driver", [1.0])])
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["driver", "a", "scylla-driver"]
    assert "12.3" in text


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0], 0.99) == 3.0
    assert percentile([float(n) for n in range(100)], 0.99) == 99.0


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(["a", "long"], [["wide", "1"]]) == "a     long\nwide     1"


def test_a_kernel_that_is_not_known_is_refused() -> None:
    command = [sys.executable, "-m", "benchmarks", "nonsense"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "no group is called nonsense" in done.stderr


# --- a large schema ----------------------------------------------------------------------------


def test_connecting_to_a_schema_is_measured_in_every_way() -> None:
    output = bench(
        *("schema", "--driver", "cql-driver", "--tables", "60", "--per-keyspace", "20"),
        *("--rounds", "1", "--connects", "1", "--json", "-"),
    )
    found: list[dict[str, Any]] = json.loads(output[output.index("[\n") :])
    ways = ("none", "lazy", "one keyspace", "all")
    assert {(each["metadata"], each["tables"]) for each in found} == {
        (way, tables) for way in ways for tables in (0, 60)
    }
    assert {(each["metadata"] == "all", len(each["wall_ms"])) for each in found} == {
        (True, 1),
        (False, schema_cost.CHEAP),
    }
    assert all(min(each["cpu_ms"]) > 0 for each in found)


def test_a_connect_that_a_schema_makes_too_slow_is_told() -> None:
    class StandInWorker:
        about: ClassVar[dict[str, str]] = {}

    ours = schema_cost.Contender(
        Driver("cql-driver", "cql_driver", sys.executable, {}),
        StandInWorker(),  # type: ignore[arg-type]
    )
    for way in schema_cost.WAYS[True]:
        ours.found[way, "empty"] = schema_cost.Figures([1.0, 2.0, 4.0], [1.0, 1.0, 1.0])
        ours.found[way, "full"] = schema_cost.Figures([9.9, 2.2, 1.1], [1.1, 1.3, 1.4])
    assert schema_cost.over_limit([ours]) == ["cql-driver, lazy: 1.30 of the CPU time, at most 1.2"]
    assert "1.10" in schema_cost.show([ours], 60)


def test_the_null_server_tells_of_the_tables_that_the_statements_make() -> None:
    made_up = MadeUp(60, 20)
    rows = made_up.rows()
    words = Counter(statement.split()[1].lower() for statement in made_up.statements())
    counts = {name: len(found) for name, found in rows.items()}
    assert words == {
        "keyspace": counts["keyspaces"],
        "type": counts["types"],
        "function": counts["functions"],
        "aggregate": counts["aggregates"],
        "table": counts["tables"],
        "index": counts["indexes"],
        "materialized": counts["views"],
    }
    assert counts["columns"] == 12 * (counts["tables"] + counts["views"])
    for name, columns in SCHEMA_TABLES.items():
        known = {column.split()[0] for column in columns.split("; ")}
        assert all(row.keys() <= known for row in rows[name]), name
