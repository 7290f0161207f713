"""Slow requests are told in one line, without the values in them."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from cql_driver.core.observers import ObserverGroup
from cql_driver.errors import InvalidArgument
from cql_driver.metrics import SlowQueryLogger
from cql_driver.metrics.slow_queries import operation_of, text_of
from cql_protocol.errors import ReadTimeout
from tests.metrics.stand_ins import Batch, Request, bound, host, simple


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _end(logger: SlowQueryLogger, request: Request, duration: float, error: Any = None) -> None:
    hook = ObserverGroup([logger]).request_ended
    assert hook is not None
    hook(request, error, duration)


def test_one_line_tells_what_was_slow(caplog: pytest.LogCaptureFixture) -> None:
    logger = SlowQueryLogger(threshold=0.5)
    request = Request(simple("SELECT a\n  FROM t WHERE k = 'secret'"), host())
    _end(logger, request, 0.499)
    assert caplog.records == []
    _end(logger, request, 0.5)
    request.attempts = 2
    _end(logger, request, 1.25, ReadTimeout("r"))
    text = "SELECT a FROM t WHERE k = ?"
    assert [record.getMessage() for record in caplog.records] == [
        f"Slow request: 0.500 s, host 10.0.0.1:9042, 1 attempt: {text}",
        f"Slow request: 1.250 s, host 10.0.0.1:9042, 2 attempts, ReadTimeout: {text}",
    ]
    assert {(r.name, r.levelno) for r in caplog.records} == {
        ("cql_driver.slow_queries", logging.WARNING)
    }


def test_values_are_shown_only_when_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    request = Request(bound("INSERT INTO t (k) VALUES (?) USING TTL 60", [b"secret"]), host())
    _end(SlowQueryLogger(), request, 2.0)
    assert "secret" not in caplog.text
    assert "TTL ?" in caplog.text
    caplog.clear()
    _end(SlowQueryLogger(log_parameters=True, max_length=45), request, 2.0)
    assert (
        caplog.records[0]
        .getMessage()
        .endswith("INSERT INTO t (k) VALUES (?) USING TTL 60 with [b'secret']")
    )
    caplog.clear()
    long = Request(bound("SELECT ?", [b"x" * 100]), host())
    _end(SlowQueryLogger(log_parameters=True, max_length=12), long, 2.0)
    assert caplog.records[0].getMessage().endswith("SELECT ? with [b'xxxxxxxx…")


def test_what_has_no_values_shows_none(caplog: pytest.LogCaptureFixture) -> None:
    _end(SlowQueryLogger(log_parameters=True), Request(simple("SELECT 1")), 2.0)
    assert caplog.records[0].getMessage().endswith("host None, 1 attempt: SELECT 1")


def test_lines_above_the_rate_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    logger = SlowQueryLogger(rate_limit=2, clock=clock)
    request = Request(simple("SELECT a"), host())
    for _ in range(5):
        _end(logger, request, 2.0)
    assert len(caplog.records) == 2
    assert logger.suppressed == 3
    clock.now = 1.0
    _end(logger, request, 2.0)
    _end(logger, request, 2.0)
    assert caplog.records[2].getMessage().endswith("(3 more not logged)")
    assert caplog.records[3].getMessage().endswith("SELECT a")
    assert logger.suppressed == 3


def test_without_a_rate_limit_all_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    logger = SlowQueryLogger(threshold=0, rate_limit=None)
    for _ in range(50):
        _end(logger, Request(simple("SELECT a")), 0.0)
    assert len(caplog.records) == 50
    assert logger.suppressed == 0


@pytest.mark.parametrize(
    ("name", "value"), [("threshold", -1), ("max_length", 0), ("rate_limit", 0)]
)
def test_bad_arguments_are_named(name: str, value: Any) -> None:
    with pytest.raises(InvalidArgument, match=name):
        SlowQueryLogger(**{name: value})


# --- texts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SELECT a WHERE k = 'it''s' AND c > -1.5e-3", "SELECT a WHERE k = ? AND c > ?"),
        ('SELECT "a 1" FROM t2 LIMIT 10', 'SELECT "a 1" FROM t2 LIMIT ?'),
        ("UPDATE t SET v = v - 1, w = $$it's$$", "UPDATE t SET v = v - ?, w = ?"),
        ("UPDATE t SET b = 0xCAFE, d = 1h30m", "UPDATE t SET b = ?, d = ?"),
        ("SELECT 123e4567-e89b-12d3-a456-426614174000", "SELECT ?"),
        ("SELECT a -- of 'Anna'\nFROM t /* who's 12 */ WHERE k = ?", "SELECT a FROM t WHERE k = ?"),
        ("INSERT INTO t (k, l) VALUES (:k, [1, 2])", "INSERT INTO t (k, l) VALUES (:k, [?, ?])"),
        ("SELECT 'never closed", "SELECT ?"),
        ("SELECT /* never closed 'secret'", "SELECT"),
        ('SELECT "never closed', 'SELECT "never closed'),
    ],
)
def test_literals_and_comments_are_hidden(text: str, shown: str) -> None:
    assert text_of(simple(text), 200) == shown
    assert text_of(text, 200) == shown


def test_texts_are_cut() -> None:
    assert text_of(simple("SELECT abcdef"), 10) == "SELECT ab…"
    assert text_of(simple("SELECT abc"), 10) == "SELECT abc"
    megabytes = simple(f"SELECT '{'secret ' * 500_000}'")
    assert text_of(megabytes, 10) == "SELECT ?…"
    assert len(text_of(megabytes, 10, literals=True)) == 10


def test_what_has_no_text_is_described() -> None:
    assert text_of(Batch(3), 100) == "BATCH of 3"
    assert text_of(object(), 100) == "object"


@pytest.mark.parametrize(
    ("statement", "operation"),
    [
        (simple(" select a from t"), "SELECT"),
        (bound("INSERT INTO t (k) VALUES (?)", []), "INSERT"),
        (simple("BEGIN UNLOGGED BATCH"), "BATCH"),
        (Batch(2), "BATCH"),
        (simple("SELECTED"), None),
        (simple(""), None),
        (object(), None),
    ],
)
def test_operations_are_those_of_cql(statement: Any, operation: str | None) -> None:
    assert operation_of(statement) == operation
