"""`InsertStatement`, `UpdateStatement` and `DeleteStatement`, for those who write their own."""

from __future__ import annotations

from cql_protocol.identifiers import escape_name
from cqlengine.errors import StatementException
from cqlengine.statements.base import BaseCQLStatement
from cqlengine.statements.clauses import AssignmentClause
from cqlengine.statements.texts import insert_text, using_clause
from cqlengine.statements.updates import Update, add, prepend, put, remove

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from cqlengine.statements.clauses import ConditionalClause, WhereClause

__all__ = ["AssignmentStatement", "DeleteStatement", "InsertStatement", "UpdateStatement"]

_OPERATIONS = {
    None: put,
    "add": add,
    "append": add,
    "update": add,
    "prepend": prepend,
    "remove": remove,
}


class AssignmentStatement(BaseCQLStatement):
    """What an INSERT and an UPDATE have in common.

    - `assignments`: `AssignmentClause` objects; `ttl`: seconds
    """

    def __init__(
        self,
        table: str,
        assignments: Iterable[AssignmentClause] | None = None,
        where: Iterable[WhereClause] | None = None,
        ttl: int | None = None,
        timestamp: Any = None,
        conditionals: Iterable[ConditionalClause] | None = None,
    ) -> None:
        super().__init__(table, timestamp=timestamp, where=where, conditionals=conditionals)
        self.ttl = ttl
        self.assignments: list[AssignmentClause] = []
        for clause in assignments or ():
            self._add_assignment_clause(clause)

    def _add_assignment_clause(self, clause: AssignmentClause) -> None:
        if not isinstance(clause, AssignmentClause):
            raise StatementException(f"{clause!r} is not an AssignmentClause")
        self.assignments.append(clause)

    def add_assignment(self, column: Any, value: Any) -> None:
        """Set a column, which is given by its name or itself."""
        self._add_assignment_clause(AssignmentClause(_field(column), value))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is set."""
        return not self.assignments

    def _using(self) -> tuple[str, list[Any]]:
        values = [v for v in (self.ttl, self.timestamp_normalized) if v is not None]
        return using_clause(self.ttl is not None, self.timestamp is not None), values


class InsertStatement(AssignmentStatement):
    """An INSERT.

    Example::

        >>> insert = InsertStatement("shop.users", [AssignmentClause("id", 7)], ttl=60)
        >>> insert.text(), insert.values()
        ('INSERT INTO shop.users ("id") VALUES (?) USING TTL ?', [7, 60])
    """

    def __init__(
        self,
        table: str,
        assignments: Iterable[AssignmentClause] | None = None,
        where: Iterable[WhereClause] | None = None,
        ttl: int | None = None,
        timestamp: Any = None,
        if_not_exists: bool = False,
    ) -> None:
        if where:
            raise StatementException("an INSERT has no conditions on rows")
        super().__init__(table, assignments=assignments, ttl=ttl, timestamp=timestamp)
        self.if_not_exists = if_not_exists

    def text(self) -> str:
        """Return the statement with a marker for each value."""
        columns = [escape_name(clause.field) for clause in self.assignments]
        return insert_text(
            self.table,
            columns,
            self.if_not_exists,
            self.ttl is not None,
            self.timestamp is not None,
        )

    def values(self) -> list[Any]:
        """Return what is bound to the markers, in their order."""
        return [clause.value for clause in self.assignments] + self._using()[1]


class UpdateStatement(AssignmentStatement):
    """An UPDATE.

    Example::

        >>> from cqlengine.operators import EqualsOperator
        >>> update = UpdateStatement("shop.users")
        >>> update.add_update("tags", {"admin"}, operation="add")
        >>> _ = update.add_where("id", EqualsOperator(), 7)
        >>> update.text()
        'UPDATE shop.users SET "tags" = "tags" + ? WHERE "id" = ?'
    """

    def __init__(
        self,
        table: str,
        assignments: Iterable[AssignmentClause] | None = None,
        where: Iterable[WhereClause] | None = None,
        ttl: int | None = None,
        timestamp: Any = None,
        conditionals: Iterable[ConditionalClause] | None = None,
        if_exists: bool = False,
    ) -> None:
        super().__init__(table, assignments, where, ttl, timestamp, conditionals)
        self.if_exists = if_exists
        self.updates: list[Update] = []

    def add_update(
        self, column: Any, value: Any, operation: str | None = None, previous: Any = None
    ) -> None:
        """Change a column: set it, or ``add``, ``remove``, ``append``, ``prepend``, ``update``.

        `column` is its name; or a column, whose difference to `previous` is written.
        """
        if operation not in _OPERATIONS:
            raise StatementException(
                f"operation={operation!r}: one of {', '.join(filter(None, _OPERATIONS))}"
            )
        if operation is None and hasattr(column, "assignments"):
            self.updates.extend(column.assignments(value, previous))
        else:
            self.updates.append(_OPERATIONS[operation](escape_name(_field(column)), value))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is changed."""
        return not (self.assignments or self.updates)

    def text(self) -> str:
        """Return the statement with a marker for each value."""
        changes = [clause.text() for clause in self.assignments]
        changes += [fragment for fragment, _ in self.updates]
        where = f" WHERE {self._where()}" if self.where_clauses else ""
        return (
            f"UPDATE {self.table}{self._using()[0]} SET {', '.join(changes)}{where}"
            f"{_condition(self)}"
        )

    def values(self) -> list[Any]:
        """Return what is bound to the markers, in their order."""
        values = self._using()[1]
        values += [clause.value for clause in self.assignments]
        values += [value for _, value in self.updates]
        return values + self._where_values() + _condition_values(self)


class DeleteStatement(BaseCQLStatement):
    """A DELETE of rows, or of the columns in `fields`."""

    def __init__(
        self,
        table: str,
        fields: Iterable[str] | str | None = None,
        where: Iterable[WhereClause] | None = None,
        timestamp: Any = None,
        conditionals: Iterable[ConditionalClause] | None = None,
        if_exists: bool = False,
    ) -> None:
        super().__init__(table, timestamp=timestamp, where=where, conditionals=conditionals)
        self.if_exists = if_exists
        self.fields: list[str] = []
        for field in [fields] if isinstance(fields, str) else fields or ():
            self.add_field(field)

    def add_field(self, field: Any) -> None:
        """Delete this column, given by its name or itself, and not the whole row."""
        self.fields.append(_field(field))

    def text(self) -> str:
        """Return the statement with a marker for each value."""
        fields = ", ".join(map(escape_name, self.fields))
        using = using_clause(False, self.timestamp is not None)
        where = f" WHERE {self._where()}" if self.where_clauses else ""
        start = f"DELETE {fields} FROM" if fields else "DELETE FROM"
        return f"{start} {self.table}{using}{where}{_condition(self)}"

    def values(self) -> list[Any]:
        """Return what is bound to the markers, in their order."""
        stamp = self.timestamp_normalized
        first = [] if stamp is None else [stamp]
        return first + self._where_values() + _condition_values(self)


def _field(column: Any) -> str:
    return column if isinstance(column, str) else str(column.db_field_name)


def _condition(statement: UpdateStatement | DeleteStatement) -> str:
    if statement.conditionals:
        return f" IF {' AND '.join(clause.text() for clause in statement.conditionals)}"
    return " IF EXISTS" if statement.if_exists else ""


def _condition_values(statement: UpdateStatement | DeleteStatement) -> list[Any]:
    return [value for clause in statement.conditionals for value in clause.values()]
