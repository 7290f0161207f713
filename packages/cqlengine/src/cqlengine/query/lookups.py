"""Keyword arguments of `filter`, `iff` and `update`, as clauses of statements."""

from __future__ import annotations

from copy import copy

from cqlengine.errors import QueryException
from cqlengine.functions import QueryValue, Token
from cqlengine.operators import BaseWhereOperator, ContainsOperator, EqualsOperator, InOperator
from cqlengine.statements.clauses import ConditionalClause, WhereClause

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["clause_of", "column_and_operator", "conditions_of", "find_column", "where_clauses"]

_EQUALS = EqualsOperator()
_SEPARATOR = "__"


def find_column(model: Any, name: str) -> Any:
    """Return a column of a model, or of a named table, by its attribute."""
    columns = model._columns
    column = columns.get(name)
    if column is None:
        by_name = getattr(model, "_find_column", None)  # a named table knows any
        if by_name is not None:
            return by_name(name)
        raise QueryException(f"{model.__name__} has no column {name}; it has {', '.join(columns)}")
    return column


def column_and_operator(model: Any, lookup: str) -> tuple[Any, BaseWhereOperator, bool]:
    """Return what ``age__gt`` means: the column, the operator, and whether of its token.

    The column is None for ``pk``, which is the primary key.
    """
    if lookup in model._columns:
        return model._columns[lookup], _EQUALS, False
    parts = lookup.split(_SEPARATOR)
    if parts[:2] == ["pk", "token"]:
        return None, _operator(parts[2:], lookup), True
    if parts[0] == "pk":
        return None, _operator(parts[1:], lookup), False
    if len(parts) == 1:
        return find_column(model, lookup), _EQUALS, False
    name = _SEPARATOR.join(parts[:-1])  # an attribute may have the separator in its name
    if name in model._columns:
        return model._columns[name], _operator(parts[-1:], lookup), False
    return find_column(model, parts[0]), _operator(parts[1:], lookup), False


def _operator(parts: Sequence[str], lookup: str) -> BaseWhereOperator:
    if not parts:
        return _EQUALS
    if len(parts) > 1:
        raise QueryException(f"{lookup}: one operator after the column, as in age__gt")
    return BaseWhereOperator.get_operator(parts[0])()


def where_clauses(model: Any, args: Sequence[Any], lookups: Mapping[str, Any]) -> list[Any]:
    """Return the clauses of a call of `filter`."""
    clauses: list[Any] = []
    for arg in args:
        if not isinstance(arg, WhereClause):
            raise QueryException(
                f"filter() takes conditions such as Model.age > 30 or age__gt=30, not {arg!r}"
            )
        clauses.append(_of_column(model, arg))
    for lookup, value in lookups.items():
        column, operator, of_token = column_and_operator(model, lookup)
        if column is None:
            clauses.extend(_key_clauses(model, operator, of_token, value, lookup))
        else:
            clauses.append(clause_of(column, operator, value))
    return clauses


def _of_column(model: Any, clause: WhereClause) -> WhereClause:
    """Return a condition with the column it is about, where that was given by its name alone."""
    named = type(clause) is WhereClause and clause.quote_field and clause.column is None
    if not named or not model._columns:
        return clause
    name = model._db_map.get(clause.field)
    if name is None:
        known = ", ".join(model._db_map)
        raise QueryException(
            f"the table of {model.__name__} has no column {clause.field}; it has {known}"
        )
    column = model._columns[name]
    return WhereClause(clause.field, clause.operator, clause.value, column=column)


def _key_clauses(
    model: Any, operator: BaseWhereOperator, of_token: bool, value: Any, lookup: str
) -> list[Any]:
    """Return the condition of the partition's token, or those of all columns of the key."""
    if of_token or isinstance(value, Token):
        keys = list(model._partition_keys.values())
        if not isinstance(value, Token):
            raise QueryException(f"{lookup} takes a Token: Token(the values of the partition key)")
        value = copy(value)  # the caller's may be of use for another model
        value.set_columns(keys)
        field = f"token({', '.join(column.quoted for column in keys)})"
        return [WhereClause(field, operator, value, quote_field=False)]
    keys = list(model._primary_keys.values())
    if len(keys) == 1:
        return [clause_of(keys[0], operator, value)]
    if not isinstance(operator, EqualsOperator) or isinstance(operator, InOperator):
        raise QueryException(f"{lookup}: the key has {len(keys)} columns, filter by each of them")
    if not isinstance(value, (tuple, list)) or len(value) != len(keys):
        names = ", ".join(column.column_name for column in keys)
        raise QueryException(f"pk takes a tuple of the values of ({names})")
    return [clause_of(key, operator, item) for key, item in zip(keys, value, strict=True)]


def clause_of(column: Any, operator: BaseWhereOperator, value: Any) -> WhereClause:
    """Return the condition that a column stands to a value as the operator says."""
    name = column.column_name
    if isinstance(value, QueryValue):
        if isinstance(value, Token):
            raise QueryException(
                f"{name}: a Token compares the partition key: pk__token__gt=Token(…)"
            )
        return WhereClause(column.db_field_name, operator, value, column=column)
    if value is None:
        raise QueryException(
            f"{name}: None is not in any index: rows cannot be filtered by having no value"
        )
    return WhereClause(
        column.db_field_name, operator, _bound(column, operator, value), column=column
    )


def _bound(column: Any, operator: BaseWhereOperator, value: Any, may_be_null: bool = False) -> Any:
    """Return the value of a condition as it is bound."""
    if isinstance(operator, InOperator):
        if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            raise QueryException(
                f"{column.column_name}__in takes a list, a tuple or a set, not {value!r}"
            )
        items = list(value)
        if None in items and not may_be_null:
            raise QueryException(f"{column.column_name}__in: None is no value to look for")
        return [None if item is None else column.to_database(item) for item in items]
    if operator.symbol in ("CONTAINS", "CONTAINS_KEY"):
        parts = column.sub_types
        if not parts:
            return value
        part = parts[0] if operator.symbol == "CONTAINS_KEY" else parts[-1]
        return part.to_database(value)
    return column.to_database(value)


def conditions_of(
    model: Any, args: Sequence[Any], lookups: Mapping[str, Any]
) -> list[ConditionalClause]:
    """Return the clauses of a call of `iff`; None is a value here: the column has none."""
    clauses = []
    for arg in args:
        if isinstance(arg, ConditionalClause):
            clauses.append(arg)
        elif isinstance(arg, WhereClause):
            clauses.append(ConditionalClause(arg.field, arg.value, arg.operator))
        else:
            raise QueryException(
                f"iff() takes conditions such as Model.version == 3 or version=3, not {arg!r}"
            )
    for lookup, value in lookups.items():
        column, operator, of_token = column_and_operator(model, lookup)
        if column is None or of_token or isinstance(value, Token):
            raise QueryException("iff() takes columns that are not of the key, and no Token")
        if isinstance(operator, ContainsOperator) or operator.symbol in ("LIKE", "CONTAINS_KEY"):
            raise QueryException(f"{lookup}: a condition compares by =, !=, <, <=, >, >= or IN")
        if value is None:
            bound = None
        elif isinstance(value, QueryValue):
            bound = value
        else:
            bound = _bound(column, operator, value, may_be_null=True)
        clauses.append(ConditionalClause(column.db_field_name, bound, operator))
    return clauses
