from __future__ import annotations

import logging
from itertools import pairwise
from uuid import UUID

import pytest

from cql_driver.metadata import KeyspaceMetadata, Metadata, Murmur3Token
from cql_driver.metadata.ring import Ring
from tests.metadata.rings import Address, make_host, numbers, topology_placement

MURMUR3 = "org.apache.cassandra.dht.Murmur3Partitioner"
NETWORK = "org.apache.cassandra.locator.NetworkTopologyStrategy"


def keyspaces(**factors: int | None) -> dict[str, KeyspaceMetadata]:
    """Make keyspaces with a SimpleStrategy of these factors; None is a LocalStrategy."""
    return {
        name: KeyspaceMetadata(name, True, "LocalStrategy", {})
        if factor is None
        else KeyspaceMetadata(name, True, "SimpleStrategy", {"replication_factor": factor})
        for name, factor in factors.items()
    }


def three_nodes() -> Metadata:
    metadata = Metadata()
    hosts = [make_host(n, tokens=[n * 100, n * 100 + 50], host_id=UUID(int=n)) for n in (1, 2, 3)]
    metadata.set_topology(hosts, MURMUR3, "three")
    metadata.set_keyspaces(keyspaces(one=1, two=2, all=3, system=None))
    return metadata


def test_empty_before_it_is_connected() -> None:
    metadata = Metadata()
    assert metadata.all_hosts() == []
    assert metadata.replicas("ks", 0) == ()
    assert metadata.get_replicas("ks", b"key") == []
    assert metadata.token_of(b"key") is None
    assert not metadata.spreads("ks")
    assert metadata.token_map is None
    assert metadata.get_host("10.0.0.1") is None
    assert metadata.dbaas is False
    assert not metadata.can_support_partitioner()


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (99, [1, 2]),
        (100, [1, 2]),  # a range ends with its token
        (101, [1, 2]),
        (151, [2, 3]),
        (350, [3, 1]),
        (351, [1, 2]),  # around the end
        (-(2**63), [1, 2]),
    ],
)
def test_replicas_of_a_token(token: int, expected: list[int]) -> None:
    metadata = three_nodes()
    for _ in range(2):  # placed, then remembered
        assert numbers(metadata.replicas("two", token)) == expected


def test_replicas_of_a_key() -> None:
    metadata = three_nodes()
    value = Murmur3Token.from_key(b"key").value
    assert metadata.token_of(b"key") == value
    assert metadata.get_replicas("two", b"key") == list(metadata.replicas("two", value))
    assert metadata.get_replicas("nowhere", b"key") == []
    assert metadata.token_map is not None
    assert metadata.token_map.get_replicas("all", Murmur3Token(101)) == [
        metadata.get_host_by_host_id(UUID(int=n)) for n in (1, 2, 3)
    ]


def test_whether_the_token_tells_anything() -> None:
    metadata = three_nodes()
    spread = {name for name in metadata.keyspaces if metadata.spreads(name)}
    assert spread == {"one", "two"}
    metadata.add_or_return_host(make_host(4, host_id=UUID(int=4)))
    assert metadata.spreads("all"), "a host without tokens is no replica"


def test_equal_replicas_are_one_object() -> None:
    metadata = three_nodes()
    assert metadata.replicas("two", 100) is metadata.replicas("two", 150)


def test_tables_outlive_changes_that_do_not_concern_them() -> None:
    metadata = three_nodes()
    assert metadata.token_map is not None
    before = metadata.token_map.tables
    metadata.set_keyspaces(keyspaces(one=2, two=2, new=1))
    assert metadata.token_map.tables["two"] is before["two"]
    assert metadata.token_map.tables["one"] is before["two"]
    assert metadata.token_map.tables["new"] is before["one"]
    metadata.set_topology(metadata.all_hosts(), MURMUR3, "three", rebuild=False)
    assert metadata.token_map.tables["two"] is before["two"]
    metadata.set_topology(metadata.all_hosts(), MURMUR3, "three")
    assert metadata.token_map.tables["two"] is not before["two"]


def test_a_reader_keeps_what_it_has() -> None:
    metadata = three_nodes()
    seen, hosts = metadata.keyspaces, metadata.all_hosts()
    metadata.set_keyspaces({})
    metadata.remove_host(hosts[0])
    assert set(seen) == {"one", "two", "all", "system"}
    assert len(hosts) == 3
    with pytest.raises(TypeError):
        seen["mine"] = None  # type: ignore[index]


def test_without_tokens() -> None:
    metadata = three_nodes()
    metadata.set_topology(metadata.all_hosts(), MURMUR3, "three", tokens=False)
    assert metadata.token_map is None
    assert metadata.replicas("two", 100) == ()
    assert metadata.can_support_partitioner()


