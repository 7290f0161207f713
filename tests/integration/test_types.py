"""Every CQL type, written to and read from a real server in every protocol version.

Each test takes one type and one combination of version and compression. The values are the
type's edges and random ones; to repeat a run, set ``CQL_TESTS_SEED`` to the seed that a
failure shows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Set
from decimal import Decimal
from functools import cache
from random import Random, SystemRandom
from typing import Any

import pytest

from cql_protocol.errors import DriverException, ValueOutOfRange
from cql_protocol.literals import literal, typed_literal
from cql_protocol.messages import PreparedResult, Query
from cql_protocol.types import ReadOptions
from cql_protocol.values import EMPTY
from tests.integration.catalog import KINDS, REVERSED, USER_TYPES
from tests.integration.client import Client, Rows, bound, decode
from tests.integration.conftest import Combination, Connect
from tests.integration.expected import parse
from tests.integration.kinds import Kind

SEED = os.environ.get("CQL_TESTS_SEED") or str(SystemRandom().randrange(10**6))
KEYSPACE = "types_round_trip"
COUNT = 48
"""Values of each type, null not counted"""

WITH_EMPTY = ReadOptions(empty_values=True)


@pytest.fixture(scope="module")
def table(connect: Connect) -> str:
    """A table with a column for every type, a partition for every use of one."""
    client = connect((5, False))
    client.make_keyspace(KEYSPACE)
    for user_type in USER_TYPES:
        client.query(user_type.statement)
    columns = ", ".join(f"{name} {kind.cql}" for name, kind in KINDS.items())
    client.query(
        f"CREATE TABLE all_types (kind text, lot text, pk int, {columns}, "
        "PRIMARY KEY ((kind, lot), pk))"
    )
    for name, kind in REVERSED.items():
        client.query(
            f"CREATE TABLE {name} (lot text, v {kind.frozen}, pk int, "
            "PRIMARY KEY (lot, v, pk)) WITH CLUSTERING ORDER BY (v DESC, pk ASC)"
        )
    client.query("CREATE TABLE counters (lot text, pk int, v counter, PRIMARY KEY (lot, pk))")
    return f"{KEYSPACE}.all_types"


def use_of(combination: Combination, what: str) -> str:
    """Return the name of a partition that no other test uses."""
    version, compression = combination
    return f"{what} v{version} {compression}"


@cache
def values_of(name: str, kind: Kind) -> list[Any]:
    """Return the type's values of this run, null the last."""
    return [*kind.values(Random(f"{SEED} {name}"), COUNT), None]


def write_all(client: Client, insert: PreparedResult, rows: list[tuple[Any, ...]]) -> None:
    """Write rows, many at a time; the message of an error names the value."""
    answers = client.pipeline(bound(insert, row) for row in rows)
    failed = [
        f"{row[-1]!r:.300}: {answer}"
        for row, answer in zip(rows, answers, strict=True)
        if isinstance(answer, DriverException)
    ]
    assert not failed, explain("refused by the server", failed)


def explain(what: str, failed: list[str]) -> str:
    """Return the text of a failure with all that is needed to repeat it."""
    return "\n".join([f"{len(failed)} values {what} (CQL_TESTS_SEED={SEED})", *failed[:10]])


def compare(kind: Kind, values: list[Any], rows: Rows) -> None:
    """Check that the rows (number, value) hold the values."""
    assert [row[0] for row in rows] == list(range(len(values)))
    failed = [
        f"sent {value!r:.300}\n got {row[1]!r:.300}"
        for value, row in zip(values, rows, strict=True)
        if not (row[1] is None if value is None else kind.stored(value, row[1]))
    ]
    assert not failed, explain(f"of {kind} came back changed", failed)


def compare_json(kind: Kind, values: list[Any], rows: Rows) -> None:
    """Check that the rows (number, value, JSON) show the values as the server shows them."""
    failed = [
        f"sent {value!r:.300}\nshown {row[2]!r:.300}"
        for value, row in zip(values, rows, strict=True)
        if not kind.shown(value, parse(row[2]))
    ]
    assert not failed, explain(f"of {kind} are shown otherwise by the server", failed)


@pytest.mark.parametrize("name", KINDS)
def test_a_bound_value_comes_back(
    client: Client, combination: Combination, table: str, name: str
) -> None:
    """And the server itself understands what it was sent: its JSON says the same."""
    kind, use = KINDS[name], use_of(combination, "bound")
    values = values_of(name, kind)
    insert = client.prepare(f"INSERT INTO {table} (kind, lot, pk, {name}) VALUES (?, ?, ?, ?)")
    write_all(client, insert, [(name, use, pk, value) for pk, value in enumerate(values)])

    select = client.prepare(
        f"SELECT pk, {name}, toJson({name}) FROM {table} WHERE kind = ? AND lot = ?"
    )
    rows = decode(client.execute(select, (name, use)), options=WITH_EMPTY)
    compare(kind, values, rows)
    compare_json(kind, values, rows)

    simple = client.query(f"SELECT pk, {name} FROM {table} WHERE kind = '{name}' AND lot = '{use}'")
    compare(kind, values, decode(simple, options=WITH_EMPTY))
    if EMPTY in values:
        assert decode(simple)[values.index(EMPTY)][1] is None


