"""What the server says of its schema, and what the driver makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from cql_driver.metadata import KeyspaceMetadata

KEYSPACES = (
    "Mixed",
    "changed",
    "columns",
    "compact",
    "details",
    "functions",
    "indexes",
    "masks",
    "options",
    "random",
    "simple",
    "table",
    "transient",
    "triggers",
    "udts",
    "views",
)
"""Those that the script leaves behind."""
SYSTEM = ("system", "system_auth", "system_distributed", "system_schema", "system_traces")
VIRTUAL = ("system_views", "system_virtual_schema")
MAPPINGS = {
    "table": "tables",
    "materialized_view": "views",
    "index": "indexes",
    "type": "user_types",
    "function": "functions",
    "aggregate": "aggregates",
}
"""The mapping of `KeyspaceMetadata` by the kind of entity that DESCRIBE tells."""


class Described(NamedTuple):
    """A row of DESCRIBE: the kind of an entity, its name as CQL, and its statement."""

    kind: str
    name: str
    statement: str


def described(session: Session, keyspace: str) -> list[Described]:
    """What the server prints for a keyspace, in its order."""
    rows = session.execute(f'DESCRIBE KEYSPACE "{keyspace}"')
    return [Described(row["type"], row["name"], row["create_statement"]) for row in rows]


def keyspace_of(session: Session, name: str) -> KeyspaceMetadata:
    """What the driver knows of a keyspace."""
    return session.cluster.metadata.keyspaces[name]


def entity(keyspace: KeyspaceMetadata, row: Described) -> Any:
    """The driver's object of what a row of DESCRIBE stands for."""
    if row.kind == "keyspace":
        return keyspace
    found = getattr(keyspace, MAPPINGS[row.kind])
    if row.kind in ("function", "aggregate"):
        by_name = {_squeezed(signature): value for signature, value in found.items()}
        return by_name[_squeezed(row.name.replace('""', "\0").replace('"', "").replace("\0", '"'))]
    return found[row.name[1:-1].replace('""', '"') if row.name.startswith('"') else row.name]


def _squeezed(signature: str) -> str:
    """A signature without white space, and its arguments without the outermost ``frozen``."""
    name, _, arguments = signature.replace(" ", "").partition("(")
    parts, depth = [""], 0
    for char in arguments[:-1]:
        depth += (char == "<") - (char == ">")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    thawed = [p[7:-1] if p.startswith("frozen<") else p for p in parts]
    return f"{name}({','.join(thawed)})"
