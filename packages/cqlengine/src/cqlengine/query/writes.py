"""What saving, updating and deleting an instance sends."""

from __future__ import annotations

from cql_driver.query import UNSET_VALUE
from cql_protocol.errors import InvalidValue
from cqlengine.columns.collections import UNREAD
from cqlengine.errors import (
    IfExistsWithCounterColumn,
    IfNotExistsWithCounterColumn,
    LWTException,
    PolymorphicModelException,
    QueryException,
    ValidationError,
)
from cqlengine.query.options import microseconds
from cqlengine.query.plans import plan_of
from cqlengine.query.requests import Request
from cqlengine.statements.texts import using_clause

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cqlengine.query.options import WriteOptions
    from cqlengine.query.requests import Steps
    from cqlengine.statements.updates import Update

__all__ = ["check_applied", "delete", "insert", "is_rowless", "is_unread", "save", "send", "update"]

_MISSING: Any = object()


def save(instance: Any, options: WriteOptions) -> Steps[None]:
    """Write an instance: all of it when it is new, else what has changed."""
    model = type(instance)
    if model._is_polymorphic:
        _set_discriminator(instance, model)
    is_known = instance._is_persisted and not _key_changed(instance)
    if is_known or model._has_counter:
        if instance._is_persisted and not is_known:
            _refuse_changed_key(model)
        if options.if_not_exists:
            _refuse_if_not_exists(model)
        yield from _update(instance, options)
    else:
        yield from insert(instance, options)


def _set_discriminator(instance: Any, model: Any) -> None:
    """Have a row be told as one of the model; its value is in the key, maybe."""
    if model.__discriminator_value__ is None:
        raise PolymorphicModelException(
            f"{model.__name__} has no __discriminator_value__: save one of the models below it"
        )
    name = model._discriminator_column_name
    if instance.__dict__.get(name) != model.__discriminator_value__:
        instance.__dict__[name] = model.__discriminator_value__


def _refuse_if_not_exists(model: Any) -> None:
    if model._has_counter:
        raise IfNotExistsWithCounterColumn(
            f"{model.__name__} has counters, which cannot be written with IF NOT EXISTS"
        )
    raise QueryException(
        "the instance was read or saved before: if_not_exists() is for one that is new"
    )


def _key_changed(instance: Any) -> bool:
    previous, values = instance._previous, instance.__dict__
    return any(values.get(name) != previous.get(name) for name in type(instance)._primary_keys)


# --- INSERT ------------------------------------------------------------------------------------


def insert(instance: Any, options: WriteOptions) -> Steps[None]:
    """Write a row with all that the instance holds.

    A column that was given no value is left as it is in the table (unset), one that was given
    None is deleted, in the same statement and with its timestamp.
    """
    model = type(instance)
    if options.if_exists or options.conditions:
        raise QueryException(
            "if_exists() and iff() are for rows that are there: a new instance is saved with "
            "if_not_exists()"
        )
    plan = plan_of(model)
    if options.if_not_exists and model._has_counter:
        _refuse_if_not_exists(model)
    if model._has_validate:
        instance.validate()
    static_only = is_rowless(instance)
    bound = _row_values(instance, plan.writers, static_only)
    ttl, stamp = options.ttl, options.timestamp
    if ttl is not None:
        bound.append(ttl)
    if stamp is not None:
        bound.append(microseconds(stamp))
    text = plan.insert_text(
        table_of(model, options),
        static_only,
        options.if_not_exists,
        ttl is not None,
        stamp is not None,
    )
    sent = _snapshot(instance)
    yield from send(model, options, text, bound, not options.if_not_exists, options.if_not_exists)
    _saved(instance, options, sent)


def _row_values(instance: Any, writers: Sequence[Any], static_only: bool) -> list[Any]:
    values, previous = instance.__dict__, instance._previous
    bound: list[Any] = []
    for name, validate, dumps, column in writers:
        value = values.get(name, _MISSING)
        if static_only and not (column.static or column.partition_key):
            if column.default is None and not column.is_null(values.get(name)):
                _refuse_rowless(instance, column)
            continue
        if value is _MISSING:
            if column.required or column.primary_key:
                refuse_missing(column)
            bound.append(UNSET_VALUE)
            continue
        checked = validate(value)
        if checked is not value:
            values[name] = checked
        if column.is_null(checked):
            if column.primary_key:
                refuse_missing(column)
            known_null = previous is not None and (
                column.is_null(previous.get(name, _MISSING)) or is_unread(instance, name)
            )
            bound.append(UNSET_VALUE if known_null else None)
        else:
            bound.append(checked if dumps is None else dumps(checked))
    return bound


