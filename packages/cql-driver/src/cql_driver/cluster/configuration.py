"""`Configuration`: every parameter of `Cluster`, checked when it is given."""

from __future__ import annotations

import os
from functools import cached_property

from cql_driver.cluster.profiles import (
    EXEC_PROFILE_DEFAULT,
    NOT_SET,
    ExecutionProfile,
    checked_profile,
    checked_retry_policy,
)
from cql_driver.cluster.values import CHECKS, checked_connection_class, checked_instance
from cql_driver.connection import (
    DRIVER_NAME,
    DRIVER_VERSION,
    DefaultEndPointFactory,
    contact_endpoints,
)
from cql_driver.core.settings import Settings
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.policies import (
    ExponentialReconnectionPolicy,
    RetryPolicy,
    SickNodePolicy,
    SimpleConvictionPolicy,
)
from cql_driver.timestamps import MonotonicTimestampGenerator
from cql_protocol.enums import ProtocolVersion
from cql_protocol.errors import UnsupportedOperation

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Unpack
    from uuid import UUID

    from cql_driver.cluster.options import Options
    from cql_driver.cluster.profiles import ProfileManager
    from cql_driver.connection import EndPoint
    from cql_driver.core.engine import Engine
    from cql_driver.core.observers import Observer
    from cql_driver.core.runtime import Runtime
    from cql_driver.core.tls import TlsSettings

__all__ = ["Configuration", "ControlConnectionQueryFallback"]


class ControlConnectionQueryFallback:
    """Whether requests may use the control connection: values of the `Cluster` parameter."""

    Disabled = "disabled"
    """Never."""
    Fallback = "fallback"
    """Where no pool has a connection."""
    SkipPoolCreation = "skip_pool_creation"
    """Always: sessions open no connections of their own."""


