"""`Link`: one connection to a node, from its first byte to its last."""

from __future__ import annotations

from cql_driver.core.intake import Intake
from cql_driver.core.pending import Pending
from cql_driver.core.settings import NEVER
from cql_driver.errors import ConnectionShutdown
from cql_driver.logs import get_logger, seldom
from cql_protocol.connection import Answer, ReceiverFailed
from cql_protocol.errors import (
    DriverException,
    OperationTimedOut,
    RemoteProtocolError,
)
from cql_protocol.messages import Event, Options
from cql_protocol.streams import ORPHAN

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cql_driver.core.runtime import Runtime, Transport
    from cql_driver.pools.host import Host
    from cql_protocol import ClientConnection, Dialect, Features
    from cql_protocol.messages import Request, Response

__all__ = ["Link"]

log = get_logger("cql_driver.connection")


class _Reply:
    """The receiver of `Link.request`: passes the answer on to a `Pending`."""

    __slots__ = ("expires", "link", "pending", "stream")

    def __init__(self, link: Link, pending: Pending[Response]) -> None:
        self.link = link
        self.pending = pending
        self.stream = -1
        self.expires = NEVER

    def __call__(self, answer: Response | DriverException) -> None:
        self.stream = -1
        if isinstance(answer, DriverException):
            self.pending.set_error(answer)
        else:
            self.pending.set_result(answer)

    def settled(self, pending: Pending[Response]) -> None:
        """Leave an orphan when nobody waits any more and no answer came."""
        stream, self.stream = self.stream, -1
        if stream >= 0:
            self.link.orphan(stream)


