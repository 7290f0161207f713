"""`Execution`: one user request, from its first attempt to its one outcome.

For editors. The common request takes one attempt: then nothing but the slots of `Execution`
is made, and it is itself the receiver of its answer. Everything rarer (retries, speculative
attempts, tracing, payloads, observers) hangs on `more`, made by `details` when it is first
needed. An execution is at any time in one place: in flight (the stream tables of links hold
its receivers), waiting (its session's queue), parked (the engine's set, while a delay or a
procedure runs), or done. The engine's sweep looks into all three for deadlines.
"""

from __future__ import annotations

from cql_driver.core.procedures import spawn
from cql_driver.core.recovery import Attempt, Details, Recovery
from cql_driver.errors import (
    ConnectionBusy,
    ConnectionShutdown,
    NoConnectionsAvailable,
    ProtocolError,
    RequestCancelled,
    no_host,
)
from cql_driver.logs import get_logger
from cql_protocol.errors import DriverException, OperationTimedOut, StreamsExhausted
from cql_protocol.messages import RawRows, SchemaChangeResult, SetKeyspaceResult, VoidResult

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cql_driver.core.link import Link
    from cql_driver.pools.host import Host
    from cql_protocol.messages import Response

    Outcome = Response | BaseException

__all__ = ["Execution"]

log = get_logger("cql_driver.request")


