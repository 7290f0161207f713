"""Errors, delays and values as an independent server makes them, and what the driver does then."""

from __future__ import annotations

import datetime
import ipaddress
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from cql_driver import ConsistencyLevel, WriteType
from cql_driver.policies import (
    ConstantSpeculativeExecutionPolicy,
    DowngradingConsistencyRetryPolicy,
    FallthroughRetryPolicy,
    RoundRobinPolicy,
)
from cql_driver.query import BatchStatement, SimpleStatement
from cql_protocol import errors
from tests.simulacron.fakes import FakeCluster, Shape, rows
from tests.simulacron.server import Simulacron
from tests.simulacron.support import SELECT, coordinators, in_flight, session_of, until

pytestmark = pytest.mark.java

INSERT = "INSERT INTO ks.t (k, v) VALUES (1, 'x')"
QUORUM = {"consistency_level": "QUORUM", "received": 1, "block_for": 2}
REASONS = {"failure_reasons": {"127.0.0.9": "READ_TOO_MANY_TOMBSTONES"}}
COUNTED = {
    "consistency": ConsistencyLevel.QUORUM,
    "received_responses": 1,
    "required_responses": 2,
}
ERRORS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("server_error", {"message": "m"}, "ServerError", {"message": "m"}),
    ("protocol_error", {"message": "m"}, "ProtocolViolation", {"message": "m"}),
    ("authentication_error", {"message": "m"}, "AuthenticationFailed", {"message": "m"}),
    ("overloaded", {"message": "m"}, "Overloaded", {"message": "m"}),
    ("is_bootstrapping", {}, "IsBootstrapping", {}),
    ("truncate_error", {"message": "m"}, "TruncateError", {"message": "m"}),
    ("syntax_error", {"message": "m"}, "SyntaxException", {"message": "m"}),
    ("unauthorized", {"message": "m"}, "Unauthorized", {"message": "m"}),
    ("invalid", {"message": "m"}, "InvalidRequest", {"message": "m"}),
    ("config_error", {"message": "m"}, "ConfigurationException", {"message": "m"}),
    (
        "already_exists",
        {"message": "m", "keyspace": "ks", "table": "t"},
        "AlreadyExists",
        {"keyspace": "ks", "table": "t"},
    ),
    (
        "function_failure",
        {"keyspace": "ks", "function": "f", "arg_types": ["int", "text"], "detail": "d"},
        "FunctionFailure",
        {"keyspace": "ks", "function": "f", "arg_types": ["int", "text"]},
    ),
    (
        "unavailable",
        {"consistency_level": "QUORUM", "required": 2, "alive": 1},
        "Unavailable",
        {"consistency": ConsistencyLevel.QUORUM, "required_replicas": 2, "alive_replicas": 1},
    ),
    (
        "read_timeout",
        {**QUORUM, "data_present": True},
        "ReadTimeout",
        {**COUNTED, "data_retrieved": True},
    ),
    (
        "write_timeout",
        {**QUORUM, "write_type": "COUNTER"},
        "WriteTimeout",
        {**COUNTED, "write_type": WriteType.COUNTER},
    ),
    (
        "read_failure",
        {**QUORUM, **REASONS, "data_present": False},
        "ReadFailure",
        {**COUNTED, "failures": 1, "data_retrieved": False},
    ),
    (
        "write_failure",
        {**QUORUM, **REASONS, "write_type": "BATCH"},
        "WriteFailure",
        {**COUNTED, "failures": 1, "write_type": WriteType.BATCH},
    ),
]


@pytest.fixture
def three(simulacron: Simulacron) -> Iterator[FakeCluster]:
    """Three nodes in one data centre."""
    with simulacron.cluster(Shape({"dc1": 3})) as cluster:
        yield cluster


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize(
    ("result", "fields", "name", "expected"), ERRORS, ids=lambda v: str(v)[:24]
)
def test_every_error_is_raised_with_what_it_says(
    three: FakeCluster,
    version: int,
    result: str,
    fields: dict[str, Any],
    name: str,
    expected: dict[str, Any],
) -> None:
    three.prime(SELECT, {"result": result, **fields})
    never = {"retry_policy": FallthroughRetryPolicy()}
    with session_of(three, profile=never, protocol_version=version) as session:
        with pytest.raises(errors.DriverException) as caught:
            session.execute(SELECT)
        assert type(caught.value) is getattr(errors, name)
        assert {field: getattr(caught.value, field) for field in expected} == expected
        assert len(three.seen(SELECT)) == 1
        assert session.execute("SELECT others").all() == []


