"""Changes of a schema at random, each of them possible where it stands in the row."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Changes"]

_TYPES = (
    "int",
    "text",
    "bigint",
    "uuid",
    "list<int>",
    "map<text, frozen<set<int>>>",
    "vector<float, 3>",
)


class _Table:
    def __init__(self) -> None:
        self.columns: dict[str, str] = {}
        self.types: set[str] = set()
        self.indexes: dict[str, str] = {}
        self.views: set[str] = set()
        self.static = ""


class _Space:
    def __init__(self) -> None:
        self.tables: dict[str, _Table] = {}
        self.types: dict[str, int] = {}
        self.functions: dict[str, str] = {}
        self.aggregates: dict[str, str] = {}


class Changes:
    """An endless row of DDL on a few keyspaces, whose names begin with `prefix`.

    Example::

        changes = Changes("ks_", seed=1)
        for text in itertools.islice(changes, 1000):
            session.execute(text)
    """

    def __init__(self, prefix: str, seed: int) -> None:
        self.chance = random.Random(seed)
        self.names = [f"{prefix}a", f'"{prefix}Mixed"', f"{prefix}c"]
        self.spaces: dict[str, _Space] = {}
        self._number = 0

    def __iter__(self) -> Iterator[str]:
        while True:
            made = self._next()
            if made is not None:
                yield made

    def _next(self) -> str | None:
        name = self.chance.choice(self.names)
        space = self.spaces.get(name)
        if space is None:
            self.spaces[name] = _Space()
            return f"CREATE KEYSPACE {name} WITH replication = {self._replication()}"
        kinds = ("table",) * 8 + ("type", "type", "view", "view", "index", "index")
        kinds += ("function", "function", "aggregate", "keyspace")
        return getattr(self, f"_{self.chance.choice(kinds)}")(name, space)  # type: ignore[no-any-return]

    def _new(self, prefix: str) -> str:
        self._number += 1
        name = f"{prefix}{self._number}"
        return f'"{name.upper()}"' if self.chance.random() < 0.3 else name

    def _odds(self, chance: float) -> bool:
        return self.chance.random() < chance

    def _replication(self) -> str:
        factor = self.chance.choice((1, 1, 2))
        return f"{{'class': 'NetworkTopologyStrategy', 'dc1': {factor}}}"

    def _keyspace(self, name: str, space: _Space) -> str:
        if self._odds(0.2):
            del self.spaces[name]
            return f"DROP KEYSPACE {name}"
        durable = self.chance.choice(("true", "false"))
        options = f"replication = {self._replication()} AND durable_writes = {durable}"
        return f"ALTER KEYSPACE {name} WITH {options}"

    # --- tables, and what belongs to them --------------------------------------------------------

    def _table(self, name: str, space: _Space) -> str | None:
        if len(space.tables) < 4 or self._odds(0.2):
            return self._create_table(name, space)
        key, table = self.chance.choice(list(space.tables.items()))
        free = [c for c in table.columns if c not in table.indexes.values()]
        kind = self.chance.choice(("add", "add", "drop column", "option", "drop"))
        if kind == "add":
            column = self._new("c")
            cql_type = self._type_of_column(space, table)
            table.columns[column] = cql_type
            return f"ALTER TABLE {name}.{key} ADD {column} {cql_type}"
        if kind == "option":
            option = self.chance.choice(("comment = 'it''s {}'", "gc_grace_seconds = {}"))
            return f"ALTER TABLE {name}.{key} WITH {option.format(self.chance.randrange(10**6))}"
        if table.views:
            return None
        if kind == "drop column" and free:
            column = self.chance.choice(free)
            del table.columns[column]
            return f"ALTER TABLE {name}.{key} DROP {column}"
        if kind == "drop":
            del space.tables[key]
            return f"DROP TABLE {name}.{key}"
        return None

    def _create_table(self, name: str, space: _Space) -> str:
        key, table = self._new("t"), _Table()
        space.tables[key] = table
        for _ in range(self.chance.randrange(4)):
            table.columns[self._new("c")] = self._type_of_column(space, table)
        columns = "".join(f"{column} {cql}, " for column, cql in table.columns.items())
        table.static = self.chance.choice(("", "s text static, "))
        order = self.chance.choice(("ASC", "DESC"))
        return (
            f"CREATE TABLE {name}.{key} (k int, c int, v text, {table.static}{columns}"
            f"PRIMARY KEY (k, c)) WITH CLUSTERING ORDER BY (c {order})"
        )

    def _type_of_column(self, space: _Space, table: _Table) -> str:
        if space.types and self._odds(0.3):
            found = self.chance.choice(list(space.types))
            table.types.add(found)
            return self.chance.choice((f"frozen<{found}>", f"list<frozen<{found}>>"))
        return self.chance.choice(_TYPES)

    def _index(self, name: str, space: _Space) -> str | None:
        if not space.tables:
            return None
        key, table = self.chance.choice(list(space.tables.items()))
        if table.indexes and self._odds(0.5):
            index = self.chance.choice(list(table.indexes))
            del table.indexes[index]
            return f"DROP INDEX {name}.{index}"
        free = [c for c, t in table.columns.items() if t in ("int", "text", "bigint")]
        free = [c for c in free if c not in table.indexes.values()]
        if not free:
            return None
        index, column = self._new("i"), self.chance.choice(free)
        table.indexes[index] = column
        using = self.chance.choice(("", " USING 'sai'"))
        return f"CREATE INDEX {index} ON {name}.{key} ({column}){using}"

    def _view(self, name: str, space: _Space) -> str | None:
        if not space.tables:
            return None
        key, table = self.chance.choice(list(space.tables.items()))
        if table.views and self._odds(0.7):
            view = self.chance.choice(list(table.views))
            if self._odds(0.5):
                comment = self.chance.randrange(10**6)
                return f"ALTER MATERIALIZED VIEW {name}.{view} WITH comment = '{comment}'"
            table.views.remove(view)
            return f"DROP MATERIALIZED VIEW {name}.{view}"
        if len(table.views) > 1:
            return None
        view = self._new("v")
        table.views.add(view)
        columns = "k, c, v" if table.static else self.chance.choice(("*", "k, c, v"))
        return (
            f"CREATE MATERIALIZED VIEW {name}.{view} AS SELECT {columns} FROM {name}.{key} "
            "WHERE k IS NOT NULL AND c IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, k, c)"
        )

    # --- types and functions -----------------------------------------------------------------

    def _type(self, name: str, space: _Space) -> str | None:
        if len(space.types) < 2 or self._odds(0.3):
            key = self._new("u")
            space.types[key] = 1
            return f"CREATE TYPE {name}.{key} (f0 int, other frozen<list<text>>)"
        key = self.chance.choice(list(space.types))
        if self._odds(0.7):
            space.types[key] += 1
            return f"ALTER TYPE {name}.{key} ADD f{space.types[key]} text"
        # A column that was dropped keeps its type from being dropped, too.
        if any(key in table.types for table in space.tables.values()):
            return None
        del space.types[key]
        return f"DROP TYPE {name}.{key}"

    def _function(self, name: str, space: _Space) -> str | None:
        used = set(space.aggregates.values())
        free = [key for key in space.functions if key not in used]
        if free and self._odds(0.4):
            key = self.chance.choice(free)
            del space.functions[key]
            return f"DROP FUNCTION {name}.{key}"
        arguments = self.chance.choice(("int, int", "int", "text"))
        key = f"f{self.chance.randrange(4)}({arguments})"
        again = key in space.functions
        space.functions[key] = arguments
        named = ", ".join(f"a{n} {kind}" for n, kind in enumerate(arguments.split(", ")))
        body = f"return {self.chance.randrange(10**6)};"
        words = "OR REPLACE FUNCTION" if again else "FUNCTION"
        return (
            f"CREATE {words} {name}.{key.partition('(')[0]} ({named}) CALLED ON NULL INPUT "
            f"RETURNS int LANGUAGE java AS '{body}'"
        )

    def _aggregate(self, name: str, space: _Space) -> str | None:
        if space.aggregates and self._odds(0.5):
            key = self.chance.choice(list(space.aggregates))
            del space.aggregates[key]
            return f"DROP AGGREGATE {name}.{key}"
        able = [key for key, arguments in space.functions.items() if arguments == "int, int"]
        key = f"g{self.chance.randrange(3)}(int)"
        if not able or key in space.aggregates:
            return None
        state = self.chance.choice(able)
        space.aggregates[key] = state
        first = self.chance.randrange(10)
        return (
            f"CREATE AGGREGATE {name}.{key} SFUNC {state.partition('(')[0]} STYPE int "
            f"INITCOND {first}"
        )
