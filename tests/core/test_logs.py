"""Lines that are written seldom."""

from __future__ import annotations

import logging
import threading

import pytest

from cql_driver.logs import Seldom, get_logger

log = logging.getLogger("tests.logs")


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_is_written_once_a_minute_with_the_count_of_those_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    seldom = Seldom(clock)
    for number in range(5):
        seldom(log.warning, "lost", "Lost %s: %d", "a", number)
    clock.now = 59.9
    seldom(log.warning, "lost", "Lost %s: %d", "a", 5)
    assert caplog.messages == ["Lost a: 0"]
    clock.now = 60.1
    seldom(log.warning, "lost", "Lost %s: %d", "a", 6)
    seldom(log.warning, "lost", "Lost %s: %d", "a", 7)
    assert caplog.messages[1:] == ["Lost a: 6 (5 times more since it was last told)"]


def test_lines_with_other_keys_are_others(caplog: pytest.LogCaptureFixture) -> None:
    seldom = Seldom(Clock())
    for host in ("a", "b", "a", "b"):
        seldom(log.warning, ("lost", host), "Lost %s", host)
    assert caplog.messages == ["Lost a", "Lost b"]


def test_an_error_is_written_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    Seldom(Clock())(log.error, "x", "It raised", error=ValueError("of mine"))
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "of mine"


def test_what_is_remembered_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    seldom = Seldom(Clock())
    for number in range(10_000):
        seldom(log.warning, number, "line %d", number)
    assert len(seldom._said) <= 1000
    assert len(caplog.records) == 10_000


def test_threads_may_write_at_the_same_time() -> None:
    seldom = Seldom(Clock())
    written: list[str] = []

    def work() -> None:
        for number in range(2000):
            seldom(written.append, number % 50, "line")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Two threads that come at the same time may both write; none raises, and few do.
    assert 50 <= len(written) <= 200


def test_loggers_are_the_ones_of_logging() -> None:
    assert get_logger("cql_driver.test").isEnabledFor(logging.ERROR)