def is_rowless(instance: Any) -> bool:
    """Say whether the instance has values of the partition alone: static ones, no clustering."""
    model, values = type(instance), instance.__dict__
    return model._has_static_columns and all(
        values.get(name) is None for name in model._clustering_keys
    )


def _refuse_rowless(instance: Any, column: Any) -> None:
    keys = ", ".join(type(instance)._clustering_keys)
    raise ValidationError(
        f"{column.column_name}: it belongs to a row, but the instance has no value for {keys}; "
        "without one static columns alone are saved"
    )


def refuse_missing(column: Any) -> None:
    """Raise for a column that must have a value and has none."""
    why = "it is part of the primary key" if column.primary_key else "it is required"
    raise ValidationError(f"{column.column_name}: a value is needed, {why}")


def refuse_counters(model: Any, options: WriteOptions, verb: str) -> None:
    """Raise for IF EXISTS on a table of counters; `verb` is what was to be done with it."""
    if options.if_exists and model._has_counter:
        raise IfExistsWithCounterColumn(
            f"{model.__name__} has counters, which cannot be {verb} with IF EXISTS"
        )


# --- UPDATE --------------------------------------------------------------------------------------


def update(instance: Any, options: WriteOptions) -> Steps[None]:
    """Write what has changed since the instance was read or saved, in one statement."""
    model = type(instance)
    if instance._is_persisted and _key_changed(instance):
        _refuse_changed_key(model)
    if model._is_polymorphic:
        _set_discriminator(instance, model)
    yield from _update(instance, options)


def _refuse_changed_key(model: Any) -> None:
    counted = "counters are not copied: make a new instance, whose counters start at 0"
    raise ValidationError(
        f"{', '.join(model._primary_keys)}: the primary key is another one than what was read: "
        + (counted if model._has_counter else "save() writes another row")
    )


def _update(instance: Any, options: WriteOptions) -> Steps[None]:
    model = type(instance)
    refuse_counters(model, options, "written")
    if model._has_validate:
        instance.validate()  # else values are checked while the statement is made
    updates, static_only = _changes(instance, plan_of(model).writers)
    if not updates:
        return  # and what is new stays so: nothing of it is in the table
    static_only = static_only and conditions_are_static(model, options)
    sent = _snapshot(instance)
    yield from send_update(
        model,
        options,
        updates,
        *key_condition(instance, static_only and model._has_static_columns),
        is_plain=all(is_repeatable(fragment, model) for fragment, _ in updates),
    )
    _saved(instance, options, sent)


def _changes(instance: Any, writers: Sequence[Any]) -> tuple[list[Update], bool]:
    """Return what an UPDATE has to do, and whether it concerns static columns alone."""
    values, previous = instance.__dict__, instance._previous or {}
    updates: list[Update] = []
    static_only = True
    for name, validate, _dumps, column in writers:
        value = values.get(name, _MISSING)
        if value is _MISSING:
            if (
                column.required
                and not instance._is_persisted
                and (column.static or not is_rowless(instance))
            ):
                refuse_missing(column)
            if not column.is_counter or instance._is_persisted:
                continue
            value = 0
        checked = validate(value)
        if checked is not value:
            values[name] = checked
        if column.primary_key:
            continue
        before = previous.get(name, _MISSING)
        if before is _MISSING or column.is_counter:
            before, changed = _change_of_unknown(instance, column, value, checked)
        else:
            changed = column.changed(checked, before)
        if changed:
            updates.extend(column.assignments(checked, before))
            static_only = static_only and column.static
    return updates, static_only


