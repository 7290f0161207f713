"""Operators of conditions, by the ends of keywords."""

from __future__ import annotations

import pytest

from cqlengine.errors import QueryException
from cqlengine.operators import (
    BaseQueryOperator,
    BaseWhereOperator,
    EqualsOperator,
    InOperator,
    QueryOperatorException,
)


@pytest.mark.parametrize(
    ("end", "cql"),
    [
        ("eq", "="),
        ("ne", "!="),
        ("in", "IN"),
        ("gt", ">"),
        ("gte", ">="),
        ("lt", "<"),
        ("lte", "<="),
        ("contains", "CONTAINS"),
        ("contains_key", "CONTAINS KEY"),
        ("like", "LIKE"),
        ("is not null", "IS NOT NULL"),
    ],
)
def test_each_end_of_a_keyword_is_an_operator(end: str, cql: str) -> None:
    operator = BaseWhereOperator.get_operator(end)
    assert operator.cql_symbol == cql
    assert str(operator()) == cql
    assert BaseWhereOperator.opmap[end.upper()] is operator
    assert operator() == BaseWhereOperator.get_operator(end.upper())()


def test_operators_are_equal_to_their_like_alone() -> None:
    assert EqualsOperator() == EqualsOperator()
    assert EqualsOperator() != InOperator()
    assert len({EqualsOperator(), EqualsOperator(), InOperator()}) == 2


def test_unknown_operators_are_refused_with_those_that_there_are() -> None:
    with pytest.raises(QueryOperatorException, match=r"__near is no operator; there are .*__gte"):
        BaseWhereOperator.get_operator("near")
    with pytest.raises(QueryException, match="BaseQueryOperator is no operator of CQL"):
        str(BaseQueryOperator())
