"""Results as columns: of one page and of many, blocking and on asyncio, and what is missing."""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from cql_driver.aio import AsyncCluster, AsyncSession
from cql_driver.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cql_driver.columnar.pages import Columns
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.protocol import LazyProtocolHandler, NumpyProtocolHandler
from cql_driver.query import SimpleStatement, arrow_factory, dict_factory
from cql_protocol.errors import DependencyException, InvalidRequest, UnsupportedOperation
from cql_protocol.messages import Execute, Query
from tests.aio.live import LiveNodes
from tests.simulation import Fail, Rule

ROWS = 25
PAGED = SimpleStatement("SELECT c, v FROM w WHERE p = 7", fetch_size=10)
WHOLE = SimpleStatement("SELECT c, v FROM w WHERE p = 7", fetch_size=100)
NONE = "SELECT c, v FROM w WHERE p = 8"
INSERT = "INSERT INTO w (p, c, v) VALUES (7, ?, ?)"


@pytest.fixture(scope="module")
def nodes() -> Iterator[LiveNodes]:
    """A node with a partition of three pages."""
    with LiveNodes(1) as nodes:
        with Cluster(**nodes.options) as cluster, cluster.connect("ks") as session:
            for c in range(ROWS):
                session.execute(INSERT, (c, f"row {c}"))
        yield nodes


@pytest.fixture
def session(nodes: LiveNodes) -> Iterator[Session]:
    with Cluster(**nodes.options) as cluster, cluster.connect("ks") as session:
        yield session
    nodes.heal()


def on_asyncio(nodes: LiveNodes, test: Any) -> None:
    """Run a coroutine function of a session."""

    async def run() -> None:
        async with AsyncCluster(**nodes.options) as cluster:
            await test(await cluster.connect("ks"))

    asyncio.run(run())


# --- all at once -----------------------------------------------------------------------------


@pytest.mark.parametrize("prefetch", [False, True])
def test_all_pages_become_one(session: Session, prefetch: bool) -> None:
    session.prefetch_pages = prefetch
    rows = [{"c": c, "v": f"row {c}"} for c in range(ROWS)]
    table = session.execute(PAGED).to_arrow()
    assert isinstance(table, pa.Table)
    assert table.to_pylist() == rows
    assert table.column("c").num_chunks == 3
    assert session.execute(PAGED).to_pandas().to_dict("records") == rows
    assert session.execute(PAGED).to_polars().to_dicts() == rows
    arrays = session.execute(PAGED).to_numpy()
    assert arrays["c"].tolist() == list(range(ROWS))
    assert arrays["c"].dtype == "int32"
    assert arrays["v"][24] == "row 24"


def test_the_row_factory_has_no_part_in_it(session: Session) -> None:
    for factory in (dict_factory, arrow_factory):
        assert session.execute(PAGED, row_factory=factory).to_arrow().num_rows == ROWS


def test_a_result_of_one_page_can_be_had_again(session: Session) -> None:
    result = session.execute(WHOLE)
    assert len(list(result)) == ROWS
    assert result.one().c == 0
    assert result.to_arrow().num_rows == result.to_arrow().num_rows == ROWS
    assert len(result.to_polars()) == len(list(result)) == ROWS


def test_looking_at_the_first_page_takes_nothing_of_it(session: Session) -> None:
    result = session.execute(PAGED)
    assert result
    assert result.one().c == 0
    assert len(result.current_rows) == 10
    assert result.to_arrow().num_rows == ROWS


def test_from_the_page_at_hand_on(session: Session) -> None:
    result = session.execute(PAGED)
    result.fetch_next_page()
    assert result.to_arrow()["c"].to_pylist() == list(range(10, ROWS))


