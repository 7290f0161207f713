"""Calls on a connected session that are wrong, and what their errors tell."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cql_driver import query
from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile, Session
from cql_driver.concurrent import execute_concurrent, execute_concurrent_with_args
from cql_driver.connection import DefaultEndPoint
from cql_driver.core.observers import Observer
from cql_driver.policies import HostDistance, SimpleConvictionPolicy
from cql_driver.pool import Host
from cql_driver.query import BatchStatement, BoundStatement, SimpleStatement

if TYPE_CHECKING:
    from cql_driver.cluster import Cluster

__all__ = ["CALLS", "Case", "Context", "Wire"]

NAN, INF = float("nan"), float("inf")


class Wire(Observer):
    """Counts what is sent."""

    def __init__(self) -> None:
        self.sent = 0

    def bytes_sent(self, host: Host, size: int) -> None:
        self.sent += size


class Context:
    """A session, its table, and statements on it."""

    def __init__(self, session: Session, table: str, wire: Wire) -> None:
        self.session = session
        self.table = table
        self.wire = wire
        self.select = session.prepare(f"SELECT * FROM {table} WHERE k = ?")
        self.columns = session.execute(self.select, (0,)).column_names or []
        self.inserts = {
            name: session.prepare(f"INSERT INTO {table} (k, {name}) VALUES (?, ?)")
            for name in self.columns
            if name != "k"
        }
        self.statement = f"INSERT INTO {table} (k, t) VALUES (%s, %s)"
        self.named = f"INSERT INTO {table} (k, t) VALUES (%(k)s, %(t)s)"
        self.paged = SimpleStatement("SELECT * FROM system.local", fetch_size=10)
        session.execute(f"INSERT INTO {table} (k, t) VALUES (?, ?)", (0, "zero"))

    @property
    def cluster(self) -> Cluster:
        return self.session.cluster

    def insert(self, column: str, value: Any) -> object:
        return self.session.execute(self.inserts[column], (1, value))


def _foreign_host() -> Host:
    return Host(DefaultEndPoint("203.0.113.7"), SimpleConvictionPolicy)


class Unprintable:
    """A value that nothing can be done with."""

    def __repr__(self) -> str:
        raise RuntimeError("no text for you")


Call = Callable[[Context], object]
Case = tuple[Call, tuple[str, ...]]

QUERIES: dict[str, Case] = {
    "query-none": (lambda c: c.session.execute(None), ("query", "SimpleStatement")),
    "query-number": (lambda c: c.session.execute(5), ("query", "int")),
    "query-bytes": (lambda c: c.session.execute(b"SELECT"), ("query", "decode it")),
    "query-list": (lambda c: c.session.execute(["SELECT"]), ("query", "list")),
    "query-class": (lambda c: c.session.execute(SimpleStatement), ("query", "SimpleStatement(")),
    "query-future": (
        lambda c: c.session.execute(c.session.prepare),
        ("query", "PreparedStatement"),
    ),
    "query-base": (lambda c: c.session.execute(query.Statement()), ("query", "SimpleStatement")),
    "query-surrogate": (lambda c: c.session.execute("SELECT '\ud800'"), ("query", "UTF-8")),
    "query-async": (lambda c: c.session.execute_async(5), ("query", "int")),
    "profile-unknown": (
        lambda c: c.session.execute(c.paged, execution_profile="reports"),
        ("execution_profile='reports'", "add_execution_profile"),
    ),
    "profile-number": (
        lambda c: c.session.execute(c.paged, execution_profile=5),
        ("execution_profile=5", "add_execution_profile"),
    ),
    "profile-unhashable": (
        lambda c: c.session.execute(c.paged, execution_profile=[]),
        ("execution_profile=[]", "add_execution_profile"),
    ),
    "profile-class": (
        lambda c: c.session.execute(c.paged, execution_profile=ExecutionProfile),
        ("execution_profile", "add_execution_profile"),
    ),
    "profile-none": (
        lambda c: c.session.execute(c.paged, execution_profile=None),
        ("execution_profile=None", "add_execution_profile"),
    ),
    "profile-get": (lambda c: c.session.get_execution_profile("a"), ("'a'", "add_execution_prof")),
    "profile-clone": (
        lambda c: c.session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, timeout=5),
        ("'timeout'", "request_timeout"),
    ),
    "profile-clone-value": (
        lambda c: c.session.execution_profile_clone_update(
            EXEC_PROFILE_DEFAULT, request_timeout=-1
        ),
        ("request_timeout", "None means no limit"),
    ),
    "profile-clone-unknown": (
        lambda c: c.session.execution_profile_clone_update("a"),
        ("'a'", "add_execution_profile"),
    ),
    "timeout-negative": (lambda c: c.session.execute(c.paged, timeout=-1), ("timeout", "None")),
    "timeout-text": (lambda c: c.session.execute(c.paged, timeout="5"), ("timeout", "seconds")),
    "timeout-nan": (lambda c: c.session.execute(c.paged, timeout=NAN), ("timeout", "None")),
    "timeout-inf": (lambda c: c.session.execute(c.paged, timeout=INF), ("timeout", "None")),
    "timeout-true": (lambda c: c.session.execute(c.paged, timeout=True), ("timeout", "seconds")),
    "timeout-prepared": (
        lambda c: c.session.execute(c.select, (1,), timeout=-1),
        ("timeout", "None"),
    ),
    "trace-number": (
        lambda c: c.session.execute(c.paged, trace="yes"),  # type: ignore[arg-type]
        ("trace", "True nor False"),
    ),
    "payload-list": (
        lambda c: c.session.execute(c.paged, custom_payload=[("a", b"")]),  # type: ignore[arg-type]
        ("custom_payload", "dict"),
    ),
    "payload-text": (
        lambda c: c.session.execute(c.paged, custom_payload="a"),  # type: ignore[arg-type]
        ("custom_payload", "dict"),
    ),
    "payload-value": (
        lambda c: c.session.execute(c.paged, custom_payload={"a": "b"}),  # type: ignore[dict-item]
        ("custom_payload", "encode it"),
    ),
    "payload-key": (
        lambda c: c.session.execute(c.paged, custom_payload={5: b""}),  # type: ignore[dict-item]
        ("custom_payload", "str"),
    ),
    "payload-empty-list": (
        lambda c: c.session.execute(c.paged, custom_payload=[]),  # type: ignore[arg-type]
        ("custom_payload", "dict"),
    ),
    "payload-many": (
        lambda c: c.session.execute(
            c.paged, custom_payload=dict.fromkeys(map(str, range(70000)), b"")
        ),
        ("custom_payload", "65,535"),
    ),
    "payload-long-key": (
        lambda c: c.session.execute(c.paged, custom_payload={"k" * 70000: b""}),
        ("custom_payload", "65,535"),
    ),
    "paging-state-text": (
        lambda c: c.session.execute(c.paged, paging_state="00ff"),  # type: ignore[arg-type]
        ("paging_state", "bytes"),
    ),
    "paging-state-number": (
        lambda c: c.session.execute(c.select, (1,), paging_state=5),  # type: ignore[arg-type]
        ("paging_state", "bytes"),
    ),
    "paging-state-list": (
        lambda c: c.session.execute(c.paged, paging_state=[]),  # type: ignore[arg-type]
        ("paging_state", "bytes"),
    ),
    "paging-state-of-a-batch": (
        lambda c: c.session.execute(a_batch(c), paging_state=b"x"),
        ("paging_state", "batch"),
    ),
    "host-address": (
        lambda c: c.session.execute(c.paged, host="127.0.0.1"),  # type: ignore[arg-type]
        ("host", "all_hosts()"),
    ),
    "host-of-another-cluster": (
        lambda c: c.session.execute(c.paged, host=_foreign_host()),
        ("203.0.113.7", "all_hosts()"),
    ),
    "execute-as": (
        lambda c: c.session.execute(c.paged, execute_as=5),  # type: ignore[arg-type]
        ("execute_as", "role"),
    ),
}


def a_batch(c: Context) -> BatchStatement:
    batch = BatchStatement()
    batch.add(c.inserts["t"], (5, "five"))
    return batch


PARAMETERS: dict[str, Case] = {
    "text-parameters-text": (lambda c: c.session.execute(c.statement, "ab"), ("list", "str")),
    "text-parameters-set": (lambda c: c.session.execute(c.statement, {1, 2}), ("list", "set")),
    "text-parameters-number": (lambda c: c.session.execute(c.statement, 5), ("list", "int")),
    "text-too-few": (lambda c: c.session.execute(c.statement, (1,)), ("2", "1")),
    "text-too-many": (lambda c: c.session.execute(c.statement, (1, 2, 3)), ("2", "3")),
    "text-dict": (lambda c: c.session.execute(c.statement, {"k": 1, "t": "a"}), ("%s", "mapping")),
    "text-names-of-list": (lambda c: c.session.execute(c.named, (1, "a")), ("%(", "dict")),
    "text-name-missing": (lambda c: c.session.execute(c.named, {"k": 1}), ("'t'",)),
    "text-no-markers": (
        lambda c: c.session.execute("SELECT * FROM system.local", (1,)),
        ("marker", "1"),
    ),
    "text-both-markers": (
        lambda c: c.session.execute(f"SELECT * FROM {c.table} WHERE k = ? AND t = %s", (1, "a")),
        ("?", "%s"),
    ),
    "text-unknown-type": (
        lambda c: c.session.execute(c.statement, (1, object())),
        ("object", "prepared statement"),
    ),
    "text-unprintable": (
        lambda c: c.session.execute(c.statement, (1, Unprintable())),
        ("Unprintable",),
    ),
    "text-lone-percent": (
        lambda c: c.session.execute("SELECT '%' FROM system.local WHERE key = %s", ("local",)),
        ("%%",),
    ),
    "text-surrogate": (lambda c: c.session.execute(c.statement, (1, "\ud800")), ("UTF-8",)),
    "prepared-number": (lambda c: c.session.execute(c.select, 5), ("list", "(value,)")),
    "prepared-text": (lambda c: c.session.execute(c.select, "a"), ("list", "(value,)")),
    "prepared-bytes": (lambda c: c.session.execute(c.select, b"a"), ("list", "(value,)")),
    "prepared-set": (lambda c: c.session.execute(c.select, {1}), ("list", "set")),
    "prepared-too-many": (
        lambda c: c.session.execute(c.select, (1, 2)),
        ("2 values", "1 parameter"),
    ),
    "prepared-too-few": (lambda c: c.session.execute(c.select, ()), ("'k'", "give it a value")),
    "prepared-none": (lambda c: c.session.execute(c.select), ("'k'", "give it a value")),
    "prepared-null-key": (
        lambda c: c.session.execute(c.select, (None,)),
        ("'k'", "partition key", "null"),
    ),
    "prepared-unset-key": (
        lambda c: c.session.execute(c.select, (query.UNSET_VALUE,)),
        ("'k'", "partition key", "unset"),
    ),
    "prepared-unknown-name": (
        lambda c: c.session.execute(c.select, {"key": 1}),
        ("'k'", "give it a value"),
    ),
    "prepared-async": (lambda c: c.session.execute_async(c.select, ("a",)), ("'k'", "int")),
    "bound-unbound": (
        lambda c: c.session.execute(BoundStatement(c.select)),
        ("1 marker", "bind()"),
    ),
    "bound-bind": (lambda c: BoundStatement(c.select).bind("a"), ("list", "(value,)")),
    "bound-parameters": (
        lambda c: c.session.execute(c.select.bind((1,)), ("a",)),
        ("'k'", "int"),
    ),
    "batch-empty": (lambda c: c.session.execute(BatchStatement()), ("empty batch", "add")),
    "batch-parameters": (
        lambda c: c.session.execute(a_batch(c), (1,)),
        ("parameters", "add()"),
    ),
    "batch-value": (lambda c: BatchStatement().add(c.select, ("a",)), ("'k'", "int")),
}

VALUES: list[tuple[str, Any, str]] = [
    ("k", "x", "int"),
    ("k", 1.5, "int"),
    ("k", 2**31, "int"),
    ("t", 5, "text"),
    ("t", b"bytes", "text"),
    ("t", "\ud800", "UTF-8"),
    ("t", ["a"], "text"),
    ("b", "text", "blob"),
    ("big", 2**63, "bigint"),
    ("big", "5", "bigint"),
    ("tiny", 128, "tinyint"),
    ("f", 1e300, "float"),
    ("f", "1.5", "float"),
    ("d", "1.5", "decimal"),
    ("d", Decimal("NaN"), "decimal"),
    ("d", Decimal("1e-9999999999"), "decimal"),
    ("u", "not a uuid", "uuid"),
    ("tu", uuid.UUID(int=5), "timeuuid"),
    ("ts", "yesterday", "timestamp"),
    ("ts", 2**80, "timestamp"),
    ("da", datetime, "date"),
    ("ti", 86_400_000_000_000, "time"),
    ("du", 5, "duration"),
    ("i", "300.0.0.1", "inet"),
    ("bo", "yes", "boolean"),
    ("l", 5, "list"),
    ("l", "ab", "list"),
    ("l", ["a"], "int"),
    ("s", {"a": 1}, "set"),
    ("s", [5], "text"),
    ("m", [1, 2], "map"),
    ("m", {1: 1}, "text"),
    ("m", {"a": None}, "null"),
    ("tp", (1, "a", 2), "tuple"),
    ("tp", 5, "tuple"),
    ("v", [1.0, 2.0], "vector"),
    ("v", [1.0, 2.0, "x"], "float"),
    ("t", Unprintable(), "text"),
]


def _value_case(column: str, value: Any, told: str) -> Case:
    if column == "k":
        return lambda c: c.session.execute(c.select, (value,)), ("'k'", told)
    return lambda c: c.insert(column, value), (f"'{column}'", told)


CALLS: dict[str, Case] = {
    **QUERIES,
    **PARAMETERS,
    **{
        f"value-{n}-{column}": _value_case(column, value, told)
        for n, (column, value, told) in enumerate(VALUES)
    },
    "prepare-number": (lambda c: c.session.prepare(5), ("query", "str")),  # type: ignore[arg-type]
    "prepare-bytes": (lambda c: c.session.prepare(b"S"), ("query", "str")),  # type: ignore[arg-type]
    "prepare-statement": (
        lambda c: c.session.prepare(c.paged),  # type: ignore[arg-type]
        ("query", "query_string"),
    ),
    "prepare-keyspace": (
        lambda c: c.session.prepare("SELECT", keyspace=5),  # type: ignore[arg-type]
        ("keyspace=5", "str"),
    ),
    "prepare-payload": (
        lambda c: c.session.prepare("SELECT", {"a": "b"}),  # type: ignore[dict-item]
        ("custom_payload", "encode it"),
    ),
    "prepare-surrogate": (lambda c: c.session.prepare("SELECT '\ud800'"), ("query", "UTF-8")),
    "keyspace-number": (lambda c: c.session.set_keyspace(5), ("keyspace=5", "str")),  # type: ignore[arg-type]
    "keyspace-empty": (lambda c: c.session.set_keyspace(""), ("keyspace", "empty")),
    "keyspace-nul": (lambda c: c.session.set_keyspace("a\0b"), ("keyspace", "NUL")),
    "listener": (lambda c: c.session.add_request_init_listener(5), ("fn=5", "call")),  # type: ignore[arg-type]
    "listener-unknown": (
        lambda c: c.session.remove_request_init_listener(print),
        ("print", "not added"),
    ),
    "agreement-time": (
        lambda c: c.session.wait_for_schema_agreement("x"),  # type: ignore[arg-type]
        ("wait_time", "seconds"),
    ),
    "agreement-scope": (
        lambda c: c.session.wait_for_schema_agreement(scope="planet"),
        ("scope", "SchemaAgreementScope"),
    ),
    "submit": (lambda c: c.session.submit(5), ("fn=5", "call")),  # type: ignore[arg-type]
    "pool-address": (
        lambda c: c.session.remove_pool("127.0.0.1"),  # type: ignore[arg-type]
        ("host", "all_hosts()"),
    ),
    "pool-renew": (
        lambda c: c.session.add_or_renew_pool(None, False),  # type: ignore[arg-type]
        ("host", "all_hosts()"),
    ),
    "concurrent-number": (
        lambda c: execute_concurrent(c.session, 5),  # type: ignore[arg-type]
        ("statements_and_parameters", "pairs"),
    ),
    "concurrent-no-pairs": (
        lambda c: execute_concurrent(c.session, [c.select]),  # type: ignore[list-item]
        ("statements_and_parameters", "no pair"),
    ),
    "concurrent-none": (
        lambda c: execute_concurrent(c.session, [(c.select, (1,))], concurrency=0),
        ("concurrency", "1"),
    ),
    "concurrent-text": (
        lambda c: execute_concurrent(c.session, [], concurrency="5"),  # type: ignore[arg-type]
        ("concurrency", "int"),
    ),
    "concurrent-session": (
        lambda c: execute_concurrent(c.cluster, []),  # type: ignore[arg-type]
        ("session", "Session"),
    ),
    "concurrent-args": (
        lambda c: execute_concurrent_with_args(c.session, c.select, 5),  # type: ignore[arg-type]
        ("parameters", "list of tuples"),
    ),
    "concurrent-args-text": (
        lambda c: execute_concurrent_with_args(c.session, c.select, "ab"),
        ("parameters", "list of tuples"),
    ),
    "concurrent-value": (
        lambda c: execute_concurrent(c.session, [(c.select, ("a",))]),
        ("'k'", "int"),
    ),
    "concurrent-query": (
        lambda c: execute_concurrent(c.session, [(5, None)]),
        ("query", "int"),
    ),
    "prepared-added": (
        lambda c: c.cluster.add_prepared(b"", "SELECT"),  # type: ignore[arg-type]
        ("prepared_statement", "session.prepare()"),
    ),
    "host-added": (lambda c: c.cluster.add_host("a:b"), ("endpoint", "tuple")),
    "type-klass": (
        lambda c: c.cluster.register_user_type("k", "t", None),  # type: ignore[arg-type]
        ("klass", "called"),
    ),
    "sizes": (
        lambda c: c.cluster.set_core_connections_per_host(HostDistance.LOCAL, 0),
        ("connections_per_host", "it can be"),
    ),
}
