"""Forks, the end of the interpreter, and clusters that are shut down or just dropped."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.cluster import Cluster, ForkedError, Session, SessionShutdown
from tests.integration.driver.support import REACTOR, connected, until
from tests.on_reactor import PATCHES

if TYPE_CHECKING:
    from tests.cassandra import Cluster as Nodes

pytestmark = pytest.mark.once

QUERY = "SELECT release_version FROM system.local"


def in_child(function: Callable[[], object], timeout: float = 20.0) -> str:
    """Run a function in a forked child, and return what it returned, as text."""
    read_end, write_end = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of forks with threads, which is what is tested here.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            told = f"{function()}"
        except BaseException as error:  # noqa: BLE001 - told to the parent
            told = f"{type(error).__name__}: {error}"
        os.write(write_end, told.encode()[:4000])
        os._exit(0)
    os.close(write_end)
    killer = threading.Timer(timeout, os.kill, (pid, signal.SIGKILL))
    killer.start()
    try:
        # First this, which lets other greenlets run where the process is patched for them: gevent
        # closes what it is told to in the next turn of its hub. What was told fits into the pipe.
        os.waitpid(pid, 0)
        with open(read_end, "rb") as pipe:
            told = pipe.read().decode()
    finally:
        killer.cancel()
        killer.join()
    return told or "the child hung, or died"


class load:  # noqa: N801 - it is used like a function
    """Threads that run queries while the block runs; `errors` is what they got."""

    def __init__(self, session: Session, threads: int = 8) -> None:
        self.session = session
        self.errors: list[BaseException] = []
        self.count = 0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name=f"load-{n}") for n in range(threads)
        ]

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.session.execute(QUERY)
                self.count += 1
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.errors.append(error)

    def __enter__(self) -> load:
        for thread in self._threads:
            thread.start()
        until(lambda: self.count > 20, "the threads are at work")
        return self

    def __exit__(self, *args: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in self._threads)


# --- forks ---------------------------------------------------------------------------------------


def other_threads() -> list[threading.Thread]:
    """The threads beside this one, but for Twisted's reactor, which runs until the process ends."""
    own = (threading.current_thread().name, "cql-driver-twisted")
    return [thread for thread in threading.enumerate() if thread.name not in own]


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("background_thread", [True, False])
def test_scenario_57_a_session_of_the_parent(
    cassandra: Nodes, busy: bool, background_thread: bool
) -> None:
    with connected(cassandra, background_thread=background_thread) as session:
        prepared = session.prepare(QUERY)

        def child() -> str:
            calls: list[Callable[[], Any]] = [
                lambda: session.execute(QUERY),
                lambda: session.execute_async(QUERY).result(),
                lambda: session.execute(prepared),
                lambda: session.prepare("SELECT rack FROM system.local"),
                lambda: session.set_keyspace("system"),
            ]
            told = []
            for call in calls:
                started = time.monotonic()
                try:
                    call()
                    told.append("nothing was raised")
                except ForkedError as error:
                    told.append("" if "fork" in str(error) else str(error))
                except Exception as error:  # noqa: BLE001 - told to the parent
                    told.append(f"{type(error).__name__}: {error}")
                if time.monotonic() - started > 1:
                    told.append("it took too long")
            # The cluster itself may be connected anew, and is shut down as any other.
            assert session.cluster.connect().execute(QUERY).one()
            session.cluster.shutdown()
            if left := other_threads():
                told.append(f"threads are left: {left}")
            return "all raised" if not any(told) else str(told)

        if busy:
            with load(session) as at_work:
                for _ in range(5):
                    assert in_child(child) == "all raised"
            assert at_work.errors == []
        else:
            assert in_child(child) == "all raised"
        assert session.execute(QUERY).one()
        assert session.execute(prepared).one()


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_scenario_57_a_session_that_reconnects_in_the_child(cassandra: Nodes, busy: bool) -> None:
    with connected(cassandra, "system", reconnect_after_fork=True) as session:
        prepared = session.prepare("SELECT release_version FROM local")

        def child() -> str:
            found = {session.execute(QUERY).one().release_version}
            found.add(session.execute("SELECT release_version FROM local").one()[0])
            futures = [session.execute_async(prepared) for _ in range(20)]
            found |= {future.result().one()[0] for future in futures}
            # Green threads survive a fork: eventlet counts those of the load that were between two
            # requests, and go on with them here.
            threads = [t for t in threading.enumerate() if not t.name.startswith("load-")]
            session.cluster.shutdown()
            return f"{sorted(found)} {session.keyspace} {len(threads) <= 2 or threads}"

        expected = f"['{cassandra.version}'] system True"
        if busy:
            with load(session) as at_work:
                for _ in range(3):
                    assert in_child(child, 60) == expected
            assert at_work.errors == []
        else:
            assert in_child(child, 60) == expected
        assert session.execute(prepared).one()


