"""`ControlConnection`: the one connection that asks for nodes and keyspaces, and hears events."""

from __future__ import annotations

from cql_driver.connection import DefaultEndPoint, DefaultEndPointFactory
from cql_driver.control import rows as tables
from cql_driver.control.events import EventHandler, Turns, run_in_background
from cql_driver.control.rows import Topology, agree_on_schema, ask, read_topology, rows_of
from cql_driver.control.schema import SchemaKeeper
from cql_driver.core.procedures import gather, sleep, spawn
from cql_driver.errors import ConnectionShutdown, no_host
from cql_driver.logs import get_logger, seldom
from cql_protocol.errors import (
    RequestExecutionException,
    RequestValidationException,
    UnresolvableContactPoints,
)
from cql_protocol.messages import Register

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from cql_driver.control.rows import Row
    from cql_driver.core.engine import Engine
    from cql_driver.core.link import Link
    from cql_driver.core.pending import Pending
    from cql_driver.core.procedures import Procedure
    from cql_driver.pools.host import Host
    from cql_protocol.messages import Event, Response

__all__ = ["ControlConnection"]

log = get_logger("cql_driver.cluster")

_PATIENCE = 120.0
"""Seconds after which rows that are left out are not looked at again."""
_DELAY = 60.0
"""Seconds between two tries to reconnect when the policy gives no delay at all."""


