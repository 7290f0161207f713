"""In what a table is not what models say, its indexes and views aside."""

from __future__ import annotations

from cql_protocol.identifiers import protect_name, protect_names
from cqlengine.schema import ddl
from cqlengine.schema.differences import Difference, Kind, Safety
from cqlengine.schema.normal import normal_type
from cqlengine.schema.options import changed_options, option_cql

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cql_driver.metadata.schema import (
        ColumnMetadata,
        MaterializedViewMetadata,
        TableMetadata,
    )

    Relation = TableMetadata | MaterializedViewMetadata

__all__ = ["compare_options", "compare_table", "key_of", "order_of"]

_FIXED = "servers never change it in a table that exists"
_NEW_TABLE = "make a table of another name with it (__table_name__), and copy the rows"


def compare_table(
    wanted: TableMetadata, live: TableMetadata | None, views: Sequence[str] = ()
) -> list[Difference]:
    """Return what differs; `live` is None where there is no such table.

    `views` are the views of it that stay: a table that has any loses no columns.
    """
    if live is None:
        target = ddl.name_of(wanted.keyspace_name, wanted.name)
        what = f"there is no table {target}"
        create = ddl.create_table(wanted)
        return [_difference(Kind.TABLE_MISSING, wanted, what, Safety.SAFE, "it is new", create)]
    found = _compare_key(wanted, live)
    for name, column in wanted.columns.items():
        there = live.columns.get(name)
        if there is not None:
            found += _compare_column(wanted, column, there)
        elif column not in wanted.primary_key:
            found.append(_missing(wanted, live, column))
    keys = {column.name for column in live.primary_key}
    for name, there in live.columns.items():
        if name not in wanted.columns and name not in keys:
            found.append(_extra(wanted, live, there, views))
    return found + compare_options(wanted, live)


# --- keys --------------------------------------------------------------------------------------


def key_of(table: Relation) -> str:
    """Return the primary key as it stands in CQL: ``((a, b), c)`` or ``(a, b)``."""
    first = ", ".join(_names(table.partition_key))
    if len(table.partition_key) > 1:
        first = f"({first})"
    return f"({', '.join([first, *_names(table.clustering_key)])})"


def order_of(table: Relation) -> str:
    """Return the clustering order as it stands in CQL: ``(a DESC, b ASC)``."""
    parts = [
        f"{protect_name(column.name)} {'DESC' if column.is_reversed else 'ASC'}"
        for column in table.clustering_key
    ]
    return f"({', '.join(parts)})"


def _names(columns: Iterable[ColumnMetadata]) -> list[str]:
    return protect_names(column.name for column in columns)


def _compare_key(wanted: TableMetadata, live: TableMetadata) -> list[Difference]:
    if key_of(wanted) != key_of(live):
        return [_key_changed(wanted, live)]
    if order_of(wanted) == order_of(live):
        return []
    what = f"its clustering order is {order_of(live)}, not {order_of(wanted)}"
    way_out = (
        f"{_NEW_TABLE}; or keep the order in the model, and say order_by in the queries: a "
        "partition is read in both directions"
    )
    return [
        _difference(
            *(Kind.ORDER_CHANGED, wanted, what, Safety.REFUSED, _FIXED, None, way_out),
        )
    ]


def _key_changed(wanted: TableMetadata, live: TableMetadata) -> Difference:
    what = f"its primary key is {key_of(live)}, not {key_of(wanted)}"
    way_out = _NEW_TABLE
    pairs = [
        (there.name, column.name)
        for there, column in zip(live.primary_key, wanted.primary_key, strict=False)
        if there.name != column.name
        and normal_type(there.cql_type) == normal_type(column.cql_type)
        and column.name not in live.columns
        and there.name not in wanted.columns
    ]
    if pairs and _sizes(wanted) == _sizes(live):
        names = " and ".join(f'db_field="{old}" for {protect_name(new)}' for old, new in pairs)
        way_out = f"if only a name changed, keep the old one in the table: {names}; else {way_out}"
    return _difference(Kind.KEY_CHANGED, wanted, what, Safety.REFUSED, _FIXED, None, way_out)


def _sizes(table: TableMetadata) -> tuple[int, int]:
    return len(table.partition_key), len(table.clustering_key)


