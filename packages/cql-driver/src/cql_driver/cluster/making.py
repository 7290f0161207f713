"""`RequestMaker`: the executions that nearly all requests are, by the shortest way."""

from __future__ import annotations

from cql_driver.cluster.profiles import EXEC_PROFILE_DEFAULT, NOT_SET, ExecutionProfile
from cql_driver.core.execution import Execution
from cql_driver.query import PreparedStatement
from cql_driver.query.messages import Shape, ShapedExecute
from cql_protocol._accel import compiled

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cql_driver.cluster.session_base import SessionBase
    from cql_driver.core.settings import RequestOptions
    from cql_driver.pools.host import Host
    from cql_driver.query.snapshot import Snapshot

__all__ = ["RequestMaker", "shape_of"]


class RequestMaker:
    """Makes executions for one session: here those of prepared statements without more.

    What is unusual about a request (values of its own for anything but the markers, a statement
    of another kind, an observer) is left to `RequestFactory`, which knows everything.
    """

    __slots__ = ("session",)

    def __init__(self, session: SessionBase) -> None:
        self.session = session

    def renew(self) -> None:
        """Be told that an attribute of the session has changed: this one reads them each time."""

    def _known_options(self, profile: Any) -> RequestOptions | None:
        """Return what a profile says; None as long as its policy may not know the hosts."""
        manager = self.session.cluster.profile_manager
        if profile is EXEC_PROFILE_DEFAULT:
            profile = manager.profiles[EXEC_PROFILE_DEFAULT]
        options: RequestOptions | None = profile._options
        return options if options is not None and options.known_to is manager.mark else None

    if TYPE_CHECKING:
        # What `RequestFactory` has.
        _make_any: Callable[..., Execution]

        def encode(self, execution: Execution, paging_state: bytes | None) -> None: ...  # noqa: D102

    def make(
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
        """Return the execution of the statement: have the loop `start` it."""
        if (
            query.__class__ is PreparedStatement
            and (
                execution_profile is EXEC_PROFILE_DEFAULT
                or execution_profile.__class__ is ExecutionProfile
            )
            and timeout is NOT_SET
            and query.state.renew is None
            and not trace
            and custom_payload is None
            and paging_state is None
            and host is None
            and execute_as is None
            and query.custom_payload is None
            and (options := self._known_options(execution_profile)) is not None
        ):
            # `_make_any`, `SessionBase.profile` and `encode` written out.
            session = self.session
            pools = session._pools or session.pools
            bound = query.bind(parameters)
            execution = Execution(pools, bound, None, options, options.timeout, options.ticks)  # type: ignore[arg-type]
            if query.alters_requests:
                self.encode(execution, None)
            else:
                timed = session.use_client_timestamp and not query.state.is_read
                timestamp = session.next_timestamp() if timed else None
                shape = shape_of(
                    bound.snapshot, options, session.default_fetch_size, timestamp is not None
                )
                execution.message = ShapedExecute(shape, bound.values, timestamp)
            if pools.engine.watched:
                execution.observe()
            return execution
        return self._make_any(
            query,
            parameters,
            timeout,
            trace,
            custom_payload,
            execution_profile,
            paging_state,
            host,
            execute_as,
        )


def shape_of(
    snapshot: Snapshot, options: RequestOptions, page_size: int | None, timed: bool
) -> Shape:
    """Return the shape of requests of a statement, the same each time."""
    key = options, page_size, timed
    shape = snapshot.shapes.get(key)
    if shape is None:
        consistency, serial = options.consistency_level, options.serial_consistency_level
        shape = Shape(snapshot, consistency, serial, page_size, timed)
        snapshot.keep_shape(key, shape)
    return shape


RequestMaker = compiled("making", "RequestMaker", RequestMaker)  # type: ignore[misc]
