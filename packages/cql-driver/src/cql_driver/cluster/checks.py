"""What each parameter of `Cluster` may be."""

from __future__ import annotations

from cql_driver.addresses import checked_port
from cql_driver.cluster.values import (
    checked_bool,
    checked_callable,
    checked_compression,
    checked_count,
    checked_instance,
    checked_protocol_version,
    checked_seconds,
    checked_sockopts,
    checked_timestamps,
)
from cql_driver.errors import InvalidArgument, InvalidArgumentType

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Check = Callable[[str, Any], Any]

__all__ = ["CHECKS"]


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


def _reactor(name: str, value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise InvalidArgumentType(
            f"{name}={value!r} is not the name of an event loop, such as 'selector'"
        )
    return value


CHECKS: dict[str, Check] = {
    "port": lambda name, value: checked_port(value),
    "compression": lambda name, value: checked_compression(value),
    "protocol_version": lambda name, value: checked_protocol_version(value),
    "sockopts": lambda name, value: checked_sockopts(value),
    "cql_version": _text,
    "auth_provider": _instance(("new_authenticator",), "PlainTextAuthProvider('user', 'secret')"),
    "reconnection_policy": _instance(
        ("new_schedule",), "ExponentialReconnectionPolicy(1, 600)", none=False
    ),
    "conviction_policy_factory": _callable("a class such as SimpleConvictionPolicy"),
    "timestamp_generator": checked_timestamps,
    "address_translator": _instance(("translate",), "IdentityTranslator()"),
    "endpoint_factory": _instance(("configure", "create"), "DefaultEndPointFactory()"),
    "application_info": _instance(("add_startup_options",), "ApplicationInfo(...)"),
    "metrics_enabled": checked_bool,
    "schema_metadata_enabled": checked_bool,
    "token_metadata_enabled": checked_bool,
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
