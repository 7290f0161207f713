"""Clauses of statements: conditions and assignments, as text with ``?`` markers and values."""

from __future__ import annotations

from cql_protocol.identifiers import escape_name
from cqlengine._generic import UnicodeMixin
from cqlengine.errors import StatementException
from cqlengine.functions import QueryValue
from cqlengine.operators import BaseWhereOperator, InOperator, IsNotNullOperator

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "AssignmentClause",
    "BaseClause",
    "ConditionalClause",
    "IsNotNull",
    "IsNotNullClause",
    "WhereClause",
]


class BaseClause(UnicodeMixin):
    """A clause about one column.

    - `field`: the column's name in the table, as it is
    - `value`: what is bound, or a function of `cqlengine.functions`
    """

    __slots__ = ("field", "value")

    def __init__(self, field: str, value: Any) -> None:
        self.field = field
        self.value = value

    def text(self) -> str:
        """Return the clause as it stands in a statement, with a marker for each value."""
        raise NotImplementedError

    def values(self) -> list[Any]:
        """Return what is bound to the markers."""
        value = self.value
        return value.bind() if isinstance(value, QueryValue) else [value]

    def __unicode__(self) -> str:
        return self.text()

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, BaseClause)
            and type(other) is type(self)
            and other.text() == self.text()
            and other.values() == self.values()
        )

    def __hash__(self) -> int:
        return hash(self.text())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.text()} {self.values()!r}>"


class WhereClause(BaseClause):
    """A condition on a column.

    - `operator`: one of `cqlengine.operators`
    - `quote_field`: False when `field` is CQL itself, such as ``token("id")``
    - `column`: the column it is about, where that is known

    Example::

        >>> from cqlengine.operators import GreaterThanOperator
        >>> WhereClause("age", GreaterThanOperator(), 30).text()
        '"age" > ?'
    """

    __slots__ = ("column", "operator", "quote_field")

    def __init__(
        self,
        field: str,
        operator: BaseWhereOperator,
        value: Any,
        quote_field: bool = True,
        column: Any = None,
    ) -> None:
        if not isinstance(operator, BaseWhereOperator):
            raise StatementException(
                f"operator={operator!r}: give an instance of one of cqlengine.operators"
            )
        super().__init__(field, value)
        self.operator = operator
        self.quote_field = quote_field
        self.column = column

    def text(self) -> str:
        """Return the condition with a marker for its value."""
        name = escape_name(self.field) if self.quote_field else self.field
        value = self.value
        marker = value.text() if isinstance(value, QueryValue) else "?"
        return f"{name} {self.operator.cql_symbol} {marker}"

    def values(self) -> list[Any]:
        """Return what is bound."""
        if isinstance(self.operator, InOperator) and not isinstance(self.value, QueryValue):
            return [list(self.value)]
        return super().values()


class IsNotNull(WhereClause):
    """The condition of a materialized view that a column has a value."""

    __slots__ = ()

    def __init__(self, field: str) -> None:
        super().__init__(field, IsNotNullOperator(), None)

    def text(self) -> str:
        """Return the condition, which has no value."""
        return f"{escape_name(self.field)} IS NOT NULL"

    def values(self) -> list[Any]:
        """Return nothing: it has no marker."""
        return []


IsNotNullClause = IsNotNull


class ConditionalClause(BaseClause):
    """A condition of a lightweight transaction: part of an ``IF``."""

    __slots__ = ("operator",)

    def __init__(self, field: str, value: Any, operator: BaseWhereOperator | None = None) -> None:
        super().__init__(field, value)
        self.operator = operator

    def text(self) -> str:
        """Return the condition with a marker for its value."""
        symbol = "=" if self.operator is None else self.operator.cql_symbol
        value = self.value
        marker = value.text() if isinstance(value, QueryValue) else "?"
        return f"{escape_name(self.field)} {symbol} {marker}"

    def values(self) -> list[Any]:
        """Return what is bound."""
        if isinstance(self.operator, InOperator):
            return [list(self.value)]
        return super().values()


class AssignmentClause(BaseClause):
    """A column that is set to a value."""

    __slots__ = ()

    def text(self) -> str:
        """Return the assignment with a marker for its value."""
        return f"{escape_name(self.field)} = ?"

    def insert_tuple(self) -> tuple[str, Any]:
        """Return the column's name and the value."""
        return self.field, self.value
