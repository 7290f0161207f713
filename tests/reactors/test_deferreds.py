"""Sessions whose methods return Deferreds: the cases in `deferreds`, run by trial elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reactors.harness import reactor

pytestmark = pytest.mark.once

_ROOT = Path(__file__).parents[2]
_PATIENCE = 240.0


@pytest.mark.parametrize("kind", ["default", "asyncio"])
def test_cases(kind: str, tmp_path: Path) -> None:
    reactor("twisted")
    command = [sys.executable, "-X", "faulthandler", "-W", "error", "-m", "twisted.trial"]
    command += [f"--reactor={kind}", "--temp-directory", str(tmp_path / "trial"), "--random=0"]
    done = subprocess.run(
        [*command, "tests.reactors.deferreds.requests", "tests.reactors.deferreds.lives"],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path[1:]])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    if done.returncode:
        pytest.fail(done.stdout, pytrace=False)
    print(done.stdout)