class Configuration:
    """How a cluster is reached and used; all times are in seconds.

    Reaching it:

    - `contact_points`: nodes to begin with: addresses, host names, (host, port), `EndPoint`s
    - `port`: the port of the nodes, 9042
    - `auth_provider`: who we are, such as `cql_driver.auth.PlainTextAuthProvider`
    - `ssl_context`: an ``ssl.SSLContext``, or a callable that returns one and is asked for each
      connection; `ssl_options`: the older way, a dict; `ssl_session_cache`
    - `protocol_version`: 3, 4 or 5; negotiated with each node when not given
    - `compression`: True for the best both sides have, False, ``"lz4"`` or ``"snappy"``
    - `connect_timeout`: 5, for connecting, TLS, STARTUP and authentication together
    - `sockopts`: tuples of arguments for ``socket.setsockopt``
    - `address_translator`, `endpoint_factory`: from what nodes say of themselves to addresses
    - `connection_class`: the older way to choose the event loop (`reactor`, see `Options`): a class
      such as `cql_reactors.geventreactor.GeventConnection`

    Using it:

    - `execution_profiles`: a dict of `ExecutionProfile` by name; or, the older way,
      `load_balancing_policy` and `default_retry_policy` for all requests
    - `reconnection_policy`, `conviction_policy_factory`: how nodes that fail are treated
    - `timestamp_generator`, `metrics_enabled`, `prepare_on_all_hosts`, `reprepare_on_up`
    - `idle_heartbeat_interval` 30 (0: none) and `idle_heartbeat_timeout` 30
    - `max_schema_agreement_wait` 10, `control_connection_timeout` 2 (None: no limit)
    - `schema_event_refresh_window` 2, `topology_event_refresh_window` 10,
      `status_event_refresh_window` 2: events are answered after a random part of that
      time, so that many clients do not ask at once; negative: not at all
    - `schema_metadata_enabled`, `token_metadata_enabled`: may be changed later; what is in a
      keyspace is fetched when it is first looked at (`eager_schema`: before)
    - `allow_control_connection_query_fallback`: see `ControlConnectionQueryFallback`

    `Options` lists more, by keyword. Raises `InvalidArgument` and `InvalidArgumentType`,
    naming the parameter and the remedy.
    """

    contact_points: Any
    contact_endpoints: list[EndPoint]
    """The contact points as end points."""
    port: int
    protocol_version: int
    """The highest to be spoken; once connected, the one that the first node does."""
    observers: Sequence[Observer] = ()
    metrics_enabled: bool
    reactor: str | None = None
    connection_class: Any = None
    background_thread: bool = True
    reconnect_after_fork: bool = False
    profile_manager: ProfileManager
    session_id: UUID
    timestamp_generator: Any
    allow_control_connection_query_fallback: str
    application_info: Any
    endpoint_factory: Any

    _given_runtime: Runtime | None = None
    _settings: Settings | None = None
    _engine: Engine | None = None
    _mode: str | None = None
    """``"profiles"`` or ``"legacy"``, once either was used."""

    def __init__(
        self,
        contact_points: Any = NOT_SET,
        port: int | str = 9042,
        compression: bool | str | None = True,
        auth_provider: Any = None,
        load_balancing_policy: Any = None,
        reconnection_policy: Any = None,
        default_retry_policy: Any = None,
        conviction_policy_factory: Any = None,
        metrics_enabled: bool = False,
        connection_class: Any = None,
        ssl_options: dict[str, Any] | None = None,
        sockopts: Any = None,
        cql_version: str | None = None,
        protocol_version: Any = NOT_SET,
        executor_threads: int = 2,
        max_schema_agreement_wait: float = 10,
        control_connection_timeout: float | None = 2.0,
        idle_heartbeat_interval: float = 30,
        schema_event_refresh_window: float = 2,
        topology_event_refresh_window: float = 10,
        connect_timeout: float | None = 5,
        schema_metadata_enabled: bool = True,
        token_metadata_enabled: bool = True,
        schema_metadata_page_size: int = 1000,
        address_translator: Any = None,
        status_event_refresh_window: float = 2,
        prepare_on_all_hosts: bool = True,
        reprepare_on_up: bool = True,
        execution_profiles: dict[Any, ExecutionProfile] | None = None,
        allow_beta_protocol_version: bool = False,
        timestamp_generator: Any = None,
        idle_heartbeat_timeout: float = 30,
        no_compact: bool = False,
        ssl_context: Any = None,
        endpoint_factory: Any = None,
        cloud: Any = None,
        scylla_cloud: Any = None,
        shard_aware_options: Any = None,
        metadata_request_timeout: float | None = None,
        column_encryption_policy: Any = None,
        application_info: Any = None,
        client_routes_config: Any = None,
        allow_control_connection_query_fallback: str = ControlConnectionQueryFallback.Disabled,
        driver_config_reporting_enabled: bool = True,
        ssl_session_cache: Any = NOT_SET,
        **options: Unpack[Options],
    ) -> None:
        self._set_up()
        self._configure({k: v for k, v in locals().items() if k not in _NO_PARAMETERS}, options)

    def _set_up(self) -> None:
        """Make what the parameters are put into."""

    def _configure(self, given: dict[str, Any], options: Options) -> None:
        for name in options:
            if name not in OPTIONS:
                raise InvalidArgumentType(
                    f"Cluster has no parameter {name!r}; beside those of its signature there are: "
                    f"{', '.join(OPTIONS)}"
                )
        methods = ("start", "stop", "run", "perform")
        runtime = options.pop("runtime", None)
        self._given_runtime = checked_instance("runtime", runtime, methods, "an event loop")
        _refuse_unsupported(given)
        self._protocol_explicit = given["protocol_version"] is not NOT_SET
        if not self._protocol_explicit:
            given["protocol_version"] = ProtocolVersion.MAX_SUPPORTED
        legacy = [name for name in _LEGACY if given[name] is not None]
        profiles = given.pop("execution_profiles")
        if profiles is not None and legacy:
            raise InvalidArgument(
                f"{legacy[0]} is given beside execution_profiles: put it into a profile"
            )
        policies = {name: given.pop(name) for name in _LEGACY}
        points = given.pop("contact_points")
        self._points_explicit = points is not NOT_SET and points is not None
        self.contact_points = points if self._points_explicit else ["127.0.0.1"]
        self.contact_endpoints = contact_endpoints(self.contact_points, given["port"])
        tls = [given.pop(name) for name in ("ssl_context", "ssl_options", "ssl_session_cache")]
        self.ssl_context, self.ssl_options, self.ssl_session_cache = tls
        self._tls: TlsSettings | None = None
        if tls != [None, None, NOT_SET]:
            from cql_driver.core.tls import tls_settings

            self._tls = tls_settings(tls[0], tls[1], None if tls[2] is NOT_SET else tls[2])
        for name, value in {**_DEFAULTS, **given, **options}.items():
            setattr(self, name, value)
        self._set_profiles(profiles, policies, legacy)
        self.chosen_reactor()

    def __setattr__(self, name: str, value: Any) -> None:
        check = CHECKS.get(name)
        if check is not None:
            value = check(name, value)
        if name in _LOOP and self._engine is not None:
            raise InvalidArgument(
                f"{name} cannot be changed once connected: the event loop was chosen by it"
            )
        object.__setattr__(self, name, value)
        if self._settings is not None and hasattr(Settings, name):
            setattr(self._settings, name, value)
            self._setting_changed(name)

    def _setting_changed(self, name: str) -> None:
        """Go by what was set while connected, where the engine does not by itself."""

    # --- profiles, or the older attributes -------------------------------------------------------

    def _set_profiles(
        self,
        profiles: Any,
        policies: dict[str, Any],
        legacy: list[str],
    ) -> None:
        manager = self.profile_manager
        if profiles is not None:
            if not hasattr(profiles, "items"):
                raise InvalidArgumentType(
                    f"execution_profiles is a {type(profiles).__name__}: give a dict of names and "
                    "ExecutionProfile objects"
                )
            for name, profile in profiles.items():
                manager.profiles[name] = checked_profile(f"execution_profiles[{name!r}]", profile)
            self._mode = "profiles"
        elif legacy:
            self._mode = "legacy"
        if EXEC_PROFILE_DEFAULT not in manager.profiles:
            policy = policies["load_balancing_policy"]
            retry = checked_retry_policy("default_retry_policy", policies["default_retry_policy"])
            manager.profiles[EXEC_PROFILE_DEFAULT] = ExecutionProfile(
                load_balancing_policy=NOT_SET if policy is None else policy,
                retry_policy=retry,
            )

    def use_legacy_configuration(self, what: str) -> None:
        """Commit to the older way, or raise `InvalidArgument` where profiles are in use."""
        if self._mode == "profiles":
            raise InvalidArgument(
                f"{what} cannot be set on a cluster that has execution profiles: set the attribute "
                "of a profile instead"
            )
        self._mode = "legacy"

    def use_profiles(self, what: str) -> None:
        """Commit to profiles, or raise `InvalidArgument` where the older way is in use."""
        if self._mode == "legacy":
            raise InvalidArgument(
                f"{what} cannot be used on a cluster that is configured by attributes (such as "
                "load_balancing_policy or session.row_factory): give execution_profiles"
            )
        self._mode = "profiles"

    @property
    def load_balancing_policy(self) -> Any:
        """The policy of the default profile; can be set where no profiles are in use."""
        return self.profile_manager.default.load_balancing_policy

    @load_balancing_policy.setter
    def load_balancing_policy(self, policy: Any) -> None:
        self.use_legacy_configuration("load_balancing_policy")
        if self._settings is not None:
            raise InvalidArgument("load_balancing_policy cannot be changed once connected")
        self.profile_manager.default.load_balancing_policy = policy

    @property
    def default_retry_policy(self) -> Any:
        """The retry policy of the default profile; can be set where no profiles are in use."""
        return self.profile_manager.default.retry_policy

    @default_retry_policy.setter
    def default_retry_policy(self, policy: Any) -> None:
        self.use_legacy_configuration("default_retry_policy")
        policy = checked_retry_policy("default_retry_policy", policy)
        self.profile_manager.default.retry_policy = RetryPolicy() if policy is None else policy

    # --- for the engine --------------------------------------------------------------------------

    def chosen_reactor(self) -> str | None:
        """Return the reactor's name by `reactor` or `connection_class`, None for the default.

        Raises `InvalidArgument` when the two do not agree.
        """
        named = checked_connection_class("connection_class", self.connection_class)
        if named is None:
            return self.reactor
        if self.reactor not in (None, named.reactor):
            raise InvalidArgument(
                f"connection_class={named.__qualname__} is the event loop {named.reactor!r} and "
                f"reactor={self.reactor!r} another: give one of them"
            )
        return str(named.reactor)

    def make_settings(self) -> Settings:
        """Return the settings of a new engine; later changes of attributes reach it too."""
        names = [name for name in dir(Settings) if not name.startswith("_")]
        own = {name: getattr(self, name) for name in names if name in self.__dict__}
        own["contact_points"] = self.contact_endpoints
        own["protocol_version_explicit"] = self._protocol_explicit
        own["tls"] = self._tls
        own["startup_options"] = self._startup_options()
        own["control_connection_query_fallback"] = self.allow_control_connection_query_fallback
        factory = self.endpoint_factory or DefaultEndPointFactory(self.port)
        own["endpoint_factory"] = factory.configure(self)
        self._settings = Settings(**own)
        return self._settings

    @cached_property
    def _random_id(self) -> str:
        # What uuid4() is as text: the module uuid takes longer to import than to connect.
        number = int.from_bytes(os.urandom(16), "big")
        number = number & ~(0xF000 << 64 | 0xC000 << 48) | 0x4000 << 64 | 0x8000 << 48
        text = f"{number:032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def _startup_options(self) -> dict[str, str]:
        options = {
            "DRIVER_NAME": DRIVER_NAME,
            "DRIVER_VERSION": DRIVER_VERSION,
            "SESSION_ID": str(self.__dict__.get("session_id") or self._random_id),
        }
        info = self.application_info
        if info is not None:
            added: dict[str, str] = {}
            info.add_startup_options(added)
            # What the driver says of itself, an application cannot change.
            options = {**added, **options}
        return options


