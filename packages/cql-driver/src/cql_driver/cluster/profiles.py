"""Execution profiles: named sets of choices of how requests are run, and all of them as one."""

from __future__ import annotations

from _weakref import ref

from cql_driver.cluster.values import MOST_SECONDS
from cql_driver.core.settings import RequestOptions
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.logs import get_logger, seldom
from cql_driver.policies import (
    HostDistance,
    LoadBalancingPolicy,
    NoSpeculativeExecutionPolicy,
    RetryPolicy,
    SpeculativeExecutionPolicy,
    default_lbp_factory,
    picker,
)
from cql_driver.query import named_tuple_factory
from cql_protocol.enums import ConsistencyLevel

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, Final

    from cql_driver.pools.host import Host

__all__ = [
    "EXEC_PROFILE_DEFAULT",
    "NOT_SET",
    "ExecutionProfile",
    "ProfileManager",
    "checked_consistency",
    "checked_profile",
    "checked_retry_policy",
    "checked_timeout",
    "default_lbp_factory",
    "profile_of",
]

log = get_logger("cql_driver.cluster")

_MOST_VARIANTS = 32


class _Marker:
    """An object that stands for itself alone, with a name to print."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        # It stands for itself in copies and pickles, too: by its name in this module.
        return self.name


NOT_SET: Any = _Marker("NOT_SET")
"""Stands for an argument that was not given, where None has a meaning."""

EXEC_PROFILE_DEFAULT: Final[Any] = _Marker("EXEC_PROFILE_DEFAULT")
"""The key of the profile that requests use which name none."""


class ExecutionProfile:
    """Choices of how requests are run; a cluster has one by default and any number by name.

    - `load_balancing_policy`: which hosts, in which order; token-aware in the local data
      centre if not given
    - `retry_policy`: what follows errors of a server
    - `consistency_level`, `serial_consistency_level`: numbers of `ConsistencyLevel`
    - `request_timeout`: seconds until the client gives up, None for never
    - `row_factory`: what rows become, see `cql_driver.query`
    - `speculative_execution_policy`: when to ask another host while one is slow; only for
      statements that are idempotent
    - `continuous_paging_options`: accepted, without effect

    Statements that have choices of their own keep them. Attributes may be changed; requests
    made afterwards follow. A request may also bring along a profile without a name: its policy
    is told of the hosts then, and connections are opened that no other profile has.

    Example::

        profile = ExecutionProfile(consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        cluster = Cluster(execution_profiles={EXEC_PROFILE_DEFAULT: profile})
    """

    load_balancing_policy: LoadBalancingPolicy
    retry_policy: Any
    consistency_level: int = ConsistencyLevel.LOCAL_ONE
    serial_consistency_level: int | None = None
    request_timeout: float | None = 10.0
    row_factory: Callable[..., Any] = staticmethod(named_tuple_factory)
    speculative_execution_policy: Any
    continuous_paging_options: Any = None

    __slots__ = ("__dict__", "__weakref__", "_options", "_variants")  # every request reads these

    _options: RequestOptions | None
    _variants: dict[int, ExecutionProfile] | None

    def __init__(
        self,
        load_balancing_policy: Any = NOT_SET,
        retry_policy: Any = None,
        consistency_level: Any = NOT_SET,
        serial_consistency_level: int | None = None,
        request_timeout: float | None = 10.0,
        row_factory: Callable[..., Any] = named_tuple_factory,
        speculative_execution_policy: Any = None,
        continuous_paging_options: Any = None,
    ) -> None:
        self._lbp_explicit = load_balancing_policy not in (NOT_SET, None)
        if not self._lbp_explicit:
            load_balancing_policy = default_lbp_factory()
        self.load_balancing_policy = load_balancing_policy
        self.retry_policy = RetryPolicy() if retry_policy is None else retry_policy
        if consistency_level is not NOT_SET:
            self.consistency_level = consistency_level
        self.serial_consistency_level = serial_consistency_level
        self.request_timeout = request_timeout
        self.row_factory = row_factory
        if speculative_execution_policy is None:
            speculative_execution_policy = NoSpeculativeExecutionPolicy()
        self.speculative_execution_policy = speculative_execution_policy
        self.continuous_paging_options = continuous_paging_options

    def __setattr__(self, name: str, value: Any) -> None:
        check = _CHECKS.get(name)
        if check is not None:
            value = check(name, value)
        object.__setattr__(self, name, value)
        if name[0] != "_":
            object.__setattr__(self, "_options", None)
            object.__setattr__(self, "_variants", None)

    def options(self) -> RequestOptions:
        """Return what the profile says, as the core asks for it."""
        found = self._options
        if found is None:
            speculative = self.speculative_execution_policy
            if type(speculative) is NoSpeculativeExecutionPolicy:
                speculative = None
            policy = self.load_balancing_policy
            found = RequestOptions(
                load_balancing_policy=policy,
                pick=picker(policy),
                retry_policy=self.retry_policy,
                consistency_level=self.consistency_level,
                serial_consistency_level=self.serial_consistency_level,
                timeout=self.request_timeout,
                row_factory=self.row_factory,
                speculative_execution_policy=speculative,
            )
            self._options = found
        return found

    def clone(self) -> ExecutionProfile:
        """Return a shallow copy: the policies are shared."""
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._options = copy._variants = None
        return copy

    def with_row_factory(self, row_factory: Callable[..., Any]) -> ExecutionProfile:
        """Return a profile that is as this one but for its rows; the same one each time."""
        variants = self._variants
        if variants is None:
            variants = self._variants = {}
        found = variants.get(id(row_factory))
        if found is None:
            found = self.clone()
            found.row_factory = row_factory
            if len(variants) >= _MOST_VARIANTS:  # a function of its own for each request, say
                variants.clear()
            variants[id(row_factory)] = found  # it holds the function, so that the id stays its own
        return found


def checked_consistency(name: str, value: Any, serial: bool = False) -> int:
    """Return a consistency level given as number or name; raise when it is none."""
    if isinstance(value, str):
        value = ConsistencyLevel.name_to_value.get(value.upper(), value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentType(
            f"{name}={value!r} is not a consistency level: use ConsistencyLevel.LOCAL_QUORUM "
            "or another of that class"
        )
    if value not in ConsistencyLevel.value_to_name:
        raise InvalidArgument(f"{name}={value!r} is not a number of ConsistencyLevel")
    if serial and not ConsistencyLevel.is_serial(value):
        raise InvalidArgument(
            f"{name}={ConsistencyLevel(value).name} is not serial: use SERIAL or LOCAL_SERIAL"
        )
    return int(value)


def checked_timeout(name: str, value: Any) -> float | None:
    """Return seconds, or None for no limit; raise when it is neither."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidArgumentType(f"{name}={value!r} is not a number of seconds, nor None")
    if not 0 <= value <= MOST_SECONDS:
        raise InvalidArgument(
            f"{name}={value!r}: 0 to {MOST_SECONDS:,} seconds; None means no limit"
        )
    return value


def checked_profile(name: str, value: Any) -> ExecutionProfile:
    """Return an `ExecutionProfile`; raise for its class and for anything else."""
    if isinstance(value, type):
        raise InvalidArgumentType(
            f"{name} is the class {value.__name__}: give an object, ExecutionProfile(...)"
        )
    if not isinstance(value, ExecutionProfile):
        raise InvalidArgumentType(f"{name}={value!r} is not an ExecutionProfile")
    return value


def checked_retry_policy(name: str, value: Any) -> Any:
    """Return a retry policy or None; raise for its class and for anything else."""
    return None if value is None else _CHECKS["retry_policy"](name, value)


def _instance_of(cls: type, *methods: str) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        if isinstance(value, type):
            raise InvalidArgumentType(
                f"{name} is the class {value.__name__}: give an object, {value.__name__}(...)"
            )
        if not isinstance(value, cls) and not all(hasattr(value, m) for m in methods):
            raise InvalidArgumentType(f"{name}={value!r} is not a {cls.__name__}")
        return value

    return check


def _row_factory(name: str, value: Any) -> Any:
    if not callable(value):
        raise InvalidArgumentType(
            f"{name}={value!r} cannot be called: give a function of (column names, rows), such as "
            "cql_driver.query.dict_factory"
        )
    return value


def _serial(name: str, value: Any) -> int | None:
    return None if value is None else checked_consistency(name, value, serial=True)


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "load_balancing_policy": _instance_of(LoadBalancingPolicy, "make_query_plan", "distance"),
    "retry_policy": _instance_of(RetryPolicy, "on_read_timeout", "on_write_timeout"),
    "speculative_execution_policy": _instance_of(SpeculativeExecutionPolicy, "new_plan"),
    "consistency_level": checked_consistency,
    "serial_consistency_level": _serial,
    "request_timeout": checked_timeout,
    "row_factory": _row_factory,
}


