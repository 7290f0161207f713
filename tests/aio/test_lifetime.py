"""Connecting and closing on asyncio: at once, cancelled, failing, in several loops, forked."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import stat
import subprocess
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.aio import AsyncCluster, AsyncSession
from cql_driver.errors import (
    NoHostAvailable,
    SessionShutdown,
)
from cql_protocol.errors import DriverException, UnsupportedOperation
from cql_protocol.messages import Options, Query, Register, Startup
from tests.aio.conftest import LOOPS
from tests.architecture.source import ROOT
from tests.simulation import Delay, Drop, Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.aio.live import LiveNodes

SELECT = "SELECT * FROM t WHERE k = 1"


def sockets() -> int:
    """How many sockets this process has at its end of connections, the nodes' not counted."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as sock:
                    count += sock.family == socket.AF_INET and sock.getsockname()[1] != 9042
        except OSError:
            pass  # closed meanwhile
    return count


async def none_left(nodes: LiveNodes) -> None:
    """Wait until the nodes have heard that all connections were closed."""
    while nodes.connections:  # noqa: ASYNC110 - they are another thread's
        await asyncio.sleep(0.001)


async def test_everything_is_closed_when_shutdown_returns(nodes: LiveNodes) -> None:
    before = sockets()
    cluster = AsyncCluster(**nodes.options)
    session = await cluster.connect("ks", wait_for_all_pools=True)
    assert sockets() == before + 4  # one is the control connection
    other = await cluster.connect("ks", wait_for_all_pools=True)
    assert sockets() == before + 7
    await other.shutdown()
    assert sockets() == before + 4
    await other.shutdown()
    with pytest.raises(SessionShutdown, match="session is shut down"):
        await other.execute(SELECT)
    await session.execute(SELECT)
    await asyncio.gather(cluster.shutdown(), cluster.shutdown())
    assert sockets() == before
    await cluster.shutdown()
    assert session.is_shutdown
    assert cluster.is_shutdown
    with pytest.raises(SessionShutdown, match="make a new AsyncCluster"):
        await cluster.connect()
    for call in (session.execute, session.prepare):
        with pytest.raises(SessionShutdown):
            await call(SELECT)
    with pytest.raises(SessionShutdown):
        await session.execute_async(SELECT)
    with pytest.raises(SessionShutdown, match="make a new AsyncCluster"):
        await cluster.refresh_nodes()
    with pytest.raises(SessionShutdown, match="not connected; call connect"):
        await AsyncCluster(**nodes.options).refresh_nodes()
    await session.shutdown()
    await none_left(nodes)


async def test_async_with(nodes: LiveNodes) -> None:
    async with AsyncCluster(**nodes.options) as cluster:
        async with cluster.connect("ks") as session:
            assert isinstance(session, AsyncSession)
            await session.execute(SELECT)
        assert session.is_shutdown
        with pytest.raises(ZeroDivisionError):
            async with await cluster.connect() as other:
                raise ZeroDivisionError
        assert other.is_shutdown
        assert not cluster.is_shutdown
        task = asyncio.create_task(cluster.connect("ks"))  # type: ignore[arg-type]
        await (await task).execute(SELECT)
        assert len(cluster.sessions) >= 1
    assert cluster.is_shutdown


async def test_connecting_at_once_shares_one_engine(nodes: LiveNodes) -> None:
    async with AsyncCluster(**nodes.options) as cluster:
        sessions = await asyncio.gather(*(cluster.connect("ks") for _ in range(5)))
        engines = {id(session.pools.engine) for session in sessions}
        assert len(engines) == 1
        assert sum(len(node.connections) for node in nodes.cluster.nodes) <= 1 + 5 * 3
        registered = [c for n in nodes.cluster.nodes for c in list(n.connections) if c.registered]
        assert len(registered) == 1


