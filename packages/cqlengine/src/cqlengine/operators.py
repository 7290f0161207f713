"""The operators of conditions: what the ends of keywords such as ``age__gt`` stand for."""

from __future__ import annotations

from cqlengine._generic import UnicodeMixin
from cqlengine.errors import QueryOperatorException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any, ClassVar

__all__ = [
    "BaseQueryOperator",
    "BaseWhereOperator",
    "ContainsKeyOperator",
    "ContainsOperator",
    "EqualsOperator",
    "GreaterThanOperator",
    "GreaterThanOrEqualOperator",
    "InOperator",
    "IsNotNullOperator",
    "LessThanOperator",
    "LessThanOrEqualOperator",
    "LikeOperator",
    "NotEqualsOperator",
    "OpMapMeta",
    "QueryOperatorException",
]


class BaseQueryOperator(UnicodeMixin):
    """An operator; its text is what stands in the statement."""

    symbol: ClassVar[str | None] = None
    """Its name at the end of keywords, in upper case."""
    cql_symbol: ClassVar[str | None] = None
    """The operator in CQL."""

    def __unicode__(self) -> str:
        if self.cql_symbol is None:
            raise QueryOperatorException(f"{type(self).__name__} is no operator of CQL")
        return self.cql_symbol

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.cql_symbol}>"


class OpMapMeta(type):
    """Enters each operator that has a symbol in `BaseWhereOperator.opmap`."""

    opmap: ClassVar[dict[str, type[BaseWhereOperator]]] = {}

    def __init__(cls, name: str, bases: tuple[type, ...], dct: dict[str, Any]) -> None:
        super().__init__(name, bases, dct)
        symbol = dct.get("symbol")
        if symbol is not None:
            OpMapMeta.opmap[symbol] = cls  # type: ignore[assignment] # a class of this metaclass


class BaseWhereOperator(BaseQueryOperator, metaclass=OpMapMeta):
    """An operator of WHERE and IF."""

    @classmethod
    def get_operator(cls, symbol: str) -> type[BaseWhereOperator]:
        """Return the operator called `symbol`, in any case: ``get_operator("gte")``.

        Raises `QueryOperatorException` when there is none.
        """
        found = cls.opmap.get(symbol.upper())
        if found is None:
            known = ", ".join(f"__{name.lower()}" for name in cls.opmap if " " not in name)
            raise QueryOperatorException(f"__{symbol.lower()} is no operator; there are {known}")
        return found


class EqualsOperator(BaseWhereOperator):
    """``column = value``: what a keyword without an operator means."""

    symbol = "EQ"
    cql_symbol = "="


class NotEqualsOperator(BaseWhereOperator):
    """``column != value``, of the conditions of lightweight transactions."""

    symbol = "NE"
    cql_symbol = "!="


class InOperator(EqualsOperator):
    """``column IN (values)``."""

    symbol = "IN"
    cql_symbol = "IN"


class GreaterThanOperator(BaseWhereOperator):
    """``column > value``."""

    symbol = "GT"
    cql_symbol = ">"


class GreaterThanOrEqualOperator(BaseWhereOperator):
    """``column >= value``."""

    symbol = "GTE"
    cql_symbol = ">="


class LessThanOperator(BaseWhereOperator):
    """``column < value``."""

    symbol = "LT"
    cql_symbol = "<"


class LessThanOrEqualOperator(BaseWhereOperator):
    """``column <= value``."""

    symbol = "LTE"
    cql_symbol = "<="


class ContainsOperator(EqualsOperator):
    """A collection has an element, a map a value: ``column CONTAINS value``."""

    symbol = "CONTAINS"
    cql_symbol = "CONTAINS"


class ContainsKeyOperator(EqualsOperator):
    """A map has a key: ``column CONTAINS KEY value``."""

    symbol = "CONTAINS_KEY"
    cql_symbol = "CONTAINS KEY"


class LikeOperator(EqualsOperator):
    """A text has a pattern, where an index can tell: ``column LIKE value``."""

    symbol = "LIKE"
    cql_symbol = "LIKE"


class IsNotNullOperator(EqualsOperator):
    """``column IS NOT NULL``, of the definitions of materialized views."""

    symbol = "IS NOT NULL"
    cql_symbol = "IS NOT NULL"
