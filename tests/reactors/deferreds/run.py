"""Runs the cases in a process of trial's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reactors.harness import reactor, run_python

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["run_cases"]


def run_cases(folder: Path, kind: str, *modules: str, **environment: str) -> None:
    """Run the cases of these modules on a kind of reactor; fails with all that trial printed."""
    reactor("twisted")
    done = run_python(
        *("-W", "error", "-m", "twisted.trial", f"--reactor={kind}"),
        *("--temp-directory", str(folder / "trial"), "--random=0"),
        *(f"tests.reactors.deferreds.{module}" for module in modules),
        **environment,
    )
    if done.returncode:
        pytest.fail(done.stdout, pytrace=False)
    print(done.stdout)
