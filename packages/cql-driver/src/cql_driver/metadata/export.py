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
    from collections.abc import Iterator, Mapping, Sequence
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
    return "\n".join(_ended(part) for part in _with_parts(entity))


def _ended(entity: _Entity | str) -> str:
    if isinstance(entity, str):
        return entity
    text = statement(entity, True)
    return text if text.endswith("*/") else text + ";"


def _with_parts(entity: _Entity) -> Iterator[_Entity | str]:
    yield entity
    if isinstance(entity, TableMetadata):
        yield from _sorted(entity.indexes)
        yield from _sorted(entity.triggers)
    if isinstance(entity, TableMetadata | MaterializedViewMetadata):
        for key, blob in entity.extensions.items():
            hook = _EXTENSIONS.get(key)
            text = hook.after_table_cql(entity, key, blob) if hook else ""
            if text:
                yield text
    if isinstance(entity, TableMetadata):
        # ScyllaDB shows the views that its indexes consist of, which come with the index.
        shown = () if "additional_write_policy" in entity.options else entity.indexes
        for view in _sorted(entity.views):
            if not view.name.endswith("_index") or view.name[:-6] not in shown:
                yield from _with_parts(view)


def _keyspace_script(keyspace: KeyspaceMetadata) -> Iterator[str]:
    contents = keyspace.contents
    yield _ended(keyspace)
    for problem in contents.problems:
        yield "\n".join(_comment([f"Warning: {problem}"]))
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


def _comment(lines: Sequence[str]) -> list[str]:
    return ["/*", *[line.replace("*/", "* /") for line in lines], "*/"]


def _dotted(keyspace: str, name: str) -> str:
    return f"{protect_name(keyspace)}.{protect_name(name)}"


def _keyspace(keyspace: KeyspaceMetadata) -> list[str]:
    name = protect_name(keyspace.name)
    if keyspace.virtual:
        return _comment(
            [
                f"Warning: Keyspace {name} is a virtual keyspace and cannot be recreated with CQL.",
                "Structure, for reference:",
                f"VIRTUAL KEYSPACE {name};",
            ]
        )
    strategy = keyspace.replication_strategy
    replication = "{}" if strategy is None else strategy.export_for_schema()
    text = f"CREATE KEYSPACE {name} WITH replication = {replication}"
    text += f" AND durable_writes = {protect_value(keyspace.durable_writes)}"
    if keyspace.graph_engine is not None:
        text += f" AND graph_engine = {quote_text(keyspace.graph_engine)}"
    return [text]


def _user_type(found: UserType) -> list[str]:
    name = f"{protect_name(found.keyspace)}.{protect_type_name(found.name)}"
    fields = [
        f"    {protect_name(field)} {kind}"
        for field, kind in zip(found.field_names, found.field_types, strict=True)
    ]
    return [f"CREATE TYPE {name} (", *[f"{field}," for field in fields[:-1]], *fields[-1:], ")"]


def _thawed(kind: str) -> str:
    """Leave out the outermost ``frozen``, which types of functions are not written with."""
    return kind[7:-1] if kind.startswith("frozen<") else kind


def _function(found: Function) -> list[str]:
    arguments = ", ".join(
        f"{protect_name(name)} {_thawed(kind)}"
        for name, kind in zip(found.argument_names, found.argument_types, strict=True)
    )
    nulls = "CALLED" if found.called_on_null_input else "RETURNS NULL"
    extra = ["    DETERMINISTIC"] if found.deterministic else []
    if found.monotonic:
        extra.append("    MONOTONIC")
    elif found.monotonic_on:
        extra.append(f"    MONOTONIC ON {protect_name(found.monotonic_on[0])}")
    body = found.body
    return [
        f"CREATE FUNCTION {_dotted(found.keyspace, found.name)}({arguments})",
        f"    {nulls} ON NULL INPUT",
        f"    RETURNS {_thawed(found.return_type)}",
        *extra,
        f"    LANGUAGE {found.language}",
        f"    AS {quote_text(body) if '$$' in body else f'$${body}$$'}",
    ]


def _aggregate(found: Aggregate) -> list[str]:
    arguments = ", ".join(map(_thawed, found.argument_types))
    lines = [
        f"CREATE AGGREGATE {_dotted(found.keyspace, found.name)}({arguments})",
        f"    SFUNC {protect_name(found.state_func)}",
        f"    STYPE {_thawed(found.state_type)}",
    ]
    if found.final_func is not None:
        lines.append(f"    FINALFUNC {protect_name(found.final_func)}")
    if found.initial_condition is not None:
        lines.append(f"    INITCOND {found.initial_condition}")
    if found.deterministic:
        lines.append("    DETERMINISTIC")
    return lines


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
    lines = [f"{'VIRTUAL' if table.virtual else 'CREATE'} TABLE {name} ("]
    lines += [_column(column, alone) + "," for column in _in_create_order(table)]
    if alone:
        lines[-1] = lines[-1][:-1]
    else:
        lines.append(f"    {_primary_key(table)}")
    lines += _with(table, ")")
    if table.virtual:
        lines[-1] += ";"
        return _comment(
            [
                f"Warning: Table {name} is a virtual table and cannot be recreated with CQL.",
                "Structure, for reference:",
                *lines,
            ]
        )
    return _doubted(table, lines)


