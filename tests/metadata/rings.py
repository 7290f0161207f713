"""Hosts and rings for tests, and the placement of replicas as its definition says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cql_driver.pools.host import Host

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID


class Address(NamedTuple):
    """An end point as far as hosts and metadata need one."""

    address: str
    port: int = 9042


class Calm:
    """A conviction policy that convicts nobody."""

    def __init__(self, host: Any) -> None:
        self.host = host

    def add_failure(self, connection_exc: BaseException) -> bool:
        return False

    def reset(self) -> None:
        pass


def make_host(
    number: int,
    datacenter: str | None = "dc1",
    rack: str | None = "r1",
    tokens: Sequence[Any] = (),
    host_id: UUID | None = None,
) -> Host:
    address = f"10.0.{number // 256}.{number % 256}"
    host = Host(Address(address), Calm, datacenter, rack, host_id)
    host.tokens = tuple(map(str, tokens))
    return host


def numbers(hosts: Sequence[Host]) -> list[int]:
    """Return the numbers that the hosts were made with."""
    return [int(high) * 256 + int(low) for _, _, high, low in (h.address.split(".") for h in hosts)]


def simple_placement(owners: Sequence[Host], start: int, factor: int) -> list[Host]:
    """Place as SimpleStrategy does: the next nodes of the ring that are not taken yet."""
    replicas: list[Host] = []
    for owner in [*owners[start:], *owners[:start]]:
        if len(replicas) < factor and owner not in replicas:
            replicas.append(owner)
    return replicas


def topology_placement(
    owners: Sequence[Host], start: int, factors: Mapping[str, tuple[int, int]]
) -> list[Host]:
    """Place as NetworkTopologyStrategy of Cassandra 4 and 5 does, walking the whole ring.

    `factors` has (all replicas, transient ones) by data centre. Full replicas come first.
    """
    everyone = set(owners)
    left, repeats, transients = {}, {}, {}
    for name, (total, transient) in factors.items():
        members = [host for host in everyone if host.datacenter == name]
        if members and total > 0:
            left[name] = min(total, len(members))
            repeats[name] = total - len({host.rack for host in members})
            transients[name] = max(transient - (total - left[name]), 0)
    seen_racks: set[tuple[Any, Any]] = set()
    full: list[Host] = []
    partial: list[Host] = []
    for owner in [*owners[start:], *owners[:start]]:
        name = owner.datacenter
        if not left.get(name) or owner in full or owner in partial:
            continue
        is_full = left[name] > transients[name]
        if (name, owner.rack) in seen_racks:
            if repeats[name] <= 0:
                continue
            repeats[name] -= 1
        seen_racks.add((name, owner.rack))
        left[name] -= 1
        (full if is_full else partial).append(owner)
    return full + partial
