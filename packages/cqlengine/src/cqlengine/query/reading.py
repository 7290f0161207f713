"""Instances of rows: what a query's columns become."""

from __future__ import annotations

from cqlengine.models.polymorphic import class_of_row

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

__all__ = ["construct", "make_reader", "polymorphic_reader", "reader_of"]

_MOST_READERS = 256


def reader_of(model: Any, names: tuple[str, ...]) -> Callable[[Iterable[Any]], list[Any]]:
    """Return what makes instances of the rows of a page, whose columns are these attributes."""
    readers = model.__dict__["_readers"]
    reader = readers.get(names)
    if reader is None:
        if len(readers) >= _MOST_READERS:  # sets of columns of only(), of which few are in use
            readers.clear()
        reader = readers[names] = make_reader(model, names)
    return reader  # type: ignore[no-any-return]


def make_reader(model: Any, names: Sequence[str]) -> Callable[[Iterable[Any]], list[Any]]:
    """Return a function of rows, tuples in the order of `names`, that makes their instances."""
    return _plain_reader(model, tuple(names))


def _plain_reader(model: Any, names: tuple[str, ...]) -> Callable[[Iterable[Any]], list[Any]]:
    """Return the reader of rows that all become instances of this model."""
    columns = [model._columns[name] for name in names]
    loads = [
        (name, column.loads)
        for name, column in zip(names, columns, strict=True)
        if column.loads is not None
    ]
    copied = [
        (name, column.snapshot)
        for name, column in zip(names, columns, strict=True)
        if column.is_mutable
    ]
    new = model.__new__

    def read(rows: Iterable[Any]) -> list[Any]:
        instances: list[Any] = []
        for row in rows:
            values = dict(zip(names, row, strict=True))
            for name, load in loads:
                values[name] = load(values[name])
            previous = values.copy()
            for name, copy in copied:
                previous[name] = copy(values[name])
            instance = new(model)
            instance.__dict__ = values
            instance._previous = previous
            instance._is_persisted = True
            instance._options_next = None
            instance._using = None
            instances.append(instance)
        return instances

    return read


def polymorphic_reader(model: Any, names: tuple[str, ...]) -> Callable[[Iterable[Any]], list[Any]]:
    """Return the reader of a hierarchy's rows: each becomes the model that its value names.

    `names` are those in the table, in the order of the rows.
    """
    index = names.index(model._discriminator_column.db_field_name)
    positions = {name: at for at, name in enumerate(names)}
    readers: dict[Any, tuple[Any, list[int]]] = {}

    def read(rows: Iterable[Any]) -> list[Any]:
        instances: list[Any] = []
        for row in rows:
            value = row[index]
            known = readers.get(value)
            if known is None:
                found = class_of_row(model, value)
                columns = [c for c in found._columns.values() if c.db_field_name in positions]
                reader = make_reader(found, [column.column_name for column in columns])
                known = (reader, [positions[column.db_field_name] for column in columns])
                readers[value] = known
            instances.extend(known[0]([tuple([row[at] for at in known[1]])]))
        return instances

    return read


def construct(model: Any, values: dict[str, Any]) -> Any:
    """Return the instance of a row that is a dict by the names in the table."""
    known = {model._db_map[name]: value for name, value in values.items() if name in model._db_map}
    return make_reader(model, tuple(known))([tuple(known.values())])[0]
