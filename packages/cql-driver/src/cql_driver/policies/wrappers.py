"""Policies around another policy, which choose among what that one offers."""

from __future__ import annotations

from itertools import chain

from cql_driver.errors import InvalidArgumentType
from cql_driver.policies.base import HostDistance, LoadBalancingPolicy, check_instance, picker

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from cql_driver.policies.base import Picker
    from cql_driver.pools.host import Host

__all__ = [
    "DSELoadBalancingPolicy",
    "DefaultLoadBalancingPolicy",
    "HostFilterPolicy",
    "WrapperPolicy",
]


class WrapperPolicy(LoadBalancingPolicy):
    """Passes everything on to `child_policy`: the base of policies that refine another one.

    A subclass overrides `make_query_plan` at least. Raises `InvalidArgumentType` when
    `child_policy` is a class or has not the methods of a policy.
    """

    _steady_distances = True
    _child_pick: Picker | None = None

    def __init__(self, child_policy: LoadBalancingPolicy) -> None:
        super().__init__()
        self._child_policy: LoadBalancingPolicy = check_instance(
            "child_policy", child_policy, "populate", "distance", "make_query_plan"
        )

    def populate(self, cluster: Any, hosts: Iterable[Host]) -> None:
        """Have the child begin with these hosts."""
        self._child_policy.populate(cluster, hosts)
        self._child_pick = picker(self._child_policy)

    def distance(self, *args: Any, **kwargs: Any) -> int:
        """Return what the child says of the host."""
        return self._child_policy.distance(*args, **kwargs)

    def check_supported(self) -> None:
        """Have the child check."""
        self._child_policy.check_supported()

    def on_up(self, *args: Any, **kwargs: Any) -> None:
        """Tell the child."""
        self._child_policy.on_up(*args, **kwargs)

    def on_down(self, *args: Any, **kwargs: Any) -> None:
        """Tell the child."""
        self._child_policy.on_down(*args, **kwargs)

    def on_add(self, *args: Any, **kwargs: Any) -> None:
        """Tell the child."""
        self._child_policy.on_add(*args, **kwargs)

    def on_remove(self, *args: Any, **kwargs: Any) -> None:
        """Tell the child."""
        self._child_policy.on_remove(*args, **kwargs)


class HostFilterPolicy(WrapperPolicy):
    """Uses those hosts of `child_policy` for which `predicate(host)` is true.

    The predicate is asked at every use, so what it says may change; the driver connects to
    a host that becomes allowed, and leaves one that no longer is, when hosts next change or
    are refreshed. It must be quick, may be called by any thread, and must not raise.

    Raises `InvalidArgumentType` when `child_policy` is no instance of a policy, or
    `predicate` cannot be called.

    Example::

        policy = HostFilterPolicy(
            RoundRobinPolicy(), lambda host: host.rack in {"1a", "1b"}
        )
    """

    _steady_distances = False

    def __init__(
        self, child_policy: LoadBalancingPolicy, predicate: Callable[[Host], bool]
    ) -> None:
        super().__init__(child_policy)
        if not callable(predicate):
            raise InvalidArgumentType(f"predicate is {predicate!r}: give a function of a host")
        self._predicate = predicate

    @property
    def predicate(self) -> Callable[[Host], bool]:
        """The function that says whether a host is used."""
        return self._predicate

    def populate(self, cluster: Any, hosts: Iterable[Host]) -> None:
        """Have the child begin with these hosts, allowed or not."""
        super().populate(cluster, hosts)

    def distance(self, host: Host) -> int:
        """Return what the child says, and IGNORED of a host that is not allowed."""
        return self._child_policy.distance(host) if self._predicate(host) else HostDistance.IGNORED

    def check_supported(self) -> None:
        """Have the child check."""
        super().check_supported()

    def make_query_plan(
        self, working_keyspace: str | None = None, query: Any = None
    ) -> Iterator[Host]:
        """Return the allowed hosts of the child's plan."""
        plan = self._child_policy.make_query_plan(working_keyspace, query)
        return filter(self._predicate, plan)

    def pick(self, working_keyspace: str | None, query: Any) -> Host | None:
        """Return an allowed host that the child picks, if one comes soon."""
        child_pick = self._child_pick
        if child_pick is None:
            return None
        for _ in range(4):
            host = child_pick(working_keyspace, query)
            if host is None:
                return None
            if self._predicate(host):
                return host
        return None

    def on_up(self, host: Host, *args: Any, **kwargs: Any) -> None:
        """Tell the child, whether the host is allowed or not: that may change."""
        super().on_up(host, *args, **kwargs)

    def on_down(self, host: Host, *args: Any, **kwargs: Any) -> None:
        """Tell the child, whether the host is allowed or not: that may change."""
        super().on_down(host, *args, **kwargs)

    def on_add(self, host: Host, *args: Any, **kwargs: Any) -> None:
        """Tell the child, whether the host is allowed or not: that may change."""
        super().on_add(host, *args, **kwargs)

    def on_remove(self, host: Host, *args: Any, **kwargs: Any) -> None:
        """Tell the child, whether the host is allowed or not: that may change."""
        super().on_remove(host, *args, **kwargs)


class DefaultLoadBalancingPolicy(WrapperPolicy):
    """Tries the host that the statement names as `target_host` first, then the child's plan.

    `target_host` is an address, or a `Host`; without it the child's plan is taken as it is.
    """

    _metadata: Any = None

    def populate(self, cluster: Any, hosts: Iterable[Host]) -> None:
        """Have the child begin with these hosts."""
        self._metadata = cluster.metadata
        super().populate(cluster, hosts)

    def make_query_plan(
        self, working_keyspace: str | None = None, query: Any = None
    ) -> Iterator[Host]:
        """Return the statement's target, if it is up, and then the child's plan."""
        keyspace = getattr(query, "keyspace", None) or working_keyspace
        plan = self._child_policy.make_query_plan(keyspace, query)
        target = self._target(query)
        if target is None or not target.is_up:
            return iter(plan)
        return chain((target,), (host for host in plan if host != target))

    def pick(self, working_keyspace: str | None, query: Any) -> Host | None:
        """Return what the child picks, unless the statement has a target."""
        child_pick = self._child_pick
        if child_pick is None or getattr(query, "target_host", None) is not None:
            return None
        return child_pick(getattr(query, "keyspace", None) or working_keyspace, query)

    def _target(self, query: Any) -> Host | None:
        target = getattr(query, "target_host", None)
        if target is None or self._metadata is None:
            return None
        if hasattr(target, "is_up"):
            host: Host = target
            return host
        found: Host | None = self._metadata.get_host(target)
        return found


class DSELoadBalancingPolicy(DefaultLoadBalancingPolicy):
    """The former name of `DefaultLoadBalancingPolicy`; deprecated."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        import warnings

        warnings.warn(
            "DSELoadBalancingPolicy is deprecated: use DefaultLoadBalancingPolicy",
            DeprecationWarning,
            stacklevel=2,
        )
        super().__init__(*args, **kwargs)
