"""Events of a real server: what one connection changes, another is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cql_protocol.errors import ProtocolViolation
from cql_protocol.messages import Ready, Register, SchemaChange
from tests.integration.client import Client
from tests.integration.conftest import Combination

EVENTS = ("SCHEMA_CHANGE", "STATUS_CHANGE", "TOPOLOGY_CHANGE")
REPLICATION = "{'class': 'SimpleStrategy', 'replication_factor': 1}"


@pytest.fixture
def listener(client: Client, combination: Combination) -> Iterator[Client]:
    """A second connection of the same kind, registered for all events."""
    version, compression = combination
    address = client.socket.getpeername()
    with Client(*address, version=version, compression=compression) as listener:
        assert listener.request(Register(EVENTS)) == Ready()
        yield listener


FUNCTION = (
    "CREATE OR REPLACE FUNCTION $ks.fun (a int, b list<text>, c pair) "
    "CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return 1;'"
)
STATE = (
    "CREATE FUNCTION $ks.state (s bigint, v int) "
    "CALLED ON NULL INPUT RETURNS bigint LANGUAGE java AS 'return s + v;'"
)
AGGREGATE = "CREATE AGGREGATE $ks.total (int) SFUNC state STYPE bigint INITCOND 0"
ARGUMENTS = ["int", "list<text>", "pair"]

CHANGES: list[tuple[Any, ...]] = [
    (f"CREATE KEYSPACE $ks WITH replication = {REPLICATION}", "CREATED", "KEYSPACE"),
    ("ALTER KEYSPACE $ks WITH durable_writes = false", "UPDATED", "KEYSPACE"),
    ("CREATE TYPE $ks.pair (one int, two text)", "CREATED", "TYPE", "pair"),
    ("ALTER TYPE $ks.pair ADD three int", "UPDATED", "TYPE", "pair"),
    ('CREATE TABLE $ks."Mixed" (pk int PRIMARY KEY, v frozen<pair>)', "CREATED", "TABLE", "Mixed"),
    ('ALTER TABLE $ks."Mixed" ADD w int', "UPDATED", "TABLE", "Mixed"),
    ('CREATE INDEX ON $ks."Mixed" (w)', "UPDATED", "TABLE", "Mixed"),
    (FUNCTION, "CREATED", "FUNCTION", "fun", ARGUMENTS),
    (FUNCTION.replace("return 1", "return 2"), "UPDATED", "FUNCTION", "fun", ARGUMENTS),
    (STATE, "CREATED", "FUNCTION", "state", ["bigint", "int"]),
    (AGGREGATE, "CREATED", "AGGREGATE", "total", ["int"]),
    ("DROP AGGREGATE $ks.total (int)", "DROPPED", "AGGREGATE", "total", ["int"]),
    ("DROP FUNCTION $ks.state", "DROPPED", "FUNCTION", "state", ["bigint", "int"]),
    ("DROP FUNCTION $ks.fun(int, list<text>, pair)", "DROPPED", "FUNCTION", "fun", ARGUMENTS),
    ('DROP TABLE $ks."Mixed"', "DROPPED", "TABLE", "Mixed"),
    ("DROP TYPE $ks.pair", "DROPPED", "TYPE", "pair"),
    ("DROP KEYSPACE $ks", "DROPPED", "KEYSPACE"),
]
"""Statements in an order that can be run, with what each of them changes."""


def changes(keyspace: str) -> list[tuple[str, SchemaChange]]:
    """Return the statements for this keyspace, and what each of them changes."""
    return [
        (statement.replace("$ks", keyspace), SchemaChange(kind, target, keyspace, *rest))
        for statement, kind, target, *rest in CHANGES
    ]


def test_every_change_of_the_schema_is_an_event(
    client: Client, listener: Client, combination: Combination
) -> None:
    """The event equals what the statement itself answers."""
    version, compression = combination
    keyspace = f"events_v{version}_{compression or 'plain'}"
    client.query(f"DROP KEYSPACE IF EXISTS {keyspace}")
    for statement, change in changes(keyspace):
        if version < 4 and change.target in ("FUNCTION", "AGGREGATE"):
            change = SchemaChange("UPDATED", "KEYSPACE", keyspace)  # all that protocol 3 can say
        assert plain(client.query(statement).change) == change, statement
        assert plain(heard(listener, keyspace)) == change, statement


def plain(change: SchemaChange) -> SchemaChange:
    """Take the keyspace off a user type: results name it by keyspace, events do not."""
    if change.argument_types is not None:
        prefix = f"{change.keyspace}."
        change.argument_types = [name.removeprefix(prefix) for name in change.argument_types]
    return change


def heard(listener: Client, keyspace: str) -> SchemaChange:
    """Return the next event about this keyspace; other tests change theirs."""
    while True:
        event = listener.next_server_event()
        if isinstance(event, SchemaChange) and event.keyspace == keyspace:
            return event


def test_events_come_between_answers(client: Client, listener: Client) -> None:
    """A connection that hears events can ask too."""
    keyspace = "events_between"
    client.query(f"DROP KEYSPACE IF EXISTS {keyspace}")
    client.query(f"CREATE KEYSPACE {keyspace} WITH replication = {REPLICATION}")
    for _ in range(20):
        assert listener.rows("SELECT key FROM system.local") == [("local",)]
    assert heard(listener, keyspace).change_type in ("CREATED", "DROPPED")


def test_events_that_do_not_exist(client: Client) -> None:
    with pytest.raises(ProtocolViolation):
        client.request(Register(["WEATHER_CHANGE"]))
    assert client.rows("SELECT key FROM system.local") == [("local",)]
