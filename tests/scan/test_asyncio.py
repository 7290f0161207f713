"""Scans on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from cql_driver import DriverException
from cql_driver.aio import AsyncCluster, AsyncSession, scan
from cql_driver.cluster import Session
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.query import tuple_factory
from cql_protocol.errors import InvalidRequest
from tests.aio.live import LiveNodes
from tests.scan.conftest import ROWS, PagesGiven
from tests.simulation import Delay, Fail, Rule

ALL = list(range(ROWS))
Body = Callable[[AsyncSession], Coroutine[Any, Any, None]]


@pytest.fixture
def run(nodes: LiveNodes) -> Callable[[Body], None]:
    """What runs a coroutine function with a session on a loop, on which nothing may be left."""

    async def main(body: Body) -> None:
        async with AsyncCluster(**nodes.options) as cluster, cluster.connect("ks") as session:
            session.default_fetch_size = 10
            await body(session)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            assert not others, others

    return lambda body: asyncio.run(main(body))


def test_rows(run: Any) -> None:
    async def body(session: AsyncSession) -> None:
        found = scan(session, "t")
        rows = [row async for row in found]
        assert sorted(row.k for row in rows) == ALL
        assert found.done == len(found.partitions)
        assert [row async for row in found] == []

    run(body)


def test_pages(run: Any) -> None:
    async def body(session: AsyncSession) -> None:
        found = scan(session, "t", page_size=7, columns=["k"], row_factory=tuple_factory)
        pages = [page async for page in found.pages()]
        assert sorted(k for page in pages for (k,) in page) == ALL
        assert max(map(len, pages)) == 7

    run(body)


def test_many_at_once(run: Any) -> None:
    async def one(session: AsyncSession) -> list[int]:
        return sorted([row.k async for row in scan(session, "t", concurrency=3)])

    async def body(session: AsyncSession) -> None:
        assert await asyncio.gather(*(one(session) for _ in range(5))) == [ALL] * 5

    run(body)


def test_no_more_pages_are_held_than_asked_for(run: Any, nodes: LiveNodes) -> None:
    async def body(session: AsyncSession) -> None:
        given = PagesGiven(nodes)
        found = scan(session, "t", concurrency=4, page_size=2)
        taken = 0
        async for _ in found.pages():
            taken += 1
            # At first long enough for whatever it would ask for while nobody takes a page.
            await asyncio.sleep(0 if taken > 1 else 0.4)
            assert given.count <= taken + 4
            if taken == 100:
                break
        assert given.count >= taken
        await found.aclose()

    run(body)


def test_closing(run: Any) -> None:
    async def body(session: AsyncSession) -> None:
        async with scan(session, "t", page_size=2) as found:
            async for row in found:
                assert row.k in ALL
                break
        assert [row async for row in found] == []

    run(body)


def test_a_wait_that_is_cancelled_loses_no_row(run: Any, nodes: LiveNodes) -> None:
    async def body(session: AsyncSession) -> None:
        found = scan(session, "t", page_size=5)
        rows = [await anext(found) for _ in range(7)]

        async def take() -> None:
            async for row in found:
                rows.append(row)

        for node in nodes.cluster.nodes:
            node.rules.append(Rule(Delay(0.2), text="token"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(take(), 0.1)
        nodes.heal()
        await take()
        assert sorted(row.k for row in rows) == ALL

    run(body)


def test_an_error_names_the_range(run: Any, nodes: LiveNodes) -> None:
    async def body(session: AsyncSession) -> None:
        for node in nodes.cluster.nodes:
            node.rules.append(Rule(Fail(InvalidRequest("not today")), text="token"))
        with pytest.raises(InvalidRequest, match="not today") as raised:
            [row async for row in scan(session, "t")]
        assert "of ks.t, tokens (" in raised.value.__notes__[0]

    run(body)


def test_what_is_wrong_is_told(run: Any, session: Session) -> None:
    async def body(own: AsyncSession) -> None:
        with pytest.raises(InvalidArgument, match="no table"):
            await anext(scan(own, "ks.nothing"))
        with pytest.raises(InvalidArgument, match="concurrency=0"):
            scan(own, "t", concurrency=0)
        with pytest.raises(DriverException, match="no column 'x'"):
            await anext(scan(own, "t", columns=["x"]))

    run(body)
    with pytest.raises(InvalidArgumentType, match=r"use cql_driver\.scan"):
        scan(session, "t")  # type: ignore[arg-type]
