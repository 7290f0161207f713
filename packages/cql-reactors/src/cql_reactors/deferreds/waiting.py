"""How Deferreds come of procedures and executions.

A Deferred calls its callbacks at once, so it is fired at the end of a turn of the runtime and
never in the middle of things; by a runtime that has ended, which has no more turns, at once.

Who adds a callback to a Deferred holds nothing else, and the reactor knows runtimes by weak
references only: so what Deferreds wait for is held here until it is done.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from cql_driver.core.execution import Execution
    from cql_driver.core.pending import Pending
    from cql_driver.core.procedures import Procedure
    from cql_driver.runtimes.guest import GuestRuntime

__all__ = ["deferred_of", "hold", "let_go", "soon", "wait_for"]

_awaited: set[object] = set()


def hold(awaited: object) -> None:
    """Keep what a Deferred waits for, and all that brings it, until `let_go`."""
    _awaited.add(awaited)


def let_go(awaited: object) -> None:
    """Keep it no more: it is done."""
    _awaited.discard(awaited)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_awaited.clear)  # nothing of the parent's comes there


def soon(runtime: GuestRuntime, function: Callable[..., object], *args: Any) -> None:
    """Call the function at the end of this turn of the runtime, or of the next."""
    if runtime.ended:
        function(*args)
    else:
        runtime.call_user(function, *args)


def deferred_of(
    runtime: GuestRuntime,
    coroutine: Coroutine[Any, Any, Any],
    undo: Callable[[Any], object] | None = None,
) -> Deferred[Any]:
    """Run a procedure and return its outcome; to cancel the Deferred is to cancel the procedure.

    `undo` gets a result that comes too late for a Deferred that was cancelled.
    """
    procedure = runtime.begin_procedure(coroutine)
    if procedure.done:
        error = procedure.error
        return fail(Failure(error)) if error is not None else succeed(procedure.value)
    return _Running(runtime, procedure, undo).deferred


class _Running:
    """A procedure, and the Deferred of its outcome."""

    __slots__ = ("_cancelled", "_procedure", "_runtime", "_undo", "deferred")

    def __init__(
        self,
        runtime: GuestRuntime,
        procedure: Procedure[Any],
        undo: Callable[[Any], object] | None,
    ) -> None:
        self._runtime = runtime
        self._procedure = procedure
        self._undo = undo
        self._cancelled = False
        self.deferred: Deferred[Any] = Deferred(self._cancel)
        hold(procedure)
        procedure.add_done_callback(self._settled)

    def _cancel(self, deferred: Deferred[Any]) -> None:
        self._cancelled = True  # the Deferred fails by itself then
        self._procedure.cancel()

    def _settled(self, procedure: Pending[Any]) -> None:
        let_go(procedure)
        soon(self._runtime, self._fire)

    def _fire(self) -> None:
        procedure = self._procedure
        if self._cancelled:
            if self._undo is not None and procedure.error is None:
                self._undo(procedure.value)
        elif procedure.error is not None:
            self.deferred.errback(Failure(procedure.error))
        else:
            self.deferred.callback(procedure.value)


async def wait_for(runtime: GuestRuntime, execution: Execution) -> None:
    """Wait, in code of Twisted's, until an execution is done, which may have been started by now.

    To cancel the wait is to cancel the execution.
    """
    if execution.done:
        return
    deferred: Deferred[None] = Deferred(lambda _: execution.cancel())

    def fire() -> None:
        if not deferred.called:
            deferred.callback(None)

    def completed(execution: Execution) -> None:
        let_go(execution)
        soon(runtime, fire)

    execution.complete = completed
    hold(execution)
    await deferred
