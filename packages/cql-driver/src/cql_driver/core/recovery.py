"""`Recovery`: what becomes of a request when an attempt fails, or takes long.

One half of `Execution`, which sends attempts and takes their answers; here they are repeated,
on the same host, on the next, or beside the one that is still out.
"""

from __future__ import annotations

from cql_driver.core import decide as verdict
from cql_driver.core.decide import OF_THE_HOST, decide
from cql_driver.core.first import FirstAttempt
from cql_driver.core.procedures import spawn
from cql_protocol.errors import RequestValidationException
from cql_protocol.messages import VoidResult

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from cql_driver.core.execution import Execution
    from cql_driver.core.link import Link
    from cql_driver.pools.host import Host
    from cql_protocol.errors import DriverException
    from cql_protocol.messages import Response

__all__ = ["Attempt", "Details", "Recovery"]


class Attempt:
    """An attempt beside the first: a receiver of its own on a stream of its own."""

    __slots__ = ("execution", "expires", "host", "link", "started_at", "stream")

    def __init__(self, execution: Execution, host: Host) -> None:
        self.execution = execution
        self.expires = execution.expires
        self.host: Host | None = host
        self.link: Link | None = None
        self.stream = -1
        self.started_at = 0.0

    def __call__(self, response: Response | DriverException) -> None:
        """Take the answer."""
        link, self.link = self.link, None
        self.execution.answered(self, link, response)

    def expire(self) -> None:
        """The execution is out of time."""
        self.execution.expire()


class Details:
    """What only some executions need, such as what is remembered of failures."""

    __slots__ = (
        "agreed",
        "armed",
        "attempt_started_at",
        "attempted",
        "attempts",
        "consistency",
        "context",
        "custom_payload",
        "errors",
        "observed",
        "others",
        "pinned",
        "plan",
        "prepare",
        "reprepares",
        "result",
        "retries",
        "sick",
        "speculation",
        "started_at",
        "timer",
        "tracing",
        "waited",
    )

    def __init__(self) -> None:
        self.agreed = True
        self.armed = False
        self.attempt_started_at = 0.0
        self.attempted: list[Host] = []
        self.attempts = 0
        self.consistency: int | None = None
        self.context: dict[Any, Any] | None = None
        self.custom_payload: Mapping[str, bytes | None] | None = None
        self.errors: dict[Any, BaseException] = {}
        self.observed = False
        self.others: list[Attempt] = []
        self.pinned: Host | None = None
        self.plan: Iterator[Host] | None = None
        self.prepare: Callable[[Execution], object] | None = None
        """What has to be done before it is sent, and starts it then."""
        self.reprepares: dict[int, int] = {}
        self.result: Response | None = None
        self.retries = 0
        self.sick: list[Host] = []
        """Those of the plan that were passed over."""
        self.speculation: Any = None
        self.started_at = 0.0
        self.timer: Any = None
        self.tracing = False
        self.waited = False
        """Whether it stood in the session's queue after it was sent, and may go anywhere."""


