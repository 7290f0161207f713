"""Writes of a query set: rows are changed or deleted without being read."""

from __future__ import annotations

from cqlengine.errors import (
    PolymorphicModelException,
    QueryException,
    ValidationError,
)
from cqlengine.operators import EqualsOperator, InOperator
from cqlengine.query.options import microseconds
from cqlengine.query.writes import (
    conditions_are_static,
    is_repeatable,
    refuse_counters,
    send,
    send_delete,
    send_update,
    table_of,
)
from cqlengine.statements.texts import using_clause
from cqlengine.statements.updates import add, increment, prepend, put, remove

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cqlengine.query.options import WriteOptions
    from cqlengine.query.requests import Steps
    from cqlengine.query.selection import Selection
    from cqlengine.statements.updates import Update

__all__ = ["delete_rows", "insert_json", "update_rows"]

_OPERATIONS = {
    "set": ("add", "remove"),
    "list": ("append", "prepend", "remove"),
    "map": ("update", "remove"),
    "counter": ("add", "remove"),
}


def update_rows(
    model: Any, selection: Selection, options: WriteOptions, values: Mapping[str, Any]
) -> Steps[None]:
    """Run one UPDATE of the rows that the conditions name."""
    if not values:
        return
    if options.if_not_exists:
        raise QueryException("if_not_exists() is for create(): update() takes if_exists() or iff()")
    refuse_counters(model, options, "written")
    updates: list[Update] = []
    static_only = True
    for lookup, value in values.items():
        column, operation = _column_and_operation(model, lookup)
        updates.extend(_updates(column, operation, value))
        static_only = static_only and column.static
    if not updates:
        return
    static_only = static_only and conditions_are_static(model, options)
    keys = model._partition_keys if static_only else model._primary_keys
    where, where_values = _where(model, selection, keys, "update()", whole=True)
    yield from send_update(
        model,
        options,
        updates,
        where,
        where_values,
        is_plain=all(is_repeatable(fragment, model) for fragment, _ in updates),
    )


def _column_and_operation(model: Any, lookup: str) -> tuple[Any, str | None]:
    columns = model._columns
    column, operation = columns.get(lookup), None
    if column is None:
        name, _, operation = lookup.rpartition("__")
        column = columns.get(name)
    if column is None:
        raise ValidationError(
            f"{model.__name__} has no column {lookup}; it has {', '.join(columns)}"
        )
    if column.primary_key:
        raise ValidationError(
            f"{column.column_name} is part of the primary key, which cannot be changed"
        )
    if operation is not None:
        known = () if getattr(column, "frozen", False) else _OPERATIONS.get(_kind(column), ())
        if operation not in known:
            listed = ", ".join(f"{column.column_name}__{each}" for each in known)
            raise ValidationError(
                f"{lookup}: a {column.cql_type} is set as a whole"
                + (f", or changed by {listed}" if known else "")
            )
    return column, operation


def _kind(column: Any) -> str:
    return str(column.cql_type).partition("<")[0]


def _updates(column: Any, operation: str | None, value: Any) -> list[Update]:
    """Return what the UPDATE does to one column."""
    quoted, kind = column.quoted, _kind(column)
    if kind == "counter":
        by = column.validate(value)
        return [increment(quoted, -by if operation == "remove" else by)]
    if operation is None:
        checked = column.validate(value)
        if column.is_null(checked):
            return [put(quoted, None)]
        return [put(quoted, column.to_database(checked))]
    if value is None:
        return []
    if kind == "map":
        return _map_updates(column, operation, value)
    checked = column.to_database(column.validate(value))
    if not checked:
        return []
    if operation == "remove":
        return [remove(quoted, checked)]
    return [prepend(quoted, checked) if operation == "prepend" else add(quoted, checked)]


