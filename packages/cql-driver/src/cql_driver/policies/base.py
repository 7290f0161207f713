"""What policies have in common: their interface, checks of arguments, and chance."""

from __future__ import annotations

import os
from _random import Random
from math import isfinite

from cql_driver.errors import InvalidArgument, InvalidArgumentType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from cql_driver.pools.host import Host

    Picker = Callable[[str | None, Any], Host | None]
    from typing import Any, TypeVar

    _T = TypeVar("_T")

__all__ = [
    "HostDistance",
    "HostStateListener",
    "LoadBalancingPolicy",
    "check_count",
    "check_instance",
    "check_name",
    "check_seconds",
    "has_steady_distances",
    "jittered",
    "live_hosts",
    "picker",
    "random",
    "rotated",
    "shuffled",
    "with_host",
    "without_host",
]


class HostDistance:
    """How far a node is, and so whether the driver connects to it. Smaller is nearer."""

    IGNORED = -1
    """No connection is opened, and no request sent."""
    LOCAL_RACK = 0
    """In this client's rack: asked first."""
    LOCAL = 1
    """In this client's data centre."""
    REMOTE = 2
    """Elsewhere: asked when nothing nearer answers."""


class HostStateListener:
    """Is told when nodes come, go, rise and fall; calls come one at a time, on the loop."""

    def on_up(self, host: Host) -> None:
        """`host` can be reached (again)."""
        raise NotImplementedError

    def on_down(self, host: Host) -> None:
        """`host` cannot be reached."""
        raise NotImplementedError

    def on_add(self, host: Host) -> None:
        """`host` belongs to the cluster now."""
        raise NotImplementedError

    def on_remove(self, host: Host) -> None:
        """`host` left the cluster."""
        raise NotImplementedError


class LoadBalancingPolicy(HostStateListener):
    """Decides which nodes are connected to, and in which order a request tries them.

    To write your own, override `populate`, `distance`, `make_query_plan` and the four
    `on_…`. These are called on the loop, one at a time; `make_query_plan` and `distance` may
    be called meanwhile by any thread, so replace whole immutable objects, as in::

        class OnlyTheFirst(LoadBalancingPolicy):
            hosts = ()

            def populate(self, cluster, hosts):
                self.hosts = tuple(hosts)

            def distance(self, host):
                return HostDistance.LOCAL

            def make_query_plan(self, working_keyspace=None, query=None):
                return self.hosts[:1]

            def on_up(self, host):
                self.hosts = tuple(h for h in self.hosts if h != host) + (host,)

            def on_down(self, host):
                self.hosts = tuple(h for h in self.hosts if h != host)

            on_add, on_remove = on_up, on_down
    """

    def __init__(self) -> None:
        pass

    def distance(self, host: Host) -> int:
        """Return how far `host` is, one of `HostDistance`."""
        raise NotImplementedError

    def populate(self, cluster: Any, hosts: Iterable[Host]) -> None:
        """Begin with these hosts; called once, before anything else.

        `cluster` has `metadata`, and `contact_endpoints`, the end points the user gave.
        """
        raise NotImplementedError

    def make_query_plan(
        self, working_keyspace: str | None = None, query: Any = None
    ) -> Iterable[Host]:
        """Return the hosts that a request shall try, the best first, each once.

        `working_keyspace` is the session's, `query` the statement; either may be None.
        """
        raise NotImplementedError

    def pick(self, working_keyspace: str | None, query: Any) -> Host | None:
        """Return what `make_query_plan` would have put first, at less cost; None: ask it.

        Nearly every request needs one host only. You need not override this: it is asked
        only where it fits the `make_query_plan` that the policy has (see `picker`).
        """
        return None

    def check_supported(self) -> None:
        """Raise an exception when this policy cannot work with the cluster.

        Called once the cluster's metadata is known.
        """


def _definer(cls: type, name: str) -> type | None:
    return next((base for base in cls.__mro__ if name in base.__dict__), None)


def _replaced(policy: Any, name: str) -> bool:
    """Say whether a method was assigned to this very object.

    Looking into its ``__dict__`` would tell, and make CPython's attribute access slower for
    good.
    """
    method = getattr(policy, name, None)
    return getattr(method, "__func__", None) is not getattr(type(policy), name, None)


