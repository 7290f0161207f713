from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cql_driver.encoder import Encoder
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.query import (
    BatchStatement,
    BatchType,
    BoundStatement,
    HostTargetingStatement,
    SimpleStatement,
)
from cql_protocol import Batch, BatchEntry, LocalProtocolError, QueryParameters
from cql_protocol.errors import InvalidValue, InvalidValueType
from tests.query.samples import DIALECTS, prepared

V4, V5 = DIALECTS["v4"], DIALECTS["v5"]
CELLS = [b"\0\0\0\1", b"a", b"\0\0\0\0\0\0\0\2"]
VALUES = (1, "a", 2)


def entries(batch: BatchStatement) -> list[BatchEntry]:
    return batch.message(1).entries


class TestAdding:
    def test_statements_of_every_kind(self) -> None:
        batch = BatchStatement()
        batch.add("DELETE FROM a")
        batch.add(SimpleStatement("DELETE FROM b"))
        batch.add(prepared(), VALUES)
        batch.add(prepared().bind(VALUES))
        batch.add(prepared(pk=None, column_metadata=()))
        batch.add(HostTargetingStatement(SimpleStatement("DELETE FROM c"), "h"))  # type: ignore[arg-type]
        assert len(batch) == 6
        assert entries(batch) == [
            BatchEntry("DELETE FROM a"),
            BatchEntry("DELETE FROM b"),
            BatchEntry(b"id", CELLS),
            BatchEntry(b"id", CELLS),
            BatchEntry(b"id", []),
            BatchEntry("DELETE FROM c"),
        ]

    @pytest.mark.parametrize("wrap", [str, SimpleStatement])
    def test_parameters_are_written_into_texts(self, wrap: Any) -> None:
        batch = BatchStatement()
        batch.add(wrap("INSERT INTO t (a, b) VALUES (%s, %s)"), ("it's", 1))
        batch.add(wrap("DELETE FROM t WHERE a = %(a)s"), {"a": (1, 2)})
        batch.add(wrap("DELETE FROM t WHERE a = '100%'"))
        batch.add(wrap("DELETE FROM t WHERE a = '100%'"), ())
        assert [entry.statement for entry in entries(batch)] == [
            "INSERT INTO t (a, b) VALUES ('it''s', 1)",
            "DELETE FROM t WHERE a = [1, 2]",
            "DELETE FROM t WHERE a = '100%'",
            "DELETE FROM t WHERE a = '100%'",
        ]

    def test_the_encoder_is_the_sessions(self) -> None:
        encoder = Encoder()
        encoder.mapping[tuple] = encoder.cql_encode_tuple
        batch = BatchStatement(session=SimpleNamespace(encoder=encoder))
        batch.add("UPDATE t SET a = %s", ((1, 2),))
        assert entries(batch)[0].statement == "UPDATE t SET a = (1, 2)"

    @pytest.mark.parametrize(
        ("statement", "parameters", "error", "text"),
        [
            (5, None, InvalidArgumentType, "not of int"),
            (b"DELETE", None, InvalidArgumentType, "not of bytes"),
            (BatchStatement(), None, InvalidArgumentType, "not of BatchStatement"),
            (prepared().bind(VALUES), VALUES, InvalidArgument, "add the PreparedStatement"),
            (BoundStatement(prepared()), None, InvalidArgument, "0 values"),
            (prepared(), ("1",), InvalidValueType, "column 'k'"),
            ("DELETE FROM t WHERE a = %s", (1, 2), InvalidValue, "1 markers"),
            ("DELETE FROM t", (1,), InvalidValue, "0 markers"),
            ("DELETE FROM t WHERE a = %s", (object(),), InvalidValueType, "object"),
            ("DELETE FROM t WHERE a = %s AND b = ?", (1, 2), InvalidArgument, "mixes"),
        ],
    )
    def test_what_cannot_be_added_leaves_the_batch_as_it_is(
        self, statement: Any, parameters: Any, error: type[Exception], text: str
    ) -> None:
        batch = BatchStatement()
        batch.add("DELETE FROM a")
        with pytest.raises(error, match=text):
            batch.add(statement, parameters)
        assert len(batch) == 1
        assert entries(batch) == [BatchEntry("DELETE FROM a")]

    def test_all_at_once(self) -> None:
        batch = BatchStatement()
        batch.add_all(["DELETE FROM a", "DELETE FROM b WHERE k = %s"], [None, (1,)])
        batch.add_all((text for text in ("DELETE FROM c",)), iter([()]))
        assert len(batch) == 3
        with pytest.raises(InvalidArgument, match="2 statements, but parameters for 1"):
            batch.add_all(["DELETE FROM a", "DELETE FROM b"], [None])
        assert len(batch) == 3

    def test_there_is_a_most(self) -> None:
        batch = BatchStatement()
        batch.add_all(["DELETE FROM a"] * 65535, [None] * 65535)
        with pytest.raises(InvalidArgument, match="65,535"):
            batch.add("DELETE FROM a")
        assert len(batch) == 65535
        assert batch.message(1).encode(V4)