@pytest.mark.parametrize("name", KINDS)
def test_a_literal_comes_back(
    client: Client, combination: Combination, table: str, name: str
) -> None:
    """A value written as text, by the column's type and by the value's own class."""
    kind = KINDS[name]
    values = values_of(name, kind)
    described = client.prepare(f"SELECT {name} FROM {table} WHERE kind = '' AND lot = ''")
    assert described.result_metadata.columns is not None
    column_type = described.result_metadata.columns[0].type

    for value in values:
        if not has_literal(value):
            with pytest.raises(ValueOutOfRange, match="use a prepared statement"):
                typed_literal(column_type, value)
    values = [value for value in values if has_literal(value)]
    typed = [typed_literal(column_type, value) for value in values]
    write_literals(client, table, name, use_of(combination, "typed"), typed)
    compare(kind, values, read(client, table, name, use_of(combination, "typed")))
    if not kind.plain:
        return
    values = [value for value in values if value is not EMPTY]
    write_literals(client, table, name, use_of(combination, "plain"), map(literal, values))
    compare(kind, values, read(client, table, name, use_of(combination, "plain")))


def has_literal(value: Any) -> bool:
    """Say whether CQL has a text for a value: it has none for the greatest decimals."""
    if isinstance(value, Decimal):
        return value.adjusted() < 4000 or not value
    if isinstance(value, Mapping):
        return all(map(has_literal, value.items()))
    if isinstance(value, list | tuple | Set):
        return all(map(has_literal, value))
    return True


def write_literals(client: Client, table: str, name: str, use: str, texts: Iterable[str]) -> None:
    """Write values by statements that contain them."""
    statements = [
        f"INSERT INTO {table} (kind, lot, pk, {name}) VALUES ('{name}', '{use}', {pk}, {text})"
        for pk, text in enumerate(texts)
    ]
    answers = client.pipeline(map(Query, statements))
    failed = [
        f"{statement:.400}: {answer!s:.300}"
        for statement, answer in zip(statements, answers, strict=True)
        if isinstance(answer, DriverException)
    ]
    assert not failed, explain("refused by the server", failed)


def read(client: Client, table: str, name: str, use: str) -> Rows:
    """Read what a test wrote."""
    select = f"SELECT pk, {name} FROM {table} WHERE kind = '{name}' AND lot = '{use}'"
    return decode(client.query(select), options=WITH_EMPTY)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("name", REVERSED)
def test_a_reversed_clustering_column(client: Client, combination: Combination, name: str) -> None:
    """The same bytes, in the opposite order."""
    kind, use = REVERSED[name], use_of(combination, "bound")
    values = [value for value in values_of(name, kind) if storable_in_key(value)]
    insert = client.prepare(f"INSERT INTO {KEYSPACE}.{name} (lot, pk, v) VALUES (?, ?, ?)")
    write_all(client, insert, [(use, pk, value) for pk, value in enumerate(values)])
    select = f"SELECT pk, v FROM {KEYSPACE}.{name} WHERE lot = '{use}'"
    down = decode(client.query(select), options=WITH_EMPTY)
    compare(kind, values, sorted(down, key=lambda row: row[0]))
    up = decode(client.query(select + " ORDER BY v ASC, pk DESC"), options=WITH_EMPTY)
    assert [pk for pk, _ in down] == [pk for pk, _ in reversed(up)]
    for pk, value in enumerate(values[:5]):
        found = client.execute(client.prepare(select + " AND v = ?"), (value,))
        assert pk in [row[0] for row in decode(found)]


def storable_in_key(value: Any) -> bool:
    """Say whether a value fits a key: not null, and no more than 65,535 bytes."""
    return value is not None and (not isinstance(value, str | bytes) or len(value) < 30_000)


@pytest.mark.usefixtures("table")
def test_counters(client: Client, combination: Combination) -> None:
    """A counter is the sum of what was added to it."""
    use = use_of(combination, "bound")
    update = client.prepare(f"UPDATE {KEYSPACE}.counters SET v = v + ? WHERE lot = ? AND pk = ?")
    rng = Random(f"{SEED} counter")
    top = (1 << 63) - 1
    added = [0, 1, -1, top, -top, -top - 1, 1 << 32, *(rng.randint(-top, top) for _ in range(40))]
    rows = [(number, use, pk) for pk, number in enumerate(added)]
    write_all(client, update, rows)
    write_all(client, update, [(-1 if number > 0 else 1, use, pk) for number, use, pk in rows])
    found = client.rows(f"SELECT pk, v, toJson(v) FROM {KEYSPACE}.counters WHERE lot = '{use}'")
    totals = [number - 1 if number > 0 else number + 1 for number in added]
    assert [(pk, total, str(total)) for pk, total in enumerate(totals)] == found, SEED
