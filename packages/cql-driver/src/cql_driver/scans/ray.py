"""Partitions of a table for Ray Data.

A task of Ray connects to the cluster by itself, once in each of Ray's processes: the partition
that it is given tells it how, passwords included.

Example::

    from cql_driver.scans import plan
    from cql_driver.scans.ray import to_dataset

    data = to_dataset(plan(session, "shop.orders", columns=["country", "total"]))
    print(data.groupby("country").sum("total").take_all())
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from cql_driver.columnar.collectors import ArrowCollector
from cql_driver.errors import InvalidArgument
from cql_protocol.errors import DependencyException

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cql_driver.scans.partitions import ScanPartition

__all__ = ["datasource", "to_dataset"]


def to_dataset(partitions: Iterable[ScanPartition], **options: Any) -> Any:
    """Return a `ray.data.Dataset` of the partitions that `plan` returned, a block for each.

    Blocks are of Arrow, see docs/columnar.md; UUIDs are their 16 bytes, and durations structs of
    months, days and nanoseconds. `options` go to ``ray.data.read_datasource``. Raises what
    `datasource` raises.
    """
    source = datasource(partitions)
    from ray.data import read_datasource

    return read_datasource(source, **options)


def datasource(partitions: Iterable[ScanPartition]) -> Any:
    """Return the partitions that `plan` returned as a ``ray.data.Datasource``.

    Raises `DependencyException` without Ray, and `InvalidArgument` where a partition cannot be
    sent to another process.
    """
    known = list(partitions)
    if not known:
        raise InvalidArgument("partitions is empty: give what plan() returned")
    known[0].query.connector.data  # noqa: B018 - raises where it cannot be pickled
    return _datasource_class()(known)


@cache
def _datasource_class() -> Any:
    """Make the class, which derives from one of Ray's."""
    try:
        from ray.data import Datasource, ReadTask
        from ray.data.block import BlockMetadata
    except ImportError as exc:
        raise DependencyException(
            "this needs ray.data, which cannot be imported: pip install 'cql-driver[ray]'", [exc]
        ) from exc
    unknown = {field.name: None for field in fields(BlockMetadata)}

    class ScanDatasource(Datasource):  # type: ignore[misc]
        """A source whose tasks read partitions."""

        def __init__(self, partitions: list[ScanPartition]) -> None:
            super().__init__()
            self.partitions = partitions

        def estimate_inmemory_data_size(self) -> int | None:
            """Return None: how large the table is, nobody has said."""
            return None

        def get_read_tasks(self, parallelism: int, *args: Any, **kwargs: Any) -> list[Any]:
            """Return as many tasks as are wanted, at most one for each partition."""
            count = len(self.partitions)
            tasks = min(parallelism, count) if parallelism > 0 else count
            shares = [self.partitions[first::tasks] for first in range(tasks)]
            return [ReadTask(partial(_tables, each), BlockMetadata(**unknown)) for each in shares]

    return ScanDatasource


def _tables(partitions: list[ScanPartition]) -> Iterator[Any]:
    for partition in partitions:
        # Ray can group nothing by Arrow's type of UUIDs, nor convert lists of them.
        yield partition._collected(None, ArrowCollector("parts"))
