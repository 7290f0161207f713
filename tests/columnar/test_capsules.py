"""The PyCapsule interface of compiled columns: what is taken, left, taken twice, and kept."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pyarrow as pa
import pytest

from cql_driver.columnar.pages import Columns, row_ends
from cql_protocol.types import BOOLEAN, INT, TEXT, UUID, CqlType, ListType, MapType, VectorType
from tests.columnar.pages import page_of

pytestmark = pytest.mark.skipif(Columns is None, reason="nothing is compiled, or Python asked for")

TYPES: list[CqlType] = [INT, ListType(TEXT), MapType(TEXT, ListType(INT)), UUID]
ROWS = [
    (1, ["a", "b"], {"k": [1, 2, 3]}, bytes(range(16))),
    (None, None, None, None),
    (3, [], {}, bytes(16)),
]


def columns_of(types: list[CqlType] = TYPES) -> Any:
    return Columns(types, [f"c{at}" for at in range(len(types))])


def page_columns(types: list[CqlType] = TYPES, rows: Any = ROWS) -> Any:
    page = page_of(types, rows)
    return columns_of(types).read(page.body, 0, page.row_count)


def test_the_schema_alone() -> None:
    schema = pa.schema(columns_of())
    assert schema.names == ["c0", "c1", "c2", "c3"]
    assert schema == pa.schema(page_columns())


def test_a_page_can_be_taken_more_than_once() -> None:
    page = page_columns()
    first, second = pa.record_batch(page), pa.record_batch(page)
    table = pa.table(page)
    del page
    gc.collect()
    assert first.equals(second)
    del first
    assert table.num_rows == second.num_rows == 3
    assert second.column(1).to_pylist() == [["a", "b"], None, []]


def test_capsules_that_nobody_takes_are_freed() -> None:
    page = page_columns()
    for _ in range(100):
        page.__arrow_c_array__()
        page.__arrow_c_stream__()
        page.__arrow_c_schema__()
        columns_of().__arrow_c_schema__()
    assert len(page) == 3


def test_a_child_outlives_its_parents() -> None:
    batch = pa.record_batch(page_columns())
    words = batch.column(1).values
    del batch
    gc.collect()
    assert words.to_pylist() == ["a", "b"]


def test_what_was_taken_is_let_go_of_in_another_thread() -> None:
    taken = [pa.record_batch(page_columns()) for _ in range(20)]

    def drop() -> None:
        while taken:
            taken.pop().validate(full=True)

    thread = threading.Thread(target=drop)
    thread.start()
    thread.join()
    assert taken == []


def test_pages_as_one_stream() -> None:
    from cql_speedups.columns import PagesColumns

    owner = columns_of()
    page = page_of(TYPES, ROWS)
    pages = [owner.read(page.body, 0, 3) for _ in range(4)]
    stream = PagesColumns(owner, pages)
    assert len(stream) == 12
    assert pa.schema(stream) == pa.schema(owner)
    for _ in range(2):
        table = pa.table(stream)
        table.validate(full=True)
        assert table.column("c0").num_chunks == 4
        assert table.column("c0").to_pylist() == [1, None, 3] * 4
    reader = pa.RecordBatchReader.from_stream(stream)
    assert reader.read_next_batch().num_rows == 3  # the others are never asked for
    assert pa.table(PagesColumns(owner, [])).num_rows == 0


@pytest.mark.parametrize("pages", [[None], [5], ["other"]])
def test_pages_of_another_shape_are_no_stream(pages: list[Any]) -> None:
    from cql_speedups.columns import PagesColumns

    if pages == ["other"]:
        pages = [page_columns()]
    with pytest.raises(TypeError):
        PagesColumns(columns_of(), pages)


def test_buffers_are_not_copied() -> None:
    import numpy

    page = page_columns([VectorType(INT, 2), INT, BOOLEAN], [([1, 2], 7, True), (None, 8, None)])
    values, validity, nulls = page.column(0)
    array = numpy.frombuffer(values, dtype="i4")
    assert array.tolist() == [1, 2, 0, 0]
    assert nulls == 1
    assert memoryview(validity)[0] & 3 == 1
    assert page.column(1)[1] is None
    again = numpy.frombuffer(page.column(0)[0], dtype="i4")
    again[0] = 5
    del page, values, again
    gc.collect()
    assert array.tolist() == [5, 2, 0, 0]


def test_columns_without_slots_of_one_size_have_no_buffer() -> None:
    page = page_columns([TEXT], [("a",)])
    with pytest.raises(TypeError, match="no slots"):
        page.column(0)
    for at in (-1, 1):
        with pytest.raises(IndexError):
            page.column(at)


def test_columns_that_are_left_out() -> None:
    owner = Columns([None, INT, None], ["a", "b", "c"], "raw")
    page = page_of([TEXT, INT, ListType(INT)], [("x", 1, [1]), (None, None, None)])
    values, _, nulls = owner.read(page.body, 0, 2).column(1)
    assert bytes(values) == b"\0\0\0\1" + bytes(4)
    assert nulls == 1


@pytest.mark.parametrize(
    "arguments", [(b"", -1, 0), (b"", 1, 0), (b"", 0, -1), (b"", 0, 2**31), (b"\0\0\0\4", 0, 1)]
)
def test_pages_that_cannot_be(arguments: Any) -> None:
    assert columns_of([INT]).read(*arguments) is None
    with pytest.raises(TypeError):
        columns_of([INT]).read(bytearray(4), 0, 1)


def test_pages_are_made_by_columns_alone() -> None:
    with pytest.raises(TypeError, match=r"Columns\.read"):
        type(page_columns())()


def test_where_rows_end() -> None:
    page = page_of([INT, TEXT], [(1, "ab"), (None, None), (3, "")])
    assert row_ends(page.body, 0, 3, 2) == [14, 22, len(page.body)]
    assert row_ends(b"xy" + page.body, 2, 3, 2) == [16, 24, len(page.body) + 2]
    assert row_ends(b"", 0, 0, 2) == []
    for offset, count, width in [
        (0, 2, 2),
        (0, 4, 2),
        (0, 3, 1),
        (-1, 3, 2),
        (0, -1, 2),
        (99, 0, 2),
    ]:
        assert row_ends(page.body, offset, count, width) is None
    assert row_ends(page.body[:-1], 0, 3, 2) is None
    assert row_ends(page.body, 0, 2**40, 2) is None