def test_rows_that_were_taken_are_gone(session: Session) -> None:
    result = session.execute(PAGED)
    for row in result:
        assert row.c == 0
        break
    for method in (result.to_arrow, result.to_pandas, result.to_polars, result.to_numpy):
        with pytest.raises(InvalidArgument, match="before iterating, or execute the statement"):
            method()
    assert len(list(result)) == ROWS - 1  # nothing happened to them
    result = session.execute(PAGED)
    result.to_arrow()
    assert list(result) == []
    assert not result.has_more_pages
    with pytest.raises(InvalidArgument):
        result.to_arrow()
    result = session.execute(PAGED)
    with pytest.warns(UserWarning, match="every page"):
        assert result[3].c == 3
    with pytest.raises(InvalidArgument):
        result.to_arrow()


def test_results_without_rows(session: Session) -> None:
    result = session.execute(INSERT, (0, "row 0"))
    assert result.to_arrow().num_columns == 0
    assert result.to_numpy() == {}
    table = session.execute(NONE).to_arrow()
    assert table.schema == pa.schema([("c", pa.int32()), ("v", pa.string())])
    assert table.num_rows == 0
    assert table["c"].num_chunks == 1
    assert session.execute(NONE).to_numpy()["c"].shape == (0,)


def failing() -> Rule:
    def is_later(event: Any) -> bool:
        return event.message.parameters.paging_state is not None

    return Rule(
        Fail(InvalidRequest("no more")), message=(Query, Execute), text="FROM w", where=is_later
    )


def test_a_page_that_cannot_be_had(session: Session, nodes: LiveNodes) -> None:
    result = session.execute(PAGED)
    nodes[1].rules.append(failing())
    with pytest.raises(InvalidRequest):
        result.to_arrow()
    with pytest.raises(InvalidArgument):  # not half of the rows
        result.to_arrow()


# --- page by page ------------------------------------------------------------------------------


@pytest.mark.parametrize("prefetch", [False, True])
def test_a_batch_for_each_page(session: Session, prefetch: bool) -> None:
    session.prefetch_pages = prefetch
    batches = list(session.execute(PAGED, row_factory=arrow_factory))
    assert [batch.num_rows for batch in batches] == [10, 10, 5]
    assert all(isinstance(batch, pa.RecordBatch) for batch in batches)
    assert len({str(batch.schema) for batch in batches}) == 1
    assert pa.Table.from_batches(batches)["c"].to_pylist() == list(range(ROWS))
    assert session.execute(PAGED, row_factory=arrow_factory).one().num_rows == 10
    assert [b.num_rows for b in session.execute(NONE, row_factory=arrow_factory)] == [0]
    assert list(session.execute(INSERT, (0, "row 0"), row_factory=arrow_factory)) == []


def test_in_a_profile_and_prepared(session: Session) -> None:
    select = session.prepare("SELECT c FROM w WHERE p = ?")
    select.fetch_size = 10
    profile = session.execution_profile_clone_update(
        EXEC_PROFILE_DEFAULT, row_factory=arrow_factory
    )
    for options in ({"execution_profile": profile}, {"row_factory": arrow_factory}):
        found = session.execute(select, (7,), **options)  # type: ignore[arg-type]
        assert [batch.num_rows for batch in found] == [10, 10, 5]
        assert len(session.execute_async(select, (7,), **options).result().all()) == 3  # type: ignore[arg-type]
    assert session.execute(select, (7,)).one().c == 0


def test_handlers_of_another_kind(session: Session) -> None:
    session.client_protocol_handler = LazyProtocolHandler
    assert [b.num_rows for b in session.execute(PAGED, row_factory=arrow_factory)] == [10, 10, 5]
    session.client_protocol_handler = NumpyProtocolHandler
    found = list(session.execute(PAGED, row_factory=arrow_factory))
    assert [page["c"].tolist()[0] for page in found] == [0, 10, 20]


def test_the_factory_itself() -> None:
    assert repr(arrow_factory) == "arrow_factory"
    assert pickle.loads(pickle.dumps(arrow_factory)) is arrow_factory
    with pytest.raises(UnsupportedOperation, match="whole pages"):
        arrow_factory(["c"], [(1,)])


# --- a row factory for one request -----------------------------------------------------------


