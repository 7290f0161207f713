from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_driver.errors import InvalidArgument
from cql_driver.metadata import (
    EverywhereStrategy,
    LocalStrategy,
    Murmur3Token,
    NetworkTopologyStrategy,
    ReplicationFactor,
    ReplicationStrategy,
    SimpleStrategy,
    replication_strategy,
)
from cql_driver.metadata.ring import Ring
from tests.metadata.rings import make_host, numbers, simple_placement, topology_placement

if TYPE_CHECKING:
    from cql_driver.pools.host import Host


def ring_of(owners: list[Host]) -> Ring:
    """Make a ring whose tokens are 0, 10, 20, …"""
    return Ring(Murmur3Token, [10 * index for index in range(len(owners))], owners)


# --- by hand ---------------------------------------------------------------------------------

# Two data centres, as `nodetool ring` would show them: owner, data centre, rack.
A, B, C, D, E = (
    make_host(1, "east", "r1"),
    make_host(2, "east", "r1"),
    make_host(3, "east", "r2"),
    make_host(4, "west", "r1"),
    make_host(5, "west", "r1"),
)
OWNERS = [A, D, B, C, E, A, B, D]


@pytest.mark.parametrize(
    ("position", "factor", "expected"),
    [
        (0, "1", [1]),
        (0, "3", [1, 4, 2]),
        (4, "2", [5, 1]),
        (6, "3", [2, 4, 1]),  # around the end; the node met again is taken once
        (7, "9", [4, 1, 2, 3, 5]),  # no more than there are nodes
        (0, "0", []),
    ],
)
def test_simple_strategy_takes_the_next_nodes(
    position: int, factor: str, expected: list[int]
) -> None:
    strategy = SimpleStrategy({"replication_factor": factor})
    assert numbers(strategy.place(ring_of(OWNERS), position)) == expected


@pytest.mark.parametrize(
    ("position", "factors", "expected"),
    [
        (0, {"east": 1}, [1]),
        # Two racks in east: B is passed over, since r1 has A already.
        (0, {"east": 2}, [1, 3]),
        # Three replicas on two racks: one rack may have a second one, and B is the first met.
        (0, {"east": 3}, [1, 2, 3]),
        (0, {"east": 2, "west": 1}, [1, 4, 3]),
        (3, {"east": 2, "west": 2}, [3, 5, 1, 4]),
        (1, {"west": 5}, [4, 5]),
        (6, {"east": 2}, [2, 3]),
        (0, {"nowhere": 3}, []),
        (0, {"east": 0, "west": 1}, [4]),
    ],
)
def test_network_topology_strategy_spreads_over_racks(
    position: int, factors: dict[str, int], expected: list[int]
) -> None:
    strategy = NetworkTopologyStrategy(factors)
    assert numbers(strategy.place(ring_of(OWNERS), position)) == expected


def test_transient_replicas_come_last() -> None:
    hosts = [make_host(number, "east", f"r{number}") for number in range(1, 5)]
    ring = ring_of([*hosts, make_host(9, "west", "r1"), make_host(8, "west", "r2")])
    strategy = NetworkTopologyStrategy({"east": "3/1", "west": "2/1"})
    # east: 1 and 2 are full, 3 is transient; west: 9 is full, 8 is transient.
    assert numbers(strategy.place(ring, 0)) == [1, 2, 9, 3, 8]
    assert strategy.dc_replication_factors == {"east": 2, "west": 1}


def test_too_few_nodes_leave_out_the_transient_replica() -> None:
    ring = ring_of([make_host(1, "east", "r1"), make_host(2, "east", "r2")])
    strategy = NetworkTopologyStrategy({"east": "3/1", "west": "1"})
    assert numbers(strategy.place(ring, 1)) == [2, 1]
    assert strategy.replica_count(ring) == 2


def test_everywhere_and_local() -> None:
    ring = ring_of(OWNERS)
    assert numbers(EverywhereStrategy({}).place(ring, 2)) == [2, 3, 5, 1, 4]
    assert EverywhereStrategy({}).replica_count(ring) == 5
    assert LocalStrategy({}).place(ring, 2) == ()


def test_make_token_replica_map() -> None:
    tokens = [Murmur3Token(value) for value in (-5, 0, 5)]
    owners = dict(zip(tokens, [A, B, C], strict=True))
    strategy = SimpleStrategy({"replication_factor": "2"})
    assert strategy.make_token_replica_map(owners, tokens) == {
        tokens[0]: (A, B),
        tokens[1]: (B, C),
        tokens[2]: (C, A),
    }
    assert LocalStrategy({}).make_token_replica_map(owners, tokens) == {}
    assert strategy.make_token_replica_map({}, []) == {}


# --- against the definition ------------------------------------------------------------------


@st.composite
def owners(draw: st.DrawFn) -> list[Host]:
    """Draw who owns the tokens of a ring, in its order."""
    places = draw(
        st.lists(
            st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2", "3", None])),
            min_size=1,
            max_size=9,
        )
    )
    hosts = [make_host(number, dc, rack) for number, (dc, rack) in enumerate(places)]
    more = draw(st.lists(st.sampled_from(hosts), max_size=20))
    return draw(st.permutations(hosts + more))


factors = st.integers(0, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, max(n - 1, 0))))


