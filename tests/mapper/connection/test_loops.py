"""Sessions of event loops: one for each, opened when it is needed, closed with the loop."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import uvloop

from cql_driver import NoHostAvailable, UnsupportedOperation
from cql_driver.aio import AsyncCluster
from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cql_driver.policies import RoundRobinPolicy
from cqlengine.connection import (
    Connection,
    aclose_all,
    aget_session,
    aunregister_connection,
    find_connection,
    loops,
    register_connection,
    unregister_connection,
)
from cqlengine.errors import CQLEngineException
from cqlengine.query.requests import Request
from tests.aio.live import LiveNodes
from tests.simulation import Delay, Rule

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
READ = Request("SELECT v FROM ks.t WHERE k = ?", (1,))

Make = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=LOOPS)
def make(request: pytest.FixtureRequest) -> Make:
    """What makes a loop."""
    found: Make = LOOPS[request.param]
    return found


@pytest.fixture
def connection(hosts: list[str], options: dict[str, Any]) -> Connection:
    """A lazy connection, the default."""
    return register_connection("x", hosts, lazy_connect=True, cluster_options=options, default=True)


async def read(connection: Connection) -> list[Any]:
    """The rows of the table, by the session of the running loop."""
    return [row async for row in await connection.aexecute(READ)]


def run(coroutine: Any, make: Make = asyncio.new_event_loop) -> Any:
    """What ``asyncio.run`` does."""
    with asyncio.Runner(loop_factory=make) as runner:
        return runner.run(coroutine)


def test_a_loop_that_ends_closes_its_session(
    connection: Connection, make: Make, nodes: LiveNodes
) -> None:
    found = []

    async def main() -> None:
        assert await read(connection) == [("a",)]
        assert await aget_session() is await connection.aget_session()
        found.append(await aget_session())

    for _ in range(3):
        run(main(), make)
    assert len(set(map(id, found))) == 3
    assert all(session.is_shutdown for session in found)
    assert connection.session is None, "nothing was opened for blocking calls"
    assert not loops._held


def test_two_loops_in_two_threads(connection: Connection, make: Make) -> None:
    together = threading.Barrier(2)
    found: list[Any] = []

    async def main() -> None:
        assert await read(connection) == [("a",)]
        found.append(await aget_session())
        together.wait()  # both loops have theirs
        assert await read(connection) == [("a",)]
        together.wait()

    threads = [threading.Thread(target=run, args=(main(), make)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = found
    assert first is not second
    assert first.is_shutdown
    assert second.is_shutdown


def test_tasks_that_are_first_at_once_share_a_session(
    connection: Connection, nodes: LiveNodes
) -> None:
    before = nodes[1].connections_accepted

    async def main() -> None:
        rows = await asyncio.gather(*(read(connection) for _ in range(20)))
        assert rows == [[("a",)]] * 20

    run(main())
    assert nodes[1].connections_accepted - before == 2  # of one cluster: control and pool


def test_who_is_cancelled_does_not_end_it_for_others(
    connection: Connection, nodes: LiveNodes
) -> None:
    from cql_protocol import Options

    nodes[1].rules.append(Rule(Delay(0.1), message=Options))

    async def main() -> None:
        first = asyncio.create_task(read(connection))
        second = asyncio.create_task(read(connection))
        await asyncio.sleep(0.01)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        assert first.cancelled()
        assert await second == [("a",)]

    run(main())


def test_the_end_while_it_connects(connection: Connection, nodes: LiveNodes) -> None:
    from cql_protocol import Options

    nodes[1].rules.append(Rule(Delay(0.1), message=Options))

    async def main() -> None:
        first = asyncio.create_task(read(connection))
        await asyncio.sleep(0.01)
        await connection.aclose()
        with pytest.raises(asyncio.CancelledError):
            await first
        with pytest.raises(CQLEngineException, match="is closed"):
            await read(connection)

    run(main())
    assert not loops._held


def test_an_attempt_that_fails_is_told_to_all(connection: Connection, nodes: LiveNodes) -> None:
    nodes.kill(nodes[1])

    async def main() -> None:
        results = await asyncio.gather(
            *(read(connection) for _ in range(3)), return_exceptions=True
        )
        assert [type(result) for result in results] == [NoHostAvailable] * 3
        nodes.heal()
        assert await read(connection) == [("a",)]

    run(main())


@pytest.mark.parametrize("close", ["aclose", "aunregister", "aclose_all"])
def test_it_is_closed_before_the_loop_ends(connection: Connection, close: str) -> None:
    async def main() -> None:
        await read(connection)
        session = await connection.aget_session()
        if close == "aclose":
            await connection.aclose()
        elif close == "aunregister":
            await aunregister_connection("x")
        else:
            await aclose_all()
        assert session.is_shutdown
        with pytest.raises(CQLEngineException, match="is closed"):
            await read(connection)

    run(main())
    assert not loops._held


def test_the_loops_of_other_threads_close_theirs(connection: Connection) -> None:
    opened, closed = threading.Event(), threading.Event()
    found: list[Any] = []

    async def other() -> None:
        await read(connection)
        found.append(await connection.aget_session())
        opened.set()
        await asyncio.to_thread(closed.wait)

    async def main() -> None:
        await read(connection)
        await connection.aclose()
        assert found[0].is_shutdown

    thread = threading.Thread(target=run, args=(other(),))
    thread.start()
    opened.wait()
    run(main())
    closed.set()
    thread.join()


def test_a_blocking_close_has_the_loop_close_its_session(connection: Connection) -> None:
    async def main() -> None:
        await read(connection)
        session = await connection.aget_session()
        unregister_connection("x")
        for _ in range(100):
            await asyncio.sleep(0)  # turns of the loop
        assert session.is_shutdown

    run(main())
    assert not loops._held


def test_a_loop_that_stands_still_closes_it_at_its_end(connection: Connection) -> None:
    with asyncio.Runner() as runner:
        runner.run(read(connection))
        session = runner.run(connection.aget_session())
        unregister_connection("x")
        assert not session.is_shutdown
    assert session.is_shutdown
    assert not loops._held


def test_what_a_loop_leaves_behind_is_dropped(connection: Connection, nodes: LiveNodes) -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(read(connection))
    session = loop.run_until_complete(connection.aget_session())
    loop.close()  # without loop.shutdown_asyncgens()
    assert len(loops._held) == 1
    assert run(read(connection)) == [("a",)]
    assert session.is_shutdown
    assert not loops._held
    del session
    gc.collect()


def test_the_session_of_another_loop_is_refused(nodes: LiveNodes) -> None:
    async def main(cluster: AsyncCluster) -> Any:
        session = await cluster.connect()
        assert [row async for row in await find_connection(session).aexecute(READ)] == [("a",)]
        return session

    with asyncio.Runner() as runner:
        cluster = AsyncCluster(**nodes.options)
        session = runner.run(main(cluster))

        async def elsewhere() -> None:
            with pytest.raises(UnsupportedOperation, match="belongs to another event loop"):
                await find_connection(session).aexecute(READ)

        run(elsewhere())
        runner.run(cluster.shutdown())


def test_sessions_that_were_given_are_held_weakly(nodes: LiveNodes) -> None:
    async def main() -> Any:
        async with AsyncCluster(**nodes.options) as cluster, cluster.connect() as session:
            assert await read(find_connection(session)) == [("a",)]
            assert find_connection(session) is find_connection(session)
            return weakref.ref(session)

    gone = run(main())
    gc.collect()
    assert gone() is None


def test_blocking_and_awaited_calls_of_one_connection(connection: Connection) -> None:
    assert connection.execute(READ).all() == [("a",)]
    assert run(read(connection)) == [("a",)]
    assert connection.execute(READ).all() == [("a",)]


def test_clusters_of_a_connection_share_no_policy(
    hosts: list[str], options: dict[str, Any]
) -> None:
    plain = ExecutionProfile(consistency_level="ALL")
    options["execution_profiles"] = {EXEC_PROFILE_DEFAULT: plain}
    connection = register_connection("x", hosts, cluster_options=options)

    async def main() -> Any:
        await read(connection)
        return (await connection.aget_session()).cluster.profile_manager.default

    used = run(main())
    assert connection.cluster.profile_manager.default is plain
    assert used.consistency_level == plain.consistency_level
    assert used.load_balancing_policy is not plain.load_balancing_policy


def test_a_policy_for_two_clusters_is_refused(hosts: list[str], options: dict[str, Any]) -> None:
    def make() -> dict[str, Any]:
        profile = ExecutionProfile(RoundRobinPolicy())
        return {**options, "execution_profiles": {EXEC_PROFILE_DEFAULT: profile}}

    connection = register_connection("x", hosts, cluster_options=make())
    with pytest.raises(CQLEngineException, match="a function that makes the options anew"):
        run(read(connection))
    unregister_connection("x")
    connection = register_connection("x", hosts, cluster_options=make)
    assert run(read(connection)) == [("a",)]
    unregister_connection("x")
    # One after the other can have it.
    connection = register_connection("x", hosts, lazy_connect=True, cluster_options=make())
    for _ in range(2):
        assert run(read(connection)) == [("a",)]
