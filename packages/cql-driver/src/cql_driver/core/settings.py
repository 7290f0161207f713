"""`Settings` of an engine and `RequestOptions` of a profile: what the core must know of them."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

    from cql_driver.core.observers import Observer
    from cql_driver.core.runtime import Runtime
    from cql_driver.core.tls import TlsSettings
    from cql_driver.pools.host import Host

__all__ = ["NEVER", "TICK", "Pulse", "RequestOptions", "Settings", "ticks"]

TICK = 0.02
"""Seconds between two looks for requests that ran out of time."""
NEVER = 1 << 62
"""The deadline, in ticks, of what has none."""


def ticks(timeout: float | None) -> int:
    """Return how many ticks a request with this time-out may take, at least."""
    return NEVER if timeout is None else int(timeout / TICK) + 1


class Pulse:
    """What of an engine is read for every request."""

    __slots__ = ("runtime", "sweeping", "tick", "watched")

    runtime: Runtime
    sweeping: bool
    """Whether somebody looks for requests that ran out of time."""
    tick: int
    """How many times `TICK` has passed."""
    watched: bool
    """Whether any observer wants to see requests."""


class RequestOptions:
    """How requests of one execution profile are run, resolved once.

    Deadlines are counted in ticks of the engine, so that arming one costs an addition.

    `timeout` is in seconds or None; `pick` is the cheap way to the first host, or None when
    the policy has none that fits its plan. `known_to` is what a cluster's profiles set when the
    load-balancing policy knows its hosts, see `ProfileManager.mark`.
    """

    __slots__ = (
        "__weakref__",
        "consistency_level",
        "known_to",
        "load_balancing_policy",
        "pick",
        "retry_policy",
        "row_factory",
        "serial_consistency_level",
        "speculative_execution_policy",
        "ticks",
        "timeout",
    )

    def __init__(
        self,
        *,
        load_balancing_policy: Any,
        pick: Callable[[str | None, Any], Host | None] | None,
        retry_policy: Any,
        consistency_level: int,
        serial_consistency_level: int | None,
        timeout: float | None,
        row_factory: Callable[..., Any],
        speculative_execution_policy: Any = None,
    ) -> None:
        self.load_balancing_policy = load_balancing_policy
        self.pick = pick
        self.retry_policy = retry_policy
        self.consistency_level = consistency_level
        self.serial_consistency_level = serial_consistency_level
        self.timeout = timeout
        self.ticks = ticks(timeout)
        self.row_factory = row_factory
        self.speculative_execution_policy = speculative_execution_policy
        self.known_to: object = None


class Settings:
    """The configuration of one engine, validated before; times are in seconds.

    `Cluster` documents what each means to a user. Attributes may be changed while the
    engine runs where their text there says so; others are read once.
    """

    contact_points: Sequence[Any] = ()
    """End points to begin with, unresolved."""
    port: int = 9042
    protocol_version: int = 5
    protocol_version_explicit: bool = False
    allow_beta_protocol_version: bool = False
    compression: bool | str = True
    cql_version: str | None = None
    no_compact: bool = False
    startup_options: dict[str, str]
    """What STARTUP says of driver and application."""
    auth_provider: Any = None
    tls: TlsSettings | None = None
    sockopts: Sequence[tuple[Any, ...]] = ()
    connect_timeout: float | None = 5.0
    wait_for_cluster: float | None = None
    control_connection_timeout: float | None = 2.0
    idle_heartbeat_interval: float = 30.0
    idle_heartbeat_timeout: float = 30.0
    max_schema_agreement_wait: float = 10.0
    schema_event_refresh_window: float = 2.0
    topology_event_refresh_window: float = 10.0
    status_event_refresh_window: float = 2.0
    schema_metadata_enabled: bool = True
    eager_schema: bool = False
    schema_keyspaces: Collection[str] | None = None
    token_metadata_enabled: bool = True
    schema_metadata_page_size: int = 1000
    metadata_request_timeout: float | None = None
    address_translator: Any = None
    endpoint_factory: Any = None
    reconnection_policy: Any = None
    sick_node_policy: Any = None
    conviction_policy_factory: Callable[[Any], Any] | None = None
    prepare_on_all_hosts: bool = True
    reprepare_on_up: bool = True
    prepared_cache_size: int = 5000
    connections_per_host: int = 1
    max_connections_per_host: int = 4
    max_requests_per_connection: int = 2048
    max_waiting_requests: int = 1 << 17
    """Requests of one session that may wait for a place on a connection."""
    overload: str = "wait"
    """``"wait"`` for a place up to max_waiting_requests, or ``"raise"`` at once."""
    orphan_threshold: int = 1024
    """Timed-out requests on one connection above which it is replaced."""
    max_attempts: int = 64
    """Attempts of one request, whatever a retry policy says."""
    control_connection_query_fallback: str = "disabled"
    """``"disabled"``, ``"fallback"`` or ``"skip_pool_creation"``."""
    observers: Sequence[Observer] = ()

    def __init__(self, **fields: Any) -> None:
        self.startup_options = {}
        for name, value in fields.items():
            if not hasattr(type(self), name) and name != "startup_options":
                raise TypeError(f"Settings has no {name!r}")
            setattr(self, name, value)