async def test_nothing_is_there_to_connect_to(nodes: LiveNodes) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        cluster = AsyncCluster(["127.0.0.1"], port=bound.getsockname()[1])
        before = sockets()
        for _ in range(2):
            with pytest.raises(NoHostAvailable):
                await cluster.connect()
            assert sockets() == before
        results = await asyncio.gather(cluster.connect(), cluster.connect(), return_exceptions=True)
        assert [type(result) for result in results] == [NoHostAvailable] * 2
        await cluster.shutdown()


async def test_a_keyspace_that_is_not_there(nodes: LiveNodes) -> None:
    before = sockets()
    async with AsyncCluster(**nodes.options) as cluster:
        with pytest.raises(NoHostAvailable, match="nothing"):
            await cluster.connect("nothing")
        assert sockets() == before
        session = await cluster.connect("ks")
        with pytest.raises(NoHostAvailable, match="nothing"):
            await cluster.connect("nothing")
        await session.execute(SELECT)
    assert sockets() == before


# --- cancelled ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        Rule(Drop(), message=Options),
        Rule(Drop(), message=Startup),
        Rule(Drop(), message=Register),
        Rule(Drop(), message=Query, text="system.local"),
        Rule(Drop(), message=Query, text="system.peers"),
        Rule(Drop(), message=Query, text="system_schema"),
        Rule(Drop(), message=Query, text="USE"),
    ],
    ids=["options", "startup", "register", "local", "peers", "schema", "use"],
)
async def test_connecting_is_cancelled_at_each_step(nodes: LiveNodes, rule: Rule) -> None:
    before = sockets()
    for node in nodes.cluster.nodes:
        node.rules.append(rule)
    async with AsyncCluster(**nodes.options) as cluster:
        task = asyncio.create_task(cluster.connect("ks"))  # type: ignore[arg-type]
        while not rule.used:  # noqa: ASYNC110 - of the nodes, in another thread
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sockets() == before
        nodes.heal()
        await (await cluster.connect("ks")).execute(SELECT)
    assert sockets() == before


async def test_connecting_is_cancelled_after_each_turn_of_the_loop(nodes: LiveNodes) -> None:
    before = sockets()
    connected = 0
    for turns in range(200):
        cluster = AsyncCluster(**nodes.options)
        task: asyncio.Task[Any] = asyncio.create_task(cluster.connect("ks"))  # type: ignore[arg-type]
        for _ in range(turns):
            await asyncio.sleep(0)
        if task.done():
            connected += 1
            await cluster.shutdown()
            if connected > 3:
                break
            continue
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sockets() == before, turns
        await cluster.shutdown()
    assert sockets() == before


async def test_cancelling_one_connect_leaves_the_others(nodes: LiveNodes) -> None:
    for node in nodes.cluster.nodes:
        node.rules.append(Rule(Delay(0.1), message=Options))
    async with AsyncCluster(**nodes.options) as cluster:
        tasks = [asyncio.create_task(cluster.connect("ks")) for _ in range(4)]  # type: ignore[arg-type]
        await asyncio.sleep(0.03)
        tasks[0].cancel()  # it is the one that began
        tasks[2].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        kinds = [type(result) for result in results]
        cancelled = asyncio.CancelledError
        assert kinds == [cancelled, AsyncSession, cancelled, AsyncSession]
        for session in (results[1], results[3]):
            assert isinstance(session, AsyncSession)
            await session.execute(SELECT)
            assert len(session.pools.engine.sessions) == 2


async def test_shutdown_while_connecting(nodes: LiveNodes) -> None:
    before = sockets()
    for node in nodes.cluster.nodes:
        node.rules.append(Rule(Drop(), message=Startup))
    cluster = AsyncCluster(**nodes.options)
    tasks = [asyncio.create_task(cluster.connect("ks")) for _ in range(3)]  # type: ignore[arg-type]
    await asyncio.sleep(0.03)
    await cluster.shutdown()
    assert sockets() == before
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [SessionShutdown] * 3


