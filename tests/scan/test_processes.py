"""Scans by several processes: what they give, and how they end."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import signal
import ssl
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cql_driver import DriverException
from cql_driver.cluster import Cluster, Session
from cql_driver.errors import InvalidArgument
from cql_driver.query import dict_factory, tuple_factory
from cql_driver.scans import ScanWorkerDied, plan, scan
from cql_protocol.errors import InvalidRequest, SyntaxException, UnsupportedOperation
from tests.aio.live import LiveNodes
from tests.architecture.source import ROOT
from tests.scan import functions
from tests.scan.conftest import ROWS
from tests.simulation import Fail, Rule

pytestmark = pytest.mark.slow

ALL = list(range(ROWS))


@pytest.fixture(autouse=True)
def _nobody_is_left() -> Iterator[None]:
    """Each scan ends its processes."""
    yield
    assert multiprocessing.active_children() == []


def test_rows(session: Session) -> None:
    found = scan(session, "t", processes=2)
    rows = list(found)
    assert sorted(rows) == sorted(session.execute("SELECT * FROM t").all())
    assert type(rows[0]) is type(session.execute("SELECT * FROM t").one())
    assert found.done == len(found.partitions)


def test_more_processes_than_partitions_and_any_row_factory(session: Session) -> None:
    def own(names: Any, rows: Any) -> Any:
        return dict_factory(names, rows)

    found = list(scan(session, "ks.t", processes=6, partitions=1, row_factory=own))
    assert sorted(row["k"] for row in found) == ALL


def test_a_function_runs_there(session: Session) -> None:
    found = list(scan(session, "t", processes=2, function=functions.keys))
    assert len({pid for pid, _ in found}) == 2
    assert os.getpid() not in {pid for pid, _ in found}
    assert sum(total for _, total in found) == sum(ALL)


def test_pages_have_the_rows_of_the_session_s(session: Session) -> None:
    assert max(scan(session, "t", processes=2, function=len, partitions=2)) == 10
    partition = plan(session, "t", partitions=2)[0]
    session.default_fetch_size = None  # all that there is, which a scan never asks for
    assert plan(session, "t")[0].query.page_size == 5000
    assert max(map(len, partition.pages())) == 10


def test_leaving_early(session: Session) -> None:
    for row in scan(session, "t", processes=2, page_size=2):
        assert row.k in ALL
        break


def test_an_error_of_the_function_names_the_range(session: Session) -> None:
    with pytest.raises(ValueError, match="no like") as raised:
        list(scan(session, "t", processes=2, function=functions.fails))
    told = "\n".join(raised.value.__notes__)
    assert "while scanning partition" in told
    assert "in fails" in told


def test_an_error_that_cannot_be_pickled(session: Session) -> None:
    with pytest.raises(RuntimeError, match="Strange: one"):
        list(scan(session, "t", processes=2, function=functions.fails_strangely))


def test_an_error_of_the_server(session: Session, nodes: LiveNodes) -> None:
    for node in nodes.cluster.nodes:
        node.rules.append(Rule(Fail(InvalidRequest("not today")), text="token"))
    with pytest.raises(InvalidRequest, match="not today") as raised:
        list(scan(session, "t", processes=2))
    assert "of ks.t, tokens (" in raised.value.__notes__[0]


def test_a_bad_statement_starts_nothing(session: Session) -> None:
    with pytest.raises(SyntaxException):
        scan(session, "t", processes=2, where="v is like")


def test_bad_parameters_start_nothing(session: Session) -> None:
    with pytest.raises(DriverException, match="v"):
        scan(session, "t", processes=2, where="v = ?", parameters=[7])
    with pytest.raises(DriverException, match="4 values for 3"):
        scan(session, "t", processes=2, where="v = ?", parameters=["x", "y"])


def test_a_process_that_may_have_no_children(session: Session, monkeypatch: Any) -> None:
    config: Any = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    monkeypatch.setitem(config, "daemon", True)
    with pytest.raises(UnsupportedOperation, match="scan in one process"):
        scan(session, "t", processes=2)
    assert len(list(scan(session, "t"))) == ROWS


def test_a_scan_that_is_dropped_before_it_is_read(session: Session) -> None:
    scan(session, "t", processes=2)
    gc.collect()
    deadline = time.monotonic() + 20
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_a_way_to_connect(session: Session, nodes: LiveNodes, monkeypatch: Any) -> None:
    monkeypatch.setenv(functions.POINTS, ",".join(nodes.options["contact_points"]))
    object.__setattr__(session.cluster, "auth_provider", Unpicklable())  # nobody looks at it
    rows = list(scan(session, "t", processes=2, connect=functions.connects))
    assert sorted(row.k for row in rows) == ALL


def test_a_function_for_the_context_of_tls_is_sent(session: Session) -> None:
    object.__setattr__(session.cluster, "ssl_context", ssl.create_default_context)
    found = scan(session, "t").partitions[0].query.connector.data
    assert pickle.loads(found)["ssl_context"] is ssl.create_default_context


def test_a_process_that_dies(session: Session) -> None:
    with pytest.raises(ScanWorkerDied, match=r"exit code -9.*of ks\.t, tokens"):
        list(scan(session, "t", processes=2, function=functions.dies))


def test_a_process_that_is_killed_loses_and_doubles_no_row_that_was_given(
    session: Session,
) -> None:
    given: list[int] = []
    found = scan(session, "t", processes=2, page_size=2, row_factory=tuple_factory)

    def read() -> None:
        for k, _ in found:
            given.append(k)
            if len(given) == 20:
                victim = multiprocessing.active_children()[0]
                assert victim.pid is not None
                os.kill(victim.pid, signal.SIGKILL)

    with pytest.raises(ScanWorkerDied):
        read()
    assert len(given) == len(set(given))
    assert set(given) <= set(ALL)


def test_processes_that_are_busy_are_ended(session: Session) -> None:
    found = scan(session, "t", processes=2, function=functions.sleeps)
    began = time.monotonic()
    found.close()
    assert time.monotonic() - began < 30  # and not the minute that they sleep


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"function": lambda rows: rows}, "function cannot be sent .*another process can import"),
        ({"connect": lambda: None}, "connect cannot be sent to another process"),
    ],
    ids=["function", "connect"],
)
def test_what_cannot_be_sent_is_told_before(
    session: Session, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidArgument, match=told):
        scan(session, "t", processes=2, **given)


class Unpicklable:
    """Stands for what holds a lock or a socket."""

    def __call__(self, *args: Any) -> Any:
        return None

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle a lock")


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("ssl_context", ssl.create_default_context(), "ssl_context=make_context"),
        ("auth_provider", Unpicklable(), "or give connect="),
    ],
)
def test_a_cluster_that_cannot_be_sent(
    session: Session, name: str, value: Any, remedy: str
) -> None:
    object.__setattr__(session.cluster, name, value)
    with pytest.raises(InvalidArgument, match=f"{name} cannot be sent .*{remedy}"):
        scan(session, "t", processes=2)
    assert len(list(scan(session, "t"))) == ROWS  # one process needs nothing of it


def test_a_way_to_connect_that_fails(session: Session) -> None:
    with pytest.raises(DriverException, match=r"127\.0\.0\.1:1"):
        list(scan(session, "t", processes=2, connect=functions.connects_nowhere))


def test_a_way_to_connect_that_returns_no_session(session: Session) -> None:
    with pytest.raises(DriverException, match="connect returned None"):
        list(scan(session, "t", processes=2, connect=functions.returns_nothing))  # type: ignore[arg-type]


PROGRAM = """
import sys
from cql_driver.cluster import Cluster
from cql_driver.scans import scan
from tests.scan import functions

