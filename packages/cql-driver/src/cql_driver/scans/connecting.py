"""How another process connects to the cluster of a session: as its own cluster is configured.

What cannot be sent to another process raises before any is started, and says what to do.
"""

from __future__ import annotations

import atexit
import io
import os
import pickle
import threading
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from cql_driver.cluster.cluster import Cluster
from cql_driver.cluster.configuration import _DEFAULTS as OPTION_DEFAULTS
from cql_driver.cluster.configuration import OPTIONS, Configuration
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET, ExecutionProfile
from cql_driver.cluster.session import Session
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.handlers import ProtocolHandler
from cql_driver.policies import (
    DCAwareRoundRobinPolicy,
    DefaultLoadBalancingPolicy,
    ExponentialReconnectionPolicy,
    HostDistance,
    HostFilterPolicy,
    LatencyAwareness,
    RackAwareRoundRobinPolicy,
    RoundRobinPolicy,
    TokenAwarePolicy,
    WhiteListRoundRobinPolicy,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Connector", "close_sessions", "pickled", "session_of"]

# --- pickling ------------------------------------------------------------------------------------


def _token_aware(child: Any, shuffle: bool, weighs: bool, awareness: Any) -> TokenAwarePolicy:
    return TokenAwarePolicy(child, shuffle, avoid_slow_replicas=weighs, latency_awareness=awareness)


_MADE_OF: dict[type, tuple[Callable[..., Any], tuple[str, ...]]] = {
    RoundRobinPolicy: (RoundRobinPolicy, ()),
    WhiteListRoundRobinPolicy: (WhiteListRoundRobinPolicy, ("_allowed",)),
    DCAwareRoundRobinPolicy: (
        DCAwareRoundRobinPolicy,
        ("local_dc", "used_hosts_per_remote_dc"),
    ),
    RackAwareRoundRobinPolicy: (
        RackAwareRoundRobinPolicy,
        ("local_dc", "local_rack", "used_hosts_per_remote_dc"),
    ),
    HostFilterPolicy: (HostFilterPolicy, ("_child_policy", "predicate")),
    DefaultLoadBalancingPolicy: (DefaultLoadBalancingPolicy, ("_child_policy",)),
    TokenAwarePolicy: (
        _token_aware,
        ("_child_policy", "shuffle_replicas", "avoid_slow_replicas", "latency_awareness"),
    ),
    LatencyAwareness: (
        LatencyAwareness,
        ("exclusion_threshold", "scale", "retry_period", "min_measured"),
    ),
}
"""Objects that know hosts once they are in use, and what each is made of anew."""

_PROFILE = (
    "retry_policy",
    "consistency_level",
    "serial_consistency_level",
    "request_timeout",
    "row_factory",
)


class _Pickler(pickle.Pickler):
    """Writes objects that are in use as they were when they were made."""

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind in _MADE_OF:
            make, names = _MADE_OF[kind]
            return make, tuple(getattr(obj, name) for name in names)
        if kind is ExecutionProfile:
            policy = obj.load_balancing_policy if obj._lbp_explicit else None
            return partial(ExecutionProfile, policy), tuple(getattr(obj, n) for n in _PROFILE)
        return NotImplemented


def pickled(name: str, value: Any, remedy: str) -> bytes:
    """Return what was given as `name` as bytes; raise `InvalidArgument` where it cannot be."""
    out = io.BytesIO()
    try:
        _Pickler(out, 5).dump(value)
    except Exception as exc:
        raise InvalidArgument(
            f"{name} cannot be sent to another process ({type(exc).__name__}: {exc}): {remedy}"
        ) from exc
    return out.getvalue()


# --- the configuration ---------------------------------------------------------------------------

_OF_THIS_PROCESS = {
    *("connection_class", "reactor", "runtime", "observers", "metrics_enabled", "executor_threads"),
    *("timestamp_generator", "execution_profiles", "load_balancing_policy"),
    *("default_retry_policy", "conviction_policy_factory", "eager_schema", "prepare_on_all_hosts"),
    *("background_thread", "reconnect_after_fork", "driver_config_reporting_enabled"),
    *("cloud", "scylla_cloud", "column_encryption_policy", "client_routes_config"),
    *("self", "return", "options"),
}
"""Parameters of `Cluster` that say nothing of how to reach it, or only of this process."""

_CARRIED = tuple(
    name
    for name in (*Configuration.__init__.__annotations__, *OPTIONS)
    if name not in _OF_THIS_PROCESS
)

_signature = Configuration.__init__
_defaults = dict(
    zip(
        reversed(_signature.__code__.co_varnames[: _signature.__code__.co_argcount]),
        reversed(_signature.__defaults__ or ()),
        strict=False,
    )
)
_defaults |= OPTION_DEFAULTS
_defaults["reconnection_policy"] = ExponentialReconnectionPolicy(1.0, 600.0)


def _is_default(name: str, value: Any) -> bool:
    """Say whether a parameter has the value that it has when it is not given."""
    default = _defaults.get(name)
    if type(value) is not type(default):
        return False
    state = getattr(value, "__dict__", None)
    return bool(value == default) or (state is not None and state == vars(default))


_REMEDIES = {
    "ssl_context": "give Cluster a function of a module, ssl_context=make_context",
    "execution_profile": "use policies and a row factory that can be pickled",
}
_ANY_REMEDY = "give one that can be pickled"
_CONNECT = "or give connect=, a function of a module that returns a session"


_MORE_POINTS = 8


class Connector:
    """How to connect in another process: `connect`, or the configuration of the session's cluster.

    It can be pickled where that can. With `connect`, a function without parameters that returns a
    connected `cql_driver.cluster.Session`, nothing else matters.
    """

    __slots__ = ("_connect", "_pickled", "_profile", "_session")

    def __init__(self, session: Any, profile: Any, connect: Callable[[], Session] | None) -> None:
        if connect is not None and not callable(connect):
            raise InvalidArgumentType(
                f"connect={connect!r} cannot be called: give a function that returns a session"
            )
        self._session = session
        self._profile = profile
        self._connect = connect
        self._pickled: bytes | None = None

    @classmethod
    def of(cls, data: bytes) -> Connector:
        """Return the connector that `data` is the pickle of."""
        made = cls(None, None, None)
        made._pickled = data
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return Connector.of, (self.data,)

    @property
    def data(self) -> bytes:
        """What it is, as bytes; raises `InvalidArgument` where something cannot be pickled."""
        found = self._pickled
        if found is None:
            if self._connect is not None:
                found = pickled("connect", self._connect, "give a function of a module")
            else:
                found = self._recipe()
            self._pickled = found
        return found

    def _recipe(self) -> bytes:
        session = self._session
        cluster = session.cluster
        named = {name: getattr(cluster, name, NOT_SET) for name in _CARRIED}
        given = {
            name: value
            for name, value in named.items()
            if value is not NOT_SET and not _is_default(name, value)
        }
        given["contact_points"] = _points(cluster, self._profile.load_balancing_policy)
        if not cluster._protocol_explicit:
            given.pop("protocol_version", None)
        given["execution_profile"] = self._profile.clone()
        given["execution_profile"].row_factory = ExecutionProfile.row_factory
        if session.client_protocol_handler is not ProtocolHandler:
            given["client_protocol_handler"] = session.client_protocol_handler
        if cluster._user_types:
            given["user_types"] = cluster._user_types
        try:
            return pickled("", given, "")
        except InvalidArgument:
            for name, value in given.items():
                pickled(name, value, f"{_REMEDIES.get(name, _ANY_REMEDY)}, {_CONNECT}")
            raise

    def own_session(self) -> Session | None:
        """Return the session that partitions were planned with, if it can be used here."""
        session = self._session
        if self._connect is None and isinstance(session, Session) and not session.is_shutdown:
            return None if session.cluster._forked else session
        return None

    def open(self) -> Session:
        """Connect; the session's cluster is the caller's to shut down."""
        made = pickle.loads(self.data)
        if callable(made):
            session = made()
            if not isinstance(session, Session):
                raise InvalidArgumentType(f"connect returned {session!r}, which is no Session")
            return session
        handler = made.pop("client_protocol_handler", None)
        types = made.pop("user_types", {})
        profiles = {EXEC_PROFILE_DEFAULT: made.pop("execution_profile")}
        cluster = Cluster(**made, execution_profiles=profiles, reactor="selector")
        try:
            session = cluster.connect()
            for (keyspace, name), cls in types.items():
                cluster.register_user_type(keyspace, name, cls)
        except BaseException:
            cluster.shutdown()
            raise
        if handler is not None:
            session.client_protocol_handler = handler
        return session


def _points(cluster: Any, policy: Any) -> list[Any]:
    """Return the contact points, and behind them other local nodes, as the former may be down."""
    points = cluster.contact_points
    if not isinstance(points, (list, tuple)):
        points = cluster.contact_endpoints  # an iterator is used up
    known = set(cluster.contact_endpoints)
    others = (
        host.endpoint
        for host in cluster.metadata.all_hosts()
        if host.is_up
        and host.endpoint not in known
        # Those of another data centre might have a policy take it for the local one.
        and policy.distance(host) == HostDistance.LOCAL
    )
    return [*points, *islice(others, _MORE_POINTS)]


_sessions: dict[Any, Session] = {}
_lock = threading.Lock()


def _forked() -> None:
    """Have another lock in a forked child, in which nobody would give this one back."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def session_of(connector: Connector) -> Session:
    """Return this process's session for partitions that are read without one.

    Where they were planned it is the one that was used for that, else it is made by the first
    call, and closed at the end of the process.
    """
    own = connector.own_session()
    if own is not None:
        return own
    key = os.getpid(), connector.data
    with _lock:  # the threads of a worker begin all at once
        session = _sessions.get(key)
        if session is None or session.is_shutdown:
            session = connector.open()
            if not _sessions:
                atexit.register(close_sessions)
            _sessions[key] = session
        return session


def close_sessions() -> None:
    """Close what `session_of` has made in this process."""
    for (pid, _), session in _sessions.items():
        if pid == os.getpid():
            session.cluster.shutdown()
    _sessions.clear()
