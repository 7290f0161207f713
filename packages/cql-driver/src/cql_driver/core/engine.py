"""`Engine`: everything of one cluster that lives on the loop.

It owns the control side (hosts, metadata, events), the sessions' pools, the prepared
statements and the clockwork: one sweep for deadlines, one round of heartbeats. Whoever holds
the runtime may touch it, nobody else.
"""

from __future__ import annotations

from _thread import allocate_lock
from _weakref import ref

from cql_driver.control import ControlConnection, HostRegistry
from cql_driver.core.connector import Connector
from cql_driver.core.health import Health
from cql_driver.core.observers import ObserverGroup
from cql_driver.core.procedures import gather, sleep, spawn, within
from cql_driver.core.sessions import SessionPools
from cql_driver.core.settings import NEVER, TICK, Pulse
from cql_driver.errors import SessionShutdown
from cql_driver.logs import get_logger, seldom
from cql_driver.metadata import Metadata
from cql_driver.policies import HostDistance
from cql_protocol.errors import (
    NoHostAvailable,
    OperationTimedOut,
    UnresolvableContactPoints,
)

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from cql_driver.core.execution import Execution
    from cql_driver.core.link import Link
    from cql_driver.core.observers import Observer
    from cql_driver.core.pending import Pending
    from cql_driver.core.prepare import Preparer
    from cql_driver.core.recovery import Attempt
    from cql_driver.core.runtime import Runtime, Timer
    from cql_driver.core.settings import Settings
    from cql_driver.pools.host import Host
    from cql_protocol.messages import SchemaChange

__all__ = ["Engine"]

log = get_logger("cql_driver.cluster")

_making = allocate_lock()
"""Held by who makes an engine's `preparer`."""

_STALL = 12
"""Ticks between two sweeps from which on the loop is held to have stood still."""
_PATIENCE = round(60.0 / TICK)
"""Ticks after which the answer to a cancelled request is overdue, however long it might take."""


