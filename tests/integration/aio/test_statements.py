"""Statements, conditions, batches, counters, traces, payloads and warnings, awaited."""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

import pytest

from cql_driver import (
    AlreadyExists,
    ConsistencyLevel,
    DriverException,
    InvalidRequest,
    Unavailable,
)
from cql_driver.aio import AsyncSession
from cql_driver.policies import FallthroughRetryPolicy
from cql_driver.query import (
    UNSET_VALUE,
    BatchStatement,
    BatchType,
    SimpleStatement,
    dict_factory,
)
from tests.integration.driver.support import new_name

pytestmark = pytest.mark.once


async def rows_of(session: AsyncSession, table: str) -> dict[int, Any]:
    result = await session.execute(f"SELECT k, v FROM {table}")
    return {row.k: row.v async for row in result}


# --- texts and prepared statements ---------------------------------------------------------------


async def test_ways_to_give_parameters(session: AsyncSession, table: str) -> None:
    into = f"INSERT INTO {table} (k, v)"
    await session.execute(f"{into} VALUES (1, 'literal')")
    await session.execute(f"{into} VALUES (%s, %s)", (2, "it's"))
    await session.execute(f"{into} VALUES (%(k)s, %(v)s)", {"v": "by name", "k": 3})
    await session.execute(f"{into} VALUES (?, ?)", (4, "marks"))
    await session.execute(f"{into} VALUES (:k, :v)", {"k": 5, "v": "named marks"})
    prepared = await session.prepare(f"{into} VALUES (?, ?)")
    await session.execute(prepared, (6, "prepared"))
    await session.execute(prepared.bind({"k": 7, "v": "bound"}))
    await session.execute(prepared, (7, UNSET_VALUE))
    await session.execute(SimpleStatement(f"{into} VALUES (8, null)", is_idempotent=True))
    assert await rows_of(session, table) == {
        1: "literal",
        2: "it's",
        3: "by name",
        4: "marks",
        5: "named marks",
        6: "prepared",
        7: "bound",
        8: None,
    }


async def test_wrong_statements_and_values(session: AsyncSession, table: str) -> None:
    prepared = await session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
    for values in ((1, "a", 2), ("x", "a"), ()):
        with pytest.raises(DriverException, match=r"k|3"):
            await session.execute(prepared, values)
    for text in (f"SELECT nowhere FROM {table}", f"INSERT INTO {table} (k, nowhere) VALUES (?, 1)"):
        with pytest.raises(InvalidRequest, match="nowhere"):
            await session.execute(text, (1,) if "?" in text else None)
        with pytest.raises(InvalidRequest, match="nowhere"):
            await session.prepare(text)
    with pytest.raises(AlreadyExists) as caught:
        await session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY)")
    assert (caught.value.keyspace, caught.value.table) == (session.keyspace, table)
    assert await rows_of(session, table) == {}


async def test_a_text_is_prepared_once_for_all_who_ask(session: AsyncSession, table: str) -> None:
    text = f"INSERT INTO {table} (k, v) VALUES (?, ?)"
    async with asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(session.execute(text, (number, "x")))
    result = await session.execute("SELECT * FROM system.prepared_statements")
    known = [row async for row in result if row.query_string == text]
    # The node keeps a text that names no keyspace under two ids, with and without that in use.
    assert len(known) == 2
    assert len(await rows_of(session, table)) == 50


async def test_results(session: AsyncSession, table: str) -> None:
    written = await session.execute(f"INSERT INTO {table} (k, v) VALUES (1, 'one')")
    assert written.one() is None
    assert await written.all() == []
    result = await session.execute(f"SELECT k, v FROM {table}")
    assert result.column_names == ["k", "v"]
    assert result.one() == (1, "one")
    assert [row.v for row in result] == ["one"]
    assert not result.has_more_pages
    profile = session.execution_profile_clone_update(
        next(iter(session.cluster.profile_manager.profiles)), row_factory=dict_factory
    )
    result = await session.execute(f"SELECT k, v FROM {table}", execution_profile=profile)
    assert await result.all() == [{"k": 1, "v": "one"}]
    future = session.execute_async(f"SELECT v FROM {table} WHERE k = %s", (1,))
    assert isinstance(future, asyncio.Future)
    assert (await future).one().v == "one"


