"""`TokenAwarePolicy`: ask a node that has the data itself, and so save a hop."""

from __future__ import annotations

from _weakref import ref

from cql_driver.policies.base import (
    HostDistance,
    LoadBalancingPolicy,
    check_instance,
    has_steady_distances,
    live_hosts,
    random,
    shuffled,
    with_host,
    without_host,
)
from cql_driver.policies.round_robin import DCAwareRoundRobinPolicy
from cql_driver.policies.wrappers import WrapperPolicy

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from cql_driver.pools.host import Host

__all__ = ["TokenAwarePolicy", "default_lbp_factory"]

_IGNORED = HostDistance.IGNORED
_BEYOND = HostDistance.REMOTE + 1
_SERIAL = (8, 9)
"""`ConsistencyLevel.SERIAL` and `LOCAL_SERIAL`, which a read may have."""
_TRIES = (2, 3)


class TokenAwarePolicy(WrapperPolicy):
    """Tries the replicas of the statement's partition first, the nearest of them before others.

    `child_policy` says how far hosts are, and gives the rest of the plan, also for statements
    whose partition is unknown: the driver knows it of bound statements with all values of
    the partition key, and of others when `routing_key` and a keyspace are set. Among equally
    near replicas one is taken at random, or with ``shuffle_replicas=False`` the first of
    the ring. Conditional statements and those of a serial consistency level always go to
    the first one, since coordinators that compete for a partition slow each other down.

    With ``avoid_slow_replicas=True`` two of them are taken at random, and the one is asked that
    owes fewer answers; with a `LatencyAwareness` those come last that take far longer than
    others of late. Both hold also for statements that any near host can answer.

    Raises `InvalidArgumentType` when `child_policy` is no instance of a policy, or
    `latency_awareness` is none of `LatencyAwareness`.

    Example::

        policy = TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc="dc1"))
    """

    __slots__ = ("_metadata", "shuffle_replicas")  # which every request reads

    shuffle_replicas: bool
    avoid_slow_replicas: bool = False
    latency_awareness: Any = None

    _metadata: Any
    _cluster: Callable[[], Any] = lambda: None
    _live: tuple[Host, ...] = ()
    _distances: tuple[dict[int, int], int] | None = None
    """Distances by `Host.key` and the least of them; None when they may change untold."""
    _near: tuple[dict[int, int], int] | None = None
    """The same, when all that are as near are as good; None when they are weighed."""
    _weighs: bool = False

    def __init__(
        self,
        child_policy: LoadBalancingPolicy,
        shuffle_replicas: bool = True,
        _prefer_tablet_leader: bool = True,
        *,
        avoid_slow_replicas: bool = False,
        latency_awareness: Any = None,
    ) -> None:
        super().__init__(child_policy)
        self._metadata = None
        self.shuffle_replicas = bool(shuffle_replicas)
        self._prefer_tablet_leader = _prefer_tablet_leader
        self.avoid_slow_replicas = bool(avoid_slow_replicas)
        if latency_awareness is not None:
            check_instance("latency_awareness", latency_awareness, "is_slow", "attempt_ended")
        self.latency_awareness = latency_awareness
        self._weighs = self.avoid_slow_replicas or latency_awareness is not None

    def populate(self, cluster: Any, hosts: Iterable[Host]) -> None:
        """Begin with these hosts, and use the metadata of this cluster."""
        hosts = tuple(hosts)
        super().populate(cluster, hosts)
        self._metadata = cluster.metadata
        if self._weighs:
            self._cluster = ref(cluster)
            self._child_pick = self._pick_any
        self._live = live_hosts(hosts)
        self._measure()

    def distance(self, *args: Any, **kwargs: Any) -> int:
        """Return what the child says of the host."""
        return super().distance(*args, **kwargs)

    def check_supported(self) -> None:
        """Have the child check."""
        super().check_supported()

    def make_query_plan(
        self, working_keyspace: str | None = None, query: Any = None
    ) -> Iterator[Host]:
        """Return the replicas that are up, by distance, then the rest of the child's plan."""
        keyspace = getattr(query, "keyspace", None) or working_keyspace
        fixed = not self.shuffle_replicas or _keeps_order(query)
        replicas = self._replicas(keyspace, query, fixed)
        plan = self._child_policy.make_query_plan(keyspace, query)
        if not replicas and self._weighs:
            replicas, fixed = self._live, False
        return self._replicas_first(replicas, fixed, plan) if replicas else iter(plan)

    def pick(self, working_keyspace: str | None, query: Any) -> Host | None:
        """Return one of the nearest replicas that are up, or what the child picks."""
        # `_replicas` and `_keeps_order` written out: this runs once for every request.
        metadata = self._metadata
        replicas: tuple[Host, ...]
        host: Host | None
        if query is not None and metadata is not None:
            # Bound statements have a snapshot, from which this is read without calls.
            try:
                snapshot = query.snapshot
            except AttributeError:
                snapshot = None
            if snapshot is None:
                keyspace = query.keyspace or working_keyspace
                lwt = query.is_lwt()
            else:
                keyspace = (
                    query._keyspace or snapshot.keyspace or query.keyspace or working_keyspace
                )
                lwt = snapshot.lwt
            if keyspace:
                level = query.consistency_level
                fixed = lwt or not self.shuffle_replicas or (level is not None and level in _SERIAL)
                if fixed or keyspace in metadata.spreading:
                    key = query.routing_key
                    token = None if key is None else metadata.token_of(key)
                    replicas = () if token is None else metadata.replicas(keyspace, token)
                    if replicas:
                        near = self._near
                        if near is not None and not fixed:
                            # Nearly always some replicas are as near as any host can be.
                            # Trying costs less than listing these, and is as fair.
                            host = replicas[int(random() * len(replicas))]
                            if near[0].get(host.key) == near[1] and host.is_up is not False:
                                return host
                        host = self._choose(replicas, fixed)
                        if host is not None:
                            return host
                working_keyspace = keyspace
        child_pick = self._child_pick
        return None if child_pick is None else child_pick(working_keyspace, query)

    def _choose(self, replicas: tuple[Host, ...], fixed: bool) -> Host | None:
        """Return one of the nearest replicas that are up."""
        near = self._near
        if near is not None and not fixed:
            distances, least = near
            size = len(replicas)
            for _ in _TRIES:
                host = replicas[int(random() * size)]
                if distances.get(host.key) == least and host.is_up is not False:
                    return host
        nearest = self._nearest(replicas)
        if not nearest:
            return None
        if self._weighs and not fixed:
            return self._ordered(nearest)[0]
        return nearest[0 if fixed else int(random() * len(nearest))]

    def _pick_any(self, working_keyspace: str | None, query: Any) -> Host | None:
        """Return the best of all near hosts, where those are weighed."""
        return self._choose(self._live, False)

    def _ordered(self, tier: list[Host]) -> list[Host]:
        """Return hosts that are equally near in the order in which to ask them."""
        hosts = shuffled(tier)
        if self._weighs:
            cluster = self._cluster()
            if self.avoid_slow_replicas and cluster is not None and len(hosts) > 1:
                hosts[:2] = sorted(hosts[:2], key=cluster.load_of)
            if self.latency_awareness is not None:
                hosts.sort(key=self.latency_awareness.is_slow)
        return hosts

    def on_up(self, *args: Any, **kwargs: Any) -> None:
        """Tell the child, and use the host's replicas."""
        super().on_up(*args, **kwargs)
        self._live = with_host(self._live, _host(*args, **kwargs))
        self._measure()

    def on_down(self, *args: Any, **kwargs: Any) -> None:
        """Tell the child, and use the host's replicas no more."""
        super().on_down(*args, **kwargs)
        self._live = without_host(self._live, _host(*args, **kwargs))
        self._measure()

    def on_add(self, *args: Any, **kwargs: Any) -> None:
        """Tell the child, and use the host's replicas."""
        super().on_add(*args, **kwargs)
        self._live = with_host(self._live, _host(*args, **kwargs))
        self._measure()

    def on_remove(self, *args: Any, **kwargs: Any) -> None:
        """Tell the child, and use the host's replicas no more."""
        super().on_remove(*args, **kwargs)
        self._live = without_host(self._live, _host(*args, **kwargs))
        self._measure()

    def _measure(self) -> None:
        """Ask the child for all distances, if it would say the same until it is told more."""
        if not has_steady_distances(self._child_policy):
            self._near = self._distances = None
            return
        asked = ((host.key, self._child_policy.distance(host)) for host in self._live)
        distances = {key: distance for key, distance in asked if distance != _IGNORED}
        self._distances = (distances, min(distances.values(), default=_BEYOND))
        self._near = None if self._weighs else self._distances

    def _replicas(self, keyspace: str | None, query: Any, fixed: bool) -> tuple[Host, ...]:
        """Return the partition's replicas in ring order; none when they do not matter."""
        metadata = self._metadata
        # Hashing the key costs more than all else here, so it comes last, and not at all where
        # every node is a replica, unless the order of the ring is wanted.
        if not keyspace or metadata is None or not (keyspace in metadata.spreading or fixed):
            return ()
        key = getattr(query, "routing_key", None)
        if key is None:
            return ()
        token = metadata.token_of(key)
        if token is None:
            return ()
        replicas: tuple[Host, ...] = metadata.replicas(keyspace, token)
        return replicas

    def _distance_function(self) -> Callable[[Host], int]:
        near = self._distances
        if near is None:
            return self._child_policy.distance
        distances = near[0]
        return lambda host: distances.get(host.key, _IGNORED)

    def _nearest(self, replicas: tuple[Host, ...]) -> list[Host]:
        """Return the replicas that are up and nearer than all others, in ring order."""
        distance_of = self._distance_function()
        least = _BEYOND
        nearest: list[Host] = []
        for host in replicas:
            if host.is_up is False:
                continue
            distance = distance_of(host)
            if distance == _IGNORED or distance > least:
                continue
            if distance < least:
                least, nearest = distance, []
            nearest.append(host)
        return nearest

    def _replicas_first(
        self, replicas: tuple[Host, ...], fixed: bool, plan: Iterable[Host]
    ) -> Iterator[Host]:
        given: set[int] = set()
        tiers = _tiers((h for h in replicas if h.is_up is not False), self._distance_function())
        for tier in tiers:
            for host in tier if fixed else self._ordered(tier):
                given.add(host.key)
                yield host
        # The child is asked anew: what the driver knew of a host may have changed meanwhile.
        rest = (host for host in plan if host.key not in given)
        for tier in _tiers(rest, self._child_policy.distance):
            yield from tier


def _tiers(hosts: Iterable[Host], distance_of: Callable[[Host], int]) -> list[list[Host]]:
    """Return the hosts by distance, without those ignored, and each once."""
    tiers: dict[int, dict[int, Host]] = {}
    for host in hosts:
        distance = distance_of(host)
        if distance != _IGNORED:
            tiers.setdefault(distance, {})[host.key] = host
    return [list(tiers[distance].values()) for distance in sorted(tiers)]


def _keeps_order(query: Any) -> bool:
    """Say whether the statement runs Paxos, whose proposers get in each other's way."""
    is_lwt = getattr(query, "is_lwt", None)
    if is_lwt is not None and is_lwt():
        return True
    return getattr(query, "consistency_level", None) in _SERIAL


def _host(host: Host) -> Host:
    """Return the one argument that the methods for events have."""
    return host


def default_lbp_factory() -> LoadBalancingPolicy:
    """Return a new policy of the kind that is used when none is given."""
    return TokenAwarePolicy(DCAwareRoundRobinPolicy())
