"""Tables without models: rows are read as dicts, by names alone.

Example::

    shop = NamedKeyspace("shop")
    users = shop.table("users")
    for user in users.filter(users.column("country") == "at").limit(50):
        print(user.name)
"""

from __future__ import annotations

from cql_protocol.identifiers import escape_name, protect_name
from cqlengine import errors
from cqlengine.errors import CQLEngineException, QueryException
from cqlengine.query.evaluator import AbstractQueryableColumn
from cqlengine.query.simple import ResultObject, SimpleQuerySet

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

__all__ = ["NamedColumn", "NamedKeyspace", "NamedTable", "QuerySetDescriptor"]


class NamedColumn(AbstractQueryableColumn):
    """A column that is known by its name alone; compared with a value it is a condition.

    Values are bound as they are given. Whether the server can answer a query is told by the
    server, as nothing is known of the table's keys and indexes.
    """

    __slots__ = ("name",)

    sub_types = ()
    primary_key = partition_key = has_index = True
    """Whether it may stand in conditions, and in what order and groups are made by: any may."""
    static = False

    def __init__(self, name: str) -> None:
        self.name = name

    def _queried(self) -> NamedColumn:
        return self

    @property
    def column_name(self) -> str:
        """The name, unquoted."""
        return self.name

    @property
    def db_field_name(self) -> str:
        """The name, unquoted."""
        return self.name

    @property
    def quoted(self) -> str:
        """The name as it stands in statements."""
        return escape_name(self.name)

    @property
    def cql(self) -> str:
        """The name as it stands in statements."""
        return self.quoted

    def get_cql(self) -> str:
        """Return the name as it stands in statements."""
        return self.quoted

    def to_database(self, val: Any) -> Any:
        """Return the value as it is."""
        return val

    def __unicode__(self) -> str:
        return self.quoted

    def __repr__(self) -> str:
        return f"<NamedColumn {self.name}>"


class _AnyColumns(dict[str, "NamedColumn"]):
    """The columns of a table of which nothing is known: empty, but it has any that is asked for."""

    def __missing__(self, name: str) -> NamedColumn:
        return NamedColumn(name)


class _UnknownKeys(dict[str, "NamedColumn"]):
    """The key of a table of which nothing is known."""

    def _refuse(self) -> NoReturn:
        raise QueryException(
            "a named table does not know its primary key: name the columns instead of pk, in "
            "distinct() and in only(); or write a model of the table"
        )

    def __iter__(self) -> Iterator[str]:
        self._refuse()

    def keys(self) -> NoReturn:
        """Refuse."""
        self._refuse()

    def values(self) -> NoReturn:
        """Refuse."""
        self._refuse()


class QuerySetDescriptor:
    """`NamedTable.objects`: a new query set of the table."""

    def __get__(self, instance: NamedTable | None, owner: type[NamedTable]) -> SimpleQuerySet:
        """Return a query for all rows of the table."""
        if instance is None:
            raise CQLEngineException(
                "objects is of a table: NamedTable(keyspace, name).objects, not NamedTable.objects"
            )
        return SimpleQuerySet(instance)

    def __call__(self, *args: Any, **kwargs: Any) -> SimpleQuerySet:
        """Never called: what `objects` gives can be, which does as its `filter`."""
        raise NotImplementedError


class NamedTable:
    """A table that is known by its name alone.

    - `keyspace`, `name`: as the server has them, unquoted; None for the default keyspace

    Its rows are `cqlengine.query.ResultObject`. Every query set that `objects` gives has what
    those of models have to read, blocking and awaited.

    Example::

        users = NamedTable("shop", "users")
        zoe = users.get(id=7)
        print(zoe.name, zoe["name"])
    """

    class DoesNotExist(errors.DoesNotExist):
        """`get` found no row."""

    class MultipleObjectsReturned(errors.MultipleObjectsReturned):
        """`get` found several rows."""

    objects = QuerySetDescriptor()

    _columns = _AnyColumns()
    _partition_keys = _primary_keys = _clustering_keys = _UnknownKeys()
    _is_polymorphic = False

    def __init__(self, keyspace: str | None, name: str) -> None:
        self.keyspace = keyspace
        self.name = name

    @property
    def __name__(self) -> str:
        """The name, for messages."""
        return self.name

    def column(self, name: str) -> NamedColumn:
        """Return a column, for conditions: ``users.column("age") > 30``."""
        return NamedColumn(name)

    _find_column = column

    def _get_connection(self) -> None:
        """Say that it is on the default connection, unless `using` names one."""

    def column_family_name(self, include_keyspace: bool = True) -> str:
        """Return the name of the table as it stands in statements."""
        table = protect_name(self.name)
        if not include_keyspace:
            return table
        from cqlengine.connection.registry import default_keyspace

        keyspace = self.keyspace or default_keyspace()
        return table if keyspace is None else f"{protect_name(keyspace)}.{table}"

    # --- queries ---------------------------------------------------------------------------------

    def all(self) -> SimpleQuerySet:
        """Return a query for all rows."""
        return self.objects.all()

    def filter(self, *args: Any, **kwargs: Any) -> SimpleQuerySet:
        """Return a query for the rows that meet these conditions."""
        return self.objects.filter(*args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> ResultObject:
        """Return the one row that meets these conditions.

        Raises `NamedTable.DoesNotExist` and `NamedTable.MultipleObjectsReturned`.
        """
        return self.objects.get(*args, **kwargs)

    async def aget(self, *args: Any, **kwargs: Any) -> ResultObject:
        """Do as `get`, on asyncio."""
        return await self.objects.aget(*args, **kwargs)

    def using(self, keyspace: str | None = None, connection: Any = None) -> SimpleQuerySet:
        """Return a query in another keyspace, or on another connection."""
        return self.objects.using(keyspace, connection)

    def __repr__(self) -> str:
        return f"<NamedTable {self.column_family_name()}>"


class NamedKeyspace:
    """A keyspace that is known by its name.

    Example::

        users = NamedKeyspace("shop").table("users")
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def table(self, name: str) -> NamedTable:
        """Return a table of the keyspace."""
        return NamedTable(self.name, name)

    def __repr__(self) -> str:
        return f"<NamedKeyspace {self.name}>"