def _doubted(table: TableMetadata | MaterializedViewMetadata, lines: list[str]) -> list[str]:
    """Put a statement that would not make the same again into a comment."""
    why = table.problem
    if why is None and isinstance(table, TableMetadata) and not table.is_cql_compatible:
        why = "it has constructs not compatible with CQL (was created via legacy API)"
    if why is None:
        return lines
    name = _dotted(table.keyspace_name, table.name)
    return _comment(
        [
            f"Warning: Table {name} omitted because {why}.",
            "Approximate structure, for reference:",
            "(this should not be used to reproduce this schema)",
            "",
            *lines[:-1],
            lines[-1] + ";",
        ]
    )


def _view(view: MaterializedViewMetadata) -> list[str]:
    names = "*" if view.include_all_columns else ", ".join(map(protect_name, view.columns))
    lines = [
        f"CREATE MATERIALIZED VIEW {_dotted(view.keyspace_name, view.name)} AS",
        f"    SELECT {names}",
        f"    FROM {_dotted(view.keyspace_name, view.base_table_name)}",
        f"    WHERE {view.where_clause}",
        f"    {_primary_key(view)}",
        *_with(view, ""),
    ]
    return _doubted(view, lines)


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
    # As `empty`, what a dense table without values has is refused.
    kind = "'org.apache.cassandra.db.marshal.EmptyType'"
    text = (
        f"    {protect_name(column.name)} {kind if column.cql_type == 'empty' else column.cql_type}"
    )
    if column.is_static:
        text += " static"
    if column.mask is not None:
        text += f" MASKED WITH {column.mask}"
    return text + " PRIMARY KEY" if is_key and column in column.table.partition_key else text


def _primary_key(table: TableMetadata | MaterializedViewMetadata) -> str:
    names = [protect_name(column.name) for column in table.partition_key]
    first = f"({', '.join(names)})" if len(names) > 1 else "".join(names)
    return f"PRIMARY KEY ({', '.join([first, *_names(table.clustering_key)])})"


def _names(columns: Sequence[ColumnMetadata]) -> list[str]:
    return [protect_name(column.name) for column in columns]


_DEFAULTS = {
    "allow_auto_snapshot": True,
    "cdc": False,
    "incremental_backups": True,
    "memtable": "default",
}
"""Options that are null in the server's tables while nobody set them."""
_OBSOLETE = ("dclocal_read_repair_chance", "read_repair_chance")


def _with(table: TableMetadata | MaterializedViewMetadata, before: str) -> list[str]:
    """Return the lines from WITH on, behind what stands `before` it."""
    parts = []
    if isinstance(table, TableMetadata) and table.is_compact_storage:
        parts.append("COMPACT STORAGE")
    if table.clustering_key:
        order = ", ".join(
            f"{protect_name(column.name)} {'DESC' if column.is_reversed else 'ASC'}"
            for column in table.clustering_key
        )
        parts.append(f"CLUSTERING ORDER BY ({order})")
    options = dict(table.options)
    if "read_repair" in options:  # Cassandra 4.0 and later
        options["extensions"] = None
        for name in _OBSOLETE:
            options.pop(name, None)
    if isinstance(table, MaterializedViewMetadata):
        options.pop("default_time_to_live", None)
    for name, value in sorted(options.items()):
        if name == "extensions":
            blobs = [f"{quote_text(key)}: 0x{blob.hex()}" for key, blob in table.extensions.items()]
            parts.append(f"extensions = {{{', '.join(blobs)}}}")
        elif value is not None or name in _DEFAULTS:
            text = _option(_DEFAULTS[name] if value is None else value)
            parts.append(f"{name} = {text}")
    lines = [f"    AND {part}" for part in parts]
    lines[:1] = [f"{before} WITH {parts[0]}"] if parts else [before]
    return [line for line in lines if line]


def _option(value: Any) -> str:
    if isinstance(value, float) and 0 < abs(value) < 0.001:
        from decimal import Decimal

        # As Java writes it: 1.0E-4
        mantissa, _, exponent = f"{Decimal(repr(value)):E}".partition("E")
        return f"{mantissa}{'' if '.' in mantissa else '.0'}E{exponent}"
    return _map(value) if hasattr(value, "items") else protect_value(value)


def _map(options: Mapping[str, Any]) -> str:
    entries = [f"{quote_text(k)}: {quote_text(str(v))}" for k, v in sorted(options.items())]
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
