"""What cannot be planned, and why: what the comparison refuses, and what a server would refuse."""

from __future__ import annotations

from cql_protocol.identifiers import protect_name
from cqlengine.migrations.steps import Problem
from cqlengine.schema.differences import Kind
from cqlengine.schema.normal import normal_type

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cqlengine.schema.differences import Difference
    from cqlengine.schema.live import LiveKeyspace
    from cqlengine.schema.wanted import WantedTable

    Dropped = Mapping[tuple[str, str], tuple[str, str | None]]

__all__ = ["split_impossible"]


def split_impossible(
    differences: Sequence[Difference],
    wanted: Mapping[str, WantedTable],
    live: LiveKeyspace,
    dropped: Dropped,
) -> tuple[list[Difference], list[Problem]]:
    """Return the differences that can be carried out, and the others as problems.

    `dropped` are columns that were dropped once, with their type and kind (None if the server
    does not tell), by table and name.
    """
    rest: list[Difference] = []
    problems: list[Problem] = []
    going = {found.name for found in differences if found.kind is Kind.VIEW_EXTRA}
    for found in differences:
        problem = None
        if found.is_refused:
            problem = _refused(found)
        elif found.kind is Kind.COLUMN_MISSING:
            problem = _counters(found, wanted, live) or _back_again(found, wanted, dropped)
        elif found.kind is Kind.COLUMN_EXTRA:
            problem = _under_views(found, live, going)
        if problem is None:
            rest.append(found)
        else:
            problems.append(problem)
    return rest, problems


def _refused(found: Difference) -> Problem:
    way_out = found.way_out
    if found.kind is Kind.KEY_CHANGED:
        way_out += f"; a column of the key can be renamed: --rename {found.name}.OLD=NEW"
    return Problem(found.target, f"{found.what}: {found.why}", way_out)


def _back_again(
    found: Difference, wanted: Mapping[str, WantedTable], dropped: Dropped
) -> Problem | None:
    """Refuse a column that was there before with another type, as servers do.

    What is left of it in the files could not be read any more.
    """
    before = dropped.get((str(found.table), found.name))
    if before is None:
        return None
    column = wanted[str(found.table)].table.columns[found.name]
    kind, was = normal_type(column.cql_type), normal_type(before[0])
    # Of a dropped column a server keeps user types as tuples: whether they fit is its own to say.
    if "tuple<" in was and "tuple<" not in kind:
        return None
    if _reads(kind, was):
        kind = was
    # ScyllaDB does not tell whether it was static.
    was_static = column.is_static if before[1] is None else before[1] == "static"
    if kind == was and column.is_static == was_static and kind != "counter":
        return None
    shown = f"static {was}" if was_static else was
    return Problem(
        found.target,
        f"a column of this name was dropped once, a {shown}, and servers take it back only as "
        "that, and no counter at all",
        f'give the column another name in the table, by db_field="{found.name}_2" for instance',
    )


_READS = frozenset(
    (
        ("ascii", "blob"),
        ("ascii", "text"),
        ("bigint", "timestamp"),
        ("duration", "blob"),
        ("text", "blob"),
        ("timestamp", "bigint"),
        ("timeuuid", "uuid"),
    )
)
"""Types before, and those that read the same bytes: Cassandra 5.0 takes such columns back."""


def _reads(kind: str, was: str) -> bool:
    for word in ("list<", "set<"):
        if kind.startswith(word) and was.startswith(word):
            return (was[len(word) : -1], kind[len(word) : -1]) in _READS
    return (was, kind) in _READS


def _counters(
    found: Difference, wanted: Mapping[str, WantedTable], live: LiveKeyspace
) -> Problem | None:
    """Refuse a counter in a table that has other columns, and others in one of counters."""
    there = live.tables[str(found.table)]
    others = [column for column in there.columns.values() if column not in there.primary_key]
    is_counter = wanted[str(found.table)].table.columns[found.name].cql_type == "counter"
    if not others or all((column.cql_type == "counter") == is_counter for column in others):
        return None
    names = ", ".join(protect_name(column.name) for column in others)
    kind = "no counters" if is_counter else "counters"
    return Problem(
        found.target,
        f"{found.what}, and servers keep counters and other columns in tables apart: it has "
        f"{kind}, {names}",
        "make a table of another name for it (__table_name__ of another model)",
    )


def _under_views(found: Difference, live: LiveKeyspace, going: set[str]) -> Problem | None:
    """Refuse to drop a column of a table that has views which no model is of, and which stay."""
    views = sorted(live.tables[str(found.table)].views.keys() - going)
    if not views:
        return None
    return Problem(
        found.target,
        f"{found.what}, and servers drop no columns of a table that has views: "
        f"{', '.join(map(protect_name, views))}",
        "leave the column in the model; or drop the views first (with complete=True, --complete, "
        "those that no model is of)",
    )