class TestRouting:
    def test_by_the_first_statement_with_a_key(self) -> None:
        batch = BatchStatement()
        assert (batch.routing_key, batch.keyspace, batch.table) == (None, None, None)
        batch.add("DELETE FROM a")
        batch.add(prepared(pk=None), VALUES)
        assert (batch.routing_key, batch.keyspace, batch.table) == (None, None, None)
        batch.add(prepared(), VALUES)
        batch.add(SimpleStatement("DELETE FROM b", routing_key=b"b", keyspace="other"))
        assert (batch.routing_key, batch.keyspace, batch.table) == (CELLS[0], "ks", "t")

    def test_by_a_text_with_a_key(self) -> None:
        batch = BatchStatement()
        batch.add(SimpleStatement("DELETE FROM b", routing_key=b"b", keyspace="other"))
        batch.add(prepared(), VALUES)
        assert (batch.routing_key, batch.keyspace) == (b"b", "other")

    def test_what_is_given_to_the_batch_comes_first(self) -> None:
        batch = BatchStatement()
        batch.add(prepared(), VALUES)
        batch.routing_key, batch.keyspace, batch.table = [b"x"], "own", "mine"
        assert (batch.routing_key, batch.keyspace, batch.table) == (b"x", "own", "mine")
        batch.clear()
        assert (batch.routing_key, batch.keyspace, batch.table) == (b"x", "own", "mine")
        batch.routing_key = batch.keyspace = batch.table = None
        assert (batch.routing_key, batch.keyspace, batch.table) == (None, None, None)

    def test_conditional_when_one_statement_is(self) -> None:
        batch = BatchStatement()
        batch.add(prepared(), VALUES)
        assert not batch.is_lwt()
        batch.add(prepared(is_lwt=True), VALUES)
        batch.add(prepared(), VALUES)
        assert batch.is_lwt()


class TestPayload:
    def test_it_is_merged(self) -> None:
        own = {"a": b"own", "o": b"own"}
        batch = BatchStatement(custom_payload=own)
        assert batch.custom_payload is own
        batch.add(SimpleStatement("DELETE FROM a", custom_payload={"a": b"1", "b": b"1"}))
        statement = prepared()
        statement.custom_payload = {"b": b"2", "c": None}
        batch.add(statement, VALUES)
        assert batch.custom_payload == {"a": b"1", "b": b"2", "c": None, "o": b"own"}
        assert own == {"a": b"own", "o": b"own"}
        batch.clear()
        assert batch.custom_payload == own

    def test_together_they_must_fit_too(self) -> None:
        batch = BatchStatement(custom_payload=dict.fromkeys(map(str, range(65535)), b""))
        batch.add(SimpleStatement("DELETE FROM a", custom_payload={"0": b"1"}))
        with pytest.raises(InvalidArgument, match="65,536 entries"):
            batch.add(SimpleStatement("DELETE FROM b", custom_payload={"x": b""}))
        assert len(batch) == 1


