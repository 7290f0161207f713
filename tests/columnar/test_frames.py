"""Frames of pandas and polars, of each type and of both ways."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest

from cql_driver.columnar import collectors
from cql_driver.columnar import pages as columnar_pages
from cql_driver.columnar.collectors import PandasCollector, PolarsCollector
from cql_driver.columnar.pages import Columns
from cql_protocol import types
from cql_protocol.rows import RowDecoder
from cql_protocol.types import ListType, MapType, TupleType, VectorType
from cql_protocol.values import Duration, Time
from tests.columnar.pages import page_of

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

KEY = uuid.UUID(int=5)


def frame(collector: Any, columns: dict[str, Any], values: list[tuple[Any, ...]], way: str) -> Any:
    """Return the frame of two pages, each with these values."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columnar_pages, "Columns", Columns if way == "compiled" else None)
        patch.setattr(columnar_pages, "_readers", {})
        page = page_of(list(columns.values()), values)
        decoder = RowDecoder(list(columns.values()))
        for _ in range(2):
            collector.add(page, tuple(columns), decoder)
        return collector.result()


def test_pandas(way: str) -> None:
    columns = {
        "n": types.INT,
        "word": types.TEXT,
        "at": types.TIMESTAMP,
        "clock": types.TIME,
        "key": types.UUID,
        "keys": ListType(types.UUID),
        "span": types.DURATION,
        "spans": TupleType(types.DURATION, types.TIME),
        "v": VectorType(types.FLOAT, 2),
        "price": types.DECIMAL,
    }
    moment = datetime.datetime(2024, 2, 29, 12)
    rows: list[tuple[Any, ...]] = [
        (1, "a", moment, Time(7), KEY, [KEY], Duration(1, 2, 3), None, [1.0, 2.0], 1),
        (2, None, None, None, None, None, None, (Duration(0, 1, 0), Time(9)), None, None),
    ]
    found = frame(PandasCollector({}), columns, rows, way)
    assert list(found.columns) == list(columns)
    assert len(found) == 4
    assert found["n"].tolist() == [1, 2, 1, 2]
    assert found["at"][0] == pandas.Timestamp(moment, tz="UTC")
    assert found["clock"].dtype == "m8[ns]"
    assert found["clock"][0] == pandas.Timedelta(7, "ns")
    assert found["key"][0] == KEY
    assert found["keys"][0] == [KEY]
    assert found["keys"][1] is None
    assert found["span"][0].kwds == {"months": 1, "days": 2, "nanoseconds": 3}
    assert tuple(found["spans"][1]["f0"]) == (0, 1, 0)
    assert found["v"][0].tolist() == [1.0, 2.0]
    assert found["price"][0] == "1"
    only = frame(PandasCollector({}), {"keys": ListType(types.UUID)}, [([KEY],), (None,)], way)
    assert only["keys"].tolist() == [[KEY], None, [KEY], None]


def test_options_of_pandas(way: str) -> None:
    found = frame(PandasCollector({"types_mapper": None}), {"d": types.DATE}, [(None,)], way)
    assert found["d"].isna().all()
    found = frame(
        PandasCollector({"types_mapper": pandas.ArrowDtype}), {"n": types.INT}, [(1,), (None,)], way
    )
    assert str(found["n"].dtype) == "int32[pyarrow]"


def test_polars(way: str) -> None:
    columns = {
        "n": types.INT,
        "word": types.TEXT,
        "at": types.TIMESTAMP,
        "clock": types.TIME,
        "key": types.UUID,
        "span": types.DURATION,
        "tags": MapType(types.TEXT, types.INT),
        "v": VectorType(types.FLOAT, 2),
        "pair": TupleType(types.INT, ListType(types.DURATION)),
        "none": types.EMPTY_TYPE,
    }
    rows: list[tuple[Any, ...]] = [
        (1, "a", 5, Time(7), KEY, Duration(1, 2, 3), {"k": 1}, [1.0, 2.0], (1, []), None),
        (None,) * 10,
    ]
    found = frame(PolarsCollector(), columns, rows, way)
    assert found.columns == list(columns)
    assert found["n"].to_list() == [1, None, 1, None]
    assert found.schema["at"] == polars.Datetime("ms", "UTC")
    assert found.schema["clock"] == polars.Time
    assert found["clock"].to_physical().to_list()[0] == 7
    assert found["key"][0] == KEY.bytes
    assert found["span"][0] == {"months": 1, "days": 2, "nanoseconds": 3}
    assert found["span"][1] is None
    assert found.schema["v"] == polars.Array(polars.Float32, 2)
    assert found["v"].to_list()[:2] == [[1.0, 2.0], None]
    assert found["pair"].struct.field("f0").to_list()[:2] == [1, None]


def test_nothing_but_results_without_rows() -> None:
    assert PandasCollector({}).result().empty
    assert PolarsCollector().result().is_empty()
    assert collectors.ArrowCollector().result().num_rows == 0
    assert collectors.NumpyCollector().result() == {}


def test_columns_that_come_while_pages_are_read(way: str) -> None:
    collector = collectors.ArrowCollector()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columnar_pages, "Columns", Columns if way == "compiled" else None)
        patch.setattr(columnar_pages, "_readers", {})
        collector.add(page_of([types.INT], [(1,)]), ("n",), RowDecoder([types.INT]))
        both = [types.INT, types.TEXT]
        collector.add(page_of(both, [(2, "b")]), ("n", "word"), RowDecoder(both))
        table = collector.result()
    assert table.to_pylist() == [{"n": 1, "word": None}, {"n": 2, "word": "b"}]


def test_nested_integers_stay_integers_beside_nulls(way: str) -> None:
    pair = TupleType(types.BIGINT, VectorType(types.INT, 2))
    columns = {"pair": pair, "pairs": ListType(pair), "v": VectorType(types.INT, 2)}
    great = 2**60 + 1  # no float has it
    rows: list[tuple[Any, ...]] = [
        ((great, [1, 2]), [(great, None), (None, [3, 4])], [5, 6]),
        (None, None, None),
        ((None, None), [], None),
    ]
    found = frame(PandasCollector({}), columns, rows, way)
    assert found["pair"][0]["f0"] == great
    assert found["pair"][0]["f1"].dtype == found["v"][0].dtype == "int32"
    assert [each["f0"] for each in found["pairs"][0]] == [great, None]
    assert found["pair"].tolist()[1:3] == [None, {"f0": None, "f1": None}]
    asked = frame(PandasCollector({"integer_object_nulls": False}), columns, rows, way)
    assert asked["pair"][0]["f0"] == float(great)
