"""Parameters of clusters on asyncio, and the blocking API beside them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.aio import AsyncCluster
from cql_driver.cluster import Cluster, ExecutionProfile
from cql_driver.errors import ForkedError, InvalidArgument, InvalidArgumentType
from cql_driver.policies import RoundRobinPolicy
from cql_protocol.errors import InvalidRequest

if TYPE_CHECKING:
    from tests.aio.conftest import Connect

SELECT = "SELECT * FROM t WHERE k = 1"


@pytest.mark.parametrize(
    "option",
    [
        {"reactor": "selector"},
        {"background_thread": False},
        {"reconnect_after_fork": True},
        {"runtime": object()},
        {"connection_class": object},
    ],
)
def test_what_has_no_meaning_here_is_refused(option: dict[str, Any]) -> None:
    [name] = option
    with pytest.raises(InvalidArgument, match=f"AsyncCluster takes no {name}: .*leave it out"):
        AsyncCluster(**option)


def test_the_other_parameters_are_checked_as_ever() -> None:
    with pytest.raises(InvalidArgumentType, match="no parameter 'reacter'"):
        AsyncCluster(reacter="selector")  # type: ignore[call-arg]
    with pytest.raises(InvalidArgument, match="port"):
        AsyncCluster(port=-1)
    assert AsyncCluster(["127.0.0.1"]).contact_points == ["127.0.0.1"]
    assert not isinstance(AsyncCluster(), Cluster)


async def test_the_blocking_api_on_a_loop_works_beside(connect: Connect) -> None:
    async with connect() as session:
        with Cluster(session.cluster.contact_points, port=session.cluster.port) as blocking:
            other = await asyncio.to_thread(blocking.connect, "ks")
            await asyncio.to_thread(other.execute, SELECT)
        await session.execute(SELECT)


async def test_errors_of_the_tree(connect: Connect) -> None:
    async with connect() as session:
        with pytest.raises(InvalidArgumentType, match="keyspace=5"):
            await session.cluster.connect(5)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest):
            await session.execute("SELECT * FROM nothing")
        assert not issubclass(ForkedError, asyncio.CancelledError)


@pytest.mark.parametrize("prepared", [False, True])
async def test_a_profile_that_a_request_brings_along(connect: Connect, prepared: bool) -> None:
    async with connect() as session:
        query: Any = "SELECT k FROM t WHERE k = ?"
        if prepared:
            query = await session.prepare(query)
        for policy in (None, RoundRobinPolicy()):
            profile = ExecutionProfile(policy)
            asked = [session.execute(query, (1,), execution_profile=profile) for _ in range(3)]
            await asyncio.gather(*asked)
            await session.execute_async(query, (1,), execution_profile=profile)
            results = session.execute_concurrent([(query, (1,))], execution_profile=profile)
            assert [success async for success, _ in results] == [True]