def main():
    with Cluster({points!r}) as cluster, cluster.connect("ks") as session:
        for what in scan(session, "t", processes=2, page_size=1, function=functions.{function}):
            print(what, flush=True)
            if {function!r} == "who":
                sys.stdin.readline()

if __name__ == "__main__":
    main()
"""


def _program(tmp_path: Any, nodes: LiveNodes, function: str) -> subprocess.Popen[str]:
    path = tmp_path / "program.py"
    points = nodes.options["contact_points"]
    path.write_text(textwrap.dedent(PROGRAM.format(points=points, function=function)))
    return subprocess.Popen(
        [sys.executable, str(path)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _children(pid: int) -> list[int]:
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(word) for word in found.stdout.split()]


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _end(pids: list[int]) -> list[int]:
    """Wait until processes have ended; return those that have not."""
    deadline = time.monotonic() + 20
    while (left := [pid for pid in pids if _is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


@pytest.mark.once
@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="there is no /proc here")
@pytest.mark.parametrize("function", ["who", "sleeps"])
def test_workers_end_with_a_parent_that_is_killed(
    tmp_path: Any, nodes: LiveNodes, function: str
) -> None:
    with _program(tmp_path, nodes, function) as program:
        assert program.stdout is not None
        if function == "who":
            program.stdout.readline()
        deadline = time.monotonic() + 30
        while len(workers := _children(program.pid)) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)  # two workers, and what tracks resources for multiprocessing
        assert len(workers) >= 2
        time.sleep(0.5 if function == "sleeps" else 0)
        program.kill()
    assert _end(workers) == []


@pytest.mark.once
@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="there is no /proc here")
def test_ctrl_c_ends_workers_and_says_nothing_of_them(tmp_path: Any, nodes: LiveNodes) -> None:
    with _program(tmp_path, nodes, "who") as program:
        assert program.stdout is not None
        program.stdout.readline()
        workers = _children(program.pid)
        os.killpg(program.pid, signal.SIGINT)
        _, told = program.communicate(timeout=30)
    assert told.count("KeyboardInterrupt") == 1
    assert _end(workers) == []


def test_a_program_without_its_guard_is_told(tmp_path: Any, nodes: LiveNodes) -> None:
    path = tmp_path / "program.py"
    path.write_text(
        "from cql_driver.cluster import Cluster\nfrom cql_driver.scans import scan\n"
        f"cluster = Cluster({nodes.options['contact_points']!r})\n"
        "print(len(list(scan(cluster.connect('ks'), 't', processes=2))))\n"
    )
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "under if __name__ == '__main__'" in done.stderr


def test_the_policies_are_sent_as_they_were_made(nodes: LiveNodes) -> None:
    from cql_driver.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
    from cql_driver.policies import (
        DCAwareRoundRobinPolicy,
        LatencyAwareness,
        TokenAwarePolicy,
    )
    from cql_driver.scans.connecting import Connector

    policy = TokenAwarePolicy(
        DCAwareRoundRobinPolicy("dc1", 1),
        shuffle_replicas=False,
        latency_awareness=LatencyAwareness(3.0),
    )
    profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(policy, request_timeout=7)}
    with Cluster(**nodes.options, execution_profiles=profiles) as cluster:
        session = cluster.connect("ks")
        connector = Connector(session, session.profile(EXEC_PROFILE_DEFAULT), None)
        made = Connector.of(connector.data).open()
        with made.cluster:
            found = made.profile(EXEC_PROFILE_DEFAULT)
            other: Any = found.load_balancing_policy
            assert found.request_timeout == 7
            assert type(other) is TokenAwarePolicy
            assert not other.shuffle_replicas
            assert other.latency_awareness.exclusion_threshold == 3.0
            assert other._child_policy.local_dc == "dc1"
            assert other._child_policy.used_hosts_per_remote_dc == 1


def test_workers_connect_where_the_contact_point_is_down() -> None:
    with LiveNodes(3, replication=2) as nodes:
        for k in range(50):
            nodes.cluster.t.add(k=k, v="one")
        only = {**nodes.options, "contact_points": nodes.options["contact_points"][:1]}
        with Cluster(**only) as cluster:
            session = cluster.connect("ks", wait_for_all_pools=True)
            nodes.kill(nodes[1])
            host = cluster.metadata.get_host(*only["contact_points"])
            deadline = time.monotonic() + 20
            while host.is_up and time.monotonic() < deadline:
                time.sleep(0.02)
            rows = scan(session, "t", processes=2)
            assert sorted(row.k for row in rows) == list(range(50))


def test_a_login_is_sent_along() -> None:
    from cql_driver.auth import PlainTextAuthProvider

    with LiveNodes(1, users={"reader": "secret"}) as nodes:
        nodes.cluster.t.add(k=1, v="one")
        login = PlainTextAuthProvider("reader", "secret")
        with Cluster(**nodes.options, auth_provider=login) as cluster:
            session = cluster.connect("ks")
            assert [row.v for row in scan(session, "t", processes=2)] == ["one"]
            partition = scan(session, "t").partitions[0]
            assert "secret" not in repr(partition) + str(partition) + repr(partition.query)
