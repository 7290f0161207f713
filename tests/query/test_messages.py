"""EXECUTE as a bound statement writes it, against what `cql_protocol` writes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_driver.query import Snapshot
from cql_driver.query.messages import BoundExecute, Shape, ShapedExecute
from cql_protocol import UNSET, Dialect, Execute, LocalProtocolError, QueryParameters
from cql_protocol.messages.codec import decode_request
from cql_protocol.types import BLOB, INT
from tests.query.samples import DIALECTS, columns

IDS = (None, b"", b"metadata id")
RESULTS = (None, (), columns(INT))

cell = st.one_of(
    st.none(),
    st.binary(max_size=20),
    st.sampled_from([b"", b"x" * 255, b"y" * 256, b"z" * 70_000, bytearray(b"ba")]),
    st.just(UNSET),
)
fields = st.fixed_dictionaries(
    {
        "consistency": st.sampled_from([0, 1, 6, 10]),
        "serial_consistency": st.sampled_from([None, 8, 9]),
        "page_size": st.sampled_from([None, 1, 5000, 2**31 - 1]),
        "paging_state": st.sampled_from([None, None, b"", b"page"]),
        "timestamp": st.sampled_from([None, 0, -1, 1_700_000_000_000_000, -(2**63)]),
        "keyspace": st.sampled_from([None, None, "ks"]),
    }
)


def expected(snapshot: Snapshot, cells: Any, given: dict[str, Any], dialect: Dialect) -> Execute:
    """The same request, made without looking at ours."""
    known = snapshot.result_columns is not None and bool(snapshot.metadata_id)
    parameters = QueryParameters(values=cells, skip_metadata=known and dialect.metadata_id, **given)
    return Execute(snapshot.query_id, parameters, snapshot.metadata_id if known else None)


def outcome(message: Any, dialect: Dialect) -> bytes | str:
    try:
        body: bytes = message.encode(dialect)
    except LocalProtocolError as error:
        return str(error)
    return body


@given(
    st.lists(cell, max_size=4),
    fields,
    st.sampled_from(IDS),
    st.sampled_from(RESULTS),
    st.sampled_from(list(DIALECTS)),
)
def test_the_bytes_are_those_of_the_protocol_library(
    cells: list[Any], given: dict[str, Any], metadata_id: Any, result: Any, name: str
) -> None:
    dialect = DIALECTS[name]
    snapshot = Snapshot(b"q" * 16, columns(*[BLOB] * len(cells)), (), result, metadata_id)
    message = BoundExecute(snapshot, cells, **given)
    wanted = outcome(expected(snapshot, cells, given, dialect), dialect)
    # The first time the beginning is made, then it is there.
    for _ in range(3):
        assert outcome(message, dialect) == wanted
    assert outcome(message.plain(dialect), dialect) == wanted


@given(
    st.lists(
        st.tuples(st.lists(cell, min_size=2, max_size=2), fields, st.sampled_from(list(DIALECTS))),
        min_size=5,
        max_size=40,
    )
)
def test_one_statement_on_all_connections_at_once(
    requests: list[tuple[list[Any], dict[str, Any], str]],
) -> None:
    snapshot = Snapshot(b"id", columns(BLOB, BLOB), (), columns(INT), b"metadata id")
    for cells, drawn, name in requests:
        dialect = DIALECTS[name]
        message = BoundExecute(snapshot, cells, **drawn)
        assert outcome(message, dialect) == outcome(
            expected(snapshot, cells, drawn, dialect), dialect
        )
    assert len(snapshot.starts) <= 64


@given(
    st.sampled_from([0, 1, 3, 16, 17]),
    st.sampled_from([1, 10]),
    st.sampled_from([None, 8]),
    st.sampled_from([None, 5000]),
    st.data(),
)
def test_a_shape_changes_no_byte(
    count: int, level: int, serial: int | None, size: int | None, data: st.DataObject
) -> None:
    snapshot = Snapshot(b"id", columns(*[BLOB] * count), (), columns(INT), b"metadata id")
    timed = data.draw(st.booleans())
    shape = Shape(snapshot, level, serial, size, timed)
    cells_of = st.lists(cell, min_size=count, max_size=count)
    for cells in data.draw(st.lists(cells_of, min_size=1, max_size=4)):
        time = data.draw(st.integers(0, 2**63 - 1)) if timed else None
        shaped = ShapedExecute(shape, cells, time)
        plain = BoundExecute(snapshot, cells, level, serial, size, None, time)
        for name in DIALECTS:
            for _ in range(2):
                assert outcome(shaped, DIALECTS[name]) == outcome(plain, DIALECTS[name])


def test_a_shaped_request_takes_another_level_and_snapshot_alone() -> None:
    dialect = DIALECTS["v5"]
    one, two = (Snapshot(name, columns(BLOB), (), columns(INT), b"id") for name in (b"a", b"b"))
    shape = Shape(one, 1, None, 100, True)
    first, second = (ShapedExecute(shape, [b"cell"], 5) for _ in range(2))
    wanted = first.encode(dialect)
    second.consistency = 6
    assert second.encode(dialect) == BoundExecute(one, [b"cell"], 6, None, 100, None, 5).encode(
        dialect
    )
    second.snapshot = two
    assert second.encode(dialect) == BoundExecute(two, [b"cell"], 6, None, 100, None, 5).encode(
        dialect
    )
    assert first.encode(dialect) == wanted


@pytest.mark.parametrize("cells", [[], [b"a"], [b"a", b"b", b"c"]])
@pytest.mark.parametrize("time", [5, 2**63])
def test_a_shaped_request_with_something_wrong(cells: list[Any], time: int) -> None:
    snapshot = Snapshot(b"id", columns(BLOB, BLOB))
    shape = Shape(snapshot, 1, None, 100, True)
    dialect = DIALECTS["v4"]
    wanted = outcome(BoundExecute(snapshot, cells, 1, None, 100, None, time), dialect)
    right = ShapedExecute(shape, [b"a", b"b"], 5)
    for _ in range(2):
        assert outcome(ShapedExecute(shape, cells, time), dialect) == wanted
        assert right.encode(dialect) == right.ordinary().encode(dialect)


@pytest.mark.parametrize(
    "wrong",
    [
        {"consistency": "ONE"},
        {"consistency": None},
        {"consistency": -1},
        {"consistency": 65536},
        {"serial_consistency": 70_000},
        {"serial_consistency": "SERIAL"},
        {"page_size": 2**31},
        {"page_size": 1.5},
        {"timestamp": 2**63},
        {"timestamp": "now"},
        {"keyspace": 1},
        {"paging_state": "page"},
    ],
)
@pytest.mark.parametrize("name", DIALECTS)
def test_what_cannot_be_sent_is_refused_as_there(wrong: dict[str, Any], name: str) -> None:
    snapshot = Snapshot(b"id", columns(BLOB))
    given = {"consistency": 1, "page_size": 10, "timestamp": 5}
    right = BoundExecute(snapshot, [b""], **given)  # type: ignore[arg-type]
    right.encode(DIALECTS[name])
    message = BoundExecute(snapshot, [b""], **{**given, **wrong})  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError) as told:
        message.encode(DIALECTS[name])
    with pytest.raises(LocalProtocolError) as wanted:
        expected(snapshot, [b""], {**given, **wrong}, DIALECTS[name]).encode(DIALECTS[name])
    assert str(told.value) == str(wanted.value)


@pytest.mark.parametrize("value", ["text", 5, object()])
def test_a_value_that_is_not_encoded_is_refused(value: Any) -> None:
    snapshot = Snapshot(b"id", columns(BLOB))
    BoundExecute(snapshot, [b""], 1).encode(DIALECTS["v4"])
    with pytest.raises(LocalProtocolError, match="encode it by its type"):
        BoundExecute(snapshot, [value], 1).encode(DIALECTS["v4"])


def test_another_number_of_cells_does_not_get_the_beginning_of_the_right_one() -> None:
    snapshot = Snapshot(b"id", columns(BLOB))
    dialect = DIALECTS["v4"]
    BoundExecute(snapshot, [b""], 1).encode(dialect)
    for cells in ([], [b"a", b"b"]):
        body = BoundExecute(snapshot, cells, 1).encode(dialect)
        assert body == Execute(b"id", QueryParameters(1, cells)).encode(dialect)


def test_a_server_reads_it() -> None:
    snapshot = Snapshot(b"id", columns(BLOB, BLOB), (), columns(INT), b"mid")
    message = BoundExecute(snapshot, [b"a", UNSET], 6, 9, 100, None, 12)
    for _ in range(2):
        body = message.encode(DIALECTS["v5"])
        found, _payload = decode_request(message.opcode, 0, body, DIALECTS["v5"])
        assert found == message.plain(DIALECTS["v5"])
        assert isinstance(found, Execute)
        assert found.parameters.skip_metadata
        assert found.result_metadata_id == b"mid"


@pytest.mark.parametrize(("name", "skips"), [("v3", 0), ("v4", 0), ("v5", 1), ("v4+id", 1)])
def test_metadata_is_skipped_only_where_an_id_guards_it(name: str, skips: int) -> None:
    known = Snapshot(b"id", (), (), columns(INT), b"mid")
    assert BoundExecute(known, [], 1).plain(DIALECTS[name]).parameters.skip_metadata == bool(skips)
    for unknown in (Snapshot(b"id", (), (), columns(INT)), Snapshot(b"id", (), (), None, b"mid")):
        execute = BoundExecute(unknown, [], 1).plain(DIALECTS[name])
        assert not execute.parameters.skip_metadata
        assert execute.result_metadata_id is None


def test_requests_show_and_compare_by_content() -> None:
    snapshot = Snapshot(b"id")
    assert BoundExecute(snapshot, [], 1) == BoundExecute(snapshot, [], 1)
    assert BoundExecute(snapshot, [], 1) != BoundExecute(snapshot, [], 2)
    assert "consistency=1" in repr(BoundExecute(snapshot, [], 1))
