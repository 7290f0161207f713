"""In what a materialized view is not what its model says."""

from __future__ import annotations

from cqlengine.schema import ddl
from cqlengine.schema.compare_tables import compare_options, key_of, order_of
from cqlengine.schema.differences import Difference, Kind, Safety
from cqlengine.schema.normal import normal_conditions
from cqlengine.schema.options import check_options
from cqlengine.schema.wanted_views import wanted_view

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.metadata.schema import MaterializedViewMetadata
    from cqlengine.schema.live import LiveKeyspace

__all__ = ["compare_view", "is_of_index"]


def compare_view(model: Any, live: LiveKeyspace) -> list[Difference]:
    """Return what differs between the view of a model and the one of that name."""
    wanted = wanted_view(model, live.name)
    check_options(model.__name__, wanted.options, live.options)
    there = live.views.get(wanted.name)
    target = ddl.name_of(wanted.keyspace_name, wanted.name)
    create = ddl.create_view(wanted)
    if there is None:
        is_new = wanted.base_table_name not in live.tables
        safety = Safety.SAFE if is_new else Safety.COSTLY
        why = "its table is new" if is_new else "it is built in the background from all rows"
        what = f"there is no materialized view {target}"
        return [_difference(Kind.VIEW_MISSING, wanted, what, safety, why, (create,))]
    changes = _changes(wanted, there)
    if not changes:
        return compare_options(wanted, there)
    return [
        _difference(
            Kind.VIEW_CHANGED,
            wanted,
            f"{target} is otherwise: {'; '.join(changes)}",
            Safety.DESTRUCTIVE,
            "servers never change a view, and queries of it fail until it is built anew",
            (ddl.drop_view(live.name, wanted.name), create),
            "or make a view of another name, have programs use it, and drop this one then",
        )
    ]


def _changes(wanted: MaterializedViewMetadata, live: MaterializedViewMetadata) -> list[str]:
    changes = []
    if wanted.base_table_name != live.base_table_name:
        changes.append(f"it is of {live.base_table_name}, not of {wanted.base_table_name}")
    if key_of(wanted) != key_of(live):
        changes.append(f"its key is {key_of(live)}, not {key_of(wanted)}")
    elif order_of(wanted) != order_of(live):
        changes.append(f"its clustering order is {order_of(live)}, not {order_of(wanted)}")
    missing = [name for name in wanted.columns if name not in live.columns]
    if missing:
        changes.append(f"it has no {', '.join(missing)}")
    extra = [name for name in live.columns if name not in wanted.columns]
    if extra and not live.include_all_columns:
        changes.append(f"it has {', '.join(extra)} besides")
    if normal_conditions(wanted.where_clause) != normal_conditions(live.where_clause):
        changes.append(f"it is WHERE {live.where_clause}, not {wanted.where_clause}")
    return changes


def is_of_index(view: MaterializedViewMetadata, live: LiveKeyspace) -> bool:
    """Say whether a view is what an index of ScyllaDB consists of."""
    base = live.tables.get(view.base_table_name)
    return (
        base is not None
        and view.name.endswith("_index")
        and view.name.removesuffix("_index") in base.indexes
    )


def _difference(
    kind: Kind,
    view: MaterializedViewMetadata,
    what: str,
    safety: Safety,
    why: str,
    statements: tuple[str, ...],
    way_out: str = "",
) -> Difference:
    return Difference(
        kind,
        ddl.name_of(view.keyspace_name, view.name),
        what,
        safety,
        why,
        statements,
        way_out,
        view.keyspace_name,
        view.base_table_name,
        view.name,
    )
