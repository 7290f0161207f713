"""A real node: it answers, crashes, comes back, hangs and goes on."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cassandra import NO_RESTART, Cluster, ClusterOptions, ClusterPool
from tests.cassandra.probe import AUTHENTICATE, READY
from tests.cassandra.process import ProcessRef

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def own(clusters: ClusterPool) -> Iterator[Cluster]:
    """A node for tests that break it; each of them leaves it up."""
    with clusters.private() as cluster:
        yield cluster


def test_a_ready_node_answers_options(cassandra: Cluster) -> None:
    with cassandra.connect() as probe:
        supported = probe.options()
    assert b"CQL_VERSION" in supported
    assert b"4/v4" in supported


def test_a_node_says_what_it_is(cassandra: Cluster) -> None:
    rows = cassandra.query("SELECT release_version, rack FROM system.local")
    assert rows == [[cassandra.version.encode(), b"rack1"]]
    assert cassandra.query("SELECT peer FROM system.peers_v2") == []
    with cassandra.connect() as probe:
        assert probe.startup() == READY


def test_the_run_has_one_cluster_per_shape(cassandra: Cluster, clusters: ClusterPool) -> None:
    assert clusters.get(ClusterOptions(jvm=NO_RESTART)) is cassandra
    assert clusters.get(ClusterOptions(jvm=NO_RESTART, settings={})) is cassandra


def _open_files(pid: int) -> Iterator[str]:
    """What a process has open; a busy one closes files and sockets while they are listed."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield link.readlink().name


def test_a_node_listens_on_its_loopback_address_only(cassandra: Cluster) -> None:
    if sys.platform != "linux":
        pytest.skip("sockets of a process are read from /proc")
    node = cassandra.nodes[0]
    sockets = set(_open_files(node.pid))
    listening = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{node.pid}/net/{table}").read_text().splitlines()[1:]:
            local, state, inode = (line.split()[i] for i in (1, 3, 9))
            if state == "0A" and f"socket:[{inode}]" in sockets:
                address, _, port = local.partition(":")
                octets = ".".join(str(byte) for byte in reversed(bytes.fromhex(address)))
                listening.add((octets, int(port, 16)))
    assert listening == {(node.address, 9042), (node.address, 7000)}


def test_killed_refuses_and_restarted_answers_with_its_data(own: Cluster) -> None:
    own.query(
        "CREATE KEYSPACE IF NOT EXISTS launcher "
        "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
    )
    own.query("CREATE TABLE IF NOT EXISTS launcher.kept (id int PRIMARY KEY, word text)")
    own.query("INSERT INTO launcher.kept (id, word) VALUES (1, 'still here')")
    # The commit log is flushed every 250 ms; what is younger may be lost with a crash.
    time.sleep(1.0)
    own.nodes[0].kill()
    with pytest.raises(ConnectionRefusedError):
        own.connect()
    own.nodes[0].restart()
    assert own.query("SELECT word FROM launcher.kept WHERE id = 1") == [[b"still here"]]


def test_a_hung_node_keeps_silent_until_resumed(own: Cluster) -> None:
    with own.connect(timeout=1.0) as probe:
        probe.options()
        own.nodes[0].hang()
        try:
            with pytest.raises(TimeoutError):
                probe.options()
        finally:
            own.nodes[0].resume()
    with own.connect(timeout=10.0) as probe:
        assert probe.options()


def test_healing_brings_a_killed_node_back(own: Cluster) -> None:
    own.nodes[0].kill()
    own.heal()
    assert own.query("SELECT key FROM system.local") == [[b"local"]]


def test_a_setting_of_the_options_reaches_the_server(clusters: ClusterPool) -> None:
    settings = {"native_transport_max_concurrent_connections": 77}
    with clusters.private(ClusterOptions(settings=settings)) as cluster:
        name = "native_transport_max_concurrent_connections"
        cql = f"SELECT value FROM system_views.settings WHERE name = '{name}'"
        assert cluster.query(cql) == [[b"77"]]


@pytest.mark.parametrize("hung", [False, True])
def test_no_server_outlives_a_killed_test_run(hung: bool) -> None:
    code = (
        "import sys, time; from tests.cassandra import Cluster; cluster = Cluster();"
        f"cluster.start(); {'cluster.nodes[0].hang();' if hung else ''}"
        "print(cluster.nodes[0].pid, cluster.folder, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        pid, folder = run.stdout.readline().split()
        node = ProcessRef.of(int(pid))
        run.kill()
    assert node is not None
    assert node.wait_gone(5)
    # The guard removes the data right after.
    deadline = time.monotonic() + 5
    while Path(folder).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_login_is_asked_for_and_works(clusters: ClusterPool) -> None:
    options = ClusterOptions(authentication=True, authorization=True)
    with clusters.private(options) as cluster:
        with cluster.connect() as probe:
            assert probe.startup() == AUTHENTICATE
        assert (cluster.username, cluster.password) == ("cassandra", "cassandra")
        cluster.query("CREATE ROLE reader WITH PASSWORD = 'secret' AND LOGIN = true")
        with cluster.connect() as probe:
            probe.login("reader", "secret")
            assert probe.query("SELECT key FROM system.local") == [[b"local"]]
