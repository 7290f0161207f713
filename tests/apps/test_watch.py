"""The watchdog itself: it tells a loop that is blocked from a machine that is busy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.apps.watch import PERIOD, Watchdog

pytestmark = pytest.mark.once


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    watchdog = Watchdog()
    yield watchdog
    watchdog.end()


def _compute(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.mark.parametrize("block", [time.sleep, _compute])
def test_a_loop_that_is_blocked(watchdog: Watchdog, block: Callable[[float], None]) -> None:
    for _ in range(3):
        watchdog.tick()
        time.sleep(PERIOD)
    watchdog.tick()
    block(0.3)
    watchdog.tick()
    assert watchdog.report()["stall"] > 0.1
    assert watchdog.report()["ticks"] == 4


def test_a_loop_that_is_not(watchdog: Watchdog) -> None:
    for _ in range(30):
        watchdog.tick()
        time.sleep(PERIOD)
    assert watchdog.report()["stall"] < 0.1
