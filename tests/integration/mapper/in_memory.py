"""`Truth`: what a table holds after a series of writes, by the rules of CQL and in memory.

A row is there while it has a marker, which an INSERT sets and an UPDATE does not, or a value in
a column that is not static. Empty collections are no values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any


def is_null(value: Any) -> bool:
    """Say whether a table keeps nothing for this value."""
    return value is None or (isinstance(value, (list, set, dict)) and not value)


class Row:
    """The cells of a row that are no key and not static."""

    def __init__(self) -> None:
        self.marker = False
        self.cells: dict[str, Any] = {}

    @property
    def is_there(self) -> bool:
        return self.marker or bool(self.cells)


class Partition:
    """Static cells, and rows by their clustering values."""

    def __init__(self) -> None:
        self.static: dict[str, Any] = {}
        self.rows: dict[tuple[Any, ...], Row] = {}


class Truth:
    """The table of one model."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.partitions: dict[Any, Partition] = {}
        self.clustering = list(model._clustering_keys)
        self.key = next(iter(model._partition_keys))
        self.statics = [n for n, c in model._columns.items() if c.static]
        self.regular = [n for n, c in model._columns.items() if not (c.static or c.primary_key)]

    # --- writes --------------------------------------------------------------------------------

    def insert(self, values: Mapping[str, Any]) -> None:
        """Write a row; what is not in `values` stays as it is."""
        partition = self._partition(values)
        row = partition.rows.setdefault(self._position(values), Row())
        row.marker = True
        self._write(partition, row, values)

    def update(self, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Set columns of a row."""
        partition = self._partition(key)
        row = partition.rows.setdefault(self._position(key), Row())
        self._write(partition, row, values)

    def change(self, key: Mapping[str, Any], column: str, change: Any) -> None:
        """Replace a column by what `change` makes of it; None stands for no value."""
        partition = self._partition(key)
        row = partition.rows.setdefault(self._position(key), Row())
        cells = partition.static if column in self.statics else row.cells
        self._write(partition, row, {column: change(deepcopy(cells.get(column)))})

    def _write(self, partition: Partition, row: Row, values: Mapping[str, Any]) -> None:
        for names, cells in ((self.statics, partition.static), (self.regular, row.cells)):
            for name in names:
                if name not in values:
                    continue
                if is_null(values[name]):
                    cells.pop(name, None)
                else:
                    cells[name] = deepcopy(values[name])

    def delete_row(self, key: Mapping[str, Any]) -> None:
        """Delete one row; static values stay. Without clustering columns it is the partition."""
        if not self.clustering:
            self.delete_partition(key[self.key])
            return
        self._partition(key).rows.pop(self._position(key), None)

    def delete_partition(self, key: Any) -> None:
        """Delete all rows of a partition, and its static values."""
        self.partitions.pop(key, None)

    def _partition(self, values: Mapping[str, Any]) -> Partition:
        return self.partitions.setdefault(values[self.key], Partition())

    def _position(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(values[name] for name in self.clustering)

    # --- reads ---------------------------------------------------------------------------------

    def row(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the row of a key with all its columns; None when there is none."""
        partition = self.partitions.get(key[self.key])
        if partition is None:
            return None
        position = self._position(key)
        row = partition.rows.get(position)
        if row is None or not row.is_there:
            if not self.clustering and partition.static:
                raise AssertionError("a table without clustering columns has no static ones")
            return None
        return self._whole(key[self.key], position, partition, row)

    def rows(self, key: Any) -> list[dict[str, Any]]:
        """Return the rows of a partition in the order of the table.

        Static values without a row are a row whose clustering columns are null.
        """
        partition = self.partitions.get(key)
        if partition is None:
            return []
        found = [
            self._whole(key, position, partition, row)
            for position, row in self._ordered(partition)
            if row.is_there
        ]
        if not found and partition.static:
            nothing = tuple(None for _ in self.clustering)
            return [self._whole(key, nothing, partition, Row())]
        return found

    def _ordered(self, partition: Partition) -> Iterator[tuple[tuple[Any, ...], Row]]:
        """Iterate over the rows, sorted by each clustering column in its direction."""
        found = list(partition.rows.items())
        for at, column in reversed(list(enumerate(self.model._clustering_keys.values()))):
            reverse = str(column.clustering_order or "ASC").upper() == "DESC"
            found.sort(key=lambda item: item[0][at], reverse=reverse)
        return iter(found)

    def _whole(
        self, key: Any, position: tuple[Any, ...], partition: Partition, row: Row
    ) -> dict[str, Any]:
        whole = {self.key: key, **dict(zip(self.clustering, position, strict=True))}
        for name in self.statics:
            whole[name] = deepcopy(partition.static.get(name))
        for name in self.regular:
            whole[name] = deepcopy(row.cells.get(name))
        return whole