def test_a_row_factory_for_one_request(session: Session) -> None:
    assert session.execute(PAGED, row_factory=dict_factory).one() == {"c": 0, "v": "row 0"}
    assert session.execute(PAGED).one().v == "row 0"
    future = session.execute_async(PAGED, row_factory=dict_factory)
    assert future.result().one() == {"c": 0, "v": "row 0"}
    for wrong in ("dict_factory", 5):
        with pytest.raises(InvalidArgumentType, match="row_factory="):
            session.execute(PAGED, row_factory=wrong)  # type: ignore[arg-type]


def test_profiles_with_another_row_factory_are_made_once() -> None:
    profile = ExecutionProfile(request_timeout=5.0)
    other = profile.with_row_factory(dict_factory)
    assert other is profile.with_row_factory(dict_factory)
    assert other.row_factory is dict_factory
    assert other.request_timeout == 5.0
    profile.request_timeout = 7.0
    assert profile.with_row_factory(dict_factory).request_timeout == 7.0
    for _ in range(100):
        profile.with_row_factory(lambda names, rows: rows)
    assert len(profile._variants or ()) <= 32


# --- on asyncio --------------------------------------------------------------------------------


def test_columns_on_asyncio(nodes: LiveNodes) -> None:
    async def test(session: AsyncSession) -> None:
        for session.prefetch_pages in (True, False):
            result = await session.execute(PAGED)
            table = await result.to_arrow()
            assert table["c"].to_pylist() == list(range(ROWS))
            assert await result.all() == []
            with pytest.raises(InvalidArgument):
                await result.to_arrow()
            assert len(await (await session.execute(PAGED)).to_pandas()) == ROWS
            assert len(await (await session.execute(PAGED)).to_polars()) == ROWS
            arrays = await (await session.execute(PAGED)).to_numpy()
            assert arrays["c"].sum() == sum(range(ROWS))
            result = await session.execute(PAGED, row_factory=arrow_factory)
            assert [batch.num_rows async for batch in result] == [10, 10, 5]
            future = session.execute_async(WHOLE, row_factory=arrow_factory)
            assert [batch.num_rows for batch in await future] == [ROWS]

    on_asyncio(nodes, test)


def test_rows_that_were_taken_on_asyncio(nodes: LiveNodes) -> None:
    async def test(session: AsyncSession) -> None:
        result = await session.execute(PAGED)
        async for _ in result:
            break
        with pytest.raises(InvalidArgument, match="before iterating"):
            await result.to_arrow()
        assert len(await result.all()) == ROWS - 1
        session.prefetch_pages = False
        result = await session.execute(PAGED)
        nodes[1].rules.append(failing())
        with pytest.raises(InvalidRequest):
            await result.to_polars()
        with pytest.raises(InvalidArgument):
            await result.to_polars()

    try:
        on_asyncio(nodes, test)
    finally:
        nodes.heal()


# --- libraries that are not there --------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "missing", "extra"),
    [
        ("to_arrow", "pyarrow", "arrow"),
        ("to_pandas", "pyarrow", "arrow"),
        ("to_pandas", "pandas", "pandas"),
        ("to_polars", "polars", "polars"),
        ("to_numpy", "numpy", "numpy"),
    ],
)
def test_what_is_missing_is_told_before_pages_are_fetched(
    session: Session, monkeypatch: pytest.MonkeyPatch, method: str, missing: str, extra: str
) -> None:
    result = session.execute(PAGED)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(DependencyException, match=rf"{missing}.*pip install 'cql-driver\[{extra}"):
        getattr(result, method)()
    monkeypatch.undo()
    assert len(list(result)) == ROWS


def test_batches_without_pyarrow(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    result = session.execute(PAGED, row_factory=arrow_factory)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DependencyException, match=r"cql-driver\[arrow"):
        list(result)


def test_polars_without_pyarrow(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    result = session.execute(PAGED)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    if Columns is None:
        with pytest.raises(DependencyException, match="without cql-speedups"):
            result.to_polars()
    else:
        assert len(result.to_polars()) == ROWS
