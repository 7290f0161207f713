"""Partitions as a source of Ray Data; Ray is large, so it is no part of the environment."""

from __future__ import annotations

import importlib.util
import uuid
from collections.abc import Iterator

import pytest

from cql_driver import DependencyException
from cql_driver.cluster import Session
from cql_driver.errors import InvalidArgument
from cql_driver.scans import plan
from cql_driver.scans.ray import _tables, datasource, to_dataset
from cql_protocol.values import Duration
from tests.aio.live import LiveNodes
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


def test_tasks_give_what_ray_can_group_by(session: Session, nodes: LiveNodes) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="blocks are of pyarrow, which is not there")
    table = nodes.cluster.store.make("ks.spans", "k int, id uuid, ids set<uuid>, span duration")
    key = uuid.UUID(int=7)
    table.add(k=1, id=key, ids=[key], span=Duration(1, 2, 3))
    (found,) = pyarrow.concat_tables(_tables(plan(session, "ks.spans"))).to_pylist()
    assert found["id"] == key.bytes
    assert found["ids"] == [key.bytes]
    assert found["span"] == {"months": 1, "days": 2, "nanoseconds": 3}


def test_no_partitions() -> None:
    with pytest.raises(InvalidArgument, match="give what plan"):
        datasource([])
