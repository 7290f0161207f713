"""Policies that take nodes in turn: all alike, those of a list, or what is near first."""

from __future__ import annotations

from itertools import count

from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.logs import get_logger
from cql_driver.policies.base import (
    HostDistance,
    LoadBalancingPolicy,
    check_count,
    check_name,
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


__all__ = [
    "AllowListRoundRobinPolicy",
    "DCAwareRoundRobinPolicy",
    "RackAwareRoundRobinPolicy",
    "RoundRobinPolicy",
    "WhiteListRoundRobinPolicy",
]

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


class LocalFirst(LoadBalancingPolicy):
    """Live hosts in tiers, the nearest first; within a tier each host in turn.

    `_tiers` has no empty tier, and is replaced whole, as `_distances` (by `Host.key`) is.
    """

    used_hosts_per_remote_dc: int = 0

    __slots__ = ("_tiers",)  # which every request reads

    _steady_distances = True
    _live: tuple[Host, ...] = ()
    _tiers: tuple[tuple[Host, ...], ...]

    def __init__(self, used_hosts_per_remote_dc: int) -> None:
        super().__init__()
        self.used_hosts_per_remote_dc = check_count(
            "used_hosts_per_remote_dc", used_hosts_per_remote_dc
        )
        self._turns = turns()
        self._tiers = ()
        self._distances: dict[int, int] = {}
        self._centres: set[str] = set()
        self._warned = False

    def _nearby(self, host: Host) -> int | None:
        """Return the distance of a host of the local data centre, and None of others."""
        raise NotImplementedError

    def _local_centre(self) -> str:
        raise NotImplementedError

    def populate(self, cluster: Any, hosts: Iterable[Host]) -> None:
        """Begin with these hosts."""
        hosts = tuple(hosts)
        self._centres = {host.datacenter for host in hosts if host.datacenter}
        self._warned = False
        self._live = live_hosts(hosts)
        self._arrange()
        self._check_centre()

    def distance(self, host: Host) -> int:
        """Return how far `host` is; at most `used_hosts_per_remote_dc` are REMOTE per centre."""
        known = self._distances.get(host.key)
        if known is None:  # a host that is down, or that nobody has told us of
            known = self._nearby(host)
        return HostDistance.IGNORED if known is None else known

    def make_query_plan(
        self, working_keyspace: str | None = None, query: Any = None
    ) -> Iterator[Host]:
        """Return the live hosts tier by tier, each tier beginning with the next host."""
        turn = next(self._turns)
        tiers = self._tiers
        if len(tiers) == 1:
            return rotated(tiers[0], turn)
        if not tiers:
            self._check_centre()
        return (host for tier in tiers for host in rotated(tier, turn))

    def pick(self, working_keyspace: str | None, query: Any) -> Host | None:
        """Return the next host of the nearest tier."""
        tiers = self._tiers
        if not tiers:
            return None
        nearest = tiers[0]
        if len(nearest) > 1:
            return nearest[next(self._turns) % len(nearest)]
        return nearest[0]

    def on_up(self, host: Host) -> None:
        """Use `host` as its distance says."""
        if host.datacenter:
            self._centres.add(host.datacenter)
        self._live = with_host(self._live, host)
        self._arrange()

    def on_down(self, host: Host) -> None:
        """Use `host` no more."""
        self._live = without_host(self._live, host)
        self._arrange()

    def on_add(self, host: Host) -> None:
        """Use `host` as its distance says."""
        self.on_up(host)

    def on_remove(self, host: Host) -> None:
        """Use `host` no more."""
        self.on_down(host)

    def _arrange(self) -> None:
        """Put the live hosts into tiers anew; a host's place may have changed since."""
        near: dict[int, list[Host]] = {HostDistance.LOCAL_RACK: [], HostDistance.LOCAL: []}
        remote: dict[str | None, list[Host]] = {}
        distances: dict[int, int] = {}
        for host in self._live:
            distance = self._nearby(host)
            if distance is not None:
                near[distance].append(host)
            else:
                centre = remote.setdefault(host.datacenter, [])
                if len(centre) >= self.used_hosts_per_remote_dc:
                    distances[host.key] = HostDistance.IGNORED
                    continue
                centre.append(host)
                distance = HostDistance.REMOTE
            distances[host.key] = distance
        tiers = (*near.values(), *remote.values())
        self._tiers = tuple(tuple(tier) for tier in tiers if tier)
        self._distances = distances

    def _check_centre(self) -> None:
        """Warn, once, when no node is local because no node is in the local data centre."""
        local = self._local_centre()
        if self._warned or not self._centres or local in self._centres:
            return
        self._warned = True
        centres = ", ".join(map(repr, sorted(self._centres)))
        if local:
            log.warning(
                "No node is in the data centre %r given as local_dc; the nodes are in %s",
                local,
                centres,
            )
        else:
            log.warning(
                "No node is used, since none is at a contact point that would tell which data "
                "centre is local; the nodes are in %s: give one as local_dc",
                centres,
            )


class DCAwareRoundRobinPolicy(LocalFirst):
    """The nodes of the local data centre in turn; then, if wanted, some of the others.

    Without `local_dc`, the data centre of the first contact point that is up is the local
    one: then give contact points of one data centre only. Of each other data centre
    `used_hosts_per_remote_dc` nodes are connected to, and tried when no local one answers;
    with the default of 0 requests never leave the local data centre.

    Raises `InvalidArgument` or `InvalidArgumentType` for arguments that cannot be used.

    Example::

        policy = TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc="dc1"))
    """

    def __init__(self, local_dc: str | None = "", used_hosts_per_remote_dc: int = 0) -> None:
        super().__init__(used_hosts_per_remote_dc)
        if local_dc is not None and not isinstance(local_dc, str):
            raise InvalidArgumentType(f"local_dc is {local_dc!r}: give its name as a str")
        self._given_dc = local_dc or ""
        self._local_dc = self._given_dc
        self._contact_endpoints: tuple[Any, ...] = ()

    @property
    def local_dc(self) -> str:
        """The local data centre: as given, or as told by a contact point; else empty."""
        return self._local_dc

    def populate(self, cluster: Any, hosts: Iterable[Host]) -> None:
        """Begin with these hosts; find out which data centre is local, if that was not said."""
        hosts = tuple(hosts)
        self._local_dc = self._given_dc
        self._contact_endpoints = tuple(getattr(cluster, "contact_endpoints", None) or ())
        for host in self._at_contact_points(hosts):
            self._learn_centre(host)
        # An address may lead to a node that calls itself otherwise; where all are in one data
        # centre there is nothing to mistake.
        if len({host.datacenter for host in hosts if host.datacenter}) == 1:
            for host in hosts:
                self._learn_centre(host)
        super().populate(cluster, hosts)

    def on_up(self, host: Host) -> None:
        """Use `host` as its distance says; it may be the contact point that tells `local_dc`."""
        if not self._contact_endpoints or host.endpoint in self._contact_endpoints:
            self._learn_centre(host)
        super().on_up(host)

    def _at_contact_points(self, hosts: tuple[Host, ...]) -> list[Host]:
        """Return the hosts of contact points not known to be down, in the user's order."""
        up = [host for host in hosts if host.is_up is not False]
        if not self._contact_endpoints:
            return up
        return [h for point in self._contact_endpoints for h in up if h.endpoint == point]

    def _learn_centre(self, host: Host) -> None:
        if not self._local_dc and host.datacenter:
            self._local_dc = host.datacenter
            log.info(
                "Using data centre %r of host %s as the local one; "
                "give DCAwareRoundRobinPolicy a local_dc to choose",
                host.datacenter,
                host,
            )

    def _local_centre(self) -> str:
        return self._local_dc

    def _nearby(self, host: Host) -> int | None:
        local = self._local_dc
        return HostDistance.LOCAL if local and host.datacenter == local else None


class RackAwareRoundRobinPolicy(LocalFirst):
    """The nodes of the local rack in turn, then those of the data centre, then some others.

    For clouds where traffic between zones costs money or time, and racks are zones. See
    `DCAwareRoundRobinPolicy` for `used_hosts_per_remote_dc`. Both names are needed.

    Example::

        policy = TokenAwarePolicy(RackAwareRoundRobinPolicy("eu-west-1", "1a"))
    """

    local_dc: str = None  # type: ignore[assignment]
    local_rack: str = None  # type: ignore[assignment]

    def __init__(self, local_dc: str, local_rack: str, used_hosts_per_remote_dc: int = 0) -> None:
        super().__init__(used_hosts_per_remote_dc)
        self.local_dc = check_name("local_dc", local_dc)
        self.local_rack = check_name("local_rack", local_rack)

    def _local_centre(self) -> str:
        return self.local_dc

    def _nearby(self, host: Host) -> int | None:
        if host.datacenter != self.local_dc:
            return None
        same_rack = host.rack == self.local_rack
        return HostDistance.LOCAL_RACK if same_rack else HostDistance.LOCAL