class Link(Intake):
    """One connection: a `ClientConnection`, its transport, and what is to be sent this turn.

    Belongs to the loop. `on_event` gets the
    server's events, `on_closed` is called once with the link and the error that ended it (None
    when we closed it).
    """

    __slots__ = (
        "_closing",
        "_beats",
        "_given_up",
        "_heard_before",
        "_heartbeat",
        "_silent_since",
        "early",
        "host",
        "keyspace",
        "on_closed",
        "on_congested",
        "on_event",
        "watch",
    )

    def __init__(
        self, runtime: Runtime, connection: ClientConnection, endpoint: Any, host: Host | None
    ) -> None:
        super().__init__(runtime, connection, endpoint)
        self.host = host
        self.early: dict[int, int] = {}
        """Orphans of requests whose time was not over: by stream the tick when it is."""
        self.watch: Any = None
        """What the engine's `Health` found when it looked last."""
        self.keyspace: str | None = None
        self.on_event: Callable[[Event], object] | None = None
        self.on_closed: Callable[[Link, BaseException | None], object] | None = None
        self.on_congested: Callable[[Link, bool], object] | None = None
        self._closing = False
        self._heartbeat: Pending[Response] | None = None
        self._silent_since: float | None = None
        self._heard_before = 0
        self._beats = 0
        self._given_up = 0

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self.in_flight} in flight"
        return f"<Link to {self.endpoint}, {state}>"

    @property
    def dialect(self) -> Dialect:
        """What this connection speaks."""
        return self.connection.dialect

    @property
    def features(self) -> Features:
        """The extensions the server offers."""
        return self.connection.features

    @property
    def in_flight(self) -> int:
        """How many requests somebody waits for."""
        return self.streams.in_flight

    @property
    def orphans(self) -> int:
        """How many requests nobody waits for any more, whose answers are still to come."""
        return self.streams.orphans

    @property
    def news(self) -> int:
        """How many answers came that somebody waited for, but for heartbeats'."""
        answered = self._sent - len(self.streams)
        return answered - self._beats - (self._given_up - self.orphans)

    # --- requests of the driver ---------------------------------------------------------------

    def request(
        self,
        message: Request,
        timeout: float | None = None,
        *,
        tracing: bool = False,
        custom_payload: Mapping[str, bytes | None] | None = None,
    ) -> Pending[Response]:
        """Send a request of the driver's own and return its answer to come.

        The error is the server's, `ConnectionShutdown`, or `OperationTimedOut` after
        `timeout` seconds. Who stops waiting calls `set_error` on what is returned.
        """
        pending: Pending[Response] = Pending()
        if self.closed:
            pending.set_error(ConnectionShutdown(f"the connection to {self.endpoint} is closed"))
            return pending
        reply = _Reply(self, pending)
        try:
            reply.stream = self.send(message, reply, tracing, custom_payload)
        except DriverException as exc:
            pending.set_error(exc)
            return pending
        pending.add_done_callback(reply.settled)
        if timeout is not None and not pending.done:
            timer = self.runtime.call_later(timeout, self._time_out, message, pending, timeout)
            pending.add_done_callback(lambda _: timer.cancel())
        return pending

    def _time_out(self, message: Request, pending: Pending[Response], timeout: float) -> None:
        name = type(message).__name__
        pending.set_error(
            OperationTimedOut(
                f"{name} to {self.endpoint} was not answered within {timeout} s",
                last_host=self.host or self.endpoint,
                timeout=timeout,
                in_flight=self.in_flight,
            )
        )

    def orphan(self, stream: int) -> None:
        """Stop waiting for a stream; its id is free again once the late answer came."""
        if not self.closed:
            self.connection.orphan(stream)
            self._given_up += 1
            if self._closing:
                self._close_when_idle()

    def overdue(self, tick: int) -> int:
        """How many orphans there are whose time is over."""
        waiting = self.streams.waiting
        # A stream that was answered since may have been taken again.
        self.early = {
            stream: until
            for stream, until in self.early.items()
            if until >= tick and stream < len(waiting) and waiting[stream] is ORPHAN
        }
        return self.orphans - len(self.early)

    @property
    def is_asked(self) -> bool:
        """Whether an answer to `ask` is owed."""
        return self._heartbeat is not None

    # --- the heartbeat -----------------------------------------------------------------------

    def beat(self, timeout: float) -> None:
        """Look whether anything came since the last look; if not, `ask`.

        A full connection cannot be asked: it is closed when it stays silent for `timeout`.
        """
        if self.heard != self._heard_before or self.closed:
            self._heard_before = self.heard
            self._silent_since = None
        elif len(self.streams) >= self.streams.limit and self._heartbeat is None:
            self._beat_full(timeout)
        else:
            self.ask(timeout)

    def ask(self, timeout: float) -> None:
        """Ask whether the server lives, and end the connection if no answer comes in time."""
        if self._heartbeat is None and not self.closed:
            self._heartbeat = self.request(Options(), timeout)
            self._heartbeat.add_done_callback(self._beaten)

    def _beat_full(self, timeout: float) -> None:
        now = self.runtime.now()
        if self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since >= timeout:
            self.close(
                ConnectionShutdown(
                    f"the connection to {self.endpoint} carries as many requests as it may, and "
                    "answers none of them",
                    self.endpoint,
                )
            )

    def _beaten(self, pending: Pending[Response]) -> None:
        self._heartbeat = None
        self._beats += 1
        if pending.error is not None and not self.closed:
            self.close(
                ConnectionShutdown(
                    f"the heartbeat of the connection to {self.endpoint} failed: {pending.error}",
                    self.endpoint,
                )
            )

    # --- callbacks of the transport ----------------------------------------------------------

    def connection_made(self, transport: Transport) -> None:
        """Take the transport."""
        self.transport = transport

    def _broken_by(self, error: RemoteProtocolError) -> None:
        text = "%s sent what the protocol does not allow: %s"
        seldom(log.error, ("broke", self.endpoint), text, self.endpoint, error)
        self.close(error)

    def _handle_events(self) -> None:
        while (event := self.connection.next_event()) is not None:
            if isinstance(event, Event):
                if self.on_event is not None:
                    self.on_event(event)
            elif isinstance(event, ReceiverFailed):
                key = ("answer", type(event.error))
                seldom(log.error, key, "An answer could not be handled", error=event.error)
            elif isinstance(event, Answer):
                text = "%s answered what was not asked: %r"
                seldom(log.error, ("unasked", self.endpoint), text, self.endpoint, event.response)
                if self.connection.state.value == "closed":
                    self.close(ConnectionShutdown("the server ended the connection"))

    def connection_lost(self, exc: BaseException | None) -> None:
        """The transport is gone."""
        self.transport = None
        if not self.closed:
            why = "the server closed it" if exc is None else exc
            error = ConnectionShutdown(
                f"the connection to {self.endpoint} broke: {why}", self.endpoint
            )
            error.__cause__ = exc
            self.close(error)

    def pause_writing(self) -> None:
        """The server takes no more bytes for now."""
        if self.on_congested is not None:
            self.on_congested(self, True)

    def resume_writing(self) -> None:
        """The server takes bytes again."""
        if self.on_congested is not None:
            self.on_congested(self, False)

    # --- the end -----------------------------------------------------------------------------

    def broke(self) -> ConnectionShutdown:
        """Close, since the server broke the protocol; return what to tell a new request.

        What waits is being told just now, and is sent anew while this link does not know yet.
        """
        error = ConnectionShutdown(f"the connection to {self.endpoint} broke", self.endpoint)
        self.close(error)
        return error

    def close(self, error: BaseException | None = None) -> None:
        """End the connection; requests that wait get `error`, or `ConnectionShutdown`."""
        if self.closed:
            return
        self.closed = True
        self.out = []
        if self.transport is not None:
            if error is None:
                self.transport.close()
            else:
                self.transport.abort()
        # First whoever lends this connection out, so that what is told now goes elsewhere.
        on_closed, self.on_closed = self.on_closed, None
        self.on_event = self.on_data = self.on_congested = None
        if on_closed is not None:
            on_closed(self, error)
        told = error
        if not isinstance(error, DriverException):
            told = ConnectionShutdown(
                f"the connection to {self.endpoint} was closed", self.endpoint
            )
            told.__cause__ = error
        self.connection.close(told)

    def retire(self) -> None:
        """Close once the last answer that somebody waits for has come."""
        self._closing = True
        self.on_data = self._close_when_idle
        self._close_when_idle()

    def _close_when_idle(self) -> None:
        if self.in_flight == 0:
            self.close()