class TestPreparing:
    QUERY = "INSERT INTO t (k, c, v) VALUES (:k, ?, {'a': ?})"

    def test_texts_with_markers_of_the_server_wait(self) -> None:
        batch = BatchStatement()
        batch.add("DELETE FROM a")
        batch.add(self.QUERY, VALUES)
        batch.add(SimpleStatement(self.QUERY, keyspace="ks"), {"k": 1})
        assert len(batch) == 3
        assert batch.entries_to_prepare() == [(1, self.QUERY, None), (2, self.QUERY, "ks")]
        with pytest.raises(InvalidArgument, match="not prepared yet"):
            batch.message(1)
        assert batch.routing_key is None
        statement = prepared(query=self.QUERY, is_lwt=True)
        statement.custom_payload = {"a": b"b"}
        batch.prepared_as(1, statement)
        assert [at for at, _, _ in batch.entries_to_prepare()] == [2]
        batch.prepared_as(2, statement)
        assert batch.entries_to_prepare() == []
        assert batch.routing_key == CELLS[0]
        assert batch.is_lwt()
        assert batch.custom_payload == {"a": b"b"}
        found = entries(batch)
        assert found[0] == BatchEntry("DELETE FROM a")
        assert found[1] == BatchEntry(b"id", CELLS)
        assert found[2].statement == b"id"
        assert batch.prepared_statement(b"id") is statement
        assert batch.prepared_statement(b"other") is None

    def test_values_that_do_not_fit_leave_it_waiting(self) -> None:
        batch = BatchStatement()
        batch.add(self.QUERY, ("one", "a", 2))
        with pytest.raises(InvalidValueType, match="column 'k'"):
            batch.prepared_as(0, prepared())
        assert len(batch.entries_to_prepare()) == 1

    @pytest.mark.parametrize("index", [0, 1, 7])
    def test_only_what_waits_can_be_prepared(self, index: int) -> None:
        batch = BatchStatement()
        batch.add("DELETE FROM a")
        with pytest.raises(InvalidArgument, match=f"statement {index} "):
            batch.prepared_as(index, prepared())

    def test_without_parameters_a_text_stays_a_text(self) -> None:
        batch = BatchStatement()
        batch.add(self.QUERY)
        assert batch.entries_to_prepare() == []

    def test_clearing(self) -> None:
        batch = BatchStatement()
        batch.add(self.QUERY, VALUES)
        batch.add(prepared(is_lwt=True), VALUES)
        batch.clear()
        assert len(batch) == 0
        assert not batch
        assert batch.entries_to_prepare() == []
        assert batch.routing_key is None
        assert not batch.is_lwt()
        assert entries(batch) == []


class TestMessage:
    def test_it_is_the_batch_of_the_protocol(self) -> None:
        batch = BatchStatement(BatchType.UNLOGGED)
        batch.add("DELETE FROM a")
        batch.add(prepared(), VALUES)
        parameters = QueryParameters(6, serial_consistency=9, timestamp=12)
        wanted = Batch(
            [BatchEntry("DELETE FROM a"), BatchEntry(b"id", CELLS)], BatchType.UNLOGGED, parameters
        )
        message = batch.message(6, 9, 5000, None, 12)
        for dialect in DIALECTS.values():
            assert message.encode(dialect) == wanted.encode(dialect)

    @pytest.mark.parametrize(("keyspace", "sent"), [(None, None), ("ks", "ks")])
    def test_a_keyspace_of_its_own_is_sent_on_protocol_5(self, keyspace: Any, sent: Any) -> None:
        batch = BatchStatement()
        batch.keyspace = keyspace
        batch.add(prepared(), VALUES)
        batch.add("DELETE FROM a")
        wanted = Batch(batch.message(1).entries, 0, QueryParameters(1, keyspace=sent))
        assert batch.message(1).encode(V5) == wanted.encode(V5)
        wanted = Batch(batch.message(1).entries, 0, QueryParameters(1))
        assert batch.message(1).encode(V4) == wanted.encode(V4)

    @pytest.mark.parametrize(
        ("keyspaces", "sent"),
        [(["a", "a"], "a"), (["a", None], None), (["a", "b"], None), ([None], None)],
    )
    def test_the_keyspace_of_texts_is_sent_when_all_agree(
        self, keyspaces: list[str | None], sent: str | None
    ) -> None:
        batch = BatchStatement()
        batch.add(prepared(), VALUES)
        for keyspace in keyspaces:
            batch.add(SimpleStatement("DELETE FROM t", keyspace=keyspace))
        assert batch.message(1).parameters.keyspace == sent

    def test_protocol_3_has_no_unset(self) -> None:
        batch = BatchStatement()
        batch.add(prepared(), (1,))
        with pytest.raises(LocalProtocolError, match="UNSET"):
            batch.message(1).encode(DIALECTS["v3"])


@pytest.mark.parametrize("kind", [*BatchType, 0, 1, 2])
def test_types_of_batches(kind: Any) -> None:
    batch = BatchStatement(kind)
    assert batch.batch_type is BatchType(kind)
    assert f"type={BatchType(kind).name}" in repr(batch)


@pytest.mark.parametrize("kind", [3, -1, "LOGGED", None])
def test_no_types_of_batches(kind: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"use BatchType\.LOGGED"):
        BatchStatement(kind)


def test_attributes_are_its_own() -> None:
    batch = BatchStatement(consistency_level=6, serial_consistency_level=8)
    batch.add(SimpleStatement("DELETE FROM a", consistency_level=1, is_idempotent=True))
    assert (batch.consistency_level, batch.serial_consistency_level) == (6, 8)
    assert not batch.is_idempotent
    assert not batch.is_read