async def test_shutdown_at_any_moment_of_a_second_connect(nodes: LiveNodes) -> None:
    kinds = set()
    for turns in range(60):
        cluster = AsyncCluster(**nodes.options)
        await cluster.connect("ks")
        task = asyncio.ensure_future(cluster.connect("ks"))
        for _ in range(turns):
            await asyncio.sleep(0)
        await cluster.shutdown()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        kinds.add(type(result))
    assert kinds <= {SessionShutdown, AsyncSession}
    assert SessionShutdown in kinds


async def test_shutdown_while_a_session_is_opened(nodes: LiveNodes) -> None:
    before = sockets()
    cluster = AsyncCluster(**nodes.options)
    await cluster.connect("ks")
    for node in nodes.cluster.nodes:
        node.rules.append(Rule(Drop(), message=Startup))
    task = asyncio.create_task(cluster.connect("ks"))  # type: ignore[arg-type]
    await asyncio.sleep(0.03)
    await cluster.shutdown()
    assert sockets() == before
    with pytest.raises(SessionShutdown):
        await task


# --- closing with requests pending ---------------------------------------------------------------


@pytest.mark.parametrize("what", ["cluster", "session"])
async def test_what_is_pending_gets_an_error(nodes: LiveNodes, what: str) -> None:
    before = sockets()
    cluster = AsyncCluster(**nodes.options)
    session = await cluster.connect("ks", wait_for_all_pools=True)
    select = await session.prepare(SELECT)
    for node in nodes.cluster.nodes:
        nodes.call(node.hang)
    calls: dict[str, Any] = {
        "execute": session.execute(select),
        "async": session.execute_async(SELECT),
        "prepare": session.prepare("SELECT v FROM t"),
        "prepared on the way": session.execute("SELECT v FROM t WHERE k = ?", (1,)),
        "use": session.set_keyspace("ks"),
        "concurrent": anext(session.execute_concurrent([(select, None)])),
    }
    if what == "cluster":
        calls["agreement"] = session.wait_for_schema_agreement(30)
        calls["nodes"] = cluster.refresh_nodes()
        calls["keyspace"] = cluster.refresh_keyspace_metadata("ks")
    tasks = {name: asyncio.ensure_future(call) for name, call in calls.items()}
    await asyncio.sleep(0.02)
    assert [name for name, task in tasks.items() if task.done()] == []
    await (cluster if what == "cluster" else session).shutdown()
    await asyncio.wait(tasks.values(), timeout=5)
    errors = {name: type(task.exception()) for name, task in tasks.items() if task.done()}
    nodes.heal()
    assert errors.keys() == tasks.keys()
    assert issubclass(errors.pop("nodes", SessionShutdown), DriverException)
    assert set(errors.values()) == {SessionShutdown}, errors
    await cluster.shutdown()
    assert sockets() == before


# --- loops and threads -----------------------------------------------------------------------


