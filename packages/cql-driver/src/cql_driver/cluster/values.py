"""What each parameter of `Cluster` may be, and checks of values that several share."""

from __future__ import annotations

from cql_driver.addresses import checked_port
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.pools.host import Host
from cql_protocol.enums import ProtocolVersion
from cql_protocol.errors import PluginError
from cql_protocol.types.base import show

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Check = Callable[[str, Any], Any]

__all__ = [
    "CHECKS",
    "checked_bool",
    "checked_callable",
    "checked_connection_class",
    "checked_count",
    "checked_host",
    "checked_instance",
    "checked_name",
    "checked_protocol_version",
    "checked_seconds",
    "checked_timestamps",
    "not_a_timestamp",
]


MOST_SECONDS = 10**9
"""Thirty years; clocks and locks cannot wait for much longer."""
_LONGEST_NAME = 65535


def checked_seconds(name: str, value: Any, *, none: bool = True, negative: bool = False) -> Any:
    """Return a number of seconds; raise when it is none, or negative where that has no meaning."""
    if value is None and none:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        also = ", nor None" if none else ""
        raise InvalidArgumentType(f"{name}={value!r} is not a number of seconds{also}")
    if value != value or (value < 0 and not negative):
        raise InvalidArgument(f"{name}={value!r}: seconds cannot be negative, nor NaN")
    if value > MOST_SECONDS:
        also = "; None means no limit" if none else ""
        raise InvalidArgument(f"{name}={value!r}: at most {MOST_SECONDS:,} seconds{also}")
    return value


def checked_count(name: str, value: Any, low: int, high: int) -> int:
    """Return an int between the bounds; raise otherwise."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentType(f"{name}={value!r} is not an int")
    if not low <= value <= high:
        raise InvalidArgument(f"{name}={value!r}: it can be {low:,} to {high:,}")
    return value


def checked_name(name: str, value: Any, what: str) -> str:
    """Return the name of a keyspace or a type (`what`); raise for what can be none."""
    if not isinstance(value, str):
        raise InvalidArgumentType(f"{name}={show(value)} is not the name of a {what}: give a str")
    if not value or "\0" in value:
        how = "has a NUL in it" if value else "is empty"
        raise InvalidArgument(f"{name}={show(value)} {how}: no name of a {what} can")
    try:
        size = len(value.encode())
    except UnicodeEncodeError as exc:
        raise InvalidArgument(
            f"{name}={show(value)} is not the name of a {what}: it cannot be written in UTF-8"
        ) from exc
    if size > _LONGEST_NAME:
        raise InvalidArgument(f"{name}={show(value)} is too long for the name of a {what}")
    return value


def checked_timestamps(name: str, value: Any) -> Any:
    """Return a generator of timestamps or None; raise for its class and for anything else."""
    if value is not None and (isinstance(value, type) or not callable(value)):
        given = f" is the class {value.__name__}" if isinstance(value, type) else f"={value!r}"
        raise InvalidArgumentType(
            f"{name}{given}: give an object that returns microseconds since the epoch when it is "
            "called, such as MonotonicTimestampGenerator()"
        )
    return value


def not_a_timestamp(value: Any) -> InvalidArgumentType:
    """Return the error for what a generator of timestamps returned."""
    return InvalidArgumentType(
        f"timestamp_generator returned {show(value)}, which are no microseconds since the epoch"
    )


def checked_host(name: str, value: Any) -> Host:
    """Return a `Host`; raise for anything else, such as its address."""
    if not isinstance(value, Host):
        raise InvalidArgumentType(
            f"{name}={value!r} is not a Host: take one of cluster.metadata.all_hosts()"
        )
    return value


def checked_bool(name: str, value: Any) -> bool:
    """Return a bool; raise when it is something else, which would be taken for true."""
    if not isinstance(value, bool):
        raise InvalidArgumentType(f"{name}={value!r} is neither True nor False")
    return value


def checked_instance(
    name: str, value: Any, methods: Sequence[str], example: str, *, none: bool = True
) -> Any:
    """Return an object that has these methods; raise for its class and for anything else."""
    if value is None and none:
        return None
    if isinstance(value, type):
        raise InvalidArgumentType(
            f"{name} is the class {value.__name__}: give an object, {value.__name__}(...)"
        )
    for method in methods:
        if not callable(getattr(value, method, None)):
            raise InvalidArgumentType(
                f"{name}={value!r} has no method {method}: give an object such as {example}"
            )
    return value


def checked_callable(name: str, value: Any, what: str) -> Callable[..., Any]:
    """Return something that can be called; raise otherwise."""
    if not callable(value):
        raise InvalidArgumentType(f"{name}={value!r} cannot be called: give {what}")
    return value  # type: ignore[no-any-return]


def checked_protocol_version(value: Any) -> int:
    """Return a protocol version this driver speaks; raise for others."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgumentType(
            f"protocol_version={value!r} is not an int: use 3, 4 or 5, or leave it out to have it "
            "negotiated"
        )
    if value not in ProtocolVersion.SUPPORTED_VERSIONS:
        spoken = ", ".join(map(str, sorted(ProtocolVersion.SUPPORTED_VERSIONS)))
        raise InvalidArgument(
            f"protocol_version={value} is not spoken by this driver; it speaks {spoken}"
        )
    return int(value)


