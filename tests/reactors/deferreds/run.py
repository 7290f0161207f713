"""Runs the cases in a process of trial's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reactors.harness import reactor

__all__ = ["run_cases"]

_ROOT = Path(__file__).parents[3]
_PATIENCE = 240.0


def run_cases(folder: Path, kind: str, *modules: str, **environment: str) -> None:
    """Run the cases of these modules on a kind of reactor; fails with all that trial printed."""
    reactor("twisted")
    command = [sys.executable, "-X", "faulthandler", "-W", "error", "-m", "twisted.trial"]
    command += [f"--reactor={kind}", "--temp-directory", str(folder / "trial"), "--random=0"]
    path = os.pathsep.join([str(_ROOT), *sys.path[1:]])
    done = subprocess.run(
        [*command, *(f"tests.reactors.deferreds.{module}" for module in modules)],
        cwd=_ROOT,
        env={**os.environ, **environment, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    if done.returncode:
        pytest.fail(done.stdout, pytrace=False)
    print(done.stdout)
