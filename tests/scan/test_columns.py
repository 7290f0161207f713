"""Scans as record batches, and as frames of Dask."""

from __future__ import annotations

import pickle
import uuid
from typing import Any

import pytest

from cql_driver.cluster import Session
from cql_driver.errors import InvalidArgument
from cql_driver.query import arrow_factory, dict_factory
from cql_driver.scans import plan, scan
from cql_driver.scans.dask import to_bag, to_dataframe, to_delayed
from tests.aio.live import LiveNodes
from tests.scan import functions
from tests.scan.conftest import ROWS

ALL = list(range(ROWS))
TEXTS = [f"value {k}" for k in ALL]

dask = pytest.importorskip("dask", reason="needs Dask")
pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")


def sorted_columns(batches: list[Any]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = pyarrow.Table.from_batches(batches).sort_by("k").to_pydict()
    return columns


@pytest.mark.parametrize("processes", [1, 2])
def test_batches(session: Session, processes: int) -> None:
    found = list(scan(session, "t", processes=processes, row_factory=arrow_factory, page_size=50))
    assert all(isinstance(batch, pyarrow.RecordBatch) for batch in found)
    assert sorted_columns(found) == {"k": ALL, "v": TEXTS}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_function_gets_the_batch(session: Session, processes: int) -> None:
    options: dict[str, Any] = {"processes": processes, "row_factory": arrow_factory}
    assert sum(scan(session, "t", function=functions.batch_rows, **options)) == ROWS
    kept = list(scan(session, "t", function=functions.large_keys, **options))
    assert sorted(k for batch in kept for k in batch["k"].to_pylist()) == ALL[400:]


def test_a_partition_as_a_table(session: Session) -> None:
    partitions = plan(session, "t", columns=["k"], partitions=4)
    tables = [pickle.loads(pickle.dumps(part)).to_arrow() for part in partitions]
    assert sorted(pyarrow.concat_tables(tables)["k"].to_pylist()) == ALL


def test_an_empty_partition_has_its_columns(session: Session) -> None:
    table = plan(session, "ks.w", partitions=1)[0].to_arrow()
    assert table.num_rows == 0
    assert table.column_names == ["p", "c", "v"]


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_dask_bag(session: Session, scheduler: str) -> None:
    partitions = plan(session, "t", partitions=3, row_factory=dict_factory)
    bag = to_bag(partitions)
    assert bag.npartitions == len(partitions)
    assert sorted(bag.pluck("k").compute(scheduler=scheduler)) == ALL


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_dask_frame(session: Session, scheduler: str) -> None:
    partitions = plan(session, "t", partitions=3)
    frame = to_dataframe(partitions)
    assert frame.npartitions == len(partitions)
    whole = frame.compute(scheduler=scheduler).sort_values("k")
    assert list(whole.k) == ALL
    assert list(whole.v) == TEXTS
    assert (whole.dtypes == frame.dtypes).all()
    assert frame.k.sum().compute(scheduler=scheduler) == sum(ALL)


def test_dask_frame_of_an_empty_table(session: Session) -> None:
    frame = to_dataframe(plan(session, "ks.w", partitions=2))
    assert list(frame.columns) == ["p", "c", "v"]
    assert len(frame) == 0


def test_uuids_in_a_dask_frame(session: Session, nodes: LiveNodes) -> None:
    table = nodes.cluster.store.make("ks.ids", "k int, id uuid, ids list<uuid>")
    keys = [uuid.UUID(int=0), uuid.UUID(int=1), None]
    for k in range(30):
        table.add(k=k, id=keys[k % 3], ids=[keys[1]])
    with dask.config.set({"scheduler": "sync"}):
        frame = to_dataframe(plan(session, "ks.ids", partitions=3))
        counts = frame.groupby("id").size().compute().to_dict()
        assert counts == {key.bytes: 10 for key in keys if key is not None}
        assert frame.ids.compute().tolist() == [[uuid.UUID(int=1).bytes]] * 30


def test_dask_delayed(session: Session) -> None:
    parts = dask.compute(*to_delayed(plan(session, "t", partitions=3)), scheduler="sync")
    assert sorted(row.k for part in parts for row in part) == ALL


@pytest.mark.parametrize("make", [to_bag, to_dataframe, to_delayed])
def test_no_partitions(make: Any) -> None:
    with pytest.raises(InvalidArgument, match="give what plan"):
        make([])
