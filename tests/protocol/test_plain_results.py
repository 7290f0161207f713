"""The short way to decode results gives what the long one gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_protocol.dialect import Dialect
from cql_protocol.errors import RemoteProtocolError
from cql_protocol.messages import ColumnSpec, RawRows, ResultMetadata, VoidResult
from cql_protocol.messages.results import decode_plain_result, decode_result
from cql_protocol.types import INT, TEXT, ListType
from cql_protocol.wire import Reader

NAMES = st.text("abcxyz_", max_size=12)
COLUMNS = st.builds(
    lambda keyspace, table, names, types: [
        ColumnSpec(keyspace, table, name, cql_type)
        for name, cql_type in zip(names, types, strict=True)
    ],
    NAMES,
    NAMES,
    st.lists(NAMES, min_size=3, max_size=3),
    st.lists(st.sampled_from([INT, TEXT, ListType(INT)]), min_size=3, max_size=3),
)
ROWS = st.lists(st.lists(st.none() | st.binary(max_size=9), min_size=3, max_size=3), max_size=4)


def _both(body: bytes, dialect: Dialect) -> tuple[object, object]:
    outcomes: list[object] = []
    for decode in (lambda: decode_plain_result(body, dialect), lambda: _long(body, dialect)):
        try:
            outcomes.append(decode())
        except RemoteProtocolError as exc:
            outcomes.append(("refused", str(exc)))
    return outcomes[0], outcomes[1]


def _long(body: bytes, dialect: Dialect) -> object:
    return decode_result(Reader(body), dialect)


@pytest.mark.parametrize("version", [3, 4, 5])
@given(
    columns=COLUMNS,
    rows=ROWS,
    paging_state=st.none() | st.binary(max_size=5),
    metadata_id=st.none() | st.binary(min_size=1, max_size=5),
    skipped=st.booleans(),
)
def test_every_page_is_the_same_both_ways_and_again(
    version: int,
    columns: list[ColumnSpec],
    rows: list[list[bytes | None]],
    paging_state: bytes | None,
    metadata_id: bytes | None,
    skipped: bool,
) -> None:
    dialect = Dialect(version)
    metadata = ResultMetadata(None if skipped else columns, paging_state, metadata_id, 3)
    page = RawRows.from_cells(metadata, rows)
    body = page.encode(dialect)
    for _ in range(2):
        short, long = _both(body, dialect)
        assert isinstance(short, RawRows)
        assert short == long
        assert short.row_count == len(rows)


@given(data=st.data(), columns=COLUMNS, rows=ROWS)
def test_damaged_pages_are_judged_alike(
    data: st.DataObject, columns: list[ColumnSpec], rows: list[list[bytes | None]]
) -> None:
    dialect = Dialect(4)
    body = bytearray(RawRows.from_cells(ResultMetadata(columns), rows).encode(dialect))
    decode_plain_result(bytes(body), dialect)
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    for damaged in (bytes(body), bytes(body[:cut])):
        short, long = _both(damaged, dialect)
        assert short == long


def test_the_description_is_one_object_for_all_pages_of_its_shape() -> None:
    columns = [ColumnSpec("keyspace_1", "table_of_many_columns", "name", TEXT)]
    dialect = Dialect(4)
    pages = [
        decode_plain_result(
            RawRows.from_cells(ResultMetadata(columns), [[text]]).encode(dialect), dialect
        )
        for text in (b"one", b"another", b"")
    ]
    assert all(isinstance(page, RawRows) for page in pages)
    assert len({id(page.metadata) for page in pages}) == 1  # type: ignore[attr-defined]


def test_void() -> None:
    dialect = Dialect(4)
    body = VoidResult().encode(dialect)
    assert decode_plain_result(body, dialect) == VoidResult()
