"""What a schema consists of: keyspaces, and the tables, types and functions in them.

These objects never change once they are part of `Metadata`: a changed table is another object.
They are compared by identity; `same_schema` says whether two mean the same.
"""

from __future__ import annotations

from types import MappingProxyType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Self, TypeVar

    from cql_driver.metadata.replication import ReplicationStrategy

    E = TypeVar("E")

__all__ = [
    "Aggregate",
    "ColumnMetadata",
    "Function",
    "IndexMetadata",
    "KeyspaceContents",
    "KeyspaceMetadata",
    "MaterializedViewMetadata",
    "TableMetadata",
    "TriggerMetadata",
    "UserType",
    "same_schema",
]


class _Named:
    name: str

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class _Entity(_Named):
    """Base of what has a statement that creates it."""

    def as_cql_query(self, formatted: bool = False) -> str:
        """Return the statement that creates this, without what belongs to it and the semicolon.

        It is in one line unless `formatted`. What CQL cannot create, such as virtual tables, is
        a comment, as the server's DESCRIBE writes it.
        """
        from cql_driver.metadata.export import statement

        return statement(self, formatted)

    def export_as_string(self) -> str:
        """Return the formatted statements that create this and what belongs to it.

        To a table belong its indexes, triggers and views, to a keyspace all that is in it. Each
        stands after what it depends on, and is written as the server's DESCRIBE does.
        """
        from cql_driver.metadata.export import script

        return script(self)


class ColumnMetadata(_Named):
    """A column of a table or view."""

    table: TableMetadata | MaterializedViewMetadata
    """What it is a column of."""
    cql_type: str
    """Its type, as in CQL."""
    is_static: bool = False
    """Whether the rows of a partition share its value."""
    is_reversed: bool = False
    """Whether it is a clustering column in descending order."""
    mask: str | None = None
    """The function call that hides its values from roles that may not see them."""

    def __init__(
        self,
        table_metadata: TableMetadata | MaterializedViewMetadata,
        column_name: str,
        cql_type: str,
        is_static: bool = False,
        is_reversed: bool = False,
        mask: str | None = None,
    ) -> None:
        self.table = table_metadata
        self.name = column_name
        self.cql_type = cql_type
        self.is_static = is_static
        self.is_reversed = is_reversed
        self.mask = mask


class IndexMetadata(_Entity):
    """An index of a table."""

    kind: str
    """``COMPOSITES``, ``KEYS`` or ``CUSTOM``: the last has its class in the options."""
    index_options: Mapping[str, Any]
    """The options, among them the ``target``."""

    def __init__(
        self,
        keyspace_name: str,
        table_name: str,
        index_name: str,
        kind: str,
        index_options: Mapping[str, Any],
    ) -> None:
        self.keyspace_name = keyspace_name
        self.table_name = table_name
        self.name = index_name
        self.kind = kind
        self.index_options = index_options or {}


