from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.query import (
    FETCH_SIZE_UNSET,
    UNSET_VALUE,
    BoundStatement,
    PreparedState,
    PreparedStatement,
    Snapshot,
)
from cql_driver.query.snapshot import find_routing_indexes
from cql_protocol import types
from cql_protocol.errors import (
    InvalidValue,
    InvalidValueType,
    UnsupportedOperation,
    ValueOutOfRange,
)
from cql_protocol.messages import PreparedMetadata, PreparedResult, ResultMetadata
from cql_protocol.rows import bind_values
from cql_protocol.tokens import composite_key
from cql_protocol.types import BIGINT, BLOB, INT, SMALLINT, TEXT, TINYINT
from tests.query.samples import COLUMNS, DIALECTS, Retries, columns, prepared

CELLS = [b"\0\0\0\1", b"a", b"\0\0\0\0\0\0\0\2"]


class TestBinding:
    @pytest.mark.parametrize(
        "values",
        [
            (1, "a", 2),
            [1, "a", 2],
            {"k": 1, "c": "a", "v": 2, "other": object()},
            dict(enumerate((1, "a", 2))).values(),
        ],
    )
    @pytest.mark.parametrize("version", [3, 4, 5])
    def test_values_in_any_form(self, values: Any, version: int) -> None:
        assert prepared(version=version).bind(values).values == CELLS

    def test_null_and_unset(self) -> None:
        assert prepared().bind((1, None, UNSET_VALUE)).values == [CELLS[0], None, UNSET_VALUE]
        assert prepared().bind({"k": 1, "v": None}).values == [CELLS[0], UNSET_VALUE, None]

    @pytest.mark.parametrize("version", [4, 5])
    def test_what_is_missing_is_left_as_it_is(self, version: int) -> None:
        bound = prepared(version=version).bind((1,))
        assert bound.values == [CELLS[0], UNSET_VALUE, UNSET_VALUE]

    @pytest.mark.parametrize("values", [(1,), {"k": 1}])
    def test_protocol_3_has_no_unset(self, values: Any) -> None:
        with pytest.raises(InvalidValue, match="'c', 'v'"):
            prepared(version=3).bind(values)

    def test_protocol_3_refuses_unset(self) -> None:
        with pytest.raises(InvalidValue, match=r"'v'.*version 4"):
            prepared(version=3).bind((1, "a", UNSET_VALUE))

    def test_too_many(self) -> None:
        with pytest.raises(ValueOutOfRange, match="4 values for 3") as told:
            prepared().bind((1, "a", 2, 3))
        assert isinstance(told.value, ValueError)

    @pytest.mark.parametrize(
        ("values", "error", "text"),
        [
            (("1", "a", 2), TypeError, r"column 'k' \(int\).*str '1'"),
            ((1, b"a", 2), TypeError, r"column 'c' \(text\): expected a str, got bytes"),
            ((1, "a", 2**63), ValueError, r"column 'v' \(bigint\)"),
            ((1, "\ud800", 2), ValueError, r"column 'c' \(text\)"),
            ((1, "a", 2.0), TypeError, r"column 'v' \(bigint\)"),
            ("abc", TypeError, r"list, a tuple or a dict"),
            (5, InvalidValueType, r"not as 5; a single one as \(value,\)"),
        ],
    )
    def test_an_error_names_column_type_and_value(
        self, values: Any, error: type[Exception], text: str
    ) -> None:
        with pytest.raises(error, match=text):
            prepared().bind(values)

    @pytest.mark.parametrize(
        ("values", "text"),
        [
            ((None, "a", 2), "'k'.*null"),
            ((UNSET_VALUE, "a", 2), "'k'.*unset"),
            ({"c": "a"}, "'k'.*unset"),
            ((), "'k'.*unset"),
            (None, "'k'.*unset"),
        ],
    )
    def test_the_partition_key_needs_values(self, values: Any, text: str) -> None:
        with pytest.raises(InvalidValue, match=text):
            prepared().bind(values)
        assert len(prepared(pk=None).bind(values).values) == 3

    def test_a_statement_without_markers(self) -> None:
        statement = prepared(pk=None, column_metadata=[])
        for values in (None, (), [], {}):
            bound = statement.bind(values)
            assert bound.values == []
            assert bound.routing_key is None
            assert bound.message(1).encode(DIALECTS["v4"])


