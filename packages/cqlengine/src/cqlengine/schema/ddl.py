"""Statements that create, change and drop what a schema consists of, without semicolons.

Unlike the driver's own export they have columns in the order of the model, and nothing that the
model does not say; and they do no harm where somebody else was faster.
"""

from __future__ import annotations

from cql_protocol.identifiers import (
    escape_name,
    protect_name,
    protect_type_name,
    protect_value,
    quote_text,
)
from cqlengine.schema.options import option_cql, with_options

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from cql_driver.metadata.schema import (
        ColumnMetadata,
        IndexMetadata,
        MaterializedViewMetadata,
        TableMetadata,
        UserType,
    )

__all__ = [
    "add_column",
    "add_field",
    "alter_keyspace",
    "alter_options",
    "create_index",
    "create_keyspace",
    "create_table",
    "create_type",
    "create_view",
    "drop_column",
    "drop_index",
    "drop_keyspace",
    "drop_table",
    "drop_type",
    "drop_view",
    "name_of",
    "name_of_type",
]

_SOFT = "IF NOT EXISTS "


def name_of(keyspace: str, name: str) -> str:
    """Return the name of a table, view or index with its keyspace."""
    return f"{protect_name(keyspace)}.{protect_name(name)}"


def name_of_type(keyspace: str, name: str) -> str:
    """Return the name of a user type with its keyspace."""
    return f"{protect_name(keyspace)}.{protect_type_name(name)}"


# --- keyspaces -------------------------------------------------------------------------------


def _keyspace_options(replication: Mapping[str, Any], durable_writes: bool) -> str:
    durable = f"durable_writes = {protect_value(durable_writes)}"
    return f" WITH {option_cql('replication', replication)} AND {durable}"


def create_keyspace(name: str, replication: Mapping[str, Any], durable_writes: bool = True) -> str:
    """Return CREATE KEYSPACE; `replication` has the strategy as ``class``, and its options."""
    head = f"CREATE KEYSPACE {_SOFT}{protect_name(name)}"
    return head + _keyspace_options(replication, durable_writes)


def alter_keyspace(name: str, replication: Mapping[str, Any], durable_writes: bool = True) -> str:
    """Return ALTER KEYSPACE."""
    return f"ALTER KEYSPACE {protect_name(name)}" + _keyspace_options(replication, durable_writes)


def drop_keyspace(name: str) -> str:
    """Return DROP KEYSPACE, which takes all that is in it."""
    return f"DROP KEYSPACE IF EXISTS {protect_name(name)}"


# --- user types --------------------------------------------------------------------------------


def create_type(found: UserType, soft: bool = True) -> str:
    """Return CREATE TYPE, unless `soft` without IF NOT EXISTS."""
    fields = [
        f"{escape_name(field)} {kind}"
        for field, kind in zip(found.field_names, found.field_types, strict=True)
    ]
    name = name_of_type(found.keyspace, found.name)
    return f"CREATE TYPE {_SOFT if soft else ''}{name} ({', '.join(fields)})"


def add_field(found: UserType, field: str, kind: str) -> str:
    """Return ALTER TYPE … ADD; the field comes last."""
    return f"ALTER TYPE {name_of_type(found.keyspace, found.name)} ADD {escape_name(field)} {kind}"


def drop_type(keyspace: str, name: str) -> str:
    """Return DROP TYPE, which the server refuses while a table uses it."""
    return f"DROP TYPE IF EXISTS {name_of_type(keyspace, name)}"


# --- tables ------------------------------------------------------------------------------------


def _column(column: ColumnMetadata) -> str:
    return f"{escape_name(column.name)} {column.cql_type}{' STATIC' if column.is_static else ''}"


def _names(columns: Iterable[ColumnMetadata]) -> str:
    return ", ".join([escape_name(column.name) for column in columns])


def _primary_key(table: TableMetadata | MaterializedViewMetadata) -> str:
    clustering = f", {_names(table.clustering_key)}" if table.clustering_key else ""
    return f"PRIMARY KEY (({_names(table.partition_key)}){clustering})"


def _order(table: TableMetadata | MaterializedViewMetadata) -> list[str]:
    """Return CLUSTERING ORDER BY, where it is not ascending in all columns."""
    if not any(column.is_reversed for column in table.clustering_key):
        return []
    parts = [
        f"{escape_name(column.name)} {'DESC' if column.is_reversed else 'ASC'}"
        for column in table.clustering_key
    ]
    return [f"CLUSTERING ORDER BY ({', '.join(parts)})"]


def create_table(table: TableMetadata) -> str:
    """Return CREATE TABLE with the columns in their order, and the options that it has."""
    parts = [*map(_column, table.columns.values()), _primary_key(table)]
    name = name_of(table.keyspace_name, table.name)
    options = with_options(table.options, _order(table))
    return f"CREATE TABLE {_SOFT}{name} ({', '.join(parts)}){options}"


def add_column(column: ColumnMetadata) -> str:
    """Return ALTER TABLE … ADD."""
    table = column.table
    return f"ALTER TABLE {name_of(table.keyspace_name, table.name)} ADD {_column(column)}"


def drop_column(keyspace: str, table: str, column: str) -> str:
    """Return ALTER TABLE … DROP."""
    return f"ALTER TABLE {name_of(keyspace, table)} DROP {escape_name(column)}"


def alter_options(table: TableMetadata | MaterializedViewMetadata, options: dict[str, Any]) -> str:
    """Return what gives a table or view these options."""
    is_view = hasattr(table, "where_clause")
    name = name_of(table.keyspace_name, table.name)
    return f"ALTER {'MATERIALIZED VIEW' if is_view else 'TABLE'} {name}{with_options(options)}"


def drop_table(keyspace: str, table: str) -> str:
    """Return DROP TABLE."""
    return f"DROP TABLE IF EXISTS {name_of(keyspace, table)}"


# --- indexes and views ---------------------------------------------------------------------------


def create_index(index: IndexMetadata) -> str:
    """Return CREATE INDEX; of an index without a name the server makes one."""
    options = dict(index.index_options)
    target = options.pop("target", "")
    kind = options.pop("class_name", None)
    name = f"{protect_name(index.name)} " if index.name else ""
    table = name_of(index.keyspace_name, index.table_name)
    text = f"CREATE {'CUSTOM ' if kind else ''}INDEX {_SOFT}{name}ON {table} ({target})"
    if kind:
        text += f" USING {quote_text(kind)}"
    if options:
        text += f" WITH {option_cql('OPTIONS', options)}"
    return text


def drop_index(keyspace: str, name: str) -> str:
    """Return DROP INDEX."""
    return f"DROP INDEX IF EXISTS {name_of(keyspace, name)}"


def create_view(view: MaterializedViewMetadata) -> str:
    """Return CREATE MATERIALIZED VIEW with the columns that it has."""
    base = name_of(view.keyspace_name, view.base_table_name)
    return (
        f"CREATE MATERIALIZED VIEW {_SOFT}{name_of(view.keyspace_name, view.name)} AS "
        f"SELECT {_names(view.columns.values())} FROM {base} WHERE {view.where_clause} "
        f"{_primary_key(view)}{with_options(view.options, _order(view))}"
    )


def drop_view(keyspace: str, name: str) -> str:
    """Return DROP MATERIALIZED VIEW."""
    return f"DROP MATERIALIZED VIEW IF EXISTS {name_of(keyspace, name)}"
