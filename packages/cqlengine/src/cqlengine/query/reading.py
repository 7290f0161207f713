"""Instances of rows: what a query's columns become."""

from __future__ import annotations

from functools import lru_cache

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
    columns = [model._columns[name] for name in names]
    loads = [column.loads for column in columns]
    copies = [column.snapshot if column.is_mutable else None for column in columns]
    make = _make_reader(
        tuple(names),
        tuple(at for at, load in enumerate(loads) if load is not None),
        tuple(at for at, copy in enumerate(copies) if copy is not None),
    )
    read = make(model, loads, copies)
    return _initialising(read) if model._has_init else read


def _initialising(
    read: Callable[[Iterable[Any]], list[Any]],
) -> Callable[[Iterable[Any]], list[Any]]:
    """Return the reader of a model with an `__init__` of its own, which is called for each row."""

    def read_and_initialise(rows: Iterable[Any]) -> list[Any]:
        instances = read(rows)
        for instance in instances:
            values, previous = instance.__dict__, instance._previous
            instance.__dict__ = {}
            instance.__init__(**values)
            for name in type(instance)._columns.keys() - values.keys():
                instance.__dict__.pop(name, None)  # a default is not what the table has
            instance._previous, instance._is_persisted = previous, True
        return instances

    return read_and_initialise


@lru_cache(maxsize=_MOST_READERS)
def _make_reader(names: tuple[str, ...], loaded: tuple[int, ...], copied: tuple[int, ...]) -> Any:
    """Return what makes readers of rows with these columns.

    The loop over the columns of a row is written out: to make a dict with given keys takes half
    the time of one with keys from a tuple. `loaded` and `copied` are the positions of those
    columns whose values are converted, and of those that instances have a copy of.
    """
    cells = [f"v{at}" for at in range(len(names))]
    before = [f"v{at}" if at not in copied else f"copy{at}(v{at})" for at in range(len(names))]
    lines = [
        "def make(model, loads, copies):",
        *(f"    load{at} = loads[{at}]" for at in loaded),
        *(f"    copy{at} = copies[{at}]" for at in copied),
        "    new = model.__new__",
        "    def read(rows):",
        "        instances = []",
        f"        for {' '.join(f'{cell},' for cell in cells) or '()'} in rows:",
        *(f"            v{at} = load{at}(v{at})" for at in loaded),
        "            instance = new(model)",
        f"            instance.__dict__ = {_display(names, cells)}",
        f"            instance._previous = {_display(names, before)}",
        "            instance._is_persisted = True",
        "            instance._options_next = None",
        "            instance._using = None",
        "            instances.append(instance)",
        "        return instances",
        "    return read",
    ]
    scope: dict[str, Any] = {}
    # Of an identifier for each column, and of names as literals of Python.
    exec(compile("\n".join(lines), f"<make of {__name__}>", "exec"), scope)
    return scope["make"]


def _display(names: Sequence[str], values: Sequence[str]) -> str:
    items = ", ".join(f"{name!r}: {value}" for name, value in zip(names, values, strict=True))
    return f"{{{items}}}"


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