scalars = st.one_of(
    st.none(),
    st.just(UNSET_VALUE),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-200, 200),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(st.integers(0, 5), max_size=2),
)
KINDS = (
    TINYINT,
    SMALLINT,
    INT,
    BIGINT,
    types.COUNTER,
    TEXT,
    types.ASCII,
    BLOB,
    types.BOOLEAN,
    types.DOUBLE,
    types.VARINT,
    types.ListType(INT),
)


def _outcome(bind: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return bind(*args, **kwargs)
    except InvalidValue as error:
        return type(error), str(error)


@given(st.data(), st.booleans())
def test_the_fast_way_binds_as_the_ordinary_one(data: Any, allow_unset: bool) -> None:
    kinds = data.draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=5))
    values = data.draw(st.lists(scalars, min_size=len(kinds), max_size=len(kinds)))
    specs = columns(*kinds)
    pairs = [(spec.name, spec.type) for spec in specs]
    wanted = _outcome(bind_values, pairs, values, allow_unset=allow_unset)
    assert _outcome(Snapshot(b"id", specs).bind, values, allow_unset) == wanted
    assert _outcome(Snapshot(b"id", specs).bind, tuple(values), allow_unset) == wanted


class TestRoutingKey:
    def test_of_one_column(self) -> None:
        bound = prepared().bind((1, "a", 2))
        assert bound.routing_key == CELLS[0]
        assert bound.routing_key is bound.routing_key

    def test_of_several_columns_in_the_order_of_the_key(self) -> None:
        bound = prepared(pk=(2, 0)).bind((1, "a", 2))
        assert bound.routing_key == composite_key([CELLS[2], CELLS[0]])

    @given(st.lists(st.binary(max_size=300), min_size=1, max_size=4))
    def test_as_the_protocol_library_joins_it(self, cells: list[bytes]) -> None:
        snapshot = Snapshot(b"id", columns(*[BLOB] * len(cells)), range(len(cells)))
        assert snapshot.routing_key(snapshot.bind(cells)) == composite_key(cells)

    def test_a_long_component(self) -> None:
        snapshot = Snapshot(b"id", columns(BLOB, BLOB), (0, 1))
        assert snapshot.routing_key([b"x" * 65535, b""])
        with pytest.raises(ValueOutOfRange, match="65536 bytes"):
            snapshot.routing_key([b"x" * 65536, b""])

    @pytest.mark.parametrize("pk", [(0,), (0, 1)])
    def test_of_cells_that_are_null(self, pk: tuple[int, ...]) -> None:
        snapshot = Snapshot(b"id", columns(BLOB, BLOB), pk)
        with pytest.raises(InvalidValue, match=r"'k'.*null"):
            snapshot.routing_key([None, b""])

    def test_none_when_the_markers_do_not_hold_it(self) -> None:
        assert prepared(pk=None).bind((1, "a", 2)).routing_key is None
        assert prepared(pk=()).routing_key_indexes is None

    def test_one_that_is_given_stays(self) -> None:
        bound = BoundStatement(prepared(), routing_key=[b"mine"]).bind((1, "a", 2))
        assert bound.routing_key == b"mine"
        assert bound.bind((5, "a", 2)).routing_key == b"mine"
        bound.routing_key = None
        assert bound.routing_key == b"\0\0\0\5"

    def test_it_follows_the_values(self) -> None:
        bound = BoundStatement(prepared())
        assert bound.routing_key is None
        assert bound.bind((1, "a", 2)).routing_key == CELLS[0]
        assert bound.bind((5, "a", 2)).routing_key == b"\0\0\0\5"

    def test_the_schema_helps_where_the_server_does_not_tell(self) -> None:
        key = [SimpleNamespace(name="v"), SimpleNamespace(name="k")]
        table = SimpleNamespace(partition_key=key)
        keyspaces = {"ks": SimpleNamespace(tables={"t": table})}
        metadata = SimpleNamespace(keyspaces=keyspaces)
        statement = PreparedStatement.from_message(
            b"id", COLUMNS, None, metadata, "INSERT", None, 3, None, None, False
        )
        assert statement.routing_key_indexes == (2, 0)
        table.partition_key = [SimpleNamespace(name="elsewhere")]
        assert find_routing_indexes(COLUMNS, metadata) == ()
        table.partition_key = []
        assert find_routing_indexes(COLUMNS, metadata) == ()
        for poor in (
            None,
            object(),
            SimpleNamespace(keyspaces={}),
            SimpleNamespace(keyspaces=None),
        ):
            assert find_routing_indexes(COLUMNS, poor) == ()
        assert find_routing_indexes([], metadata) == ()

    def test_what_the_server_tells_comes_first(self) -> None:
        statement = PreparedStatement.from_message(
            b"id", COLUMNS, [1], None, "INSERT", "ks", 4, COLUMNS, b"mid", True
        )
        assert statement.routing_key_indexes == (1,)
        assert statement.is_routing_key_index(1)
        assert not statement.is_routing_key_index(0)
        assert statement.is_lwt()
        assert statement.bind((1, "a", 2)).is_lwt()
        assert statement.keyspace == "ks"

    def test_of_the_first_of_two_markers_with_one_name(self) -> None:
        twice = [*columns(INT, INT, names="kk")]
        metadata = SimpleNamespace(
            keyspaces={
                "ks": SimpleNamespace(
                    tables={"t": SimpleNamespace(partition_key=[SimpleNamespace(name="k")])}
                )
            }
        )
        assert find_routing_indexes(twice, metadata) == (0,)