@given(owners(), st.integers(0, 8))
def test_simple_strategy_is_as_defined(owners: list[Host], factor: int) -> None:
    strategy = SimpleStrategy({"replication_factor": factor})
    ring = ring_of(owners)
    for position in range(len(owners)):
        placed = strategy.place(ring, position)
        assert numbers(placed) == numbers(simple_placement(owners, position, factor))
        assert len(placed) == strategy.replica_count(ring)


@given(owners(), st.dictionaries(st.sampled_from(["a", "b", "c", "x"]), factors))
def test_network_topology_strategy_is_as_defined(
    owners: list[Host], factors: dict[str, tuple[int, int]]
) -> None:
    options = {
        name: f"{total}/{transient}" if transient else str(total)
        for name, (total, transient) in factors.items()
    }
    strategy = NetworkTopologyStrategy(options)
    ring = ring_of(owners)
    for position in range(len(owners)):
        placed = strategy.place(ring, position)
        assert numbers(placed) == numbers(topology_placement(owners, position, factors))
        assert len(placed) == strategy.replica_count(ring)


@given(owners(), st.integers(1, 6))
def test_replicas_are_distinct_and_on_distinct_racks(owners: list[Host], factor: int) -> None:
    ring = ring_of(owners)
    members = {host.key: host for host in owners if host.datacenter == "a"}
    racks = {host.rack for host in members.values()}
    for position in range(len(owners)):
        placed = NetworkTopologyStrategy({"a": factor}).place(ring, position)
        assert len({host.key for host in placed}) == len(placed) == min(factor, len(members))
        assert len({host.rack for host in placed}) == min(factor, len(racks))


# --- making and writing ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind", "written"),
    [
        (
            {"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": "3"},
            SimpleStrategy,
            "{'class': 'SimpleStrategy', 'replication_factor': '3'}",
        ),
        (
            {"class": "NetworkTopologyStrategy", "dc2": "3/1", "dc1": "2"},
            NetworkTopologyStrategy,
            "{'class': 'NetworkTopologyStrategy', 'dc1': '2', 'dc2': '3/1'}",
        ),
        (
            {"class": "NetworkTopologyStrategy", "o'dc": "1"},
            NetworkTopologyStrategy,
            "{'class': 'NetworkTopologyStrategy', 'o''dc': '1'}",
        ),
        (
            {"class": "org.apache.cassandra.locator.LocalStrategy"},
            LocalStrategy,
            "{'class': 'LocalStrategy'}",
        ),
        (
            {"class": "org.apache.cassandra.locator.EverywhereStrategy"},
            EverywhereStrategy,
            "{'class': 'EverywhereStrategy'}",
        ),
        (
            {"class": "com.example.Mine", "a": "b"},
            ReplicationStrategy,
            "{'class': 'com.example.Mine', 'a': 'b'}",
        ),
        # Options that cannot be read do not keep a client from connecting.
        (
            {"class": "SimpleStrategy", "replication_factor": "many"},
            ReplicationStrategy,
            "{'class': 'SimpleStrategy', 'replication_factor': 'many'}",
        ),
        ({"class": "SimpleStrategy"}, ReplicationStrategy, "{'class': 'SimpleStrategy'}"),
        (
            {"class": "NetworkTopologyStrategy", "dc1": "['r1', 'r2']"},
            ReplicationStrategy,
            "{'class': 'NetworkTopologyStrategy', 'dc1': '[''r1'', ''r2'']'}",
        ),
    ],
)
def test_strategies_of_options(options: dict[str, str], kind: type[Any], written: str) -> None:
    strategy = replication_strategy(options)
    assert type(strategy) is kind
    assert strategy.export_for_schema() == written


def test_an_unknown_strategy_has_no_replicas() -> None:
    strategy = replication_strategy({"class": "com.example.Mine", "replication_factor": "3"})
    assert strategy.name == "com.example.Mine"
    assert strategy.place(ring_of(OWNERS), 0) == ()


def test_no_class_is_no_strategy() -> None:
    assert ReplicationStrategy.create(None, {}) is None
    assert replication_strategy({}).place(ring_of(OWNERS), 0) == ()


def test_strategies_compare_by_what_they_do() -> None:
    assert SimpleStrategy({"replication_factor": "3"}) == SimpleStrategy({"replication_factor": 3})
    assert SimpleStrategy({"replication_factor": "3"}) != SimpleStrategy({"replication_factor": 2})
    assert NetworkTopologyStrategy({"a": 1, "b": 2}) == NetworkTopologyStrategy({"b": 2, "a": 1})
    assert NetworkTopologyStrategy({"a": "3/1"}) != NetworkTopologyStrategy({"a": "3"})
    assert LocalStrategy({}) != EverywhereStrategy({})


@pytest.mark.parametrize("text", ["", "x", "3/", "/1", "1.5", "3/x"])
def test_a_factor_that_is_none(text: str) -> None:
    with pytest.raises(InvalidArgument, match="replication factor"):
        ReplicationFactor.create(text)


def test_factors() -> None:
    factor = ReplicationFactor.create("3/1")
    assert (factor.all_replicas, factor.full_replicas, factor.transient_replicas) == (3, 2, 1)
    assert str(factor) == "3/1"
    assert factor == ReplicationFactor(3, 1)
    assert factor != ReplicationFactor(3)
    assert str(ReplicationFactor.create(3)) == "3"
