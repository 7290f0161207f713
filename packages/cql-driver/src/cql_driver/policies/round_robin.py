"""Policies that use all nodes alike: of the whole cluster, or of a list."""

from __future__ import annotations

from itertools import count

from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.logs import get_logger
from cql_driver.policies.base import (
    HostDistance,
    LoadBalancingPolicy,
    live_hosts,
    random,
    rotated,
    with_host,
    without_host,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from cql_driver.pools.host import Host

__all__ = ["AllowListRoundRobinPolicy", "RoundRobinPolicy", "WhiteListRoundRobinPolicy", "turns"]

log = get_logger("cql_driver.policies")


def turns() -> Iterator[int]:
    """Return a counter that many threads may advance, from a number of its own."""
    # Clients that start together must not all begin with the same node.
    return count(int(random() * 65536))


class RoundRobinPolicy(LoadBalancingPolicy):
    """Every node in turn, wherever it is.

    For clusters of one data centre; with several use `DCAwareRoundRobinPolicy`.
    """

    _steady_distances = True
    _live: tuple[Host, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self._turns = turns()

    def populate(self, cluster: Any, hosts: Iterable[Host]) -> None:
        """Begin with these hosts."""
        self._live = live_hosts(hosts)

    def distance(self, host: Host) -> int:
        """Return `HostDistance.LOCAL`: all nodes are alike."""
        return HostDistance.LOCAL

    def make_query_plan(
        self, working_keyspace: str | None = None, query: Any = None
    ) -> Iterator[Host]:
        """Return all live hosts, beginning with the next one."""
        return rotated(self._live, next(self._turns))

    def pick(self, working_keyspace: str | None, query: Any) -> Host | None:
        """Return the next live host."""
        hosts = self._live
        if len(hosts) > 1:
            return hosts[next(self._turns) % len(hosts)]
        return hosts[0] if hosts else None

    def on_up(self, host: Host) -> None:
        """Use `host`."""
        self._live = with_host(self._live, host)

    def on_down(self, host: Host) -> None:
        """Use `host` no more."""
        self._live = without_host(self._live, host)

    def on_add(self, host: Host) -> None:
        """Use `host`."""
        self._live = with_host(self._live, host)

    def on_remove(self, host: Host) -> None:
        """Use `host` no more."""
        self._live = without_host(self._live, host)


class WhiteListRoundRobinPolicy(RoundRobinPolicy):
    """Only the nodes of a list, each in turn; the driver connects to no other.

    `hosts` are addresses, host names, paths of unix sockets, or end points. Names are looked
    up once, here, which may block; a name without an address still allows nodes known by
    that name. For tests and for reaching one node through a tunnel; to choose nodes by what
    they are, use `HostFilterPolicy`.

    Raises `InvalidArgument` when the list is empty, `InvalidArgumentType` when it is a single
    text or holds something else.

    Example::

        policy = WhiteListRoundRobinPolicy(["10.0.0.1", "10.0.0.2"])
    """

    _steady_distances = True

    def __init__(self, hosts: Iterable[Any]) -> None:
        super().__init__()
        if isinstance(hosts, str | bytes):
            raise InvalidArgumentType(f"hosts is {hosts!r}: give a list, [{hosts!r}]")
        try:
            listed = tuple(hosts)
        except TypeError:
            raise InvalidArgumentType(f"hosts is {hosts!r}: give a list of addresses") from None
        if not listed:
            raise InvalidArgument("hosts is empty: no node would be allowed")
        self._allowed = frozenset(place for entry in listed for place in _places(entry))

    def populate(self, cluster: Any, hosts: Iterable[Host]) -> None:
        """Begin with those of these hosts that are on the list."""
        super().populate(cluster, [host for host in hosts if self._allows(host)])

    def distance(self, host: Host) -> int:
        """Return LOCAL for hosts on the list and IGNORED for others."""
        return HostDistance.LOCAL if self._allows(host) else HostDistance.IGNORED

    def on_up(self, host: Host) -> None:
        """Use `host` if it is on the list, where it may not be any more when it has moved."""
        if self._allows(host):
            super().on_up(host)
        else:
            self.on_down(host)

    def on_add(self, host: Host) -> None:
        """Use `host` if it is on the list."""
        if self._allows(host):
            super().on_add(host)

    def _allows(self, host: Host) -> bool:
        return str(host.endpoint.address) in self._allowed


AllowListRoundRobinPolicy = WhiteListRoundRobinPolicy
"""Another name of `WhiteListRoundRobinPolicy`."""


def _places(entry: Any) -> list[str]:
    """Return what an entry of the list allows: itself, and the addresses of a name."""
    if hasattr(entry, "address"):
        return [str(entry.address)]
    if not isinstance(entry, str):
        raise InvalidArgumentType(f"hosts has {entry!r}: give addresses or names as str")
    if not entry:
        raise InvalidArgument("hosts has an empty text: give addresses or names")
    if entry.startswith(("/", "\0")):  # a unix socket, whose end point has its path as address
        return [entry]
    import socket  # here, since most programs have no such list

    try:
        found = socket.getaddrinfo(entry, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        log.warning("%r of the list of allowed hosts cannot be looked up: %s", entry, error)
        return [entry]
    return [entry, *(str(address[4][0]) for address in found)]
