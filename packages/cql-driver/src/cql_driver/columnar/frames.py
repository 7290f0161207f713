"""Tables of Arrow into frames of pandas, where the two do not agree by themselves."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["pandas_frame"]


def pandas_frame(table: Any, options: dict[str, Any]) -> Any:
    """Return the `pandas.DataFrame` of a `pyarrow.Table`; `options` go to its `to_pandas`.

    Times of day become timedeltas, as `datetime.time` has no nanoseconds. Columns of nested
    values with UUIDs or durations in them are made of Python objects, as pyarrow has no other way.
    Integers in nested values stay integers beside nulls, unless the options say otherwise.
    """
    import pandas
    import pyarrow

    columns = [_timed(pyarrow, column) for column in table.columns]
    table = pyarrow.Table.from_arrays(columns, names=table.column_names)
    nested = [at for at, column in enumerate(columns) if column.type.num_fields]
    if not nested:
        return table.to_pandas(**options)
    others = [at for at in range(len(columns)) if at not in nested]
    frame = table.select(others).to_pandas(**options)
    if not others:
        frame = pandas.DataFrame(index=pandas.RangeIndex(table.num_rows))
    options = {"integer_object_nulls": True, **options}
    for at in nested:
        if _needs_objects(pyarrow, columns[at].type):
            values = pandas.Series(columns[at].to_pylist(), dtype=object, index=frame.index)
        else:
            values = table.select([at]).to_pandas(**options).iloc[:, 0]
        frame.insert(at, table.column_names[at], values, allow_duplicates=True)
    return frame


def _timed(pyarrow: Any, column: Any) -> Any:
    """Return the column with its times as amounts of time, wherever they are in it."""
    number, amount = pyarrow.int64(), pyarrow.duration("ns")
    numbers = _rewritten(pyarrow, column.type, lambda leaf: number)
    if numbers == column.type:
        return column
    # Arrow casts by way of numbers alone.
    return column.cast(numbers).cast(_rewritten(pyarrow, column.type, lambda leaf: amount))


def _rewritten(pyarrow: Any, arrow_type: Any, change: Callable[[Any], Any]) -> Any:
    """Return the type with what `change` makes of the times in it."""
    is_a = pyarrow.types
    if is_a.is_time64(arrow_type):
        return change(arrow_type)
    if is_a.is_list(arrow_type):
        return pyarrow.list_(_rewritten(pyarrow, arrow_type.value_type, change))
    if is_a.is_fixed_size_list(arrow_type):
        inner = _rewritten(pyarrow, arrow_type.value_type, change)
        return pyarrow.list_(inner, arrow_type.list_size)
    if is_a.is_map(arrow_type):
        return pyarrow.map_(
            _rewritten(pyarrow, arrow_type.key_type, change),
            _rewritten(pyarrow, arrow_type.item_type, change),
        )
    if is_a.is_struct(arrow_type):
        return pyarrow.struct(
            [(field.name, _rewritten(pyarrow, field.type, change)) for field in arrow_type]
        )
    return arrow_type


def _needs_objects(pyarrow: Any, arrow_type: Any, nested: bool = False) -> bool:
    is_a = pyarrow.types
    if isinstance(arrow_type, pyarrow.BaseExtensionType) or is_a.is_interval(arrow_type):
        return nested
    return any(
        _needs_objects(pyarrow, arrow_type.field(at).type, nested=True)
        for at in range(arrow_type.num_fields)
    )
