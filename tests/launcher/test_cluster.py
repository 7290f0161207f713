"""Real clusters: a ring of three, certificates, and the named clusters of the command."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cassandra import Cluster, ClusterOptions, ClusterPool, state
from tests.cassandra.jars import jar_folder
from tests.cassandra.options import DEFAULT_VERSION
from tests.cassandra.probe import Probe
from tests.cassandra.process import ProcessRef

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
PLACES = (("dc1", "rack1"), ("dc1", "rack2"), ("dc2", "rack1"))


def test_three_nodes_form_one_ring(clusters: ClusterPool) -> None:
    options = ClusterOptions(nodes=3, places=PLACES, authentication=True)
    with clusters.private(options) as cluster:
        assert len(set(cluster.contact_points)) == 3
        for number, address in enumerate(cluster.contact_points, start=1):
            rows = cluster.query("SELECT peer, data_center, rack FROM system.peers", number)
            seen = {(socket.inet_ntoa(peer or b""), dc, rack) for peer, dc, rack in rows}
            assert seen == {
                (other, dc.encode(), rack.encode())
                for other, (dc, rack) in zip(cluster.contact_points, PLACES, strict=True)
                if other != address
            }
        cluster.nodes[1].kill()
        # The login's keyspace has a replica on every node, so one that died locks nobody out.
        assert len(cluster.query("SELECT peer FROM system.peers", 1)) == 2
        cluster.heal()
        assert len(cluster.query("SELECT peer FROM system.peers", 2)) == 2


@pytest.fixture(scope="module")
def mutual(clusters: ClusterPool) -> Iterator[Cluster]:
    with clusters.private(ClusterOptions(tls="mutual")) as cluster:
        yield cluster


def test_a_client_with_a_certificate_is_let_in(mutual: Cluster) -> None:
    assert mutual.tls is not None
    # The context verifies the authority and the address that the certificate names.
    context = mutual.tls.client_context()
    with Probe(mutual.nodes[0].address, mutual.port, tls=context) as probe:
        assert b"CQL_VERSION" in probe.options()


def test_the_certificate_names_the_addresses_of_the_nodes(mutual: Cluster) -> None:
    assert mutual.tls is not None
    context = mutual.tls.client_context()
    server = (mutual.nodes[0].address, mutual.port)
    with (
        socket.create_connection(server, timeout=5) as plain,
        pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"),
    ):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_a_client_without_a_certificate_is_refused(mutual: Cluster) -> None:
    assert mutual.tls is not None
    context = mutual.tls.client_context(with_certificate=False)
    # TLS 1.3: the client learns of the refusal with its first read.
    with (
        pytest.raises((ssl.SSLError, ConnectionError)),
        Probe(mutual.nodes[0].address, mutual.port, tls=context) as probe,
    ):
        probe.options()


def test_a_client_without_tls_is_not_served(mutual: Cluster) -> None:
    with (
        pytest.raises((ConnectionError, TimeoutError)),
        Probe(mutual.nodes[0].address, mutual.port, timeout=3) as probe,
    ):
        probe.options()


def test_server_tls_asks_for_no_certificate(clusters: ClusterPool) -> None:
    with clusters.private(ClusterOptions(tls="server")) as cluster:
        assert cluster.tls is not None
        context = cluster.tls.client_context(with_certificate=False)
        with Probe(cluster.nodes[0].address, cluster.port, tls=context) as probe:
            assert b"CQL_VERSION" in probe.options()


def command(*arguments: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.cassandra", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def name(clusters: ClusterPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a cluster to start by command; it is ended whatever happens."""
    # A cache of its own, with the jars of the other, so that two test runs never share a name.
    jars = jar_folder(DEFAULT_VERSION)
    (tmp_path / jars.name).symlink_to(jars)
    monkeypatch.setenv("CQL_TESTS_CACHE", str(tmp_path))
    yield "mine"
    if "mine" in state.names():
        state.end("mine")


def test_the_command_starts_breaks_and_ends_a_cluster(name: str) -> None:
    up = command("up", "--name", name, "--setting", "native_transport_max_frame_size=4MiB")
    assert "Cassandra 5." in up
    assert f"down --name {name}" in up
    assert "already" in command("up", "--name", name, status=1)
    described = json.loads(command("status", "--name", name, "--json"))[name]
    (node,) = described["nodes"]
    process = ProcessRef.of(node["pid"])
    assert process is not None
    with Probe(node["address"], described["port"]) as probe:
        assert b"CQL_VERSION" in probe.options()
    assert "listening for CQL" in command("log", "--name", name, "1", "--lines", "500")
    assert "hung" in command("hang", "--name", name, "1")
    assert "up" in command("resume", "--name", name, "1")
    assert "down" in command("kill", "--name", name, "1")
    assert process.state() == "gone"
    assert "no node 2" in command("kill", "--name", name, "2", status=1)
    assert "is down: start it first" in command("hang", "--name", name, "1", status=1)
    assert "up" in command("start", "--name", name)
    with Probe(node["address"], described["port"]) as probe:
        assert b"CQL_VERSION" in probe.options()
    again = ProcessRef.of(state.load(name).nodes[0].pid or 0)
    folder = state.load(name).folder
    assert "is down, and its data removed" in command("down", "--name", name)
    assert again is not None
    assert again.state() == "gone"
    assert folder is not None
    assert not folder.exists()
    assert f"no cluster '{name}'" in command("status", "--name", name, status=1)