# --- retries -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "result", "fields", "attempts"),
    [
        # Enough replicas answered, but not the one with the data: once more on the same node.
        (SELECT, "read_timeout", {**QUORUM, "received": 2, "data_present": False}, [2]),
        (SELECT, "read_timeout", {**QUORUM, "data_present": True}, [1]),
        (INSERT, "write_timeout", {**QUORUM, "write_type": "BATCH_LOG"}, [2]),
        (INSERT, "write_timeout", {**QUORUM, "write_type": "SIMPLE"}, [1]),
        (SELECT, "unavailable", {"consistency_level": "QUORUM", "required": 2, "alive": 1}, [1, 1]),
        (SELECT, "overloaded", {"message": "m"}, [1, 1, 1]),
        # Refused before anything was written.
        (INSERT, "overloaded", {"message": "m"}, [1, 1, 1]),
        (SELECT, "server_error", {"message": "m"}, [1, 1, 1]),
        # It may have been written.
        (INSERT, "server_error", {"message": "m"}, [1]),
        (SELECT, "syntax_error", {"message": "m"}, [1]),
    ],
)
def test_the_default_policy_repeats_what_is_safe_where_it_promises_well(
    three: FakeCluster, text: str, result: str, fields: dict[str, Any], attempts: list[int]
) -> None:
    three.prime(text, {"result": result, **fields})
    with session_of(three) as session:
        with pytest.raises(errors.DriverException):
            session.execute(text)
        asked = Counter(seen.node for seen in three.seen(text))
        assert sorted(asked.values()) == attempts


def test_an_error_at_one_node_is_not_seen_by_the_caller(three: FakeCluster) -> None:
    three.prime(SELECT, {"result": "overloaded", "message": "busy"}, at=three.nodes[0])
    with session_of(three, RoundRobinPolicy()) as session:
        asked = set(coordinators(session, SELECT, 9))
        assert asked == {node.address for node in three.nodes[1:]}
        assert three.nodes[0] in {seen.node for seen in three.seen(SELECT)}


def test_a_level_that_the_policy_lowers_is_what_the_next_attempt_has(three: FakeCluster) -> None:
    fields = {"consistency_level": "QUORUM", "required": 2, "alive": 1}
    three.prime(SELECT, {"result": "unavailable", **fields}, levels=["QUORUM"])
    with pytest.warns(DeprecationWarning, match="Downgrading"):
        policy = DowngradingConsistencyRetryPolicy()
    profile = {"retry_policy": policy, "consistency_level": ConsistencyLevel.QUORUM}
    with session_of(three, profile=profile) as session:
        assert session.execute(SELECT).all() == []
        assert [seen.consistency for seen in three.seen(SELECT)] == ["QUORUM", "ONE"]


@pytest.mark.parametrize("level", sorted(ConsistencyLevel.name_to_value))
def test_every_level_arrives(three: FakeCluster, level: str) -> None:
    with session_of(three) as session:
        wanted = ConsistencyLevel.name_to_value[level]
        session.execute(SimpleStatement(SELECT, consistency_level=wanted))
        assert [seen.consistency for seen in three.seen(SELECT)] == [level]


# --- delays ------------------------------------------------------------------------------------


def test_an_answer_that_comes_too_late_harms_nothing(three: FakeCluster) -> None:
    three.prime(SELECT, {**rows([{"v": "x"}], {"v": "varchar"}), "delay_in_ms": 600})
    with session_of(three) as session:
        for _ in range(3):
            with pytest.raises(errors.OperationTimedOut):
                session.execute(SELECT, timeout=0.1)
        before = three.connections()
        until(lambda: in_flight(session) == 0, "late answers free their places", timeout=10)
        assert session.execute(SELECT, timeout=10).one().v == "x"
        assert three.connections() == before


def test_a_request_that_is_never_answered_ends_with_its_time_out(three: FakeCluster) -> None:
    three.prime(SELECT, {"result": "no_result"})
    with session_of(three) as session:
        begin = time.monotonic()
        futures = [session.execute_async(SELECT, timeout=0.5) for _ in range(50)]
        for future in futures:
            with pytest.raises(errors.OperationTimedOut):
                future.result()
        assert 0.5 <= time.monotonic() - begin < 5
        assert session.execute("SELECT others").all() == []


def test_a_second_node_is_asked_while_the_first_one_is_slow(three: FakeCluster) -> None:
    slow, *others = three.nodes
    three.prime(SELECT, {"result": "void", "delay_in_ms": 60_000}, at=slow)
    profile = {"speculative_execution_policy": ConstantSpeculativeExecutionPolicy(0.05, 2)}
    with session_of(three, RoundRobinPolicy(), profile=profile) as session:
        statement = SimpleStatement(SELECT, is_idempotent=True)
        assert set(coordinators(session, statement, 9)) == {node.address for node in others}
        asked = Counter(seen.node for seen in three.seen(SELECT))
        assert asked[slow] > 0
        assert asked.total() == 9 + asked[slow]


# --- statements and values ---------------------------------------------------------------------


def test_a_statement_is_prepared_on_all_nodes(fakes: FakeCluster) -> None:
    text = "SELECT v FROM ks.t WHERE id = ?"
    fakes.prime(text, rows([], {"v": "varchar"}), params={"id": "int"})
    with session_of(fakes) as session:
        session.prepare(text)
        until(lambda: len(fakes.seen(text, kind="PREPARE")) == 50, "all nodes of dc1", timeout=20)
        assert {seen.node for seen in fakes.seen(text)} == set(fakes.of("dc1"))


