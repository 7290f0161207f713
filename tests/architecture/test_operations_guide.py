"""``docs/operations.md`` explains every line that the driver writes to the log, and no other."""

from __future__ import annotations

import re

from tests.architecture.log_lines import Line, log_lines
from tests.architecture.source import ROOT

GUIDE = ROOT / "docs" / "operations.md"

_ROW = re.compile(r"^\| (\S+) \| (INFO|WARNING|ERROR) \| `(.+)` \| (.+) \|$", re.MULTILINE)


def _explained() -> dict[Line, str]:
    rows = _ROW.findall(GUIDE.read_text())
    return {Line(logger, level, text): meaning for logger, level, text, meaning in rows}


def test_every_log_line_is_explained() -> None:
    assert sorted(log_lines() - set(_explained())) == []


def test_no_line_is_explained_that_is_not_written() -> None:
    assert sorted(set(_explained()) - log_lines()) == []


def test_explanations_say_something() -> None:
    assert {line: text for line, text in _explained().items() if len(text) < 20} == {}
