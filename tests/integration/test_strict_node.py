"""What only a node of other settings shows: logins, permissions, failures, large messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cql_protocol.connection import State
from cql_protocol.enums import ConsistencyLevel, WriteType
from cql_protocol.errors import (
    AuthenticationFailed,
    InvalidRequest,
    ReadFailure,
    ReadTimeout,
    Unauthorized,
    WriteTimeout,
)
from cql_protocol.messages import Authenticate, AuthResponse, AuthSuccess, Options, Query
from cql_protocol.negotiation import startup
from tests.integration.client import Client, bound, decode
from tests.integration.conftest import Combination

Login = Callable[..., Client]
LARGE = 20 << 20
KEYSPACE = "strict_node"


@pytest.fixture(scope="module", autouse=True)
def tables(strict: object) -> None:
    """The keyspace of this module."""
    node = strict.nodes[0]  # type: ignore[attr-defined]
    with Client(node.address, node.port, credentials=("cassandra", "cassandra")) as client:
        client.make_keyspace(KEYSPACE)
        client.query("CREATE TABLE items (pk text, ck int, v text, PRIMARY KEY (pk, ck))")
        client.query("CREATE TABLE blobs (pk text PRIMARY KEY, v blob)")
        client.query("CREATE ROLE reader WITH PASSWORD = 'p\u00e4ssw\u00f6rd' AND LOGIN = true")
        client.query(f"GRANT SELECT ON {KEYSPACE}.items TO reader")


# --- logins --------------------------------------------------------------------------------


def test_login(login: Login, combination: Combination) -> None:
    client = login(combination)
    assert client.connection.state is State.READY
    assert client.rows("SELECT key FROM system.local") == [("local",)]


def test_login_step_by_step(login: Login, combination: Combination) -> None:
    version, compression = combination
    address = login(combination).socket.getpeername()
    client = Client.__new__(Client)
    client.open(address[0], address[1], version)
    with client:
        supported = client.request(Options())
        asked = client.request(startup(supported, version, compression=compression))
        assert asked == Authenticate("org.apache.cassandra.auth.PasswordAuthenticator")
        assert state_of(client) is State.AUTHENTICATING
        accepted = client.request(AuthResponse(b"\0cassandra\0cassandra"))
        assert accepted == AuthSuccess(None)
        assert state_of(client) is State.READY


def state_of(client: Client) -> State:
    """Return where the connection stands."""
    return client.connection.state


def test_wrong_password(login: Login, combination: Combination) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        login(combination, "cassandra", "wrong")
    assert caught.value.code == 0x0100
    assert "incorrect" in caught.value.message


def test_missing_permission(login: Login, combination: Combination) -> None:
    client = login(combination, "reader", "pässwörd")
    assert client.rows(f"SELECT * FROM {KEYSPACE}.items WHERE pk = 'nothing'") == []
    with pytest.raises(Unauthorized) as caught:
        client.query(f"INSERT INTO {KEYSPACE}.items (pk, ck) VALUES ('a', 1)")
    assert caught.value.code == 0x2100


# --- failures ------------------------------------------------------------------------------


def test_too_many_tombstones(login: Login, combination: Combination) -> None:
    """A warning first, then a failure with the reason of each replica (protocol 5)."""
    version, compression = combination
    client = login(combination)
    pk = f"tombstones v{version} {compression}"
    delete = client.prepare(f"DELETE FROM {KEYSPACE}.items WHERE pk = ? AND ck = ?")
    client.pipeline(bound(delete, (pk, ck)) for ck in range(150))
    select = f"SELECT * FROM {KEYSPACE}.items WHERE pk = '{pk}'"
    warnings = client.query(select).warnings
    assert any("150 tombstone" in warning for warning in warnings) == (version >= 4)

    client.pipeline(bound(delete, (pk, ck)) for ck in range(150, 300))
    with pytest.raises((ReadFailure, ReadTimeout)) as caught:
        client.query(select, consistency=ConsistencyLevel.LOCAL_ONE)
    error: Any = caught.value
    assert error.consistency == ConsistencyLevel.LOCAL_ONE
    assert (error.received_responses, error.required_responses) == (0, 1)
    assert error.data_retrieved is False
    if version < 4:
        assert isinstance(error, ReadTimeout)  # the older version has no failures
        return
    assert isinstance(error, ReadFailure)
    assert error.failures == 1
    address = client.socket.getpeername()[0]
    assert error.error_code_map == ({address: 0x0001} if version >= 5 else None)
    assert error.code == 0x1300


def test_contention_of_conditional_writes(login: Login, combination: Combination) -> None:
    """They time out while others hold the partition; protocol 5 counts the contentions."""
    client = login(combination)
    update = f"UPDATE {KEYSPACE}.items SET v = 'x' WHERE pk = 'fought for' AND ck = 1 IF v = null"
    errors: list[object] = []
    for _ in range(20):
        answers = client.pipeline([Query(update)] * 100)
        errors += [answer for answer in answers if isinstance(answer, WriteTimeout)]
        if errors:
            break
    else:
        pytest.fail("2,000 conditional writes at once, and none timed out")
    for error in errors:
        assert isinstance(error, WriteTimeout)
        assert error.write_type == WriteType.CAS
        assert error.consistency == ConsistencyLevel.SERIAL
        assert error.code == 0x1100
        assert (error.contentions is not None) == (combination[0] >= 5)


def test_guardrails(login: Login, combination: Combination) -> None:
    client = login(combination, "reader", "pässwörd")  # a superuser is not guarded
    query = f"SELECT * FROM {KEYSPACE}.items WHERE pk = 'nothing'"
    warnings = client.query(query, page_size=1500).warnings
    assert any("page size 1500" in warning for warning in warnings) == (combination[0] >= 4)
    with pytest.raises(InvalidRequest, match="Guardrail"):
        client.query(query, page_size=2500)


# --- large messages ------------------------------------------------------------------------


def test_large_values(login: Login, combination: Combination) -> None:
    """20 MB to the server and back: some 170 segments each way in protocol 5."""
    client = login(combination)
    pk = f"v{combination[0]} {combination[1]}"
    block = bytes(range(256)) * 16 + pk.encode()
    value = (block * (LARGE // len(block) + 1))[:LARGE]
    insert = client.prepare(f"INSERT INTO {KEYSPACE}.blobs (pk, v) VALUES (?, ?)")
    select = client.prepare(f"SELECT v FROM {KEYSPACE}.blobs WHERE pk = ?")
    client.execute(insert, (pk, value))
    found = decode(client.execute(select, (pk,)))
    assert len(found) == 1
    assert found[0][0] == value
    client.query(f"DELETE FROM {KEYSPACE}.blobs WHERE pk = '{pk}'")


def test_a_large_statement(login: Login, combination: Combination) -> None:
    """A text of 3 MB, with small requests before and behind it in one go."""
    client = login(combination)
    small = Query("SELECT key FROM system.local")
    text = "0x" + "ab" * (3 << 19)
    large = Query(f"INSERT INTO {KEYSPACE}.blobs (pk, v) VALUES ('text', {text})")
    answers = client.pipeline([small, large, small, large, small])
    assert [decode(answer) for answer in answers[::2]] == [[("local",)]] * 3
    assert [str(answer) for answer in answers[1::2]] == ["VoidResult(extras=None)"] * 2
