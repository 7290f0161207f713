"""What sessions on gevent and eventlet do for greenlets; run by `green.py`, patched and not.

Nothing of the standard library is waited for here but where the process is patched.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import schema
from cql_driver.cluster import Cluster
from cql_driver.concurrent import execute_concurrent_with_args
from cql_driver.core.pending import Waitable
from cql_driver.errors import ForkedError, SessionShutdown
from cql_driver.policies import RoundRobinPolicy
from cql_driver.query import SimpleStatement
from cql_protocol.errors import OperationTimedOut, UnsupportedOperation
from cql_reactors.conformance.peers import real_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cql_driver.cluster import Session
    from tests.reactors.green import Eventlet, Gevent

    Green = Gevent | Eventlet

PATIENCE = 30.0
TICK = 0.005


class Ticker:
    """A greenlet that ticks, and measures the longest time it could not."""

    def __init__(self, green: Green) -> None:
        self.longest = 0.0
        self.ticks = 0
        self._green = green
        self._going = True
        self._greenlet = green.spawn(self._run)

    def _run(self) -> None:
        last = time.monotonic()
        while self._going:
            self._green.sleep(TICK)
            now = time.monotonic()
            self.longest = max(self.longest, now - last)
            self.ticks += 1
            last = now

    def end(self) -> None:
        self._going = False
        self._green.result(self._greenlet)


@pytest.fixture
def cluster(server: tuple[str, int, int], green: Green) -> Iterator[Cluster]:
    address, port, _ = server
    with Cluster([address], port=port, reactor=green.name) as cluster:
        yield cluster


@pytest.fixture
def session(cluster: Cluster) -> Session:
    return cluster.connect()


@pytest.fixture
def ticker(green: Green) -> Iterator[Ticker]:
    ticker = Ticker(green)
    yield ticker
    ticker.end()


@contextmanager
def standing(server: tuple[str, int, int]) -> Iterator[None]:
    """Have the server answer nothing for a while."""
    os.kill(server[2], signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server[2], signal.SIGCONT)


def one(session: Session, number: int = 1) -> Any:
    return session.execute(SimpleStatement(schema.SELECT_ITEM.replace("?", str(number)))).one()


def works(session: Session) -> None:
    select = session.prepare(schema.SELECT_ITEM)
    assert session.execute(select, (3,)).one().id is not None


def join(thread: real_thread, green: Green) -> None:
    """Wait for a thread of the system, letting greenlets run."""
    end = time.monotonic() + PATIENCE
    while not thread._ended:
        assert time.monotonic() < end, "the thread does not end"
        green.sleep(0.001)


def in_threads(green: Green, count: int, work: Callable[[], Iterable[Any]]) -> list[Any]:
    """Return all that `work` gives in so many threads of the system."""
    outcomes: list[Any] = []

    def run() -> None:
        try:
            for outcome in work():
                outcomes.append(outcome)
        except BaseException as exc:  # noqa: BLE001 - looked at below
            outcomes.append(exc)

    threads = [real_thread(run) for _ in range(count)]
    for thread in threads:
        join(thread, green)
    assert [outcome for outcome in outcomes if isinstance(outcome, BaseException)] == []
    return outcomes


def test_greenlets_wait_and_the_process_does_not(
    green: Green, session: Session, server: tuple[str, int, int], ticker: Ticker
) -> None:
    select = session.prepare(schema.SELECT_ITEM)
    counts = [0] * 20

    def work(number: int) -> None:
        for _ in range(20):
            session.execute(select, (number,))
            counts[number] += 1

    with standing(server):
        greenlets = [green.spawn(work, number) for number in range(20)]
        begun = ticker.ticks
        green.sleep(0.3)
        assert ticker.ticks - begun > 5
        assert sum(counts) == 0
    for greenlet in greenlets:
        green.result(greenlet)
    assert counts == [20] * 20


def test_all_kinds_of_requests(green: Green, session: Session, ticker: Ticker) -> None:
    select = session.prepare(schema.SELECT_ITEM)
    results = execute_concurrent_with_args(session, select, [(n,) for n in range(300)])
    assert all(result.success for result in results)
    futures = [session.execute_async(select, (n,)) for n in range(50)]
    assert all(future.result().one() for future in futures)
    page = SimpleStatement(schema.SELECT_PAGE.replace("?", "0"), fetch_size=schema.PAGE_ROWS)
    assert len(session.execute(page).current_rows) == schema.PAGE_ROWS
    assert ticker.ticks


def test_callbacks_may_block(green: Green, session: Session) -> None:
    select = session.prepare(schema.SELECT_ITEM)
    inside: list[str] = []
    done: list[int] = []

    def callback(rows: Any, number: int) -> None:
        inside.append("in")
        green.sleep(0.002)
        session.execute(select, (number,))
        assert inside == ["in"], "a callback was called inside another one"
        inside.pop()
        done.append(number)

    for number in range(10):
        session.execute_async(select, (number,)).add_callback(callback, number)
    with green.timeout(PATIENCE):
        while len(done) < 10:
            green.sleep(TICK)
    assert sorted(done) == list(range(10))


def test_time_outs_of_the_framework(
    green: Green, session: Session, server: tuple[str, int, int]
) -> None:
    with standing(server):
        for _ in range(20):
            with pytest.raises(green.Timeout), green.timeout(0.01):
                one(session)
        future = session.execute_async(schema.SELECT_ITEM.replace("?", "1"))
        with pytest.raises(green.Timeout), green.timeout(0.01):
            future.result()
        with pytest.raises(OperationTimedOut):
            session.execute(schema.SELECT_ITEM.replace("?", "1"), timeout=0.05)
    assert future.result().one() is not None
    works(session)
    assert sum(pool[2] for pool in session.cluster.get_pool_snapshot()) <= 21


def test_greenlets_that_are_killed(
    green: Green, session: Session, server: tuple[str, int, int]
) -> None:
    killed: list[int] = []

    def work(number: int) -> None:
        try:
            one(session)
        except green.Killed:
            killed.append(number)
            raise

    with standing(server):
        greenlets = [green.spawn(work, number) for number in range(10)]
        survivor = green.spawn(one, session)
        green.sleep(0.05)
        for greenlet in greenlets:
            green.kill(greenlet)
        assert sorted(killed) == list(range(10))
    assert green.result(survivor) is not None
    works(session)


def test_ctrl_c_is_for_who_waits(
    green: Green, session: Session, server: tuple[str, int, int]
) -> None:
    with standing(server):
        for _ in range(5):
            real_thread(_interrupt, green)
            with pytest.raises(KeyboardInterrupt):
                one(session)
    with green.timeout(PATIENCE):
        works(session)


def _interrupt(green: Green) -> None:
    green.sleep_really(0.05)
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_while_much_happens(green: Green, session: Session) -> None:
    """It comes anywhere in the driver, too, and costs a connection then; what follows works.

    Python itself swallows some, in a `__del__` for instance.
    """
    select = session.prepare(schema.SELECT_ITEM)

    def many() -> bool:
        return all(
            result.success
            for result in execute_concurrent_with_args(
                session, select, [(number,) for number in range(100)], raise_on_first_error=False
            )
        )

    came = 0
    for _ in range(20):
        thread = real_thread(_interrupt, green)
        try:
            while not thread._ended:
                many()
            green.sleep(TICK)
        except KeyboardInterrupt:
            came += 1
    assert came > 10
    with green.timeout(PATIENCE):
        while not many():
            green.sleep(TICK)


def test_threads_of_the_system(green: Green, session: Session, ticker: Ticker) -> None:
    select = session.prepare(schema.SELECT_ITEM)

    def work() -> Iterator[Any]:
        for number in range(50):
            yield session.execute(select, (number,)).one().id

    assert len(in_threads(green, 4, work)) == 200


def test_threads_with_hubs_that_have_nothing_else_to_do(green: Green, session: Session) -> None:
    def work() -> Iterator[Any]:
        green.sleep(0.001)
        for number in range(20):
            yield one(session, number)

    assert len(in_threads(green, 4, work)) == 80


def test_greenlets_of_another_thread(green: Green, session: Session, ticker: Ticker) -> None:
    """They have a hub of their own, which goes on while they wait for ours."""
    select = session.prepare(schema.SELECT_ITEM)

    def work() -> Iterator[Any]:
        theirs = Ticker(green)
        runtime = session._runtime
        greenlets = [green.spawn(session.execute, select, (n,)) for n in range(20)]
        assert not runtime.wait(Waitable(), 0.1)
        yield from [green.result(greenlet).one() for greenlet in greenlets]
        theirs.end()
        assert theirs.ticks > 5

    assert len(in_threads(green, 1, work)) == 20


def test_a_call_in_the_hub_is_refused(green: Green, session: Session) -> None:
    outcomes: list[BaseException] = []

    def call() -> None:
        try:
            one(session)
        except BaseException as exc:  # noqa: BLE001 - the test looks at it
            outcomes.append(exc)

    green.in_hub(call)
    green.sleep(0.05)
    assert [type(outcome) for outcome in outcomes] == [UnsupportedOperation]
    assert "spawn" in str(outcomes[0])
    works(session)


class Dawdling(RoundRobinPolicy):
    """A policy that lets others run while it decides."""

    def __init__(self, green: Green) -> None:
        super().__init__()
        self.green = green
        self.dawdles = False

    def make_query_plan(self, *args: Any, **named: Any) -> Any:
        if self.dawdles:
            self.green.sleep(0.02)
        return super().make_query_plan(*args, **named)


def test_the_loop_may_wait_itself(green: Green, server: tuple[str, int, int]) -> None:
    """For a lock, say. What comes meanwhile is handled afterwards, and costs no processor."""
    policy = Dawdling(green)
    address, port, _ = server
    with Cluster([address], port=port, reactor=green.name, load_balancing_policy=policy) as cluster:
        session = cluster.connect()
        policy.dawdles = True
        before = time.process_time()
        begun = time.monotonic()
        greenlets = [green.spawn(one, session, number) for number in range(20)]
        for greenlet in greenlets:
            assert green.result(greenlet) is not None
        assert time.process_time() - before < (time.monotonic() - begun) / 2
        policy.dawdles = False


def test_greenlets_that_connect_at_once(green: Green, server: tuple[str, int, int]) -> None:
    address, port, _ = server
    cluster = Cluster([address], port=port, reactor=green.name)
    greenlets = [green.spawn(cluster.connect) for _ in range(5)]
    sessions = [green.result(greenlet) for greenlet in greenlets]
    assert len({id(session._runtime) for session in sessions}) == 1
    for session in sessions:
        works(session)
    cluster.shutdown()


def test_greenlets_that_fail_to_connect_at_once(green: Green) -> None:
    cluster = Cluster(["127.0.0.1"], port=1, reactor=green.name)

    def connect() -> str:
        try:
            cluster.connect()
        except Exception as exc:  # noqa: BLE001 - the test looks at it
            return type(exc).__name__
        return "connected"

    greenlets = [green.spawn(connect) for _ in range(3)]
    with green.timeout(PATIENCE):
        assert [green.result(greenlet) for greenlet in greenlets] == ["NoHostAvailable"] * 3
    cluster.shutdown()


def test_shutdown_ends_who_waits(
    green: Green, cluster: Cluster, server: tuple[str, int, int]
) -> None:
    session = cluster.connect()
    outcomes: list[BaseException] = []

    def work() -> None:
        try:
            one(session)
        except Exception as exc:  # noqa: BLE001 - the test looks at it
            outcomes.append(exc)

    called: list[BaseException] = []
    with standing(server):
        greenlets = [green.spawn(work) for _ in range(5)]
        session.execute_async(schema.SELECT_ITEM.replace("?", "1")).add_errback(called.append)
        green.sleep(0.02)
        cluster.shutdown()
        for greenlet in greenlets:
            green.result(greenlet)
    assert [type(outcome) for outcome in outcomes] == [SessionShutdown] * 5
    assert [type(error) for error in called] == [SessionShutdown]


def test_clusters_that_are_dropped_are_collected(
    green: Green, server: tuple[str, int, int]
) -> None:
    address, port, _ = server

    def connect() -> weakref.ref[Any]:
        cluster = Cluster([address], port=port, reactor=green.name)
        works(cluster.connect())
        return weakref.ref(cluster._runtime)

    def collect() -> None:
        green.sleep(0.01)
        gc.collect()
        green.sleep(0.01)

    connect()
    collect()
    before = len(os.listdir("/proc/self/fd"))
    gone = [connect() for _ in range(5)]
    collect()
    assert [ref() for ref in gone] == [None] * 5
    assert len(os.listdir("/proc/self/fd")) <= before


def test_nothing_counts_as_a_thread_after_the_end(
    green: Green, server: tuple[str, int, int]
) -> None:
    """A greenlet that logs is one to `threading`, where that is patched."""
    address, port, _ = server
    before = threading.active_count()
    with Cluster([address], port=port, reactor=green.name) as cluster:
        session = cluster.connect()
        on_loop, called = Waitable(), Waitable()
        runtime = session.pools.engine.runtime
        runtime.perform(lambda: (threading.current_thread(), on_loop.finish()), on_loop)
        runtime.call_soon_threadsafe(
            runtime.call_user, lambda: (threading.current_thread(), called.finish())
        )
        assert runtime.wait(called, PATIENCE)
    green.sleep(0.01)
    assert threading.active_count() <= before


# eventlet warns of every fork.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_child_process(green: Green, cluster: Cluster, server: tuple[str, int, int]) -> None:
    session = cluster.connect()
    works(session)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            with pytest.raises(ForkedError):
                works(session)
            if green.name == "eventlet":
                import eventlet.hubs

                eventlet.hubs.use_hub()  # the parent's is shared by the kernel
            again = Cluster([server[0]], port=server[1], reactor=green.name)
            works(again.connect())
            again.shutdown()
            status = 0
        except BaseException as exc:  # noqa: BLE001 - the parent sees the status
            print("in the child:", repr(exc), file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    for _ in range(20):
        works(session)
    with green.timeout(PATIENCE):
        while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
            green.sleep(TICK)
    assert ended[1] == 0
    works(session)