class Recovery(FirstAttempt):
    """The half of `Execution` that repeats attempts."""

    __slots__ = ()

    if TYPE_CHECKING:
        # What `Execution` has.
        def details(self) -> Details: ...  # noqa: D102
        def send(self, host: Host, link: Link) -> bool: ...  # noqa: D102
        def park(self) -> None: ...  # noqa: D102
        def unpark(self) -> None: ...  # noqa: D102

    # --- errors ------------------------------------------------------------------------------

    def failed(self, host: Host, link: Link | None, error: DriverException) -> None:
        """An attempt ended with an error: do what `decide` makes of it."""
        more = self.details()
        more.errors[host] = error
        if not (link is None or link.closed or isinstance(error, RequestValidationException)):
            self.session.distrust(self.message, link, f"a USE failed on it: {error}")
        try:
            decision = decide(
                error,
                self._retry_policy(),
                self.statement,
                self._consistency(more),
                more.retries,
                more.reprepares.get(host.key, 0),
            )
        except Exception as exc:  # noqa: BLE001 - a policy of the user's; the caller gets it
            self.resolve(exc)
            return
        action = decision.action
        if action == verdict.IGNORE:
            if more.observed and self.session.engine.observers.request_ignored is not None:
                self.session.engine.observers.request_ignored(self, error)
            self.resolve(VoidResult())
        elif action == verdict.FINISH or more.attempts >= self.session.engine.max_attempts:
            self.resolve(error)
        elif action == verdict.REPREPARE:
            self._reprepare(host, link, error)
        else:
            self._retry(host, link, error, decision)

    def _retry_policy(self) -> Any:
        """Return the statement's own retry policy, else the profile's."""
        own = getattr(self.statement, "retry_policy", None)
        return own if own is not None else self.options.retry_policy

    def _consistency(self, more: Details) -> int:
        if more.consistency is not None:
            return more.consistency
        own = getattr(self.statement, "consistency_level", None)
        return self.options.consistency_level if own is None else int(own)

    def _retry(
        self, host: Host, link: Link | None, error: DriverException, decision: verdict.Decision
    ) -> None:
        more = self.details()
        engine = self.session.engine
        more.retries += 1
        same_host = decision.action == verdict.SAME_HOST
        if decision.consistency is not None and decision.consistency != self._consistency(more):
            more.consistency = decision.consistency
            _set_consistency(self.message, decision.consistency)
        if more.observed and engine.observers.request_retried is not None:
            engine.observers.request_retried(self, error, same_host)
        again = (self._send_again, host) if same_host else (self.advance,)
        if decision.delay > 0:
            self.park()
            engine.runtime.call_later(decision.delay, self._after_delay, *again)
        else:
            again[0](*again[1:])

    def _after_delay(self, again: Callable[..., object], *args: Any) -> None:
        self.unpark()
        if not self.done:
            again(*args)

    def _send_again(self, host: Host) -> None:
        """Try the same host once more, or the next when it has no connection."""
        pool = self.session.pools.get(host.key)
        link = None if pool is None else pool.pick()
        if link is None or not self.send(host, link):
            self.advance()

    # --- statements a node has forgotten -----------------------------------------------------

    def _reprepare(self, host: Host, link: Link | None, error: DriverException) -> None:
        more = self.details()
        more.reprepares[host.key] = more.reprepares.get(host.key, 0) + 1
        if link is None or link.closed:
            self.advance()
            return
        self.park()
        procedure = self.session.engine.preparer.reprepare_for(self, link, error)
        running = spawn(self.session.engine.runtime, procedure)
        running.add_done_callback(lambda done: self._prepared_again(done, host, link))

    def _prepared_again(self, procedure: Any, host: Host, link: Link) -> None:
        self.unpark()
        if self.done:
            return
        error = procedure.error
        if error is not None:
            # What the host has not prepared, it has not run: another one may.
            if link.closed or isinstance(error, OF_THE_HOST):
                self.details().errors[host] = error
                self.advance()
            else:
                self.resolve(error)
        elif link.closed or not self.send(host, link):
            self.advance()

    # --- speculative attempts ----------------------------------------------------------------

    def is_out(self, more: Details) -> bool:
        """Say whether an answer to any attempt may still come."""
        return self.link is not None or any(other.link is not None for other in more.others)

    def plan_speculation(self) -> None:
        """Have another host asked after a while, if the policy and the statement allow it."""
        if not getattr(self.statement, "is_idempotent", False):
            return
        policy = self.options.speculative_execution_policy
        more = self.details()
        if more.pinned is None:
            try:
                more.speculation = policy.new_plan(self.session.keyspace, self.statement)
                self._next_speculation(more)
            except Exception as exc:  # noqa: BLE001 - a policy of the user's; the caller gets it
                self.resolve(exc)

    def _next_speculation(self, more: Details) -> None:
        delay = more.speculation.next_execution(self.host)
        if delay >= 0:
            more.timer = self.session.engine.runtime.call_later(delay, self._speculate)

    def _speculate(self) -> None:
        more = self.more
        if self.done or more is None:
            return
        more.timer = None
        # What waits or sleeps has no attempt out that another could overtake.
        if not self.is_out(more) or self.overtake():
            self._next_speculation(more)

    def overtake(self) -> bool:
        """Ask another host too while an attempt is out; return whether that may help."""
        more = self.details()
        before = more.attempts
        if more.pinned is None and before < self.session.engine.max_attempts:
            self.advance()
        return more.attempts > before and not self.done


def _set_consistency(message: Any, level: int) -> None:
    """Have a message sent at another consistency level from now on."""
    target = getattr(message, "parameters", message)
    target.consistency = level