_NO_PARAMETERS = ("self", "options", "__class__")
_LOOP = ("reactor", "connection_class", "background_thread")
_LEGACY = ("load_balancing_policy", "default_retry_policy")

_DEFAULTS: dict[str, Any] = {
    "connections_per_host": Settings.connections_per_host,
    "max_connections_per_host": Settings.max_connections_per_host,
    "max_requests_per_connection": Settings.max_requests_per_connection,
    "max_waiting_requests": Settings.max_waiting_requests,
    "overload": Settings.overload,
    "orphan_threshold": Settings.orphan_threshold,
    "eager_schema": Settings.eager_schema,
    "schema_keyspaces": Settings.schema_keyspaces,
    "prepared_cache_size": Settings.prepared_cache_size,
    "sick_node_policy": SickNodePolicy(),
    "wait_for_cluster": Settings.wait_for_cluster,
}

OPTIONS = (
    *("reactor", "background_thread", "reconnect_after_fork", "observers"),
    *_DEFAULTS,
    "runtime",
)
"""The names in `Options`."""


def _refuse_unsupported(given: dict[str, Any]) -> None:
    """Take out what this driver does not have, or say what to do instead."""
    remedies = {
        "cloud": "connect by contact_points, with ssl_context and auth_provider",
        "scylla_cloud": "connect by contact_points, with ssl_context and auth_provider",
        "column_encryption_policy": "encrypt values before they are bound",
        "client_routes_config": "leave it out",
    }
    for name, remedy in remedies.items():
        if given[name] is not None:
            raise UnsupportedOperation(f"{name} is not supported by this driver: {remedy}")
    if given["connection_class"] is None:
        del given["connection_class"]  # a class may have it as its attribute
    if given["reconnection_policy"] is None:
        given["reconnection_policy"] = ExponentialReconnectionPolicy(1.0, 600.0)
    if given["conviction_policy_factory"] is None:
        given["conviction_policy_factory"] = SimpleConvictionPolicy
    if given["timestamp_generator"] is None:
        given["timestamp_generator"] = MonotonicTimestampGenerator()
    if given["metadata_request_timeout"] is None:
        given["metadata_request_timeout"] = given["control_connection_timeout"]
    if CHECKS["executor_threads"]("executor_threads", given["executor_threads"]) != 2:
        import warnings

        warnings.warn(
            "executor_threads has no effect: this driver needs no thread pool",
            stacklevel=5,
        )
