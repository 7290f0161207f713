"""Preparing statements: once per text and node, remembered within a bound."""

from __future__ import annotations

from _thread import allocate_lock
from collections import OrderedDict

from cql_driver.core.decide import OF_THE_HOST
from cql_driver.core.pending import Pending
from cql_driver.core.procedures import Procedure, gather, sleep, spawn, within
from cql_driver.core.settings import TICK
from cql_driver.errors import (
    ConnectionShutdown,
    NoConnectionsAvailable,
    ProtocolError,
    no_host,
)
from cql_driver.logs import get_logger
from cql_driver.query.prepared import PreparedState
from cql_driver.query.snapshot import Snapshot
from cql_protocol.errors import (
    DriverException,
    InvalidRequest,
    PreparedQueryNotFound,
    RequestValidationException,
    StreamsExhausted,
)
from cql_protocol.messages import Prepare, PreparedResult

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from cql_driver.core.engine import Engine
    from cql_driver.core.link import Link
    from cql_driver.core.recovery import Recovery
    from cql_driver.core.sessions import SessionPools
    from cql_driver.pools.host import Host
    from cql_protocol.messages import SchemaChange

    Key = tuple[str | None, str]

__all__ = ["PreparedCache", "Preparer"]

log = get_logger("cql_driver.prepare")

_WINDOW = 64
"""PREPAREs that are sent to one connection at a time."""
_WITH_KEYSPACE = 5
"""The first version of the protocol whose PREPARE can name a keyspace."""
_WITH_KEY = 4
"""The first version of the protocol whose answers tell the partition key."""


class PreparedCache:
    """The statements that were prepared, by keyspace and text; the longest unused go first."""

    __slots__ = ("_by_key", "_lock", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self._by_key: OrderedDict[Key, PreparedState] = OrderedDict()
        self._lock = allocate_lock()  # callers look it up in their own threads

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: Key) -> PreparedState | None:
        """Return the statement, and count it as used."""
        with self._lock:
            state = self._by_key.get(key)
            if state is not None:
                self._by_key.move_to_end(key)
            return state

    def add(self, state: PreparedState) -> None:
        """Remember a statement, and forget the one unused for longest when there are too many."""
        with self._lock:
            self._by_key[state.keyspace, state.query] = state
            while len(self._by_key) > self.size:
                self._by_key.popitem(last=False)

    def states(self) -> list[PreparedState]:
        """Return all of them, those used last at the end."""
        with self._lock:
            return list(self._by_key.values())


