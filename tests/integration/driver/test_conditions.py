"""Conditional writes, batches and counters on a real node."""

from __future__ import annotations

import pytest

from cql_driver import ConsistencyLevel, InvalidRequest
from cql_driver.cluster import EXEC_PROFILE_DEFAULT, NotConditional, Session
from cql_driver.errors import InvalidArgument
from cql_driver.query import (
    BatchStatement,
    BatchType,
    SimpleStatement,
    dict_factory,
    ordered_dict_factory,
    tuple_factory,
)
from tests.integration.driver.support import new_name

# --- conditional writes --------------------------------------------------------------------------


@pytest.mark.parametrize("prepared", [False, True], ids=["text", "prepared"])
def test_an_insert_if_not_exists(session: Session, table: str, prepared: bool) -> None:
    text = f"INSERT INTO {table} (k, v) VALUES (?, ?) IF NOT EXISTS"
    statement = session.prepare(text) if prepared else text
    applied = session.execute(statement, (1, "first"))
    assert applied.was_applied
    assert tuple(applied.one()) == (True,)
    refused = session.execute(statement, (1, "second"))
    assert not refused.was_applied
    assert refused.column_names == ["[applied]", "k", "v"]
    row = refused.one()
    assert (row.applied, row.k, row.v) == (False, 1, "first")
    # Once more, in the other order: the columns of the answer change from one to the next.
    assert session.execute(statement, (2, "x")).was_applied
    assert not session.execute(statement, (2, "y")).was_applied


def test_an_update_with_a_condition(session: Session, table: str) -> None:
    session.execute(f"INSERT INTO {table} (k, v) VALUES (1, 'a')")
    update = session.prepare(f"UPDATE {table} SET v = ? WHERE k = ? IF v = ?")
    refused = session.execute(update, ("c", 1, "b"))
    assert (refused.was_applied, refused.one().v) == (False, "a")
    assert session.execute(update, ("b", 1, "a")).was_applied
    missing = session.execute(update, ("b", 2, "a"))
    assert not missing.was_applied
    assert session.execute(f"UPDATE {table} SET v = 'z' WHERE k = 1 IF EXISTS").was_applied
    assert session.execute(f"DELETE FROM {table} WHERE k = 1 IF v IN ('y', 'z')").was_applied
    assert session.execute(f"SELECT * FROM {table}").all() == []


@pytest.mark.parametrize("factory", [tuple_factory, dict_factory, ordered_dict_factory])
def test_was_applied_with_any_rows(session: Session, table: str, factory: object) -> None:
    profile = session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, row_factory=factory)
    text = f"INSERT INTO {table} (k, v) VALUES (1, 'a') IF NOT EXISTS"
    assert session.execute(text, execution_profile=profile).was_applied
    assert not session.execute(text, execution_profile=profile).was_applied


def test_was_applied_without_a_condition(session: Session, table: str) -> None:
    for text in (f"INSERT INTO {table} (k, v) VALUES (1, 'a')", f"SELECT * FROM {table}"):
        with pytest.raises(NotConditional):
            _ = session.execute(text).was_applied


@pytest.mark.parametrize("level", [ConsistencyLevel.SERIAL, ConsistencyLevel.LOCAL_SERIAL])
def test_serial_levels(session: Session, table: str, level: int) -> None:
    statement = SimpleStatement(
        f"INSERT INTO {table} (k, v) VALUES (1, 'a') IF NOT EXISTS",
        serial_consistency_level=level,
        consistency_level=ConsistencyLevel.QUORUM,
    )
    trace = session.execute(statement, trace=True).get_query_trace(30)
    assert trace is not None
    assert trace.parameters is not None
    assert trace.parameters["serial_consistency_level"] == ConsistencyLevel.value_to_name[level]
    # A serial read is a read at a serial level.
    read = SimpleStatement(f"SELECT v FROM {table} WHERE k = 1", consistency_level=level)
    assert session.execute(read).one().v == "a"
    with pytest.raises(InvalidRequest):
        session.execute(
            SimpleStatement(f"DELETE FROM {table} WHERE k = 1", consistency_level=level)
        )


def test_a_conditional_batch(session: Session) -> None:
    table = new_name()
    session.execute(f"CREATE TABLE {table} (p int, c int, v text, PRIMARY KEY (p, c))")
    insert = session.prepare(f"INSERT INTO {table} (p, c, v) VALUES (?, ?, ?) IF NOT EXISTS")

    def batch() -> BatchStatement:
        made = BatchStatement()
        made.add(insert, (1, 1, "a"))
        made.add(f"INSERT INTO {table} (p, c, v) VALUES (%s, %s, %s)", (1, 2, "b"))
        made.add(f"UPDATE {table} SET v = ? WHERE p = ? AND c = ?", ("c", 1, 3))
        return made

    assert session.execute(batch()).was_applied
    refused = session.execute(batch())
    assert not refused.was_applied
    assert [(row.p, row.c, row.v) for row in refused] == [(1, 1, "a")]
    rows = session.execute(f"SELECT c, v FROM {table}")
    assert sorted(map(tuple, rows)) == [(1, "a"), (2, "b"), (3, "c")]
    text = (
        f"BEGIN BATCH INSERT INTO {table} (p, c) VALUES (1, 1) IF NOT EXISTS; "
        f"INSERT INTO {table} (p, c) VALUES (1, 4) IF NOT EXISTS; APPLY BATCH"
    )
    assert not session.execute(text).was_applied