def checked_compression(value: Any) -> bool | str:
    """Return True, False or the name of a compression that can be had; raise otherwise."""
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise InvalidArgumentType(
            f"compression={value!r}: give True, False, or a name such as 'lz4'"
        )
    from cql_protocol.connection.base import load_compressor

    try:
        load_compressor(value, 4)
    except PluginError as exc:
        raise InvalidArgument(f"compression={value!r} cannot be had: {exc}") from exc
    return value


def checked_sockopts(value: Any) -> tuple[tuple[Any, ...], ...]:
    """Return socket options, each the arguments of `socket.setsockopt`; raise otherwise."""
    if value is None:
        return ()
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise InvalidArgumentType(
            f"sockopts={value!r}: give a list of tuples (level, option, value)"
        )
    options = []
    for option in value:
        if not isinstance(option, (tuple, list)) or len(option) not in (3, 4):
            raise InvalidArgument(
                f"sockopts has {option!r}: each is a tuple (level, option, value), the arguments "
                "of socket.setsockopt"
            )
        if not all(isinstance(part, int) for part in option[:2]):
            raise InvalidArgumentType(
                f"sockopts has {option!r}: in (level, option, value) the first two are ints, such "
                "as socket.SOL_SOCKET and socket.SO_KEEPALIVE"
            )
        options.append(tuple(option))
    return tuple(options)


def _seconds(**kwargs: bool) -> Check:
    return lambda name, value: checked_seconds(name, value, **kwargs)


def _count(low: int, high: int) -> Check:
    return lambda name, value: checked_count(name, value, low, high)


def _instance(methods: Sequence[str], example: str, *, none: bool = True) -> Check:
    return lambda name, value: checked_instance(name, value, methods, example, none=none)


def _choice(*allowed: str) -> Check:
    def check(name: str, value: Any) -> str:
        value = getattr(value, "value", value)
        if value not in allowed:
            told = ", ".join(map(repr, allowed))
            raise InvalidArgument(f"{name}={value!r}: it can be {told}")
        return str(value)

    return check


