"""Queries of models: query sets, batches, and what they raise.

The parts are in modules of their own, which are loaded when a name of theirs is asked for.
"""

from __future__ import annotations

from cql_protocol._lazy import lazily

TYPE_CHECKING = False

if TYPE_CHECKING:
    from cql_driver.query import BatchStatement, SimpleStatement
    from cqlengine._generic import UnicodeMixin
    from cqlengine.errors import (
        CQLEngineException,
        DoesNotExist,
        IfExistsWithCounterColumn,
        IfNotExistsWithCounterColumn,
        LWTException,
        MultipleObjectsReturned,
        QueryException,
        ValidationError,
    )
    from cqlengine.functions import BaseQueryFunction, QueryValue, Token
    from cqlengine.operators import (
        BaseWhereOperator,
        ContainsOperator,
        EqualsOperator,
        GreaterThanOperator,
        GreaterThanOrEqualOperator,
        InOperator,
        LessThanOperator,
        LessThanOrEqualOperator,
    )
    from cqlengine.query.aggregates import Aggregate, Avg, Count, Max, Min, Sum
    from cqlengine.query.batch import BatchQuery, BatchType, CBatchType
    from cqlengine.query.context import ContextQuery
    from cqlengine.query.evaluator import AbstractQueryableColumn, ColumnQueryEvaluator
    from cqlengine.query.modelquery import ModelQuerySet
    from cqlengine.query.orders import Nearest
    from cqlengine.query.queryset import AbstractQuerySet
    from cqlengine.query.simple import ResultObject, SimpleQuerySet
    from cqlengine.query.writes import check_applied
    from cqlengine.statements import (
        BaseCQLStatement,
        ConditionalClause,
        DeleteStatement,
        InsertStatement,
        SelectStatement,
        UpdateStatement,
        WhereClause,
    )
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "cql_driver.query": "BatchStatement SimpleStatement",
            "cqlengine._generic": "UnicodeMixin",
            "cqlengine.errors": (
                "CQLEngineException DoesNotExist IfExistsWithCounterColumn "
                "IfNotExistsWithCounterColumn LWTException MultipleObjectsReturned "
                "QueryException ValidationError"
            ),
            "cqlengine.functions": "BaseQueryFunction QueryValue Token",
            "cqlengine.operators": (
                "BaseWhereOperator ContainsOperator EqualsOperator GreaterThanOperator "
                "GreaterThanOrEqualOperator InOperator LessThanOperator LessThanOrEqualOperator"
            ),
            "cqlengine.query.aggregates": "Aggregate Avg Count Max Min Sum",
            "cqlengine.query.batch": "BatchQuery BatchType CBatchType",
            "cqlengine.query.context": "ContextQuery",
            "cqlengine.query.evaluator": "AbstractQueryableColumn ColumnQueryEvaluator",
            "cqlengine.query.modelquery": "ModelQuerySet",
            "cqlengine.query.orders": "Nearest",
            "cqlengine.query.queryset": "AbstractQuerySet",
            "cqlengine.query.simple": "ResultObject SimpleQuerySet",
            "cqlengine.query.writes": "check_applied",
            "cqlengine.statements": (
                "BaseCQLStatement ConditionalClause DeleteStatement InsertStatement "
                "SelectStatement UpdateStatement WhereClause"
            ),
        },
    )

__all__ = [
    "AbstractQuerySet",
    "AbstractQueryableColumn",
    "Aggregate",
    "Avg",
    "BaseCQLStatement",
    "BaseQueryFunction",
    "BaseWhereOperator",
    "BatchQuery",
    "BatchStatement",
    "BatchType",
    "CBatchType",
    "CQLEngineException",
    "ColumnQueryEvaluator",
    "ConditionalClause",
    "ContainsOperator",
    "ContextQuery",
    "Count",
    "DeleteStatement",
    "DoesNotExist",
    "EqualsOperator",
    "GreaterThanOperator",
    "GreaterThanOrEqualOperator",
    "IfExistsWithCounterColumn",
    "IfNotExistsWithCounterColumn",
    "InOperator",
    "InsertStatement",
    "LWTException",
    "LessThanOperator",
    "LessThanOrEqualOperator",
    "Max",
    "Min",
    "ModelQuerySet",
    "MultipleObjectsReturned",
    "Nearest",
    "QueryException",
    "QueryValue",
    "ResultObject",
    "SelectStatement",
    "SimpleQuerySet",
    "SimpleStatement",
    "Sum",
    "Token",
    "UnicodeMixin",
    "UpdateStatement",
    "ValidationError",
    "WhereClause",
    "check_applied",
]
