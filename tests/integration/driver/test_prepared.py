"""Prepared statements that outlive changes of the schema and of the nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cql_driver import InvalidRequest
from cql_driver.cluster import Session
from cql_driver.policies import ConstantReconnectionPolicy
from cql_driver.query import BatchStatement, SimpleStatement
from cql_protocol.errors import InvalidValueType
from tests.cassandra import ClusterOptions
from tests.integration.driver.support import connected, keyspace_of, new_name, until

if TYPE_CHECKING:
    from tests.cassandra import ClusterPool


@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_column_is_added(session: Session, table: str, cassandra: Any, version: int) -> None:
    with connected(cassandra, session.keyspace, protocol_version=version) as other:
        select = other.prepare(f"SELECT * FROM {table} WHERE k = ?")
        insert = other.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
        other.execute(insert, (1, "one"))
        assert tuple(other.execute(select, (1,)).one()) == (1, "one")
        bound = select.bind((1,))
        # Between k and v, so that who reads by the old description takes one for the other.
        session.execute(f"ALTER TABLE {table} ADD middle blob")
        session.execute(f"UPDATE {table} SET middle = 0x0102 WHERE k = 1")
        for statement, values in ((select, (1,)), (bound, None), (select, (1,))):
            row = other.execute(statement, values).one()
            assert row._fields == ("k", "middle", "v")
            assert (row.k, row.v, row.middle) == (1, "one", b"\x01\x02")
        other.execute(insert, (2, "two"))
        futures = [other.execute_async(select, (number % 3,)) for number in range(30)]
        session.execute(f"ALTER TABLE {table} DROP middle")
        futures += [other.execute_async(select, (number % 3,)) for number in range(30)]
        for number, future in enumerate(futures):
            key = number % 30 % 3
            row = future.result().one()
            assert row is None if key == 0 else (row.k, row.v) == (key, ["", "one", "two"][key])


def test_pages_go_on_after_a_column_was_added(session: Session, table: str) -> None:
    insert = session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
    for number in range(20):
        session.execute(insert, (number, str(number)))
    select = session.prepare(f"SELECT * FROM {table}")
    select.fetch_size = 5
    result = session.execute(select)
    rows = list(result.current_rows)
    session.execute(f"ALTER TABLE {table} ADD added int")
    while result.has_more_pages:
        result.fetch_next_page()
        rows += result.current_rows
    assert {(row.k, row.v) for row in rows} == {(number, str(number)) for number in range(20)}


def test_a_table_is_dropped_and_made_again(session: Session, table: str) -> None:
    insert = session.prepare(f"INSERT INTO {table} (k, v) VALUES (?, ?)")
    select = session.prepare(f"SELECT v FROM {table} WHERE k = ?")
    session.execute(insert, (1, "before"))
    session.execute(f"DROP TABLE {table}")
    with pytest.raises(InvalidRequest, match=table):
        session.execute(insert, (1, "x"))
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, v text)")
    session.execute(insert, (2, "after"))
    assert session.execute(select, (1,)).one() is None
    assert session.execute(select, (2,)).one().v == "after"
    batch = BatchStatement()
    session.execute(f"DROP TABLE {table}")
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, v text)")
    batch.add(insert, (3, "batch"))
    batch.add(f"INSERT INTO {table} (k, v) VALUES (?, ?)", (4, "batch"))
    session.execute(batch)
    assert len(session.execute(f"SELECT * FROM {table}").all()) == 2


def test_a_table_comes_back_with_another_type(session: Session, table: str) -> None:
    text = f"INSERT INTO {table} (k, v) VALUES (?, ?)"
    insert = session.prepare(text)
    bound = insert.bind((1, "text"))
    session.execute(bound)
    session.execute(f"DROP TABLE {table}")
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, v int)")
    # Bound as text, it is no int, though four bytes would make one.
    with pytest.raises(InvalidRequest, match="bind them anew"):
        session.execute(bound)
    with pytest.raises(InvalidValueType, match=r"column 'v' \(int\)"):
        insert.bind((1, "texts"))
    for number, statement in enumerate((insert, session.prepare(text))):
        session.execute(statement, (number, 7))
        assert session.execute(f"SELECT v FROM {table} WHERE k = {number}").one().v == 7


@pytest.mark.slow
@pytest.mark.once
def test_statements_that_the_node_has_thrown_out(clusters: ClusterPool) -> None:
    """A small cache on the node: it cannot keep all of what is prepared."""
    options = ClusterOptions(settings={"prepared_statements_cache_size": "1MiB"})
    often = ConstantReconnectionPolicy(0.2, None)
    with (
        clusters.private(options) as node,
        connected(node, reconnection_policy=often) as session,
        keyspace_of(session, 1),
    ):
        table = new_name()
        session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, v text)")
        first = session.prepare(f"SELECT k, v FROM {table} WHERE k = ?")
        session.execute(f"INSERT INTO {table} (k, v) VALUES (1, 'x')")
        statements = [
            session.prepare(f"SELECT v AS v{number} FROM {table} WHERE k = ?")
            for number in range(300)
        ]
        evicted = "SELECT value FROM system_views.cql_metrics WHERE name = %s"
        assert session.execute(evicted, ("prepared_statements_evicted",)).one().value > 0
        assert tuple(session.execute(first, (1,)).one()) == (1, "x")
        for statement in statements:
            assert session.execute(statement, (1,)).one()[0] == "x"
        _restart_and_count(node, session, table)


def _restart_and_count(node: Any, session: Session, table: str) -> None:
    """A node that restarts with an empty memory is given each statement once, not more."""
    count = 100
    with connected(
        node,
        session.keyspace,
        reconnection_policy=ConstantReconnectionPolicy(0.2, None),
    ) as other:
        texts = [f"SELECT v AS v{number} FROM {table} WHERE k = ?" for number in range(count)]
        statements = [other.prepare(text) for text in texts]
        node.nodes[0].restart()
        until(lambda: _answers(other) and _answers(session), "the sessions are connected again")
        requests = _requests_of(other)
        # OPTIONS, STARTUP, USE and the look for requests, beside the statements.
        assert count <= requests <= count + 12, requests
        for statement in statements:
            assert other.execute(statement, (1,)).one()[0] == "x"


def _answers(session: Session) -> bool:
    pools = session.get_pools()
    return all(pool.links for pool in pools) and session.cluster.control_connection.link is not None


def _requests_of(session: Session) -> int:
    """How many requests the session's connection has made, as the node counts them."""
    rows = session.execute(
        "SELECT request_count, keyspace_name, client_options FROM system_views.clients"
    ).all()
    mine = str(session.cluster.session_id)
    counts = [
        row.request_count
        for row in rows
        if (row.client_options or {}).get("SESSION_ID") == mine and row.keyspace_name
    ]
    assert len(counts) == 1, rows
    return int(counts[0])


def test_preparing_again_costs_nothing(session: Session, table: str) -> None:
    text = f"SELECT v FROM {table} WHERE k = ?"
    statement = session.prepare(text)
    # The node's news of the new table may be late; where it comes, a statement is prepared anew.
    for _ in range(3):
        before = statement.state.snapshot
        sent = sizes_sent(session, text)
        if statement.state.snapshot is before:
            break
    assert len(sent) == 1


def sizes_sent(session: Session, text: str) -> list[int]:
    """Prepare a text often and run it once, and return the sizes of what is sent for it."""
    link = session.get_pools()[0].single
    assert link is not None
    sent: list[int] = []
    link.bytes_sent = sent.append
    try:
        for _ in range(100):
            session.prepare(text)
        session.execute(SimpleStatement(text), (1,))
        return sent
    finally:
        link.bytes_sent = None
