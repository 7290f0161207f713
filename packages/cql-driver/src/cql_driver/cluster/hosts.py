"""What `Cluster` and `Session` let applications do with hosts, pools and schema agreement."""

from __future__ import annotations

from cql_driver import query as statements
from cql_driver.addresses import checked_address, checked_port
from cql_driver.cluster.values import checked_count, checked_host, checked_seconds
from cql_driver.connection import DefaultEndPoint, EndPoint
from cql_driver.errors import InvalidArgument, InvalidArgumentType, SessionShutdown
from cql_driver.policies import HostDistance
from cql_driver.pools.host import Host
from cql_protocol.errors import UnsupportedOperation

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any
    from uuid import UUID

    from cql_driver.cluster.profiles import ProfileManager
    from cql_driver.core.engine import Engine
    from cql_driver.core.runtime import Runtime
    from cql_driver.core.sessions import SessionPools
    from cql_driver.metadata import Metadata
    from cql_driver.pools.pool import HostPool
    from cql_driver.query import PreparedStatement

__all__ = ["ClusterHosts", "SchemaAgreementScope", "SessionHosts"]


class SchemaAgreementScope:
    """Whose schema must agree: values for `Session.wait_for_schema_agreement`."""

    RACK = "rack"
    """Nodes in the rack of the one that the control connection is at, a local one if possible."""
    DC = "dc"
    """Nodes in the data centre of that one."""
    CLUSTER = "cluster"
    """All nodes that are up."""


class SessionHosts:
    """The part of a session that is about hosts."""

    _pools: SessionPools | None

    if TYPE_CHECKING:

        @property
        def pools(self) -> SessionPools:  # noqa: D102
            ...

    @property
    def _runtime(self) -> Runtime:
        return self.pools.engine.runtime

    @property
    def hosts(self) -> list[Host]:
        """The hosts this session has pools for."""
        return [pool.host for pool in self.get_pools()]

    def get_pools(self) -> list[HostPool]:
        """Return the pools, one for each host in use."""
        return [] if self._pools is None else list(self._pools.pools.values())

    def get_pool_state(self) -> dict[Host, dict[str, Any]]:
        """Return for each host how many connections are open, busy and orphaned."""
        return {pool.host: pool.state() for pool in self.get_pools()}

    def update_created_pools(self) -> None:
        """Have pools for just those hosts that the load-balancing policies allow now."""
        self._runtime.dispatch(self.pools.engine.update_pools)

    def add_or_renew_pool(self, host: Host, is_host_addition: bool) -> None:
        """Close the pool of a host and open another, if the policies allow to use it.

        Returns before the new connections are there. What is in flight goes elsewhere, if it
        may.
        """
        pools, host = self.pools, checked_host("host", host)

        def renew() -> None:
            pools.remove_host(host)
            pools.add_host(host)

        self._runtime.dispatch(renew)

    def remove_pool(self, host: Host) -> None:
        """Close the pool of a host until `update_created_pools`, or until the host comes up."""
        self._runtime.dispatch(self.pools.remove_host, checked_host("host", host))

    on_remove = on_down = remove_pool

    def _agreement_procedure(self, wait_time: Any, scope: Any) -> Coroutine[Any, Any, bool]:
        """Return the procedure that waits until the nodes that are up have the same schema."""
        wait_time = checked_seconds("wait_time", wait_time, negative=True)
        wanted = getattr(scope, "value", scope)
        if wanted not in ("rack", "dc", "cluster"):
            raise InvalidArgument(f"scope={scope!r}: use one of SchemaAgreementScope")
        control = self.pools.engine.control

        def within(host: Host) -> bool:
            here = control.host
            if here is None or host.datacenter != here.datacenter:
                return False
            return wanted == SchemaAgreementScope.DC or host.rack == here.rack

        everywhere = wanted == SchemaAgreementScope.CLUSTER
        return control.wait_for_schema_agreement(wait_time, None, None if everywhere else within)


