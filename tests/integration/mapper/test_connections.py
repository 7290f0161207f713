"""Connections of the mapper with a real node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cqlengine.query.requests import Request

if TYPE_CHECKING:
    from cql_driver.cluster import Session
    from cqlengine.connection import Connection

pytestmark = pytest.mark.usefixtures("connection")


def test_a_request_runs(session: Session, connection: Connection, keyspace: str) -> None:
    """A request is prepared, and its rows are tuples."""
    session.execute("CREATE TABLE first (k int PRIMARY KEY, v text)")
    connection.execute(Request(f"INSERT INTO {keyspace}.first (k, v) VALUES (?, ?)", (1, "one")))
    rows = connection.execute(Request(f"SELECT k, v FROM {keyspace}.first WHERE k = ?", (1,)))
    assert list(rows) == [(1, "one")]


async def test_an_awaited_request_runs(connection: Connection) -> None:
    """An awaited request opens a session of its loop."""
    request = Request("SELECT key FROM system.local WHERE key = ?", ("local",))
    rows = await connection.aexecute(request)
    assert await rows.all() == [("local",)]
