"""What rows are sorted by."""

from __future__ import annotations

from cqlengine.errors import QueryException

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["MOST_NEAREST", "Nearest", "order_of"]

MOST_NEAREST = 1000
"""The largest LIMIT that servers take of a search by vectors."""


class Nearest:
    """The order by nearness to a vector, of a column with an index for it.

    Made by ``Model.embedding.ann_of(vector)``; such a query needs a `limit` of at most 1000.

    Example::

        Article.objects.order_by(Article.embedding.ann_of(wanted)).limit(10)
    """

    __slots__ = ("column", "vector")

    def __init__(self, column: Any, vector: Sequence[float]) -> None:
        self.column = column
        self.vector = column.to_database(column.validate(vector))

    def text(self) -> str:
        """Return the order as it stands in a statement."""
        return f"{self.column.quoted} ANN OF ?"

    def values(self) -> list[Any]:
        """Return what is bound to its marker."""
        return [self.vector]


class Order:
    """The order by a clustering column."""

    __slots__ = ("descending", "name")

    def __init__(self, name: str, descending: bool) -> None:
        self.name = name
        self.descending = descending

    def text(self) -> str:
        """Return the order as it stands in a statement; `name` is quoted."""
        return f"{self.name} {'DESC' if self.descending else 'ASC'}"

    def values(self) -> list[Any]:
        """Return nothing: it has no marker."""
        return []


def order_of(model: Any, wanted: Any) -> Order | Nearest:
    """Return the order that ``"at"``, ``"-at"`` or ``Model.v.ann_of(…)`` stands for.

    Raises `QueryException` for what is no clustering column: rows can be sorted by nothing else.
    """
    if isinstance(wanted, (Order, Nearest)):
        return wanted
    if not isinstance(wanted, str):
        raise QueryException(
            f"order_by() takes names of clustering columns, as 'at' or '-at', not {wanted!r}"
        )
    descending = wanted.startswith("-")
    name = wanted[1:] if descending else wanted
    column = model._columns.get(name)
    if not model._columns:  # a named table
        return Order(model._columns[name].quoted, descending)
    if column is None:
        raise QueryException(f"{model.__name__} has no column {name} to order by")
    if name not in model._clustering_keys:
        known = ", ".join(model._clustering_keys) or "this table has none"
        raise QueryException(f"rows are ordered by clustering columns ({known}), not by {name}")
    return Order(column.quoted, descending)