class Preparer:
    """Prepares for the sessions of one engine.

    Two callers that prepare the same text at the same time share one PREPARE.
    """

    __slots__ = ("_hosts", "_running", "cache", "engine", "renewing")

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.cache = PreparedCache(engine.settings.prepared_cache_size)
        self._running: dict[Key, list[Pending[PreparedState | None]]] = {}
        self._hosts: dict[int, set[bytes]] = {}
        """Ids that each host has been given since it last came up, by `Host.key`."""
        self.renewing: dict[PreparedState, Pending[None]] = {}
        """What is being prepared anew while others go on."""

    async def prepare(
        self,
        session: SessionPools,
        query: str,
        keyspace: str | None,
        patience: float | None,
        plan: Iterable[Host],
        custom_payload: Mapping[str, bytes | None] | None = None,
    ) -> PreparedState:
        """Return the prepared statement: out of the cache, or from the first host that can.

        `patience` is how many seconds each host may take; `connect_timeout` where it is None,
        since others may be waiting for the same answer.
        """
        if patience is None:
            patience = self.engine.settings.connect_timeout
        key = (keyspace if keyspace is not None else session.keyspace, query)
        known = self.cache.get(key)
        if known is not None and known.renew is None and custom_payload is None:
            return known
        arguments = (session, key, keyspace, patience, plan, custom_payload)
        # Whoever sends a payload wants the server to see it, so that is not shared.
        if custom_payload is not None:
            return await self._on_some_host(*arguments)
        while (followers := self._running.get(key)) is not None:
            follower: Pending[PreparedState | None] = Pending()
            followers.append(follower)
            shared = await within(self.engine.runtime, patience, follower, f"preparing {query!r}")
            if shared is not None:
                return shared
        return await self._lead(arguments)

    async def _lead(self, arguments: tuple[Any, ...]) -> PreparedState:
        """Prepare, and let all have the result who ask for the same meanwhile.

        An error that another caller might not have had, with more patience or in its own
        session, is not theirs: one of them asks again.
        """
        key = arguments[1]
        followers = self._running[key] = []
        state: PreparedState | None = None
        error: BaseException | None = None
        try:
            state = await self._on_some_host(*arguments)
        except RequestValidationException as exc:
            error = exc
            raise
        finally:
            del self._running[key]
            for follower in followers:
                if error is not None:
                    follower.set_error(error)
                else:
                    follower.set_result(state)
        return state

    async def _on_some_host(
        self,
        session: SessionPools,
        key: Key,
        keyspace: str | None,
        patience: float | None,
        plan: Iterable[Host],
        custom_payload: Mapping[str, bytes | None] | None,
    ) -> PreparedState:
        runtime, hosts = self.engine.runtime, sorted(plan, key=lambda host: host.is_sick)
        until = None if patience is None else runtime.now() + patience
        while True:
            errors: dict[Any, BaseException] = {}
            for host in hosts:
                if session.closed is not None:
                    raise session.closed
                try:
                    return await self._on(session, host, key, keyspace, patience, custom_payload)
                except OF_THE_HOST as exc:
                    errors[host] = exc
            full = any(isinstance(error, StreamsExhausted) for error in errors.values())
            if not full or (until is not None and runtime.now() >= until):
                raise no_host(errors)
            # Requests wait for a place on a connection, and so does this.
            await sleep(runtime, TICK)

    async def _on(
        self,
        session: SessionPools,
        host: Host,
        key: Key,
        keyspace: str | None,
        patience: float | None,
        custom_payload: Mapping[str, bytes | None] | None,
    ) -> PreparedState:
        """Prepare on one host."""
        pool = session.pools.get(host.key)
        link = None if pool is None else pool.pick()
        if link is None:
            raise NoConnectionsAvailable(f"no connection to {host}", host.endpoint)
        message = Prepare(key[1], keyspace)
        try:
            answer = await link.request(message, patience, custom_payload=custom_payload)
        except DriverException as exc:
            if link.closed and not isinstance(exc, OF_THE_HOST):
                raise ConnectionShutdown(str(exc), link.endpoint) from exc
            raise
        state = await self._remember(key, answer, link)
        self._hosts.setdefault(host.key, set()).add(state.snapshot.query_id)
        if self.engine.settings.prepare_on_all_hosts:
            spawn(self.engine.runtime, self._on_other_hosts(session, state, host))
        return state

    async def _read(self, answer: Any, link: Link) -> Snapshot:
        if not isinstance(answer, PreparedResult):
            raise ProtocolError(f"PREPARE was answered by {answer!r}", link.endpoint)
        columns = answer.metadata.columns
        if columns and not answer.metadata.pk_indexes and link.dialect.version < _WITH_KEY:
            try:
                await self.engine.control.schema.load([columns[0].keyspace_name])
            except DriverException as exc:
                log.debug("the partition key of %s is not known: %s", columns[0].table_name, exc)
            else:
                return Snapshot.of(answer, self.engine.metadata)
        return Snapshot.of(answer)

    async def _remember(self, key: Key, answer: Any, link: Link) -> PreparedState:
        snapshot = await self._read(answer, link)
        known = self.cache.get(key)
        if known is not None:
            known.replace(snapshot)
            return known
        state = PreparedState(key[1], key[0], snapshot)
        self.cache.add(state)
        return state

    async def _on_other_hosts(
        self, session: SessionPools, state: PreparedState, done: Host
    ) -> None:
        """Spare the other hosts' first EXECUTE a round trip; what fails there is found then."""
        requests = []
        for pool in list(session.pools.values()):
            link = pool.prefer()
            if pool.host is not done and link is not None:
                requests.append(spawn(self.engine.runtime, self._again(link, pool.host, state)))
        for error in await gather(requests):
            if isinstance(error, Exception):
                log.debug("preparing %r on another host failed: %s", state.query, error)

    async def prepare_all_on(self, host: Host, link: Link) -> None:
        """Prepare on a host that came up what it has not been given since."""
        given = self._hosts.setdefault(host.key, set())
        missing = [
            state
            for state in self.cache.states()
            if state.snapshot.query_id not in given
            and (state.keyspace == link.keyspace or link.dialect.int_flags or not state.keyspace)
        ]
        window = min(_WINDOW, link.streams.limit)
        for start in range(0, len(missing), window):
            part = missing[start : start + window]
            tasks = [spawn(self.engine.runtime, self._again(link, host, state)) for state in part]
            failed = [error for error in await gather(tasks) if isinstance(error, Exception)]
            if failed:
                log.info(
                    "%d statements could not be prepared on %s: %s", len(failed), host, failed[0]
                )
            if link.closed:
                return

    def forget_host(self, host: Host) -> None:
        """A host went down: what it was given, it may have lost."""
        self._hosts.pop(host.key, None)

    async def _again(self, link: Link, host: Host, state: PreparedState) -> None:
        """Prepare a known statement on one more host, or once more."""
        keyspace = state.keyspace if link.dialect.int_flags else None
        timeout = self.engine.settings.connect_timeout
        self._hosts.setdefault(host.key, set()).add(state.snapshot.query_id)
        try:
            answer = await link.request(Prepare(state.query, keyspace), timeout)
        except BaseException:
            self._hosts.get(host.key, set()).discard(state.snapshot.query_id)
            raise
        snapshot = await self._read(answer, link)
        if snapshot.query_id != state.snapshot.query_id:
            raise DriverException(
                f"{host} prepared {state.query!r} under another id than the cluster did before "
                f"({snapshot.query_id.hex()}, not {state.snapshot.query_id.hex()}): the keyspace "
                "in use has changed since; prepare it again, or name the keyspace in the statement"
            )
        state.replace(snapshot)

    def schema_changed(self, change: SchemaChange) -> None:
        """Have statements that read what changed be prepared anew before they are used again."""
        keyspace, name = change.keyspace, change.name or ""
        for state in self.cache.states():
            snapshot = state.snapshot
            if change.target in ("FUNCTION", "AGGREGATE"):
                concerned = f"{name}(".lower() in state.query.lower().replace(" ", "")
            else:
                concerned = keyspace in (snapshot.keyspace, state.keyspace)
            if change.target == "TABLE":
                concerned = concerned and snapshot.table == name
            elif change.target == "TYPE":
                columns = (*snapshot.columns, *(snapshot.result_columns or ()))
                concerned = concerned and any(name in column.type.name for column in columns)
            if concerned:
                state.renew = self._renew

    def _renew(self, state: PreparedState) -> None:
        """Prepare anew, for a thread of a user that waits; on the loop requests wait for it."""
        runtime = self.engine.runtime
        if self.engine.closed is not None:
            return
        if runtime.in_loop():
            state.renew = _being_renewed
            procedure = self.renewing[state] = Procedure(runtime, self._anew(state))
            procedure.start()
        else:
            runtime.run(self._anew(state))

    async def _anew(self, state: PreparedState) -> None:
        """Prepare anew on some host; if that fails, the next request will tell why."""
        try:
            await self._on_any(state)
        except DriverException as exc:
            log.debug("preparing %r anew failed: %s", state.query, exc)
        finally:
            self.renewing.pop(state, None)
            if state.renew is not None:
                state.renew = self._renew

    async def _on_any(self, state: PreparedState) -> None:
        engine = self.engine
        for session in list(engine.sessions):
            keyspace = state.keyspace if engine.protocol_version >= _WITH_KEYSPACE else None
            if keyspace is not None or state.keyspace == session.keyspace:
                plan = engine.query_plan()
                found = await self.prepare(session, state.query, keyspace, None, plan)
                if found is not state:  # it is not in the cache any more
                    state.replace(found.snapshot)
                return

    async def reprepare_for(self, execution: Recovery, link: Link, error: DriverException) -> None:
        """Prepare on a node what it has forgotten of this request."""
        from cql_driver.query import BatchStatement, BoundStatement

        assert isinstance(error, PreparedQueryNotFound)
        statement = execution.statement
        if isinstance(statement, BoundStatement):
            bound = {statement.prepared_statement.state: statement.snapshot}
        elif isinstance(statement, BatchStatement):
            # A node that forgot one has forgotten all, and tells of one at a time.
            states = [prepared.state for prepared in statement.prepared_statements()]
            bound = {state: state.snapshot for state in states}
        else:
            bound = {}
        if not bound or link.host is None:
            raise error
        await self.reprepare(link, link.host, bound)
        if isinstance(statement, BoundStatement):
            execution.message.snapshot = statement.prepared_statement.state.snapshot  # type: ignore[attr-defined]

    async def reprepare(
        self, link: Link, host: Host, bound: Mapping[PreparedState, Snapshot]
    ) -> None:
        """Prepare statements again on a node that has forgotten them; `bound` is how they were.

        Raises `InvalidRequest` when values that were bound before are of other types now.
        """
        for state, before in bound.items():
            await self._again(link, host, state)
            for old, new in zip(before.columns, state.snapshot.columns, strict=False):
                # A user type with one field more has the same name, and takes the same values.
                if (old.name, old.type.name) != (new.name, new.type.name):
                    raise InvalidRequest(
                        f"the values of {state.query!r} were bound when {old.name} was "
                        f"{old.type.name}; now it is {new.name} {new.type.name}: bind them anew"
                    )


def _being_renewed(state: PreparedState) -> None:
    """Go on with what is known: it is being prepared anew."""
