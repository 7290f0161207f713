"""The benchmark of the object mapper: how figures become ratios, and what is above the limit."""

from __future__ import annotations

import json
import sys
from typing import Any, ClassVar

import pytest

from benchmarks import mapper, schema
from benchmarks.drivers import Driver
from benchmarks.mapper import Cell, Contender
from benchmarks.request_rates import Figures
from tests.benchmarks.test_commands import bench

pytestmark = pytest.mark.once

CELL = Cell("null", "get", "mapped")


class StandInWorker:
    about: ClassVar[dict[str, Any]] = {"implementation": "python"}


def contender(
    label: str, cpu: list[float], root: str = "cassandra", cell: Cell = CELL
) -> Contender:
    worker: Any = StandInWorker()
    made = Contender(Driver(label, root, sys.executable, {}), {cell.server: worker})
    made.rounds[cell] = [Figures(1e6 / us, us, None, []) for us in cpu]
    return made


def test_rounds_are_compared_with_each_other() -> None:
    base = contender("scylla-driver==3.29.12", [100.0, 200.0, 400.0])
    ours = contender("cql-driver", [40.0, 80.0, 400.0], root="cql_driver")
    assert mapper.baseline([ours, base]) is base
    assert mapper.ratio(CELL, ours, base) == 0.4
    assert mapper.over_limit([ours, base]) == []


def test_what_is_over_the_limit_is_told_of_each_implementation() -> None:
    found = [
        contender("cql-driver (python)", [60.0], root="cql_driver"),
        contender("cql-driver (cython)", [50.0], root="cql_driver"),
        contender("scylla-driver", [100.0]),
        contender("cassandra-driver", [10.0]),
    ]
    (told,) = mapper.over_limit(found)
    assert told == (
        "cql-driver (python), null server, get, with containers: 0.600 of scylla-driver, "
        "at most 0.5"
    )


def test_what_cannot_be_compared_is_missed() -> None:
    ours = contender("cql-driver", [1.0], root="cql_driver")
    assert mapper.over_limit([ours]) == ["scylla-driver was not measured"]


def test_operations_that_only_ours_has_have_no_limit() -> None:
    cell = CELL._replace(operation="aget")
    ours = contender("cql-driver", [60.0], root="cql_driver", cell=cell)
    base = contender("scylla-driver", [100.0])
    assert ours.can(cell)
    assert not base.can(cell)
    assert mapper.over_limit([ours, base]) == []


def test_a_table_has_a_row_for_each_operation_and_a_column_for_each_mapper() -> None:
    ours = contender("cql-driver", [45.0], root="cql_driver")
    ours.rounds[CELL._replace(operation="aget")] = [Figures(1.0, 30.0, None, [])]
    (text,) = mapper.show([ours, contender("scylla-driver", [100.0])])
    head, *lines = (line.split() for line in text.splitlines())
    assert head[:2] == ["null", "server,"]
    assert head[-3:] == ["cql-driver", "/", "scylla-driver"]
    assert lines == [
        ["get", "with", "containers", "45.0", "100", "0.450"],
        ["aget", "with", "containers", "30.0", "–", "–"],
    ]
    assert mapper.as_json([ours])[0]["rounds"] == [
        {"cpu_us": 45.0, "operations_per_second": 1e6 / 45.0}
    ]


@pytest.mark.parametrize("implementation", ["python", "cython"])
def test_every_operation_runs_with_our_mapper_and_the_server_counts_the_same(
    implementation: str,
) -> None:
    output = bench(
        *("mapper", "--driver", "cql-driver", "--impl", implementation, "--server", "null"),
        *("--rounds", "1", "--least-seconds", "0", "--json", "-"),
    )
    found: list[dict[str, Any]] = json.loads(output[output.index("[\n") :])
    assert {(cell["operation"], cell["model"]) for cell in found} == {
        (operation, model) for operation in mapper.OPERATIONS for model in schema.MAPPED
    }
    assert {cell["implementation"] for cell in found} == {implementation}
    assert all(one["cpu_us"] > 0 for cell in found for one in cell["rounds"])
