"""Random statements that make a schema, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

_NATIVE = (
    *("ascii", "bigint", "blob", "boolean", "date", "decimal", "double", "duration", "float"),
    *("inet", "int", "smallint", "text", "time", "timestamp", "timeuuid", "tinyint", "uuid"),
    "varint",
)
_CUSTOM = "'org.apache.cassandra.db.marshal.LexicalUUIDType'"
_LETTERS = "abcz_09ABZ \"'.$;-/*éü日"
_RESERVED = ("select", "from", "table", "token", "view", "entries", "primary", "static", "nan")
_STRATEGIES = (
    "{'class': 'SizeTieredCompactionStrategy', 'min_threshold': %d}",
    "{'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': %d}",
    "{'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'T%d, N'}",
    "{'class': 'TimeWindowCompactionStrategy', 'compaction_window_size': %d}",
)


class RandomSchema:
    """Makes statements for one keyspace, which must exist and be empty."""

    def __init__(self, keyspace: str, seed: int) -> None:
        self.keyspace = keyspace
        self._random = random.Random(seed)
        self._types: list[str] = []
        self._names: set[str] = set()

    def statements(self, tables: int) -> Iterator[str]:
        """A user type, then tables with their indexes and views, over and over."""
        for number in range(tables):
            if number % 3 == 0:
                yield self._user_type()
            yield from self._table()

    def quoted(self, name: str) -> str:
        """A name as CQL."""
        return '"' + name.replace('"', '""') + '"'

    def _word(self) -> str:
        """A new name of letters, digits and underscores, as tables and types must have."""
        while True:
            length = self._random.randint(1, 12)
            name = "".join(self._random.choices("abcxyz_019ABXZ", k=length))
            if self._random.random() < 0.2:
                name = self._random.choice(_RESERVED)
            # Indexes are named after tables, and files after both, whatever the case.
            if name.lower() not in self._names:
                self._names.add(name.lower())
                return self.quoted(name)

    def _columns(self, count: int) -> list[str]:
        """Names of columns, of any characters."""
        found = dict.fromkeys(self._random.sample(_RESERVED, 2))
        while len(found) < count:
            found["".join(self._random.choices(_LETTERS, k=self._random.randint(1, 9)))] = None
        names = [self.quoted(name) for name in found]
        self._random.shuffle(names)
        return names[:count]

    def _type(self, depth: int, *, frozen: bool = True, durations: bool = True) -> str:
        """A type; when it need not be frozen, collections and user types may be so or not."""
        kind = self._random.randrange(9) if depth else 0
        if kind <= 2 or (kind == 3 and not self._types):
            native = self._random.choice(_NATIVE)
            return _CUSTOM if native == "duration" and not durations else native
        inner = [self._type(depth - 1, durations=durations) for _ in range(3)]
        if kind == 3:
            text = self._random.choice(self._types)
        elif kind == 4:
            return f"tuple<{', '.join(inner[: self._random.randint(1, 3)])}>"
        elif kind == 5:
            return f"vector<{inner[0]}, {self._random.randint(1, 9)}>"
        elif kind == 6:
            text = f"list<{inner[0]}>"
        else:
            # No durations where values are compared.
            key = self._type(depth - 1, durations=False)
            text = f"set<{key}>" if kind == 7 else f"map<{key}, {inner[0]}>"
        return f"frozen<{text}>" if frozen or self._random.random() < 0.5 else text

    def _user_type(self) -> str:
        fields = self._columns(self._random.randint(1, 5))
        # Without durations, so that it can be in a key.
        body = ", ".join(f"{field} {self._type(2, durations=False)}" for field in fields)
        name = self._word()
        self._types.append(name)
        return f"CREATE TYPE {self.keyspace}.{name} ({body})"

    def _table(self) -> Iterator[str]:
        columns = self._columns(self._random.randint(1, 9))
        keys = columns[: self._random.randint(1, min(4, len(columns)))]
        partition = keys[: self._random.randint(1, len(keys))]
        clustering = keys[len(partition) :]
        types = {name: self._type(2, durations=False) for name in keys}
        types |= {name: self._type(3, frozen=False) for name in columns[len(keys) :]}
        statics = {
            name for name in columns[len(keys) :] if clustering and self._random.random() < 0.2
        }
        body = [f"{n} {t}{' static' if n in statics else ''}" for n, t in types.items()]
        self._random.shuffle(body)
        name = self._word()
        key = f"(({', '.join(partition)}){''.join(f', {name}' for name in clustering)})"
        options = self._options()
        if clustering and self._random.random() < 0.7:
            order = ", ".join(f"{c} {self._random.choice(('ASC', 'DESC'))}" for c in clustering)
            options.append(f"CLUSTERING ORDER BY ({order})")
        tail = f" WITH {' AND '.join(options)}" if options else ""
        table = f"{self.keyspace}.{name}"
        yield f"CREATE TABLE {table} ({', '.join(body)}, PRIMARY KEY {key}){tail}"
        plain = {n: t for n, t in types.items() if n not in keys and t in ("int", "text", "uuid")}
        for column in plain:
            if self._random.random() < 0.3:
                yield f"CREATE INDEX {self._word()} ON {table} ({column})"
            elif column not in statics and not statics and self._random.random() < 0.5:
                where = " AND ".join(f"{part} IS NOT NULL" for part in [*keys, column])
                yield (
                    f"CREATE MATERIALIZED VIEW {self.keyspace}.{self._word()} AS SELECT * FROM "
                    f"{table} WHERE {where} PRIMARY KEY ({', '.join([column, *keys])})"
                )

    def _options(self) -> list[str]:
        number = self._random.randint(2, 32)
        comment = "".join(self._random.choices(_LETTERS, k=12)).replace("'", "''")
        every = [
            f"comment = '{comment}'",
            f"gc_grace_seconds = {number}",
            f"compaction = {self._random.choice(_STRATEGIES) % number}",
            f"bloom_filter_fp_chance = {self._random.uniform(0.0001, 1)!r}",
            f"crc_check_chance = {self._random.random()!r}",
            f"speculative_retry = '{number}ms'",
            f"caching = {{'keys': 'NONE', 'rows_per_partition': {number}}}",
            "compression = {'enabled': false}",
            "memtable = 'trie'",
            "cdc = true",
        ]
        return self._random.sample(every, self._random.randint(0, 4))