def test_several_loops_at_once(nodes: LiveNodes) -> None:
    errors: list[BaseException] = []

    async def use(n: int) -> None:
        async with AsyncCluster(**nodes.options) as cluster, cluster.connect("ks") as session:
            for i in range(20):
                key = 1000 + 100 * n + i
                await session.execute("INSERT INTO t (k, v) VALUES (?, ?)", (key, str(n)))
                found = await session.execute("SELECT v FROM t WHERE k = ?", (key,))
                assert found.one().v == str(n)

    def run(n: int, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
        try:
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(use(n))
        except BaseException as exc:  # noqa: BLE001 - told to the test
            errors.append(exc)

    threads = [
        threading.Thread(target=run, args=(n, factory))
        for n, factory in enumerate([*LOOPS.values()] * 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert errors == []


def test_another_loop_is_told_so(
    nodes: LiveNodes, loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def check(cluster: AsyncCluster, session: AsyncSession, why: str) -> None:
        calls: list[Callable[[], Any]] = [
            lambda: session.execute(SELECT),
            lambda: session.prepare(SELECT),
            lambda: session.set_keyspace("ks"),
            lambda: session.wait_for_schema_agreement(),
            session.shutdown,
            cluster.connect,
            cluster.shutdown,
            cluster.refresh_nodes,
            lambda: cluster.register_schema_listener(None),
            lambda: cluster.register_user_type("ks", "u", dict),
        ]
        for call in calls:
            with pytest.raises(UnsupportedOperation, match=why):
                await call()
        for plain in (lambda: session.execute_async(SELECT), session.update_created_pools):
            with pytest.raises(UnsupportedOperation, match=why):
                plain()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        cluster = AsyncCluster(**nodes.options)

        async def connect() -> AsyncSession:
            return await cluster.connect("ks")

        session = runner.run(connect())
        with asyncio.Runner(loop_factory=loop_factory) as other:
            other.run(check(cluster, session, "another event loop"))
        assert not session.is_shutdown
        with pytest.raises(UnsupportedOperation, match="none is running"):
            session.execute_async(SELECT)
        coroutine = session.execute(SELECT)
        with pytest.raises(UnsupportedOperation, match="run_coroutine_threadsafe"):
            coroutine.send(None)

        async def go_on() -> None:
            await session.execute(SELECT)
            await cluster.shutdown()

        runner.run(go_on())


def test_a_thread_may_hand_over_coroutines(
    nodes: LiveNodes, loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def main() -> None:
        async with AsyncCluster(**nodes.options) as cluster, cluster.connect("ks") as session:
            loop = asyncio.get_running_loop()

            def work() -> Any:
                with pytest.raises(UnsupportedOperation, match="none is running"):
                    session.execute_async(SELECT)
                done = asyncio.run_coroutine_threadsafe(session.execute(SELECT), loop)
                return done.result(10)

            await asyncio.to_thread(work)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


def test_not_on_a_loop(nodes: LiveNodes) -> None:
    coroutine = AsyncCluster(**nodes.options).connect()
    with pytest.raises(UnsupportedOperation, match="asyncio"):
        coroutine.send(None)


def test_a_loop_that_is_closed_without_shutdown(
    nodes: LiveNodes, loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    before = sockets()
    cluster = AsyncCluster(**nodes.options)

    async def leave() -> AsyncSession:
        session = await cluster.connect("ks", wait_for_all_pools=True)
        session.execute_async(SELECT)
        return session

    with warnings.catch_warnings():
        # That is what they are for: somebody forgot to close.
        warnings.simplefilter("ignore", ResourceWarning)
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            session = runner.run(leave())

        async def use() -> None:
            with pytest.raises(UnsupportedOperation, match="was closed"):
                await session.execute(SELECT)
            with pytest.raises(UnsupportedOperation, match="was closed"):
                await cluster.connect()
            await cluster.shutdown()
            with pytest.raises(SessionShutdown):
                await session.execute(SELECT)

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(use())
        assert session.is_shutdown
        gc.collect()
    assert sockets() == before


FORK = """
import asyncio, os, sys
from cql_driver.aio import AsyncCluster
from cql_driver.errors import ForkedError

async def main():
    cluster = AsyncCluster({points!r}, port={port})
    session = await cluster.connect("ks")
    await session.execute("SELECT * FROM t WHERE k = 1")
    child = os.fork()
    if child == 0:
        return cluster, session, True
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert status == 0, status
    await session.execute("SELECT * FROM t WHERE k = 1")
    await cluster.shutdown()
    return cluster, session, False

async def in_child(cluster, session):
    for call in (session.execute, session.prepare):
        try:
            await call("SELECT * FROM t WHERE k = 1")
        except ForkedError as exc:
            pass
        else:
            os._exit(2)
    new = await cluster.connect("ks")
    await new.execute("SELECT * FROM t WHERE k = 1")
    await cluster.shutdown()

loop = asyncio.new_event_loop()
cluster, session, forked = loop.run_until_complete(main())
if forked:
    asyncio.run(in_child(cluster, session))
    sys.stdout.flush()
    os._exit(0)
loop.close()
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child(nodes: LiveNodes) -> None:
    options = nodes.options
    code = FORK.format(points=options["contact_points"], port=options["port"])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
