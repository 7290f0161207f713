"""Entities of a schema as CQL, in the words of DESCRIBE of Cassandra 5.0.

Statements are made as a list of lines, which stand below each other when they are formatted.
Names are quoted if any version of a server needs it.
"""

from __future__ import annotations

import re

from cql_driver.metadata.schema import (
    Aggregate,
    Function,
    IndexMetadata,
    KeyspaceMetadata,
    MaterializedViewMetadata,
    TableMetadata,
    TriggerMetadata,
    UserType,
)
from cql_protocol.identifiers import protect_name, protect_type_name, protect_value, quote_text
from cql_protocol.types.tables import TYPES_BY_NAME

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from cql_driver.metadata.schema import ColumnMetadata, _Entity

__all__ = ["RegisteredTableExtension", "in_order", "script", "statement"]

_EXTENSIONS: dict[str, type[RegisteredTableExtension]] = {}


class RegisteredTableExtension:
    """Base of what turns an extension of tables into CQL: a class with its name."""

    name: str | None = None
    """The key of the extension in `TableMetadata.extensions`."""

    def __init_subclass__(cls) -> None:
        if cls.name is not None:
            _EXTENSIONS[cls.name] = cls

    @classmethod
    def after_table_cql(cls, table_meta: Any, ext_key: str, ext_blob: bytes) -> str:
        """Return the statements to put behind those of a table or view; empty for none."""
        return ""


def statement(entity: _Entity, formatted: bool) -> str:
    """Return what `_Entity.as_cql_query` promises."""
    lines = next(_WRITERS[kind] for kind in type(entity).__mro__ if kind in _WRITERS)(entity)
    if formatted:
        return "\n".join(lines)
    return (" " if lines[0] != "/*" else "\n").join([line.lstrip() for line in lines])


def script(entity: _Entity) -> str:
    """Return what `_Entity.export_as_string` promises."""
    if isinstance(entity, KeyspaceMetadata):
        return "\n\n".join(_keyspace_script(entity))
    return "\n".join(filter(None, map(_ended, _with_parts(entity))))


def _ended(entity: _Entity | str) -> str:
    text = entity if isinstance(entity, str) else statement(entity, True) + ";"
    return text.removesuffix(";") if text.endswith("*/;") else text


def _with_parts(entity: Any) -> Iterator[_Entity | str]:
    yield entity
    is_table = isinstance(entity, TableMetadata)
    if is_table:
        yield from _sorted(entity.indexes) + _sorted(entity.triggers)
    for key, blob in getattr(entity, "extensions", {}).items():
        if key in _EXTENSIONS:
            yield _EXTENSIONS[key].after_table_cql(entity, key, blob)
    if is_table:
        # ScyllaDB shows the views that its indexes consist of, which come with the index.
        shown = () if "additional_write_policy" in entity.options else entity.indexes
        for view in _sorted(entity.views):
            if not view.name.endswith("_index") or view.name[:-6] not in shown:
                yield from _with_parts(view)


def _keyspace_script(keyspace: KeyspaceMetadata) -> Iterator[str]:
    contents = keyspace.contents
    yield _ended(keyspace)
    for problem in contents.problems:
        yield "\n".join(_comment(f"Warning: {problem}"))
    lost = {
        name: view
        for name, view in contents.views.items()
        if view.base_table_name not in contents.tables
    }
    for found in (
        in_order(contents.user_types),
        *map(_sorted, (contents.functions, contents.aggregates, contents.tables, lost)),
    ):
        for entity in found:
            yield script(entity)


def _sorted(entities: Mapping[str, Any]) -> list[Any]:
    return [entities[name] for name in sorted(entities, key=lambda name: (name.lower(), name))]


_names_in = re.compile(r"""'[^']*'|"((?:[^"]|"")+)"|(\w+)""").findall


def in_order(user_types: Mapping[str, UserType]) -> list[UserType]:
    """Return the types by name, but each after those it uses."""
    found: dict[str, UserType] = {}
    begun: set[str] = set()

    def add(name: str) -> None:
        if name in user_types and name not in begun:
            begun.add(name)
            for text in user_types[name].field_types:
                for quoted, word in _names_in(text):
                    add(quoted.replace('""', '"') or word)
            found[name] = user_types[name]

    for name in sorted(user_types):
        add(name)
    return list(found.values())


def _comment(*lines: str) -> list[str]:
    return ["/*", *[line.replace("*/", "* /") for line in lines], "*/"]


def _virtual(kind: str, name: str) -> tuple[str, str]:
    return (
        f"Warning: {kind} {name} is a virtual {kind.lower()} and cannot be recreated with CQL.",
        "Structure, for reference:",
    )


def _dotted(keyspace: str, name: str) -> str:
    return f"{protect_name(keyspace)}.{protect_name(name)}"


def _lines(first: str, *others: str | None) -> list[str]:
    return [first, *[f"    {line}" for line in others if line]]