class TriggerMetadata(_Entity):
    """A trigger of a table; its class is in the options."""

    def __init__(
        self,
        table_metadata: TableMetadata,
        trigger_name: str,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.table = table_metadata
        self.name = trigger_name
        self.options = options or {}


class _Relation(_Entity):
    """What tables and views have in common."""

    keyspace_name: str
    partition_key: list[ColumnMetadata]
    clustering_key: list[ColumnMetadata]
    columns: dict[str, ColumnMetadata]
    """All columns by name, in the order of ``SELECT *``."""
    options: dict[str, Any]
    """The options by name, as they are in the server's tables."""
    extensions: Mapping[str, bytes]
    problem: str | None = None
    """Why some of it is missing: what the server told could not be read."""

    def __init__(self, keyspace_name: str, name: str, options: Mapping[str, Any] | None) -> None:
        self.keyspace_name = keyspace_name
        self.name = name
        self.partition_key = []
        self.clustering_key = []
        self.columns = {}
        self.options = dict(options or {})
        self.extensions = {}

    @property
    def primary_key(self) -> list[ColumnMetadata]:
        """The columns of the partition key, then those that order rows within a partition."""
        return self.partition_key + self.clustering_key


class TableMetadata(_Relation):
    """A table.

    Example::

        table = cluster.metadata.keyspaces["shop"].tables["orders"]
        print([column.name for column in table.primary_key])
        print(table.export_as_string())
    """

    virtual: bool = False
    """Whether it shows what a node knows, and stores nothing."""
    is_compact_storage: bool = False
    """Whether it was made ``WITH COMPACT STORAGE``, or by way of Thrift."""
    is_cql_compatible: bool = True
    """Whether a statement can create it; super column families have none."""
    indexes: dict[str, IndexMetadata]
    triggers: dict[str, TriggerMetadata]
    views: dict[str, MaterializedViewMetadata]
    """The materialized views of it."""

    def __init__(
        self,
        keyspace_name: str,
        name: str,
        partition_key: Sequence[ColumnMetadata] | None = None,
        clustering_key: Sequence[ColumnMetadata] | None = None,
        columns: Mapping[str, ColumnMetadata] | None = None,
        triggers: Mapping[str, TriggerMetadata] | None = None,
        options: Mapping[str, Any] | None = None,
        virtual: bool = False,
    ) -> None:
        super().__init__(keyspace_name, name, options)
        self.partition_key = list(partition_key or ())
        self.clustering_key = list(clustering_key or ())
        self.columns = dict(columns or {})
        self.triggers = dict(triggers or {})
        self.virtual = virtual
        self.indexes = {}
        self.views = {}

    @property
    def compaction_options(self) -> Mapping[str, str]:
        """The option ``compaction``: the class with its parameters."""
        return self.options.get("compaction") or {}

    def with_views(self, views: Mapping[str, MaterializedViewMetadata]) -> Self:
        """Return a copy that has these views."""
        copy = _copy(self, views=dict(views))
        columns = {name: _copy(column, table=copy) for name, column in self.columns.items()}
        copy.columns = columns
        copy.partition_key = [columns[column.name] for column in self.partition_key]
        copy.clustering_key = [columns[column.name] for column in self.clustering_key]
        copy.triggers = {key: _copy(found, table=copy) for key, found in self.triggers.items()}
        return copy


class MaterializedViewMetadata(_Relation):
    """A materialized view: a table that the server keeps in step with a query of another."""

    base_table_name: str
    include_all_columns: bool
    """Whether it selects ``*``."""
    where_clause: str

    def __init__(
        self,
        keyspace_name: str,
        view_name: str,
        base_table_name: str,
        include_all_columns: bool,
        where_clause: str,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(keyspace_name, view_name, options)
        self.base_table_name = base_table_name
        self.include_all_columns = include_all_columns
        self.where_clause = where_clause


class UserType(_Entity):
    """A user-defined type, with the names and CQL types of its fields."""

    def __init__(
        self, keyspace: str, name: str, field_names: Sequence[str], field_types: Sequence[str]
    ) -> None:
        self.keyspace = keyspace
        self.name = name
        self.field_names = list(field_names)
        self.field_types = list(field_types)


class _Callable(_Entity):
    """What functions and aggregates have in common."""

    argument_types: list[str]
    """The CQL types of the arguments."""

    def __init__(self, keyspace: str, name: str, argument_types: Sequence[str]) -> None:
        self.keyspace = keyspace
        self.name = name
        self.argument_types = list(argument_types or ())

    @property
    def signature(self) -> str:
        """The name with its argument types, by which a keyspace's mapping knows it."""
        from cql_driver.descriptors import SignatureDescriptor

        return SignatureDescriptor.format_signature(self.name, self.argument_types)


class Function(_Callable):
    """A user-defined function."""

    called_on_null_input: bool
    """Whether it is called for null arguments; else it gives null then."""

    def __init__(
        self,
        keyspace: str,
        name: str,
        argument_types: Sequence[str],
        argument_names: Sequence[str],
        return_type: str,
        language: str,
        body: str,
        called_on_null_input: bool,
        deterministic: bool = False,
        monotonic: bool = False,
        monotonic_on: Sequence[str] = (),
    ) -> None:
        super().__init__(keyspace, name, argument_types)
        self.argument_names = list(argument_names or ())
        self.return_type = return_type
        self.language = language
        self.body = body
        self.called_on_null_input = called_on_null_input
        self.deterministic = bool(deterministic)
        self.monotonic = bool(monotonic)
        self.monotonic_on = list(monotonic_on or ())


class Aggregate(_Callable):
    """A user-defined aggregate; `initial_condition` is text, as in CQL."""

    def __init__(
        self,
        keyspace: str,
        name: str,
        argument_types: Sequence[str],
        state_func: str,
        state_type: str,
        final_func: str | None,
        initial_condition: str | None,
        return_type: str,
        deterministic: bool = False,
    ) -> None:
        super().__init__(keyspace, name, argument_types)
        self.state_func = state_func
        self.state_type = state_type
        self.final_func = final_func
        self.initial_condition = initial_condition
        self.return_type = return_type
        self.deterministic = bool(deterministic)


class KeyspaceContents:
    """What is in a keyspace: read-only mappings by name, functions and aggregates by signature.

    `problems` tell what could not be read.
    """

    __slots__ = ("aggregates", "functions", "indexes", "problems", "tables", "user_types", "views")

    def __init__(
        self,
        tables: Mapping[str, TableMetadata] | None = None,
        views: Mapping[str, MaterializedViewMetadata] | None = None,
        user_types: Mapping[str, UserType] | None = None,
        functions: Mapping[str, Function] | None = None,
        aggregates: Mapping[str, Aggregate] | None = None,
        problems: Sequence[str] = (),
    ) -> None:
        self.views = MappingProxyType(dict(views or {}))
        self.tables = MappingProxyType(_with_views(tables or {}, self.views))
        self.user_types = MappingProxyType(dict(user_types or {}))
        self.functions = MappingProxyType(dict(functions or {}))
        self.aggregates = MappingProxyType(dict(aggregates or {}))
        self.indexes = MappingProxyType(
            {name: index for table in self.tables.values() for name, index in table.indexes.items()}
        )
        self.problems = tuple(problems)


def _with_views(
    tables: Mapping[str, TableMetadata], views: Mapping[str, MaterializedViewMetadata]
) -> dict[str, TableMetadata]:
    """Give each table its views; one that has them already stays the same object."""
    own: dict[str, dict[str, MaterializedViewMetadata]] = {name: {} for name in tables}
    for name, view in views.items():
        own.setdefault(view.base_table_name, {})[name] = view
    return {
        name: table if table.views == own[name] else table.with_views(own[name])
        for name, table in tables.items()
    }


_NOTHING = KeyspaceContents()


class KeyspaceMetadata(_Entity):
    """A keyspace: how it is replicated, and what is in it.

    The replication of all keyspaces is always known. What is in one is asked of the server when
    it is first looked at, unless ``Cluster(eager_schema=True)``: this may block, and may raise
    what a request raises. `replication_strategy` is None when `strategy_class` is.
    """

    durable_writes: bool = True
    """Whether writes go through the commit log."""
    replication_strategy: ReplicationStrategy | None = None
    graph_engine: str | None = None
    """The engine of a graph of DSE."""
    virtual: bool = False
    """Whether its tables show what a node knows, and store nothing."""

    def __init__(
        self,
        name: str,
        durable_writes: bool,
        strategy_class: str | None,
        strategy_options: Mapping[str, Any] | None,
        graph_engine: str | None = None,
        virtual: bool = False,
    ) -> None:
        from cql_driver.metadata.replication import ReplicationStrategy

        self.name = name
        self.durable_writes = durable_writes
        self.replication_strategy = ReplicationStrategy.create(strategy_class, strategy_options)
        self.graph_engine = graph_engine
        self.virtual = virtual
        self._contents: KeyspaceContents | None = None
        self._load: Callable[[], KeyspaceContents | None] | None = None

    def __repr__(self) -> str:
        return f"<KeyspaceMetadata {self.name} {self.replication_strategy!r}>"

    @property
    def contents(self) -> KeyspaceContents:
        """All that is in it at once, so that its parts fit each other."""
        if self._contents is None and self._load is not None:
            self._contents = self._load()
        return _NOTHING if self._contents is None else self._contents

    @property
    def tables(self) -> Mapping[str, TableMetadata]:
        """The tables by name."""
        return self.contents.tables

    @property
    def views(self) -> Mapping[str, MaterializedViewMetadata]:
        """The materialized views by name."""
        return self.contents.views

    @property
    def indexes(self) -> Mapping[str, IndexMetadata]:
        """The indexes of all tables by name."""
        return self.contents.indexes

    @property
    def user_types(self) -> Mapping[str, UserType]:
        """The user-defined types by name."""
        return self.contents.user_types

    @property
    def functions(self) -> Mapping[str, Function]:
        """The user-defined functions by `Function.signature`."""
        return self.contents.functions

    @property
    def aggregates(self) -> Mapping[str, Aggregate]:
        """The user-defined aggregates by `Aggregate.signature`."""
        return self.contents.aggregates

    @property
    def is_graph_enabled(self) -> bool:
        """Whether DSE keeps a graph in it."""
        return self.graph_engine is not None

    def user_type_strings(self) -> list[str]:
        """Return the statements that create the types, each after those it uses."""
        from cql_driver.metadata.export import in_order

        return [found.export_as_string() for found in in_order(self.user_types)]

    def with_contents(self, contents: KeyspaceContents | None) -> KeyspaceMetadata:
        """Return a copy that has these contents; None for those that are not loaded."""
        return _copy(self, _contents=contents)


def _copy(entity: E, **changes: Any) -> E:
    copy: E = object.__new__(type(entity))
    vars(copy).update(vars(entity), **changes)
    return copy


_LINKS = {"_contents", "_load", "table", "views"}


def same_schema(one: Any, other: Any) -> bool:
    """Say whether two objects of a schema describe the same.

    What has entries of its own in a keyspace is not looked at: the contents of keyspaces, the
    views of tables.
    """
    if type(one) is not type(other):
        return False
    own, others = vars(one), vars(other)
    return own.keys() == others.keys() and all(
        name in _LINKS or value == others[name] or _same(value, others[name])
        for name, value in own.items()
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return same_schema(one, other) if isinstance(one, _Named) else bool(one == other)
