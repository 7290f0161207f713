"""Partitions of a table for Ray Data.

A task of Ray connects to the cluster by itself, once in each of Ray's processes: the partition
that it is given tells it how, passwords included.

Example::

    import ray
    from cql_driver.scans import plan
    from cql_driver.scans.ray import ScanDatasource

    data = ray.data.read_datasource(ScanDatasource(plan(session, "shop.orders")))
    print(data.groupby("country").sum("total").take_all())
"""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from cql_driver.errors import InvalidArgument
from cql_protocol.errors import DependencyException

try:
    from ray.data import Datasource, ReadTask
    from ray.data.block import BlockMetadata
except ImportError as exc:
    raise DependencyException(
        "this needs ray.data, which cannot be imported: pip install 'cql-driver[ray]'", [exc]
    ) from exc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cql_driver.scans.partitions import ScanPartition

__all__ = ["ScanDatasource"]


class ScanDatasource(Datasource):  # type: ignore[misc]
    """The partitions that `plan` returned, as a source of Ray: a block of Arrow for each.

    Raises `InvalidArgument` where a partition cannot be sent to another process. Needs pyarrow,
    which Ray has.
    """

    def __init__(self, partitions: Iterable[ScanPartition]) -> None:
        super().__init__()
        self._partitions = list(partitions)
        if not self._partitions:
            raise InvalidArgument("partitions is empty: give what plan() returned")
        self._partitions[0].query.connector.data  # noqa: B018 - raises where it cannot be pickled

    def get_name(self) -> str:
        """Return what the tasks are called by."""
        return "Scan"

    def estimate_inmemory_data_size(self) -> int | None:
        """Return None: how large the table is, nobody has said."""
        return None

    def get_read_tasks(self, parallelism: int, *args: Any, **kwargs: Any) -> list[Any]:
        """Return tasks, at most one for each partition; `parallelism` is how many are wanted."""
        count = len(self._partitions)
        tasks = min(parallelism, count) if parallelism > 0 else count
        unknown = {field.name: None for field in fields(BlockMetadata)}
        return [
            ReadTask(partial(_tables, self._partitions[first::tasks]), BlockMetadata(**unknown))
            for first in range(tasks)
        ]


def _tables(partitions: list[ScanPartition]) -> Iterator[Any]:
    for partition in partitions:
        yield partition.to_arrow()
