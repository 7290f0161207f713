from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from cql_driver.encoder import Encoder
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.query import (
    FETCH_SIZE_UNSET,
    UNSET_VALUE,
    BatchStatement,
    BoundStatement,
    HostTargetingStatement,
    PreparedStatement,
    SimpleStatement,
    Statement,
    bind_params,
)
from cql_protocol import UNSET, ConsistencyLevel, DriverException, Query, QueryParameters
from cql_protocol.errors import InvalidValue, InvalidValueType
from cql_protocol.literals import LiteralEncoder
from tests.query.samples import DIALECTS, Retries, prepared

KINDS = {
    "statement": Statement,
    "simple": lambda **given: SimpleStatement("SELECT 1", **given),
    "bound": lambda **given: BoundStatement(prepared(), **given),
    "batch": lambda **given: _set(BatchStatement(), given),
    "prepared": lambda **given: _set(prepared(), given),
}


def _set(statement: Any, given: dict[str, Any]) -> Any:
    for name, value in given.items():
        setattr(statement, name, value)
    return statement


BAD: list[tuple[str, Any, type[Exception], str]] = [
    ("consistency_level", "quorum", InvalidArgumentType, "ConsistencyLevel.QUORUM"),
    ("consistency_level", "most", InvalidArgumentType, "use one of ConsistencyLevel"),
    ("consistency_level", 11, InvalidArgument, "cannot be 11"),
    ("consistency_level", -1, InvalidArgument, "cannot be -1"),
    ("consistency_level", 1.0, InvalidArgumentType, "not 1.0"),
    ("consistency_level", True, InvalidArgumentType, "not True"),
    ("serial_consistency_level", ConsistencyLevel.ONE, InvalidArgument, "ONE.*LOCAL_SERIAL"),
    ("serial_consistency_level", 99, InvalidArgument, "cannot be 99"),
    ("serial_consistency_level", "SERIAL", InvalidArgumentType, "ConsistencyLevel.SERIAL"),
    ("fetch_size", 0, InvalidArgument, "None"),
    ("fetch_size", -5, InvalidArgument, "fetch_size is -5"),
    ("fetch_size", 2**31, InvalidArgument, "2147483647"),
    ("fetch_size", "100", InvalidArgumentType, "not str"),
    ("fetch_size", True, InvalidArgumentType, "not bool"),
    ("retry_policy", Retries, InvalidArgumentType, r"use Retries\(\)"),
    ("retry_policy", object(), InvalidArgumentType, "on_read_timeout, on_write_timeout"),
    ("custom_payload", [("a", b"")], InvalidArgumentType, "a dict, not list"),
    ("custom_payload", {b"a": b""}, InvalidArgumentType, "a key of custom_payload is str"),
    ("custom_payload", {"a": "b"}, InvalidArgumentType, r"custom_payload\['a'\] is bytes"),
    ("custom_payload", dict.fromkeys(map(str, range(65536)), b""), InvalidArgument, "65,536"),
]
BAD_NAMES: list[tuple[str, Any, type[Exception], str]] = [
    ("keyspace", b"ks", InvalidArgumentType, "not bytes"),
    ("keyspace", "k\0s", InvalidArgument, "name of a keyspace"),
    ("keyspace", "", InvalidArgument, "use None"),
    ("routing_key", "key", InvalidArgumentType, "encode each value"),
    ("routing_key", [1], InvalidValueType, "component 0"),
    ("routing_key", [b"", b"x" * 65536], InvalidValue, "65536 bytes"),
    ("routing_key", [], InvalidValue, "at least one"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "value", "error", "text"), BAD)
def test_a_wrong_attribute_is_told_at_once(
    kind: str, name: str, value: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text) as told:
        KINDS[kind](**{name: value})
    assert isinstance(told.value, DriverException)
    assert name in str(told.value)
    statement = KINDS[kind]()
    with pytest.raises(error, match=text):
        setattr(statement, name, value)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"prepared"}))