# --- columns -------------------------------------------------------------------------------------


def _compare_column(
    wanted: TableMetadata, column: ColumnMetadata, live: ColumnMetadata
) -> list[Difference]:
    found = []
    name = protect_name(column.name)
    kind, before = normal_type(column.cql_type), normal_type(live.cql_type)
    if kind != before:
        way_out = f"add a column of another name with type {kind}, copy the values, drop {name}"
        if column in wanted.primary_key:
            way_out = _NEW_TABLE
        found.append(
            _difference(
                Kind.COLUMN_CHANGED,
                wanted,
                f"its column {name} is a {before}, not a {kind}",
                Safety.REFUSED,
                "servers since Cassandra 3.10 never change the type of a column",
                None,
                way_out,
                column.name,
            )
        )
    if column.is_static != live.is_static:
        has = "static" if live.is_static else "not static"
        what = f"its column {name} is {has}, unlike in the model"
        found.append(
            _difference(
                *(Kind.STATIC_CHANGED, wanted, what, Safety.REFUSED, _FIXED, None),
                *("add a column of another name, copy the values, drop this one", column.name),
            )
        )
    return found


def _missing(wanted: TableMetadata, live: TableMetadata, column: ColumnMetadata) -> Difference:
    name = protect_name(column.name)
    what = f"it has no column {name}"
    why = "rows that are there have null in it"
    kind = normal_type(column.cql_type)
    alike = [
        protect_name(there.name)
        for there in live.columns.values()
        if there.name not in wanted.columns and normal_type(there.cql_type) == kind
    ]
    if alike:
        why += f"; if {name} is {' or '.join(alike)} under another name, give it that db_field"
    return _difference(
        Kind.COLUMN_MISSING,
        wanted,
        what,
        Safety.SAFE,
        why,
        ddl.add_column(column),
        "",
        column.name,
    )


def _extra(
    wanted: TableMetadata, live: TableMetadata, column: ColumnMetadata, views: Sequence[str]
) -> Difference:
    name = protect_name(column.name)
    what = f"its column {name} is not in the model"
    if views:
        return _difference(
            Kind.COLUMN_EXTRA,
            wanted,
            what,
            Safety.REFUSED,
            "servers drop no columns of a table that has views",
            None,
            f"leave it; or drop the views first: {', '.join(protect_names(views))}",
            column.name,
        )
    return _difference(
        Kind.COLUMN_EXTRA,
        wanted,
        what,
        Safety.DESTRUCTIVE,
        "what is in it is lost",
        ddl.drop_column(wanted.keyspace_name, wanted.name, column.name),
        "if another program uses it, leave it: models need not have all columns",
        column.name,
    )


# --- options -------------------------------------------------------------------------------------


def compare_options(wanted: Relation, live: Relation) -> list[Difference]:
    """Return what gives a table or view the options that it lacks, all at once."""
    changed = changed_options(wanted.options, live.options)
    if not changed:
        return []
    parts = [
        f"{option_cql(name, live.options.get(name))}, not {option_cql(name, value)}"
        for name, value in sorted(changed.items())
    ]
    why = "data that is there stays, what is written from now on follows the options"
    if "cdc" in changed and live.options.get("cdc") is None:
        why += "; Cassandra keeps cdc only where cdc_enabled is true in cassandra.yaml"
    return [
        _difference(
            Kind.OPTION_CHANGED,
            wanted,
            f"it has {'; '.join(parts)}",
            Safety.SAFE,
            why,
            ddl.alter_options(wanted, changed),
        )
    ]


def _difference(
    kind: Kind,
    table: Relation,
    what: str,
    safety: Safety,
    why: str,
    statement: str | None = None,
    way_out: str = "",
    column: str | None = None,
) -> Difference:
    target = ddl.name_of(table.keyspace_name, table.name)
    if kind is not Kind.TABLE_MISSING:
        what = f"{target}: {what}"
    return Difference(
        kind,
        target if column is None else f"{target}.{protect_name(column)}",
        what,
        safety,
        why,
        () if statement is None else (statement,),
        way_out,
        table.keyspace_name,
        None if column is None else table.name,
        table.name if column is None else column,
    )