# --- batches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [BatchType.LOGGED, BatchType.UNLOGGED])
def test_a_batch_of_all_kinds_of_statements(session: Session, table: str, kind: BatchType) -> None:
    insert = session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
    batch = BatchStatement(kind, consistency_level=ConsistencyLevel.QUORUM)
    batch.add(insert, (1, "prepared"))
    batch.add(insert.bind((2, "bound")))
    batch.add(f"INSERT INTO {table} (k, v) VALUES (3, 'text')")
    batch.add(f"INSERT INTO {table} (k, v) VALUES (%s, %s)", (4, "it's"))
    named = SimpleStatement(f"INSERT INTO {table} (k, v) VALUES (%(k)s, %(v)s)")
    batch.add(named, {"k": 5, "v": "n"})
    batch.add(f"INSERT INTO {table} (k, v) VALUES (?, ?)", (6, "marks"))
    batch.add(f"INSERT INTO {table} (k, v) VALUES (:k, :v)", {"k": 7, "v": "named"})
    batch.add_all([insert, insert], [(8, "all"), (9, "all")])
    batch.add(insert, {"v": "by name", "k": 10})
    session.execute(batch)
    session.execute(batch)
    rows = dict(map(tuple, session.execute(f"SELECT k, v FROM {table}")))
    assert rows == {
        1: "prepared",
        2: "bound",
        3: "text",
        4: "it's",
        5: "n",
        6: "marks",
        7: "named",
        8: "all",
        9: "all",
        10: "by name",
    }


def test_a_batch_with_many_texts_to_prepare(session: Session, table: str) -> None:
    batch = BatchStatement(BatchType.UNLOGGED)
    for number in range(200):
        batch.add(f"INSERT INTO {table} (k, v) VALUES (?, ?)", (number, str(number)))
    session.execute(batch)
    assert session.execute(f"SELECT count(*) FROM {table}").one().count == 200
    futures = []
    for number in range(20):
        batch = BatchStatement(BatchType.UNLOGGED)
        batch.add(f"UPDATE {table} SET v = ? WHERE k = ?", ("new", number))
        batch.add(f"DELETE FROM {table} WHERE k = ?", (number + 100,))
        futures.append(session.execute_async(batch))
    for future in futures:
        future.result()
    assert session.execute(f"SELECT count(*) FROM {table}").one().count == 180


def test_a_batch_that_is_empty_or_wrong(session: Session, table: str) -> None:
    with pytest.raises(InvalidArgument, match="empty"):
        session.execute(BatchStatement())
    batch = BatchStatement()
    batch.add(f"INSERT INTO {table} (k, v) VALUES (1, 'x')")
    batch.add(f"INSERT INTO {table} (k, nowhere) VALUES (?, ?)", (1, "y"))
    with pytest.raises(InvalidRequest, match="nowhere"):
        session.execute(batch)
    batch = BatchStatement()
    batch.add(f"INSERT INTO {table} (k, v) VALUES (1, 'x')")
    batch.add(f"SELECT * FROM {table}")
    with pytest.raises(InvalidRequest):
        session.execute(batch)
    assert session.execute(f"SELECT * FROM {table}").all() == []


def test_a_batch_at_a_time_of_ones_own(session: Session, table: str) -> None:
    batch = BatchStatement()
    batch.add(f"INSERT INTO {table} (k, v) VALUES (1, 'old') USING TIMESTAMP 10")
    batch.add(f"INSERT INTO {table} (k, v) VALUES (2, 'new')")
    session.execute(batch)
    times = dict(map(tuple, session.execute(f"SELECT k, writetime(v) FROM {table}")))
    assert times[1] == 10
    assert times[2] > 10**15


# --- counters ------------------------------------------------------------------------------------


def test_counters(session: Session) -> None:
    table = new_name()
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, hits counter, more counter)")
    add = session.prepare(f"UPDATE {table} SET hits = hits + ? WHERE k = ?")
    futures = [session.execute_async(add, (number, number % 2)) for number in range(10)]
    for future in futures:
        future.result()
    session.execute(f"UPDATE {table} SET hits = hits - 5, more = more + 1 WHERE k = 0")
    batch = BatchStatement(BatchType.COUNTER)
    batch.add(add, (100, 0))
    batch.add(f"UPDATE {table} SET hits = hits + %s WHERE k = %s", (2**40, 1))
    batch.add(f"UPDATE {table} SET hits = hits + ? WHERE k = ?", (1, 1))
    session.execute(batch)
    rows = {row.k: (row.hits, row.more) for row in session.execute(f"SELECT * FROM {table}")}
    assert rows == {0: (20 - 5 + 100, 1), 1: (25 + 2**40 + 1, None)}
    wrong = BatchStatement(BatchType.LOGGED)
    wrong.add(add, (1, 0))
    with pytest.raises(InvalidRequest):
        session.execute(wrong)
