"""An event loop in a thread of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from tests.unpatched import DefaultSelector, Flag, get_ident, start_new_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["LoopThread"]

T = TypeVar("T")

_PATIENCE = 30.0


class LoopThread:
    """Runs proxies until `close`; on a thread that no patch turns into a greenlet."""

    def __init__(self) -> None:
        self.loop = asyncio.SelectorEventLoop(DefaultSelector())
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ended = Flag()
        self._thread = start_new_thread(self._run, ())

    def _run(self) -> None:
        try:
            self.loop.run_forever()
        finally:
            self._ended.set()

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function on the loop and return its result."""
        if get_ident() == self._thread:
            return function(*args)
        results: list[T] = []
        errors: list[Exception] = []
        done = Flag()

        def run() -> None:
            try:
                results.append(function(*args))
            except Exception as error:  # noqa: BLE001 - raised where the result is wanted
                errors.append(error)
            finally:
                done.set()

        self.loop.call_soon_threadsafe(run)
        if not done.wait(_PATIENCE):
            raise TimeoutError(f"the proxy's loop did not come to {function} in {_PATIENCE:g} s")
        if errors:
            raise errors[0]
        return results[0]

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine beside; call it on the loop."""
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def close(self) -> None:
        """End the loop and its thread."""
        if not self.loop.is_closed():
            self.call(lambda: self.spawn(self._wind_up()))
            if not self._ended.wait(_PATIENCE):
                raise TimeoutError(f"the proxy's loop did not end in {_PATIENCE:g} s")
            self.loop.close()

    async def _wind_up(self) -> None:
        await asyncio.sleep(0)  # what was spawned begins, so that it can clean up
        others = self._tasks - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # Transports that were closed tell so in the next turn.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.loop.stop()
