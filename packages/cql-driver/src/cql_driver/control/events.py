"""`EventHandler`: what the server's events lead to, and tools to take turns and to wait a little.

An event only says that something is different now; what is, is asked for anew. So events that
are lost, late, doubled or out of order do no harm.
"""

from __future__ import annotations

from collections import deque

from cql_driver.core.pending import Pending
from cql_driver.core.procedures import pass_on, spawn
from cql_driver.logs import get_logger, seldom
from cql_driver.policies.base import random
from cql_protocol.messages import SchemaChange, StatusChange, TopologyChange

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from cql_driver.core.engine import Engine
    from cql_driver.core.procedures import Procedure
    from cql_driver.core.runtime import Runtime, Timer
    from cql_driver.pools.host import Host
    from cql_protocol.messages import Event

__all__ = ["Debounced", "EventHandler", "Turns", "run_in_background"]

log = get_logger("cql_driver.cluster")


class Turns:
    """Lets one procedure at a time go on, in the order in which they came.

    Example::

        await turns.take()
        try:
            ...
        finally:
            turns.give()
    """

    __slots__ = ("_taken", "_waiting")

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[Pending[None]] = deque()

    def take(self) -> Pending[None]:
        """Return what is done when it is one's turn."""
        turn: Pending[None] = Pending()
        if self._taken:
            self._waiting.append(turn)
        else:
            self._taken = True
            turn.set_result(None)
        return turn

    def give(self) -> None:
        """Let the next one go on."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done:  # else who waited was cancelled
                turn.set_result(None)
                return
        self._taken = False


class Debounced:
    """An action that a burst of events causes once.

    It runs at a random time within the window, so that the clients of a cluster do not all
    ask at once. What comes meanwhile is covered by that run.
    """

    __slots__ = ("_action", "_runtime", "_timer", "_window")

    def __init__(self, runtime: Runtime, action: Callable[[], object]) -> None:
        self._runtime = runtime
        self._action = action
        self._timer: Timer | None = None
        self._window = 0.0
        """The one of the timer."""

    def trigger(self, window: float) -> None:
        """Have the action run within `window` seconds, unless it is going to."""
        if self._timer is not None and window < self._window:
            self.cancel()  # it would run too late
        if self._timer is None:
            self._window = window
            self._timer = self._runtime.call_later(random() * window, self._run)

    def cancel(self) -> None:
        """Have it not run, after all."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _run(self) -> None:
        self._timer = None
        self._action()


def run_in_background(
    engine: Engine, coroutine: Coroutine[Any, Any, Any], what: str
) -> Procedure[Any]:
    """Run a procedure that nobody waits for; its error goes to the log.

    Ctrl-C that hits it goes on to the thread that runs the loop. Who needs the procedure done
    looks at its error, and begins anew.
    """

    def ended(procedure: Pending[Any]) -> None:
        error = procedure.error
        if error is None or engine.closed:
            return
        if isinstance(error, Exception):
            seldom(log.warning, (id(engine), what), "%s failed: %s", what, error)
        else:
            pass_on(engine.runtime, error)

    procedure = spawn(engine.runtime, coroutine)
    procedure.add_done_callback(ended)
    return procedure


class EventHandler:
    """Handles the events of the control connection, each kind as its window says.

    A negative window disables a kind. DOWN is believed at once, where no connection to the
    host says otherwise; UP after a while, since a node says so before it takes connections.
    """

    __slots__ = ("_engine", "_nodes", "_up")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._nodes = Debounced(engine.runtime, self._refresh_nodes)
        self._up: dict[int, Debounced] = {}
        """By `Host.key`: hosts that are said to be up."""

    def kinds(self) -> list[str]:
        """Return the types of events to register for."""
        settings = self._engine.settings
        windows = {
            "TOPOLOGY_CHANGE": settings.topology_event_refresh_window,
            "STATUS_CHANGE": settings.status_event_refresh_window,
            "SCHEMA_CHANGE": settings.schema_event_refresh_window,
        }
        return [kind for kind, window in windows.items() if window >= 0]

    def handle(self, event: Event) -> None:
        """Do what an event calls for."""
        engine = self._engine
        settings = engine.settings
        if engine.closed:
            return
        if isinstance(event, TopologyChange):
            self.doubt_nodes()
        elif isinstance(event, StatusChange):
            if settings.status_event_refresh_window >= 0:
                self._status_changed(event)
        elif isinstance(event, SchemaChange) and settings.schema_event_refresh_window >= 0:
            engine.control.schema.changed(event)

    def doubt_nodes(self, within: float | None = None) -> None:
        """Look at the nodes soon (`within` seconds), unless their events are disabled."""
        window = self._engine.settings.topology_event_refresh_window
        if window >= 0:
            self._nodes.trigger(window if within is None else within)

    def cancel(self) -> None:
        """Forget what was to be done."""
        self._nodes.cancel()
        while self._up:
            self._up.popitem()[1].cancel()

    def _status_changed(self, event: StatusChange) -> None:
        engine = self._engine
        window = engine.settings.status_event_refresh_window
        host = engine.metadata.get_host(event.address, event.port)
        if event.change == "UP":
            # A known one too: others tell of a new rack, or version, no sooner than this, and
            # the driver may have reached it before.
            self._nodes.trigger(window)
            if host is not None:
                self._will_be_up(host, window)
        elif event.change == "DOWN" and host is not None:
            waiting = self._up.pop(host.key, None)
            if waiting is not None:
                waiting.cancel()
            engine.hosts.report_down(host)

    def _will_be_up(self, host: Host, window: float) -> None:
        waiting = self._up.get(host.key)
        if waiting is None:

            def try_up() -> None:
                self._up.pop(host.key, None)
                self._engine.hosts.try_up(host)

            waiting = self._up[host.key] = Debounced(self._engine.runtime, try_up)
        waiting.trigger(window)

    def _refresh_nodes(self) -> None:
        control = self._engine.control

        def ended(procedure: Pending[Any]) -> None:
            # Else what the event told would be lost: a new connection asks for everything.
            if procedure.error is not None:
                control.reconnect()

        coroutine = control.refresh_nodes()
        refreshing = run_in_background(self._engine, coroutine, "Refreshing the nodes")
        refreshing.add_done_callback(ended)