@pytest.mark.parametrize("partitioner", [None, "com.example.MyPartitioner"])
def test_an_unknown_partitioner_has_no_ring(partitioner: str | None) -> None:
    metadata = Metadata()
    metadata.set_topology([make_host(1, tokens=[1])], partitioner, "odd")
    metadata.set_keyspaces(keyspaces(two=2))
    assert metadata.token_map is None
    assert metadata.token_of(b"key") is None
    assert not metadata.can_support_partitioner()


def test_other_partitioners() -> None:
    metadata = Metadata()
    hosts = [make_host(1, tokens=["00"]), make_host(2, tokens=["80"])]
    metadata.set_topology(hosts, "org.apache.cassandra.dht.ByteOrderedPartitioner", "bytes")
    metadata.set_keyspaces(keyspaces(one=1))
    assert numbers(metadata.get_replicas("one", b"A")) == [2]
    assert numbers(metadata.get_replicas("one", b"\xff")) == [1]
    metadata.rebuild_token_map("RandomPartitioner", {hosts[0]: ["0"], hosts[1]: [str(2**127)]})
    assert numbers(metadata.get_replicas("one", b"A")) == [2]
    assert metadata.partitioner == "RandomPartitioner"


def test_a_token_that_cannot_be_read_is_told_and_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = make_host(1, tokens=["1", "x"])
    with caplog.at_level(logging.WARNING, "cql_driver.metadata"):
        assert Ring.of_hosts(Murmur3Token, [host]).values == [1]
    assert [record.message for record in caplog.records] == [
        f"{host} has token 'x', which is no Murmur3Token"
    ]


def test_the_ring_as_tokens() -> None:
    token_map = three_nodes().token_map
    assert token_map is not None
    assert token_map.ring == [Murmur3Token(v) for v in (100, 150, 200, 250, 300, 350)]
    assert numbers(list(token_map.token_to_host_owner.values())) == [1, 1, 2, 2, 3, 3]


def test_hosts_are_found_by_address_and_id() -> None:
    metadata = three_nodes()
    second = metadata.get_host_by_host_id(UUID(int=2))
    assert second is not None
    second.broadcast_rpc_address = "192.0.2.7"
    second.broadcast_rpc_port = 9142
    assert metadata.get_host(Address("10.0.0.2")) is second
    assert metadata.get_host("10.0.0.2") is second
    assert metadata.get_host("10.0.0.2", 9042) is second
    assert metadata.get_host("10.0.0.2", 1) is None
    assert metadata.get_host("192.0.2.7") is second
    assert metadata.get_host("192.0.2.7", 9142) is second
    assert metadata.get_host("192.0.2.7", 9143) is None
    assert (UUID(int=2), second) in metadata.all_hosts_items()


def test_hosts_come_move_and_go() -> None:
    metadata = three_nodes()
    new = make_host(4, host_id=UUID(int=4))
    assert metadata.add_or_return_host(new) == (new, True)
    again = make_host(4)
    assert metadata.add_or_return_host(again)[0] is new
    same_id = make_host(5, host_id=UUID(int=4))
    assert metadata.add_or_return_host(same_id)[0] is new

    old = new.endpoint
    new.endpoint = Address("10.0.0.44")
    metadata.update_host(new, old)
    assert metadata.get_host(Address("10.0.0.44")) is new
    assert metadata.get_host(old) is None
    assert len(metadata.all_hosts()) == 4

    assert not metadata.remove_host_by_host_id(UUID(int=4), old)
    assert metadata.remove_host_by_host_id(UUID(int=4))
    assert not metadata.remove_host(new)
    assert len(metadata.all_hosts()) == 3


def test_a_host_without_an_id_is_known_by_its_end_point() -> None:
    metadata = Metadata()
    contact = make_host(1)
    metadata.add_or_return_host(contact)
    assert metadata.all_hosts() == [contact]
    assert metadata.all_hosts_items() == []
    assert metadata.remove_host(contact)


def test_a_ring_of_many_nodes() -> None:
    """A thousand nodes with 256 tokens each, unevenly spread over racks and data centres."""
    places = [("big", "r1")] * 900 + [("big", "r2"), ("big", "r3")] * 45 + [("small", "r1")] * 10
    hosts = [
        make_host(n, dc, rack, [(n * 7919 + k * 1_000_003) * 104_729 % 2**61 for k in range(256)])
        for n, (dc, rack) in enumerate(places)
    ]
    metadata = Metadata()
    metadata.set_topology(hosts, MURMUR3, "big")
    metadata.set_keyspaces({"ks": KeyspaceMetadata("ks", True, NETWORK, {"big": 3, "small": 2})})
    token_map = metadata.token_map
    assert token_map is not None
    ring = token_map.ring_of_hosts
    assert len(ring.values) > 250_000
    assert all(low < high for low, high in pairwise(ring.values))
    factors = {"big": (3, 0), "small": (2, 0)}
    for position in range(0, len(ring.values), 25_013):
        placed = metadata.replicas("ks", ring.values[position])
        assert numbers(placed) == numbers(topology_placement(ring.owners, position, factors))