def _change_of_unknown(instance: Any, column: Any, value: Any, checked: Any) -> tuple[Any, bool]:
    """Return what is known of a counter, or of a column that was not read, and if it changed."""
    name, previous = column.column_name, instance._previous or {}
    if column.is_counter:
        before = previous.get(name)
        return before, not instance._is_persisted or column.changed(checked, before)
    if is_unread(instance, name, value):
        previous[UNREAD][name] = checked
        return column.empty(), bool(checked)
    return None, True  # None may delete something


def is_repeatable(fragment: str, model: Any) -> bool:
    """Say whether doing this part of an UPDATE twice is as doing it once."""
    if fragment.endswith(" = ?"):
        return True
    if model._has_counter:
        return False
    column, _, operation = fragment.partition(" = ")
    found = model._columns.get(model._db_map.get(column[1:-1].replace('""', '"')))
    return getattr(found, "db_type", None) != "list" and operation != f"? + {column}"


def key_condition(instance: Any, static_only: bool) -> tuple[str, list[Any]]:
    """Return the WHERE clause of an instance, and its values."""
    model = type(instance)
    plan = plan_of(model)
    keys = model._partition_keys if static_only else model._primary_keys
    values = []
    for name, column in keys.items():
        value = column.validate(instance.__dict__.get(name))
        if value is None:
            refuse_missing(column)
        dumps = column.dumps
        values.append(value if dumps is None else dumps(value))
    return (plan.partition_clause if static_only else plan.key_clause), values


def send_update(
    model: Any,
    options: WriteOptions,
    updates: Sequence[Update],
    where: str,
    where_values: Sequence[Any],
    is_plain: bool,
) -> Steps[None]:
    """Run an UPDATE of these parts."""
    values: list[Any] = []
    if options.ttl is not None:
        values.append(options.ttl)
    if options.timestamp is not None:
        values.append(microseconds(options.timestamp))
    values.extend(value for _, value in updates)
    values.extend(where_values)
    condition = conditions_text(options, values)
    using = using_clause(options.ttl is not None, options.timestamp is not None)
    assignments = ", ".join(fragment for fragment, _ in updates)
    table = table_of(model, options)
    text = f"UPDATE {table}{using} SET {assignments} WHERE {where}{condition}"
    yield from send(model, options, text, values, is_plain and not condition, bool(condition))


def conditions_are_static(model: Any, options: WriteOptions) -> bool:
    """Say whether an UPDATE of static columns has no condition on a single row either."""
    return all(
        model._columns[model._db_map[clause.field]].static
        for clause in options.conditions
        if clause.field in model._db_map
    )


def conditions_text(options: WriteOptions, values: list[Any]) -> str:
    """Return the IF clause; its values are added to `values`."""
    if options.conditions:
        parts = []
        for clause in options.conditions:
            parts.append(clause.text())
            values.extend(clause.values())
        return f" IF {' AND '.join(parts)}"
    return " IF EXISTS" if options.if_exists else ""


# --- DELETE --------------------------------------------------------------------------------------


def delete(instance: Any, options: WriteOptions) -> Steps[None]:
    """Delete the row of an instance.

    Clustering columns without a value are left out, so that all rows below those given go.
    """
    model = type(instance)
    refuse_counters(model, options, "deleted")
    if options.ttl is not None or options.if_not_exists:
        raise QueryException("a DELETE has neither a TTL nor IF NOT EXISTS")
    own = model.__discriminator_value__
    if own is not None and model._is_polymorphic and model._discriminator_column.primary_key:
        _set_discriminator(instance, model)
    parts, where_values, gap = [], [], None
    for name, column in (*model._partition_keys.items(), *model._clustering_keys.items()):
        value = column.validate(instance.__dict__.get(name))
        if value is None:
            if column.partition_key:
                refuse_missing(column)
            gap = gap or column
            continue
        if gap is not None:
            refuse_missing(gap)
        parts.append(f"{column.quoted} = ?")
        where_values.append(column.to_database(value))
    yield from send_delete(model, options, " AND ".join(parts), where_values)
    before = instance._previous, instance._is_persisted
    # Nothing is there any more, so that another verb writes all that the instance holds.
    instance._previous, instance._is_persisted = None, False
    if options.batch is not None:
        options.batch.add_state(instance, before)


