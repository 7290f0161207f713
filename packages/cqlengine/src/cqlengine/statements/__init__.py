"""Statements as objects: their text has ``?`` markers, which their values are bound to.

Models write theirs by themselves; these are for what models do not say, in a `BatchQuery` or by
`cqlengine.connection.execute`. Each is loaded when it is asked for.
"""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cqlengine.errors import StatementException
    from cqlengine.statements.base import FETCH_SIZE_UNSET, BaseCQLStatement
    from cqlengine.statements.changes import (
        AssignmentStatement,
        DeleteStatement,
        InsertStatement,
        UpdateStatement,
    )
    from cqlengine.statements.clauses import (
        AssignmentClause,
        BaseClause,
        ConditionalClause,
        IsNotNull,
        IsNotNullClause,
        WhereClause,
    )
    from cqlengine.statements.select import SelectStatement
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cqlengine.errors": "StatementException",
            "cqlengine.statements.base": "FETCH_SIZE_UNSET BaseCQLStatement",
            "cqlengine.statements.changes": (
                "AssignmentStatement DeleteStatement InsertStatement UpdateStatement"
            ),
            "cqlengine.statements.clauses": (
                "AssignmentClause BaseClause ConditionalClause IsNotNull IsNotNullClause "
                "WhereClause"
            ),
            "cqlengine.statements.select": "SelectStatement",
        },
    )

__all__ = [
    "FETCH_SIZE_UNSET",
    "AssignmentClause",
    "AssignmentStatement",
    "BaseCQLStatement",
    "BaseClause",
    "ConditionalClause",
    "DeleteStatement",
    "InsertStatement",
    "IsNotNull",
    "IsNotNullClause",
    "SelectStatement",
    "StatementException",
    "UpdateStatement",
    "WhereClause",
]