VALUES: dict[str, tuple[Any, Any]] = {
    "ascii": ("abc", "abc"),
    "bigint": (-(1 << 60), -(1 << 60)),
    "boolean": (True, True),
    "date": ("2024-02-29", datetime.date(2024, 2, 29)),
    "decimal": ("12.50", Decimal("12.50")),
    "double": (0.1, 0.1),
    "float": (0.5, 0.5),
    "inet": ("127.0.0.9", ipaddress.ip_address("127.0.0.9")),
    "int": (-7, -7),
    "smallint": (-300, -300),
    "timestamp": (1_700_000_000_123, datetime.datetime(2023, 11, 14, 22, 13, 20, 123_000)),
    "timeuuid": ("8a4f7d40-0f51-11ee-be56-0242ac120002",) * 2,
    "tinyint": (-5, -5),
    "uuid": ("c9a646d3-9c61-4cb7-bfcd-ee2522c8f633",) * 2,
    "varchar": ("été", "été"),
    "varint": (1 << 40, 1 << 40),
    "list<int>": ([3, 1, 2], [3, 1, 2]),
    "set<varchar>": (["b", "a"], {"a", "b"}),
    "map<varchar,int>": ({"a": 1, "b": 2}, {"a": 1, "b": 2}),
    "tuple<int,varchar>": ([1, "x"], (1, "x")),
    "map<varchar,list<int>>": ({"a": [1, 2]}, {"a": [1, 2]}),
}
"""What Simulacron is told of a value, and what it is to us, by type."""
SINCE_4 = ("date", "smallint", "tinyint")
"""Types that protocol 3 does not have."""


def values_of(version: int) -> dict[str, tuple[Any, Any]]:
    return {t: values for t, values in VALUES.items() if version >= 4 or t not in SINCE_4}


def _value(cql_type: str, value: Any) -> Any:
    return uuid.UUID(value) if cql_type in ("uuid", "timeuuid") else value


@pytest.mark.parametrize("version", [3, 4])
def test_values_that_the_server_encodes_are_read(three: FakeCluster, version: int) -> None:
    values = values_of(version)
    row = {f"c{number}": told for number, (told, _) in enumerate(values.values())}
    types = {f"c{number}": cql_type for number, cql_type in enumerate(values)}
    three.prime(SELECT, rows([row, dict.fromkeys(row)], types))
    with session_of(three, protocol_version=version) as session:
        found, nulls = session.execute(SELECT).all()
        for (cql_type, (_, expected)), value in zip(values.items(), found, strict=True):
            if cql_type == "date":
                value = value.date()
            elif cql_type == "inet":
                value = ipaddress.ip_address(value)
            assert value == _value(cql_type, expected), cql_type
        assert set(nulls) == {None}


@pytest.mark.parametrize("version", [3, 4])
def test_values_that_are_bound_are_what_the_server_decodes(
    three: FakeCluster, version: int
) -> None:
    values = values_of(version)
    values.pop("date", None)  # Simulacron cannot write one into its log
    names = {f"c{number}": cql_type for number, cql_type in enumerate(values)}
    text = f"INSERT INTO ks.t ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    three.prime(text, rows([], {"v": "varchar"}), params=names)
    with session_of(three, protocol_version=version) as session:
        given = [_value(cql_type, expected) for cql_type, (_, expected) in values.items()]
        session.execute(session.prepare(text), given)
        (executed,) = three.seen(text, kind="EXECUTE")
        for (cql_type, (told, _)), name in zip(values.items(), names, strict=True):
            decoded = executed.decoded[name]
            if cql_type.startswith("set"):
                decoded, told = set(decoded), set(told)
            elif cql_type.startswith("tuple"):
                decoded = decoded["values"]
            elif cql_type == "decimal":
                decoded, told = Decimal(str(decoded)), Decimal(told)
            assert decoded == told, cql_type


def test_a_batch_arrives_whole(three: FakeCluster) -> None:
    other = "UPDATE ks.t SET v = 'y' WHERE k = 2"
    queries = [{"query": text, "params": {}, "param_types": {}} for text in (INSERT, other)]
    fields = {"consistency_level": "QUORUM", "required": 2, "alive": 1}
    three.prime_request(
        {"request": "batch", "queries": queries}, {"result": "unavailable", **fields}
    )
    with session_of(three) as session:
        batch = BatchStatement()
        batch.add(INSERT)
        batch.add(other)
        with pytest.raises(errors.Unavailable):
            session.execute(batch)
        sent = [seen.frame["message"] for seen in three.seen(kind="BATCH")]
        assert len(sent) == 2  # the second on the next node
        assert sent[0]["queries_or_ids"] == [INSERT, other]