def test_a_cluster_made_in_the_child(cassandra: Nodes) -> None:
    with connected(cassandra) as session:

        def child() -> str:
            with connected(cassandra) as own:
                return str(own.execute(QUERY).one()[0])

        assert in_child(child, 60) == cassandra.version
        assert session.execute(QUERY).one()


# --- the end of the interpreter ------------------------------------------------------------------

PROGRAM = """
{patches}
import sys, threading, time
from cql_driver.cluster import Cluster

cluster = Cluster([{address!r}], connect_timeout=30, control_connection_timeout=30)
session = cluster.connect()
count = 0

def work():
    global count
    while True:
        session.execute("SELECT release_version FROM system.local")
        count += 1

def asynchronous():
    session.execute_async("SELECT * FROM system_schema.columns").add_callback(
        lambda rows: asynchronous()
    )

for _ in range({threads}):
    threading.Thread(target=work, daemon=True).start()
if {callbacks}:
    asynchronous()
while {threads} and count < 50:
    time.sleep(0.01)
if {fails}:
    raise SystemExit(7)
print("end", flush=True)
"""


@pytest.mark.parametrize(
    ("threads", "callbacks", "fails"),
    [(0, False, False), (16, False, False), (0, True, False), (16, True, False), (4, True, True)],
)
def test_scenario_59_the_interpreter_ends_with_connections(
    cassandra: Nodes, threads: int, callbacks: bool, fails: bool
) -> None:
    program = PROGRAM.format(
        patches=PATCHES.get(REACTOR, ""),
        address=cassandra.contact_points[0],
        threads=threads,
        callbacks=callbacks,
        fails=fails,
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        started = time.monotonic()
        _, errors = process.communicate(timeout=20)
        took = time.monotonic() - started
    finally:
        process.kill()
        process.wait()
    assert process.returncode == (7 if fails else 0)
    assert errors == ""
    assert took < 5, f"{took:.1f} s"


# --- clusters that go ----------------------------------------------------------------------------


def open_sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith(("socket:", "anon_inode:"))
        except FileNotFoundError:
            pass
    return count


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")


@needs_proc
def test_scenario_58_fifty_clusters_dropped_without_shutdown(cassandra: Nodes) -> None:
    gc.collect()
    threads, sockets = threading.active_count(), open_sockets()
    points = cassandra.contact_points
    clusters = [
        Cluster(points, connect_timeout=30, control_connection_timeout=30) for _ in range(50)
    ]
    sessions = [cluster.connect() for cluster in clusters]
    assert all(session.execute(QUERY).one() for session in sessions)
    assert open_sockets() >= sockets + 100
    del clusters, sessions
    gc.collect()
    until(lambda: threading.active_count() <= threads, "no thread is left")
    until(lambda: open_sockets() <= sockets, "no socket is left")


@needs_proc
def test_clusters_that_are_shut_down(cassandra: Nodes) -> None:
    gc.collect()
    threads, sockets = threading.active_count(), open_sockets()
    for number in range(10):
        with connected(cassandra, background_thread=bool(number % 2)) as session:
            future = session.execute_async(QUERY)
            assert session.execute(QUERY).one()
            future.result()
    assert threading.active_count() == threads
    until(lambda: open_sockets() <= sockets, "no socket is left", 10)


def test_scenario_59_requests_in_flight_end_with_the_shutdown(cassandra: Nodes) -> None:
    for what in ("session", "cluster"):
        with connected(cassandra, background_thread=True) as session:
            with load(session, 16) as at_work:
                futures = [
                    session.execute_async("SELECT * FROM system_schema.columns") for _ in range(200)
                ]
                started = time.monotonic()
                if what == "session":
                    session.shutdown()
                else:
                    session.cluster.shutdown()
                outcomes = [outcome(future) for future in futures]
                until(lambda: len(at_work.errors) == 16, "every thread has its error", 10)
                assert time.monotonic() - started < 5
            assert "shut down" in outcomes
            assert set(outcomes) <= {"shut down", "rows"}
            assert {type(error) for error in at_work.errors} == {SessionShutdown}
            with pytest.raises(SessionShutdown):
                session.execute(QUERY)
            with pytest.raises(SessionShutdown):
                session.prepare("SELECT rack FROM system.local")
            session.shutdown()


def outcome(future: Any) -> str:
    try:
        return "rows" if future.result().all() else "no rows"
    except SessionShutdown:
        return "shut down"


def test_one_session_of_two_is_shut_down(cassandra: Nodes) -> None:
    with connected(cassandra) as session:
        other = session.cluster.connect("system")
        assert other.execute("SELECT rack FROM local").one()
        session.shutdown()
        assert session.is_shutdown
        assert not other.is_shutdown
        assert other.execute("SELECT rack FROM local").one()
        third = session.cluster.connect()
        assert third.execute(QUERY).one()
