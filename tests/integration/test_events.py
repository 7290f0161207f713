"""Events of a real server: what one connection changes, another is told."""

from __future__ import annotations

from collections.abc import Iterator

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


def changes(keyspace: str) -> list[tuple[str, SchemaChange]]:
    """Return statements and what each of them changes, in an order that can be run."""
    arguments = ["int", "list<text>", "pair"]
    function = (
        f"CREATE OR REPLACE FUNCTION {keyspace}.fun (a int, b list<text>, c pair) "
        "CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return 1;'"
    )
    state = (
        f"CREATE FUNCTION {keyspace}.state (s bigint, v int) "
        "CALLED ON NULL INPUT RETURNS bigint LANGUAGE java AS 'return s + v;'"
    )
    signature = f"{keyspace}.fun(int, list<text>, pair)"

    def change(kind: str, target: str, *rest: object) -> SchemaChange:
        return SchemaChange(kind, target, keyspace, *rest)  # type: ignore[arg-type]

    return [
        (
            f"CREATE KEYSPACE {keyspace} WITH replication = {REPLICATION}",
            change("CREATED", "KEYSPACE"),
        ),
        (
            f"ALTER KEYSPACE {keyspace} WITH durable_writes = false",
            change("UPDATED", "KEYSPACE"),
        ),
        (
            f"CREATE TYPE {keyspace}.pair (one int, two text)",
            change("CREATED", "TYPE", "pair"),
        ),
        (f"ALTER TYPE {keyspace}.pair ADD three int", change("UPDATED", "TYPE", "pair")),
        (
            f'CREATE TABLE {keyspace}."Mixed" (pk int PRIMARY KEY, v frozen<pair>)',
            change("CREATED", "TABLE", "Mixed"),
        ),
        (f'ALTER TABLE {keyspace}."Mixed" ADD w int', change("UPDATED", "TABLE", "Mixed")),
        (
            f'CREATE INDEX ON {keyspace}."Mixed" (w)',
            change("UPDATED", "TABLE", "Mixed"),
        ),
        (function, change("CREATED", "FUNCTION", "fun", arguments)),
        (
            function.replace("return 1", "return 2"),
            change("UPDATED", "FUNCTION", "fun", arguments),
        ),
        (state, change("CREATED", "FUNCTION", "state", ["bigint", "int"])),
        (
            f"CREATE AGGREGATE {keyspace}.total (int) SFUNC state STYPE bigint INITCOND 0",
            change("CREATED", "AGGREGATE", "total", ["int"]),
        ),
        (
            f"DROP AGGREGATE {keyspace}.total (int)",
            change("DROPPED", "AGGREGATE", "total", ["int"]),
        ),
        (
            f"DROP FUNCTION {keyspace}.state",
            change("DROPPED", "FUNCTION", "state", ["bigint", "int"]),
        ),
        (f"DROP FUNCTION {signature}", change("DROPPED", "FUNCTION", "fun", arguments)),
        (f'DROP TABLE {keyspace}."Mixed"', change("DROPPED", "TABLE", "Mixed")),
        (f"DROP TYPE {keyspace}.pair", change("DROPPED", "TYPE", "pair")),
        (f"DROP KEYSPACE {keyspace}", change("DROPPED", "KEYSPACE")),
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
