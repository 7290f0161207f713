"""Small tools of procedures: taking turns, and answering many events by one action."""

from __future__ import annotations

from collections import deque

from cql_driver.core.pending import Pending
from cql_driver.core.procedures import spawn
from cql_driver.logs import get_logger
from cql_driver.policies.base import random

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from cql_driver.core.engine import Engine
    from cql_driver.core.procedures import Procedure
    from cql_driver.core.runtime import Runtime, Timer

__all__ = ["Debounced", "Turns", "run_in_background"]

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

    __slots__ = ("_action", "_runtime", "_timer")

    def __init__(self, runtime: Runtime, action: Callable[[], object]) -> None:
        self._runtime = runtime
        self._action = action
        self._timer: Timer | None = None

    def trigger(self, window: float) -> None:
        """Have the action run within `window` seconds, unless it is going to."""
        if self._timer is None:
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
    """Run a procedure that nobody waits for; its error goes to the log."""

    def ended(procedure: Pending[Any]) -> None:
        if procedure.error is not None and not engine.closed:
            log.warning("%s failed: %s", what, procedure.error)

    procedure = spawn(engine.runtime, coroutine)
    procedure.add_done_callback(ended)
    return procedure