class Engine(Pulse):
    """The running part of a `Cluster`.

    `balancer` is the cluster's profiles as one: `distance(host)`, `make_query_plan()` of the
    default one, and `on_add`, `on_remove`, `on_up`, `on_down`, which tell policies and
    listeners.
    """

    def __init__(
        self,
        runtime: Runtime,
        settings: Settings,
        metadata: Metadata,
        balancer: Any,
        observers: ObserverGroup,
    ) -> None:
        self.runtime = runtime
        self.settings = settings
        self.metadata = metadata
        self.balancer = balancer
        self.observers = observers
        self.watched = observers.watches_requests
        self.connector = Connector(runtime, settings)
        self.known_preparer: Preparer | None = None
        """What prepares, once a statement was: `preparer`."""
        self.hosts = HostRegistry(self)
        self.control = ControlConnection(self)
        self.health = Health(self)
        self.sessions: dict[SessionPools, None] = {}
        """An ordered set, as are all sets that are gone through: what happens is reproducible."""
        self.parked: dict[Execution, None] = {}
        """Executions that wait neither for an answer nor for a place on a connection."""
        self.max_attempts = settings.max_attempts
        self.protocol_version = settings.protocol_version
        """What the control connection speaks or spoke; before, the highest to be tried."""
        self.closed: SessionShutdown | None = None
        self.populated = False
        """Whether policies know the hosts; before that they are not told of changes."""
        self.tick = 0
        self.sweeping = False
        self._sweep_timer: Timer | None = None
        self._heartbeat_timer: Timer | None = None
        self._nap: Pending[None] | None = None
        """The time between two tries to reach the cluster."""

    @property
    def preparer(self) -> Preparer:
        """What prepares statements. Any thread."""
        known = self.known_preparer
        if known is None:
            from cql_driver.core.prepare import Preparer

            with _making:
                known = self.known_preparer
                if known is None:
                    known = self.known_preparer = Preparer(self)
        return known

    def watch_by(self, observers: Sequence[Observer]) -> None:
        """Have these observers see requests from now on: those there were, and more. Any thread."""
        if len(observers) > len(self.observers.observers):
            self.observers = ObserverGroup(observers)
            self.watched = self.observers.watches_requests

    # --- the life of the cluster ---------------------------------------------------------------

    async def connect(self, cluster: Any) -> None:
        """Reach the cluster, learn its nodes, and have policies know them.

        Raises `NoHostAvailable` with the error of each contact point; nothing is left then.
        """
        try:
            await self._reach()
            self.balancer.populate(cluster, self.metadata.all_hosts())
            self.populated = True
            self.balancer.check_supported()
            await self.control.schema.begin()
        except BaseException:
            self.shutdown()
            raise
        self._schedule_heartbeat()

    async def _reach(self) -> None:
        """Connect; where `wait_for_cluster` says so, try again for that long, if need be.

        A wrong login is tried again too: a node that starts does not know its roles yet.
        """
        settings = self.settings
        until = self.runtime.now() + (settings.wait_for_cluster or 0.0)
        delays = iter(settings.reconnection_policy.new_schedule())
        delay = 1.0
        while True:
            try:
                return await self.control.connect()
            except (NoHostAvailable, UnresolvableContactPoints) as exc:
                if self.closed is not None:
                    raise self.closed from None
                left = until - self.runtime.now()
                if left <= 0:
                    raise
                errors = exc.errors if isinstance(exc, NoHostAvailable) else {"any node": exc}
                for where, error in errors.items():
                    text = "No connection to %s yet, trying for %.0f s more: %s"
                    seldom(log.warning, (id(self), str(error)), text, where, left, error)
            delay = max(next(delays, delay), TICK)
            self._nap = sleep(self.runtime, min(delay, left))
            await self._nap

    async def wait_for_pools(self, patience: float | None) -> bool:
        """Have pools for the hosts allowed now; say whether all connected in `patience` seconds."""
        self.update_pools()
        firsts = [pool.first for session in self.sessions for pool in session.pools.values()]
        waiting = spawn(self.runtime, gather(firsts))
        try:
            await within(self.runtime, patience, waiting, "opening connections")
        except OperationTimedOut:
            return False
        return True

    async def open_session(
        self, keyspace: str | None, wait_for_all_pools: bool = False
    ) -> SessionPools:
        """Return a session that is connected to at least one node."""
        if self.closed is not None:
            raise self.closed
        session = SessionPools(self, keyspace)
        self.sessions[session] = None
        if self.settings.control_connection_query_fallback != "skip_pool_creation":
            try:
                await session.open(list(self.metadata.all_hosts()), wait_for_all_pools)
            except BaseException:
                session.close()  # who opens it may have given up
                raise
        return session

    def session_closed(self, session: SessionPools) -> None:
        """A session is over."""
        self.sessions.pop(session, None)

    def shutdown(self, error: SessionShutdown | None = None) -> None:
        """Close everything; requests in flight get `error` at once."""
        if self.closed is not None:
            return
        self.closed = error or SessionShutdown("the cluster is shut down: make a new one")
        for timer in (self._sweep_timer, self._heartbeat_timer):
            if timer is not None:
                timer.cancel()
        if self._nap is not None:
            self._nap.set_error(self.closed)
        self.health.shutdown()
        for session in list(self.sessions):
            session.close(self.closed)
        for execution in list(self.parked):
            execution.resolve(self.closed)
        self.control.shutdown()

    # --- the clockwork -------------------------------------------------------------------------

    def start_sweep(self) -> None:
        """Have deadlines looked after, from the first request on until none is left."""
        self.sweeping = True
        self.tick = int(self.runtime.now() / TICK)
        self._sweep_timer = self.runtime.call_later(TICK, _sweep, ref(self))

    def sweep(self) -> None:
        """Expire what ran out of time, and see whether the hosts are well."""
        before, self.tick = self.tick, int(self.runtime.now() / TICK)
        stall = self.tick - before
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()  # Ctrl-C has interrupted this, and it is called again
        # Before anything of a user's is called, which may raise.
        self._sweep_timer = self.runtime.call_later(TICK, _sweep, ref(self))
        found = any(session.waiting for session in self.sessions)
        for receiver in self._with_deadlines(stall > _STALL):
            found = True
            if stall > _STALL and receiver.expires < NEVER:
                # The loop stood still (a slow callback, a frozen process): answers may lie
                # unread, and what was started meanwhile was given a deadline too early.
                receiver.expires += stall
            elif receiver.expires < self.tick:
                self.health.timed_out(receiver)
                receiver.expire()
        if self.closed is None:
            if stall <= _STALL:  # else their answers may lie unread
                found = self._replace_clogged() or found
            found = self.health.look(stall > _STALL) or found
        if not found and self._sweep_timer is not None:
            self._sweep_timer.cancel()
            self._sweep_timer = None
        self.sweeping = self._sweep_timer is not None

    def _with_deadlines(self, stalled: bool) -> Iterator[Execution | Attempt]:
        """Give all that is in flight or parked, and of what waits that whose time is over."""
        from cql_driver.core.execution import Execution
        from cql_driver.core.recovery import Attempt

        for link in self._request_links():
            if link.in_flight:
                # Most places of the table are free, and quickly passed over.
                for receiver in [each for each in link.streams.waiting if each is not None]:
                    if isinstance(receiver, (Execution, Attempt)):
                        yield receiver
        for session in list(self.sessions):
            due = session.due(self.tick, stalled)
            if due:
                yield from due
                session.forget_done()
        yield from list(self.parked)

    def _session_links(self) -> list[Link]:
        return [link for session in self.sessions for link in session.links()]

    def links_to(self, host: Host) -> list[Link]:
        """Return the connections of all sessions to a host, without those that are ending."""
        pools = [session.pools.get(host.key) for session in tuple(self.sessions)]
        return [link for pool in pools if pool is not None for link in tuple(pool.all_links)]

    def _request_links(self) -> list[Link]:
        links = self._session_links()
        fallback = self.fallback_link()
        return links if fallback is None else [*links, fallback]

    def _schedule_heartbeat(self) -> None:
        interval = self.settings.idle_heartbeat_interval
        if interval and self.closed is None:
            self._heartbeat_timer = self.runtime.call_later(interval, _beat, ref(self))

    def beat(self) -> None:
        """Ask each connection that was silent whether it still lives."""
        timeout = self.settings.idle_heartbeat_timeout
        links = self._session_links()
        if self.control.link is not None:
            links.append(self.control.link)
        for link in links:
            link.beat(timeout)
        if links and not self.sweeping:
            self.start_sweep()  # which looks for hosts that do not answer
        self._schedule_heartbeat()

    # --- hosts: called by the control side -----------------------------------------------------

    def distance(self, host: Host) -> int:
        """Return the host's distance to the nearest profile."""
        return int(self.balancer.distance(host))

    def connections_for(self, host: Host) -> int:
        """Return how many connections a session has to the host; 0 for none at all."""
        distance = self.distance(host)
        skipped = self.settings.control_connection_query_fallback == "skip_pool_creation"
        if skipped or distance == HostDistance.IGNORED:
            return 0
        return 1 if distance == HostDistance.REMOTE else self.settings.connections_per_host

    def query_plan(self) -> Iterable[Host]:
        """Return the hosts to ask, the best first."""
        return sorted(self.balancer.make_query_plan(), key=lambda host: host.is_sick)

    def host_added(self, host: Host) -> None:
        """A node was found."""
        if self.populated:
            self.balancer.on_add(host)
        self._tell(host, "added")
        for session in list(self.sessions):
            session.add_host(host)

    def host_removed(self, host: Host) -> None:
        """A node is no part of the cluster any more."""
        self.health.forget(host)
        self.balancer.on_remove(host)
        self._tell(host, "removed")
        for session in list(self.sessions):
            session.remove_host(host)
        if self.known_preparer is not None:
            self.known_preparer.forget_host(host)
        self.connector.forget(host.endpoint)

    def host_up(self, host: Host) -> None:
        """A node went up."""
        if self.populated:
            self.balancer.on_up(host)
        self._tell(host, "up")
        self.pools_try(host)

    def host_down(self, host: Host) -> None:
        """A node went down; its pools try to reach it again by themselves."""
        self.health.forget(host)
        self.balancer.on_down(host)
        self._tell(host, "down")
        if self.known_preparer is not None:
            self.known_preparer.forget_host(host)
        self.connector.forget(host.endpoint)

    def host_moved(self, host: Host, old_endpoint: Any) -> None:
        """A node has another address: its connections are made anew."""
        self.health.forget(host)
        self.connector.forget(old_endpoint)
        for session in list(self.sessions):
            session.remove_host(host)
            session.add_host(host)

    def pools_try(self, host: Host) -> None:
        """Have the pools of a host that is said to be there try at once."""
        for session in list(self.sessions):
            pool = session.pools.get(host.key)
            if pool is None:
                session.add_host(host)
            elif not pool.all_links:
                pool.try_now()

    def update_pools(self) -> None:
        """Have pools for the hosts that may be used now, and none for the others."""
        for session in list(self.sessions):
            for host in self.metadata.all_hosts():
                if self.connections_for(host) == 0:
                    self.health.forget(host)
                    session.remove_host(host)
                else:
                    session.add_host(host)

    def has_connections(self, host: Host) -> bool:
        """Say whether any session has a connection to the host that lives."""
        return bool(self.links_to(host))

    def link_to(self, host: Host) -> Link | None:
        """Return a connection to the host, the control connection included."""
        control = self.control.link
        if control is not None and control.host is host:
            return control
        pools = (session.pools.get(host.key) for session in self.sessions)
        return next((link for pool in pools if pool is not None and (link := pool.pick())), None)

    def _tell(self, host: Host, change: str) -> None:
        if self.observers.host_changed is not None:
            self.observers.host_changed(host, change)

    # --- connections: called by the pools ------------------------------------------------------

    def link_opened(self, host: Host, link: Link) -> None:
        """A pool has a new connection."""
        if self.observers.connection_opened is not None:
            self.observers.connection_opened(host)
        sent, received = self.observers.bytes_sent, self.observers.bytes_received
        if sent is not None:
            link.bytes_sent = lambda size: sent(host, size)
        if received is not None:
            link.bytes_received = lambda size: received(host, size)
        self.health.link_opened(host)
        self.hosts.mark_up(host)

    def link_closed(self, host: Host, error: BaseException | None) -> None:
        """A pool lost a connection; whether the host is down, the next try to connect tells."""
        if self.observers.connection_closed is not None:
            self.observers.connection_closed(host, error)

    def connect_failed(self, host: Host, error: Exception, left: Iterable[Link]) -> None:
        """A pool could not connect."""
        if self.observers.connection_failed is not None:
            self.observers.connection_failed(host, error)
        self._convict(host, error, left)

    def _convict(self, host: Host, error: BaseException, left: Iterable[Link]) -> None:
        """Hold a host to be down when it fails and no connection to it lives."""
        if left or self.has_connections(host):
            return
        self.control.doubt_nodes()
        if host.signal_connection_failure(error):
            self.hosts.mark_down(host, str(error))

    def orphaned(self, link: Link, attempt: Execution | Attempt) -> None:
        """Nobody waits for an attempt any more, which counts against its link once it is due."""
        if attempt.expires < self.tick:
            link.early.pop(attempt.stream, None)
        else:  # it was cancelled, or another attempt was quicker
            link.early[attempt.stream] = min(attempt.expires, self.tick + _PATIENCE)

    def _replace_clogged(self) -> bool:
        """Replace connections with too many overdue answers; say if there may be more soon."""
        soon = False
        for link in self._request_links():
            # Where few fit on a connection, fewer of these are too many.
            most = min(self.settings.orphan_threshold, link.streams.limit // 2)
            if link.orphans > most:
                overdue = link.overdue(self.tick)
                if overdue > most:
                    why = f"{overdue} requests ran out of time on it and are still unanswered"
                    self.replace(link, why)
                soon = soon or bool(link.early)
        return soon

    def replace(self, link: Link, why: str) -> None:
        """Have another connection in the place of one that sessions shall not use any more."""
        if link.host is not None:
            for session in list(self.sessions):
                pool = session.pools.get(link.host.key)
                if pool is not None:
                    pool.replace(link, why)

    def fallback_link(self) -> Link | None:
        """Return the control connection, where requests may use it."""
        if self.settings.control_connection_query_fallback == "disabled":
            return None
        return self.control.link

    # --- what answers lead to ------------------------------------------------------------------

    async def prepare_all_on(self, host: Host, link: Link) -> None:
        """Give a host that came up the statements in use."""
        if self.settings.reprepare_on_up and self.known_preparer is not None:
            await self.known_preparer.prepare_all_on(host, link)

    def schema_changed(self, change: SchemaChange) -> None:
        """Have statements in use follow a change of the schema."""
        if self.known_preparer is not None:
            self.known_preparer.schema_changed(change)

    async def follow_schema(
        self, execution: Execution, change: SchemaChange, link: Link | None
    ) -> None:
        """Wait until the nodes agree on a schema that was changed, and take the change over.

        The node that changed it is asked, on `link`: another one may not know of it yet, and
        would say that all agree on what was before.
        """
        agreed = await self.control.wait_for_schema_agreement(connection=link)
        execution.details().agreed = agreed
        await self.control.schema.follow(change)


def _sweep(engine: ref[Engine]) -> None:
    found = engine()
    if found is not None and found.closed is None:
        found.sweep()


def _beat(engine: ref[Engine]) -> None:
    found = engine()
    if found is not None and found.closed is None:
        found.beat()
