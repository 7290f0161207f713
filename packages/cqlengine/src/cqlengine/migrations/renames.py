"""Names that have changed: those that CQL can change, and those that only look as if.

``ALTER TABLE … RENAME`` is for columns of the primary key alone. Of any other column that is
gone, while one of the same type is new, nobody but its author can say whether it is the same;
to drop the one and add the other would lose what is in it.
"""

from __future__ import annotations

from copy import copy

from cql_driver.metadata.schema import KeyspaceContents
from cql_protocol.identifiers import escape_name, protect_name
from cqlengine.migrations.errors import MigrationError
from cqlengine.migrations.steps import Effect, Problem, Step
from cqlengine.schema.compare_indexes import column_of
from cqlengine.schema.ddl import name_of
from cqlengine.schema.differences import Kind
from cqlengine.schema.live import LiveKeyspace
from cqlengine.schema.normal import normal_type

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cql_driver.metadata.schema import ColumnMetadata, TableMetadata
    from cqlengine.schema.differences import Difference
    from cqlengine.schema.wanted import WantedTable

__all__ = ["Rename", "parse_renames", "rename_keys", "split_suspected"]

Rename = tuple[str, str, str]
"""The table, the column's name until now, and its name in the models."""


def parse_renames(given: Mapping[str, str] | None) -> tuple[Rename, ...]:
    """Return renames that are given as ``{"table.old": "new"}``."""
    found = []
    for place, new in (given or {}).items():
        table, dot, old = place.partition(".")
        if not (table and dot and old and new):
            raise MigrationError(f'renames={{{place!r}: {new!r}}}: say {{"table.old": "new"}}')
        found.append((table, old, new))
    return tuple(found)


# --- keys that are renamed -----------------------------------------------------------------------


def rename_keys(
    renames: Iterable[Rename], live: LiveKeyspace
) -> tuple[LiveKeyspace, list[Step], list[Problem]]:
    """Return the keyspace as it is once the columns are renamed, and the steps for that.

    A rename that is in effect already is no step, so that the same command can be run again.
    """
    steps: list[Step] = []
    problems: list[Problem] = []
    for table_name, old, new in renames:
        table = live.tables.get(table_name)
        if table is not None and old not in table.columns and new in table.columns:
            continue
        target = f"{name_of(live.name, table_name)}.{protect_name(old)}"
        obstacle = _obstacle(table, old, new)
        if obstacle is not None:
            problems.append(Problem(target, *obstacle))
            continue
        assert table is not None
        steps.append(_rename_step(live.name, table_name, old, new, len(steps) + 1))
        live = _with_table(live, _renamed(table, old, new))
    return live, steps, problems


_KEYS_ONLY = (
    "CQL renames columns of the primary key only",
    "keep the name in the table by db_field; or add the new column, copy the values, drop the old",
)


def _obstacle(table: TableMetadata | None, old: str, new: str) -> tuple[str, str] | None:
    """Return the reason for which a column cannot be renamed, and the way out."""
    if table is None:
        return "there is no such table", "leave the rename out, or correct its name"
    if old not in table.columns:
        return "there is no such column", "leave the rename out, or correct its name"
    if new in table.columns:
        return f"there is a column {protect_name(new)} already", "choose another name"
    if table.columns[old] not in table.primary_key:
        return _KEYS_ONLY
    if indexes := [
        protect_name(name) for name, index in table.indexes.items() if column_of(index) == old
    ]:
        return (
            f"the column has indexes, with which servers do not rename it: {', '.join(indexes)}",
            "keep the name in the table by db_field; or drop the indexes first",
        )
    if table.views:
        reason = f"the table has views: {', '.join(sorted(table.views))}"
        return reason, "keep the name in the table by db_field; or drop the views first"
    return None


def _rename_step(keyspace: str, table: str, old: str, new: str, number: int) -> Step:
    name = name_of(keyspace, table)
    return Step(
        number=number,
        kind="rename column",
        target=f"{name}.{protect_name(old)}",
        unit=f"table {table}",
        cql=f"ALTER TABLE {name} RENAME {escape_name(old)} TO {escape_name(new)}",
        reason=f"the models call it {protect_name(new)}, and the rename was asked for",
        safety="costly",
        why="no data is lost, but programs that know the old name fail from then on: stop them "
        "before",
        effect=Effect("column", table, new, True),
    )


def _renamed(table: TableMetadata, old: str, new: str) -> TableMetadata:
    other = copy(table)
    columns: dict[str, ColumnMetadata] = {}
    for column in table.columns.values():
        made = copy(column)
        made.table = other
        made.name = new if column.name == old else column.name
        columns[made.name] = made
    other.columns = columns
    for attribute in ("partition_key", "clustering_key"):
        names = [new if key.name == old else key.name for key in getattr(table, attribute)]
        setattr(other, attribute, [columns[name] for name in names])
    return other


def _with_table(live: LiveKeyspace, table: TableMetadata) -> LiveKeyspace:
    contents = live.contents
    return LiveKeyspace(
        live.name,
        live.replication,
        live.durable_writes,
        KeyspaceContents(
            {**contents.tables, table.name: table}, contents.views, contents.user_types
        ),
        live.options,
    )


# --- columns that look renamed -------------------------------------------------------------------


def split_suspected(
    differences: Sequence[Difference],
    wanted: Mapping[str, WantedTable],
    live: LiveKeyspace,
    not_renamed: Iterable[str],
) -> tuple[list[Difference], list[Problem]]:
    """Take out what looks like a column under another name; return the rest, and problems."""
    known = set(not_renamed)
    rest = list(differences)
    problems = []
    for gone in differences:
        if gone.kind is not Kind.COLUMN_EXTRA or f"{gone.table}.{gone.name}" in known:
            continue
        before = live.tables[str(gone.table)].columns[gone.name]
        alike = [new for new in rest if _may_be(new, before, wanted)]
        if alike:
            rest = [each for each in rest if each is not gone and each not in alike]
            problems.append(_suspicion(gone, [new.name for new in alike]))
    return rest, problems


def _may_be(new: Difference, before: ColumnMetadata, wanted: Mapping[str, WantedTable]) -> bool:
    if new.kind is not Kind.COLUMN_MISSING or new.table != before.table.name:
        return False
    column = wanted[new.table].table.columns[new.name]
    same_type = normal_type(column.cql_type) == normal_type(before.cql_type)
    return same_type and column.is_static == before.is_static


def _suspicion(gone: Difference, names: list[str]) -> Problem:
    shown = " or ".join(map(protect_name, names))
    old = protect_name(gone.name)
    return Problem(
        gone.target,
        f"the models have no {old}, but {shown} of the same type, which is new: that looks like "
        "another name, and CQL renames columns of the primary key only; to drop the one and add "
        "the other would lose the values",
        f'keep the name in the table by db_field="{gone.name}"; or have both columns in the model '
        "for a while: add the new one, copy the values, and drop the old one in a later "
        f"migration; if it is no rename, say so: --not-renamed {gone.table}.{gone.name}",
    )
