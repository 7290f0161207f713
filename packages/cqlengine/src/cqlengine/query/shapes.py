"""Texts of the most frequent queries, made once: rows of a model by conditions of equality."""

from __future__ import annotations

from cqlengine.functions import QueryValue
from cqlengine.operators import EqualsOperator
from cqlengine.query.plans import plan_of
from cqlengine.statements.clauses import WhereClause

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cqlengine.query.selection import Selection

__all__ = ["text_and_values"]

_MOST_TEXTS = 256
"""Texts that are kept of a model."""


def text_and_values(
    model: Any, selection: Selection, table: str, limit: int | None
) -> tuple[str, list[Any]]:
    """Return the SELECT of at most `limit` rows, and what is bound to its markers.

    Raises `QueryException` for what a server would refuse, see `Selection.check`.
    """
    shape = _shape(model, selection, table, limit)
    if shape is None:
        statement = selection.narrowed(model).statement(model, table, limit)
        return statement.text(), statement.values()
    texts = plan_of(model).select_texts
    text = texts.get(shape)
    if text is None:
        text = selection.statement(model, table, limit).text()
        if len(texts) >= _MOST_TEXTS:
            texts.clear()
        texts[shape] = text
    values = [clause.value for clause in selection.where]
    if limit:
        values.append(limit)
    return text, values


def _shape(
    model: Any, selection: Selection, table: str, limit: int | None
) -> tuple[Any, ...] | None:
    """Return all that the text depends on, and whether it is refused; None of other queries."""
    if not selection.by_equality_alone or model._is_polymorphic or not model._columns:
        return None
    fields = []
    for clause in selection.where:
        if (
            clause.__class__ is not WhereClause
            or clause.operator.__class__ is not EqualsOperator
            or clause.column is None
            or isinstance(clause.value, QueryValue)
        ):
            return None
        fields.append(clause.field)
    return (table, not limit, *fields)
