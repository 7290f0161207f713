"""Run tests on a Python without a GIL, in an environment of its own: `make free-threaded`.

Some of what the other environments hold has no wheels for such a Python, hatch itself included. So
this is a plain virtual environment, and what needs those libraries is left out. The arguments go to
pytest in place of the tests that are run otherwise.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".hatch" / f"{sys.version_info.major}.{sys.version_info.minor}t" / "free-threaded"
PACKAGES = ("cql-protocol", "cql-speedups", "cql-driver", "cql-reactors")
LIBRARIES = (
    "Cython>=3.3,<4",
    "editables",
    "geomet>=1.1",
    "hatchling>=1.27",
    "hypothesis>=6.155,<6.156",  # the last that needs no compiler of Rust
    "lz4>=4.3",
    "pytest>=9,<10",
    "pytest-randomly>=4,<6",
    "setuptools>=77",
)
SUITE = [
    "tests/speedups",
    "tests/core",
    "tests/protocol",
    "tests/query",
    "tests/runtimes",
    "tests/simulation",
]
LEFT_OUT = [
    "-knot (snappy or offers_less or known_plugins)",  # cramjam
    "--ignore=tests/protocol/test_pair_limits.py",
    "--ignore=tests/runtimes/test_selector.py",  # trustme
]


def prepare() -> Path:
    """Return the interpreter of the environment, made or brought up to date."""
    python = FOLDER / "bin" / "python"
    if not python.exists():
        venv.create(FOLDER, with_pip=True, clear=True)
        install: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        subprocess.run([*install, *LIBRARIES], check=True)
        places: list[str | Path] = [
            word for name in PACKAGES for word in ("-e", ROOT / "packages" / name)
        ]
        subprocess.run([*install, "--no-build-isolation", *places], check=True)
    hook = ROOT / "packages" / "cql-speedups" / "hatch_build.py"
    subprocess.run([python, hook], check=True)
    return python


def main(arguments: list[str]) -> int:
    """Run the tests in both implementations; return a status that is not 0 when any fails."""
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        print(f"{sys.executable} has a GIL: give another, as by PYTHON=python3.13t")
        return 2
    python = prepare()
    failed = 0
    for implementation in ("python", "cython"):
        environment = {**os.environ, "CQL_PROTOCOL_IMPL": implementation}
        command: list[str | Path] = [python, "-m", "pytest", *LEFT_OUT, *(arguments or SUITE)]
        failed |= subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
