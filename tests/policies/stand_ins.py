"""Small stand-ins for what policies are told of: end points, statements, metadata."""

from __future__ import annotations

from typing import Any

from cql_driver.policies import SimpleConvictionPolicy
from cql_driver.pools.host import Host


class Point:
    """An end point: an address and a port."""

    def __init__(self, address: str, port: int = 9042) -> None:
        self.address = address
        self.port = port

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.address, self.port))

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


class Statement:
    """A statement as policies see it."""

    def __init__(self, **fields: Any) -> None:
        self.keyspace: str | None = "ks"
        self.routing_key: bytes | None = b"key"
        self.consistency_level: int | None = None
        self.lwt = False
        vars(self).update(fields)

    def is_lwt(self) -> bool:
        return self.lwt


class Metadata:
    """Metadata of one keyspace, in which every key has the same replicas."""

    def __init__(self, replicas: tuple[Host, ...] = (), spread: bool = True) -> None:
        self.found = replicas
        self.spread = spread
        self.hashed = 0

    @property
    def spreading(self) -> frozenset[str]:
        return frozenset({"ks"} if self.spread else ())

    def token_of(self, routing_key: bytes) -> int:
        self.hashed += 1
        return len(routing_key)

    def replicas(self, keyspace: str, token_value: int) -> tuple[Host, ...]:
        return self.found if keyspace == "ks" else ()

    def get_host(self, address: str) -> Host | None:
        return next((host for host in self.found if host.address == address), None)


class Cluster:
    """What `populate` is given."""

    def __init__(self, metadata: Any = None, contact_endpoints: tuple[Point, ...] = ()) -> None:
        self.metadata = metadata or Metadata()
        self.contact_endpoints = list(contact_endpoints)


def host(number: int, dc: str | None = "dc1", rack: str = "r1", up: bool | None = True) -> Host:
    made = Host(Point(f"10.0.0.{number}"), SimpleConvictionPolicy, dc, rack)
    made.is_up = up
    return made


def hosts(size: int, dc: str | None = "dc1", rack: str = "r1", first: int = 1) -> list[Host]:
    return [host(number, dc, rack) for number in range(first, first + size)]


def plan(policy: Any, query: Any = None, keyspace: str | None = None) -> list[Host]:
    return list(policy.make_query_plan(keyspace, query))