class TestAttributes:
    def test_what_it_was_made_of(self) -> None:
        statement = prepared(query="SELECT * FROM t", result_metadata=COLUMNS)
        assert statement.column_metadata == tuple(COLUMNS)
        assert statement.query_id == b"id"
        assert statement.query_string == "SELECT * FROM t"
        assert statement.protocol_version == 4
        assert statement.routing_key_indexes == (0,)
        assert statement.is_read
        assert statement.bind((1,)).is_read
        assert not prepared().is_read
        assert not prepared().bind((1,)).is_read

    def test_a_bound_statement_takes_attributes_over(self) -> None:
        statement = prepared()
        before = statement.bind((1,))
        given: dict[str, Any] = {
            "retry_policy": Retries(),
            "consistency_level": 6,
            "serial_consistency_level": 9,
            "fetch_size": None,
            "custom_payload": {"a": b"b"},
            "is_idempotent": True,
        }
        for name, value in given.items():
            setattr(statement, name, value)
        for bound in (statement.bind((1,)), BoundStatement(statement)):
            assert {name: getattr(bound, name) for name in given} == given
            assert bound.prepared_statement is statement
        assert before.consistency_level is None
        assert before.fetch_size is FETCH_SIZE_UNSET
        other = BoundStatement(statement, consistency_level=1, fetch_size=7, custom_payload={})
        assert (other.consistency_level, other.fetch_size, other.custom_payload) == (1, 7, {})
        assert other.serial_consistency_level == 9
        other.consistency_level = None
        assert statement.consistency_level == 6

    def test_what_is_idempotent_is_sent_as_ever(self) -> None:
        statement = prepared()
        statement.is_idempotent = True
        assert not statement.alters_requests
        assert statement.bind((1,)).is_idempotent
        statement.fetch_size = 7
        assert statement.alters_requests

    def test_keyspace_and_table_are_those_of_the_markers(self) -> None:
        bound = prepared(keyspace="session").bind((1,))
        assert (bound.keyspace, bound.table) == ("ks", "t")
        bound.keyspace, bound.table = "other", "u"
        assert (bound.keyspace, bound.table) == ("other", "u")
        bare = prepared(pk=None, column_metadata=(), keyspace="session").bind(())
        assert (bare.keyspace, bare.table) == ("session", None)
        select = prepared(pk=None, column_metadata=(), result_metadata=COLUMNS).bind(())
        assert (select.keyspace, select.table) == ("ks", "t")
        assert BoundStatement(prepared(), keyspace="mine").keyspace == "mine"

    def test_a_bound_statement_needs_its_values(self) -> None:
        with pytest.raises(InvalidArgument, match="3 markers, but 0 values"):
            BoundStatement(prepared()).message(1)
        with pytest.raises(InvalidArgumentType, match="PreparedStatement"):
            BoundStatement("SELECT 1")  # type: ignore[arg-type]

    def test_encryption_is_refused(self) -> None:
        with pytest.raises(UnsupportedOperation, match="column_encryption_policy"):
            prepared(column_encryption_policy=object())
        with pytest.raises(UnsupportedOperation):
            prepared().column_encryption_policy = object()
        assert prepared(column_encryption_policy=None).column_encryption_policy is None

    def test_the_message(self) -> None:
        bound = prepared().bind((1, "a", 2))
        message = bound.message(6, 9, 100, b"page", 12)
        assert message.snapshot is bound.snapshot
        assert message.cells == CELLS
        assert message.keyspace is None
        plain = message.plain(DIALECTS["v5"]).parameters
        assert (plain.consistency, plain.serial_consistency, plain.page_size) == (6, 9, 100)
        assert (plain.paging_state, plain.timestamp) == (b"page", 12)