class ClusterHosts:
    """The part of a cluster that is about hosts and their pools.

    The driver finds hosts and their state by itself; telling it is for tests and tools.
    """

    metadata: Metadata
    profile_manager: ProfileManager
    connections_per_host: int
    max_connections_per_host: int
    max_requests_per_connection: int
    port: int

    _engine: Engine | None

    if TYPE_CHECKING:

        def _check_open(self) -> None: ...
        def on_loop(self, engine: Engine, function: Callable[[], object]) -> None:  # noqa: D102
            ...

    def _running(self, what: str) -> Engine:
        engine = self._engine
        if engine is None:
            self._check_open()
            raise SessionShutdown(f"{what}: the cluster is not connected; call connect() before")
        return engine

    def _tell(self, what: str, host: Host, function: Callable[[Engine], object]) -> None:
        checked_host("host", host)
        engine = self._running(what)
        self.on_loop(engine, lambda: function(engine))

    @property
    def connect_to_remote_hosts(self) -> bool:
        """Whether sessions connect to hosts at distance REMOTE; True. Set it before `connect`."""
        return self.profile_manager.remote_allowed

    @connect_to_remote_hosts.setter
    def connect_to_remote_hosts(self, allowed: bool) -> None:
        if not isinstance(allowed, bool):
            raise InvalidArgumentType(
                f"connect_to_remote_hosts={allowed!r} is neither True nor False"
            )
        self.profile_manager.remote_allowed = allowed

    # --- hosts -------------------------------------------------------------------------------

    def add_host(
        self,
        endpoint: EndPoint | str,
        datacenter: str | None = None,
        rack: str | None = None,
        signal: bool = True,
        refresh_nodes: bool = True,
        host_id: UUID | None = None,
    ) -> tuple[Host, bool]:
        """Return the host with this end point or id, and whether it was added by this call.

        With `signal`, policies and listeners are told and sessions connect to it. The next look
        at the cluster, which `refresh_nodes` asks for, forgets it when it is no node.
        """
        engine = self._running("add_host")
        if not isinstance(endpoint, EndPoint):
            address = checked_address(endpoint, "endpoint")
            endpoint = DefaultEndPoint(address, checked_port(self.port))
        new = Host(endpoint, engine.settings.conviction_policy_factory, datacenter, rack, host_id)
        found: list[tuple[Host, bool]] = []

        def add() -> None:
            found.append(self.metadata.add_or_return_host(new))
            if found[0][1] and signal:
                self._added(engine, new, refresh_nodes)

        self.on_loop(engine, add)
        return found[0]

    def remove_host(self, host: Host) -> None:
        """Forget a host and close its pools, until the cluster is looked at again."""

        def remove(engine: Engine) -> None:
            if self.metadata.remove_host(host):
                host.set_down()
                engine.host_removed(host)

        self._tell("remove_host", host, remove)

    def on_add(self, host: Host, refresh_nodes: bool = True) -> None:
        """Tell policies and listeners of a new host, and have sessions connect to it."""
        self._tell("on_add", host, lambda engine: self._added(engine, host, refresh_nodes))

    @staticmethod
    def _added(engine: Engine, host: Host, refresh_nodes: bool) -> None:
        engine.host_added(host)
        if refresh_nodes:
            from cql_driver.core.procedures import spawn

            spawn(engine.runtime, engine.control.refresh_nodes())

    def on_remove(self, host: Host) -> None:
        """Close the pools of a host; policies and listeners are told that it is gone."""
        self._tell("on_remove", host, lambda engine: engine.host_removed(host))

    def on_up(self, host: Host) -> None:
        """Have pools try to reach a host at once; it is up as soon as one does."""
        self._tell("on_up", host, lambda engine: engine.hosts.try_up(host))

    def on_down(
        self, host: Host, is_host_addition: bool = False, expect_host_to_be_down: bool = False
    ) -> None:
        """Hold a host to be down, unless a connection to it lives."""
        self._tell("on_down", host, lambda engine: engine.hosts.report_down(host))

    def on_down_potentially_blocking(
        self, host: Host, is_host_addition: bool = False, down_event_generation: Any = None
    ) -> None:
        """Do as `on_down`, which does not block."""
        self.on_down(host, is_host_addition)

    def signal_connection_failure(
        self,
        host: Host,
        connection_exc: BaseException,
        is_host_addition: bool,
        expect_host_to_be_down: bool = False,
    ) -> bool:
        """Tell the host's conviction policy of a failure; return whether the host is down now."""
        checked_host("host", host)
        down = host.signal_connection_failure(connection_exc)
        if down:
            self.on_down(host, is_host_addition)
        return down

    # --- statements and metadata -------------------------------------------------------------

    def add_prepared(self, query_id: bytes, prepared_statement: PreparedStatement) -> None:
        """Remember a prepared statement, so that its text is not prepared again."""
        if not isinstance(prepared_statement, statements.PreparedStatement):
            raise InvalidArgumentType(
                f"prepared_statement={prepared_statement!r} is not what session.prepare() returns"
            )
        self._running("add_prepared").preparer.cache.add(prepared_statement.state)

    def set_meta_refresh_enabled(self, enabled: bool) -> None:
        """Set `schema_metadata_enabled` and `token_metadata_enabled`, which are the newer way."""
        for name in ("schema_metadata_enabled", "token_metadata_enabled"):
            setattr(self, name, enabled)

    # --- the older way to size pools -----------------------------------------------------------

    def get_core_connections_per_host(self, host_distance: int) -> int:
        """Return `connections_per_host`; 1 for REMOTE, 0 for IGNORED."""
        if _checked_distance(host_distance) == HostDistance.IGNORED:
            return 0
        return 1 if host_distance == HostDistance.REMOTE else self.connections_per_host

    def set_core_connections_per_host(self, host_distance: int, core_connections: int) -> None:
        """Set `connections_per_host`, for pools that are made from now on; not for REMOTE."""
        self._set_size(host_distance, "connections_per_host", core_connections)

    def get_max_connections_per_host(self, host_distance: int) -> int:
        """Return `max_connections_per_host`; 0 for IGNORED."""
        ignored = _checked_distance(host_distance) == HostDistance.IGNORED
        return 0 if ignored else self.max_connections_per_host

    def set_max_connections_per_host(self, host_distance: int, max_connections: int) -> None:
        """Set `max_connections_per_host`; not for REMOTE alone."""
        self._set_size(host_distance, "max_connections_per_host", max_connections)

    def get_max_requests_per_connection(self, host_distance: int) -> int:
        """Return `max_requests_per_connection`."""
        _checked_distance(host_distance)
        return self.max_requests_per_connection

    def set_max_requests_per_connection(self, host_distance: int, max_requests: int) -> None:
        """Set `max_requests_per_connection`; not for REMOTE alone."""
        self._set_size(host_distance, "max_requests_per_connection", max_requests)

    def get_min_requests_per_connection(self, host_distance: int) -> int:
        """Return 0: a connection is not closed for being little used."""
        _checked_distance(host_distance)
        return 0

    def set_min_requests_per_connection(self, host_distance: int, min_requests: int) -> None:
        """Accept 0, which is how it is; raise `UnsupportedOperation` for more."""
        _checked_distance(host_distance)
        if checked_count("min_requests", min_requests, 0, 32768):
            raise UnsupportedOperation(
                "set_min_requests_per_connection: connections are not closed for being little "
                "used; leave it out"
            )

    def _set_size(self, host_distance: int, name: str, value: int) -> None:
        if _checked_distance(host_distance) not in (HostDistance.LOCAL, HostDistance.LOCAL_RACK):
            raise UnsupportedOperation(
                f"host_distance={host_distance}: sizes of pools are set for LOCAL hosts; sessions "
                "have one connection to REMOTE hosts and none to IGNORED ones"
            )
        setattr(self, name, value)


def _checked_distance(host_distance: int) -> int:
    distances = (
        HostDistance.IGNORED,
        HostDistance.LOCAL_RACK,
        HostDistance.LOCAL,
        HostDistance.REMOTE,
    )
    if isinstance(host_distance, bool) or host_distance not in distances:
        raise InvalidArgument(f"host_distance={host_distance!r}: use one of HostDistance")
    return host_distance
