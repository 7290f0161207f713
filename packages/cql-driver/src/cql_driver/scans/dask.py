"""Partitions of a table for Dask: as a bag of rows, and as a frame.

A worker of Dask connects to the cluster by itself, once for all partitions that it reads: what
is in the graph tells it how, passwords included.

Example::

    from cql_driver.scans import plan
    from cql_driver.scans.dask import to_dataframe

    frame = to_dataframe(plan(session, "shop.orders", columns=["country", "total"]))
    print(frame.groupby("country").total.sum().compute())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cql_driver.columnar.collectors import PandasCollector
from cql_driver.errors import InvalidArgument
from cql_driver.scans.partitions import ScanPartition
from cql_protocol.errors import DependencyException

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["to_bag", "to_dataframe", "to_delayed"]


def to_delayed(partitions: Iterable[ScanPartition]) -> list[Any]:
    """Return a `dask.delayed.Delayed` for each partition: the list of its rows.

    Raises `DependencyException` without Dask, and `InvalidArgument` where a partition cannot be
    sent to another process.
    """
    try:
        from dask import delayed
    except ImportError as exc:
        raise _missing("dask", exc) from exc
    return [delayed(ScanPartition.rows, pure=False)(each) for each in _checked(partitions)]


def to_bag(partitions: Iterable[ScanPartition]) -> Any:
    """Return a `dask.bag.Bag` of rows, as the row factory of the plan makes them.

    Rows of its default are named tuples, of which each is pickled by itself; `tuple_factory` and
    `dict_factory` are cheaper where rows are moved.

    Example::

        bag = to_bag(plan(session, "shop.orders", row_factory=dict_factory))
        bag.pluck("country").frequencies().compute()
    """
    try:
        from dask.bag import from_delayed
    except ImportError as exc:
        raise _missing("dask.bag", exc) from exc
    return from_delayed(to_delayed(partitions))


def to_dataframe(partitions: Iterable[ScanPartition], **options: Any) -> Any:
    """Return a `dask.dataframe.DataFrame` with a partition for each of these.

    Columns are of Arrow's types (`pandas.ArrowDtype`), in which nulls change no type, so that all
    partitions have the same. UUIDs are their 16 bytes, by which frames can be grouped and joined,
    and durations structs of months, days and nanoseconds. `options` go to
    `pyarrow.Table.to_pandas`, to choose other types. Needs pandas and pyarrow.
    """
    try:
        import pandas
        from dask.dataframe import from_map
    except ImportError as exc:
        raise _missing("dask.dataframe", exc) from exc
    options.setdefault("types_mapper", pandas.ArrowDtype)
    known = _checked(partitions)
    # One without ranges is empty, and has the columns.
    meta = _frame(ScanPartition(-1, (), (), known[0].query), **options)
    return from_map(_frame, known, meta=meta, **options)


def _frame(partition: ScanPartition, **options: Any) -> Any:
    """Return a partition as a frame that has no types of Arrow's which Dask cannot work with."""
    return partition._collected(None, PandasCollector(options, "parts"))


def _checked(partitions: Iterable[ScanPartition]) -> list[ScanPartition]:
    known = list(partitions)
    if not known:
        raise InvalidArgument("partitions is empty: give what plan() returned")
    known[0].query.connector.data  # noqa: B018 - raises where it cannot be pickled
    return known


def _missing(name: str, error: ImportError) -> DependencyException:
    return DependencyException(
        f"this needs {name}, which cannot be imported: pip install 'cql-driver[dask]'", [error]
    )
