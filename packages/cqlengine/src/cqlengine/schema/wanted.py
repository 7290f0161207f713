"""What models say that a keyspace is to have, as the entities of the driver's metadata.

So it can be compared with what the servers tell, which is made of the same entities.
"""

from __future__ import annotations

from cql_driver.metadata.schema import ColumnMetadata, TableMetadata, UserType
from cqlengine.errors import (
    CQLEngineException,
    ModelDefinitionException,
    UndefinedKeyspaceException,
)
from cqlengine.schema import ddl
from cqlengine.schema.indexes import left_alone, wanted_indexes
from cqlengine.schema.normal import normal_type

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from cql_driver.metadata.schema import IndexMetadata
    from cqlengine.columns.base import Column

    Model = Any

__all__ = [
    "WantedTable",
    "create_indexes",
    "create_table",
    "create_type",
    "is_view",
    "keyspace_of",
    "user_types_of",
    "wanted_column",
    "wanted_table",
    "wanted_tables",
    "wanted_type",
]


class WantedTable:
    """A table that models say there is to be.

    - `table`: with its columns in the models' order, and the options that they name
    - `indexes`: what is to be indexed; the name of an index may be empty
    - `left_alone`: columns whose indexes are somebody else's
    - `models`: where it comes from, several where they share the table
    """

    __slots__ = ("indexes", "left_alone", "models", "table")

    def __init__(
        self,
        table: TableMetadata,
        indexes: list[IndexMetadata],
        left_alone: set[str],
        models: list[Model],
    ) -> None:
        self.table = table
        self.indexes = indexes
        self.left_alone = left_alone
        self.models = models


def is_view(model: Model) -> bool:
    """Say whether a model is of a materialized view."""
    return getattr(model, "__base_model__", None) is not None


def keyspace_of(model: Model, keyspace: str | None = None) -> str:
    """Return `keyspace`, or the model's own.

    Raises `UndefinedKeyspaceException` when neither is known.
    """
    found = keyspace or model._get_keyspace()
    if not found:
        raise UndefinedKeyspaceException(
            f"{model.__name__} has no keyspace: give it __keyspace__, or give connection.setup a "
            "default_keyspace"
        )
    return str(found)


# --- tables ------------------------------------------------------------------------------------


def wanted_table(models: Sequence[Model], keyspace: str) -> WantedTable:
    """Return the table of models that share one; it has the columns of all of them.

    Raises `ModelDefinitionException` where they contradict each other.
    """
    first = models[0]
    table = TableMetadata(keyspace, first._raw_column_family_name())
    indexes: dict[tuple[Any, ...], IndexMetadata] = {}
    alone: set[str] = set()
    for model in models:
        _check_is_table(model)
        _add_columns(table, model, first)
        for name, value in model._options.items():
            if table.options.setdefault(name, value) != value:
                raise _contradiction(model, first, f"the option {name}")
        for index in wanted_indexes(model, keyspace):
            indexes.setdefault(_identity(index), index)
        alone |= left_alone(model)
    table.partition_key = [
        table.columns[column.db_field_name] for column in first._partition_keys.values()
    ]
    table.clustering_key = [
        table.columns[column.db_field_name] for column in first._clustering_keys.values()
    ]
    return WantedTable(table, list(indexes.values()), alone, list(models))


def _check_is_table(model: Model) -> None:
    if getattr(model, "__abstract__", False):
        raise CQLEngineException(
            f"{model.__name__} is abstract: it has no table. The models that derive from it have"
        )
    if not getattr(model, "_columns", None):
        raise CQLEngineException(f"{model!r} has no columns: only models have tables")


def _add_columns(table: TableMetadata, model: Model, first: Model) -> None:
    for column in model._columns.values():
        made = wanted_column(table, column)
        known = table.columns.setdefault(made.name, made)
        if known is not made and (
            normal_type(known.cql_type) != normal_type(made.cql_type)
            or (known.is_static, known.is_reversed) != (made.is_static, made.is_reversed)
        ):
            raise _contradiction(model, first, f"the column {made.name}")
    if _key_of(model) != _key_of(first):
        raise _contradiction(model, first, "the primary key")


