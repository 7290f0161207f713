"""The conformance kit on the reactors, a module for each.

A reactor that runs beside anything else is tested in the process of the tests, each of whose
items has its own line in the report::

    class TestLibev(ReactorConformance):
        @pytest.fixture
        def make_runtime(self) -> Callable[[], Runtime]:
            return reactor("libev")

One that wants the process for itself, patched or with a loop that cannot be had twice, is tested
by the kit's command in a process of its own; the report shows what it printed::

    def test_gevent() -> None:
        run_kit("gevent", patch="gevent")

A library that is missing skips the test with what to install, and fails it where CI is set.
The kit takes about ten seconds for a reactor; `python -m cql_reactors.conformance NAME
--durations=10` shows what it spends them on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cql_driver.runtimes import REACTORS
from cql_protocol.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cql_driver.core.runtime import Runtime

__all__ = ["reactor", "run_kit", "run_python"]

_ROOT = Path(__file__).parents[2]
_PATIENCE = 240.0


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, at the root of the tree; return it and what it printed.

    It finds the modules that this process does. Fails if it does not end.
    """
    path = os.pathsep.join([str(_ROOT), *sys.path[1:]])
    try:
        return subprocess.run(
            [sys.executable, "-X", "faulthandler", *arguments],
            cwd=_ROOT,
            env={**os.environ, **environment, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        printed = exc.stdout.decode(errors="replace") if exc.stdout else ""
        pytest.fail(f"python {' '.join(arguments)} does not end\n{printed}", pytrace=False)


def reactor(name: str) -> Callable[[], Runtime]:
    """Return what makes the runtime of this name, or skip where its library is missing."""
    return partial(_load(name), background_thread=True)


def run_kit(name: str, *arguments: str, patch: str | None = None) -> None:
    """Run the whole kit on a reactor in a process of its own, patched by a library if asked.

    `arguments` go to pytest.
    """
    if patch is None:
        if ":" not in name:
            _load(name)
    elif find_spec(patch) is None and not os.environ.get("CI"):
        pytest.skip(f"{patch} is not installed: pip install {patch}")
    command = ["-m", "cql_reactors.conformance", name]
    command += ["--patch", patch] if patch else []
    command += ["-q", "--tb=short", "--durations=5", *arguments]
    done = run_python(*command)
    if done.returncode:
        pytest.fail(f"python {' '.join(command)}\n{done.stdout}", pytrace=False)
    print(done.stdout)


def _load(name: str) -> Callable[..., Runtime]:
    try:
        return REACTORS.load(name)  # type: ignore[no-any-return]
    except PluginError as exc:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(exc))
