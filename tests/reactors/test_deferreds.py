"""Sessions whose methods return Deferreds, on nodes in a thread: the cases in `deferreds`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reactors.deferreds.run import run_cases

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.once


@pytest.mark.parametrize("kind", ["default", "asyncio"])
def test_cases(kind: str, tmp_path: Path) -> None:
    run_cases(tmp_path, kind, "requests", "lives")