class TestState:
    def test_statements_of_one_text_share_it(self) -> None:
        state = PreparedState("SELECT 1", "ks", Snapshot(b"id", COLUMNS))
        one, two = PreparedStatement.of(state, 4), PreparedStatement.of(state, 3)
        one.consistency_level = 1
        assert two.consistency_level is None
        assert one.bind((1,)).values[1] is UNSET_VALUE
        with pytest.raises(InvalidValue):
            two.bind((1,))
        bound = one.bind((1,))
        state.replace(Snapshot(b"new", COLUMNS))
        assert one.query_id == two.query_id == b"new"
        assert bound.snapshot.query_id == b"id"
        assert BoundStatement(one).bind((1,)).snapshot.query_id == b"new"
        assert "SELECT 1" in repr(state)

    def test_result_metadata_changes_with_its_id(self) -> None:
        statement = prepared(result_metadata=COLUMNS, result_metadata_id=b"one")
        before = statement.state.snapshot
        assert statement.result_metadata_and_id == (tuple(COLUMNS), b"one")
        statement.update_result_metadata(columns(INT), b"two")
        assert statement.result_metadata == tuple(columns(INT))
        assert statement.result_metadata_id == b"two"
        assert statement.query_id == b"id"
        assert statement.routing_key_indexes == (0,)
        assert before.metadata_id == b"one"

    def test_an_id_without_columns_is_ignored(self) -> None:
        statement = prepared(result_metadata=COLUMNS, result_metadata_id=b"one")
        statement.update_result_metadata(None, b"two")
        assert statement.result_metadata_and_id == (tuple(COLUMNS), b"one")
        assert prepared(result_metadata_id=b"one").result_metadata_and_id == (None, None)

    def test_the_same_again_changes_nothing(self) -> None:
        state = prepared(result_metadata=COLUMNS, result_metadata_id=b"one").state
        before = state.snapshot
        assert not state.update_result(COLUMNS, b"one")
        assert state.snapshot is before
        assert state.update_result(COLUMNS, b"two")

    def test_readers_never_see_halves(self) -> None:
        statement = prepared(result_metadata=columns(INT), result_metadata_id=b"1")
        stop = threading.Event()
        seen: set[tuple[int, bytes | None]] = set()

        def read() -> None:
            while not stop.is_set():
                found, metadata_id = statement.result_metadata_and_id
                assert found is not None
                seen.add((len(found), metadata_id))

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(300):
            statement.update_result_metadata(columns(INT, INT), b"2")
            statement.update_result_metadata(columns(INT), b"1")
        stop.set()
        reader.join()
        assert seen <= {(1, b"1"), (2, b"2")}


class TestSnapshot:
    def test_of_an_answer(self) -> None:
        result = PreparedResult(
            b"id", PreparedMetadata(COLUMNS, (0,), True), ResultMetadata(columns(INT)), b"mid"
        )
        snapshot = Snapshot.of(result)
        assert (snapshot.query_id, snapshot.pk_indexes, snapshot.lwt) == (b"id", (0,), True)
        assert (snapshot.result_columns, snapshot.metadata_id) == (tuple(columns(INT)), b"mid")
        assert snapshot.names == ("k", "c", "v")
        assert "6964" in repr(snapshot)
        state = PreparedState.of("INSERT", "ks", result)
        assert state.snapshot.columns == snapshot.columns

    def test_an_error_of_binding_is_of_the_tree(self) -> None:
        with pytest.raises(InvalidValueType):
            Snapshot(b"id", columns(INT)).bind([object()])