def _key_of(model: Model) -> list[list[str]]:
    """Return the names in the table of the partition key, and of the clustering key."""
    keys = (model._partition_keys, model._clustering_keys)
    return [[column.db_field_name for column in key.values()] for key in keys]


def _contradiction(model: Model, first: Model, what: str) -> ModelDefinitionException:
    return ModelDefinitionException(
        f"{first.__name__} and {model.__name__} share the table "
        f"{first._raw_column_family_name()}, but not {what}: let both say the same"
    )


def wanted_column(table: Any, column: Column[Any]) -> ColumnMetadata:
    """Return a column of a model as one of a table or view."""
    order = column.clustering_order
    is_reversed = order is not None and str(order).upper() == "DESC"
    return ColumnMetadata(
        table, column.db_field_name, column.cql_type, bool(column.static), is_reversed
    )


def _identity(index: IndexMetadata) -> tuple[Any, ...]:
    return (index.name, index.kind, *sorted(map(str, index.index_options.items())))


def wanted_tables(models: Iterable[Model], keyspace: str) -> dict[str, WantedTable]:
    """Return the tables of models by name; views are left out."""
    sharing: dict[str, list[Model]] = {}
    for model in models:
        if not is_view(model):
            _check_is_table(model)
            sharing.setdefault(model._raw_column_family_name(), []).append(model)
    return {name: wanted_table(found, keyspace) for name, found in sharing.items()}


# --- user types --------------------------------------------------------------------------------


def wanted_type(user_type: Any, keyspace: str) -> UserType:
    """Return a user type with its fields in their order."""
    fields = user_type._fields.values()
    return UserType(
        keyspace,
        user_type.type_name(),
        [field.db_field_name for field in fields],
        [field.cql_type for field in fields],
    )


def user_types_of(*owners: Any) -> list[Any]:
    """Return the user types that models and user types use, each after those that it uses.

    User types among the owners are part of it.
    """
    found: dict[Any, None] = {}

    def add(user_type: Any) -> None:
        if user_type not in found:
            for column in user_type._fields.values():
                for used in _used_by(column):
                    add(used)
            found[user_type] = None

    for owner in owners:
        if hasattr(owner, "_fields"):
            add(owner)
            continue
        for column in owner._columns.values():
            for used in _used_by(column):
                add(used)
    return list(found)


def _used_by(column: Column[Any]) -> Iterator[Any]:
    user_type = getattr(column, "user_type", None)
    if user_type is not None:
        yield user_type
    for part in column.sub_types:
        yield from _used_by(part)


# --- as CQL ------------------------------------------------------------------------------------


def create_table(model: Model, keyspace: str | None = None) -> str:
    """Return the CREATE TABLE of a model, without a semicolon.

    `keyspace` is another one than the model's. Raises `CQLEngineException` for what has no
    table, `UndefinedKeyspaceException` when no keyspace is known.

    Example::

        print(create_table(User, "shop") + ";")
    """
    if is_view(model):
        raise CQLEngineException(
            f"{model.__name__} is a materialized view: cqlengine.schema.create_view is for those"
        )
    _check_is_table(model)
    return ddl.create_table(wanted_table([model], keyspace_of(model, keyspace)).table)


def create_indexes(model: Model, keyspace: str | None = None) -> list[str]:
    """Return a CREATE INDEX for each index of a model."""
    _check_is_table(model)
    found = wanted_indexes(model, keyspace_of(model, keyspace))
    return [ddl.create_index(index) for index in found]


def create_type(user_type: Any, keyspace: str) -> str:
    """Return the CREATE TYPE of a user type, without a semicolon.

    Example::

        print(create_type(Address, "shop") + ";")
    """
    return ddl.create_type(wanted_type(user_type, keyspace), soft=False)
