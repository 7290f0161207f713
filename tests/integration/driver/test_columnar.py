"""Columns of a real node's results: every type, and many pages, blocking and on asyncio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.cluster import Session
from cql_driver.query import SimpleStatement, arrow_factory
from tests.integration.aio.support import connected as connected_on_asyncio
from tests.integration.catalog import KINDS, USER_TYPES
from tests.integration.driver.support import connected, keyspace_of

pa = pytest.importorskip("pyarrow", reason="columns are checked by pyarrow, which is not installed")

from tests.columnar.pages import WAYS, in_columns, in_rows, read  # noqa: E402

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

SEED = os.environ.get("CQL_TESTS_SEED") or str(SystemRandom().randrange(10**6))
COUNT = 30
ROWS = 20_000


@pytest.fixture(scope="module")
def module_session(cassandra: Nodes) -> Iterator[Session]:
    """A session with a table that has a column of each type, and one of many rows."""
    with connected(cassandra) as session, keyspace_of(session, 1):
        for user_type in USER_TYPES:
            session.execute(user_type.statement)
        columns = ", ".join(f"{name} {kind.cql}" for name, kind in KINDS.items())
        session.execute(
            f"CREATE TABLE all_types (kind text, pk int, {columns}, PRIMARY KEY (kind, pk))"
        )
        session.execute("CREATE TABLE numbers (p int, c int, v text, PRIMARY KEY (p, c))")
        insert = session.prepare("INSERT INTO numbers (p, c, v) VALUES (?, ?, ?)")
        rows = [(c % 10, c, None if c % 3 == 0 else f"row {c}") for c in range(ROWS)]
        session.execute_concurrent_with_args(insert, rows)
        yield session


@pytest.mark.parametrize("name", KINDS)
def test_each_type(session: Session, name: str) -> None:
    kind = KINDS[name]
    values = [*kind.values(Random(f"{SEED} {name}"), COUNT), None]
    insert = session.prepare(f"INSERT INTO all_types (kind, pk, {name}) VALUES (?, ?, ?)")
    session.execute_concurrent_with_args(
        insert, [(name, pk, value) for pk, value in enumerate(values)]
    )
    text = f"SELECT {name} FROM all_types WHERE kind = '{name}'"
    page: Any = session.execute(text)._execution.outcome
    # By their text, in which NaN is like itself, and 0.0 unlike -0.0.
    (expected,) = map(repr, in_rows(page))
    for way in WAYS:
        assert repr(in_columns(read(page, way).column(0))) == expected, f"seed {SEED}"
    table = session.execute(SimpleStatement(text, fetch_size=7)).to_arrow()
    table.validate(full=True)
    assert table.num_rows == len(values)
    assert table.column(0).num_chunks > 3
    assert repr([v for chunk in table.column(0).chunks for v in in_columns(chunk)]) == expected
    arrays = session.execute(text).to_numpy()
    assert len(arrays[name]) == len(values)
    assert len(session.execute(text).to_polars()) == len(values)


def test_all_types_at_once(session: Session) -> None:
    names = ", ".join(KINDS)
    rng = Random(SEED)
    insert = session.prepare(
        f"INSERT INTO all_types (kind, pk, {names}) VALUES (?, ?, {', '.join('?' * len(KINDS))})"
    )
    for pk in range(5):
        session.execute(insert, ("all", pk, *(kind.make(rng) for kind in KINDS.values())))
    page: Any = session.execute(f"SELECT {names} FROM all_types WHERE kind = 'all'")
    page = page._execution.outcome
    expected = repr(in_rows(page))
    for way in WAYS:
        assert repr([in_columns(column) for column in read(page, way).columns]) == expected


@pytest.mark.parametrize("prefetch", [False, True])
def test_many_pages(session: Session, prefetch: bool) -> None:
    statement = SimpleStatement("SELECT c, v FROM numbers", fetch_size=999)
    session.prefetch_pages = prefetch
    try:
        batches = list(session.execute(statement, row_factory=arrow_factory))
        table = session.execute(statement).to_arrow()
        rows = session.execute(statement).all()
    finally:
        session.prefetch_pages = False
    assert len(batches) == ROWS // 999 + 1
    assert pa.Table.from_batches(batches).equals(table)
    assert [tuple(row.values()) for row in table.to_pylist()] == list(map(tuple, rows))
    assert sorted(table["c"].to_pylist()) == list(range(ROWS))


def test_prepared_without_a_description_of_columns(session: Session) -> None:
    select = session.prepare("SELECT v, c FROM numbers WHERE p = ?")
    select.fetch_size = 100
    for _ in range(2):
        table = session.execute(select, (3,)).to_arrow()
        assert table.column_names == ["v", "c"]
        assert sorted(table["c"].to_pylist()) == list(range(3, ROWS, 10))
    assert session.execute(select, (3,)).to_numpy()["c"].sum() == sum(range(3, ROWS, 10))


def test_on_asyncio(cassandra: Nodes, session: Session) -> None:
    keyspace = session.keyspace
    statement = SimpleStatement(f"SELECT c, v FROM {keyspace}.numbers", fetch_size=999)
    expected = session.execute(statement).to_arrow()

    async def run() -> None:
        async with connected_on_asyncio(cassandra) as session:
            table = await (await session.execute(statement)).to_arrow()
            assert table.equals(expected)
            found = await session.execute(statement, row_factory=arrow_factory)
            batches = [batch async for batch in found]
            assert pa.Table.from_batches(batches).equals(expected)
            frame = await (await session.execute(statement)).to_pandas()
            assert frame["c"].sum() == sum(range(ROWS))

    asyncio.run(run())
