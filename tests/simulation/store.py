"""`Store`: the tables of a simulated cluster, shared by its nodes.

Every node sees every write at once: what consistency levels mean is not simulated, errors about
them are forged (`faults`). Cells are kept as they came, encoded.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from cql_protocol.errors import (
    AlreadyExists,
    ConfigurationException,
    DriverException,
    InvalidRequest,
)
from cql_protocol.messages import SchemaChange
from cql_protocol.types import INT, TEXT, CqlType
from cql_protocol.types.parse_cql import parse_cql_type
from tests.simulation.statements import Marker, Statement

__all__ = ["Key", "Keyspace", "Row", "Store", "Table", "Tables", "literal"]

Cell = bytes | None
Row = dict[str, Cell]
Key = tuple[Cell, ...]

_option = re.compile(r"'([^']+)'\s*:\s*'([^']*)'")


class Table:
    """One table.

    `applied` counts, for each primary key, how often a write was applied to it: the proof
    that nothing was done twice. `empty_pages` is how many empty pages come before the last
    of each result; `salt` changes the id of the result metadata on demand. `fixed` is a
    table whose rows no statement changes.
    """

    fixed = False

    def __init__(
        self,
        keyspace: str,
        name: str,
        columns: Mapping[str, CqlType],
        partition_key: tuple[str, ...],
        clustering: tuple[str, ...] = (),
    ) -> None:
        self.keyspace = keyspace
        self.name = name
        self.columns = dict(columns)
        self.partition_key = partition_key
        self.clustering = clustering
        self.key = partition_key + clustering
        self.id = uuid.uuid5(uuid.NAMESPACE_OID, f"{keyspace}.{name}")
        self.rows: dict[Key, Row] = {}
        self.applied: dict[Key, int] = {}
        self.empty_pages = 0
        self.salt = 0

    def add(self, **values: Any) -> None:
        """Add a row of Python values."""
        columns = self.columns
        row = {n: None if v is None else columns[n].encode(v) for n, v in values.items()}
        self.rows[tuple(row.get(name) for name in self.key)] = row

    def count(self, *key: Any) -> int:
        """Return how often a write was applied to the row of this key."""
        cells = [self.columns[n].encode(v) for n, v in zip(self.key, key, strict=True)]
        return self.applied.get(tuple(cells), 0)

    def value(self, column: str, *key: Any) -> Any:
        """Return what a row has in a column; None when there is no such row."""
        cells = [self.columns[n].encode(v) for n, v in zip(self.key, key, strict=True)]
        cell = self.rows.get(tuple(cells), {}).get(column)
        return None if cell is None else self.columns[column].decode(cell)


class Keyspace:
    """A keyspace: its replication options and tables.

    `entities` is what else is in it: rows of ``system_schema`` by system table and key.
    """

    def __init__(self, name: str, replication: Mapping[str, str]) -> None:
        self.name = name
        self.replication = dict(replication)
        self.tables: dict[str, Table] = {}
        self.entities: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {}

    def put(self, system_table: str, *key: str, **values: Any) -> None:
        """Have a row in a table of ``system_schema``; without values, have it no more.

        The change is not counted, and nobody is told: see `SimCluster.change`.
        """
        rows = self.entities.setdefault(system_table, {})
        if values:
            rows[key] = values
        else:
            del rows[key]


class Tables(Protocol):
    """Where a statement finds its table."""

    def has(self, keyspace: str) -> bool:
        """Say whether there is such a keyspace."""

    def table(self, keyspace: str | None, name: str) -> Table:
        """Find a table; raise `InvalidRequest` as a node does where there is none."""


class Store:
    """Keyspaces and tables. `epoch` counts changes of the schema, `version` is their id."""

    def __init__(self) -> None:
        self.keyspaces: dict[str, Keyspace] = {}
        self.epoch = 0
        self.version = uuid.UUID(int=0)
        self.changed()

    def changed(self) -> None:
        """Count a change of the schema."""
        self.epoch += 1
        self.version = uuid.UUID(bytes=hashlib.md5(b"%d" % self.epoch).digest(), version=4)

    def keyspace(self, name: str, replication: Mapping[str, str] | int = 1) -> Keyspace:
        """Make a keyspace; a number is the factor of SimpleStrategy."""
        if isinstance(replication, int):
            simple = "org.apache.cassandra.locator.SimpleStrategy"
            replication = {"class": simple, "replication_factor": str(replication)}
        found = self.keyspaces[name] = Keyspace(name, replication)
        self.changed()
        return found

    def make(self, name: str, columns: str, key: str = "k", clustering: str = "") -> Table:
        """Make the table ``ks.name`` with columns written as ``k int, v text``."""
        ks, table = name.split(".")
        types = {}
        for column in _split(columns):
            column_name, _, type_name = column.strip().partition(" ")
            types[column_name] = parse_cql_type(type_name)
        made = Table(ks, table, types, tuple(key.split()), tuple(clustering.split()))
        self.keyspaces[ks].tables[table] = made
        self.changed()
        return made

    def has(self, keyspace: str) -> bool:
        """Say whether there is such a keyspace."""
        return keyspace in self.keyspaces or keyspace in ("system", "system_schema")

    def table(self, keyspace: str | None, name: str) -> Table:
        """Find a table; raise `InvalidRequest` as a node does where there is none."""
        if keyspace is None:
            raise InvalidRequest(
                "No keyspace has been specified. USE a keyspace, or explicitly specify "
                "keyspace.tablename"
            )
        found = self.keyspaces.get(keyspace)
        if found is None:
            raise InvalidRequest(f"Keyspace {keyspace} does not exist")
        if name not in found.tables:
            raise InvalidRequest(f"unconfigured table {name}")
        return found.tables[name]

    # --- changing the schema ---------------------------------------------------------------

    def change(self, statement: Statement, keyspace: str | None) -> SchemaChange | None:
        """Carry out DDL; return what changed, None when nothing did (IF [NOT] EXISTS)."""
        change, target, name, rest = statement.schema
        action: Callable[..., bool] | None = getattr(self, f"_{change}_{target}".lower(), None)
        space = statement.keyspace if statement.keyspace is not None else keyspace
        if space is None:
            raise InvalidRequest("No keyspace has been specified")
        if action is None:
            raise ConfigurationException(f"the simulation has no {statement.text!r}")
        if target != "KEYSPACE" and space not in self.keyspaces:
            raise InvalidRequest(f"Keyspace {space} does not exist")
        if not action(space, name, rest, statement.conditional is not None):
            return None
        self.changed()
        return SchemaChange(change, target, space, name if target != "KEYSPACE" else None)

    def _created_keyspace(self, space: str, name: str, rest: str, lenient: bool) -> bool:
        if space in self.keyspaces:
            if lenient:
                return False
            raise AlreadyExists(space)
        self.keyspaces[space] = Keyspace(space, dict(_option.findall(rest)))
        return True

    def _updated_keyspace(self, space: str, name: str, rest: str, lenient: bool) -> bool:
        if space not in self.keyspaces:
            raise InvalidRequest(f"Keyspace {space} does not exist")
        self.keyspaces[space].replication = dict(_option.findall(rest))
        return True

    def _dropped_keyspace(self, space: str, name: str, rest: str, lenient: bool) -> bool:
        if self.keyspaces.pop(space, None) is None:
            if lenient:
                return False
            raise ConfigurationException(f"Cannot drop non existing keyspace '{space}'.")
        return True

    def _created_table(self, space: str, name: str, rest: str, lenient: bool) -> bool:
        tables = self.keyspaces[space].tables
        if name in tables:
            if lenient:
                return False
            raise AlreadyExists(space, name)
        tables[name] = _parse_table(space, name, rest)
        return True

    def _updated_table(self, space: str, name: str, rest: str, lenient: bool) -> bool:
        words = rest.split(None, 2)
        table = self.table(space, name)
        if len(words) > 2 and words[0].lower() == "add":
            table.columns[words[1].lower()] = parse_cql_type(words[2])
        elif len(words) > 1 and words[0].lower() == "drop":
            del table.columns[words[1].lower()]
        return True

    def _dropped_table(self, space: str, name: str, rest: str, lenient: bool) -> bool:
        if self.keyspaces[space].tables.pop(name, None) is None:
            if lenient:
                return False
            raise InvalidRequest(f"Table '{space}.{name}' doesn't exist")
        return True


def _parse_table(space: str, name: str, rest: str) -> Table:
    """Make a table from what follows its name in CREATE TABLE."""
    inner = rest[rest.index("(") + 1 : _closing(rest, rest.index("("))]
    columns: dict[str, CqlType] = {}
    partition: tuple[str, ...] = ()
    clustering: tuple[str, ...] = ()
    for part in _split(inner):
        if part.lower().startswith("primary key"):
            names = part[part.index("(") + 1 : part.rindex(")")]
            first, *others = _split(names)
            partition = tuple(_split(first.strip("( )")))
            clustering = tuple(others)
            continue
        column, _, type_name = part.partition(" ")
        type_name = type_name.strip()
        if type_name.lower().endswith(" primary key"):
            type_name, partition = type_name[: -len(" primary key")], (column,)
        columns[column] = parse_cql_type(type_name.removesuffix(" static").strip())
    if not partition:
        raise InvalidRequest("No PRIMARY KEY specified (exactly one required)")
    return Table(space, name, columns, partition, clustering)


def _closing(text: str, at: int) -> int:
    depth = 0
    for index in range(at, len(text)):
        depth += (text[index] == "(") - (text[index] == ")")
        if depth == 0:
            return index
    raise InvalidRequest(f"unbalanced parentheses in {text!r}")


def _split(text: str) -> list[str]:
    """Split at the commas that are within nothing."""
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(text):
        depth += (letter in "(<") - (letter in ")>")
        if letter == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def literal(term: Marker | str, column: CqlType, values: list[Any]) -> Any:
    """Return the cell that a term stands for: of a marker the value given, else a literal's."""
    if isinstance(term, Marker):
        if term.index >= len(values):
            raise InvalidRequest(f"Invalid amount of bind variables: {len(values)}")
        return values[term.index]
    if term == "null":
        return None
    try:
        return column.encode(_python(term, column))
    except (DriverException, ValueError) as exc:
        raise InvalidRequest(f"Invalid constant {term} for {column!r}: {exc}") from None


def _python(term: str, column: CqlType) -> Any:
    if term.startswith("'"):
        return term[1:-1].replace("''", "'")
    if term in ("true", "false"):
        return term == "true"
    if term.lower().startswith("0x"):
        return bytes.fromhex(term[2:])
    if "-" in term[1:]:
        return uuid.UUID(term)
    if column is TEXT:
        raise ValueError("text stands in quotes")
    return int(term) if column is INT or "." not in term else float(term)
