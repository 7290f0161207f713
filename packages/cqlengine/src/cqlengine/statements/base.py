"""`BaseCQLStatement`: what the statements of the mapper have in common."""

from __future__ import annotations

from cqlengine._generic import UnicodeMixin
from cqlengine.errors import StatementException
from cqlengine.statements.clauses import ConditionalClause, WhereClause

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta
    from typing import Any

    from cqlengine.operators import BaseWhereOperator

__all__ = ["FETCH_SIZE_UNSET", "BaseCQLStatement"]

FETCH_SIZE_UNSET: Any = object()
"""Stands for a page size that was not given."""


class BaseCQLStatement(UnicodeMixin):
    """A statement about one table: `text` has a marker for each of `values`.

    - `table`: as it stands in a statement, with its keyspace
    - `timestamp`: a datetime, a timedelta from now, or microseconds since the epoch
    - `where`: conditions on rows; `conditionals`: conditions of a lightweight transaction
    """

    def __init__(
        self,
        table: str,
        timestamp: datetime | timedelta | int | None = None,
        where: Iterable[WhereClause] | None = None,
        fetch_size: Any = None,
        conditionals: Iterable[ConditionalClause] | None = None,
    ) -> None:
        self.table = table
        self.timestamp = timestamp
        self.fetch_size = FETCH_SIZE_UNSET if fetch_size is None else fetch_size
        self.where_clauses: list[WhereClause] = []
        self.conditionals: list[ConditionalClause] = []
        for clause in where or ():
            self._add_where_clause(clause)
        for condition in conditionals or ():
            self.add_conditional_clause(condition)

    def text(self) -> str:
        """Return the statement with a marker for each value."""
        raise NotImplementedError

    def values(self) -> list[Any]:
        """Return what is bound to the markers, in their order."""
        raise NotImplementedError

    def add_where(
        self, column: Any, operator: BaseWhereOperator, value: Any, quote_field: bool = True
    ) -> WhereClause:
        """Add a condition on a column, which is given by its name or itself; return it."""
        field = column if isinstance(column, str) else column.db_field_name
        clause = WhereClause(field, operator, value, quote_field)
        self._add_where_clause(clause)
        return clause

    def _add_where_clause(self, clause: WhereClause) -> None:
        if not isinstance(clause, WhereClause):
            raise StatementException(f"{clause!r} is not a WhereClause")
        self.where_clauses.append(clause)

    def add_conditional_clause(self, clause: ConditionalClause) -> None:
        """Add a condition of a lightweight transaction."""
        if not isinstance(clause, ConditionalClause):
            raise StatementException(f"{clause!r} is not a ConditionalClause")
        self.conditionals.append(clause)

    @property
    def timestamp_normalized(self) -> int | None:
        """The timestamp in microseconds since the epoch."""
        if self.timestamp is None:
            return None
        from cqlengine.query.options import microseconds

        return microseconds(self.timestamp)

    def _where(self) -> str:
        return " AND ".join(clause.text() for clause in self.where_clauses)

    def _where_values(self) -> list[Any]:
        return [value for clause in self.where_clauses for value in clause.values()]

    def __unicode__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.text()}>"
