"""Partitions as a source of Ray Data; Ray is large, so it is no part of the environment."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from cql_driver import DependencyException
from cql_driver.cluster import Session
from cql_driver.errors import InvalidArgument
from cql_driver.scans import plan
from cql_driver.scans.ray import datasource, to_dataset
from tests.scan.conftest import ROWS

THERE = importlib.util.find_spec("ray") is not None
pytestmark = pytest.mark.once

with_ray = pytest.mark.skipif(
    not THERE, reason="Ray is not installed: pip install 'ray[data]' and run tests/scan/test_ray.py"
)


@pytest.mark.skipif(THERE, reason="Ray is installed")
def test_without_ray(session: Session) -> None:
    with pytest.raises(DependencyException, match=r"cql-driver\[ray\]"):
        to_dataset(plan(session, "t"))


@pytest.fixture(scope="module")
def _ray() -> Iterator[None]:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@with_ray
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("_ray")
def test_a_dataset(session: Session) -> None:
    data = to_dataset(plan(session, "t", partitions=4))
    assert sorted(row["k"] for row in data.take_all()) == list(range(ROWS))
    assert data.sum("k") == sum(range(ROWS))


@with_ray
@pytest.mark.filterwarnings("ignore")
def test_tasks(session: Session) -> None:
    partitions = plan(session, "t", partitions=6)
    source = datasource(partitions)
    assert len(source.get_read_tasks(2)) == 2
    assert len(source.get_read_tasks(-1)) == len(source.get_read_tasks(100)) == len(partitions)
    rows = [table.num_rows for task in source.get_read_tasks(2) for table in task()]
    assert sum(rows) == ROWS


def test_no_partitions() -> None:
    with pytest.raises(InvalidArgument, match="give what plan"):
        datasource([])
