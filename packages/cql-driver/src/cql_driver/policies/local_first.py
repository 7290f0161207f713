"""Policies that prefer what is near: the data centre, the rack."""

from __future__ import annotations

from cql_driver.errors import InvalidArgumentType
from cql_driver.logs import get_logger
from cql_driver.policies.base import (
    HostDistance,
    LoadBalancingPolicy,
    check_count,
    check_name,
    live_hosts,
    rotated,
    with_host,
    without_host,
)
from cql_driver.policies.round_robin import turns

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from cql_driver.pools.host import Host

__all__ = ["DCAwareRoundRobinPolicy", "RackAwareRoundRobinPolicy"]

log = get_logger("cql_driver.policies")


class _LocalFirst(LoadBalancingPolicy):
    """Live hosts in tiers, the nearest first; within a tier each host in turn.

    `_tiers` has no empty tier, and is replaced whole, as `_distances` (by `Host.key`) is.
    """

    used_hosts_per_remote_dc: int = 0

    _steady_distances = True
    _live: tuple[Host, ...] = ()
    _tiers: tuple[tuple[Host, ...], ...] = ()

    def __init__(self, used_hosts_per_remote_dc: int) -> None:
        super().__init__()
        self.used_hosts_per_remote_dc = check_count(
            "used_hosts_per_remote_dc", used_hosts_per_remote_dc
        )
        self._turns = turns()
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


class DCAwareRoundRobinPolicy(_LocalFirst):
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


class RackAwareRoundRobinPolicy(_LocalFirst):
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