def _map_updates(column: Any, operation: str, value: Any) -> list[Update]:
    """Return what puts entries, and what takes keys out: those to remove, or of None."""
    key_column = column.sub_types[0]
    if operation == "remove":
        gone, put_in = list(value), {}
    else:
        if not hasattr(value, "items"):
            raise ValidationError(f"{column.column_name}__update takes a dict, not {value!r}")
        gone = [key for key, item in value.items() if item is None]
        put_in = {key: item for key, item in value.items() if item is not None}
    updates: list[Update] = []
    if put_in:
        updates.append(add(column.quoted, column.to_database(column.validate(put_in))))
    if gone:
        keys = {key_column.to_database(key_column.validate(key)) for key in gone}
        updates.append(remove(column.quoted, keys))
    return updates


def delete_rows(model: Any, selection: Selection, options: WriteOptions) -> Steps[None]:
    """Run one DELETE of the rows that the conditions name."""
    if options.ttl is not None or options.if_not_exists:
        raise QueryException("a DELETE has neither a TTL nor IF NOT EXISTS")
    refuse_counters(model, options, "deleted")
    where, values = _where(model, selection, model._partition_keys, "delete()", whole=False)
    yield from send_delete(model, options, where, values)


def _where(
    model: Any, selection: Selection, keys: Mapping[str, Any], verb: str, whole: bool
) -> tuple[str, list[Any]]:
    """Return the WHERE clause; raise when it does not name these keys by = or IN.

    With `whole` nothing but the keys may be in it.
    """
    discriminator = model._discriminator_column
    if discriminator is not None and discriminator.primary_key:
        selection = selection.narrowed(model, alone=whole)
    given = {}
    for clause in selection.where:
        column = clause.column
        if column is None or not column.primary_key:
            raise QueryException(f"{verb} takes conditions on columns of the primary key alone")
        if type(clause.operator) in (EqualsOperator, InOperator):
            given[column.column_name] = clause
        elif whole:
            raise QueryException(f"{verb} takes conditions by = or IN, not {clause.text()}")
    missing = [name for name in keys if name not in given]
    if missing:
        raise QueryException(
            f"{verb} needs all of ({', '.join(keys)}) in filter(), by = or IN; missing: "
            f"{', '.join(missing)}"
        )
    if whole:
        extra = [name for name in given if name not in keys]
        if extra:
            raise QueryException(
                f"{verb} changes static columns alone, which are of the whole partition: leave "
                f"{', '.join(extra)} out of filter()"
            )
    values = [value for clause in selection.where for value in clause.values()]
    return " AND ".join(clause.text() for clause in selection.where), values


def insert_json(model: Any, options: WriteOptions, text: str) -> Steps[None]:
    """Run an INSERT of a row as JSON; columns that are not in it keep what they hold."""
    if not isinstance(text, str):
        raise ValidationError(f"create_json() takes JSON as a str, not {type(text).__name__}")
    if options.conditions or options.if_exists:
        raise QueryException("create_json() takes if_not_exists() alone")
    if model._is_polymorphic:
        text = _with_discriminator(model, text)
    values: list[Any] = [text]
    if options.ttl is not None:
        values.append(options.ttl)
    if options.timestamp is not None:
        values.append(microseconds(options.timestamp))
    condition = " IF NOT EXISTS" if options.if_not_exists else ""
    using = using_clause(options.ttl is not None, options.timestamp is not None)
    table = table_of(model, options)
    statement = f"INSERT INTO {table} JSON ? DEFAULT UNSET{condition}{using}"
    yield from send(model, options, statement, values, not condition, bool(condition))


def _with_discriminator(model: Any, text: str) -> str:
    """Return a row in JSON with the value that tells its model, if it has none."""
    from json import dumps, loads

    try:
        row = loads(text)
    except ValueError as exc:
        raise ValidationError(f"create_json(): that is no JSON: {exc}") from exc
    if not isinstance(row, dict):
        raise ValidationError(f"create_json() takes an object, not {text}")
    # Servers take names in double quotes as they are, all others in lower case.
    field = model._discriminator_column.db_field_name
    if f'"{field}"' in row or any(name.lower() == field for name in row):
        return text
    value = model.__discriminator_value__
    if value is None:
        raise PolymorphicModelException(
            f"{model.__name__} has no __discriminator_value__: create a row of one of the models "
            f"below it, or give {field} in the JSON"
        )
    own = dumps({f'"{field}"': value}, default=str)
    return f"{own[:-1]}, {text.lstrip()[1:]}" if row else own