class Address:
    def __init__(self, street: str, number: int) -> None:
        self.street, self.number = street, number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


async def test_classes_for_user_types(session: AsyncSession) -> None:
    kind, table = new_name("udt"), new_name()
    await session.execute(f"CREATE TYPE {kind} (street text, number int)")
    await session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, a frozen<{kind}>)")
    assert session.keyspace is not None
    await session.cluster.register_user_type(session.keyspace, kind, Address)
    home = Address("Rue d'Été", 5)
    await session.execute(f"INSERT INTO {table} (k, a) VALUES (%s, %s)", (1, home))
    prepared = await session.prepare(f"INSERT INTO {table} (k, a) VALUES (?, ?)")
    await session.execute(prepared, (2, home))
    result = await session.execute(f"SELECT a FROM {table}")
    assert [row.a async for row in result] == [home, home]


# --- consistency levels --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ANY", "ONE", "LOCAL_ONE", "QUORUM", "LOCAL_QUORUM", "ALL"])
async def test_levels(session: AsyncSession, table: str, name: str) -> None:
    level = ConsistencyLevel.name_to_value[name]
    text = f"INSERT INTO {table} (k, v) VALUES (1, 'x')"
    result = await session.execute(SimpleStatement(text, consistency_level=level), trace=True)
    trace = await result.get_query_trace(30)
    assert trace is not None
    assert trace.parameters is not None
    assert trace.parameters["consistency_level"] == name
    if name != "ANY":
        read = SimpleStatement(f"SELECT v FROM {table} WHERE k = 1", consistency_level=level)
        assert (await session.execute(read)).one().v == "x"


async def test_levels_that_cannot_be_had(session: AsyncSession, table: str) -> None:
    for name in ("TWO", "THREE"):
        level = ConsistencyLevel.name_to_value[name]
        text = f"SELECT v FROM {table} WHERE k = 1"
        statement = SimpleStatement(
            text, consistency_level=level, retry_policy=FallthroughRetryPolicy()
        )
        with pytest.raises(Unavailable) as caught:
            await session.execute(statement)
        assert caught.value.alive_replicas == 1
        assert caught.value.required_replicas == {"TWO": 2, "THREE": 3}[name]


# --- conditions ----------------------------------------------------------------------------------


async def test_conditions(session: AsyncSession, table: str) -> None:
    insert = await session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?) IF NOT EXISTS")
    insert.serial_consistency_level = ConsistencyLevel.LOCAL_SERIAL
    assert (await session.execute(insert, (1, "first"))).was_applied
    refused = await session.execute(insert, (1, "second"))
    assert not refused.was_applied
    assert refused.one().v == "first"
    update = f"UPDATE {table} SET v = %s WHERE k = 1 IF v = %s"
    assert not (await session.execute(update, ("x", "wrong"))).was_applied
    assert (await session.execute(update, ("x", "first"))).was_applied
    batch = BatchStatement()
    batch.add(f"UPDATE {table} SET v = 'y' WHERE k = 1 IF v = 'nothing'")
    assert not (await session.execute(batch)).was_applied
    for level in (ConsistencyLevel.SERIAL, ConsistencyLevel.LOCAL_SERIAL):
        read = SimpleStatement(f"SELECT v FROM {table} WHERE k = 1", consistency_level=level)
        assert (await session.execute(read)).one().v == "x"


