"""From what a user gives to `Session.execute` to an `Execution`."""

from __future__ import annotations

from functools import partial

from cql_driver.cluster.making import RequestMaker
from cql_driver.cluster.profiles import NOT_SET, checked_timeout
from cql_driver.cluster.values import checked_host
from cql_driver.core.execution import Execution
from cql_driver.core.procedures import gather, spawn
from cql_driver.core.settings import ticks
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.query import (
    FETCH_SIZE_UNSET,
    BatchStatement,
    BoundStatement,
    PreparedStatement,
    SimpleStatement,
    Statement,
    bind_params,
)
from cql_driver.query.checks import check_custom_payload
from cql_driver.query.markers import marker_style
from cql_protocol.types.base import show

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cql_driver.pools.host import Host
    from cql_driver.query.prepared import PreparedState

__all__ = ["RequestFactory"]

EXECUTE_AS = "ProxyExecute"
"""The key of the custom payload by which a request runs as another role (DSE)."""


class RequestFactory(RequestMaker):
    """Makes executions for one session."""

    __slots__ = ()

    def _make_any(
        self,
        query: Any,
        parameters: Any,
        timeout: Any,
        trace: bool,
        custom_payload: Mapping[str, bytes | None] | None,
        execution_profile: Any,
        paging_state: bytes | None,
        host: Host | None,
        execute_as: str | None,
    ) -> Execution:
        session = self.session
        profile = session.profile(execution_profile)
        manager = session.cluster.profile_manager
        options = profile._options or profile.options()
        known = options.known_to is manager.mark or manager.recognize(options)
        kind = query.__class__
        texts = None
        if kind is PreparedStatement:
            if query.state.renew is not None and self._is_being_renewed(query.state):
                statement: Statement = BoundStatement(query)
                texts = query
            else:
                statement = query.bind(parameters)
        elif kind is BoundStatement and parameters is None:
            statement = query
        else:
            statement, texts = self._statement(query, parameters)
        if paging_state is not None:
            _check_paging_state(paging_state, statement)
        if timeout is NOT_SET:
            timeout, allowed = options.timeout, options.ticks
        else:
            timeout = checked_timeout("timeout", timeout)
            allowed = ticks(timeout)
        pools = session._pools or session.pools
        execution = Execution(pools, statement, None, options, timeout, allowed)  # type: ignore[arg-type]
        if texts is None:
            self.encode(execution, paging_state)
        else:
            execution.details().prepare = partial(self._prepare, texts, parameters, paging_state)
        if not known:
            more = execution.details()
            more.prepare = partial(self._admit, more.prepare)
        payload = statement.custom_payload
        if (
            custom_payload is not None
            or execute_as is not None
            or trace
            or host is not None
            or payload
        ):
            self._add_details(execution, payload, custom_payload, execute_as, trace, host)
        if pools.engine.watched:
            execution.observe()
        return execution

    def _is_being_renewed(self, state: PreparedState) -> bool:
        """Say whether values cannot be bound yet, since the statement is being prepared anew."""
        engine = self.session.pools.engine
        if engine.runtime.in_loop() and state.renew is not None:
            state.renew(state)
        return state in engine.preparer.renewing

    def encode(self, execution: Execution, paging_state: bytes | None) -> None:
        """Give the execution its message."""
        session = self.session
        statement = execution.statement
        options = execution.options
        level = statement.consistency_level
        serial = statement.serial_consistency_level
        size = statement.fetch_size
        timestamp = None
        if session.use_client_timestamp and not statement.is_read:
            timestamp = session.next_timestamp()
        execution.message = statement.message(
            options.consistency_level if level is None else level,
            options.serial_consistency_level if serial is None else serial,
            session.default_fetch_size if size is FETCH_SIZE_UNSET else size,
            paging_state,
            timestamp,
        )

    def _statement(self, query: Any, parameters: Any) -> tuple[Statement, Any]:
        """Return the statement to send, and what must be prepared before, if anything."""
        if isinstance(query, PreparedStatement):
            return query.bind(parameters), None
        if isinstance(query, str):
            query = SimpleStatement(query)
        if isinstance(query, SimpleStatement):
            if parameters is None or (not parameters and not isinstance(parameters, (str, bytes))):
                return query, None
            if marker_style(query.query_string) == "server":
                return self._bound(query, parameters)
            return self._substituted(query, parameters), None
        if isinstance(query, BoundStatement):
            if parameters is not None:
                query.bind(parameters)
            return query, None
        if isinstance(query, BatchStatement):
            self._refuse(parameters, "a BatchStatement", "give them to add()")
            if not len(query):
                raise InvalidArgument("query is an empty batch: add statements to it before")
            return query, query if query.entries_to_prepare() else None
        if isinstance(query, Statement) and type(query).message is not Statement.message:
            return query, None
        raise InvalidArgumentType(_not_a_query(query))

    @staticmethod
    def _refuse(parameters: Any, what: str, remedy: str) -> None:
        if parameters:
            raise InvalidArgument(f"parameters given with {what}: {remedy}")

    def _substituted(self, query: SimpleStatement, parameters: Any) -> SimpleStatement:
        """Return the statement with the CQL text of the parameters in place of its markers."""
        text = bind_params(query.query_string, parameters, self.session.encoder)
        copy = SimpleStatement(text)
        copy.__dict__.update({k: v for k, v in query.__dict__.items() if k not in copy.__dict__})
        return copy

    def _bound(self, query: SimpleStatement, parameters: Any) -> tuple[Statement, Any]:
        """Bind by the server's types; a text that is not in the cache is prepared first."""
        prepared = self.session.known_prepared(query.query_string, query.keyspace)
        if prepared is None:
            return query, query
        return self._bind_as(prepared, query, parameters), None

    @staticmethod
    def _bind_as(
        prepared: PreparedStatement, query: SimpleStatement, parameters: Any
    ) -> BoundStatement:
        bound = prepared.bind(parameters)
        for name in _CARRIED:
            value = query.__dict__.get(name)
            if value is not None:
                setattr(bound, name, value)
        return bound

    def _admit(self, prepare: Callable[[Execution], object] | None, execution: Execution) -> None:
        """Have the policy of the profile know the hosts; then prepare what is to be, and start."""
        try:
            self.session.cluster.admit_profile(execution.options)
        except Exception as exc:  # noqa: BLE001 - a policy of the user's; the caller gets it
            execution.resolve(exc)
            return
        (prepare or Execution.start)(execution)

    def _prepare(
        self, texts: Any, parameters: Any, paging_state: bytes | None, execution: Execution
    ) -> None:
        starting = self._prepare_and_start(execution, texts, parameters, paging_state)
        spawn(execution.session.engine.runtime, starting)

    async def _prepare_and_start(
        self, execution: Execution, texts: Any, parameters: Any, paging_state: bytes | None
    ) -> None:
        session = self.session
        # Its own time-out ends the execution; the PREPARE may be of use to others even then.
        execution.arm()
        try:
            if isinstance(texts, PreparedStatement):
                renewing = session.pools.engine.preparer.renewing.get(texts.state)
                await gather([] if renewing is None else [renewing])
                execution.statement = texts.bind(parameters)
            elif isinstance(texts, BatchStatement):
                for index, text, keyspace in texts.entries_to_prepare():
                    prepared = await session.prepare_on_loop(text, keyspace, None)
                    texts.prepared_as(index, prepared)
            else:
                prepared = await session.prepare_on_loop(texts.query_string, texts.keyspace, None)
                execution.statement = self._bind_as(prepared, texts, parameters)
            self.encode(execution, paging_state)
        except Exception as exc:  # noqa: BLE001 - it is the request's outcome
            execution.resolve(exc)
            return
        if not execution.done:
            execution.start()

    def _add_details(
        self,
        execution: Execution,
        payload: Mapping[str, bytes | None] | None,
        custom_payload: Mapping[str, bytes | None] | None,
        execute_as: str | None,
        trace: bool,
        host: Host | None,
    ) -> None:
        more = execution.details()
        if not isinstance(trace, bool):
            raise InvalidArgumentType(f"trace={trace!r} is neither True nor False")
        more.tracing = trace
        if custom_payload is not None:
            check_custom_payload(custom_payload)
        merged = {**(payload or {}), **(custom_payload or {})}
        if execute_as is not None:
            if not isinstance(execute_as, str):
                raise InvalidArgumentType(
                    f"execute_as is a {type(execute_as).__name__}: give the name of a role"
                )
            merged[EXECUTE_AS] = execute_as.encode()
        more.custom_payload = merged or None
        if host is not None:
            # Hosts are equal by end point: another cluster's stands for the same node of ours.
            known = self.session.cluster.metadata.get_host(checked_host("host", host).endpoint)
            if known is None:
                raise InvalidArgument(
                    f"host={host!r} is no host of this cluster: take one of "
                    "cluster.metadata.all_hosts()"
                )
            more.pinned = known

    def page_after(self, execution: Execution, paging_state: bytes) -> Execution:
        """Return the execution of the next page: a plan and a deadline of its own."""
        following = Execution(
            self.session.pools,
            execution.statement,
            execution.message,
            execution.options,
            execution.timeout,
            ticks(execution.timeout),
        )
        before = execution.more
        if before is not None:
            more = following.details()
            more.tracing = before.tracing
            more.custom_payload = before.custom_payload
            more.pinned = before.pinned
        if following.session.engine.watched:
            following.observe()
        self.encode(following, paging_state)
        return following


_CARRIED = (
    "retry_policy",
    "consistency_level",
    "serial_consistency_level",
    "fetch_size",
    "custom_payload",
    "is_idempotent",
)


def _check_paging_state(paging_state: Any, statement: Statement) -> None:
    if not isinstance(paging_state, bytes):
        raise InvalidArgumentType(
            f"paging_state={show(paging_state)} is not bytes: give what ResultSet.paging_state was"
        )
    if isinstance(statement, BatchStatement):
        raise InvalidArgument("paging_state given with a batch, which has no pages: leave it out")


def _not_a_query(query: Any) -> str:
    """Return what is wrong with a statement that is none."""
    kind = type(query)
    if kind is type:
        return f"query is the class {query.__name__}: give an object, {query.__name__}(...)"
    hint = ": decode it" if kind in (bytes, bytearray) else ""
    return (
        f"query is a {kind.__name__}, not a str, SimpleStatement, PreparedStatement, "
        f"BoundStatement or BatchStatement{hint}"
    )