def send_delete(
    model: Any, options: WriteOptions, where: str, where_values: Sequence[Any]
) -> Steps[None]:
    """Run a DELETE of whole rows."""
    values: list[Any] = []
    if options.timestamp is not None:
        values.append(microseconds(options.timestamp))
    values.extend(where_values)
    condition = conditions_text(options, values)
    using = using_clause(False, options.timestamp is not None)
    text = f"DELETE FROM {table_of(model, options)}{using} WHERE {where}{condition}"
    yield from send(model, options, text, values, not condition, bool(condition))


# --- sending -------------------------------------------------------------------------------------


def table_of(model: Any, options: WriteOptions) -> str:
    """Return the table a verb goes to, as it stands in statements."""
    if options.keyspace is None:
        return model.column_family_name()  # type: ignore[no-any-return]
    from cql_protocol.identifiers import protect_name

    return f"{protect_name(options.keyspace)}.{model.column_family_name(include_keyspace=False)}"


def send(
    model: Any,
    options: WriteOptions,
    text: str,
    values: Sequence[Any],
    is_idempotent: bool,
    is_conditional: bool,
) -> Steps[None]:
    """Run a statement, or put it into the batch; raise `LWTException` when it was not applied."""
    if is_conditional and options.timestamp is not None:
        raise QueryException(
            "servers give lightweight transactions their time: leave out timestamp(), or the "
            "condition (iff, if_exists, if_not_exists)"
        )
    batch = options.batch
    if batch is not None:
        batch.add_request(model, text, values, is_conditional, options.connection)
        return
    connection = options.connection
    if connection is None:
        connection = model._get_connection()
    request = Request(
        text,
        values,
        connection,
        options.consistency,
        options.timeout,
        is_idempotent=is_idempotent,
    )
    try:
        result = yield request
    except InvalidValue:
        from cqlengine.query.unset import has_unset, without_unset

        if not has_unset(values):
            raise
        # That is what is refused when the protocol is older than version 4; else it is again.
        request.text, request.values = without_unset(text, values)
        result = yield request
    if is_conditional:
        check_applied(result)


def check_applied(result: Any) -> None:
    """Raise `LWTException` when a conditional statement, or batch, was not applied.

    `result` is one of the driver's with rows as tuples, or as anything with fields.
    """
    names = result.column_names
    if not names or "[applied]" not in names:
        return
    rows = [row if isinstance(row, tuple) else tuple(row.values()) for row in result.current_rows]
    index = names.index("[applied]")
    for row in rows:
        if not row[index]:
            raise LWTException(dict(zip(names, row, strict=False)))


def _snapshot(instance: Any) -> dict[str, Any]:
    """Return what the instance holds, as later changes are told by it.

    Taken before it is sent: while a verb is awaited, another task may change the instance.
    """
    model, values = type(instance), instance.__dict__
    if values.keys() <= model._columns.keys():
        snapshot = values.copy()
    else:  # the application has attributes of its own there
        snapshot = {name: values[name] for name in model._columns if name in values}
    for name, copied in plan_of(model).copies:
        if name in snapshot:
            snapshot[name] = copied(snapshot[name])
    if instance._previous and UNREAD in instance._previous:
        made = instance._previous[UNREAD]
        unread = {name: made[name] for name in made if not made[name] and is_unread(instance, name)}
        for name in unread:
            snapshot.pop(name, None)
        if unread:
            snapshot[UNREAD] = unread
    return snapshot  # type: ignore[no-any-return]


def is_unread(instance: Any, name: str, value: Any = _MISSING) -> bool:
    """Say whether a value is the container made for a column that was neither read nor set.

    What the table holds there is not known. It is the one the instance has if no `value` is given.
    """
    made = (instance._previous or {}).get(UNREAD)
    if made is None or name not in made:
        return False
    return made[name] is (instance.__dict__.get(name) if value is _MISSING else value)


def _saved(instance: Any, options: WriteOptions, sent: dict[str, Any]) -> None:
    """Have what was sent count as what the table has."""
    before = instance._previous, instance._is_persisted
    instance._previous = sent
    instance._is_persisted = True
    if options.batch is not None:
        options.batch.add_state(instance, before)
