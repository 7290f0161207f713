"""`compare_models`: in what a keyspace is not what models say."""

from __future__ import annotations

from cql_driver.metadata.export import in_order as types_in_order
from cql_driver.metadata.replication import replication_strategy
from cql_protocol.identifiers import protect_name
from cqlengine.schema import ddl
from cqlengine.schema.compare_indexes import compare_indexes
from cqlengine.schema.compare_tables import compare_table
from cqlengine.schema.compare_types import compare_type
from cqlengine.schema.compare_views import compare_view, is_of_index
from cqlengine.schema.differences import Difference, Kind, Safety, in_order
from cqlengine.schema.options import check_options
from cqlengine.schema.wanted import is_view, user_types_of, wanted_tables, wanted_type

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from cqlengine.schema.live import LiveKeyspace
    from cqlengine.schema.wanted import WantedTable

__all__ = ["compare_keyspace", "compare_models"]


def compare_models(
    models: Iterable[Any],
    live: LiveKeyspace,
    *,
    user_types: Iterable[Any] = (),
    replication: Mapping[str, Any] | None = None,
    durable_writes: bool = True,
    extras: bool = True,
    ignored: Collection[str] = (),
) -> list[Difference]:
    """Return what must be done to a keyspace so that it is what models say, in order.

    - `models`: all models of that keyspace, also those of views
    - `live`: what the keyspace has, of `read_keyspace`
    - `user_types`: types beside those that the models use
    - `replication`: how the keyspace is to be replicated, a dict with the strategy as
      ``class``; None to leave that alone
    - `extras`: whether to tell of tables, views and types that no model is of
    - `ignored`: names of tables and views that nothing is told of

    Raises `CQLEngineException` for models that contradict each other or name options that the
    server does not know.

    Example::

        live = run(read_keyspace("shop"))
        for difference in compare_models([User, Order], live):
            print(difference.sentence)
    """
    models = list(models)
    views = [model for model in models if is_view(model)]
    tables = wanted_tables(models, live.name)
    found = compare_keyspace(live, replication, durable_writes)
    types = user_types_of(*models, *user_types)
    for user_type in types:
        wanted = wanted_type(user_type, live.name)
        found += compare_type(wanted, live.user_types.get(wanted.name))
    names = {view._raw_column_family_name() for view in views}
    for table in tables.values():
        found += _compare_one(table, live, kept_views=names)
    for view in views:
        name = view._raw_column_family_name()
        if name in live.tables:
            found.append(_name_taken(Kind.VIEW_MISSING, live.name, name, "table"))
        else:
            found += compare_view(view, live)
    if extras:
        used = {each.type_name() for each in types}
        found += _extras(live, tables.keys() | names | set(ignored), used)
    return in_order(found)


def _compare_one(
    wanted: WantedTable, live: LiveKeyspace, kept_views: Collection[str]
) -> list[Difference]:
    """Compare a table and its indexes. `kept_views` are those that the models have."""
    check_options(wanted.models[0].__name__, wanted.table.options, live.options)
    there = live.tables.get(wanted.table.name)
    if there is None and wanted.table.name in live.views:
        return [_name_taken(Kind.TABLE_MISSING, live.name, wanted.table.name, "materialized view")]
    views = [] if there is None else [name for name in there.views if name in kept_views]
    return [
        *compare_table(wanted.table, there, views),
        *compare_indexes(wanted, there, live.contents.indexes),
    ]


def _name_taken(kind: Kind, keyspace: str, name: str, other: str) -> Difference:
    """Refuse a table where a view is, or the other way round.

    Cassandra 5.0 makes a table of the name of a view, and then has columns of both in one.
    """
    target = ddl.name_of(keyspace, name)
    return Difference(
        *(kind, target, f"{target} is a {other}", Safety.REFUSED),
        f"the model has a {'view' if other == 'table' else 'table'} of that name",
        *((), f"give the model another __table_name__; or drop the {other} first", keyspace),
        name=name,
    )


# --- the keyspace itself -------------------------------------------------------------------------