class ControlConnection:
    """Keeps `engine.metadata` and `engine.hosts` true.

    `link` is its connection, None while there is none. When it is lost, another one is made:
    to the hosts as the load-balancing policy orders them, then to the contact points, whose
    names are looked up anew, last to hosts that are held to be down. This is tried with the
    delays of the reconnection policy, and without end.
    Methods that are coroutines are procedures: to be run on the loop.
    """

    __slots__ = (
        "_connecting",
        "_engine",
        "_events",
        "_opening",
        "_refreshing",
        "_told",
        "_without_v2",
        "link",
        "schema",
    )

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.link: Link | None = None
        self.schema = SchemaKeeper(engine)
        self._events = EventHandler(engine)
        self._refreshing = Turns()
        self._connecting: Procedure[Any] | None = None
        self._opening: Link | None = None
        """A connection that is ready, but has not told everything yet."""
        self._without_v2: Link | None = None
        """A connection whose server has no system.peers_v2."""
        self._told: dict[str, float] = {}
        """Problems of rows that were logged, and when."""

    @property
    def host(self) -> Host | None:
        """The host it is connected to."""
        return None if self.link is None else self.link.host

    # --- connecting --------------------------------------------------------------------------

    async def connect(self) -> None:
        """Connect to the first host that answers, and learn nodes and keyspaces.

        Raises `NoHostAvailable` with the error of each host or contact point, or
        `UnresolvableContactPoints` when there was nothing to connect to.
        """
        engine = self._engine
        errors: dict[Any, Exception] = {}
        tried: set[Any] = set()
        for host in self._known_hosts():
            if await self._try(host.endpoint, host, tried, errors):
                return
        for point in engine.settings.contact_points:
            try:
                endpoints = await self._resolve(point)
            except OSError as exc:
                errors[point] = exc
                continue
            for endpoint in endpoints:
                if await self._try(endpoint, engine.metadata.get_host(endpoint), tried, errors):
                    return
        for host in self._hosts_in_use():
            if await self._try(host.endpoint, host, tried, errors):
                return
        if errors and not tried:
            told = "; ".join(f"{point}: {exc}" for point, exc in errors.items())
            raise UnresolvableContactPoints(f"No contact point could be resolved: {told}")
        raise no_host(errors)

    async def _try(
        self, endpoint: Any, host: Host | None, tried: set[Any], errors: dict[Any, Exception]
    ) -> bool:
        """Connect to an end point that was not tried before; return whether it went well."""
        if endpoint in tried or self._engine.closed:
            return False
        tried.add(endpoint)
        try:
            await self._connect_to(endpoint, host)
        except Exception as exc:  # noqa: BLE001 - the next one may be well
            log.debug("no control connection to %s: %s", endpoint, exc)
            errors[endpoint if host is None else host] = exc
            return False
        return True

    def _known_hosts(self) -> Iterator[Host]:
        """Give the hosts of the query plan, which has those that may be used and are up."""
        if not self._engine.metadata.all_hosts():
            return
        try:
            yield from self._engine.query_plan()
        except Exception as exc:  # noqa: BLE001 - a policy of the user's
            text = "The load-balancing policy failed to make a query plan"
            seldom(log.error, id(self), text, error=exc)

    def _hosts_in_use(self) -> list[Host]:
        """Return the hosts that may be used, also those that the plan leaves out as down."""
        engine = self._engine
        return [host for host in engine.metadata.all_hosts() if engine.connections_for(host)]

    async def _resolve(self, endpoint: Any) -> list[Any]:
        """Return the end points that a contact point stands for: one for each address."""
        if type(endpoint) is not DefaultEndPoint:
            return [endpoint]
        addresses = await self._engine.runtime.resolve(endpoint.address, endpoint.port)
        return [DefaultEndPoint(str(address[0]), endpoint.port) for address in addresses]

    async def _connect_to(self, endpoint: Any, host: Host | None) -> None:
        engine = self._engine
        link: Link = await engine.connector.open(endpoint, host=host)
        self._opening = link
        try:
            await self._begin(link)
        except BaseException as exc:
            if self.link is link:
                self.link = None
            link.on_closed = link.on_event = None
            link.close(exc)
            raise
        finally:
            self._opening = None

    async def _begin(self, link: Link) -> None:
        """Have events from now on, then ask: what changes in between is not missed."""
        engine = self._engine
        early: list[Event] = []
        link.on_event = early.append
        kinds = self._events.kinds()
        if kinds and not engine.closed:
            await link.request(Register(kinds), engine.settings.control_connection_timeout)
        topology, keyspaces = await gather(
            [
                spawn(engine.runtime, self._ask_topology(link)),
                spawn(engine.runtime, self.schema.ask_keyspaces(link)),
            ]
        )
        for answer in (topology, keyspaces):
            if isinstance(answer, Exception):
                raise answer
        if link.closed or engine.closed:
            raise ConnectionShutdown(f"the connection to {link.endpoint} was closed")
        self.link = link
        engine.protocol_version = link.dialect.version
        link.on_closed = self._link_closed
        link.on_event = self._events.handle
        # Keyspaces first: who is told of a host may ask for its replicas.
        self.schema.connected(keyspaces)
        self._apply(topology, link)
        log.debug("control connection to %s", link.endpoint)
        for event in early:
            self._events.handle(event)

    # --- reconnecting ------------------------------------------------------------------------

    def _link_closed(self, link: Link, error: BaseException | None) -> None:
        if link is not self.link:
            return
        self.link = None
        if not self._engine.closed:
            log.warning("The control connection to %s was lost: %s", link.endpoint, error)
            self.reconnect()

    def reconnect(self) -> None:
        """Make a new connection in the place of the one there is, unless that is being done."""
        engine = self._engine
        if engine.closed or self._is_connecting():
            return
        link, self.link = self.link, None
        if link is not None:
            link.close()
            if self._is_connecting():
                return  # what waited on the old connection has failed now, and came here itself
        self._connecting = run_in_background(
            engine, self._reconnect(), "reconnecting the control connection"
        )
        self._connecting.add_done_callback(self._reconnected)

    def _reconnected(self, procedure: Pending[Any]) -> None:
        if procedure.error is not None and self.link is None:
            # By Ctrl-C in the thread that runs the loop, which is no reason to stop.
            self._engine.runtime.call_soon(self.reconnect)

    def _is_connecting(self) -> bool:
        return self._connecting is not None and not self._connecting.done

    async def _reconnect(self) -> None:
        engine = self._engine
        delays: Iterator[float] | None = None
        delay = _DELAY
        while not engine.closed and self.link is None:
            try:
                await self.connect()
            except Exception as exc:  # noqa: BLE001 - it never gives up
                if engine.closed:
                    return
                if delays is None:
                    delays = iter(engine.settings.reconnection_policy.new_schedule())
                delay = next(delays, delay)
                # Of a thousand hosts, the first few say enough.
                why = str(exc.args[0] if exc.args else exc)[:500]
                text = "No control connection, next try in %.1f s: %s"
                seldom(log.warning, (id(self), "reconnect"), text, delay, why)
                await sleep(engine.runtime, delay)
                continue
            if self.link is not None:
                log.info("The control connection is to %s now", self.link.endpoint)
            for host in engine.metadata.all_hosts():
                # The event that it is up again may have been missed.
                if host.is_up is False:
                    engine.hosts.try_up(host)

    def shutdown(self) -> None:
        """Close the connection and stop all that goes on. May be called again."""
        self._events.cancel()
        self.schema.cancel()
        connecting, self._connecting = self._connecting, None
        links, self.link = (self.link, self._opening), None
        for link in links:
            if link is not None:
                link.close()
        if connecting is not None:
            connecting.cancel()

    # --- refreshing --------------------------------------------------------------------------

    def doubt_nodes(self) -> None:
        """A node went or came back: it may have left, moved or been replaced, and nobody told."""
        if self.link is not None:  # else a new one asks for everything
            self._events.doubt_nodes()

    async def refresh_nodes(self, force_token_rebuild: bool = False) -> None:
        """Ask for the nodes anew, and take over what changed.

        `force_token_rebuild` has the ring rebuilt even when nothing changed. Raises
        `ConnectionShutdown` without a connection, or what the server answered.
        """
        await self._refreshing.take()
        try:
            link = self.connected_link()
            topology = await self._ask_topology(link)
            if link is self.link:
                self._apply(topology, link, force_token_rebuild)
        finally:
            self._refreshing.give()

    async def wait_for_schema_agreement(
        self,
        wait_time: float | None = None,
        connection: Link | None = None,
        within: Callable[[Host], bool] | None = None,
    ) -> bool:
        """Wait until all nodes that are up have the same schema; return whether they have.

        `wait_time` is in seconds, None for ``max_schema_agreement_wait``; 0 or less does not
        ask and returns True. `connection` is the one to ask on, if not the control connection.
        `within` says which hosts matter; None: all.
        """
        if wait_time is None:
            wait_time = self._engine.settings.max_schema_agreement_wait
        if wait_time <= 0:
            return True
        return await agree_on_schema(self._engine, connection, wait_time, within)

    def connected_link(self) -> Link:
        """Return its connection; raise `ConnectionShutdown` while there is none."""
        if self.link is None:
            raise ConnectionShutdown(
                "there is no control connection at the moment; it is being made anew"
            )
        return self.link

    async def _ask_topology(self, link: Link) -> Topology:
        settings = self._engine.settings
        tokens = settings.token_metadata_enabled
        text = tables.LOCAL if tokens else tables.LOCAL_WITHOUT_TOKENS
        asked = ask(link, text, settings)
        answers = await gather([asked, spawn(self._engine.runtime, self._ask_peers(link))])
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        local: Response = answers[0]
        peers: list[Row] = answers[1]
        factory = settings.endpoint_factory
        if factory is None:
            factory = DefaultEndPointFactory().configure(settings)
        rows = rows_of(local, link)
        return read_topology(rows, peers, link.endpoint, factory.create, tokens=tokens)

    async def _ask_peers(self, link: Link) -> list[Row]:
        """Ask for the peers; system.peers_v2 is in Cassandra from version 4 on."""
        settings = self._engine.settings
        tokens = settings.token_metadata_enabled
        if link is not self._without_v2 and link.features.sharding is None:
            text = tables.PEERS_V2 if tokens else tables.PEERS_V2_WITHOUT_TOKENS
            try:
                return rows_of(await ask(link, text, settings), link)
            except (RequestExecutionException, RequestValidationException) as exc:
                log.debug("%s has no system.peers_v2: %s", link.endpoint, exc)
                self._without_v2 = link
        text = tables.PEERS if tokens else tables.PEERS_WITHOUT_TOKENS
        return rows_of(await ask(link, text, settings), link)

    def _apply(self, topology: Topology, link: Link, force: bool = False) -> None:
        engine = self._engine
        now = engine.runtime.now()
        for problem in topology.problems:
            if problem not in self._told:
                log.warning("Left out a row of the system tables: %s", problem)
        self._told = {problem: self._told.get(problem, now) for problem in topology.problems}
        # A row that is being written may be whole soon, and no event tells of it.
        age = now - max(self._told.values(), default=-_PATIENCE)
        if age < _PATIENCE:
            self._events.doubt_nodes(max(age, 1.0))
        else:
            topology.unready.clear()
        engine.hosts.update(topology, force)
        host = link.host = engine.metadata.get_host(link.endpoint)
        if host is not None and host.is_up is None:
            engine.hosts.mark_up(host)
