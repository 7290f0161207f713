"""What the tests of the schema share: keyspaces as models of before have left them."""

from __future__ import annotations

from typing import Any

from cql_driver.metadata.replication import replication_strategy
from cql_driver.metadata.schema import IndexMetadata, KeyspaceContents
from cqlengine.schema import LiveKeyspace, compare_models
from cqlengine.schema.differences import Difference
from cqlengine.schema.options import known_options
from cqlengine.schema.wanted import is_view, user_types_of, wanted_tables, wanted_type
from cqlengine.schema.wanted_views import wanted_view

__all__ = ["OPTIONS", "differences", "live_of", "only"]

_COLUMNS = """
    keyspace_name table_name comment compaction compression caching gc_grace_seconds id flags
    default_time_to_live speculative_retry bloom_filter_fp_chance cdc
"""
OPTIONS = known_options(_COLUMNS.split())
"""What the server of these tests knows."""


def live_of(
    *models: Any,
    types: tuple[Any, ...] = (),
    replication: dict[str, str] | None = None,
    keyspace: str = "shop",
) -> LiveKeyspace:
    """A keyspace that is just as these models say; indexes have the names that servers give."""
    tables = {}
    for name, wanted in wanted_tables(models, keyspace).items():
        tables[name] = wanted.table
        for number, index in enumerate(wanted.indexes):
            made = index.name or f"{name}_{number}_idx"
            wanted.table.indexes[made] = IndexMetadata(
                keyspace, name, made, index.kind, index.index_options
            )
    views = {
        view._raw_column_family_name(): wanted_view(view, keyspace)
        for view in models
        if is_view(view)
    }
    user_types = {
        found.type_name(): wanted_type(found, keyspace) for found in user_types_of(*models, *types)
    }
    return LiveKeyspace(
        keyspace,
        replication_strategy(replication or {"class": "NetworkTopologyStrategy", "dc1": "3"}),
        True,
        KeyspaceContents(tables, views, user_types),
        OPTIONS,
    )


def differences(models: Any, live: LiveKeyspace, **choices: Any) -> list[Difference]:
    """What is different between a model, or several, and a keyspace."""
    return compare_models(models if isinstance(models, list) else [models], live, **choices)


def only(found: list[Difference]) -> Difference:
    """The one difference that there is."""
    assert len(found) == 1, found
    return found[0]