class Execution(Recovery):
    """One request of a session: a statement, or one page of one.

    Make it, then have the loop call `start`; it is done once, with `outcome`: a response, or
    the exception. `complete`, when set, is called with the execution right then.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<Execution of {self.statement!r} {'done' if self.done else 'running'}>"

    # --- what observers and futures read -------------------------------------------------

    @property
    def started_at(self) -> float:
        """When it was started, by the runtime's clock; 0 when nobody observes."""
        return 0.0 if self.more is None else self.more.started_at

    @property
    def attempts(self) -> int:
        """How many times it was sent."""
        more = self.more
        return (self.host is not None) if more is None else more.attempts

    @property
    def attempted_hosts(self) -> list[Host]:
        """The hosts it was sent to, in order."""
        if self.more is None:
            return [] if self.host is None else [self.host]
        return self.more.attempted

    @property
    def errors(self) -> dict[Any, BaseException]:
        """What went wrong, by host."""
        return {} if self.more is None else self.more.errors

    @property
    def context(self) -> dict[Any, Any]:
        """Room for what observers keep with a request."""
        more = self.details()
        if more.context is None:
            more.context = {}
        return more.context

    def observe(self) -> None:
        """Have the engine's observers told of it; in the caller's thread, before it starts."""
        engine = self.session.engine
        more = self.details()
        more.observed = True
        more.started_at = engine.runtime.now()
        if engine.observers.request_created is not None:
            engine.observers.request_created(self)

    def details(self) -> Details:
        """Return `more`, made now if it is not there."""
        more = self.more
        if more is None:
            more = self.more = Details()
            if self.host is not None:
                more.attempted.append(self.host)
                more.attempts = 1
        return more

    # --- sending ---------------------------------------------------------------------------

    def arm(self) -> None:
        """Have the time run before there is something to send: while it is being prepared."""
        engine = self.session.engine
        if self.session.closed is not None:
            return
        if not engine.sweeping:
            engine.start_sweep()
        self.details().armed = True
        self.expires += engine.tick
        self.park()

    def start_with_details(self, more: Details) -> None:
        """Start what is not as most requests are."""
        engine = self.session.engine
        prepare, more.prepare = more.prepare, None
        if prepare is not None:
            prepare(self)
            return
        if more.armed:
            self.unpark()
        else:
            self.expires += engine.tick
        if more.observed and engine.observers.request_started is not None:
            engine.observers.request_started(self)
        if self.session.waiting and more.pinned is None:
            self.session.queue_up(self)
        else:
            self.advance()
        if self.options.speculative_execution_policy is not None and not self.done:
            self.plan_speculation()

    def advance(self) -> None:
        """Send to the next host of the plan that takes the request."""
        try:
            self._advance(self.details())
        except Exception as exc:
            # A policy of the user's raised: the caller gets it.
            if self.done:
                raise
            self.resolve(exc)

    def _advance(self, more: Details) -> None:
        if more.plan is None:
            more.plan, more.sick = self._make_plan(more), []
        session = self.session
        busy = False
        for host in self._sick_last(more, more.plan):
            if busy and host.is_sick:
                more.sick.insert(0, host)
                break  # a place at one that is well is worth waiting for
            pool = session.pools.get(host.key)
            if pool is None:
                more.errors[host] = NoConnectionsAvailable(
                    f"no pool of connections to {host}", host.endpoint
                )
                continue
            link = pool.pick()
            if link is not None:
                if self.send(host, link):
                    return
                busy = True
            else:
                more.errors[host] = pool.refusal()
                busy = busy or pool.may_wait()
            if self.done:
                return
        if self.is_out(more):
            return  # another attempt is still out; it will decide
        self._no_host_took_it(more, busy)

    def _sick_last(self, more: Details, plan: Iterator[Host]) -> Iterator[Host]:
        """Give the hosts of the plan, those last that are sick by then."""
        for host in plan:
            if host.is_sick:
                more.sick.append(host)
            else:
                yield host
        while more.sick:
            yield more.sick.pop(0)

    def _make_plan(self, more: Details) -> Iterator[Host]:
        if more.pinned is not None:
            return iter((more.pinned,))
        policy = self.options.load_balancing_policy
        plan: Iterator[Host] = iter(policy.make_query_plan(self.session.keyspace, self.statement))
        if self.host is None or more.waited:
            return plan
        # The policy's cheap choice was tried already, before there was a plan.
        tried = self.host
        return (host for host in plan if host is not tried)

    def _no_host_took_it(self, more: Details, busy: bool) -> None:
        session = self.session
        if busy and more.attempts < session.engine.max_attempts and _only_lost(more.errors):
            more.plan = None
            more.waited = True
            session.enqueue(self)
            return
        if more.attempts == 0:
            link = None if more.pinned is not None else session.engine.fallback_link()
            if link is not None and link.host is not None and self.send(link.host, link):
                return
        if more.pinned is not None and len(more.errors) == 1:
            self.resolve(next(iter(more.errors.values())))
            return
        self.resolve(no_host(dict(more.errors)))

    def send(self, host: Host, link: Link) -> bool:
        """Send an attempt; return False when the link has no room for it."""
        more = self.details()
        if self.link is None:
            receiver: Execution | Attempt = self
        else:
            receiver = Attempt(self, host)
        try:
            stream = link.send(self.message, receiver, more.tracing, more.custom_payload)
        except StreamsExhausted as exc:
            more.errors[host] = ConnectionBusy(str(exc), host.endpoint)
            pool = self.session.pools.get(host.key)
            if pool is not None:
                pool.exhausted()
            return False
        except DriverException as exc:
            if link.closed:
                more.errors[host] = exc
                return False
            self.resolve(exc)
            return True
        receiver.link = link
        receiver.stream = stream
        if receiver is self:
            self.host = host
        else:
            assert isinstance(receiver, Attempt)
            more.others.append(receiver)
        more.attempts += 1
        more.attempted.append(host)
        if more.observed:
            observers = self.session.engine.observers
            now = self.session.engine.runtime.now()
            if isinstance(receiver, Attempt):
                receiver.started_at = now
            else:
                more.attempt_started_at = now
            if observers.attempt_started is not None:
                observers.attempt_started(self, host, receiver is not self)
        return True

    # --- answers -----------------------------------------------------------------------------

    def answered(
        self, attempt: Execution | Attempt, link: Link | None, response: Response | DriverException
    ) -> None:
        """Take the answer to an attempt, and do what it leads to."""
        more = self.details()
        if self.done or more.result is not None:
            return
        host = attempt.host
        assert host is not None
        error = response if isinstance(response, DriverException) else None
        if more.observed:
            self._tell_attempt_ended(attempt, host, error)
        if error is not None:
            self.failed(host, link, error)
            return
        self.host = host
        assert not isinstance(response, DriverException)
        if isinstance(response, SetKeyspaceResult):
            self._hold(response, self.session.follow_keyspace(response.keyspace, link))
        elif isinstance(response, SchemaChangeResult):
            self._hold(response, self.session.engine.follow_schema(self, response.change, link))
        elif isinstance(response, (RawRows, VoidResult)):
            self.resolve(response)
        else:
            self.resolve(ProtocolError(f"the statement was answered by {response!r}"))

    def _tell_attempt_ended(
        self, attempt: Execution | Attempt, host: Host, error: BaseException | None
    ) -> None:
        engine = self.session.engine
        if engine.observers.attempt_ended is not None:
            if isinstance(attempt, Attempt):
                since = attempt.started_at
            else:
                since = self.details().attempt_started_at
            engine.observers.attempt_ended(self, host, error, engine.runtime.now() - since)

    def _hold(self, response: Response, procedure: Any) -> None:
        """Be done with `response` once the procedure is, or the deadline comes."""
        self.details().result = response
        self.park()
        spawn(self.session.engine.runtime, procedure).add_done_callback(self._let_go)

    def _let_go(self, procedure: Any) -> None:
        more = self.details()
        if procedure.error is not None:
            self.resolve(procedure.error)
        elif more.result is not None:
            self.resolve(more.result)

    # --- the end -----------------------------------------------------------------------------

    def park(self) -> None:
        """Be looked after by the engine while there is no attempt to wait for."""
        self.session.engine.parked[self] = None

    def unpark(self) -> None:
        """Be looked after by who sends attempts again."""
        self.session.engine.parked.pop(self, None)

    def expire(self) -> None:
        """The deadline has come."""
        if self.done:
            return
        more = self.details()
        if more.result is not None:
            # The server did what was asked; only what follows from it took too long.
            more.agreed = False
            self.resolve(more.result)
            return
        engine = self.session.engine
        if more.observed and engine.observers.client_timed_out is not None:
            engine.observers.client_timed_out(self, self.host)
        in_flight = 0 if self.link is None else self.link.in_flight
        self.resolve(
            OperationTimedOut(
                dict(more.errors), last_host=self.host, timeout=self.timeout, in_flight=in_flight
            )
        )

    def cancel(self, error: BaseException | None = None) -> None:
        """Stop waiting: the outcome is `error`, or `RequestCancelled`; on the loop."""
        self.resolve(
            error or RequestCancelled("the request was cancelled; the server may still run it")
        )

    def resolve(self, outcome: Outcome) -> None:
        """Be done with `outcome`; only the first call counts."""
        if self.done:
            return
        self.outcome = outcome
        more = self.more
        if self.link is not None:
            self._leave(self)
        if more is not None:
            for other in more.others:
                if other.link is not None:
                    self._leave(other)
            if more.timer is not None:
                more.timer.cancel()
            self.unpark()
            if more.observed:
                self._tell_ended(more, outcome)
        self.finish()
        if self.complete is not None:
            self.complete(self)

    def _leave(self, attempt: Execution | Attempt) -> None:
        """Leave an orphan behind for an answer that nobody waits for any more."""
        link, attempt.link = attempt.link, None
        assert link is not None
        waiting: list[Any] = link.streams.waiting
        # A connection that is ending has no streams any more.
        if attempt.stream >= len(waiting) or waiting[attempt.stream] is not attempt:
            return
        link.orphan(attempt.stream)
        if not self.session.distrust(self.message, link, "a USE was given up on it"):
            self.session.engine.orphaned(link, attempt)

    def _tell_ended(self, more: Details, outcome: Outcome) -> None:
        more.observed = False
        engine = self.session.engine
        if engine.observers.request_ended is not None:
            error = outcome if isinstance(outcome, BaseException) else None
            engine.observers.request_ended(self, error, engine.runtime.now() - more.started_at)


def _only_lost(errors: dict[Any, BaseException]) -> bool:
    """Say whether nothing went wrong but connections: then the next one may do."""
    return all(
        isinstance(error, (ConnectionShutdown, ConnectionBusy, NoConnectionsAvailable))
        for error in errors.values()
    )