def compare_keyspace(
    live: LiveKeyspace, replication: Mapping[str, Any] | None, durable_writes: bool = True
) -> list[Difference]:
    """Return whether the keyspace is missing, or replicated in another way than it should be."""
    name = protect_name(live.name)
    if not live.exists:
        what = f"there is no keyspace {name}"
        if replication is None:
            why = "nobody said how it is to be replicated"
            way_out = "make it with create_keyspace_simple or create_keyspace_network_topology"
            refused = Safety.REFUSED
            return [
                Difference(Kind.KEYSPACE_MISSING, name, what, refused, why, (), way_out, live.name)
            ]
        create = ddl.create_keyspace(live.name, replication, durable_writes)
        return [
            Difference(
                *(Kind.KEYSPACE_MISSING, name, what, Safety.SAFE, "it is new", (create,)),
                keyspace=live.name,
            )
        ]
    if replication is None:
        return []
    changes = []
    if not _replicated_so(live, replication):
        wanted = replication_strategy({key: str(value) for key, value in replication.items()})
        there = live.replication
        assert there is not None
        changes.append(
            f"replicated by {there.export_for_schema()}, not by {wanted.export_for_schema()}"
        )
    if live.durable_writes != durable_writes:
        changes.append(f"durable_writes is {str(live.durable_writes).lower()}")
    if not changes:
        return []
    return [
        Difference(
            Kind.KEYSPACE_CHANGED,
            name,
            f"{name} is otherwise: {'; '.join(changes)}",
            Safety.COSTLY,
            "new replicas have no data until each node ran `nodetool repair --full`",
            (ddl.alter_keyspace(live.name, replication, durable_writes),),
            keyspace=live.name,
        )
    ]


def _replicated_so(live: LiveKeyspace, replication: Mapping[str, Any]) -> bool:
    options = {str(key): str(value) for key, value in replication.items()}
    wanted, there = replication_strategy(options), live.replication
    if wanted == there:
        return True
    if there is None or wanted.name != there.name or wanted.name != "NetworkTopologyStrategy":
        return False
    # The servers put in the data centres for a factor that is for each of them.
    default = options.pop("replication_factor", None)
    return default is not None and all(
        factor == options.get(datacenter, default)
        for datacenter, factor in there.options_map.items()
    )


# --- what no model is of ---------------------------------------------------------------------


def _extras(
    live: LiveKeyspace, known: Collection[str], known_types: Collection[str]
) -> list[Difference]:
    found = []
    for name, view in live.views.items():
        if name not in known and not is_of_index(view, live):
            found.append(
                _extra(
                    *(Kind.VIEW_EXTRA, live.name, name, "a materialized view"),
                    *("queries of it fail then", ddl.drop_view(live.name, name)),
                    view.base_table_name,
                )
            )
    for name in live.tables:
        if name not in known:
            found.append(
                _extra(
                    *(Kind.TABLE_EXTRA, live.name, name, "a table"),
                    *("its rows are lost", ddl.drop_table(live.name, name)),
                )
            )
    for name in reversed([each.name for each in types_in_order(live.user_types)]):
        if name not in known_types:
            found.append(
                _extra(
                    *(Kind.TYPE_EXTRA, live.name, name, "a user type"),
                    *("tables that use it are in the way", ddl.drop_type(live.name, name)),
                )
            )
    return found


def _extra(
    kind: Kind,
    keyspace: str,
    name: str,
    what: str,
    why: str,
    statement: str,
    table: str | None = None,
) -> Difference:
    named = ddl.name_of_type if kind is Kind.TYPE_EXTRA else ddl.name_of
    target = named(keyspace, name)
    way_out = "if it is of a model that was not given, give it"
    if kind is Kind.TABLE_EXTRA:
        way_out += f'; if a model has another name now, keep the table by __table_name__ = "{name}"'
    return Difference(
        *(kind, target, f"{target} is {what} of no model", Safety.DESTRUCTIVE, why),
        *((statement,), way_out, keyspace),
        table=table,
        name=name,
    )
