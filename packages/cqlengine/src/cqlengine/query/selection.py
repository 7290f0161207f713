"""`Selection`: what a query set asks for; making the statement of it, and checking it first."""

from __future__ import annotations

from cqlengine.errors import QueryException
from cqlengine.functions import Token
from cqlengine.operators import EqualsOperator, InOperator
from cqlengine.query.orders import MOST_NEAREST, Nearest
from cqlengine.statements.select import SelectStatement

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cqlengine.query.aggregates import Aggregate
    from cqlengine.query.orders import Order
    from cqlengine.statements.clauses import WhereClause

__all__ = ["DEFAULT_LIMIT", "Selection"]

_FREQUENT = {"fetch_size", "has_limit", "limit", "where"}

DEFAULT_LIMIT = 10_000
"""Rows at most of a query that was given no limit."""


class Selection:
    """What a query set asks for. Query sets that come of one another share what did not change."""

    __slots__ = (
        "aggregates",
        "allow_filtering",
        "by_equality_alone",
        "deferred",
        "distinct",
        "fetch_size",
        "group_by",
        "has_limit",
        "json",
        "limit",
        "only",
        "order_by",
        "per_partition_limit",
        "plain",
        "where",
    )

    def __init__(self) -> None:
        self.where: tuple[WhereClause, ...] = ()
        self.order_by: tuple[Order | Nearest, ...] = ()
        self.limit: int | None = DEFAULT_LIMIT
        self.has_limit = False
        self.per_partition_limit: int | None = None
        self.allow_filtering = False
        self.distinct: tuple[str, ...] = ()
        self.only: tuple[str, ...] = ()
        self.deferred: frozenset[str] = frozenset()
        self.group_by: tuple[str, ...] = ()
        self.aggregates: tuple[tuple[str, Aggregate], ...] = ()
        self.fetch_size: Any = None
        self.json = False
        self.plain = False
        self.by_equality_alone = True
        """Whether it may be: no more was chosen than conditions, a limit and the size of pages."""

    def copied(self, **changes: Any) -> Selection:
        """Return a copy with other values for some of its attributes."""
        copy = Selection.__new__(Selection)
        # Written out: in a loop it takes four times as long.
        copy.aggregates = self.aggregates
        copy.allow_filtering = self.allow_filtering
        copy.deferred = self.deferred
        copy.distinct = self.distinct
        copy.fetch_size = self.fetch_size
        copy.group_by = self.group_by
        copy.has_limit = self.has_limit
        copy.json = self.json
        copy.limit = self.limit
        copy.only = self.only
        copy.order_by = self.order_by
        copy.per_partition_limit = self.per_partition_limit
        copy.plain = self.plain
        copy.where = self.where
        copy.by_equality_alone = self.by_equality_alone and changes.keys() <= _FREQUENT
        for name, value in changes.items():
            setattr(copy, name, value)
        return copy

    # --- what is selected ------------------------------------------------------------------------

    def names(self, model: Any) -> tuple[str, ...]:
        """Return the attributes that rows are made of, in the order in which they are selected.

        Instances have their key, and what tells their class, even if `only` does not name them;
        what is `plain` (tuples, JSON) has nothing else than what was asked for.
        """
        if self.distinct:
            return (*self.distinct, *(name for name in self.only if name not in self.distinct))
        if self.only:
            names = tuple(name for name in self.only if name not in self.deferred)
            if self.plain:
                return names
            needed = {*model._primary_keys, model._discriminator_column_name, *names}
            return tuple(name for name in model._columns if name in needed)
        if self.deferred:
            return tuple(name for name in model._columns if name not in self.deferred)
        return tuple(model._columns)

    def narrowed(self, model: Any, alone: bool = False) -> Selection:
        """Return what is asked for of the rows of a model, which may share a table with others.

        With `alone`, of rows of the model itself: an UPDATE would make rows of those below it.
        """
        if not model._is_polymorphic or model._is_polymorphic_base:
            return self
        from cqlengine.query.hierarchy import where_in_hierarchy

        where = where_in_hierarchy(model, self, alone)
        return self if where is self.where else self.copied(where=where)

    def statement(self, model: Any, table: str, limit: int | None) -> SelectStatement:
        """Return the SELECT, of at most `limit` rows."""
        self.check(model, limit)
        columns = model._columns
        selection = None
        fields: list[str] = []
        if self.aggregates:
            parts = [columns[name].quoted for name in self.group_by]
            parts += [each.text(model) for _, each in self.aggregates]
            selection = ", ".join(parts)
        elif model._is_polymorphic and not (self.only or self.deferred or self.distinct):
            selection = "*"  # columns of the models below, too
        elif columns:
            fields = [columns[name].db_field_name for name in self.names(model)]
        else:
            fields = list(self.distinct or self.only)  # a named table
        return SelectStatement(
            table,
            fields,
            where=self.where,
            order_by=self.order_by,
            limit=limit,
            allow_filtering=self.allow_filtering,
            distinct_fields=fields if self.distinct else None,
            selection=selection,
            per_partition_limit=self.per_partition_limit,
            group_by=[columns[name].db_field_name for name in self.group_by],
            json=self.json,
        )

    def count_statement(self, table: str) -> SelectStatement:
        """Return the SELECT of the number of rows."""
        return SelectStatement(
            table, count=True, where=self.where, allow_filtering=self.allow_filtering
        )

    @property
    def takes_no_pages(self) -> bool:
        """Whether servers refuse to give it by pages: they sort several partitions at once."""
        return bool(self.order_by) and any(
            isinstance(clause.operator, InOperator)
            and clause.column is not None
            and clause.column.partition_key
            for clause in self.where
        )

    # --- checks ----------------------------------------------------------------------------------

    def check(self, model: Any, limit: int | None) -> None:
        """Raise `QueryException` for what a server would refuse, with what to do."""
        if any(isinstance(order, Nearest) for order in self.order_by):
            if not self.has_limit or limit is None or limit > MOST_NEAREST:
                raise QueryException(
                    f"a search by nearness needs a limit of at most {MOST_NEAREST}: add .limit(10)"
                )
            return
        if self.aggregates or not model._columns or self.allow_filtering:
            return
        self.check_where(model)
        if self.order_by and not self._whole_partition(model):
            raise QueryException(
                "order_by() needs the whole partition key in filter(), by = or IN: rows are "
                "sorted within their partitions"
            )

    def check_where(self, model: Any) -> None:
        """Raise for conditions that the server could only answer by reading all rows."""
        where = self.where
        if not where or self.allow_filtering or any(isinstance(c.value, Token) for c in where):
            return
        columns = [clause.column for clause in where if clause.column is not None]
        if any(column.has_index or _is_indexed(model, column) for column in columns):
            return
        for column in columns:
            if not column.primary_key:
                raise QueryException(
                    f"{column.column_name} is neither part of the primary key nor has it an "
                    "index: give it one (index=True), filter by the key, or add "
                    ".allow_filtering(), which reads all rows"
                )
        if not self._whole_partition(model):
            missing = [n for n in model._partition_keys if n not in self.compared()]
            raise QueryException(
                "filter() needs every column of the partition key by = or IN, or an index; "
                f"missing: {', '.join(missing)}; .allow_filtering() reads all rows"
            )

    def compared(self) -> set[str]:
        """Return the columns that are compared by = or IN."""
        return {
            clause.column.column_name
            for clause in self.where
            if clause.column is not None and type(clause.operator) in (EqualsOperator, InOperator)
        }

    def _whole_partition(self, model: Any) -> bool:
        return set(model._partition_keys) <= self.compared()


def _is_indexed(model: Any, column: Any) -> bool:
    """Say whether an index of the column is among the model's ``__indexes__``."""
    indexes = getattr(model, "__indexes__", ())
    wanted = (getattr(index.column, "column_name", index.column) for index in indexes)
    return any(name in (column.column_name, column.db_field_name) for name in wanted)