async def test_one_of_many_conditions_is_applied(session: AsyncSession, table: str) -> None:
    insert = await session.prepare(f"INSERT INTO {table} (k, v) VALUES (1, ?) IF NOT EXISTS")
    calls = [session.execute(insert, (str(number),), timeout=60) for number in range(8)]
    results = await asyncio.gather(*calls)
    (winner,) = [number for number, result in enumerate(results) if result.was_applied]
    assert await rows_of(session, table) == {1: str(winner)}


# --- batches and counters ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [BatchType.LOGGED, BatchType.UNLOGGED])
async def test_a_batch(session: AsyncSession, table: str, kind: BatchType) -> None:
    insert = await session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
    batch = BatchStatement(kind, consistency_level=ConsistencyLevel.QUORUM)
    batch.add(insert, (1, "prepared"))
    batch.add(insert.bind((2, "bound")))
    batch.add(f"INSERT INTO {table} (k, v) VALUES (3, 'text')")
    batch.add(f"INSERT INTO {table} (k, v) VALUES (%s, %s)", (4, "it's"))
    batch.add(f"INSERT INTO {table} (k, v) VALUES (?, ?)", (5, "marks"))
    await session.execute(batch)
    await session.execute(batch)
    rows = {1: "prepared", 2: "bound", 3: "text", 4: "it's", 5: "marks"}
    assert await rows_of(session, table) == rows
    wrong = BatchStatement(kind)
    wrong.add(f"INSERT INTO {table} (k, nowhere) VALUES (?, ?)", (1, "y"))
    with pytest.raises(InvalidRequest, match="nowhere"):
        await session.execute(wrong)


async def test_counters(session: AsyncSession) -> None:
    table = new_name()
    await session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, hits counter)")
    add = await session.prepare(f"UPDATE {table} SET hits = hits + ? WHERE k = ?")
    await asyncio.gather(*[session.execute(add, (number, number % 2)) for number in range(10)])
    batch = BatchStatement(BatchType.COUNTER)
    batch.add(add, (100, 0))
    batch.add(f"UPDATE {table} SET hits = hits - %s WHERE k = %s", (2**40, 1))
    await session.execute(batch)
    result = await session.execute(f"SELECT k, hits FROM {table}")
    assert {row.k: row.hits async for row in result} == {0: 120, 1: 25 - 2**40}


# --- traces, payloads, warnings ------------------------------------------------------------------


async def test_traces(session: AsyncSession, table: str) -> None:
    insert = await session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, 'x')")
    result = await session.execute(insert, (0,), trace=True)
    trace = await result.get_query_trace(30)
    assert trace is not None
    assert trace.request_type == "Execute CQL3 prepared query"
    assert trace.duration is not None
    assert trace.duration > datetime.timedelta(0)
    assert trace.coordinator == session.hosts[0].address
    assert trace.events
    for number in range(10):
        await session.execute(insert, (number,))
    paged = SimpleStatement(f"SELECT * FROM {table}", fetch_size=3)
    result = await session.execute(paged, trace=True)
    assert len(await result.all()) == 10
    traces = await result.get_all_query_traces(30)
    assert len({trace.trace_id for trace in traces}) == 4
    assert await (await session.execute(f"SELECT * FROM {table}")).get_query_trace() is None


async def test_payloads_and_warnings(session: AsyncSession, table: str) -> None:
    payload = {"one": b"\x00\x01", "empty": b""}
    insert = await session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
    result = await session.execute(insert, (1, "x"), custom_payload=payload)
    # The server's default query handler takes no notice of it and sends none back.
    assert result.custom_payload is None
    batch = BatchStatement(BatchType.UNLOGGED)
    for number in range(20):
        batch.add(insert, (number, "x" * 1000))
    result = await session.execute(batch)
    assert any("exceeding specified threshold" in text for text in result.warnings)
    result = await session.execute(f"SELECT count(*) FROM {table}")
    assert any("without partition key" in text for text in result.warnings)
    assert tuple((await session.execute(f"SELECT * FROM {table} WHERE k = 1")).warnings) == ()
