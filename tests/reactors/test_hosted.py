"""`HostedRuntime` on a loop moved by hand: what a framework's cannot be brought to do."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from cql_driver.errors import SessionShutdown
from cql_reactors.hosted import READ, HostedRuntime

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.once


class ByHand(HostedRuntime):
    """Turns when `step` is called, by the thread that opened it, and only if it was woken."""

    name = "by hand"

    def __init__(self) -> None:
        super().__init__()
        self.wakes: deque[None] = deque()
        self.shuts = 0
        self.asked = threading.Semaphore(0)

    def in_loop(self) -> bool:
        return threading.get_ident() == self._thread

    def open(self) -> None:
        self._thread = threading.get_ident()

    def wake(self) -> None:
        self.wakes.append(None)

    def alarm(self, when: float | None) -> None:
        pass

    def shut(self) -> None:
        self.shuts += 1

    def watch(self, *_: Any) -> None:
        pass

    def call_soon_threadsafe(self, function: Callable[..., object], *args: Any) -> None:
        super().call_soon_threadsafe(function, *args)
        self.asked.release()

    def step(self) -> None:
        while self.wakes:
            self.wakes.popleft()
            self.turn()


class Readable:
    """A stream whose reading raises."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def on_readable(self) -> None:
        raise self._error

    def on_writable(self) -> None:
        pass


@pytest.fixture
def runtime() -> ByHand:
    runtime = ByHand()
    runtime.start()
    return runtime


def in_threads(count: int, function: Callable[[], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=function, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit()])
def test_calls_are_seen_after_an_interruption_while_reading(
    runtime: ByHand, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        runtime.ready(Readable(error), READ)
    runtime.step()
    called: list[int] = []
    runtime.call_soon_threadsafe(called.append, 1)
    runtime.step()
    assert called == [1]


def test_threads_that_stop_it_at_once_shut_it_once(runtime: ByHand) -> None:
    threads = in_threads(3, runtime.stop)
    for _ in threads:
        runtime.asked.acquire()
    runtime.step()
    for thread in threads:
        thread.join(5)
    assert runtime.shuts == 1
    assert runtime.ended


def test_what_is_called_at_the_end_may_stop_it(runtime: ByHand) -> None:
    runtime.call_user(runtime.stop)
    runtime.call_soon(runtime.stop)
    runtime.stop()
    assert runtime.shuts == 1
    with pytest.raises(SessionShutdown):
        runtime.check_running()