@pytest.mark.parametrize(("name", "value", "error", "text"), BAD_NAMES)
def test_a_wrong_name_or_key_is_told_at_once(
    kind: str, name: str, value: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        KINDS[kind](**{name: value})


GOOD: dict[str, tuple[Any, ...]] = {
    "consistency_level": (*ConsistencyLevel, *range(11), None),
    "serial_consistency_level": (ConsistencyLevel.SERIAL, ConsistencyLevel.LOCAL_SERIAL, 8, None),
    "fetch_size": (1, 2**31 - 1, None, FETCH_SIZE_UNSET),
    "retry_policy": (Retries(), None),
    "custom_payload": ({}, {"a": b"b", "c": None, "d": bytearray(b"e")}, None),
    "is_idempotent": (True, False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_good_attributes_are_kept(kind: str) -> None:
    statement = KINDS[kind]()
    for name, values in GOOD.items():
        for value in values:
            setattr(statement, name, value)
            assert getattr(statement, name) == value


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_given(kind: str) -> None:
    statement = KINDS[kind]()
    for name in ("retry_policy", "consistency_level", "serial_consistency_level"):
        assert getattr(statement, name) is None
    assert statement.custom_payload is None
    assert statement.fetch_size is FETCH_SIZE_UNSET
    assert statement.is_idempotent is False
    assert statement.is_lwt() is False


def test_a_statement_in_the_order_of_its_parameters() -> None:
    policy = Retries()
    statement = Statement(policy, 1, [b"a", b"b"], 8, 10, "ks", {"a": b"b"}, True, "t")
    assert statement.retry_policy is policy
    assert statement.consistency_level == 1
    assert statement.routing_key == b"\0\1a\0\0\1b\0"
    assert statement.serial_consistency_level == 8
    assert (statement.fetch_size, statement.keyspace, statement.table) == (10, "ks", "t")
    assert statement.custom_payload == {"a": b"b"}
    assert statement.is_idempotent
    with pytest.raises(NotImplementedError, match="Statement is no statement"):
        statement.message(1)


@pytest.mark.parametrize(
    ("given", "key"),
    [(b"a", b"a"), (bytearray(b"a"), b"a"), ([b"a"], b"a"), ((b"a", b""), b"\0\1a\0\0\0\0")],
)
def test_routing_keys(given: Any, key: bytes) -> None:
    statement = SimpleStatement("SELECT 1", routing_key=given)
    assert statement.routing_key == key
    statement.routing_key = None
    assert statement.routing_key is None


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (b"SELECT 1", "decode it first"),
        (bytearray(b"SELECT 1"), "decode it first"),
        (None, "not NoneType"),
        (SimpleStatement("SELECT 1"), "not SimpleStatement"),
    ],
)
def test_the_text_of_a_statement_is_a_str(query: Any, text: str) -> None:
    with pytest.raises(InvalidArgumentType, match=text):
        SimpleStatement(query)


def test_the_text_cannot_be_changed_and_holds_anything() -> None:
    statement = SimpleStatement("SELECT '\0'", fetch_size=None, is_idempotent=True)
    assert statement.query_string == "SELECT '\0'"
    assert (statement.fetch_size, statement.is_idempotent) == (None, True)
    with pytest.raises(AttributeError):
        statement.query_string = "SELECT 2"  # type: ignore[misc]


def test_the_message_of_a_text() -> None:
    statement = SimpleStatement("SELECT 1")
    for dialect in DIALECTS.values():
        body = statement.message(6, 9, 100, b"page", 12).encode(dialect)
        parameters = QueryParameters(
            6, serial_consistency=9, page_size=100, paging_state=b"page", timestamp=12
        )
        assert body == Query("SELECT 1", parameters).encode(dialect)
    written = statement.message(1, text="SELECT 2").encode(DIALECTS["v4"])
    assert written == Query("SELECT 2").encode(DIALECTS["v4"])


def test_a_keyspace_is_sent_where_there_is_a_place_for_it() -> None:
    statement = SimpleStatement("SELECT 1", keyspace="ks")
    message = statement.message(1, 8, 100, b"page", 12)
    plain = SimpleStatement("SELECT 1").message(1, 8, 100, b"page", 12)
    for name, dialect in DIALECTS.items():
        if name == "v5":
            parameters = QueryParameters(
                1,
                serial_consistency=8,
                page_size=100,
                paging_state=b"page",
                timestamp=12,
                keyspace="ks",
            )
            assert message.encode(dialect) == Query("SELECT 1", parameters).encode(dialect)
        else:
            assert message.encode(dialect) == plain.encode(dialect)


@pytest.mark.parametrize("encoder", [Encoder(), LiteralEncoder()])
def test_parameters_are_written_into_the_text(encoder: Any) -> None:
    query = "INSERT INTO t (a, b) VALUES (%s, %s)"
    assert bind_params(query, ("it's", None), encoder) == (
        "INSERT INTO t (a, b) VALUES ('it''s', NULL)"
    )
    assert bind_params("a = %(b)s", {"b": 1, "c": 2}, encoder) == "a = 1"
    assert bind_params("a = '%'", None, encoder) == "a = '%'"
    with pytest.raises(InvalidValue):
        bind_params(query, (1,), encoder)


def test_an_encoder_of_ones_own_is_asked() -> None:
    class Loud(Encoder):
        def cql_encode_all_types(self, val: Any, as_text_type: bool = False) -> str:
            return super().cql_encode_all_types(val).upper()

    assert bind_params("%s", ["a"], Loud()) == "'A'"


def test_the_marks_are_single_objects() -> None:
    assert UNSET_VALUE is UNSET
    assert repr(FETCH_SIZE_UNSET) == "FETCH_SIZE_UNSET"
    assert copy.deepcopy(FETCH_SIZE_UNSET) is FETCH_SIZE_UNSET
    assert pickle.loads(pickle.dumps(FETCH_SIZE_UNSET)) is FETCH_SIZE_UNSET


def test_statements_show_what_they_are() -> None:
    statement = SimpleStatement("SELECT 1", consistency_level=ConsistencyLevel.ONE)
    assert repr(statement) == "<SimpleStatement query='SELECT 1', consistency=ONE>"
    assert (
        str(BatchStatement()) == "<BatchStatement type=LOGGED, statements=0, consistency=Not Set>"
    )
    assert "INSERT INTO" in repr(prepared())
    assert "INSERT" in repr(prepared().bind((1, "a", 2)))


class TestHostTargeting:
    def test_it_is_what_it_wraps(self) -> None:
        inner = SimpleStatement("SELECT 1", fetch_size=5)
        outer: Any = HostTargetingStatement(inner, "host")
        assert isinstance(outer, SimpleStatement)
        assert not isinstance(outer, PreparedStatement)
        assert (outer.target_host, outer.query_string, outer.fetch_size) == ("host", "SELECT 1", 5)
        inner.fetch_size = 6
        assert outer.fetch_size == 6
        assert "host" in repr(outer)
        assert outer.message(1).encode(DIALECTS["v4"]) == inner.message(1).encode(DIALECTS["v4"])

    def test_it_leaves_the_statement_alone(self) -> None:
        inner = prepared().bind((1, "a", 2))
        HostTargetingStatement(inner, "host")
        assert not hasattr(inner, "target_host")

    def test_it_is_for_statements(self) -> None:
        with pytest.raises(InvalidArgumentType, match="not str"):
            HostTargetingStatement("SELECT 1", "host")
        with pytest.raises(AttributeError):
            HostTargetingStatement(SimpleStatement("SELECT 1"), "h").nothing  # noqa: B018

    def test_it_can_be_copied(self) -> None:
        outer = HostTargetingStatement(SimpleStatement("SELECT 1"), "host")
        assert copy.copy(outer).target_host == "host"
