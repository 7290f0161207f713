"""What an import costs: the modules it loads in a fresh interpreter.

The interpreter starts without `site`, so nothing that an environment installs into every
process (the hooks of editable installs, for instance) hides what the import loads itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig

import pytest

from tests.architecture.source import IMPORT_NAMES, ROOT

SOURCES = [str(ROOT / "packages" / name / "src") for name in IMPORT_NAMES]

IO_MODULES = {"asyncio", "logging", "selectors", "socket", "ssl", "threading"}
SLOW_MODULES = {"dataclasses", "importlib.metadata", "inspect", "numpy"}

NEVER_LOADED = {
    "cql_protocol": IO_MODULES | SLOW_MODULES | {"cql_driver", "lz4", "cramjam", "geomet"},
    "cql_driver": {"asyncio", "importlib.metadata", "ssl", "numpy"},
}

PROGRAM = """
import sys
before = set(sys.modules)
sys.path[:0] = {sources!r}
import {package}
import json
from cql_protocol import _accel
loaded = sorted(set(sys.modules) - before)
print(json.dumps([_accel.IMPLEMENTATION, loaded]))
"""


def _load(package: str, implementation: str) -> tuple[str, set[str]]:
    """Import a package in a new process and return the implementation and the modules loaded."""
    program = PROGRAM.format(sources=SOURCES, package=package)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", program],
        env={**os.environ, "CQL_PROTOCOL_IMPL": implementation},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    used, loaded = json.loads(done.stdout)
    return used, set(loaded)


SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
COMPILED = any((ROOT / "packages" / "cql-speedups" / "src").rglob(f"*{SUFFIX}"))
CYTHON = pytest.param(
    "cython",
    marks=pytest.mark.skipif(
        not COMPILED and not os.environ.get("CI"),
        reason="cql_speedups is not compiled for this Python",
    ),
)


@pytest.mark.parametrize("implementation", ["python", CYTHON])
@pytest.mark.parametrize("package", NEVER_LOADED)
def test_an_import_loads_nothing_slow(package: str, implementation: str) -> None:
    used, loaded = _load(package, implementation)
    assert used == implementation
    assert package in loaded
    assert loaded & NEVER_LOADED[package] == set()


def test_python_code_runs_without_the_extension_being_looked_at() -> None:
    _, loaded = _load("cql_protocol", "python")
    assert not any(name.startswith("cql_speedups") for name in loaded)
