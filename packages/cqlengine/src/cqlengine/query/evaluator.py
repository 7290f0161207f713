"""Columns in Python expressions: ``User.age > 30`` is a condition."""

from __future__ import annotations

from cqlengine._generic import UnicodeMixin
from cqlengine.operators import (
    BaseWhereOperator,
    ContainsKeyOperator,
    ContainsOperator,
    EqualsOperator,
    GreaterThanOperator,
    GreaterThanOrEqualOperator,
    InOperator,
    LessThanOperator,
    LessThanOrEqualOperator,
    LikeOperator,
    NotEqualsOperator,
)
from cqlengine.query.lookups import clause_of

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from cqlengine.query.orders import Nearest
    from cqlengine.statements.clauses import WhereClause

__all__ = ["AbstractQueryableColumn", "ColumnQueryEvaluator"]


class AbstractQueryableColumn(UnicodeMixin):
    """What can be compared with values, which makes conditions for `filter` and `iff`.

    Example::

        User.objects.filter(User.age >= 18, User.country.in_(["at", "ch"]))
    """

    __slots__ = ()

    __hash__ = None  # type: ignore[assignment] # == makes a condition

    def _queried(self) -> Any:
        """Return the column."""
        raise NotImplementedError

    def _clause(self, operator: BaseWhereOperator, value: Any) -> WhereClause:
        return clause_of(self._queried(), operator, value)

    def in_(self, item: Iterable[Any]) -> WhereClause:
        """Return the condition that the column is one of these."""
        return self._clause(InOperator(), item)

    def contains_(self, item: Any) -> WhereClause:
        """Return the condition that the collection has this element, or the map this value."""
        return self._clause(ContainsOperator(), item)

    def contains_key_(self, item: Any) -> WhereClause:
        """Return the condition that the map has this key."""
        return self._clause(ContainsKeyOperator(), item)

    def like_(self, pattern: str) -> WhereClause:
        """Return the condition that the text matches, with ``%`` for any part; needs an index."""
        return self._clause(LikeOperator(), pattern)

    def ann_of(self, vector: Sequence[float]) -> Nearest:
        """Return the order by nearness to this vector, for `order_by`."""
        from cqlengine.query.orders import Nearest

        return Nearest(self._queried(), vector)

    def __eq__(self, other: object) -> WhereClause:  # type: ignore[override]
        return self._clause(EqualsOperator(), other)

    def __ne__(self, other: object) -> WhereClause:  # type: ignore[override]
        return self._clause(NotEqualsOperator(), other)

    def __gt__(self, other: Any) -> WhereClause:
        return self._clause(GreaterThanOperator(), other)

    def __ge__(self, other: Any) -> WhereClause:
        return self._clause(GreaterThanOrEqualOperator(), other)

    def __lt__(self, other: Any) -> WhereClause:
        return self._clause(LessThanOperator(), other)

    def __le__(self, other: Any) -> WhereClause:
        return self._clause(LessThanOrEqualOperator(), other)


class ColumnQueryEvaluator(AbstractQueryableColumn):
    """A column as the attribute of its model."""

    __slots__ = ("column",)

    def __init__(self, column: Any) -> None:
        self.column = column

    def _queried(self) -> Any:
        return self.column

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the column: ``User.age.db_field_name``."""
        return getattr(self.column, name)

    def __unicode__(self) -> str:
        return str(self.column.quoted)

    def __repr__(self) -> str:
        return f"<ColumnQueryEvaluator {self.column.column_name}>"
