"""The kit itself: what it finds, and what it says."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from cql_reactors import conformance

pytestmark = pytest.mark.once


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cql_reactors.conformance", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_no_test_of_a_group_hides_one_of_another() -> None:
    names = Counter(
        name
        for group in conformance.ReactorConformance.__mro__
        for name in vars(group)
        if name.startswith("test_")
    )
    assert len(names) >= 80
    assert [name for name, count in names.items() if count > 1] == []


def test_every_test_says_what_must_hold() -> None:
    silent = [
        name
        for name in dir(conformance.ReactorConformance)
        if name.startswith("test_") and not getattr(conformance.ReactorConformance, name).__doc__
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("runtime", "test", "found"),
    [
        ("Stubborn", "cancelled_timers_come_not", "assert ['first', "),
        ("Leaky", "thousand_times and plain", "assert "),
    ],
)
def test_a_defect_is_found(runtime: str, test: str, found: str) -> None:
    done = command(f"tests.reactors.broken:{runtime}", "-k", test, "-q")
    assert done.returncode == 1, done.stdout
    assert "1 failed" in done.stdout
    assert found in done.stdout  # values, not only that it failed


def test_what_is_let_go_of_in_the_end_is_no_leak() -> None:
    done = command("tests.reactors.broken:Hoarding", "-k", "thousand_times and plain", "-q")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "no reactor is called 'nonsense'; there are: "),
        (["no_such_module:Runtime"], "No module named 'no_such_module'"),
        (["tests.reactors.broken:Nothing"], "has no attribute 'Nothing'"),
        (["selector", "--patch", "twisted"], "invalid choice: 'twisted'"),
    ],
)
def test_what_cannot_be_tested_is_said(arguments: list[str], said: str) -> None:
    done = command(*arguments)
    assert done.returncode in (2, 4)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("missing", ["pytest", "trustme"])
def test_what_is_missing_is_said(missing: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "import cql_reactors.conformance as kit\n"
        "try: kit.ReactorConformance\n"
        "except ImportError as exc: print(exc)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    expected = f"the conformance kit needs {missing}: pip install 'cql-reactors[conformance]'\n"
    assert (done.stdout, done.stderr) == (expected, "")
