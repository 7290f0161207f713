"""Queries of a model that shares its table with others: the server picks its rows where it can."""

from __future__ import annotations

from cqlengine.functions import Token
from cqlengine.models.polymorphic import values_below
from cqlengine.operators import EqualsOperator, InOperator
from cqlengine.query.lookups import clause_of
from cqlengine.query.orders import Nearest

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cqlengine.query.selection import Selection
    from cqlengine.statements.clauses import WhereClause

__all__ = ["where_in_hierarchy"]


def where_in_hierarchy(
    model: Any, selection: Selection, alone: bool = False
) -> tuple[WhereClause, ...]:
    """Return the conditions of a query with the one that leaves rows of other models out.

    It is added to queries of models below the base, where the server takes it: the discriminator
    is part of the key, or has an index, or all rows are read anyway. Else rows of other models
    are met by the reader, which refuses them. With `alone` rows of models below it are left out.
    """
    where = selection.where
    column = model._discriminator_column
    if any(c.column is not None and c.column.column_name == column.column_name for c in where):
        return where
    values = [model.__discriminator_value__] if alone else values_below(model)
    if values == [None]:
        return where
    if not values or not _is_taken(model, selection, column, several=len(values) > 1):
        return where
    if len(values) > 1:
        return (*where, clause_of(column, InOperator(), values))
    return (*where, clause_of(column, EqualsOperator(), values[0]))


def _is_taken(model: Any, selection: Selection, column: Any, several: bool) -> bool:
    """Say whether the server takes the condition, as it takes the query without it."""
    if selection.distinct and not (column.partition_key or column.static):
        return False
    if column.primary_key:
        return _key_is_taken(model, selection, column, several)
    if several:  # IN is for columns of the key
        return False
    if column.has_index:
        return _index_is_taken(selection, column)
    return selection.allow_filtering


def _key_is_taken(model: Any, selection: Selection, column: Any, several: bool) -> bool:
    if column.partition_key and any(isinstance(c.value, Token) for c in selection.where):
        return False
    if selection.allow_filtering and not several:
        return True
    # Columns of the key are compared from the first one on.
    needed = set(model._partition_keys)
    if not column.partition_key:
        for name in model._clustering_keys:
            if name == column.column_name:
                break
            needed.add(name)
    return needed <= selection.compared() | {column.column_name}


def _index_is_taken(selection: Selection, column: Any) -> bool:
    # Indexes of the storage (SAI, `custom_index`) go together and with a search by vectors; of
    # the others a query takes one, and has no order then.
    if selection.order_by:
        return bool(column.custom_index) and all(
            isinstance(order, Nearest) for order in selection.order_by
        )
    others = [c.column for c in selection.where if c.column is not None and c.column.has_index]
    if not others or selection.allow_filtering:
        return True
    return bool(column.custom_index) and all(other.custom_index for other in others)
