"""The timestamps of writes: never twice, never back, and close to the clock."""

from __future__ import annotations

import os
import time
from threading import Barrier, Thread
from typing import Any

import pytest

import cql_driver.timestamps
from cql_driver.errors import InvalidArgument, InvalidArgumentType
from cql_driver.timestamps import MonotonicTimestampGenerator


class Clock:
    """Both clocks of the generator, moved by hand; in seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = 1_700_000_000.0
        self.steady = 50.0
        monkeypatch.setattr(cql_driver.timestamps, "time_ns", lambda: round(self.wall * 10**9))
        monkeypatch.setattr(cql_driver.timestamps, "monotonic", lambda: self.steady)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_they_are_the_microseconds_of_now() -> None:
    before = time.time_ns() // 1000
    given = MonotonicTimestampGenerator()()
    assert before <= given <= time.time_ns() // 1000 + 1


def test_they_follow_the_clock(clock: Clock) -> None:
    generator = MonotonicTimestampGenerator()
    assert generator() == 1_700_000_000_000_000
    clock.wall += 2
    assert generator() == 1_700_000_002_000_000
    assert generator.last == 1_700_000_002_000_000


def test_a_clock_that_stands_or_goes_back_is_counted_over(clock: Clock) -> None:
    generator = MonotonicTimestampGenerator()
    given = [generator() for _ in range(3)]
    clock.wall -= 0.5
    given += [generator() for _ in range(3)]
    assert given == [1_700_000_000_000_000 + step for step in range(6)]
    clock.wall += 0.6
    assert generator() == 1_700_000_000_100_000


def test_threads_never_share_one() -> None:
    generator = MonotonicTimestampGenerator()
    start = Barrier(4)
    given: list[list[int]] = [[] for _ in range(4)]

    def take(mine: list[int]) -> None:
        start.wait()
        mine.extend(generator() for _ in range(2000))

    threads = [Thread(target=take, args=(mine,)) for mine in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine in given:
        assert mine == sorted(mine)
    assert len({stamp for mine in given for stamp in mine}) == 8000


def test_a_drift_is_warned_of_now_and_then(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    generator = MonotonicTimestampGenerator(warning_threshold=1, warning_interval=10)
    generator()
    clock.wall -= 0.9
    generator()
    assert caplog.records == []
    clock.wall -= 59.1
    for _ in range(100):
        generator()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.records[0].message.startswith("The clock is 60.000 s behind")
    clock.steady += 9
    generator()
    assert len(caplog.records) == 1
    clock.steady += 1
    generator()
    assert len(caplog.records) == 2


def test_the_handler_of_a_warning_may_ask_for_a_timestamp(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that writes to the database, with the generator of its session."""
    generator = MonotonicTimestampGenerator()
    generator()
    clock.wall -= 60
    asked: list[int] = []
    monkeypatch.setattr(cql_driver.timestamps.log, "warning", lambda *_: asked.append(generator()))
    outer = generator()
    assert asked == [outer + 1]
    assert caplog.records == []


def test_drift_in_silence(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    generator = MonotonicTimestampGenerator(warn_on_drift=False)
    generator()
    clock.wall -= 3600
    generator()
    generator.warn_on_drift = True
    assert caplog.records == []
    generator()
    assert len(caplog.records) == 1


def test_defaults() -> None:
    generator = MonotonicTimestampGenerator()
    found = (generator.warn_on_drift, generator.warning_threshold, generator.warning_interval)
    assert found == (True, 1, 1)


@pytest.mark.parametrize("name", ["warning_threshold", "warning_interval"])
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (-1, InvalidArgument),
        (float("nan"), InvalidArgument),
        ("1", InvalidArgumentType),
        (None, InvalidArgumentType),
        (True, InvalidArgumentType),
    ],
)
def test_times_must_be_seconds(name: str, wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        MonotonicTimestampGenerator(**{name: wrong})


@pytest.mark.parametrize("wrong", [None, 1, "yes"])
def test_warn_on_drift_is_yes_or_no(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentType, match="warn_on_drift must be True or False"):
        MonotonicTimestampGenerator(wrong)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_lock_held_while_the_process_forks_does_not_stay_held() -> None:
    generator = MonotonicTimestampGenerator()
    with generator._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if generator._lock.acquire(blocking=False) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert generator() > 0