def _listed(first: str, parts: Sequence[str]) -> list[str]:
    return _lines(first, *[f"{part}," for part in parts[:-1]], *parts[-1:])


def _keyspace(keyspace: KeyspaceMetadata) -> list[str]:
    name = protect_name(keyspace.name)
    if keyspace.virtual:
        return _comment(*_virtual("Keyspace", name), f"VIRTUAL KEYSPACE {name};")
    strategy, graph = keyspace.replication_strategy, keyspace.graph_engine
    replication = "{}" if strategy is None else strategy.export_for_schema()
    text = f"CREATE KEYSPACE {name} WITH replication = {replication}"
    text += f" AND durable_writes = {protect_value(keyspace.durable_writes)}"
    return [text if graph is None else f"{text} AND graph_engine = {quote_text(graph)}"]


def _user_type(found: UserType) -> list[str]:
    name = f"{protect_name(found.keyspace)}.{protect_type_name(found.name)}"
    fields = [
        f"{protect_name(field)} {kind}"
        for field, kind in zip(found.field_names, found.field_types, strict=True)
    ]
    return [*_listed(f"CREATE TYPE {name} (", fields), ")"]


def _thawed(kind: str) -> str:
    """Leave out the outermost ``frozen``, which types of functions are not written with."""
    return kind[7:-1] if kind.startswith("frozen<") else kind


def _function(found: Function) -> list[str]:
    arguments = ", ".join(
        f"{protect_name(name)} {_thawed(kind)}"
        for name, kind in zip(found.argument_names, found.argument_types, strict=True)
    )
    monotonic_on = "".join(map(protect_name, found.monotonic_on[:1]))
    body = found.body
    return _lines(
        f"CREATE FUNCTION {_dotted(found.keyspace, found.name)}({arguments})",
        f"{'CALLED' if found.called_on_null_input else 'RETURNS NULL'} ON NULL INPUT",
        f"RETURNS {_thawed(found.return_type)}",
        "DETERMINISTIC" if found.deterministic else None,
        "MONOTONIC" if found.monotonic else monotonic_on and f"MONOTONIC ON {monotonic_on}",
        f"LANGUAGE {found.language}",
        f"AS {quote_text(body) if '$$' in f'{body}$' else f'$${body}$$'}",
    )


def _aggregate(found: Aggregate) -> list[str]:
    arguments = ", ".join(map(_thawed, found.argument_types))
    return _lines(
        f"CREATE AGGREGATE {_dotted(found.keyspace, found.name)}({arguments})",
        f"SFUNC {protect_name(found.state_func)}",
        f"STYPE {_thawed(found.state_type)}",
        found.final_func and f"FINALFUNC {protect_name(found.final_func)}",
        found.initial_condition and f"INITCOND {found.initial_condition}",
        "DETERMINISTIC" if found.deterministic else None,
    )


def _index(found: IndexMetadata) -> list[str]:
    options = dict(found.index_options)
    target = _target(options.pop("target", ""))
    custom = found.kind == "CUSTOM"
    text = f"CREATE {'CUSTOM ' if custom else ''}INDEX {protect_name(found.name)} "
    text += f"ON {_dotted(found.keyspace_name, found.table_name)} ({target})"
    if custom:
        text += f" USING {quote_text(options.pop('class_name', ''))}"
        if options:
            text += f" WITH OPTIONS = {_map(options)}"
    return [text]


def _target(text: str) -> str:
    """Return what is indexed. Of a local index ScyllaDB tells it in JSON."""
    if not text.startswith("{"):
        return text
    import json

    found = json.loads(text)
    names = [", ".join(map(protect_name, found.get(part, ()))) for part in ("pk", "ck")]
    return f"({names[0]}), {names[1]}"


def _trigger(found: TriggerMetadata) -> list[str]:
    table = _dotted(found.table.keyspace_name, found.table.name)
    kind = quote_text(found.options.get("class", ""))
    return [f"CREATE TRIGGER {protect_name(found.name)} ON {table} USING {kind}"]


def _table(table: TableMetadata) -> list[str]:
    name = _dotted(table.keyspace_name, table.name)
    alone = len(table.primary_key) == 1 and not table.is_compact_storage
    parts = [_column(column, alone) for column in _in_create_order(table)]
    if not alone:
        parts.append(_primary_key(table))
    head = f"{'VIRTUAL' if table.virtual else 'CREATE'} TABLE {name} ("
    return _doubted(table, _listed(head, parts) + _with(table, ")"))


def _view(view: MaterializedViewMetadata) -> list[str]:
    lines = _lines(
        f"CREATE MATERIALIZED VIEW {_dotted(view.keyspace_name, view.name)} AS",
        f"SELECT {'*' if view.include_all_columns else _names(view.columns.values())}",
        f"FROM {_dotted(view.keyspace_name, view.base_table_name)}",
        f"WHERE {view.where_clause}",
        _primary_key(view),
    )
    return _doubted(view, lines + _with(view, ""))


