"""Which indexes a table lacks, and which it has that models do not."""

from __future__ import annotations

from types import MappingProxyType

from cql_driver.metadata.schema import IndexMetadata
from cql_protocol.identifiers import protect_name
from cqlengine.schema import ddl
from cqlengine.schema.differences import Difference, Kind, Safety
from cqlengine.schema.indexes import class_of_index
from cqlengine.schema.normal import normal_target, normal_type, unquoted
from cqlengine.schema.options import same_option

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cql_driver.metadata.schema import TableMetadata
    from cqlengine.schema.wanted import WantedTable

__all__ = ["column_of", "compare_indexes"]

_NONE: Mapping[str, IndexMetadata] = MappingProxyType({})


def compare_indexes(
    wanted: WantedTable, live: TableMetadata | None, taken: Mapping[str, IndexMetadata] = _NONE
) -> list[Difference]:
    """Return what differs; `live` is None where there is no table yet.

    An index is known by what it is of, and by its class; under which name does not matter.
    `taken` are all indexes of the keyspace, in which no two have the same name.
    """
    there = {} if live is None else dict(live.indexes)
    columns = wanted.table.columns if live is None else live.columns
    left: list[IndexMetadata] = []
    # Those of any class last, so that they do not take one away that another asks for.
    for index in sorted(wanted.indexes, key=lambda index: not class_of_index(index)):
        same = next((name for name, one in there.items() if _same(index, one, columns)), None)
        if same is None:
            left.append(index)
        else:
            del there[same]
    found = []
    for index in left:
        other = next(
            (
                name
                for name, one in there.items()
                if name == index.name
                or (column_of(one) not in wanted.left_alone and _in_place(index, one, columns))
            ),
            None,
        )
        if other is None and index.name in taken:
            found.append(_taken(index, taken[index.name]))
        elif other is None:
            found.append(_missing(index, is_new=live is None))
        else:
            found.append(_changed(index, there.pop(other)))
    for index in there.values():
        if column_of(index) not in wanted.left_alone:
            found.append(_extra(index))
    return found


def _target(index: IndexMetadata, columns: Mapping[str, object]) -> str:
    target = str(index.index_options.get("target", ""))
    column = columns.get(column_of(index))
    kind = getattr(column, "cql_type", None)
    return normal_target(target, None if kind is None else normal_type(kind))


def column_of(index: IndexMetadata) -> str:
    """Return the name of the column that an index is of."""
    target = str(index.index_options.get("target", ""))
    return unquoted(normal_target(target).partition("(")[2].removesuffix(")") or target)


def _same(wanted: IndexMetadata, live: IndexMetadata, columns: Mapping[str, object]) -> bool:
    """Say whether an index does what the wanted one is for."""
    if _target(wanted, columns) != _target(live, columns):
        return False
    kind = class_of_index(wanted)
    if not kind:
        return True  # whatever the server makes by itself, which may be configured to be SAI
    return kind == class_of_index(live) and all(
        same_option(name, value, live.index_options.get(name))
        for name, value in wanted.index_options.items()
        if name not in ("target", "class_name")
    )


def _in_place(wanted: IndexMetadata, live: IndexMetadata, columns: Mapping[str, object]) -> bool:
    """Say whether an index is of the same as the wanted one, but of another kind."""
    return _target(wanted, columns) == _target(live, columns)


def _described(index: IndexMetadata) -> str:
    kind = class_of_index(index)
    options = {
        name: value
        for name, value in sorted(index.index_options.items())
        if name not in ("target", "class_name")
    }
    text = f"{kind} index" if kind else "index"
    text += f" of {index.index_options.get('target')}"
    return f"{text} with {options}" if options else text


def _missing(index: IndexMetadata, is_new: bool) -> Difference:
    table = ddl.name_of(index.keyspace_name, index.table_name)
    why = "the table is new" if is_new else "it is built in the background from all rows"
    return _difference(
        Kind.INDEX_MISSING,
        index,
        f"{table} has no {_described(index)}",
        Safety.SAFE if is_new else Safety.COSTLY,
        why,
        (ddl.create_index(index),),
    )


def _taken(index: IndexMetadata, other: IndexMetadata) -> Difference:
    """Refuse a name that another table's index has: the server would make none, and not say so."""
    table = ddl.name_of(index.keyspace_name, index.table_name)
    name = protect_name(index.name)
    return _difference(
        Kind.INDEX_MISSING,
        index,
        f"{table} has no {_described(index)}",
        Safety.REFUSED,
        f"the name {name} is that of an index of {protect_name(other.table_name)}, and a keyspace "
        "has each name once",
        (),
        "give the index another name, or none; or drop the other one first: "
        f"{ddl.drop_index(other.keyspace_name, other.name)}",
    )


def _extra(index: IndexMetadata) -> Difference:
    table = ddl.name_of(index.keyspace_name, index.table_name)
    return _difference(
        Kind.INDEX_EXTRA,
        index,
        f"{table} has an {_described(index)}, {protect_name(index.name)}, of no model",
        Safety.DESTRUCTIVE,
        "queries that need it fail then",
        (ddl.drop_index(index.keyspace_name, index.name),),
        "if another program uses it, leave it: custom_index=True says so",
    )


def _changed(wanted: IndexMetadata, live: IndexMetadata) -> Difference:
    table = ddl.name_of(wanted.keyspace_name, wanted.table_name)
    return _difference(
        Kind.INDEX_CHANGED,
        live,
        f"{table} has an {_described(live)}, {protect_name(live.name)}, not an "
        f"{_described(wanted)}",
        Safety.DESTRUCTIVE,
        "queries that need it fail until the new one is built from all rows",
        (ddl.drop_index(live.keyspace_name, live.name), ddl.create_index(wanted)),
    )


def _difference(
    kind: Kind,
    index: IndexMetadata,
    what: str,
    safety: Safety,
    why: str,
    statements: tuple[str, ...],
    way_out: str = "",
) -> Difference:
    table = ddl.name_of(index.keyspace_name, index.table_name)
    name = index.name or str(index.index_options.get("target"))
    return Difference(
        kind,
        f"{table}({index.index_options.get('target')})",
        what,
        safety,
        why,
        statements,
        way_out,
        index.keyspace_name,
        index.table_name,
        name,
    )
