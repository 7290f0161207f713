"""`SelectStatement`: the text of a query, the same for all of one shape, and its values."""

from __future__ import annotations

from cql_protocol.identifiers import escape_name
from cqlengine.statements.base import BaseCQLStatement

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from cqlengine.statements.clauses import WhereClause

__all__ = ["SelectStatement"]


class SelectStatement(BaseCQLStatement):
    """A SELECT.

    - `table`: as it stands in a statement, with its keyspace
    - `fields`: names of columns; all when None or empty. `selection` is CQL instead of them
    - `count`: select the number of rows
    - `order_by`: orders as CQL, or objects with ``text()`` and ``values()``
    - `limit`, `per_partition_limit`: rows at most
    - `distinct_fields`: names of the partition key, each partition once
    - `group_by`: names of columns
    - `json`: each row as one text

    Example::

        >>> SelectStatement("shop.users", ["name"], limit=10).text()
        'SELECT "name" FROM shop.users LIMIT ?'
    """

    def __init__(
        self,
        table: str,
        fields: Sequence[str] | None = None,
        count: bool = False,
        where: Iterable[WhereClause] | None = None,
        order_by: Any = None,
        limit: int | None = None,
        allow_filtering: bool = False,
        distinct_fields: Sequence[str] | None = None,
        fetch_size: Any = None,
        *,
        selection: str | None = None,
        per_partition_limit: int | None = None,
        group_by: Sequence[str] = (),
        json: bool = False,
    ) -> None:
        super().__init__(table, where=where, fetch_size=fetch_size)
        self.fields = [fields] if isinstance(fields, str) else list(fields or ())
        self.count = count
        single = isinstance(order_by, str) or hasattr(order_by, "text")
        self.order_by = [order_by] if single else list(order_by or ())
        self.limit = limit
        self.allow_filtering = allow_filtering
        self.distinct_fields = list(distinct_fields or ())
        self.selection = selection
        self.per_partition_limit = per_partition_limit
        self.group_by = list(group_by)
        self.json = json

    def text(self) -> str:
        """Return the statement with a marker for each value."""
        parts = ["SELECT", self._selected(), "FROM", self.table]
        if self.where_clauses:
            parts += ["WHERE", self._where()]
        if self.group_by:
            parts += ["GROUP BY", ", ".join(map(escape_name, self.group_by))]
        if self.order_by and not self.count:
            orders = [o if isinstance(o, str) else o.text() for o in self.order_by]
            parts += ["ORDER BY", ", ".join(orders)]
        if self.per_partition_limit:
            parts.append("PER PARTITION LIMIT ?")
        if self.limit:
            parts.append("LIMIT ?")
        if self.allow_filtering:
            parts.append("ALLOW FILTERING")
        return " ".join(parts)

    def _selected(self) -> str:
        if self.selection is not None:
            selected = self.selection
        elif self.count:
            selected = "COUNT(*)"
        elif self.distinct_fields:
            selected = "DISTINCT " + ", ".join(map(escape_name, self.distinct_fields))
        else:
            selected = ", ".join(map(escape_name, self.fields)) or "*"
        return f"JSON {selected}" if self.json else selected

    def values(self) -> list[Any]:
        """Return what is bound to the markers, in their order."""
        values = self._where_values()
        if not self.count:
            for order in self.order_by:
                if not isinstance(order, str):
                    values.extend(order.values())
        if self.per_partition_limit:
            values.append(self.per_partition_limit)
        if self.limit:
            values.append(self.limit)
        return values