def _doubted(table: TableMetadata | MaterializedViewMetadata, lines: list[str]) -> list[str]:
    """Put what cannot be created, or would not be the same then, into a comment."""
    name = _dotted(table.keyspace_name, table.name)
    why = table.problem
    if not getattr(table, "is_cql_compatible", True):
        why = "it has constructs not compatible with CQL (was created via legacy API)"
    head: Sequence[str] = (
        f"Warning: Table {name} omitted because {why}.",
        "Approximate structure, for reference:",
        "(this should not be used to reproduce this schema)",
        "",
    )
    if why is None:
        if not getattr(table, "virtual", False):
            return lines
        head = _virtual("Table", name)
    return _comment(*head, *lines[:-1], lines[-1] + ";")


def _in_create_order(table: TableMetadata) -> list[ColumnMetadata]:
    """Return the columns as DESCRIBE orders them: keys, static ones, those of one cell."""
    key = {column.name for column in table.primary_key}
    others = [column for name, column in table.columns.items() if name not in key]
    return table.primary_key + sorted(others, key=_place)


def _place(column: ColumnMetadata) -> tuple[bool, bool, bytes]:
    kind = column.cql_type
    word = kind.partition("<")[0]
    # What is left are collections and user types that are not frozen.
    one_cell = kind in TYPES_BY_NAME or kind[:1] == "'" or word in ("frozen", "tuple", "vector")
    name = column.name.encode()
    # The server compares prefixes of names as signed numbers.
    return not column.is_static, not one_cell, bytes(b ^ 0x80 for b in name[:1]) + name[1:]


_EMPTY = "'org.apache.cassandra.db.marshal.EmptyType'"


def _column(column: ColumnMetadata, is_key: bool) -> str:
    # What a dense table without values had is refused as `empty`.
    kind = _EMPTY if column.cql_type == "empty" else column.cql_type
    text = f"{protect_name(column.name)} {kind}"
    if column.is_static:
        text += " static"
    if column.mask is not None:
        text += f" MASKED WITH {column.mask}"
    return text + " PRIMARY KEY" if is_key and column in column.table.partition_key else text


def _primary_key(table: TableMetadata | MaterializedViewMetadata) -> str:
    first = _names(table.partition_key)
    first = f"({first})" if len(table.partition_key) > 1 else first
    return f"PRIMARY KEY ({', '.join(filter(None, (first, _names(table.clustering_key))))})"


def _names(columns: Iterable[ColumnMetadata]) -> str:
    return ", ".join([protect_name(column.name) for column in columns])


_DEFAULTS = {
    "allow_auto_snapshot": True,
    "cdc": False,
    "incremental_backups": True,
    "memtable": "default",
}
"""Options that are null in the server's tables while nobody set them."""


def _with(table: TableMetadata | MaterializedViewMetadata, before: str) -> list[str]:
    """Return the lines from WITH on, behind what stands `before` it."""
    parts = ["COMPACT STORAGE"] if getattr(table, "is_compact_storage", False) else []
    if table.clustering_key:
        order = ", ".join(
            f"{protect_name(column.name)} {'DESC' if column.is_reversed else 'ASC'}"
            for column in table.clustering_key
        )
        parts.append(f"CLUSTERING ORDER BY ({order})")
    options = dict(table.options)
    if "read_repair" in options:  # Cassandra 4.0 and later
        options["extensions"] = dict(table.extensions)
        options |= {"dclocal_read_repair_chance": None, "read_repair_chance": None}
    if isinstance(table, MaterializedViewMetadata):
        options["default_time_to_live"] = None
    for name, value in sorted(options.items()):
        found = _DEFAULTS.get(name) if value is None else value
        if found is not None:
            parts.append(f"{name} = {_option(found)}")
    if not parts:
        return [before] if before else []
    return _lines(f"{before} WITH {parts[0]}", *[f"AND {part}" for part in parts[1:]])


def _option(value: Any) -> str:
    if isinstance(value, float) and 0 < abs(value) < 0.001:
        from decimal import Decimal

        # As Java writes it: 1.0E-4
        mantissa, _, exponent = f"{Decimal(repr(value)):E}".partition("E")
        return f"{mantissa}{'' if '.' in mantissa else '.0'}E{exponent}"
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    return _map(value) if hasattr(value, "items") else protect_value(value)


def _map(options: Mapping[str, Any]) -> str:
    entries = [f"{quote_text(key)}: {_option(value)}" for key, value in sorted(options.items())]
    return f"{{{', '.join(entries)}}}"


_WRITERS: dict[type, Any] = {
    KeyspaceMetadata: _keyspace,
    UserType: _user_type,
    Function: _function,
    Aggregate: _aggregate,
    IndexMetadata: _index,
    TriggerMetadata: _trigger,
    TableMetadata: _table,
    MaterializedViewMetadata: _view,
}