class ProfileManager:
    """All profiles of a cluster as one: a host is as near as the nearest profile has it.

    `profiles` maps names to profiles. It is also what the engine tells of hosts. Profiles that
    requests bring along without a name are told as well, for as long as somebody has them, or a
    request or result that was made by them.
    """

    def __init__(self, pools_allowed: bool = True) -> None:
        self.profiles: dict[Any, ExecutionProfile] = {}
        self.mark = object()
        """What options have as `known_to` when their policy was told of the hosts."""
        self._populated: tuple[Any, ...] = ()
        """The policies of named profiles that were told of the hosts."""
        self._guests: tuple[ref[RequestOptions], ...] = ()
        """What the profiles without a name say, whose policies were told too.

        Replaced on the loop.
        """
        self.pools_allowed = pools_allowed
        self.remote_allowed = True
        self.listeners: Callable[[], Iterable[Any]] = tuple

    @property
    def default(self) -> ExecutionProfile:
        """The profile of requests that name none."""
        return self.profiles[EXEC_PROFILE_DEFAULT]

    def policies(self) -> list[LoadBalancingPolicy]:
        """Return each load-balancing policy once."""
        found = {id(p.load_balancing_policy): p.load_balancing_policy for p in self._all()}
        return list(found.values())

    def _all(self) -> list[ExecutionProfile | RequestOptions]:
        return [*self.profiles.values(), *self._all_guests()]

    def _all_guests(self) -> list[RequestOptions]:
        return [options for guest in self._guests if (options := guest()) is not None]

    def watchers(self) -> Iterator[Any]:
        """Give what the profiles' policies go by that has to watch requests."""
        for profile in self._all():
            found = [profile.speculative_execution_policy]
            policy: Any = profile.load_balancing_policy
            while policy is not None:
                found.append(getattr(policy, "latency_awareness", None))
                policy = getattr(policy, "_child_policy", None)
            yield from (each for each in found if hasattr(each, "attempt_ended"))

    def check_supported(self) -> None:
        """Have each policy say whether it can work with this cluster."""
        for policy in self.policies():
            policy.check_supported()

    def populate(self, cluster: Any, hosts: Iterable[Host]) -> None:
        """Tell each policy of the cluster and its hosts."""
        known = list(hosts)
        policies = self.policies()
        for policy in policies:
            policy.populate(cluster, known)
        self._populated = tuple(policies)

    def populate_one(self, cluster: Any, profile: ExecutionProfile, hosts: Iterable[Host]) -> None:
        """Tell the policy of a profile that is about to get a name of the cluster and its hosts."""
        policy = profile.load_balancing_policy
        policy.populate(cluster, list(hosts))
        self._populated = (*self._populated, policy)

    def recognize(self, options: RequestOptions) -> bool:
        """Say whether the policy of a profile knows the hosts, and note it there."""
        policy = options.load_balancing_policy
        guests = (guest.load_balancing_policy for guest in self._all_guests())
        if not any(known is policy for known in (*self._populated, *guests)):
            return False
        options.known_to = self.mark
        return True

    def admit(self, cluster: Any, options: RequestOptions, hosts: Iterable[Host]) -> None:
        """Have the policy of a profile know the hosts, and be told of them from now on.

        On the loop, so that nothing is told meanwhile.
        """
        policy = options.load_balancing_policy
        policy.populate(cluster, list(hosts))
        policy.check_supported()
        alive = (guest for guest in self._guests if guest() is not None)
        self._guests = (*alive, ref(options))

    def distance(self, host: Host) -> int:
        """Return the smallest distance that a profile has for the host."""
        if not self.pools_allowed:
            return HostDistance.IGNORED
        distances = [policy.distance(host) for policy in self.policies()]
        used = [d for d in distances if d != HostDistance.IGNORED]
        nearest = min(used, default=HostDistance.IGNORED)
        if nearest == HostDistance.REMOTE and not self.remote_allowed:
            return HostDistance.IGNORED
        return nearest

    def make_query_plan(self) -> Iterator[Host]:
        """Return the plan of the default profile for a request of the driver's own."""
        return iter(self.default.load_balancing_policy.make_query_plan())

    def on_up(self, host: Host) -> None:
        """Tell policies, then listeners."""
        self._tell("on_up", host)

    def on_down(self, host: Host) -> None:
        """Tell policies, then listeners."""
        self._tell("on_down", host)

    def on_add(self, host: Host) -> None:
        """Tell policies, then listeners."""
        self._tell("on_add", host)

    def on_remove(self, host: Host) -> None:
        """Tell policies, then listeners."""
        self._tell("on_remove", host)

    def _tell(self, method: str, host: Host) -> None:
        for listener in (*self.policies(), *self.listeners()):
            try:
                getattr(listener, method)(host)
            except Exception as exc:  # noqa: BLE001 - policies and listeners of the user's
                key = (type(listener), method, type(exc))
                seldom(log.error, key, "%s.%s raised", listener, method, error=exc)


def profile_of(profiles: Mapping[Any, ExecutionProfile], wanted: Any) -> ExecutionProfile:
    """Return the profile with this name, or the profile itself when one is given."""
    if isinstance(wanted, ExecutionProfile):
        return wanted
    try:
        found: ExecutionProfile = profiles[wanted]
    except (KeyError, TypeError):
        names = ", ".join(sorted(map(repr, profiles)))
        raise InvalidArgument(
            f"execution_profile={wanted!r} is not known; there are: {names}. "
            "Cluster.add_execution_profile adds one"
        ) from None
    return found
