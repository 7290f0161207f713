"""`SessionPools`: what one session owns on the loop, its pools, keyspace and waiting requests."""

from __future__ import annotations

from collections import deque

from cql_driver.core.connector import changes_keyspace, use_keyspace
from cql_driver.core.pending import Pending
from cql_driver.core.procedures import gather, sleep, spawn
from cql_driver.core.settings import TICK
from cql_driver.errors import ClientOverloaded, ConnectionShutdown, SessionShutdown, no_host
from cql_driver.logs import get_logger, seldom
from cql_driver.pools.pool import HostPool

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from cql_driver.core.engine import Engine
    from cql_driver.core.execution import Execution
    from cql_driver.core.link import Link
    from cql_driver.pools.host import Host
    from cql_protocol.messages import Request

__all__ = ["SessionPools"]

log = get_logger("cql_driver.session")

_LOOKED_AT = 8192
"""Requests that wait which each sweep looks through; for more, as many sweeps are left out."""

_MOST_PASSED = 64
"""Requests that found no place, after which no others are asked whether they find one."""


class SessionPools:
    """The engine's side of a session.

    `keyspace` is the one its connections are in; a connection is lent only while its own is
    the same. Requests that find every allowed connection full wait in `waiting`, in order.
    """

    __slots__ = (
        "_draining",
        "_looked",
        "_next_look",
        "closed",
        "engine",
        "keyspace",
        "opened",
        "pools",
        "waiting",
    )

    def __init__(self, engine: Engine, keyspace: str | None) -> None:
        self.engine = engine
        self.keyspace = keyspace
        self.pools: dict[int, HostPool] = {}
        """By `Host.key`."""
        self.waiting: deque[Execution] = deque()
        self.closed: SessionShutdown | None = None
        """The error that requests get once it is shut down."""
        self._draining = False
        self._looked = 0
        self._next_look = 0
        self.opened = False
        """Whether it has been connected, in its keyspace, to a node at least."""

    # --- pools ---------------------------------------------------------------------------------

    async def open(self, hosts: list[Host], wait_for_all: bool = False) -> None:
        """Connect to the hosts; return at the first that answers, or when all have.

        Raises `NoHostAvailable` with each host's error when none does; then it is closed.
        """
        pools = [pool for pool in map(self.add_host, hosts) if pool is not None]
        settled: Pending[None] = Pending()
        left = len(pools)

        def one_settled(first: Pending[None]) -> None:
            nonlocal left
            left -= 1
            if left == 0 or (first.error is None and not wait_for_all):
                settled.set_result(None)

        for pool in pools:
            pool.first.add_done_callback(one_settled)
        if pools:
            await settled
        if self.closed is not None:
            raise self.closed  # that is why no host could be reached
        errors = {p.host: p.first.error for p in pools if p.first.done and p.first.error}
        if len(errors) == len(pools):
            self.close()
            raise no_host(errors)
        self.opened = True

    def add_host(self, host: Host) -> HostPool | None:
        """Have a pool for the host if it may be used; return it when it is new."""
        engine = self.engine
        target = engine.connections_for(host)
        if self.closed is not None or target == 0 or host.key in self.pools:
            return None
        pool = self.pools[host.key] = HostPool(self, host, target)
        pool.fill()
        return pool

    def remove_host(self, host: Host, error: BaseException | None = None) -> None:
        """Close the host's pool; what is in flight there goes elsewhere, if it may."""
        pool = self.pools.pop(host.key, None)
        if pool is not None:
            pool.close(error)

    def links(self) -> list[Link]:
        """Return all connections there are, also those that only end what they carry."""
        pools = self.pools.values()
        return [link for pool in pools for link in (*pool.all_links, *pool.retiring)]

    # --- requests that wait --------------------------------------------------------------------

    def enqueue(self, execution: Execution) -> None:
        """Have a request wait for a place on a connection, or refuse it."""
        settings = self.engine.settings
        if settings.overload != "wait":
            execution.resolve(
                ClientOverloaded(
                    f"every connection carries {settings.max_requests_per_connection:,} requests, "
                    "and the cluster is set not to wait (overload='raise')"
                )
            )
        elif len(self.waiting) >= settings.max_waiting_requests and not self._made_room():
            execution.resolve(
                ClientOverloaded(
                    f"{len(self.waiting):,} requests wait for a place on a connection already "
                    "(max_waiting_requests): send fewer at once"
                )
            )
        else:
            self.waiting.append(execution)
            if len(self.waiting) == 1:
                self._watch_links()

    def queue_up(self, execution: Any) -> None:
        """Have a new request go after those that wait, as soon as there is room."""
        self.enqueue(execution)
        if self._has_room():
            self.drain()

    def drain(self) -> None:
        """Send what waits, as far as there is room.

        One that finds no place keeps its turn, while others may find one on other hosts.
        """
        if self._draining or not self.waiting:
            return
        self._draining = True
        waiting = self.waiting
        passed: list[Execution] = []
        try:
            for _ in range(len(waiting)):
                if not waiting:
                    break
                execution = waiting.popleft()
                if execution.done:
                    continue
                execution.advance()
                if waiting and waiting[-1] is execution:
                    passed.append(waiting.pop())
                    if len(passed) >= _MOST_PASSED or not self._has_room():
                        break
        finally:
            waiting.extendleft(reversed(passed))
            self._draining = False
        self._watch_links()

    def _has_room(self) -> bool:
        """Say whether any connection can take a request; one to a sick host should not."""
        for pool in self.pools.values():
            for link in () if pool.host.is_sick else pool.links:
                if len(link.streams) < link.streams.limit:
                    return True
        return False

    def due(self, tick: int, stalled: bool) -> list[Execution]:
        """Return the requests that wait and whose time is over; after a stall, all that wait.

        A hundred thousand of them are not looked through in each sweep: those that are late wait
        some ticks more.
        """
        if not self.waiting or (tick < self._next_look and not stalled):
            return []
        self.forget_done()
        self._next_look = tick + 1 + len(self.waiting) // _LOOKED_AT
        if stalled:
            return list(self.waiting)
        return [execution for execution in self.waiting if execution.expires < tick]

    def forget_done(self) -> None:
        """Drop requests that wait no more: their time is over, or somebody gave them up."""
        waiting = self.waiting
        left = [execution for execution in waiting if not execution.done]
        if len(left) != len(waiting):
            waiting.clear()
            waiting.extend(left)
            self._watch_links()

    def _made_room(self) -> bool:
        """Drop what waits no more, at most once in a tick; say whether there is room now."""
        if self._looked == self.engine.tick or self._draining:
            return False
        self._looked = self.engine.tick
        self.forget_done()
        return len(self.waiting) < self.engine.settings.max_waiting_requests

    def _watch_links(self) -> None:
        """Have links tell of answers, which free places, while something waits for one."""
        hook = self.drain if self.waiting else None
        for pool in self.pools.values():
            for link in pool.all_links:
                link.on_data = hook

    # --- keyspaces -----------------------------------------------------------------------------

    async def use(self, link: Link, keyspace: str) -> None:
        """Change one connection to a keyspace, once it has room and no USE of a user under way.

        One after the other: else nobody could tell which was carried out last.
        """
        runtime, patience = self.engine.runtime, self.engine.settings.connect_timeout
        until = None if patience is None else runtime.now() + patience
        while len(link.streams) >= link.streams.limit or _use_under_way(link):
            if link.closed or (until is not None and runtime.now() >= until):
                break
            await sleep(runtime, TICK)
        await use_keyspace(link, keyspace, patience)

    async def follow_keyspace(self, keyspace: str, answered: Link | None = None) -> None:
        """Bring every connection into `keyspace`, after one of them answered a USE.

        None is lent while it is not there yet; one that fails is closed, and its successor
        begins in the right keyspace.
        """
        self.keyspace = keyspace
        changes = []
        for pool in list(self.pools.values()):
            for link in list(pool.all_links):
                doubt = link in pool.changing or _use_under_way(link)
                if link is answered and not doubt:
                    link.keyspace = keyspace
                elif link is answered or link.keyspace != keyspace:
                    pool.withhold(link)
                    changes.append(spawn(self.engine.runtime, self._change(pool, link, keyspace)))
        await gather(changes)

    def distrust(self, message: Request, link: Link, why: str) -> bool:
        """Replace a connection if nobody knows whether it carried out a USE; say if it was one."""
        if not changes_keyspace(message):
            return False
        self.engine.replace(link, why)
        return True

    async def _change(self, pool: HostPool, link: Link, keyspace: str) -> None:
        pool.changing[link] = pool.changing.get(link, 0) + 1
        try:
            await self.use(link, keyspace)
            # Another USE may have been answered meanwhile, here or on another connection.
            while link.keyspace != self.keyspace and self.keyspace is not None:
                await self.use(link, self.keyspace)
        except Exception as exc:
            text = "%s did not change to keyspace %r: %s"
            seldom(log.warning, ("use", link.endpoint), text, link.endpoint, keyspace, exc)
            link.close(ConnectionShutdown(f"it did not change its keyspace: {exc}", link.endpoint))
            raise
        finally:
            pool.changing[link] -= 1
            if not pool.changing[link]:
                del pool.changing[link]
        pool.lend(link)

    # --- the end -------------------------------------------------------------------------------

    def close(self, error: SessionShutdown | None = None) -> None:
        """Close everything; requests get `error` at once."""
        if self.closed is not None:
            return
        self.closed = error or SessionShutdown("the session is shut down: make a new one")
        waiting, self.waiting = list(self.waiting), deque()
        parked = [each for each in list(self.engine.parked) if each.session is self]
        for execution in (*waiting, *parked):
            execution.resolve(self.closed)
        for pool in list(self.pools.values()):
            pool.close(self.closed)
        self.pools.clear()
        self.engine.session_closed(self)


def _use_under_way(link: Link) -> bool:
    """Say whether the USE of a user is under way on a connection."""
    owners = (getattr(receiver, "execution", receiver) for receiver in link.streams.waiting)
    return any(changes_keyspace(getattr(owner, "message", None)) for owner in owners)
