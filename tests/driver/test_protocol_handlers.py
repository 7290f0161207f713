"""In which form the rows of a page leave the driver: at once, row by row, or as arrays."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cql_driver.cluster import Cluster, ResultSet, Session
from cql_driver.cluster.pages import PageDecoder
from cql_driver.errors import InvalidArgumentType
from cql_driver.protocol import LazyProtocolHandler, NumpyProtocolHandler, ProtocolHandler
from cql_driver.query import dict_factory, named_tuple_factory, tuple_factory
from cql_protocol.errors import DecodeError, UnsupportedOperation
from cql_protocol.messages import ColumnSpec, RawRows, ResultMetadata, VoidResult
from cql_protocol.types import (
    BIGINT,
    BOOLEAN,
    COUNTER,
    DEFAULT_OPTIONS,
    DOUBLE,
    FLOAT,
    INT,
    SMALLINT,
    TEXT,
    TINYINT,
    CqlType,
)

Columns = Sequence[tuple[str, CqlType]]

PEOPLE: Columns = [("id", INT), ("name", TEXT), ("score", DOUBLE)]
ROWS = [(1, "Zoë", 0.5), (2, None, None), (-3, "", -1.25)]


def _page(columns: Columns, rows: Iterable[Sequence[Any]]) -> RawRows:
    """Make a page as a server sends it; values that are bytes already are put in as they are."""
    specs = [ColumnSpec("ks", "t", name, cql_type) for name, cql_type in columns]
    cells = [
        [
            value if value is None or isinstance(value, bytes) else cql_type.encode(value)
            for (_, cql_type), value in zip(columns, row, strict=True)
        ]
        for row in rows
    ]
    return RawRows.from_cells(ResultMetadata(specs), cells)


class _Execution:
    """What a handler reads of an execution, and a future that is done with it."""

    def __init__(self, outcome: Any, row_factory: Any = tuple_factory) -> None:
        self.outcome = outcome
        self.options = SimpleNamespace(row_factory=row_factory)
        self.message = self.statement = None
        self.done = True


def _decode(handler: Any, outcome: Any, row_factory: Any = tuple_factory) -> Any:
    execution = cast(Any, _Execution(outcome, row_factory))
    return handler.decode_page(PageDecoder(DEFAULT_OPTIONS), execution)


def _result(session: Session, outcome: Any, row_factory: Any = tuple_factory) -> ResultSet:
    future = SimpleNamespace(session=session, execution=_Execution(outcome, row_factory))
    return ResultSet(cast(Any, future))


@pytest.fixture
def session() -> Session:
    return Session(Cluster(["127.0.0.1"]))


@pytest.mark.parametrize("handler", [ProtocolHandler, LazyProtocolHandler, NumpyProtocolHandler])
def test_a_result_without_rows_is_none(handler: Any, session: Session) -> None:
    assert _decode(handler, VoidResult()) is None
    session.client_protocol_handler = handler
    result = _result(session, VoidResult())
    assert not result
    assert result.one() is None
    assert list(result) == []


def test_the_default_gives_what_the_row_factory_makes() -> None:
    assert _decode(ProtocolHandler, _page(PEOPLE, ROWS)) == ROWS
    assert _decode(ProtocolHandler, _page(PEOPLE, ROWS[:1]), dict_factory) == [
        {"id": 1, "name": "Zoë", "score": 0.5}
    ]


# --- row by row ------------------------------------------------------------------------------


def test_lazy_rows_come_one_by_one() -> None:
    broken = _page(PEOPLE, [*ROWS[:2], (b"\0", "x", 1.0), (4, "y", 2.0)])
    rows = _decode(LazyProtocolHandler, broken)
    assert len(rows) == 4
    iterator = iter(rows)
    assert [next(iterator), next(iterator)] == ROWS[:2]
    # The third does not fit its type, which nobody knew before.
    with pytest.raises(DecodeError, match=r"row 2, column 0 \(id\)"):
        next(iterator)


def test_lazy_rows_notice_bytes_behind_the_last() -> None:
    page = _page(PEOPLE, ROWS)
    rows = _decode(LazyProtocolHandler, RawRows(page.metadata, 2, page.body))
    with pytest.raises(DecodeError, match="bytes follow the last of 2 rows"):
        list(rows)


@pytest.mark.parametrize("factory", [tuple_factory, dict_factory, named_tuple_factory])
def test_lazy_rows_are_those_of_the_row_factory(factory: Any) -> None:
    page = _page(PEOPLE, ROWS)
    lazy = _decode(LazyProtocolHandler, page, factory)
    assert list(lazy) == _decode(ProtocolHandler, page, factory)
    assert list(lazy) == list(lazy)
    assert "3 of id, name, score" in repr(lazy)


def test_a_row_factory_of_the_users_gets_lazy_rows_as_a_whole() -> None:
    asked: list[Any] = []

    def factory(names: Sequence[str], rows: Iterable[Any]) -> Any:
        asked.append(list(names))
        return (row[0] for row in rows)

    found = _decode(LazyProtocolHandler, _page(PEOPLE, ROWS), factory)
    assert list(found) == [1, 2, -3]
    assert asked == [["id", "name", "score"]]


def test_a_result_of_lazy_rows(session: Session) -> None:
    session.client_protocol_handler = LazyProtocolHandler
    result = _result(session, _page(PEOPLE, ROWS))
    assert result
    assert result.one() == result.one() == result[0] == ROWS[0]
    assert result.all() == ROWS
    assert result[2] == ROWS[2]
    assert not _result(session, _page(PEOPLE, []))


# --- arrays ------------------------------------------------------------------------------------

NUMBERS = [
    (TINYINT, ">i1", [1, -128, 127]),
    (SMALLINT, ">i2", [1, -32768, 32767]),
    (INT, ">i4", [1, -(2**31), 2**31 - 1]),
    (BIGINT, ">i8", [1, -(2**63), 2**63 - 1]),
    (COUNTER, ">i8", [0, 5, -5]),
    (FLOAT, ">f4", [0.5, -0.25, float("inf")]),
    (DOUBLE, ">f8", [0.1, -1e300, float("-inf")]),
]


@pytest.mark.parametrize(("cql_type", "dtype", "values"), NUMBERS, ids=lambda v: str(v)[:9])
def test_numbers_are_typed_and_nulls_masked(cql_type: Any, dtype: str, values: list[Any]) -> None:
    numpy = pytest.importorskip("numpy")
    page = _page([("n", cql_type)], [(value,) for value in [*values, None]])
    array = _decode(NumpyProtocolHandler, page)["n"]
    assert isinstance(array, numpy.ma.MaskedArray)
    assert array.dtype == numpy.dtype(dtype)
    assert array.mask.tolist() == [False, False, False, True]
    assert array.tolist() == [*values, None]
    array[0] = 0  # the array is the caller's: it can be changed
    assert array[0] == 0


def test_without_nulls_nothing_is_masked() -> None:
    pytest.importorskip("numpy")
    array = _decode(NumpyProtocolHandler, _page([("n", INT)], [(1,), (2,)]))["n"]
    assert array.mask.tolist() == [False, False]
    assert array.sum() == 3


def test_everything_else_is_objects() -> None:
    pytest.importorskip("numpy")
    columns: Columns = [("name", TEXT), ("good", BOOLEAN)]
    arrays = _decode(NumpyProtocolHandler, _page(columns, [("Zoë", True), (None, None)]))
    assert list(arrays) == ["name", "good"]
    assert [array.dtype.kind for array in arrays.values()] == ["O", "O"]
    assert arrays["name"].tolist() == ["Zoë", None]
    assert arrays["good"].tolist() == [True, None]


def test_an_empty_page_has_empty_arrays_of_the_same_types() -> None:
    pytest.importorskip("numpy")
    arrays = _decode(NumpyProtocolHandler, _page(PEOPLE, []))
    assert {name: (len(a), a.dtype.str) for name, a in arrays.items()} == {
        "id": (0, ">i4"),
        "name": (0, "|O"),
        "score": (0, ">f8"),
    }


@pytest.mark.parametrize(
    ("columns", "row", "text"),
    [
        ([("n", INT)], (b"\0\0\0",), "column 'n': a cell is not of 4 bytes"),
        ([("n", INT), ("t", TEXT)], (1, b"\xff"), "row 0, column 't'"),
    ],
)
def test_cells_that_do_not_fit_are_told(columns: Columns, row: Any, text: str) -> None:
    pytest.importorskip("numpy")
    with pytest.raises(DecodeError, match=text):
        _decode(NumpyProtocolHandler, _page(columns, [row]))


def test_cells_whose_sizes_make_up_for_each_other_are_told() -> None:
    pytest.importorskip("numpy")
    with pytest.raises(DecodeError, match="a cell is not of 4 bytes"):
        _decode(NumpyProtocolHandler, _page([("n", INT)], [(b"\0" * 3,), (b"\0" * 5,)]))


def test_the_drivers_row_factories_have_no_part_in_arrays_and_others_have() -> None:
    pytest.importorskip("numpy")
    page = _page(PEOPLE, ROWS)
    assert set(_decode(NumpyProtocolHandler, page, named_tuple_factory)) == {"id", "name", "score"}
    found = _decode(NumpyProtocolHandler, page, lambda names, arrays: arrays[names[0]].tolist())
    assert found == [1, 2, -3]


def test_a_result_of_arrays_has_one_item_per_page(session: Session) -> None:
    pytest.importorskip("numpy")
    session.client_protocol_handler = NumpyProtocolHandler
    result = _result(session, _page(PEOPLE, ROWS))
    assert result
    assert [page["id"].tolist() for page in result] == [[1, 2, -3]]
    assert result.one()["id"].tolist() == [1, 2, -3]
    assert result[0] is result.current_rows[0]


def test_without_numpy_setting_the_handler_tells_so(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(UnsupportedOperation, match="needs numpy"):
        session.client_protocol_handler = NumpyProtocolHandler


# --- setting one -----------------------------------------------------------------------------


def test_the_default_and_none_are_the_same(session: Session) -> None:
    assert session.client_protocol_handler is ProtocolHandler
    session.client_protocol_handler = LazyProtocolHandler
    session.client_protocol_handler = None
    assert session.client_protocol_handler is ProtocolHandler


@pytest.mark.parametrize("handler", ["numpy", 5, dict, object()])
def test_what_decodes_no_pages_is_no_handler(session: Session, handler: Any) -> None:
    with pytest.raises(InvalidArgumentType, match=r"client_protocol_handler=.*decode_page"):
        session.client_protocol_handler = handler
    assert session.client_protocol_handler is ProtocolHandler


def test_a_handler_of_the_users(session: Session) -> None:
    class Columns(ProtocolHandler):
        @classmethod
        def decode_page(cls, page_decoder: PageDecoder, execution: Any) -> Any:
            columns = page_decoder.columns_of(execution)
            rows = page_decoder.raw_rows(execution)
            return {c.name: [row[at] for row in rows] for at, c in enumerate(columns or ())}

    session.client_protocol_handler = Columns
    result = _result(session, _page(PEOPLE, ROWS))
    assert list(result) == [
        {"id": [1, 2, -3], "name": ["Zoë", None, ""], "score": [0.5, None, -1.25]}
    ]
