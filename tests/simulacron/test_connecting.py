"""Connecting to a hundred nodes, and what is known of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from cql_driver.policies import DCAwareRoundRobinPolicy, RoundRobinPolicy
from cql_protocol.errors import NoHostAvailable, OperationTimedOut
from tests.simulacron.fakes import FakeCluster, Shape
from tests.simulacron.server import Simulacron
from tests.simulacron.support import SELECT, session_of, until

pytestmark = pytest.mark.java


@pytest.mark.parametrize("version", [3, 4, None])
def test_all_nodes_of_two_data_centres_are_known_and_connected(
    fakes: FakeCluster, version: int | None
) -> None:
    options: dict[str, Any] = {} if version is None else {"protocol_version": version}
    with session_of(fakes, RoundRobinPolicy(), **options) as session:
        metadata = session.cluster.metadata
        known = {host.address: host for host in metadata.all_hosts()}
        assert known.keys() == {node.address for node in fakes.nodes}
        for node in fakes.nodes:
            host = known[node.address]
            assert (host.datacenter, host.rack) == (node.dc, node.rack)
            assert str(host.host_id) == fakes.host_ids[node.address]
            assert host.release_version == "4.0.0"
            assert (host.is_up, host.protocol_version) == (True, version or 4)
        assert metadata.token_map is not None
        owners = metadata.token_map.token_to_host_owner
        assert {token.value: host.address for token, host in owners.items()} == {
            node.token: node.address for node in fakes.nodes
        }
        # One connection for each pool, and the control connection.
        counts = fakes.connections()
        assert counts.keys() == known.keys()
        assert counts.total() == len(known) + 1
        spoken = {seen.frame["protocol_version"] for seen in fakes.seen(kind="STARTUP")}
        assert (version or 4) in spoken
        (registered,) = fakes.seen(kind="REGISTER")
        assert counts[registered.node.address] == 2


def test_only_nodes_that_the_policy_uses_are_connected(fakes: FakeCluster) -> None:
    with session_of(fakes, DCAwareRoundRobinPolicy("dc1", 2)):
        assert len(fakes.connections("dc1")) == 50
        assert len(fakes.connections("dc2")) == 2


def test_every_connection_says_who_it_is(fakes: FakeCluster) -> None:
    with session_of(fakes):
        pass
    told = [seen.frame["message"]["options"] for seen in fakes.seen(kind="STARTUP")]
    ready = [options for options in told if options.get("DRIVER_NAME")]
    assert len(ready) >= 51
    assert {(o["CQL_VERSION"], o.get("COMPRESSION")) for o in ready} == {("3.4.4", None)}
    assert len({o["SESSION_ID"] for o in ready}) == 1


def test_a_beta_of_version_5_is_passed_over(simulacron: Simulacron) -> None:
    with simulacron.cluster(Shape({"dc1": 3}, versions=None)) as fakes:
        with session_of(fakes) as session:
            hosts = session.cluster.metadata.all_hosts()
            assert [host.protocol_version for host in hosts] == [4, 4, 4]
        with (
            pytest.raises(NoHostAvailable, match="does not speak protocol version 5"),
            session_of(fakes, protocol_version=5),
        ):
            raise AssertionError("connected")


def test_a_server_that_cannot_read_what_it_agreed_to_compress_is_given_up(
    fakes: FakeCluster,
) -> None:
    with (
        pytest.raises(NoHostAvailable) as caught,
        session_of(fakes, compression="lz4", connect_timeout=0.5, control_connection_timeout=0.5),
    ):
        raise AssertionError("connected")
    assert {type(error) for error in caught.value.errors.values()} == {OperationTimedOut}
    until(lambda: not fakes.connections(), "no connection is left", timeout=10)


def test_sessions_of_many_clusters_leave_nothing(fakes: FakeCluster) -> None:
    for _ in range(5):
        with session_of(fakes) as session:
            session.execute(SELECT)
    asked = Counter(seen.node.dc for seen in fakes.seen(SELECT))
    assert asked == {"dc1": 5}
