"""What futures, results and concurrent execution ask of a session; users call none of it."""

from __future__ import annotations

from cql_driver import query as statements
from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET
from cql_driver.cluster.values import not_a_timestamp
from cql_driver.errors import QueryExhausted
from cql_driver.handlers import ProtocolHandler
from cql_protocol import messages

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from cql_driver.cluster.pages import PageDecoder
    from cql_driver.cluster.profiles import ExecutionProfile
    from cql_driver.cluster.requests import RequestFactory
    from cql_driver.cluster.response import ResponseFuture
    from cql_driver.core.execution import Execution
    from cql_driver.core.runtime import Runtime
    from cql_driver.core.sessions import SessionPools
    from cql_driver.query import PreparedStatement
    from cql_protocol.messages import ColumnSpec, ResultMetadata

__all__ = ["SessionRequests"]


class SessionRequests:
    """The part of a session that makes, starts and reads executions."""

    timestamp_generator: Any
    client_protocol_handler: Any
    _decoder: PageDecoder
    _listeners: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]]
    _make: Callable[..., Execution]
    _requests: RequestFactory

    if TYPE_CHECKING:
        # What `SessionBase` has.
        @property
        def pools(self) -> SessionPools: ...  # noqa: D102
        @property
        def _runtime(self) -> Runtime: ...
        def profile(self, wanted: Any) -> ExecutionProfile: ...  # noqa: D102
        def future_of(self, execution: Execution) -> ResponseFuture: ...  # noqa: D102
        def _tell_listeners(self, future: ResponseFuture) -> None: ...

    # --- executions --------------------------------------------------------------------------

    def request(
        self, query: Any, parameters: Any, profile: Any, complete: Callable[[Execution], object]
    ) -> Execution:
        """Return the execution of a statement: have the loop `start` it.

        `complete` is called with it when it is done.
        """
        execution = self._make(query, parameters, NOT_SET, False, None, profile, None, None, None)
        execution.complete = complete if not self._listeners else self.told(execution, complete)
        return execution

    def told(
        self, execution: Execution, complete: Callable[[Execution], object]
    ) -> Callable[[Execution], object]:
        """Tell listeners of a request; return what is to be called when it is done.

        Their callbacks and errbacks are called then, and `complete`.
        """
        future = self.future_of(execution)
        self._tell_listeners(future)

        def completed(execution: Execution) -> None:
            future._completed(execution)
            complete(execution)

        return completed

    def wait_for(self, execution: Execution) -> None:
        """Wait until an execution is done."""
        execution.session.engine.runtime.wait(execution)

    def on_loop(self, function: Callable[..., object]) -> None:
        """Have the loop call the function, at once where possible."""
        self._runtime.dispatch(function)

    def call_user(self, function: Callable[..., object], *args: Any) -> None:
        """Call code of the user's, outside of the middle of things; on the loop."""
        self._runtime.call_user(function, *args)

    def launch(self, execution: Execution) -> None:
        """Start an execution that nobody may wait for."""
        runtime = execution.session.engine.runtime
        runtime.dispatch(_start_unattended, runtime, execution)

    def attended(self) -> None:
        """An execution that nobody may have waited for is done; on the loop."""
        self._runtime.unattended -= 1

    def next_page(self, execution: Execution) -> Execution:
        """Return the execution of the page that follows, not yet started."""
        state = execution.outcome.metadata.paging_state  # type: ignore[union-attr]
        if state is None:
            raise QueryExhausted("there is no next page")
        return self._requests.page_after(execution, state)

    def start_next_page(self, execution: Execution) -> Execution:
        """Return the execution of the page that follows, started."""
        following = self.next_page(execution)
        following.complete = lambda _: self.attended()
        self.launch(following)
        return following

    # --- pages -----------------------------------------------------------------------------------

    def decode_page(self, execution: Execution) -> Any:
        """Return the rows of a page as the row factory makes them; None without rows."""
        response = execution.outcome
        if response.__class__ is messages.RawRows and response.metadata.new_metadata_id is not None:
            self._follow_metadata(execution, response.metadata)
        handler = self.client_protocol_handler
        if handler is ProtocolHandler:
            return self._decoder.rows(execution)
        return handler.decode_page(self._decoder, execution)

    def raw_rows(self, execution: Execution) -> list[tuple[Any, ...]]:
        """Return the rows of a page as tuples."""
        return self._decoder.raw_rows(execution)

    def columns_of(self, execution: Execution) -> Sequence[ColumnSpec] | None:
        """Return the description of the columns; None without rows."""
        return self._decoder.columns_of(execution)

    @staticmethod
    def _follow_metadata(execution: Execution, metadata: ResultMetadata) -> None:
        """Take over a new description of the columns that came with its id."""
        prepared = getattr(execution.statement, "prepared_statement", None)
        if prepared is not None:
            prepared.update_result_metadata(metadata.columns, metadata.new_metadata_id)

    def encoded_size(self, execution: Execution) -> int | None:
        """Return how many bytes the body of the request has."""
        link = self.pools.engine.control.link
        return None if link is None else len(execution.message.encode(link.dialect))

    def _next_timestamp(self) -> int | None:
        generator = self.timestamp_generator
        if generator is None:
            return None
        timestamp = generator()
        try:
            return int(timestamp)
        except (TypeError, ValueError) as exc:
            raise not_a_timestamp(timestamp) from exc

    # --- preparing ---------------------------------------------------------------------------

    def known_prepared(self, query: str, keyspace: str | None) -> PreparedStatement | None:
        """Return a new statement of a text that was prepared before, else None."""
        pools = self.pools
        if pools.closed is not None:
            raise pools.closed
        key = (keyspace if keyspace is not None else pools.keyspace, query)
        engine = pools.engine
        state = engine.preparer.cache.get(key)
        if state is None:
            return None
        return statements.PreparedStatement.of(state, engine.protocol_version)

    async def prepare_on_loop(
        self,
        query: str,
        keyspace: str | None,
        patience: float | None,
        custom_payload: Mapping[str, bytes | None] | None = None,
    ) -> PreparedStatement:
        """Prepare a statement, waiting `patience` seconds for each host; a procedure."""
        pools = self.pools
        if pools.closed is not None:
            raise pools.closed
        engine = pools.engine
        plan = self.profile(EXEC_PROFILE_DEFAULT).load_balancing_policy.make_query_plan(
            pools.keyspace, None
        )
        state = await engine.preparer.prepare(
            pools, query, keyspace, patience, plan, custom_payload
        )
        return statements.PreparedStatement.of(state, engine.protocol_version)


def _start_unattended(runtime: Runtime, execution: Execution) -> None:
    """Start on the loop what no thread may be waiting for, so that it goes on nevertheless."""
    runtime.unattended += 1
    try:
        execution.start()
    except Exception as exc:  # noqa: BLE001 - nobody else hears of it
        execution.resolve(exc)
