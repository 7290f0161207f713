"""`FirstAttempt`: the course that nearly all requests take: sent once, answered once.

The compiled twin, `cql_speedups.express.FirstAttempt`, also begins requests by itself and holds
what it has encoded in place of a statement and a message, which it makes when they are asked
for. Everything else is in the subclasses `Recovery` and `Execution`.
"""

from __future__ import annotations

from cql_driver.core.pending import Waitable, release
from cql_protocol._accel import compiled
from cql_protocol.errors import DriverException, StreamsExhausted
from cql_protocol.messages import RawRows, VoidResult

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cql_driver.core.link import Link
    from cql_driver.core.recovery import Details
    from cql_driver.core.sessions import SessionPools
    from cql_driver.core.settings import RequestOptions
    from cql_driver.pools.host import Host
    from cql_protocol.messages import Request, Response

    Outcome = Response | BaseException

__all__ = ["FirstAttempt"]


class FirstAttempt(Waitable):
    """A request and its first attempt, which is itself the receiver of its answer."""

    __slots__ = (
        "complete",
        "expires",
        "future",
        "host",
        "link",
        "message",
        "more",
        "options",
        "outcome",
        "session",
        "statement",
        "stream",
        "timeout",
    )

    future: Any
    """Of asyncio, where a task waits for it; else unset."""

    def __init__(
        self,
        session: SessionPools,
        statement: Any,
        message: Request,
        options: RequestOptions,
        timeout: float | None,
        allowed_ticks: int,
    ) -> None:
        self.done = False
        self.waiter = None
        self.session = session
        self.statement = statement
        self.message = message
        self.options = options
        self.timeout = timeout
        self.expires = allowed_ticks
        """Before `start` how many ticks it may take, then the tick of its deadline."""
        self.host: Host | None = None
        self.link: Link | None = None
        self.more: Details | None = None
        self.outcome: Outcome | None = None
        self.complete: Callable[[Any], object] | None = None
        """Called with the request when it is done."""

    if TYPE_CHECKING:
        # What the subclasses have.
        def advance(self) -> None: ...  # noqa: D102
        def answered(  # noqa: D102
            self, attempt: Any, link: Link | None, response: Response | DriverException
        ) -> None: ...
        def plan_speculation(self) -> None: ...  # noqa: D102
        def resolve(self, outcome: Outcome) -> None: ...  # noqa: D102
        def start_with_details(self, more: Details) -> None: ...  # noqa: D102

    @property
    def result_columns(self) -> Any:
        """The columns of the rows as they were when the statement was prepared, else None."""
        snapshot = getattr(self.message, "snapshot", None)
        return None if snapshot is None else snapshot.result_columns

    def start(self) -> None:
        """Send the first attempt, or find out why that cannot be."""
        session = self.session
        engine = session.engine
        if session.closed is not None:
            self.resolve(session.closed)
            return
        if not engine.sweeping:
            engine.start_sweep()
        if self.more is not None:
            self.start_with_details(self.more)
            return
        self.expires += engine.tick
        if session.waiting:
            session.queue_up(self)
            return
        pick = self.options.pick
        if pick is not None:
            try:
                host = pick(session.keyspace, self.statement)
                pool = None if host is None else session.pools.get(host.key)
            except Exception as exc:  # noqa: BLE001 - a policy of the user's; the caller gets it
                self.resolve(exc)
                return
            if pool is not None:
                link = pool.single or pool.prefer()
                if link is not None:
                    try:
                        self.stream = link.send(self.message, self)
                    except StreamsExhausted:
                        pool.exhausted()
                    except DriverException as exc:
                        if not link.closed:
                            self.resolve(exc)
                            return
                    else:
                        self.link = link
                        self.host = host
                        if self.options.speculative_execution_policy is not None:
                            self.plan_speculation()
                        return
        self.advance()

    def __call__(self, response: Response | DriverException) -> None:
        """Take the answer to the attempt that this request itself is."""
        if self.more is None and not self.done:
            kind = response.__class__
            if kind is VoidResult or kind is RawRows:
                self.link = None
                self.outcome = response
                self.done = True
                if self.waiter is not None:
                    release(self.waiter)
                complete = self.complete
                if complete is not None:
                    complete(self)
                return
        link, self.link = self.link, None
        self.answered(self, link, response)


FirstAttempt = compiled("attempts", "FirstAttempt", FirstAttempt)  # type: ignore[misc]
