"""A ring that is cut into parts: every token once, each part with hosts that have all of it."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cql_driver.errors import InvalidArgument
from cql_driver.metadata.replication import NetworkTopologyStrategy, SimpleStrategy
from cql_driver.metadata.ring import ReplicaTable, Ring
from cql_driver.scans.splitting import Part, Range, bounds_of, key_of_token, split
from cql_protocol.tokens import MAX_LONG, MIN_LONG, BytesToken, MD5Token, Murmur3Token
from tests.metadata.rings import make_host

WHOLE = (MIN_LONG, MAX_LONG)
WIDTH = MAX_LONG - MIN_LONG
tokens = st.integers(MIN_LONG, MAX_LONG)


@st.composite
def rings(draw: Any) -> tuple[list[int], ReplicaTable]:
    """A ring of some hosts with some tokens each, and the replicas on it."""
    count = draw(st.integers(1, 7))
    hosts = [make_host(n, f"dc{n % 2 + 1}", f"r{n % 3}") for n in range(1, count + 1)]
    ends = sorted(draw(st.sets(tokens, min_size=1, max_size=40)))
    owners = [hosts[draw(st.integers(0, count - 1))] for _ in ends]
    factor = draw(st.integers(1, 4))
    if draw(st.booleans()):
        strategy: Any = SimpleStrategy({"replication_factor": factor})
    else:
        strategy = NetworkTopologyStrategy({"dc1": factor, "dc2": draw(st.integers(0, 2))})
    return ends, ReplicaTable(Ring(Murmur3Token, ends, owners), strategy)


def ranges_of(parts: list[Part]) -> list[Range]:
    return sorted(range_ for part in parts for range_ in part.ranges)


def width_of(part: Part) -> int:
    return sum(end - start for start, end in part.ranges)


def assert_whole(parts: list[Part], bounds: Range = WHOLE) -> None:
    """Assert that the ranges follow each other without a gap, from end to end."""
    ranges = ranges_of(parts)
    assert ranges[0][0] == bounds[0]
    assert ranges[-1][1] == bounds[1]
    assert all(start < end for start, end in ranges)
    assert all(one[1] == after[0] for one, after in pairwise(ranges))


@given(rings(), st.integers(1, 200))
def test_every_token_is_in_one_range(ring: Any, count: int) -> None:
    ends, replicas = ring
    parts = split(ends, WHOLE, replicas.replicas, count)
    assert all(part.ranges for part in parts)
    assert_whole(parts)


@given(rings(), st.integers(1, 200), st.lists(tokens, min_size=1, max_size=20))
def test_hosts_of_a_part_are_replicas_of_all_its_tokens(
    ring: Any, count: int, asked: list[int]
) -> None:
    ends, replicas = ring
    parts = split(ends, WHOLE, replicas.replicas, count)
    for part in parts:
        assert part.hosts or not replicas.replicas(part.ranges[0][1])
        for start, end in part.ranges:
            inside = [token for token in asked if start < token <= end]
            # Within a range the replicas change nowhere, and so at no token of the ring.
            inside += [token for token in ends if start < token <= end]
            known = set(replicas.replicas(end))
            assert set(part.hosts) <= known
            assert all(set(replicas.replicas(token)) == known for token in inside)


@given(rings(), st.integers(1, 200))
def test_no_part_is_much_larger_than_its_share(ring: Any, count: int) -> None:
    ends, replicas = ring
    parts = split(ends, WHOLE, replicas.replicas, count)
    # A host that has 1.49 shares has one part, and a part may take a sliver at each of its ends.
    assert max(map(width_of, parts)) <= 1.5 * 1.125 * WIDTH / count + 2


@given(st.integers(1, 300))
def test_parts_of_one_host_are_about_equal(count: int) -> None:
    host = make_host(1)
    ends = [MIN_LONG + n * 2**58 for n in range(1, 60)]
    widths = [width_of(part) for part in split(ends, WHOLE, lambda _: (host,), count)]
    assert len(widths) == count
    assert min(widths) >= 0.87 * WIDTH / count
    assert max(widths) <= 1.13 * WIDTH / count


def test_one_node_has_one_range_for_each_part() -> None:
    host = make_host(1)
    ends = [MIN_LONG + n * 2**57 for n in range(1, 100)]
    parts = split(ends, WHOLE, lambda _: (host,), 10)
    assert [len(part.ranges) for part in parts] == [1] * 10


def test_neighbours_with_the_same_replicas_are_one_range_whatever_their_order() -> None:
    a, b = make_host(1), make_host(2)
    ends = sorted([*range(-(2**62), 2**62, 2**55), -5])
    order = {end: (a, b) if n % 2 else (b, a) for n, end in enumerate(ends)}

    def replicas(token: int) -> Any:
        return order[ends[bisect_left(ends, token) % len(ends)]]

    assert len(ranges_of(split(ends, WHOLE, replicas, 4))) == 4


def test_no_range_is_cut_for_a_sliver() -> None:
    hosts = [make_host(1), make_host(2)]
    # Ranges that are nearly, but not quite, as large as a part.
    ends = [MIN_LONG + n * (2**59 - 2**50) for n in range(1, 32)]
    parts = split(ends, WHOLE, lambda end: (hosts[end // 2**40 % 2],), 32)
    widths = [end - start for start, end in ranges_of(parts)]
    assert min(widths) > 2**53


def test_a_node_with_the_lowest_token() -> None:
    host, other = make_host(1), make_host(2)
    ends = [MIN_LONG, 0]
    parts = split(ends, WHOLE, lambda end: (host,) if end <= 0 else (other,), 2)
    assert ranges_of(parts) == [(MIN_LONG, 0), (0, MAX_LONG)]


def test_without_a_ring() -> None:
    parts = split((), WHOLE, lambda _: (), 7)
    assert len(parts) == 7
    assert_whole(parts)
    assert all(part.hosts == () for part in parts)


def test_parts_go_around_among_the_hosts() -> None:
    hosts = [make_host(n) for n in (1, 2, 3)]
    ends = [-(2**62), 0, 2**62]
    parts = split(ends, WHOLE, lambda end: (hosts[bisect_left(ends, end) % 3],), 30)
    first = [part.hosts[0] for part in parts[:9]]
    assert {first.count(host) for host in hosts} <= {2, 3, 4, 5}


@pytest.mark.parametrize("kind", [Murmur3Token, MD5Token])
def test_bounds(kind: Any) -> None:
    lowest, highest = bounds_of(kind, "x")
    assert_whole(split((5, 9), (lowest, highest), lambda _: (), 3), (lowest, highest))


@pytest.mark.parametrize("kind", [BytesToken, None])
def test_a_ring_that_is_not_of_numbers_is_refused(kind: Any) -> None:
    with pytest.raises(InvalidArgument, match="ByteOrderedPartitioner"):
        bounds_of(kind, "org.apache.cassandra.dht.ByteOrderedPartitioner")


@given(st.integers(MIN_LONG + 1, MAX_LONG))
def test_a_key_has_the_token_that_it_was_made_for(token: int) -> None:
    assert Murmur3Token.from_key(key_of_token(token)).value == token
