"""Procedures: conversations of many steps, written as ``async def``, on any runtime.

They await `Pending` results and nothing else. A `Procedure` steps its coroutine whenever what
it awaits is done, right where that happens; there is no scheduler behind it.
"""

from __future__ import annotations

from cql_driver.core.pending import Pending
from cql_driver.errors import RequestCancelled
from cql_protocol.errors import OperationTimedOut

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Iterable
    from typing import Any, TypeVar

    from cql_driver.core.runtime import Runtime

    _T = TypeVar("_T")

__all__ = ["Procedure", "gather", "pass_on", "sleep", "spawn", "within"]


class Procedure(Pending["_T"]):
    """A running procedure; itself a `Pending` of what the coroutine returns.

    Whatever the coroutine raises becomes its error; nothing is printed or lost, so somebody
    must look at it. `cancel` makes the await it stands at raise `RequestCancelled`.
    """

    __slots__ = ("_awaited", "_coroutine", "_runtime", "_stepping")

    def __init__(self, runtime: Runtime, coroutine: Coroutine[Any, Any, _T]) -> None:
        super().__init__()
        self._runtime = runtime
        self._coroutine = coroutine
        self._awaited: Pending[Any] | None = None
        self._stepping = False

    @property
    def is_stepping(self) -> bool:
        """Whether it is running right now, and who asks was called by it."""
        return self._stepping

    def start(self) -> Procedure[_T]:
        """Run up to the first await."""
        self._step(None)
        return self

    def cancel(self, error: BaseException | None = None) -> None:
        """End it at the await it stands at, with `error` if one is given."""
        if self.done or self._stepping:
            return
        awaited, self._awaited = self._awaited, None
        cancelled = error if error is not None else RequestCancelled("cancelled")
        if isinstance(awaited, Procedure):
            awaited.cancel(cancelled)
        elif awaited is not None:
            awaited.set_error(cancelled)
        self._step(cancelled)

    def _resume(self, awaited: Pending[Any]) -> None:
        if awaited is self._awaited:
            self._awaited = None
            # Else it is being thrown away, by the collector, with all that knew of it.
            if not self._coroutine.cr_running:  # type: ignore[attr-defined]
                self._step(None)

    def _step(self, error: BaseException | None) -> None:
        self._stepping = True
        try:
            while True:
                if error is None:
                    awaited = self._coroutine.send(None)
                else:
                    awaited = self._coroutine.throw(error)
                    error = None
                if not awaited.done:
                    break
        except StopIteration as stop:
            self._stepping = False
            self.set_result(stop.value)
            return
        except BaseException as exc:  # noqa: BLE001 - it is the procedure's result
            self._stepping = False
            self.set_error(exc)
            return
        self._stepping = False
        self._awaited = awaited
        awaited.add_done_callback(self._resume)


def spawn(runtime: Runtime, coroutine: Coroutine[Any, Any, _T]) -> Procedure[_T]:
    """Start a procedure that goes on by itself."""
    return Procedure(runtime, coroutine).start()


def sleep(runtime: Runtime, delay: float) -> Pending[None]:
    """Return what is done after `delay` seconds."""
    pending: Pending[None] = Pending()
    timer = runtime.call_later(delay, pending.set_result, None)
    pending.add_done_callback(lambda _: timer.cancel())
    return pending


def pass_on(runtime: Runtime, error: BaseException) -> None:
    """Raise in the thread that runs the loop what hit it in a procedure that serves all.

    That is Ctrl-C, and whatever else is no `Exception`; who awaits such a procedure, if anybody
    does, is seldom whom it was meant for.
    """
    left = [error]

    def hit() -> None:
        if left:  # loops call again what was interrupted
            raise left.pop()

    runtime.call_soon(hit)


def within(
    runtime: Runtime, timeout: float | None, awaited: Awaitable[_T], what: str
) -> Pending[_T]:
    """Return what is done as `awaited` is, or with `OperationTimedOut` after `timeout` seconds.

    On time-out a coroutine is cancelled, and a `Pending` gets the error. `what` says what
    took too long, for the message.
    """
    pending = awaited if isinstance(awaited, Pending) else spawn(runtime, awaited)  # type: ignore[arg-type]
    if timeout is None or pending.done:
        return pending

    def give_up() -> None:
        error = OperationTimedOut(f"{what} took longer than {timeout} s", timeout=timeout)
        if isinstance(pending, Procedure):
            pending.cancel(error)
        else:
            pending.set_error(error)

    timer = runtime.call_later(timeout, give_up)
    pending.add_done_callback(lambda _: timer.cancel())
    return pending


async def gather(awaited: Iterable[Pending[Any]]) -> list[Any]:
    """Wait for all of them; return results and errors (as values), in their order.

    Who is cancelled while it waits stops waiting; what it waited for goes on.
    """
    items = list(awaited)
    left = sum(not item.done for item in items)
    if left:
        # Not one by one: to cancel the wait for one would look like that one's own error.
        everything: Pending[None] = Pending()

        def one_is_done(_: Pending[Any]) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                everything.set_result(None)

        for item in items:
            if not item.done:
                item.add_done_callback(one_is_done)
        await everything
    for item in items:
        if item.error is not None and not isinstance(item.error, Exception):
            raise item.error  # an interrupt is nobody's result
    return [item.value if item.error is None else item.error for item in items]
