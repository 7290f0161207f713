"""`HostPool`: the connections of one session to one host.

It has one owner, the loop, and one procedure that fills it: opening connections one after the
other, backing off when the host does not answer, without end and without waiting for an event
to tell it to. Events only make it try at once.
"""

from __future__ import annotations

from cql_driver.core.pending import Pending
from cql_driver.core.procedures import Procedure, pass_on
from cql_driver.errors import NoConnectionsAvailable, SessionShutdown
from cql_driver.logs import get_logger, seldom
from cql_protocol.errors import DriverException, InvalidRequest

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cql_driver.core.link import Link
    from cql_driver.core.sessions import SessionPools
    from cql_driver.pools.host import Host

__all__ = ["HostPool"]

log = get_logger("cql_driver.pool")

_LEAST_DELAY = 0.05
"""Seconds between two tries, even where the policy has none."""
_SHORT_LIFE = 0.25
"""Seconds that a connection lives at least for its host to count as well."""


class HostPool:
    """Connections to `host` that may be lent out, and those on their way.

    `single` is the connection when there is just one, the common case, and the host is well;
    else None, and `pick` finds the least busy. `first` is done when the first try to connect
    has ended.
    """

    __slots__ = (
        "_endured",
        "_filling",
        "_nap",
        "_opened_at",
        "_schedule",
        "_short_lives",
        "all_links",
        "changing",
        "closed",
        "first",
        "host",
        "last_error",
        "links",
        "retiring",
        "session",
        "single",
        "target",
        "withheld",
    )

    def __init__(self, session: SessionPools, host: Host, target: int) -> None:
        self.session = session
        self.host = host
        self.target = target
        """How many connections there should be."""
        self.links: list[Link] = []
        """Those that may be lent."""
        self.all_links: dict[Link, None] = {}
        """Those and the ones that are congested or changing keyspace; an ordered set."""
        self.single: Link | None = None
        self.closed = False
        self.withheld: dict[Link, None] = {}
        """Connections that are changing to another keyspace, or are congested."""
        self.changing: dict[Link, int] = {}
        """How many changes of its keyspace are under way on a connection."""
        self.retiring: dict[Link, None] = {}
        """Connections that were replaced, and close after their last answer."""
        self.first: Pending[None] = Pending()
        self.last_error: BaseException | None = None
        self._filling: Procedure[None] | None = None
        self._nap: Pending[None] | None = None
        self._schedule: Iterator[float] | None = None
        self._opened_at = 0.0
        self._short_lives = 0
        """How many connections in a row ended right after they were opened."""
        self._endured = 0
        """For how many of those it has waited."""

    def __repr__(self) -> str:
        return f"<HostPool of {self.host}: {len(self.links)} of {self.target} connections>"

    # --- lending -------------------------------------------------------------------------------

    def pick(self) -> Link | None:
        """Return the connection with the fewest requests, or None when none may be lent."""
        if self.single is not None:
            return self.single
        return min(self.links, key=_load, default=None)

    def prefer(self) -> Link | None:
        """Do as `pick` for a request that may go elsewhere: None when the host is sick."""
        return None if self.host.is_sick else self.pick()

    def may_wait(self) -> bool:
        """Say whether a connection that cannot be lent now is likely to be soon."""
        if self.closed:
            return False
        # A connection that was lost is tried again at once; until that is over, nothing is.
        trying = self._filling is not None and self._schedule is None
        return trying or bool(self.withheld) or not self.first.done

    def refusal(self) -> DriverException:
        """Return the error of a request that found no connection here."""
        why = f": {self.last_error}" if self.last_error is not None else ""
        return NoConnectionsAvailable(f"no connection to {self.host}{why}", self.host.endpoint)

    def exhausted(self) -> None:
        """A connection was full: have another one, if there may be more."""
        if self.target < self.session.engine.settings.max_connections_per_host:
            self.target += 1
            self.fill()

    def lend(self, link: Link) -> None:
        """Let requests have the connection from now on, unless its keyspace is changing."""
        if link in self.changing:
            return
        self.withheld.pop(link, None)
        if link in self.all_links and link not in self.links:
            self.links.append(link)
            self.lent()
            self.session.drain()

    def withhold(self, link: Link) -> None:
        """Let requests not have the connection; those in flight go on."""
        if link in self.links:
            self.links.remove(link)
            self.lent()
        if link in self.all_links:
            self.withheld[link] = None

    def _drop(self, link: Link) -> None:
        self.all_links.pop(link, None)
        self.withhold(link)
        self.withheld.pop(link, None)

    def lent(self) -> None:
        """Find out anew which connection there is for requests that may go to any host."""
        only = len(self.links) == 1 and not self.host.is_sick
        self.single = self.links[0] if only else None

    # --- filling -------------------------------------------------------------------------------

    def fill(self) -> None:
        """Open the connections that are missing, if nobody is at it."""
        if not self.closed and self._filling is None and len(self.all_links) < self.target:
            self._filling = Procedure(self.session.engine.runtime, self._fill())
            self._filling.add_done_callback(self._filled)
            self._filling.start()

    def try_now(self) -> None:
        """Do not wait longer before the next try: the host is said to be there."""
        self._schedule = None
        self._short_lives = self._endured = 0
        if self._nap is not None:
            self._nap.set_result(None)
        else:
            self.fill()

    def _filled(self, procedure: Pending[None]) -> None:
        self._filling = None
        error = procedure.error
        if error is None or self.closed:
            return
        if isinstance(error, Exception):
            log.error("The pool of %s stopped filling", self.host, exc_info=error)
        else:  # Ctrl-C in the thread that runs the loop, which is no reason to stop
            runtime = self.session.engine.runtime
            runtime.call_soon(self.fill)
            pass_on(runtime, error)

    async def _fill(self) -> None:
        engine = self.session.engine
        while not self.closed and len(self.all_links) < self.target:
            if self._short_lives > max(1, self._endured):
                self._endured = self._short_lives
                if not await self._back_off():
                    return
            try:
                link = await engine.connector.open(
                    self.host.endpoint,
                    self.host,
                    # At first it must be there; later it may be dropped, see `_settle_in`.
                    None if self.session.opened else self.session.keyspace,
                    engine.settings.max_requests_per_connection,
                )
                await self._settle_in(link)
            except Exception as exc:  # noqa: BLE001 - whatever it is, the host is not reached
                self._failed(exc)
                if not await self._back_off():
                    return
            else:
                self._opened_at = engine.runtime.now()
                if self._short_lives <= 1:
                    self._schedule = None
                self.last_error = None
                if not self.first.done:
                    self.first.set_result(None)

    async def _settle_in(self, link: Link) -> None:
        """Make a new connection one of this pool's, in the keyspace of the session."""
        session = self.session
        try:
            await session.engine.prepare_all_on(self.host, link)
            while link.keyspace != session.keyspace and session.keyspace is not None:
                try:
                    await session.use(link, session.keyspace)
                except InvalidRequest as exc:
                    if not session.opened:
                        raise
                    # It was dropped. Without one, names that need none still mean the same.
                    log.warning("%s, connected anew: %s", self.host, exc)
                    break
        except BaseException as exc:
            link.close(exc)
            raise
        if self.closed or link.closed:
            link.close()
            raise SessionShutdown(f"the pool of {self.host} is closed")
        link.on_closed = self._link_closed
        link.on_congested = self._congested
        self.all_links[link] = None
        self.links.append(link)
        self.lent()
        session.engine.link_opened(self.host, link)
        session.drain()

    def _failed(self, error: Exception) -> None:
        self.last_error = error
        if self.closed:
            return
        self.session.engine.connect_failed(self.host, error, self.all_links)
        if not self.first.done:
            self.first.set_error(error)
        # What waits for this host alone has nothing to wait for any more.
        self.session.drain()

    async def _back_off(self) -> bool:
        """Sleep until the next try is due; return False when there shall be none."""
        engine = self.session.engine
        if self.closed:
            return False
        if self._schedule is None:
            self._schedule = iter(engine.settings.reconnection_policy.new_schedule())
        delay = next(self._schedule, None)
        if delay is None:
            log.warning("The reconnection policy gives up on %s", self.host)
            return False
        self._nap = Pending()
        timer = engine.runtime.call_later(max(delay, _LEAST_DELAY), self._nap.set_result, None)
        try:
            await self._nap
        finally:
            timer.cancel()
            self._nap = None
        return not self.closed

    # --- what connections tell -----------------------------------------------------------------

    def _congested(self, link: Link, congested: bool) -> None:
        """Lend no connection whose server does not take what is written."""
        if congested:
            self.withhold(link)
        else:
            self.lend(link)

    def _link_closed(self, link: Link, error: BaseException | None) -> None:
        self._drop(link)
        if self.closed:
            return
        self.last_error = error
        if self.session.engine.runtime.now() - self._opened_at < _SHORT_LIFE:
            # A host that takes connections and ends them is no host that was lost once.
            self._short_lives += 1
        else:
            self._short_lives = self._endured = 0
            self._schedule = None
        self.session.engine.link_closed(self.host, error)
        self.fill()
        self.session.drain()

    def replace(self, link: Link, why: str) -> None:
        """Open another connection in place of this one, which ends when its requests have."""
        if link in self.all_links and not self.closed:
            text = "%s: replacing a connection, since %s"
            seldom(log.warning, (id(self), "replace"), text, self.host, why)
            self._drop(link)
            self.retiring[link] = None
            link.on_closed = self._retired
            link.on_congested = None
            link.retire()
            self.fill()

    def _retired(self, link: Link, error: BaseException | None) -> None:
        self.retiring.pop(link, None)
        self.session.engine.link_closed(self.host, None)

    def close(self, error: BaseException | None = None) -> None:
        """Close all connections; their requests get `error`."""
        if self.closed:
            return
        self.closed = True
        if self._nap is not None:
            self._nap.set_result(None)
        elif self._filling is not None:
            self._filling.cancel(SessionShutdown(f"the pool of {self.host} is closed"))
        links = [*self.all_links, *self.retiring]
        self.all_links = {}
        self.retiring = {}
        self.links.clear()
        self.withheld.clear()
        self.lent()
        for link in links:
            link.on_closed = None
            link.close(error)
            self.session.engine.link_closed(self.host, None)
        if not self.first.done:
            self.first.set_error(self.refusal())

    def state(self) -> dict[str, Any]:
        """Return the state of the pool as `Session.get_pool_state` shows it."""
        return {
            "shutdown": self.closed,
            "open_count": len(self.all_links),
            "in_flights": [link.in_flight for link in self.all_links],
            "orphan_requests": [link.orphans for link in self.all_links],
        }


def _load(link: Link) -> int:
    return len(link.streams)
