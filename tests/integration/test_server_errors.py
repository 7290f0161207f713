"""Errors of a real server, with the fields that each carries."""

from __future__ import annotations

import pytest

from cql_protocol.enums import ConsistencyLevel
from cql_protocol.errors import (
    AlreadyExists,
    ConfigurationException,
    DriverException,
    FunctionFailure,
    InvalidRequest,
    PreparedQueryNotFound,
    ProtocolViolation,
    SyntaxException,
    Unavailable,
)
from cql_protocol.messages import Execute, Query, QueryParameters
from tests.integration.client import Client
from tests.integration.conftest import Combination, Connect

KEYSPACE = "server_errors"
SCARCE = "server_errors_scarce"


@pytest.fixture(scope="module", autouse=True)
def tables(connect: Connect) -> None:
    """A keyspace that works, and one with more replicas than there are nodes."""
    client = connect((5, False))
    client.make_keyspace(SCARCE, replication=3)
    client.query("CREATE TABLE items (pk int PRIMARY KEY, v int)")
    client.make_keyspace(KEYSPACE)
    client.query("CREATE TABLE items (pk int PRIMARY KEY, v int)")
    client.query("INSERT INTO items (pk, v) VALUES (1, 0)")
    client.query(
        "CREATE FUNCTION divide (a int, b int) CALLED ON NULL INPUT RETURNS int "
        "LANGUAGE java AS 'return a / b;'"
    )


@pytest.mark.parametrize(
    ("statement", "kind", "code"),
    [
        ("SELEKT * FROM items", SyntaxException, 0x2000),
        ("", SyntaxException, 0x2000),
        (f"SELECT * FROM {KEYSPACE}.nothing", InvalidRequest, 0x2200),
        (f"SELECT nothing FROM {KEYSPACE}.items", InvalidRequest, 0x2200),
        ("USE nowhere", InvalidRequest, 0x2200),
        (
            "CREATE KEYSPACE odd WITH replication = {'class': 'OddStrategy'}",
            ConfigurationException,
            0x2300,
        ),
        (
            f"ALTER TABLE {KEYSPACE}.items WITH compaction = {{'class': 'Odd'}}",
            ConfigurationException,
            0x2300,
        ),
    ],
)
def test_a_statement_that_cannot_be(
    client: Client, statement: str, kind: type[DriverException], code: int
) -> None:
    with pytest.raises(kind) as caught:
        client.query(statement)
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert caught.value.message


def test_a_keyspace_that_exists(client: Client) -> None:
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    with pytest.raises(AlreadyExists) as caught:
        client.query(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {replication}")
    assert (caught.value.keyspace, caught.value.table) == (KEYSPACE, None)
    assert caught.value.code == 0x2400


def test_a_table_that_exists(client: Client) -> None:
    with pytest.raises(AlreadyExists) as caught:
        client.query(f"CREATE TABLE {KEYSPACE}.items (pk int PRIMARY KEY)")
    assert (caught.value.keyspace, caught.value.table) == (KEYSPACE, "items")


@pytest.mark.parametrize(
    "statement", ["SELECT * FROM {}.items", "INSERT INTO {}.items (pk, v) VALUES (1, 2)"]
)
def test_too_few_replicas(client: Client, statement: str) -> None:
    with pytest.raises(Unavailable) as caught:
        client.query(statement.format(SCARCE), consistency=ConsistencyLevel.QUORUM)
    error = caught.value
    assert error.consistency == ConsistencyLevel.QUORUM
    assert (error.required_replicas, error.alive_replicas) == (2, 1)
    assert error.code == 0x1000


def test_a_statement_that_was_not_prepared(client: Client, combination: Combination) -> None:
    query_id = bytes(range(16))
    with pytest.raises(PreparedQueryNotFound) as caught:
        client.request(Execute(query_id, QueryParameters(), b"\1" * 16))
    assert caught.value.query_id == query_id
    assert caught.value.code == 0x2500


def test_a_function_that_fails(client: Client, combination: Combination) -> None:
    """Protocol 3 has no such error; the server says it in another way."""
    select = f"SELECT {KEYSPACE}.divide(pk, v) FROM {KEYSPACE}.items"
    if combination[0] < 4:
        with pytest.raises(InvalidRequest, match="FUNCTION_FAILURE"):
            client.query(select)
        return
    with pytest.raises(FunctionFailure) as caught:
        client.query(select)
    error = caught.value
    assert (error.keyspace, error.function) == (KEYSPACE, "divide")
    assert error.arg_types == ["int", "int"]
    assert "ArithmeticException" in error.message


def test_an_error_concerns_its_request_alone(client: Client) -> None:
    good, bad = Query("SELECT key FROM system.local"), Query("SELECT nothing")
    answers = client.pipeline([good, bad] * 50)
    failed = [isinstance(answer, DriverException) for answer in answers]
    assert failed == [False, True] * 50


def test_a_frame_that_breaks_the_protocol(client: Client) -> None:
    """A consistency level that does not exist is the client's fault, and is said to be."""
    with pytest.raises(ProtocolViolation) as caught:
        client.query("SELECT * FROM system.local", consistency=99)
    assert caught.value.code == 0x000A
    assert client.rows("SELECT key FROM system.local") == [("local",)]
