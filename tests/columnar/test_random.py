"""Columns of random types and values against rows of the same bytes, and bytes that lie."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cql_driver.columnar.pages import Columns
from cql_protocol.errors import DecodeError
from cql_protocol.messages import RawRows
from tests.columnar.pages import in_columns, in_rows, page_of, read
from tests.protocol.types.strategies import cql_types, values_of

ROWS = st.integers(0, 12)
SETTINGS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@st.composite
def pages(draw: Any) -> RawRows:
    """Pages of one to three columns; one value in five is null."""
    types = draw(st.lists(cql_types(), min_size=1, max_size=3))
    cell = [st.none() | values_of(each, 3) | values_of(each, 3) for each in types]
    rows = [draw(st.tuples(*cell)) for _ in range(draw(ROWS))]
    return page_of(types, rows)


@SETTINGS
@given(pages())
def test_columns_hold_what_rows_hold(way: str, page: RawRows) -> None:
    batch = read(page, way)
    assert batch.num_rows == page.row_count
    assert [in_columns(column) for column in batch.columns] == in_rows(page)


@SETTINGS
@given(pages(), st.sampled_from(["arrow", "parts"]))
def test_both_ways_give_the_same(page: RawRows, form: str) -> None:
    if Columns is None:
        pytest.skip("nothing is compiled, or Python was asked for")
    compiled, values = read(page, "compiled", form), read(page, "values", form)
    assert compiled.schema.equals(values.schema, check_metadata=True)
    # Compared in plain values: Arrow holds slots below a null to be of no importance.
    assert list(map(in_columns, compiled.columns)) == list(map(in_columns, values.columns))


@st.composite
def spoilt_pages(draw: Any) -> RawRows:
    """Pages with bytes changed, taken out or put in."""
    page = draw(pages())
    body = bytearray(page.body)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        change = draw(st.sampled_from(["set", "cut", "insert", "length"]))
        if change == "set" and at < len(body):
            body[at] = draw(st.integers(0, 255))
        elif change == "cut":
            del body[at : at + draw(st.integers(1, 8))]
        elif change == "insert":
            body[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif at + 4 <= len(body):
            body[at : at + 4] = draw(st.integers(-3, 40)).to_bytes(4, "big", signed=True)
    count = max(page.row_count + draw(st.sampled_from([0, 0, 0, 1, -1])), 0)
    return RawRows(page.metadata, count, bytes(body))


@SETTINGS
@given(spoilt_pages())
def test_what_one_way_refuses_the_other_refuses(page: RawRows) -> None:
    if Columns is None:
        pytest.skip("nothing is compiled, or Python was asked for")
    columns = page.metadata.columns
    assert columns is not None
    types, names = [each.type for each in columns], [each.name for each in columns]
    made = Columns(types, names).read(page.body, page.offset, page.row_count)
    try:
        expected = read(page, "values")
    except DecodeError:
        assert made is None
    else:
        assert made is not None
        found = read(page, "compiled")
        assert list(map(in_columns, found.columns)) == list(map(in_columns, expected.columns))
