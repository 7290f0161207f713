"""What models of materialized views say that a keyspace is to have."""

from __future__ import annotations

from cql_driver.metadata.schema import MaterializedViewMetadata
from cqlengine.errors import CQLEngineException
from cqlengine.schema import ddl
from cqlengine.schema.wanted import is_view, keyspace_of, wanted_column

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

__all__ = ["create_view", "wanted_view"]


def wanted_view(model: Any, keyspace: str) -> MaterializedViewMetadata:
    """Return the view of a model; that it fits its base was checked when the class was made."""
    if not is_view(model):
        raise CQLEngineException(
            f"{model.__name__} is no materialized view: those derive from "
            "cqlengine.schema.MaterializedView"
        )
    key = list(model._primary_keys.values())
    conditions = [f"{column.quoted} IS NOT NULL" for column in key]
    if model.__where__:
        conditions.append(model.__where__)
    view = MaterializedViewMetadata(
        keyspace,
        model._raw_column_family_name(),
        model.__base_model__._raw_column_family_name(),
        False,
        " AND ".join(conditions),
        model._options,
    )
    for column in model._columns.values():
        view.columns[column.db_field_name] = wanted_column(view, column)
    view.partition_key = [
        view.columns[column.db_field_name] for column in model._partition_keys.values()
    ]
    view.clustering_key = [
        view.columns[column.db_field_name] for column in model._clustering_keys.values()
    ]
    return view


def create_view(model: Any, keyspace: str | None = None) -> str:
    """Return the CREATE MATERIALIZED VIEW of a model, without a semicolon.

    `keyspace` is another one than the model's.

    Example::

        print(create_view(UserByEmail, "shop") + ";")
    """
    return ddl.create_view(wanted_view(model, keyspace_of(model, keyspace)))