def picker(policy: Any) -> Picker | None:
    """Return the policy's `pick` if it fits the policy's `make_query_plan`, else None.

    Who overrides `make_query_plan` and inherits `pick` would get plans that nobody reads,
    so `pick` counts only when it is defined by the same class or a more derived one.
    """
    found: Picker | None = getattr(policy, "pick", None)
    if found is None:
        return None
    if _replaced(policy, "pick"):
        return found
    if _replaced(policy, "make_query_plan"):
        return None
    of_pick, of_plan = (_definer(type(policy), name) for name in ("pick", "make_query_plan"))
    if of_pick is None or of_pick is LoadBalancingPolicy:
        return None
    return found if of_plan is None or issubclass(of_pick, of_plan) else None


def has_steady_distances(policy: Any) -> bool:
    """Say whether the policy's distances change only when it is told of hosts.

    True of our own policies that mark the class with `_steady_distances`, as long as nobody
    overrides `distance`, and their children have them too.
    """
    if _replaced(policy, "distance"):
        return False
    definer = _definer(type(policy), "distance")
    if definer is None or not definer.__dict__.get("_steady_distances", False):
        return False
    child = getattr(policy, "_child_policy", None)
    return child is None or has_steady_distances(child)


# --- tuples of hosts ----------------------------------------------------------------------
#
# Hosts compare by end point. When a node is replaced by another one at the same address, the
# new one may be added before the old one is removed, which must not remove the new one.


def live_hosts(hosts: Iterable[Host]) -> tuple[Host, ...]:
    """Return the hosts not known to be down, each once."""
    return tuple({host: host for host in hosts if host.is_up is not False}.values())


def with_host(hosts: tuple[Host, ...], host: Host) -> tuple[Host, ...]:
    """Return the hosts and `host`, which takes the place of an equal one."""
    if host not in hosts:
        return (*hosts, host)
    return tuple(host if known == host else known for known in hosts)


def without_host(hosts: tuple[Host, ...], host: Host) -> tuple[Host, ...]:
    """Return the hosts but `host`."""
    return tuple(
        known
        for known in hosts
        if known is not host and not (known == host and known.raw_id == host.raw_id)
    )


def rotated(hosts: tuple[Host, ...], turn: int) -> Iterator[Host]:
    """Return the hosts, beginning with another one at each turn."""
    if not hosts:
        return iter(())
    at = turn % len(hosts)
    return iter(hosts[at:] + hosts[:at])


def check_seconds(name: str, value: Any) -> float:
    """Return `value` when it is a time in seconds, 0 or more, and finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgumentType(f"{name} is {value!r}: give a number of seconds")
    if not isfinite(value) or value < 0:
        raise InvalidArgument(f"{name} is {value!r}: give a finite number of seconds, 0 or more")
    return value


def check_count(name: str, value: Any, least: int = 0) -> int:
    """Return `value` when it is a whole number, `least` or more."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentType(f"{name} is {value!r}: give a whole number")
    if value < least:
        raise InvalidArgument(f"{name} is {value}: give {least} or more")
    return value


def check_name(name: str, value: Any) -> str:
    """Return `value` when it is a text that is not empty."""
    if not isinstance(value, str):
        raise InvalidArgumentType(f"{name} is {value!r}: give its name as a str")
    if not value:
        raise InvalidArgument(f"{name} is empty: give its name as the nodes tell it")
    return value


def check_instance(name: str, value: Any, *methods: str) -> Any:
    """Return `value` when it is an object, no class, that has all these methods."""
    if isinstance(value, type):
        cls = value.__name__
        raise InvalidArgumentType(f"{name} is the class {cls}: give an instance, {cls}(...)")
    missing = [method for method in methods if not callable(getattr(value, method, None))]
    if missing:
        raise InvalidArgumentType(
            f"{name} is {value!r}, which has no method {missing[0]}: give a policy's instance"
        )
    return value


# The module `random` would bring hashlib along, which costs a cold start more than all
# policies together; its C base is enough here.
_source = Random()
random = _source.random
"""Return a number from 0 up to, but without, 1."""

if hasattr(os, "register_at_fork"):
    # Forked workers must not all make the same choices at the same time.
    os.register_at_fork(after_in_child=_source.seed)


def jittered(value: float, low: float, high: float) -> float:
    """Return a number within 15 % of `value`, and between `low` and `high`.

    It is spread evenly over what both allow, so that clients that are all at `high` do not
    come back in step.
    """
    least = max(low, value * 0.85)
    most = min(high, value * 1.15)
    return min(least + (most - least) * random(), high)


def shuffled(items: list[_T]) -> list[_T]:
    """Return the items in random order."""
    return sorted(items, key=lambda _: random())