def _text(name: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidArgumentType(f"{name}={value!r} is not a str")
    return value


def _callable(what: str) -> Check:
    return lambda name, value: checked_callable(name, value, what)


def _observers(name: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise InvalidArgumentType(f"{name}={value!r}: give a list of Observer objects")
    found = tuple(value)
    for observer in found:
        checked_instance(f"an item of {name}", observer, ("request_ended",), "Observer()")
    return found


def _names(name: str, value: Any) -> frozenset[str] | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise InvalidArgumentType(f"{name}={value!r}: give a list of names of keyspaces")
    return frozenset(checked_name(f"an item of {name}", each, "keyspace") for each in value)


def _reactor(name: str, value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise InvalidArgumentType(
            f"{name}={value!r} is not the name of an event loop, such as 'selector'"
        )
    return value


def checked_connection_class(name: str, value: Any) -> Any:
    """Return a class that names a reactor, or None; raise otherwise."""
    reactor = getattr(value, "reactor", None)
    if value is not None and not (isinstance(value, type) and reactor and isinstance(reactor, str)):
        shown = value.__qualname__ if isinstance(value, type) else repr(value)
        raise InvalidArgumentType(
            f"{name}={shown} names no event loop: give a class of cql_reactors, such as "
            "cql_reactors.geventreactor.GeventConnection, or reactor='gevent'"
        )
    return value


CHECKS: dict[str, Check] = {
    "connection_class": checked_connection_class,
    "port": lambda name, value: checked_port(value),
    "compression": lambda name, value: checked_compression(value),
    "protocol_version": lambda name, value: checked_protocol_version(value),
    "sockopts": lambda name, value: checked_sockopts(value),
    "cql_version": _text,
    "auth_provider": _instance(("new_authenticator",), "PlainTextAuthProvider('user', 'secret')"),
    "reconnection_policy": _instance(
        ("new_schedule",), "ExponentialReconnectionPolicy(1, 600)", none=False
    ),
    "sick_node_policy": _instance(("new_trials",), "SickNodePolicy()"),
    "conviction_policy_factory": _callable("a class such as SimpleConvictionPolicy"),
    "timestamp_generator": checked_timestamps,
    "address_translator": _instance(("translate",), "IdentityTranslator()"),
    "endpoint_factory": _instance(("configure", "create"), "DefaultEndPointFactory()"),
    "application_info": _instance(("add_startup_options",), "ApplicationInfo(...)"),
    "metrics_enabled": checked_bool,
    "schema_metadata_enabled": checked_bool,
    "token_metadata_enabled": checked_bool,
    "eager_schema": checked_bool,
    "schema_keyspaces": _names,
    "prepare_on_all_hosts": checked_bool,
    "reprepare_on_up": checked_bool,
    "allow_beta_protocol_version": checked_bool,
    "no_compact": checked_bool,
    "driver_config_reporting_enabled": checked_bool,
    "background_thread": checked_bool,
    "reconnect_after_fork": checked_bool,
    "max_schema_agreement_wait": _seconds(none=False, negative=True),
    "control_connection_timeout": _seconds(),
    "metadata_request_timeout": _seconds(),
    "connect_timeout": _seconds(),
    "wait_for_cluster": _seconds(),
    "idle_heartbeat_interval": _seconds(none=False),
    "idle_heartbeat_timeout": _seconds(none=False),
    "schema_event_refresh_window": _seconds(none=False, negative=True),
    "topology_event_refresh_window": _seconds(none=False, negative=True),
    "status_event_refresh_window": _seconds(none=False, negative=True),
    "schema_metadata_page_size": _count(1, 1 << 31),
    "executor_threads": _count(1, 1 << 16),
    "connections_per_host": _count(1, 1024),
    "max_connections_per_host": _count(1, 1024),
    "max_requests_per_connection": _count(1, 32768),
    "max_waiting_requests": _count(0, 1 << 31),
    "orphan_threshold": _count(1, 32768),
    "prepared_cache_size": _count(1, 1 << 31),
    "overload": _choice("wait", "raise"),
    "allow_control_connection_query_fallback": _choice(
        "disabled", "fallback", "skip_pool_creation"
    ),
    "observers": _observers,
    "reactor": _reactor,
}
"""By the parameter's name: what returns the value to keep, or raises naming the parameter."""
