"""``docs/scenarios.md`` tells which tests hold each scenario, and those tests are there."""

from __future__ import annotations

import re
from functools import cache

from tests.architecture.source import ROOT, tree_files

NUMBERS = {*range(1, 41), 43, 44, *range(55, 61)}
"""Those that the core and the control plane are about."""

_ROW = re.compile(r"^\| (\d+) \| (.+) \| (.+) \|$", re.MULTILINE)
_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
_DEFINED = re.compile(r"^(?:    )?def (test_scenario_\d\d_\w+)\(", re.MULTILINE)


@cache
def _rows() -> dict[int, list[str]]:
    """Return the tests of the table by their number, as path::name."""
    text = (ROOT / "docs" / "scenarios.md").read_text()
    rows = {int(n): _TEST.findall(tests) for n, _, tests in _ROW.findall(text)}
    return {number: ["::".join(test) for test in tests] for number, tests in rows.items()}


@cache
def _defined() -> set[str]:
    """Return the tests of the tree that have the number of a scenario in their name."""
    return {
        f"{path.relative_to(ROOT)}::{name}"
        for path in tree_files()
        if path.suffix == ".py" and path.is_relative_to(ROOT / "tests")
        for name in _DEFINED.findall(path.read_text())
    }


def test_every_scenario_has_a_test() -> None:
    assert NUMBERS - {number for number, tests in _rows().items() if tests} == set()


def test_the_tests_of_the_table_are_there() -> None:
    named = {test for tests in _rows().values() for test in tests}
    assert sorted(named - _defined()) == []


def test_tests_stand_at_the_number_in_their_names() -> None:
    wrong = [
        test
        for number, tests in _rows().items()
        for test in tests
        if f"::test_scenario_{number:02}_" not in test
    ]
    assert wrong == []
