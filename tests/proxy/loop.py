"""An event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["LoopThread"]

T = TypeVar("T")


class LoopThread:
    """Runs proxies until `close`."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function on the loop and return its result."""
        if threading.current_thread() is self._thread:
            return function(*args)
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(function(*args))
            except Exception as error:  # noqa: BLE001 - raised where the result is wanted
                done.set_exception(error)

        self.loop.call_soon_threadsafe(run)
        return done.result(30)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine beside; call it on the loop."""
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """End the loop and its thread."""
        if not self.loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._wind_up(), self.loop).result(30)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(30)
            self.loop.close()

    async def _wind_up(self) -> None:
        await asyncio.sleep(0)  # what was spawned begins, so that it can clean up
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # Transports that were closed tell so in the next turn.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
