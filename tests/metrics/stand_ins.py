"""Small objects with the attributes that `Observer` documents, for observers to look at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from cql_driver import ConsistencyLevel
from cql_driver.pools.host import Host


class EndPoint:
    def __init__(self, address: str, port: int = 9042) -> None:
        self.address = address
        self.port = port

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


class Request:
    """A request as the core has it."""

    def __init__(self, statement: Any, host: Host | None = None, keyspace: str | None = None):
        self.statement = statement
        self.session = SimpleNamespace(keyspace=keyspace)
        self.options = SimpleNamespace(consistency_level=ConsistencyLevel.LOCAL_ONE)
        self.host = host
        self.started_at = 0.0
        self.attempts = 1
        self.context: dict[Any, Any] | None = None


class Cluster:
    """A cluster with hosts and pools, and nothing else."""

    def __init__(self, *hosts: Host) -> None:
        self.hosts = list(hosts)
        self.metadata = SimpleNamespace(all_hosts=lambda: list(self.hosts))
        self.pools: list[tuple[Host, int, int, int, int]] = []
        self.metrics: Any = None

    def get_pool_snapshot(self) -> list[tuple[Host, int, int, int, int]]:
        return self.pools


def host(number: int = 1, datacenter: str | None = "dc1") -> Host:
    endpoint = EndPoint(f"10.0.0.{number}")
    return Host(endpoint, lambda _: None, datacenter, "r1", UUID(int=number))


def simple(text: str, **attributes: Any) -> Any:
    return SimpleNamespace(query_string=text, **attributes)


def bound(text: str, values: list[bytes], **attributes: Any) -> Any:
    return SimpleNamespace(prepared_statement=simple(text), values=values, **attributes)


class Batch:
    """A batch of some statements."""

    batch_type = 0

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size
