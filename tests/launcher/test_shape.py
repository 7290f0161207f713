"""What can be known of a cluster without starting one: its shape, its files, its addresses."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cassandra import ClusterError, ClusterOptions
from tests.cassandra.addresses import CQL_PORT, STORAGE_PORT, allocate_subnet, reserved_subnets
from tests.cassandra.config import initial_tokens, node_settings, render_yaml, write_config
from tests.cassandra.jvm import java_command
from tests.cassandra.tls import TlsFiles

ADDRESSES = ["127.0.10.1", "127.0.10.2", "127.0.10.3"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("CQL_TESTS_CACHE", str(folder))
    return folder


def test_options_with_equal_content_are_one_key() -> None:
    first = ClusterOptions(nodes=3, settings={"a": 1, "b": [2]})
    second = ClusterOptions(settings={"b": [2], "a": 1}, nodes=3)
    assert {first: "cluster"}[second] == "cluster"
    assert first != ClusterOptions(nodes=3, settings={"a": 2, "b": [2]})


def test_options_do_not_change_with_the_mapping_they_were_made_of() -> None:
    settings = {"a": 1}
    options = ClusterOptions(settings=settings)
    settings["a"] = 2
    assert options.settings["a"] == 1


def test_options_survive_json() -> None:
    options = ClusterOptions(
        nodes=2,
        authentication=True,
        tls="mutual",
        settings={"a": {"b": [1]}},
        places=(("dc1", "r1"), ("dc2", "r1")),
        jvm=("-Xss1m",),
    )
    again = ClusterOptions.from_json(json.loads(json.dumps(options.to_json())))
    assert again == options
    assert hash(again) == hash(options)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"nodes": 6}, "1 to 5"),
        ({"authorization": True}, "authentication"),
        ({"tls": "yes"}, "mutual"),
        ({"nodes": 2, "places": (("dc1", "r1"),)}, "places"),
        ({"version": "3.11.4"}, "5.0 or later"),
    ],
)
def test_impossible_options_say_why(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ClusterError, match=says):
        ClusterOptions(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(("nodes", "num_tokens"), [(1, 16), (3, 16), (5, 1), (2, 256)])
def test_tokens_of_all_nodes_cut_the_ring_evenly(nodes: int, num_tokens: int) -> None:
    owned = [initial_tokens(number, nodes, num_tokens) for number in range(1, nodes + 1)]
    ring = sorted(token for tokens in owned for token in tokens)
    assert len(set(ring)) == nodes * num_tokens
    assert ring[0] > -(2**63)
    assert ring[-1] < 2**63
    steps = {right - left for left, right in itertools.pairwise(ring)}
    assert len(steps) <= 1


def test_a_node_gets_its_own_address_and_the_first_as_seed(tmp_path: Path) -> None:
    options = ClusterOptions(nodes=3)
    settings = node_settings(options, 2, addresses=ADDRESSES, folder=tmp_path, tls=None)
    assert settings["listen_address"] == settings["rpc_address"] == "127.0.10.2"
    assert settings["seed_provider"][0]["parameters"] == [{"seeds": "127.0.10.1,127.0.10.2"}]
    assert settings["authenticator"] == "AllowAllAuthenticator"
    assert "client_encryption_options" not in settings


def test_security_options_reach_the_settings(tmp_path: Path) -> None:
    options = ClusterOptions(authentication=True, authorization=True, tls="mutual")
    tls = TlsFiles(tmp_path)
    settings = node_settings(options, 1, addresses=ADDRESSES, folder=tmp_path, tls=tls)
    assert settings["authenticator"] == "PasswordAuthenticator"
    assert settings["authorizer"] == "CassandraAuthorizer"
    assert settings["client_encryption_options"]["require_client_auth"] is True
    assert settings["client_encryption_options"]["optional"] is False


def test_own_settings_win(tmp_path: Path) -> None:
    options = ClusterOptions(settings={"native_transport_max_frame_size": "1MiB", "num_tokens": 4})
    settings = node_settings(options, 1, addresses=ADDRESSES, folder=tmp_path, tls=None)
    assert settings["native_transport_max_frame_size"] == "1MiB"
    assert settings["num_tokens"] == 4


def test_yaml_is_a_line_of_json_per_setting() -> None:
    text = render_yaml({"a": True, "b": None, "c": "x: y # z", "d": [{"e": 1}]})
    assert text == 'a: true\nb: null\nc: "x: y # z"\nd: [{"e": 1}]\n'
    for line in text.splitlines():
        key, _, value = line.partition(": ")
        assert key in "abcd"
        json.loads(value)


def test_config_files_are_written(tmp_path: Path) -> None:
    write_config(tmp_path, {"num_tokens": 16}, ("dc2", "rack7"))
    conf = tmp_path / "conf"
    assert (conf / "cassandra.yaml").read_text() == "num_tokens: 16\n"
    assert (conf / "cassandra-rackdc.properties").read_text() == "dc=dc2\nrack=rack7\n"
    assert "ConsoleAppender" in (conf / "logback.xml").read_text()


def test_java_arguments_of_the_options_come_last(tmp_path: Path) -> None:
    (tmp_path / "jamm-0.4.0.jar").touch()
    options = ClusterOptions(heap="256m", jvm=("-XX:TieredStopAtLevel=4",))
    command = java_command(Path("/java"), tmp_path, tmp_path / "node1", options)
    assert command.index("-XX:TieredStopAtLevel=4") > command.index("-XX:TieredStopAtLevel=1")
    assert "-Xmx256m" in command
    assert command[-1] == "org.apache.cassandra.service.CassandraDaemon"


def test_two_owners_never_share_a_subnet() -> None:
    first, second = allocate_subnet(), allocate_subnet()
    try:
        assert first.number != second.number
        assert first.address(3) == f"127.0.{first.number}.3"
    finally:
        first.release()
        second.release()


def test_a_subnet_is_free_again_when_its_owner_died() -> None:
    code = (
        "import os, sys; from tests.cassandra.addresses import allocate_subnet;"
        "print(allocate_subnet().number); sys.stdout.flush(); os.kill(os.getpid(), 9)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    number = int(done.stdout)
    others = set(range(256)) - {number}
    subnet = allocate_subnet(reserved=others)
    subnet.release()
    assert subnet.number == number


@pytest.mark.parametrize("port", [CQL_PORT, STORAGE_PORT])
def test_a_subnet_with_a_busy_port_is_passed_over(port: int) -> None:
    probe = allocate_subnet()
    others = set(range(256)) - {probe.number}
    probe.release()
    with socket.create_server((probe.address(2), port)):
        with pytest.raises(ClusterError, match=rf"cannot bind {probe.address(2)}:{port}"):
            allocate_subnet(nodes=2, reserved=others)
        allocate_subnet(nodes=1, reserved=others).release()


def test_subnets_of_named_clusters_are_reserved(cache: Path) -> None:
    (cache / "clusters").mkdir(parents=True)
    (cache / "clusters" / "mine.json").write_text('{"subnet": 77}')
    assert reserved_subnets() == {77}
    subnet = allocate_subnet()
    subnet.release()
    assert subnet.number != 77


def test_when_all_subnets_are_reserved_the_error_says_so() -> None:
    with pytest.raises(ClusterError, match="no loopback subnet"):
        allocate_subnet(reserved=range(256))
