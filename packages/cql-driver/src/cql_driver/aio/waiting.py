"""How tasks of asyncio wait for procedures and executions."""

from __future__ import annotations

from asyncio import (
    AbstractEventLoop,
    BaseEventLoop,
    CancelledError,
    Future,
    InvalidStateError,
    _get_running_loop,
)
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cql_protocol.errors import UnsupportedOperation

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from cql_driver.core.execution import Execution
    from cql_driver.core.pending import Pending
    from cql_driver.runtimes.guest import GuestRuntime

    _M = TypeVar("_M", bound=AbstractAsyncContextManager[Any])
else:
    _M = TypeVar("_M")

_T = TypeVar("_T")

__all__ = ["Connecting", "future_maker", "refuse_loop", "resolve", "run_procedure", "wait_for"]


def future_maker(loop: AbstractEventLoop) -> Callable[[], Future[Any]]:
    """Return what does as ``loop.create_future``, without its call where it only passes on."""
    own = type(loop).create_future is BaseEventLoop.create_future
    return partial(Future, loop=loop) if own else loop.create_future


def refuse_loop(what: str, loop: AbstractEventLoop) -> UnsupportedOperation:
    """Return the error for a call on `what`, which belongs to another loop than the running one."""
    here = _get_running_loop()
    if loop.is_closed():
        why = "an event loop that was closed"
    elif here is None:
        why = "an event loop, and none is running in this thread"
    else:
        why = "another event loop than the one that is running here"
    return UnsupportedOperation(
        f"this {what} belongs to {why}: make an AsyncCluster in each loop (connect() and "
        "shutdown() in the same one), and from other threads use "
        "asyncio.run_coroutine_threadsafe"
    )


async def run_procedure(
    runtime: GuestRuntime,
    coroutine: Coroutine[Any, Any, _T],
    undo: Callable[[_T], object] | None = None,
) -> _T:
    """Run a procedure and return its result; a task that is cancelled cancels it.

    `undo` gets a result that came too late for a task that is cancelled.
    """
    procedure = runtime.begin_procedure(coroutine)
    if not procedure.done:
        loop = _get_running_loop()
        assert loop is not None
        future: Future[None] = loop.create_future()
        procedure.add_done_callback(partial(_wake, future))
        try:
            await future
        except BaseException:
            # No `Exception`, which a procedure would take for what came of one of its steps.
            procedure.cancel(CancelledError())
            if undo is not None and procedure.done and procedure.error is None:
                undo(procedure.result())
            raise
    return procedure.result()


def _wake(future: Future[None], pending: Pending[Any]) -> None:
    if not future.done():
        future.set_result(None)


def resolve(execution: Execution) -> None:
    """Wake the task that waits for an execution: its `complete`, with its `future`."""
    try:
        execution.future.set_result(None)
    except InvalidStateError:
        pass  # the task was cancelled, and knows it


async def wait_for(execution: Execution) -> None:
    """Wait until an execution is done, which may have been started by now.

    A task that is cancelled cancels it.
    """
    if not execution.done:
        loop = _get_running_loop()
        assert loop is not None
        future = execution.future = loop.create_future()
        execution.complete = resolve
        try:
            await future
        except BaseException:
            execution.cancel()
            raise


class Connecting(Coroutine[Any, Any, _M], Generic[_M]):
    """A coroutine that can stand in ``async with`` too: what it returns is entered."""

    __slots__ = ("_coroutine", "_entered")

    def __init__(self, coroutine: Coroutine[Any, Any, _M]) -> None:
        self._coroutine = coroutine
        self._entered: _M | None = None

    def send(self, value: Any) -> Any:
        """Go on, as a coroutine does."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Have an error raised inside, as a coroutine does."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """End it, as a coroutine is ended."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, _M]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> _M:
        entered = self._entered = await self._coroutine
        await entered.__aenter__()
        return entered

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._entered is not None:
            await self._entered.__aexit__(kind, error, traceback)
